//! Which distribution a program comes with, that code starts by its name.

/// Sorted by program. Programs of the system (`git`, `ffmpeg`) and those that come with Python are not in it.
const PROGRAMS: [(&str, &str); 76] = [
    ("accelerate", "accelerate"),
    ("autotrain", "autotrain-advanced"),
    ("awslocal", "awscli-local"),
    ("bentoml", "bentoml"),
    ("celery", "celery"),
    ("chainlit", "chainlit"),
    ("clearml-agent", "clearml-agent"),
    ("colossalai", "colossalai"),
    ("composer", "mosaicml"),
    ("ct2-transformers-converter", "ctranslate2"),
    ("daphne", "daphne"),
    ("dask", "dask"),
    ("dask-scheduler", "distributed"),
    ("dask-worker", "distributed"),
    ("deepspeed", "deepspeed"),
    ("demucs", "demucs"),
    ("dvc", "dvc"),
    ("fairseq-eval-lm", "fairseq"),
    ("fairseq-generate", "fairseq"),
    ("fairseq-hydra-train", "fairseq"),
    ("fairseq-interactive", "fairseq"),
    ("fairseq-preprocess", "fairseq"),
    ("fairseq-score", "fairseq"),
    ("fairseq-train", "fairseq"),
    ("fastapi", "fastapi-cli"),
    ("flask", "flask"),
    ("gdown", "gdown"),
    ("gradio", "gradio"),
    ("gunicorn", "gunicorn"),
    ("hf", "huggingface-hub"),
    ("horovodrun", "horovod"),
    ("huggingface-cli", "huggingface-hub"),
    ("hypercorn", "hypercorn"),
    ("ipython", "ipython"),
    ("jupyter", "jupyter-core"),
    ("kaggle", "kaggle"),
    ("kedro", "kedro"),
    ("litgpt", "litgpt"),
    ("llamafactory-cli", "llamafactory"),
    ("lm-eval", "lm-eval"),
    ("lm_eval", "lm-eval"),
    ("locust", "locust"),
    ("luigi", "luigi"),
    ("mlflow", "mlflow"),
    ("nbconvert", "nbconvert"),
    ("nnUNetv2_train", "nnunetv2"),
    ("ns-train", "nerfstudio"),
    ("onnxsim", "onnxsim"),
    ("optimum-cli", "optimum"),
    ("optuna", "optuna"),
    ("papermill", "papermill"),
    ("prefect", "prefect"),
    ("ray", "ray"),
    ("sacrebleu", "sacrebleu"),
    ("scrapy", "scrapy"),
    ("sky", "skypilot"),
    ("snakemake", "snakemake"),
    ("spacy", "spacy"),
    ("streamlit", "streamlit"),
    ("subword-nmt", "subword-nmt"),
    ("swift", "ms-swift"),
    ("tensorboard", "tensorboard"),
    ("tensorboard_data_server", "tensorboard-data-server"),
    ("tensorflowjs_converter", "tensorflowjs"),
    ("torchrun", "torch"),
    ("transformers-cli", "transformers"),
    ("trl", "trl"),
    ("tune", "torchtune"),
    ("uvicorn", "uvicorn"),
    ("vllm", "vllm"),
    ("waitress-serve", "waitress"),
    ("wandb", "wandb"),
    ("whisper", "openai-whisper"),
    ("yolo", "ultralytics"),
    ("youtube-dl", "youtube-dl"),
    ("yt-dlp", "yt-dlp"),
];

/// What has to be installed for the program to be there.
pub fn distribution(program: &str) -> Option<&'static str> {
    let name = program.rsplit('/').next().unwrap_or(program);
    PROGRAMS.binary_search_by_key(&name, |(program, _)| program).ok().map(|index| PROGRAMS[index].1)
}

/// Those that run the code. What else a script of a shell starts may be for something else.
const LAUNCHERS: [&str; 16] = [
    "accelerate",
    "bentoml",
    "celery",
    "chainlit",
    "colossalai",
    "composer",
    "daphne",
    "deepspeed",
    "gunicorn",
    "horovodrun",
    "hypercorn",
    "ray",
    "streamlit",
    "torchrun",
    "uvicorn",
    "waitress-serve",
];

/// Whether a program is one that runs the code.
pub fn is_launcher(program: &str) -> bool {
    LAUNCHERS.contains(&program.rsplit('/').next().unwrap_or(program))
}

/// Tools with which people work on a project; what it does needs none of them.
const TOOLS: [&str; 24] = [
    "black",
    "build",
    "coverage",
    "cProfile",
    "debugpy",
    "flake8",
    "ipykernel",
    "IPython",
    "isort",
    "jupyter",
    "kernprof",
    "line_profiler",
    "mypy",
    "notebook",
    "pip",
    "pre_commit",
    "pylint",
    "pytest",
    "ruff",
    "setuptools",
    "sphinx",
    "tox",
    "twine",
    "virtualenv",
];

/// Whether `python -m module` is such a tool.
pub fn is_tool(module: &str) -> bool {
    TOOLS.contains(&module.split('.').next().unwrap_or(module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_knows_programs_by_path() {
        assert!(PROGRAMS.is_sorted_by(|(one, _), (other, _)| one < other));
        assert_eq!(distribution("/opt/venv/bin/torchrun"), Some("torch"));
        assert_eq!(distribution("git"), None);
    }
}
