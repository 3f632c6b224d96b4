//! `scaf gc`: shows what can be reclaimed, with sizes, and removes it.

use serde_json::json;

use super::act;
use crate::cli::args::GcArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::ui::{quantity, table};
use crate::orchestrate::claim;
use crate::orchestrate::execute::{self, World};
use crate::orchestrate::journal;
use crate::orchestrate::load::experiments;
use crate::orchestrate::planner::gc::{self, Item, Keep};
use crate::orchestrate::reclaim;

pub fn run(context: &Context<'_>, args: GcArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let all = experiments::experiments(&project.layout)?;
    let survey = reclaim::survey(&project.layout, &project.settings, &all, &context.environment)?;
    for warning in &survey.warnings {
        context.ui.warning(warning);
    }
    let keep = Keep { newest: args.keep, days: args.keep_days, home: args.home };
    let items = gc::items(&survey.facts, &keep);
    let held = gc::held(&survey.facts, &keep);
    for run in &held {
        let short = journal::typed(&project.layout, &run.name);
        context.ui.warning(&format!(
            "{}/{} is old and is kept: nobody has seen the end of its job",
            run.experiment, run.name
        ));
        context.ui.hint(&format!(
            "`scaf jobs status {short}` asks how it is, `scaf jobs cancel {short}` ends it; one that is known to be over goes the next time, or by hand: `rm -r {}`",
            project.layout.shown(&run.folder.path).display()
        ));
    }
    let bytes: u64 = items.iter().map(|item| item.bytes).sum();
    let plan = gc::plan(&items);
    let home = survey.facts.home.as_ref().map_or(0, |home| home.bytes);
    if !context.global.json {
        talk(context, &items, bytes, if args.home { 0 } else { home });
    }
    if context.global.dry_run {
        if context.global.json {
            let mut object = serde_json::to_value(&plan)
                .map_err(|error| Failure::ours(format!("the plan cannot be written: {error}")))?;
            object["items"] = json!(items);
            object["bytes"] = json!(bytes);
            object["home_bytes"] = json!(home);
            context.ui.object(&object)?;
        } else {
            act::print(context, &plan)?;
        }
        return Ok(0);
    }
    let world = World::new(context.ui, &context.environment, false);
    for moby in survey.engines {
        world.engines.borrow_mut().insert(moby.engine().client(), moby);
    }
    let (mut gone, mut stayed) = (Vec::new(), Vec::new());
    for item in &items {
        // A run that is about to begin waits as long as this; and what one has begun to use stays.
        let _alone = claim::alone(&project.layout);
        if !reclaim::may_go(&project.layout, &survey.facts, item) {
            continue;
        }
        // One at a time: what is told afterwards is what was done.
        match execute::execute(&gc::plan(std::slice::from_ref(item)), &world) {
            Ok(_) => gone.push(item),
            Err(error) => stayed.push((item, Failure::from(error))),
        }
    }
    {
        let _alone = claim::alone(&project.layout);
        journal::clear(&project.layout);
    }
    let bytes: u64 = gone.iter().map(|item| item.bytes).sum();
    if !items.is_empty() {
        context.ui.say(&format!("reclaimed {}", quantity::bytes(bytes)));
    }
    if context.global.json {
        // One object stands on standard output, so that the failures are in it.
        for (_, failure) in &stayed {
            context.ui.warning(&told(failure));
        }
        let failed: Vec<_> = stayed
            .iter()
            .map(
                |(item, failure)| json!({ "item": item, "error": failure.message, "causes": failure.causes }),
            )
            .collect();
        let kept: Vec<_> = held.iter().map(|run| format!("{}/{}", run.experiment, run.name)).collect();
        context.ui.object(&json!({
            "items": gone, "bytes": bytes, "home_bytes": home, "failed": failed, "kept_jobs": kept,
        }))?;
        return Ok(stayed.first().map_or(0, |(_, failure)| failure.status()));
    }
    let mut stayed = stayed.into_iter().map(|(_, failure)| failure);
    let Some(first) = stayed.next() else { return Ok(0) };
    for failure in stayed {
        context.ui.warning(&told(&failure));
    }
    Err(first)
}

/// A failure that is not the only one, on one line.
fn told(failure: &Failure) -> String {
    let mut text = failure.message.clone();
    for cause in &failure.causes {
        text.push_str(": ");
        text.push_str(cause);
    }
    text
}

fn talk(context: &Context<'_>, items: &[Item], bytes: u64, home: u64) {
    if items.is_empty() {
        context.ui.say("there is nothing to reclaim");
    } else {
        let mut rows: Vec<[String; 4]> = items
            .iter()
            .map(|item| {
                [item.what.to_owned(), item.name.clone(), quantity::bytes(item.bytes), item.why.clone()]
            })
            .collect();
        rows.push([String::new(), String::new(), quantity::bytes(bytes), "in all".to_owned()]);
        context.ui.say(table::columns(["WHAT", "NAME", "SIZE", "WHY"], &rows).trim_end());
    }
    // Models and caches that were downloaded: worth knowing of, and slow to have again.
    const WORTH_SAYING: u64 = 1 << 20;
    if home >= WORTH_SAYING {
        context.ui.hint(&format!("the runs' HOME holds {}; `--home` removes it, too", quantity::bytes(home)));
    }
}
