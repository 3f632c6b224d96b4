//! An environment in the words of other tools, so that it can be used without scaf.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::lock_target::Platform;
use crate::project::python::direct_url::without_password;
use crate::project::python::specs::conda_names::conda_name;
use crate::project::python::specs::{Index, IndexUse, Pin, Source};

/// The tools whose form an environment can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `environment.yml`
    Conda,
    /// `requirements.txt`
    Requirements,
    /// `pyproject.toml`
    PyProject,
}

/// What every export begins with, so that it is known for one.
pub const HEAD: &str = "# Made by `scaf env export`: the environment";

/// What is to be written.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The experiment's, as it is called.
    pub name: String,
    /// `3.11` or `3.11.7`
    pub python: Option<String>,
    /// The machine that it is for.
    pub platform: Option<Platform>,
    /// Every package that is installed.
    pub packages: Vec<Package>,
    /// Indexes for all of them.
    pub indexes: Vec<Index>,
    /// conda channels, where packages are conda's.
    pub channels: Vec<String>,
}

/// One package of an environment.
#[derive(Clone, Debug)]
pub struct Package {
    pub pin: Pin,
    /// The code asks for it; the others are there because a package does.
    pub direct: bool,
    /// One line.
    pub why: Option<String>,
}

/// A text, and what of the environment is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    pub text: String,
    pub left_out: Vec<String>,
}

pub fn export(environment: &Environment, format: Format) -> Export {
    let mut packages: Vec<&Package> = environment.packages.iter().collect();
    packages.sort_by(|a, b| {
        (&a.pin.normalised, &a.pin.version, &a.pin.marker).cmp(&(
            &b.pin.normalised,
            &b.pin.version,
            &b.pin.marker,
        ))
    });
    let mut writer = Writer { environment, packages, text: String::new(), left_out: Vec::new() };
    match format {
        Format::Conda => writer.conda(),
        Format::Requirements => writer.requirements(),
        Format::PyProject => writer.pyproject(),
    }
    let Writer { text, mut left_out, .. } = writer;
    left_out.sort();
    left_out.dedup();
    Export { text, left_out }
}

struct Writer<'a> {
    environment: &'a Environment,
    packages: Vec<&'a Package>,
    text: String,
    left_out: Vec<String>,
}

/// One line of text, whatever the files it comes from had in it.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

