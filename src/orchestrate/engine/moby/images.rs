//! Images that are there, and base images that may be had.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard::query_parameters as query;
use serde::{Deserialize, Serialize};

use super::Moby;
use super::build::credentials;
use super::containers::encode;
use super::error::EngineError;

/// What an engine says of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    pub id: String,
    /// `name@sha256:…` of the registry it came from, where it came from one.
    pub digest: Option<String>,
    pub tags: Vec<String>,
    pub labels: BTreeMap<String, String>,
    /// Bytes on the disk, shared layers included.
    pub size: u64,
    /// As the engine writes it (RFC 3339).
    pub created: String,
    pub user: String,
    pub workdir: String,
    pub env: Vec<String>,
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    pub os: String,
    pub architecture: String,
    /// Layers from the base up.
    pub layers: Vec<String>,
}

/// What a list says of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundImage {
    pub id: String,
    pub tags: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub size: u64,
    /// Seconds since 1970.
    pub created: i64,
}

/// Whether a base image can be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// The engine has it.
    Here,
    /// A registry has it.
    InRegistry,
    /// Why not.
    Absent(String),
}

/// What is on the engine's disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskUse {
    /// Bytes of all image layers.
    pub layers: u64,
    /// By image id: bytes that no other image shares.
    pub unique: BTreeMap<String, u64>,
    /// Bytes that the build cache holds.
    pub build_cache: u64,
}

impl Moby {
    /// `None` when there is none of this name or id.
    pub fn image(&self, reference: &str) -> Result<Option<ImageFacts>, EngineError> {
        self.wait(self.image_facts(reference))?
    }

    async fn image_facts(&self, reference: &str) -> Result<Option<ImageFacts>, EngineError> {
        let path = format!("/images/{}/json", reference_path(reference));
        let value = match self.get_json(&path, "inspect the image").await {
            Ok(value) => value,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error),
        };
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let texts = |value: &serde_json::Value| -> Vec<String> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect()
        };
        let config = &value["Config"];
        Ok(Some(ImageFacts {
            id: text(&value["Id"]),
            digest: value["RepoDigests"][0].as_str().map(str::to_owned),
            tags: texts(&value["RepoTags"]),
            labels: config["Labels"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
            size: value["Size"].as_u64().unwrap_or(0),
            created: text(&value["Created"]),
            user: text(&config["User"]),
            workdir: text(&config["WorkingDir"]),
            env: texts(&config["Env"]),
            entrypoint: texts(&config["Entrypoint"]),
            command: texts(&config["Cmd"]),
            os: text(&value["Os"]),
            architecture: text(&value["Architecture"]),
            layers: texts(&value["RootFS"]["Layers"]),
        }))
    }

    /// Whether a base image is here, or could be had, asked through the engine: its network, its
    /// mirrors and its logins count, not ours. Nothing is fetched.
    pub fn base_available(&self, reference: &str, within: Duration) -> Result<Availability, EngineError> {
        // `FROM scratch` is no image.
        if reference == "scratch" {
            return Ok(Availability::Here);
        }
        self.wait(async {
            if self.image_facts(reference).await?.is_some() {
                return Ok(Availability::Here);
            }
            let absent = |reason: String| Ok(Availability::Absent(reason));
            match tokio::time::timeout(within, self.in_registry(reference)).await {
                Ok(Ok(())) => Ok(Availability::InRegistry),
                Ok(Err(EngineError::Refused { message, .. })) => absent(message),
                Ok(Err(error)) => Err(error),
                Err(_) => absent(format!("its registry did not answer within {} s", within.as_secs())),
            }
        })?
    }

    /// `GET /distribution/…/json` goes straight to the registry of the name. Podman (4.3) has no such
    /// call; there a look for the tag has to do.
    async fn in_registry(&self, reference: &str) -> Result<(), EngineError> {
        let registry = credentials::registry(reference);
        let login = credentials::login(registry, &self.surroundings);
        let credentials = login.map(|login| {
            let token = login.user == "<token>";
            bollard::auth::DockerCredentials {
                username: (!token).then(|| login.user.clone()),
                password: (!token).then(|| login.secret.0.clone()),
                identitytoken: token.then(|| login.secret.0.clone()),
                serveraddress: Some(registry.to_owned()),
                ..bollard::auth::DockerCredentials::default()
            }
        });
        self.docker
            .inspect_registry_image(reference, credentials)
            .await
            .map(|_| ())
            .map_err(|error| self.failed("ask the registry", error))
    }

    /// All images with these labels (`key` or `key=value`).
    pub fn images(&self, labels: &[&str]) -> Result<Vec<FoundImage>, EngineError> {
        let filters: HashMap<&str, Vec<&str>> = HashMap::from([("label", labels.to_vec())]);
        let options = query::ListImagesOptionsBuilder::new().filters(&filters).build();
        let found = self
            .wait(self.docker.list_images(Some(options)))?
            .map_err(|error| self.failed("list the images", error))?;
        let found = found.into_iter().map(|one| FoundImage {
            id: one.id,
            // An image without a name says so in words.
            tags: one
                .repo_tags
                .iter()
                .filter(|tag| *tag != "<none>:<none>")
                .map(|tag| familiar(tag).to_owned())
                .collect(),
            labels: one.labels.into_iter().collect(),
            size: u64::try_from(one.size).unwrap_or(0),
            created: one.created,
        });
        Ok(found.collect())
    }

    /// Takes the name away, and the image with its last one. One that is gone is fine; one that a
    /// container uses is refused, unless forced.
    pub fn remove_image(&self, reference: &str, force: bool) -> Result<(), EngineError> {
        let options = query::RemoveImageOptionsBuilder::new().force(force).build();
        match self.wait(self.docker.remove_image(reference, Some(options), None))? {
            Ok(_) => Ok(()),
            Err(error) => match self.failed("remove the image", error) {
                error if error.is_absent() => Ok(()),
                error => Err(error),
            },
        }
    }

    /// What it is all worth. Takes the engine seconds when it has many containers.
    pub fn disk_use(&self) -> Result<DiskUse, EngineError> {
        let value = self.wait(self.get_json("/system/df", "measure its disk"))??;
        let list = |name: &str| value[name].as_array().cloned().unwrap_or_default();
        let images = list("Images");
        let unique = images.iter().filter_map(|image| {
            let size = image["Size"].as_i64()?;
            let shared = image["SharedSize"].as_i64().unwrap_or(0).max(0);
            Some((image["Id"].as_str()?.to_owned(), u64::try_from(size - shared).unwrap_or(0)))
        });
        Ok(DiskUse {
            layers: value["LayersSize"].as_u64().unwrap_or(0),
            unique: unique.collect(),
            build_cache: list("BuildCache")
                .iter()
                .filter(|entry| entry["Shared"] != true)
                .filter_map(|entry| entry["Size"].as_u64())
                .sum(),
        })
    }
}

