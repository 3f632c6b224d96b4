//! What a reviewer would ask of a project, as rules over loaded values. A rule is a pure function; the
//! loader (`orchestrate/load/check.rs`) brings the values, the skin prints what is found.

pub mod dockerfile;
pub mod environment;
pub mod experiments;
pub mod job;
pub mod layers;
pub mod notebook;
pub mod placeholder;
pub mod requirements;
pub mod rules;
pub mod settings;
pub mod shared_code;
pub mod waiver;

use std::collections::BTreeMap;

use foldhash::{HashMap, HashSet};
use serde::Serialize;

use crate::project::links::{Found, Places};
use crate::project::name::ExperimentName;
use crate::project::python::imports::{Import, SyntaxError};
use crate::project::python::modules::Modules;
use crate::project::shared::Shared;

pub use rules::{RULES, Rule};

/// Something that a reviewer would say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// From the project's root, `/`-separated.
    pub file: String,
    /// Both count from 1.
    pub line: u32,
    pub column: u32,
    pub rule: &'static str,
    pub message: String,
    pub reason: &'static str,
    /// The way out.
    pub hint: String,
}

impl Finding {
    pub fn new(
        rule: &'static Rule,
        file: impl Into<String>,
        place: (u32, u32),
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let (line, column) = place;
        Self {
            file: file.into(),
            line,
            column,
            rule: rule.name,
            message: message.into(),
            reason: rule.why,
            hint: hint.into(),
        }
    }
}

/// An experiment's files as they were found; what git ignores is not among them.
#[derive(Debug)]
pub struct Tree {
    pub name: ExperimentName,
    /// Its files, relative to it.
    pub files: Modules,
    /// Every symlink outside `common`, relative to it.
    pub links: BTreeMap<String, Found>,
    /// What lies at and below `common`.
    pub places: Places,
    /// What no bundle can hold, relative to it, with what it is.
    pub odd: Vec<(String, &'static str)>,
}

/// The project as far as the rules look at it.
#[derive(Debug)]
pub struct Project {
    /// The code folder, from the project's root.
    pub code: String,
    /// Sorted by name.
    pub experiments: Vec<Tree>,
    pub shared: Shared,
    /// `src`, or `code.python`.
    dotted_code: String,
    /// The experiments by dotted name: `vision.ocr`.
    dotted: HashMap<String, usize>,
    /// The folders above nested ones, likewise: `vision`.
    domains: HashSet<String>,
}

impl Project {
    pub fn new(code: String, experiments: Vec<Tree>, shared: Shared) -> Self {
        let dotted: HashMap<String, usize> = experiments
            .iter()
            .enumerate()
            .map(|(index, tree)| (tree.name.as_str().replace('/', "."), index))
            .collect();
        let domains = dotted
            .keys()
            .flat_map(|name| name.match_indices('.').map(|(index, _)| name[..index].to_owned()))
            .collect();
        let dotted_code = code.replace('/', ".");
        Self { code, experiments, shared, dotted_code, dotted, domains }
    }

    /// The experiment that a dotted module name begins with, and the rest of the name.
    fn experiment_of<'a>(&self, module: &'a str) -> Option<(&Tree, &'a str)> {
        let ends = module.match_indices('.').map(|(index, _)| index).chain([module.len()]);
        ends.into_iter().find_map(|end| {
            let tree = &self.experiments[*self.dotted.get(&module[..end])?];
            Some((tree, module[end..].trim_start_matches('.')))
        })
    }

    /// Whether a dotted module name begins with the code folder, an experiment, or a folder above one.
    pub fn is_own_module(&self, module: &str) -> bool {
        let top = module.split('.').next().unwrap_or(module);
        top == self.dotted_code.split('.').next().unwrap_or_default()
            || self.domains.contains(top)
            || self.experiment_of(module).is_some()
    }

    /// A path in an experiment, from the project's root.
    pub fn path(&self, name: &ExperimentName, path: &str) -> String {
        if path.is_empty() { format!("{}/{name}", self.code) } else { format!("{}/{name}/{path}", self.code) }
    }
}

/// Whose a Python file is.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    Experiment(&'a Tree),
    Shared,
}

/// A Python file: what it is called, whose it is, what was read in it.
#[derive(Debug)]
pub struct PythonFile<'a> {
    pub owner: Owner<'a>,
    /// Relative to its owner's folder.
    pub path: &'a str,
    pub imports: &'a Result<Vec<Import>, SyntaxError>,
}

impl PythonFile<'_> {
    /// From the project's root.
    pub fn shown(&self, project: &Project) -> String {
        match self.owner {
            Owner::Experiment(tree) => project.path(&tree.name, self.path),
            Owner::Shared => format!("{}/{}/{}", project.code, crate::project::layout::COMMON, self.path),
        }
    }
}

/// What the rules say of one Python file. `provided` knows whether the environment has a package for a
/// top-level module; it is asked only where an experiment has the same name.
pub fn python_file(
    project: &Project,
    file: &PythonFile<'_>,
    provided: &dyn Fn(&str) -> bool,
) -> Vec<Finding> {
    let imports = match file.imports {
        Ok(imports) => imports,
        Err(error) => {
            return vec![Finding::new(
                &rules::SYNTAX,
                file.shown(project),
                (error.line, error.column),
                error.message.clone(),
                "mend it; nothing else in this file was looked at",
            )];
        }
    };
    let mut findings = Vec::new();
    for import in imports {
        layers::platform_import(project, file, import, &mut findings);
        layers::foreign_experiment(project, file, import, provided, &mut findings);
        shared_code::unlinked(project, file, import, &mut findings);
    }
    findings
}

/// What the rules say of the project's shape.
pub fn project(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for tree in &project.experiments {
        experiments::shape(project, tree, &mut findings);
        shared_code::links(project, tree, &mut findings);
    }
    shared_code::unlinked_by_shared(project, &mut findings);
    shared_code::links_of_shared(project, &mut findings);
    findings
}
