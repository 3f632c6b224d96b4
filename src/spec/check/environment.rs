//! The imports against the pins, as far as it can be told without an index and without any Python: what is said here is
//! said on every machine.

use super::rules::{ENVIRONMENT_MISSING, ENVIRONMENT_SHADOWED, ENVIRONMENT_STALE_LOCK};
use super::{Finding, Project, Tree};
use crate::project::layout::COMMON;
use crate::project::python::imports::{Guard, Import};
use crate::project::python::requirements::normalised;
use crate::project::python::standard_library;
use crate::spec::env_check::{self, Stale};

/// An import's distribution that no environment has which should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// From the project's root.
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub module: String,
    /// As an index writes it.
    pub distribution: String,
    /// Nothing is known of the module: it is taken to be called like its distribution.
    pub is_guess: bool,
}

/// Whether the code fails where an import does.
pub fn must_succeed(import: &Import) -> bool {
    import.level == 0 && import.guard == Guard::None && !import.module.is_empty()
}

/// Whether neither Python nor the project has the module by its name.
pub fn is_foreign(project: &Project, import: &Import) -> bool {
    let top = import.top();
    top != COMMON && !standard_library::contains_in(top, 11) && !project.is_own_module(&import.module)
}

/// Whether an experiment has a module of that name: where Python looks for it, or anywhere else, since code may say where
/// to look.
pub fn has_module(tree: &Tree, file: &str, top: &str) -> bool {
    if tree.files.has_top(top) {
        return true;
    }
    let beside = file.rsplit_once('/').map(|(folder, _)| format!("{folder}/{top}"));
    if beside.is_some_and(|beside| tree.files.find_path(&beside).is_some()) {
        return true;
    }
    let (module, package) = (format!("{top}.py"), format!("{top}/"));
    let is_it = |path: &str| {
        path.strip_suffix(module.as_str()).is_some_and(|front| front.is_empty() || front.ends_with('/'))
            || path.match_indices(package.as_str()).any(|(at, _)| at == 0 || path[..at].ends_with('/'))
    };
    tree.files.files().any(is_it)
        || tree.links.keys().any(|link| {
            let name = link.rsplit('/').next().unwrap_or(link);
            name == top || name == module
        })
}

/// Of one experiment's lacks one finding for each distribution, at the first place. Guesses are left out where code says
/// where modules lie.
pub fn missing(name: &str, lacks: &[Lack], with_guesses: bool) -> Vec<Finding> {
    let mut lacks: Vec<&Lack> = lacks.iter().filter(|lack| with_guesses || !lack.is_guess).collect();
    lacks.sort_by_key(|lack| (normalised(&lack.distribution), &lack.file, lack.line, lack.column));
    lacks.dedup_by_key(|lack| normalised(&lack.distribution));
    let found = lacks.into_iter().map(|lack| {
        let message = format!("{}, which the environment of `{name}` does not pin", subject(lack));
        finding(lack, message, format!("scaf env lock {name}"))
    });
    found.collect()
}

/// The same for a file of the shared code that several experiments have linked.
pub fn missing_for_shared(lack: &Lack, experiments: &[&str]) -> Finding {
    const SHOWN: usize = 3;
    let mut names: Vec<String> = experiments.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if experiments.len() > SHOWN {
        names.push(format!("{} more", experiments.len() - SHOWN));
    }
    let have = if experiments.len() == 1 { "has" } else { "have" };
    let message =
        format!("{}, and not pinned by {}, which {have} linked this", subject(lack), names.join(", "));
    let hint = experiments.first().map_or_else(String::new, |first| format!("scaf env lock {first}"));
    finding(lack, message, hint)
}

fn subject(lack: &Lack) -> String {
    let Lack { module, distribution, is_guess, .. } = lack;
    if normalised(module) == normalised(distribution) && !is_guess {
        format!("`{module}` is imported")
    } else if *is_guess {
        format!("`{module}` is imported, presumably of `{distribution}`")
    } else {
        format!("`{module}` of `{distribution}` is imported")
    }
}

fn finding(lack: &Lack, message: String, hint: String) -> Finding {
    Finding::new(&ENVIRONMENT_MISSING, lack.file.as_str(), (lack.line, lack.column), message, hint)
}

/// In what respects the lock is not that of the requirements and of the base image.
pub fn stale(project: &Project, tree: &Tree, stale: Vec<Stale>) -> Vec<Finding> {
    let found = stale.into_iter().map(|stale| {
        Finding::new(
            &ENVIRONMENT_STALE_LOCK,
            project.path(&tree.name, &stale.place.file),
            (stale.place.line, 1),
            stale.message,
            format!("scaf env lock {}", tree.name),
        )
    });
    found.collect()
}

/// A module at the top of the experiment that is called like one of Python's own; `minor` is the image's Python.
pub fn shadowed(project: &Project, tree: &Tree, file: &str, minor: u8) -> Option<Finding> {
    let module = match file.split_once('/') {
        None => file.strip_suffix(".py")?,
        Some((package, "__init__.py")) => package,
        Some(_) => return None,
    };
    let message = env_check::hidden_standard_module(module, file, minor)?;
    let hint = "give it another name";
    Some(Finding::new(&ENVIRONMENT_SHADOWED, project.path(&tree.name, file), (1, 1), message, hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::name::ExperimentName;
    use crate::project::python::modules::Modules;

    fn lack(file: &str, module: &str, distribution: &str, is_guess: bool) -> Lack {
        let (module, distribution) = (module.to_owned(), distribution.to_owned());
        Lack { file: file.to_owned(), line: 1, column: 1, module, distribution, is_guess }
    }

    #[test]
    fn one_finding_for_a_distribution_at_its_first_place() {
        let lacks = [
            lack("b.py", "sklearn.svm", "scikit-learn", false),
            lack("a.py", "sklearn", "scikit-learn", false),
            lack("a.py", "acme", "acme", true),
            lack("a.py", "pandas", "pandas", false),
        ];
        let told = |with_guesses| -> Vec<String> {
            let found = missing("x", &lacks, with_guesses);
            found.iter().map(|it| format!("{} {}", it.file, it.message)).collect()
        };
        let rest = "which the environment of `x` does not pin";
        let pandas = format!("a.py `pandas` is imported, {rest}");
        let sklearn = format!("a.py `sklearn` of `scikit-learn` is imported, {rest}");
        assert_eq!(told(false), [pandas.clone(), sklearn.clone()]);
        assert_eq!(
            told(true),
            [format!("a.py `acme` is imported, presumably of `acme`, {rest}"), pandas, sklearn]
        );
        let shared = missing_for_shared(&lacks[3], &["a", "b", "c", "d", "e"]);
        assert_eq!(
            shared.message,
            "`pandas` is imported, and not pinned by `a`, `b`, `c`, 2 more, which have linked this"
        );
        assert_eq!(shared.hint, "scaf env lock a");
    }

    #[test]
    fn a_module_of_the_experiment_is_known_wherever_it_lies() {
        let tree = Tree {
            name: ExperimentName::parse("x").unwrap(),
            files: Modules::new(["a.py", "lib/deep/b.py", "lib/pack/x.txt", "tools/c.py"]),
            links: std::collections::BTreeMap::new(),
            places: std::collections::BTreeMap::new(),
            odd: Vec::new(),
        };
        for top in ["a", "b", "c", "deep", "pack"] {
            assert!(has_module(&tree, "tools/run.py", top), "{top}");
        }
        for top in ["x", "ack", "py", "eep"] {
            assert!(!has_module(&tree, "tools/run.py", top), "{top}");
        }
    }
}
