//! Shared code made available in an experiment, or taken out of it, as a plan.

use std::path::{Path, PathBuf};

use crate::project::layout::{COMMON, Layout};
use crate::project::links::{self, Content, Found, INIT, Leads, Places, SharedPath, SharedPathError, State};
use crate::project::name::ExperimentName;
use crate::project::python::modules::Modules;
use crate::project::shared::{Foreign, Kind, Need, Shared, Want};
use crate::spec::hint::Explain;
use crate::spec::plan::{Action, IfThere, Plan};

/// Most names that a message lists.
const LISTED: usize = 12;

/// What there is.
#[derive(Debug)]
pub struct Facts {
    pub layout: Layout,
    pub experiment: ExperimentName,
    pub shared: Shared,
    pub places: Places,
    /// The experiment's own modules.
    pub own: Modules,
}

/// What is wished.
#[derive(Clone, Debug)]
pub enum Wish {
    Add(Vec<String>),
    Remove(Vec<String>),
}

#[derive(Debug, thiserror::Error)]
pub enum DependencyError {
    #[error("{error}")]
    Path { error: SharedPathError, listed: Vec<String> },
    #[error("there is no `{path}` in `{common}/`")]
    NotThere { path: String, common: String, near: Option<String>, listed: Vec<String> },
    #[error("`{path}` {what}, so no run could take it along")]
    Broken { path: String, what: String },
    #[error("`{place}` is in the way: it is {what}")]
    InTheWay { place: String, what: String, ways_out: Vec<String> },
    #[error("`{path}` is not linked in `{experiment}`")]
    NotLinked { path: String, experiment: ExperimentName, near: Option<String>, linked: Vec<String> },
    #[error("`{path}` is a part of `{whole}`, which is linked as a whole")]
    Covered { path: String, whole: String, experiment: ExperimentName },
}

impl Explain for DependencyError {
    fn hints(&self) -> Vec<String> {
        let there_is = |listed: &[String], none: &str| {
            if listed.is_empty() { none.to_owned() } else { format!("there is: {}", list(listed)) }
        };
        match self {
            Self::Path { error: SharedPathError::Whole(_), listed } => {
                let mut hints = vec!["name the parts that the experiment uses".to_owned()];
                hints.push(there_is(listed, "the shared code is empty"));
                hints
            }
            Self::Path { listed, .. } => {
                vec![
                    "give a path inside the shared code, such as `text.py` or `io/`".to_owned(),
                    there_is(listed, "the shared code is empty"),
                ]
            }
            Self::NotThere { common, near, listed, .. } => near
                .iter()
                .map(|near| format!("did you mean `{near}`?"))
                .chain([there_is(listed, &format!("put shared code into `{common}/` first"))])
                .collect(),
            Self::Broken { path, .. } => vec![format!(
                "put what is meant in the link's place, code into the shared code and data into `data/`; the link goes \
                 with `rm {}`",
                crate::spec::plan::shell::word(path)
            )],
            Self::InTheWay { ways_out, .. } => ways_out.clone(),
            Self::NotLinked { near, linked, .. } => near
                .iter()
                .map(|near| format!("did you mean `{near}`?"))
                .chain([if linked.is_empty() {
                    "nothing is linked".to_owned()
                } else {
                    format!("linked are: {}", list(linked))
                }])
                .collect(),
            Self::Covered { whole, experiment, .. } => {
                vec![format!("scaf dependency {experiment} --remove {whole}")]
            }
        }
    }
}

fn list(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    if names.len() > LISTED {
        shown.push(format!("and {} more", names.len() - LISTED));
    }
    shown.join(", ")
}

/// What has to be done for a wish; nothing where it is so already.
pub fn plan(wish: &Wish, facts: &Facts) -> Result<Plan, DependencyError> {
    match wish {
        Wish::Add(paths) => Adding::new(facts).all(paths),
        Wish::Remove(paths) => Removing::new(facts).all(paths),
    }
}

impl Facts {
    fn dir(&self) -> PathBuf {
        self.layout.experiment_dir(&self.experiment)
    }

