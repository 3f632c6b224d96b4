//! A run's findings, and by what it is known that they still hold.

use std::path::{Path, PathBuf};

use super::Memory;
use super::bytes::{Reader, Row, Writer};
use crate::orchestrate::load::bundle::digests::Stamp;
use crate::orchestrate::load::detect::ledger::{Ledger, Words};
use crate::orchestrate::load::detect::listing::{self, Listing, Seal};
use crate::orchestrate::load::detect::resolve::Outcome;
use crate::orchestrate::load::detect::sources::{Form, Source};
use crate::orchestrate::load::detect::{FolderId, Run, shown};
use crate::orchestrate::load::installed::{Index, Installed};
use crate::spec::detection::Role;

/// What was kept.
pub struct Known {
    /// What decided what imports find.
    pub finding: [u8; 32],
    pub sources: Vec<Source>,
    pub stamps: Vec<Stamp>,
    /// How many of the sources were there to begin with.
    pub first: usize,
    pub ledger: Ledger,
    pub outcomes: Vec<Outcome>,
    /// Where imports are looked for.
    pub back: Vec<PathBuf>,
    pub entries: Option<Vec<PathBuf>>,
    pub elsewhere: Vec<PathBuf>,
    /// Folders that were listed.
    pub folders: Vec<(PathBuf, Seal)>,
    /// Other files that had a say; `None` for one that is not there.
    pub files: Vec<(PathBuf, Option<Stamp>)>,
}

/// Of more folders than this outside of the project nothing is kept.
const PORTIONS_MAX: usize = 10_000;

const FORMS: [Form; 4] = [Form::Python, Form::Notebook, Form::Yaml, Form::Shell];
const ROLES: [Role; 4] = [Role::Code, Role::Notebook, Role::Test, Role::Publishing];

impl Row for Stamp {
    const WIDTH: usize = 10;

    fn put(&self, numbers: &mut Vec<u32>) {
        let Self { dev, ino, size, mtime, ctime } = *self;
        for number in [dev, ino, size, mtime.cast_unsigned(), ctime.cast_unsigned()] {
            let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
            numbers.extend([u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]);
        }
    }

    fn take(numbers: &[u32]) -> Option<Self> {
        let long = |at: usize| Some(u64::from(*numbers.get(at)?) | u64::from(*numbers.get(at + 1)?) << 32);
        Some(Self {
            dev: long(0)?,
            ino: long(2)?,
            size: long(4)?,
            mtime: long(6)?.cast_signed(),
            ctime: long(8)?.cast_signed(),
        })
    }
}

impl Row for u32 {
    const WIDTH: usize = 1;

    fn put(&self, numbers: &mut Vec<u32>) {
        numbers.push(*self);
    }

    fn take(numbers: &[u32]) -> Option<Self> {
        numbers.first().copied()
    }
}

/// What a run has found, as bytes; `None` where a path is no text.
pub fn bytes(memory: &Memory<'_>, run: &Run<'_>) -> Option<Vec<u8>> {
    let ledger = &run.ledger;
    let mut writer = Writer::with_capacity(44 * ledger.asked.len() + 160 * run.sources.len() + (64 << 10));
    writer.raw(&memory.finding);

    let (texts, ends) = ledger.words.parts();
    writer.text(texts);
    writer.rows(ends);

    writer.count(run.sources.len());
    for source in &run.sources {
        put_path(&mut writer, &source.path)?;
        writer.number(source.form as u32);
        writer.number(source.role as u32);
    }
    let stamps: Vec<Stamp> = run.stamps.iter().map(|stamp| memory.lasting(*stamp)).collect();
    writer.rows(&stamps);
    writer.count(run.first);

    let Ledger {
        words: _,
        asked,
        calls,
        relative,
        executes,
        families,
        additions,
        written,
        built,
        names,
        flaws,
        mains,
        tested,
    } = ledger;
    writer.rows(asked);
    writer.rows(calls);
    writer.rows(relative);
    writer.rows(executes);
    writer.rows(families);
    writer.rows(additions);
    writer.rows(written);
    writer.rows(built);
    writer.rows(names);
    writer.rows(flaws);
    writer.rows(mains);
    writer.rows(tested);

    writer.count(run.resolver.outcomes().len());
    for outcome in run.resolver.outcomes() {
        put_outcome(&mut writer, outcome)?;
    }
    put_folders(&mut writer, run, &run.back)?;
    writer.number(u32::from(run.entries.is_some()));
    put_folders(&mut writer, run, run.entries.as_deref().unwrap_or_default())?;
    put_folders(&mut writer, run, &run.resolver.elsewhere)?;

    let (folders, files) = witnesses(run)?;
    writer.count(folders.len());
    for (folder, seal) in folders {
        put_path(&mut writer, &folder)?;
        writer.rows(&[memory.lasting(seal.stamp)]);
        writer.number(u32::from(seal.has_links));
        writer.raw(&seal.digest);
    }
    writer.count(files.len());
    for file in files {
        put_path(&mut writer, &file)?;
        let stamp = file.exists().then(|| memory.lasting(listing::stamp(&file)));
        writer.rows(stamp.as_slice());
    }
    Some(writer.into_bytes())
}

