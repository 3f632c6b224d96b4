//! The Makefile of `scaf eject`, run for real without scaf.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use crate::support::{Test, need, python_image, python_minor};

fn make(test: &Test, words: &[&str]) -> Output {
    Command::new("make").args(words).current_dir(test.path("")).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_makefile_does_what_scaf_did() {
    if !need("docker") || !need("make") || !need("python") {
        return;
    }
    let image = python_image();
    assert!(image.contains(&python_minor()));
    let test = Test::project();
    // A name of its own on the shared engine.
    let name = format!("eject{}", std::process::id());
    let settings = test.read("scaf.toml").replace("name = \"p\"", &format!("name = \"{name}\""));
    test.write("scaf.toml", &settings);
    // A stand-in for pytest, so that no package index is needed.
    let stand_in =
        "import os, sys\nif '--version' not in sys.argv: print('tests of', os.getcwd(), sys.argv[1:])\n";
    test.write("src/digits/environment/pytest.py", stand_in);
    test.write(
        "src/digits/environment/Dockerfile",
        &format!("FROM {image}\nCOPY pytest.py /opt/own/pytest.py\nRUN python -c 'import site; open(site.getsitepackages()[0] + \"/own.pth\", \"w\").write(\"/opt/own\")'\n"),
    );
    test.write("src/common/shared.py", "def twice(x):\n    return 2 * x\n");
    test.write(
        "src/digits/train.py",
        "import os, sys\nfrom common.shared import twice\nfrom pathlib import Path\n\
         Path(os.environ['SCAF_OUTPUT_DIR'], 'out.txt').write_text(str(twice(21)))\n\
         print(os.getuid(), os.getcwd(), os.environ['HOME'], sys.argv[1:])\n\
         try:\n    open('/mnt/data/x', 'w')\nexcept OSError:\n    print('data is read-only')\n\
         sys.exit(3 if '--fail' in sys.argv else 0)\n",
    );

    test.scaf(["eject"]).in_project().ok();
    assert!(test.read("EJECTED.md").contains("make local exp=digits"));
    let again = test.scaf(["eject"]).in_project().status(1).stderr;
    assert!(again.contains("is there already") && again.contains("--output"), "{again}");
    test.scaf(["eject", "--output", "elsewhere"]).in_project().ok();
    assert!(test.read("elsewhere/Makefile").contains("ROOT := /"));

    let listed = text(&make(&test, &[]));
    for target in ["build-exp", "local", "test", "jupyter", "terminal", "job", "dependency"] {
        assert!(listed.contains(target), "{listed}");
    }
    let linked = make(&test, &["dependency", "exp=digits", "dep=shared.py"]);
    assert!(linked.status.success(), "{}", text(&linked));
    assert!(make(&test, &["dependency", "exp=digits", "dep=shared.py"]).status.success());
    let link = fs::read_link(test.path("src/digits/common/shared.py")).unwrap();
    assert_eq!(link.to_str(), Some("../../common/shared.py"));
    assert!(!make(&test, &["dependency", "exp=digits", "dep=nothing.py"]).status.success());
    // A part of a folder, and then the whole, which is in the way of itself.
    test.write("src/common/io/csv.py", "");
    assert!(make(&test, &["dependency", "exp=digits", "dep=io/csv.py"]).status.success());
    for folder in ["common", "common/io"] {
        assert!(test.path(&format!("src/digits/{folder}/__init__.py")).is_file(), "{folder}");
    }
    let whole = make(&test, &["dependency", "exp=digits", "dep=io"]);
    assert!(!whole.status.success() && text(&whole).contains("is there already"), "{}", text(&whole));

    let built = make(&test, &["build-exp", "exp=digits"]);
    assert!(built.status.success(), "{}", text(&built));
    let ran = make(
        &test,
        &["local", "exp=digits", "script=train.py", "script-xargs=--epochs '8 x'", "run-xargs=-e A=1"],
    );
    let said = text(&ran);
    assert!(ran.status.success(), "{said}");
    let uid = rustix::process::getuid().as_raw();
    assert!(said.contains(&format!("{uid} /mnt /home/scaf ['--epochs', '8 x']")), "{said}");
    assert!(said.contains("data is read-only"), "{said}");
    let run = fs::read_dir(test.path("runs/digits")).unwrap().flatten().next().unwrap().path();
    assert_eq!(fs::read_to_string(run.join("outputs/out.txt")).unwrap(), "42");

    let failed = make(&test, &["local", "exp=digits", "script=train.py", "script-xargs=--fail"]);
    assert!(!failed.status.success() && text(&failed).contains("Error 3"), "{}", text(&failed));
    let tested = make(&test, &["test", "exp=digits", "test-xargs=-k loss"]);
    assert!(text(&tested).contains("tests of /mnt/digits ['-k', 'loss']"), "{}", text(&tested));
    let shell = make(
        &test,
        &["terminal", "exp=digits", "cmd=python -c 'import common.shared as s; print(s.twice(4))'"],
    );
    assert!(text(&shell).lines().any(|line| line == "8"), "{}", text(&shell));
    for (words, wanted) in [
        (["local", "exp=", ""], "Say which experiment"),
        (["local", "exp=nobody", ""], "There is no experiment 'nobody'"),
        (["local", "exp=digits", "script=no.py"], "There is no script 'no.py'"),
    ] {
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let refused = make(&test, &words);
        assert!(!refused.status.success() && text(&refused).contains(wanted), "{}", text(&refused));
    }
    // Azure's client cannot be had here: a stand-in says how it was called, and where.
    test.write("src/digits/job.yaml", "command: python train.py\nenvironment: azureml:e:1\n");
    test.write("bin/az", "#!/bin/sh\necho \"az $* in $(basename \"$PWD\") with $(ls | tr '\\n' ' ')\"\n");
    fs::set_permissions(test.path("bin/az"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", test.path("bin").display(), std::env::var("PATH").unwrap());
    let job = Command::new("make")
        .args(["job", "exp=digits", "job-xargs=--web"])
        .env("PATH", path)
        .current_dir(test.path(""))
        .output()
        .unwrap();
    let said = text(&job);
    assert!(said.contains("az ml job create --file job.yaml") && said.contains("--web in digits"), "{said}");
    assert!(said.contains("train.py"), "{said}");
    for tag in ["latest", "test"] {
        Command::new("docker").args(["rmi", "-f", &format!("{name}/digits:{tag}")]).output().unwrap();
    }
}
