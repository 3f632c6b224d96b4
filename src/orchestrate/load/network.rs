//! What this machine's network asks of a build: the package index, the proxy and the certificates
//! that its user has set up for pip and uv. Values are looked at here and forgotten; what is kept is
//! where they are (`spec::network`).

pub mod in_place_of_pip;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::spec::hint::{Explain, Fault};
use crate::spec::image_tag::PROXIES;
use crate::spec::network::pip_conf::{self, PipConf};
use crate::spec::network::recipe::Recipe;
use crate::spec::network::{Certificates, LocalOnly, NetworkHelp, SECRET_LIMIT, UvConfig, netrc, uv_toml};

#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("`{}` cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}`, named by `{variable}`, has {} KiB; a secret of a build holds {}", path.display(), size / 1024, SECRET_LIMIT / 1024)]
    TooLarge { path: PathBuf, variable: String, size: u64 },
}

impl Explain for NetworkError {
    fn fault(&self) -> Fault {
        Fault::World
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Read { .. } => Vec::new(),
            Self::TooLarge { path, variable, .. } => vec![
                format!(
                    "leave out what stands between the certificates: `sed -n '/-----BEGIN/,/-----END/p' {} > ~/ca.pem`",
                    path.display()
                ),
                format!("then `export {variable}=~/ca.pem`"),
            ],
        }
    }
}

/// Variables that name a file of certificates, as the tools read them.
const GENERAL: [&str; 4] = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"];
const PIP_CERT: &str = "PIP_CERT";
/// Where an administrator puts certificates of his own: Debian, Red Hat, SUSE.
const ANCHORS: [&str; 3] =
    ["usr/local/share/ca-certificates", "etc/pki/ca-trust/source/anchors", "etc/pki/trust/anchors"];
/// What the system makes of them and of the public ones.
const SYSTEM_BUNDLES: [&str; 3] = [
    "etc/ssl/certs/ca-certificates.crt",
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "etc/ssl/ca-bundle.pem",
];

/// Looks at the environment and the disk. `system` is `/`.
pub fn find(variable: &dyn Fn(&str) -> Option<String>, system: &Path) -> Result<NetworkHelp, NetworkError> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut search = Search::new(&variable, system);
    let cert = search.pip()?;
    search.uv()?;
    search.netrc()?;
    search.proxies();
    search.certificates(cert)?;
    Ok(search.help)
}

/// What pip and uv are set to, and no more: which of them knows the user's package index.
pub fn indexes(
    variable: &dyn Fn(&str) -> Option<String>,
    system: &Path,
) -> Result<NetworkHelp, NetworkError> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut search = Search::new(&variable, system);
    search.pip()?;
    search.uv()?;
    Ok(search.help)
}

struct Search<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    system: &'a Path,
    help: NetworkHelp,
    /// Of the indexes that have no password in their address.
    hosts: Vec<String>,
}

impl<'a> Search<'a> {
    fn new(variable: &'a dyn Fn(&str) -> Option<String>, system: &'a Path) -> Self {
        Self { variable, system, help: NetworkHelp::default(), hosts: Vec::new() }
    }

    fn home(&self, path: &str) -> Option<PathBuf> {
        (self.variable)("HOME").map(|home| Path::new(&home).join(path))
    }

    /// `$XDG_CONFIG_HOME/path` or `~/.config/path`.
    fn user_config(&self, path: &str) -> Option<PathBuf> {
        let base = (self.variable)("XDG_CONFIG_HOME").map(PathBuf::from).filter(|base| base.is_absolute());
        base.map(|base| base.join(path)).or_else(|| self.home(&format!(".config/{path}")))
    }

    /// Of the machine: `/etc/xdg/path`, then `/etc/name`.
    fn system_config(&self, path: &str, other: &str) -> Vec<PathBuf> {
        let folders = (self.variable)("XDG_CONFIG_DIRS");
        let mut found: Vec<PathBuf> = match &folders {
            Some(folders) => folders.split(':').map(|folder| Path::new(folder).join(path)).collect(),
            None => vec![self.system.join("etc/xdg").join(path)],
        };
        found.push(self.system.join(other));
        found
    }

