//! The name of a wheel's file: `NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl`.

use std::fmt;

use super::requirements::normalised;

/// What a wheel's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelName {
    /// As written there: `my_lib`.
    pub name: String,
    pub version: String,
    pub build: Option<String>,
    pub tags: Tags,
}

/// For which Pythons and machines: each part may be one of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    /// `py3`, `cp311`
    pub python: Vec<String>,
    /// `none`, `abi3`, `cp311`
    pub abi: Vec<String>,
    /// `any`, `linux_x86_64`
    pub platform: Vec<String>,
}

impl Tags {
    pub fn of(python: impl Into<String>, abi: impl Into<String>, platform: impl Into<String>) -> Self {
        Self { python: vec![python.into()], abi: vec![abi.into()], platform: vec![platform.into()] }
    }

    /// For every Python 3 on every machine.
    pub fn any() -> Self {
        Self::of("py3", "none", "any")
    }

    /// Out of the `Tag:` lines of a `WHEEL`; `None` where there is none.
    pub fn of_lines(lines: &[String]) -> Option<Self> {
        let mut tags = Self { python: Vec::new(), abi: Vec::new(), platform: Vec::new() };
        for line in lines {
            let mut parts = line.split('-');
            let (Some(python), Some(abi), Some(platform), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            for (all, one) in
                [(&mut tags.python, python), (&mut tags.abi, abi), (&mut tags.platform, platform)]
            {
                if !all.iter().any(|have| have == one) {
                    all.push(one.to_owned());
                }
            }
        }
        (!tags.python.is_empty()).then_some(tags)
    }

    /// Whether nothing in it was compiled, as far as the tags say.
    pub fn is_pure(&self) -> bool {
        self.platform.iter().all(|platform| platform == "any")
    }

    /// Every combination, as the `Tag:` lines of a `WHEEL` have them.
    pub fn lines(&self) -> Vec<String> {
        let Self { python, abi, platform } = self;
        let mut lines = Vec::new();
        for python in python {
            for abi in abi {
                lines.extend(platform.iter().map(|platform| format!("{python}-{abi}-{platform}")));
            }
        }
        lines
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.python.join("."), self.abi.join("."), self.platform.join("."))
    }
}

impl WheelName {
    pub fn new(name: &str, version: &str, tags: Tags) -> Self {
        Self { name: escaped(name), version: version.replace('-', "_"), build: None, tags }
    }

    /// Of a file's name, or of the last part of a path or an address.
    pub fn read(text: &str) -> Option<Self> {
        let file = text.split(['#', '?']).next()?.rsplit(['/', '\\']).next()?;
        let file = file.replace("%2B", "+").replace("%2b", "+");
        let parts: Vec<&str> = file.strip_suffix(".whl")?.split('-').collect();
        let (name, version, build, [python, abi, platform]) = match parts[..] {
            [name, version, python, abi, platform] => (name, version, None, [python, abi, platform]),
            [name, version, build, python, abi, platform] => {
                (name, version, Some(build.to_owned()), [python, abi, platform])
            }
            _ => return None,
        };
        if name.is_empty() || !version.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let several = |part: &str| part.split('.').map(str::to_owned).collect();
        let tags = Tags { python: several(python), abi: several(abi), platform: several(platform) };
        Some(Self { name: name.to_owned(), version: version.to_owned(), build, tags })
    }
}

impl fmt::Display for WheelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, build, tags } = self;
        write!(f, "{name}-{version}-")?;
        if let Some(build) = build {
            write!(f, "{build}-")?;
        }
        write!(f, "{tags}.whl")
    }
}

/// A distribution's name as the names of wheels and dist-infos have it.
pub fn escaped(name: &str) -> String {
    normalised(name).replace('-', "_")
}

/// The file that a line of requirements names, where it is a wheel that lies beside it or below: `x.whl` of
/// `./x.whl[extra] ; marker --hash=…`. Such a file travels with the requirements; one that is elsewhere does not.
pub fn beside(line: &str) -> Option<&str> {
    let first = line.split([' ', '\t', ';']).next()?;
    let file =
        first.strip_suffix(']').and_then(|front| front.rsplit_once('[')).map_or(first, |(file, _)| file);
    let file = file.strip_prefix("./").unwrap_or(file);
    let is_below = !file.starts_with(['/', '~', '-'])
        && !file.contains("://")
        && !file.contains('\\')
        && file.split('/').all(|part| !matches!(part, "" | "." | ".."));
    (is_below && WheelName::read(file).is_some()).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for file in [
            "my_lib-0.1.0-py3-none-any.whl",
            "x-1.0+g12-1build-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "six-1.16.0-py2.py3-none-any.whl",
        ] {
            assert_eq!(WheelName::read(&format!("a/{file}#sha256=0")).unwrap().to_string(), file);
        }
        assert_eq!(
            WheelName::new("My.Lib-x", "1.0-rc1", Tags::any()).to_string(),
            "my_lib_x-1.0_rc1-py3-none-any.whl"
        );
        for other in ["x.whl", "x-y-py3-none-any.whl", "x-1.0.tar.gz", "-1.0-py3-none-any.whl"] {
            assert_eq!(WheelName::read(other), None, "{other}");
        }
    }

    #[test]
    fn tags_of_a_wheel_that_was_installed() {
        let lines = ["py2-none-any", "py3-none-any", "odd"].map(str::to_owned);
        let tags = Tags::of_lines(&lines).unwrap();
        assert_eq!(tags.to_string(), "py2.py3-none-any");
        assert_eq!(tags.lines(), ["py2-none-any", "py3-none-any"]);
        assert!(tags.is_pure() && !Tags::of("cp311", "cp311", "linux_x86_64").is_pure());
        assert_eq!(Tags::of_lines(&[]), None);
    }

    #[test]
    fn a_wheel_beside_the_requirements_is_told_from_one_that_is_elsewhere() {
        const WHEEL: &str = "x-1.0-py3-none-any.whl";
        for (line, file) in [
            ("./x-1.0-py3-none-any.whl", Some(WHEEL)),
            ("x-1.0-py3-none-any.whl[a,b] ; python_version > '3'", Some(WHEEL)),
            ("./x-1.0-py3-none-any.whl --hash=sha256:0", Some(WHEEL)),
            ("wheels/x-1.0-py3-none-any.whl", Some("wheels/x-1.0-py3-none-any.whl")),
            ("../x-1.0-py3-none-any.whl", None),
            ("/x-1.0-py3-none-any.whl", None),
            ("https://h/x-1.0-py3-none-any.whl", None),
            ("./x-1.0.tar.gz", None),
            ("x==1.0", None),
            ("", None),
        ] {
            assert_eq!(beside(line), file, "{line}");
        }
    }
}
