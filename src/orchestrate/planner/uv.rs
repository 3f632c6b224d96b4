//! The uv that scaf fetches for itself where there is none: pinned, from the user's own index, in scaf's cache.

use std::path::{Path, PathBuf};

use crate::spec::plan::{Action, Plan};

/// The version that scaf is tested with.
pub const UV: &str = "0.13.9";

/// The folder of its virtual environment.
pub fn tool(cache: &Path) -> PathBuf {
    cache.join("tools").join(format!("uv-{UV}"))
}

/// The program in it.
pub fn program(cache: &Path) -> PathBuf {
    tool(cache).join("bin/uv")
}

/// The step that fetches it, once. pip does it, as its user has set it up.
pub fn fetch(cache: &Path, python: &Path) -> Plan {
    let mut plan = Plan::new("scaf env");
    plan.step(
        format!("fetch uv {UV}"),
        Action::MakeVenv {
            path: tool(cache),
            python: python.to_owned(),
            requirements: Vec::new(),
            whole: false,
            more: vec![format!("uv=={UV}")],
            uv: None,
        },
    );
    plan
}