    /// A place as a person would name it, from the project's root.
    fn shown(&self, place: &str) -> String {
        self.layout.code.join(self.experiment.as_str()).join(place).display().to_string()
    }

    fn common(&self) -> String {
        self.layout.code.join(COMMON).display().to_string()
    }

    fn readings(&self, text: &str) -> Result<Vec<SharedPath>, DependencyError> {
        SharedPath::readings(text, &self.layout.code.to_string_lossy())
            .map_err(|error| DependencyError::Path { error, listed: self.listed() })
    }

    /// The topmost things that can be linked.
    fn listed(&self) -> Vec<String> {
        self.shared
            .entries
            .iter()
            .filter(|(path, _)| !path.contains('/') && *path != INIT)
            .map(|(path, kind)| if *kind == Kind::Folder { format!("{path}/") } else { path.clone() })
            .collect()
    }

    fn state(&self, places: &Places, place: &str) -> Option<State> {
        places.get(place).map(|found| links::state(&self.experiment, place, found))
    }

    fn in_the_way(&self, places: &Places, place: &str) -> DependencyError {
        let shown = self.shown(place);
        let (what, way_out) = match places.get(place) {
            Some(Found::Folder) => {
                let own: Vec<String> =
                    links::owned(&self.experiment, places, place).map(|place| self.shown(place)).collect();
                (
                    format!("a folder that holds work of its own: {}", list(&own)),
                    format!("mv {shown} {shown}_own"),
                )
            }
            Some(Found::Link { target, .. }) => (format!("a link to `{target}`"), format!("rm {shown}")),
            Some(Found::File(_)) | None => {
                ("a file of its own".to_owned(), format!("mv {shown} {shown}.own"))
            }
        };
        DependencyError::InTheWay { place: shown, what, ways_out: vec![way_out] }
    }
}

/// Why no run can follow a link of the shared code.
fn wrong(found: &Found) -> Option<String> {
    let Found::Link { target, leads } = found else { return None };
    match leads {
        Leads::Inside => None,
        Leads::Outside(_) => Some(format!("leads to `{target}`, out of the project")),
        Leads::Nowhere => Some(format!("leads to `{target}`, which is not there")),
        Leads::Loop => Some(format!("leads to `{target}`, and so to itself")),
    }
}

/// The name nearest to one that is not there.
fn nearest<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> Option<String> {
    let limit = (name.chars().count() / 3).max(1);
    let last = name.rsplit('/').next().unwrap_or(name);
    all.filter_map(|other| {
        // The right file in the wrong folder, or without its ending, is near as well.
        let other_last = other.rsplit('/').next().unwrap_or(other);
        let distance = if other_last == last || other_last.strip_suffix(".py") == Some(last) {
            0
        } else {
            strsim::damerau_levenshtein(name, other)
        };
        (distance <= limit).then_some((distance, other))
    })
    .min()
    .map(|(_, other)| other.to_owned())
}

/// The state while shared code is linked, step by step.
struct Adding<'a> {
    facts: &'a Facts,
    plan: Plan,
    /// What will be found once the plan so far is done.
    after: Places,
}

impl<'a> Adding<'a> {
    fn new(facts: &'a Facts) -> Self {
        let plan = Plan::new(format!("make shared code available in `{}`", facts.experiment));
        Self { facts, plan, after: facts.places.clone() }
    }

    fn all(mut self, texts: &[String]) -> Result<Plan, DependencyError> {
        let mut paths = Vec::new();
        for text in texts {
            let readings = self.facts.readings(text)?;
            for path in readings.iter().map(SharedPath::as_str) {
                if let Some(what) = self.facts.shared.links.get(path).and_then(wrong) {
                    return Err(DependencyError::Broken {
                        path: format!("{}/{path}", self.facts.common()),
                        what,
                    });
                }
            }
            let Some(path) = readings.iter().find(|path| self.facts.shared.has(path.as_str())) else {
                let plainest = readings.last().map_or(text.as_str(), SharedPath::as_str);
                return Err(DependencyError::NotThere {
                    path: plainest.to_owned(),
                    common: self.facts.common(),
                    near: nearest(plainest, self.facts.shared.entries.keys().map(String::as_str)),
                    listed: self.facts.listed(),
                });
            };
            paths.push(path.clone());
        }
        // A folder comes before what is in it, which it then covers.
        paths.sort();
        paths.dedup();
        for path in &paths {
            self.one(path)?;
        }
        let names: Vec<String> = paths.iter().map(|path| path.as_str().to_owned()).collect();
        self.say_requirements(&names);
        self.say_broken(&names);
        Ok(self.plan)
    }

