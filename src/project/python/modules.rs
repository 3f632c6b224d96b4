//! Where a module's file lies.

use foldhash::HashSet;

/// What a dotted name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Module {
    /// `a/b.py`
    File(String),
    /// `a/b/__init__.py`
    Package(String),
    /// `a/b`, a folder without `__init__.py`
    Namespace(String),
}

impl Module {
    /// The file, or the folder of a package, as one would name it to take the module along.
    pub fn path(&self) -> &str {
        match self {
            Self::File(path) | Self::Namespace(path) => path,
            Self::Package(path) => path.trim_end_matches("/__init__.py"),
        }
    }
}

/// The files and folders of one tree, as `/`-separated paths relative to the folder where `import`
/// starts.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    files: HashSet<Box<str>>,
    folders: HashSet<Box<str>>,
}

impl Modules {
    pub fn new<S: AsRef<str>>(files: impl IntoIterator<Item = S>) -> Self {
        let mut modules = Self::default();
        for file in files {
            modules.add(file.as_ref());
        }
        modules
    }

    /// Takes a file in; its folders come along.
    pub fn add(&mut self, file: &str) {
        self.files.insert(file.into());
        let mut folder = file;
        while let Some((above, _)) = folder.rsplit_once('/') {
            if !self.folders.insert(above.into()) {
                break;
            }
            folder = above;
        }
    }

    pub fn has_file(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    pub fn has_folder(&self, path: &str) -> bool {
        self.folders.contains(path)
    }

    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(AsRef::as_ref)
    }

    /// Finds `a.b` in the order in which Python does: a package, a file, a folder.
    pub fn find(&self, dotted: &str) -> Option<Module> {
        let base = dotted.replace('.', "/");
        self.find_path(&base)
    }

    /// The same for `a/b`.
    pub fn find_path(&self, base: &str) -> Option<Module> {
        let init = format!("{base}/__init__.py");
        if self.files.contains(init.as_str()) {
            return Some(Module::Package(init));
        }
        let file = format!("{base}.py");
        if self.files.contains(file.as_str()) {
            return Some(Module::File(file));
        }
        self.folders.contains(base).then(|| Module::Namespace(base.to_owned()))
    }

    /// Whether `import NAME` of a top-level name finds something here.
    pub fn has_top(&self, name: &str) -> bool {
        self.find_path(name).is_some()
    }
}

/// The dotted name of a file: `a.b` for `a/b.py` and `a/b/__init__.py`.
pub fn dotted(file: &str) -> String {
    let base = file.strip_suffix("/__init__.py").or_else(|| file.strip_suffix(".py")).unwrap_or(file);
    base.replace('/', ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_s_order_is_kept() {
        let modules =
            Modules::new(["a/__init__.py", "a.py", "a/b.py", "plain/deep/c.py", "d.py", "data/x.csv"]);
        let path = |name| modules.find(name).map(|found| (found.path().to_owned(), found));
        assert_eq!(path("a"), Some(("a".into(), Module::Package("a/__init__.py".into()))));
        assert_eq!(path("a.b"), Some(("a/b.py".into(), Module::File("a/b.py".into()))));
        assert_eq!(path("plain"), Some(("plain".into(), Module::Namespace("plain".into()))));
        assert_eq!(
            path("plain.deep.c"),
            Some(("plain/deep/c.py".into(), Module::File("plain/deep/c.py".into())))
        );
        assert_eq!(path("d.x"), None);
        assert_eq!(path("data.x"), None);
        assert!(modules.has_top("data") && !modules.has_top("b"));
    }

    #[test]
    fn files_have_dotted_names() {
        assert_eq!(dotted("a/b.py"), "a.b");
        assert_eq!(dotted("a/__init__.py"), "a");
    }
}
