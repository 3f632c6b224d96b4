//! What is installed, as what a closure is made from.

use super::Installed;
use crate::spec::closure::{Catalogue, Known};

impl Catalogue for Installed {
    fn get(&self, normalised: &str) -> Option<Known<'_>> {
        let there = Self::get(self, normalised)?;
        Some(Known {
            name: there.name(),
            version: there.version(),
            requires: there.requires(),
            requires_python: there.requires_python(),
        })
    }
}
