//! `.pth` files of a site folder: folders to look in, and code to run when Python starts.

/// A line that does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Relative to the site folder, or absolute.
    Folder(String),
    /// `import …`, which Python runs. It is not run here; these are the modules that it names.
    Code { modules: Vec<String>, text: String },
}

/// Reads it, as `site.addpackage` does.
pub fn read(bytes: &[u8]) -> Vec<Line> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty() && !line.contains('\0'))
        .map(|line| {
            if line.starts_with("import ") || line.starts_with("import\t") {
                let statement = line.split(';').next().unwrap_or(line);
                let modules = statement["import".len()..]
                    .split(',')
                    .filter_map(|module| module.split_whitespace().next())
                    .map(str::to_owned)
                    .collect();
                Line::Code { modules, text: line.trim_end().to_owned() }
            } else {
                Line::Folder(line.trim_end().to_owned())
            }
        })
        .collect()
}

/// Whether the file is known to add nothing that can be imported.
pub fn is_known_to_add_nothing(file: &str) -> bool {
    // setuptools' own distutils, virtualenv's patch, coverage's and pytest-cov's hooks for child processes, and the
    // namespace packages of old setuptools, whose folders are found where they lie.
    matches!(file, "distutils-precedence.pth" | "_virtualenv.pth" | "a1_coverage.pth" | "pytest-cov.pth")
        || file.ends_with("-nspkg.pth")
        || file.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_code_and_comments() {
        let lines = read(
            b"\xef\xbb\xbf# a comment\n/abs/src  \n\nrel/lib\r\nimport __editable___x_finder; __editable___x_finder.install()\n\
              import\tos, sys as s\nimportant/folder\n",
        );
        let code = |modules: &[&str], text: &str| Line::Code {
            modules: modules.iter().map(|&module| module.to_owned()).collect(),
            text: text.to_owned(),
        };
        assert_eq!(
            lines,
            [
                Line::Folder("/abs/src".into()),
                Line::Folder("rel/lib".into()),
                code(
                    &["__editable___x_finder"],
                    "import __editable___x_finder; __editable___x_finder.install()"
                ),
                code(&["os", "sys"], "import\tos, sys as s"),
                Line::Folder("important/folder".into()),
            ]
        );
        assert!(read(&[0xff, 0, b'\n', b' ', b'\n']).is_empty());
        assert!(is_known_to_add_nothing("distutils-precedence.pth") && !is_known_to_add_nothing("x.pth"));
    }
}
