//! Jupyter notebooks, as far as their code and their outputs matter.

use std::collections::BTreeMap;

use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt as walk_whole};
use ruff_python_ast::{Expr, Mod, Stmt};
use ruff_python_parser::{Mode, ParseOptions, parse};
use ruff_text_size::{Ranged, TextSize};
use serde::Deserialize;
use serde_json::Value;

use super::python::imports::lower_first;

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    kernelspec: Option<Kernel>,
    #[serde(default)]
    language_info: Option<Language>,
}

#[derive(Deserialize)]
struct Kernel {
    #[serde(default)]
    language: Option<String>,
}

#[derive(Deserialize)]
struct Language {
    #[serde(default)]
    name: Option<String>,
}

/// nbformat 4: a text, or its lines.
#[derive(Deserialize)]
#[serde(untagged)]
enum Source {
    Text(String),
    Lines(Vec<String>),
}

/// Why no script can be made of a notebook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotebookError {
    #[error("it is no notebook: {0}")]
    NotOne(String),
    #[error("its language is {0}, and an experiment's is Python")]
    Language(String),
    #[error("cell {cell}, line {line}, column {column}: {message}")]
    Cell { cell: usize, line: usize, column: usize, message: String },
}

/// A script, and what of the notebook is a comment in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub text: String,
    pub commented: Vec<String>,
}

/// Magics of a whole cell whose body is Python all the same.
const AROUND_PYTHON: [&str; 4] = ["%%capture", "%%prun", "%%time", "%%timeit"];

/// The code of a notebook as a script in the percent format. What only IPython understands (`%magic`,
/// `!command`, `?help`) is kept as a comment.
pub fn script(text: &str) -> Result<Script, NotebookError> {
    let mut script = String::new();
    let mut commented = Vec::new();
    for (number, cell) in (1..).zip(all_cells(text)?) {
        let is_code = cell.is_python();
        let kind = cell.cell_type.clone();
        let source = cell.text().unwrap_or_default();
        match kind.as_str() {
            "code" if is_code => {
                script.push_str("# %%\n");
                script.push_str(&plain(number, &source, &mut commented)?);
            }
            "markdown" | "heading" => {
                script.push_str("# %% [markdown]\n");
                for line in source.lines() {
                    script.push_str(&comment(line));
                    script.push('\n');
                }
            }
            _ => continue,
        }
        script.push('\n');
    }
    Ok(Script { text: script.trim_end().to_owned() + "\n", commented })
}

/// One cell of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeCell {
    /// Counted over all cells, from 1.
    pub number: usize,
    pub text: String,
}

/// A notebook of any format, as far as its code goes. What is missing or of another kind is as if it were not there, so
/// that one odd cell does not hide the rest.
#[derive(Deserialize)]
struct Any {
    #[serde(default)]
    cells: Option<Vec<AnyCell>>,
    /// Format 3.
    #[serde(default)]
    worksheets: Vec<Worksheet>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Worksheet {
    #[serde(default)]
    cells: Vec<AnyCell>,
}

#[derive(Default, Deserialize)]
struct AnyCell {
    #[serde(default)]
    cell_type: String,
    #[serde(default)]
    source: Option<Source>,
    /// Format 3.
    #[serde(default)]
    input: Option<Source>,
    #[serde(default)]
    language: Option<String>,
}

/// The same where something in it is of a kind that no notebook has there: cell by cell, without those that are none.
fn without_odd_cells(text: &str) -> Result<Any, serde_json::Error> {
    fn cells(value: &mut Value) -> Option<Vec<AnyCell>> {
        let Value::Array(cells) = value.take() else { return None };
        // A number is kept for each, so that the others keep theirs.
        Some(cells.into_iter().map(|cell| serde_json::from_value(cell).unwrap_or_default()).collect())
    }
    let mut value: Value = serde_json::from_str(text)?;
    let Value::Object(notebook) = &mut value else { return serde_json::from_value(value) };
    let sheets = notebook.get_mut("worksheets").and_then(Value::as_array_mut).into_iter().flatten();
    Ok(Any {
        worksheets: sheets
            .filter_map(|sheet| Some(Worksheet { cells: cells(sheet.get_mut("cells")?)? }))
            .collect(),
        cells: notebook.get_mut("cells").and_then(cells),
        metadata: notebook
            .get_mut("metadata")
            .and_then(|metadata| serde_json::from_value(metadata.take()).ok())
            .unwrap_or_default(),
    })
}

impl AnyCell {
    fn is_python(&self) -> bool {
        self.cell_type == "code"
            && self.language.as_deref().is_none_or(|name| is_python(name) || name.is_empty())
    }

