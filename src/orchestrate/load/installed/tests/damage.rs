//! Environments that are not as they should be: a finding each, in bounded time, and never a panic.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn metadata_without_a_name_is_named_by_its_folder() {
    let made = Made::new();
    made.wheel("nameless", "1.2", &["nameless.py"]);
    made.put("nameless-1.2.dist-info/METADATA", "Metadata-Version: 2.1\n\nName: not a header\n");
    let installed = made.read();
    let nameless = installed.get("nameless").unwrap();
    assert_eq!((nameless.name(), nameless.version()), ("nameless", "1.2"));
    let said: Vec<String> = nameless.problems().iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].ends_with("METADATA` says no name; it is named by its folder"), "{said:?}");
    assert!(said[1].ends_with("METADATA` says no version"), "{said:?}");
}

#[test]
fn metadata_that_is_not_there_or_not_its_own() {
    let made = Made::new();
    made.wheel("gone", "1.0", &["gone.py"]).wheel("swapped", "1.0", &["swapped.py"]);
    fs::remove_file(made.site().join("gone-1.0.dist-info/METADATA")).unwrap();
    made.put("swapped-1.0.dist-info/METADATA", "Name: other\nVersion: 9\n");
    let installed = made.read();
    assert_eq!(found(&installed, "gone"), "gone 1.0");
    assert!(matches!(
        installed.get("gone").unwrap().problems()[..],
        [distribution::Problem::Unreadable { .. }]
    ));
    let swapped = installed.get("swapped").unwrap();
    assert_eq!(swapped.name(), "swapped");
    assert!(
        matches!(
            swapped.problems()[..],
            [distribution::Problem::OtherName { .. }, distribution::Problem::OtherVersion { .. }]
        ),
        "{:?}",
        swapped.problems()
    );
}

#[test]
fn a_record_with_missing_files_and_paths_that_lead_out() {
    let made = Made::new();
    made.wheel("holes", "1.0", &["holes/__init__.py"]);
    let record = "holes/__init__.py,sha256=x,10\nholes/gone.py,sha256=x,1\nholes/__pycache__/x.pyc,,\n\
                  ../../../../../outside.txt,,\n/etc/hostname,,\nholes/../../../up.py,,\n";
    made.put("holes-1.0.dist-info/RECORD", record);
    let installed = made.read();
    let holes = installed.get("holes").unwrap();
    assert_eq!(holes.outside(), ["../../../../../outside.txt", "/etc/hostname", "holes/../../../up.py"]);
    assert_eq!(holes.missing(), ["holes/gone.py", "../../../../../outside.txt", "holes/../../../up.py"]);
    assert_eq!(found(&installed, "holes"), "holes 1.0");
    // What is recorded and not there is not found.
    assert_eq!(found(&installed, "holes.gone"), "holes 1.0");
    made.put("holes-1.0.dist-info/RECORD", "never_was.py,,\n");
    assert_eq!(found(&made.read(), "never_was"), "nothing");
}

#[test]
fn two_dist_infos_of_one_package() {
    let made = Made::new();
    made.wheel("twice", "2.0", &["twice/__init__.py"]);
    made.wheel("twice", "10.0", &["twice/__init__.py"]);
    // The files are those of 2.0.
    let record = "twice/__init__.py,sha256=x,999\ntwice-10.0.dist-info/RECORD,,\n";
    made.put("twice-10.0.dist-info/RECORD", record);
    let installed = made.read();
    assert_eq!(installed.get("twice").unwrap().version(), "2.0");
    assert_eq!(installed.distributions().len(), 1);
    let said: Vec<String> = installed.problems().iter().map(ToString::to_string).collect();
    assert!(said[0].starts_with("`twice` is there 2 times in `"), "{said:?}");
    assert!(said[0].contains("as 2.0 and 10.0; 2.0 is taken"), "{said:?}");
    // Where the files decide nothing, the newer one is in force, by PEP 440.
    made.wheel("twice", "10.0", &["twice/__init__.py"]);
    assert_eq!(made.read().get("twice").unwrap().version(), "10.0");
}

#[test]
fn what_a_broken_installation_left_is_told_of_and_passed_over() {
    let made = Made::new();
    made.wheel("numpy", "2.0", &["numpy/__init__.py"]);
    made.put("~umpy-1.0.dist-info/METADATA", "Name: numpy\nVersion: 1.0\n").put("~umpy/__init__.py", "");
    let installed = made.read();
    assert_eq!(installed.get("numpy").unwrap().version(), "2.0");
    assert_eq!(installed.distributions().len(), 1);
    assert!(matches!(installed.problems(), [Problem::Leftover { .. }]));
}

