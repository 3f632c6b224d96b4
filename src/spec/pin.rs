//! Which distribution exactly: a version of an index, or an address.

use std::fmt;

use crate::project::python::requirements::normalised;

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
}

impl Pin {
    pub fn version(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), extras: Vec::new(), source: Source::Version(version.into()) }
    }

    pub fn normalised(&self) -> String {
        normalised(&self.name)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, extras, source } = self;
        f.write_str(name)?;
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
        assert_eq!(Pin::version("pytz", "2004d").to_string(), "pytz===2004d");
    }
}
