//! What is asked of an image: everything that detection found and code cannot do without, and what it can do without where
//! that is there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Asked, Module, Named};
use crate::project::python::requirements::normalised;
use crate::project::python::requires_dist;
use crate::spec::detection::{Detection, Kind, Needed, Place, Role};

/// How far it goes.
pub struct Scope<'a> {
    /// Normalised names that are no matter.
    pub waived: &'a BTreeSet<String>,
    /// What notebooks import, too; it has requirements of its own.
    pub notebooks: bool,
    /// For one module.
    pub seconds: u32,
}

pub fn asked(detection: &Detection, scope: &Scope<'_>) -> Asked {
    let Scope { waived, notebooks, seconds } = scope;
    let Detection { third_party, notebook_only, optional, implied, unresolved, .. } = detection;
    let counts = |place: &Place| match place.role {
        Role::Code => true,
        Role::Notebook => *notebooks,
        Role::Test | Role::Publishing => false,
    };
    let is_waived = |name: &str| {
        let top = name.split('.').next().unwrap_or_default();
        [name, top].iter().any(|name| waived.contains(&normalised(name)))
    };
    let mut modules: BTreeMap<String, Module> = BTreeMap::new();
    let mut distributions = Vec::new();
    let here = |name: &String| *notebooks || !notebook_only.contains(name);
    let imported = third_party.iter().filter(|(name, _)| here(name)).map(|(name, it)| (name, it, false));
    // What a notebook's call implies is pinned for the image, too.
    let implied = implied.iter().map(|(name, it)| (name, it, true));
    let optional = optional.iter().map(|(name, it)| (name, it, false));
    for (name, needed, is_implied) in imported.chain(implied).chain(optional) {
        if is_waived(name) {
            continue;
        }
        let mut is_asked = false;
        for module in &needed.imports {
            let Some((place, optional)) = wanted(needed, module, &counts) else { continue };
            is_asked = true;
            if !is_waived(module) {
                add(&mut modules, module, place, Some(&needed.name), optional);
            }
        }
        let mut places = needed.places.iter().filter(|place| counts(place));
        let hard = places.find(|place| place.kind.is_hard() || place.kind == Kind::Implied);
        if !is_asked && (is_implied || hard.is_some()) {
            let place = hard.or_else(|| needed.places.first());
            distributions.push(Named {
                distribution: plain(&needed.name),
                place: shown(place),
                what: place.map_or_else(String::new, |place| place.what.to_string()),
            });
        }
    }
    for one in unresolved.iter().filter(|one| !is_waived(&one.import)) {
        if let Some(place) = one.places.iter().find(|place| counts(place)) {
            add(&mut modules, &one.import, place, None, false);
        }
    }
    Asked { modules: modules.into_values().collect(), distributions, seconds: *seconds }
}

/// The place that wants a module most, and whether it can do without. `None` where nothing that counts does.
fn wanted<'a>(
    needed: &'a Needed,
    module: &str,
    counts: &dyn Fn(&Place) -> bool,
) -> Option<(&'a Place, bool)> {
    let is_exact = |place: &&Place| what(place) == module;
    let is_related = |place: &&Place| is_related(what(place), module);
    // `from google.cloud import storage` is about `google.cloud.storage`, where nothing else is.
    let about: Vec<&Place> = if needed.places.iter().any(|place| is_exact(&place)) {
        needed.places.iter().filter(is_exact).collect()
    } else if needed.places.iter().any(|place| is_related(&place)) {
        needed.places.iter().filter(is_related).collect()
    } else {
        needed.places.iter().collect()
    };
    let mut places = about.into_iter().filter(|place| counts(place));
    let hard = places.clone().find(|place| place.kind.is_hard() || place.kind == Kind::Implied);
    // Another platform's, and what a type checker reads, is not meant for the image.
    let mut soft = || places.find(|place| place.kind == Kind::Optional);
    // Of two modules of one package it has the one, and the other is for another version of it.
    let is_tried = || needed.places.iter().any(|place| counts(place) && place.kind < Kind::Fallback);
    let is_way_out = |place: &Place| place.kind == Kind::Fallback && is_tried();
    hard.map(|place| (place, is_way_out(place))).or_else(|| soft().map(|place| (place, true)))
}

