//! Settings: shown with where they were set, and refused whole where they are wrong.

use crate::support::Test;

#[test]
fn every_setting_with_its_origin() {
    let test = Test::project();
    test.write("scaf.toml", "[project]\nname = \"digits\"\n\n[engine]\ngpus = \"optional\"\n\n[targets.azureml]\nworkspace = \"w\"\n\n[experiment.a]\ndata.mode = \"rw\"\n");
    test.write("scaf.local.toml", "data.path = \"/srv/data\"\n");
    test.write("src/a/environment/Dockerfile", "FROM scratch\n");
    let user = test.home().join(".config/scaf/config.toml");
    std::fs::create_dir_all(user.parent().unwrap()).unwrap();
    std::fs::copy(test.path("scaf.local.toml"), &user).unwrap();
    std::fs::File::create(&user)
        .and_then(|mut file| {
            std::io::Write::write_all(&mut file, b"[images]\nmirror = \"r.example.com/hub\"\n")
        })
        .unwrap();
    let config = |words: &[&str]| {
        let words = ["config"].iter().chain(words).copied().collect::<Vec<_>>();
        test.scaf(words).in_project().env("SCAF_NETWORK", "host").env("SCAF_DATA_MOD", "rw")
    };
    insta::assert_snapshot!(config(&["--engine", "podman"]).transcript());
    assert_eq!(config(&["data.mode"]).ok().stdout, "ro\n");
    assert_eq!(config(&["data.mode", "--experiment", "a"]).ok().stdout, "rw\n");
    assert_eq!(config(&["data.mode", "exp=a"]).ok().stdout, "rw\n");
    let answer = config(&["--json", "engine"]).ok().json();
    assert_eq!(answer["settings"][1]["key"], "engine.gpus");
    assert_eq!(answer["settings"][1]["value"], "optional");
    assert_eq!(answer["settings"][1]["origin"]["file"], "scaf.toml");
    assert_eq!(answer["settings"][1]["origin"]["line"], 5);
    insta::assert_snapshot!(config(&["data.mod"]).transcript());
}

#[test]
fn outside_of_a_project_it_is_the_user_s() {
    let test = Test::empty();
    assert_eq!(test.scaf(["config", "engine.default"]).env("SCAF_ENGINE", "host").ok().stdout, "host\n");
}

#[test]
fn a_broken_file_is_told_whole_by_every_command() {
    let test = Test::project();
    test.write(
        "scaf.toml",
        "[project]\nname = 7\n[engine]\ndefault = \"dokcer\"\ngpu = \"all\"\nshm_size =\n[imges]\nmirror = \"x\"\n",
    );
    test.write("scaf.local.toml", "data = \"ro\"\n");
    insta::assert_snapshot!(test.scaf(["list"]).in_project().env("SCAF_USER", "me").transcript());
    for words in [&["config"][..], &["local", "x"], &["job", "x"], &["show", "x"]] {
        test.scaf(words).in_project().status(1);
    }
}
