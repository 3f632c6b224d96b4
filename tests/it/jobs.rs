//! Jobs: detached on this machine, and handed to Azure's client; how they are, their end, their outputs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Outcome, Scaf, Test, need, python_image, python_minor, server};

/// A project whose experiment needs nothing but Python, with this job file.
fn project(job: &str) -> Test {
    let test = Test::project();
    test.write("src/digits/environment/Dockerfile", &format!("FROM python:{}-slim\n", python_minor()));
    test.write("src/digits/environment/requirements.txt", "");
    test.write("src/digits/train.py", TRAIN);
    test.write("src/digits/job.yaml", job);
    test
}

const TRAIN: &str = "\
import os, pathlib, sys, time
word, out, seconds, status = sys.argv[1:5]
print('begun', word, flush=True)
print('talk', file=sys.stderr, flush=True)
pathlib.Path(out, 'result.txt').write_text(os.environ['WORD'])
time.sleep(float(seconds))
print('ended', flush=True)
sys.exit(int(status))
";

const JOB: &str = "\
command: python train.py ${{inputs.word}} ${{outputs.results}} ${{inputs.seconds}} ${{inputs.status}}
inputs: { word: hello, seconds: 0, status: 0 }
outputs: { results: { type: uri_folder } }
environment_variables: { WORD: 1.50 }
environment: { build: { path: ./environment } }
";

/// The virtual environment is the same for all of them: one cache.
fn scaf<'a>(test: &'a Test, words: &[&str]) -> Scaf<'a> {
    test.scaf(words).in_project().env("SCAF_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/jobs-cache"))
}

/// The newest job's name.
fn newest(test: &Test) -> String {
    test.runs("digits").last().unwrap().file_name().unwrap().to_string_lossy().into_owned()
}

fn state(test: &Test, job: &str) -> String {
    scaf(test, &["jobs", "status", job]).ok().stdout.trim().to_owned()
}

