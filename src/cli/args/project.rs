//! Arguments of the commands about the project itself.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  Make a project in a new folder
      scaf init my-project
  Take over a project of the ancestor template (Makefile, config.env, src/)
      scaf init")]
pub struct InitArgs {
    /// Where; the working directory when not given
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// The project's name; the folder's when not given
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// A folder with templates to use instead of the built-in one
    #[arg(long, value_name = "FOLDER")]
    pub template: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  An experiment that trains with scikit-learn
      scaf new-exp digit_recognition
  One inside a domain, with PyTorch
      scaf new-exp vision/digits --template pytorch
  One made around a script, a notebook or a folder that exists, with its environment pinned
      scaf new-exp churn --from ~/explore/churn.ipynb
  A folder with several scripts
      scaf new-exp segmentation --from ~/code/unet --script tools/train.py
  With the packages of another environment, and without a package index
      scaf new-exp churn --from churn.py --python ~/envs/torch --offline
  What would be written
      scaf new-exp churn --from churn.py --dry-run")]
pub struct NewExpArgs {
    /// Name: lower-case words joined by `_`; `/` nests
    #[arg(value_name = "NAME", required_unless_present = "exp")]
    pub name: Option<String>,
    #[arg(long, hide = true, value_name = "NAME")]
    pub exp: Option<String>,
    /// `sklearn`, `pytorch`, `minimal`, a folder below `templates/` of the project, or a path
    #[arg(long, value_name = "TEMPLATE", default_value = "sklearn", conflicts_with = "from")]
    pub template: String,
    /// Make it around this script or notebook with all that it needs of what lies around it, or around
    /// this folder; its environment is detected and pinned
    #[arg(long, value_name = "PATH")]
    pub from: Option<PathBuf>,
    /// Which script of the folder `--from` is to be run
    #[arg(long, value_name = "FILE", requires = "from")]
    pub script: Option<String>,
    /// Python's minor version of the image, such as 3.12; that of the Python in use when not given. With
    /// `--from` also an interpreter or its environment's folder, whose packages are pinned
    #[arg(long, value_name = "VERSION|PATH")]
    pub python: Option<String>,
    /// Look at no installed packages at all
    #[arg(long, requires = "from")]
    pub no_python: bool,
    /// Ask uv's cache and no package index
    #[arg(long, requires = "from")]
    pub offline: bool,
    /// Do not ask the package index for hashes
    #[arg(long, requires = "from")]
    pub no_hashes: bool,
}

#[derive(Args, Debug)]
pub struct ListArgs {
    /// Names alone, one a line; asks no engine
    #[arg(long)]
    pub names: bool,
}

/// The experiment that a command is about, in both spellings.
#[derive(Args, Clone, Debug, Default)]
pub struct ExperimentArg {
    /// The experiment; the one around the working directory, or the only one, when not given
    #[arg(value_name = "EXP")]
    pub experiment: Option<String>,
    #[arg(long, hide = true, value_name = "EXP", conflicts_with = "experiment")]
    pub exp: Option<String>,
}

impl ExperimentArg {
    pub fn given(&self) -> Option<&str> {
        self.experiment.as_deref().or(self.exp.as_deref())
    }
}

#[derive(Args, Debug)]
pub struct ShowArgs {
    #[command(flatten)]
    pub experiment: ExperimentArg,
}

#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// Which shell; that of SHELL when not given
    #[arg(value_enum)]
    pub shell: Option<clap_complete::Shell>,
}

#[derive(Args, Debug)]
pub struct ManArgs {
    /// A command; the whole program when not given
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

#[derive(Args, Debug)]
pub struct HelpArgs {
    /// A command
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
    #[arg(long, hide = true, value_name = "COMMAND", conflicts_with = "command")]
    pub cmd: Option<String>,
}
