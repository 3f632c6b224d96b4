//! The least that has to be read to say which installed distributions a script's imports need, with the whole closure
//! of their requirements: the script, all `METADATA` headers, `top_level.txt`, and `RECORD` only where there is none.
//! Nothing but the standard library, one thread. `benches/environment.py` compiles it with `rustc -O` and holds
//! `scaf env detect` against it.
//!
//! usage: floor SITE_PACKAGES SCRIPT

use std::collections::{HashMap, HashSet};
use std::{env, fs, path::Path};

struct Distribution {
    name: String,
    version: String,
    requires: Vec<Requirement>,
    tops: Vec<String>,
}

struct Requirement {
    name: String,
    /// Extras of it that are asked for.
    extras: Vec<String>,
    /// The extra that it is needed for; other markers are not looked at.
    only_for: Option<String>,
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let (site, script) = (Path::new(&arguments[1]), &arguments[2]);
    let distributions = read(site);
    let by_name: HashMap<&str, usize> =
        distributions.iter().enumerate().map(|(index, one)| (one.name.as_str(), index)).collect();
    let mut by_top: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, one) in distributions.iter().enumerate() {
        for top in &one.tops {
            by_top.entry(top).or_default().push(index);
        }
    }
    let imports = imports(&fs::read_to_string(script).expect("the script"));
    let roots = imports.iter().filter_map(|top| by_top.get(top.as_str())).flatten();
    let mut waiting: Vec<(usize, Option<&str>)> = roots.map(|index| (*index, None)).collect();
    let mut seen = HashSet::new();
    let mut closure = HashSet::new();
    while let Some((index, extra)) = waiting.pop() {
        if !seen.insert((index, extra)) {
            continue;
        }
        closure.insert(index);
        for requirement in distributions[index].requires.iter().filter(|one| one.only_for.as_deref() == extra) {
            let Some(needed) = by_name.get(requirement.name.as_str()) else { continue };
            waiting.push((*needed, None));
            waiting.extend(requirement.extras.iter().map(|extra| (*needed, Some(extra.as_str()))));
        }
    }
    let mut pins: Vec<String> = closure
        .into_iter()
        .map(|index| format!("{}=={}", distributions[index].name, distributions[index].version))
        .collect();
    pins.sort();
    println!("{}", pins.join("\n"));
}

fn read(site: &Path) -> Vec<Distribution> {
    let mut distributions = Vec::new();
    for entry in fs::read_dir(site).expect("the folder").flatten() {
        if !entry.file_name().as_encoded_bytes().ends_with(b".dist-info") {
            continue;
        }
        let folder = entry.path();
        let Ok(metadata) = fs::read(folder.join("METADATA")) else { continue };
        let metadata = String::from_utf8_lossy(&metadata);
        let (mut name, mut version, mut requires) = (String::new(), String::new(), Vec::new());
        for line in metadata.lines() {
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("Name: ") {
                name = normalised(value);
            } else if let Some(value) = line.strip_prefix("Version: ") {
                version = value.to_owned();
            } else if let Some(value) = line.strip_prefix("Requires-Dist: ") {
                requires.push(requirement(value));
            }
        }
        let tops = match fs::read_to_string(folder.join("top_level.txt")) {
            Ok(text) => text.lines().map(str::to_owned).collect(),
            Err(_) => fs::read(folder.join("RECORD")).map_or_else(|_| Vec::new(), |record| tops(&record)),
        };
        distributions.push(Distribution { name, version, requires, tops });
    }
    distributions
}

/// `name[extra,…]>=1; extra == "only_for"`.
fn requirement(value: &str) -> Requirement {
    let (what, marker) = value.split_once(';').unwrap_or((value, ""));
    let inside = what.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(inside, _)| inside);
    let extras = inside.split(',').map(str::trim).filter(|extra| !extra.is_empty()).map(str::to_owned).collect();
    let behind = marker.split_once("extra ==").map(|(_, behind)| behind.trim());
    let only_for = behind.and_then(|behind| behind.split(['"', '\'']).nth(1)).map(str::to_owned);
    Requirement { name: normalised(what), extras, only_for }
}

/// The first parts of the paths.
fn tops(record: &[u8]) -> Vec<String> {
    let mut tops: Vec<String> = Vec::new();
    for line in String::from_utf8_lossy(record).lines() {
        let path = line.split(',').next().unwrap_or(line);
        let top = match path.split_once('/') {
            Some((folder, _)) => folder,
            None => path.split('.').next().unwrap_or(path),
        };
        if tops.last().is_none_or(|last| last != top) && !tops.iter().any(|have| have == top) {
            tops.push(top.to_owned());
        }
    }
    tops
}

/// The first name of a requirement, as indexes compare names.
fn normalised(text: &str) -> String {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.')).unwrap_or(text.len());
    text[..end].to_ascii_lowercase().replace(['_', '.'], "-")
}

/// The modules that lines beginning with `import` and `from` name.
fn imports(script: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in script.lines().map(str::trim_start) {
        if let Some(names) = line.strip_prefix("import ") {
            let first = |name: &str| name.trim().split(['.', ' ', '#']).next().map(str::to_owned);
            found.extend(names.split(',').filter_map(first));
        } else if let Some(rest) = line.strip_prefix("from ") {
            found.extend(rest.split(['.', ' ']).next().map(str::to_owned));
        }
    }
    found
}
