//! From what code needs to what is asked for in a lock, and to what the requirement files say. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::closure;
use super::detection::{Detection, Kind, Needed};
use super::lock_choice::{OwnDemand, Wish};
use super::lock_given::Given;
use super::lock_target::LockTarget;
use super::pin::{Pin, Source};
use super::requirements_file::{Contents, Group, Place, Suggestion, Wanted};
use super::requirements_lock::Locked;
use crate::project::python::requirements::normalised;
use crate::project::python::requires_dist::{self, Demand};
use crate::project::python::wheel_name;

/// Which of an experiment's files of requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// The image of its runs.
    Runs,
    Notebooks,
    Tests,
}

/// What the code asks for there, and why; by normalised name.
fn wanted(detection: &Detection, part: For) -> BTreeMap<&str, (Group, &Needed)> {
    let Detection { third_party, notebook_only, optional, implied, dev, .. } = detection;
    let alone = |name: &String| notebook_only.contains(name);
    fn of<'a>(
        all: impl Iterator<Item = (&'a String, &'a Needed)>,
        group: Group,
    ) -> impl Iterator<Item = (&'a str, (Group, &'a Needed))> {
        all.map(move |(name, needed)| (name.as_str(), (group, needed)))
    }
    match part {
        For::Runs => {
            // What another platform or a type checker has is no use to a run.
            let there = |needed: &Needed| needed.version.is_some() && needed.kind == Kind::Optional;
            let optional = optional.iter().filter(|(_, needed)| there(needed));
            let implied = implied.iter().filter(|(name, _)| !alone(name));
            let imported = third_party.iter().filter(|(name, _)| !alone(name));
            // Of a name in several groups, the weightiest counts: the last one here.
            of(optional, Group::Optional)
                .chain(of(implied, Group::Implied))
                .chain(of(imported, Group::Imported))
                .collect()
        }
        For::Notebooks => of(third_party.iter().filter(|(name, _)| alone(name)), Group::Imported).collect(),
        For::Tests => of(dev.iter(), Group::Imported).collect(),
    }
}

/// Modules that are gone from newer versions, where nobody else says which is meant: distribution, module, versions that
/// have it.
const GONE: [(&str, &str, &str); 1] = [("setuptools", "pkg_resources", "<82")];

/// Which one is meant where nobody else says it.
fn demand(needed: &Needed) -> OwnDemand {
    // What an index has under the name is another project.
    if let Some(repository) = &needed.repository {
        return OwnDemand::Address(repository.clone());
    }
    let is_of = |import: &String, module: &str| import.split('.').next() == Some(module);
    let bound = GONE.iter().find(|(distribution, module, _)| {
        normalised(&needed.name) == *distribution && needed.imports.iter().any(|import| is_of(import, module))
    });
    match bound {
        // What is installed has it, or nobody would have found it there.
        Some((_, _, versions)) if needed.version.is_none() => OwnDemand::Versions((*versions).to_owned()),
        _ => OwnDemand::Any,
    }
}

/// What is asked for: what the code needs, and the user's own requirements, which win. Those that do not hold on the
/// target are left out.
pub fn wishes(
    detection: &Detection,
    own: &[String],
    given: Option<&Given>,
    target: &LockTarget,
) -> Vec<Wish> {
    let mut wishes: BTreeMap<String, Wish> = BTreeMap::new();
    for needed in wanted(detection, For::Runs).values().map(|(_, needed)| needed) {
        let wish = Wish { demand: demand(needed), ..named(&needed.name) };
        wishes.insert(normalised(&wish.name), wish);
    }
    for (wish, _) in given.iter().flat_map(|given| &given.asked) {
        let have = wishes.entry(normalised(&wish.name)).or_insert_with(|| Wish::named(&wish.name));
        let new =
            wish.extras.iter().filter(|extra| !have.extras.contains(extra)).cloned().collect::<Vec<_>>();
        have.extras.extend(new);
    }
    for (name, wish) in &mut wishes {
        if let Some(demand) = given.and_then(|given| given.demands.get(name)) {
            wish.demand.clone_from(demand);
        }
    }
    let mut own_names = BTreeSet::new();
    for line in own {
        let Ok(parts) = requires_dist::split(line) else { continue };
        if parts.marker.is_some_and(|marker| closure::holds_on(marker, target) == Some(false)) {
            continue;
        }
        let name = normalised(parts.name);
        let wish = wishes.entry(name.clone()).or_insert_with(|| Wish::named(parts.name));
        for extra in parts.extras {
            if !wish.extras.iter().any(|have| have == extra) {
                wish.extras.push(extra.to_owned());
            }
        }
        wish.demand = match (parts.demand, &wish.demand) {
            (Demand::Any, have) => have.clone(),
            (Demand::Address(address), _) => match (wheel_name::beside(address), Pin::of_wheel_line(address))
            {
                (Some(file), Some(pin)) => {
                    wish.extras.extend(pin.extras);
                    OwnDemand::Wheel(file.to_owned())
                }
                _ => OwnDemand::Address(address.to_owned()),
            },
            // Two lines about one distribution hold both.
            (Demand::Versions(more), OwnDemand::Versions(have)) if own_names.contains(&name) => {
                OwnDemand::Versions(format!("{have},{more}"))
            }
            (Demand::Versions(versions), _) => OwnDemand::Versions(versions.to_owned()),
        };
        own_names.insert(name);
    }
    wishes.into_values().collect()
}