impl Writer<'_> {
    fn add(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// An address without what logs in there.
    fn public(&mut self, url: &str) -> String {
        let url = line(url);
        let public = without_password(&url);
        if public != url {
            self.left_out.push("what logs in at an index or a repository".to_owned());
        }
        public
    }

    /// The requirement in PEP 508; `None` for what has no name, or lies on this machine.
    fn requirement(&mut self, pin: &Pin) -> Option<String> {
        if pin.name.is_empty() {
            return None;
        }
        let mut text = line(&pin.name);
        if matches!(pin.source, Source::Conda { .. }) {
            text.clone_from(&pin.normalised);
        }
        if !pin.extras.is_empty() {
            let _ = write!(text, "[{}]", line(&pin.extras.join(",")));
        }
        match &pin.source {
            Source::Vcs { system, url, commit, requested, subdirectory } => {
                let url = self.public(url);
                let _ = write!(text, " @ {system}+{url}");
                if let Some(revision) = commit.as_ref().or(requested.as_ref()) {
                    let _ = write!(text, "@{}", line(revision));
                }
                if let Some(folder) = subdirectory {
                    let _ = write!(text, "#subdirectory={}", line(folder));
                }
            }
            Source::Url { url, subdirectory } => {
                let url = self.public(url);
                let _ = write!(text, " @ {url}");
                if let Some(folder) = subdirectory {
                    let _ = write!(text, "#subdirectory={}", line(folder));
                }
            }
            Source::Path { .. } => return None,
            Source::Index { .. } | Source::Conda { .. } => match &pin.version {
                Some(version) => {
                    let _ = write!(text, "=={}", line(version));
                }
                None => text.push_str(&line(&pin.specifier)),
            },
        }
        if let Some(marker) = &pin.marker {
            let _ = write!(text, " ; {}", line(marker));
        }
        Some(text)
    }

    /// The same as a line for pip, to which a folder is none of the exceptions.
    fn pip_line(&mut self, pin: &Pin) -> Option<String> {
        let Source::Path { path, editable } = &pin.source else { return self.requirement(pin) };
        let mut path = line(path);
        // Without a slash pip would take it for a name.
        if !path.starts_with(['/', '.', '~']) {
            path.insert_str(0, "./");
        }
        if !pin.extras.is_empty() {
            let _ = write!(path, "[{}]", line(&pin.extras.join(",")));
        }
        let marker = pin.marker.as_ref().map(|marker| format!(" ; {}", line(marker))).unwrap_or_default();
        Some(format!("{}{path}{marker}", if *editable { "-e " } else { "" }))
    }

    /// pip's options for the indexes of all packages and of single ones.
    fn index_options(&mut self) -> Vec<String> {
        let environment = self.environment;
        let mut options: Vec<String> = Vec::new();
        for Index { url, use_for, line: _ } in &environment.indexes {
            let option = match use_for {
                IndexUse::First => "--index-url",
                IndexUse::Extra | IndexUse::Named => "--extra-index-url",
                IndexUse::Links => "--find-links",
            };
            let url = self.public(url);
            options.push(format!("{option} {url}"));
        }
        for package in self.packages.clone() {
            if let Source::Index { url: Some(url) } = &package.pin.source {
                let url = self.public(url);
                if !options.iter().any(|option| option.ends_with(&format!(" {url}"))) {
                    options.push(format!("--extra-index-url {url}"));
                }
            }
        }
        options
    }

    /// What it is, and by what it is known to be replaceable.
    fn head(&mut self) {
        let name = line(&self.environment.name);
        self.add(&format!("{HEAD} of {name}."));
    }

    fn requirements(&mut self) {
        self.head();
        if let Some(python) = self.environment.python.clone() {
            self.add(&format!("# Python {}", line(&python)));
        }
        for option in self.index_options() {
            self.add(&option);
        }
        // pip wants digests of all or of none, and there are none of what is no file.
        let whole = self.packages.iter().all(|it| {
            let is_file = match &it.pin.source {
                Source::Path { editable, .. } => !editable,
                Source::Vcs { .. } | Source::Conda { .. } => false,
                Source::Index { .. } | Source::Url { .. } => true,
            };
            is_file && !it.pin.hashes.is_empty()
        });
        if !whole && self.packages.iter().any(|it| !it.pin.hashes.is_empty()) {
            self.left_out.push("the digests, since some packages have none".to_owned());
        }
        for package in self.packages.clone() {
            if matches!(package.pin.source, Source::Conda { .. }) {
                self.left_out.push(format!("that {} is conda's", package.pin.name));
            }
            let Some(mut text) = self.pip_line(&package.pin) else { continue };
            if whole {
                for hash in &package.pin.hashes {
                    let _ = write!(text, " \\\n    --hash={}", line(hash));
                }
            }
            match &package.why {
                // Behind a digest it would be a part of it.
                Some(why) if !whole => self.add(&format!("{text}  # {}", line(why))),
                _ => self.add(&text),
            }
        }
    }

    fn conda(&mut self) {
        let environment = self.environment;
        self.head();
        self.add(&format!("name: {}", yaml(&folder_name(&environment.name))));
        self.add("channels:");
        let default = ["conda-forge".to_owned()];
        let channels = if environment.channels.is_empty() { &default[..] } else { &environment.channels[..] };
        for channel in channels {
            let channel = self.public(channel);
            self.add(&format!("  - {}", yaml(&channel)));
        }
        self.add("dependencies:");
        if let Some(python) = &environment.python {
            self.add(&format!("  - {}", yaml(&format!("python={}", line(python)))));
        }
        let mut pip: Vec<String> = self.index_options();
        let options = pip.len();
        for package in self.packages.clone() {
            let pin = &package.pin;
            let Source::Conda { channel, build: _ } = &pin.source else {
                pip.extend(self.pip_line(pin));
                continue;
            };
            let name = if pin.name == pin.normalised {
                conda_name(&pin.normalised).unwrap_or(&pin.name)
            } else {
                &pin.name
            };
            let mut text = String::new();
            if let Some(channel) = channel {
                let _ = write!(text, "{}::", line(channel));
            }
            text.push_str(&line(name));
            if let Some(version) = &pin.version {
                let _ = write!(text, "={}", line(version));
            }
            self.add(&format!("  - {}", yaml(&text)));
        }
        if pip.len() > options {
            self.add("  - pip");
            self.add("  - pip:");
            for text in pip {
                self.add(&format!("    - {}", yaml(&text)));
            }
        }
        if self.packages.iter().any(|it| !it.pin.hashes.is_empty()) {
            self.left_out.push("the digests, for which conda's file has no place".to_owned());
        }
    }

    fn pyproject(&mut self) {
        let environment = self.environment;
        let mut direct = Vec::new();
        let mut all = Vec::new();
        let mut sources: BTreeMap<String, String> = BTreeMap::new();
        let mut indexes: Vec<(String, String)> = Vec::new();
        for package in self.packages.clone() {
            let pin = &package.pin;
            let requirement = match &pin.source {
                Source::Path { .. } if pin.name.is_empty() => {
                    self.left_out.push("a folder whose package's name is not known".to_owned());
                    continue;
                }
                Source::Path { path, editable } => {
                    let editable = if *editable { ", editable = true" } else { "" };
                    sources.insert(
                        pin.normalised.clone(),
                        format!("{{ path = {}{editable} }}", toml(&line(path))),
                    );
                    let of = Pin {
                        source: Source::Index { url: None },
                        version: None,
                        specifier: String::new(),
                        ..pin.clone()
                    };
                    self.requirement(&of)
                }
                Source::Conda { .. } => {
                    self.left_out.push(format!("that {} is conda's", pin.name));
                    self.requirement(pin)
                }
                Source::Index { url: Some(url) } => {
                    let url = self.public(url);
                    let known = indexes.iter().find(|(_, known)| *known == url).map(|(name, _)| name.clone());
                    let name = known.unwrap_or_else(|| {
                        let name = format!("index-{}", indexes.len() + 1);
                        indexes.push((name.clone(), url));
                        name
                    });
                    sources.insert(pin.normalised.clone(), format!("{{ index = {} }}", toml(&name)));
                    self.requirement(pin)
                }
                Source::Index { url: None } | Source::Vcs { .. } | Source::Url { .. } => {
                    self.requirement(pin)
                }
            };
            let Some(requirement) = requirement else { continue };
            if package.direct {
                direct.push((requirement.clone(), package.why.clone()));
            }
            all.push((requirement, None));
        }
        self.head();
        self.add("[project]");
        self.add(&format!("name = {}", toml(&folder_name(&environment.name))));
        self.add("version = \"0\"");
        if let Some(python) = &environment.python {
            let exact = python.split('.').count() > 2;
            let wanted = if exact { format!("=={}", line(python)) } else { format!("=={}.*", line(python)) };
            self.add(&format!("requires-python = {}", toml(&wanted)));
        }
        self.list("dependencies", &direct);
        self.add(
            "\n# Every package with its version: `uv sync`, or `pip install --group locked` (pip 25.1).",
        );
        self.add("[dependency-groups]");
        self.list("locked", &all);
        self.add("\n[tool.uv]\npackage = false\ndefault-groups = [\"locked\"]");
        if let Some(platform) = environment.platform {
            // What other machines would need is not among the pins.
            let marker = format!("sys_platform == 'linux' and platform_machine == '{}'", platform.machine());
            self.add(&format!("environments = [{}]", toml(&marker)));
        }
        let mut links = Vec::new();
        let mut first = true;
        for Index { url, use_for, line: _ } in &environment.indexes {
            let url = self.public(url);
            match use_for {
                IndexUse::Links => links.push(toml(&url)),
                IndexUse::First | IndexUse::Extra | IndexUse::Named
                    if indexes.iter().any(|(name, have)| *have == url && !name.is_empty()) => {}
                IndexUse::First | IndexUse::Extra | IndexUse::Named => {
                    let default = std::mem::take(&mut first) && *use_for == IndexUse::First;
                    indexes.push((if default { "default".to_owned() } else { String::new() }, url));
                }
            }
        }
        if !links.is_empty() {
            self.add(&format!("find-links = [{}]", links.join(", ")));
        }
        if !sources.is_empty() {
            self.add("\n[tool.uv.sources]");
            for (name, source) in sources {
                self.add(&format!("{} = {source}", toml_key(&name)));
            }
        }
        for (name, url) in indexes {
            self.add("\n[[tool.uv.index]]");
            match name.as_str() {
                "default" => self.add(&format!("url = {}\ndefault = true", toml(&url))),
                "" => self.add(&format!("url = {}", toml(&url))),
                name => self.add(&format!("name = {}\nurl = {}\nexplicit = true", toml(name), toml(&url))),
            }
        }
        if self.packages.iter().any(|it| !it.pin.hashes.is_empty()) {
            self.left_out.push("the digests, which uv notes in its lock".to_owned());
        }
    }

    fn list(&mut self, key: &str, items: &[(String, Option<String>)]) {
        self.add(&format!("{key} = ["));
        for (item, why) in items {
            let why = why.as_ref().map(|why| format!("  # {}", line(why))).unwrap_or_default();
            self.add(&format!("    {},{why}", toml(item)));
        }
        self.add("]");
    }
}

