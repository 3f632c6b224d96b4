//! Jupyter notebooks, as far as their code and their outputs matter.

use serde::Deserialize;

#[derive(Deserialize)]
struct Notebook {
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    cell_type: String,
    source: Source,
}

/// nbformat 4: a text, or its lines.
#[derive(Deserialize)]
#[serde(untagged)]
enum Source {
    Text(String),
    Lines(Vec<String>),
}

/// The code of a notebook as a script in the percent format. What only IPython understands (`%magic`,
/// `!command`, `?help`) is kept as a comment.
pub fn script(text: &str) -> Result<String, String> {
    let notebook: Notebook = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut script = String::new();
    for cell in notebook.cells {
        let source = match cell.source {
            Source::Text(text) => text,
            Source::Lines(lines) => lines.concat(),
        };
        match cell.cell_type.as_str() {
            "code" => {
                script.push_str("# %%\n");
                let whole_cell = source.trim_start().starts_with("%%");
                for line in source.lines() {
                    let plain = line.trim_start();
                    if whole_cell || plain.starts_with(['%', '!', '?']) || plain.ends_with('?') {
                        script.push_str("# ");
                    }
                    script.push_str(line);
                    script.push('\n');
                }
            }
            "markdown" => {
                script.push_str("# %% [markdown]\n");
                for line in source.lines() {
                    script.push_str(format!("# {line}").trim_end());
                    script.push('\n');
                }
            }
            _ => continue,
        }
        script.push('\n');
    }
    Ok(script.trim_end().to_owned() + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_a_script() {
        let text = r##"{"nbformat":4,"cells":[
            {"cell_type":"markdown","source":["# Title\n","text"]},
            {"cell_type":"code","source":"%matplotlib inline\nimport numpy\n!pip install x"},
            {"cell_type":"code","source":["%%bash\n","ls"]},
            {"cell_type":"raw","source":"x"}]}"##;
        assert_eq!(
            script(text).unwrap(),
            "# %% [markdown]\n# # Title\n# text\n\n# %%\n# %matplotlib inline\nimport numpy\n# !pip install x\n\n# %%\n# %%bash\n# ls\n"
        );
        assert!(script("[]").is_err());
    }
}
