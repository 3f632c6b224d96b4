//! A pip configuration reduced to what concerns the network, in the form that pip 20 to 26 read.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::spec::plan::shell::word;

/// The settings that a build gets. Others (`target`, `user`, `require-virtualenv`) say how this
/// machine installs, and would break a build.
const KEYS: [&str; 8] = [
    "index-url",
    "extra-index-url",
    "trusted-host",
    "find-links",
    "proxy",
    "timeout",
    "default-timeout",
    "retries",
];
/// The sections that pip reads when it installs.
const SECTIONS: [&str; 4] = ["global", "install", "download", "wheel"];

/// The variable's name for each setting: `PIP_INDEX_URL`.
pub fn variables() -> impl Iterator<Item = String> {
    KEYS.iter().map(|key| format!("PIP_{}", key.replace('-', "_").to_uppercase()))
}

/// Sections and their settings in the order in which they were first met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PipConf {
    entries: Vec<(String, Vec<(String, String)>)>,
}

impl PipConf {
    pub fn read(text: &str) -> Self {
        let mut conf = Self::default();
        conf.add(text);
        conf
    }

    /// The settings of another file over those that are there.
    pub fn add(&mut self, text: &str) {
        for (section, key, value) in settings(text) {
            if KEYS.contains(&key.as_str()) && SECTIONS.contains(&section.as_str()) {
                self.put(&section, &key, value);
            }
        }
    }

    fn put(&mut self, section: &str, key: &str, value: String) {
        let at = self.entries.iter().position(|(name, _)| name == section).unwrap_or_else(|| {
            self.entries.push((section.to_owned(), Vec::new()));
            self.entries.len() - 1
        });
        let keys = &mut self.entries[at].1;
        match keys.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => keys.push((key.to_owned(), value)),
        }
    }

    /// A variable of pip beats the files, whatever their section.
    pub fn set(&mut self, variable: &str, value: &str) {
        let key = variable.trim_start_matches("PIP_").replace('_', "-").to_ascii_lowercase();
        for (_, keys) in &mut self.entries {
            for (name, old) in keys {
                if *name == key {
                    old.clear();
                }
            }
        }
        self.put("global", &key, value.to_owned());
    }

    /// The words of every value of a setting.
    pub fn values(&self, key: &str) -> Vec<&str> {
        let entries = self.entries.iter().flat_map(|(_, keys)| keys).filter(|(name, _)| name == key);
        entries.flat_map(|(_, value)| value.split_whitespace()).collect()
    }

    /// Nothing that a build could use.
    pub fn is_empty(&self) -> bool {
        self.to_text().is_empty()
    }

    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (section, keys) in &self.entries {
            let mut lines = String::new();
            for (key, value) in keys {
                let kept: Vec<&str> = value.split_whitespace().filter(|word| is_of_use(key, word)).collect();
                if !kept.is_empty() {
                    let _ = writeln!(lines, "{key} = {}", kept.join("\n    "));
                }
            }
            if !lines.is_empty() {
                let _ = write!(text, "[{section}]\n{lines}");
            }
        }
        text
    }
}

/// The last value of a setting of a file, whatever it is about.
pub fn setting(text: &str, key: &str) -> Option<String> {
    let of_use = settings(text).into_iter().filter(|(section, _, _)| SECTIONS.contains(&section.as_str()));
    of_use
        .filter(|(_, name, value)| name == key && !value.trim().is_empty())
        .map(|(_, _, value)| value.trim().to_owned())
        .next_back()
}

/// Every setting of a file: section, key, value.
fn settings(text: &str) -> Vec<(String, String, String)> {
    let mut found: Vec<(String, String, String)> = Vec::new();
    let mut section = String::new();
    let mut open = false;
    for line in text.lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            // A value goes on in indented lines.
            if let Some((_, _, value)) = found.last_mut().filter(|_| open) {
                value.push(' ');
                value.push_str(bare);
            }
        } else if let Some(rest) = line.strip_prefix('[') {
            rest.split(']').next().unwrap_or_default().clone_into(&mut section);
            open = false;
        } else {
            let (key, value) = line.split_once(['=', ':']).unwrap_or((line, ""));
            let key = key.trim_end().to_ascii_lowercase().replace('_', "-");
            found.push((section.clone(), key, value.to_owned()));
            open = true;
        }
    }
    found
}

/// A folder of wheels on this machine is not there in a build.
fn is_of_use(key: &str, word: &str) -> bool {
    key != "find-links" || word.starts_with("http:") || word.starts_with("https:")
}

/// The same program for awk, in POSIX's language; seen with mawk 1.3.4.
const AWK: &str = r#"
function put(s, k, v) { if (!(s in n)) section[++sections] = s; if (!((s, k) in value)) key[s, ++n[s]] = k; value[s, k] = v }
BEGIN { keys = " KEYS "; allowed = " SECTIONS " }
FNR == 1 { s = ""; k = "" }
{ sub(/\r$/, "") }
/^[ \t]*([#;].*)?$/ { next }
/^[ \t]/ { if (k != "") value[s, k] = value[s, k] " " $0; next }
/^\[/ { s = substr($0, 2); sub(/\].*/, "", s); k = ""; next }
{ k = $0; sub(/[ \t]*[=:].*/, "", k); k = tolower(k); gsub(/_/, "-", k); v = $0; if (!sub(/^[^=:]*[=:]/, "", v)) v = ""
  if (index(keys, " " k " ") && index(allowed, " " s " ")) put(s, k, v); else k = "" }
END { m = split(variables, names, " ")
  for (i = 1; i <= m; i++) { k = tolower(substr(names[i], 5)); gsub(/_/, "-", k)
    for (j = 1; j <= sections; j++) if ((section[j], k) in value) value[section[j], k] = ""
    put("global", k, ENVIRON[names[i]]) }
  for (j = 1; j <= sections; j++) { s = section[j]; text = ""
    for (i = 1; i <= n[s]; i++) { k = key[s, i]; m = split(value[s, k], words, " "); line = ""
      for (w = 1; w <= m; w++) if (k != "find-links" || words[w] ~ /^https?:/) line = line (line == "" ? "" : "\n    ") words[w]
      if (line != "") text = text k " = " line "\n" }
    if (text != "") printf "[%s]\n%s", s, text } }
"#;

pub fn shell(files: &[PathBuf], variables: &[String]) -> String {
    let program = AWK.trim().replace("KEYS", &KEYS.join(" ")).replace("SECTIONS", &SECTIONS.join(" "));
    // The program has no single quote in it.
    let mut line = format!("awk -v variables={} '{program}'", word(&variables.join(" ")));
    for file in files {
        let _ = write!(line, " {}", word(&file.to_string_lossy()));
    }
    if files.is_empty() {
        line.push_str(" /dev/null");
    }
    line
}
