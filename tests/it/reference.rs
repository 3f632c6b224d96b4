//! The generated pages of the reference are those that are committed.

use std::fs;
use std::path::Path;

use scaf::orchestrate::load::settings::load;
use scaf::spec::env_vars::{self, Environment};
use scaf::spec::settings::layer::Layer;
use scaf::spec::settings::reference;

use crate::support::here;

pub fn same(page: &str, path: &str) {
    let committed = fs::read_to_string(here().join(path)).unwrap_or_default();
    if committed != page {
        let actual = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reference").join(path);
        fs::create_dir_all(actual.parent().unwrap()).unwrap();
        fs::File::create(&actual)
            .and_then(|mut file| std::io::Write::write_all(&mut file, page.as_bytes()))
            .unwrap();
        panic!("`{path}` is not what is generated; take it over: cp {} {path}", actual.display());
    }
}

#[test]
fn settings() {
    same(&reference::page(), "docs/reference/settings.md");
}

#[test]
fn environment() {
    same(&env_vars::page(), "docs/reference/environment.md");
}

#[test]
fn what_the_template_of_the_project_proposes_can_be_set() {
    let text = fs::read_to_string(here().join("templates/project/scaf.toml")).unwrap();
    // The first two lines are words; every other comment is a proposal.
    let proposed: String = text
        .lines()
        .skip(2)
        .map(|line| line.strip_prefix("# ").unwrap_or(line).replace("<{ project }>", "digits") + "\n")
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scaf.toml");
    fs::File::create(file)
        .and_then(|mut file| std::io::Write::write_all(&mut file, proposed.as_bytes()))
        .unwrap();
    let loaded = load(Some(folder.path()), &Environment::default(), Layer::default())
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(loaded.settings.run.env, ["OMP_NUM_THREADS=4", "TOKEN"]);
    assert_eq!(loaded.settings.targets["azureml"].workspace.as_deref(), Some("my-workspace"));
}

#[test]
fn checks() {
    same(&scaf::spec::check::rules::reference(), "docs/reference/checks.md");
}
