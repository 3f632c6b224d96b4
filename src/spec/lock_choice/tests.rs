//! What is enough, what is asked, and what is said.

use std::collections::HashMap;

use super::*;
use crate::spec::closure::Known;
use crate::spec::lock_target::{Platform, Sayings};

struct Shelf(HashMap<String, (String, String, Vec<String>, Option<String>)>);

impl Catalogue for Shelf {
    fn get(&self, normalised: &str) -> Option<Known<'_>> {
        let (name, version, requires, requires_python) = self.0.get(normalised)?;
        Some(Known { name, version, requires, requires_python: requires_python.as_deref() })
    }
}

fn shelf(entries: &[(&str, &str, &[&str])]) -> Shelf {
    let entry = |(name, version, requires): &(&str, &str, &[&str])| {
        let requires = requires.iter().map(|line| (*line).to_owned()).collect();
        (normalised(name), ((*name).to_owned(), (*version).to_owned(), requires, None))
    };
    Shelf(entries.iter().map(entry).collect())
}

fn target() -> LockTarget {
    let sayings = Sayings { command_line: Some("3.11.7"), ..Sayings::default() };
    LockTarget::choose(Platform::LinuxX86_64, &sayings).0
}

static NONE: BTreeMap<String, Kept> = BTreeMap::new();

fn request<'a>(target: &'a LockTarget, names: &[&str]) -> LockRequest<'a> {
    LockRequest {
        target,
        accelerator: Accelerator::AsInstalled,
        wishes: names.iter().map(|name| Wish::named(*name)).collect(),
        constraints: Vec::new(),
        options: Vec::new(),
        waived: BTreeSet::new(),
        kept: &NONE,
        before: None,
    }
}

fn lines(pins: &[Locked]) -> Vec<String> {
    pins.iter().map(|locked| format!("{} < {}", locked.pin, locked.via.join(","))).collect()
}

fn from_index(_: &str) -> Taken {
    Taken::FromIndex
}

#[test]
fn what_is_installed_is_the_lock() {
    let target = target();
    let shelf = shelf(&[("Pandas", "2.0", &["numpy>=1"]), ("numpy", "1.26", &[]), ("other", "1", &[])]);
    let choice = choose(&request(&target, &["pandas", "numpy"]), &shelf, &from_index);
    assert_eq!(
        lines(&choice.pins),
        ["numpy==1.26 < pandas,requirements.txt", "Pandas==2.0 < requirements.txt"]
    );
    assert_eq!((choice.unfit.as_slice(), choice.notes.len()), (&[][..], 0));
    let hashes = choice.hash_question().unwrap();
    assert_eq!(hashes.requirements, ["numpy==1.26", "Pandas==2.0"]);
    assert!(hashes.no_dependencies && hashes.hashes);
}