/// Waits until a state comes; a limit that is never met says what is wrong.
fn until(test: &Test, job: &str, wanted: &str) {
    let begun = Instant::now();
    while state(test, job) != wanted {
        let now = state(test, job);
        assert!(begun.elapsed() < Duration::from_secs(120), "{now} instead of {wanted}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn supervisor(test: &Test) -> u64 {
    test.record("digits", "job.json")["supervisor"]["pid"].as_u64().unwrap()
}

#[test]
fn a_job_on_the_host_from_its_start_to_its_outputs() {
    if !need("python") {
        return;
    }
    let test = project(JOB);
    let said = scaf(&test, &["job", "digits", "--engine", "host", "--set", "inputs.word=good day"]).ok();
    let job = newest(&test);
    assert!(said.stderr.contains(&format!("job {job} was handed to `local`")), "{}", said.stderr);
    assert_eq!(said.stdout, "");
    // The words were not quoted in the job's command, so the shell splits them, as Azure's does.
    let talk = scaf(&test, &["jobs", "attach", &job]).status(1).stderr;
    assert!(talk.contains("'day/result.txt'"), "{talk}");

    scaf(&test, &["job", "digits", "--engine", "host"]).ok();
    let job = newest(&test);
    let Outcome { stdout, stderr, .. } = scaf(&test, &["jobs", "attach", &job]).ok();
    assert_eq!(stdout, "begun hello\nended\n");
    assert!(stderr.contains("talk\n"), "{stderr}");
    assert_eq!(state(&test, &job), "succeeded");
    scaf(&test, &["jobs", "fetch", &job, "--to", "results"]).ok();
    assert_eq!(test.read("results/results/result.txt"), "1.5");
    scaf(&test, &["jobs", "fetch", &job, "--to", "results"]).status(1);

    let jobs = scaf(&test, &["jobs", "--json"]).ok().json();
    assert_eq!(jobs["jobs"][0]["job"], job.as_str());
    assert_eq!(jobs["jobs"][0]["status"]["state"], "succeeded");
    let record = test.record("digits", "plan.json");
    assert_eq!(record["parameters"]["word"], "hello");
    assert_eq!(record["intent"], "job");
    // The process of its own session comes to its end, too; who has ended and waits to be noticed counts.
    let stat = PathBuf::from(format!("/proc/{}/stat", supervisor(&test)));
    let begun = Instant::now();
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(begun.elapsed() < Duration::from_secs(60), "the supervisor goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_child_s_status_is_the_job_s() {
    if !need("python") {
        return;
    }
    let test = project(JOB);
    scaf(&test, &["job", "digits", "--engine", "host", "--set", "inputs.status=3"]).ok();
    let job = newest(&test);
    assert_eq!(scaf(&test, &["jobs", "attach", &job]).status(3).stdout, "begun hello\nended\n");
    assert_eq!(state(&test, &job), "failed (3)");
    assert_eq!(scaf(&test, &["jobs", "logs", &job]).ok().stdout, "begun hello\nended\n");
}

#[test]
fn a_job_outlives_who_started_it_and_is_cancelled() {
    if !need("python") {
        return;
    }
    let test = project(JOB);
    scaf(&test, &["job", "digits", "--engine", "host", "--set", "inputs.seconds=600"]).ok();
    let job = newest(&test);
    until(&test, &job, "running");
    scaf(&test, &["jobs", "cancel", &job]).ok();
    assert_eq!(state(&test, &job), "cancelled");
    assert_eq!(test.record("digits", "outcome.json")["status"], 143);
    let again = scaf(&test, &["jobs", "cancel", &job]).ok();
    assert!(again.stderr.contains("is over: cancelled"), "{}", again.stderr);
    scaf(&test, &["jobs", "attach", &job]).status(143);

    // Stopped as any run is: the answer is the same, and there at once.
    scaf(&test, &["job", "digits", "--engine", "host", "--set", "inputs.seconds=600"]).ok();
    let job = newest(&test);
    until(&test, &job, "running");
    scaf(&test, &["stop", &job]).ok();
    assert_eq!(state(&test, &job), "cancelled");
    assert!(scaf(&test, &["jobs", "cancel", &job]).ok().stderr.contains("is over: cancelled"));
}

#[test]
fn a_job_to_which_nobody_sees_any_more_is_cancelled_all_the_same() {
    if !need("docker") {
        return;
    }
    let image = python_image();
    let test = project(&format!("command: sleep 600\nenvironment: {{ image: '{image}' }}\n"));
    scaf(&test, &["job", "digits", "--engine", "docker"]).ok();
    let job = newest(&test);
    until(&test, &job, "running");
    let pid = supervisor(&test).to_string();
    let container = || {
        let filter = format!("label=scaf.run={job}");
        let shown = Command::new("docker").args(["ps", "-q", "--filter", &filter]).output().unwrap();
        String::from_utf8_lossy(&shown.stdout).trim().to_owned()
    };
    let begun = Instant::now();
    while container().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(120), "the container never runs");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    until(&test, &job, "lost");
    let told = scaf(&test, &["jobs", "logs", "-f", &job]).ok().stderr;
    assert!(told.contains("goes on without") && told.contains("`docker logs --follow scaf-"), "{told}");
    let unsure = scaf(&test, &["jobs", "cancel", &job]).env("DOCKER_HOST", "unix:///nope.sock").status(1);
    assert!(unsure.stderr.contains("there is no socket at `unix:///nope.sock`"), "{}", unsure.stderr);
    assert_eq!(state(&test, &job), "lost");
    scaf(&test, &["jobs", "cancel", &job]).ok();
    assert_eq!((state(&test, &job).as_str(), container().as_str()), ("cancelled", ""));
    // What the engine said of it, and no number of ours.
    let outcome = test.record("digits", "outcome.json");
    assert_eq!((&outcome["status"], outcome.get("status_unknown")), (&143.into(), None));
}

#[test]
fn what_a_job_says_as_events() {
    if !need("python") {
        return;
    }
    let test = project(&JOB.replace("word: hello", "word: '\"a\"'"));
    scaf(&test, &["job", "digits", "--engine", "host", "--set", "inputs.status=3"]).ok();
    let job = newest(&test);
    for (words, status) in [(["jobs", "attach", &job, "--json"], 3), (["jobs", "logs", &job, "--json"], 0)] {
        let said = scaf(&test, &words).status(status).stdout;
        let mut events: Vec<serde_json::Value> =
            said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let last = events.pop().unwrap();
        assert_eq!((&last["job"], &last["status"]["status"]), (&job.as_str().into(), &3.into()), "{last}");
        for (stream, text) in [("stdout", "begun a"), ("stderr", "talk"), ("stdout", "ended")] {
            let event = serde_json::json!({ "stream": stream, "text": text });
            assert!(events.contains(&event), "{event} is not in {said}");
        }
    }
}

#[test]
fn words_that_mean_nothing_are_said_to() {
    let test = project(JOB);
    let told = |words: &[&str], status| scaf(&test, words).without_engine().status(status).stderr;
    for words in [["jobs", "nope"], ["runs", "nope"]] {
        let told = told(&words, 1);
        assert!(told.contains("no experiment named `nope`") && told.contains("`digits`"), "{told}");
    }
    for words in [["jobs", "-n", "0"], ["runs", "-n", "0"]] {
        assert!(told(&words, 2).contains("`-n 0` is none of them"));
    }
    for words in [["stop", ""], ["stop", "exp="], ["local", ""], ["local", "exp="], ["show", ""]] {
        assert!(told(&words, 2).contains("is empty"), "{words:?}");
    }
    for words in [["runs", "show", ""], ["jobs", "logs", ""], ["runs", "rerun", ""]] {
        assert!(told(&words, 2).contains("the name of the run is empty"), "{words:?}");
    }
    assert_eq!(scaf(&test, &["jobs", "digits"]).ok().stdout, "");
}

#[test]
fn outputs_that_are_not_there_or_cannot_be_put_there() {
    if !need("python") {
        return;
    }
    let test = project(JOB);
    scaf(&test, &["job", "digits", "--engine", "host"]).ok();
    let job = newest(&test);
    until(&test, &job, "succeeded");
    let told = scaf(&test, &["jobs", "fetch", &job, "--to", "/proc/nowhere"]).status(1).stderr;
    assert!(
        told.contains("the outputs cannot be put into `/proc/nowhere`") && told.contains("`--to`"),
        "{told}"
    );
    fs::remove_dir_all(test.runs("digits")[0].join("outputs")).unwrap();
    let told = scaf(&test, &["jobs", "fetch", &job, "--to", "to"]).status(1).stderr;
    assert!(told.contains("has written no outputs") && told.contains("hint:"), "{told}");
    assert!(!test.path("to").exists());
}

#[test]
fn a_supervisor_that_was_killed_leaves_a_lost_job() {
    if !need("python") {
        return;
    }
    let test = project(JOB);
    scaf(&test, &["job", "digits", "--engine", "host", "--set", "inputs.seconds=600"]).ok();
    let job = newest(&test);
    until(&test, &job, "running");
    let pid = supervisor(&test);
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    until(&test, &job, "lost");
    scaf(&test, &["jobs", "attach", &job]).status(1);
    for child in children.split_whitespace() {
        let _ = Command::new("kill").args(["-9", child]).status();
    }
}

#[test]
fn a_job_keeps_its_idle_gpu_when_who_started_it_is_gone() {
    if !need("python") || !need("gcc") {
        return;
    }
    let test = project(JOB);
    let shim = server("nvml.sh", &["build"]);
    let seeing = |words: &[&str]| {
        scaf(&test, words)
            .env("SCAF_NVML_LIBRARY", &shim)
            .env("SCAF_FAKE_GPUS", "1")
            .env("SCAF_GPU_RESERVATIONS", test.root().join("reservations"))
    };
    let free = ["job", "digits", "--engine", "host", "--gpus", "free:1"];
    seeing(&[&free[..], &["--set", "inputs.seconds=600"]].concat()).ok();
    let job = newest(&test);
    until(&test, &job, "running");
    let refused = seeing(&free).status(1).stderr;
    assert!(refused.contains("reserved by another run"), "{refused}");
    seeing(&["jobs", "cancel", &job]).ok();
    // It is given back with the end of the process, which is a moment after the end of the run.
    let begun = Instant::now();
    while seeing(&[&free[..], &["--dry-run"]].concat()).run().status != 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the GPU is never given back");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(test.record("digits", "outcome.json")["gpus"].as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_is_said_before_anything_is_made() {
    let test = project(
        &JOB.replace("word: hello", "word: { path: 'azureml:words:1' }, other: { path: ../nowhere }"),
    );
    let job = |words: &[&str]| {
        let words: Vec<&str> = ["job", "digits"].iter().chain(words).copied().collect();
        test.scaf(words).in_project().without_engine()
    };
    insta::assert_snapshot!(
        [
            job(&[]),
            job(&["--target", "azuremll"]),
            job(&["--target", "cloud"]),
            job(&["--set", "epochs"]),
            job(&["--set", "inputs.wrod=x"]),
            job(&["--file", "jbo.yaml"]),
            job(&["--file", "../job.yaml"]),
            job(&["--job-xargs=--web"]),
        ]
        .map(Scaf::transcript)
        .join("\n")
    );
    test.write("src/digits/job.yaml", "type: pipeline\njobs: {}\n");
    insta::assert_snapshot!(job(&[]).transcript());
    test.write("src/digits/job.yaml", &format!("{JOB}resources: {{ instance_count: 2 }}\n"));
    insta::assert_snapshot!(job(&[]).transcript());
    assert!(!test.path("runs").exists());
}

#[test]
fn in_a_container_with_data_of_all_kinds() {
    if !need("docker") {
        return;
    }
    let image = python_image();
    let test = Test::project();
    test.write("src/digits/environment/Dockerfile", "FROM scratch\n");
    test.write("data/mnist/a.csv", "1,2\n");
    test.write("src/digits/table.csv", "3,4\n");
    test.write(
        "src/digits/job.yaml",
        &format!(
            "command: |\n  cat ${{{{inputs.folder}}}}/a.csv ${{{{inputs.table}}}}\n  pwd; id -u; echo $WORD > ${{{{outputs.file}}}}\n  \
             touch ${{{{inputs.folder}}}}/x 2>/dev/null || echo read-only\n  exit 5\n\
             inputs:\n  folder: {{ type: uri_folder, path: 'azureml:mnist:1' }}\n  table: {{ type: uri_file, path: table.csv }}\n\
             outputs: {{ file: {{ type: uri_file }} }}\nenvironment_variables: {{ WORD: x }}\n\
             environment: {{ image: '{image}' }}\nresources: {{ shm_size: 64m, docker_args: '--memory 512m' }}\n"
        ),
    );
    scaf(&test, &["job", "digits", "--engine", "docker"]).ok();
    let job = newest(&test);
    let said = scaf(&test, &["jobs", "attach", &job]).status(5);
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(said.stdout, format!("1,2\n3,4\n/mnt/digits\n{uid}\nread-only\n"));
    let folder = test.runs("digits").pop().unwrap();
    assert_eq!(fs::read_to_string(folder.join("outputs/file")).unwrap(), "x\n");
    // The mount points of the inputs are no leavings.
    assert_eq!(test.record("digits", "outcome.json")["left"], serde_json::json!([]));
    let plan = fs::read_to_string(folder.join("plan.json")).unwrap();
    assert!(plan.contains("536870912") && plan.contains("67108864"), "{plan}");

    // A cancelled container leaves nothing behind.
    test.write("src/digits/job.yaml", &format!("command: sleep 600\nenvironment: {{ image: '{image}' }}\n"));
    scaf(&test, &["job", "digits", "--engine", "docker"]).ok();
    let job = newest(&test);
    until(&test, &job, "running");
    scaf(&test, &["jobs", "cancel", &job]).ok();
    assert_eq!(state(&test, &job), "cancelled");
    let filter = format!("label=scaf.run={job}");
    let left = Command::new("docker").args(["ps", "-aq", "--filter", &filter]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}

#[test]
fn the_printed_job_is_the_job() {
    if !need("python") {
        return;
    }
    let test = project(JOB);
    let script = scaf(&test, &["job", "digits", "--engine", "host", "--dry-run"]).ok().stdout;
    assert!(!test.path("runs").exists());
    let status = Command::new("sh").args(["-c", &script]).current_dir(test.path("")).status().unwrap();
    assert!(status.success());
    let begun = Instant::now();
    let outputs = || -> Option<String> {
        let run = fs::read_dir(test.path("runs/digits")).ok()?.flatten().next()?;
        fs::read_to_string(run.path().join("outputs/results/result.txt")).ok()
    };
    while outputs().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(120), "the job never wrote its result");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(outputs().as_deref(), Some("1.5"));
}

/// Azure's client in the part that matters here: it notes down what it was told and what it was given.
const AZ: &str = "\
#!/bin/sh
printf '%s\\n' \"$@\" > \"$AZ_LOG/argv-$3\"
case $3 in
create)
  pwd > \"$AZ_LOG/cwd\"
  find . -type l > \"$AZ_LOG/links\"
  find . -type f | sort > \"$AZ_LOG/files\"
  cat common/shared.py > \"$AZ_LOG/shared\" 2>/dev/null
  echo 'WARNING: class is experimental' >&2
  [ \"${AZ_STATUS:-0}\" = 0 ] && echo '{\"name\": \"plum_tree_1\", \"services\": {\"Studio\": {\"endpoint\": \"https://ml.azure.com/runs/plum_tree_1\"}}}'
  ;;
show) cat \"$AZ_LOG/answer\" ;;
stream) echo 'RunId: plum_tree_1' ;;
download) mkdir -p \"$(eval echo \\${$#})\" && echo 1 > \"$(eval echo \\${$#})/model\" ;;
esac
exit ${AZ_STATUS:-0}
";

