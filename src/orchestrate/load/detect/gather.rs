//! What one file says, in the ledger's words.

use super::ledger::{
    Addition, Asked, Built, Call, Executes, Family, Flaw, Ledger, Main, Names, Relative, Tested, Word, Words,
    Written,
};
use super::read::{Contents, Part};
use crate::project::python::imports::{Guard, How, Import};
use crate::project::python::programs;
use crate::project::python::requirements;
use crate::project::python::scan::{Implied, Installer};
use crate::spec::detection::Kind;

/// The page of a file that has been read.
pub fn page(contents: &Contents) -> Ledger {
    let mut page = Ledger::default();
    for part in &contents.parts {
        imports(part, &mut page);
        calls(part, &mut page);
        places(part, &mut page);
        distributions(part, &mut page);
    }
    for class in &contents.class_paths {
        let module = page.words.id(&class.path);
        page.asked.push(Asked {
            file: 0,
            line: class.line,
            cell: 0,
            kind: Kind::ByName,
            is_hearsay: true,
            is_path: true,
            module,
            names: Word::NONE,
            what: module,
            why: Word::NONE,
            attempt: 0,
            outcome: 0,
        });
    }
    for implied in &contents.implied {
        page.calls.push(implied_at(implied, 0, &mut page.words));
    }
    for problem in &contents.problems {
        let message = page.words.id(&problem.message);
        page.flaws.push(Flaw { file: 0, line: problem.line.unwrap_or(0), message });
    }
    page
}

fn imports(part: &Part, page: &mut Ledger) {
    for import in &part.scan.imports {
        if import.level > 0 {
            let module = page.words.id(&import.module);
            let names = page.words.lines(&import.names);
            page.relative.push(Relative { file: 0, level: import.level, module, names });
        } else {
            let asked = import_at(part, import, &mut page.words);
            page.asked.push(asked);
        }
    }
    let started = part.scan.programs.iter().filter(|program| program.module);
    // What a script starts besides may be a tool.
    for program in started.filter(|program| !(part.is_shell && programs::is_tool(&program.name))) {
        page.asked.push(Asked {
            file: 0,
            line: program.line,
            cell: part.cell.unwrap_or(0),
            kind: soft(&program.guard).unwrap_or(Kind::Program),
            is_hearsay: part.is_shell,
            is_path: false,
            module: page.words.id(&program.name),
            names: Word::NONE,
            what: page.words.id(&format!("python -m {}", program.name)),
            why: Word::NONE,
            attempt: 0,
            outcome: 0,
        });
    }
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

fn import_at(part: &Part, import: &Import, words: &mut Words) -> Asked {
    let plain = match import.how {
        How::ByName | How::ByPath => Kind::ByName,
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
        file: 0,
        line: import.line,
        cell: part.cell.unwrap_or(0),
        kind,
        is_hearsay: part.is_shell,
        is_path: import.how == How::ByPath,
        module,
        names: if import.how == How::From { words.lines(&import.names) } else { Word::NONE },
        what: module,
        why,
        attempt,
        outcome: 0,
    }
}

/// What calls and programs need.
fn calls(part: &Part, page: &mut Ledger) {
    let cell = part.cell.unwrap_or(0);
    for implied in &part.scan.implied {
        page.calls.push(implied_at(implied, cell, &mut page.words));
    }
    let started = part.scan.programs.iter();
    for program in started.filter(|program| !program.module && soft(&program.guard).is_none()) {
        if let Some(distribution) = programs::distribution(&program.name) {
            page.calls.push(Call {
                file: 0,
                line: program.line,
                cell,
                kind: Kind::Program,
                certain: !part.is_shell || programs::is_launcher(&program.name),
                any_of: page.words.id(distribution),
                what: page.words.id(&program.name),
                why: Word::NONE,
                about: Word::NONE,
                versions: Word::NONE,
            });
        }
    }
}

fn implied_at(implied: &Implied, cell: u32, words: &mut Words) -> Call {
    Call {
        file: 0,
        line: implied.line,
        cell,
        kind: Kind::Implied,
        certain: implied.certain,
        any_of: words.lines(&implied.distributions),
        what: words.id(&implied.call),
        why: words.id(&implied.why),
        about: words.lines(&implied.about),
        versions: words.id(&implied.versions),
    }
}

/// Where further modules are.
fn places(part: &Part, page: &mut Ledger) {
    let scan = &part.scan;
    let number = |up: usize| u32::try_from(up).unwrap_or(u32::MAX);
    for addition in &scan.path_additions {
        let below = page.words.id(&addition.below);
        page.additions.push(Addition {
            file: 0,
            line: addition.line,
            cell: part.cell.unwrap_or(0),
            base: addition.base,
            up: number(addition.up),
            below,
        });
    }
    for executed in &scan.executed {
        let below = page.words.id(&executed.below);
        page.executes.push(Executes { file: 0, base: executed.base, up: number(executed.up), below });
    }
    for family in &scan.families {
        let package = page.words.id(&family.package);
        page.families.push(Family { file: 0, level: family.level, package });
    }
    for write in &scan.writes {
        let stem = write.path.strip_suffix(".py").and_then(|path| path.rsplit('/').next());
        if let Some(stem) = stem.filter(|stem| !stem.is_empty()) {
            let module = page.words.id(stem);
            page.written.push(Written { file: 0, module });
        }
    }
    for module in &scan.builds {
        let module = page.words.id(module);
        page.built.push(Built { file: 0, module });
    }
    if scan.has_tests && page.tested.is_empty() {
        page.tested.push(Tested { file: 0 });
    }
    if scan.is_program && page.mains.is_empty() {
        page.mains.push(Main { file: 0 });
    }
}

/// Distributions by their own names.
fn distributions(part: &Part, page: &mut Ledger) {
    let blocks = part.scan.script_block.iter().flat_map(|block| &block.dependencies);
    let installs = part.scan.installs.iter().filter(|install| install.installer == Installer::Pip);
    let installs = installs.flat_map(|install| &install.requirements);
    for text in blocks.chain(installs) {
        for name in requirements::read(text).names {
            let distribution = page.words.id(&name);
            page.names.push(Names { file: 0, distribution });
        }
    }
}
