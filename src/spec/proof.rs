//! What came of importing in its image everything that an experiment imports, and what would mend what did not go well.

use serde::{Deserialize, Serialize};

use crate::project::python::import_names;

/// Libraries of the system, with the Debian package that has each.
const LIBRARIES: &str = include_str!("system_libraries.txt");

/// What the script in the image is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Dotted.
    pub modules: Vec<String>,
    /// Needed and never imported: it is only looked whether they are there.
    pub distributions: Vec<String>,
    /// For one module.
    pub seconds: u32,
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Proof {
    /// `3.11.7`
    pub python: String,
    pub modules: Vec<Imported>,
    pub distributions: Vec<Present>,
    /// How many files of the experiment were compiled.
    pub files: usize,
    pub syntax: Vec<Syntax>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Imported {
    pub module: String,
    pub seconds: f64,
    pub error: Option<Wrong>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Present {
    pub distribution: String,
    pub error: Option<Wrong>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Syntax {
    pub file: String,
    pub line: Option<u32>,
    pub message: String,
}

/// How an import failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Wrong {
    /// The exception's name; `signal`, `exit`, `timeout`, `absent`.
    #[serde(rename = "type")]
    pub kind: String,
    pub message: String,
    /// The module that was not found.
    pub missing: Option<String>,
}

impl Proof {
    pub fn holds(&self) -> bool {
        self.syntax.is_empty()
            && self.modules.iter().all(|module| module.error.is_none())
            && self.distributions.iter().all(|distribution| distribution.error.is_none())
    }
}

/// What would mend it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Remedy {
    /// A package in the requirements.
    Package { name: String },
    /// A package of the system, in the Dockerfile.
    Library { library: String, package: String },
    /// A library of the system of which it is not known where it comes from.
    UnknownLibrary { library: String },
    /// NVIDIA's driver, which comes into a container with `--gpus`.
    Driver { library: String },
}

/// What would mend an import of a module that failed so.
pub fn remedy(module: &str, wrong: &Wrong) -> Option<Remedy> {
    if let Some(library) = library(&wrong.message) {
        if matches!(library, "libcuda.so.1" | "libnvidia-ml.so.1") {
            return Some(Remedy::Driver { library: library.to_owned() });
        }
        return Some(match package_of(library) {
            Some(package) => Remedy::Library { library: library.to_owned(), package: package.to_owned() },
            None => Remedy::UnknownLibrary { library: library.to_owned() },
        });
    }
    let missing = wrong.missing.as_deref().filter(|missing| !missing.is_empty())?;
    if !matches!(wrong.kind.as_str(), "ModuleNotFoundError" | "absent") {
        return None;
    }
    // A submodule that its package does not have is no matter of a missing package.
    let top = missing.split('.').next().unwrap_or(missing);
    let of_same = module.split('.').next() == Some(top);
    if of_same && missing != top && wrong.kind != "absent" {
        return None;
    }
    Some(Remedy::Package { name: import_names::usual(missing) })
}

/// `libGL.so.1` of `libGL.so.1: cannot open shared object file: No such file or directory`.
fn library(message: &str) -> Option<&str> {
    let end = message.find(": cannot open shared object file")?;
    let name = message[..end].rsplit([' ', '\'', '"', '/']).next()?;
    name.contains(".so").then_some(name)
}

/// The Debian package that has a library.
pub fn package_of(library: &str) -> Option<&'static str> {
    LIBRARIES.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let (name, package) = line.split_once(' ')?;
        let same = match name.strip_suffix('*') {
            Some(front) => library.starts_with(front),
            None => library == name,
        };
        same.then_some(package)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(kind: &str, message: &str, missing: Option<&str>) -> Wrong {
        Wrong { kind: kind.to_owned(), message: message.to_owned(), missing: missing.map(str::to_owned) }
    }

    #[test]
    fn a_missing_library_is_a_package_of_the_system() {
        let said = "libGL.so.1: cannot open shared object file: No such file or directory";
        assert_eq!(
            remedy("cv2", &wrong("ImportError", said, None)),
            Some(Remedy::Library { library: "libGL.so.1".into(), package: "libgl1".into() })
        );
        let driver = "libcuda.so.1: cannot open shared object file: No such file or directory";
        assert_eq!(
            remedy("pycuda", &wrong("ImportError", driver, None)),
            Some(Remedy::Driver { library: "libcuda.so.1".into() })
        );
        let odd = "cannot load '/usr/lib/libodd.so.7: cannot open shared object file";
        assert_eq!(
            remedy("odd", &wrong("OSError", odd, None)),
            Some(Remedy::UnknownLibrary { library: "libodd.so.7".into() })
        );
        assert_eq!(package_of("libproj.so.25"), Some("libproj-dev"));
    }

    #[test]
    fn a_missing_module_is_a_package() {
        let of = |module: &str, missing: &str| {
            remedy(module, &wrong("ModuleNotFoundError", "No module named", Some(missing)))
        };
        assert_eq!(of("cv2", "cv2"), Some(Remedy::Package { name: "opencv-python-headless".into() }));
        assert_eq!(of("pandas", "pytz"), Some(Remedy::Package { name: "pytz".into() }));
        assert_eq!(of("pkg", "odd_name.inner"), Some(Remedy::Package { name: "odd-name".into() }));
        assert_eq!(of("torch.gone", "torch.gone"), None);
        assert_eq!(remedy("x", &wrong("RuntimeError", "no", None)), None);
        assert_eq!(
            remedy("", &wrong("absent", "", Some("pyarrow"))),
            Some(Remedy::Package { name: "pyarrow".into() })
        );
    }

    #[test]
    fn the_list_of_libraries_is_read_in_full() {
        for line in LIBRARIES.lines().filter(|line| !line.starts_with('#')) {
            let (library, package) = line.split_once(' ').unwrap();
            assert!(library.contains(".so") && !package.contains(' '), "{line}");
        }
    }
}
