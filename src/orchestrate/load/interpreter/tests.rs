//! Hand-made Pythons.
