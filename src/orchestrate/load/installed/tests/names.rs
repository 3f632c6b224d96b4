//! Names: of modules and of distributions, shared ones, and the order in which they are looked for.

use super::*;

#[test]
fn the_module_has_another_name_than_the_distribution() {
    let made = Made::new();
    made.wheel("PyYAML", "6.0", &["yaml/__init__.py", "_yaml/__init__.py"]);
    made.wheel("six", "1.16.0", &["six.py"]);
    made.wheel("fast", "1.0", &["_fast.cpython-311-x86_64-linux-gnu.so", "_stable.abi3.so"]);
    let installed = made.read();
    assert_eq!(found(&installed, "yaml"), "PyYAML 6.0");
    assert_eq!(found(&installed, "_yaml"), "PyYAML 6.0");
    assert_eq!(found(&installed, "six.moves.urllib"), "six 1.16.0");
    assert_eq!(found(&installed, "_fast"), "fast 1.0");
    assert_eq!(found(&installed, "_stable"), "fast 1.0");
    assert_eq!(found(&installed, "PyYAML"), "nothing");
    assert_eq!(found(&installed, "not a name"), "nothing");
    assert_eq!(found(&installed, ""), "nothing");
}

#[test]
fn an_extension_module_of_another_python_is_not_found() {
    let made = Made::new();
    made.wheel("fast", "1.0", &["_fast.cpython-310-x86_64-linux-gnu.so"]);
    assert_eq!(found(&made.read(), "_fast"), "nothing");
}

#[test]
fn a_namespace_is_told_apart_by_files() {
    // Regressions 18 and the acceptance cases for namespaces.
    let made = Made::new();
    made.wheel("google-auth", "2.0", &["google/auth/__init__.py", "google/oauth2/__init__.py"]);
    made.wheel("protobuf", "7.0", &["google/protobuf/__init__.py", "google/_upb/_message.abi3.so"]);
    made.wheel("google-cloud-storage", "3.0", &["google/cloud/storage/__init__.py"]);
    made.wheel("google-cloud-core", "2.8", &["google/cloud/client/__init__.py", "google/cloud/version.py"]);
    let installed = made.read();
    assert_eq!(found(&installed, "google.auth"), "google-auth 2.0");
    assert_eq!(found(&installed, "google.protobuf.message"), "protobuf 7.0");
    assert_eq!(found(&installed, "google.cloud.storage.blob"), "google-cloud-storage 3.0");
    assert_eq!(found(&installed, "google.cloud"), "google-cloud-core 2.8, google-cloud-storage 3.0");
    assert_eq!(found(&installed, "google.cloud.bigquery"), "nothing");
    assert_eq!(
        found(&installed, "google"),
        "google-auth 2.0, google-cloud-core 2.8, google-cloud-storage 3.0, protobuf 7.0"
    );
    assert_eq!(
        each(&installed, "google.cloud", &["storage", "bigquery", "version"]),
        [
            "google.cloud.storage: google-cloud-storage 3.0",
            "google.cloud.bigquery: nothing",
            "google.cloud.version: google-cloud-core 2.8"
        ]
    );
    assert_eq!(
        said(&installed, &installed.find("google", &["auth".to_owned(), "protobuf".to_owned()])),
        "google-auth 2.0, protobuf 7.0"
    );
}

#[test]
fn a_file_of_nobody_in_a_namespace_is_loose_and_not_a_distributions() {
    let made = Made::new();
    made.wheel("google-auth", "2.0", &["google/auth/__init__.py"]);
    made.put("google/rpc_local/__init__.py", "").put("looseonly.py", "").put("bare/data.txt", "");
    let installed = made.read();
    assert_eq!(found(&installed, "google.rpc_local"), "loose rpc_local/__init__.py");
    assert_eq!(found(&installed, "looseonly"), "loose site-packages/looseonly.py");
    assert_eq!(found(&installed, "bare"), "namespace");
    assert_eq!(found(&installed, "bare.data"), "nothing");
}

#[test]
fn names_from_a_package_that_several_have_a_part_in() {
    let made = Made::new();
    made.wheel("optimum", "1.0", &["optimum/__init__.py", "optimum/version.py"]);
    made.wheel("optimum-quanto", "0.2", &["optimum/quanto/__init__.py"]);
    let installed = made.read();
    assert_eq!(found(&installed, "optimum.quanto"), "optimum-quanto 0.2");
    assert_eq!(
        each(&installed, "optimum", &["quanto", "something_made_as_it_runs"]),
        ["optimum.quanto: optimum-quanto 0.2"]
    );
    assert_eq!(each(&installed, "optimum", &["an_attribute"]), ["optimum: optimum 1.0"]);
    assert_eq!(found(&installed, "optimum.exporters"), "optimum 1.0");
    assert_eq!(found(&installed, "optimum.version.x"), "optimum 1.0");
}

#[test]
fn one_file_of_two_distributions_belongs_to_the_one_that_wrote_it_last() {
    let made = Made::new();
    made.wheel("opencv-python", "4.0", &["cv2/__init__.py"]);
    made.wheel("opencv-python-headless", "5.0", &["cv2/__init__.py"]);
    assert_eq!(found(&made.read(), "cv2"), "opencv-python 4.0, opencv-python-headless 5.0");
    // Another size than the headless one recorded.
    let record = "cv2/__init__.py,sha256=x,11\nopencv_python_headless-5.0.dist-info/RECORD,,\n";
    made.put("opencv_python_headless-5.0.dist-info/RECORD", record);
    assert_eq!(found(&made.read(), "cv2"), "opencv-python 4.0");
}

