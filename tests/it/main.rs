//! The integration tests: one binary, one file for each subject.

mod reference;
mod support;
mod tidy;