/// A name as it is typed and as docker shows it: podman writes out the registry that is meant.
fn familiar(tag: &str) -> &str {
    let Some(rest) = tag.strip_prefix("docker.io/") else { return tag };
    rest.strip_prefix("library/").unwrap_or(rest)
}

impl DiskUse {
    /// Bytes that no other image shares; an engine may write an id without its kind, or only begin it.
    pub fn unique_of(&self, id: &str) -> Option<u64> {
        let bare = |id: &str| id.trim_start_matches("sha256:").to_owned();
        let whole = bare(id);
        let found = self.unique.iter().find(|(one, _)| {
            let one = bare(one);
            !one.is_empty() && whole.starts_with(&one)
        });
        found.map(|(_, bytes)| *bytes)
    }
}

/// A reference within a path: its slashes stay.
fn reference_path(reference: &str) -> String {
    let parts: Vec<String> = reference.split('/').map(encode).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_they_are_typed() {
        for (tag, shown) in [
            ("docker.io/scaf/p-e:1", "scaf/p-e:1"),
            ("docker.io/library/python:3.11", "python:3.11"),
            ("scaf/p-e:1", "scaf/p-e:1"),
            ("localhost/e:1", "localhost/e:1"),
            ("registry:5000/docker.io/x:1", "registry:5000/docker.io/x:1"),
        ] {
            assert_eq!(familiar(tag), shown);
        }
    }

    #[test]
    fn what_an_image_has_for_itself_is_found_by_any_form_of_its_id() {
        let of = |id: &str| DiskUse { layers: 0, unique: [(id.to_owned(), 7)].into(), build_cache: 0 };
        for id in ["sha256:0123456789abcdef", "0123456789abcdef", "0123456789ab"] {
            assert_eq!(of(id).unique_of("sha256:0123456789abcdef"), Some(7), "{id}");
        }
        assert_eq!(of("sha256:").unique_of("sha256:0123456789abcdef"), None);
        assert_eq!(of("1123456789ab").unique_of("sha256:0123456789abcdef"), None);
    }
}
