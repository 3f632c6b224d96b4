//! Templates: real files whose names and texts are rendered with minijinja, undefined variables being
//! errors. The delimiters are `<{ … }>`, `<% … %>` and `<# … #>`, so that a job file's `${{inputs.x}}`
//! and Python's braces stay as they are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};

/// One file of a template or of what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Relative, `/`-separated.
    pub path: String,
    pub content: Content,
    pub executable: bool,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Text(String),
    /// Text that is no template, whatever is in it.
    Verbatim(String),
    /// A picture, a table, a model: the file on the disk is copied as it is.
    CopyOf(PathBuf),
}

impl File {
    pub fn text(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), content: Content::Text(text.into()), executable: false }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("{file}:{line}: {reason}")]
    Text { file: String, line: usize, reason: String },
    #[error("the template's file name `{file}` cannot be rendered: {reason}")]
    Name { file: String, reason: String },
    #[error("the template's file name `{file}` becomes `{rendered}`, which leads out of the folder")]
    Escapes { file: String, rendered: String },
    #[error("two of the template's files become `{path}`")]
    Twice { path: String },
    #[error("the delimiters of templates are refused: {reason}")]
    Syntax { reason: String },
}

/// Renders every file; all or an error.
pub fn render(files: &[File], variables: &BTreeMap<&str, String>) -> Result<Vec<File>, TemplateError> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .block_delimiters("<%", "%>")
        .variable_delimiters("<{", "}>")
        .comment_delimiters("<#", "#>")
        .build()
        .map_err(|error| TemplateError::Syntax { reason: error.to_string() })?;
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_keep_trailing_newline(true);
    environment.set_trim_blocks(true);
    let known = || variables.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut rendered: Vec<File> = Vec::with_capacity(files.len());
    for file in files {
        let path = environment
            .render_str(&file.path, variables)
            .map_err(|error| TemplateError::Name { file: file.path.clone(), reason: said(&error) })?;
        if path.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            return Err(TemplateError::Escapes { file: file.path.clone(), rendered: path });
        }
        if rendered.iter().any(|other| other.path == path) {
            return Err(TemplateError::Twice { path });
        }
        let content = match &file.content {
            Content::Verbatim(_) | Content::CopyOf(_) => file.content.clone(),
            Content::Text(text) => {
                let text = environment.render_named_str(&file.path, text, variables).map_err(|error| {
                    let mut reason = said(&error);
                    if error.kind() == minijinja::ErrorKind::UndefinedError {
                        reason.push_str(&format!("; the variables are {}", known()));
                    }
                    TemplateError::Text { file: file.path.clone(), line: error.line().unwrap_or(1), reason }
                })?;
                Content::Text(text)
            }
        };
        rendered.push(File { path, content, executable: file.executable });
    }
    Ok(rendered)
}

fn said(error: &minijinja::Error) -> String {
    let kind = error.kind().to_string();
    match error.detail() {
        Some(detail) => format!("{kind}: {detail}"),
        None => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File::text(path, text)
    }

    #[test]
    fn names_and_texts_are_rendered_and_foreign_braces_stay() {
        let variables = BTreeMap::from([("name", "digits".to_owned())]);
        let files = [file("<{ name }>.py", "x = '<{ name }>' # ${{inputs.x}} {{ }} {% %}\n")];
        assert_eq!(
            render(&files, &variables).unwrap(),
            [file("digits.py", "x = 'digits' # ${{inputs.x}} {{ }} {% %}\n")]
        );
    }

    #[test]
    fn an_undefined_variable_has_its_place() {
        let error = render(&[file("a.py", "one\n<{ nmae }>\n")], &BTreeMap::from([("name", String::new())]))
            .unwrap_err();
        assert_eq!(error.to_string(), "a.py:2: undefined value; the variables are `name`");
    }

    #[test]
    fn names_cannot_lead_out() {
        let variables = BTreeMap::from([("name", "..".to_owned())]);
        assert!(matches!(
            render(&[file("<{ name }>/x", "")], &variables),
            Err(TemplateError::Escapes { .. })
        ));
    }
}
