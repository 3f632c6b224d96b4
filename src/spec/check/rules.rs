//! The register of rules.

use std::fmt::Write as _;

/// A rule as a reader meets it; `docs/reference/checks.md` is made from these.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    pub name: &'static str,
    /// What it finds.
    pub says: &'static str,
    /// Why that matters; the reason beneath each finding.
    pub why: &'static str,
    pub way_out: &'static str,
}

pub static LAYER_DATA_SCIENCE: Rule = Rule {
    name: "layer-data-science",
    says: "Code of an experiment or of `src/common` imports the SDK of a platform (Azure ML, SageMaker, Kubernetes, \
           Airflow and the like), or `orchestration`.",
    why: "data-science code knows no platform, so that it runs the same on a laptop, in a test and as a job",
    way_out: "Let the code take what it needs as arguments, and move the platform's part to `job.yaml` or to \
              `orchestration/`.",
};

pub static LAYER_SPECIFICATION: Rule = Rule {
    name: "layer-specification",
    says: "A file of an experiment's `environment/`, or its job file, refers to `orchestration/`.",
    why: "the specification says how the code is run, and not who starts it and when",
    way_out: "Move what both need into the experiment, and let `orchestration/` refer to it.",
};

pub static EXPERIMENT_IMPORTS_EXPERIMENT: Rule = Rule {
    name: "experiment-imports-experiment",
    says: "An experiment imports a module of another one.",
    why: "experiments stand alone: a run takes only its own files along, and the other's may change at any time",
    way_out: "Move the module to `src/common` and link it in both with `scaf dependency`.",
};

pub static COMMON_IMPORTS_EXPERIMENT: Rule = Rule {
    name: "common-imports-experiment",
    says: "Shared code imports a module of an experiment.",
    why: "every experiment may use the shared code, so it cannot depend on one of them",
    way_out: "Move the module to `src/common` as well, or hand what is needed in as an argument.",
};

pub static LINK_DANGLING: Rule = Rule {
    name: "link-dangling",
    says: "A symlink in an experiment or in the shared code leads to nothing, or to itself.",
    why: "a bundle, and so every run, needs what it should lead to",
    way_out: "Link it again with `scaf dependency`, or remove it with `scaf dependency --remove`.",
};

pub static LINK_ESCAPES: Rule = Rule {
    name: "link-escapes",
    says: "A symlink in an experiment or in the shared code leads out of the project.",
    why: "what it leads to is on this machine alone",
    way_out: "Take what it leads to into the project: code into `src/common`, data into `data/`.",
};

pub static LINK_ELSEWHERE: Rule = Rule {
    name: "link-elsewhere",
    says: "A symlink in an experiment leads to another experiment or out of the code folder, or one below its `common/` \
           to something else than the same place in the shared code. Of the shared code likewise.",
    why: "a run takes what it leads to along: another experiment's file may change at any time, and a dataset is copied \
          into every bundle",
    way_out: "Move code to `src/common` and link it with `scaf dependency`; read data where every run has it, in \
              `/mnt/data`.",
};

pub static FILE_NOT_BUNDLED: Rule = Rule {
    name: "file-not-bundled",
    says: "An experiment has a named pipe, a socket or a device in it, or a name that is not UTF-8.",
    why: "no bundle can hold it, so no run begins",
    way_out: "Remove or rename it, or name it in `.scafignore`.",
};

pub static LINK_IS_TEXT: Rule = Rule {
    name: "link-is-text",
    says: "A file below an experiment's `common/` holds the text of a link: git writes links so with \
           `core.symlinks=false`.",
    why: "where the shared code should be, Python finds a file with a path in it",
    way_out: "`git config core.symlinks true`, then link it again with `scaf dependency`.",
};

pub static LINK_ABSOLUTE: Rule = Rule {
    name: "link-absolute",
    says: "A symlink in an experiment or in the shared code has an absolute path.",
    why: "no other machine and no container has that path",
    way_out: "Make it relative; `scaf dependency` does so for shared code.",
};

pub static COMMON_UNLINKED: Rule = Rule {
    name: "common-unlinked",
    says: "Code imports a shared module that the experiment has not linked, or that is not there. Shared code that an \
           experiment has linked is looked at as well.",
    why: "a run takes only linked shared code along, so the import fails there",
    way_out: "`scaf dependency EXPERIMENT PATH`.",
};

