//! Who does it, and where. The only ring that acts, through three doors: **load** reads the project,
//! **ask** asks the world, **execute** carries out a plan.

pub mod engine;
pub mod execute;
pub mod load;
pub mod planner;
pub mod reporter;
pub mod spread;
pub mod watch;
