//! Tests of `files`.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink as make_link};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::orchestrate::load::bundle::{BundleError, Request, Surveyed, survey};
use crate::spec::hint::Explain;
use crate::spec::plan::{Action, Plan, shell};

/// What lies at each path of a tree: kind, mode and content.
type Tree = BTreeMap<PathBuf, String>;

fn tree(top: &Path) -> Tree {
    fn look(top: &Path, below: &Path, tree: &mut Tree) {
        for entry in fs::read_dir(top.join(below)).unwrap() {
            let entry = entry.unwrap();
            let path = below.join(entry.file_name());
            let there = entry.metadata().unwrap();
            let mode = there.mode() & 0o7777;
            let text = if there.is_dir() {
                look(top, &path, tree);
                format!("folder {mode:o}")
            } else if there.is_symlink() {
                format!("link {}", fs::read_link(entry.path()).unwrap().display())
            } else {
                let content = fs::read(entry.path()).unwrap();
                format!("file {mode:o} {} {}", content.len(), blake3::hash(&content).to_hex())
            };
            tree.insert(path, text);
        }
    }
    let mut found = Tree::new();
    look(top, Path::new(""), &mut found);
    found
}

fn put(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn survey_of(root: &Path) -> Result<Surveyed, BundleError> {
    survey(&Request { root, source: &root.join("src/exp"), ignore_files: &[], cache: None })
}

fn do_it(action: &Action) -> Result<(), FileError> {
    match action {
        Action::MakeDirectory { path } => make_directory(path),
        Action::WriteFile { path, content, executable, if_there } => {
            write_whole(path, content, *executable, *if_there).map(|_| ())
        }
        Action::Symlink { link, target } => symlink(link, target),
        Action::Remove { path } => remove(path),
        Action::RemoveWhole { path, aside } => remove_whole(path, aside),
        Action::Unlink { path } => unlink(path),
        Action::Rename { from, to } => rename(from, to),
        Action::KeepBundle { source, manifest, digest, into } => {
            keep_bundle(source, manifest, digest, into, &|| None).map(|_| ())
        }
        Action::CopyFile { from, to, if_there } => copy_file(from, to, *if_there),
        Action::CopyTree { from, to } => copy_tree(from, to, &|| None),
        Action::Tidy { scratch, copy, bundle } => {
            tidy(scratch, copy.as_deref(), bundle.as_deref()).map(|_| ())
        }
        other => panic!("no deed on files: {other:?}"),
    }
}

/// The plan of one action both ways, each on a tree of its own; both trees and whether it went well.
fn both_ways(set_up: impl Fn(&Path), action: impl Fn(&Path) -> Action) -> [(Tree, Result<(), String>); 2] {
    let here = tempfile::tempdir().unwrap();
    let top = here.path().canonicalize().unwrap().join("a tree's top");
    let mut shell_first = [true, false].map(|by_shell| {
        fs::create_dir(&top).unwrap();
        set_up(&top);
        let action = action(&top);
        let outcome = if by_shell {
            let mut plan = Plan::new("one deed");
            plan.step("do it", action);
            let script = shell::script(&plan);
            let mut child = Command::new("sh")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() { Ok(()) } else { Err(format!("{said}\n{script}")) }
        } else {
            do_it(&action).map_err(|error| error.to_string())
        };
        let found = tree(&top);
        fs::remove_dir_all(&top).unwrap();
        (found, outcome)
    });
    shell_first.reverse();
    shell_first
}

/// Both ways leave the same tree, and go equally well.
fn same_both_ways(set_up: impl Fn(&Path), action: impl Fn(&Path) -> Action) -> (Tree, bool) {
    let [(deed, outcome), (shell, shell_outcome)] = both_ways(set_up, action);
    assert_eq!(outcome.is_ok(), shell_outcome.is_ok(), "{outcome:?}\n{shell_outcome:?}");
    assert_eq!(deed, shell, "{outcome:?}\n{shell_outcome:?}");
    (deed, outcome.is_ok())
}

const ODD: [&str; 12] =
    ["-rf", " ", "a b", "new\nline", "quote'", "\"", "$HOME", "back\\slash", "ünï", "*", "#x", "~"];

#[test]
fn folders_are_made_the_same_both_ways() {
    for name in ODD.into_iter().chain(["a/b/c"]) {
        let (tree, well) =
            same_both_ways(|_| (), |top| Action::MakeDirectory { path: top.join(name).join("x") });
        assert!(well && tree.len() > 1);
    }
    let there = |top: &Path| put(&top.join("a/file"), "", 0o644);
    assert!(same_both_ways(there, |top| Action::MakeDirectory { path: top.join("a") }).1);
    assert!(!same_both_ways(there, |top| Action::MakeDirectory { path: top.join("a/file/b") }).1);
}

#[test]
fn files_are_written_the_same_both_ways() {
    let contents = [
        "",
        "\n",
        "no newline",
        "two\nlines\n",
        "it's \"$HOME\" `x` \\n\n",
        "SCAF_END\nmore\n",
        "%s\\0",
        "-n",
    ];
    let old = |top: &Path| put(&top.join("there"), "old", 0o600);
    for executable in [false, true] {
        for if_there in [IfThere::Refuse, IfThere::Keep, IfThere::Replace] {
            for content in contents {
                for name in ["new", "sub/new", "there"] {
                    let (tree, well) = same_both_ways(old, |top| Action::WriteFile {
                        path: top.join(name),
                        content: content.to_owned(),
                        executable,
                        if_there,
                    });
                    assert_eq!(well, name != "there" || if_there != IfThere::Refuse);
                    assert!(tree.contains_key(Path::new(name)));
                }
            }
        }
    }
    for name in ODD {
        let (tree, well) = same_both_ways(
            |_| (),
            |top| Action::WriteFile {
                path: top.join(name).join(name),
                content: name.to_owned(),
                executable: false,
                if_there: IfThere::Refuse,
            },
        );
        assert!(well && tree.len() == 2);
    }
}

#[test]
fn a_link_in_the_place_of_a_file_is_treated_the_same_both_ways() {
    for target in ["there", "dangling", "folder", "no/folder", "loop"] {
        for if_there in [IfThere::Refuse, IfThere::Keep, IfThere::Replace] {
            let set_up = |top: &Path| {
                put(&top.join("there"), "old", 0o640);
                put(&top.join("folder/x"), "", 0o644);
                make_link(target, top.join("link")).unwrap();
                make_link("loop", top.join("loop")).unwrap();
            };
            let write = |top: &Path| Action::WriteFile {
                path: top.join("link"),
                content: "new\n".to_owned(),
                executable: false,
                if_there,
            };
            // A dangling link's folder is not made by a shell, and by the deed it is.
            if target == "no/folder" && if_there == IfThere::Replace {
                continue;
            }
            let (tree, _) = same_both_ways(set_up, write);
            assert_eq!(tree[Path::new("link")], format!("link {target}"));
        }
    }
}

#[test]
fn links_are_made_the_same_both_ways() {
    let set_up = |top: &Path| {
        put(&top.join("file"), "", 0o644);
        fs::create_dir(top.join("folder")).unwrap();
        make_link("../common/x", top.join("right")).unwrap();
        make_link("folder", top.join("wrong")).unwrap();
    };
    for (name, goes) in [("a/b", true), ("file", false), ("folder", false), ("right", true), ("wrong", false)]
    {
        let (_, well) = same_both_ways(set_up, |top| Action::Symlink {
            link: top.join(name),
            target: "../common/x".into(),
        });
        assert_eq!(well, goes, "{name}");
    }
    for name in ODD {
        let (_, well) =
            same_both_ways(set_up, |top| Action::Symlink { link: top.join(name), target: name.into() });
        assert!(well);
    }
}

#[test]
fn things_are_removed_and_renamed_the_same_both_ways() {
    let set_up = |top: &Path| {
        put(&top.join("kept/file"), "", 0o644);
        put(&top.join("folder/deep/-x"), "", 0o444);
        put(&top.join("file"), "", 0o644);
        make_link("kept", top.join("link")).unwrap();
    };
    for name in ["folder", "file", "link", "absent", "absent/below", "file/below"] {
        let (tree, well) = same_both_ways(set_up, |top| Action::Remove { path: top.join(name) });
        assert!(well);
        assert!(tree.contains_key(Path::new("kept/file")));
        assert!(!tree.contains_key(Path::new(name)));
        let (whole, well) = same_both_ways(
            |top| {
                set_up(top);
                // Of a removal that broke off.
                put(&top.join(".scaf-new-gone-x/half"), "", 0o444);
            },
            |top| Action::RemoveWhole { path: top.join(name), aside: top.join(".scaf-new-gone-x") },
        );
        assert_eq!((whole, well), (tree, true));
        for (to, goes) in
            [("new", true), ("sub/new", true), ("kept", false), ("file", false), ("link", false)]
        {
            let (tree, well) =
                same_both_ways(set_up, |top| Action::Rename { from: top.join(name), to: top.join(to) });
            assert_eq!(well, goes && ["folder", "file", "link"].contains(&name), "{name} {to}");
            assert!(tree.contains_key(Path::new("kept/file")));
        }
    }
}

/// An experiment with everything that may be in a bundle.
fn experiment(top: &Path) {
    put(&top.join("src/exp/train.py"), "train", 0o644);
    put(&top.join("src/exp/run.sh"), "run", 0o755);
    put(&top.join("src/exp/a/b/c.py"), "c", 0o600);
    put(&top.join("src/exp/a/half.py"), "", 0o654);
    put(&top.join("src/common/tools/y.py"), "y", 0o664);
    put(&top.join("src/common/x.py"), "x", 0o644);
    make_link("../common", top.join("src/exp/common")).unwrap();
    make_link("common/x.py", top.join("src/exp/again.py")).unwrap();
    for name in ODD {
        put(&top.join("src/exp").join(name).join(name), name, 0o644);
    }
    let large: String = "0123456789abcdef".repeat(40_000);
    put(&top.join("src/exp/large"), &large, 0o644);
}

fn keep(top: &Path) -> Action {
    let Surveyed { manifest, digest, .. } = survey_of(top).unwrap();
    Action::KeepBundle {
        source: top.join("src/exp"),
        manifest,
        into: top.join("runs/.bundles").join(&digest),
        digest,
    }
}

#[test]
fn bundles_are_kept_the_same_both_ways() {
    let (tree, well) = same_both_ways(experiment, keep);
    assert!(well);
    let kept: Vec<_> = tree.iter().filter(|(path, _)| path.starts_with("runs/.bundles")).collect();
    assert!(kept.iter().any(|(path, what)| path.ends_with("run.sh") && what.starts_with("file 555")));
    assert!(kept.iter().any(|(path, what)| path.ends_with("half.py") && what.starts_with("file 555")));
    assert!(kept.iter().any(|(path, what)| path.ends_with("c.py") && what.starts_with("file 444")));
    assert!(kept.iter().all(|(_, what)| !what.starts_with("link")));
    assert_eq!(kept.iter().filter(|(_, what)| what.starts_with("file")).count(), 8 + ODD.len());
    // Already there: nothing is done, whatever has become of the source.
    let there = |top: &Path| {
        experiment(top);
        do_it(&keep(top)).unwrap();
    };
    assert!(same_both_ways(there, keep).1);
}

#[test]
fn trees_are_copied_the_same_both_ways() {
    let set_up = |top: &Path| {
        experiment(top);
        put(&top.join("src/exp/read_only"), "x", 0o444);
        fs::create_dir(top.join("src/exp/empty")).unwrap();
        fs::set_permissions(top.join("src/exp/empty"), Permissions::from_mode(0o700)).unwrap();
        fs::create_dir_all(top.join("free")).unwrap();
    };
    for (to, goes) in [("copy", true), ("deep/copy", true), ("free", true), ("src/common", false)] {
        let (_, well) =
            same_both_ways(set_up, |top| Action::CopyTree { from: top.join("src/exp"), to: top.join(to) });
        assert_eq!(well, goes, "{to}");
    }
    let bundle = |top: &Path| {
        experiment(top);
        do_it(&keep(top)).unwrap();
        fs::rename(top.join("runs/.bundles").join(survey_of(top).unwrap().digest), top.join("bundle"))
            .unwrap();
    };
    let (tree, _) =
        same_both_ways(bundle, |top| Action::CopyTree { from: top.join("bundle"), to: top.join("copy") });
    assert!(tree[Path::new("copy/run.sh")].starts_with("file 755"));
    assert!(tree[Path::new("copy/train.py")].starts_with("file 644"));
}

/// A run that has been: its scratch folder with a copy of the bundle, and what it did there.
fn after_a_run(top: &Path, copy: &str) {
    experiment(top);
    let Action::KeepBundle { source, manifest, digest, .. } = keep(top) else { panic!() };
    keep_bundle(&source, &manifest, &digest, &top.join("bundle"), &|| None).unwrap();
    put(&top.join("precious/train.py"), "train", 0o644);
    put(&top.join("precious/__pycache__/x"), "kept", 0o644);
    let copy = top.join(copy);
    copy_tree(&top.join("bundle"), &copy, &|| None).unwrap();
    put(&copy.join("train.py"), "trAin", 0o644);
    put(&copy.join("run.sh"), "run", 0o700);
    put(&copy.join("a/b/new"), "new", 0o644);
    put(&copy.join("a/__pycache__/c.pyc"), "noise", 0o644);
    put(&copy.join(".pytest_cache/v/x"), "noise", 0o644);
    fs::remove_dir_all(copy.join("common")).unwrap();
    make_link("../../precious", copy.join("common")).unwrap();
    make_link("../precious", copy.join("out")).unwrap();
    fs::remove_file(copy.join("again.py")).unwrap();
    make_link("../../bundle/again.py", copy.join("again.py")).unwrap();
    put(&top.join("scratch/left -by\nrun"), "", 0o644);
    fs::create_dir_all(top.join("scratch/empty/er")).unwrap();
}

#[test]
fn runs_are_tidied_the_same_both_ways() {
    for copy in ["scratch/domain/exp", "elsewhere/exp"] {
        let (tree, well) = same_both_ways(
            |top| after_a_run(top, copy),
            |top| Action::Tidy {
                scratch: top.join("scratch"),
                copy: Some(top.join(copy)),
                bundle: Some(top.join("bundle")),
            },
        );
        assert!(well);
        let left: Vec<_> = tree
            .keys()
            .filter(|path| path.starts_with(copy))
            .map(|path| path.strip_prefix(copy).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(left, ["", "a", "a/b", "a/b/new", "again.py", "common", "out", "train.py"]);
        assert!(tree.contains_key(Path::new("precious/train.py")));
        assert!(tree.contains_key(Path::new("precious/__pycache__/x")));
    }
    let nothing = |top: &Path| fs::create_dir_all(top.join("scratch/data")).unwrap();
    let only = |top: &Path| Action::Tidy { scratch: top.join("scratch"), copy: None, bundle: None };
    assert!(same_both_ways(nothing, only).0.is_empty());
    assert!(same_both_ways(|_| (), only).1);
    // The scratch folder itself may not be led elsewhere.
    let led = |top: &Path| {
        fs::create_dir_all(top.join("precious/empty")).unwrap();
        make_link("precious", top.join("scratch")).unwrap();
    };
    assert_eq!(same_both_ways(led, only).0.len(), 3);
}

#[test]
fn what_a_run_left_is_named() {
    let here = tempfile::tempdir().unwrap();
    let top = here.path();
    after_a_run(top, "scratch/exp");
    let left = tidy(&top.join("scratch"), Some(&top.join("scratch/exp")), Some(&top.join("bundle"))).unwrap();
    let expected = ["exp/a/b/new", "exp/again.py", "exp/common", "exp/out", "exp/train.py", "left -by\nrun"];
    assert_eq!(left, expected.map(PathBuf::from));
    assert_eq!(tidy(&top.join("absent"), None, None).unwrap(), Vec::<PathBuf>::new());
}

#[test]
fn a_later_bundle_shares_what_did_not_change() {
    let here = tempfile::tempdir().unwrap();
    let top = here.path();
    experiment(top);
    do_it(&keep(top)).unwrap();
    let first = top.join("runs/.bundles").join(survey_of(top).unwrap().digest);
    put(&top.join("src/exp/train.py"), "other", 0o644);
    put(&top.join("src/exp/run.sh"), "run", 0o644);
    // Damaged in the store: nothing that is not what it should be is shared.
    fs::set_permissions(first.join("large"), Permissions::from_mode(0o644)).unwrap();
    let mut damaged = fs::read(first.join("large")).unwrap();
    damaged[7] ^= 1;
    put(&first.join("large"), std::str::from_utf8(&damaged).unwrap(), 0o444);
    let Surveyed { manifest, digest, .. } = survey_of(top).unwrap();
    let second = top.join("runs/.bundles").join(&digest);
    let kept = keep_bundle(&top.join("src/exp"), &manifest, &digest, &second, &|| None).unwrap();
    assert!(kept.made);
    let inode = |path: PathBuf| fs::metadata(path).unwrap().ino();
    for (name, same) in [("train.py", false), ("run.sh", false), ("large", false), ("a/b/c.py", true)] {
        assert_eq!(inode(first.join(name)) == inode(second.join(name)), same, "{name}");
    }
    let unchanged = manifest
        .entries
        .iter()
        .filter(|entry| !["train.py", "run.sh", "large"].contains(&entry.path.as_str()));
    assert_eq!(kept.shared, unchanged.map(|entry| entry.size).sum::<u64>());
    assert_eq!(
        fs::read_to_string(second.join("large")).unwrap(),
        fs::read_to_string(top.join("src/exp/large")).unwrap()
    );
}

#[test]
fn a_file_that_changed_since_is_named_and_nothing_is_kept() {
    let here = tempfile::tempdir().unwrap();
    let top = here.path();
    experiment(top);
    let plan = keep(top);
    put(&top.join("src/exp/train.py"), "tr", 0o644);
    fs::remove_file(top.join("src/common/x.py")).unwrap();
    match do_it(&plan) {
        Err(FileError::Changed { paths }) => assert_eq!(
            paths,
            ["again.py", "common/x.py", "train.py"].map(|name| top.join("src/exp").join(name))
        ),
        other => panic!("{other:?}"),
    }
    assert!(tree(&top.join("runs/.bundles")).is_empty());
}

/// A writer that never stops: either it is said, or what is kept is what was hashed.
#[test]
fn what_is_kept_is_what_was_hashed() {
    let here = tempfile::tempdir().unwrap();
    let top = here.path();
    put(&top.join("src/exp/a.py"), "a", 0o644);
    put(&top.join("src/exp/busy"), &"a".repeat(300_000), 0o644);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            use std::os::unix::fs::FileExt;
            let file = File::options().write(true).open(top.join("src/exp/busy")).unwrap();
            for letter in (b'a'..=b'z').cycle() {
                for at in 0..3 {
                    file.write_all_at(&vec![letter; 100_000], at * 100_000).unwrap();
                }
                if stop.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        for _ in 0..10 {
            let Ok(Surveyed { manifest, digest, .. }) = survey_of(top) else { continue };
            let into = top.join("store").join(&digest);
            match keep_bundle(&top.join("src/exp"), &manifest, &digest, &into, &|| None) {
                Ok(_) => {
                    for entry in &manifest.entries {
                        let kept = fs::read(into.join(&entry.path)).unwrap();
                        assert_eq!(blake3::hash(&kept).to_hex().as_str(), entry.digest);
                    }
                }
                Err(FileError::Changed { paths }) => assert_eq!(paths, [top.join("src/exp/busy")]),
                Err(other) => panic!("{other}"),
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn two_at_once_keep_the_same_bundle() {
    let here = tempfile::tempdir().unwrap();
    let top = here.path();
    experiment(top);
    let Surveyed { manifest, digest, .. } = survey_of(top).unwrap();
    for round in 0..5 {
        let store = top.join(format!("store{round}"));
        let into = store.join(&digest);
        let made: usize = thread::scope(|scope| {
            let keep = || keep_bundle(&top.join("src/exp"), &manifest, &digest, &into, &|| None).unwrap();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(keep)).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap().made)).sum()
        });
        assert_eq!(made, 1);
        assert_eq!(fs::read_dir(&store).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(into.join("train.py")).unwrap(), "train");
    }
}

#[test]
fn two_at_once_write_the_same_file() {
    let here = tempfile::tempdir().unwrap();
    for if_there in [IfThere::Refuse, IfThere::Keep, IfThere::Replace] {
        for round in 0..20 {
            let path = here.path().join(format!("{if_there:?}{round}"));
            let wrote = thread::scope(|scope| {
                let write = || write_whole(&path, "text", false, if_there);
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(write)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
            });
            let number = wrote.iter().filter(|wrote| matches!(wrote, Ok(true))).count();
            assert_eq!(number, if if_there == IfThere::Replace { 4 } else { 1 });
            for failed in wrote.iter().filter_map(|wrote| wrote.as_ref().err()) {
                assert!(matches!(failed, FileError::AlreadyThere { .. }) && if_there == IfThere::Refuse);
            }
        }
    }
    assert_eq!(fs::read_dir(here.path()).unwrap().count(), 60);
}

/// A file system of its own, gone with the value; `None` (said aloud) where mounting is not allowed.
struct Mounted {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Mounted {
    fn new(options: &str) -> Option<Self> {
        Self::below("", options)
    }

    /// At this place below a folder of its own.
    fn below(place: &str, options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(place);
        fs::create_dir_all(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "scaf-test"])
            .arg(&path)
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self { path, _folder: folder });
        }
        println!("skipped: this user may not mount a file system");
        None
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", options]).arg(&self.path).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

#[test]
fn a_full_disk_is_said_and_nothing_is_left() {
    let Some(mounted) = Mounted::new("size=256k") else { return };
    let top = mounted.path.canonicalize().unwrap();
    let here = tempfile::tempdir().unwrap();
    experiment(here.path());
    let Surveyed { manifest, digest, .. } = survey_of(here.path()).unwrap();
    put(&top.join("there"), "old", 0o644);
    let before = tree(&top);
    let large = "x".repeat(1 << 20);
    let write = write_whole(&top.join("there"), &large, false, IfThere::Replace);
    let keep = keep_bundle(&here.path().join("src/exp"), &manifest, &digest, &top.join("bundle"), &|| None);
    let copy = copy_tree(&here.path().join("src/exp"), &top.join("copy"), &|| None);
    for failed in [write.map(|_| ()), keep.map(|_| ()), copy] {
        let error = failed.unwrap_err();
        assert!(matches!(&error, FileError::Full { mount, .. } if *mount == top), "{error:?}");
        assert!(error.to_string().contains("no space left on the file system at"));
        assert!(error.hints()[0].contains("`scaf gc`"));
    }
    assert_eq!(tree(&top), before);
}

#[test]
fn a_read_only_disk_is_said_and_nothing_is_left() {
    let Some(mounted) = Mounted::new("size=1m") else { return };
    let top = mounted.path.canonicalize().unwrap();
    experiment(&top);
    let Surveyed { manifest, digest, .. } = survey_of(&top).unwrap();
    mounted.remount("remount,ro");
    let before = tree(&top);
    let failures = [
        make_directory(&top.join("new/er")),
        write_whole(&top.join("new"), "", false, IfThere::Refuse).map(|_| ()),
        write_whole(&top.join("src/exp/train.py"), "", false, IfThere::Replace).map(|_| ()),
        symlink(&top.join("link"), Path::new("src")),
        remove(&top.join("src/exp/train.py")),
        remove(&top.join("src")),
        rename(&top.join("src"), &top.join("other")),
        keep_bundle(&top.join("src/exp"), &manifest, &digest, &top.join("bundle"), &|| None).map(|_| ()),
        copy_tree(&top.join("src/exp"), &top.join("copy"), &|| None),
    ];
    for failed in failures {
        let error = failed.unwrap_err();
        assert!(matches!(&error, FileError::ReadOnly { mount, .. } if *mount == top), "{error:?}");
    }
    // What cannot be removed is named.
    let scratch = top.join("src/exp/a");
    assert_eq!(tidy(&scratch, Some(&scratch), Some(&scratch)).unwrap().len(), 2);
    assert_eq!(tree(&top), before);
}

#[test]
fn what_is_interrupted_leaves_nothing() {
    let here = tempfile::tempdir().unwrap();
    let top = here.path();
    experiment(top);
    let Surveyed { manifest, digest, .. } = survey_of(top).unwrap();
    let before = tree(top);
    fs::create_dir(top.join("store")).unwrap();
    // It comes at the second file.
    let soon = || {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        move || (asked.fetch_add(1, Ordering::Relaxed) > 0).then_some(15)
    };
    let source = top.join("src/exp");
    let failures = [
        keep_bundle(&source, &manifest, &digest, &top.join("store/bundle"), &soon()).map(|_| ()),
        copy_tree(&source, &top.join("copy"), &soon()),
    ];
    for failed in failures {
        let error = failed.unwrap_err();
        assert!(matches!(error, FileError::Interrupted { signal: 15, .. }), "{error:?}");
        assert_eq!(error.fault().status(), 143);
    }
    fs::remove_dir(top.join("store")).unwrap();
    assert_eq!(tree(top), before);
}

#[test]
fn a_removal_that_breaks_off_leaves_nothing_that_looks_whole() {
    // A folder with a mount point in it can get another name, and cannot be removed.
    let Some(mut mounted) = Mounted::below("store/whole/used", "size=1m") else { return };
    let whole = mounted.path.parent().unwrap().to_owned();
    let aside = whole.with_file_name(".scaf-new-gone-whole");
    put(&whole.join("file"), "", 0o444);
    let error = remove_whole(&whole, &aside).unwrap_err();
    if aside.exists() {
        mounted.path = aside.join("used");
    }
    assert!(error.to_string().contains("cannot remove"), "{error}");
    assert!(!whole.exists() && aside.exists());
}

#[test]
fn what_is_in_the_way_is_named() {
    let here = tempfile::tempdir().unwrap();
    let top = here.path();
    put(&top.join("file"), "", 0o644);
    fs::create_dir(top.join("folder")).unwrap();
    let long = "x".repeat(300);
    let failed = |result: Result<bool, FileError>| result.unwrap_err();
    let write = |name: &str, if_there| failed(write_whole(&top.join(name), "", false, if_there));
    assert!(matches!(write("folder", IfThere::Replace), FileError::IsFolder { .. }));
    assert!(matches!(write("file", IfThere::Refuse), FileError::AlreadyThere { .. }));
    assert!(matches!(write(&long, IfThere::Replace), FileError::NameTooLong { .. }));
    assert!(
        matches!(write("file/x/y", IfThere::Replace), FileError::NotAFolder { path } if path == top.join("file"))
    );
    assert!(
        matches!(make_directory(&top.join("file/x")), Err(FileError::NotAFolder { path }) if path == top.join("file"))
    );
    assert!(matches!(rename(&top.join("absent"), &top.join("x")), Err(FileError::Missing { .. })));
    assert_eq!(fs::read_dir(top).unwrap().count(), 2);
}
