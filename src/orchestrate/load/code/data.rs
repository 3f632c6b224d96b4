//! Files that code reads by a relative path which stands in it: configuration, lists of words, small tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::Left;
use super::walk::{self, Walked};
use crate::orchestrate::load::parallel;
use crate::orchestrate::load::tree::Ignores;
use crate::project::plain_path::plain;
use crate::project::python::{scan, source};
use crate::spec::byte_size;

/// A larger file or folder is a dataset, and belongs into the project's.
const DATA_MAX: u64 = 64 << 20;
/// More files than this are a dataset, too.
const FILES_MAX: usize = 1000;

/// What earlier runs have left behind.
const RESULTS: [&str; 11] = [
    "lightning_logs",
    "log",
    "logs",
    "mlruns",
    "out",
    "output",
    "outputs",
    "results",
    "runs",
    "tb_logs",
    "wandb",
];

/// What was found.
#[derive(Debug, Default)]
pub struct Data {
    pub files: BTreeSet<PathBuf>,
    pub left: Vec<Left>,
    /// The folder in which the code expects to be started for this.
    pub working: Option<PathBuf>,
    /// Every text that may be a path.
    pub texts: BTreeSet<String>,
}

/// Where it is looked for.
pub struct Bases<'a> {
    /// The script's folder, before the top of its project: where people start it.
    pub working: &'a [PathBuf],
    /// The folder that is taken whole anyway.
    pub whole: Option<&'a Path>,
    /// Nothing outside of it is taken.
    pub root: &'a Path,
}

/// Reads the texts of the code's files, and looks which of them name something. `code` is taken anyway; `drafts` are
/// those that are not on the disk; `shown` is how a file of the code is told.
pub fn of(
    code: &BTreeSet<PathBuf>,
    drafts: &[(PathBuf, String)],
    bases: &Bases<'_>,
    shown: &dyn Fn(&Path) -> String,
) -> Data {
    let files: Vec<&PathBuf> =
        code.iter().filter(|file| file.extension().is_some_and(|end| end == "py")).collect();
    let texts = parallel::map(&files, |file| match drafts.iter().find(|(path, _)| path == *file) {
        Some((_, text)) => scan::literals(text),
        None => fs::read(file)
            .ok()
            .and_then(|bytes| source::text(bytes).ok())
            .map(|text| scan::literals(&text))
            .unwrap_or_default(),
    });
    let mut data = Data::default();
    let mut seen: BTreeMap<PathBuf, bool> = BTreeMap::new();
    for (file, texts) in files.into_iter().zip(texts.unwrap_or_default()) {
        for (text, line) in texts {
            let at = || format!("{}:{line}", shown(file));
            for (base, is_working) in bases.of(file) {
                let path = plain(&base.join(&text));
                let is_draft = drafts.iter().any(|(draft, _)| *draft == path);
                if is_draft || !path.starts_with(bases.root) || code.contains(&path) {
                    continue;
                }
                let Ok(meta) = fs::metadata(&path) else { continue };
                let known = seen.get(&path).copied();
                let is_found = known.unwrap_or_else(|| data.take(&path, &text, &meta, code, bases, &at));
                seen.insert(path, is_found);
                if is_found && is_working && data.working.is_none() {
                    data.working = Some(base);
                }
                break;
            }
            data.texts.insert(text);
        }
    }
    data.left.sort();
    data.left.dedup_by(|a, b| a.path == b.path);
    data
}

impl Bases<'_> {
    /// In order, each with whether it is where the program is started.
    fn of(&self, file: &Path) -> Vec<(PathBuf, bool)> {
        let mut all: Vec<(PathBuf, bool)> = self.working.iter().map(|base| (base.clone(), true)).collect();
        if let Some(own) = file.parent()
            && !all.iter().any(|(base, _)| base == own)
        {
            all.push((own.to_owned(), false));
        }
        all
    }
}