    /// Links in what is linked that no run can follow.
    fn say_broken(&mut self, paths: &[String]) {
        for (link, found) in &self.facts.shared.links {
            let inside =
                |path: &String| link.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/'));
            if let Some(what) = wrong(found).filter(|_| paths.iter().any(inside)) {
                self.plan.note(format!("`{}/{link}` {what}; no run begins with that", self.facts.common()));
            }
        }
    }

    fn one(&mut self, path: &SharedPath) -> Result<(), DependencyError> {
        let place = path.place();
        let mut above: Vec<String> = links::above(&place).map(str::to_owned).collect();
        for at in &above {
            match self.facts.state(&self.after, at) {
                Some(State::Right) => {
                    self.note_covered(path, at);
                    return Ok(());
                }
                Some(State::AsText) => {
                    // The folder was linked, and git has written the link as text.
                    self.replace(at, "the link that git wrote as text");
                    self.package(at);
                    self.note_covered(path, at);
                    return Ok(());
                }
                Some(State::Own) if self.after.get(at) == Some(&Found::Folder) => {}
                None => {}
                Some(_) => return Err(self.facts.in_the_way(&self.after, at)),
            }
        }
        above.push(place.clone());
        self.package(&place);
        match self.facts.state(&self.after, &place) {
            None => self.link(&place),
            Some(State::Right) => {
                self.plan.note(format!("`{}` is linked already", path.as_str()));
            }
            Some(state @ (State::AsText | State::Dangling | State::Loop)) => {
                self.replace(&place, state.said());
            }
            Some(State::Absolute) if self.leads_right(&place) => self.replace(&place, State::Absolute.said()),
            Some(State::Own) if self.is_replaceable(&place) => {
                self.replace(&place, "what scaf made there before");
            }
            Some(_) => return Err(self.facts.in_the_way(&self.after, &place)),
        }
        Ok(())
    }

    fn note_covered(&mut self, path: &SharedPath, at: &str) {
        let whole = SharedPath::at(at).map_or_else(
            || "all of the shared code is linked already".to_owned(),
            |whole| format!("`{}` is linked as a whole, and has `{}`", whole.as_str(), path.as_str()),
        );
        self.plan.note(whole);
    }

    /// An absolute link is mended where it leads to the right thing, or to nothing.
    fn leads_right(&self, place: &str) -> bool {
        let Some(Found::Link { target, leads }) = self.after.get(place) else { return false };
        let right = self.facts.layout.code_dir().join(place);
        *leads == Leads::Nowhere || Path::new(target) == right
    }

    /// A folder that holds nothing but links of the shared code, or the empty file that makes a package.
    fn is_replaceable(&self, place: &str) -> bool {
        match self.after.get(place) {
            Some(Found::Folder) => links::is_made(&self.facts.experiment, &self.after, place),
            Some(Found::File(Content::Empty)) => place.ends_with(&format!("/{INIT}")),
            _ => false,
        }
    }

    /// Makes the folders on the way to the place packages.
    fn package(&mut self, place: &str) {
        for file in links::package_files(place) {
            if self.after.contains_key(&file) {
                continue;
            }
            if let Some((folder, _)) = file.rsplit_once('/') {
                self.after.insert(folder.to_owned(), Found::Folder);
            }
            // Where the file itself is about to be linked, the link takes its place.
            if file != place {
                let why = format!(
                    "make `{}` a package",
                    self.facts.shown(file.trim_end_matches(&format!("/{INIT}")))
                );
                self.plan.step(
                    why,
                    Action::WriteFile {
                        path: self.facts.dir().join(&file),
                        content: String::new(),
                        executable: false,
                        if_there: IfThere::Keep,
                    },
                );
                self.after.insert(file, Found::File(Content::Empty));
            }
        }
    }

