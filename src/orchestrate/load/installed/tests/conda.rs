//! Environments of conda.

use super::*;
use crate::spec::origin::Origin;

fn record(made: &Made, file: &str, name: &str, files: &[&str]) {
    let files: Vec<String> =
        files.iter().map(|file| format!("lib/python3.11/site-packages/{file}")).collect();
    let (_, version, build) = crate::project::python::conda_meta::name_of_file(file).unwrap();
    let text = serde_json::json!({
        "name": name, "version": version, "build": build,
        "channel": "https://channel.example/forge/linux-64", "files": files,
    });
    put(&made.interpreter.prefix.join("conda-meta").join(format!("{file}.json")), &text.to_string());
}

fn conda(package: &str, version: &str) -> Origin {
    Origin::Conda {
        package: package.to_owned(),
        version: version.to_owned(),
        channel: Some("https://channel.example/forge".to_owned()),
        build: Some("py311_0".to_owned()),
    }
}

#[test]
fn a_distribution_that_conda_installed_under_another_name() {
    let made = Made::new();
    made.wheel("torch", "2.1.0", &["torch/__init__.py"]).wheel("pipped", "1.0", &["pipped.py"]);
    made.put("torch-2.1.0.dist-info/INSTALLER", "conda\n");
    record(
        &made,
        "pytorch-2.1.0-py311_0",
        "pytorch",
        &["torch/__init__.py", "torch-2.1.0.dist-info/METADATA"],
    );
    record(&made, "torch-stub-2.1.0-py311_0", "torch-stub", &["x/torch-2.1.0.dist-infos"]);
    let installed = made.read();
    assert_eq!(found(&installed, "torch"), "torch 2.1.0");
    let torch = installed.get("torch").unwrap().provenance();
    assert_eq!(torch.origin, conda("pytorch", "2.1.0"));
    assert!(torch.evidence.starts_with("`conda-meta/pytorch-2.1.0-py311_0.json` has"), "{}", torch.evidence);
    assert_eq!(
        installed.get("pipped").unwrap().provenance().origin,
        Origin::Index { url: None, label: None }
    );
}

#[test]
fn an_egg_info_that_conda_brought() {
    let made = Made::new();
    made.put("torch/__init__.py", "");
    made.put("torch-2.1.0-py3.11.egg-info/PKG-INFO", "Name: torch\nVersion: 2.1.0\n");
    record(
        &made,
        "pytorch-2.1.0-py311_0",
        "pytorch",
        &["torch/__init__.py", "torch-2.1.0-py3.11.egg-info/PKG-INFO"],
    );
    let installed = made.read();
    assert_eq!(installed.get("torch").unwrap().provenance().origin, conda("pytorch", "2.1.0"));
}

#[test]
fn a_module_that_only_conda_knows_of() {
    let made = Made::new();
    made.put("cv2/__init__.py", "").put("mine.py", "");
    record(&made, "opencv-4.9-py311_0", "opencv", &["cv2/__init__.py"]);
    record(&made, "libgcc-14-0", "libgcc", &[]);
    let installed = made.read();
    assert_eq!(found(&installed, "cv2"), "opencv 4.9");
    assert_eq!(found(&installed, "mine"), "loose site-packages/mine.py");
    let opencv = installed.get("opencv").unwrap();
    assert_eq!((opencv.kind, opencv.requires().len()), (Kind::Conda, 0));
    assert_eq!(opencv.provenance().origin, conda("opencv", "4.9"));
    assert!(installed.get("libgcc").is_some());
}

#[test]
fn a_damaged_record_of_conda_is_told_of_and_named_by_its_file() {
    let made = Made::new();
    put(&made.interpreter.prefix.join("conda-meta/bad-1.0-0.json"), "{");
    put(&made.interpreter.prefix.join("conda-meta/history"), "");
    let installed = made.read();
    let bad = installed.get("bad").unwrap();
    assert_eq!((bad.name(), bad.version()), ("bad", "1.0"));
    assert!(matches!(bad.problems()[..], [distribution::Problem::Unreadable { .. }]));
    let Origin::Conda { package, channel: None, .. } = &bad.provenance().origin else { panic!() };
    assert_eq!(package, "bad");
}
