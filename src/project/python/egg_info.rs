//! What is peculiar to an egg-info: requirements in sections, lists of files, the name of its folder.

use super::module_file;

/// `requires.txt` as requirements by PEP 508. A section `[extra:marker]` holds for that extra and where the
/// marker does.
pub fn requires(text: &str) -> Vec<String> {
    let mut section = String::new();
    let mut requires = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(inside) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = marker(inside);
            continue;
        }
        requires.push(match (section.is_empty(), line.split_once(';')) {
            (true, _) => line.to_owned(),
            (false, None) => format!("{line}; {section}"),
            (false, Some((what, own))) => format!("{}; ({}) and {section}", what.trim(), own.trim()),
        });
    }
    requires
}

/// A `PKG-INFO` as `METADATA`: with the requirements and extras that an egg-info keeps in a file of its own, where it does
/// not have them itself.
pub fn as_metadata(text: &str, requires: &[String], extras: &[String]) -> String {
    let text = text.replace("\r\n", "\n");
    let (head, body) = match text.split_once("\n\n") {
        Some((head, body)) => (head, format!("\n{body}")),
        None => (text.trim_end(), String::new()),
    };
    let mut head = head.to_owned();
    let has = |head: &str, name: &str| head.lines().any(|line| line.to_ascii_lowercase().starts_with(name));
    if !has(&head, "requires-dist:") {
        for line in requires {
            head.push_str(&format!("\nRequires-Dist: {line}"));
        }
    }
    if !has(&head, "provides-extra:") {
        for extra in extras {
            head.push_str(&format!("\nProvides-Extra: {extra}"));
        }
    }
    format!("{head}\n{body}")
}

/// The extras that sections of `requires.txt` are for.
pub fn extras(text: &str) -> Vec<String> {
    let mut extras: Vec<String> = Vec::new();
    for line in text.lines() {
        let Some(inside) = line.trim().strip_prefix('[').and_then(|line| line.strip_suffix(']')) else {
            continue;
        };
        let extra = inside.split(':').next().unwrap_or_default().trim();
        if !extra.is_empty() && !extras.iter().any(|have| have == extra) {
            extras.push(extra.to_owned());
        }
    }
    extras
}

fn marker(section: &str) -> String {
    let (extra, condition) = section.split_once(':').unwrap_or((section, ""));
    let (extra, condition) = (extra.trim(), condition.trim());
    match (extra.is_empty(), condition.is_empty()) {
        (true, _) => condition.to_owned(),
        (false, true) => format!("extra == \"{extra}\""),
        (false, false) => format!("({condition}) and extra == \"{extra}\""),
    }
}

