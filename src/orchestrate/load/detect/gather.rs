//! What one file asks for.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::File;
use super::ledger::{Asked, Call, Word, Words};
use super::naming::Declared;
use super::read::Part;
use crate::project::python::imports::{Guard, How, Import};
use crate::project::python::programs;
use crate::project::python::requirements;
use crate::project::python::scan::{Base, Installer};
use crate::spec::detection::Kind;

/// What the places of a file ask for, but for relative imports; without outcomes.
pub fn asked(number: u32, file: &File, words: &mut Words) -> Vec<Asked> {
    let mut all = Vec::new();
    for part in &file.contents.parts {
        let cell = part.cell.unwrap_or(0);
        for import in part.scan.imports.iter().filter(|import| import.level == 0) {
            all.push(import_at(number, part, import, words));
        }
        for program in part.scan.programs.iter().filter(|program| program.module) {
            let module = words.id(&program.name);
            all.push(Asked {
                file: number,
                line: program.line,
                cell,
                kind: soft(&program.guard).unwrap_or(Kind::Program),
                is_hearsay: false,
                module,
                names: Word::NONE,
                what: words.id(&format!("python -m {}", program.name)),
                why: Word::NONE,
                attempt: 0,
                outcome: 0,
            });
        }
    }
    for class in &file.contents.class_paths {
        let module = words.id(&class.path);
        all.push(Asked {
            file: number,
            line: class.line,
            cell: 0,
            kind: Kind::ByName,
            is_hearsay: true,
            module,
            names: Word::NONE,
            what: module,
            why: Word::NONE,
            attempt: 0,
            outcome: 0,
        });
    }
    all
}

/// The kind that a guard makes of a place, whatever is there.
fn soft(guard: &Guard) -> Option<Kind> {
    match guard {
        Guard::None => None,
        Guard::Tried { .. } | Guard::Fallback { .. } => Some(Kind::Optional),
        Guard::TypeChecking => Some(Kind::TypeChecking),
        Guard::Elsewhere { .. } => Some(Kind::Guarded),
    }
}

fn import_at(number: u32, part: &Part, import: &Import, words: &mut Words) -> Asked {
    let plain = match import.how {
        How::ByName => Kind::ByName,
        _ if import.in_function => Kind::Function,
        _ => Kind::Top,
    };
    let (kind, attempt, why) = match &import.guard {
        Guard::None => (plain, 0, Word::NONE),
        Guard::Tried { attempt } => (Kind::Optional, attempt + 1, Word::NONE),
        Guard::Fallback { attempt } => {
            // Within something that is itself guarded it is needed no more than that.
            let around = part.scan.attempts.get(*attempt as usize).and_then(soft);
            (around.unwrap_or(Kind::Fallback), attempt + 1, Word::NONE)
        }
        Guard::TypeChecking => (Kind::TypeChecking, 0, Word::NONE),
        Guard::Elsewhere { condition } => (Kind::Guarded, 0, words.id(condition)),
    };
    let module = words.id(&import.module);
    Asked {
        file: number,
        line: import.line,
        cell: part.cell.unwrap_or(0),
        kind,
        is_hearsay: false,
        module,
        names: if import.how == How::From { words.lines(&import.names) } else { Word::NONE },
        what: module,
        why,
        attempt,
        outcome: 0,
    }
}

/// What the calls and the programs of a file need.
pub fn calls(number: u32, file: &File, words: &mut Words) -> Vec<Call> {
    let mut all = Vec::new();
    for part in &file.contents.parts {
        let cell = part.cell.unwrap_or(0);
        for implied in &part.scan.implied {
            all.push(Call {
                file: number,
                line: implied.line,
                cell,
                kind: Kind::Implied,
                certain: implied.certain,
                any_of: words.lines(&implied.distributions),
                what: words.id(&implied.call),
                why: words.id(&implied.why),
            });
        }
        let started = part.scan.programs.iter();
        for program in started.filter(|program| !program.module && soft(&program.guard).is_none()) {
            if let Some(distribution) = programs::distribution(&program.name) {
                all.push(Call {
                    file: number,
                    line: program.line,
                    cell,
                    kind: Kind::Program,
                    certain: true,
                    any_of: words.id(distribution),
                    what: words.id(&program.name),
                    why: Word::NONE,
                });
            }
        }
    }
    all
}

/// Files that a file loads without an absolute import: by relative ones, by `exec(open("x.py").read())`.
pub fn loaded(file: &File, root: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let Some(folder) = file.source.path.parent() else { return all };
    for part in &file.contents.parts {
        for import in part.scan.imports.iter().filter(|import| import.level > 0) {
            let mut base = folder.to_owned();
            if (1..import.level).any(|_| !base.pop()) {
                continue;
            }
            for name in import.module.split('.').filter(|name| !name.is_empty()) {
                all.push(base.join("__init__.py"));
                all.push(base.join(format!("{name}.py")));
                base.push(name);
            }
            all.push(base.join("__init__.py"));
            for name in &import.names {
                all.push(base.join(format!("{name}.py")));
                all.push(base.join(name).join("__init__.py"));
            }
        }
        all.extend(
            part.scan
                .executed
                .iter()
                .filter_map(|executed| place(executed.base, executed.up, &executed.below, folder, root)),
        );
    }
    all
}

/// Modules that a notebook writes before it imports them.
pub fn written(file: &File) -> HashSet<&str> {
    let writes = file.contents.parts.iter().flat_map(|part| &part.scan.writes);
    writes.filter_map(|write| write.path.strip_suffix(".py")?.rsplit('/').next()).collect()
}

/// A path in the code, as one of this machine. Where a program is started is most often the top.
pub fn place(base: Base, up: usize, below: &str, script: &Path, root: &Path) -> Option<PathBuf> {
    let mut path = match base {
        Base::ScriptFolder => script.to_owned(),
        Base::WorkingFolder => root.to_owned(),
        Base::Absolute => PathBuf::from("/"),
    };
    for _ in 0..up {
        if !path.pop() {
            return None;
        }
    }
    path.extend(below.split('/').filter(|part| !part.is_empty() && *part != "."));
    Some(path)
}

/// What a file says of distributions by their own names.
pub fn declarations(file: &File, declared: &mut Declared) {
    for scan in file.contents.parts.iter().map(|part| &part.scan) {
        let blocks = scan.script_block.iter().flat_map(|block| &block.dependencies);
        let installs = scan.installs.iter().filter(|install| install.installer == Installer::Pip);
        let installs = installs.flat_map(|install| &install.requirements);
        for text in blocks.chain(installs) {
            for name in requirements::read(text).names {
                declared.add(&name, &file.source.shown);
            }
        }
    }
}
