//! Shared code in experiments: links in order, and everything linked that is used.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::{
    COMMON_INIT_MISSING, COMMON_UNLINKED, LINK_ABSOLUTE, LINK_DANGLING, LINK_ELSEWHERE, LINK_ESCAPES,
    LINK_IS_TEXT,
};
use super::{Finding, Owner, Project, PythonFile, Tree};
use crate::project::layout::COMMON;
use crate::project::links::{self, Found, INIT, Leads, SharedPath, State};
use crate::project::python::imports::Import;
use crate::project::shared::{Need, Want};
use crate::spec::plan::shell;

/// An import of shared code that the experiment has not.
pub fn unlinked(project: &Project, file: &PythonFile<'_>, import: &Import, findings: &mut Vec<Finding>) {
    if import.optional() || import.type_checking() {
        return;
    }
    let place = (import.line, import.column);
    match file.owner {
        Owner::Experiment(tree) => {
            if import.level == 0 && import.top() != COMMON {
                return;
            }
            // So few dots lead to the file's own folder or one above it, and not to the top.
            let depth = file.path.matches('/').count();
            if (1..=depth).contains(&(import.level as usize)) && !is_common(file.path) {
                return;
            }
            let Some(module) = import.absolute(file.path) else {
                reaches_out(project, file, tree, import, findings);
                return;
            };
            if tree.files.has_file("common.py") {
                return;
            }
            for want in project.shared.wants(&module, &import.names) {
                if !want.is_met(&tree.name, &tree.places) {
                    let (message, hint) = said(project, tree, &want);
                    findings.push(Finding::new(&COMMON_UNLINKED, file.shown(project), place, message, hint));
                }
            }
        }
        Owner::Shared => {
            let Some(module) = import.absolute(&format!("{COMMON}/{}", file.path)) else { return };
            for want in project.shared.wants(&module, &import.names) {
                if let Want::Missing(dotted) = want {
                    let message = format!("there is no `{dotted}` in `{}/{COMMON}/`", project.code);
                    findings.push(Finding::new(
                        &COMMON_UNLINKED,
                        file.shown(project),
                        place,
                        message,
                        nearest(project, &dotted),
                    ));
                }
            }
        }
    }
}

fn said(project: &Project, tree: &Tree, want: &Want) -> (String, String) {
    let command = |path: &str| format!("scaf dependency {}", shell::line(&[tree.name.as_str(), path]));
    match want {
        Want::Module(path) => (format!("`{COMMON}/{path}` is not linked in `{}`", tree.name), command(path)),
        Want::Init(path) => (
            format!("`{}` has not what `{COMMON}/{path}` defines", tree.name),
            command(want.path().unwrap_or(path)),
        ),
        Want::Missing(dotted) => (
            format!("there is no `{dotted}`, in `{}` or in `{}/{COMMON}/`", tree.name, project.code),
            nearest(project, dotted),
        ),
    }
}

fn nearest(project: &Project, dotted: &str) -> String {
    project
        .shared
        .dotted()
        .map(|other| (strsim::damerau_levenshtein(&other, dotted), other))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map_or_else(
            || format!("write it in `{}/{COMMON}/`, or correct the name", project.code),
            |(_, near)| format!("did you mean `{near}`?"),
        )
}

/// `from ..common import x`: works where the whole code folder is there, and in no run.
fn reaches_out(
    project: &Project,
    file: &PythonFile<'_>,
    tree: &Tree,
    import: &Import,
    findings: &mut Vec<Finding>,
) {
    let Some(module) = import.absolute(&format!("{}/{}", tree.name, file.path)) else { return };
    if module != COMMON && !module.starts_with(&format!("{COMMON}.")) {
        return;
    }
    let paths: Vec<String> = project
        .shared
        .wants(&module, &import.names)
        .iter()
        .filter_map(|want| want.path().map(shell::word))
        .collect();
    let hint = if paths.is_empty() {
        format!("import `{module}` without dots, and link it with `scaf dependency`")
    } else {
        format!("import `{module}` without dots, and: scaf dependency {} {}", tree.name, paths.join(" "))
    };
    findings.push(Finding::new(
        &COMMON_UNLINKED,
        file.shown(project),
        (import.line, import.column),
        format!("`{}` leads out of `{}`", import.shown(), tree.name),
        hint,
    ));
}

