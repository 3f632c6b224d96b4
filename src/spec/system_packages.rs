//! What distributions need of the system, as far as it is known: the slim images of Python have little. Pure.

use std::collections::BTreeSet;

use crate::project::python::requirements::normalised;

const TABLE: &str = include_str!("system_packages.txt");

/// One distribution that needs something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SystemNeed {
    pub distribution: &'static str,
    /// Of Debian, separated by blanks.
    pub packages: &'static str,
    pub why: &'static str,
}

/// Those of some distributions, by their names.
pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<SystemNeed> {
    let names: BTreeSet<String> = names.into_iter().map(normalised).collect();
    rows().filter(|need| names.contains(need.distribution)).collect()
}

fn rows() -> impl Iterator<Item = SystemNeed> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut parts = line.split(" | ");
        Some(SystemNeed { distribution: parts.next()?, packages: parts.next()?, why: parts.next()? })
    })
}

/// A Dockerfile with a line in its last stage that installs them; `None` where the text has no place for it.
pub fn installed_in(dockerfile: &str, needs: &[SystemNeed]) -> Option<String> {
    let packages: BTreeSet<&str> = needs.iter().flat_map(|need| need.packages.split(' ')).collect();
    if packages.is_empty() {
        return None;
    }
    let mut lines: Vec<String> = dockerfile.lines().map(str::to_owned).collect();
    let last = lines.iter().rposition(|line| line.starts_with("FROM "))?;
    let after = lines[last + 1..].iter().take_while(|line| line.starts_with("ENV ")).count();
    let mut added = vec![String::new()];
    added.extend(needs.iter().map(|need| format!("# {}: {}.", need.distribution, need.why)));
    let packages: Vec<&str> = packages.into_iter().collect();
    added.push(format!(
        "RUN apt-get update && apt-get install --yes --no-install-recommends {} && rm -rf /var/lib/apt/lists/*",
        packages.join(" ")
    ));
    added.push(String::new());
    let at = last + 1 + after;
    lines.splice(at..at, added);
    Some(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_whole_and_the_names_are_normalised() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(rows().count(), lines);
        for need in rows() {
            assert_eq!(normalised(need.distribution), need.distribution);
            assert!(!need.packages.is_empty() && need.why.ends_with(')'), "{need:?}");
        }
        assert_eq!(of(["OpenCV_Python", "numpy"])[0].packages, "libgl1 libglib2.0-0");
    }

    #[test]
    fn the_last_stage_installs_them() {
        let text = "FROM a AS pins\nRUN x\n\nFROM b\nENV A=1\nCOPY c d\n";
        assert_eq!(
            installed_in(text, &of(["lightgbm"])).unwrap(),
            "FROM a AS pins\nRUN x\n\nFROM b\nENV A=1\n\n# lightgbm: its library needs libgomp.so.1 (4.7).\n\
             RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*\n\nCOPY c d\n"
        );
        assert_eq!(installed_in(text, &[]), None);
        assert_eq!(installed_in("no stage", &of(["lightgbm"])), None);
    }
}
