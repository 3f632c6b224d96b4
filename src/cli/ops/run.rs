//! What `local`, `test`, `jupyter` and `terminal` share: one operation with several intents.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::path::Path;

use super::act;
use crate::cli::args::{DataMode, RunOptions};
use crate::cli::context::{Context, Project};
use crate::cli::failure::Failure;
use crate::cli::ui::quantity;
use crate::orchestrate::claim::Claim;
use crate::orchestrate::enclosure::{self, Enclosed};
use crate::orchestrate::engine::EncloseError;
use crate::orchestrate::engine::moby::run::SignalSource;
use crate::orchestrate::execute::World;
use crate::orchestrate::gpus::{self, Chosen, Giver, Wish};
use crate::orchestrate::host::{clock, git, who};
use crate::orchestrate::load::{bundle, in_step};
use crate::orchestrate::planner::build::BuildFlags;
use crate::orchestrate::planner::job::Located;
use crate::orchestrate::planner::run::{Program, Request, Source, plan};
use crate::orchestrate::selection::HostMay;
use crate::orchestrate::{perform, planner};
use crate::project::experiment::Experiment;
use crate::project::layout::Layout;
use crate::spec::byte_size;
use crate::spec::capability::Capability;
use crate::spec::gpu::GpuRequest;
use crate::spec::job::CommandJob;
use crate::spec::mount::Access;
use crate::spec::plan::shell;
use crate::spec::record::{self, Outcome, Record};
use crate::spec::run::{self, EnvironmentSource, Intent, RunFlags};
use crate::spec::run_flags;
use crate::spec::settings::{RunAs, Settings};

/// What differs between the intents.
pub struct Wanted {
    pub intent: Intent,
    pub program: Program,
    /// The working tree itself instead of a copy.
    pub live: bool,
    pub layer: Option<enclosure::Layer>,
    pub host: HostMay,
    /// A terminal inside, where scaf stands on one.
    pub may_have_terminal: bool,
    /// Three Ctrl-C end it even then.
    pub kill_on_three_interrupts: bool,
    /// What is run as the job of a job file.
    pub job: Option<JobParts>,
}

/// A job on this machine.
pub struct JobParts {
    pub job: CommandJob,
    /// The job file's name as shown.
    pub file: String,
    pub located: BTreeMap<String, Located>,
    /// Where the job file names another environment than the experiment's.
    pub environment: Option<EnvironmentSource>,
}

/// A run, ready to be printed or performed.
pub struct Prepared {
    pub record: Record,
    pub claim: Claim,
    pub moby: Option<crate::orchestrate::engine::moby::Moby>,
    /// Said before anything else.
    pub first_line: String,
    /// That line is said however quiet scaf is to be: it runs in something that nobody asked for.
    pub fell_back: bool,
    pub notes: Vec<String>,
    pub kill_on_three_interrupts: bool,
    /// The GPUs of the run; a reservation lasts as long as this does.
    pub gpus: Chosen,
}

