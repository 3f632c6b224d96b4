//! What a `setup.py` builds, or finds in a folder of another name.

use ruff_python_ast::{Expr, ExprCall};

use super::calls::Reader;
use crate::project::python::imports::is_identifier;

impl Reader<'_, '_> {
    /// `setup(name="…", py_modules=[…], package_dir={…})`
    pub(super) fn set_up(&mut self, call: &ExprCall) {
        let said = |keyword: &str| {
            let keyword = call.arguments.find_keyword(keyword);
            keyword.map(|keyword| self.names.known_texts(&keyword.value)).unwrap_or_default()
        };
        // A project is most often called like its module.
        let modules = said("name").into_iter().map(|name| name.replace('-', "_")).chain(said("py_modules"));
        let modules: Vec<String> = modules.collect();
        let folders = call.arguments.find_keyword("package_dir");
        let folders = folders.into_iter().flat_map(|keyword| match &keyword.value {
            Expr::Dict(dict) => dict.items.iter().filter_map(|item| item.key.as_ref()).collect(),
            _ => Vec::new(),
        });
        let folders: Vec<String> = folders.flat_map(|key| self.names.known_texts(key)).collect();
        self.builds(modules.into_iter().chain(folders));
    }

    /// `Extension("fast", …)`, `CUDAExtension(name="fast", …)`
    pub(super) fn built_extension(&mut self, call: &ExprCall) {
        let name = call.arguments.find_argument_value("name", 0);
        let names = name.map(|name| self.names.known_texts(name)).unwrap_or_default();
        self.builds(names);
    }

    fn builds(&mut self, modules: impl IntoIterator<Item = String>) {
        for module in modules {
            let top = module.split('.').next().unwrap_or_default();
            if is_identifier(top) && !self.found.builds.iter().any(|it| it == top) {
                self.found.builds.push(top.to_owned());
            }
        }
    }
}
