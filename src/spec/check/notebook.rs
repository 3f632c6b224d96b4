//! Notebooks are shared without what running them left behind.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Finding;
use super::rules::{NOTEBOOK_OUTPUTS, SYNTAX};
use crate::spec::plan::shell;

#[derive(Deserialize)]
struct Notebook {
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    #[serde(default)]
    outputs: Vec<IgnoredAny>,
    #[serde(default)]
    execution_count: Option<IgnoredAny>,
}

pub fn outputs(shown: &str, bytes: &[u8], findings: &mut Vec<Finding>) {
    let notebook: Notebook = match serde_json::from_slice(bytes) {
        Ok(notebook) => notebook,
        Err(error) => {
            let number = |value: usize| u32::try_from(value.max(1)).unwrap_or(u32::MAX);
            let message = error.to_string();
            // The parser ends its words with the place, which stands before them here.
            let message = message.split(" at line ").next().unwrap_or_default();
            findings.push(Finding::new(
                &SYNTAX,
                shown,
                (number(error.line()), number(error.column())),
                format!("is no notebook: {message}"),
                "take it out, or export it again from Jupyter",
            ));
            return;
        }
    };
    let dirty: Vec<usize> = notebook
        .cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| !cell.outputs.is_empty() || cell.execution_count.is_some())
        .map(|(index, _)| index)
        .collect();
    let Some(first) = dirty.first() else { return };
    let cells = notebook.cells.len();
    findings.push(Finding::new(
        &NOTEBOOK_OUTPUTS,
        shown,
        (line_of_cell(bytes, *first, cells), 1),
        format!("{} of {cells} cells have outputs or execution counts", dirty.len()),
        format!("jupyter nbconvert --clear-output --inplace {}", shell::word(shown)),
    ));
}

/// The line on which a cell says its type, as Jupyter writes notebooks: a key a line. 1 where the file
/// is written otherwise.
fn line_of_cell(bytes: &[u8], index: usize, cells: usize) -> u32 {
    let lines: Vec<u32> = (1..)
        .zip(bytes.split(|byte| *byte == b'\n'))
        .filter(|(_, line)| line.trim_ascii_start().starts_with(b"\"cell_type\":"))
        .map(|(number, _)| number)
        .collect();
    if lines.len() == cells { lines[index] } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(u32, String)> {
        let mut findings = Vec::new();
        outputs("n b.ipynb", text.as_bytes(), &mut findings);
        findings.into_iter().map(|it| (it.line, it.message)).collect()
    }

    #[test]
    fn what_was_run_is_seen() {
        let clean = "{\"cells\": [\n{\n\"cell_type\": \"markdown\", \"source\": []},\n{\n\"cell_type\": \"code\",\n\
                     \"execution_count\": null, \"outputs\": []}], \"nbformat\": 4}";
        assert_eq!(found(clean), []);
        assert_eq!(
            found(&clean.replace("null", "3")),
            [(5, "1 of 2 cells have outputs or execution counts".into())]
        );
        assert_eq!(found(&clean.replace("\"outputs\": []", "\"outputs\": [{\"x\": 1}]")).len(), 1);
        assert_eq!(
            found("{\"cells\": 1}")[0].1,
            "is no notebook: invalid type: integer `1`, expected a sequence"
        );
        assert_eq!(found("{}")[0].1, "is no notebook: missing field `cells`");
        assert_eq!(found("")[0].0, 1);
    }
}
