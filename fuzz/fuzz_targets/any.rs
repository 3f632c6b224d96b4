//! One target for each parser of `parsers.rs`: the binary's name says which.

#![no_main]

#[path = "../parsers.rs"]
mod parsers;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let name = env!("CARGO_BIN_NAME");
    match parsers::PARSERS.iter().find(|parser| parser.name == name) {
        Some(parser) => (parser.run)(data),
        None => panic!("parsers.rs has no `{name}`"),
    }
});