#[test]
fn garbage_in_every_file() {
    let made = Made::new();
    let garbage: Vec<u8> =
        (0..200_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let info = made.site().join("bad-1.0.dist-info");
    fs::create_dir_all(&info).unwrap();
    for file in ["METADATA", "RECORD", "top_level.txt", "INSTALLER", "direct_url.json", "WHEEL"] {
        fs::File::create(info.join(file)).unwrap().write_all(&garbage).unwrap();
    }
    for file in ["bad.pth", "_bad_finder.py", "egg-1.0.egg-info"] {
        fs::File::create(made.site().join(file)).unwrap().write_all(&garbage).unwrap();
    }
    made.put("use.pth", "import _bad_finder").put("bad.py", "");
    let installed = made.read();
    let bad = installed.get("bad").unwrap();
    assert_eq!((bad.name(), bad.version()), ("bad", "1.0"));
    assert!(!bad.problems().is_empty());
    assert_eq!(found(&installed, "bad"), "loose site-packages/bad.py");
    assert_eq!(installed.get("egg").unwrap().version(), "1.0");
    let _ = (bad.files(), bad.outside(), bad.missing(), bad.wheel_tags(), bad.is_native(), bad.requires());
}

#[test]
fn names_that_are_not_utf_8_and_odd_folders_are_passed_over() {
    use std::os::unix::ffi::OsStrExt;
    let made = Made::new();
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9-1.0.dist-info");
    fs::create_dir(made.site().join(odd)).unwrap();
    for folder in [".dist-info", "-1.0.dist-info", ".egg-info", "-.egg", "x.dist-info"] {
        fs::create_dir(made.site().join(folder)).unwrap();
    }
    let installed = made.read();
    let names: Vec<_> = installed.distributions().iter().map(Distribution::name).collect();
    assert_eq!(names, ["x"]);
    assert_eq!(installed.get("x").unwrap().version(), "");
}

#[test]
fn links_in_circles_and_links_to_nowhere() {
    let made = Made::new();
    let site = made.site();
    symlink("circle", site.join("circle")).unwrap();
    symlink("circle.py", site.join("circle.py")).unwrap();
    symlink(".", site.join("inside")).unwrap();
    symlink("/nowhere", site.join("nowhere")).unwrap();
    symlink("loop-1.0.dist-info", site.join("loop-1.0.dist-info")).unwrap();
    made.put("self.pth", ".\n../site-packages\n");
    let installed = made.read();
    for name in ["circle", "nowhere", "inside.inside.inside.circle", "inside.gone"] {
        assert_eq!(found(&installed, name), "nothing", "{name}");
    }
    assert_eq!(installed.search().count(), 1);
}

#[test]
fn a_pipe_in_place_of_a_file_holds_nobody_up() {
    let made = Made::new();
    made.wheel("piped", "1.0", &["piped.py"]);
    for file in ["METADATA", "RECORD", "top_level.txt", "INSTALLER", "direct_url.json"] {
        let path = made.site().join("piped-1.0.dist-info").join(file);
        let _ = fs::remove_file(&path);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
    }
    let installed = made.read();
    assert_eq!(found(&installed, "piped"), "piped 1.0");
    assert_eq!(installed.get("piped").unwrap().provenance().origin, crate::spec::origin::Origin::Unknown);
    assert!(!installed.get("piped").unwrap().problems().is_empty());
}

#[test]
fn an_environment_that_changes_after_it_was_listed() {
    let made = Made::new();
    made.wheel("stays", "1.0", &["stays/__init__.py"]).wheel("goes", "1.0", &["goes/__init__.py"]);
    made.wheel("part-a", "1.0", &["space/a.py"]).wheel("part-b", "1.0", &["space/b.py"]);
    let installed = made.read();
    for gone in ["goes", "goes-1.0.dist-info", "space", "part_b-1.0.dist-info"] {
        fs::remove_dir_all(made.site().join(gone)).unwrap();
    }
    assert_eq!(found(&installed, "stays"), "stays 1.0");
    assert_eq!(found(&installed, "goes"), "nothing");
    assert_eq!(found(&installed, "space.a"), "nothing");
    let goes = installed.get("goes").unwrap();
    assert_eq!((goes.name(), goes.version()), ("goes", "1.0"));
    assert!(!goes.problems().is_empty());
    assert_eq!(goes.requires(), [""; 0]);
    fs::remove_dir_all(made.site()).unwrap();
    assert_eq!(made.read().distributions().len(), 0);
}

#[test]
fn a_site_folder_that_cannot_be_read_is_an_error_with_a_way_out() {
    let mut made = Made::new();
    symlink(made.beside("round"), made.beside("round")).unwrap();
    made.interpreter.search.push(made.beside("round"));
    let error = Installed::read(&made.interpreter).err().unwrap();
    assert!(error.to_string().contains("/round` cannot be read: "), "{error}");
    assert!(error.hints()[0].starts_with("see who may read it: `ls -ld "));
}

#[test]
fn a_file_in_place_of_a_site_folder_is_nothing() {
    let mut made = Made::new();
    put(&made.beside("path.zip"), "PK");
    made.interpreter.python_path = vec![made.beside("path.zip"), made.beside("gone")];
    assert_eq!(made.read().search().count(), 1);
}