/// Files and folders as they were, and those that were not there.
type Witnesses = (Vec<(PathBuf, Seal)>, Vec<PathBuf>);

/// Folders and files that must be as they were for imports to find the same.
fn witnesses(run: &Run<'_>) -> Option<Witnesses> {
    let seals = run.resolver.folders.seals();
    let mut folders: Vec<(PathBuf, Seal)> = seals.map(|(path, seal)| (path.to_owned(), *seal)).collect();
    let mut files = run.rules.clone();
    files.extend(run.resolver.looked_into().map(Path::to_owned));
    for folder in run.request.installed.into_iter().flat_map(Installed::search) {
        let listing = Listing::read(folder);
        let added =
            listing.entries.keys().filter(|name| name.ends_with(".pth") || name.ends_with(".egg-link"));
        files.extend(added.map(|name| folder.join(&**name)));
        folders.push((folder.to_owned(), listing.seal));
    }
    let mut outside: Vec<PathBuf> = Vec::new();
    run.resolver.outcomes().iter().for_each(|outcome| outcome.files(&mut outside));
    outside.retain(|file| file.ends_with("__init__.py") && !file.starts_with(run.request.root));
    outside.sort_unstable();
    outside.dedup();
    let before = folders.len();
    for package in outside.iter().filter_map(|file| file.parent()) {
        portions(package, &mut folders, before + PORTIONS_MAX)?;
    }
    Some((folders, files))
}

/// A package outside, and the folders in it that are no packages themselves: what is in them is found without
/// their being listed above. `None` where there are too many.
fn portions(folder: &Path, seals: &mut Vec<(PathBuf, Seal)>, limit: usize) -> Option<()> {
    if seals.len() >= limit {
        return None;
    }
    let listing = Listing::read(folder);
    seals.push((folder.to_owned(), listing.seal));
    for name in listing.entries.iter().filter(|(_, entry)| entry.is_folder).map(|(name, _)| name) {
        let inner = folder.join(&**name);
        if !inner.join("__init__.py").exists() {
            portions(&inner, seals, limit)?;
        }
    }
    Some(())
}

fn put_path(writer: &mut Writer, path: &Path) -> Option<()> {
    writer.text(path.to_str()?);
    Some(())
}

fn put_paths(writer: &mut Writer, paths: &[PathBuf]) -> Option<()> {
    writer.count(paths.len());
    paths.iter().try_for_each(|path| put_path(writer, path))
}

fn put_folders(writer: &mut Writer, run: &Run<'_>, folders: &[FolderId]) -> Option<()> {
    writer.count(folders.len());
    folders.iter().try_for_each(|folder| put_path(writer, run.resolver.folders.path(*folder)))
}

fn put_outcome(writer: &mut Writer, outcome: &Outcome) -> Option<()> {
    let number = |index: &Index| u32::try_from(index.number()).unwrap_or(u32::MAX);
    match outcome {
        Outcome::Local { files } => {
            writer.number(0);
            put_paths(writer, files)?;
        }
        Outcome::Elsewhere { files } => {
            writer.number(8);
            put_paths(writer, files)?;
        }
        Outcome::Stdlib => writer.number(1),
        Outcome::Installed(indexes) => {
            writer.number(2);
            writer.rows(&indexes.iter().map(number).collect::<Vec<u32>>());
        }
        Outcome::Editable { distribution, files } => {
            writer.number(3);
            writer.number(number(distribution));
            put_paths(writer, files)?;
        }
        Outcome::Namespace => writer.number(4),
        Outcome::Each(each) => {
            writer.number(7);
            writer.count(each.len());
            for (module, outcome) in each {
                writer.text(module);
                put_outcome(writer, outcome)?;
            }
        }
        Outcome::Missing { folder } => writer.number(5 + u32::from(*folder)),
    }
    Some(())
}

