//! Azure ML, through Azure's own client with its `ml` extension: `az ml job create -f` on the bundle.

use std::collections::BTreeMap;
use std::path::Path;

use super::{About, Answer, Asked, Handing, LogSource, Offer, Payload, Question, Target, TargetError, Tool};
use crate::spec::job::placeholders;
use crate::spec::plan::{Action, Logs, Step, When};
use crate::spec::ticket::{State, Ticket};

pub struct AzureMl;

const CLIENT: Tool = Tool {
    program: "az",
    hints: &[
        "install Azure's client: `pip install azure-cli`, or your system's `azure-cli` package",
        "then `az extension add -n ml` and `az login`",
        "`--dry-run` shows what would be typed without it",
    ],
};

/// The values of `[targets.NAME]` that `az` is told.
struct Place<'a> {
    resource_group: &'a str,
    workspace: &'a str,
    subscription: Option<&'a str>,
}

impl Place<'_> {
    fn words(&self) -> Vec<String> {
        let mut words = vec![
            "--resource-group".to_owned(),
            self.resource_group.to_owned(),
            "--workspace-name".to_owned(),
            self.workspace.to_owned(),
        ];
        if let Some(subscription) = self.subscription {
            words.extend(["--subscription".to_owned(), subscription.to_owned()]);
        }
        words
    }
}

/// What the settings say, filled in.
fn place<'a>(handing: &Handing<'a>) -> Result<Place<'a>, TargetError> {
    let table = format!("targets.{}", handing.target);
    let wanted = |value: &'a Option<String>, what: &'static str, key: &str| {
        let key = format!("{table}.{key}");
        match value {
            None => Err(TargetError::NotSet { target: handing.target.to_owned(), what, key }),
            Some(value) if !placeholders::find(value).is_empty() => Err(TargetError::Placeholder {
                key: key.clone(),
                value: value.clone(),
                origin: handing
                    .origins
                    .get(key.as_str())
                    .cloned()
                    .unwrap_or_else(|| "the settings".to_owned()),
            }),
            Some(value) => Ok(value.as_str()),
        }
    };
    Ok(Place {
        resource_group: wanted(&handing.settings.resource_group, "resource group", "resource_group")?,
        workspace: wanted(&handing.settings.workspace, "workspace", "workspace")?,
        subscription: handing.settings.subscription.as_deref(),
    })
}

impl Target for AzureMl {
    fn about(&self) -> About {
        About {
            kind: "azureml",
            payload: Payload::Image,
            offers: &[Offer::OtherTypes, Offer::ManyMachines, Offer::ExtraWords],
            tool: Some(CLIENT),
        }
    }

    fn accept(&self, handing: &Handing<'_>) -> Result<(), TargetError> {
        place(handing)?;
        if handing.job.placeholders.is_empty() {
            Ok(())
        } else {
            Err(TargetError::Placeholders { problems: handing.job.unfilled(|_| true) })
        }
    }

    fn submit(&self, handing: &Handing<'_>) -> Result<Vec<Step>, TargetError> {
        let mut argv: Vec<String> =
            ["az", "ml", "job", "create", "-f", handing.file].map(str::to_owned).to_vec();
        argv.extend(place(handing)?.words());
        if !handing.overrides.is_empty() {
            argv.push("--set".to_owned());
            argv.extend(handing.overrides.iter().map(|(key, value)| format!("{key}={value}")));
        }
        argv.extend(handing.settings.xargs.iter().cloned());
        argv.extend(handing.extra.iter().cloned());
        Ok(vec![Step {
            why: format!("hand the job to `{}`", handing.target),
            when: When::InTurn,
            action: Action::RunProcess {
                argv,
                cwd: handing.bundle.to_owned(),
                env: BTreeMap::new(),
                unset: Vec::new(),
                stdin: false,
                tty: false,
                logs: Some(Logs {
                    stdout: handing.folder.join("stdout.log"),
                    stderr: Some(handing.folder.join("stderr.log")),
                }),
                ready: None,
            },
        }])
    }