impl Data {
    /// Whether the text means what is there.
    fn take(
        &mut self,
        path: &Path,
        text: &str,
        meta: &fs::Metadata,
        code: &BTreeSet<PathBuf>,
        bases: &Bases<'_>,
        at: &dyn Fn() -> String,
    ) -> bool {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let is_folder = meta.is_dir();
        let mut leave = |why: String| self.left.push(Left { path: text.to_owned(), why });
        let is_whole = bases.whole.is_some_and(|whole| path.starts_with(whole));
        if is_folder {
            // A word that happens to be a folder's name, and a folder of code.
            if RESULTS.contains(&name.as_str()) {
                return false;
            }
            if path.join("pyvenv.cfg").exists() || code.iter().any(|file| file.starts_with(path)) {
                return is_whole;
            }
        } else if !meta.is_file()
            || ["py", "ipynb", "pyc"].iter().any(|end| name.ends_with(&format!(".{end}")))
        {
            return false;
        }
        let hidden = |part: Component<'_>| part.as_os_str().to_string_lossy().starts_with('.');
        if path.strip_prefix(bases.root).is_ok_and(|below| below.components().any(hidden)) {
            if !is_folder {
                leave(format!("{} names it, and hidden files may hold secrets", at()));
            }
            return false;
        }
        if is_ignored(path, is_folder) {
            leave(format!("{} names it, and git ignores it", at()));
            return false;
        }
        if is_whole {
            return true;
        }
        let Walked { files, links: _, left, bytes, is_too_much } = if is_folder {
            walk::walk(path, None)
        } else {
            Walked {
                files: BTreeMap::from([(name, path.to_owned())]),
                bytes: meta.len(),
                ..Walked::default()
            }
        };
        if is_folder && files.keys().any(|file| file.ends_with(".py")) {
            return false;
        }
        if bytes > DATA_MAX || files.len() > FILES_MAX || is_too_much {
            let count = if files.len() > FILES_MAX {
                format!("{FILES_MAX} files or more")
            } else {
                byte_size::told(bytes)
            };
            leave(format!("{} names it, and it has {count}", at()));
            return false;
        }
        if !is_folder && let Err(error) = fs::File::open(path) {
            leave(format!("{} names it, and it cannot be read: {error}", at()));
            return false;
        }
        self.left
            .extend(left.into_iter().map(|it| Left { path: format!("{text}/{}", it.path), why: it.why }));
        let is_any = !files.is_empty();
        self.files.extend(files.into_values());
        is_any
    }
}

/// Whether the file, or a folder that it lies in, is none of the repository's.
fn is_ignored(path: &Path, is_folder: bool) -> bool {
    let Some(repository) = path.ancestors().skip(1).find(|above| above.join(".git").exists()) else {
        return false;
    };
    path.ancestors().take_while(|above| *above != repository).enumerate().any(|(index, one)| {
        let Some(folder) = one.parent() else { return false };
        Ignores::of(folder).exclude(one, index > 0 || is_folder)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Found {
        files: Vec<String>,
        left: Vec<String>,
        working: Option<String>,
    }

    fn found(files: &[(&str, &str)], script: &str) -> Found {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut file = fs::File::create(path).unwrap();
            match text.strip_prefix("size ") {
                Some(size) => file.set_len(size.parse().unwrap()).unwrap(),
                None => std::io::Write::write_all(&mut file, text.as_bytes()).unwrap(),
            }
        }
        let script = root.join(script);
        let shown = |path: &Path| path.strip_prefix(&root).unwrap_or(path).display().to_string();
        let working = [script.parent().unwrap().to_owned(), root.clone()];
        let bases = Bases { working: &working, whole: None, root: &root };
        let data = of(&BTreeSet::from([script]), &[], &bases, &shown);
        Found {
            files: data.files.iter().map(|path| shown(path)).collect(),
            left: data.left.iter().map(|left| format!("{}: {}", left.path, left.why)).collect(),
            working: data.working.map(|path| shown(&path)),
        }
    }

    #[test]
    fn what_the_code_names_is_found_where_it_is_started() {
        let code =
            "a = 'conf.yaml'\nb = 'pics'\nc = 'more/words.txt'\nd = 'x.py'\ne = 'lib'\nf = 'nothing.csv'\n";
        let files = [
            ("s/x.py", code),
            ("s/conf.yaml", ""),
            ("s/pics/a.png", ""),
            ("s/pics/deep/b.png", ""),
            ("more/words.txt", ""),
            ("lib/code.py", ""),
            ("s/other.txt", ""),
        ];
        let found = found(&files, "s/x.py");
        assert_eq!(found.files, ["more/words.txt", "s/conf.yaml", "s/pics/a.png", "s/pics/deep/b.png"]);
        assert_eq!((found.left, found.working.as_deref()), (Vec::<String>::new(), Some("s")));
        let above = self::found(&[("s/x.py", "open('conf.yaml')"), ("conf.yaml", "")], "s/x.py");
        assert_eq!((above.files, above.working.as_deref()), (vec!["conf.yaml".to_owned()], Some("")));
    }

    #[test]
    fn what_is_no_business_of_an_experiment_is_left_and_told() {
        let code = "'.env'\n"
            .replace("'.env'", "f('.env', 'data/x.csv', 'big.bin', 'pics', 'outputs', '../../etc/passwd')");
        let files = [
            ("x.py", code.as_str()),
            (".git/HEAD", ""),
            (".gitignore", "data/\n"),
            (".env", "TOKEN=1"),
            ("data/x.csv", ""),
            ("big.bin", "size 70000000"),
            ("pics/a.npy", "size 1"),
            ("outputs/a.npy", "size 1"),
        ];
        let found = found(&files, "x.py");
        assert_eq!(found.files, ["pics/a.npy"]);
        assert_eq!(
            found.left,
            [
                ".env: x.py:1 names it, and hidden files may hold secrets",
                "big.bin: x.py:1 names it, and it has 66.8 MiB",
                "data/x.csv: x.py:1 names it, and git ignores it",
            ]
        );
    }
}