fn azure(test: &Test) -> PathBuf {
    let bin = test.root().join("bin");
    fs::create_dir_all(&bin).unwrap();
    test.write("../bin/az", AZ);
    fs::set_permissions(bin.join("az"), fs::Permissions::from_mode(0o755)).unwrap();
    test.write("src/common/shared.py", "SHARED = 1\n");
    fs::create_dir_all(test.path("src/digits/common")).unwrap();
    std::os::unix::fs::symlink("../../common/shared.py", test.path("src/digits/common/shared.py")).unwrap();
    test.write("src/digits/.amlignore", "secret.txt\n");
    test.write("src/digits/secret.txt", "");
    test.write("table.csv", "1\n");
    test.write("scaf.toml", "[targets.azureml]\nresource_group = \"group\"\nworkspace = \"space\"\n");
    bin
}

fn on_azure<'a>(test: &'a Test, words: &[&str]) -> Scaf<'a> {
    let path = format!("{}:{}", test.root().join("bin").display(), std::env::var("PATH").unwrap());
    scaf(test, words).env("PATH", path).env("AZ_LOG", test.root()).without_engine()
}

fn noted(test: &Test, what: &str) -> String {
    fs::read_to_string(test.root().join(what)).unwrap_or_default()
}

#[test]
fn azure_s_client_is_given_real_files_and_told_the_rest() {
    let test =
        project(&JOB.replace("word: hello", "word: hello, table: { type: uri_file, path: ../../table.csv }"));
    azure(&test);
    let said = on_azure(
        &test,
        &[
            "job",
            "exp=digits",
            "target=azureml",
            "set=inputs.seconds=8",
            "job-xargs=--web --set inputs.word='good day'",
        ],
    )
    .ok();
    assert!(said.stdout.contains("\"name\": \"plum_tree_1\""), "{}", said.stdout);
    assert!(said.stderr.contains("https://ml.azure.com/runs/plum_tree_1"), "{}", said.stderr);
    assert!(said.stderr.contains("WARNING: class is experimental"), "{}", said.stderr);
    insta::assert_snapshot!(test.redact(&noted(&test, "argv-create")));
    // The bundle, in a folder of the run's that is gone again.
    assert_eq!(test.redact(noted(&test, "cwd").trim()), "[ROOT]/p/runs/digits/[RUN]/code");
    assert!(!PathBuf::from(noted(&test, "cwd").trim()).exists());
    assert_eq!(noted(&test, "links"), "");
    assert_eq!(noted(&test, "shared"), "SHARED = 1\n");
    assert!(!noted(&test, "files").contains("secret.txt") && noted(&test, "files").contains("./job.yaml\n"));

    let job = newest(&test);
    fs::copy(test.path("table.csv"), test.root().join("answer")).unwrap();
    let unknown = on_azure(&test, &["jobs", "status", &job]).ok();
    assert_eq!(unknown.stdout, "unknown\n");
    test.write("../answer", "{\"status\": \"Running\"}");
    assert_eq!(on_azure(&test, &["jobs", "status", &job]).ok().stdout, "running\n");
    assert_eq!(on_azure(&test, &["jobs", "logs", "-f", &job]).ok().stdout, "RunId: plum_tree_1\n");
    on_azure(&test, &["jobs", "cancel", &job]).ok();
    assert!(noted(&test, "argv-cancel").contains("--name\nplum_tree_1\n--resource-group\ngroup\n"));
    on_azure(&test, &["jobs", "fetch", &job, "--to", "out"]).ok();
    assert_eq!(test.read("out/model"), "1\n");
    // What is over is asked for once.
    test.write("../answer", "{\"status\": \"Canceled\"}");
    assert_eq!(on_azure(&test, &["jobs", "status", &job]).ok().stdout, "cancelled\n");
    fs::remove_file(test.root().join("bin/az")).unwrap();
    assert_eq!(on_azure(&test, &["jobs", "status", &job]).ok().stdout, "cancelled\n");
}