    fn ticket(&self, handing: &Handing<'_>, said: &str, ticket: &mut Ticket) {
        if let Ok(place) = place(handing) {
            ticket.place = place.words();
        }
        // The client writes the job that it made as JSON, unless the user's configuration or the extra
        // words say otherwise; warnings go to standard error.
        let job: Option<serde_json::Value> = serde_json::from_str(said).ok();
        let text = |pointer: &str| Some(job.as_ref()?.pointer(pointer)?.as_str()?.to_owned());
        ticket.id = text("/name");
        ticket.url = text("/services/Studio/endpoint");
    }

    fn status(&self, ticket: &Ticket) -> Result<Asked, TargetError> {
        let mut argv = about_job("show", ticket)?;
        argv.extend(["--output".to_owned(), "json".to_owned()]);
        Ok(Asked { question: Question::Command(argv), read: state })
    }

    fn logs(&self, ticket: &Ticket, _: &Path) -> Result<LogSource, TargetError> {
        Ok(LogSource::Command(about_job("stream", ticket)?))
    }

    fn cancel(&self, ticket: &Ticket) -> Result<Vec<Action>, TargetError> {
        Ok(vec![command(about_job("cancel", ticket)?)])
    }

    fn fetch(&self, ticket: &Ticket, _: &Path, to: &Path) -> Result<Vec<Action>, TargetError> {
        let mut argv = about_job("download", ticket)?;
        argv.extend(["--all".to_owned(), "--download-path".to_owned(), to.to_string_lossy().into_owned()]);
        Ok(vec![command(argv)])
    }
}

fn command(argv: Vec<String>) -> Action {
    Action::Command { argv, cwd: None, env: BTreeMap::new() }
}

fn about_job(verb: &str, ticket: &Ticket) -> Result<Vec<String>, TargetError> {
    let id = ticket.id.as_ref().ok_or(TargetError::NoId)?;
    let mut argv: Vec<String> = ["az", "ml", "job", verb, "--name"].map(str::to_owned).to_vec();
    argv.push(id.clone());
    argv.extend(ticket.place.iter().cloned());
    Ok(argv)
}

