//! Editable installs of every build backend, and `.pth` files that are none.

use std::os::unix::fs::symlink;

use super::*;

/// An editable distribution whose files are these.
fn editable(made: &Made, name: &str, folder: &Path, files: &[(&str, &str)]) {
    let names: Vec<&str> = files.iter().map(|(file, _)| *file).collect();
    made.wheel(name, "0.1", &names);
    for (file, text) in files {
        made.put(file, text);
    }
    let direct = format!(r#"{{"url":"file://{}","dir_info":{{"editable":true}}}}"#, folder.display());
    made.put(&format!("{}-0.1.dist-info/direct_url.json", name.replace('-', "_")), &direct);
}

#[test]
fn a_path_to_a_source_folder() {
    // setuptools, hatchling, flit, poetry, pdm, maturin: they differ in the file's name.
    for file in ["__editable__.my_lib-0.1.pth", "_my_lib.pth", "my-lib.pth", "my_lib.pth", "odd.pth"] {
        let made = Made::new();
        let source = made.beside("project/src");
        put(&source.join("mylib/__init__.py"), "");
        editable(&made, "my-lib", &made.beside("project"), &[(file, &format!("{}\n", source.display()))]);
        let installed = made.read();
        assert_eq!(found(&installed, "mylib.deep"), "editable my-lib mylib/__init__.py", "{file}");
        assert_eq!(installed.problems(), [], "{file}");
    }
}

#[test]
fn what_is_left_of_an_egg_info_in_the_source_changes_nothing() {
    let made = Made::new();
    let source = made.beside("project/src");
    put(&source.join("mylib/__init__.py"), "");
    put(&source.join("my_lib.egg-info/PKG-INFO"), "Name: my-lib\nVersion: 0.0.9\n");
    editable(
        &made,
        "my-lib",
        &made.beside("project"),
        &[("__editable__.my_lib-0.1.pth", source.to_str().unwrap())],
    );
    let installed = made.read();
    assert_eq!(found(&installed, "mylib"), "editable my-lib mylib/__init__.py");
    assert_eq!(installed.get("my-lib").unwrap().version(), "0.1");
    assert_eq!(installed.problems(), []);
}

#[test]
fn the_finder_of_setuptools() {
    let made = Made::new();
    let project = made.beside("project");
    put(&project.join("pkg/__init__.py"), "");
    put(&project.join("single.py"), "");
    put(&project.join("space/part/__init__.py"), "");
    let finder = format!(
        "from __future__ import annotations\nMAPPING: dict[str, str] = {{'pkg': '{0}/pkg', 'single': '{0}/single'}}\n\
         NAMESPACES: dict[str, list[str]] = {{'space': ['{0}/space']}}\n",
        project.display()
    );
    editable(
        &made,
        "my-lib",
        &project,
        &[
            (
                "__editable__.my_lib-0.1.pth",
                "import __editable___my_lib_0_1_finder; __editable___my_lib_0_1_finder.install()",
            ),
            ("__editable___my_lib_0_1_finder.py", &finder),
        ],
    );
    made.wheel("other", "1.0", &["space/other/__init__.py"]);
    let installed = made.read();
    assert_eq!(found(&installed, "pkg.deep.er"), "editable my-lib pkg/__init__.py");
    assert_eq!(found(&installed, "single"), "editable my-lib project/single.py");
    assert_eq!(found(&installed, "space.part"), "editable my-lib part/__init__.py");
    assert_eq!(found(&installed, "space.other"), "other 1.0");
    assert_eq!(found(&installed, "space.none"), "nothing");
    assert_eq!(found(&installed, "space"), "my-lib 0.1, other 1.0");
    assert_eq!(installed.problems(), []);
}

#[test]
fn a_finder_that_knows_the_modules_of_a_namespace_one_by_one() {
    let made = Made::new();
    let project = made.beside("project");
    put(&project.join("shared/mine/__init__.py"), "");
    put(&project.join("shared/not_mine/__init__.py"), "");
    let finder = format!(
        "MAPPING = {{'shared.mine': '{}/shared/mine'}}\nNAMESPACES = {{'shared': []}}\n",
        project.display()
    );
    editable(&made, "my-lib", &project, &[("x.pth", "import _x_finder"), ("_x_finder.py", &finder)]);
    let installed = made.read();
    assert_eq!(found(&installed, "shared.mine.deep"), "editable my-lib mine/__init__.py");
    assert_eq!(found(&installed, "shared"), "my-lib 0.1");
    assert_eq!(
        each(&installed, "shared", &["mine", "not_mine"]),
        ["shared.mine: editable my-lib mine/__init__.py", "shared.not_mine: nothing"]
    );
}

#[test]
fn a_folder_of_links_as_the_strict_mode_of_setuptools_makes_it() {
    let made = Made::new();
    let project = made.beside("project");
    put(&project.join("src/mylib/__init__.py"), "");
    let links = project.join("build/__editable__.my_lib-0.1-py3-none-any");
    fs::create_dir_all(links.join("mylib")).unwrap();
    symlink(project.join("src/mylib/__init__.py"), links.join("mylib/__init__.py")).unwrap();
    editable(&made, "my-lib", &project, &[("__editable__.my_lib-0.1.pth", links.to_str().unwrap())]);
    let Found::Editable { files, .. } = made.read().find("mylib", &[]) else { panic!() };
    assert_eq!(files, [project.join("src/mylib/__init__.py")]);
}

#[test]
fn what_lies_in_the_site_folder_comes_before_a_finder() {
    let made = Made::new();
    let project = made.beside("project");
    put(&project.join("pkg/__init__.py"), "");
    let finder = format!("MAPPING = {{'pkg': '{}/pkg'}}\n", project.display());
    editable(&made, "my-lib", &project, &[("x.pth", "import _x_finder"), ("_x_finder.py", &finder)]);
    made.wheel("released", "3.0", &["pkg/__init__.py"]);
    assert_eq!(found(&made.read(), "pkg"), "released 3.0");
}

#[test]
fn finders_of_editables_scikit_build_and_meson() {
    let made = Made::new();
    let project = made.beside("project");
    for package in ["by_editables", "by_scikit", "src/by_meson"] {
        put(&project.join(package).join("__init__.py"), "");
    }
    let at = |path: &str| format!("{}/{path}", project.display());
    editable(
        &made,
        "one",
        &project,
        &[
            ("_editable_impl_one.pth", "import _editable_impl_one"),
            (
                "_editable_impl_one.py",
                &format!(
                    "from editables.redirector import RedirectingFinder as F\nF.install()\nF.map_module('by_editables', '{}')\n",
                    at("by_editables/__init__.py")
                ),
            ),
        ],
    );
    editable(
        &made,
        "two",
        &project,
        &[
            ("_two_editable.pth", "import _two_editable\n"),
            (
                "_two_editable.py",
                &format!("install({{'by_scikit': '{}'}}, {{}}, None, False)\n", at("by_scikit/__init__.py")),
            ),
        ],
    );
    editable(
        &made,
        "three",
        &project,
        &[
            ("three-editable.pth", "import _three_editable_loader"),
            (
                "_three_editable_loader.py",
                "install('three', {'by_meson'}, '/build/cp311', ['ninja'], False)\n",
            ),
        ],
    );
    let installed = made.read();
    assert_eq!(found(&installed, "by_editables"), "editable one by_editables/__init__.py");
    assert_eq!(found(&installed, "by_scikit.x"), "editable two by_scikit/__init__.py");
    assert_eq!(found(&installed, "by_meson"), "editable three by_meson/__init__.py");
    assert_eq!(installed.problems(), []);
}

#[test]
fn develop_of_old_setuptools() {
    let made = Made::new();
    let project = made.beside("project");
    put(&project.join("setup.py"), "");
    put(&project.join("legacy/__init__.py"), "");
    put(&project.join("My_Legacy.egg-info/PKG-INFO"), "Name: My-Legacy\nVersion: 0.3\n");
    put(&project.join("My_Legacy.egg-info/top_level.txt"), "legacy\n");
    put(&project.join("My_Legacy.egg-info/requires.txt"), "numpy\n");
    put(&project.join("stray.py"), "");
    made.put("My-Legacy.egg-link", &format!("{}\n.", project.display()));
    made.put("easy-install.pth", &format!("{}\n", project.display()));
    let installed = made.read();
    assert_eq!(found(&installed, "legacy"), "editable My-Legacy legacy/__init__.py");
    assert_eq!(found(&installed, "stray"), "loose project/stray.py");
    let legacy = installed.get("my-legacy").unwrap();
    assert_eq!(legacy.requires(), ["numpy"]);
    assert_eq!(legacy.provenance().origin, crate::spec::origin::Origin::Editable { folder: project });
}

#[test]
fn a_link_into_the_source_as_flit_makes_it() {
    let made = Made::new();
    let project = made.beside("project");
    put(&project.join("linked/__init__.py"), "");
    editable(&made, "linked-lib", &project, &[]);
    symlink(project.join("linked"), made.site().join("linked")).unwrap();
    let Found::Editable { files, .. } = made.read().find("linked", &[]) else { panic!() };
    assert_eq!(files, [project.join("linked/__init__.py")]);
}

#[test]
fn the_files_that_an_import_of_editable_code_loads() {
    let made = Made::new();
    let source = made.beside("project/src");
    for file in [
        "mylib/__init__.py",
        "mylib/deep/__init__.py",
        "mylib/deep/one.py",
        "mylib/deep/two.py",
        "mylib/bare/x.py",
    ] {
        put(&source.join(file), "");
    }
    editable(&made, "my-lib", &made.beside("project"), &[("my_lib.pth", source.to_str().unwrap())]);
    put(&made.beside("extra/tools/__init__.py"), "");
    put(&made.beside("extra/tools/hammer.py"), "");
    made.put("extra.pth", made.beside("extra").to_str().unwrap());
    let installed = made.read();
    let start = "editable my-lib mylib/__init__.py";
    assert_eq!(found(&installed, "mylib.deep.one"), format!("{start}, deep/__init__.py, deep/one.py"));
    assert_eq!(found(&installed, "mylib.bare.x"), format!("{start}, bare/x.py"));
    assert_eq!(found(&installed, "mylib.gone.x"), start);
    assert_eq!(
        each(&installed, "mylib.deep", &["one", "attribute", "two"]),
        [format!("mylib.deep: {start}, deep/__init__.py, deep/one.py, deep/two.py")]
    );
    assert_eq!(found(&installed, "tools.hammer"), "loose tools/__init__.py, tools/hammer.py");
}

#[test]
fn folders_of_path_files_come_behind_the_site_folder_in_the_order_of_the_files() {
    let made = Made::new();
    for folder in ["first", "second", "third"] {
        put(&made.beside(folder).join("which.py"), "");
        put(&made.beside(folder).join("both.py"), "");
    }
    made.put("both.py", "");
    made.put("b.pth", &format!("{}\n", made.beside("third").display()));
    made.put("a.pth", &format!("# no\n{}\n\n../../../../first\n", made.beside("second").display()));
    let installed = made.read();
    let search: Vec<_> =
        installed.search().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(search, ["site-packages", "second", "first", "third"]);
    assert_eq!(found(&installed, "which"), "loose second/which.py");
    assert_eq!(found(&installed, "both"), "loose site-packages/both.py");
}

#[test]
fn a_folder_of_a_distributions_own_that_its_path_file_adds() {
    // As pywin32 does.
    let made = Made::new();
    made.wheel("winlike", "306", &["winlike.pth", "win/lib/winapi.py", "win/__init__.py"]);
    made.put("winlike.pth", "win/lib\n");
    assert_eq!(found(&made.read(), "winapi"), "winlike 306");
}

#[test]
fn what_path_files_do_that_is_not_understood_is_told() {
    let made = Made::new();
    made.put("hook.pth", "import os; os.environ['X'] = '1'\n");
    made.put("gone.pth", "/nowhere/at/all\n");
    made.put("distutils-precedence.pth", "import os; var = 1\n");
    made.put("old-nspkg.pth", "import sys, types, os;has_mfs = sys.version_info > (3, 5)\n");
    let said: Vec<String> = made.read().problems().iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("gone.pth` adds `/nowhere/at/all`, which is not there"), "{said:?}");
    assert!(said[1].contains("hook.pth` runs `import os; os.environ"), "{said:?}");
}
