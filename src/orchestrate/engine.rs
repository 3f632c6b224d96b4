//! With what a run is enclosed.

pub mod moby;