pub static COMMON_INIT_MISSING: Rule = Rule {
    name: "common-init-missing",
    says: "An experiment's `common/` has no `__init__.py`.",
    why: "without it an installed package named `common` is imported instead",
    way_out: "`touch src/EXPERIMENT/common/__init__.py`, or link any part again with `scaf dependency`.",
};

pub static PLACEHOLDER: Rule = Rule {
    name: "placeholder",
    says: "A value such as `<workspace>` or `azureml:<compute>` in a job file, `scaf.toml` or `config.env` was never \
           filled in.",
    why: "the platform refuses it, or takes it literally, once the job is sent",
    way_out: "Fill it in, or take the line out.",
};

pub static JOB_FILE_MISSING: Rule = Rule {
    name: "job-file-missing",
    says: "A job file names a script, a folder or a file that is not there.",
    why: "the platform's own check lets it pass, and the job fails after it has waited in the queue",
    way_out: "Correct the path; it is relative to the job file, a script's is relative to `code`.",
};

pub static JOB_INPUT_UNDEFINED: Rule = Rule {
    name: "job-input-undefined",
    says: "A job file uses `${{inputs.x}}` or `${{outputs.x}}` and does not define it.",
    why: "the platform's own check lets it pass, and the job fails after it has waited in the queue",
    way_out: "Define it under `inputs:` or `outputs:`, or correct the name.",
};

pub static JOB_INVALID: Rule = Rule {
    name: "job-invalid",
    says: "A job file is not a command job as Azure ML has it: an unknown key, a value of the wrong kind, something \
           required that is missing. Jobs of another `type` are not looked at.",
    why: "the platform refuses such a file, or silently leaves out what it does not know",
    way_out: "Mend it; what only other targets need stands in `scaf.toml`.",
};

pub static NOTEBOOK_OUTPUTS: Rule = Rule {
    name: "notebook-outputs",
    says: "A notebook in `notebooks/` or in an experiment has outputs or execution counts.",
    why: "outputs make every change unreadable, and may carry data that should not be shared",
    way_out: "Clear them before the notebook is committed.",
};

pub static SYNTAX: Rule = Rule {
    name: "syntax",
    says: "A Python file, a job file or a notebook cannot be read.",
    why: "what cannot be read cannot be run",
    way_out: "Mend it at the place that is named.",
};

pub static EXPERIMENT_NAME: Rule = Rule {
    name: "experiment-name",
    says: "The name of an experiment's folder breaks the rule for names.",
    why: "the name becomes a Python package and a part of an image's name",
    way_out: "Rename the folder.",
};

pub static EXPERIMENT_NESTED: Rule = Rule {
    name: "experiment-nested",
    says: "A folder inside an experiment has an `environment/` with a Dockerfile of its own.",
    why: "no experiment lies inside another, so this one is never seen",
    way_out: "Move it beside the other.",
};

pub static DOCKERFILE_MISSING: Rule = Rule {
    name: "dockerfile-missing",
    says: "An experiment's `environment/` has no Dockerfile.",
    why: "without it there is no image, on this machine or elsewhere",
    way_out: "Write one, or take one from an experiment made by `scaf new-exp`.",
};

pub static DOCKERFILE_INVALID: Rule = Rule {
    name: "dockerfile-invalid",
    says: "An experiment's Dockerfile is empty, has an instruction that there is not, one before its first `FROM`, or one \
           with nothing behind it.",
    why: "no builder can make an image of it",
    way_out: "Mend it at the line that is named.",
};

pub static REQUIREMENTS_UNPINNED: Rule = Rule {
    name: "requirements-unpinned",
    says: "An experiment's `environment/` has no `requirements.txt`, or a line of it (of `requirements.lock` where there \
           is one, and of the files that it names by `-r` and `-c`) names no exact version.",
    why: "tomorrow's environment is another one, and the host engine refuses to make it",
    way_out: "Write every line as `name==version`.",
};

