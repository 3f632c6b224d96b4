//! `scaf env lock` with package indexes that do what none should: each in a container of its own, so that what fails is
//! a connection to another machine and no call on this one.

use std::fs;

use crate::bad_index::BadIndex;
use crate::env_lock::{Ground, said};
use crate::support::need;

const WHEELS: &[(&str, &str, &[&str])] = &[("alpha", "1.0", &["part"]), ("part", "2.0", &[])];

/// What is said of an index that behaves so: nothing is written, the index is named, and no password.
#[track_caller]
fn refused(behaviour: &str, telling: &str) -> (String, String) {
    let index = BadIndex::in_container(behaviour, WHEELS);
    let ground = Ground::new("import alpha\n");
    let outcome = ground.with(&index, &[]).status(1);
    let talk = said(&outcome).replace(index.url.trim_end_matches("/simple/"), "[INDEX]");
    let errors: Vec<&str> = talk.lines().filter(|line| line.starts_with("error:")).collect();
    assert!(errors.len() == 1 && errors[0].contains(telling), "{telling}: {talk}");
    assert!(talk.lines().any(|line| line.starts_with("hint: ")), "{talk}");
    assert!(!talk.contains("geheim") && !talk.contains("Traceback"), "{talk}");
    for file in ["requirements.txt", "requirements.lock"] {
        assert!(!ground.test.path("src/exp/environment").join(file).exists(), "{file}");
    }
    (talk, index.requests())
}

/// The index is asked as often as `UV_HTTP_RETRIES` allows: here twice.
#[test]
fn one_that_does_not_answer_is_asked_again_within_bounds_and_named() {
    if !need("uv") || !need("docker") {
        return;
    }
    for (behaviour, telling) in [
        ("503", "the package index `[INDEX]/simple` does not answer: 503 Service Unavailable, tried 2 times"),
        ("hang", "the package index `[INDEX]/simple` does not answer: operation timed out, tried 2 times"),
        (
            "cut",
            "the package index `[INDEX]/simple` does not answer: end of file before message length reached, tried 2 times",
        ),
    ] {
        let (_, requests) = refused(behaviour, telling);
        assert_eq!(requests.matches("GET /simple/alpha/").count(), 2, "{behaviour}: {requests}");
    }
}

#[test]
fn one_that_leads_in_circles_or_is_a_page_of_a_login_is_told_apart_from_one_that_lacks_a_package() {
    if !need("uv") || !need("docker") {
        return;
    }
    refused("circle", "redirects in circles");
    let (talk, _) = refused("portal", "`[INDEX]/simple` has not a single file of `alpha`");
    assert!(talk.contains("a proxy or the page of a login may have answered"), "{talk}");
}

#[test]
fn one_that_wants_a_password_says_so_and_takes_the_right_one() {
    if !need("uv") || !need("docker") {
        return;
    }
    let index = BadIndex::in_container("password", WHEELS);
    let ground = Ground::new("import alpha\n");
    for login in ["", "me:wrong-one@", "geheim@"] {
        let url = index.url.replace("http://", &format!("http://{login}"));
        let outcome = ground.with(&index, &[]).env("PIP_INDEX_URL", url).status(1);
        let talk = said(&outcome);
        let line = format!(
            "error: the package index `{}` does not let us in: 401 Unauthorized",
            index.url.trim_end_matches('/')
        );
        assert!(talk.lines().any(|own| own == line), "{login}: {talk}");
        assert!(!talk.contains("wrong-one") && !talk.contains("geheim"), "{talk}");
    }
    ground.with(&index, &[]).ok();
    assert_eq!(ground.pins(), ["alpha==1.0", "part==2.0"]);
    let text = ground.locked() + &ground.requirements();
    assert!(!text.contains("geheim") && !text.contains("127.0.0.1"), "{text}");
}