    fn text(self) -> Option<String> {
        Some(match self.source.or(self.input)? {
            Source::Text(text) => text,
            Source::Lines(lines) => lines.concat(),
        })
    }
}

fn is_python(language: &str) -> bool {
    language.to_lowercase().contains("python")
}

/// The cells of a notebook of format 3 or 4, whose language is Python.
fn all_cells(text: &str) -> Result<Vec<AnyCell>, NotebookError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let notebook: Any = serde_json::from_str(text)
        .or_else(|error| if error.is_data() { without_odd_cells(text) } else { Err(error) })
        .map_err(|error| NotebookError::NotOne(error.to_string()))?;
    let Metadata { kernelspec, language_info } = notebook.metadata;
    let language =
        kernelspec.and_then(|kernel| kernel.language).or(language_info.and_then(|language| language.name));
    if let Some(language) = language.filter(|name| !is_python(name)) {
        return Err(NotebookError::Language(language));
    }
    let sheets = || {
        let sheets = notebook.worksheets;
        (!sheets.is_empty()).then(|| sheets.into_iter().flat_map(|sheet| sheet.cells).collect())
    };
    notebook.cells.or_else(sheets).ok_or_else(|| NotebookError::NotOne("it has no cells".to_owned()))
}

/// The code of a notebook, cell by cell, as it stands there.
pub fn cells(text: &str) -> Result<Vec<CodeCell>, NotebookError> {
    let code = (1..).zip(all_cells(text)?).filter(|(_, cell)| cell.is_python());
    Ok(code.filter_map(|(number, cell)| Some(CodeCell { number, text: cell.text()? })).collect())
}

/// The files that cells write (`%%writefile x.py`) beside the notebook or below it: their paths, and what is in them in the end.
pub fn written(text: &str) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for cell in cells(text).unwrap_or_default() {
        let body = cell.text.trim_start_matches(['\n', '\r']);
        let Some(rest) = body.strip_prefix("%%writefile") else { continue };
        let (words, body) = rest.split_once('\n').unwrap_or((rest, ""));
        let mut words: Vec<&str> = words.split_whitespace().collect();
        let is_more = words.iter().any(|word| matches!(*word, "-a" | "--append"));
        words.retain(|word| !matches!(*word, "-a" | "--append"));
        let [path] = words.as_slice() else { continue };
        let path = path.trim_matches(['"', '\'']).trim_start_matches("./");
        let is_below = !path.is_empty()
            && !path.starts_with(['/', '~'])
            && !path.contains(['{', '$'])
            && path.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
        if is_below {
            let file = files.entry(path.to_owned()).or_default();
            if !is_more {
                file.clear();
            }
            file.push_str(body.trim_end_matches('\n'));
            file.push('\n');
        }
    }
    files
}

fn comment(line: &str) -> String {
    format!("# {line}").trim_end().to_owned()
}

