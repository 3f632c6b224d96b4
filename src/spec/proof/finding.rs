//! What did not go well, at the line of code that wants it, with what would mend it.

use serde::Serialize;

use super::remedy::{self, Case, Remedy};
use super::{Asked, Proof, Wrong};
use crate::project::python::import_names;
use crate::spec::detection::Detection;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `train.py:3`
    pub place: Option<String>,
    /// The module, the call or the command; nothing for a file that does not compile.
    pub what: Option<String>,
    pub message: String,
    pub remedy: Option<Remedy>,
}

pub fn all(asked: &Asked, detection: &Detection, proof: &Proof) -> Vec<Finding> {
    let mut found = Vec::new();
    let known = |module: &str| of_module(detection, module);
    let place = |place: &str| Some(place).filter(|place| *place != "-").map(str::to_owned);
    for (question, answer) in asked.modules.iter().zip(&proof.modules) {
        let Some(wrong) = &answer.error else { continue };
        let is_there = answer.version.is_some();
        found.push(Finding {
            place: place(&question.place),
            what: Some(question.module.clone()),
            message: message(wrong),
            remedy: remedy::of(&Case {
                module: &question.module,
                distribution: question.distribution.as_deref().map(|name| (name, is_there)),
                wrong,
                system: &proof.system,
                known: &known,
            }),
        });
    }
    for (question, answer) in asked.distributions.iter().zip(&proof.distributions) {
        if answer.error.is_some() {
            found.push(Finding {
                place: place(&question.place),
                what: Some(question.what.clone()),
                message: format!("needs `{}`, which is not in the image", question.distribution),
                remedy: Some(Remedy::Package { name: question.distribution.clone() }),
            });
        }
    }
    for syntax in &proof.syntax {
        let line = syntax.line.map_or_else(String::new, |line| format!(":{line}"));
        found.push(Finding {
            place: Some(format!("{}{line}", syntax.file)),
            what: None,
            message: format!("does not compile: {}", syntax.message),
            remedy: None,
        });
    }
    found
}

fn message(wrong: &Wrong) -> String {
    let first = wrong.message.lines().next().unwrap_or_default();
    match wrong.kind.as_str() {
        "exit" | "signal" | "timeout" => first.to_owned(),
        kind => format!("{kind}: {first}"),
    }
}

/// The distribution of which the code imports this module, or a part of it, or what it is a part of.
fn of_module(detection: &Detection, module: &str) -> Option<String> {
    let Detection { third_party, implied, optional, .. } = detection;
    let is_below = |name: &str, above: &str| {
        name.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    // Of what lies in a namespace nobody can tell whose the namespace is.
    let is_namespace = import_names::candidates(module).is_some_and(|all| all.is_empty());
    let is_it = |import: &String| is_below(module, import) || (!is_namespace && is_below(import, module));
    let mut all = third_party.values().chain(implied.values()).chain(optional.values());
    all.find(|needed| needed.imports.iter().any(is_it)).map(|needed| needed.name.clone())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::spec::proof::{Imported, Module, Named, Present, Syntax, System};

    #[test]
    fn each_at_its_line() {
        let module = |module: &str, place: &str| Module {
            module: module.to_owned(),
            place: place.to_owned(),
            distribution: Some(module.to_owned()),
            optional: false,
        };
        let wrong = |kind: &str, message: &str| {
            Some(Wrong { kind: kind.to_owned(), message: message.to_owned(), missing: None, named: false })
        };
        let imported = |module: &str, error| Imported {
            module: module.to_owned(),
            seconds: 0.1,
            version: None,
            absent: false,
            error,
        };
        let asked = Asked {
            modules: vec![module("a", "train.py:1"), module("b", "train.py:2"), module("c", "-")],
            distributions: vec![Named {
                distribution: "pyarrow".to_owned(),
                place: "train.py:9".to_owned(),
                what: "df.to_parquet()".to_owned(),
            }],
            seconds: 9,
        };
        let proof = Proof {
            python: "3.11.7".to_owned(),
            system: System::default(),
            modules: vec![
                imported("a", None),
                imported("b", wrong("RuntimeError", "no\nsecond line")),
                imported("c", wrong("timeout", "not imported within 9 s")),
            ],
            distributions: vec![Present { distribution: "pyarrow".to_owned(), error: wrong("absent", "") }],
            files: 2,
            syntax: vec![Syntax {
                file: "old.py".to_owned(),
                line: Some(4),
                message: "invalid syntax".to_owned(),
            }],
        };
        assert!(!proof.holds());
        let found = all(&asked, &detection(&[]), &proof);
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.place.as_deref(), one.what.as_deref(), one.message.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (Some("train.py:2"), Some("b"), "RuntimeError: no"),
                (None, Some("c"), "not imported within 9 s"),
                (Some("train.py:9"), Some("df.to_parquet()"), "needs `pyarrow`, which is not in the image"),
                (Some("old.py:4"), None, "does not compile: invalid syntax"),
            ]
        );
        assert_eq!(found[2].remedy, Some(Remedy::Package { name: "pyarrow".to_owned() }));
    }

    fn detection(imports: &[(&str, &str)]) -> Detection {
        let third_party = imports.iter().map(|(name, import)| {
            let needed = serde_json::json!({
                "name": name, "imports": BTreeSet::from([import]), "where": [], "kind": "top", "version": null,
                "origin": null, "known": "installed",
            });
            ((*name).to_owned(), needed)
        });
        let third_party: serde_json::Map<_, _> = third_party.collect();
        serde_json::from_value(serde_json::json!({
            "format": 1, "root": "/p", "interpreter": null,
            "target": {"python": [3, 11], "sys_platform": "linux", "machine": "x86_64"},
            "third_party": third_party, "notebook_only": [], "optional": {}, "implied": {}, "suggested": {}, "dev": {},
            "local": {}, "stdlib": [], "unresolved": [], "problems": [], "files": 1,
        }))
        .unwrap()
    }

    #[test]
    fn the_codes_own_word_for_a_module() {
        let code = detection(&[
            ("corp-tools", "corp.tools"),
            ("google-cloud-storage", "google.cloud.storage"),
            ("opencv-python", "cv2"),
        ]);
        let of = |module| of_module(&code, module);
        assert_eq!(of("cv2.gapi").as_deref(), Some("opencv-python"));
        assert_eq!(of("corp").as_deref(), Some("corp-tools"));
        assert_eq!(of("google"), None);
        assert_eq!(of("google.cloud"), None);
        assert_eq!(of("corporation"), None);
    }
}