    fn replace(&mut self, place: &str, what: &str) {
        self.plan.step(
            format!("take away {what}, `{}`", self.facts.shown(place)),
            Action::Remove { path: self.facts.dir().join(place) },
        );
        let inside = format!("{place}/");
        self.after.retain(|other, _| !other.starts_with(&inside));
        self.link(place);
    }

    fn link(&mut self, place: &str) {
        let target = links::target(&self.facts.experiment, place);
        self.plan.step(
            format!(
                "link `{}` to `{}`",
                self.facts.shown(place),
                self.facts.layout.code.join(place).display()
            ),
            Action::Symlink { link: self.facts.dir().join(place), target: PathBuf::from(&target) },
        );
        self.after.insert(place.to_owned(), Found::Link { target, leads: Leads::Inside });
    }

    /// What the linked code needs besides itself.
    fn say_requirements(&mut self, paths: &[String]) {
        let Facts { experiment, shared, own, .. } = self.facts;
        let needs = shared.needs(experiment, &self.after, paths);
        let mut everything = paths.to_vec();
        everything.extend(needs.iter().filter_map(|need| need.want.path().map(str::to_owned)));
        let foreign = shared.foreign(&everything, |top| own.has_top(top));
        for note in requirement_notes(experiment, &self.facts.common(), &needs, &foreign) {
            self.plan.note(note);
        }
        for file in everything.iter().flat_map(|path| shared.python_files(path)) {
            if let Some(Err(error)) = shared.imports.get(file) {
                self.plan.note(format!(
                    "`{}/{file}:{}` is no Python: {}",
                    self.facts.common(),
                    error.line,
                    error.message
                ));
            }
        }
    }
}

/// What shared code needs, in words, with the command to type.
pub fn requirement_notes(
    experiment: &ExperimentName,
    common: &str,
    needs: &[Need],
    foreign: &[Foreign],
) -> Vec<String> {
    let mut notes = Vec::new();
    for Need { want, file, line, optional } in needs {
        let can_do_without = if *optional { ", which it can do without" } else { "" };
        notes.push(match want {
            Want::Module(path) => {
                format!("`{common}/{file}:{line}` needs `{path}`, too{can_do_without}")
            }
            Want::Init(path) => {
                format!("`{common}/{file}:{line}` needs what `{path}` defines{can_do_without}")
            }
            Want::Missing(dotted) => {
                format!("`{common}/{file}:{line}` imports `{dotted}`, which is not in `{common}/`")
            }
        });
    }
    let mut more: Vec<&str> =
        needs.iter().filter(|need| !need.optional).filter_map(|need| need.want.path()).collect();
    more.sort_unstable();
    more.dedup();
    if !more.is_empty() {
        notes.push(format!(
            "link that with: scaf dependency {experiment} {}",
            crate::spec::plan::shell::line(&more)
        ));
    }
    let name = |it: &Foreign| {
        let can_do_without = if it.optional { " (optional)" } else { "" };
        format!("`{}`{can_do_without}", it.module)
    };
    if !foreign.is_empty() {
        let names: Vec<String> = foreign.iter().map(name).collect();
        notes.push(format!("the environment of `{experiment}` must have: {}", names.join(", ")));
    }
    notes
}

/// The state while shared code is taken out of an experiment.
struct Removing<'a> {
    facts: &'a Facts,
    plan: Plan,
    after: Places,
}

impl<'a> Removing<'a> {
    fn new(facts: &'a Facts) -> Self {
        let plan = Plan::new(format!("take shared code out of `{}`", facts.experiment));
        Self { facts, plan, after: facts.places.clone() }
    }

