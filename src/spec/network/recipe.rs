//! How a secret file is made out of what this machine has, said without its content: the recipe
//! stands in plans, the file is made when the build begins, in Rust (`make`) or, printed, by the
//! shell (`shell`). A test holds the two together.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{netrc, pip_conf, uv_toml};
use crate::spec::plan::shell;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "make")]
pub enum Recipe {
    /// A pip.conf with what concerns the network out of these files, later ones over earlier ones,
    /// and of these variables over the files.
    PipConf { files: Vec<PathBuf>, variables: Vec<String> },
    /// A uv.toml out of variables.
    UvToml { variables: Vec<String> },
    /// The entries of a netrc for these hosts.
    Netrc { file: PathBuf, hosts: Vec<String> },
}

/// A file that the recipe names cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("`{}`, which the build needs for the package index, cannot be read", path.display())]
pub struct RecipeError {
    pub path: PathBuf,
    #[source]
    pub source: io::Error,
}

impl crate::spec::hint::Explain for RecipeError {
    fn fault(&self) -> crate::spec::hint::Fault {
        crate::spec::hint::Fault::World
    }
}

impl Recipe {
    /// The content. `variable` and `read` are this machine's environment and disk.
    pub fn make(
        &self,
        variable: &dyn Fn(&str) -> Option<String>,
        read: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<String, RecipeError> {
        let read = |path: &Path| read(path).map_err(|source| RecipeError { path: path.to_owned(), source });
        match self {
            Self::PipConf { files, variables } => {
                let mut conf = pip_conf::PipConf::default();
                for file in files {
                    conf.add(&read(file)?);
                }
                for name in variables {
                    conf.set(name, &variable(name).unwrap_or_default());
                }
                Ok(conf.to_text())
            }
            Self::UvToml { variables } => {
                let value = |name: &str| {
                    if variables.iter().any(|one| one == name) { variable(name) } else { None }
                };
                Ok(uv_toml::text(&value))
            }
            Self::Netrc { file, hosts } => Ok(netrc::of_hosts(&read(file)?, hosts)),
        }
    }

    /// A command line of the shell whose standard output is the content.
    pub fn shell(&self) -> String {
        match self {
            Self::PipConf { files, variables } => pip_conf::shell(files, variables),
            Self::UvToml { variables } => uv_toml::shell(variables),
            Self::Netrc { file, hosts } => netrc::shell(&shell::word(&file.to_string_lossy()), hosts),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::process::Command;

    use super::*;

    /// Makes it both ways.
    fn both(recipe: &Recipe, variables: &BTreeMap<&str, &str>) -> (String, String) {
        let made = recipe
            .make(&|name| variables.get(name).map(|value| (*value).to_owned()), &|path| {
                std::fs::read_to_string(path)
            })
            .unwrap();
        let out = Command::new("sh")
            .args(["-c", &format!("set -eu\n{}", recipe.shell())])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(variables)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        (made, String::from_utf8(out.stdout).unwrap())
    }

    fn file(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = dir.path().join(name);
        let mut file = std::fs::File::create(&path).unwrap();
        io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        path
    }

    #[test]
    fn a_pip_conf_is_made_the_same_in_rust_and_in_the_shell() {
        let dir = tempfile::tempdir().unwrap();
        let global = file(
            &dir,
            "pip.conf",
            "# ours\n[global]\nindex-url = https://a.example/simple\ncert = /x.crt\nExtra_Index_Url =\n    https://b.example/simple\n    # not this\n    https://c.example/simple\n\n[list]\nformat = columns\n[freeze]\ntimeout = 10\n",
        );
        let user = file(
            &dir,
            "it's.conf",
            "[global]\nindex-url: https://u:p%40@d.example/simple\r\ntarget = /nowhere\n[install]\nfind-links = /opt/wheels\n  https://w.example/f file:///x\ntrusted-host = d.example\nno-deps = yes\n[download]\nindex-url = https://e.example/simple\n",
        );
        let recipe = Recipe::PipConf { files: vec![global, user], variables: vec![] };
        let (made, typed) = both(&recipe, &BTreeMap::new());
        assert_eq!(made, typed);
        insta::assert_snapshot!(made);

        let Recipe::PipConf { files, .. } = recipe else { panic!() };
        let recipe = Recipe::PipConf {
            files,
            variables: vec![
                "PIP_INDEX_URL".into(),
                "PIP_EXTRA_INDEX_URL".into(),
                "PIP_DEFAULT_TIMEOUT".into(),
            ],
        };
        let variables = BTreeMap::from([
            ("PIP_INDEX_URL", "https://x.example/$HOME/'\"&\\1/simple"),
            ("PIP_EXTRA_INDEX_URL", "https://y.example  https://z.example"),
            ("PIP_DEFAULT_TIMEOUT", "180"),
        ]);
        let (made, typed) = both(&recipe, &variables);
        assert_eq!(made, typed);
        assert!(made.contains("index-url = https://x.example/$HOME/'\"&\\1/simple\n"), "{made}");
        assert!(
            !made.contains("d.example/simple") && !made.contains("e.example"),
            "a variable beats every section: {made}"
        );

        let alone = Recipe::PipConf { files: vec![], variables: vec!["PIP_INDEX_URL".into()] };
        let (made, typed) = both(&alone, &variables);
        assert_eq!(
            (made.as_str(), typed.as_str()),
            ("[global]\nindex-url = https://x.example/$HOME/'\"&\\1/simple\n", made.as_str())
        );
    }

    #[test]
    fn a_uv_toml_is_made_the_same_in_rust_and_in_the_shell() {
        let variables = BTreeMap::from([
            ("UV_DEFAULT_INDEX", "main=https://u:p@a.example/simple?x=y"),
            ("UV_INDEX", "torch=https://b.example/cpu https://c.example/simple?k=v"),
            ("UV_INSECURE_HOST", "a.example b.example:8080"),
        ]);
        let recipe = Recipe::UvToml { variables: variables.keys().map(|name| (*name).to_owned()).collect() };
        let (made, typed) = both(&recipe, &variables);
        assert_eq!(made, typed);
        insta::assert_snapshot!(made);
        made.parse::<toml::Table>().unwrap();
        let old = BTreeMap::from([("UV_INDEX_URL", "https://a"), ("UV_EXTRA_INDEX_URL", "https://b")]);
        let recipe = Recipe::UvToml { variables: old.keys().map(|name| (*name).to_owned()).collect() };
        let (made, typed) = both(&recipe, &old);
        assert_eq!(made, typed);
        assert_eq!(made, "index-url = \"https://a\"\nextra-index-url = [\"https://b\"]\n");
    }

    #[test]
    fn a_netrc_keeps_the_hosts_that_are_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = file(
            &dir,
            "netrc",
            "# mine\nmachine other.example login me password no\nmachine a.example\n  login me\n  password p#1\nmachine b.example login x account y password z machine c.example login c password c\ndefault login anonymous password x\n",
        );
        let recipe = Recipe::Netrc { file, hosts: vec!["a.example".into(), "b.example".into()] };
        let (made, typed) = both(&recipe, &BTreeMap::new());
        assert_eq!(made, typed);
        assert_eq!(
            made,
            "machine a.example login me password p#1\nmachine b.example login x account y password z\n"
        );
    }

    #[test]
    fn a_file_that_is_gone_is_named() {
        let recipe = Recipe::Netrc { file: "/gone/netrc".into(), hosts: vec![] };
        let error = recipe.make(&|_| None, &|path| std::fs::read_to_string(path)).unwrap_err();
        assert!(error.to_string().contains("/gone/netrc"));
    }
}
