//! Why a distribution of this machine cannot travel, and what to do then.

use std::io;
use std::path::PathBuf;

use crate::project::python::wheel_name::escaped;
use crate::spec::hint::{Explain, Fault};
use crate::spec::lock_target::LockTarget;
use crate::spec::wheel::WheelError;
use crate::spec::wheel_tag::Unfit;

#[derive(Debug, thiserror::Error)]
pub enum LocalWheelError {
    #[error("`{name}` is not whole: `{file}` is recorded and not there{}", more(.others))]
    Missing { name: String, file: String, others: usize },
    #[error("nothing says which files belong to `{name}`: there is no list of them in `{}`", info.display())]
    NoFiles { name: String, info: PathBuf },
    #[error("`{name}` is installed in place from `{}`, and its code is not there", folder.display())]
    NoSource { name: String, folder: PathBuf },
    #[error("`{name}` is installed in place from `{}`, where the experiment itself lies", folder.display())]
    HoldsExperiment { name: String, folder: PathBuf },
    #[error("`{name}` is installed in place and compiled in a build folder, which cannot travel")]
    Built { name: String },
    #[error("`{name}` cannot be packed:{}", listed(.problems))]
    Tree { name: String, problems: Vec<(PathBuf, String)> },
    #[error("`{name}` has put `{}` outside of its environment, where no wheel can put it{}", files[0], more(&(files.len() - 1)))]
    Outside { name: String, files: Vec<String> },
    #[error("`{}` {what}", path.display())]
    Metadata { name: String, path: PathBuf, what: &'static str },
    #[error("`{name}` {version} does not run on the target ({target}): `{}` {}", unfit.what, unfit.why)]
    Native { name: String, version: String, unfit: Unfit, target: String },
    #[error("`{name}` cannot be packed: {source}")]
    Wheel { name: String, source: WheelError },
    #[error("`{}` cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
}

fn more(count: &usize) -> String {
    if *count == 0 { String::new() } else { format!(" (and {count} more)") }
}

fn listed(problems: &[(PathBuf, String)]) -> String {
    problems.iter().map(|(path, what)| format!("\n  `{}`: {what}", path.display())).collect()
}

/// What an experiment's Dockerfile needs for a package that is built in the image.
pub fn build_in_image(name: &str) -> Vec<String> {
    let folder = escaped(name);
    vec![
        format!(
            "build it in the image: its source in `environment/{folder}/`, and two lines in the Dockerfile: `COPY {folder} /opt/environment/{folder}` and `RUN pip install --no-cache-dir --no-deps /opt/environment/{folder}`"
        ),
        waive(name),
    ]
}

fn waive(name: &str) -> String {
    format!("and leave it out of the lock: `waive = [\"{name}\"]` under `[env]` in scaf.toml")
}

impl LocalWheelError {
    pub(super) fn native(name: &str, version: &str, unfit: Unfit, target: &LockTarget) -> Self {
        let (name, version) = (name.to_owned(), version.to_owned());
        Self::Native { name, version, unfit, target: target.to_string() }
    }
}

impl Explain for LocalWheelError {
    fn fault(&self) -> Fault {
        match self {
            Self::Read { .. } => Fault::World,
            Self::Missing { .. }
            | Self::NoFiles { .. }
            | Self::NoSource { .. }
            | Self::HoldsExperiment { .. }
            | Self::Built { .. }
            | Self::Tree { .. }
            | Self::Outside { .. }
            | Self::Metadata { .. }
            | Self::Native { .. }
            | Self::Wheel { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Missing { name, .. } | Self::NoFiles { name, .. } | Self::Metadata { name, .. } => {
                vec![format!("install `{name}` again, from its source: `pip install --force-reinstall PATH`")]
            }
            Self::NoSource { name, folder } => {
                vec![format!(
                    "put it back, or install `{name}` from where it is now: `pip install -e {}`",
                    folder.display()
                )]
            }
            Self::HoldsExperiment { name, .. } => vec![
                "what it shares with others goes into `src/common`, and `scaf dependency EXP PATH` links it"
                    .to_owned(),
                format!("code that is never reached: `waive = [\"{name}\"]` under `[env]` in scaf.toml"),
            ],
            Self::Built { name } => {
                let mut hints =
                    vec![format!("install it as a copy: `pip install PATH-OF-{name}`, without `-e`")];
                hints.extend(build_in_image(name));
                hints
            }
            Self::Tree { .. } => {
                vec!["replace the link by what it leads to, or leave it out with `.scafignore`".to_owned()]
            }
            Self::Outside { name, .. } | Self::Native { name, .. } => build_in_image(name),
            Self::Wheel { .. } => vec!["lock again once nobody writes there".to_owned()],
            Self::Read { .. } => Vec::new(),
        }
    }
}