/// The module that a place names: in `python -m package` the last word.
fn what(place: &Place) -> &str {
    place.what.rsplit(' ').next().unwrap_or_default()
}

fn is_related(one: &str, other: &str) -> bool {
    let is_below = |name: &str, above: &str| {
        name.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    is_below(one, other) || is_below(other, one)
}

fn add(
    modules: &mut BTreeMap<String, Module>,
    module: &str,
    place: &Place,
    distribution: Option<&str>,
    optional: bool,
) {
    let asked = modules.entry(module.to_owned()).or_insert_with(|| Module {
        module: module.to_owned(),
        place: place.shown(),
        distribution: distribution.map(plain),
        optional,
    });
    asked.optional &= optional;
}

fn shown(place: Option<&Place>) -> String {
    place.map_or_else(|| "-".to_owned(), Place::shown)
}

/// Without extras: `uvicorn[standard]` is there as `uvicorn`.
fn plain(name: &str) -> String {
    requires_dist::split(name).map_or_else(|_| name.to_owned(), |parts| parts.name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::python::target::Target;
    use crate::spec::detection::{FORMAT, Known, Unresolved};

    fn place(what: &str, kind: Kind, role: Role) -> Place {
        let file = if role == Role::Notebook { "look.ipynb" } else { "train.py" };
        let cell = (role == Role::Notebook).then_some(2);
        Place { file: file.into(), line: 3, cell, kind, role, what: what.into(), why: None }
    }

    fn needed(name: &str, imports: &[&str], places: &[(&str, Kind, Role)]) -> (String, Needed) {
        let needed = Needed {
            name: name.to_owned(),
            imports: imports.iter().map(|import| (*import).to_owned()).collect(),
            places: places.iter().map(|(what, kind, role)| place(what, *kind, *role)).collect(),
            kind: Kind::Top,
            version: None,
            origin: None,
            known: Known::Installed,
            candidates: Vec::new(),
            native: false,
            files_outside: Vec::new(),
            repository: None,
        };
        (normalised(name), needed)
    }

    fn detection() -> Detection {
        use Kind::{ByName, Function, Guarded, Implied, Optional, Program, Top, TypeChecking};
        use Role::{Code, Notebook, Test};
        let unresolved = |import: &str, role| Unresolved {
            import: import.to_owned(),
            places: vec![place(import, Top, role)],
            reason: String::new(),
            candidates: Vec::new(),
        };
        Detection {
            format: FORMAT,
            root: "/p/src/exp".to_owned(),
            interpreter: None,
            target: Target::default(),
            third_party: BTreeMap::from([
                needed(
                    "scikit-learn",
                    &["sklearn", "sklearn.svm", "sklearn.experimental", "sklearn.tests", "sklearn.plots"],
                    &[
                        ("sklearn", Top, Code),
                        ("sklearn.svm", Function, Code),
                        ("sklearn.experimental", Optional, Code),
                        ("sklearn.tests", Top, Test),
                        ("sklearn.plots", Top, Notebook),
                    ],
                ),
                needed("google-cloud-storage", &["google.cloud.storage"], &[("google.cloud", Top, Code)]),
                needed(
                    "accelerate",
                    &["accelerate.commands.launch"],
                    &[("python -m accelerate.commands.launch", Program, Code)],
                ),
                needed("torch", &[], &[("torchrun", Program, Code)]),
                needed("folium", &["folium"], &[("folium", Top, Notebook)]),
                needed("corp", &["corp"], &[("corp", Top, Code)]),
            ]),
            notebook_only: vec!["folium".to_owned()],
            optional: BTreeMap::from([
                needed("wandb", &["wandb"], &[("wandb", Optional, Code)]),
                needed("pywin32", &["win32api"], &[("win32api", Guarded, Code)]),
                needed("types-x", &["x"], &[("x", TypeChecking, Code)]),
            ]),
            implied: BTreeMap::from([
                needed("uvicorn[standard]", &[], &[("run()", Implied, Code)]),
                needed("lightning", &["lightning.Trainer"], &[("lightning.Trainer", ByName, Code)]),
            ]),
            suggested: BTreeMap::from([needed("openpyxl", &[], &[("read()", Implied, Code)])]),
            dev: BTreeMap::from([needed("pytest", &["pytest"], &[("pytest", Top, Test)])]),
            local: BTreeMap::new(),
            elsewhere: Vec::new(),
            stdlib: BTreeSet::new(),
            unresolved: vec![
                unresolved("nobody.knows", Code),
                unresolved("nor.this", Test),
                unresolved("odd", Code),
            ],
            closure: None,
            problems: Vec::new(),
            files: 1,
        }
    }

    fn told(asked: &Asked) -> Vec<String> {
        let modules = asked.modules.iter().map(|one| {
            let distribution = one.distribution.as_deref().unwrap_or("nothing");
            format!("{}{} of {distribution}, {}", one.module, if one.optional { "?" } else { "" }, one.place)
        });
        let rest = asked
            .distributions
            .iter()
            .map(|one| format!("{} for {}, {}", one.distribution, one.what, one.place));
        modules.chain(rest).collect()
    }

    #[test]
    fn what_the_code_cannot_do_without_and_what_it_can() {
        let waived = ["corp", "odd"].map(str::to_owned).into();
        let asked = asked(&detection(), &Scope { waived: &waived, notebooks: false, seconds: 7 });
        assert_eq!(
            told(&asked),
            [
                "accelerate.commands.launch of accelerate, train.py:3",
                "google.cloud.storage of google-cloud-storage, train.py:3",
                "lightning.Trainer of lightning, train.py:3",
                "nobody.knows of nothing, train.py:3",
                "sklearn of scikit-learn, train.py:3",
                "sklearn.experimental? of scikit-learn, train.py:3",
                "sklearn.svm of scikit-learn, train.py:3",
                "wandb? of wandb, train.py:3",
                "torch for torchrun, train.py:3",
                "uvicorn for run(), train.py:3",
            ]
        );
        assert_eq!(asked.seconds, 7);
    }

    #[test]
    fn the_way_out_for_another_version_of_the_same_package_may_be_absent() {
        use Kind::{Fallback, Top};
        let third_party = BTreeMap::from([
            needed(
                "scikit-learn",
                &["sklearn.model_selection", "sklearn.cross_validation"],
                &[
                    ("sklearn.model_selection", Top, Role::Code),
                    ("sklearn.cross_validation", Fallback, Role::Code),
                ],
            ),
            needed("tomli", &["tomli"], &[("tomli", Fallback, Role::Code)]),
        ]);
        let none = BTreeMap::new;
        let detection = Detection {
            third_party,
            optional: none(),
            implied: none(),
            unresolved: Vec::new(),
            ..detection()
        };
        let asked = asked(&detection, &Scope { waived: &BTreeSet::new(), notebooks: false, seconds: 7 });
        assert_eq!(
            told(&asked),
            [
                "sklearn.cross_validation? of scikit-learn, train.py:3",
                "sklearn.model_selection of scikit-learn, train.py:3",
                "tomli of tomli, train.py:3"
            ]
        );
    }

    #[test]
    fn notebooks_where_they_are_asked_for() {
        let waived = ["sklearn", "nobody"].map(str::to_owned).into();
        let asked = asked(&detection(), &Scope { waived: &waived, notebooks: true, seconds: 7 });
        let told = told(&asked);
        assert!(told.contains(&"folium of folium, look.ipynb:2:3".to_owned()), "{told:?}");
        // By the name of a module, too.
        assert!(!told.iter().any(|line| line.contains("sklearn") || line.contains("nobody")), "{told:?}");
    }
}