#[test]
fn gc_keeps_a_job_whose_end_nobody_has_seen() {
    let test = project(JOB);
    azure(&test);
    on_azure(&test, &["job", "digits", "--target", "azureml"]).ok();
    let job = newest(&test);
    let short = job.split_once('_').unwrap().1;
    let told = on_azure(&test, &["gc", "--keep", "0"]).ok().stderr;
    assert!(told.contains(&format!("digits/{job} is old and is kept")), "{told}");
    assert!(told.contains(&format!("`scaf jobs cancel {short}` ends it")), "{told}");
    let answer = on_azure(&test, &["gc", "--keep", "0", "--json"]).ok().json();
    assert_eq!(answer["kept_jobs"], serde_json::json!([format!("digits/{job}")]));
    let again = on_azure(&test, &["runs", "rerun", &job]).status(1).stderr;
    assert!(again.contains("was handed to azureml, which enclosed it by itself"), "{again}");
    // It can be ended still.
    on_azure(&test, &["jobs", "cancel", &job]).ok();
    assert!(noted(&test, "argv-cancel").contains("--name\nplum_tree_1\n"));
    test.write("../answer", "{\"status\": \"Canceled\"}");
    assert_eq!(on_azure(&test, &["jobs", "status", &job]).ok().stdout, "cancelled\n");
    let told = on_azure(&test, &["gc", "--keep", "0"]).ok().stderr;
    assert!(!told.contains("is kept"), "{told}");
    assert!(test.runs("digits").is_empty());
}