/// Reads, asks and plans.
pub fn prepare(
    context: &Context<'_>,
    project: &Project,
    experiment: &Experiment,
    options: &RunOptions,
    wanted: Wanted,
) -> Result<Prepared, Failure> {
    let settings = context.settings(project, experiment);
    let mut flags = flags(context, &settings, options, wanted.job.as_ref().map(|parts| &parts.job))?;
    let job_shm = job_shm(wanted.job.as_ref().map(|parts| &parts.job))?;
    let layout = &project.layout_with(&settings);
    data_is_there(layout, &settings)?;
    let build_words = options.build_xargs.as_deref().map(run_flags::split).transpose()?.unwrap_or_default();
    let cache = context.digest_cache();

    // What does not depend on each other is asked side by side: the repository, the experiment's files,
    // the engine.
    let own_environment = wanted.job.as_ref().is_none_or(|job| job.environment.is_none());
    let asks = own_environment && is_told_of(wanted.intent);
    let environment = &context.environment;
    let (git, in_step, surveyed, enclosed) = std::thread::scope(|scope| {
        let git = scope.spawn(|| git::state(layout, &experiment.name));
        let in_step = scope
            .spawn(|| asks.then(|| in_step::against(experiment, &settings, environment, cache.as_deref())));
        let surveyed = scope.spawn(|| {
            (!wanted.live).then(|| {
                bundle::survey(&bundle::Request {
                    root: &layout.root,
                    source: &experiment.dir,
                    ignore_files: &[],
                    cache: cache.as_deref(),
                })
            })
        });
        let enclosed = enclosure::find(&enclosure::Request {
            layout,
            experiment,
            settings: &settings,
            environment: &context.environment,
            build_words: &build_words,
            layer: wanted.layer,
            host: wanted.host,
            source: wanted.job.as_ref().and_then(|job| job.environment.as_ref()),
        });
        (git.join(), in_step.join(), surveyed.join(), enclosed)
    });
    let gone = |_| Failure::ours("a part of the survey broke off");
    let surveyed = surveyed.map_err(gone)?.transpose()?;
    let git = git.map_err(gone)?;
    let out_of_step = in_step.map_err(gone)?.unwrap_or_default();
    let enclosed = enclosed?;
    let Enclosed {
        engine,
        moby,
        version,
        reason,
        enclosure,
        mut prepare,
        image,
        image_id,
        lock,
        first_line,
        fell_back,
        mut notes,
    } = enclosed;
    notes.extend(in_step::line(experiment, layout.shown(&experiment.dir), &out_of_step));
    // As late as can be, so that nothing is held while an engine is asked.
    let wish = Wish::of(flags.gpus.as_ref(), &settings.engine.gpus);
    let mut gpus = gpus::choose(
        wish.as_ref(),
        &Giver::of(moby.as_ref()),
        !context.global.dry_run,
        &context.environment,
    )?;
    flags.gpus.clone_from(&gpus.request);
    notes.append(&mut gpus.warnings);
    for detail in &gpus.details {
        context.ui.detail(detail);
    }

    let now = clock::now();
    let claim = Claim::take(layout, &experiment.name, now, clock::seed(), !context.global.dry_run)?;
    let (name, folder) = (claim.run.clone(), claim.folder.clone());
    let caller = who::caller(&context.environment);
    let mut env: BTreeMap<_, _> = settings.run.env.iter().map(|word| run_flags::env_word(word)).collect();
    let mut program = wanted.program.clone();
    let mut mounts = Vec::new();
    let mut parameters = BTreeMap::new();
    if let Some(parts) = &wanted.job {
        let local = planner::job::plan(&planner::job::Request {
            job: &parts.job,
            file: &parts.file,
            located: &parts.located,
            root: &engine.root(&folder),
            folder: &folder,
            container: engine.offers().contains(&Capability::Images),
        })?;
        program = Program::JobCommand { text: local.command };
        mounts = local.mounts;
        prepare.extend(local.steps);
        env.extend(local.env);
        notes.extend(local.notes);
        parameters = parts.job.parameters();
    }
    let digest = surveyed.as_ref().map(|surveyed| surveyed.digest.clone());
    let source = match surveyed {
        Some(surveyed) => Source::Bundle {
            kept: layout.bundles_dir().join(&surveyed.digest).is_dir(),
            digest: surveyed.digest,
            manifest: surveyed.manifest,
        },
        None => Source::Live,
    };
    // Of a process of this machine a shell alone needs the terminal itself; a script is logged.
    let tty_wanted = moby.is_some() || wanted.intent == Intent::Terminal;
    let (tty, mut stdin) = streams(wanted.may_have_terminal && tty_wanted && !context.global.json);
    // Whoever reads from the terminal is in scaf's process group, and could not be ended as one to begin anew.
    stdin &= moby.is_some() || wanted.may_have_terminal || !io::stdin().is_terminal();
    if options.data == Some(DataMode::Ro) && !engine.offers().contains(&Capability::ReadOnlyMounts) {
        let error = EncloseError::Lacks {
            engine: engine.name(),
            capability: Capability::ReadOnlyMounts,
            flag: "`--data ro`".to_owned(),
        };
        return Err(if fell_back { without_container(error, &reason) } else { error.into() });
    }
    let data = match options.data {
        Some(DataMode::Ro) => Access::ReadOnly,
        Some(DataMode::Rw) => Access::ReadWrite,
        None => settings.data.mode,
    };
    if job_shm.is_some() && !engine.offers().contains(&Capability::Limits) {
        notes.push("`resources.shm_size` is not kept: `/dev/shm` is this machine's".to_owned());
    }
    let mut plan = plan(&Request {
        layout,
        experiment,
        engine,
        intent: wanted.intent,
        program,
        enclosure,
        prepare,
        source,
        name: name.clone(),
        folder: folder.clone(),
        caller: caller.clone(),
        image_user: settings.engine.user == RunAs::Image,
        data,
        shm_size: job_shm.or(Some(settings.engine.shm_size)),
        pass: Vec::new(),
        flags,
        mounts,
        env,
        tty,
        stdin,
        labels: labels(project, experiment, &name, wanted.intent),
    })
    // Whoever asked for no engine did not know that it would be this one.
    .map_err(|error| if fell_back { without_container(error, &reason) } else { error.into() })?;
    if let Some(Wish { request: asked @ GpuRequest::Free(_), .. }) = &wish
        && gpus.request.is_some()
    {
        plan.note(format!("`--gpus {asked}`: those that were idle when this was planned"));
    }
    let record = Record {
        version: record::VERSION,
        scaf: env!("CARGO_PKG_VERSION").to_owned(),
        run: name,
        experiment: experiment.name.to_string(),
        intent: wanted.intent,
        command: command(&plan),
        parameters,
        engine: engine.name().to_owned(),
        engine_version: version,
        engine_reason: reason,
        bundle: digest,
        image,
        image_id,
        build_words: BuildFlags::parse(&build_words)?.lasting(),
        environment: wanted.job.and_then(|parts| parts.environment),
        lock,
        git: if context.global.dry_run { None } else { perform::keep_git(&folder, git)? },
        host: who::machine(&caller),
        gpus: gpus.shown.clone(),
        planned: clock::written(now),
        plan,
    };
    Ok(Prepared {
        record,
        claim,
        moby,
        first_line,
        fell_back,
        notes,
        kill_on_three_interrupts: wanted.kill_on_three_interrupts,
        gpus,
    })
}

