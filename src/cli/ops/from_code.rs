//! `new-exp --from`: an experiment around a script or a notebook that is there.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cli::failure::Failure;
use crate::project::notebook;
use crate::project::python::{imports, standard_library};
use crate::project::template::{Content, File};

/// Puts the code into the template's files as `train.py`, has `local.py` run it, and says what it needs.
pub fn replace(from: &Path, files: &mut Vec<File>) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(from).map_err(|error| {
        Failure::user(match error.kind() {
            std::io::ErrorKind::NotFound => format!("there is no file `{}`", from.display()),
            _ => format!("cannot read `{}`: {error}", from.display()),
        })
    })?;
    let kind = from.extension().map(|end| end.to_string_lossy().into_owned());
    let code = match kind.as_deref() {
        Some("py") => text,
        Some("ipynb") => notebook::script(&text)
            .map_err(|reason| Failure::user(format!("`{}` is not a notebook: {reason}", from.display())))?,
        _ => {
            return Err(Failure::user(format!("`{}` is neither a script nor a notebook", from.display()))
                .hint("a file that ends in .py or .ipynb"));
        }
    };
    let mut noted = Vec::new();
    let needed = third_party(&code);
    if !needed.is_empty() {
        noted.push(format!(
            "it imports {}: pin what provides them in environment/requirements.txt",
            needed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ));
    }
    // What the template does, and its tests, are about the template's own code.
    files.retain(|file| {
        !file.path.starts_with("tests/") && !matches!(file.path.as_str(), "train.py" | "local.py")
    });
    for file in files.iter_mut() {
        if file.path == "environment/requirements.txt" {
            file.content = Content::Text("# One exact version a line, such as numpy==2.3.4\n".to_owned());
        }
        if file.path == "job.yaml" {
            file.content = Content::Text(JOB.to_owned());
        }
    }
    // Foreign code is no template: its own braces must not be taken for one's.
    files.push(File::text("train.py", format!("<% raw %>{code}<% endraw %>")));
    files.push(File::text("local.py", LOCAL.to_owned()));
    Ok(noted)
}

const LOCAL: &str = "\"\"\"The default script of `scaf local`: runs the real code.\"\"\"\n\nimport runpy\nfrom pathlib import Path\n\n\
if __name__ == \"__main__\":\n    runpy.run_path(str(Path(__file__).with_name(\"train.py\")), run_name=\"__main__\")\n";

const JOB: &str = "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\n\
experiment_name: <{ experiment | replace(\"/\", \"-\") }>\ncommand: python train.py\ncode: .\nenvironment:\n  build:\n    path: ./environment\n";

fn third_party(code: &str) -> BTreeSet<String> {
    imports::imports(code)
        .map(|found| {
            found
                .iter()
                .filter(|import| import.level == 0)
                .map(|import| import.top().to_owned())
                .filter(|name| !name.is_empty() && !standard_library::contains(name))
                .collect()
        })
        .unwrap_or_default()
}