/// `uvicorn[standard]`
fn named(text: &str) -> Wish {
    match requires_dist::split(text) {
        Ok(parts) => Wish {
            name: parts.name.to_owned(),
            extras: parts.extras.iter().map(|extra| (*extra).to_owned()).collect(),
            demand: OwnDemand::Any,
        },
        Err(_) => Wish::named(text),
    }
}

/// What `requirements.txt` says. `pin` knows what a distribution is locked as, by its normalised name; `shown` makes a
/// file's path one that is the same on every machine.
pub fn contents(
    detection: &Detection,
    given: Option<&Given>,
    pin: &dyn Fn(&str) -> Option<Pin>,
    shown: &dyn Fn(&str) -> String,
    indexes: &BTreeMap<String, String>,
    pins: &[Locked],
) -> Contents {
    let mut contents = Contents { indexes: indexes.clone(), ..Contents::default() };
    let all = wanted(detection, For::Runs);
    for (name, (group, needed)) in &all {
        if let Some(pin) = pin(&normalised(&named(&needed.name).name)).or_else(|| pin(name)) {
            let group = if is_wheel(&pin) { Group::Local } else { *group };
            contents.wanted.push(line(needed, group, pin, shown));
        }
    }
    // Whoever installs from this file alone must not look for them anywhere else.
    for Locked { pin, hashes: _, via: _ } in pins.iter().filter(|locked| is_wheel(&locked.pin)) {
        let name = pin.normalised();
        if !contents.wanted.iter().any(|wanted| wanted.pin.normalised() == name) {
            let call = Some("needed in turn".to_owned());
            contents.wanted.push(Wanted { pin: pin.clone(), group: Group::Local, places: Vec::new(), call });
        }
    }
    for (wish, place) in given.iter().flat_map(|given| &given.asked) {
        let name = normalised(&wish.name);
        if let (false, Some(mut pin)) = (all.contains_key(name.as_str()), pin(&name)) {
            pin.extras.clone_from(&wish.extras);
            let place = Place { file: shown(&place.file), line: place.line };
            contents.wanted.push(Wanted { pin, group: Group::Asked, places: vec![place], call: None });
        }
    }
    let more = detection.optional.iter().filter(|(_, needed)| needed.kind == Kind::Optional);
    for (name, needed) in more.chain(&detection.suggested) {
        if !all.contains_key(name.as_str()) && !detection.third_party.contains_key(name) {
            contents.suggested.push(suggestion(needed, Group::Suggested, shown));
        }
    }
    contents
}

/// What `requirements.txt` says where nothing could be locked: what is installed as it is, and the names of the rest.
pub fn known(
    detection: &Detection,
    given: Option<&Given>,
    pin: &dyn Fn(&str) -> Option<Pin>,
    shown: &dyn Fn(&str) -> String,
) -> Contents {
    let mut contents = contents(detection, given, pin, shown, &BTreeMap::new(), &[]);
    for (name, (_, needed)) in wanted(detection, For::Runs) {
        if needed.version.is_none() && pin(name).is_none() {
            contents.suggested.push(suggestion(needed, Group::Unpinned, shown));
        }
    }
    contents
}

