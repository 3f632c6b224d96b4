//! `conda-meta/NAME-VERSION-BUILD.json`: what conda knows of a package that it installed.

use serde::Deserialize;

/// What is of use in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CondaMeta {
    /// conda's name for it: `pytorch`, where the distribution is `torch`.
    pub name: String,
    pub version: String,
    pub build: String,
    /// An address, or a name with `/linux-64` behind it.
    pub channel: Option<String>,
    pub url: Option<String>,
    /// conda's names and versions, not those of an index for Python.
    pub depends: Vec<String>,
    /// Relative to the environment.
    pub files: Vec<String>,
}

/// Reads it.
pub fn read(bytes: &[u8]) -> Result<CondaMeta, String> {
    let meta: CondaMeta = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if meta.name.is_empty() { Err("it has no `name`".to_owned()) } else { Ok(meta) }
}

/// Name, version and build in the name of the file (given without `.json`); a name may hold `-`.
pub fn name_of_file(stem: &str) -> Option<(&str, &str, &str)> {
    let (rest, build) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    (!name.is_empty()).then_some((name, version, build))
}

impl CondaMeta {
    /// The channel without the platform: `conda-forge`, or an address where it is no well-known one.
    pub fn channel(&self) -> Option<String> {
        let channel = super::direct_url::without_password(self.channel.as_deref()?);
        let channel = channel.trim_end_matches('/');
        let bare = match channel.rsplit_once('/') {
            Some((front, "noarch")) => front,
            Some((front, last)) if PLATFORMS.iter().any(|platform| last.starts_with(platform)) => front,
            _ => channel,
        };
        (!bare.is_empty()).then(|| bare.to_owned())
    }

    /// Of its files, the one below a site folder that ends so.
    pub fn names(&self, below_site: &str) -> bool {
        self.files.iter().any(|file| {
            file.strip_suffix(below_site)
                .is_some_and(|front| front.ends_with("site-packages/") || front.is_empty())
        })
    }
}

const PLATFORMS: [&str; 4] = ["linux-", "osx-", "win-", "emscripten-"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package() {
        let meta = read(
            br#"{"name":"pytorch","version":"2.1.0","build":"py311_0","build_number":0,
                "channel":"https://me:t0k@channel.example/pytorch/linux-64","depends":["python >=3.11"],
                "files":["lib/python3.11/site-packages/torch/__init__.py","bin/torchrun"],"extra":{"x":1}}"#,
        )
        .unwrap();
        assert_eq!((meta.name.as_str(), meta.build.as_str()), ("pytorch", "py311_0"));
        assert_eq!(meta.channel().as_deref(), Some("https://channel.example/pytorch"));
        assert!(meta.names("torch/__init__.py") && !meta.names("ch/__init__.py"));
    }

    #[test]
    fn names_of_files() {
        assert_eq!(name_of_file("python-dateutil-2.9.0-pyh_0"), Some(("python-dateutil", "2.9.0", "pyh_0")));
        assert_eq!(name_of_file("history"), None);
        assert_eq!(name_of_file("-1-2"), None);
    }

    #[test]
    fn what_is_not_one_is_told() {
        assert!(read(b"{}").unwrap_err().contains("name"));
        assert!(read(b"\x00").is_err());
        let plain = CondaMeta { channel: Some("conda-forge".into()), ..CondaMeta::default() };
        assert_eq!(plain.channel().as_deref(), Some("conda-forge"));
    }
}
