//! What can be reclaimed, and the plan that does it. What is needed stays: bundles of kept runs, images
//! of what the experiments are now, whatever a living run uses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use crate::orchestrate::execute::files::UNFINISHED;
use crate::spec::plan::{Action, ContainerEngine, Plan};

/// Sooner than this a temporary folder may still be somebody's work.
pub const YOUNG: i64 = 3600;
/// Environments and tools that were not used for so long are made again when they are wanted.
pub const UNUSED: i64 = 30 * 86_400;

/// A folder or file with its size on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sized {
    pub path: PathBuf,
    pub bytes: u64,
    /// Seconds since it was last used, or made.
    pub age: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFacts {
    pub experiment: String,
    pub name: String,
    pub folder: Sized,
    /// `None` where the record cannot be read, or the run had no bundle.
    pub bundle: Option<String>,
    pub readable: bool,
    /// What was started by the lines of a `--dry-run` has no record.
    pub recorded: bool,
    /// Somebody works on it, or may.
    pub alive: bool,
    /// It is a job that may go on elsewhere, and its folder is all by which it can be ended or fetched.
    pub open_job: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFacts {
    pub engine: ContainerEngine,
    pub id: String,
    /// None for one that has lost its name.
    pub tag: Option<String>,
    pub bytes: u64,
    pub experiment: Option<String>,
    /// On a layer: the tag of the image that it lies on.
    pub base: Option<String>,
    /// A container of anybody uses it.
    pub used: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerFacts {
    pub engine: ContainerEngine,
    pub name: String,
    pub status: String,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub runs: Vec<RunFacts>,
    /// By digest.
    pub bundles: Vec<Sized>,
    pub images: Vec<ImageFacts>,
    /// Tags and ids of the images that runs of this project were in.
    pub images_of_runs: BTreeSet<String>,
    /// Tags of the images that the experiments have now; `None` for one whose inputs cannot be read.
    pub fresh: BTreeMap<String, Option<String>>,
    pub containers: Vec<ContainerFacts>,
    pub venvs: Vec<Sized>,
    pub tools: Vec<Sized>,
    /// Folders of living runs' environments.
    pub venvs_in_use: BTreeSet<PathBuf>,
    pub home: Option<Sized>,
    /// Temporary files and drafts of a scaf that was killed.
    pub unfinished: Vec<Sized>,
}

/// What the user wants to keep.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    pub newest: Option<usize>,
    pub days: Option<u32>,
    pub home: bool,
}

/// Something that can go.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    pub what: &'static str,
    pub name: String,
    pub why: String,
    /// Of an image: what no other one shares.
    pub bytes: u64,
    #[serde(skip)]
    pub action: Action,
}

/// What goes, in the order in which it can.
pub fn items(facts: &Facts, keep: &Keep) -> Vec<Item> {
    let mut items = Vec::new();
    for ContainerFacts { engine, name, status } in &facts.containers {
        items.push(Item {
            what: "container",
            name: name.clone(),
            why: format!("left behind: {}", status.to_lowercase()),
            bytes: 0,
            action: Action::RemoveContainer { engine: *engine, container: name.clone() },
        });
    }
    let old = old_runs(&facts.runs, keep);
    for run in &old {
        let why = if run.recorded { "old" } else { "old, without a record" };
        items.push(whole("run", format!("{}/{}", run.experiment, run.name), why.to_owned(), &run.folder));
    }
    items.extend(bundles(facts, &old));
    items.extend(images(facts));
    for (what, list) in [("environment", &facts.venvs), ("tool", &facts.tools)] {
        for one in list.iter().filter(|one| one.age > UNUSED && !facts.venvs_in_use.contains(&one.path)) {
            let why = format!("not used for {} days", one.age / 86_400);
            items.push(whole(what, name_of(one), why, one));
        }
    }
    for one in facts.unfinished.iter().filter(|one| one.age > YOUNG) {
        items.push(rest("unfinished", "its scaf was killed", one));
    }
    if let Some(home) = facts.home.as_ref().filter(|home| keep.home && home.bytes > 0)
        && !facts.runs.iter().any(|run| run.alive)
    {
        items.push(rest("home", "asked for", home));
    }
    items
}

/// A folder whose being there says that it is whole.
fn whole(what: &'static str, name: String, why: String, one: &Sized) -> Item {
    let aside = one.path.with_file_name(format!("{UNFINISHED}gone-{}", name_of(one)));
    let action = Action::RemoveWhole { path: one.path.clone(), aside };
    Item { what, name, why, bytes: one.bytes, action }
}

