//! What runs or was left, its end, and the room it took: with real containers and real processes.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use crate::support::{Test, need, probe_image};

fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(300);
    while !so() {
        assert!(Instant::now() < end, "not within five minutes: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn docker(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("docker").args(arguments).stderr(Stdio::null()).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn states(test: &Test) -> Vec<String> {
    let runs = test.scaf(["ps", "--json"]).in_project().ok().json();
    runs["runs"].as_array().unwrap().iter().map(|run| run["state"].as_str().unwrap().to_owned()).collect()
}

/// A run that sleeps, once it is there in the wanted state.
fn asleep(test: &Test, words: &[&str]) -> Child {
    let child = test.scaf(words).in_project().spawn();
    until("a run", || states(test) == ["running"]);
    child
}

/// A run whose scaf was killed outright.
fn left_alone(test: &Test) {
    let mut child = asleep(test, &SLEEP);
    child.kill().unwrap();
    child.wait().unwrap();
}

const SLEEP: [&str; 6] = ["terminal", "digits", "--", "/bin/probe", "sleep", "300"];

#[test]
fn a_run_is_seen_and_stopped() {
    if !need("docker") {
        return;
    }
    let test = Test::project();
    test.probe_experiment("digits");
    assert_eq!(test.scaf(["ps"]).in_project().ok().stderr, "nothing runs, and nothing is left\n");
    let mut child = asleep(&test, &SLEEP);
    let shown = test.scaf(["ps"]).in_project().ok().stdout;
    assert!(shown.contains("digits") && shown.contains("terminal") && shown.contains("running"), "{shown}");
    let run = test.scaf(["ps", "--json"]).in_project().ok().json()["runs"][0].clone();
    let short = run["run"].as_str().unwrap().split_once('_').unwrap().1.to_owned();
    // Also from elsewhere, with the others.
    let all = test.scaf(["ps", "--all", "--json"]).ok().stdout;
    assert!(all.contains(run["run"].as_str().unwrap()), "{all}");

    let unknown = test.scaf(["stop", "nobody"]).in_project().status(1).stderr;
    assert!(unknown.contains("there is no run and no experiment `nobody`"), "{unknown}");
    assert!(unknown.contains(&format!("there are: {short} (digits)")), "{unknown}");
    let nothing = test.scaf(["stop"]).in_project().status(2).stderr;
    assert!(nothing.contains("which run?") && nothing.contains(&short), "{nothing}");

    let plan = test.scaf(["stop", &short, "--grace", "3", "--dry-run"]).in_project().ok().stdout;
    assert!(plan.contains("docker stop --time 3 scaf-digits-"), "{plan}");
    let stopped = test.scaf(["stop", &short]).in_project().ok().stderr;
    assert!(stopped.contains("stopped ") && stopped.contains("(digits)"), "{stopped}");
    // Its own scaf saw the end, and wrote it down.
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(test.record("digits", "outcome.json")["status"], 143);
    assert_eq!(states(&test), [""; 0]);
    let again = test.scaf(["stop", &short]).in_project().ok().stderr;
    assert!(again.contains("does not run"), "{again}");
    test.scaf(["stop", "digits"]).in_project().ok();
    assert!(test.scaf(["stop", "--all"]).in_project().ok().stderr.contains("nothing runs"));
    assert!(!test.runs("digits")[0].join("live.json").exists());
}

#[test]
fn what_a_killed_scaf_left_in_a_container() {
    if !need("docker") {
        return;
    }
    let test = Test::project();
    test.probe_experiment("digits");
    left_alone(&test);
    assert_eq!(states(&test), ["alone"]);
    test.scaf(["stop", "--all"]).in_project().ok();
    assert_eq!(states(&test), [""; 0]);
    // As the engine saw it: it heeded the first signal.
    let outcome = test.record("digits", "outcome.json");
    assert_eq!((&outcome["status"], outcome.get("status_unknown")), (&143.into(), None));
    assert!(outcome["error"].as_str().unwrap().contains("killed outright"), "{outcome}");
    assert!(outcome["seconds"].as_f64().unwrap() >= 0.0);
    let runs = test.scaf(["runs"]).in_project().ok().stdout;
    assert!(runs.contains("interrupted (143)"), "{runs}");
    let label = format!("label=scaf.root={}", test.root().join("p").display());
    until("the container is gone", || docker(&["ps", "-aq", "--filter", &label]).1.is_empty());
}

#[test]
fn what_a_killed_scaf_left_on_the_host() {
    if !need("python") {
        return;
    }
    let test = Test::experiment("digits", "minimal");
    // It writes nothing: with its scaf gone, a write would end it (nobody reads).
    test.write("src/digits/local.py", "import time\ntime.sleep(300)\n");
    let words = ["local", "digits", "--engine", "host"];
    let mut child = asleep(&test, &words);
    let shown = test.scaf(["ps", "--json"]).in_project().ok().json();
    let pid = shown["runs"][0]["process"]["pid"].as_u64().unwrap();
    let lives = || {
        fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|text| !text.rsplit_once(") ").unwrap().1.starts_with('Z'))
    };
    assert!(lives());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(states(&test), ["alone"]);
    assert!(lives());
    test.scaf(["stop", "digits"]).in_project().ok();
    assert!(!lives());
    assert_eq!(states(&test), [""; 0]);
    // Its own status nobody saw.
    let outcome = test.record("digits", "outcome.json");
    assert_eq!((&outcome["status"], &outcome["status_unknown"]), (&137.into(), &true.into()));
    assert!(test.scaf(["runs"]).in_project().ok().stdout.contains(" interrupted "));

    // Another one, ended by what `--dry-run` prints.
    let mut child = asleep(&test, &words);
    child.kill().unwrap();
    child.wait().unwrap();
    let script = test.scaf(["stop", "--all", "--dry-run"]).in_project().ok().stdout;
    let status = Command::new("sh").arg("-c").arg(&script).status().unwrap();
    assert!(status.success(), "{script}");
    assert_eq!(states(&test), [""; 0]);
}

