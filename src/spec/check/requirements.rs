//! The packages of an environment: named, each with an exact version.

use super::rules::REQUIREMENTS_UNPINNED;
use super::{Finding, Tree};
use crate::project::python::distributions::distribution;
use crate::project::python::requirements::{self, File, Local, Loose, normalised};

/// The requirements file that counts, from the experiment: the lock where there is one.
pub fn that_counts(tree: &Tree) -> Option<&'static str> {
    ["environment/requirements.lock", "environment/requirements.txt"]
        .into_iter()
        .find(|file| tree.files.has_file(file) || tree.links.contains_key(*file))
}

/// What is without an exact version in one of the files: lines that nothing pins, and paths.
pub fn unpinned(shown: &str, file: &File, files: &[File], findings: &mut Vec<Finding>) {
    let mut find = |line: usize, message: String, hint: &str| {
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        findings.push(Finding::new(&REQUIREMENTS_UNPINNED, shown, (line, 1), message, hint));
    };
    for Local { line, text } in &file.read.local {
        find(
            *line,
            format!("`{text}` is a path, which has no version"),
            "publish it, and write `name==version`",
        );
    }
    for (of, Loose { line, text, name: _ }) in requirements::loose(files) {
        if std::ptr::eq(of, file) {
            find(*line, format!("`{text}` is not pinned"), "write it as `name==version`");
        }
    }
}

/// A file is named that cannot be followed.
pub fn not_followed(shown: &str, line: usize, what: &str, findings: &mut Vec<Finding>) {
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    let hint = "correct the path, or take the line out";
    findings.push(Finding::new(&REQUIREMENTS_UNPINNED, shown, (line, 1), what, hint));
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
