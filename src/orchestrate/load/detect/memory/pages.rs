//! What files said the last time, for those that are still the same.

use std::path::PathBuf;

use foldhash::HashMap;

use super::Known;
use crate::orchestrate::load::bundle::digests::Stamp;
use crate::orchestrate::load::detect::ledger::Ledger;
use crate::orchestrate::load::detect::listing;
use crate::orchestrate::load::detect::sources::{Form, Source};

#[derive(Default)]
pub struct Pages {
    ledger: Ledger,
    files: HashMap<PathBuf, (u32, Form, Stamp)>,
}

impl Pages {
    pub fn of(known: Option<Known>) -> Self {
        let Some(Known { ledger, sources, stamps, .. }) = known else { return Self::default() };
        let files = sources.into_iter().zip(stamps).zip(0..);
        let files = files.map(|((source, stamp), number)| (source.path, (number, source.form, stamp)));
        Self { ledger, files: files.collect() }
    }

    /// What the file says, when it has not changed since.
    pub fn page(&self, source: &Source) -> Option<(Ledger, Stamp)> {
        let (number, form, stamp) = self.files.get(&source.path)?;
        let is_same =
            *form == source.form && *stamp != Stamp::default() && *stamp == listing::stamp(&source.path);
        is_same.then(|| (self.ledger.page(*number), *stamp))
    }
}
