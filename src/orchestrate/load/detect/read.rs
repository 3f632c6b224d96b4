//! One file, read and scanned.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use super::gather;
use super::ledger::Ledger;
use super::listing;
use super::sources::{Form, Source};
use crate::orchestrate::load::bundle::digests::Stamp;
use crate::project::notebook;
use crate::project::python::class_paths::{self, ClassPath};
use crate::project::python::implied;
use crate::project::python::imports::SyntaxError;
use crate::project::python::scan::{self, Implied, Scan};
use crate::project::python::source;
use crate::project::python::target::Target;
use crate::spec::detection::Problem;

/// A larger Python file is data that somebody has written as code.
const PYTHON_MAX: u64 = 8 << 20;
/// Notebooks carry pictures.
const NOTEBOOK_MAX: u64 = 256 << 20;
/// A larger YAML file is data.
const YAML_MAX: u64 = 1 << 20;

/// A larger script unpacks itself.
const SHELL_MAX: u64 = 1 << 20;

/// What was found in a file.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// A Python file is one part, a notebook one for each cell of code.
    pub parts: Vec<Part>,
    pub class_paths: Vec<ClassPath>,
    /// What settings imply.
    pub implied: Vec<Implied>,
    pub problems: Vec<Problem>,
}

#[derive(Clone, Debug)]
pub struct Part {
    pub cell: Option<u32>,
    pub scan: Scan,
    /// It is a script of a shell.
    pub is_shell: bool,
}

/// What the file says, and by what it is known to be the one that was read.
pub fn read(file: &Source, target: &Target) -> (Ledger, Stamp) {
    let mut stamp = Stamp::default();
    let contents = contents(file, target, &mut stamp);
    (gather::page(&contents), stamp)
}

/// What a Python file says whose text is known.
pub fn of_text(file: &Source, text: &str, target: &Target) -> Ledger {
    let mut contents = Contents::default();
    python(file, Ok(text.to_owned()), target, &mut contents);
    gather::page(&contents)
}

fn python(file: &Source, text: Result<String, SyntaxError>, target: &Target, contents: &mut Contents) {
    let problem = |error: &SyntaxError| Problem {
        file: file.shown.clone(),
        line: Some(error.line),
        message: error.message.clone(),
    };
    match text.and_then(|text| scan::scan(&text, target, scan::Kind::Script)) {
        Ok(scan) => {
            contents.problems.extend(scan.problems.iter().map(problem));
            contents.parts.push(Part { cell: None, scan, is_shell: false });
        }
        Err(error) => contents.problems.push(problem(&error)),
    }
}

fn contents(file: &Source, target: &Target, stamp: &mut Stamp) -> Contents {
    let mut contents = Contents::default();
    let limit = match file.form {
        Form::Python => PYTHON_MAX,
        Form::Notebook => NOTEBOOK_MAX,
        Form::Yaml => YAML_MAX,
        Form::Shell => SHELL_MAX,
    };
    let problem = |line: Option<u32>, message: String| Problem { file: file.shown.clone(), line, message };
    let bytes = match bytes(&file.path, limit, stamp) {
        Ok(Some(bytes)) => bytes,
        Ok(None) if matches!(file.form, Form::Yaml | Form::Shell) => return contents,
        Ok(None) => {
            let message = format!("is larger than {} MiB, and was not read", limit >> 20);
            contents.problems.push(problem(None, message));
            return contents;
        }
        Err(error) => {
            contents.problems.push(problem(None, format!("cannot be read: {error}")));
            return contents;
        }
    };
    match file.form {
        Form::Python => python(file, source::text(bytes), target, &mut contents),
        Form::Notebook => {
            let cells = match std::str::from_utf8(&bytes) {
                Ok(text) => notebook::cells(text).map_err(|error| error.to_string()),
                Err(_) => Err("it is not UTF-8 text".to_owned()),
            };
            let cells = match cells {
                Ok(cells) => cells,
                Err(message) => {
                    contents.problems.push(problem(None, message));
                    return contents;
                }
            };
            let texts: Vec<&str> = cells.iter().map(|cell| cell.text.as_str()).collect();
            for (cell, scan) in cells.iter().zip(scan::scan_cells(&texts, target)) {
                let number = u32::try_from(cell.number).ok();
                let in_cell = |error: &SyntaxError| {
                    problem(None, format!("cell {}, line {}: {}", cell.number, error.line, error.message))
                };
                match scan {
                    Ok(scan) => {
                        contents.problems.extend(scan.problems.iter().map(in_cell));
                        contents.parts.push(Part { cell: number, scan, is_shell: false });
                    }
                    Err(error) => contents.problems.push(in_cell(&error)),
                }
            }
        }
        Form::Shell => {
            if let Ok(text) = String::from_utf8(bytes) {
                let scan = scan::scan_shell(&text, target);
                contents.parts.push(Part { cell: None, scan, is_shell: true });
            }
        }
        Form::Yaml => {
            if let Ok(text) = String::from_utf8(bytes) {
                contents.class_paths = class_paths::class_paths(&text);
                contents.implied = implied::in_yaml(&text);
            }
        }
    }
    contents
}

/// `None` where there is more than the limit. A file that grows under the reading is read to the limit.
fn bytes(path: &Path, limit: u64, stamp: &mut Stamp) -> std::io::Result<Option<Vec<u8>>> {
    let file = fs::File::open(path)?;
    let meta = file.metadata()?;
    *stamp = listing::of(&meta);
    if !meta.is_file() {
        return Err(std::io::Error::other("it is not a plain file"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len().min(limit)).unwrap_or(0) + 1);
    file.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}
