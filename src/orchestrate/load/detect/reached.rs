//! Which files of its own the code needs, and where Python has to look for them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Run;
use super::resolve::Outcome;

/// The code's own files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Those that were named, and those that they lead to; what an installed distribution brings is none of them, and
    /// neither is what lies in the standard library.
    pub files: BTreeSet<PathBuf>,
    /// Folders in which imports have found them, in the order in which they were asked for, with what they have found there.
    pub starts: Vec<(PathBuf, BTreeSet<PathBuf>)>,
}

pub fn of(run: &Run<'_>) -> Reached {
    let mut reached = Reached::default();
    let mut foreign: BTreeSet<PathBuf> = BTreeSet::new();
    let mut compiled: Vec<&PathBuf> = Vec::new();
    for asked in &run.ledger.asked {
        let module = run.ledger.words.text(asked.module);
        reached.take(module, run.resolver.outcome(asked.outcome), &mut foreign, &mut compiled);
    }
    let is_own = |path: &Path| !path.ancestors().any(|above| foreign.contains(above));
    let sources = run.sources.iter().map(|source| &source.path).chain(compiled);
    reached.files = sources.filter(|path| is_own(path)).cloned().collect();
    reached
}

impl Reached {
    fn finds(&mut self, start: &Path, file: &Path) {
        match self.starts.iter_mut().find(|(have, _)| have == start) {
            Some((_, files)) => {
                files.insert(file.to_owned());
            }
            None => self.starts.push((start.to_owned(), BTreeSet::from([file.to_owned()]))),
        }
    }

    fn take<'a>(
        &mut self,
        module: &str,
        outcome: &'a Outcome,
        foreign: &mut BTreeSet<PathBuf>,
        compiled: &mut Vec<&'a PathBuf>,
    ) {
        match outcome {
            Outcome::Local { files } | Outcome::Elsewhere { files } => {
                for file in files {
                    if let Some(start) = start(file, module) {
                        self.finds(start, file);
                    }
                    // The others are among what has been read.
                    if file.extension().is_none_or(|end| end != "py") {
                        compiled.push(file);
                    }
                }
            }
            Outcome::Editable { files, .. } => {
                foreign.extend(files.iter().map(|file| {
                    let whole = start(file, module).and_then(|start| {
                        let below = file.strip_prefix(start).ok()?.components().next()?;
                        Some(start.join(below))
                    });
                    whole.unwrap_or_else(|| file.clone())
                }));
            }
            Outcome::Each(each) => {
                each.iter().for_each(|(module, outcome)| self.take(module, outcome, foreign, compiled));
            }
            Outcome::Stdlib | Outcome::Installed(_) | Outcome::Namespace | Outcome::Missing { .. } => {}
        }
    }
}

/// Where the search has begun that found `a/b/c.py` for `b.c`, or for `b`: here `a`.
fn start<'a>(file: &'a Path, dotted: &str) -> Option<&'a Path> {
    let asked: Vec<&str> = dotted.split('.').collect();
    file.ancestors().skip(1).find(|above| {
        let Ok(below) = file.strip_prefix(above) else { return false };
        let mut parts: Vec<&str> = below.iter().map(|part| part.to_str().unwrap_or_default()).collect();
        // `x.py`, `x.cpython-311-x86_64-linux-gnu.so`
        if let Some(last) = parts.last_mut() {
            *last = last.split('.').next().unwrap_or_default();
        }
        if parts.last() == Some(&"__init__") {
            parts.pop();
        }
        !parts.is_empty() && (asked.starts_with(&parts) || parts.starts_with(&asked))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_search_began() {
        let of = |file: &str, dotted: &str| start(Path::new(file), dotted).map(|it| it.display().to_string());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("/a/b/c.py", "b.c"), some("/a"));
        assert_eq!(of("/a/b/c.py", "c"), some("/a/b"));
        // `from b import c`
        assert_eq!(of("/a/b/c.py", "b"), some("/a"));
        // The package is loaded on the way to its module.
        assert_eq!(of("/a/b/__init__.py", "b.c"), some("/a"));
        assert_eq!(of("/a/src/src/x.py", "src.x"), some("/a/src"));
        assert_eq!(of("/a/fast.cpython-311-x86_64-linux-gnu.so", "fast"), some("/a"));
        assert_eq!(of("/a/b/c.py", "d"), None);
    }
}
