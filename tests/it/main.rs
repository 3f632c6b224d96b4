//! The integration tests: one binary, one file for each subject.

mod support;
mod tidy;
