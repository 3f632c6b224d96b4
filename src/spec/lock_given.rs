//! What a file that is believed says of an experiment's lock: versions for what its code needs, bounds for the rest, and,
//! where it is the experiment's own list, what else it asks for. Pure.

use std::collections::BTreeMap;

use super::lock_choice::{OwnDemand, Wish};
use super::lock_target::LockTarget;
use super::requirements_file::Place;
use crate::project::python::index_option::IndexOption;
use crate::project::python::specs::precedence::{self, Found};
use crate::project::python::specs::{Group, Index, IndexUse, Pin, Source, marker};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// The file.
    pub file: String,
    /// For what is needed anyway, by normalised name.
    pub demands: BTreeMap<String, OwnDemand>,
    /// `numpy==1.26.4`, wherever it is needed.
    pub constraints: Vec<String>,
    /// Asked for by the file itself.
    pub asked: Vec<(Wish, Place)>,
    pub options: Vec<IndexOption>,
    /// What the user should know.
    pub notes: Vec<String>,
}

impl Given {
    pub fn of(found: &Found, target: &LockTarget) -> Self {
        let mut given = Self { file: found.file.clone(), ..Self::default() };
        let environment = target.markers();
        // A lock file holds what everything needs in turn, and what is the whole project's is not one experiment's.
        let own = found.place != precedence::Place::Project && !found.read.kind.is_lock();
        for pin in found.read.pins.iter().filter(|pin| !pin.normalised.is_empty()) {
            let constrains = pin.groups.contains(&Group::Constraint);
            if !(pin.is_main() || constrains) || !marker::holds(pin.marker.as_deref(), &environment) {
                continue;
            }
            given.take(pin, own && !constrains);
        }
        given.others(found);
        if let Some(python) = &found.read.python
            && target.allowed_by(python) == Some(false)
        {
            given.notes.push(format!(
                "`{}` is for Python {python}, and the target has {}",
                found.file, target.python
            ));
        }
        for Index { url, use_for, line: _ } in &found.read.indexes {
            let option = match use_for {
                IndexUse::First => IndexOption::Main(url.clone()),
                IndexUse::Extra => IndexOption::Extra(url.clone()),
                IndexUse::Links => IndexOption::FindLinks(url.clone()),
                IndexUse::Named => continue,
            };
            // A lock is committed, and whoever reads it has settings of their own.
            if has_credentials(url) {
                given.notes.push(format!(
                    "`{}` names an index with a password, which is not written into the lock: set it up for pip or uv",
                    found.file
                ));
            } else {
                given.options.push(option);
            }
        }
        for problem in &found.read.problems {
            let line = if problem.line == 0 { String::new() } else { format!(":{}", problem.line) };
            given.notes.push(format!("{}{line}: {}", found.file, problem.message));
        }
        given
    }

    fn take(&mut self, pin: &Pin, asked: bool) {
        let demand = match (&pin.source, &pin.version) {
            (Source::Vcs { system, url, commit, requested, subdirectory }, _) => {
                let at =
                    commit.as_ref().or(requested.as_ref()).map(|at| format!("@{at}")).unwrap_or_default();
                let below =
                    subdirectory.as_ref().map(|below| format!("#subdirectory={below}")).unwrap_or_default();
                OwnDemand::Address(format!("{system}+{url}{at}{below}"))
            }
            (Source::Url { url, subdirectory }, _) => {
                let below =
                    subdirectory.as_ref().map(|below| format!("#subdirectory={below}")).unwrap_or_default();
                OwnDemand::Address(format!("{url}{below}"))
            }
            (Source::Path { path, .. }, _) => {
                self.notes.push(format!(
                    "`{}` is `{path}` in {}, a path of this machine: it is not locked as such",
                    pin.name, self.file
                ));
                return;
            }
            (Source::Index { .. } | Source::Conda { .. }, Some(version)) => {
                OwnDemand::Versions(format!("=={version}"))
            }
            (Source::Index { .. } | Source::Conda { .. }, None) if pin.specifier.is_empty() => OwnDemand::Any,
            (Source::Index { .. } | Source::Conda { .. }, None) => OwnDemand::Versions(pin.specifier.clone()),
        };
        if let OwnDemand::Versions(versions) = &demand {
            self.constraints.push(format!("{}{versions}", pin.normalised));
        }
        if asked {
            let place = Place {
                file: pin.file.clone().unwrap_or_else(|| self.file.clone()),
                line: u32::try_from(pin.line).unwrap_or(u32::MAX),
            };
            let (name, extras) = (pin.name.clone(), pin.extras.clone());
            self.asked.push((Wish { name, extras, demand: demand.clone() }, place));
        }
        // Of several lines that hold, the first: they do not contradict each other where anybody installs them.
        self.demands.entry(pin.normalised.clone()).or_insert(demand);
    }

