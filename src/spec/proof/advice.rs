//! The ways out of what went wrong, each once, in words.

use std::collections::BTreeSet;

use super::System;
use super::finding::Finding;
use super::remedy::Remedy;
use crate::spec::dockerfile::system_packages;

/// What else there is to know.
pub struct About<'a> {
    pub experiment: &'a str,
    pub system: &'a System,
    /// The run had GPUs.
    pub gpus: bool,
    /// It was no container: what is missing is missing on this machine.
    pub host: bool,
    /// Packages and libraries are offered as a change already.
    pub offered: &'a BTreeSet<Remedy>,
    /// Imports of which nobody knows the package.
    pub unresolved: &'a BTreeSet<String>,
}

pub fn hints(findings: &[Finding], about: &About<'_>) -> Vec<String> {
    let About { experiment, system, gpus, host, offered, unresolved } = about;
    let remedies: BTreeSet<&Remedy> = findings.iter().filter_map(|finding| finding.remedy.as_ref()).collect();
    let (mut packages, mut guesses, mut debian, mut libraries) = (vec![], vec![], BTreeSet::new(), vec![]);
    let mut hints = Vec::new();
    for remedy in remedies.into_iter().filter(|remedy| !offered.contains(remedy)) {
        match remedy {
            Remedy::Package { name } => packages.push(name.as_str()),
            Remedy::Guess { name } => guesses.push(name.as_str()),
            Remedy::Library { library, package } => {
                debian.insert(package.as_str());
                libraries.push(library.as_str());
            }
            Remedy::UnknownLibrary { library } => libraries.push(library.as_str()),
            Remedy::Driver { library } if *gpus => hints.push(format!(
                "`{library}` comes with the GPU's driver, which the engine does not bring into the container: `scaf doctor`"
            )),
            Remedy::Driver { library } => hints.push(format!(
                "`{library}` comes with the GPU's driver: `scaf env prove {experiment} --gpus`"
            )),
            Remedy::Cuda { library } => hints.push(format!(
                "`{library}` is a part of CUDA: take a build of the package that brings it, or a base image that has it"
            )),
        }
    }
    if !packages.is_empty() {
        hints.push(format!(
            "pin what is missing: `scaf env lock {experiment}`, or add to environment/requirements.txt: {}",
            packages.join(", ")
        ));
    }
    if !guesses.is_empty() {
        hints.push(format!(
            "name the package of what is missing in environment/requirements.txt; it may be called like the module, which is a guess: {}",
            guesses.join(", ")
        ));
    }
    hints.extend(system_hints(&debian, &libraries, system, *host));
    let open: Vec<&str> = findings
        .iter()
        .filter_map(|finding| finding.what.as_deref())
        .filter(|what| unresolved.contains(*what))
        .collect();
    if let Some(first) = open.first() {
        hints.push(format!(
            "no package is known for {}: name it in environment/requirements.txt",
            open.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ));
        hints.push(format!("code that is never reached: `waive = [\"{first}\"]` under `[env]` in scaf.toml"));
    }
    if findings.iter().any(|finding| finding.message.starts_with("not imported within ")) {
        hints.push("`--seconds` gives an import more time".to_owned());
    }
    hints
}

