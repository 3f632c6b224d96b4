//! From what was loaded and asked to a plan. Pure: no disk, no process, no clock.

pub mod dependency;
