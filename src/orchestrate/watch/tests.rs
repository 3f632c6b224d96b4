//! Tests of `watch`.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

/// Long enough for a busy machine; nothing waits for it to pass unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

struct Project {
    _dir: tempfile::TempDir,
    root: PathBuf,
}

impl Project {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let project = Self { _dir: dir, root };
        for path in [
            "src/exp/train.py",
            "src/exp/data/rows",
            "src/exp/signal/begin",
            "src/exp/environment/Dockerfile",
            "src/common/x.py",
            "src/common/other.py",
            "src/common/tools/deep/y.py",
        ] {
            project.write(path, "");
        }
        project.write("src/exp/.scafignore", "*.log\nbuild/\n");
        project.link("src/exp/common/x.py", "../../common/x.py");
        project
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    fn watch(&self) -> Watcher {
        let source = self.path("src/exp");
        Watcher::new(&Request { root: &self.root, source: &source, ignore_files: &[], cache: None }).unwrap()
    }
}

/// Does it, then makes a change that is surely told, and returns what was told of the first.
fn told(project: &Project, watcher: &mut Watcher, deed: impl FnOnce()) -> (bool, Vec<String>) {
    deed();
    // Things are told in their order: when this one has come, no earlier one is still to come.
    let signals = project.path("src/exp/signal");
    let end = signals.join(format!("{}", fs::read_dir(&signals).unwrap().count()));
    File::create(&end).unwrap();
    let (mut environment, mut paths) = (false, BTreeSet::new());
    let until = Instant::now() + PATIENCE;
    while !paths.contains(&end) {
        assert!(Instant::now() < until, "nothing is told: {paths:?}");
        if let Some(change) = watcher.next(Duration::from_secs(1)).unwrap() {
            environment |= change.environment;
            paths.extend(change.paths);
        }
    }
    paths.remove(&end);
    let below = |path: PathBuf| path.strip_prefix(&project.root).unwrap().to_str().unwrap().to_owned();
    (environment, paths.into_iter().map(below).collect())
}

fn only(path: &str) -> (bool, Vec<String>) {
    (false, vec![path.to_owned()])
}

#[test]
fn changes_are_told() {
    let project = Project::new();
    let mut watcher = project.watch();
    let write = |path: &str| project.write(path, "new");
    assert_eq!(told(&project, &mut watcher, || write("src/exp/train.py")), only("src/exp/train.py"));
    assert_eq!(told(&project, &mut watcher, || write("src/common/x.py")), only("src/common/x.py"));
    assert_eq!(
        told(&project, &mut watcher, || write("src/exp/environment/Dockerfile")),
        (true, vec!["src/exp/environment/Dockerfile".to_owned()])
    );
    assert_eq!(
        told(&project, &mut watcher, || fs::remove_file(project.path("src/exp/train.py")).unwrap()),
        only("src/exp/train.py")
    );
    // As editors save: written beside, and renamed.
    let save = || {
        write("src/common/x.py.tmp");
        fs::rename(project.path("src/common/x.py.tmp"), project.path("src/common/x.py")).unwrap();
    };
    assert_eq!(told(&project, &mut watcher, save), only("src/common/x.py"));
    let executable = || {
        let file = project.path("src/exp/data/rows");
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    };
    assert_eq!(told(&project, &mut watcher, executable), only("src/exp/data/rows"));
}

