//! Which files are looked at, and what they are.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use foldhash::HashSet;

use super::folders::Folders;
use super::ledger::Page;
use crate::orchestrate::load::tree::Ignores;
use crate::spec::detection::Role;

/// A file with code, or with what names code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As it is shown: relative to the folder that was asked for, where it is in it.
    pub shown: String,
    pub path: PathBuf,
    pub form: Form,
    pub role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Python,
    Notebook,
    /// Class paths stand in it.
    Yaml,
    /// A script that starts programs.
    Shell,
}

impl Form {
    pub fn of(name: &str) -> Option<Self> {
        if name == "Procfile" {
            return Some(Self::Shell);
        }
        match name.rsplit_once('.')?.1 {
            "py" | "pyw" => Some(Self::Python),
            "ipynb" => Some(Self::Notebook),
            "yaml" | "yml" => Some(Self::Yaml),
            "sh" | "bash" | "slurm" | "sbatch" => Some(Self::Shell),
            _ => None,
        }
    }
}

/// What a file is for, by its path in the folder that is looked at.
pub fn role(shown: &str, form: Form) -> Role {
    let (folders, name) = shown.rsplit_once('/').unwrap_or(("", shown));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let mut parts = folders.split('/').filter(|part| !part.is_empty());
    // `test/` alone may be the data or the script of an evaluation; what pytest collects is a test.
    let is_test = folders.split('/').any(|part| part == "tests")
        || form == Form::Python && is_called_test(stem)
        || stem == "conftest";
    if is_test {
        return Role::Test;
    }
    if form == Form::Notebook {
        return Role::Notebook;
    }
    let publishing = name == "noxfile.py" && folders.is_empty()
        || is_task(shown)
        || matches!(name, "setup.py" | "versioneer.py" | "ez_setup.py")
        || parts.any(|part| matches!(part, "docs" | "doc"));
    if publishing { Role::Publishing } else { Role::Code }
}

fn is_called_test(stem: &str) -> bool {
    stem.starts_with("test_") || stem.ends_with("_test")
}

/// What invoke, fabric and doit look for.
fn is_task(shown: &str) -> bool {
    matches!(shown, "fabfile.py" | "dodo.py" | "tasks.py")
}

/// The same where it is known what the file says: the script of an evaluation is called `test_net.py`, too, and what
/// a model is trained for stands in a `tasks.py`.
pub fn settled(source: &Source, page: Page<'_>) -> Role {
    let (folders, name) = source.shown.rsplit_once('/').unwrap_or(("", &source.shown));
    let imports = |modules: &[&str]| {
        let tops = page.asked().iter().filter_map(|asked| page.text(asked.module).split('.').next());
        tops.clone().any(|top| modules.contains(&top))
    };
    let is_other = match source.role {
        Role::Test => {
            let by_name = name.strip_suffix(".py").is_some_and(is_called_test)
                && folders.split('/').all(|part| part != "tests");
            let has_none = !page.has_tests() || page.is_program();
            by_name && has_none && !imports(&["pytest", "unittest", "nose", "hypothesis", "absl"])
        }
        Role::Publishing => is_task(&source.shown) && !imports(&["invoke", "fabric", "doit"]),
        Role::Code | Role::Notebook => false,
    };
    if is_other { Role::Code } else { source.role }
}

/// Everything of interest below a folder. Symlinks are followed as far as they lead out of it, and no
/// folder is entered twice. The second are the files with ignore rules that had a say.
pub fn below(
    folder: &Path,
    skip: &dyn Fn(&str) -> bool,
    folders: &mut Folders,
) -> Result<(Vec<Source>, Vec<PathBuf>), (PathBuf, io::Error)> {
    // The folder itself must be readable; what lies in it and is not, is as if it were not there.
    fs::read_dir(folder).map_err(|error| (folder.to_owned(), error))?;
    let repository = repository(folder);
    let ignores = if repository.is_some() { Ignores::of(folder) } else { Ignores::default() };
    let mut walk = Walk {
        skip,
        in_repository: repository.is_some(),
        folders,
        seen: HashSet::default(),
        found: Vec::new(),
        rules: rules_above(folder),
    };
    walk.enter(folder, "", &ignores);
    // A link is followed after everything else, so that a file has its own path where it has one.
    walk.found.sort_by(|a, b| a.shown.cmp(&b.shown));
    Ok((walk.found, walk.rules))
}

/// Without a repository `.gitignore` says nothing about what is there.
fn repository(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|above| above.join(".git").exists())
}

/// Where rules for a folder may stand above it, and what makes them count.
fn rules_above(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for above in folder.ancestors() {
        files.push(above.join(".git"));
        if above != folder {
            files.push(above.join(".gitignore"));
        }
        if above.join(".git").exists() {
            break;
        }
    }
    files
}

struct Walk<'a> {
    skip: &'a dyn Fn(&str) -> bool,
    in_repository: bool,
    folders: &'a mut Folders,
    seen: HashSet<(u64, u64)>,
    found: Vec<Source>,
    rules: Vec<PathBuf>,
}

impl Walk<'_> {
    fn enter(&mut self, dir: &Path, shown: &str, ignores: &Ignores) {
        let id = self.folders.id(dir);
        let listing = self.folders.listing(id);
        let stamp = listing.seal.stamp;
        if listing.has_file("pyvenv.cfg") || listing.entries.contains_key("conda-meta") {
            return;
        }
        let has_rules = listing.has_file(".gitignore");
        let mut inside = Vec::new();
        for (name, entry) in &listing.entries {
            let form = if entry.is_folder { None } else { Form::of(name) };
            if entry.is_folder || form.is_some() {
                inside.push((name.to_string(), *entry, form));
            }
        }
        inside.sort_unstable_by(|a, b| (a.1.is_link, &a.0).cmp(&(b.1.is_link, &b.0)));
        // Only a folder with links into it can be met twice, and links come after.
        self.seen.insert((stamp.dev, stamp.ino));
        let own;
        let ignores = if has_rules && self.in_repository {
            self.rules.push(dir.join(".gitignore"));
            own = ignores.entering(dir);
            &own
        } else {
            ignores
        };
        for (name, entry, form) in inside {
            let path = dir.join(&name);
            let inner = if shown.is_empty() { name.clone() } else { format!("{shown}/{name}") };
            let is_left_out = (entry.is_folder && is_no_code(&name))
                || ignores.exclude(&path, entry.is_folder)
                || ((entry.is_folder || entry.is_link) && (self.skip)(&inner));
            if is_left_out {
                continue;
            }
            let Some(form) = form else {
                if !entry.is_link || self.is_new(&path) {
                    self.enter(&path, &inner, ignores);
                }
                continue;
            };
            let role = role(&inner, form);
            self.found.push(Source { shown: inner, path, form, role });
        }
    }

    fn is_new(&self, folder: &Path) -> bool {
        fs::metadata(folder).is_ok_and(|meta| !self.seen.contains(&(meta.dev(), meta.ino())))
    }
}

/// Folders that hold what tools have put there.
fn is_no_code(name: &str) -> bool {
    matches!(name, "__pycache__" | "node_modules" | "site-packages" | "__pypackages__")
        || name.ends_with(".egg-info")
        || name.ends_with(".dist-info")
}