#[test]
fn a_dry_run_leaves_no_cache() {
    let test = project(JOB);
    azure(&test);
    let cache = test.root().join("no-cache");
    on_azure(&test, &["job", "digits", "--target", "azureml", "--dry-run"])
        .env("SCAF_CACHE_DIR", &cache)
        .ok();
    assert!(!cache.exists());
    assert!(!test.path("runs").exists());
    on_azure(&test, &["job", "digits", "--target", "azureml"]).env("SCAF_CACHE_DIR", &cache).ok();
    assert!(cache.exists());
}

#[test]
fn a_log_may_be_larger_than_the_memory() {
    if !need("python") {
        return;
    }
    let test = project(JOB);
    scaf(&test, &["job", "digits", "--engine", "host"]).ok();
    let job = newest(&test);
    until(&test, &job, "succeeded");
    // Of holes: it takes no room on the disk.
    const LARGE: u64 = 2 << 30;
    let log = test.runs("digits")[0].join("stdout.log");
    fs::File::options().write(true).open(log).unwrap().set_len(LARGE).unwrap();
    let command = scaf(&test, &["jobs", "logs", &job]).command();
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -v 1048576; exec \"$@\"", "sh"]).arg(command.get_program());
    shell.args(command.get_args()).current_dir(test.path("")).stderr(Stdio::piped()).stdout(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let mut child = shell.spawn().unwrap();
    let read = std::io::copy(&mut child.stdout.take().unwrap(), &mut std::io::sink()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(read, LARGE);
}

#[test]
fn the_client_s_status_is_kept() {
    let test = project(JOB);
    azure(&test);
    on_azure(&test, &["job", "digits", "--target", "azureml"]).env("AZ_STATUS", "7").status(7);
    assert_eq!(test.record("digits", "outcome.json")["status"], 7);
    let jobs = on_azure(&test, &["jobs", "--json"]).ok().json();
    assert_eq!(jobs["jobs"], serde_json::json!([]), "what was not handed over is no job");
    let told = on_azure(&test, &["jobs", "logs", &newest(&test)]).status(1).stderr;
    assert!(told.contains("was not handed over: `az` ended with 7"), "{told}");
    let handed = on_azure(&test, &["job", "digits", "--target", "azureml", "--json"]).env("AZ_STATUS", "7");
    assert_eq!(handed.status(7).json()["ticket"], serde_json::Value::Null);
}

#[test]
fn placeholders_are_refused_and_other_types_handed_over_unread() {
    let test = project(&format!("{JOB}compute: azureml:<compute>\n"));
    azure(&test);
    let job = |words: &[&str]| {
        let words: Vec<&str> =
            ["job", "digits", "--target", "azureml"].iter().chain(words).copied().collect();
        on_azure(&test, &words)
    };
    insta::assert_snapshot!(job(&[]).transcript());
    job(&["--set", "compute=azureml:gpu"]).ok();
    assert!(noted(&test, "argv-create").contains("--set\ncompute=azureml:gpu\n"));
    insta::assert_snapshot!(job(&["--set", "compute=azureml:gpu", "--gpus", "all"]).transcript());

    test.write(
        "src/digits/job.yaml",
        "type: pipeline\njobs: { one: { type: command, component: ./c.yaml } }\n",
    );
    let said = job(&[]).ok();
    assert!(
        said.stderr.contains("note: `src/digits/job.yaml` is of type `pipeline`: handed over unread"),
        "{}",
        said.stderr
    );

    test.write("scaf.toml", "[targets.azureml]\nresource_group = \"group\"\nworkspace = \"<workspace>\"\n");
    insta::assert_snapshot!(job(&[]).transcript());
    test.write("scaf.toml", "");
    insta::assert_snapshot!(job(&[]).transcript());
    test.write("scaf.toml", "[targets.azureml]\nresource_group = \"g\"\nworkspace = \"w\"\n");
    test.write("src/digits/job.yaml", JOB);
    test.write("src/digits/.amlignore", "environment/\n");
    insta::assert_snapshot!(job(&[]).transcript());
}

#[test]
fn without_the_client_there_is_a_way_to_it_and_the_plan_is_printed_all_the_same() {
    let test = project(JOB);
    azure(&test);
    // A PATH with what a shell needs, and without az.
    let path = "/usr/bin:/bin";
    if ["/usr/bin/az", "/bin/az"].iter().any(|az| PathBuf::from(az).exists()) {
        return;
    }
    let job = |words: &[&str]| {
        let words: Vec<&str> =
            ["job", "digits", "--target", "azureml"].iter().chain(words).copied().collect();
        on_azure(&test, &words).env("PATH", path)
    };
    insta::assert_snapshot!(job(&[]).transcript());
    assert!(!test.path("runs").exists());
    // Of a job that was handed over while it was there.
    on_azure(&test, &["job", "digits", "--target", "azureml"]).ok();
    let handed = newest(&test);
    for words in [["jobs", "logs", &handed], ["jobs", "cancel", &handed], ["jobs", "fetch", &handed]] {
        let told = on_azure(&test, &words).env("PATH", path).status(1).stderr;
        assert!(told.contains("`az` is not on this machine") && told.contains("install Azure's"), "{told}");
    }
    assert_eq!(test.record("digits", "job.json")["cancelled"], serde_json::Value::Null);
    fs::remove_dir_all(test.path("runs")).unwrap();
    let printed = job(&["--dry-run"]).ok();
    assert!(
        printed.stdout.contains("az ml job create -f job.yaml --resource-group group --workspace-name space")
    );
    // With the client, the printed shell does what the command does.
    let with = format!("{}:{}", test.root().join("bin").display(), std::env::var("PATH").unwrap());
    let status = Command::new("sh")
        .args(["-c", &printed.stdout])
        .env("PATH", with)
        .env("AZ_LOG", test.root())
        .env("AZ_STATUS", "4")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(4));
    assert_eq!(noted(&test, "links"), "");
    assert_eq!(noted(&test, "shared"), "SHARED = 1\n");
    assert!(!PathBuf::from(noted(&test, "cwd").trim()).exists());
}

#[test]
fn an_image_is_not_to_be_had_on_the_host() {
    let test = Test::experiment("digits", "minimal");
    test.write("src/digits/job.yaml", "command: python train.py\nenvironment: {image: python:3.11-slim}\n");
    let told = test.scaf(["job", "digits", "--engine", "host"]).in_project().status(1).stderr;
    assert!(told.contains("`python:3.11-slim`, which the host engine cannot give"), "{told}");
    assert!(told.contains("--engine docker"), "{told}");
    assert!(test.runs("digits").is_empty());
}
