//! The modules that build backends write beside a `.pth` for an editable install: which packages lie where,
//! read from the literals in their text.

use std::collections::BTreeMap;

use ruff_python_ast::{Expr, Stmt};

/// What the text maps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Dotted name → folder of the package or file of the module, without its ending or with it.
    pub modules: BTreeMap<String, String>,
    /// Namespace → folders.
    pub namespaces: BTreeMap<String, Vec<String>>,
    /// Top-level names whose place only a build folder knows (meson-python).
    pub names: Vec<String>,
}

/// Reads it; `None` where it is not Python. Known are setuptools' `MAPPING` and `NAMESPACES` (64 and later), the
/// calls `map_module` of `editables` (hatchling, pdm-backend), the calls `install` of scikit-build-core and of
/// meson-python up to 0.13, and the finder that meson-python makes in a function since then.
pub fn read(text: &str) -> Option<Mapping> {
    let module = ruff_python_parser::parse_module(text).ok()?;
    let mut mapping = Mapping::default();
    for statement in module.suite() {
        match statement {
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    mapping.assigned(&assign.target, value);
                }
            }
            Stmt::Assign(assign) => {
                if let [target] = assign.targets.as_slice() {
                    mapping.assigned(target, &assign.value);
                }
            }
            Stmt::Expr(expression) => mapping.called(&expression.value),
            Stmt::FunctionDef(function) => {
                for inner in &function.body {
                    if let Stmt::Assign(assign) = inner {
                        mapping.called(&assign.value);
                    }
                }
            }
            _ => {}
        }
    }
    Some(mapping)
}

impl Mapping {
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty() && self.namespaces.is_empty() && self.names.is_empty()
    }

    fn assigned(&mut self, target: &Expr, value: &Expr) {
        let Expr::Name(name) = target else { return };
        match name.id.as_str() {
            "MAPPING" => self.modules.extend(pairs(value)),
            "NAMESPACES" => {
                let Expr::Dict(dict) = value else { return };
                for item in &dict.items {
                    if let (Some(Some(key)), Some(folders)) =
                        (item.key.as_ref().map(text), texts(&item.value))
                    {
                        self.namespaces.insert(key, folders);
                    }
                }
            }
            _ => {}
        }
    }

    fn called(&mut self, expression: &Expr) {
        let Expr::Call(call) = expression else { return };
        let name = match &*call.func {
            Expr::Attribute(attribute) => attribute.attr.as_str(),
            Expr::Name(name) => name.id.as_str(),
            _ => return,
        };
        match (name, &*call.arguments.args) {
            ("map_module", [module, path, ..]) => {
                if let (Some(module), Some(path)) = (text(module), text(path)) {
                    self.modules.insert(module, path);
                }
            }
            // `install({"pkg": "/path/__init__.py"}, …)` of scikit-build-core.
            ("install", [first @ Expr::Dict(_), ..]) => self.modules.extend(pairs(first)),
            // `install("name", {"pkg"}, "/build", …)` of meson-python.
            ("install" | "MesonpyMetaFinder", [Expr::StringLiteral(_), names, ..]) => {
                self.names.extend(texts(names).unwrap_or_default());
            }
            _ => {}
        }
    }
}

fn text(expression: &Expr) -> Option<String> {
    match expression {
        Expr::StringLiteral(literal) => Some(literal.value.to_str().to_owned()),
        _ => None,
    }
}

fn texts(expression: &Expr) -> Option<Vec<String>> {
    let items: &[Expr] = match expression {
        Expr::List(list) => &list.elts,
        Expr::Tuple(tuple) => &tuple.elts,
        Expr::Set(set) => &set.elts,
        _ => return None,
    };
    Some(items.iter().filter_map(text).collect())
}

fn pairs(expression: &Expr) -> BTreeMap<String, String> {
    let Expr::Dict(dict) = expression else { return BTreeMap::new() };
    dict.items.iter().filter_map(|item| Some((text(item.key.as_ref()?)?, text(&item.value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(text: &str) -> Vec<(String, String)> {
        read(text).unwrap().modules.into_iter().collect()
    }

    #[test]
    fn setuptools() {
        let text = "from __future__ import annotations\nimport sys\n\
                    MAPPING: dict[str, str] = {'pkg': '/src/pkg', 'mod': '/src/mod'}\n\
                    NAMESPACES: dict[str, list[str]] = {'space': ['/src/space', '/more/space']}\n\
                    PATH_PLACEHOLDER = '__editable__.x-1.finder' + \".__path_hook__\"\n\n\
                    class _EditableFinder:\n    MAPPING = {'no': 'no'}\n\ndef install():\n    pass\n";
        assert_eq!(
            modules(text),
            [("mod".to_owned(), "/src/mod".to_owned()), ("pkg".to_owned(), "/src/pkg".to_owned())]
        );
        assert_eq!(read(text).unwrap().namespaces["space"], ["/src/space", "/more/space"]);
        assert_eq!(modules("MAPPING = {'a': '/a'}\n"), [("a".to_owned(), "/a".to_owned())]);
    }

    #[test]
    fn editables_scikit_build_and_meson() {
        let text = "from editables.redirector import RedirectingFinder as F\nF.install()\n\
                    F.map_module('pkg', '/src/pkg/__init__.py')\n";
        assert_eq!(modules(text), [("pkg".to_owned(), "/src/pkg/__init__.py".to_owned())]);
        let text = "install({'pkg': '/src/pkg/__init__.py', **more, x: 'y'}, {}, None, False)\n";
        assert_eq!(modules(text), [("pkg".to_owned(), "/src/pkg/__init__.py".to_owned())]);
        let text = "install(\n    'thing',\n    {'thing', '_core'},\n    '/build/cp311',\n    ['ninja'],\n    False)\n";
        assert_eq!(read(text).unwrap().names, ["thing", "_core"]);
        let text = "def init():\n    finder = MesonpyMetaFinder('thing', {'thing'}, '/build', [], False)\n    use(finder)\n";
        assert_eq!(read(text).unwrap().names, ["thing"]);
    }

    #[test]
    fn what_maps_nothing() {
        assert!(read("def (").is_none());
        assert!(read("MAPPING = make()\nMAPPING['x'] = 'y'\nprint('x')\n").unwrap().is_empty());
    }
}