/// A cell as Python.
fn plain(number: usize, cell: &str, commented: &mut Vec<String>) -> Result<String, NotebookError> {
    let mut lines: Vec<String> = cell.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect();
    let first = lines.iter().position(|line| !line.trim().is_empty()).unwrap_or(0);
    let magic = lines.get(first).filter(|line| line.starts_with("%%")).cloned();
    if let Some(magic) = magic {
        commented.push(magic.clone());
        let word = magic.split_whitespace().next().unwrap_or_default();
        let end = if AROUND_PYTHON.contains(&word) { first + 1 } else { lines.len() };
        for line in &mut lines[first..end] {
            *line = comment(line);
        }
    }
    let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let wrong = |place: TextSize, message: String| {
        let before = text.get(..place.to_usize()).unwrap_or(&text);
        NotebookError::Cell {
            cell: number,
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
            message,
        }
    };
    let parsed = parse(&text, ParseOptions::from(Mode::Ipython))
        .map_err(|error| wrong(error.location.start(), lower_first(&error.error.to_string())))?;
    let Mod::Module(module) = parsed.into_syntax() else { return Ok(text) };
    let mut awaits = Awaits(None);
    awaits.visit_body(&module.body);
    if let Some(place) = awaits.0 {
        return Err(wrong(place, "`await` outside of a function works in a notebook alone".to_owned()));
    }
    let mut escapes = Escapes(Vec::new());
    StatementVisitor::visit_body(&mut escapes, &module.body);
    for (start, end) in escapes.0 {
        let line_of = |place: usize| text.get(..place).unwrap_or_default().matches('\n').count();
        let (top, bottom) = (line_of(start), line_of(end));
        let column = start - text.get(..start).and_then(|text| text.rfind('\n')).map_or(0, |index| index + 1);
        for (index, line) in lines.iter_mut().enumerate().take(bottom + 1).skip(top) {
            if index > top {
                *line = comment(line);
                continue;
            }
            let (before, command) = line.split_at(column.min(line.len()));
            commented.push(command.to_owned());
            // In a block there must be a statement.
            let pass = if before.is_empty() { "" } else { "pass  " };
            *line = format!("{before}{pass}{}", comment(command));
        }
    }
    Ok(lines.iter().map(|line| format!("{line}\n")).collect())
}

/// The places of the statements that only IPython understands.
struct Escapes(Vec<(usize, usize)>);

impl<'a> StatementVisitor<'a> for Escapes {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        let is_escape = match stmt {
            Stmt::IpyEscapeCommand(_) => true,
            Stmt::Assign(assign) => matches!(*assign.value, Expr::IpyEscapeCommand(_)),
            Stmt::AnnAssign(assign) => {
                assign.value.as_deref().is_some_and(|value| matches!(value, Expr::IpyEscapeCommand(_)))
            }
            _ => false,
        };
        if is_escape {
            self.0.push((stmt.start().to_usize(), stmt.end().to_usize()));
        }
        walk_stmt(self, stmt);
    }
}

/// The first `await` outside of a function.
struct Awaits(Option<TextSize>);