#[test]
fn a_regular_package_wins_over_a_folder_without_init_on_an_earlier_entry() {
    let mut made = Made::new();
    let early = made.beside("early");
    put(&early.join("dask/data.py"), "");
    put(&early.join("spread/one.py"), "");
    made.interpreter.python_path = vec![early];
    made.wheel("dask", "2024.1.0", &["dask/__init__.py"]);
    made.wheel("spread", "1.0", &["spread/two.py"]);
    let installed = made.read();
    assert_eq!(found(&installed, "dask.array"), "dask 2024.1.0");
    // Where no entry has a regular one, a namespace is made of all.
    assert_eq!(found(&installed, "spread.one"), "loose spread/one.py");
    assert_eq!(found(&installed, "spread.two"), "spread 1.0");
}

#[test]
fn a_package_wins_over_a_module_and_an_extension_module_over_source() {
    let made = Made::new();
    made.wheel("package", "1.0", &["both/__init__.py"]);
    made.wheel("module", "1.0", &["both.py"]);
    made.wheel("source", "1.0", &["quick.py"]);
    made.wheel("compiled", "1.0", &["quick.abi3.so"]);
    let installed = made.read();
    assert_eq!(found(&installed, "both"), "package 1.0");
    assert_eq!(found(&installed, "quick"), "compiled 1.0");
}

#[test]
fn an_old_namespace_package_takes_in_the_folders_of_other_entries() {
    let mut made = Made::new();
    let second = made.beside("second");
    wheel(&second, "zope-b", "2.0", &["zope/b/__init__.py"]);
    made.interpreter.search.push(second);
    made.wheel("zope-a", "1.0", &["zope/__init__.py", "zope/a/__init__.py"]);
    assert_eq!(found(&made.read(), "zope.b"), "zope-a 1.0", "a package of its own has only its own");
    made.put("zope/__init__.py", "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n");
    assert_eq!(found(&made.read(), "zope.b"), "zope-b 2.0");
}

#[test]
fn the_first_of_two_versions_on_the_path_is_in_force() {
    // Regression 20.
    let mut made = Made::new();
    let first = made.beside("target");
    wheel(&first, "dup", "2.0", &["dup/__init__.py"]);
    made.interpreter.python_path = vec![first];
    made.wheel("dup", "1.0", &["dup/__init__.py", "only_old.py"]);
    let installed = made.read();
    assert_eq!(found(&installed, "dup"), "dup 2.0");
    assert_eq!(installed.get("dup").unwrap().version(), "2.0");
    let shadowed: Vec<_> = installed.shadowed().iter().map(Distribution::version).collect();
    assert_eq!(shadowed, ["1.0"]);
    assert_eq!(found(&installed, "only_old"), "dup 1.0");
    assert_eq!(installed.problems(), []);
}

#[test]
fn names_are_compared_as_indexes_compare_them() {
    // Regressions 16 and 17.
    let made = Made::new();
    made.wheel("FakeYAML", "6.0", &["fakeyaml/__init__.py"]);
    made.wheel("ruamel.yaml", "0.18", &["ruamel/yaml/__init__.py"]);
    let installed = made.read();
    assert_eq!(installed.get("fakeyaml").unwrap().name(), "FakeYAML");
    assert_eq!(installed.get("ruamel-yaml").unwrap().name(), "ruamel.yaml");
    assert!(installed.get("FakeYAML").is_none());
    assert_eq!(installed.distributions().len(), 2);
}

#[test]
fn versions_are_compared_as_pep_440_has_it() {
    // Regression 14.
    let made = Made::new();
    made.wheel("dated", "2023.03.1", &["dated.py"]);
    let installed = made.read();
    let dated = installed.get("dated").unwrap();
    assert_eq!(dated.version(), "2023.03.1");
    assert!(dated.has_version("2023.3.1") && !dated.has_version("2023.3.2"));
}

#[test]
fn top_level_txt_that_leaves_a_module_out_does_not_make_it_loose() {
    let made = Made::new();
    made.wheel("short", "1.0", &["short/__init__.py", "_short.py"]);
    made.put("short-1.0.dist-info/top_level.txt", "short\n");
    let installed = made.read();
    assert_eq!(found(&installed, "short"), "short 1.0");
    assert_eq!(found(&installed, "_short"), "short 1.0");
}

#[test]
fn imports_with_odd_top_folders_are_answered_as_python_would() {
    // pytorch-accelerated puts `docs`, `examples` and `test` beside its package.
    let made = Made::new();
    made.wheel(
        "pytorch-accelerated",
        "0.1.61",
        &["pytorch_accelerated/__init__.py", "examples/__init__.py", "docs/conf.py"],
    );
    let installed = made.read();
    assert_eq!(found(&installed, "examples"), "pytorch-accelerated 0.1.61");
    assert_eq!(found(&installed, "docs.conf"), "pytorch-accelerated 0.1.61");
    assert_eq!(found(&installed, "docs.other"), "nothing");
}

#[test]
fn the_distribution_that_a_program_comes_with() {
    let made = Made::new();
    made.wheel("torch", "2.0", &["torch/__init__.py", "../../../bin/torchrun"]);
    made.wheel("other", "1.0", &["other.py", "bin/torchrunner"]);
    let installed = made.read();
    let torch = installed.program("torchrun").unwrap();
    assert_eq!(installed[torch].name(), "torch");
    assert_eq!((installed.program("torchru"), installed.program("torchrunner")), (None, None));
}