/// The `status` of `az ml job show`, in the words of the service's API (2024-04).
fn state(_: &Ticket, answer: &Answer) -> State {
    let unknown = |reason: String| State::Unknown { reason };
    let Answer::Command { status, stdout, stderr } = answer else {
        return unknown("the answer is none to the question".to_owned());
    };
    if *status != 0 {
        let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        return unknown(format!("`az ml job show` ended with {status}: {}", last.trim()));
    }
    let job: Option<serde_json::Value> = serde_json::from_str(stdout).ok();
    let Some(word) = job.as_ref().and_then(|job| job.get("status")?.as_str()) else {
        return unknown("`az ml job show` said no status".to_owned());
    };
    match word {
        "NotStarted" | "Queued" | "Provisioning" | "Preparing" | "Starting" => State::Queued,
        "Running" | "Finalizing" | "CancelRequested" | "Paused" => State::Running,
        "Completed" => State::Succeeded,
        "Failed" | "NotResponding" => {
            let reason =
                job.as_ref().and_then(|job| job.pointer("/error/message")?.as_str()).map(str::to_owned);
            State::Failed { status: None, reason }
        }
        "Canceled" => State::Cancelled,
        other => unknown(format!("Azure ML says `{other}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::JOB;
    use super::*;
    use crate::spec::job::read::read;
    use crate::spec::settings::TargetSettings;
    use crate::spec::ticket::VERSION;

    fn settings() -> TargetSettings {
        TargetSettings {
            kind: "azureml".into(),
            resource_group: Some("group".into()),
            workspace: Some("space".into()),
            subscription: None,
            file: None,
            xargs: vec!["--only-show-errors".into()],
        }
    }

    fn with<T>(settings: &TargetSettings, job: &str, deed: impl FnOnce(&Handing<'_>) -> T) -> T {
        let job = read("job.yaml", job, &[]).unwrap();
        deed(&Handing {
            target: "cloud",
            settings,
            origins: &BTreeMap::from([("targets.cloud.workspace".to_owned(), "scaf.toml:3".to_owned())]),
            job: &job,
            file: "job.yaml",
            overrides: &[
                ("inputs.epochs".to_owned(), "8".to_owned()),
                ("display_name".to_owned(), "a b".to_owned()),
            ],
            extra: &["--web".to_owned()],
            folder: Path::new("/p/runs/e/r"),
            bundle: Path::new("/p/runs/e/r/code"),
            run: None,
        })
    }

    fn ticket() -> Ticket {
        Ticket {
            version: VERSION,
            target: "cloud".into(),
            kind: "azureml".into(),
            id: None,
            url: None,
            submitted: String::new(),
            host: String::new(),
            supervisor: None,
            place: Vec::new(),
            cancelled: None,
            ended: None,
        }
    }

    #[test]
    fn what_is_typed() {
        let steps = with(&settings(), JOB, |handing| AzureMl.submit(handing)).unwrap();
        let Action::RunProcess { argv, cwd, .. } = &steps[0].action else { panic!("{steps:?}") };
        assert_eq!(cwd, Path::new("/p/runs/e/r/code"));
        assert_eq!(
            crate::spec::plan::shell::line(argv),
            "az ml job create -f job.yaml --resource-group group --workspace-name space --set 'inputs.epochs=8' 'display_name=a b' --only-show-errors --web"
        );
    }

    #[test]
    fn what_is_not_filled_in_is_refused() {
        let none = TargetSettings::default();
        let error = with(&none, JOB, |handing| AzureMl.accept(handing)).unwrap_err();
        assert_eq!(error.to_string(), "the `cloud` target does not know its resource group");
        let unfilled = TargetSettings { workspace: Some("<azure-ml-workspace-name>".into()), ..settings() };
        let error = with(&unfilled, JOB, |handing| AzureMl.accept(handing)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`targets.cloud.workspace` is still `<azure-ml-workspace-name>` (set in scaf.toml:3)"
        );
        let job = format!("{JOB}compute: azureml:<compute>\n");
        let error = with(&settings(), &job, |handing| AzureMl.accept(handing)).unwrap_err();
        assert!(error.to_string().contains("job.yaml:4:10: `<compute>` is still to be filled in"), "{error}");
    }

    #[test]
    fn the_ticket_is_what_the_client_said() {
        let said =
            r#"{"name": "plum_tree_1", "services": {"Studio": {"endpoint": "https://ml.azure.com/runs/x"}}}"#;
        let mut made = ticket();
        with(&settings(), JOB, |handing| AzureMl.ticket(handing, said, &mut made));
        assert_eq!(made.id.as_deref(), Some("plum_tree_1"));
        assert_eq!(made.url.as_deref(), Some("https://ml.azure.com/runs/x"));
        let typed = |actions: Vec<Action>| match &actions[0] {
            Action::Command { argv, .. } => argv.join(" "),
            other => panic!("{other:?}"),
        };
        let place = "--name plum_tree_1 --resource-group group --workspace-name space";
        assert_eq!(typed(AzureMl.cancel(&made).unwrap()), format!("az ml job cancel {place}"));
        assert_eq!(
            typed(AzureMl.fetch(&made, Path::new("/x"), Path::new("/to")).unwrap()),
            format!("az ml job download {place} --all --download-path /to")
        );
        let mut table = ticket();
        with(&settings(), JOB, |handing| AzureMl.ticket(handing, "Name  Status\n", &mut table));
        assert_eq!(AzureMl.cancel(&table).unwrap_err(), TargetError::NoId);
    }

    #[test]
    fn states() {
        let of = |status: i32, stdout: &str, stderr: &str| {
            let answer = Answer::Command { status, stdout: stdout.to_owned(), stderr: stderr.to_owned() };
            state(&ticket(), &answer)
        };
        assert_eq!(of(0, r#"{"status": "Completed"}"#, ""), State::Succeeded);
        assert_eq!(of(0, r#"{"status": "Preparing"}"#, ""), State::Queued);
        assert_eq!(of(0, r#"{"status": "Canceled"}"#, ""), State::Cancelled);
        assert_eq!(of(0, r#"{"status": "Failed"}"#, ""), State::Failed { status: None, reason: None });
        assert_eq!(
            of(1, "", "WARNING: x\nERROR: Please run 'az login'\n"),
            State::Unknown { reason: "`az ml job show` ended with 1: ERROR: Please run 'az login'".into() }
        );
    }
}
