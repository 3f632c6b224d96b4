//! Who does it, and where. The only ring that acts, through three doors: **load** reads the project,
//! **ask** asks the world, **execute** carries out a plan.

pub mod checkup;
pub mod claim;
pub mod enclosure;
pub mod engine;
pub mod execute;
pub mod gpus;
pub mod host;
pub mod jobs;
pub mod journal;
pub mod load;
pub mod lock;
pub mod on_index;
pub mod perform;
pub mod planner;
pub mod reclaim;
pub mod reporter;
pub mod run_environment;
pub mod running;
pub mod selection;
pub mod spread;
pub mod state;
pub mod supervisor;
pub mod tail;
pub mod target;
pub mod watch;
