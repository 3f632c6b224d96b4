//! Every kind of distribution, and where each came from.

use super::*;
use crate::spec::origin::Origin;

fn origin(installed: &Installed, name: &str) -> Origin {
    installed.get(name).unwrap().provenance().origin.clone()
}

fn evidence(installed: &Installed, name: &str) -> String {
    installed.get(name).unwrap().provenance().evidence.clone()
}

#[test]
fn metadata_is_what_the_headers_say() {
    let made = Made::new();
    made.wheel("Some-Thing", "1.0", &["some_thing.py"]);
    let headers = "Metadata-Version: 2.1\nName: Some-Thing\nVersion: 1.0\nRequires-Python: >=3.9\n\
                   Requires-Dist: numpy>=1; python_version > '3'\nProvides-Extra: all\n\n";
    // A description longer than what is read at a time.
    made.put("Some_Thing-1.0.dist-info/METADATA", &format!("{headers}{}", "Name: wrong\n".repeat(4000)));
    let installed = made.read();
    let thing = installed.get("some-thing").unwrap();
    assert_eq!(thing.name(), "Some-Thing");
    assert_eq!(thing.requires(), ["numpy>=1; python_version > '3'"]);
    assert_eq!(thing.requires_python(), Some(">=3.9"));
    assert_eq!(thing.extras(), ["all"]);
    assert_eq!(thing.problems(), []);
}

#[test]
fn headers_longer_than_what_is_read_at_a_time_are_read_whole() {
    let made = Made::new();
    made.wheel("long", "1.0", &["long.py"]);
    let many: String = (0..2000).map(|number| format!("Requires-Dist: needed-{number}\n")).collect();
    made.put(
        "long-1.0.dist-info/METADATA",
        &format!("Name: long\nVersion: 1.0\n{many}\nRequires-Dist: not\n"),
    );
    assert_eq!(made.read().get("long").unwrap().requires().len(), 2000);
}

#[test]
fn from_an_index() {
    let made = Made::new();
    made.wheel("numpy", "2.0", &["numpy/__init__.py"]);
    let installed = made.read();
    assert_eq!(origin(&installed, "numpy"), Origin::Index { url: None, label: None });
    assert_eq!(evidence(&installed, "numpy"), "`INSTALLER` says pip, and there is no `direct_url.json`");
}

#[test]
fn a_build_of_its_own_on_an_index_is_no_local_package() {
    // Regression 13.
    let made = Made::new();
    made.wheel("torch", "2.1.0+cpu", &["torch/__init__.py", "torch/lib/libtorch.so"]);
    let installed = made.read();
    assert_eq!(origin(&installed, "torch"), Origin::Index { url: None, label: Some("cpu".into()) });
    assert!(evidence(&installed, "torch").contains("`+cpu` is a build that no general index has"));
    assert!(installed.get("torch").unwrap().is_native());
}