/// Shared code that experiments have linked, without what it needs in turn.
pub fn unlinked_by_shared(project: &Project, findings: &mut Vec<Finding>) {
    let needs: BTreeMap<&str, Vec<Need>> = project
        .shared
        .imports
        .keys()
        .map(|file| {
            let mut needs = project.shared.needs_of(file);
            // What is not there at all is said once, of the shared code itself.
            needs.retain(|need| !need.optional && need.want.path().is_some());
            (file.as_str(), needs)
        })
        .filter(|(_, needs)| !needs.is_empty())
        .collect();
    if needs.is_empty() {
        return;
    }
    let mut lacking: BTreeMap<&Need, Vec<&Tree>> = BTreeMap::new();
    for tree in &project.experiments {
        let linked: BTreeSet<&str> = tree
            .places
            .iter()
            .filter(|(place, found)| links::state(&tree.name, place, found) == State::Right)
            .flat_map(|(place, _)| project.shared.python_files(place.strip_prefix("common/").unwrap_or("")))
            .collect();
        for need in linked.iter().filter_map(|file| needs.get(file)).flatten() {
            if !need.want.is_met(&tree.name, &tree.places) {
                lacking.entry(need).or_default().push(tree);
            }
        }
    }
    for (need, trees) in lacking {
        let Some(path) = need.want.path() else { continue };
        let names: Vec<String> = trees.iter().take(3).map(|tree| format!("`{}`", tree.name)).collect();
        let more = if trees.len() > 3 { format!(" and {} more", trees.len() - 3) } else { String::new() };
        let commands: Vec<String> = trees
            .iter()
            .take(3)
            .map(|tree| format!("scaf dependency {}", shell::line(&[tree.name.as_str(), path])))
            .collect();
        findings.push(Finding::new(
            &COMMON_UNLINKED,
            format!("{}/{COMMON}/{}", project.code, need.file),
            (need.line, 1),
            format!("{}{more} has linked this, and not `{COMMON}/{path}`, which it needs", names.join(", ")),
            commands.join("; "),
        ));
    }
}

/// Whether a path in an experiment leads into its shared code.
fn is_common(path: &str) -> bool {
    path.strip_prefix(COMMON).is_some_and(|rest| rest.starts_with('/'))
}

/// Links that are not in order.
pub fn links(project: &Project, tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, found) in &tree.links {
        let Found::Link { target, leads } = found else { continue };
        let state = match leads {
            Leads::Nowhere => State::Dangling,
            Leads::Loop => State::Loop,
            _ if target.starts_with('/') => State::Absolute,
            Leads::Outside(_) => State::Escapes,
            Leads::Inside => {
                let link = format!("{}/{path}", tree.name);
                if links::climbs_to_itself(&link, target) {
                    State::Loop
                } else if let Some((message, hint)) = leaves(project, Some(tree), &link, target) {
                    let shown = project.path(&tree.name, path);
                    findings.push(Finding::new(&LINK_ELSEWHERE, shown, (1, 1), message, hint));
                    continue;
                } else {
                    continue;
                }
            }
        };
        complain(project, tree, path, found, &state, findings);
    }
    for (place, found) in &tree.places {
        let state = links::state(&tree.name, place, found);
        complain(project, tree, place, found, &state, findings);
    }
    init_missing(project, tree, findings);
}

