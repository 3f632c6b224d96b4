//! The packages of an environment: named, each with an exact version.

use super::rules::REQUIREMENTS_UNPINNED;
use super::{Finding, Tree};
use crate::project::python::distributions::distribution;
use crate::project::python::requirements::{self, Loose, normalised};

/// The requirements file that counts, from the experiment: the lock where there is one.
pub fn that_counts(tree: &Tree) -> Option<&'static str> {
    ["environment/requirements.lock", "environment/requirements.txt"]
        .into_iter()
        .find(|file| tree.files.has_file(file) || tree.links.contains_key(*file))
}

/// The lines without an exact version.
pub fn unpinned(shown: &str, text: &str, findings: &mut Vec<Finding>) {
    for Loose { line, text } in requirements::read(text).loose {
        findings.push(Finding::new(
            &REQUIREMENTS_UNPINNED,
            shown,
            (u32::try_from(line).unwrap_or(u32::MAX), 1),
            format!("`{text}` is not pinned"),
            "write it as `name==version`",
        ));
    }
}

/// Whether a text of the environment (requirements, Dockerfile, Conda's list) names the package of a
/// top-level module.
pub fn names(text: &str, module: &str) -> bool {
    let wanted = [normalised(module), normalised(distribution(module))];
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .any(|word| wanted.contains(&normalised(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_named_by_its_module_or_by_its_own_name() {
        assert!(names("numpy==2.0\nscikit_learn>=1\n", "sklearn"));
        assert!(names("RUN pip install vision", "vision"));
        assert!(!names("visionary==1\nmy-vision\n", "vision"));
    }
}
