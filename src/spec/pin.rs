//! Which distribution exactly: a version of an index, an address, or a wheel that travels with the requirements.

use std::fmt;

use crate::project::python::requirements::normalised;
use crate::project::python::wheel_name::{self, WheelName};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// As the distribution writes it.
    pub name: String,
    pub extras: Vec<String>,
    pub source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Version(String),
    /// `git+https://…@commit`, `https://….whl#sha256=…`
    Address(String),
    /// A wheel beside the file that names it, or below.
    Wheel {
        /// `mylib-0.1-py3-none-any.whl`
        file: String,
        version: String,
    },
}

impl Pin {
    pub fn version(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), extras: Vec::new(), source: Source::Version(version.into()) }
    }

    /// Of a wheel by its file's path, relative to the requirements; `None` for what is not called like one.
    pub fn wheel(file: &str) -> Option<Self> {
        let WheelName { name, version, .. } = WheelName::read(file)?;
        let name = normalised(&name);
        Some(Self { name, extras: Vec::new(), source: Source::Wheel { file: file.to_owned(), version } })
    }

    /// Of a line that names a wheel beside it: `./x-1.0-py3-none-any.whl[extra]`.
    pub fn of_wheel_line(line: &str) -> Option<Self> {
        let mut pin = Self::wheel(wheel_name::beside(line)?)?;
        let first = line.split([' ', '\t', ';']).next()?;
        if let Some((_, extras)) = first.strip_suffix(']').and_then(|front| front.rsplit_once('[')) {
            pin.extras = extras.split(',').map(|extra| extra.trim().to_owned()).collect();
        }
        Some(pin)
    }

    pub fn normalised(&self) -> String {
        normalised(&self.name)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, extras, source } = self;
        match source {
            // Without `./` an installer takes it for a name.
            Source::Wheel { file, version: _ } => write!(f, "./{file}")?,
            Source::Version(_) | Source::Address(_) => f.write_str(name)?,
        }
        if !extras.is_empty() {
            write!(f, "[{}]", extras.join(","))?;
        }
        match source {
            // Of a version that PEP 440 does not know, only the text can be compared.
            Source::Version(version) if version.parse::<pep440_rs::Version>().is_err() => {
                write!(f, "==={version}")
            }
            Source::Version(version) => write!(f, "=={version}"),
            Source::Address(address) => write!(f, " @ {address}"),
            Source::Wheel { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_a_requirement_writes_it() {
        let mut pin = Pin::version("A.b", "1.0+cu118");
        assert_eq!(pin.to_string(), "A.b==1.0+cu118");
        pin.extras = vec!["x".to_owned(), "y".to_owned()];
        pin.source = Source::Address("git+https://h/x@0a".to_owned());
        assert_eq!(pin.to_string(), "A.b[x,y] @ git+https://h/x@0a");
        let wheel = Pin::of_wheel_line("./a_b-1.0+x-py3-none-any.whl[y] ; marker").unwrap();
        assert_eq!(
            (wheel.name.as_str(), wheel.to_string().as_str()),
            ("a-b", "./a_b-1.0+x-py3-none-any.whl[y]")
        );
        assert_eq!(Pin::of_wheel_line("../a_b-1.0-py3-none-any.whl"), None);
        assert_eq!(Pin::version("pytz", "2004d").to_string(), "pytz===2004d");
    }
}