/// What the file for notebooks or for tests says: what is installed, as it is, and the names of the rest.
pub fn beside(
    detection: &Detection,
    part: For,
    pin: &dyn Fn(&str) -> Option<Pin>,
    shown: &dyn Fn(&str) -> String,
) -> Contents {
    let mut contents = Contents::default();
    let runs = wanted(detection, For::Runs);
    for (name, (group, needed)) in wanted(detection, part) {
        if runs.contains_key(name) {
            continue;
        }
        match pin(name) {
            Some(pin) => contents.wanted.push(line(needed, group, pin, shown)),
            None if needed.version.is_none() => {
                contents.suggested.push(suggestion(needed, Group::Unpinned, shown));
            }
            // It is of this machine.
            None => {}
        }
    }
    contents
}

fn is_wheel(pin: &Pin) -> bool {
    matches!(pin.source, Source::Wheel { .. })
}

fn line(needed: &Needed, group: Group, mut pin: Pin, shown: &dyn Fn(&str) -> String) -> Wanted {
    pin.extras = named(&needed.name).extras;
    let call = (group == Group::Implied).then(|| needed.places.first().map(|place| place.what.to_string()));
    Wanted { pin, group, places: places(needed, shown), call: call.flatten() }
}

fn suggestion(needed: &Needed, group: Group, shown: &dyn Fn(&str) -> String) -> Suggestion {
    Suggestion { name: needed.name.clone(), group, places: places(needed, shown) }
}

