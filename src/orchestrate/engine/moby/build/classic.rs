//! The call of old, `POST /build`: the classic builder of docker, and podman's, which knows more.

use std::collections::BTreeMap;
use std::fs::File;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};

use super::super::containers::encode;
use super::super::run::Listening;
use super::super::{EngineError, Moby};
use super::failure::{BuildError, FailedStep};
use super::{Argument, authors_line, build_text, credentials};
use crate::orchestrate::reporter::{Event, Reporter};
use crate::orchestrate::tail::Tail;
use crate::spec::dockerfile::rewrite::author_words;
use crate::spec::image::ImageBuild;

/// `secrets` are the names of secrets and the paths in the context where podman finds them.
pub(super) async fn build(
    moby: &Moby,
    build: &ImageBuild,
    arguments: &[Argument],
    secrets: &[(String, String)],
    context: File,
    reporter: &dyn Reporter,
    signals: &mut Listening,
) -> Result<(), BuildError> {
    let engine = moby.engine();
    let path = moby.path(&format!("/build?{}", query(build, arguments, secrets)));
    let length = context.metadata().map_or(0, |meta| meta.len());
    let headers = format!(
        "Content-Type: application/x-tar\r\nContent-Length: {length}\r\nX-Registry-Config: {}\r\nConnection: close\r\n",
        logins(moby, build)
    );
    let lost = |reason: String| EngineError::Lost { engine, doing: "build the image".to_owned(), reason };
    let mut said = Said::default();
    let talking = async {
        let opened = moby
            .door
            .open_with("POST", &path, &headers, Some(context))
            .await
            .map_err(|error| lost(error.to_string()))?;
        let status = opened.head.status;
        if status != 200 {
            let message = opened.message().await;
            said.error = Some(message);
            return Ok(());
        }
        let mut lines = opened.lines();
        while let Some(line) = lines.next().await.map_err(|error| lost(error.to_string()))? {
            said.take(&line, reporter);
        }
        Ok::<_, EngineError>(())
    };
    tokio::select! {
        // Closing the connection ends the build.
        Some(signal) = signals.next() => return Err(BuildError::Interrupted { signal }),
        outcome = talking => outcome?,
    }
    said.tail.end(reporter);
    match said.error.take() {
        None if said.done => Ok(()),
        None => Err(lost("the connection ended".to_owned()).into()),
        Some(message) => Err(said.failure(build, message)),
    }
}

/// What came so far.
#[derive(Default)]
struct Said {
    step: String,
    number: usize,
    tail: Tail,
    done: bool,
    error: Option<String>,
    exit: Option<i64>,
}

impl Said {
    fn take(&mut self, line: &Value, reporter: &dyn Reporter) {
        if let Some(text) = line["stream"].as_str() {
            let bare = text.trim_end();
            let upper = bare.to_uppercase();
            // Docker says `Step 2/4 : RUN x`, podman `STEP 2/4: RUN x`.
            if upper.starts_with("STEP ")
                && let Some((count, step)) = bare.split_once(':')
            {
                self.number =
                    count[5..].split('/').next().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
                self.step = author_words(step.trim());
                self.tail.end(reporter);
                self.tail.clear();
                reporter.tell(Event::Output(&format!("[{}] {}", count[5..].trim(), self.step)));
                return;
            }
            if bare.starts_with("Successfully built") || bare.starts_with("Successfully tagged") {
                self.done = true;
                return;
            }
            // What the classic builder tells of its intermediate containers.
            if bare.starts_with(" ---> ") || bare.starts_with("Removing intermediate container") {
                reporter.tell(Event::Detail(bare.trim()));
                return;
            }
            self.tail.add(text.as_bytes(), reporter);
        } else if let Some(message) = line["error"].as_str() {
            self.exit = line["errorDetail"]["code"].as_i64().filter(|code| *code > 0);
            self.error = Some(message.trim().to_owned());
        } else if line["aux"]["ID"].is_string() {
            self.done = true;
        } else if let Some(status) = line["status"].as_str() {
            let label = line["id"].as_str().unwrap_or(status);
            let detail = &line["progressDetail"];
            match (detail["current"].as_u64(), detail["total"].as_u64()) {
                (Some(done), Some(total)) => {
                    reporter.tell(Event::Progress { label, done, total: Some(total) });
                    if done >= total {
                        reporter.tell(Event::Done { label });
                    }
                }
                _ => reporter.tell(Event::Detail(&format!("{label}: {status}"))),
            }
        }
    }

