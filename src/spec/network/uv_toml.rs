//! uv's variables for package indexes as a uv.toml (uv 0.4.27 and later read the machine's own).

use std::fmt::Write as _;

/// Variables that name indexes and hosts; the two of each line mean the same, the newer one first.
pub const VARIABLES: [&str; 5] =
    ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_INSECURE_HOST"];

/// An index can be written `name=https://…`.
pub fn url(word: &str) -> &str {
    if word.starts_with("http:") || word.starts_with("https:") {
        return word;
    }
    word.split_once('=').map_or(word, |(_, url)| url)
}

/// Settings of a uv.toml that a build needs.
const KEYS: [&str; 8] = [
    "index",
    "index-url",
    "extra-index-url",
    "find-links",
    "allow-insecure-host",
    "native-tls",
    "system-certs",
    "keyring-provider",
];

/// Whether a uv.toml says anything about indexes or certificates.
pub fn concerns_the_network(table: &toml::Table) -> bool {
    let pip = table.get("pip").and_then(toml::Value::as_table);
    KEYS.iter().any(|key| table.contains_key(*key) || pip.is_some_and(|pip| pip.contains_key(*key)))
}

/// Everything in it that looks like an address.
pub fn addresses(table: &toml::Table) -> Vec<&str> {
    let mut found = Vec::new();
    let mut open: Vec<&toml::Value> = table.values().collect();
    while let Some(value) = open.pop() {
        match value {
            toml::Value::String(text) if text.contains("://") => found.push(text.as_str()),
            toml::Value::Array(values) => open.extend(values),
            toml::Value::Table(table) => open.extend(table.values()),
            _ => {}
        }
    }
    found
}

pub fn text(variable: &dyn Fn(&str) -> Option<String>) -> String {
    let mut text = String::new();
    let either = |new: &str, old: &str| variable(new).or_else(|| variable(old)).unwrap_or_default();
    let default = either("UV_DEFAULT_INDEX", "UV_INDEX_URL");
    if !default.is_empty() {
        let _ = writeln!(text, "index-url = {}", quoted(url(&default)));
    }
    let mut list = |key: &str, words: &str| {
        let words: Vec<String> = words.split_whitespace().map(|word| quoted(url(word))).collect();
        if !words.is_empty() {
            let _ = writeln!(text, "{key} = [{}]", words.join(", "));
        }
    };
    list("extra-index-url", &either("UV_INDEX", "UV_EXTRA_INDEX_URL"));
    list("allow-insecure-host", &variable("UV_INSECURE_HOST").unwrap_or_default());
    text
}

/// A literal string of TOML where the value allows it, as an address does.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

pub fn shell(variables: &[String]) -> String {
    let mut line = String::from(
        "{ q() { printf '\"%s\"' \"$(case $1 in http:*|https:*) printf %s \"$1\";; *) printf %s \"${1#*=}\";; esac | sed 's/[\\\\\"]/\\\\&/g')\"; }\n\
         l() { k=$1; shift; [ $# = 0 ] || { printf '%s = [' \"$k\"; s=; for w; do printf '%s' \"$s\"; q \"$w\"; s=', '; done; echo ']'; }; }\n",
    );
    let has = |name: &str| variables.iter().any(|one| one == name);
    if let Some(name) = ["UV_DEFAULT_INDEX", "UV_INDEX_URL"].into_iter().find(|name| has(name)) {
        let _ = writeln!(line, "printf 'index-url = '; q \"${name}\"; echo");
    }
    if let Some(name) = ["UV_INDEX", "UV_EXTRA_INDEX_URL"].into_iter().find(|name| has(name)) {
        let _ = writeln!(line, "l extra-index-url ${name}");
    }
    if has("UV_INSECURE_HOST") {
        line.push_str("l allow-insecure-host $UV_INSECURE_HOST\n");
    }
    line.push('}');
    line
}
