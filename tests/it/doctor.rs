//! `scaf doctor`: what is wrong comes first, with its way out, and the status says whether a run is possible.

use crate::support::{Scaf, Test, need, server};

fn doctor<'a>(test: &'a Test, words: &[&str]) -> Scaf<'a> {
    let words: Vec<&str> = ["doctor"].iter().chain(words).copied().collect();
    test.scaf(words).in_project()
}

#[test]
fn a_machine_with_docker() {
    if !need("docker") {
        return;
    }
    let test = Test::project();
    let text = doctor(&test, &[]).ok().stdout;
    assert!(text.contains("runs are possible") && text.contains("\nengines\n  docker"), "{text}");
    let report = doctor(&test, &["--json"]).ok().json();
    assert_eq!(report["can_run"], true);
    let docker = &report["engines"][0];
    assert_eq!(docker["name"], "docker");
    assert!(docker["facts"]["memory"].as_u64().unwrap() > 0);
    assert!(report["tools"].as_array().unwrap().iter().any(|tool| tool["name"] == "git"));
    assert!(report["disks"][0]["free"].as_u64().unwrap() > 0);
    // Also where there is no project.
    let outside = test.scaf(["-C", "/", "doctor"]).ok().stdout;
    assert!(outside.contains("none here (`scaf init` makes one)"), "{outside}");
}

#[test]
fn engines_that_cannot_be_used() {
    let test = Test::project();
    let dead = doctor(&test, &[]).without_engine().run();
    let (first, _) = dead.stdout.split_once("\n\n").unwrap();
    assert!(first.contains("problem: docker is not "), "{}", dead.stdout);
    assert!(first.contains("  do: "), "{}", dead.stdout);
    let elsewhere = doctor(&test, &[])
        .env("DOCKER_HOST", "ssh://me@far.example.org")
        .env("CONTAINER_HOST", format!("unix://{}/none.sock", test.root().display()))
        .run();
    assert!(elsewhere.stdout.contains("another machine"), "{}", elsewhere.stdout);
    assert!(elsewhere.stdout.contains("unset DOCKER_HOST"), "{}", elsewhere.stdout);
    // Neither an engine nor Python: nothing can run.
    let nothing = doctor(&test, &["--json"]).without_engine().env("PATH", test.root()).status(1).json();
    assert_eq!(nothing["can_run"], false);
    assert_eq!(nothing["findings"][0]["weight"], "stops");
}

#[test]
fn broken_settings_do_not_hide_the_rest() {
    let test = Test::project();
    test.write("scaf.local.toml", "[engin]\ngpus = \"off\"\n");
    let text = doctor(&test, &[]).status(1).stdout;
    assert!(text.starts_with("problem: ") && text.contains("engin"), "{text}");
    assert!(text.contains("\nengines\n"), "{text}");
}

#[test]
fn gpus_by_what_is_missing() {
    if !need("docker") || !need("gcc") {
        return;
    }
    let test = Test::project();
    let seen = |variables: &[(&str, &str)]| {
        let mut scaf = doctor(&test, &["--json"]).env("SCAF_NVML_LIBRARY", server("nvml.sh", &["build"]));
        for (name, value) in variables {
            scaf = scaf.env(name, value);
        }
        scaf.run().json()
    };
    // A driver by the shim, and a docker that knows nothing of NVIDIA.
    let report = seen(&[("SCAF_FAKE_GPU_PIDS", "4242,0")]);
    let state = report["gpu"]["state"].as_str().unwrap().to_owned();
    assert!(["no_toolkit", "not_configured", "cdi_only", "well"].contains(&&*state), "{state}");
    if state == "no_toolkit" {
        let finding = &report["findings"][0];
        assert!(finding["way_out"].as_str().unwrap().contains("Container Toolkit"), "{finding}");
    }
    let gpus = report["gpu"]["survey"]["gpus"].as_array().unwrap();
    assert_eq!((gpus[0]["processes"].as_u64(), gpus[1]["processes"].as_u64()), (Some(1), Some(0)));
    let loaded =
        |init: &str| seen(&[("SCAF_FAKE_NVML_INIT", init)])["gpu"]["state"].as_str().unwrap().to_owned();
    assert_eq!(loaded("9"), "driver_not_loaded");
    assert_eq!(loaded("18"), "driver_mismatch");
    assert_eq!(loaded("999"), "driver_silent");
    let text = doctor(&test, &[]).env("SCAF_NVML_LIBRARY", server("nvml.sh", &["build"])).ok().stdout;
    assert!(text.contains("CUDA up to 12.4") && text.contains("idle (GPU-"), "{text}");
}
