//! Scripts of a shell beside the code, and `Procfile`: which programs they start and what they install.

use super::calls::{At, Reader};
use super::names::Names;
use super::{Kind, Scan};
use crate::project::python::implied::{Active, Finder};
use crate::project::python::target::Target;

/// Scans a text line by line. What is told of variables and conditions of the shell is not understood.
pub fn scan_shell(text: &str, target: &Target) -> Scan {
    let mut found = Scan::default();
    let names = Names::default();
    let mut reader = Reader::new(&names, text, target, &mut found);
    for (number, line) in joined(text) {
        reader.line(&line, Kind::Cell, &At::line(number));
    }
    let Reader { variables, .. } = reader;
    let active = Active::default();
    let mut finder = Finder::new(&active, &names, target, text);
    for variable in variables {
        finder.word("(variables)", &variable);
    }
    found.implied = finder.into_found();
    found
}

/// Lines, those that end in `\` with what follows them, with the number of the first.
fn joined(text: &str) -> Vec<(u32, String)> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.starts_with('#') && !goes_on {
            continue;
        }
        let (text, more) = match line.strip_suffix('\\') {
            Some(text) => (text, true),
            None => (line, false),
        };
        // `web: gunicorn app:app`
        let text = text.strip_prefix("web: ").or_else(|| text.strip_prefix("worker: ")).unwrap_or(text);
        match lines.last_mut() {
            Some((_, last)) if goes_on => {
                last.push(' ');
                last.push_str(text);
            }
            _ => lines.push((number, text.to_owned())),
        }
        goes_on = more;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_installations_and_variables() {
        let text = "#!/bin/bash\nset -e\nexport HF_HUB_ENABLE_HF_TRANSFER=1\n# torchrun x\n\
                    pip install -q opencv-contrib-python \\\n  git+https://example.org/x.git\n\
                    CUDA_VISIBLE_DEVICES=0 accelerate launch --config ${CONFIG} \\\n  train.py \\\n  --lr $LR\n\
                    if [ -n \"$X\" ]; then python -m torch.distributed.launch tools/run.py; fi\nweb: gunicorn app:app\n";
        let found = scan_shell(text, &Target::default());
        let programs: Vec<String> = found
            .programs
            .iter()
            .map(|it| format!("{} {}{}", it.line, if it.module { "-m " } else { "" }, it.name))
            .collect();
        for wanted in ["7 accelerate", "10 -m torch.distributed.launch", "11 gunicorn"] {
            assert!(programs.iter().any(|it| it == wanted), "{wanted}: {programs:?}");
        }
        assert!(!programs.iter().any(|it| it.ends_with("torchrun")), "{programs:?}");
        assert_eq!(
            found.installs[0].requirements,
            ["opencv-contrib-python", "git+https://example.org/x.git"]
        );
        assert_eq!(found.implied[0].distributions, ["hf-transfer"]);
    }
}
