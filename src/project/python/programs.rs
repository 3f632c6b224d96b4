//! Which distribution a program comes with, that code starts by its name.

/// Sorted by program. Programs of the system (`git`, `ffmpeg`) and those that come with Python are not in it.
const PROGRAMS: [(&str, &str); 34] = [
    ("accelerate", "accelerate"),
    ("awslocal", "awscli-local"),
    ("celery", "celery"),
    ("dask", "dask"),
    ("dask-scheduler", "distributed"),
    ("dask-worker", "distributed"),
    ("deepspeed", "deepspeed"),
    ("dvc", "dvc"),
    ("fastapi", "fastapi-cli"),
    ("flask", "flask"),
    ("gdown", "gdown"),
    ("gunicorn", "gunicorn"),
    ("huggingface-cli", "huggingface-hub"),
    ("ipython", "ipython"),
    ("jupyter", "jupyter-core"),
    ("kaggle", "kaggle"),
    ("kedro", "kedro"),
    ("mlflow", "mlflow"),
    ("nbconvert", "nbconvert"),
    ("onnxsim", "onnxsim"),
    ("optuna", "optuna"),
    ("papermill", "papermill"),
    ("prefect", "prefect"),
    ("ray", "ray"),
    ("streamlit", "streamlit"),
    ("tensorboard", "tensorboard"),
    ("tensorboard_data_server", "tensorboard-data-server"),
    ("torchrun", "torch"),
    ("transformers-cli", "transformers"),
    ("uvicorn", "uvicorn"),
    ("vllm", "vllm"),
    ("wandb", "wandb"),
    ("yolo", "ultralytics"),
    ("yt-dlp", "yt-dlp"),
];

/// What has to be installed for the program to be there.
pub fn distribution(program: &str) -> Option<&'static str> {
    let name = program.rsplit('/').next().unwrap_or(program);
    PROGRAMS.binary_search_by_key(&name, |(program, _)| program).ok().map(|index| PROGRAMS[index].1)
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
