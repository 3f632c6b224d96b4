//! What conda calls a package, and what a Python index calls it.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::project::python::requirements::normalised;

#[derive(serde::Deserialize)]
struct File {
    python: HashMap<String, String>,
    other: Other,
}

#[derive(serde::Deserialize)]
struct Other {
    names: HashSet<String>,
    prefixes: Vec<String>,
}

static FILE: LazyLock<File> = LazyLock::new(|| {
    let mut file: File = toml::from_str(include_str!("conda_names.toml")).unwrap_or_else(|_| File {
        python: HashMap::new(),
        other: Other { names: HashSet::new(), prefixes: Vec::new() },
    });
    file.other.names = file.other.names.iter().map(|name| normalised(name)).collect();
    file
});

/// What a conda package is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Package {
    /// The distribution's name, normalised.
    Python(String),
    /// No Python distribution.
    Other,
}

/// By its name and, where the file says it, whether it needs Python to run: what does not is no distribution.
pub fn package(name: &str, needs_python: Option<bool>) -> Package {
    let plain = normalised(name);
    if let Some(distribution) = FILE.python.get(&plain) {
        return Package::Python(distribution.clone());
    }
    let is_other = FILE.other.names.contains(&plain)
        || FILE.other.prefixes.iter().any(|prefix| name.to_ascii_lowercase().starts_with(prefix));
    if is_other || needs_python == Some(false) {
        return Package::Other;
    }
    Package::Python(plain)
}

/// The name that conda has for a distribution, if it is another; the shortest where there are several.
pub fn conda_name(distribution: &str) -> Option<&'static str> {
    let plain = normalised(distribution);
    FILE.python
        .iter()
        .filter(|(_, python)| **python == plain)
        .map(|(conda, _)| conda.as_str())
        .min_by_key(|conda| (conda.len(), *conda))
        .filter(|conda| *conda != plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ() {
        for (conda, python) in [
            ("pytorch", Some("torch")),
            ("py-opencv", Some("opencv-python")),
            ("opencv", Some("opencv-python")),
            ("Matplotlib-Base", Some("matplotlib")),
            ("pillow", Some("pillow")),
            ("ruamel.yaml", Some("ruamel-yaml")),
            ("scikit-learn", Some("scikit-learn")),
            ("librosa", Some("librosa")),
            ("libgcc-ng", None),
            ("_libgcc_mutex", None),
            ("cuda-nvcc", None),
            ("pytorch-cuda", None),
            ("python_abi", None),
            ("nltk_data", None),
            ("r-ggplot2", None),
            ("ld_impl_linux-64", None),
        ] {
            let wanted = python.map_or(Package::Other, |name| Package::Python(name.to_owned()));
            assert_eq!(package(conda, None), wanted, "{conda}");
        }
        assert_eq!(package("something", Some(false)), Package::Other);
        assert_eq!(package("something", Some(true)), Package::Python("something".into()));
        assert_eq!(conda_name("torch"), Some("pytorch"));
        assert_eq!(conda_name("numpy"), None);
        assert_eq!(conda_name("librosa"), None);
    }

    #[test]
    fn the_list_is_read_and_in_its_own_form() {
        let file: File = toml::from_str(include_str!("conda_names.toml")).unwrap();
        for (conda, python) in &file.python {
            assert_eq!(*conda, normalised(conda));
            assert_eq!(*python, normalised(python));
            assert!(!file.other.names.contains(conda), "{conda} is in both lists");
        }
        for prefix in &file.other.prefixes {
            assert_eq!(*prefix, prefix.to_ascii_lowercase());
        }
    }
}