/// A name that is one for a Python project and for a conda environment.
fn folder_name(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    let plain = plain.trim_matches(['-', '_']);
    if plain.is_empty() { "environment".to_owned() } else { plain.to_owned() }
}

/// A JSON text is one of YAML's, too; what is plainly a text stays without quotes.
fn yaml(text: &str) -> String {
    let plain = text.contains('=') || text.contains('-');
    let plain = plain
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '=' | '.' | '_' | '-' | '+'));
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

fn toml(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn toml_key(name: &str) -> String {
    let bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if bare && !name.is_empty() { name.to_owned() } else { serde_json::Value::from(name).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::python::specs::requirement;

    fn package(text: &str, direct: bool) -> Package {
        let mut pin = requirement::parse(text).unwrap().into_pin(0);
        if pin.name.is_empty() {
            pin = Pin { name: "local-lib".into(), normalised: "local-lib".into(), ..pin };
        }
        let why = direct.then(|| "train.py:3\nmore".to_owned());
        Package { pin, direct, why }
    }

    fn environment() -> Environment {
        let mut conda = package("torch==2.1.2", true);
        conda.pin.name = "pytorch".into();
        conda.pin.source = Source::Conda { channel: Some("pytorch".into()), build: Some("cuda".into()) };
        let mut vision = package("torchvision==0.16.2+cu118", false);
        vision.pin.source = Source::Index { url: Some("https://me:secret@example.invalid/cu118".into()) };
        let mut six = package("six==1.17.0 ; python_version < \"3.12\"", false);
        six.pin.hashes = vec!["sha256:aa".into()];
        Environment {
            name: "vision/digits".into(),
            python: Some("3.11.7".into()),
            platform: Some(Platform::LinuxX86_64),
            packages: vec![
                conda,
                six,
                vision,
                package("Requests[socks]==2.31.0", true),
                package(
                    "clip @ git+https://token@example.invalid/clip.git@0123456789012345678901234567890123456789#subdirectory=py",
                    true,
                ),
                package("./lib", false),
            ],
            indexes: vec![Index {
                url: "https://example.invalid/simple".into(),
                use_for: IndexUse::First,
                line: 0,
            }],
            channels: Vec::new(),
        }
    }

    #[test]
    fn the_three_formats() {
        for format in [Format::Conda, Format::Requirements, Format::PyProject] {
            let Export { text, left_out } = export(&environment(), format);
            assert!(!text.contains("secret") && !text.contains("token"), "{text}");
            let left_out = left_out.join("\n");
            insta::assert_snapshot!(
                format!("{format:?}").to_lowercase(),
                format!("{text}\nleft out:\n{left_out}")
            );
        }
    }

    #[test]
    fn digests_are_there_for_all_or_for_none() {
        let mut six = package("six==1.17.0", true);
        six.pin.hashes = vec!["sha256:aa".into(), "sha256:bb".into()];
        let of = |packages: Vec<Package>| {
            export(
                &Environment { name: "x".into(), packages, ..Environment::default() },
                Format::Requirements,
            )
        };
        let all = of(vec![six.clone()]);
        assert_eq!(
            all.text,
            "# Made by `scaf env export`: the environment of x.\nsix==1.17.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
        );
        assert_eq!(all.left_out, [""; 0]);
        let some = of(vec![six, package("numpy==1", false)]);
        assert!(!some.text.contains("hash"), "{}", some.text);
        assert_eq!(some.left_out, ["the digests, since some packages have none"]);
    }

    #[test]
    fn nothing_leads_out_of_its_line() {
        let mut odd = package("six==1", true);
        odd.pin.marker = Some("python_version < '3'\n--index-url https://evil.invalid".into());
        odd.why = Some("a\nb".into());
        let environment =
            Environment { name: "\n\"x: [\n".into(), packages: vec![odd], ..Environment::default() };
        let requirements = export(&environment, Format::Requirements).text;
        assert!(
            requirements.lines().all(|line| line.starts_with('#') || line.starts_with("six==1 ; ")),
            "{requirements}"
        );
        let conda: serde_yaml::Value =
            serde_yaml::from_str(&export(&environment, Format::Conda).text).unwrap();
        assert_eq!(conda["dependencies"][1]["pip"].as_sequence().unwrap().len(), 1);
        let pyproject: toml::Table = export(&environment, Format::PyProject).text.parse().unwrap();
        assert_eq!(pyproject["project"]["name"].as_str(), Some("x"));
    }
}