    /// conda's packages that are none of Python's.
    fn others(&mut self, found: &Found) {
        const SHOWN: usize = 6;
        let mut names: Vec<String> = found
            .read
            .others
            .iter()
            .filter(|pin| pin.is_main())
            .map(|pin| format!("`{}`", pin.name))
            .collect();
        // Whole lock files are full of libraries that come with conda's own builds.
        if names.is_empty() || found.read.kind.is_lock() {
            return;
        }
        let more = names.len().saturating_sub(SHOWN);
        names.truncate(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        self.notes.push(format!(
            "{} names what is no package of Python's: {}{more}; it has to come with the base image or a line of the Dockerfile",
            found.file,
            names.join(", ")
        ));
    }
}

fn has_credentials(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?', '#']).next();
    authority.is_some_and(|authority| authority.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::python::specs::{Kind, Platform, read};
    use crate::spec::lock_target::{self, Sayings};

    fn given(file: &str, place: precedence::Place, text: &str) -> Given {
        let kind = Kind::of(file.rsplit('/').next().unwrap()).unwrap();
        let read = read(kind, text, &Platform::default());
        let sayings = Sayings { command_line: Some("3.11.7"), ..Sayings::default() };
        let target = LockTarget::choose(lock_target::Platform::LinuxX86_64, &sayings).0;
        Given::of(&Found { file: file.to_owned(), place, read }, &target)
    }

    fn asked(given: &Given) -> Vec<String> {
        given
            .asked
            .iter()
            .map(|(wish, place)| format!("{} {}:{}", wish.name, place.file, place.line))
            .collect()
    }

    #[test]
    fn an_experiments_own_list_asks_for_what_it_names() {
        let given = given(
            "src/exp/environment.yml",
            precedence::Place::Experiment,
            "dependencies:\n  - python=3.10\n  - numpy=1.26\n  - ffmpeg\n  - pip:\n    - plugin[x]==2.0\n    - clip @ git+https://h/clip@main\n    - old; python_version < '3'\n",
        );
        assert_eq!(
            asked(&given),
            [
                "numpy src/exp/environment.yml:3",
                "plugin src/exp/environment.yml:6",
                "clip src/exp/environment.yml:7"
            ]
        );
        assert_eq!(given.demands["plugin"], OwnDemand::Versions("==2.0".to_owned()));
        assert_eq!(given.demands["clip"], OwnDemand::Address("git+https://h/clip@main".to_owned()));
        assert_eq!(given.asked[1].0.extras, ["x"]);
        assert!(given.constraints.contains(&"plugin==2.0".to_owned()), "{:?}", given.constraints);
        assert!(given.notes.iter().any(|note| note.contains("`ffmpeg`")), "{:?}", given.notes);
        assert!(given.notes.iter().any(|note| note.contains("is for Python")), "{:?}", given.notes);
    }

    #[test]
    fn what_the_project_shares_gives_versions_and_asks_for_nothing() {
        let lock = "version = 1\n[[package]]\nname = \"numpy\"\nversion = \"1.26.4\"\n";
        let of_lock = given("uv.lock", precedence::Place::Project, lock);
        assert_eq!(
            (asked(&of_lock).len(), of_lock.constraints.as_slice()),
            (0, &["numpy==1.26.4".to_owned()][..])
        );
        let list = given(
            "requirements.txt",
            precedence::Place::Project,
            "numpy>=1\n--extra-index-url https://me:pw@h/s\n-i https://h/t\n",
        );
        assert_eq!((asked(&list).len(), list.demands.len()), (0, 1));
        assert_eq!(list.options, [IndexOption::Main("https://h/t".to_owned())]);
        assert!(list.notes[0].contains("an index with a password") && !list.notes[0].contains("pw@"));
    }
}
