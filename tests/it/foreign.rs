//! Text from elsewhere: every parser is given what is almost right, and must come to an end with what it could read. The
//! inputs are the same in every run; `fuzz/` goes on from here with inputs that are found.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::support::here;

#[path = "../../fuzz/parsers.rs"]
mod parsers;

use parsers::{PARSERS, Parser, Sample};

/// Inputs for each parser; `fuzz/` has more patience.
const ROUNDS: u64 = 250;
/// A long file is cut to this, so that what is changed is a part that matters.
const WINDOW: usize = 3000;

/// Text that has a meaning to one of the forms.
const SPOILERS: [&str; 44] = [
    "", " ", "\t", "\n", "\r\n", "\0", "\u{feff}", "é", "\u{2028}", "[", "]", "{", "}", "(", ")", "\"", "'",
    "`", "\\", "\\\n", "#", "=", "==", ">=", ":", ": ", "- ", ",", ";", "|", "&", "*", "&a ", "*a", "!", "%",
    "@", "$", "${", "$(", "<<", "<<EOF\n", "---\n", "1e999",
];

/// splitmix64: the same numbers on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % (limit.max(1) as u64)).unwrap()
    }
}

fn sample(parser: &Parser) -> Vec<u8> {
    match parser.sample {
        Sample::File(file) => fs::read(here().join("tests").join(file)).unwrap(),
        Sample::Text(text) => text.as_bytes().to_vec(),
    }
}

/// One to four changes of a part of the sample.
fn mutated(sample: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut input = sample.to_vec();
    if input.len() > WINDOW {
        // From the beginning half of the time: that is where a file says what it is.
        let start = if numbers.below(2) == 0 { 0 } else { numbers.below(input.len() - WINDOW) };
        input = input[start..start + WINDOW].to_vec();
    }
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(input.len() + 1);
        let end = (at + numbers.below(40)).min(input.len());
        match numbers.below(8) {
            0 => drop(input.drain(at..end)),
            1 => {
                let part = input[at..end].to_vec();
                let to = numbers.below(input.len() + 1);
                input.splice(to..to, part);
            }
            2 => input.truncate(at),
            3 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
            4 => {
                let byte = u8::try_from(numbers.below(256)).unwrap();
                input.splice(at..at, [byte]);
            }
            5 => {
                let many = SPOILERS[numbers.below(SPOILERS.len())].repeat(1 + numbers.below(200));
                input.splice(at..at, many.into_bytes());
            }
            _ => {
                let spoiler = SPOILERS[numbers.below(SPOILERS.len())];
                input.splice(at..end, spoiler.bytes());
            }
        }
    }
    input
}

#[test]
fn what_is_almost_right_is_read_or_told() {
    for (number, parser) in (1..).zip(PARSERS) {
        let sample = sample(parser);
        let mut numbers = Numbers(number);
        let mut different = BTreeSet::new();
        for round in 0..ROUNDS {
            let input = if round == 0 { sample.clone() } else { mutated(&sample, &mut numbers) };
            let run = catch_unwind(AssertUnwindSafe(|| (parser.run)(&input)));
            assert!(run.is_ok(), "{}, round {round}: {:?}", parser.name, String::from_utf8_lossy(&input));
            different.insert(input);
        }
        // Otherwise the changes would test less than they seem to.
        assert!(different.len() as u64 > ROUNDS / 2, "{}: {}", parser.name, different.len());
    }
}

/// Parsers that go down with ruff's, whose own stack has no bound (0.0.10); `setup_py` counts brackets before it asks it.
const AS_DEEP_AS_RUFF: [&str; 2] = ["scan", "editable_finder"];

/// What is nested or repeated without an end, in every notation.
#[test]
fn what_goes_on_for_ever_comes_to_an_end() {
    let deep = [
        "[", "{", "(", "- ", "a: ", "\"", "a.", "[[", "{\"a\":", "[a.", "x = [", "not ", "-", "$(", "${x:-",
        "lambda: ", "if x:\n ", "a[", "*&", "f'{",
    ];
    for parser in PARSERS.iter().filter(|parser| !AS_DEEP_AS_RUFF.contains(&parser.name)) {
        let own = match parser.name {
            "dockerfile" => "FROM x\nRUN pip install ",
            "requirement" | "requirements_txt" => "a ; ",
            "environment_yml" => "dependencies:\n- ",
            "pyproject" | "pyproject_uv" => "[project]\ndependencies = ",
            "setup_py" => "setup(install_requires=",
            "notebook" => "{\"cells\": ",
            "pixi_lock" | "conda_lock" => "version: 1\npackage:\n- ",
            _ => "a = ",
        };
        for text in deep {
            for front in ["", own] {
                let input = format!("{front}{}", text.repeat(3000));
                let run = catch_unwind(AssertUnwindSafe(|| (parser.run)(input.as_bytes())));
                assert!(run.is_ok(), "{}: {front}{text}…", parser.name);
            }
        }
    }
}

/// The crate beside this one is not compiled here: its list of targets must not be forgotten.
#[test]
fn every_parser_has_a_fuzz_target() {
    let manifest: toml::Table = fs::read_to_string(here().join("fuzz/Cargo.toml")).unwrap().parse().unwrap();
    let targets: BTreeSet<&str> =
        manifest["bin"].as_array().unwrap().iter().map(|target| target["name"].as_str().unwrap()).collect();
    assert_eq!(targets, PARSERS.iter().map(|parser| parser.name).collect());
}
