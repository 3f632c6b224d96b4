//! `scaf check`, with the real binary: what it prints, its status, and that what scaf itself makes
//! passes it.

use crate::support::Test;

#[test]
fn what_scaf_makes_is_in_order() {
    for template in ["minimal", "sklearn", "pytorch"] {
        let test = Test::experiment("vision/digits", template);
        let fine = test.scaf(["check"]).in_project().ok();
        assert_eq!((fine.stdout.as_str(), fine.stderr.as_str()), ("", "nothing to complain about\n"));
    }
}

#[test]
fn findings_say_where_why_and_the_way_out() {
    let test = Test::experiment("digits", "minimal");
    test.write("src/digits/cloud.py", "from azure.ai.ml import MLClient\n");
    test.write("src/digits/fine.py", "import docker  # scaf: allow layer-data-science\n");
    let job = test.read("src/digits/job.yaml").replace("inputs.points}}", "inputs.point}}");
    test.write("src/digits/job.yaml", &job);
    insta::assert_snapshot!(test.scaf(["check"]).in_project().transcript(), @r"
    status: 1
    --- stdout
    src/digits/cloud.py:1:1: layer-data-science: `from azure.ai.ml import MLClient` is the SDK of Azure ML
        why: data-science code knows no platform, so that it runs the same on a laptop, in a test and as a job
        way out: hand the code what it needs as arguments; the platform's part belongs in `job.yaml` or `orchestration/`
    src/digits/fine.py:1:8: environment-missing: `docker` is imported, which the environment of `digits` does not pin
        why: in the image the import fails, or finds whatever version another package brings along
        way out: scaf env lock digits
    src/digits/job.yaml:6:12: job-input-undefined: `${{inputs.point}}` is not defined
        why: the platform's own check lets it pass, and the job fails after it has waited in the queue
        way out: did you mean `points`?
    --- stderr
    3 findings
    ");
    let object = test.scaf(["check", "exp=digits", "--json"]).in_project().status(1).json();
    assert_eq!(
        object["counts"],
        serde_json::json!({ "environment-missing": 1, "job-input-undefined": 1, "layer-data-science": 1 })
    );
    let first = &object["findings"][0];
    assert_eq!(
        (&first["file"], &first["line"], &first["column"]),
        (&"src/digits/cloud.py".into(), &1.into(), &1.into())
    );
    for key in ["rule", "message", "reason", "hint"] {
        assert!(first[key].is_string(), "{key}");
    }
}

#[test]
fn it_can_be_narrowed_down_and_asked_for_its_rules() {
    let test = Test::experiment("digits", "minimal");
    test.scaf(["new-exp", "ocr", "--template", "minimal"]).in_project().ok();
    test.write("src/ocr/bad.py", "def f(:\n");
    test.write("notebooks/n.ipynb", "{\"cells\": [{\"execution_count\": 1}]}");
    test.scaf(["check", "digits"]).in_project().ok();
    test.scaf(["check", "ocr"]).in_project().status(1);
    test.scaf(["check", "nosuch"]).in_project().status(1);
    let all = test.scaf(["check", "--quiet"]).in_project().status(1);
    assert_eq!(all.stderr, "");
    assert!(
        all.stdout.contains("notebooks/n.ipynb:1:1: notebook-outputs")
            && all.stdout.contains("src/ocr/bad.py:1:7: syntax")
    );
    let rules = test.scaf(["check", "--rules"]).in_project().ok().stdout;
    assert!(rules.starts_with("layer-data-science\n    Code of an experiment"));
    let outside = test.scaf(["check"]).current_dir("/").status(1);
    assert!(outside.stderr.contains("there is no `scaf.toml`"), "{}", outside.stderr);
}