pub static ENVIRONMENT_MISSING: Rule = Rule {
    name: "environment-missing",
    says: "Code of an experiment, or shared code that it has linked, imports a package that neither its lock, its \
           requirements nor its Dockerfile has. Nothing that happens to be installed is looked at; where the base image may \
           bring packages of its own, or a package is pinned whose modules nobody knows, nothing is said.",
    why: "in the image the import fails, or finds whatever version another package brings along",
    way_out: "`scaf env lock EXPERIMENT`; what is right as it is: `waive` under `[env]` in `scaf.toml`.",
};

pub static ENVIRONMENT_STALE_LOCK: Rule = Rule {
    name: "environment-stale-lock",
    says: "An experiment's `requirements.lock` does not hold what its `requirements.txt` asks for, is of other requirements \
           than those that are there, or for another Python than the base image has.",
    why: "the image is made from the lock, so what was changed since is not in it",
    way_out: "`scaf env lock EXPERIMENT`.",
};

pub static ENVIRONMENT_SHADOWED: Rule = Rule {
    name: "environment-shadowed",
    says: "A module at the top of an experiment is called like one of Python's own.",
    why: "every package that imports Python's finds the experiment's, or the experiment's is never found",
    way_out: "Give it another name.",
};

pub static SETTINGS_EXPERIMENT: Rule = Rule {
    name: "settings-experiment",
    says: "`scaf.toml` or `scaf.local.toml` has a table for an experiment that is not there.",
    why: "what it sets holds for nothing",
    way_out: "Correct the name, or take the table out.",
};

pub static UNKNOWN_WAIVER: Rule = Rule {
    name: "unknown-waiver",
    says: "A comment `# scaf: allow …` names no rule.",
    why: "it allows nothing",
    way_out: "Correct the name, or take the comment out.",
};

/// Every rule, in the order of the reference.
pub static RULES: [&Rule; 28] = [
    &LAYER_DATA_SCIENCE,
    &LAYER_SPECIFICATION,
    &EXPERIMENT_IMPORTS_EXPERIMENT,
    &COMMON_IMPORTS_EXPERIMENT,
    &COMMON_UNLINKED,
    &COMMON_INIT_MISSING,
    &LINK_DANGLING,
    &LINK_ESCAPES,
    &LINK_ABSOLUTE,
    &LINK_ELSEWHERE,
    &LINK_IS_TEXT,
    &FILE_NOT_BUNDLED,
    &EXPERIMENT_NAME,
    &EXPERIMENT_NESTED,
    &DOCKERFILE_MISSING,
    &DOCKERFILE_INVALID,
    &REQUIREMENTS_UNPINNED,
    &ENVIRONMENT_MISSING,
    &ENVIRONMENT_STALE_LOCK,
    &ENVIRONMENT_SHADOWED,
    &PLACEHOLDER,
    &JOB_FILE_MISSING,
    &JOB_INPUT_UNDEFINED,
    &JOB_INVALID,
    &NOTEBOOK_OUTPUTS,
    &SYNTAX,
    &SETTINGS_EXPERIMENT,
    &UNKNOWN_WAIVER,
];

/// `docs/reference/checks.md`.
pub fn reference() -> String {
    let mut text = String::from(
        "# Checks\n\n\
         What `scaf check` looks at. A finding is waived by a comment on its line, in Python, YAML, TOML and \
         Dockerfiles:\n\n\
         ```python\nimport kubernetes  # scaf: allow layer-data-science\n```\n\n\
         Several rules are separated by commas. `check.allow = [\"notebook-outputs\"]` in the settings leaves a rule out \
         for the whole project, or for one experiment in its table. What git ignores is not looked at. The exit status is 1 when \
         something was found.\n\n\
         This page is made from the register of rules in `src/spec/check/rules.rs`.\n",
    );
    for Rule { name, says, why, way_out } in RULES {
        let _ = write!(text, "\n## {name}\n\n{says}\n\nReason: {why}.\n\nWay out: {way_out}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_texts_are_whole() {
        for (index, rule) in RULES.iter().enumerate() {
            assert!(RULES[..index].iter().all(|other| other.name != rule.name), "{}", rule.name);
            assert!(rule.says.ends_with('.') && rule.way_out.ends_with('.'), "{}", rule.name);
            assert!(!rule.why.ends_with('.') && rule.why.starts_with(char::is_lowercase), "{}", rule.name);
        }
    }
}
