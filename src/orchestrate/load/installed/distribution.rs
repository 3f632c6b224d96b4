//! One installed distribution. Of its metadata only where it lies is known at first; the rest is read when it is
//! asked for, once.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{bounded, provenance, root};
use crate::project::python::conda_meta::{self, CondaMeta};
use crate::project::python::metadata::{self, Metadata};
use crate::project::python::{direct_url, egg_info, module_file, record, requirements, version};
use crate::spec::origin::Provenance;

/// How it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    DistInfo,
    /// A folder.
    EggInfo,
    /// A single file, as `distutils` wrote it.
    EggInfoFile,
    /// A folder of its own on `sys.path`.
    Egg,
    /// A conda package, whether or not Python knows of it.
    Conda,
}

/// What is wrong with one distribution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("its metadata in `{}` cannot be read: {said}", path.display())]
    Unreadable { path: PathBuf, said: String },
    #[error("`{}` says no name; it is named by its folder", path.display())]
    NoName { path: PathBuf },
    #[error("`{}` says no version", path.display())]
    NoVersion { path: PathBuf },
    #[error("`{}` says `{said}`, and its folder another name", path.display())]
    OtherName { path: PathBuf, said: String },
    #[error("`{}` says version `{said}`, and its folder another one", path.display())]
    OtherVersion { path: PathBuf, said: String },
    #[error("`{}` has no list of its files", path.display())]
    NoFiles { path: PathBuf },
    #[error("`{}` is not as PEP 610 has it: {said}", path.display())]
    DirectUrl { path: PathBuf, said: String },
}

/// A file of a distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// As recorded: relative to `Distribution::folder`, absolute, or with `..`.
    pub recorded: String,
    /// `sha256=…`.
    pub hash: Option<String>,
    pub size: Option<u64>,
}

/// A distribution.
pub struct Distribution {
    pub kind: Kind,
    /// Its dist-info, egg-info, or file in `conda-meta`.
    pub path: PathBuf,
    /// The folder that its files are relative to; a conda package's, the environment.
    pub folder: PathBuf,
    /// As in PEP 503.
    pub normalised: String,
    /// Which entry of `sys.path` that is; `None` for a conda package.
    pub(super) root: Option<usize>,
    /// What the folder's name says.
    name: String,
    version: String,
    read: OnceLock<Read>,
    files: OnceLock<Option<Vec<u8>>>,
    top_names: OnceLock<Tops>,
    provenance: OnceLock<(Provenance, Option<Problem>)>,
    conda: OnceLock<Result<CondaMeta, String>>,
}

/// Metadata with what is wrong with it.
#[derive(Default)]
struct Read {
    metadata: Metadata,
    problems: Vec<Problem>,
}

/// What it puts at the top of its folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tops {
    pub modules: Vec<String>,
    pub path_files: Vec<String>,
}

impl Distribution {
    pub(super) fn new(root: usize, folder: &Path, found: root::Metadata) -> Self {
        let (name, version) = egg_info::name_and_version(&found.stem);
        let folder = match found.kind {
            Kind::Egg => found.path.parent().unwrap_or(folder).to_owned(),
            Kind::DistInfo | Kind::EggInfo | Kind::EggInfoFile | Kind::Conda => folder.to_owned(),
        };
        Self::with(found.kind, found.path, folder, Some(root), name, version)
    }

    fn with(
        kind: Kind,
        path: PathBuf,
        folder: PathBuf,
        root: Option<usize>,
        name: &str,
        version: &str,
    ) -> Self {
        Self {
            kind,
            path,
            folder,
            normalised: requirements::normalised(name),
            root,
            name: name.to_owned(),
            version: version.to_owned(),
            read: OnceLock::new(),
            files: OnceLock::new(),
            top_names: OnceLock::new(),
            provenance: OnceLock::new(),
            conda: OnceLock::new(),
        }
    }

    /// As written in its metadata; else as its folder is named.
    pub fn name(&self) -> &str {
        let said = self.metadata().name.as_deref();
        said.filter(|said| requirements::normalised(said) == self.normalised).unwrap_or(&self.name)
    }

    /// As written in its metadata; else as in the name of its folder. Empty where neither says one.
    pub fn version(&self) -> &str {
        self.metadata().version.as_deref().unwrap_or(&self.version)
    }

