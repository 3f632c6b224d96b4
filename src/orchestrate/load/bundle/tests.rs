//! Tests of `bundle`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread;
use std::time::Duration;

use super::*;

/// A project with one experiment, `src/exp`.
struct Project {
    _dir: tempfile::TempDir,
    root: PathBuf,
}

impl Project {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("project");
        let project = Self { _dir: dir, root };
        fs::create_dir_all(project.root.join("src/exp")).unwrap();
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    fn survey_with(&self, ignore_files: &[&str], cache: Option<&Path>) -> Result<Surveyed, BundleError> {
        let source = self.root.join("src/exp");
        survey(&Request { root: &self.root, source: &source, ignore_files, cache })
    }

    fn survey(&self) -> Result<Surveyed, BundleError> {
        self.survey_with(&[], None)
    }

    fn paths(&self) -> Vec<String> {
        self.survey().unwrap().manifest.entries.into_iter().map(|entry| entry.path).collect()
    }

    fn problems(&self) -> Vec<Problem> {
        match self.survey() {
            Err(BundleError::Problems { problems, .. }) => problems,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn links_are_replaced_by_what_they_lead_to() {
    let project = Project::new(&[
        ("src/exp/train.py", "train"),
        ("src/exp/a/b/c.py", "c"),
        ("src/exp/a.py", "a"),
        ("src/common/x.py", "x"),
        ("src/common/tools/deep/y.py", "y"),
        ("src/common/tools/__pycache__/y.pyc", "noise"),
    ]);
    fs::create_dir(project.root.join("src/exp/empty")).unwrap();
    project.link("src/exp/common/x.py", "../../common/x.py");
    project.link("src/exp/common/tools", "../../common/tools");
    project.link("src/exp/again", "common/tools/deep");
    let surveyed = project.survey().unwrap();
    let entries = &surveyed.manifest.entries;
    let paths: Vec<_> = entries.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(
        paths,
        ["a.py", "a/b/c.py", "again/y.py", "common/tools/deep/y.py", "common/x.py", "train.py"]
    );
    let deep = project.root.join("src/common/tools/deep");
    assert_eq!(entries[2].origin.as_deref(), Some(deep.join("y.py").as_path()));
    assert_eq!(entries[3].origin.as_deref(), Some(deep.join("y.py").as_path()));
    assert_eq!(entries[5].origin, None);
    assert_eq!(entries[5].digest, blake3::hash(b"train").to_hex().as_str());
    assert_eq!(entries[5].size, 5);
    let common = project.root.join("src/common");
    assert_eq!(surveyed.links, [common.join("tools"), deep, common.join("x.py")]);
    assert_eq!(surveyed.digest, surveyed.manifest.digest());
}

#[test]
fn the_digest_is_that_of_the_content_wherever_and_whenever() {
    let files = [("src/exp/a.py", "1"), ("src/exp/common/x.py", "2")];
    let plain = Project::new(&files).survey().unwrap().digest;
    let linked = Project::new(&[("src/exp/a.py", "1"), ("src/common/x.py", "2")]);
    linked.link("src/exp/common", "../common");
    assert_eq!(linked.survey().unwrap().digest, plain);
    let executable = Project::new(&files);
    // Which of the three bits is set depends on the checkout's umask.
    for mode in [0o744, 0o654, 0o645] {
        let file = executable.root.join("src/exp/a.py");
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
        let surveyed = executable.survey().unwrap();
        assert_ne!(surveyed.digest, plain);
        assert!(surveyed.manifest.entries[0].executable);
    }
}

#[test]
fn rules_of_every_folder_on_the_way_hold() {
    let project = Project::new(&[
        (".scafignore", "*.log\n/src/exp/anchored\n"),
        (".gitignore", "local.py\n"),
        ("src/.scafignore", "exp/from_src\n"),
        ("src/exp/.scafignore", "!keep.log\ndata/\nlink_out\n"),
        ("src/exp/sub/.scafignore", "/only_here\n"),
        ("src/exp/.amlignore", "tests/\n"),
        ("src/exp/local.py", ""),
        ("src/exp/x.log", ""),
        ("src/exp/keep.log", ""),
        ("src/exp/anchored", ""),
        ("src/exp/sub/anchored", ""),
        ("src/exp/from_src", ""),
        ("src/exp/data/big", ""),
        ("src/exp/sub/only_here", ""),
        ("src/exp/sub/deep/only_here", ""),
        ("src/exp/tests/test_x.py", ""),
        ("src/common/.scafignore", "*.csv\n/tools/anchored\n"),
        ("src/common/tools/.scafignore", "secret\n"),
        ("src/common/tools/secret", ""),
        ("src/common/tools/table.csv", ""),
        ("src/common/tools/anchored", ""),
        ("src/common/tools/y.py", ""),
        ("src/common/tools/y.log", ""),
    ]);
    project.link("src/exp/common/tools", "../../common/tools");
    project.link("src/exp/sub/data", "../../common/tools");
    project.link("src/exp/link_out", "/nowhere");
    let mut expected = vec![
        ".amlignore",
        ".scafignore",
        "common/tools/.scafignore",
        "common/tools/y.py",
        "keep.log",
        "local.py",
        "sub/.scafignore",
        "sub/anchored",
        "sub/deep/only_here",
        "tests/test_x.py",
    ];
    assert_eq!(project.paths(), expected);
    expected.retain(|path| *path != "tests/test_x.py");
    let surveyed = project.survey_with(&[".amlignore"], None).unwrap();
    let paths: Vec<_> = surveyed.manifest.entries.into_iter().map(|entry| entry.path).collect();
    assert_eq!(paths, expected);
}

#[test]
fn every_problem_is_told_at_once() {
    let project = Project::new(&[
        (".scafignore", "fine\na[z-a]\n"),
        ("src/exp/fine.py", ""),
        ("src/exp/common/text", "../../common/x.py"),
        ("src/exp/common/other_text", "../../common/not_there.py"),
        ("src/exp/common/newline", "../../common/x.py\n"),
        ("src/exp/elsewhere", "../common/x.py"),
        ("src/common/x.py", ""),
        ("src/common/tools/y.py", ""),
    ]);
    project.link("src/exp/a_escapes", "../../../outside");
    project.link("src/exp/b_absolute", "/etc/hostname");
    project.link("src/exp/c_dangling", "nothing/there");
    project.link("src/exp/d_itself", "d_itself");
    project.link("src/exp/e/up", "../..");
    project.link("src/common/tools/back", "../../exp/f_tools");
    project.link("src/exp/f_tools", "../common/tools");
    File::create(project.root.parent().unwrap().join("outside")).unwrap();
    File::create(project.root.join("src/exp").join(OsStr::from_bytes(b"g_\xff\n.py"))).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(project.root.join("src/exp/h_socket")).unwrap();
    let pipe = project.root.join("src/exp/i_pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    project.link("src/exp/j_through", "i_pipe");
    let problems = project.problems();
    let told: Vec<String> =
        problems.iter().map(|problem| format!("{}: {problem}", Name(problem.path()))).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    `.scafignore`: line 2: not a rule in gitignore's syntax: error parsing glob 'a[z-a]': invalid range; 'z' > 'a'
    `src/exp/a_escapes`: the symlink leads out of the project, to `../../../outside`
    `src/exp/b_absolute`: the symlink leads out of the project, to `/etc/hostname`
    `src/exp/c_dangling`: the symlink leads to nothing: there is no `nothing/there`
    `src/exp/common/text`: a symlink to `../../common/x.py` that git wrote as a text file
    `src/exp/d_itself`: the symlink leads round in a circle, through `d_itself`
    `src/exp/e/up`: the symlink leads round in a circle, through `../..`
    `src/exp/f_tools/back`: the symlink leads round in a circle, through `../../exp/f_tools`
    `src/exp/g_\xff\n.py`: the name is not UTF-8
    `src/exp/h_socket`: a socket, which a bundle cannot hold
    `src/exp/i_pipe`: a named pipe, which a bundle cannot hold
    `src/exp/j_through`: a named pipe, which a bundle cannot hold
    ");
    let error = project.survey().unwrap_err();
    insta::assert_snapshot!(error.hints().join("\n"), @r"
    a run has nothing but the project's files: put a copy in the link's place, or name `src/exp/a_escapes` in `.scafignore`
    take the link away: `rm src/exp/c_dangling`
    let git make symlinks: `git config core.symlinks true && git checkout -- src/exp/common/text`
    take the link away: `rm src/exp/d_itself`
    rename `src/exp/g_\xff\n.py`, or leave it out with `.scafignore`
    remove `src/exp/h_socket`, or name it in `.scafignore`
    ");
}

#[test]
fn what_a_rule_leaves_out_is_no_problem() {
    let project = Project::new(&[("src/exp/a.py", ""), ("src/exp/.scafignore", "bad*\n")]);
    project.link("src/exp/bad_link", "nothing");
    project.link("src/exp/bad_way_out", "../../..");
    project.link("src/exp/bad_circle", ".");
    File::create(project.root.join("src/exp").join(OsStr::from_bytes(b"bad\xff"))).unwrap();
    assert_eq!(project.paths(), [".scafignore", "a.py"]);
}

#[test]
fn odd_names_are_names_like_others() {
    let names =
        ["-rf", " ", "a b", "new\nline", "quote'", "\"", "$HOME", "back\\slash", "ünï", "*", "#x", "!x"];
    let project = Project::new(&[]);
    for name in names {
        project.write(&format!("src/exp/{name}/{name}"), name);
    }
    let mut expected: Vec<String> = names.iter().map(|name| format!("{name}/{name}")).collect();
    expected.sort();
    assert_eq!(project.paths(), expected);
}

#[test]
fn paths_are_sorted_by_their_bytes() {
    let project = Project::new(&[]);
    let names = ["a.b/c", "a-b", "a/b", "ab", "a0", "b/c", "b.c", "B", "ä"];
    for name in names {
        project.write(&format!("src/exp/{name}"), "");
    }
    let paths = project.paths();
    let mut sorted = paths.clone();
    sorted.sort_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
    assert_eq!(paths, sorted);
    assert_eq!(paths.len(), 9);
}

#[test]
fn nothing_to_bundle_is_an_error() {
    let project = Project::new(&[("src/exp/__pycache__/x.pyc", "")]);
    fs::create_dir(project.root.join("src/exp/empty")).unwrap();
    let error = project.survey().unwrap_err();
    assert_eq!(error.to_string(), "`src/exp` has no file that goes into a bundle");
    fs::remove_dir_all(project.root.join("src/exp")).unwrap();
    assert_eq!(project.survey().unwrap_err().to_string(), "no folder `src/exp`");
    project.write("src/exp", "");
    assert_eq!(project.survey().unwrap_err().to_string(), "no folder `src/exp`");
}

#[test]
fn an_unreadable_file_is_named() {
    let project = Project::new(&[("src/exp/a.py", ""), ("src/exp/b.py", ""), ("src/exp/sub/c.py", "")]);
    for (path, mode) in [("src/exp/b.py", 0), ("src/exp/sub", 0)] {
        fs::set_permissions(project.root.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    if File::open(project.root.join("src/exp/b.py")).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    let told: Vec<String> = project.problems().iter().map(|problem| format!("{problem:?}")).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    fs::set_permissions(project.root.join("src/exp/sub"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn unchanged_files_are_not_read_again() {
    let project = Project::new(&[("src/exp/a.py", "1"), ("src/exp/b.py", "2"), ("src/common/x.py", "3")]);
    project.link("src/exp/common/x.py", "../../common/x.py");
    let cache = project.root.join("cache");
    let read =
        || project.survey_with(&[], Some(&cache)).map(|surveyed| (surveyed.read, surveyed.digest)).unwrap();
    let (first, digest) = read();
    assert_eq!(first, 3);
    // What was written just now might be written again without a trace.
    assert_eq!(read().0, 3);
    thread::sleep(Duration::from_nanos(u64::try_from(digests::RACY).unwrap()));
    assert_eq!(read(), (3, digest.clone()));
    assert_eq!(read(), (0, digest.clone()));
    // Same size, and the old time put back: the change is seen all the same.
    let file = project.root.join("src/exp/a.py");
    let before = fs::metadata(&file).unwrap().modified().unwrap();
    project.write("src/exp/a.py", "9");
    File::options().write(true).open(&file).unwrap().set_modified(before).unwrap();
    let (again, changed) = read();
    assert_eq!(again, 1);
    assert_ne!(changed, digest);
    assert_eq!(changed, project.survey().unwrap().digest);
}

#[test]
fn two_at_once_use_the_same_cache() {
    let project = Project::new(&[]);
    for number in 0..200 {
        project.write(&format!("src/exp/{number}.py"), &number.to_string());
    }
    let cache = project.root.join("cache");
    let expected = project.survey().unwrap().digest;
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert_eq!(project.survey_with(&[], Some(&cache)).unwrap().digest, expected);
                }
            });
        }
    });
    let names: Vec<_> = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 1, "{names:?}");
}