fn places(needed: &Needed, shown: &dyn Fn(&str) -> String) -> Vec<Place> {
    let place = |place: &super::detection::Place| {
        let file = shown(&place.file);
        let file = place.cell.map_or_else(|| file.clone(), |cell| format!("{file}:{cell}"));
        Place { file, line: place.line }
    };
    // What weighs most says why.
    let mut all: Vec<&super::detection::Place> = needed.places.iter().collect();
    all.sort_by_key(|place| place.kind);
    all.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::python::target::Target;
    use crate::spec::detection::{self, FORMAT, Known, Role};
    use crate::spec::lock_target::{Platform, Sayings};

    fn needed(name: &str, kind: Kind, version: Option<&str>, file: &str) -> (String, Needed) {
        let place = detection::Place {
            file: file.into(),
            line: 3,
            cell: file.ends_with(".ipynb").then_some(2),
            kind,
            role: Role::Code,
            what: "call".into(),
            why: None,
        };
        let needed = Needed {
            name: name.to_owned(),
            imports: BTreeSet::new(),
            places: vec![place],
            kind,
            version: version.map(str::to_owned),
            origin: None,
            known: Known::Installed,
            candidates: Vec::new(),
            repository: None,
            native: false,
            files_outside: Vec::new(),
        };
        (normalised(name), needed)
    }

    fn detected() -> Detection {
        Detection {
            format: FORMAT,
            root: "/p/src/exp".to_owned(),
            interpreter: None,
            target: Target::default(),
            third_party: BTreeMap::from([
                needed("NumPy", Kind::Top, Some("1.26"), "/p/src/common/x.py"),
                needed("seaborn", Kind::Top, Some("0.13"), "look.ipynb"),
                needed("folium", Kind::Top, None, "look.ipynb"),
                needed("mylib", Kind::Top, Some("0"), "train.py"),
            ]),
            notebook_only: vec!["seaborn".to_owned(), "folium".to_owned()],
            optional: BTreeMap::from([
                needed("tqdm", Kind::Optional, Some("4"), "train.py"),
                needed("wandb", Kind::Optional, None, "train.py"),
                needed("colorama", Kind::Guarded, Some("0.4"), "train.py"),
                needed("types-x", Kind::TypeChecking, None, "train.py"),
            ]),
            implied: BTreeMap::from([needed("pyarrow", Kind::Implied, None, "train.py")]),
            suggested: BTreeMap::from([needed("openpyxl", Kind::Implied, None, "train.py")]),
            dev: BTreeMap::from([needed("pytest", Kind::Top, Some("8"), "test_x.py")]),
            local: BTreeMap::new(),
            elsewhere: Vec::new(),
            stdlib: BTreeSet::new(),
            unresolved: Vec::new(),
            closure: None,
            problems: Vec::new(),
            files: 1,
        }
    }

    fn pin(name: &str) -> Option<Pin> {
        (name != "mylib" && name != "folium").then(|| Pin::version(name, "1"))
    }

    fn shown(file: &str) -> String {
        file.replace("/p/src/", "../")
    }

    #[test]
    fn what_is_asked_for_with_the_users_own_lines_over_it() {
        let sayings = Sayings { command_line: Some("3.11"), ..Sayings::default() };
        let target = LockTarget::choose(Platform::LinuxX86_64, &sayings).0;
        let own = ["numpy[x]>=1", "numpy<2", "uvloop; sys_platform == 'win32'", "clip @ git+https://h/c@1"];
        let own = own.map(str::to_owned);
        let given = Given {
            demands: BTreeMap::from([
                ("tqdm".to_owned(), OwnDemand::Versions("==4.1".to_owned())),
                ("numpy".to_owned(), OwnDemand::Versions("==1.0".to_owned())),
            ]),
            asked: vec![(named("plugin[y]"), Place { file: "environment.yml".to_owned(), line: 2 })],
            ..Given::default()
        };
        let wishes = wishes(&detected(), &own, Some(&given), &target);
        let told: Vec<_> =
            wishes.iter().map(|wish| format!("{}{:?} {:?}", wish.name, wish.extras, wish.demand)).collect();
        assert_eq!(
            told,
            [
                "clip[] Address(\"git+https://h/c@1\")",
                "mylib[] Any",
                "NumPy[\"x\"] Versions(\">=1,<2\")",
                "plugin[\"y\"] Any",
                "pyarrow[] Any",
                "tqdm[] Versions(\"==4.1\")"
            ]
        );
    }

    #[test]
    fn a_module_that_is_gone_from_newer_versions_bounds_them() {
        let sayings = Sayings { command_line: Some("3.11"), ..Sayings::default() };
        let target = LockTarget::choose(Platform::LinuxX86_64, &sayings).0;
        let demands = |version: Option<&str>, import: &str, own: &[String]| {
            let (name, mut needed) = needed("setuptools", Kind::Top, version, "train.py");
            needed.imports.insert(import.to_owned());
            let detection = Detection { third_party: BTreeMap::from([(name, needed)]), ..detected() };
            let wishes = wishes(&detection, own, None, &target);
            wishes.into_iter().find(|wish| wish.name == "setuptools").unwrap().demand
        };
        let below = OwnDemand::Versions("<82".to_owned());
        assert_eq!(demands(None, "pkg_resources.extern", &[]), below);
        assert_eq!(demands(None, "setuptools", &[]), OwnDemand::Any);
        assert_eq!(demands(Some("82"), "pkg_resources", &[]), OwnDemand::Any);
        let own = ["setuptools>60".to_owned()];
        assert_eq!(demands(None, "pkg_resources", &own), OwnDemand::Versions(">60".to_owned()));
    }

    #[test]
    fn what_each_file_says() {
        let contents = contents(&detected(), None, &pin, &shown, &BTreeMap::new(), &[]);
        let wanted: Vec<_> = contents
            .wanted
            .iter()
            .map(|wanted| (wanted.pin.name.as_str(), wanted.group, wanted.call.as_deref()))
            .collect();
        assert_eq!(
            wanted,
            [
                ("numpy", Group::Imported, None),
                ("pyarrow", Group::Implied, Some("call")),
                ("tqdm", Group::Optional, None)
            ]
        );
        assert_eq!(contents.wanted[0].places, [Place { file: "../common/x.py".to_owned(), line: 3 }]);
        let suggested: Vec<_> = contents.suggested.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(suggested, ["wandb", "openpyxl"]);
        let installed = |name: &str| (name == "numpy").then(|| Pin::version(name, "1"));
        let known = known(&detected(), None, &installed, &shown);
        assert_eq!(known.wanted.len(), 1);
        let unpinned = known.suggested.iter().filter(|one| one.group == Group::Unpinned);
        assert_eq!(unpinned.map(|one| one.name.as_str()).collect::<Vec<_>>(), ["pyarrow"]);
        let notebook = beside(&detected(), For::Notebooks, &pin, &shown);
        assert_eq!(notebook.wanted[0].pin.name, "seaborn");
        assert_eq!(notebook.wanted[0].places, [Place { file: "look.ipynb:2".to_owned(), line: 3 }]);
        assert_eq!((notebook.wanted.len(), notebook.suggested[0].name.as_str()), (1, "folium"));
        assert_eq!(notebook.suggested[0].group, Group::Unpinned);
        assert_eq!(beside(&detected(), For::Tests, &pin, &shown).wanted[0].pin.name, "pytest");
    }
}
