//! `scaf env lock` where writing goes wrong, or is not its own alone: at every moment the files are old or new, and nobody's words
//! are lost.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use crate::bad_index::BadIndex;
use crate::env_lock::{Ground, said};
use crate::faults_files::{Mounted, fill};
use crate::support::{need, state};
use crate::tree::{difference, tree};

const FILES: [&str; 2] = ["requirements.txt", "requirements.lock"];

fn files(ground: &Ground) -> [PathBuf; 2] {
    FILES.map(|file| ground.test.path("src/exp/environment").join(file))
}

/// Which file it is, and when it was written.
fn marks(ground: &Ground) -> Vec<(u64, i64, i64)> {
    let mark = |path: PathBuf| fs::metadata(path).map(|of| (of.ino(), of.mtime(), of.mtime_nsec())).unwrap();
    files(ground).map(mark).to_vec()
}

#[test]
fn where_nothing_has_changed_nothing_is_written() {
    let ground = Ground::new("import alpha\n");
    ground.install("alpha", "1.0", &[]);
    ground.alone(&[]).ok();
    let before = marks(&ground);
    ground.alone(&[]).ok();
    // A line that has moved is told anew only together with something else.
    ground.test.write("src/exp/train.py", "\n\nimport alpha\n");
    let outcome = ground.alone(&[]).ok();
    assert!(said(&outcome).contains("nothing has changed"), "{}", said(&outcome));
    assert_eq!(marks(&ground), before);
}

#[test]
fn on_a_full_disk_the_old_files_stay() {
    if !need("root") {
        return;
    }
    let ground = Ground::new("import alpha\n");
    ground.install("alpha", "1.0", &[]).install("beta", "2.0", &[]);
    let _mounted = Mounted::tmpfs(ground.test.path("src/exp/environment"), "64k");
    ground.alone(&[]).ok();
    fill(&ground.test.path("src/exp/environment"), 0);
    let before = tree(&ground.test.path("src/exp"));
    ground.test.write("src/exp/train.py", "import alpha\nimport beta\n");
    let outcome = ground.alone(&[]).status(1);
    let talk = said(&outcome);
    assert!(
        talk.contains("error: cannot write `") && talk.contains("no space left on the file system"),
        "{talk}"
    );
    ground.test.write("src/exp/train.py", "import alpha\n");
    assert_eq!(difference(&before, &tree(&ground.test.path("src/exp"))), "");
    fs::remove_file(ground.test.path("src/exp/environment/fill")).unwrap();
    ground.test.write("src/exp/train.py", "import alpha\nimport beta\n");
    ground.alone(&[]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0", "beta==2.0"]);
}

#[test]
fn in_a_folder_that_cannot_be_written_it_says_so_and_a_dry_run_still_tells() {
    if !need("root") {
        return;
    }
    let ground = Ground::new("import alpha\n");
    ground.install("alpha", "1.0", &[]);
    let mounted = Mounted::read_only(&ground.test.path(""), ground.test.root().join("read-only"));
    let before = tree(&ground.test.path(""));
    let outcome = ground.alone(&[]).current_dir(&mounted.0).status(1);
    assert!(
        said(&outcome).contains("error: cannot write `") && said(&outcome).contains("is read-only"),
        "{}",
        said(&outcome)
    );
    let outcome = ground.alone(&["--dry-run"]).current_dir(&mounted.0).ok();
    assert!(outcome.stdout.contains("alpha==1.0  # why: train.py:1"), "{}", outcome.stdout);
    assert_eq!(difference(&before, &tree(&ground.test.path(""))), "");
}

#[test]
fn several_at_once_write_one_answer() {
    let ground = Ground::new("import alpha\nimport beta\n");
    ground.install("alpha", "1.0", &[]).install("beta", "2.0", &[]);
    let children: Vec<_> = (0..4).map(|_| ground.alone(&[]).spawn()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let talk = String::from_utf8_lossy(&output.stderr);
        // One that finds that another was faster says so.
        assert!(output.status.success() || talk.contains("was changed while it was being locked"), "{talk}");
    }
    assert_eq!(ground.pins(), ["alpha==1.0", "beta==2.0"]);
    let first = (ground.requirements(), ground.locked());
    let outcome = ground.alone(&[]).ok();
    assert!(said(&outcome).contains("nothing has changed"), "{}", said(&outcome));
    for file in FILES {
        fs::remove_file(ground.test.path("src/exp/environment").join(file)).unwrap();
    }
    ground.alone(&[]).ok();
    assert_eq!((ground.requirements(), ground.locked()), first);
    let left: Vec<_> = fs::read_dir(ground.test.path("src/exp/environment")).unwrap().flatten().collect();
    assert!(
        left.iter().all(|entry| !entry.file_name().to_string_lossy().starts_with(".scaf-new-")),
        "{left:?}"
    );
}

/// A uv that is asked while somebody saves their file.
#[test]
fn what_is_written_meanwhile_is_not_lost() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with("good", &[("alpha", "1.0", &[]), ("beta", "2.0", &[])]);
    let ground = Ground::new("import alpha\n");
    let bin = ground.test.root().join("bin");
    fs::create_dir(&bin).unwrap();
    let mine = ground.test.path("src/exp/environment/requirements.txt");
    let real = state().join("bin/uv");
    let real = if real.exists() { real.display().to_string() } else { "uv".to_owned() };
    let script = format!(
        "#!/bin/sh\ncase $2 in compile) echo 'beta==2.0  # mine' > {} ;; esac\nPATH=${{PATH#*:}}\nexec {real} \"$@\"\n",
        mine.display()
    );
    fs::write(bin.join("uv"), script).unwrap();
    fs::set_permissions(bin.join("uv"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), crate::bad_index::path_with_uv());
    let outcome = ground.with(&index, &[]).env("PATH", path).status(1);
    let talk = said(&outcome);
    assert!(talk.contains("`environment/requirements.txt` was changed while it was being locked"), "{talk}");
    assert!(talk.contains("hint: lock again"), "{talk}");
    assert_eq!(fs::read_to_string(&mine).unwrap(), "beta==2.0  # mine\n");
    assert!(!ground.test.path("src/exp/environment/requirements.lock").exists());
    ground.with(&index, &[]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0", "beta==2.0"]);
    assert!(ground.requirements().starts_with("beta==2.0  # mine\n"));
}
