//! Arguments of the commands about jobs.