impl<'a> Visitor<'a> for Awaits {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(_) => {}
            Stmt::For(it) if it.is_async => self.0 = self.0.or(Some(stmt.start())),
            Stmt::With(it) if it.is_async => self.0 = self.0.or(Some(stmt.start())),
            _ => walk_whole(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if matches!(expr, Expr::Await(_)) {
            self.0 = self.0.or(Some(expr.start()));
        }
        walk_expr(self, expr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: &[&str]) -> Result<Script, NotebookError> {
        let cells: Vec<_> =
            cells.iter().map(|source| serde_json::json!({ "cell_type": "code", "source": source })).collect();
        script(&serde_json::json!({ "nbformat": 4, "cells": cells }).to_string())
    }

    #[test]
    fn cells_become_a_script() {
        let text = r##"{"nbformat":4,"cells":[
            {"cell_type":"markdown","source":["# Title\n","text"]},
            {"cell_type":"code","source":"%matplotlib inline\nimport numpy\n!pip install x"},
            {"cell_type":"code","source":["%%bash\n","ls"]},
            {"cell_type":"raw","source":"x"}]}"##;
        let made = script(text).unwrap();
        assert_eq!(
            made.text,
            "# %% [markdown]\n# # Title\n# text\n\n# %%\n# %matplotlib inline\nimport numpy\n# !pip install x\n\n# %%\n# %%bash\n# ls\n"
        );
        assert_eq!(made.commented, ["%matplotlib inline", "!pip install x", "%%bash"]);
        assert!(matches!(script("[]"), Err(NotebookError::NotOne(_))));
        let old = r#"{"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "heading", "source": "T"},
            {"cell_type": "code", "input": ["x = 1\n"], "language": "python"},
            {"cell_type": "code", "input": "x <- 1", "language": "R"}]}]}"#;
        assert_eq!(script(old).unwrap().text, "# %% [markdown]\n# T\n\n# %%\nx = 1\n");
    }

    #[test]
    fn what_only_a_notebook_understands_is_a_comment_and_the_rest_is_python() {
        let made = of(&[
            "x = !ls\nfiles = %sx ls \\\n  -l\ny = 'what?'\n# why?\nhelp?",
            "if x:\n    !rm x\n    z: int = !ls\nfor i in x:\n    print(i)",
            "%%time\nprint(1)",
            "",
        ])
        .unwrap();
        assert_eq!(
            made.text,
            "# %%\n# x = !ls\n# files = %sx ls \\\n#   -l\ny = 'what?'\n# why?\n# help?\n\n# %%\nif x:\n    pass  # !rm x\n    \
             pass  # z: int = !ls\nfor i in x:\n    print(i)\n\n# %%\n# %%time\nprint(1)\n\n# %%\n"
        );
        assert!(crate::project::python::imports::imports(&made.text).is_ok());
    }

    #[test]
    fn a_cell_that_is_no_python_is_named_with_its_place() {
        let place = |cells: &[&str]| match of(cells) {
            Err(NotebookError::Cell { cell, line, column, .. }) => (cell, line, column),
            other => panic!("{other:?}"),
        };
        assert_eq!(place(&["x = 1", "y = 2\nz = = 3"]), (2, 2, 5));
        assert_eq!(place(&["async def f():\n    await g()\n", "é = await f()"]), (2, 1, 5));
        assert_eq!(place(&["async with a:\n    pass"]), (1, 1, 1));
    }

    #[test]
    fn files_that_cells_write() {
        let cells = [
            "%%writefile helper.py\nX = 1\n",
            "%%writefile -a helper.py\nY = 2",
            "%%writefile conf/a.yaml\na: 1",
            "%%writefile conf/a.yaml\nb: 1",
            "%%writefile ../x.py\n",
            "%%writefile {name}.py\n",
            "%%writefile .env\nTOKEN=1",
            "print('%%writefile x')",
        ];
        let cells: Vec<_> =
            cells.iter().map(|source| serde_json::json!({ "cell_type": "code", "source": source })).collect();
        let written = written(&serde_json::json!({ "cells": cells }).to_string());
        let told: Vec<_> = written.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        assert_eq!(told, [("conf/a.yaml", "b: 1\n"), ("helper.py", "X = 1\nY = 2\n")]);
    }

    #[test]
    fn other_languages_are_refused() {
        for metadata in [r#"{"kernelspec":{"language":"R"}}"#, r#"{"language_info":{"name":"R"}}"#] {
            let text = format!(r#"{{"cells":[],"metadata":{metadata}}}"#);
            assert_eq!(script(&text), Err(NotebookError::Language("R".to_owned())));
        }
        assert!(script(r#"{"cells":[],"metadata":{"language_info":{"name":"ipython"}}}"#).is_ok());
    }

    #[test]
    fn the_code_of_old_and_new_formats_cell_by_cell() {
        let numbers = |text: &str| -> Vec<(usize, String)> {
            cells(text).unwrap().into_iter().map(|cell| (cell.number, cell.text)).collect()
        };
        let new = r##"{"nbformat": 4, "metadata": {}, "cells": [
            {"cell_type": "markdown", "source": "# x"},
            {"cell_type": "code", "source": ["import a\n", "import b\n"], "outputs": [{"data": {"image/png": "x"}}]},
            {"cell_type": "code", "source": "%%bash\nls"}, {"cell_type": "code"}]}"##;
        assert_eq!(numbers(new), [(2, "import a\nimport b\n".to_owned()), (3, "%%bash\nls".to_owned())]);
        let old = r#"{"nbformat": 3, "worksheets": [{"cells": [
            {"cell_type": "code", "input": ["import c\n"], "language": "python"},
            {"cell_type": "code", "input": "x <- 1", "language": "R"}]}]}"#;
        assert_eq!(numbers(old), [(1, "import c\n".to_owned())]);
        assert_eq!(numbers("\u{feff}{\"cells\": []}"), []);
        let odd = r#"{"nbformat": "4", "metadata": {"kernelspec": 1}, "cells": [5, null, {"cell_type": 3, "source": "no"},
            {"cell_type": "code", "source": {"a": 1}}, {"cell_type": "code", "source": "import d"}]}"#;
        assert_eq!(numbers(odd), [(5, "import d".to_owned())]);
        let r = r#"{"cells": [], "metadata": {"kernelspec": {"language": "R"}}}"#;
        assert!(matches!(cells(r), Err(NotebookError::Language(_))));
        for wrong in ["", "[]", "{}", "{\"cells\": [ {", "null", "{\"cells\": 3}"] {
            assert!(matches!(cells(wrong), Err(NotebookError::NotOne(_))), "{wrong}");
        }
    }
}