/// Whether whoever starts such a run wants to know that code and pins do not go together.
fn is_told_of(intent: Intent) -> bool {
    match intent {
        Intent::Local | Intent::Test | Intent::Jupyter | Intent::Job => true,
        Intent::Terminal | Intent::Prove => false,
    }
}

/// Data that somebody said lies elsewhere is not made of nothing: a run with none would be another one.
fn data_is_there(layout: &Layout, settings: &Settings) -> Result<(), Failure> {
    let path = &settings.data.path;
    if *path == Settings::default().data.path {
        return Ok(());
    }
    let place = settings.origin_of("data.path");
    let folder = layout.data_dir();
    let about = format!("`data.path` ({place}) names `{path}`");
    match std::fs::metadata(&folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(Failure::user(format!("{about}, which is not a folder"))
            .hint("name the folder that the data lies in")),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(Failure::user(format!("{about}, which is not there")).hint(format!(
                "correct it, or make the folder: `mkdir -p {}`",
                shell::word(&folder.to_string_lossy())
            )))
        }
        Err(error) => Err(Failure::user(format!("{about}, which cannot be looked at: {error}"))),
    }
}

/// Why the run cannot be, where `auto` had to do with the host engine.
fn without_container(error: EncloseError, reason: &str) -> Failure {
    let EncloseError::Lacks { flag, .. } = &error;
    let hints =
        vec![format!("leave {flag} out"), "`scaf doctor` says what a container engine needs".to_owned()];
    let causes = vec![format!("no container engine can run this: {reason}")];
    Failure { causes, hints, ..Failure::from(error) }
}

/// Prints the plan, or performs it and says how it went.
pub fn finish(context: &Context<'_>, project: &Project, prepared: Prepared) -> Result<u8, Failure> {
    finish_with(context, project, prepared, None)
}

/// The same, the run's signals coming from elsewhere than this process.
pub fn finish_with(
    context: &Context<'_>,
    project: &Project,
    prepared: Prepared,
    signals: Option<SignalSource>,
) -> Result<u8, Failure> {
    let Prepared { record, mut claim, moby, first_line, fell_back, notes, kill_on_three_interrupts, gpus } =
        prepared;
    if fell_back {
        context.ui.insist(&first_line);
    } else {
        context.ui.say(&first_line);
    }
    for note in notes {
        context.ui.warning(&note);
    }
    if context.global.dry_run {
        act::print(context, &record.plan)?;
        return Ok(0);
    }
    let mut world = World::new(context.ui, &context.environment, context.global.json)
        .with_engine(moby)
        .with_signals(signals);
    world.kill_on_three_interrupts = kill_on_three_interrupts;
    world.watched_gpus.clone_from(&gpus.watched);
    let outcome = perform::perform(&mut claim, &record, &world)?;
    conclude(context, project, &record, &claim.folder, &outcome)?;
    Ok(outcome.status)
}