    /// pip's configuration; gives the file of certificates that it names.
    fn pip(&mut self) -> Result<Option<(String, PathBuf)>, NetworkError> {
        let own = (self.variable)("PIP_CONFIG_FILE");
        let mut files: Vec<PathBuf> = Vec::new();
        // `/dev/null` keeps pip from reading any.
        if own.as_deref() != Some("/dev/null") {
            files.extend(self.system_config("pip/pip.conf", "etc/pip.conf"));
            files.extend(self.home(".pip/pip.conf"));
            files.extend(self.user_config("pip/pip.conf"));
            files.extend((self.variable)("VIRTUAL_ENV").map(|folder| Path::new(&folder).join("pip.conf")));
            files.extend(own.map(PathBuf::from));
        }
        let mut cert = None;
        let mut of_use = Vec::new();
        for file in files {
            let Some(text) = read(&file)? else { continue };
            let place = file.display().to_string();
            if let Some(path) = pip_conf::setting(&text, "cert") {
                cert = Some((place.clone(), PathBuf::from(path)));
            }
            if pip_conf::setting(&text, "client-cert").is_some() {
                self.leave_out(&place, "`client-cert`, which a build cannot be given");
            }
            let conf = PipConf::read(&text);
            self.look_at_pip(&place, &conf);
            if !conf.is_empty() {
                of_use.push(file);
            }
        }
        let mut variables = Vec::new();
        for name in pip_conf::variables() {
            let Some(value) = (self.variable)(&name) else { continue };
            let mut conf = PipConf::default();
            conf.set(&name, &value);
            self.look_at_pip(&name, &conf);
            if !conf.is_empty() {
                variables.push(name);
            }
        }
        if (self.variable)("PIP_CLIENT_CERT").is_some() {
            self.leave_out("PIP_CLIENT_CERT", "a certificate of the client, which a build cannot be given");
        }
        if !of_use.is_empty() || !variables.is_empty() {
            self.help.pip = Some(Recipe::PipConf { files: of_use, variables });
        }
        Ok(cert)
    }

    fn look_at_pip(&mut self, place: &str, conf: &PipConf) {
        for key in ["index-url", "extra-index-url", "find-links", "proxy"] {
            for url in conf.values(key) {
                if key == "find-links" && !url.starts_with("http") {
                    self.leave_out(place, "a folder of packages on this machine (`find-links`)");
                } else {
                    self.look_at(place, url);
                }
            }
        }
    }

    fn uv(&mut self) -> Result<(), NetworkError> {
        let variables: Vec<String> = uv_toml::VARIABLES
            .iter()
            .filter(|name| (self.variable)(name).is_some())
            .map(|name| (*name).to_owned())
            .collect();
        for name in &variables {
            for word in (self.variable)(name).unwrap_or_default().split_whitespace() {
                self.look_at(name, uv_toml::url(word));
            }
        }
        if !variables.is_empty() {
            // They beat a file's indexes, so the file is not wanted.
            self.help.uv = Some(UvConfig::Recipe(Recipe::UvToml { variables }));
            return Ok(());
        }
        let mut files = Vec::new();
        if let Some(file) = (self.variable)("UV_CONFIG_FILE") {
            files.push(PathBuf::from(file));
        } else {
            files.extend(self.user_config("uv/uv.toml"));
            files.extend(self.system_config("uv/uv.toml", "etc/uv/uv.toml"));
        }
        for file in files {
            let Some(text) = read(&file)? else { continue };
            let Ok(table) = text.parse::<toml::Table>() else { continue };
            if !uv_toml::concerns_the_network(&table) {
                continue;
            }
            let place = file.display().to_string();
            for url in uv_toml::addresses(&table) {
                self.look_at(&place, url);
            }
            self.help.uv = Some(UvConfig::File(file));
            break;
        }
        Ok(())
    }

    fn netrc(&mut self) -> Result<(), NetworkError> {
        let file = (self.variable)("NETRC").map(PathBuf::from).or_else(|| self.home(".netrc"));
        let Some(file) = file else { return Ok(()) };
        if self.hosts.is_empty() {
            return Ok(());
        }
        let Some(text) = read(&file)? else { return Ok(()) };
        let known = netrc::hosts(&text);
        let hosts: Vec<String> = self.hosts.iter().filter(|host| known.contains(host)).cloned().collect();
        if !hosts.is_empty() {
            self.note_credentials(&file.display().to_string());
            self.help.netrc = Some(Recipe::Netrc { file, hosts });
        }
        Ok(())
    }

