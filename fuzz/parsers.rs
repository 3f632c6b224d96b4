//! Every parser of text that comes from elsewhere, by name. Shared by the fuzz targets and by `tests/it/foreign.rs`. Each says
//! what holds for any input, beside that it comes to an end without a panic.

use std::collections::BTreeMap;

use scaf::project::notebook;
use scaf::project::python::scan::{self, scan};
use scaf::project::python::specs::{self, Kind, Platform, Specification, marker, plain_yaml, requirement};
use scaf::project::python::target::Target;
use scaf::project::python::{
    conda_meta, direct_url, editable_finder, egg_info, metadata, path_file, pyvenv_cfg, record, requirements,
    requires_dist,
};
use scaf::spec::closure::{self, Catalogue, Known, Root};
use scaf::spec::dockerfile::installs;
use scaf::spec::lock_target::{LockTarget, Platform as LockPlatform, Sayings};
use scaf::spec::pin::Pin as SpecPin;
use scaf::spec::place::Text;
use scaf::spec::requirements_file::{self, Contents, Group, Wanted};
use scaf::spec::{requirements_lock, uv_failure, yaml};

/// Every distribution is there, and needs the same.
struct Everything(Vec<String>);

impl Catalogue for Everything {
    fn get(&self, _: &str) -> Option<Known<'_>> {
        Some(Known { name: "a", version: "1.0", requires: &self.0, requires_python: None })
    }
}

/// A parser, what it is given, and an input of the kind that it is for.
pub struct Parser {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// A file below `tests/`, or a text.
    pub sample: Sample,
}