#[test]
fn a_container_that_its_scaf_is_about_to_start_is_nobody_s_to_remove() {
    if !need("docker") || !need("python") {
        return;
    }
    let test = Test::experiment("digits", "minimal");
    test.write("src/digits/local.py", "import time\ntime.sleep(300)\n");
    let mut child = asleep(&test, &["local", "digits", "--engine", "host"]);
    let run = test.scaf(["ps", "--json"]).in_project().ok().json()["runs"][0].clone();
    // As it is between the engine's two requests: made, and not started.
    let name = format!("scaf-test-begun-{}", std::process::id());
    let root = format!("scaf.root={}", test.root().join("p").display());
    let label = format!("scaf.run={}", run["run"].as_str().unwrap());
    assert!(docker(&["create", "--name", &name, "--label", &root, "--label", &label, probe_image()]).0);
    assert_eq!(states(&test), ["preparing"]);
    test.scaf(["gc"]).in_project().ok();
    assert!(docker(&["inspect", &name]).0);
    let plan = test.scaf(["stop", "--all", "--dry-run"]).in_project().ok().stdout;
    let (scaf, container) = (plan.find("kill -s TERM").unwrap(), plan.find("docker rm --force").unwrap());
    assert!(scaf < container && !plan.contains("docker stop"), "{plan}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(states(&test), ["left"]);
    test.scaf(["gc"]).in_project().ok();
    assert!(!docker(&["inspect", &name]).0);
    test.scaf(["stop", "--all"]).in_project().ok();
    assert_eq!(states(&test), [""; 0]);
}

#[test]
fn what_could_not_be_removed_is_told_and_does_not_count() {
    if !need("root") {
        return;
    }
    let test = Test::project();
    let (stays, goes) = ("runs/digits/20200101-000000_old_owl", "runs/digits/20200102-000000_old_cat");
    for run in [stays, goes] {
        test.write(&format!("{run}/plan.json"), "{}\n").write(&format!("{run}/stdout.log"), "said\n");
    }
    // What is mounted there cannot be removed.
    let place = test.path(stays).join("mnt");
    fs::create_dir(&place).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "scaf-test"]).arg(&place).status().unwrap();
    if !mounted.success() {
        eprintln!("skipped: this user may not mount a file system");
        return;
    }
    let told = test.scaf(["gc", "--keep", "0", "--json"]).in_project().without_engine().run();
    let aside = test.path("runs/digits/.scaf-new-gone-20200101-000000_old_owl");
    let place = if aside.exists() { aside.join("mnt") } else { place };
    assert!(Command::new("umount").arg("--lazy").arg(place).status().unwrap().success());
    assert_eq!(told.status, 1, "{}", told.stderr);
    let answer = told.json();
    assert_eq!(answer["items"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(answer["items"][0]["name"], "digits/20200102-000000_old_cat");
    assert_eq!(answer["bytes"], answer["items"][0]["bytes"]);
    assert_eq!(answer["failed"][0]["item"]["name"], "digits/20200101-000000_old_owl");
    assert!(told.stderr.contains("cannot remove"), "{}", told.stderr);
    // Half-gone, it is a run no more.
    assert!(test.runs("digits").is_empty() && aside.exists());
    aged(&aside, 1);
    test.scaf(["gc"]).in_project().without_engine().ok();
    assert!(!aside.exists());
}

/// As if it had been made that long ago.
fn aged(path: &Path, days: u64) {
    let time = SystemTime::now() - Duration::from_secs(days * 86_400);
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn what_is_not_needed_goes_and_the_rest_stays() {
    if !need("docker") {
        return;
    }
    let test = Test::project();
    // A name of its own: other tests' projects are on the same engine.
    let name = format!("gc{}", std::process::id());
    let settings = test.read("scaf.toml").replace("name = \"p\"", &format!("name = \"{name}\""));
    assert!(settings.contains(&name), "{settings}");
    test.write("scaf.toml", &settings);
    test.probe_experiment("digits");
    let run = || {
        test.scaf(["local", "digits", "--run-xargs=--entrypoint /bin/probe", "--script-xargs=x"])
            .in_project()
            .run();
    };
    run();
    // Another image, another bundle.
    test.write("src/digits/environment/Dockerfile", &format!("FROM {}\nENV A=1\n", probe_image()));
    test.write("src/digits/local.py", "# changed\n");
    run();
    assert_eq!(test.runs("digits").len(), 2);
    let images = || {
        let label = format!("label=scaf.project={name}");
        docker(&["images", "-q", "--no-trunc", "--filter", &label]).1.lines().count()
    };
    assert_eq!(images(), 2);
    let bundles = || fs::read_dir(test.path("runs/.bundles")).unwrap().count();
    assert_eq!(bundles(), 2);
    for bundle in fs::read_dir(test.path("runs/.bundles")).unwrap().flatten() {
        aged(&bundle.path(), 1);
    }
    // What a killed scaf left: a draft, a temporary folder, a container that never ran.
    test.write("src/.new-x-0123/a.py", "")
        .write("runs/.scaf-new-abc/b", "")
        .write("src/.new-y-0123/a.py", "");
    aged(&test.path("src/.new-x-0123"), 1);
    aged(&test.path("runs/.scaf-new-abc"), 1);
    let root = test.root().join("p");
    let labels = [format!("scaf.root={}", root.display()), "scaf.run=20261122-000000_left_over".to_owned()];
    let left = format!("scaf-test-left-{}", std::process::id());
    let (made, _) =
        docker(&["create", "--name", &left, "--label", &labels[0], "--label", &labels[1], probe_image()]);
    assert!(made);
    let other = format!("scaf-test-other-{}", std::process::id());
    docker(&[
        "create",
        "--name",
        &other,
        "--label",
        "scaf.root=/elsewhere",
        "--label",
        &labels[1],
        probe_image(),
    ]);
    // Environments of the cache.
    let venv = test.home().join(".cache/scaf/venvs/0123");
    fs::create_dir_all(&venv).unwrap();
    fs::write(venv.join(".scaf-complete"), "").unwrap();
    aged(&venv.join(".scaf-complete"), 31);

    let shown = test.scaf(["gc", "--keep", "1", "--dry-run"]).in_project().ok();
    for wanted in ["docker image rm scaf/", "docker rm --force --volumes scaf-test-left", "rm -rf "] {
        assert!(shown.stdout.contains(wanted), "{wanted} is not in {}", shown.stdout);
    }
    assert!(!shown.stdout.contains(&other) && !shown.stdout.contains(".new-y-0123"), "{}", shown.stdout);
    for wanted in ["in all", "stale", "not used for 31 days", "no kept run needs it", "its scaf was killed"] {
        assert!(shown.stderr.contains(wanted), "{wanted} is not in {}", shown.stderr);
    }
    assert_eq!((images(), bundles(), test.runs("digits").len()), (2, 2, 2));

    // By itself it keeps every run, and so every bundle.
    let done = test.scaf(["gc"]).in_project().ok().stderr;
    assert!(done.contains("reclaimed "), "{done}");
    assert_eq!((images(), bundles(), test.runs("digits").len()), (1, 2, 2));
    assert!(!venv.exists());
    assert!(!test.path("src/.new-x-0123").exists() && !test.path("runs/.scaf-new-abc").exists());
    assert!(test.path("src/.new-y-0123").exists());
    assert!(!docker(&["inspect", &left]).0);
    assert!(docker(&["rm", &other]).0);

    test.scaf(["gc", "--keep", "1"]).in_project().ok();
    assert_eq!((images(), bundles(), test.runs("digits").len()), (1, 1, 1));
    assert!(test.scaf(["gc"]).in_project().ok().stderr.contains("there is nothing to reclaim"));
    // The fresh image is the one that a run finds.
    let again = test.scaf(["build-exp", "digits"]).in_project().ok().stderr;
    assert!(again.contains("is up to date"), "{again}");
    for image in docker(&["images", "-q", "--filter", &format!("label=scaf.project={name}")]).1.lines() {
        docker(&["rmi", "-f", image]);
    }
}

#[test]
fn what_an_engine_that_cannot_be_asked_may_hold_is_kept_and_told() {
    if !need("docker") {
        return;
    }
    let test = Test::project();
    test.probe_experiment("digits");
    left_alone(&test);
    let run = test.runs("digits").pop().unwrap();
    let reason = "there is no socket at `unix:///nope.sock`";
    let mute = |words: &[&str]| test.scaf(words).in_project().env("DOCKER_HOST", "unix:///nope.sock");

    let shown = mute(&["ps"]).ok();
    assert!(shown.stdout.contains("unknown") && shown.stderr.contains(reason), "{}", shown.stderr);
    let shown = mute(&["ps", "--json"]).ok().json();
    assert_eq!(
        (&shown["runs"][0]["state"], &shown["silent"][0]["engine"]),
        (&"unknown".into(), &"docker".into())
    );
    let stopped = mute(&["stop", "--all"]).status(1).stderr;
    assert!(stopped.contains("cannot be stopped") && stopped.contains(reason), "{stopped}");
    let kept = mute(&["gc", "--keep", "0"]).ok().stderr;
    assert!(kept.contains("is kept: its scaf was killed") && kept.contains(reason), "{kept}");
    assert!(run.join("plan.json").is_file() && !run.join("outcome.json").exists());
    assert_eq!(states(&test), ["alone"]);
    test.scaf(["stop", "--all", "--grace", "0"]).in_project().ok();

    // Nothing is known to run, and nothing is sure.
    let shown = mute(&["ps"]).ok().stderr;
    assert!(shown.contains(reason) && shown.contains("as far as can be told"), "{shown}");
}

#[test]
fn gc_takes_nothing_from_a_run_that_begins_beside_it() {
    if !need("docker") {
        return;
    }
    let test = Test::project();
    test.probe_experiment("digits");
    let run = || {
        test.scaf(["local", "digits", "-q", "--engine", "docker", "--run-xargs=--entrypoint /bin/probe"])
            .in_project()
            .run()
    };
    let alone = run();
    assert!(alone.status != 125 && alone.status != 1, "{}", alone.stderr);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..4 {
                    let beside = run();
                    assert_eq!(beside.status, alone.status, "{}", beside.stderr);
                }
            });
            scope.spawn(|| {
                for _ in 0..4 {
                    let gone = test.scaf(["gc", "--keep", "1", "-q"]).in_project().ok();
                    assert_eq!(gone.stderr, "");
                }
            });
        }
    });
    test.scaf(["gc", "--keep", "1", "-q"]).in_project().ok();
    assert_eq!(test.runs("digits").len(), 1);
    assert_eq!(fs::read_dir(test.path("runs/.bundles")).unwrap().count(), 1);
}

#[test]
fn folders_without_a_record_go_too() {
    if !need("docker") {
        return;
    }
    let test = Test::project();
    let (old, young) = ("runs/a/20200101-000000_old_owl", "runs/b/20200101-000000_old_cat");
    test.write(&format!("{old}/mnt/x"), "x").write(&format!("{young}/mnt/x"), "x");
    aged(&test.path(old), 1);
    // A bundle of nobody's, made a moment ago.
    test.write("runs/.bundles/0123456789abcdef/local.py", "");
    let shown = test.scaf(["gc", "--keep", "0", "--dry-run", "--json"]).in_project().ok().json();
    let names: Vec<&str> =
        shown["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a/20200101-000000_old_owl", "0123456789ab"]);
    assert!(shown["bytes"].as_u64().unwrap() > 0 && shown["steps"].is_array(), "{shown}");
    assert!(test.path(old).exists());
    test.scaf(["gc", "--keep", "0"]).in_project().ok();
    assert!(!test.path("runs/a").exists() && test.path(young).exists());
    assert_eq!(fs::read_dir(test.path("runs/.bundles")).unwrap().count(), 0);
}
