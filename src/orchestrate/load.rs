//! The first door: reads the project and its configuration from the disk, and changes nothing.
