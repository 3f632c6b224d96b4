//! What Python code says about itself, read from its text.

pub mod class_paths;
pub mod conda_meta;
pub mod direct_url;
pub mod distributions;
pub mod editable_finder;
pub mod egg_info;
pub mod implied;
pub mod import_names;
pub mod imports;
pub mod index_option;
pub mod library_folder;
pub mod metadata;
pub mod module_file;
pub mod modules;
pub mod path_file;
mod places;
pub mod programs;
pub mod pyvenv_cfg;
pub mod record;
pub mod requirements;
pub mod requires_dist;
pub mod scan;
pub mod source;
pub mod specs;
pub mod standard_library;
pub mod target;
pub mod version;
