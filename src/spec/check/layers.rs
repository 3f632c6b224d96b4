//! The layers depend only inward: data science knows no specification, specification no orchestration;
//! experiments do not know each other, and the shared code knows none of them.

use std::sync::LazyLock;

use foldhash::HashSet;

use super::rules::{
    COMMON_IMPORTS_EXPERIMENT, EXPERIMENT_IMPORTS_EXPERIMENT, LAYER_DATA_SCIENCE, LAYER_SPECIFICATION,
};
use super::{Finding, Owner, Project, PythonFile, Tree};
use crate::project::layout::{COMMON, ENVIRONMENT};
use crate::project::python::imports::{How, Import};

/// Modules that belong to a platform, not to data science. What reads and writes data (boto3, gcsfs,
/// azure.storage) or tracks an experiment (mlflow, wandb) is not among them, nor is ray, with which
/// one computes. Sorted.
const PLATFORMS: [(&str, &str); 40] = [
    ("airflow", "Airflow"),
    ("argo_workflows", "Argo Workflows"),
    ("azure.ai.ml", "Azure ML"),
    ("azure.identity", "Azure"),
    ("azure.mgmt", "Azure"),
    ("azureml", "Azure ML"),
    ("beam", "Beam Cloud"),
    ("coiled", "Coiled"),
    ("dagster", "Dagster"),
    ("dask_jobqueue", "cluster queues"),
    ("dask_kubernetes", "Kubernetes"),
    ("datasphere", "DataSphere"),
    ("docker", "Docker"),
    ("dstack", "dstack"),
    ("flytekit", "Flyte"),
    ("google.cloud.aiplatform", "Vertex AI"),
    ("google.cloud.aiplatform_v1", "Vertex AI"),
    ("hera", "Argo Workflows"),
    ("kfp", "Kubeflow Pipelines"),
    ("kfp_server_api", "Kubeflow Pipelines"),
    ("kubeflow", "Kubeflow"),
    ("kubernetes", "Kubernetes"),
    ("kubernetes_asyncio", "Kubernetes"),
    ("luigi", "Luigi"),
    ("metaflow", "Metaflow"),
    ("modal", "Modal"),
    ("podman", "Podman"),
    ("prefect", "Prefect"),
    ("pyslurm", "Slurm"),
    ("ray.job_submission", "Ray's job queue"),
    ("runpod", "Runpod"),
    ("sagemaker", "SageMaker"),
    ("sagemaker_core", "SageMaker"),
    ("simple_slurm", "Slurm"),
    ("skypilot", "SkyPilot"),
    ("submitit", "Slurm"),
    ("valohai", "Valohai"),
    ("vertexai", "Vertex AI"),
    ("yandexcloud", "Yandex Cloud"),
    ("zenml", "ZenML"),
];

/// The first parts of their names: of most imports nothing more is looked at.
static TOPS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| PLATFORMS.iter().map(|(known, _)| known.split('.').next().unwrap_or(known)).collect());

/// The folder of the outermost layer.
pub const ORCHESTRATION: &str = "orchestration";

pub fn platform_import(
    project: &Project,
    file: &PythonFile<'_>,
    import: &Import,
    findings: &mut Vec<Finding>,
) {
    if import.level > 0 || is_specification(file) {
        return;
    }
    let top = import.top();
    let what = if top == ORCHESTRATION {
        Some("the orchestration".to_owned())
    } else {
        platform(import).map(|platform| format!("the SDK of {platform}"))
    };
    let Some(what) = what else { return };
    if is_local(file, top) {
        return;
    }
    findings.push(Finding::new(
        &LAYER_DATA_SCIENCE,
        file.shown(project),
        (import.line, import.column),
        format!("{} is {what}", named(import)),
        "hand the code what it needs as arguments; the platform's part belongs in `job.yaml` or `orchestration/`",
    ));
}

fn platform(import: &Import) -> Option<&'static str> {
    let top = import.top();
    let is = |module: &str, known: &str| {
        module.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if !TOPS.contains(top) {
        return None;
    }
    let first = PLATFORMS.partition_point(|(known, _)| *known < top);
    PLATFORMS[first..]
        .iter()
        .take_while(|(known, _)| is(known, top))
        .find(|(known, _)| {
            is(&import.module, known)
                || import.names.iter().any(|name| {
                    // `from azure.ai import ml` names in two parts what is one module.
                    known.len() == import.module.len() + 1 + name.len()
                        && is(known, &import.module)
                        && known.ends_with(name.as_str())
                })
        })
        .map(|(_, platform)| *platform)
}

