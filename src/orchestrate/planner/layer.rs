//! Layers on top of an experiment's image: what only some intents need, so that the image of the job
//! stays lean. They are made once and named by the hash of what they are made of.
//!
//! A layer changes nothing of the experiment's own environment: its packages go into a folder of
//! their own, resolved against the versions that are installed, and a `.pth` file puts that folder
//! behind all others on Python's path. So the same Python imports both, and a package that the
//! experiment has itself is always the experiment's.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::build::{BuildPlanError, help_for, labels, plain_text};
use super::pins::{IPYKERNEL, JUPYTERLAB, PYTEST};
use crate::project::name::ExperimentName;
use crate::spec::build_context::BuildContext;
use crate::spec::dockerfile::{BuildHelp, rewrite};
use crate::spec::image::{Builder, ImageBuild, PlainText};
use crate::spec::image_tag::{self, Inputs};
use crate::spec::network::NetworkHelp;

/// Where `jupyter` is in an image with the notebook layer.
pub const JUPYTER: &str = "/opt/scaf/jupyter/bin/jupyter";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// JupyterLab in a virtual environment of its own, and a kernel in the experiment's Python.
    Notebook,
    Pytest,
}

impl Layer {
    pub fn name(self) -> &'static str {
        match self {
            Self::Notebook => "notebook",
            Self::Pytest => "pytest",
        }
    }

    /// What comes after `FROM`.
    fn text(self) -> String {
        let (packages, more) = match self {
            Self::Notebook => (IPYKERNEL, NOTEBOOK.replace("SERVER", &JUPYTERLAB.words())),
            Self::Pytest => (PYTEST, String::new()),
        };
        let add = ADD.replace("LAYER", self.name()).replace("PACKAGES", &packages.words());
        format!("USER root\nRUN {add}{more}\n")
    }
}

/// One command, so that nothing of the way there stays in the layer. pip comes from a virtual
/// environment, since the image's Python may be without one, and old; the versions that are
/// installed are asked of Python itself, since only pip's own ones would be known to `pip freeze`.
/// Compiled here, on all processors, since nobody may write there later and every start would do it.
const ADD: &str = r#"set -e; \
    python -m venv /tmp/scaf-pip; \
    python -c 'from importlib.metadata import distributions as d; print(*sorted({"%s==%s" % (x.metadata["Name"], x.version) for x in d() if x.metadata["Name"]} - {""}), sep="\n")' >/tmp/scaf-installed.txt; \
    /tmp/scaf-pip/bin/pip install --disable-pip-version-check --no-compile --target /opt/scaf/LAYER --constraint /tmp/scaf-installed.txt PACKAGES; \
    python -m compileall -q -j 0 /opt/scaf/LAYER >/dev/null || :; \
    echo /opt/scaf/LAYER >"$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/scaf-LAYER.pth"; \
    rm -rf /tmp/scaf-pip /tmp/scaf-installed.txt"#;

/// The server keeps to its own folder; its one kernel is the experiment's Python.
const NOTEBOOK: &str = "; \\\n    python -m venv /opt/scaf/jupyter; \\\n    \
    /opt/scaf/jupyter/bin/pip install --disable-pip-version-check --no-compile SERVER; \\\n    \
    /opt/scaf/jupyter/bin/python -m compileall -q -j 0 /opt/scaf/jupyter/lib >/dev/null || :; \\\n    \
    python -m ipykernel install --prefix /opt/scaf/jupyter --name python3 --display-name \"Python 3\"";

/// What a layer is made from.
#[derive(Clone, Debug)]
pub struct LayerRequest<'a> {
    pub layer: Layer,
    pub project: &'a str,
    pub experiment: &'a ExperimentName,
    /// The tag of the experiment's image.
    pub base: &'a str,
    /// The user of the experiment's image, where the run is to be theirs: the layer itself is root's work.
    pub user: Option<&'a str>,
    /// An empty folder of scaf's; it is made if it is not there.
    pub context: PathBuf,
    pub network: Option<&'a str>,
    pub help: &'a NetworkHelp,
    pub builder: Builder,
}

/// The image of a layer: its name, and how it is made if it is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerPlan {
    pub tag: String,
    pub build: ImageBuild,
    pub notes: Vec<String>,
}

impl LayerRequest<'_> {
    fn text(&self) -> String {
        let back = self.user.map(|user| format!("USER {user}\n")).unwrap_or_default();
        format!("FROM {}\n{}{back}", self.base, self.layer.text())
    }

    pub fn tag(&self) -> String {
        let hash = blake3::hash(self.text().as_bytes()).to_hex();
        let repository = image_tag::repository(self.project, self.experiment);
        format!("{repository}:{}-{}", self.layer.name(), &hash[..16])
    }
}

/// Whether the experiment's tests need the layer: not when its requirements name pytest themselves.
/// One that comes with the base image stays the one that is used, the layer notwithstanding.
pub fn needs_pytest(context: &BuildContext) -> bool {
    !image_tag::requires(context, "pytest")
}

pub fn plan_layer(request: &LayerRequest<'_>) -> Result<LayerPlan, BuildPlanError> {
    let LayerRequest { layer, project, experiment, base, user: _, context, network, help, builder } = request;
    let text = request.text();
    let tag = request.tag();
    let mut notes = Vec::new();
    let for_build = help_for(help, *builder, *network, &text, &mut notes)?;
    let mut labels = labels(project, experiment.as_str(), &Inputs::default());
    labels.remove(image_tag::LABEL_INPUTS);
    labels.insert(image_tag::LABEL_LAYER.to_owned(), layer.name().to_owned());
    labels.insert(
        image_tag::LABEL_BASE.to_owned(),
        serde_json::to_string(&BTreeMap::from([(base, "")])).unwrap_or_default(),
    );
    let plain = plain_text(&text, None, &for_build, &BTreeMap::new()).map(|plain| match plain {
        PlainText::Own => PlainText::Text(text.clone()),
        text @ PlainText::Text(_) => text,
    });
    let rewritten = rewrite(
        &text,
        &BuildHelp {
            mirror: None,
            secrets: for_build.mounts,
            env: for_build.env,
            caches: builder.knows_mounts(),
            args: BTreeMap::new(),
        },
    );
    let build = ImageBuild {
        tag: tag.clone(),
        context: context.clone(),
        dockerfile: "Dockerfile".to_owned(),
        text: Some(rewritten.unwrap_or(text)),
        plain,
        args: for_build.args,
        labels,
        secrets: for_build.secrets,
        network: network.map(str::to_owned),
        pull: false,
        no_cache: false,
        builder: *builder,
    };
    Ok(LayerPlan { tag, build, notes })
}
