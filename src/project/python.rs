//! What Python code says about itself, read from its text.

pub mod distributions;
pub mod imports;
pub mod modules;
pub mod requirements;
pub mod requires_dist;
pub mod source;
pub mod standard_library;
