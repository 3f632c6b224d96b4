//! Help, man pages and completions: of every command, from the one grammar.

use crate::support::Test;

/// Every command of product.md §3 that is there.
const COMMANDS: [&str; 24] = [
    "init",
    "new-exp",
    "list",
    "show",
    "dependency",
    "build-exp",
    "local",
    "jupyter",
    "terminal",
    "test",
    "format",
    "job",
    "jobs",
    "runs",
    "ps",
    "stop",
    "gc",
    "check",
    "doctor",
    "config",
    "eject",
    "completions",
    "man",
    "help",
];

#[test]
fn every_command_is_in_the_list() {
    let test = Test::empty();
    let help = test.scaf(["help"]).ok().stdout;
    for command in COMMANDS {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(&format!("{command} "))),
            "`{command}` is not in:\n{help}"
        );
    }
}

#[test]
fn help_of_a_command_in_every_spelling() {
    let test = Test::empty();
    for command in COMMANDS {
        let one = test.scaf(["help", command]).ok().stdout;
        assert_eq!(one, test.scaf(["help", &format!("cmd={command}")]).ok().stdout);
        assert!(test.scaf([command, "--help"]).ok().stdout.contains("Usage: scaf"), "{command}");
        assert!(one.contains("Usage: scaf"), "{one}");
        for flag in ["--dry-run", "--json", "--quiet", "--verbose", "-C", "--engine"] {
            assert!(one.contains(flag), "`scaf help {command}` does not say {flag}");
        }
    }
}

#[test]
fn help_of_local_says_what_it_does_with_defaults_and_examples() {
    let help = Test::empty().scaf(["help", "cmd=local"]).ok().stdout;
    for part in ["Run a script", "local.py", "--script", "--gpus", "Examples:", "run-xargs=", "--shm-size"] {
        assert!(help.contains(part), "no {part} in:\n{help}");
    }
}

#[test]
fn an_unknown_command_has_its_near_miss() {
    let outcome = Test::empty().scaf(["help", "cmd=lcoal"]).status(2);
    assert!(outcome.stderr.contains("hint: did you mean `local`?"), "{}", outcome.stderr);
}

#[test]
fn man_pages_and_completions() {
    let test = Test::empty();
    assert!(test.scaf(["man"]).ok().stdout.starts_with(".ie"), "no roff");
    assert!(test.scaf(["man", "local"]).ok().stdout.contains("scaf\\-local"));
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = test.scaf(["completions", shell]).ok().stdout;
        assert!(script.contains("new-exp") && script.contains("build-exp"), "{shell}");
    }
    let own = test.scaf(["completions"]).env("SHELL", "/usr/bin/fish").ok().stdout;
    assert_eq!(own, test.scaf(["completions", "fish"]).ok().stdout);
    let refused = test.scaf(["completions"]).env("SHELL", "/opt/own").status(2).stderr;
    assert!(refused.contains("scaf completions bash"), "{refused}");
    // The hidden command is nowhere to be seen.
    let bare = test.scaf(["--dry-run"]).status(2).stderr;
    assert!(bare.contains("which command?") && !bare.contains("run-plan"), "{bare}");
}
