//! Which distribution a module comes from, by a list, where nothing installed says it.

use std::sync::OnceLock;

use foldhash::{HashMap, HashSet};

/// See the head of the file for its form.
const LIST: &str = include_str!("import_names.txt");

/// What the list says of a module.
#[derive(Default)]
struct Entry {
    names: Vec<&'static str>,
    repository: Option<&'static str>,
    /// Where it comes from, which no package brings.
    nobody: Option<String>,
}

fn list() -> &'static HashMap<&'static str, Entry> {
    static PARSED: OnceLock<HashMap<&'static str, Entry>> = OnceLock::new();
    PARSED.get_or_init(|| {
        let mut known = HashMap::default();
        for line in LIST.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                None => {}
                Some("=") => {
                    known.extend(
                        words.map(|module| (module, Entry { names: vec![module], ..Entry::default() })),
                    );
                }
                Some(comment) if comment.starts_with('#') => {}
                Some(module) => {
                    known.insert(module, entry(words.collect()));
                }
            }
        }
        known
    })
}

fn entry(words: Vec<&'static str>) -> Entry {
    if let Some((&"!", origin)) = words.split_first() {
        return Entry { nobody: Some(origin.join(" ")), ..Entry::default() };
    }
    let (addresses, names): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word.contains("://"));
    Entry {
        names: names.into_iter().filter(|name| *name != "-").collect(),
        repository: addresses.first().copied(),
        nobody: None,
    }
}

/// The longest line that a module begins with, and what stands for the star of a pattern.
fn found(dotted: &str) -> Option<(&'static Entry, &str)> {
    let list = list();
    let mut front = dotted;
    loop {
        if let Some(found) = list.get(front) {
            return Some((found, ""));
        }
        let above = front.rsplit_once('.').map(|(above, _)| above);
        if let Some(above) = above
            && let Some(pattern) = list.get(format!("{above}.*").as_str())
        {
            let last = &front[above.len() + 1..];
            return Some((
                pattern,
                last.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches("_v"),
            ));
        }
        front = above?;
    }
}

/// The distributions that `import dotted` may mean, the usual one first; empty for a namespace that nobody owns, `None`
/// where nothing is known.
pub fn candidates(dotted: &str) -> Option<Vec<String>> {
    let (entry, part) = found(dotted).filter(|(entry, _)| entry.nobody.is_none())?;
    Some(entry.names.iter().map(|name| written(&name.replace("{1}", part))).collect())
}

/// The repository of the usual candidate, where an index has none, or another project's under its name.
pub fn repository(dotted: &str) -> Option<&'static str> {
    found(dotted)?.0.repository
}

/// Where a module comes from that no package brings.
pub fn nobodys(dotted: &str) -> Option<&'static str> {
    found(dotted)?.0.nobody.as_deref()
}

/// What to ask an index for, so that `import dotted` works: the usual candidate, or else the name itself.
pub fn usual(dotted: &str) -> String {
    let known = candidates(dotted).and_then(|found| found.into_iter().next());
    known.unwrap_or_else(|| written(dotted.split('.').next().unwrap_or(dotted)))
}

/// Whether the list has the distribution, so that it is known which modules it brings. The name is normalised.
pub fn knows(distribution: &str) -> bool {
    static KNOWN: OnceLock<HashSet<String>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        list()
            .values()
            .flat_map(|entry| &entry.names)
            .map(|name| name.replace(['_', '.'], "-").to_lowercase())
            .collect()
    });
    known.contains(distribution)
}

/// As indexes write names that hold neither capitals nor underscores.
fn written(name: &str) -> String {
    name.replace('_', "-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_line_decides() {
        let first = |module| candidates(module).and_then(|all| all.first().cloned());
        // Of two that provide the same, the one that needs no display.
        assert_eq!(first("cv2").as_deref(), Some("opencv-python-headless"));
        assert_eq!(first("sklearn.svm").as_deref(), Some("scikit-learn"));
        assert_eq!(first("numpy.linalg").as_deref(), Some("numpy"));
        assert_eq!(first("torch_geometric").as_deref(), Some("torch-geometric"));
        assert_eq!(first("google.cloud.storage.blob").as_deref(), Some("google-cloud-storage"));
        assert_eq!(first("google.cloud.run_v2").as_deref(), Some("google-cloud-run"));
        assert_eq!(first("google.protobuf.json_format").as_deref(), Some("protobuf"));
        assert_eq!(candidates("google"), Some(Vec::new()));
        assert_eq!(candidates("google.cloud"), Some(Vec::new()));
        assert_eq!(candidates("nobody_knows_this"), None);
        assert_eq!(first("megatron.core.models").as_deref(), Some("megatron-core"));
    }

    #[test]
    fn some_are_on_no_index() {
        assert_eq!(candidates("clip"), Some(vec!["clip".to_owned()]));
        assert_eq!(repository("clip.model"), Some("git+https://github.com/openai/CLIP"));
        assert_eq!(repository("numpy"), None);
        assert_eq!((candidates("rospy"), nobodys("rospy"), nobodys("numpy")), (None, Some("ROS"), None));
    }

    #[test]
    fn distributions_whose_modules_are_known() {
        for name in ["numpy", "scikit-learn", "opencv-python", "dask-ml", "opencv-python-headless"] {
            assert!(knows(name), "{name}");
        }
        assert!(!knows("acme-core") && !knows("sklearn.svm"));
    }

    #[test]
    fn every_line_is_one_of_the_forms() {
        let mut seen = std::collections::HashSet::new();
        for line in LIST.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert!(words.len() > 1, "{line}");
            let modules = if words[0] == "=" { &words[1..] } else { &words[..1] };
            if let Some(address) = words.iter().find(|word| word.contains("://")) {
                assert!(address.starts_with("git+https://") && words.len() == 3, "{line}");
            }
            for module in modules {
                assert!(
                    module.split('.').all(|part| part == "*" || super::super::imports::is_identifier(part)),
                    "{line}"
                );
                assert!(seen.insert(*module), "{module} is there twice");
            }
        }
        assert!(seen.len() > 600, "{}", seen.len());
    }
}
