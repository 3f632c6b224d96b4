//! `scaf eject`: a Makefile with which the project goes on without scaf.

use super::act;
use crate::cli::args::EjectArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::orchestrate::load::experiments;
use crate::orchestrate::planner::eject::{self, FILES, Request};

pub fn run(context: &Context<'_>, args: EjectArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let root = &project.layout.root;
    let output = match &args.output {
        None => root.clone(),
        Some(folder) => {
            let folder = context.directory.join(folder);
            folder.canonicalize().unwrap_or(folder)
        }
    };
    // Both or none.
    if let Some(there) = FILES.iter().map(|name| output.join(name)).find(|path| path.exists()) {
        return Err(Failure::user(format!("`{}` is there already", there.display()))
            .hint("`scaf eject --output DIR` writes elsewhere"));
    }
    let all = experiments::experiments(&project.layout)?;
    let example = all.first().map_or("EXPERIMENT", |experiment| experiment.name.as_str());
    let own: Vec<String> = all
        .iter()
        .map(|experiment| experiment.name.as_str())
        .filter(|name| project.settings.experiments().iter().any(|(own, _)| own == name))
        .map(|name| format!("`{name}`"))
        .collect();
    let own_data: Vec<(String, String)> = all
        .iter()
        .map(|experiment| (experiment.name.to_string(), context.settings(&project, experiment).data.path))
        .filter(|(_, path)| *path != project.settings.data.path)
        .collect();
    let plan = eject::plan(&Request {
        root,
        output: &output,
        settings: &project.settings,
        example,
        own_data: &own_data,
        own_settings: &own,
    });
    if act::act(context, &plan)?.is_some() {
        let files: Vec<_> = FILES.iter().map(|name| output.join(name)).collect();
        if context.global.json {
            context.ui.object(&serde_json::json!({ "files": files }))?;
        } else {
            context.ui.say(&format!("wrote {} and {}", files[0].display(), files[1].display()));
            context.ui.hint("`make` lists what it can do");
        }
    }
    Ok(0)
}
