//! With what a run is enclosed.