/// The names in `top_level.txt`. A namespace may be written with slashes or dots.
pub fn top_level(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in text.lines() {
        let name = line.trim().split(['/', '.']).next().unwrap_or_default();
        if module_file::is_identifier(name) && !names.iter().any(|have| have == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// What a `SOURCES.txt` holds that can be imported: its paths are relative to the source tree, whose code may
/// lie in `src/`.
pub fn source_tops(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim) {
        let path = line.strip_prefix("src/").unwrap_or(line);
        let name = match path.split_once('/') {
            Some((folder, rest)) if rest.ends_with("__init__.py") && module_file::is_identifier(folder) => {
                folder
            }
            Some(_) => continue,
            None => match module_file::module(path) {
                Some("setup") | None => continue,
                Some(module) => module,
            },
        };
        if !names.iter().any(|have| have == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// The files in `installed-files.txt`, relative to the folder that holds the egg-info: the file itself has them
/// relative to the egg-info. Folders end in `/` and are left out.
pub fn installed_files(text: &str, folder: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.ends_with('/') && *line != ".")
        .map(|line| match line.strip_prefix("../") {
            Some(beside) => beside.to_owned(),
            None => format!("{folder}/{line}"),
        })
        .collect()
}

/// The folder that an `.egg-link` leads to.
pub fn link(text: &str) -> Option<&str> {
    text.lines().next().map(str::trim).filter(|line| !line.is_empty())
}

/// Name and version in the name of a `.dist-info`, `.egg-info` or `.egg` (given without that ending). The version
/// is empty where there is none.
pub fn name_and_version(stem: &str) -> (&str, &str) {
    // `-py3.11`, `-py3.11-linux-x86_64`.
    let stem = match stem.find("-py") {
        Some(at) if stem[at + 3..].starts_with(|c: char| c.is_ascii_digit()) => &stem[..at],
        _ => stem,
    };
    // Both are written with `_` for `-`; where an old tool did not, the version begins with a digit.
    let behind_first = stem.split_once('-');
    if let Some((name, version)) = behind_first
        && version.starts_with(|c: char| c.is_ascii_digit())
        && !version.contains('-')
    {
        return (name, version);
    }
    match stem.rsplit_once('-') {
        Some((name, version)) if version.starts_with(|c: char| c.is_ascii_digit() || c == 'v') => {
            (name, version)
        }
        _ => behind_first.unwrap_or((stem, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pkg_info_becomes_metadata_with_what_is_written_beside_it() {
        let requires = ["a".to_owned(), "b; extra == \"x\"".to_owned()];
        let extras = ["x".to_owned()];
        let wanted =
            "Name: p\nVersion: 1\nRequires-Dist: a\nRequires-Dist: b; extra == \"x\"\nProvides-Extra: x\n";
        assert_eq!(as_metadata("Name: p\nVersion: 1\n", &requires, &extras), wanted);
        assert_eq!(
            as_metadata("Name: p\r\nVersion: 1\r\n\r\nWords\n\nmore\n", &requires, &extras),
            format!("{wanted}\nWords\n\nmore\n")
        );
        let whole = "Name: p\nRequires-Dist: own\nProvides-Extra: y\n\nWords\n";
        assert_eq!(as_metadata(whole, &requires, &extras), whole);
    }

    #[test]
    fn sections_become_markers() {
        let text = "numpy>=1\n\n[:python_version < \"3.8\"]\ntyping_extensions\n\n[all]\nscipy\n\
                    tqdm; os_name == \"posix\"\n[all:sys_platform == \"win32\"]\npywin32\n";
        assert_eq!(
            requires(text),
            [
                "numpy>=1",
                "typing_extensions; python_version < \"3.8\"",
                "scipy; extra == \"all\"",
                "tqdm; (os_name == \"posix\") and extra == \"all\"",
                "pywin32; (sys_platform == \"win32\") and extra == \"all\"",
            ]
        );
        assert_eq!(extras(text), ["all"]);
    }

    #[test]
    fn names_of_folders() {
        for (stem, name, version) in [
            ("numpy-2.4.6", "numpy", "2.4.6"),
            ("six-1.16.0+local1", "six", "1.16.0+local1"),
            ("PyGObject-3.42.2", "PyGObject", "3.42.2"),
            ("foo-1.0-py3.11", "foo", "1.0"),
            ("foo-1.0-py3.11-linux-x86_64", "foo", "1.0"),
            ("cryptography", "cryptography", ""),
            ("opencv-python-4.5", "opencv-python", "4.5"),
            ("python_dateutil-2.9.0.post0", "python_dateutil", "2.9.0.post0"),
            ("x-dev", "x", "dev"),
            ("", "", ""),
        ] {
            assert_eq!(name_and_version(stem), (name, version), "{stem}");
        }
    }

    #[test]
    fn lists_of_files_and_names() {
        assert_eq!(
            top_level("google\nyaml\n\n_yaml\nsphinxcontrib/x\nnot-a-name\n"),
            ["google", "yaml", "_yaml", "sphinxcontrib"]
        );
        assert_eq!(
            source_tops("setup.py\nREADME.md\nsrc/pkg/__init__.py\nsrc/pkg/x.py\ndocs/conf.py\nsix.py\n"),
            ["pkg", "six"]
        );
        assert_eq!(
            installed_files("../eggy/__init__.py\n../eggy/\nPKG-INFO\n", "eggy-1.egg-info"),
            ["eggy/__init__.py", "eggy-1.egg-info/PKG-INFO"]
        );
        assert_eq!(link("/home/me/src\n.\n"), Some("/home/me/src"));
        assert_eq!(link("\n"), None);
    }
}