#[test]
fn what_is_missing_is_asked_for_and_the_rest_preferred() {
    let target = target();
    let shelf = shelf(&[("pandas", "2.0", &["numpy>=1", "tzdata"]), ("numpy", "1.26", &[])]);
    let mut request = request(&target, &["pandas", "wandb"]);
    let before = RequirementsLock {
        pins: [("wandb", "0.16"), ("numpy", "1.0")]
            .map(|(name, version)| Locked {
                pin: Pin::version(name, version),
                hashes: Vec::new(),
                via: Vec::new(),
            })
            .into(),
        ..RequirementsLock::default()
    };
    request.before = Some(&before);
    request.constraints = vec!["urllib3<2".to_owned()];
    let choice = choose(&request, &shelf, &from_index);
    let missing: Vec<_> = choice
        .unfit
        .iter()
        .map(|unfit| match unfit {
            Unfit::Missing { name, required_by } => (name.as_str(), required_by.len()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(missing, [("tzdata", 1), ("wandb", 0)]);
    assert_eq!(choice.question.requirements, ["pandas==2.0", "wandb"]);
    assert_eq!(choice.question.preferences, ["numpy==1.26", "wandb==0.16"]);
    assert_eq!(choice.question.constraints, ["urllib3<2"]);
}

#[test]
fn what_is_waived_is_neither_locked_nor_missed() {
    let target = target();
    let shelf = shelf(&[("a", "1", &["gone", "there"]), ("there", "1", &[])]);
    let mut request = request(&target, &["a", "horovod"]);
    request.waived = ["gone", "there", "horovod"].map(str::to_owned).into();
    let choice = choose(&request, &shelf, &from_index);
    assert_eq!(lines(&choice.pins), ["a==1 < requirements.txt"]);
    assert_eq!(choice.unfit, []);
}

#[test]
fn a_build_comes_from_its_index_and_another_one_for_another_target_is_asked_for() {
    let target = target();
    let shelf = shelf(&[("lightning", "1", &["torch"]), ("torch", "2.1.0+cu118", &[])]);
    let mut request = request(&target, &["lightning"]);
    let choice = choose(&request, &shelf, &from_index);
    assert_eq!(lines(&choice.pins)[1], "torch==2.1.0+cu118 < lightning");
    assert_eq!((choice.unfit.len(), choice.indexes.len()), (0, 1));
    let (url, pin) = choice.indexes.first_key_value().unwrap();
    assert!(url.ends_with("/cu118") && pin == "torch==2.1.0+cu118");
    assert_eq!(choice.question.requirements, ["lightning==1", "torch==2.1.0+cu118"]);
    assert_eq!(choice.hash_question().unwrap().sources.get("torch"), Some(url));
    request.accelerator = Accelerator::Cpu;
    let choice = choose(&request, &shelf, &from_index);
    assert_eq!(lines(&choice.pins)[1], "torch==2.1.0+cpu < lightning");
    assert_eq!(
        choice.unfit,
        [Unfit::OtherBuild { name: "torch".to_owned(), version: "2.1.0+cu118".to_owned() }]
    );
    request.options = choice.indexes.keys().cloned().map(IndexOption::Extra).collect();
    assert!(choose(&request, &shelf, &from_index).indexes.is_empty(), "the user's file names it already");
}

#[test]
fn local_code_is_packed_and_what_it_needs_is_locked() {
    let target = target();
    let shelf = shelf(&[("mylib", "1", &["numpy>=1; python_version > '3'", "gone"]), ("numpy", "1.26", &[])]);
    let taken = |name: &str| if name == "mylib" { Taken::Local } else { Taken::FromIndex };
    let mut request = request(&target, &["mylib"]);
    let choice = choose(&request, &shelf, &taken);
    assert_eq!(lines(&choice.pins), ["numpy==1.26 < mylib"]);
    let via = vec![REQUIREMENTS.to_owned()];
    assert_eq!(choice.local, [LocalNeed { name: "mylib".to_owned(), via }]);
    assert_eq!(choice.question.requirements, ["gone", "numpy>=1"]);
    assert_eq!(choice.question.never, ["mylib"]);
    assert_eq!(choice.question.preferences, ["numpy==1.26"]);
    // Left to the Dockerfile, which knows nothing of what it needs.
    request.waived = ["mylib".to_owned()].into();
    let choice = choose(&request, &shelf, &taken);
    assert_eq!(lines(&choice.pins), ["numpy==1.26 < mylib"]);
    assert_eq!((choice.local.len(), choice.apart[0].0.as_str()), (0, "mylib"));
    assert_eq!(choice.question.requirements, ["gone", "numpy>=1"]);
    assert_eq!(choice.question.never, ["mylib"]);
}

#[test]
fn a_wheel_that_is_there_stands_in_for_what_is_not_installed() {
    let target = target();
    let shelf = shelf(&[("own", "1", &["part"]), ("part", "1", &[]), ("lib", "2", &["gone"])]);
    let kept = |name: &str, is_own| Kept {
        file: format!("{name}-1-py3-none-any.whl"),
        url: format!("file:///e/{name}-1-py3-none-any.whl"),
        hash: "sha256:00".to_owned(),
        is_own,
    };
    let wheels = BTreeMap::from([
        ("own".to_owned(), kept("own", true)),
        ("lib".to_owned(), kept("lib", false)),
        ("gone".to_owned(), kept("gone", false)),
    ]);
    let request = LockRequest { kept: &wheels, ..request(&target, &["own", "lib"]) };
    let choice = choose(&request, &shelf, &from_index);
    // What is installed from an index is no wheel any more, unless its user says so.
    assert_eq!(
        lines(&choice.pins),
        ["lib==2 < requirements.txt", "./own-1-py3-none-any.whl < requirements.txt", "part==1 < own"]
    );
    assert_eq!(choice.pins[1].hashes, ["sha256:00"]);
    let file = "gone-1-py3-none-any.whl".to_owned();
    assert_eq!(choice.unfit, [Unfit::Wheel { name: "gone".to_owned(), file }]);
    assert_eq!(choice.question.requirements, ["lib==2", "own @ file:///e/own-1-py3-none-any.whl"]);
    let overridden = "gone @ file:///e/gone-1-py3-none-any.whl\nown @ file:///e/own-1-py3-none-any.whl\n";
    assert_eq!(choice.question.overrides(), overridden);
    assert_eq!(choice.hash_question().unwrap().requirements, ["lib==2", "part==1"]);
}

#[test]
fn an_address_is_kept_and_has_no_hash() {
    let target = target();
    let shelf = shelf(&[("clip", "1.0", &[]), ("wheel-of", "2", &[]), ("a", "1", &[])]);
    let taken = |name: &str| match name {
        "clip" => Taken::FromAddress("git+https://h/clip@0abc".to_owned()),
        "wheel-of" => Taken::FromAddress("https://h/w.whl#sha256=00".to_owned()),
        _ => Taken::FromIndex,
    };
    let choice = choose(&request(&target, &["clip", "wheel-of", "a"]), &shelf, &taken);
    assert_eq!(lines(&choice.pins)[1], "clip @ git+https://h/clip@0abc < requirements.txt");
    assert_eq!(choice.hash_question().unwrap_err(), "`clip` comes from version control");
    let choice = choose(&request(&target, &["wheel-of", "a"]), &shelf, &taken);
    assert_eq!(choice.hash_question().unwrap().requirements, ["a==1"]);
}

#[test]
fn the_users_own_line_and_the_targets_python_win_over_what_is_installed() {
    let target = target();
    let mut shelf = shelf(&[("numpy", "1.26", &[]), ("scipy", "1.17", &[]), ("b", "1", &["numpy<1"])]);
    shelf.0.get_mut("scipy").unwrap().3 = Some(">=3.12".to_owned());
    let mut request = request(&target, &["scipy", "b"]);
    request.wishes.push(Wish {
        demand: OwnDemand::Versions("==1.25".to_owned()),
        extras: vec!["x".to_owned()],
        ..Wish::named("numpy")
    });
    let choice = choose(&request, &shelf, &from_index);
    assert_eq!(choice.unfit.len(), 2, "{:?}", choice.unfit);
    assert_eq!(choice.question.requirements, ["b==1", "numpy[x]==1.25", "scipy"]);
    assert_eq!(choice.question.preferences, Vec::<String>::new());
    assert_eq!(choice.notes, ["`numpy` 1.26 is installed, and `b` asks for `numpy<1`"]);
}

#[test]
fn what_is_installed_is_held_against_constraints() {
    let target = target();
    let shelf =
        shelf(&[("a", "1", &["numpy", "torch"]), ("numpy", "1.26", &[]), ("torch", "2.1.0+cu118", &[])]);
    let mut request = request(&target, &["a"]);
    request.constraints = ["NumPy==1.25", "numpy>9; sys_platform == 'win32'", "torch==2.1.0", "other==1"]
        .map(str::to_owned)
        .into();
    let choice = choose(&request, &shelf, &from_index);
    assert_eq!(
        choice.unfit,
        [Unfit::Version {
            name: "numpy".to_owned(),
            version: "1.26".to_owned(),
            wanted: "==1.25".to_owned()
        }]
    );
    assert_eq!(choice.question.requirements, ["a==1", "torch==2.1.0+cu118"]);
    assert_eq!(choice.question.preferences, Vec::<String>::new());
}

#[test]
fn origins_as_they_are_written_into_a_requirement() {
    let vcs = Origin::Vcs {
        system: "git".to_owned(),
        url: "https://h/x".to_owned(),
        commit: "0abc".to_owned(),
        requested: Some("main".to_owned()),
        subdirectory: Some("py".to_owned()),
    };
    assert_eq!(taken(&vcs), Taken::FromAddress("git+https://h/x@0abc#subdirectory=py".to_owned()));
    let url = Origin::Url {
        url: "https://h/x.whl#egg=x".to_owned(),
        hash: Some("sha256=00".to_owned()),
        subdirectory: None,
    };
    assert_eq!(taken(&url), Taken::FromAddress("https://h/x.whl#sha256=00".to_owned()));
    assert!(matches!(taken(&Origin::Editable { folder: "/x".into() }), Taken::Local));
    assert_eq!(taken(&Origin::Unknown), Taken::FromIndex);
}
