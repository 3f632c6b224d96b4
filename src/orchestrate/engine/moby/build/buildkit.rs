//! BuildKit, through the engine's own socket: a session that it asks for the context and the secrets,
//! and over a second connection the build itself and its progress. (The docker client's buildx plugin
//! does the same; it is not needed.) Seen with docker 20.10 and 28.5.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use bollard_buildkit_proto::google::rpc;
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::{CacheOptions, SolveRequest, StatusRequest};
use hyper_util::rt::TokioIo;
use prost::Message;
use tonic::transport::{Channel, Endpoint};

use super::super::error::causes;
use super::super::run::Listening;
use super::super::wire::Door;
use super::super::{EngineError, Moby};
use super::failure::{BuildError, FailedStep};
use super::session::{CONTEXT, METHODS, Pipe, Session};
use super::watch::Watch;
use super::{Argument, authors_line, build_text, place};
use crate::orchestrate::reporter::Reporter;
use crate::spec::dockerfile::rewrite::author_words;
use crate::spec::image::ImageBuild;

/// How long the rest of the progress is waited for once the build is over.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Builds. Interrupted, it returns at once; the builder stops when the connections are closed, which
/// they are with the runtime that this runs in.
pub(super) async fn build(
    moby: &Moby,
    build: &ImageBuild,
    arguments: &[Argument],
    session: Session,
    reporter: &dyn Reporter,
    signals: &mut Listening,
) -> Result<(), BuildError> {
    let id = fresh_id();
    let lost = |reason: String| EngineError::Lost {
        engine: moby.engine(),
        doing: "build the image".to_owned(),
        reason,
    };
    let mut headers = format!(
        "Connection: Upgrade\r\nUpgrade: h2c\r\nX-Docker-Expose-Session-Uuid: {id}\r\nX-Docker-Expose-Session-Name: scaf\r\nX-Docker-Expose-Session-Sharedkey: scaf\r\n"
    );
    for method in METHODS {
        headers.push_str("X-Docker-Expose-Session-Grpc-Method: ");
        headers.push_str(method);
        headers.push_str("\r\n");
    }
    let asked =
        pipe(&moby.door, &moby.path("/session"), &headers).await.map_err(|error| lost(error.to_string()))?;
    let serving = tokio::spawn(session.serve(asked));
    let channel =
        channel(moby.door.clone(), moby.path("/grpc")).await.map_err(|error| lost(causes(&error)))?;
    let limit = 64 << 20;
    let mut control = ControlClient::new(channel).max_decoding_message_size(limit);
    let reference = fresh_id();
    let request = request(build, arguments, &id, &reference);
    let mut progress = control.clone();
    let mut watch = Watch::default();
    let outcome = {
        let solving = control.solve(request);
        let watching = async {
            // The builder waits a while for a build of this name to begin.
            let mut told = progress.status(StatusRequest { r#ref: reference.clone() }).await?.into_inner();
            while let Some(status) = told.message().await? {
                watch.take(status, reporter);
            }
            Ok::<_, tonic::Status>(())
        };
        let mut solving = std::pin::pin!(solving);
        let mut watching = std::pin::pin!(watching);
        let mut watched = false;
        loop {
            tokio::select! {
                outcome = &mut solving => {
                    if !watched {
                        let _ = tokio::time::timeout(LAST_WORDS, &mut watching).await;
                    }
                    break outcome;
                }
                // Without progress the build goes on.
                _ = &mut watching, if !watched => watched = true,
                Some(signal) = signals.next() => {
                    serving.abort();
                    return Err(BuildError::Interrupted { signal });
                }
            }
        }
    };
    watch.end(reporter);
    serving.abort();
    match outcome {
        Ok(_) => Ok(()),
        Err(status) => Err(failure(build, &watch, &status, lost)),
    }
}

/// A name that is not taken: BuildKit knows builds and sessions by it.
fn fresh_id() -> String {
    use std::hash::{BuildHasher, Hasher};
    // Two hashers of the standard library, each seeded anew by the system's randomness.
    let word = || std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("scaf{:016x}{:016x}", word(), word())
}

async fn pipe(door: &Door, path: &str, headers: &str) -> io::Result<Pipe> {
    let opened = door.open("POST", path, headers).await?;
    if opened.head.status != 101 {
        let status = opened.head.status;
        return Err(io::Error::other(format!("HTTP {status}: {}", opened.message().await)));
    }
    Ok(Pipe { early: io::Cursor::new(opened.early), stream: opened.stream })
}

async fn channel(door: Door, path: String) -> Result<Channel, tonic::transport::Error> {
    let connect = tower::service_fn(move |_| {
        let (door, path) = (door.clone(), path.clone());
        async move {
            let headers = "Connection: Upgrade\r\nUpgrade: h2c\r\n";
            pipe(&door, &path, headers).await.map(TokioIo::new)
        }
    });
    Endpoint::from_static("http://docker").connect_with_connector(connect).await
}

fn request(build: &ImageBuild, arguments: &[Argument], session: &str, reference: &str) -> SolveRequest {
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
    let mut attrs = HashMap::from([
        ("context".to_owned(), format!("{CONTEXT}{reference}")),
        ("filename".to_owned(), dockerfile.clone()),
        ("image-resolve-mode".to_owned(), if *pull { "pull" } else { "default" }.to_owned()),
    ]);
    for Argument { name, value } in arguments {
        attrs.insert(format!("build-arg:{name}"), value.clone());
    }
    for (name, value) in labels {
        attrs.insert(format!("label:{name}"), value.clone());
    }
    // BuildKit knows these two beside its own network, which the client's words call "default".
    if let Some(network) = network.as_deref().filter(|name| matches!(*name, "host" | "none")) {
        attrs.insert("force-network-mode".to_owned(), network.to_owned());
    }
    // Without the entitlement the engine refuses it: "network.host is not allowed" (seen with 20.10).
    let host_network = network.as_deref() == Some("host");
    if *no_cache {
        attrs.insert("no-cache".to_owned(), String::new());
    }
    SolveRequest {
        r#ref: reference.to_owned(),
        session: session.to_owned(),
        // The engine's own image store.
        exporter_deprecated: "moby".to_owned(),
        exporter_attrs_deprecated: HashMap::from([("name".to_owned(), tag.clone())]),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: attrs,
        cache: Some(CacheOptions::default()),
        entitlements: if host_network { vec!["network.host".to_owned()] } else { Vec::new() },
        ..SolveRequest::default()
    }
}

fn failure(
    build: &ImageBuild,
    watch: &Watch,
    status: &tonic::Status,
    lost: impl Fn(String) -> EngineError,
) -> BuildError {
    let message = status.message().to_owned();
    let Some(failed) = watch.failure() else {
        // Our connection ended, rather than the build.
        if status.code() == tonic::Code::Unavailable || std::error::Error::source(status).is_some() {
            return lost(message).into();
        }
        let dockerfile = build.context.join(&build.dockerfile);
        if message.contains("dockerfile parse error") || message.contains("Dockerfile") {
            return BuildError::Dockerfile { dockerfile, message };
        }
        return BuildError::Failed { message };
    };
    if let Some(image) = failed.base {
        let message = message.trim_start_matches("failed to solve: ").to_owned();
        return BuildError::Base { image: short(&image), message };
    }
    let details = rpc::Status::decode(status.details()).map(|status| status.details).unwrap_or_default();
    let told = line(&details).or_else(|| place::line(&build_text(build)?, &failed.name));
    BuildError::Step(Box::new(FailedStep {
        text: author_words(&failed.text),
        line: told.map(|line| authors_line(build, line)),
        dockerfile: build.context.join(&build.dockerfile),
        exit: exit(&message).or_else(|| exit(&failed.message)),
        output: failed.output,
        message: failed.message,
    }))
}

/// `docker.io/library/python:3.11` is written `python:3.11`.
fn short(image: &str) -> String {
    let image = image.strip_prefix("docker.io/").unwrap_or(image);
    image.strip_prefix("library/").unwrap_or(image).to_owned()
}

/// `…: exit code: 3`, and in between versions `runc did not terminate successfully: exit status 3`.
fn exit(message: &str) -> Option<i64> {
    ["exit code: ", "exit status "].iter().find_map(|before| {
        let (_, after) = message.rsplit_once(before)?;
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

/// Where in the Dockerfile: BuildKit puts an `errdefs.Source` beside the message, as JSON.
fn line(details: &[bollard_buildkit_proto::google::protobuf::Any]) -> Option<u32> {
    details.iter().find_map(|detail| {
        if !detail.type_url.contains("errdefs.Source") {
            return None;
        }
        let source: serde_json::Value = serde_json::from_slice(&detail.value).ok()?;
        let line = source["ranges"][0]["start"]["line"].as_u64()?;
        u32::try_from(line).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::{exit, short};

    #[test]
    fn exits() {
        for (message, status) in [
            ("executor failed running [/bin/sh -c exit 3]: exit code: 3", Some(3)),
            ("process \"/bin/sh -c x\" did not complete successfully: exit code: 127", Some(127)),
            ("runc run failed: exit status 1", Some(1)),
            ("failed to compute cache key: not found", None),
        ] {
            assert_eq!(exit(message), status, "{message}");
        }
    }

    #[test]
    fn names_as_they_are_written() {
        assert_eq!(short("docker.io/library/python:3.11"), "python:3.11");
        assert_eq!(short("docker.io/me/python:3"), "me/python:3");
        assert_eq!(short("r.example/python:3"), "r.example/python:3");
    }
}
