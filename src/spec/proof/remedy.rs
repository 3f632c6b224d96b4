//! What would mend an import that failed.

use serde::Serialize;

use super::{System, Wrong, libraries};
use crate::project::python::import_names;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Remedy {
    /// A package in the requirements.
    Package { name: String },
    /// The same, where nobody knows what the package is called: it may be like the module. It is never taken from an index unasked,
    /// since what answers to the name there may be anybody's.
    Guess { name: String },
    /// A package of the system, in the Dockerfile.
    Library { library: String, package: String },
    /// A library of the system of which it is not known where it comes from.
    UnknownLibrary { library: String },
    /// NVIDIA's driver, which comes into a container with `--gpus`.
    Driver { library: String },
    /// CUDA itself: another build of the package, or another base image.
    Cuda { library: String },
}

/// What is known of the import that failed.
pub struct Case<'a> {
    /// Empty where nothing was imported.
    pub module: &'a str,
    /// The distribution that should have it, and whether the image has that.
    pub distribution: Option<(&'a str, bool)>,
    pub wrong: &'a Wrong,
    pub system: &'a System,
    /// The distribution that the code's other imports give for a module.
    pub known: &'a dyn Fn(&str) -> Option<String>,
}

pub fn of(case: &Case<'_>) -> Option<Remedy> {
    let Case { module, distribution, wrong, system, known } = case;
    let said = library(&wrong.message).or_else(|| libraries::library_of(&wrong.message));
    if let Some(library) = said {
        let named = library.to_owned();
        return Some(match libraries::package_of(library, system) {
            _ if libraries::is_driver(library) => Remedy::Driver { library: named },
            _ if libraries::is_cuda(library) => Remedy::Cuda { library: named },
            Some(package) => Remedy::Library { library: named, package: package.to_owned() },
            None => Remedy::UnknownLibrary { library: named },
        });
    }
    let missing = wrong.missing.as_deref().filter(|missing| !missing.is_empty())?;
    match (wrong.kind.as_str(), distribution) {
        ("absent", _) => return Some(Remedy::Package { name: missing.to_owned() }),
        ("ModuleNotFoundError", Some((name, is_there))) if is_part(missing, module) => {
            // What its distribution does not have, in this version, no other has.
            return (!is_there).then(|| Remedy::Package { name: (*name).to_owned() });
        }
        ("ModuleNotFoundError", None) if is_part(missing, module) => {
            // The code's own import, and nobody knows of what.
            return None;
        }
        ("ModuleNotFoundError", _) => {}
        _ => return None,
    }
    // A part that is missing from a package that is there is another version's.
    let top = missing.split('.').next().unwrap_or(missing);
    if module.split('.').next() == Some(top) && missing != top {
        return None;
    }
    let listed = || import_names::candidates(missing).and_then(|all| all.into_iter().next());
    if let Some(name) = known(missing).or_else(listed) {
        return Some(Remedy::Package { name });
    }
    let name = import_names::usual(missing);
    Some(if wrong.named { Remedy::Package { name } } else { Remedy::Guess { name } })
}