/// What is said at the end.
pub fn conclude(
    context: &Context<'_>,
    project: &Project,
    record: &Record,
    folder: &Path,
    outcome: &Outcome,
) -> Result<(), Failure> {
    let shown = project.layout.shown(folder).display();
    if context.global.json {
        return context
            .ui
            .object(&serde_json::json!({ "record": record, "outcome": outcome, "folder": folder }));
    }
    if outcome.out_of_memory {
        context
            .ui
            .warning("a process of this run was killed for memory (see --memory in `scaf help cmd=local`)");
    } else if outcome.status == 137 && !outcome.interrupted {
        context.ui.warning("the run was killed by signal 9");
    }
    const SHOWN: usize = 10;
    if !outcome.left.is_empty() {
        context.ui.say(&format!("the run left files in {shown}/mnt/:"));
        for path in outcome.left.iter().take(SHOWN) {
            context.ui.say(&format!("  {}", path.display()));
        }
        if outcome.left.len() > SHOWN {
            context.ui.say(&format!("  and {} more", outcome.left.len() - SHOWN));
        }
    }
    let outputs = std::fs::read_dir(folder.join("outputs")).map_or(0, Iterator::count);
    let what = if outputs > 0 { format!("{shown}/outputs/") } else { format!("{shown}/") };
    context.ui.say(&format!("{} {outcome} in {}: {what}", record.run, quantity::seconds(outcome.seconds)));
    Ok(())
}

/// What runs, as words.
pub fn command(plan: &crate::spec::plan::Plan) -> Vec<String> {
    use crate::spec::plan::Action;
    plan.steps
        .iter()
        .find_map(|step| match &step.action {
            Action::RunContainer { container, .. } => Some(container.command.clone()),
            Action::RunProcess { argv, .. } => Some(argv.clone()),
            _ => None,
        })
        .unwrap_or_default()
}

/// By these `ps`, `stop` and `gc` find what is ours.
pub fn labels(
    project: &Project,
    experiment: &Experiment,
    run: &str,
    intent: Intent,
) -> BTreeMap<String, String> {
    BTreeMap::from([
        (run::LABEL_ROOT.to_owned(), project.layout.root.to_string_lossy().into_owned()),
        ("scaf.project".to_owned(), project.settings.project.name.clone()),
        (run::LABEL_EXPERIMENT.to_owned(), experiment.name.to_string()),
        (run::LABEL_RUN.to_owned(), run.to_owned()),
        (run::LABEL_INTENT.to_owned(), intent.name().to_owned()),
    ])
}

/// Whether the run gets a terminal, and whether standard input is passed on.
pub fn streams(may_have_terminal: bool) -> (bool, bool) {
    let (input, output) = (io::stdin(), io::stdout());
    let tty = may_have_terminal && input.is_terminal() && output.is_terminal();
    // /dev/null and a closed stream have nothing to pass on.
    let something = rustix::fs::fstat(&input).is_ok_and(|stat| {
        let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
        kind != rustix::fs::FileType::CharacterDevice || input.is_terminal()
    });
    (tty, something)
}

/// Bytes that the job wants for `/dev/shm`.
fn job_shm(job: Option<&CommandJob>) -> Result<Option<u64>, Failure> {
    let Some(size) = job.and_then(|job| job.resources.shm_size.as_ref()) else { return Ok(None) };
    byte_size::parse(size).map(Some).ok_or_else(|| {
        Failure::user(format!("`resources.shm_size` of the job is no size: `{size}`"))
            .hint("write a number with b, k, m or g behind it, e.g. `2g`")
    })
}

/// The flags of the run: settings, then what was typed.
fn flags(
    context: &Context<'_>,
    settings: &Settings,
    options: &RunOptions,
    job: Option<&CommandJob>,
) -> Result<RunFlags, Failure> {
    let mut flags = RunFlags { network: settings.engine.network.clone(), ..RunFlags::default() };
    if let Some(job) = job {
        let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| error.to_string());
        let around = run_flags::Surroundings { directory: &context.directory, read: &read };
        for text in &job.resources.docker_args {
            run_flags::parse(&run_flags::split(text)?, &around, &mut flags)
                .map_err(|error| Failure::from(error).context("`resources.docker_args` of the job"))?;
        }
    }
    if let Some(words) = &options.run_xargs {
        let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| error.to_string());
        let around = run_flags::Surroundings { directory: &context.directory, read: &read };
        run_flags::parse(&run_flags::split(words)?, &around, &mut flags)?;
    }
    for word in &options.env {
        let (name, value) = run_flags::env_word(word);
        if name.is_empty() {
            return Err(Failure::usage(format!("`--env {word}` names no variable"))
                .hint("say NAME=VALUE, or NAME to pass the one outside on"));
        }
        flags.env.insert(name, value);
    }
    if let Some(word) = &options.gpus {
        flags.gpus = Some(GpuRequest::parse(word).map_err(|error| Failure::usage(error.to_string()))?);
    }
    Ok(flags)
}
