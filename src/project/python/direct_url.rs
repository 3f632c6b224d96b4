//! `direct_url.json` of a dist-info (PEP 610): the address that a distribution was asked for by.

use serde::Deserialize;

/// What it says. Passwords in addresses are taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectUrl {
    pub url: String,
    pub subdirectory: Option<String>,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Vcs { system: String, commit: String, requested: Option<String> },
    Archive { hash: Option<String> },
    Folder { editable: bool },
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DirectUrlError {
    #[error("it is not JSON as PEP 610 has it: {0}")]
    Json(String),
    #[error("it says neither `vcs_info`, `archive_info` nor `dir_info`")]
    Kind,
}

#[derive(Deserialize)]
struct Written {
    url: String,
    subdirectory: Option<String>,
    vcs_info: Option<Vcs>,
    archive_info: Option<Archive>,
    dir_info: Option<Folder>,
}

#[derive(Deserialize)]
struct Vcs {
    #[serde(rename = "vcs")]
    system: String,
    commit_id: String,
    requested_revision: Option<String>,
}

#[derive(Deserialize)]
struct Archive {
    hash: Option<String>,
    hashes: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Folder {
    #[serde(default)]
    editable: Option<bool>,
}

/// Reads it.
pub fn read(bytes: &[u8]) -> Result<DirectUrl, DirectUrlError> {
    let written: Written =
        serde_json::from_slice(bytes).map_err(|error| DirectUrlError::Json(error.to_string()))?;
    let what = match (written.vcs_info, written.archive_info, written.dir_info) {
        (Some(vcs), _, _) => {
            What::Vcs { system: vcs.system, commit: vcs.commit_id, requested: vcs.requested_revision }
        }
        (_, Some(archive), _) => What::Archive { hash: archive.hash() },
        (_, _, Some(folder)) => What::Folder { editable: folder.editable.unwrap_or(false) },
        _ => return Err(DirectUrlError::Kind),
    };
    Ok(DirectUrl { url: without_password(&written.url), subdirectory: written.subdirectory, what })
}

impl Archive {
    /// The strongest of them, spelt `sha256=…`.
    fn hash(self) -> Option<String> {
        let hashes = self.hashes.unwrap_or_default();
        ["sha512", "sha384", "sha256"]
            .iter()
            .find_map(|name| Some(format!("{name}={}", hashes.get(*name)?)))
            .or(self.hash)
    }
}

impl DirectUrl {
    /// The path of a `file:` address.
    pub fn path(&self) -> Option<String> {
        let rest = self.url.strip_prefix("file:")?;
        let path = match rest.strip_prefix("//") {
            Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
            None => rest,
        };
        let path = path.split(['#', '?']).next().unwrap_or(path);
        path.starts_with('/').then(|| unquoted(path))
    }
}

/// The `file:` address of an absolute path.
pub fn of_path(path: &str) -> String {
    let mut url = String::from("file://");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

/// `%20` and the like as what they stand for.
fn unquoted(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) if *byte == b'%' => {
                plain.push(value);
                at += 3;
            }
            _ => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The address without `user:password@`. A lone `git@` stays, and so does what stands for a variable.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..host_end].rfind('@') else { return url.to_owned() };
    let user = &rest[..at];
    if user == "git" || (user.contains("${") && user.split(':').all(|part| part.starts_with("${"))) {
        return url.to_owned();
    }
    format!("{scheme}://{}", &rest[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_address() {
        let url = of_path("/a b/é+x-1.whl");
        assert_eq!(url, "file:///a%20b/%C3%A9%2Bx-1.whl");
        let direct = DirectUrl { url, subdirectory: None, what: What::Archive { hash: None } };
        assert_eq!(direct.path().as_deref(), Some("/a b/é+x-1.whl"));
    }

    #[test]
    fn the_three_kinds() {
        let git = read(
            br#"{"url":"https://me:secret@host/x.git","subdirectory":"py",
                "vcs_info":{"vcs":"git","commit_id":"abc","requested_revision":"main"}}"#,
        )
        .unwrap();
        assert_eq!(git.url, "https://host/x.git");
        assert_eq!(git.subdirectory.as_deref(), Some("py"));
        assert_eq!(
            git.what,
            What::Vcs { system: "git".into(), commit: "abc".into(), requested: Some("main".into()) }
        );
        let archive = read(
            br#"{"url":"file:///tmp/a%20b/x-1.whl","archive_info":{"hash":"md5=1","hashes":{"md5":"1","sha256":"2"}}}"#,
        )
        .unwrap();
        assert_eq!(archive.path().as_deref(), Some("/tmp/a b/x-1.whl"));
        assert_eq!(archive.what, What::Archive { hash: Some("sha256=2".into()) });
        for (text, editable) in [(r#"{"editable":true}"#, true), ("{}", false)] {
            let folder = read(format!(r#"{{"url":"file:///x","dir_info":{text}}}"#).as_bytes()).unwrap();
            assert_eq!(folder.what, What::Folder { editable });
        }
    }

    #[test]
    fn what_is_not_one_is_told() {
        assert_eq!(read(br#"{"url":"x"}"#), Err(DirectUrlError::Kind));
        assert!(matches!(read(b"\xff{"), Err(DirectUrlError::Json(_))));
        assert!(matches!(read(br#"{"url":1,"dir_info":{}}"#), Err(DirectUrlError::Json(_))));
    }

    #[test]
    fn passwords_are_taken_out_and_names_without_one_stay() {
        for (url, shown) in [
            ("https://u:p@h/x", "https://h/x"),
            ("https://token@h/x", "https://h/x"),
            ("ssh://git@h/x", "ssh://git@h/x"),
            ("https://${USER}:${TOKEN}@h/x", "https://${USER}:${TOKEN}@h/x"),
            ("https://h/x@y", "https://h/x@y"),
            ("/plain", "/plain"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn a_path_is_decoded_and_cut() {
        for (url, path) in [
            ("file://localhost/a", Some("/a")),
            ("file:///a%2", Some("/a%2")),
            ("file:///a#subdirectory=b", Some("/a")),
            ("https://h/a", None),
            ("file:rel", None),
        ] {
            let url = DirectUrl { url: url.into(), subdirectory: None, what: What::Archive { hash: None } };
            assert_eq!(url.path().as_deref(), path, "{}", url.url);
        }
    }
}