    fn proxies(&mut self) {
        for name in PROXIES {
            let Some(value) = (self.variable)(name) else { continue };
            if !name.eq_ignore_ascii_case("no_proxy")
                && let Some(host) = local_host(&value)
            {
                self.note_local(name, host);
            }
            self.help.proxies.push(name.to_owned());
        }
    }

    /// Every tool gets the file that it uses here. `cert` is pip's own, from its configuration.
    fn certificates(&mut self, cert: Option<(String, PathBuf)>) -> Result<(), NetworkError> {
        let general: Vec<(String, PathBuf)> = GENERAL
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), PathBuf::from((self.variable)(name)?))))
            .collect();
        let pip = (self.variable)(PIP_CERT).map(|path| (PIP_CERT.to_owned(), PathBuf::from(path))).or(cert);
        let mut wanted: Vec<(&str, (String, PathBuf))> = Vec::new();
        if let Some(pip) = pip.clone().or_else(|| general.first().cloned()) {
            wanted.push((PIP_CERT, pip));
        }
        for name in GENERAL {
            // One of the general ones stands in for another. pip's own says nothing about the others,
            // but these two beat it even on pip's command line (pip 23.2), so where pip has a file of
            // its own they are not invented.
            let beats_pip = matches!(name, "REQUESTS_CA_BUNDLE" | "CURL_CA_BUNDLE");
            let other = general
                .first()
                .filter(|(_, path)| !beats_pip || pip.as_ref().is_none_or(|pip| pip.1 == *path));
            if let Some(own) = general.iter().find(|(given, _)| given == name).or(other) {
                wanted.push((name, own.clone()));
            }
        }
        if wanted.is_empty()
            && let Some(bundle) = self.system_bundle()
        {
            let place = bundle.display().to_string();
            let all = std::iter::once(PIP_CERT).chain(GENERAL);
            wanted.extend(all.map(|name| (name, (place.clone(), bundle.clone()))));
        }
        for (name, (place, path)) in wanted {
            match fs::metadata(&path) {
                Ok(about) if about.is_file() => {
                    if about.len() > SECRET_LIMIT {
                        return Err(NetworkError::TooLarge {
                            path,
                            variable: name.to_owned(),
                            size: about.len(),
                        });
                    }
                    let size = about.len();
                    match self.help.certificates.iter_mut().find(|one| one.path == path) {
                        Some(one) => one.variables.push(name.to_owned()),
                        None => self.help.certificates.push(Certificates {
                            path,
                            size,
                            variables: vec![name.to_owned()],
                        }),
                    }
                }
                Ok(_) => self.leave_out(&place, "a folder of certificates, which a build cannot be given"),
                Err(_) => self.leave_out(&place, &format!("`{}`, which is not there", path.display())),
            }
        }
        Ok(())
    }

    /// The system's bundle, where an administrator has added to it.
    fn system_bundle(&self) -> Option<PathBuf> {
        let added = ANCHORS.iter().any(|folder| has_a_file(&self.system.join(folder), 3));
        let bundles = SYSTEM_BUNDLES.iter().map(|path| self.system.join(path));
        bundles.into_iter().find(|path| added && path.is_file())
    }

    fn look_at(&mut self, place: &str, url: &str) {
        let Some((_, rest)) = url.split_once("://") else { return };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            self.note_credentials(place);
        } else {
            let host = host_of(authority).to_owned();
            if !self.hosts.contains(&host) {
                self.hosts.push(host);
            }
        }
        if let Some(host) = local_host(url) {
            self.note_local(place, host);
        }
    }

    fn note_credentials(&mut self, place: &str) {
        if !self.help.credentials.iter().any(|one| one == place) {
            self.help.credentials.push(place.to_owned());
        }
    }

    fn note_local(&mut self, place: &str, host: String) {
        self.help.local.push(LocalOnly { place: place.to_owned(), host });
    }

    fn leave_out(&mut self, place: &str, what: &str) {
        let line = format!("not carried into the build: `{place}` names {what}");
        if !self.help.left_out.contains(&line) {
            self.help.left_out.push(line);
        }
    }
}

