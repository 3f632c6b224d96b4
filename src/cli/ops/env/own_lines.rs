//! Lines of requirement files that are their user's, and that no lock can be made of.

use std::fmt::Write as _;

use crate::cli::failure::Failure;
use crate::project::python::requirements::File;
use crate::spec::requirements_file;

/// Of more, the number is said.
const SHOWN: usize = 12;

/// What nobody understands would be missing from the lock without a word.
pub fn refuse_wrong(files: &[File]) -> Result<(), Failure> {
    let wrong: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let wrong = requirements_file::own_lines(&file.text).wrong;
            wrong.into_iter().map(|(line, text)| format!("{}:{line}: `{text}`", file.shown))
        })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let mut message = String::from("these lines do not say which package they mean");
    for line in wrong.iter().take(SHOWN) {
        let _ = write!(message, "\n{line}");
    }
    if wrong.len() > SHOWN {
        let _ = write!(message, "\nand {} more", wrong.len() - SHOWN);
    }
    Err(Failure::user(message)
        .hint("a requirement is a name with versions, `numpy>=1.26`, or with an address, `NAME @ ADDRESS`"))
}

/// Paths of this machine, and passwords.
pub fn notes(files: &[File]) -> Vec<String> {
    let mut notes = Vec::new();
    for file in files {
        let own = requirements_file::own_lines(&file.text);
        for (line, text) in own.paths {
            notes.push(format!(
                "{}:{line}: `{text}` is a path of this machine, and the lock does not install it",
                file.shown
            ));
        }
        if own.options.iter().filter_map(|option| option.index()).any(has_password) {
            notes.push(format!(
                "{} names an index with its password, and so does the lock: pip's and uv's settings are the place for it",
                file.shown
            ));
        }
    }
    notes
}

/// One that a variable stands for is none.
fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(login, _)| !login.contains("${"))
}

#[cfg(test)]
mod tests {
    use super::has_password;

    #[test]
    fn passwords_in_addresses() {
        assert!(has_password("https://me:pw@h/simple") && has_password("https://token@h"));
        for url in ["https://h/simple", "https://h/@scope", "https://${USER}:${WORD}@h/simple", "h"] {
            assert!(!has_password(url), "{url}");
        }
    }
}