/// What stands in `environment/` is specification that happens to be Python.
fn is_specification(file: &PythonFile<'_>) -> bool {
    matches!(file.owner, Owner::Experiment(_))
        && file.path.strip_prefix(ENVIRONMENT).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether the first part of the name is a module of the experiment itself: beside the file, or at the
/// experiment's top.
fn is_local(file: &PythonFile<'_>, top: &str) -> bool {
    let Owner::Experiment(tree) = file.owner else { return false };
    if tree.files.has_top(top) {
        return true;
    }
    file.path.rsplit_once('/').is_some_and(|(folder, _)| tree.files.has_top(&format!("{folder}/{top}")))
}

fn named(import: &Import) -> String {
    match import.how {
        How::From => format!("`from {} import {}`", import.shown(), import.names.join(", ")),
        How::Import => format!("`import {}`", import.shown()),
        How::ByName | How::ByPath => format!("`{}`, imported by name,", import.shown()),
    }
}

pub fn foreign_experiment(
    project: &Project,
    file: &PythonFile<'_>,
    import: &Import,
    provided: &dyn Fn(&str) -> bool,
    findings: &mut Vec<Finding>,
) {
    let Some(other) = imported_experiment(project, file, import, provided) else { return };
    let place = (import.line, import.column);
    let shown = file.shown(project);
    let message = format!("{} is of the experiment `{}`", named(import), other.name);
    findings.push(match file.owner {
        Owner::Experiment(tree) => Finding::new(
            &EXPERIMENT_IMPORTS_EXPERIMENT,
            shown,
            place,
            message,
            format!(
                "move it to `{}/{COMMON}`, then: scaf dependency {} PATH; scaf dependency {} PATH",
                project.code, tree.name, other.name
            ),
        ),
        Owner::Shared => Finding::new(
            &COMMON_IMPORTS_EXPERIMENT,
            shown,
            place,
            message,
            format!("move it to `{}/{COMMON}`, or hand in what is needed as an argument", project.code),
        ),
    });
}

fn imported_experiment<'a>(
    project: &'a Project,
    file: &PythonFile<'_>,
    import: &Import,
    provided: &dyn Fn(&str) -> bool,
) -> Option<&'a Tree> {
    let own = match file.owner {
        Owner::Experiment(tree) => Some(&tree.name),
        Owner::Shared => None,
    };
    // So many dots do not lead out of the experiment.
    if own.is_some() && import.level > 0 && import.level as usize <= file.path.matches('/').count() + 1 {
        return None;
    }
    let seen_from_code;
    let module = if import.level == 0 {
        // People also start at the project's root: `src.digits.train`.
        let rest = import.module.strip_prefix(project.dotted_code.as_str());
        rest.and_then(|rest| rest.strip_prefix('.')).unwrap_or(&import.module)
    } else {
        // Seen from the code folder, since the dots may lead out of the experiment.
        let from = match own {
            Some(name) => format!("{name}/{}", file.path),
            None => format!("{COMMON}/{}", file.path),
        };
        seen_from_code = import.absolute(&from)?;
        seen_from_code.as_str()
    };
    // Most imports end here, so what costs more is asked later.
    let Some((other, rest)) = project.experiment_of(module) else {
        // `from vision import ocr`
        if !project.domains.contains(module) || (import.level == 0 && is_local(file, import.top())) {
            return None;
        }
        return import
            .names
            .iter()
            .filter_map(|name| project.experiment_of(&format!("{module}.{name}")).map(|(tree, _)| tree))
            .find(|tree| own != Some(&tree.name));
    };
    if own == Some(&other.name) || (import.level == 0 && is_local(file, import.top())) {
        return None;
    }
    // An installed package may have the experiment's name, so the module must be there.
    let rest = rest.replace('.', "/");
    let has = |path: &str| other.files.find_path(path).is_some();
    let named = import
        .names
        .iter()
        .any(|name| if rest.is_empty() { has(name) } else { has(&format!("{rest}/{name}")) });
    let whole = if rest.is_empty() { other.files.has_file("__init__.py") } else { has(&rest) };
    // The folder alone, without `__init__.py`, is imported as well; a package of that name comes first.
    let folder = || {
        rest.is_empty()
            && import.names.iter().all(|name| name == "*")
            && other.files.files().any(|file| file.ends_with(".py"))
            && (import.level > 0 || !provided(import.top()))
    };
    (named || whole || folder()).then_some(other)
}