/// Whether it is the module itself that is missing, or what it is in.
fn is_part(missing: &str, module: &str) -> bool {
    module.strip_prefix(missing).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// `libGL.so.1` of `libGL.so.1: cannot open shared object file: No such file or directory`.
fn library(message: &str) -> Option<&str> {
    let end = message.find(": cannot open shared object file")?;
    let name = message[..end].rsplit([' ', '\'', '"', '/', '\n']).next()?;
    name.contains(".so").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedy(module: &str, of_it: Option<(&str, bool)>, wrong: &Wrong) -> Option<Remedy> {
        let system = System { id: "debian".into(), version: "12".into(), manager: Some("apt-get".into()) };
        let known = |module: &str| (module == "corp.part").then(|| "corp-toolkit".to_owned());
        of(&Case { module, distribution: of_it, wrong, system: &system, known: &known })
    }

    fn says(message: &str) -> Option<Remedy> {
        let wrong =
            Wrong { kind: "OSError".into(), message: message.to_owned(), missing: None, named: false };
        remedy("x", Some(("x", true)), &wrong)
    }

    fn library(library: &str, package: &str) -> Remedy {
        Remedy::Library { library: library.to_owned(), package: package.to_owned() }
    }

    /// As packages said it in December 2026, in the image of Debian 12.
    #[test]
    fn a_missing_library_is_a_package_of_the_system() {
        let none = "cannot open shared object file: No such file or directory";
        // opencv-python 5.0, pyodbc 5.5, soundfile 0.14, python-rtmidi 1.5
        assert_eq!(says(&format!("libGL.so.1: {none}")), Some(library("libGL.so.1", "libgl1")));
        assert_eq!(says(&format!("libodbc.so.2: {none}")), Some(library("libodbc.so.2", "unixodbc")));
        let soundfile = format!("cannot load library 'libsndfile.so': libsndfile.so: {none}");
        assert_eq!(says(&soundfile), Some(library("libsndfile.so", "libsndfile1")));
        // cairocffi 1.7
        let cairo = format!(
            "no library called \"cairo-2\" was found\nno library called \"libcairo-2\" was found\n\
             cannot load library 'libcairo.so.2': libcairo.so.2: {none}.  Additionally, ctypes.util.find_library() did not \
             manage to locate a library called 'libcairo.so.2'\ncannot load library 'libcairo.2.dylib': libcairo.2.dylib: {none}"
        );
        assert_eq!(says(&cairo), Some(library("libcairo.so.2", "libcairo2")));
        // mpi4py 4.1
        let mpi = format!("cannot load MPI library\n/usr/local/lib/libmpi.so.40: {none}\nlibmpi.so: {none}");
        assert_eq!(says(&mpi), Some(library("libmpi.so.40", "openmpi-bin")));
        // python-magic 0.4, sounddevice 0.5, pyzbar 0.1, psycopg 3
        let magic = "failed to find libmagic.  Check your installation";
        assert_eq!(says(magic), Some(library("libmagic.so.1", "libmagic1")));
        assert_eq!(says("PortAudio library not found"), Some(library("libportaudio.so.2", "libportaudio2")));
        assert_eq!(says("Unable to find zbar shared library"), Some(library("libzbar.so.0", "libzbar0")));
        let psycopg = "no pq wrapper available.\n- couldn't import psycopg 'python' implementation: libpq library not found";
        assert_eq!(says(psycopg), Some(library("libpq.so.5", "libpq5")));
    }

    #[test]
    fn some_libraries_are_in_no_package_of_the_system() {
        let none = "cannot open shared object file: No such file or directory";
        let driver = Remedy::Driver { library: "libcuda.so.1".into() };
        assert_eq!(says(&format!("libcuda.so.1: {none}")), Some(driver));
        let cuda = Remedy::Cuda { library: "libcudart.so.11.0".into() };
        assert_eq!(says(&format!("libcudart.so.11.0: {none}")), Some(cuda));
        let odd = Remedy::UnknownLibrary { library: "libodd.so.7".into() };
        assert_eq!(says(&format!("cannot load '/usr/lib/libodd.so.7: {none}")), Some(odd));
        assert_eq!(says(&format!("config.json: {none}")), None);
        assert_eq!(says("no"), None);
    }

    fn missing(module: &str, of_it: Option<(&str, bool)>, missing: &str, named: bool) -> Option<Remedy> {
        let wrong = Wrong {
            kind: "ModuleNotFoundError".into(),
            message: format!("No module named '{missing}'"),
            missing: Some(missing.to_owned()),
            named,
        };
        remedy(module, of_it, &wrong)
    }

    fn package(name: &str) -> Remedy {
        Remedy::Package { name: name.to_owned() }
    }

    #[test]
    fn a_missing_module_is_a_package() {
        // As detection has it, and not as a list.
        assert_eq!(
            missing("cv2", Some(("opencv-python", false)), "cv2", false),
            Some(package("opencv-python"))
        );
        let storage = ("google-cloud-storage", false);
        assert_eq!(
            missing("google.cloud.storage", Some(storage), "google.cloud", false),
            Some(package("google-cloud-storage"))
        );
        // What a package imports itself.
        assert_eq!(missing("pandas", Some(("pandas", true)), "yaml", false), Some(package("pyyaml")));
        assert_eq!(
            missing("pandas", Some(("pandas", true)), "corp.part", false),
            Some(package("corp-toolkit"))
        );
        assert_eq!(
            missing("pandas", Some(("pandas", true)), "odd_name.inner", true),
            Some(package("odd-name"))
        );
        let guess = Remedy::Guess { name: "odd-name".into() };
        assert_eq!(missing("pandas", Some(("pandas", true)), "odd_name.inner", false), Some(guess));
    }

    #[test]
    fn what_no_package_would_mend() {
        // Another version has it, or none.
        assert_eq!(missing("torch.gone", Some(("torch", true)), "torch.gone", false), None);
        assert_eq!(missing("torch", Some(("torch", true)), "torch.gone", false), None);
        // Nobody knows what the code means.
        assert_eq!(missing("odd.part", None, "odd", false), None);
        let wrong = Wrong { kind: "RuntimeError".into(), message: "no".into(), missing: None, named: false };
        assert_eq!(remedy("x", None, &wrong), None);
        let wrong = Wrong {
            kind: "ImportError".into(),
            message: "cannot import name 'y' from 'x'".into(),
            missing: Some("x".into()),
            named: false,
        };
        assert_eq!(remedy("x.z", Some(("x", true)), &wrong), None);
    }

    #[test]
    fn a_distribution_that_is_not_there() {
        let wrong = Wrong {
            kind: "absent".into(),
            message: String::new(),
            missing: Some("pyarrow".into()),
            named: false,
        };
        assert_eq!(remedy("", None, &wrong), Some(package("pyarrow")));
    }
}
