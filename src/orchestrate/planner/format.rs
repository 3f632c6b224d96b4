//! A pinned ruff over the project's code: import order and lint, then the layout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::spec::plan::{Action, Plan};

/// The version that scaf formats with; a newer one may lay code out otherwise, so it changes with scaf alone.
pub const RUFF: &str = "0.14.14";
/// What is checked in a project that has no settings of ruff's own. No `UP`: it would write Python that
/// the experiment's image may be too old for.
const RULES: &str = "E4,E7,E9,F,I,B";
const LINE_LENGTH: &str = "100";

/// What was found.
pub struct Facts<'a> {
    pub root: &'a Path,
    pub code: &'a Path,
    /// What is to be put in order, relative to the root.
    pub paths: Vec<String>,
    /// The project says itself what ruff is to do.
    pub has_settings: bool,
    pub check: bool,
    pub tools: &'a Path,
    pub python: &'a Path,
    pub uv: Option<&'a Path>,
}

/// The environment with ruff in it.
pub fn tool(tools: &Path) -> PathBuf {
    tools.join(format!("ruff-{RUFF}"))
}

/// The step that fetches ruff, once.
pub fn fetch(facts: &Facts<'_>) -> Plan {
    let mut plan = Plan::new("scaf format");
    plan.step(
        format!("fetch ruff {RUFF}"),
        Action::MakeVenv {
            path: tool(facts.tools),
            python: facts.python.to_owned(),
            requirements: Vec::new(),
            whole: false,
            more: vec![format!("ruff=={RUFF}")],
            uv: facts.uv.map(Path::to_owned),
        },
    );
    plan
}

/// Adds the two runs of ruff. The second is done whatever the first found; the status is that of the first
/// that is not content.
pub fn plan(plan: &mut Plan, facts: &Facts<'_>) {
    let ruff = tool(facts.tools).join("bin/ruff").to_string_lossy().into_owned();
    let mut check = vec![ruff.clone(), "check".to_owned()];
    let mut format = vec![ruff, "format".to_owned()];
    if facts.check {
        format.push("--check".to_owned());
    } else {
        check.push("--fix".to_owned());
    }
    if !facts.has_settings {
        // A user's own settings elsewhere would make another order on each machine.
        let common = ["--isolated".to_owned(), "--line-length".to_owned(), LINE_LENGTH.to_owned()];
        check.extend(common.clone());
        format.extend(common);
        check.extend(["--select".to_owned(), RULES.to_owned()]);
        // Where the experiments' modules are, so that they are told from installed packages.
        check.extend(["--config".to_owned(), format!("src = [\"{}/**\"]", facts.code.display())]);
    }
    for (why, mut argv) in [("sort imports, check", check), ("lay out", format)] {
        argv.extend(facts.paths.iter().cloned());
        plan.always(
            why,
            Action::RunProcess {
                argv,
                cwd: facts.root.to_owned(),
                env: BTreeMap::new(),
                unset: Vec::new(),
                stdin: false,
                tty: false,
                logs: None,
                ready: None,
            },
        );
    }
}
