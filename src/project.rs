//! What a project is: layout, experiments, links, Python code. Values only: nothing here touches a
//! disk, a process or the network.

pub mod ancestor;
pub mod experiment;
pub mod layout;
pub mod links;
pub mod name;
pub mod notebook;
pub mod plain_path;
pub mod python;
pub mod shared;
pub mod template;