/// What is wrong with a link in the code folder that leads to another experiment, or out of that folder,
/// and the way out; the link is seen from the code folder.
fn leaves(project: &Project, own: Option<&Tree>, link: &str, target: &str) -> Option<(String, String)> {
    let remove = format!("rm {}", shell::word(&format!("{}/{link}", project.code)));
    let Some(end) = links::landing(link, target) else {
        return Some((
            format!("leads to `{target}`, out of `{}/`", project.code),
            format!("every run has `data/` and `models/` beside the experiment without a link: {remove}"),
        ));
    };
    let other = project.experiments.iter().find(|tree| {
        end.strip_prefix(tree.name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })?;
    if own.is_some_and(|own| own.name == other.name) {
        return None;
    }
    let again: Vec<String> = own
        .into_iter()
        .chain([other])
        .map(|tree| format!("; scaf dependency {} PATH", shell::word(tree.name.as_str())))
        .collect();
    Some((
        format!("leads to `{target}`, which is of the experiment `{}`", other.name),
        format!("move it to `{}/{COMMON}`, then: {remove}{}", project.code, again.concat()),
    ))
}

/// Links of the shared code itself that are not in order.
pub fn links_of_shared(project: &Project, findings: &mut Vec<Finding>) {
    for (path, found) in &project.shared.links {
        let Found::Link { target, leads } = found else { continue };
        let link = format!("{COMMON}/{path}");
        let shown = format!("{}/{link}", project.code);
        let remove = format!("rm {}", shell::word(&shown));
        let (rule, message, hint) = match leads {
            Leads::Nowhere => (&LINK_DANGLING, format!("leads to `{target}`, which is not there"), remove),
            Leads::Loop => (&LINK_DANGLING, format!("leads to `{target}`, and so to itself"), remove),
            Leads::Outside(_) => (
                &LINK_ESCAPES,
                format!("leads to `{target}`, out of the project"),
                format!("take what it leads to into the project, then: {remove}"),
            ),
            Leads::Inside if target.starts_with('/') => (
                &LINK_ABSOLUTE,
                format!("leads to `{target}`"),
                format!("ln -srfn {}", shell::line(&[target, &shown])),
            ),
            Leads::Inside if links::climbs_to_itself(&link, target) => {
                (&LINK_DANGLING, format!("leads to `{target}`, and so to itself"), remove)
            }
            Leads::Inside => match leaves(project, None, &link, target) {
                Some((message, hint)) => (&LINK_ELSEWHERE, message, hint),
                None => continue,
            },
        };
        findings.push(Finding::new(rule, shown, (1, 1), message, hint));
    }
}

fn complain(
    project: &Project,
    tree: &Tree,
    path: &str,
    found: &Found,
    state: &State,
    findings: &mut Vec<Finding>,
) {
    let shown = project.path(&tree.name, path);
    let shared = SharedPath::at(path);
    let name = tree.name.as_str();
    let link_again = shared
        .as_ref()
        .filter(|shared| project.shared.has(shared.as_str()))
        .map(|shared| format!("scaf dependency {}", shell::line(&[name, shared.as_str()])));
    let remove = match &shared {
        Some(shared) => format!("scaf dependency {}", shell::line(&[name, "--remove", shared.as_str()])),
        None => format!("rm {}", shell::word(&shown)),
    };
    let target = match found {
        Found::Link { target, .. } => target.as_str(),
        Found::Folder | Found::File(_) => "",
    };
    let (rule, message, hint) = match state {
        State::Right | State::Own => return,
        State::Elsewhere => {
            let again = link_again.map_or_else(String::new, |command| format!("; {command}"));
            (
                &LINK_ELSEWHERE,
                format!("leads to `{target}`, and not to `{}/{path}`", project.code),
                format!("rm {}{again}", shell::word(&shown)),
            )
        }
        State::Dangling => {
            (&LINK_DANGLING, format!("leads to `{target}`, which is not there"), link_again.unwrap_or(remove))
        }
        State::Loop => {
            (&LINK_DANGLING, format!("leads to `{target}`, and so to itself"), link_again.unwrap_or(remove))
        }
        State::Absolute => (
            &LINK_ABSOLUTE,
            format!("leads to `{target}`"),
            link_again.unwrap_or_else(|| format!("ln -srfn {}", shell::line(&[target, &shown]))),
        ),
        State::Escapes => (
            &LINK_ESCAPES,
            format!("leads to `{target}`, out of the project"),
            format!("take what it leads to into the project, then: {remove}"),
        ),
        State::AsText => (
            &LINK_IS_TEXT,
            "is a link that git has written as text".to_owned(),
            format!("git config core.symlinks true; {}", link_again.unwrap_or(remove)),
        ),
    };
    findings.push(Finding::new(rule, shown, (1, 1), message, hint));
}

fn init_missing(project: &Project, tree: &Tree, findings: &mut Vec<Finding>) {
    if tree.places.get(COMMON) != Some(&Found::Folder)
        || tree.places.contains_key(&format!("{COMMON}/{INIT}"))
    {
        return;
    }
    let used = links::below(&tree.places, COMMON)
        .any(|(place, found)| *found != Found::Folder && !place.split('/').any(|part| part == "__pycache__"));
    if used {
        let dir = project.path(&tree.name, COMMON);
        findings.push(Finding::new(
            &COMMON_INIT_MISSING,
            dir.as_str(),
            (1, 1),
            format!("there is no `{INIT}`"),
            format!("touch {}", shell::word(&format!("{dir}/{INIT}"))),
        ));
    }
}