    fn failure(&self, build: &ImageBuild, message: String) -> BuildError {
        let dockerfile = build.context.join(&build.dockerfile);
        let words: Vec<&str> = self.step.split_whitespace().collect();
        if words.first().is_some_and(|word| word.eq_ignore_ascii_case("FROM")) {
            let image = words.iter().skip(1).find(|word| !word.starts_with("--"));
            return BuildError::Base { image: (*image.unwrap_or(&"")).to_owned(), message };
        }
        if self.step.is_empty() {
            return BuildError::Dockerfile { dockerfile, message };
        }
        BuildError::Step(Box::new(FailedStep {
            text: self.step.clone(),
            line: step_line(build, self.number),
            dockerfile,
            exit: self.exit.or_else(|| exit(&message)),
            output: self.tail.kept(),
            message,
        }))
    }
}

/// `The command '/bin/sh -c exit 3' returned a non-zero code: 3`; podman: `…: exit status 3`.
fn exit(message: &str) -> Option<i64> {
    ["non-zero code: ", "exit status "].iter().find_map(|before| {
        let (_, after) = message.rsplit_once(before)?;
        after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    })
}

/// The steps are the instructions in their order, those before the first `FROM` left out.
fn step_line(build: &ImageBuild, number: usize) -> Option<u32> {
    let file = crate::spec::dockerfile::Dockerfile::read(&build_text(build)?, &BTreeMap::new());
    let mut steps = file.instructions.iter().filter(|one| one.stage.is_some());
    let line = steps.nth(number.checked_sub(1)?)?.first_line;
    Some(authors_line(build, u32::try_from(line).ok()?))
}

fn query(build: &ImageBuild, arguments: &[Argument], secrets: &[(String, String)]) -> String {
    let ImageBuild {
        tag,
        context: _,
        dockerfile,
        text: _,
        plain: _,
        args: _,
        labels,
        secrets: _,
        network,
        pull,
        no_cache,
        builder: _,
    } = build;
    let args: BTreeMap<&str, &str> =
        arguments.iter().map(|Argument { name, value }| (name.as_str(), value.as_str())).collect();
    let mut pairs = vec![
        ("t", tag.clone()),
        ("dockerfile", dockerfile.clone()),
        ("rm", "1".to_owned()),
        ("forcerm", "1".to_owned()),
        ("buildargs", json!(args).to_string()),
        ("labels", json!(labels).to_string()),
    ];
    if let Some(network) = network {
        pairs.push(("networkmode", network.clone()));
    }
    if *pull {
        pairs.push(("pull", "1".to_owned()));
    }
    if *no_cache {
        pairs.push(("nocache", "1".to_owned()));
    }
    if !secrets.is_empty() {
        let list: Vec<String> = secrets.iter().map(|(id, path)| format!("id={id},src={path}")).collect();
        pairs.push(("secrets", json!(list).to_string()));
    }
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    pairs.join("&")
}

/// The logins for the registries of the Dockerfile's images.
fn logins(moby: &Moby, build: &ImageBuild) -> String {
    let text = build_text(build).unwrap_or_default();
    let file = crate::spec::dockerfile::Dockerfile::read(&text, &BTreeMap::new());
    let mut known = serde_json::Map::new();
    for external in file.externals() {
        let registry = credentials::registry(&external.image);
        if let Some(login) = credentials::login(registry, &moby.surroundings) {
            let key = if registry == "docker.io" { credentials::HUB } else { registry };
            let value = if login.user == "<token>" {
                json!({ "identitytoken": login.secret.0 })
            } else {
                json!({ "username": login.user, "password": login.secret.0 })
            };
            known.insert(key.to_owned(), value);
        }
    }
    URL_SAFE.encode(Value::Object(known).to_string())
}