/// A connection that ends early once, and one that is slow, are no reason to give up.
#[test]
fn one_that_is_merely_bad_is_used() {
    if !need("uv") || !need("docker") {
        return;
    }
    let mut locks = Vec::new();
    for behaviour in ["good", "slow", "cut:1", "503:1"] {
        let index = BadIndex::in_container(behaviour, WHEELS);
        let ground = Ground::new("import alpha\n");
        ground.with(&index, &["--require-hashes"]).ok();
        assert_eq!(ground.pins(), ["alpha==1.0", "part==2.0"], "{behaviour}");
        locks.push(ground.locked());
    }
    assert!(locks.iter().all(|lock| *lock == locks[0]), "{locks:#?}");
}

/// The index's word is taken for a lock. Whoever installs it finds the lie, and nothing of the file gets in.
#[test]
fn one_that_lies_about_hashes_is_found_out_where_its_files_are_fetched() {
    if !need("uv") || !need("docker") {
        return;
    }
    let index = BadIndex::in_container("liar", WHEELS);
    let ground = Ground::new("import alpha\n");
    ground.with(&index, &[]).ok();
    let into = ground.test.root().join("into");
    let output = std::process::Command::new("uv")
        .args(["pip", "install", "--no-deps", "--require-hashes", "--python-version", "3.11", "--target"])
        .arg(&into)
        .arg("-r")
        .arg(ground.test.path("src/exp/environment/requirements.lock"))
        .env("PATH", crate::bad_index::path_with_uv())
        .env("UV_CACHE_DIR", ground.test.root().join("other-cache"))
        .env("UV_DEFAULT_INDEX", &index.url)
        .output()
        .unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && talk.to_lowercase().contains("hash mismatch"), "{talk}");
    assert!(!into.join("alpha").exists());
}

/// The same answer from what uv keeps, and one clear line where it does not have it all.
#[test]
fn without_the_index_the_cache_answers_alike_or_says_what_it_lacks() {
    if !need("uv") {
        return;
    }
    let index = BadIndex::with("good", WHEELS);
    let ground = Ground::new("import alpha\n");
    let cold = ground.with(&index, &["--offline"]).status(1);
    let errors: Vec<String> =
        said(&cold).lines().filter(|line| line.starts_with("error:")).map(str::to_owned).collect();
    assert_eq!(
        errors,
        ["error: `alpha` is not in uv's cache, and the package index was not to be asked"],
        "{}",
        said(&cold)
    );
    assert!(said(&cold).contains("hint: without `--offline` it is fetched"), "{}", said(&cold));
    ground.with(&index, &[]).ok();
    let files = ["requirements.txt", "requirements.lock"];
    let folder = ground.test.path("src/exp/environment");
    let read = || files.map(|file| fs::read(folder.join(file)).unwrap());
    let first = read();
    for file in files {
        fs::remove_file(folder.join(file)).unwrap();
    }
    let requests = index.down();
    ground.with(&requests, &["--offline", "--require-hashes"]).ok();
    assert!(read() == first, "the cache's answer is another one");
    ground.with(&requests, &["--offline"]).ok();
    assert!(read() == first);
}

#[test]
fn a_real_index_gives_the_same_lock_twice_byte_for_byte() {
    if !need("uv") || !need("index") {
        return;
    }
    let mut locks = Vec::new();
    for cache in ["one", "two"] {
        let ground = Ground::new("import jinja2\nimport yaml\n");
        ground
            .lock(&["--require-hashes", "--python-version", "3.11.7", "--platform", "linux-aarch64"])
            .env("PATH", crate::bad_index::path_with_uv())
            .env("UV_CACHE_DIR", ground.test.root().join(cache))
            .ok();
        assert!(ground.pins().iter().any(|pin| pin.starts_with("markupsafe==")), "{:?}", ground.pins());
        locks.push((ground.locked(), ground.requirements()));
    }
    assert_eq!(locks[0], locks[1]);
}
