//! `tests/servers/bad_index.py`: a package index on loopback that misbehaves as it is told, or not at all.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use scaf::spec::env_vars::Environment;

use crate::support::{here, python_image, state};

/// Ends with the test.
pub struct BadIndex {
    server: Child,
    pub url: String,
    pub folder: tempfile::TempDir,
}

/// The wheels of an index: name, version, what it requires.
type Wheels<'a> = &'a [(&'a str, &'a str, &'a [&'a str])];

impl BadIndex {
    /// With `private-thing` 1.0, which needs `private-part` 2.0.
    pub fn up(behaviour: &str) -> Self {
        Self::with(behaviour, &[("private-thing", "1.0", &["private-part"]), ("private-part", "2.0", &[])])
    }

    pub fn with(behaviour: &str, wheels: Wheels<'_>) -> Self {
        let folder = wheels_in_a_folder(wheels);
        let mut server = Command::new("python3");
        server
            .arg(here().join("tests/servers/bad_index.py"))
            .arg(behaviour)
            .arg(folder.path().join("wheels"));
        let (server, url) = started(&mut server);
        Self { server, url, folder }
    }

    /// The same in a container of its own; the caller needs docker.
    pub fn in_container(behaviour: &str, wheels: Wheels<'_>) -> Self {
        let folder = wheels_in_a_folder(wheels);
        let name = format!("scaf-test-index-{}", folder.path().file_name().unwrap().to_string_lossy());
        let volume = |from: &Path, to: &str| format!("{}:{to}:ro", from.display());
        let mut server = Command::new("docker");
        server.args(["run", "--rm", "--interactive", "--name", &name, "--publish", "127.0.0.1::8000"]);
        server.args(["--volume", &volume(&here().join("tests/servers"), "/servers")]);
        server.args(["--volume", &volume(&folder.path().join("wheels"), "/wheels")]);
        server.args([
            python_image(),
            "python",
            "/servers/bad_index.py",
            behaviour,
            "/wheels",
            "0.0.0.0:8000",
        ]);
        let (server, _) = started(&mut server);
        let port = Command::new("docker").args(["port", &name, "8000"]).output().unwrap();
        let port = String::from_utf8_lossy(&port.stdout).lines().next().unwrap().trim().to_owned();
        Self { server, url: format!("http://{port}/simple/"), folder }
    }

    /// A source archive of whatever name that nobody can build; it says `the moon is wrong`.
    pub fn add_unbuildable(&self, name: &str, version: &str) {
        self.add_archive(name, version, "raise RuntimeError('the moon is wrong')\n");
    }

    /// A source archive that tells its metadata, and needs nothing.
    pub fn add_source(&self, name: &str, version: &str) {
        let backend = format!(
            "import os\n\ndef prepare_metadata_for_build_wheel(folder, settings=None):\n    info = '{0}-{version}.dist-info'\n    os.makedirs(os.path.join(folder, info))\n    with open(os.path.join(folder, info, 'METADATA'), 'w') as file:\n        file.write('Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n')\n    return info\n\ndef build_wheel(*_, **__):\n    raise RuntimeError('it was not to be built')\n",
            name.replace('-', "_")
        );
        self.add_archive(name, version, &backend);
    }

    fn add_archive(&self, name: &str, version: &str, backend: &str) {
        const MAKE: &str = r#"
import io, sys, tarfile
name, version, out, backend = sys.argv[1:]
stem = f"{name.replace('-', '_')}-{version}"
files = {
    "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n',
    "own.py": backend,
}
with tarfile.open(f"{out}/{stem}.tar.gz", "w:gz") as archive:
    for path, text in files.items():
        entry = tarfile.TarInfo(f"{stem}/{path}")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text.encode()))
"#;
        let out = self.folder.path().join("wheels");
        let made =
            Command::new("python3").args(["-c", MAKE, name, version]).arg(out).arg(backend).status().unwrap();
        assert!(made.success());
    }

    pub fn with_password(&self) -> String {
        self.url.replace("http://", "http://me:geheim@")
    }

    /// Nobody listens any more.
    pub fn down(mut self) -> Self {
        drop(self.server.stdin.take());
        self.server.wait().unwrap();
        self
    }

    /// Ends it; the requests that it had, one a line.
    pub fn requests(self) -> String {
        let mut ended = self.down();
        let mut text = String::new();
        ended.server.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// Where a test's uv keeps what it has fetched.
    pub fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    pub fn environment(&self, more: &[(&str, &str)]) -> Environment {
        let own = self.folder.path().display().to_string();
        let cache = self.cache().display().to_string();
        let path = path_with_uv();
        let mut all = vec![("PATH", path.as_str()), ("HOME", own.as_str()), ("UV_CACHE_DIR", cache.as_str())];
        all.extend(more);
        Environment::of(all)
    }
}

/// Below its `wheels`.
fn wheels_in_a_folder(wheels: Wheels<'_>) -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("scaf-test-bad-").tempdir().unwrap();
    let out = folder.path().join("wheels");
    std::fs::create_dir(&out).unwrap();
    for (name, version, requires) in wheels {
        let status = Command::new("python3")
            .arg(here().join("tests/servers/make-wheel.py"))
            .args([name, version])
            .arg(&out)
            .args(requires.iter().flat_map(|line| ["--requires", line]))
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
    }
    folder
}

/// The server once it listens, and what it says of where.
fn started(command: &mut Command) -> (Child, String) {
    let mut server =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| {
        let mut text = String::new();
        let _ = server.kill();
        server.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        panic!("{error}: {line}{text}")
    });
    (server, said["url"].as_str().unwrap().to_owned())
}

/// With the tests' own tools first.
pub fn path_with_uv() -> String {
    format!("{}:{}", state().join("bin").display(), std::env::var("PATH").unwrap())
}

impl Drop for BadIndex {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}