    fn all(mut self, texts: &[String]) -> Result<Plan, DependencyError> {
        let mut gone = Vec::new();
        for text in texts {
            let readings = self.facts.readings(text)?;
            gone.extend(self.links_of(text, &readings)?);
        }
        gone.sort();
        gone.dedup();
        for place in &gone {
            self.after.remove(place);
        }
        let mut folders: Vec<String> = Vec::new();
        for place in &gone {
            let left = links::above(place).find(|folder| self.is_left_empty(folder));
            match left {
                Some(folder) if folders.iter().any(|other| other == folder) => {}
                Some(folder) => {
                    folders.push(folder.to_owned());
                    self.remove(folder, "the folder, in which nothing is left");
                }
                None => self.remove(place, "the link"),
            }
        }
        Ok(self.plan)
    }

    fn remove(&mut self, place: &str, what: &str) {
        self.plan.step(
            format!("remove {what}: `{}`", self.facts.shown(place)),
            Action::Remove { path: self.facts.dir().join(place) },
        );
    }

    /// The links at or below what was named.
    fn links_of(&mut self, text: &str, readings: &[SharedPath]) -> Result<Vec<String>, DependencyError> {
        let experiment = &self.facts.experiment;
        for path in readings {
            let place = path.place();
            match self.after.get(&place) {
                Some(Found::Folder) => {
                    let links: Vec<String> = links::below(&self.after, &place)
                        .filter(|(place, found)| self.is_link(place, found))
                        .map(|(place, _)| place.to_owned())
                        .collect();
                    if !links.is_empty() {
                        return Ok(links);
                    }
                }
                Some(found) if self.is_link(&place, found) => return Ok(vec![place]),
                Some(_) if !place.ends_with(&format!("/{INIT}")) => {
                    return Err(self.facts.in_the_way(&self.after, &place));
                }
                Some(_) | None => {}
            }
            if let Some(whole) = links::covering(experiment, &self.after, &place) {
                return Err(DependencyError::Covered {
                    path: path.as_str().to_owned(),
                    whole: SharedPath::at(whole)
                        .map_or_else(|| ".".to_owned(), |path| path.as_str().to_owned()),
                    experiment: experiment.clone(),
                });
            }
        }
        if let Some(path) = readings.iter().find(|path| self.facts.shared.has(path.as_str())) {
            self.plan.note(format!("`{}` is not linked, so there is nothing to remove", path.as_str()));
            return Ok(Vec::new());
        }
        let linked: Vec<String> = listing(self.facts).into_iter().map(|linked| linked.path).collect();
        let plainest = readings.last().map_or(text, SharedPath::as_str);
        Err(DependencyError::NotLinked {
            path: plainest.to_owned(),
            experiment: experiment.clone(),
            near: nearest(plainest, linked.iter().map(String::as_str)),
            linked,
        })
    }

    fn is_link(&self, place: &str, found: &Found) -> bool {
        match found {
            Found::Link { .. } => true,
            Found::Folder | Found::File(_) => {
                links::state(&self.facts.experiment, place, found) == State::AsText
            }
        }
    }

    /// Whether a folder holds nothing any more but what scaf and Python make on the way.
    fn is_left_empty(&self, folder: &str) -> bool {
        links::below(&self.after, folder).all(|(place, found)| {
            place.split('/').any(|part| part == "__pycache__")
                || *found == Found::Folder
                || (*found == Found::File(Content::Empty) && place.ends_with(&format!("/{INIT}")))
        })
    }
}

/// Shared code that an experiment has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Relative to the shared code.
    pub path: String,
    /// `None` where the shared code has no such thing.
    pub kind: Option<Kind>,
    pub state: State,
}

/// Everything that is linked, sorted.
pub fn listing(facts: &Facts) -> Vec<Linked> {
    facts
        .places
        .iter()
        .filter_map(|(place, found)| {
            let state = links::state(&facts.experiment, place, found);
            let path = match SharedPath::at(place) {
                Some(path) => path.as_str().to_owned(),
                None if state == State::Own => return None,
                None => ".".to_owned(),
            };
            let kind = facts.shared.entries.get(&path).copied();
            (state != State::Own).then_some(Linked { path, kind, state })
        })
        .collect()
}

#[cfg(test)]
mod tests;
