//! Files that a file loads without an absolute import, and folders that it names.

use std::path::{Path, PathBuf};

use super::ledger::Page;
use crate::project::python::scan::Base;

/// By relative imports, and by `exec(open("x.py").read())`; whether they are there or not.
pub fn loaded(page: Page<'_>, folder: &Path, root: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for import in page.relative() {
        let mut base = folder.to_owned();
        if (1..import.level).any(|_| !base.pop()) {
            continue;
        }
        for name in page.text(import.module).split('.').filter(|name| !name.is_empty()) {
            all.push(base.join("__init__.py"));
            all.push(base.join(format!("{name}.py")));
            base.push(name);
        }
        all.push(base.join("__init__.py"));
        for name in page.text(import.names).lines() {
            all.push(base.join(format!("{name}.py")));
            all.push(base.join(name).join("__init__.py"));
        }
    }
    let executes = page.executes().iter();
    all.extend(executes.filter_map(|it| place((it.base, it.up, page.text(it.below)), folder, root)));
    all
}

/// A path in the code, as one of this machine: so many folders above the base, then below. Where a program is
/// started is most often the top.
pub fn place((base, up, below): (Base, u32, &str), script: &Path, root: &Path) -> Option<PathBuf> {
    let mut path = match base {
        Base::ScriptFolder => script.to_owned(),
        Base::WorkingFolder => root.to_owned(),
        Base::Absolute => PathBuf::from("/"),
        Base::Unknown => return None,
    };
    for _ in 0..up {
        if !path.pop() {
            return None;
        }
    }
    path.extend(below.split('/').filter(|part| !part.is_empty() && *part != "."));
    Some(path)
}