/// What nobody takes for whole.
fn rest(what: &'static str, why: &str, one: &Sized) -> Item {
    let action = Action::Remove { path: one.path.clone() };
    Item { what, name: name_of(one), why: why.to_owned(), bytes: one.bytes, action }
}

fn name_of(one: &Sized) -> String {
    one.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Runs that neither rule keeps; without a rule every run is kept.
fn old_runs<'a>(runs: &'a [RunFacts], keep: &Keep) -> Vec<&'a RunFacts> {
    let mut old = unkept(runs, keep);
    old.retain(|run| !run.alive && !run.open_job);
    old
}

/// Runs that would go if it were known that nothing of them goes on elsewhere.
pub fn held<'a>(facts: &'a Facts, keep: &Keep) -> Vec<&'a RunFacts> {
    let mut old = unkept(&facts.runs, keep);
    old.retain(|run| !run.alive && run.open_job);
    old
}

fn unkept<'a>(runs: &'a [RunFacts], keep: &Keep) -> Vec<&'a RunFacts> {
    if keep.newest.is_none() && keep.days.is_none() {
        return Vec::new();
    }
    let mut by_experiment: BTreeMap<&str, Vec<&RunFacts>> = BTreeMap::new();
    for run in runs {
        by_experiment.entry(&run.experiment).or_default().push(run);
    }
    let mut old = Vec::new();
    for runs in by_experiment.values_mut() {
        // A name begins with its time; those of one second stay in the order in which they were found,
        // which is the newest first.
        let second = |run: &RunFacts| run.name.split('_').next().map(str::to_owned);
        runs.sort_by_key(|run| std::cmp::Reverse(second(run)));
        for (at, run) in runs.iter().enumerate() {
            let among_newest = keep.newest.is_some_and(|count| at < count);
            let young = keep.days.is_some_and(|days| run.folder.age < i64::from(days) * 86_400);
            if !among_newest && !young {
                old.push(*run);
            }
        }
    }
    old
}

fn bundles(facts: &Facts, old: &[&RunFacts]) -> Vec<Item> {
    let kept = facts.runs.iter().filter(|run| !old.iter().any(|gone| gone.folder.path == run.folder.path));
    // What an unreadable record needs cannot be known.
    if kept.clone().any(|run| !run.readable) {
        return Vec::new();
    }
    let needed: BTreeSet<&str> = kept.filter_map(|run| run.bundle.as_deref()).collect();
    let free = facts.bundles.iter().filter(|bundle| !needed.contains(name_of(bundle).as_str()));
    free.map(|bundle| {
        let name = name_of(bundle);
        whole("bundle", name[..12.min(name.len())].to_owned(), "no kept run needs it".to_owned(), bundle)
    })
    .collect()
}

fn images(facts: &Facts) -> Vec<Item> {
    let fresh: BTreeSet<&str> = facts.fresh.values().flatten().map(String::as_str).collect();
    let unknown = |image: &ImageFacts| {
        image.experiment.as_ref().is_some_and(|name| matches!(facts.fresh.get(name), Some(None)))
    };
    let mut stale: Vec<&ImageFacts> = facts
        .images
        .iter()
        .filter(|image| !image.used && !unknown(image))
        .filter(|image| {
            let needed = image.base.as_deref().or(image.tag.as_deref());
            needed.is_none_or(|tag| !fresh.contains(tag))
        })
        .collect();
    // Another project on this machine may have the same name, and experiments of the same names: ours is
    // what a run of this project was in.
    stale.retain(|image| {
        [image.tag.as_ref(), image.base.as_ref(), Some(&image.id)]
            .into_iter()
            .flatten()
            .any(|name| facts.images_of_runs.contains(name))
    });
    // What lies on top goes first.
    stale.sort_by_key(|image| image.base.is_none());
    stale
        .into_iter()
        .map(|image| {
            let reference = image.tag.clone().unwrap_or_else(|| image.id.clone());
            let there = image.experiment.as_ref().is_some_and(|name| facts.fresh.contains_key(name));
            Item {
                what: if image.base.is_some() { "layer" } else { "image" },
                name: image.tag.clone().unwrap_or_else(|| {
                    let id = image.id.trim_start_matches("sha256:");
                    id[..12.min(id.len())].to_owned()
                }),
                why: if there { "stale" } else { "its experiment is gone" }.to_owned(),
                bytes: image.bytes,
                action: Action::RemoveImage { engine: image.engine, image: reference },
            }
        })
        .collect()
}

