//! The packages that scaf adds to an experiment's environment, with their versions: the same in an image's
//! layer, in a virtual environment and in the Makefile of `scaf eject`.

/// One for every Python that the templates allow; a newer pin makes a new layer.
#[derive(Clone, Copy, Debug)]
pub struct Pin {
    pub name: &'static str,
    version: &'static str,
    /// The last one for Python 3.9.
    older: &'static str,
}

pub const PYTEST: Pin = Pin { name: "pytest", version: "9.2.0", older: "8.4.2" };
pub const IPYKERNEL: Pin = Pin { name: "ipykernel", version: "7.3.0", older: "6.31.0" };
pub const JUPYTERLAB: Pin = Pin { name: "jupyterlab", version: "4.6.6", older: "4.5.11" };

impl Pin {
    /// For whoever makes the environment with a Python that is not old.
    pub fn plain(self) -> String {
        format!("{}=={}", self.name, self.version)
    }

    /// Two requirements, of which one holds.
    pub fn requirements(self) -> [String; 2] {
        self.with_markers('\'')
    }

    /// The same as words of a shell.
    pub fn words(self) -> String {
        self.with_markers('"').map(|text| format!("'{text}'")).join(" ")
    }

    fn with_markers(self, quote: char) -> [String; 2] {
        let Self { name, version, older } = self;
        [
            format!("{name}=={version}; python_version >= {quote}3.10{quote}"),
            format!("{name}=={older}; python_version < {quote}3.10{quote}"),
        ]
    }
}
