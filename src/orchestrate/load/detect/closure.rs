//! What the code asks for with everything that this needs in turn, as far as it is installed: each with the pin
//! that gets exactly this one again, and where it came from.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

use super::super::installed::{Distribution, Installed};
use super::super::interpreter::Interpreter;
use crate::project::python::requirements::normalised;
use crate::spec::closure::{self, Catalogue, Closure, Known, Root};
use crate::spec::detection::{Detection, Pinned};
use crate::spec::lock_choice::{self, Taken};
use crate::spec::lock_target::{LockTarget, Platform, Sayings};
use crate::spec::pin::{Pin, Source};

/// What is installed, telling of each distribution that is asked for.
struct Followed<'a> {
    installed: &'a Installed,
    found: Option<mpsc::Sender<&'a Distribution>>,
}

impl Catalogue for Followed<'_> {
    fn get(&self, normalised: &str) -> Option<Known<'_>> {
        if let (Some(found), Some(distribution)) = (&self.found, self.installed.get(normalised)) {
            // The reader reads to the end.
            let _ = found.send(distribution);
        }
        Catalogue::get(self.installed, normalised)
    }
}

pub fn pinned(
    detection: &Detection,
    interpreter: &Interpreter,
    installed: &Installed,
) -> BTreeMap<String, Pinned> {
    let Detection { third_party, implied, optional, .. } = detection;
    let there = optional.values().filter(|needed| needed.version.is_some());
    let roots: Vec<Root> = third_party
        .values()
        .chain(implied.values())
        .chain(there)
        .map(|needed| Root::named(&needed.name))
        .collect();
    let (major, minor) = interpreter.version;
    let version = interpreter.full_version.clone().unwrap_or_else(|| format!("{major}.{minor}"));
    let sayings = Sayings { interpreter: Some(&version), ..Sayings::default() };
    let (target, _) = LockTarget::choose(Platform::default(), &sayings);
    let Closure { distributions, missing, conflicts: _, problems: _ } = thread::scope(|scope| {
        let (found, to_look_at) = mpsc::channel::<&Distribution>();
        // Each says where it came from in a file or two of its own, which are read while its requirements are followed.
        let reader = thread::Builder::new().spawn_scoped(scope, move || {
            to_look_at.iter().for_each(|distribution| {
                distribution.provenance();
            });
        });
        // Where no thread can be had, they are read below.
        let found = reader.ok().map(|_| found);
        closure::close(&roots, &Followed { installed, found }, &target)
    });
    let needed = distributions.into_iter().map(|(name, needed)| {
        let there = installed.get(&name);
        let origin = there.map(|there| there.provenance().clone());
        let source = match there.map(|there| lock_choice::taken(&there.provenance().origin)) {
            None | Some(Taken::FromIndex) => Some(Source::Version(needed.version.clone())),
            Some(Taken::FromAddress(address)) => Some(Source::Address(address)),
            Some(Taken::Local) => None,
        };
        let pin =
            source.map(|source| Pin { name: needed.name.clone(), extras: Vec::new(), source }.to_string());
        let pinned = Pinned {
            name: needed.name,
            version: Some(needed.version),
            pin,
            origin,
            direct: needed.root,
            required_by: needed.required_by.into_iter().map(|edge| edge.by).collect(),
        };
        (name, pinned)
    });
    let absent = missing.into_iter().map(|missing| {
        let direct = missing.root;
        let of_code = roots.iter().find(|root| normalised(&root.name) == missing.name);
        let pinned = Pinned {
            name: of_code.map_or_else(|| missing.name.clone(), |root| root.name.clone()),
            version: None,
            pin: None,
            origin: None,
            direct,
            required_by: missing.required_by.into_iter().map(|edge| edge.by).collect(),
        };
        (missing.name, pinned)
    });
    needed.chain(absent).collect()
}