    /// Whether this is its version by PEP 440.
    pub fn has_version(&self, version: &str) -> bool {
        version::same(self.version(), version)
    }

    /// What it needs, each a requirement by PEP 508 with its marker.
    pub fn requires(&self) -> &[String] {
        &self.metadata().requires
    }

    pub fn requires_python(&self) -> Option<&str> {
        self.metadata().requires_python.as_deref()
    }

    pub fn extras(&self) -> &[String] {
        &self.metadata().extras
    }

    /// The headers of its metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.read().metadata
    }

    /// Where it came from, and how that is known.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance_read().0
    }

    /// What is wrong with its metadata.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.read().problems.clone();
        problems.extend(self.provenance_read().1.clone());
        if self.list().is_none() && matches!(self.kind, Kind::DistInfo) {
            problems.push(Problem::NoFiles { path: self.path.clone() });
        }
        problems
    }

    /// Its files as recorded; `None` where there is no list of them.
    pub fn files(&self) -> Option<Vec<File>> {
        let bytes = self.list()?;
        let plain = |recorded: String| File { recorded, hash: None, size: None };
        Some(match self.kind {
            Kind::DistInfo => record::entries(bytes)
                .map(|entry| File {
                    recorded: entry.path.into_owned(),
                    hash: entry.hash.map(str::to_owned),
                    size: entry.size,
                })
                .collect(),
            Kind::EggInfo | Kind::EggInfoFile | Kind::Egg => {
                let folder = self.path.file_name().unwrap_or_default().to_string_lossy();
                let text = String::from_utf8_lossy(bytes);
                egg_info::installed_files(&text, &folder).into_iter().map(plain).collect()
            }
            Kind::Conda => match self.conda_meta() {
                Ok(meta) => meta.files.iter().cloned().map(plain).collect(),
                Err(_) => Vec::new(),
            },
        })
    }

    /// Whether it has compiled libraries, also such as only `ctypes` loads.
    pub fn is_native(&self) -> bool {
        match self.kind {
            // Whoever asks this asks it of every distribution, and a list may have ten thousand lines.
            Kind::DistInfo => self.list().is_some_and(record::has_native),
            Kind::EggInfo | Kind::EggInfoFile | Kind::Egg | Kind::Conda => self
                .files()
                .is_some_and(|files| files.iter().any(|file| module_file::is_native(&file.recorded))),
        }
    }

    /// Those of its files that lie outside the folder for packages: scripts, data.
    pub fn outside(&self) -> Vec<String> {
        if self.kind == Kind::DistInfo {
            return self.list().map(record::outside).unwrap_or_default();
        }
        let site = |file: &File| self.kind == Kind::Conda && file.recorded.contains("site-packages/");
        let files = self.files().unwrap_or_default();
        files
            .into_iter()
            .filter(
                |file| {
                    if self.kind == Kind::Conda { !site(file) } else { record::is_outside(&file.recorded) }
                },
            )
            .map(|file| file.recorded)
            .collect()
    }

    /// Those of its recorded files that are not there. Looks at each: for what is to be taken along.
    pub fn missing(&self) -> Vec<String> {
        let files = self.files().unwrap_or_default();
        let is_made_again = |file: &File| file.recorded.ends_with(".pyc");
        files
            .into_iter()
            .filter(|file| !is_made_again(file) && !self.folder.join(&file.recorded).exists())
            .map(|file| file.recorded)
            .collect()
    }

    /// The tags of the wheel that it was installed from: `py3-none-any`, `cp311-cp311-linux_x86_64`.
    pub fn wheel_tags(&self) -> Vec<String> {
        let Ok(bytes) = bounded::read(&self.path.join("WHEEL"), bounded::SMALL) else { return Vec::new() };
        let text = String::from_utf8_lossy(&bytes);
        text.lines().filter_map(|line| Some(line.strip_prefix("Tag:")?.trim().to_owned())).collect()
    }

    /// What conda knows of it, for a conda package.
    pub fn conda_meta(&self) -> &Result<CondaMeta, String> {
        self.conda.get_or_init(|| {
            if self.kind != Kind::Conda {
                return Err("it is no conda package".to_owned());
            }
            let bytes = bounded::read(&self.path, bounded::LARGE).map_err(|error| error.to_string())?;
            conda_meta::read(&bytes)
        })
    }

    /// What `direct_url.json` says; `Ok(None)` where there is none.
    pub(super) fn direct_url(&self) -> Result<Option<direct_url::DirectUrl>, String> {
        match bounded::read(&self.path.join("direct_url.json"), bounded::SMALL) {
            Ok(bytes) => direct_url::read(&bytes).map(Some).map_err(|error| error.to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether its list of files names this one; `None` where there is no list.
    pub(super) fn lists(&self, path: &str) -> Option<bool> {
        let bytes = self.list()?;
        Some(match self.kind {
            Kind::DistInfo => record::names(bytes, path),
            Kind::Conda => self.conda_meta().as_ref().is_ok_and(|meta| meta.names(path)),
            Kind::EggInfo | Kind::EggInfoFile | Kind::Egg => {
                self.files().unwrap_or_default().iter().any(|file| file.recorded == path)
            }
        })
    }

    /// The hash that its list has for this file.
    pub(super) fn recorded(&self, path: &str) -> Option<File> {
        self.files()?.into_iter().find(|file| file.recorded == path)
    }

    /// How many of the first files of its list are there with the size that they were installed with.
    pub(super) fn files_in_place(&self) -> usize {
        let files = self.files().unwrap_or_default();
        let is_own = |file: &&File| !file.recorded.contains(".dist-info/") && file.size.is_some();
        let is_there = |file: &&File| {
            let there = self.folder.join(&file.recorded).metadata();
            there.is_ok_and(|there| Some(there.len()) == file.size)
        };
        files.iter().filter(is_own).take(50).filter(is_there).count()
    }

    /// The names at its top, as far as its metadata says any: `top_level.txt`, `Import-Name`.
    pub fn said_tops(&self) -> Vec<String> {
        let tops: Vec<String> =
            self.top_level().into_iter().filter(|top| !top.starts_with("__editable__")).collect();
        if !tops.is_empty() {
            return tops;
        }
        let metadata = self.metadata();
        let dotted = metadata.import_names.iter().map(|name| &name.dotted).chain(&metadata.import_namespaces);
        let mut tops: Vec<String> =
            dotted.filter_map(|dotted| dotted.split('.').next().map(str::to_owned)).collect();
        tops.dedup();
        tops
    }

    /// Those at the top of its folder that it is known or thought to have written.
    pub fn top_modules(&self) -> &[String] {
        &self.tops().modules
    }

    /// What it puts at the top of its folder: by `top_level.txt`, else by its list of files, else by `Import-Name`,
    /// else what its name suggests.
    pub(super) fn tops(&self) -> &Tops {
        self.top_names.get_or_init(|| match self.kind {
            Kind::Conda => Tops::default(),
            Kind::DistInfo => self.dist_info_tops(),
            Kind::EggInfo | Kind::EggInfoFile | Kind::Egg => self.egg_tops(),
        })
    }

    fn dist_info_tops(&self) -> Tops {
        let modules = self.top_level();
        if !modules.is_empty() {
            return Tops { modules, path_files: Vec::new() };
        }
        if let Some(bytes) = self.list() {
            let record::Tops { modules, path_files } = record::tops(bytes);
            return Tops { modules, path_files };
        }
        let metadata = self.metadata();
        let dotted = metadata.import_names.iter().map(|name| &name.dotted).chain(&metadata.import_namespaces);
        let mut modules: Vec<String> =
            dotted.filter_map(|dotted| dotted.split('.').next().map(str::to_owned)).collect();
        modules.dedup();
        if modules.is_empty() {
            modules.push(self.suggested());
        }
        Tops { modules, path_files: Vec::new() }
    }

    fn egg_tops(&self) -> Tops {
        let mut modules = self.top_level();
        if modules.is_empty()
            && let Some(files) = self.files()
        {
            let lines: String = files.iter().map(|file| format!("{},,\n", file.recorded)).collect();
            modules = record::tops(lines.as_bytes()).modules;
        }
        if modules.is_empty()
            && let Ok(bytes) = bounded::read(&self.path.join("SOURCES.txt"), bounded::LARGE)
        {
            modules = egg_info::source_tops(&String::from_utf8_lossy(&bytes));
        }
        if modules.is_empty() {
            modules.push(self.suggested());
        }
        Tops { modules, path_files: Vec::new() }
    }

    fn top_level(&self) -> Vec<String> {
        match bounded::read(&self.path.join("top_level.txt"), bounded::SMALL) {
            Ok(bytes) => egg_info::top_level(&String::from_utf8_lossy(&bytes)),
            Err(_) => Vec::new(),
        }
    }

    /// The module that is called as the distribution is.
    fn suggested(&self) -> String {
        self.normalised.replace('-', "_")
    }

    /// The bytes of its list of files.
    fn list(&self) -> Option<&[u8]> {
        let file = match self.kind {
            Kind::DistInfo => "RECORD",
            Kind::EggInfo | Kind::Egg => "installed-files.txt",
            Kind::Conda => return Some(&[]),
            Kind::EggInfoFile => return None,
        };
        self.files.get_or_init(|| bounded::read(&self.path.join(file), bounded::LARGE).ok()).as_deref()
    }

    fn provenance_read(&self) -> &(Provenance, Option<Problem>) {
        self.provenance.get_or_init(|| provenance::of(self))
    }

    fn read(&self) -> &Read {
        self.read.get_or_init(|| match self.kind {
            Kind::Conda => self.read_conda(),
            Kind::DistInfo => self.read_headers(&self.path.join("METADATA")),
            Kind::EggInfoFile => self.read_headers(&self.path),
            Kind::EggInfo | Kind::Egg => {
                let mut read = self.read_headers(&self.path.join("PKG-INFO"));
                if let Ok(bytes) = bounded::read(&self.path.join("requires.txt"), bounded::SMALL) {
                    let text = String::from_utf8_lossy(&bytes);
                    read.metadata.requires = egg_info::requires(&text);
                    read.metadata.extras = egg_info::extras(&text);
                }
                read
            }
        })
    }

    fn read_headers(&self, path: &Path) -> Read {
        let path = path.to_owned();
        let bytes = match bounded::headers(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let problem = Problem::Unreadable { path, said: error.to_string() };
                return Read { metadata: Metadata::default(), problems: vec![problem] };
            }
        };
        let metadata = metadata::read(&bytes);
        let mut problems = Vec::new();
        match &metadata.name {
            None => problems.push(Problem::NoName { path: path.clone() }),
            Some(said) if requirements::normalised(said) != self.normalised => {
                problems.push(Problem::OtherName { path: path.clone(), said: said.clone() });
            }
            Some(_) => {}
        }
        match &metadata.version {
            None => problems.push(Problem::NoVersion { path }),
            // In a folder's name `-` is written `_`.
            Some(said)
                if !self.version.is_empty()
                    && !version::same(said, &self.version)
                    && said.replace('-', "_") != self.version =>
            {
                problems.push(Problem::OtherVersion { path, said: said.clone() });
            }
            Some(_) => {}
        }
        Read { metadata, problems }
    }

    fn read_conda(&self) -> Read {
        match self.conda_meta() {
            Ok(meta) => Read {
                metadata: Metadata {
                    name: Some(meta.name.clone()),
                    version: Some(meta.version.clone()),
                    ..Metadata::default()
                },
                problems: Vec::new(),
            },
            Err(said) => {
                let problem = Problem::Unreadable { path: self.path.clone(), said: said.clone() };
                Read { metadata: Metadata::default(), problems: vec![problem] }
            }
        }
    }
}

impl std::fmt::Debug for Distribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Distribution")
            .field("kind", &self.kind)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The conda packages of an environment, by the names of their files.
pub(super) fn conda(prefix: &Path) -> Vec<Distribution> {
    let Ok(entries) = std::fs::read_dir(prefix.join("conda-meta")) else { return Vec::new() };
    let mut found: Vec<Distribution> = entries
        .flatten()
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let (name, version, _) = conda_meta::name_of_file(file.strip_suffix(".json")?)?;
            Some(Distribution::with(Kind::Conda, entry.path(), prefix.to_owned(), None, name, version))
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}