#[test]
fn from_a_repository_an_address_an_archive_and_a_folder() {
    // Regression 15: the name and version may also be on a public index.
    let made = Made::new();
    for (name, direct) in [
        (
            "vcs",
            r#"{"url":"https://u:secret@h/x.git","vcs_info":{"vcs":"git","commit_id":"c0ffee","requested_revision":"main"},"subdirectory":"py"}"#,
        ),
        ("url", r#"{"url":"https://h/url-1.0.whl","archive_info":{"hashes":{"sha256":"aa"}}}"#),
        ("file", r#"{"url":"file:///wheels/file-1.0%2Bx.whl","archive_info":{}}"#),
        ("folder", r#"{"url":"file:///src/folder","dir_info":{}}"#),
        ("place", r#"{"url":"file:///src/place","dir_info":{"editable":true}}"#),
    ] {
        made.wheel(name, "1.0", &[&format!("{name}.py")]);
        made.put(&format!("{name}-1.0.dist-info/direct_url.json"), direct);
    }
    let installed = made.read();
    assert_eq!(
        origin(&installed, "vcs"),
        Origin::Vcs {
            system: "git".into(),
            url: "https://h/x.git".into(),
            commit: "c0ffee".into(),
            requested: Some("main".into()),
            subdirectory: Some("py".into()),
        }
    );
    assert_eq!(evidence(&installed, "vcs"), "`direct_url.json`: git commit c0ffee");
    assert_eq!(
        origin(&installed, "url"),
        Origin::Url {
            url: "https://h/url-1.0.whl".into(),
            hash: Some("sha256=aa".into()),
            subdirectory: None
        }
    );
    assert_eq!(
        origin(&installed, "file"),
        Origin::Archive { path: "/wheels/file-1.0+x.whl".into(), hash: None }
    );
    assert_eq!(origin(&installed, "folder"), Origin::Folder { folder: "/src/folder".into() });
    assert_eq!(origin(&installed, "place"), Origin::Editable { folder: "/src/place".into() });
}

#[test]
fn a_direct_url_that_cannot_be_understood_is_told_of() {
    let made = Made::new();
    made.wheel("odd", "1.0", &["odd.py"]);
    made.put("odd-1.0.dist-info/direct_url.json", "{\"url\": 1}");
    let installed = made.read();
    assert!(matches!(
        installed.get("odd").unwrap().problems()[..],
        [distribution::Problem::DirectUrl { .. }]
    ));
}

#[test]
fn an_egg_info_with_its_list_of_files() {
    let made = Made::new();
    made.put("eggy/__init__.py", "").put("_eggy.py", "");
    made.put("Eggy-2.0-py3.11.egg-info/PKG-INFO", "Name: Eggy\nVersion: 2.0\nRequires-Dist: stale\n");
    made.put("Eggy-2.0-py3.11.egg-info/requires.txt", "numpy\n\n[all]\nscipy\n");
    made.put(
        "Eggy-2.0-py3.11.egg-info/installed-files.txt",
        "../eggy/__init__.py\n../_eggy.py\nPKG-INFO\n../../../../bin/eggy\n",
    );
    let installed = made.read();
    let eggy = installed.get("eggy").unwrap();
    assert_eq!((eggy.name(), eggy.version(), eggy.kind), ("Eggy", "2.0", Kind::EggInfo));
    assert_eq!(eggy.requires(), ["numpy", "scipy; extra == \"all\""]);
    assert_eq!(found(&installed, "_eggy"), "Eggy 2.0");
    assert_eq!(eggy.outside(), ["../../../bin/eggy"]);
    assert_eq!(eggy.missing(), ["../../../bin/eggy"]);
}

#[test]
fn an_egg_info_without_any_list_is_recognised() {
    // Regression 19: as a system's package manager leaves it.
    let mut made = Made::new();
    let system = made.beside("usr/lib/python3/dist-packages");
    put(&system.join("six.py"), "");
    put(&system.join("six-1.16.0.egg-info"), "Metadata-Version: 1.2\nName: six\nVersion: 1.16.0\n");
    put(&system.join("apt/__init__.py"), "");
    put(&system.join("python_apt-2.6.0.egg-info/PKG-INFO"), "Name: python-apt\nVersion: 2.6.0\n");
    put(&system.join("python_apt-2.6.0.egg-info/top_level.txt"), "apt\n");
    put(&system.join("sourced/__init__.py"), "");
    put(&system.join("by_source-1.0.egg-info/PKG-INFO"), "Name: by-source\nVersion: 1.0\n");
    put(&system.join("by_source-1.0.egg-info/SOURCES.txt"), "setup.py\nsrc/sourced/__init__.py\n");
    made.interpreter.search = vec![system];
    let installed = made.read();
    assert_eq!(found(&installed, "six"), "six 1.16.0");
    assert_eq!(found(&installed, "apt"), "python-apt 2.6.0");
    assert_eq!(found(&installed, "sourced"), "by-source 1.0");
    assert_eq!(installed.get("six").unwrap().kind, Kind::EggInfoFile);
    assert_eq!(origin(&installed, "python-apt"), Origin::System { manager: Some("debian".into()) });
}

#[test]
fn an_egg_is_a_folder_of_its_own_on_the_path() {
    let made = Made::new();
    made.put("easy-install.pth", "./Old-1.0-py3.11.egg\n");
    made.put("Old-1.0-py3.11.egg/old/__init__.py", "");
    made.put("Old-1.0-py3.11.egg/EGG-INFO/PKG-INFO", "Name: Old\nVersion: 1.0\n");
    made.put("Old-1.0-py3.11.egg/EGG-INFO/top_level.txt", "old\n");
    made.put("Zipped-1.0-py3.11.egg", "PK");
    let installed = made.read();
    assert_eq!(found(&installed, "old"), "Old 1.0");
    assert!(matches!(installed.problems(), [Problem::ZippedEgg { .. }]), "{:?}", installed.problems());
}

#[test]
fn without_a_record_the_names_come_from_where_they_can_be_had() {
    let made = Made::new();
    for (name, file, text) in
        [("by-text", "top_level.txt", "module_a\n"), ("by-header", "LICENSE", ""), ("by_name", "LICENSE", "")]
    {
        let info = format!("{}-1.0.dist-info", name.replace('-', "_"));
        let header =
            if name == "by-header" { "Import-Name: module_b.sub\nImport-Name: _b; private\n" } else { "" };
        made.put(&format!("{info}/METADATA"), &format!("Name: {name}\nVersion: 1.0\n{header}"));
        made.put(&format!("{info}/{file}"), text);
    }
    made.put("module_a.py", "")
        .put("module_b/__init__.py", "")
        .put("_b.py", "")
        .put("by_name/__init__.py", "");
    let installed = made.read();
    assert_eq!(found(&installed, "module_a"), "by-text 1.0");
    assert_eq!(found(&installed, "module_b"), "by-header 1.0");
    assert_eq!(found(&installed, "_b"), "by-header 1.0");
    assert_eq!(found(&installed, "by_name"), "by_name 1.0");
    let problems = installed.get("by-name").unwrap().problems();
    assert!(matches!(problems[..], [distribution::Problem::NoFiles { .. }]), "{problems:?}");
    assert_eq!(origin(&installed, "by-name"), Origin::Unknown);
}

#[test]
fn a_library_that_only_ctypes_loads_makes_a_distribution_native() {
    // Regressions 22 and 23.
    let made = Made::new();
    made.wheel("ctyped", "1.0", &["ctyped/__init__.py", "ctyped/libx.so.2"]);
    made.wheel("compiled", "1.0", &["compiled/_fast.cpython-311-x86_64-linux-gnu.so"]);
    made.wheel("pure", "1.0", &["pure.py"]);
    made.put("compiled-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: cp311-cp311-linux_x86_64\n");
    made.put("compiled-1.0.dist-info/direct_url.json", r#"{"url":"file:///src/compiled","dir_info":{}}"#);
    let installed = made.read();
    assert!(installed.get("ctyped").unwrap().is_native());
    assert!(!installed.get("pure").unwrap().is_native());
    let compiled = installed.get("compiled").unwrap();
    assert!(compiled.is_native() && compiled.provenance().origin.is_local());
    assert_eq!(compiled.wheel_tags(), ["cp311-cp311-linux_x86_64"]);
}

#[test]
fn only_its_own_files_of_a_shared_folder_are_a_distributions() {
    // Regression 18.
    let made = Made::new();
    made.wheel("public", "1.0", &["nspkg/public/__init__.py"]);
    made.wheel(
        "private",
        "1.0",
        &["nspkg/private/__init__.py", "../../../bin/private", "../../../share/p/data.json"],
    );
    let installed = made.read();
    let private = installed.get("private").unwrap();
    let files: Vec<String> = private.files().unwrap().into_iter().map(|file| file.recorded).collect();
    assert_eq!(
        files,
        [
            "nspkg/private/__init__.py",
            "../../../bin/private",
            "../../../share/p/data.json",
            "private-1.0.dist-info/METADATA",
            "private-1.0.dist-info/INSTALLER",
            "private-1.0.dist-info/RECORD"
        ]
    );
    assert_eq!(private.outside(), ["../../../bin/private", "../../../share/p/data.json"]);
    assert_eq!(private.missing(), [""; 0]);
}