/// Whether a line of the specification refers to the outermost layer.
pub fn specification(shown: &str, text: &str, findings: &mut Vec<Finding>) {
    if !text.contains(ORCHESTRATION) {
        return;
    }
    for (number, line) in (1..).zip(text.lines()) {
        let code = without_comment(line);
        let Some(index) = refers_to_orchestration(code) else { continue };
        findings.push(Finding::new(
            &LAYER_SPECIFICATION,
            shown,
            (number, u32::try_from(code[..index].chars().count() + 1).unwrap_or(1)),
            format!("refers to `{ORCHESTRATION}/`"),
            "move what both need into the experiment",
        ));
    }
}

fn refers_to_orchestration(code: &str) -> Option<usize> {
    code.match_indices(ORCHESTRATION).map(|(index, _)| index).find(|index| {
        let before = code[..*index].chars().next_back();
        let after = code[index + ORCHESTRATION.len()..].chars().next();
        let starts = before.is_none_or(|c| !c.is_alphanumeric() && !"_-.".contains(c));
        let ends = after.is_none_or(|c| !c.is_alphanumeric() && !"_-.".contains(c));
        let word = code.split_whitespace().next().unwrap_or_default();
        let copies = word.eq_ignore_ascii_case("COPY") || word.eq_ignore_ascii_case("ADD");
        // `../orchestration`, or what a Dockerfile copies; `/orchestration` is a place inside the image.
        let below = code[..*index].ends_with("./");
        starts && (after == Some('/') || (ends && (below || (copies && before != Some('/')))))
    })
}

/// A line of YAML, TOML or a Dockerfile up to its comment: a `#` at its start or after a space.
pub fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (index, c) in line.char_indices() {
        if c == '#' && before.is_whitespace() {
            return &line[..index];
        }
        before = c;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::python::imports::imports;

    fn found(source: &str) -> Option<&'static str> {
        platform(&imports(source).unwrap()[0])
    }

    #[test]
    fn platforms_are_known_by_module() {
        assert!(PLATFORMS.is_sorted());
        assert_eq!(found("import azure.ai.ml"), Some("Azure ML"));
        assert_eq!(found("from azure.ai.ml.entities import Job"), Some("Azure ML"));
        assert_eq!(found("from azure.ai import ml"), Some("Azure ML"));
        assert_eq!(found("from azure import identity"), Some("Azure"));
        assert_eq!(found("import azureml.core"), Some("Azure ML"));
        assert_eq!(found("from ray import job_submission"), Some("Ray's job queue"));
        assert_eq!(found("from google.cloud import aiplatform as ai"), Some("Vertex AI"));
        assert_eq!(found("__import__('kfp.dsl')"), Some("Kubeflow Pipelines"));
        for fine in [
            "import azure.storage.blob",
            "import ray",
            "from ray import tune",
            "import boto3",
            "from google.cloud import storage",
            "import dockerfile_parse",
            "import mlflow",
            "import azure",
        ] {
            assert_eq!(found(fine), None, "{fine}");
        }
    }

    #[test]
    fn the_specification_may_speak_of_it_in_comments() {
        let mut findings = Vec::new();
        let text = "# see orchestration/README\nCOPY ../../orchestration/x /x\nRUN my_orchestration/run\n\
                    code: orchestration/\nname: orchestration\nCOPY ../../../orchestration /o\n\
                    ADD orchestration /o\nCOPY x /orchestration\ncode: \"../orchestration\"\n";
        specification("f", text, &mut findings);
        let places: Vec<(u32, u32)> = findings.iter().map(|it| (it.line, it.column)).collect();
        assert_eq!(places, [(2, 12), (4, 7), (6, 15), (7, 5), (9, 11)]);
    }

    #[test]
    fn comments_end_lines() {
        assert_eq!(without_comment("a: b # c"), "a: b ");
        assert_eq!(without_comment("# c"), "");
        assert_eq!(without_comment("a#b"), "a#b");
    }
}
