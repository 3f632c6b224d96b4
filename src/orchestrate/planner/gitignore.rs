//! What git must not see of a project, added to a `.gitignore` that is there.

use ignore::gitignore::GitignoreBuilder;

use crate::project::layout::LOCAL_SETTINGS;

/// Where datasets and code lie, from the project's root.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// `None` where the datasets are not in the project.
    pub data: Option<&'a str>,
    pub code: &'a str,
}

/// A file with what was missing in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    pub text: String,
    pub added: Vec<String>,
}

/// The text with what is missing of a project's; `None` when nothing is.
pub fn completed(text: &str, places: Places<'_>) -> Option<Completed> {
    let folder = |name: &str| (format!("{name}/x"), vec![format!("/{name}/*"), format!("!/{name}/.gitkeep")]);
    let line = |probe: &str, line: &str| (probe.to_owned(), vec![line.to_owned()]);
    append(
        text,
        &[
            (
                "Content stays out of git, the folders stay in.",
                places.data.into_iter().chain(["models"]).map(folder).collect(),
            ),
            (OURS, ours().chain([line(".env", ".env")]).collect()),
            (
                "Results of a script run by hand.",
                vec![line(&format!("{}/x/outputs/x", places.code), "outputs/")],
            ),
        ],
    )
}

/// The same for a project that was laid out by something else: only what scaf itself writes.
pub fn completed_adopted(text: &str) -> Option<Completed> {
    append(text, &[(OURS, ours().collect())])
}

const OURS: &str = "What scaf writes, and what belongs to one person only.";

fn ours() -> impl Iterator<Item = Wanted> {
    ["runs/x", LOCAL_SETTINGS]
        .into_iter()
        .zip(["/runs/".to_owned(), format!("/{LOCAL_SETTINGS}")])
        .map(|(probe, line)| (probe.to_owned(), vec![line]))
}

/// A path that git must pass over, and the lines that make it.
type Wanted = (String, Vec<String>);

fn append(text: &str, groups: &[(&str, Vec<Wanted>)]) -> Option<Completed> {
    let mut builder = GitignoreBuilder::new("");
    for line in text.trim_start_matches('\u{feff}').lines() {
        // What is no pattern keeps nothing out.
        let _ = builder.add_line(None, line);
    }
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let matcher = builder.build().ok();
    let is_out = |path: &str| {
        matcher.as_ref().is_some_and(|matcher| matcher.matched_path_or_any_parents(path, false).is_ignore())
    };
    let mut whole = text.to_owned();
    let mut added = Vec::new();
    for (heading, wanted) in groups {
        let missing: Vec<&String> =
            wanted.iter().filter(|(probe, _)| !is_out(probe)).flat_map(|(_, lines)| lines).collect();
        if missing.is_empty() {
            continue;
        }
        if !whole.is_empty() && !whole.ends_with('\n') {
            whole.push_str(end);
        }
        if !whole.is_empty() {
            whole.push_str(end);
        }
        whole.push_str(&format!("# {heading}{end}"));
        for line in missing {
            whole.push_str(line);
            whole.push_str(end);
            added.push(line.clone());
        }
    }
    (!added.is_empty()).then_some(Completed { text: whole, added })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: Places<'static> = Places { data: Some("data"), code: "src" };

    #[test]
    fn what_is_missing_is_appended_once() {
        let made = completed("*.log", PLACES).unwrap();
        assert_eq!(
            made.text,
            "*.log\n\n# Content stays out of git, the folders stay in.\n/data/*\n!/data/.gitkeep\n/models/*\n\
             !/models/.gitkeep\n\n# What scaf writes, and what belongs to one person only.\n/runs/\n\
             /scaf.local.toml\n.env\n\n# Results of a script run by hand.\noutputs/\n"
        );
        assert_eq!(completed(&made.text, PLACES), None);
        let elsewhere = completed("", Places { data: None, code: "src" }).unwrap();
        assert!(!elsewhere.text.contains("data"), "{}", elsewhere.text);
    }

    #[test]
    fn other_words_for_the_same_will_do() {
        for text in ["data\nmodels/\nruns/*\n*.local.toml\n*.env\n**/outputs/**\n", "*\n!.gitignore\n"] {
            assert_eq!(completed(text, PLACES), None, "{text}");
        }
        // Taken back in, or only in part.
        assert_eq!(completed("*\n!/data/*\n", PLACES).unwrap().added, ["/data/*", "!/data/.gitkeep"]);
        assert!(completed("data/*.csv\n", PLACES).unwrap().added.contains(&"/data/*".to_owned()));
    }

    #[test]
    fn the_project_template_is_complete() {
        assert_eq!(completed(include_str!("../../../templates/project/.gitignore"), PLACES), None);
    }

    #[test]
    fn line_ends_stay_as_they_are() {
        let made = completed_adopted("a\r\nb").unwrap();
        assert!(
            made.text.starts_with("a\r\nb\r\n\r\n# What")
                && made.text.ends_with("/runs/\r\n/scaf.local.toml\r\n")
        );
        assert_eq!(completed_adopted("/runs/\nscaf.local.toml\n"), None);
    }
}
