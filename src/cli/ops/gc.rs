//! `scaf gc`: shows what can be reclaimed, with sizes, and removes it.

use serde_json::json;

use super::act;
use crate::cli::args::GcArgs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::ui::{quantity, table};
use crate::orchestrate::execute::{self, World};
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
    let bytes: u64 = items.iter().map(|item| item.bytes).sum();
    let plan = gc::plan(&items);
    let home = survey.facts.home.as_ref().map_or(0, |home| home.bytes);
    if context.global.json && !context.global.dry_run {
        context.ui.object(&json!({ "items": items, "bytes": bytes, "home_bytes": home }))?;
    }
    if !context.global.json {
        talk(context, &items, bytes, if args.home { 0 } else { home });
    }
    if context.global.dry_run {
        act::print(context, &plan)?;
        return Ok(0);
    }
    if items.is_empty() {
        return Ok(0);
    }
    let world = World::new(context.ui, &context.environment, false);
    for moby in survey.engines {
        world.engines.borrow_mut().insert(moby.engine().client(), moby);
    }
    execute::execute(&plan, &world)?;
    context.ui.say(&format!("reclaimed {}", quantity::bytes(bytes)));
    Ok(0)
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
