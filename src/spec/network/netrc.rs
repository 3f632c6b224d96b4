//! The entries of a netrc file for some hosts; the rest of it is nobody's business in a build.

use crate::spec::plan::shell::word;

pub fn of_hosts(text: &str, hosts: &[String]) -> String {
    let mut out = String::new();
    let mut wanted = false;
    let mut name_next = false;
    for token in tokens(text) {
        if name_next {
            name_next = false;
            wanted = hosts.iter().any(|host| host == token);
            if wanted {
                if !out.is_empty() {
                    out.push('\n');
                }
                out.push_str("machine ");
                out.push_str(token);
            }
        } else if token == "machine" {
            name_next = true;
        } else if token == "default" || token == "macdef" {
            wanted = false;
        } else if wanted {
            out.push(' ');
            out.push_str(token);
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// The hosts that have an entry.
pub fn hosts(text: &str) -> Vec<String> {
    let tokens: Vec<&str> = tokens(text).collect();
    tokens.windows(2).filter(|pair| pair[0] == "machine").map(|pair| pair[1].to_owned()).collect()
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(str::split_whitespace)
}

const AWK: &str = r#"/^[ \t]*#/ { next }
{ for (i = 1; i <= NF; i++) {
    if (name) { name = 0; wanted = index(hosts, " " $i " "); if (wanted) { printf "%smachine %s", sep, $i; sep = "\n" } }
    else if ($i == "machine") name = 1
    else if ($i == "default" || $i == "macdef") wanted = 0
    else if (wanted) printf " %s", $i } }
END { if (sep != "") print "" }"#;

pub fn shell(file: &str, hosts: &[String]) -> String {
    format!("awk -v hosts={} '{AWK}' {file}", word(&format!(" {} ", hosts.join(" "))))
}