/// The plan that takes it all away. One thing that cannot go holds no other back.
pub fn plan(items: &[Item]) -> Plan {
    let mut plan = Plan::new("scaf gc");
    for Item { what, name, why, bytes: _, action } in items {
        plan.always(format!("{what} {name}: {why}"), action.clone());
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sized(name: &str, days: i64) -> Sized {
        Sized { path: PathBuf::from("/p").join(name), bytes: 10, age: days * 86_400 }
    }

    fn run(experiment: &str, name: &str, days: i64, bundle: &str) -> RunFacts {
        RunFacts {
            experiment: experiment.to_owned(),
            name: name.to_owned(),
            folder: sized(name, days),
            bundle: Some(bundle.to_owned()),
            readable: true,
            recorded: true,
            alive: false,
            open_job: false,
        }
    }

    fn names(facts: &Facts, keep: Keep) -> Vec<String> {
        items(facts, &keep).into_iter().map(|item| format!("{} {}", item.what, item.name)).collect()
    }

    #[test]
    fn runs_are_kept_unless_said_otherwise() {
        let mut facts = Facts {
            runs: vec![
                run("a", "3", 1, "x"),
                run("a", "2", 40, "y"),
                run("a", "1", 50, "y"),
                run("b", "1b", 60, "z"),
            ],
            bundles: vec![sized("x", 9), sized("y", 9), sized("z", 9), sized("w", 0)],
            ..Facts::default()
        };
        assert_eq!(names(&facts, Keep::default()), ["bundle w"]);
        let newest = Keep { newest: Some(1), ..Keep::default() };
        assert_eq!(names(&facts, newest), ["run a/2", "run a/1", "bundle y", "bundle w"]);
        let days = Keep { days: Some(45), ..Keep::default() };
        assert_eq!(names(&facts, days), ["run a/1", "run b/1b", "bundle z", "bundle w"]);
        // Both: what either would keep.
        let both = Keep { newest: Some(1), days: Some(45), home: false };
        assert_eq!(names(&facts, both), ["run a/1", "bundle w"]);
        // A living run stays, and so does its bundle; with an unreadable record no bundle goes.
        facts.runs[2].alive = true;
        assert_eq!(names(&facts, newest), ["run a/2", "bundle w"]);
        facts.runs[0].readable = false;
        assert_eq!(names(&facts, newest), ["run a/2"]);
    }

    #[test]
    fn images_that_are_fresh_used_or_unknown_stay() {
        let image = |tag: &str, experiment: &str, base: Option<&str>| ImageFacts {
            engine: ContainerEngine::Docker,
            id: format!("sha256:{tag}"),
            tag: Some(tag.to_owned()),
            bytes: 5,
            experiment: Some(experiment.to_owned()),
            base: base.map(str::to_owned),
            used: false,
        };
        let mut facts = Facts {
            images: vec![
                image("a:1", "a", None),
                image("a:2", "a", None),
                image("a:notebook-1", "a", Some("a:1")),
                image("a:notebook-2", "a", Some("a:2")),
                image("broken:1", "broken", None),
                image("gone:1", "gone", None),
                image("a:0", "a", None),
            ],
            images_of_runs: ["a:1", "a:2", "broken:1", "gone:1"].map(str::to_owned).into(),
            fresh: BTreeMap::from([("a".to_owned(), Some("a:2".to_owned())), ("broken".to_owned(), None)]),
            ..Facts::default()
        };
        assert_eq!(names(&facts, Keep::default()), ["layer a:notebook-1", "image a:1", "image gone:1"]);
        facts.images[0].used = true;
        assert_eq!(names(&facts, Keep::default()), ["layer a:notebook-1", "image gone:1"]);
    }

    #[test]
    fn what_is_young_or_in_use_stays() {
        let mut facts = Facts {
            venvs: vec![sized("old", 31), sized("used", 31), sized("young", 29)],
            venvs_in_use: BTreeSet::from([PathBuf::from("/p/used")]),
            unfinished: vec![sized(".scaf-new-1", 1), sized(".scaf-new-2", 0)],
            home: Some(sized(".home", 9)),
            ..Facts::default()
        };
        assert_eq!(names(&facts, Keep::default()), ["environment old", "unfinished .scaf-new-1"]);
        let home = Keep { home: true, ..Keep::default() };
        assert_eq!(names(&facts, home).last().map(String::as_str), Some("home .home"));
        facts.runs.push(RunFacts { alive: true, ..run("a", "1", 0, "x") });
        assert!(!names(&facts, home).contains(&"home .home".to_owned()));
    }
}
