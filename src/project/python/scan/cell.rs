//! A notebook's cell made readable for the parser. Lines keep their numbers.

use super::command::{self, Deed};
use super::{Install, Kind, Write};

/// A cell, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    /// What is Python, with IPython's line magics still in it.
    pub(super) python: String,
    /// Lines for a shell, with their number.
    pub(super) commands: Vec<(u32, String)>,
    pub(super) writes: Vec<Write>,
    /// The body is for a magic that nobody here knows: it counts if it is Python.
    pub(super) uncertain: bool,
}

/// Magics of a whole cell whose body is Python all the same.
const AROUND_PYTHON: [&str; 18] = [
    "capture", "debug", "heat", "lprun", "memit", "mprun", "prun", "px", "pypy", "python", "python3",
    "scalene", "skip", "snakeviz", "time", "timeit", "wandb", "cache",
];

/// Those whose body is another language.
const AROUND_OTHERS: [&str; 22] = [
    "R",
    "HTML",
    "SVG",
    "bigquery",
    "cython",
    "html",
    "javascript",
    "js",
    "julia",
    "latex",
    "markdown",
    "mermaid",
    "perl",
    "python2",
    "ruby",
    "sparksql",
    "sql",
    "svg",
    "text",
    "cmd",
    "powershell",
    "css",
];

/// Line magics whose argument is Python.
const BEFORE_PYTHON: [&str; 5] = ["%time", "%timeit", "%prun", "%memit", "%snakeviz"];

/// Commands that IPython understands without `%`.
const AUTOMATIC: [&str; 18] = [
    "cat",
    "cd",
    "conda",
    "cp",
    "env",
    "load_ext",
    "ls",
    "mamba",
    "matplotlib",
    "mkdir",
    "mv",
    "pip",
    "pwd",
    "reload_ext",
    "rm",
    "rmdir",
    "run",
    "who",
];

impl Cell {
    pub(super) fn read(text: &str) -> Self {
        let first = text.lines().position(|line| !line.trim().is_empty()).unwrap_or(0);
        let head = text.lines().nth(first).unwrap_or_default();
        let Some(magic) = head.strip_prefix("%%") else {
            return Self { python: unwrapped(text), ..Self::default() };
        };
        let (name, rest) = magic.split_once(char::is_whitespace).unwrap_or((magic, ""));
        let number = u32::try_from(first + 2).unwrap_or(u32::MAX);
        let body: String = text.split_inclusive('\n').skip(first + 1).collect();
        let language = rest.split_whitespace().next().unwrap_or_default();
        match name {
            "bash" | "sh" | "zsh" | "!" | "sx" | "system" | "shell" | "script"
                if name != "script" || ["bash", "sh", "zsh"].contains(&language) =>
            {
                Self { commands: vec![(number, body)], ..Self::default() }
            }
            "writefile" | "file" => {
                let path = rest.split_whitespace().find(|word| !word.starts_with('-')).unwrap_or_default();
                let write =
                    Write { path: path.trim_matches(['"', '\'']).to_owned(), text: body, line: number };
                Self { writes: vec![write], ..Self::default() }
            }
            "script" => Self::default(),
            _ if AROUND_OTHERS.contains(&name) => Self::default(),
            _ => Self {
                python: "\n".repeat(first + 1) + &unwrapped(&body),
                uncertain: !AROUND_PYTHON.contains(&name),
                ..Self::default()
            },
        }
    }

    /// The same with commands that IPython understands without `%`, as in `pip install x`; `None` where there
    /// are none.
    pub(super) fn with_automatic_magics(&self) -> Option<String> {
        let mut changed = false;
        let lines = self.python.split_inclusive('\n').map(|line| {
            let (word, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
            let is_magic =
                AUTOMATIC.contains(&word) && !rest.trim_start().starts_with(['=', '(', '.', ',', '[', ':']);
            changed |= is_magic;
            if is_magic { format!("%{line}") } else { line.to_owned() }
        });
        let text: String = lines.collect();
        changed.then_some(text)
    }
}

/// Takes away line magics before Python: `%time import x`.
fn unwrapped(text: &str) -> String {
    if !BEFORE_PYTHON.iter().any(|magic| text.contains(magic)) {
        return text.to_owned();
    }
    let lines = text.split_inclusive('\n').map(|line| {
        let code = line.trim_start();
        let Some(magic) = BEFORE_PYTHON
            .iter()
            .find(|magic| code.strip_prefix(**magic).is_some_and(|rest| rest.starts_with([' ', '\t'])))
        else {
            return line.to_owned();
        };
        let indentation = &line[..line.len() - code.len()];
        let mut rest = code[magic.len()..].trim_start_matches([' ', '\t']);
        // `%timeit -n 10 -r 3 f()`
        while let Some(option) = rest.strip_prefix('-') {
            let option = option.trim_start_matches(|c: char| c.is_ascii_alphabetic());
            rest = option
                .trim_start_matches([' ', '\t'])
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .trim_start_matches([' ', '\t']);
        }
        format!("{indentation}{rest}")
    });
    lines.collect()
}

/// Installations in the comments of a script that is a notebook as well (jupytext): `# %pip install x`.
pub(super) fn commented_installs(source: &str) -> Vec<Install> {
    if !source.contains("install") || !(source.contains("# %") || source.contains("# !")) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in (1..).zip(source.lines()) {
        let Some(command) =
            line.trim_start().strip_prefix("# ").and_then(|rest| rest.strip_prefix(['%', '!']))
        else {
            continue;
        };
        for deed in command::deeds(command, Kind::Cell) {
            if let Deed::Installs { installer, requirements, files } = deed {
                found.push(Install { installer, requirements, files, line: number });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magics_of_a_cell() {
        let cell = Cell::read("\n%%bash\nls\npip install a");
        assert_eq!((cell.commands, cell.python.as_str()), (vec![(3, "ls\npip install a".to_owned())], ""));
        let cell = Cell::read("%%writefile -a helper.py\nimport flask");
        assert_eq!(cell.writes, [Write { path: "helper.py".into(), text: "import flask".into(), line: 2 }]);
        assert_eq!(Cell::read("%%time\nimport a").python, "\nimport a");
        assert_eq!(Cell::read("%%html\nimport a"), Cell::default());
        assert_eq!(Cell::read("%%script perl\nimport a"), Cell::default());
        assert!(Cell::read("%%mine\nimport a").uncertain);
    }

    #[test]
    fn magics_of_a_line() {
        assert_eq!(Cell::read("if x:\n    %time import a\nb = 1").python, "if x:\n    import a\nb = 1");
        assert_eq!(Cell::read("%timeit -n 10 -r3 f()").python, "f()");
        assert_eq!(Cell::read("%timeit?").python, "%timeit?");
        let cell = Cell::read("pip install a\nls = 1\nrun(x)\nif x:\n  pip install b\n");
        assert_eq!(
            cell.with_automatic_magics().as_deref(),
            Some("%pip install a\nls = 1\nrun(x)\nif x:\n  pip install b\n")
        );
        assert_eq!(Cell::read("import a").with_automatic_magics(), None);
    }
}