#[test]
fn what_is_no_part_is_not_told() {
    let project = Project::new();
    let mut watcher = project.watch();
    let nothing = || {
        for path in [
            "src/exp/.train.py.swp",
            "src/exp/train.py~",
            "src/exp/.#train.py",
            "src/exp/#train.py#",
            "src/exp/4913",
            "src/exp/train.py.tmp",
            "src/exp/train.py___jb_tmp___",
            "src/exp/.scaf-new-1",
            "src/exp/x.log",
            "src/exp/build/x",
            "src/exp/__pycache__/x.pyc",
            "src/exp/.ipynb_checkpoints/x",
            "src/common/other.py",
            "src/common/tools/deep/y.py",
            "src/other/train.py",
            "runs/exp/1/plan.json",
            "README.md",
        ] {
            project.write(path, "new");
        }
        fs::remove_file(project.path("src/exp/train.py~")).unwrap();
        fs::remove_dir_all(project.path("src/exp/build")).unwrap();
        // Bundling reads.
        fs::read(project.path("src/exp/train.py")).unwrap();
        fs::read_dir(project.path("src/exp")).unwrap().count();
    };
    assert_eq!(told(&project, &mut watcher, nothing), (false, vec![]));
}

#[test]
fn folders_and_links_made_later_are_watched() {
    let project = Project::new();
    project.link("src/exp/common/later.py", "../../common/later.py");
    let mut watcher = project.watch();
    let write = |path: &str| project.write(path, "new");
    let (_, paths) = told(&project, &mut watcher, || write("src/exp/new/er/z.py"));
    assert!(paths.contains(&"src/exp/new".to_owned()), "{paths:?}");
    assert_eq!(told(&project, &mut watcher, || write("src/exp/new/er/z.py")), only("src/exp/new/er/z.py"));
    let link = || project.link("src/exp/common/tools", "../../common/tools");
    assert_eq!(told(&project, &mut watcher, link), only("src/exp/common/tools"));
    let deep = "src/common/tools/deep/y.py";
    assert_eq!(told(&project, &mut watcher, || write(deep)), only(deep));
    let unlink = || fs::remove_file(project.path("src/exp/common/tools")).unwrap();
    assert_eq!(told(&project, &mut watcher, unlink), only("src/exp/common/tools"));
    assert_eq!(told(&project, &mut watcher, || write(deep)), (false, vec![]));
    // A link that led to nothing until now.
    assert_eq!(told(&project, &mut watcher, || write("src/common/later.py")), only("src/common/later.py"));
}

#[test]
fn a_folder_in_the_place_of_another_is_watched() {
    let project = Project::new();
    let mut watcher = project.watch();
    let swap = || {
        fs::rename(project.path("src/exp/data"), project.path("src/exp/old")).unwrap();
        project.write("src/exp/data/rows", "");
    };
    let (_, paths) = told(&project, &mut watcher, swap);
    assert!(paths.contains(&"src/exp/data".to_owned()), "{paths:?}");
    for path in ["src/exp/data/rows", "src/exp/old/rows"] {
        assert_eq!(told(&project, &mut watcher, || project.write(path, "new")), only(path));
    }
    let again = || {
        fs::remove_dir_all(project.path("src/exp/old")).unwrap();
        project.write("src/exp/old/rows", "");
    };
    told(&project, &mut watcher, again);
    let path = "src/exp/old/rows";
    assert_eq!(told(&project, &mut watcher, || project.write(path, "new")), only(path));
}

#[test]
fn new_rules_hold_at_once() {
    let project = Project::new();
    let mut watcher = project.watch();
    let rule = || project.write(".scafignore", "*.csv\n");
    assert_eq!(told(&project, &mut watcher, rule), only(".scafignore"));
    assert_eq!(told(&project, &mut watcher, || project.write("src/exp/x.csv", "")), (false, vec![]));
}

#[test]
fn a_reached_limit_says_what_to_do() {
    let watches = WatchError::new(None, &notify::Error::new(notify::ErrorKind::MaxFilesWatch));
    assert_eq!(
        watches.hints()[0],
        "raise it until the next start of the machine: `sudo sysctl fs.inotify.max_user_watches=524288`"
    );
    let instances = notify::Error::io(rustix::io::Errno::MFILE.into());
    let instances = WatchError::new(None, &instances);
    assert!(instances.hints()[0].contains("fs.inotify.max_user_instances=1024"));
}