/// A file's text; `None` where there is no such file.
fn read(path: &Path) -> Result<Option<String>, NetworkError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(source) => Err(NetworkError::Read { path: path.to_owned(), source }),
    }
}

fn has_a_file(folder: &Path, depth: usize) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() { depth > 0 && has_a_file(&path, depth - 1) } else { path.is_file() }
    })
}

/// The host of `user:password@host:port`.
fn host_of(authority: &str) -> &str {
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// `localhost:8080` out of an address that leads to this machine itself.
fn local_host(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host_of(authority);
    let local = host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified());
    local.then(|| authority.rsplit('@').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A machine: files below a folder, and variables.
    struct Machine {
        root: tempfile::TempDir,
        variables: BTreeMap<String, String>,
    }

    impl Machine {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let home = root.path().join("home").display().to_string();
            Self { root, variables: BTreeMap::from([("HOME".to_owned(), home)]) }
        }

        fn path(&self, path: &str) -> PathBuf {
            self.root.path().join(path)
        }

        fn file(&self, path: &str, text: &str) -> PathBuf {
            let path = self.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            io::Write::write_all(&mut fs::File::create(&path).unwrap(), text.as_bytes()).unwrap();
            path
        }

        fn set(&mut self, name: &str, value: impl Into<String>) {
            self.variables.insert(name.to_owned(), value.into());
        }

        fn find(&self) -> NetworkHelp {
            self.try_find().unwrap()
        }

        fn try_find(&self) -> Result<NetworkHelp, NetworkError> {
            find(&|name| self.variables.get(name).cloned(), self.root.path())
        }
    }

    #[test]
    fn a_machine_without_anything_needs_no_help() {
        let mut machine = Machine::new();
        machine.file("etc/ssl/certs/ca-certificates.crt", "public");
        machine.file("etc/pip.conf", "[global]\ndisable-pip-version-check = true\n");
        machine.set("PIP_INDEX_URL", "");
        assert_eq!(machine.find(), NetworkHelp::default());
    }

    #[test]
    fn pip_s_files_in_their_order_and_only_those_of_use() {
        let mut machine = Machine::new();
        let global = machine.file("etc/pip.conf", "[global]\nindex-url = https://a.example/simple\n");
        machine.file("home/.pip/pip.conf", "[list]\nformat = columns\n");
        let user = machine
            .file("home/.config/pip/pip.conf", "[install]\nextra-index-url = https://u:p@b.example/\n");
        let own = machine.file("mine.conf", "[global]\ntrusted-host = a.example\nclient-cert = /x\n");
        machine.set("PIP_CONFIG_FILE", own.display().to_string());
        machine.set("PIP_FIND_LINKS", "/opt/wheels");
        machine.set("PIP_TIMEOUT", "60");
        let help = machine.find();
        assert_eq!(
            help.pip,
            Some(Recipe::PipConf {
                files: vec![global, user.clone(), own],
                variables: vec!["PIP_TIMEOUT".into()]
            })
        );
        assert_eq!(help.credentials, [user.display().to_string()]);
        assert_eq!(help.left_out.len(), 2, "{:?}", help.left_out);
        assert!(!format!("{help:?}").contains("u:p"));
        machine.set("PIP_CONFIG_FILE", "/dev/null");
        assert_eq!(
            machine.find().pip,
            Some(Recipe::PipConf { files: vec![], variables: vec!["PIP_TIMEOUT".into()] })
        );
    }

    #[test]
    fn certificates_go_to_the_tools_that_use_them_here() {
        let mut machine = Machine::new();
        let corporate = machine.file("corporate.pem", "x");
        let all = machine.file("all.pem", "y");
        machine.file("etc/pip.conf", &format!("[global]\ncert = {}\n", corporate.display()));
        let only_pip = machine.find();
        assert_eq!(only_pip.certificates.len(), 1);
        assert_eq!(only_pip.certificates[0].variables, ["PIP_CERT"]);
        assert_eq!(only_pip.pip, None, "the certificates need no pip.conf");

        machine.set("REQUESTS_CA_BUNDLE", all.display().to_string());
        let help = machine.find();
        let said: Vec<_> =
            help.certificates.iter().map(|one| (one.path.clone(), one.variables.join(" "))).collect();
        assert_eq!(
            said,
            [
                (corporate, "PIP_CERT".to_owned()),
                (all.clone(), "SSL_CERT_FILE REQUESTS_CA_BUNDLE GIT_SSL_CAINFO".to_owned())
            ]
        );
        machine.set("PIP_CERT", "/gone.pem");
        let help = machine.find();
        assert_eq!(
            help.left_out,
            ["not carried into the build: `PIP_CERT` names `/gone.pem`, which is not there"]
        );

        machine.set("PIP_CERT", machine.root.path().display().to_string());
        assert_eq!(machine.find().left_out.len(), 1);

        machine.set("PIP_CERT", all.display().to_string());
        fs::OpenOptions::new().write(true).open(&all).unwrap().set_len(SECRET_LIMIT + 1).unwrap();
        let error = machine.try_find().unwrap_err();
        assert!(
            error.to_string().ends_with("named by `PIP_CERT`, has 500 KiB; a secret of a build holds 500"),
            "{error}"
        );
        assert_eq!(error.hints().len(), 2);
    }

    #[test]
    fn an_authority_added_to_the_system_is_carried() {
        let machine = Machine::new();
        machine.file("etc/ssl/certs/ca-certificates.crt", "public");
        assert_eq!(machine.find().certificates, []);
        machine.file("usr/local/share/ca-certificates/corporate/ca.crt", "x");
        let help = machine.find();
        assert_eq!(help.certificates[0].variables.len(), 5);
        assert_eq!(help.certificates[0].path, machine.path("etc/ssl/certs/ca-certificates.crt"));
    }

    #[test]
    fn uv_s_variables_beat_its_files() {
        let mut machine = Machine::new();
        let system = machine.file("etc/uv/uv.toml", "[[index]]\nurl = \"http://127.0.0.1:3141/simple\"\n");
        machine.file("home/.config/uv/uv.toml", "preview = true\n");
        let help = machine.find();
        assert_eq!(help.uv, Some(UvConfig::File(system.clone())));
        assert_eq!(
            help.local,
            [LocalOnly { place: system.display().to_string(), host: "127.0.0.1:3141".into() }]
        );
        machine.set("UV_INDEX", "torch=https://me:secret@torch.example/cpu");
        let help = machine.find();
        assert_eq!(help.uv, Some(UvConfig::Recipe(Recipe::UvToml { variables: vec!["UV_INDEX".into()] })));
        assert_eq!((help.credentials.len(), help.local.len()), (1, 0));
    }

    #[test]
    fn a_netrc_is_carried_for_the_index_alone() {
        let mut machine = Machine::new();
        let file = machine.file(
            "home/.netrc",
            "machine pypi.example login a password b\nmachine other login c password d\n",
        );
        assert_eq!(machine.find().netrc, None);
        machine.set("PIP_INDEX_URL", "https://pypi.example:8443/simple");
        let help = machine.find();
        assert_eq!(
            help.netrc,
            Some(Recipe::Netrc { file: file.clone(), hosts: vec!["pypi.example".into()] })
        );
        assert_eq!(help.credentials, [file.display().to_string()]);
    }

    #[test]
    fn proxies_are_known_by_name_and_a_local_one_is_told() {
        let mut machine = Machine::new();
        machine.set("HTTPS_PROXY", "http://me:secret@proxy.example:3128");
        machine.set("http_proxy", "localhost:3128");
        machine.set("NO_PROXY", "localhost,127.0.0.1");
        let help = machine.find();
        assert_eq!(help.proxies, ["HTTPS_PROXY", "NO_PROXY", "http_proxy"]);
        assert_eq!(help.local, [LocalOnly { place: "http_proxy".into(), host: "localhost:3128".into() }]);
    }

    #[test]
    fn addresses_of_this_machine() {
        for (url, host) in [
            ("http://localhost:8080/simple", Some("localhost:8080")),
            ("https://me:x@127.0.0.2/simple", Some("127.0.0.2")),
            ("http://[::1]:3141/", Some("[::1]:3141")),
            ("0.0.0.0:1", Some("0.0.0.0:1")),
            ("http://pypi.localhost", Some("pypi.localhost")),
            ("https://localhost.example/simple", None),
            ("http://10.0.0.1", None),
        ] {
            assert_eq!(local_host(url).as_deref(), host, "{url}");
        }
    }
}