/// Outcomes lie in each other no deeper than `depth`.
fn take_outcome(reader: &mut Reader<'_>, depth: usize) -> Option<Outcome> {
    let index = |number: u32| Index::of_number(number as usize);
    Some(match reader.number()? {
        0 => Outcome::Local { files: take_paths(reader)? },
        1 => Outcome::Stdlib,
        2 => Outcome::Installed(reader.rows::<u32>()?.into_iter().map(index).collect()),
        3 => Outcome::Editable { distribution: index(reader.number()?), files: take_paths(reader)? },
        4 => Outcome::Namespace,
        5 => Outcome::Missing { folder: false },
        6 => Outcome::Missing { folder: true },
        7 => {
            let depth = depth.checked_sub(1)?;
            let count = reader.count(8)?;
            let each = (0..count).map(|_| Some((reader.text()?.to_owned(), take_outcome(reader, depth)?)));
            Outcome::Each(each.collect::<Option<_>>()?)
        }
        8 => Outcome::Elsewhere { files: take_paths(reader)? },
        _ => return None,
    })
}

fn take_paths(reader: &mut Reader<'_>) -> Option<Vec<PathBuf>> {
    let count = reader.count(4)?;
    (0..count).map(|_| reader.text().map(PathBuf::from)).collect()
}

impl Known {
    /// What `bytes` has made; `None` for what it cannot have made.
    pub fn of_bytes(bytes: &[u8], root: &Path) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let finding = reader.raw(32)?.try_into().ok()?;
        let texts = reader.text()?;
        let words = Words::of_parts(texts, reader.rows()?)?;

        let count = reader.count(12)?;
        let mut sources = Vec::with_capacity(count);
        for _ in 0..count {
            let path = PathBuf::from(reader.text()?);
            let form = *FORMS.get(reader.number()? as usize)?;
            let role = *ROLES.get(reader.number()? as usize)?;
            sources.push(Source { shown: shown(&path, root), path, form, role });
        }
        let stamps = reader.rows()?;
        let first = reader.number()? as usize;
        if first > sources.len() || stamps.len() != sources.len() {
            return None;
        }
        let ledger = Ledger {
            words,
            asked: reader.rows()?,
            calls: reader.rows()?,
            relative: reader.rows()?,
            executes: reader.rows()?,
            families: reader.rows()?,
            additions: reader.rows()?,
            written: reader.rows()?,
            built: reader.rows()?,
            names: reader.rows()?,
            flaws: reader.rows()?,
            mains: reader.rows()?,
            tested: reader.rows()?,
        };
        let count = reader.count(4)?;
        let outcomes = (0..count).map(|_| take_outcome(&mut reader, 1)).collect::<Option<Vec<Outcome>>>()?;
        let back = take_paths(&mut reader)?;
        let has_entries = reader.number()? == 1;
        let entries = take_paths(&mut reader)?;
        let elsewhere = take_paths(&mut reader)?;

        let count = reader.count(4)?;
        let mut folders = Vec::with_capacity(count);
        for _ in 0..count {
            let path = PathBuf::from(reader.text()?);
            let stamp = *reader.rows::<Stamp>()?.first()?;
            let has_links = reader.number()? == 1;
            folders.push((path, Seal { stamp, has_links, digest: reader.raw(16)?.try_into().ok()? }));
        }
        let count = reader.count(8)?;
        let mut files = Vec::with_capacity(count);
        for _ in 0..count {
            let path = PathBuf::from(reader.text()?);
            files.push((path, reader.rows::<Stamp>()?.first().copied()));
        }
        let entries = has_entries.then_some(entries);
        let is_whole = reader.is_at_end();
        is_whole.then_some(Self {
            finding,
            sources,
            stamps,
            first,
            ledger,
            outcomes,
            back,
            entries,
            elsewhere,
            folders,
            files,
        })
    }
}
