//! A run that goes on from the last one: where nothing has changed but a few files, only those are read.

use std::path::{Path, PathBuf};

use foldhash::{HashMap, HashSet};

use super::folders::{FolderId, Folders};
use super::ledger::{self, Word};
use super::listing::{self, Seal};
use super::memory::{Known, Memory};
use super::resolve::Resolver;
use super::{File, Request, Run, add, source_of, sources};
use crate::orchestrate::load::bundle::digests::Stamp;
use crate::orchestrate::load::detect::read;
use crate::orchestrate::load::parallel;
use crate::project::python::scan::Base;

/// With more files than this changed, what has been found is kept anew, which a run from the start does.
const CHANGED_MAX: usize = 64;
/// With so few files a run from the start takes hardly longer, and keeps what it found.
const FEW: usize = 64;
/// What one thread looks at in one go.
const TOGETHER: usize = 128;

/// The last run with what has changed since; `None` where that may have changed what other files find.
/// With how many files that was. What `known` says of files that are as they were is right either way.
pub fn resume<'a>(
    request: &'a Request<'a>,
    memory: &Memory<'_>,
    known: &mut Known,
) -> Option<(Run<'a>, usize)> {
    if !memory.finds_the_same(known) {
        return None;
    }
    let changed = changed(known)?;
    // Imports have led to files, and may no more.
    if !changed.is_empty() && known.sources.len() > known.first {
        return None;
    }
    // What was too young to be known again would be read each time from now on.
    let was_young = |index: &usize| known.stamps[*index] == Stamp::default();
    if known.sources.len() <= FEW && changed.iter().any(was_young) {
        return None;
    }
    let target = request.target;
    let sources: Vec<_> = changed.iter().map(|index| known.sources[*index].clone()).collect();
    let pages = parallel::map(&sources, |source| read::read(source, target)).ok()?;
    let changed: Vec<(u32, File)> = changed
        .iter()
        .zip(sources.into_iter().zip(pages))
        .map(|(index, (source, (page, _)))| {
            (u32::try_from(*index).unwrap_or(u32::MAX), File { source, page })
        })
        .collect();
    // What a file adds to `sys.path` holds for others, too.
    let adds = |number: u32, file: &File| {
        let before = ledger::of(&known.ledger.additions, number);
        file.page.additions.iter().chain(before).any(|addition| addition.base != Base::Unknown)
    };
    if changed.iter().any(|(number, file)| adds(*number, file)) {
        return None;
    }

    let mut run = begin(request, known);
    let here: HashSet<&Path> = known.sources.iter().map(|source| source.path.as_path()).collect();
    let outcomes = std::mem::take(&mut known.outcomes);
    run.resolver = run.resolver.with_outcomes(outcomes);
    run.ledger = std::mem::take(&mut known.ledger);
    let mut stays = true;
    for (number, file) in &changed {
        // What it is for may have changed with it, and with that what its imports are for.
        stays &= sources::settled(&file.source, file.page.of_file(0)) == file.source.role;
        stays &= run.change(*number, file, &here);
    }
    drop(here);
    if !stays {
        known.ledger = run.ledger;
        return None;
    }
    run.sources = std::mem::take(&mut known.sources);
    Some((run, changed.len()))
}

/// Which files have changed; `None` when there is more than that.
fn changed(known: &Known) -> Option<Vec<usize>> {
    enum Look<'a> {
        Folders(&'a [(PathBuf, Seal)]),
        Files(&'a [(PathBuf, Option<Stamp>)]),
        Sources(usize, usize),
    }
    let mut looks: Vec<Look<'_>> = known.folders.chunks(TOGETHER).map(Look::Folders).collect();
    looks.extend(known.files.chunks(TOGETHER).map(Look::Files));
    let count = known.sources.len();
    looks.extend((0..count).step_by(TOGETHER).map(|from| Look::Sources(from, (from + TOGETHER).min(count))));
    let look = |look: &Look<'_>| match look {
        Look::Folders(all) => all.iter().all(|(folder, seal)| seal.holds(folder)).then(Vec::new),
        Look::Files(all) => all.iter().all(|(file, stamp)| is_same(file, *stamp)).then(Vec::new),
        Look::Sources(from, to) => {
            let is_changed = |index: &usize| {
                let stamp = known.stamps[*index];
                stamp == Stamp::default() || listing::stamp(&known.sources[*index].path) != stamp
            };
            Some((*from..*to).filter(is_changed).collect())
        }
    };
    let few = known.folders.len() + known.files.len() + count <= FEW;
    let changed = if few { looks.iter().map(look).collect() } else { parallel::map_here(&looks, look) };
    let changed: Vec<usize> =
        changed.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    (changed.len() <= CHANGED_MAX).then_some(changed)
}

fn is_same(file: &Path, stamp: Option<Stamp>) -> bool {
    match stamp {
        None => !file.exists(),
        Some(stamp) => stamp != Stamp::default() && listing::stamp(file) == stamp,
    }
}

/// A run that looks where the last one did.
fn begin<'a>(request: &'a Request<'a>, known: &Known) -> Run<'a> {
    let mut folders = Folders::default();
    let mut all = |paths: &[PathBuf]| {
        let mut ids: Vec<FolderId> = Vec::with_capacity(paths.len());
        paths.iter().for_each(|path| add(&mut ids, folders.id(path)));
        ids
    };
    let back = all(&known.back);
    let entries = known.entries.as_deref().map(&mut all);
    let elsewhere = all(&known.elsewhere);
    let mut resolver = Resolver::new(request.root, folders, request.installed, request.target.python.1);
    resolver.elsewhere = elsewhere;
    Run { back, entries, ..Run::empty(request, resolver) }
}

impl Run<'_> {
    /// Takes a changed file in; false where it leads to a file that has not been read.
    fn change(&mut self, number: u32, file: &File, here: &HashSet<&Path>) -> bool {
        let File { source, page } = file;
        let was_program = !ledger::of(&self.ledger.mains, number).is_empty();
        let before: HashMap<(Word, Word), u32> = ledger::of(&self.ledger.asked, number)
            .iter()
            .map(|asked| ((asked.module, asked.names), asked.outcome))
            .collect();
        let looks_the_same = was_program != page.mains.is_empty()
            && page.written.is_empty()
            && ledger::of(&self.ledger.written, number).is_empty();

        let said = page.of_file(0);
        let path = self.path(source, said);
        let mut leads_to = self.loaded(source, said, path);
        for at in self.ledger.put(number, page) {
            let asked = self.ledger.asked[at];
            let known = before.get(&(asked.module, asked.names)).filter(|_| looks_the_same);
            self.ledger.asked[at].outcome = if let Some(outcome) = known {
                *outcome
            } else {
                let outcome = self.resolved(source, said, path, at);
                self.resolver.outcome(outcome).files(&mut leads_to);
                outcome
            };
        }
        leads_to.iter().all(|path| {
            here.contains(path.as_path())
                || source_of(path, self.request.root, false).is_none()
                || !self.resolver.folders.is_file(path)
        })
    }
}
