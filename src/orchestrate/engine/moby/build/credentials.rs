//! Who the docker client is to a registry: what `docker login` has left.

use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::surroundings::Surroundings;

/// Docker's own registry under the name that `docker login` keeps it by.
pub(in crate::orchestrate::engine::moby) const HUB: &str = "https://index.docker.io/v1/";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::orchestrate::engine::moby) struct Login {
    pub(in crate::orchestrate::engine::moby) user: String,
    /// A password, or with the user name `<token>` a token. Never shown.
    pub(in crate::orchestrate::engine::moby) secret: Secret,
}

/// A value that does not appear where the one around it is printed.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::orchestrate::engine::moby) struct Secret(pub(in crate::orchestrate::engine::moby) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// The login for this registry; `None` when there is none, or what there is cannot be read: then the
/// registry is asked without, and says so itself.
pub(in crate::orchestrate::engine::moby) fn login(
    registry: &str,
    surroundings: &Surroundings,
) -> Option<Login> {
    let key = match registry {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => HUB,
        other => other,
    };
    let file = surroundings.docker_config()?.join("config.json");
    let config: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    let helper = config["credHelpers"][key].as_str().or_else(|| config["credsStore"].as_str());
    if let Some(helper) = helper
        && let Some(login) = ask(helper, key, surroundings)
    {
        return Some(login);
    }
    let entries = config["auths"].as_object()?;
    let bare = |name: &str| {
        let name = name.trim_start_matches("https://").trim_start_matches("http://");
        name.split('/').next().unwrap_or(name).to_owned()
    };
    let entry = entries
        .get(key)
        .or_else(|| entries.iter().find(|(name, _)| bare(name) == bare(key)).map(|(_, entry)| entry))?;
    if let Some(token) = entry["identitytoken"].as_str().filter(|token| !token.is_empty()) {
        return Some(Login { user: "<token>".to_owned(), secret: Secret(token.to_owned()) });
    }
    let decoded = STANDARD.decode(entry["auth"].as_str()?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, secret) = text.split_once(':')?;
    Some(Login { user: user.to_owned(), secret: Secret(secret.trim_end_matches('\0').to_owned()) })
}

/// The protocol of `docker-credential-…`: the registry's name in, a JSON value out.
fn ask(helper: &str, key: &str, surroundings: &Surroundings) -> Option<Login> {
    let program = format!("docker-credential-{helper}");
    let program = which::which_in(program, surroundings.get("PATH"), "/").ok()?;
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(key.as_bytes()).ok()?;
    let output = child.wait_with_output().ok()?;
    if !output.status.success() {
        return None;
    }
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let user = said["Username"].as_str()?.to_owned();
    let secret = said["Secret"].as_str().filter(|secret| !secret.is_empty())?;
    Some(Login { user, secret: Secret(secret.to_owned()) })
}

/// The registry of a reference: its first part where that looks like a host.
pub(in crate::orchestrate::engine::moby) fn registry(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => "docker.io",
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // half-written files of a test harm nobody
mod tests {
    use super::*;

    #[test]
    fn logins_of_the_configuration_and_of_helpers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let auth = STANDARD.encode("me:pass:word");
        std::fs::write(
            folder.path().join("config.json"),
            format!(
                r#"{{"auths":{{"{HUB}":{{"auth":"{auth}"}},"https://r.example":{{"identitytoken":"t"}},"h.example":{{}}}},
                   "credHelpers":{{"h.example":"test"}}}}"#
            ),
        )
        .unwrap();
        let helper = folder.path().join("docker-credential-test");
        std::fs::write(
            &helper,
            "#!/bin/sh\nread key\necho \"{\\\"Username\\\":\\\"u\\\",\\\"Secret\\\":\\\"$key\\\"}\"\n",
        )
        .unwrap();
        std::fs::set_permissions(&helper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let search = format!("{path}:/usr/bin:/bin");
        let surroundings = Surroundings::of([("DOCKER_CONFIG", path), ("PATH", &search)]);
        let known = |registry| login(registry, &surroundings).map(|login| (login.user, login.secret.0));
        assert_eq!(known("docker.io"), Some(("me".into(), "pass:word".into())));
        assert_eq!(known("registry-1.docker.io"), Some(("me".into(), "pass:word".into())));
        assert_eq!(known("r.example"), Some(("<token>".into(), "t".into())));
        assert_eq!(known("h.example"), Some(("u".into(), "h.example".into())));
        assert_eq!(known("nobody.example"), None);
    }

    #[test]
    fn registries_of_references() {
        for (reference, host) in [
            ("python:3.11", "docker.io"),
            ("me/python", "docker.io"),
            ("r.example/a/b:1", "r.example"),
            ("localhost/a", "localhost"),
            ("r:5000/a", "r:5000"),
        ] {
            assert_eq!(registry(reference), host);
        }
    }
}