/// For libraries; `debian` are the packages of Debian that have those of which it is known.
fn system_hints(debian: &BTreeSet<&str>, libraries: &[&str], system: &System, host: bool) -> Vec<String> {
    if libraries.is_empty() {
        return Vec::new();
    }
    let place = if host { "on this machine" } else { "in environment/Dockerfile, before pip" };
    let names =
        |name: &dyn Fn(&str) -> String| libraries.iter().map(|one| name(one)).collect::<Vec<_>>().join(" ");
    let whole = |name: &str| format!("'{name}()(64bit)'");
    match system.manager.as_deref() {
        Some("apt-get") => {
            let mut hints = Vec::new();
            if host && !debian.is_empty() {
                let all: Vec<&str> = debian.iter().copied().collect();
                hints.push(format!("{place}: `apt-get install {}`", all.join(" ")));
            } else if !debian.is_empty() {
                let line = system_packages::command(debian.iter().copied());
                hints.push(format!("{place}: `RUN {line}`"));
            } else {
                hints.push(format!(
                    "a library of the system: `apt-file search {}` names its package",
                    names(&str::to_owned)
                ));
            }
            hints
        }
        Some("apk") => vec![format!("{place}: `apk add {}`", names(&|name| format!("so:{name}")))],
        Some(manager @ ("dnf" | "microdnf" | "yum" | "zypper")) => {
            vec![format!("{place}: `{manager} install {}`", names(&whole))]
        }
        Some(_) | None => {
            let known = if debian.is_empty() {
                String::new()
            } else {
                let all: Vec<&str> = debian.iter().copied().collect();
                format!(" (Debian's {})", all.join(", "))
            };
            let whose = if host { "this machine" } else { "the image" };
            vec![format!(
                "{whose} has no program that installs packages of the system: its base has to bring {}{known}",
                names(&str::to_owned)
            )]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(what: &str, message: &str, remedy: Option<Remedy>) -> Finding {
        Finding { place: None, what: Some(what.to_owned()), message: message.to_owned(), remedy }
    }

    fn library(library: &str, package: &str) -> Remedy {
        Remedy::Library { library: library.to_owned(), package: package.to_owned() }
    }

    fn told(findings: &[Finding], manager: Option<&str>, host: bool) -> Vec<String> {
        let system =
            System { id: String::new(), version: String::new(), manager: manager.map(str::to_owned) };
        let unresolved = BTreeSet::from(["odd".to_owned(), "fine".to_owned()]);
        let offered = BTreeSet::from([Remedy::Package { name: "offered".to_owned() }]);
        hints(
            findings,
            &About {
                experiment: "exp",
                system: &system,
                gpus: false,
                host,
                offered: &offered,
                unresolved: &unresolved,
            },
        )
    }

    #[test]
    fn a_library_by_what_the_image_has() {
        let both = [
            finding("cv2", "", Some(library("libGL.so.1", "libgl1"))),
            finding("cv3", "", Some(library("libGL.so.1", "libgl1"))),
            finding("pyodbc", "", Some(library("libodbc.so.2", "unixodbc"))),
        ];
        assert_eq!(
            told(&both, Some("apt-get"), false),
            [
                "in environment/Dockerfile, before pip: `RUN apt-get update && apt-get install -y --no-install-recommends libgl1 unixodbc && rm -rf /var/lib/apt/lists/*`"
            ]
        );
        assert_eq!(
            told(&both, Some("apt-get"), true),
            ["on this machine: `apt-get install libgl1 unixodbc`"]
        );
        assert_eq!(
            told(&both, Some("apk"), false),
            ["in environment/Dockerfile, before pip: `apk add so:libGL.so.1 so:libodbc.so.2`"]
        );
        assert_eq!(
            told(&both, Some("dnf"), false),
            [
                "in environment/Dockerfile, before pip: `dnf install 'libGL.so.1()(64bit)' 'libodbc.so.2()(64bit)'`"
            ]
        );
        assert_eq!(
            told(&both, None, false),
            [
                "the image has no program that installs packages of the system: its base has to bring libGL.so.1 libodbc.so.2 (Debian's libgl1, unixodbc)"
            ]
        );
        let odd = [finding("x", "", Some(Remedy::UnknownLibrary { library: "libodd.so.7".to_owned() }))];
        assert_eq!(
            told(&odd, Some("apt-get"), false),
            ["a library of the system: `apt-file search libodd.so.7` names its package"]
        );
    }

    #[test]
    fn everything_else() {
        let package = |name: &str| Some(Remedy::Package { name: name.to_owned() });
        let all = [
            finding("a", "", package("offered")),
            finding("a", "", package("pytz")),
            finding("a", "", Some(Remedy::Guess { name: "odd-name".to_owned() })),
            finding("a", "", Some(Remedy::Driver { library: "libcuda.so.1".to_owned() })),
            finding("a", "", Some(Remedy::Cuda { library: "libcudart.so.11.0".to_owned() })),
            finding("odd", "", None),
            finding("b", "not imported within 5 s", None),
        ];
        assert_eq!(
            told(&all, Some("apt-get"), false),
            [
                "`libcuda.so.1` comes with the GPU's driver: `scaf env prove exp --gpus`",
                "`libcudart.so.11.0` is a part of CUDA: take a build of the package that brings it, or a base image that has it",
                "pin what is missing: `scaf env lock exp`, or add to environment/requirements.txt: pytz",
                "name the package of what is missing in environment/requirements.txt; it may be called like the module, which is a guess: odd-name",
                "no package is known for `odd`: name it in environment/requirements.txt",
                "code that is never reached: `waive = [\"odd\"]` under `[env]` in scaf.toml",
                "`--seconds` gives an import more time",
            ]
        );
        assert_eq!(told(&[finding("x", "RuntimeError: no", None)], None, false), Vec::<String>::new());
    }
}