#[derive(Clone, Copy)]
pub enum Sample {
    File(&'static str),
    Text(&'static str),
}

macro_rules! parser {
    ($name:literal, $sample:expr, $run:expr) => {
        Parser { name: $name, run: $run, sample: $sample }
    };
}

/// Text parsers are given what is left of bytes that are no text.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What holds for a specification of any text.
fn specification(kind: Kind, bytes: &[u8]) {
    let text = lossy(bytes);
    let read = match kind {
        Kind::Dockerfile => installs::read(&text, &BTreeMap::new()),
        _ => specs::read(kind, &text, &Platform::default()),
    };
    well_formed(&text, &read);
}

fn well_formed(text: &str, read: &Specification) {
    let lines = text.split('\n').count();
    for pin in read.pins.iter().chain(&read.others) {
        assert!(pin.line >= 1 && pin.line <= lines, "line {} of {lines}: {pin:?}", pin.line);
        assert!(pin.name.is_empty() == pin.normalised.is_empty(), "{pin:?}");
        assert!(pin.version.as_deref() != Some(""), "{pin:?}");
    }
    for problem in &read.problems {
        assert!(problem.line <= lines, "line {} of {lines}: {}", problem.line, problem.message);
        assert!(!problem.message.is_empty() && problem.message.len() < 1000, "{problem:?}");
    }
}

pub const PARSERS: &[Parser] = &[
    parser!("pixi_lock", Sample::File("specs/pixi-v6.lock"), |bytes| specification(Kind::PixiLock, bytes)),
    parser!("uv_lock", Sample::File("specs/uv.lock"), |bytes| specification(Kind::UvLock, bytes)),
    parser!("poetry_lock", Sample::File("specs/poetry.lock"), |bytes| specification(Kind::PoetryLock, bytes)),
    parser!("pipfile_lock", Sample::File("specs/Pipfile.lock"), |bytes| specification(
        Kind::PipfileLock,
        bytes
    )),
    parser!("pylock", Sample::File("specs/pylock.toml"), |bytes| specification(Kind::PylockToml, bytes)),
    parser!("conda_lock", Sample::File("specs/conda-lock.yml"), |bytes| specification(
        Kind::CondaLock,
        bytes
    )),
    parser!(
        "environment_yml",
        Sample::Text(
            "name: x\nchannels: [a, b]\ndependencies:\n  - python=3.10\n  - conda-forge/linux-64::numpy[version='>=1.2', build=py_0]\n  - torch=2.1=py3_0\n  - pip:\n    - -r more.txt\n    - x[y] @ git+https://h/x.git@main#egg=x ; python_version > '3'\n"
        ),
        |bytes| specification(Kind::EnvironmentYml, bytes)
    ),
    parser!("requirements_txt", Sample::File("specs/uv-export-requirements.txt"), |bytes| {
        specification(Kind::Requirements, bytes);
        let _ = requirements::read(&lossy(bytes));
    }),
    parser!("pyproject", Sample::File("specs/poetry-pyproject.toml"), |bytes| specification(
        Kind::PyProject,
        bytes
    )),
    parser!(
        "pyproject_uv",
        Sample::Text(
            "[project]\ndependencies = [\"torch==2.1\", \"x[a]>=1\"]\noptional-dependencies.cli = [\"rich\"]\n[dependency-groups]\na = [{include-group = \"b\"}]\nb = [\"c\", {include-group = \"a\"}]\n[tool.uv.sources]\ntorch = [{index = \"i\", marker = \"sys_platform == 'linux'\"}]\nx = {git = \"https://h\", rev = \"r\"}\n[[tool.uv.index]]\nname = \"i\"\nurl = \"https://h\"\n[tool.pixi.dependencies]\nnumpy = \">=1.2,<2\"\n[tool.pixi.target.linux-64.pypi-dependencies]\ny = {path = \"./y\", editable = true}\n"
        ),
        |bytes| specification(Kind::PyProject, bytes)
    ),
    parser!("pipfile", Sample::File("specs/Pipfile"), |bytes| specification(Kind::Pipfile, bytes)),
    parser!(
        "setup_cfg",
        Sample::Text(
            "[options]\npython_requires = >=3.8\ninstall_requires =\n  numpy>=1\n  file: a.txt\n[options.extras_require]\ncli = rich\n"
        ),
        |bytes| specification(Kind::SetupCfg, bytes)
    ),
    parser!(
        "setup_py",
        Sample::Text(
            "from setuptools import setup\nA = ['numpy>=1', *B]\nsetup(name='x', install_requires=A + ['b'], extras_require={'c': ('d',), **e}, python_requires='>=3')\n"
        ),
        |bytes| specification(Kind::SetupPy, bytes)
    ),
    parser!(
        "dockerfile",
        Sample::Text(
            "# syntax=docker/dockerfile:1\nARG V=1\nFROM python:3.11 AS a\nARG V\nENV N=$V M=\"${V:-2}\"\nRUN X=1 pip install \\\n  \"numpy==${N}\" $(cat x) -r r.txt && conda install -y -c c torch=2 >/dev/null 2>&1\nFROM a\nCOPY --from=a /x /y\nRUN [\"pip\", \"install\", \"b\"]\nRUN <<EOF\npip install c\nEOF\n"
        ),
        |bytes| specification(Kind::Dockerfile, bytes)
    ),
    parser!(
        "requirement",
        Sample::Text(
            "Name[a,b] (>=1.0, !=1.5.*) ; (python_version > '3' and extra == 'x') or 'a' in platform_version"
        ),
        |bytes| {
            let text = lossy(bytes);
            if let Ok(requirement) = requirement::parse(&text) {
                let pin = requirement.into_pin(1);
                if let Some(marker) = &pin.marker {
                    let _ = marker::parse(marker);
                    let _ = marker::extras(marker);
                }
            }
            if let Ok(split) = requires_dist::split(&text) {
                drop(split);
            }
            let _ = marker::parse(&text);
        }
    ),
    parser!(
        "plain_yaml",
        Sample::Text("a: &x [1, 'b', \"c\\n\", {d: e}]\nb: *x\n? [k]\n: |\n  block\nc: >-\n  folded\n"),
        |bytes| {
            let _ = plain_yaml::read(&lossy(bytes));
        }
    ),
    parser!(
        "closure",
        Sample::Text(
            "a[x,y] (>=1.0) ; python_version > '3' and extra == 'b'\nb @ git+https://h/b@1\na[z]\nc>=1.0.*\nd; (os_name == 'nt' or extra == \"e\")\n"
        ),
        |bytes| {
            let requires: Vec<String> = lossy(bytes).lines().map(str::to_owned).collect();
            let (target, _) = LockTarget::choose(LockPlatform::LinuxX86_64, &Sayings::default());
            let root = Root { extras: vec!["b".to_owned()], ..Root::named("a") };
            let closed = closure::close(&[root], &Everything(requires), &target);
            assert!(closed.missing.is_empty());
            for name in closed.distributions.keys() {
                let _ = closed.paths(name);
            }
        }
    ),
    parser!(
        "requirements_file",
        Sample::Text(
            "# mine\n--extra-index-url https://h/s\nown==1 \\\n    --hash=sha256:00\n\n# Imported by the code:\na==1  # why: x.py:1\nold==2  # why: y.py:3 (call)\n# idea  # why: z.py:1\n-r more.txt\n"
        ),
        |bytes| {
            let text = lossy(bytes);
            let wanted = Wanted {
                pin: SpecPin::version("a", "2"),
                group: Group::Imported,
                places: Vec::new(),
                call: None,
            };
            let contents = Contents { wanted: vec![wanted], ..Contents::default() };
            let once = requirements_file::edit(&text, &contents);
            let again = requirements_file::edit(&once.text, &contents);
            assert_eq!(again.text, once.text);
            let own = requirements_file::own_lines(&text).requirements;
            let kept = requirements_file::own_lines(&once.text).requirements;
            assert!(own.iter().all(|line| kept.contains(line)), "{own:?} {kept:?}");
        }
    ),
    parser!(
        "requirements_lock",
        Sample::Text(
            "# Everything\n# for: linux-x86_64, CPython 3.11.7\n# of: requirements.txt 00\n# by: uv\n# apart: x: local\n\n--extra-index-url https://h/s\na==1 \\\n    --hash=sha256:00\n    # via b, c\nb @ git+https://h/b@1\n    # via\n    #   c\n"
        ),
        |bytes| {
            let text = lossy(bytes);
            let lock = requirements_lock::read(&text);
            let _ = lock.text();
            assert_eq!(requirements_lock::digest(&text).len(), 24);
        }
    ),
    parser!(
        "uv_failure",
        Sample::Text(
            "warning: x\nerror: Request failed after 2 retries in 3s\n  cause: Failed to fetch: `http://me:secret@h/simple/x/`\n  cause: HTTP status server error (503 Service Unavailable) for url (http://h)\n  × No solution found\n  ╰─▶ Because there is no version of x==1 and you require x==1, we can\n"
        ),
        |bytes| {
            let text = lossy(bytes);
            let _ = uv_failure::read(&text);
            let _ = uv_failure::circle(&text);
        }
    ),
    parser!(
        "yaml",
        Sample::Text(
            "a: &x {b: [1, 2.5, \"t\", 'u', ~]}\nc: |\n  block\n_target_: torch.optim.Adam\n<<: *x\ne: !!str 1\n"
        ),
        |bytes| {
            let text = lossy(bytes);
            let mut text = Text::new("f.yaml", &text);
            let _ = yaml::read(&mut text);
        }
    ),
    parser!(
        "metadata",
        Sample::Text(
            "Metadata-Version: 2.1\nName: x\nVersion: 1.0\nRequires-Dist: a (>=1) ; extra == 'b'\nRequires-Dist: c\n  d\nImport-Name: x\nProvides-Extra: b\nRequires-Python: >=3.8\n\nThe text.\n"
        ),
        |bytes| {
            let _ = metadata::read(bytes);
            let _ = metadata::end(bytes);
        }
    ),
    parser!(
        "record",
        Sample::Text(
            "x/__init__.py,sha256=aa,12\n\"x/a,b.py\",,\n../../../bin/x,sha256=bb,1\nx-1.0.dist-info/RECORD,,\n"
        ),
        |bytes| {
            assert!(record::entries(bytes).count() <= bytes.len());
            let _ = record::tops(bytes);
            let _ = record::names(bytes, "x/a.py");
        }
    ),
    parser!(
        "direct_url",
        Sample::Text(
            "{\"url\": \"https://me:pw@h/x.git\", \"vcs_info\": {\"vcs\": \"git\", \"commit_id\": \"ab\", \"requested_revision\": \"main\"}, \"subdirectory\": \"py\"}"
        ),
        |bytes| {
            let _ = direct_url::read(bytes);
            let _ = direct_url::without_password(&lossy(bytes));
        }
    ),
    parser!("egg_info", Sample::Text("numpy>=1\n\n[cli:python_version<'3']\nrich\n"), |bytes| {
        let text = lossy(bytes);
        let _ = egg_info::requires(&text);
        let _ = egg_info::extras(&text);
        let _ = egg_info::top_level(&text);
        let _ = egg_info::source_tops(&text);
    }),
    parser!(
        "conda_meta",
        Sample::Text(
            "{\"name\": \"numpy\", \"version\": \"1.2\", \"build\": \"py_0\", \"channel\": \"c\", \"files\": [\"a/b.py\"], \"depends\": [\"python\"]}"
        ),
        |bytes| {
            let _ = conda_meta::read(bytes);
            let _ = conda_meta::name_of_file(&lossy(bytes));
        }
    ),
    parser!("path_file", Sample::Text("/opt/x\n../y\nimport sys; sys.path.insert(0, 'z')\n# c\n"), |bytes| {
        let _ = path_file::read(bytes);
    }),
    parser!(
        "pyvenv_cfg",
        Sample::Text("home = /usr/bin\nversion = 3.11.7\ninclude-system-site-packages = false\n"),
        |bytes| {
            let _ = pyvenv_cfg::read(&lossy(bytes));
        }
    ),
    parser!(
        "editable_finder",
        Sample::Text(
            "MAPPING: dict[str, str] = {'x': '/opt/x'}\nNAMESPACES = {'n': ['/opt/n']}\nPATH_PLACEHOLDER = 'p'\n"
        ),
        |bytes| {
            let _ = editable_finder::read(&lossy(bytes));
        }
    ),
    parser!(
        "notebook",
        Sample::Text(
            "{\"cells\": [{\"cell_type\": \"code\", \"metadata\": {}, \"outputs\": [], \"execution_count\": null, \"source\": [\"import numpy\\n\", \"!pip install x\"]}], \"metadata\": {\"kernelspec\": {\"language\": \"python\"}}, \"nbformat\": 4, \"nbformat_minor\": 5}"
        ),
        |bytes| {
            let _ = notebook::script(&lossy(bytes));
        }
    ),
    parser!(
        "scan",
        Sample::Text(
            "# /// script\n# dependencies = [\"a\"]\n# ///\nimport numpy as np\ntry:\n    import cupy\nexcept ImportError:\n    cupy = None\nif TYPE_CHECKING:\n    from x import y\nimportlib.import_module(f\"a.{b}\")\nos.system('pip install z==1')\n"
        ),
        |bytes| {
            let text = lossy(bytes);
            let _ = scan(&text, &Target::default(), scan::Kind::Script);
            let _ = scan(&text, &Target::default(), scan::Kind::Cell);
        }
    ),
];
