//! Hand-made environments: nothing is installed, every file is written as an installer would write it.

mod conda;
mod damage;
mod editable;
mod kinds;
mod names;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::super::interpreter::{ChosenBy, Interpreter};
use super::*;

/// An environment in a folder of its own, whose Python looks into `lib/python3.11/site-packages`.
struct Made {
    folder: tempfile::TempDir,
    interpreter: Interpreter,
}

impl Made {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let prefix = folder.path().join("venv");
        let site = prefix.join("lib/python3.11/site-packages");
        fs::create_dir_all(&site).unwrap();
        let interpreter = Interpreter {
            executable: prefix.join("bin/python"),
            prefix: prefix.clone(),
            base_prefix: prefix,
            version: (3, 11),
            full_version: Some("3.11.7".to_owned()),
            implementation: "cpython",
            free_threaded: false,
            python_path: Vec::new(),
            stdlib: Vec::new(),
            search: vec![site],
            platform: "linux",
            machine: "x86_64",
            chosen_by: ChosenBy::Asked,
        };
        Self { folder, interpreter }
    }

    fn site(&self) -> PathBuf {
        self.interpreter.search[0].clone()
    }

    /// A path beside the environment.
    fn beside(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file of the site folder.
    fn put(&self, path: &str, text: &str) -> &Self {
        put(&self.site().join(path), text);
        self
    }

    /// A distribution as pip installs it from an index: metadata, a list of the files, and the files.
    fn wheel(&self, name: &str, version: &str, files: &[&str]) -> &Self {
        wheel(&self.site(), name, version, files);
        self
    }

    fn read(&self) -> Installed {
        Installed::read(&self.interpreter).unwrap()
    }
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn wheel(site: &Path, name: &str, version: &str, files: &[&str]) {
    let info = format!("{}-{version}.dist-info", name.replace('-', "_"));
    let mut record = String::new();
    for file in files {
        put(&site.join(file), "VALUE = 1\n");
        record.push_str(&format!("{file},sha256=x,10\n"));
    }
    for (file, text) in [
        ("METADATA", format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")),
        ("INSTALLER", "pip\n".into()),
    ] {
        put(&site.join(&info).join(file), &text);
        record.push_str(&format!("{info}/{file},sha256=x,{}\n", text.len()));
    }
    record.push_str(&format!("{info}/RECORD,,\n"));
    put(&site.join(&info).join("RECORD"), &record);
}

/// What an import finds, in words: `name version`, `editable name FILE`, `loose FILE`, `namespace`, `nothing`.
fn found(installed: &Installed, dotted: &str) -> String {
    said(installed, &installed.find(dotted, &[]))
}

fn said(installed: &Installed, found: &Found) -> String {
    let last_two = |file: &PathBuf| {
        let names: Vec<_> =
            file.components().rev().take(2).map(|part| part.as_os_str().to_string_lossy()).collect();
        names.into_iter().rev().collect::<Vec<_>>().join("/")
    };
    let base = |files: &[PathBuf]| files.iter().map(last_two).collect::<Vec<_>>().join(", ");
    match found {
        Found::Nothing => "nothing".to_owned(),
        Found::Namespace => "namespace".to_owned(),
        Found::Loose(files) => format!("loose {}", base(files)),
        Found::Editable { distribution, files } => {
            format!("editable {} {}", installed[*distribution].name(), base(files))
        }
        Found::Distributions(owners) => {
            let one = |index: &Index| format!("{} {}", installed[*index].name(), installed[*index].version());
            owners.iter().map(one).collect::<Vec<_>>().join(", ")
        }
    }
}

/// `from dotted import names`, one by one.
fn each(installed: &Installed, dotted: &str, names: &[&str]) -> Vec<String> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let found = installed.find_each(dotted, &names);
    found.iter().map(|(dotted, found)| format!("{dotted}: {}", said(installed, found))).collect()
}
