//! `environment.yml`: conda's packages, and pip's in the list within.

use super::plain_yaml::{self, Value};
use super::{Kind, Specification, requirements_txt};

pub fn read(content: &str) -> Specification {
    let mut specification = Specification::new(Kind::EnvironmentYml);
    let root = match plain_yaml::read(content) {
        Ok(Some(root)) => root,
        Ok(None) => return specification,
        Err(problem) => {
            specification.problems.push(problem);
            return specification;
        }
    };
    let channels = root.get("channels").map(plain_yaml::Node::list).unwrap_or_default();
    specification.channels = channels.iter().filter_map(|it| it.text()).map(str::to_owned).collect();
    let Some(dependencies) = root.get("dependencies") else {
        specification.problem(root.line, "there are no `dependencies` here");
        return specification;
    };
    if !matches!(dependencies.value, Value::List(_) | Value::Nothing) {
        specification.problem(dependencies.line, "`dependencies` is a list");
    }
    for item in dependencies.list() {
        match &item.value {
            Value::Text(text) => specification.take_conda(text, item.line, &[]),
            Value::Map(pairs) => {
                for (key, value) in pairs {
                    if key == "pip" {
                        for line in value.list() {
                            match line.text() {
                                Some(text) => requirements_txt::take(text, line.line, &mut specification),
                                None => specification.problem(line.line, "this is no line for pip"),
                            }
                        }
                    } else {
                        specification
                            .problem(value.line, format!("`{key}` is no list of packages that conda knows"));
                    }
                }
            }
            Value::Nothing => {}
            Value::List(_) => specification.problem(item.line, "a list cannot be a package"),
        }
    }
    specification.sorted()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::python::specs::{IndexUse, Source};

    #[test]
    fn both_lists() {
        let read = read(
            "name: digits\nchannels: [pytorch, conda-forge]\ndependencies:\n  - python=3.10\n  - pytorch::pytorch=2.1.0=py3.10_cuda11.8_0\n\
             \x20 - pytorch-cuda=11.8\n  - numpy=1.26\n  - pip\n  - ffmpeg\n  - pip:\n    - --extra-index-url https://h/cu118\n    - transformers==4.40.0\n\
             \x20   - -r more.txt\n    - git+https://h/x.git@main#egg=x\nprefix: /opt/conda\n",
        );
        assert_eq!(read.problems, []);
        assert_eq!(read.python.as_deref(), Some("==3.10.*"));
        assert_eq!(read.channels, ["pytorch", "conda-forge"]);
        let pins: Vec<_> =
            read.pins.iter().map(|pin| (pin.line, pin.normalised.as_str(), pin.version.as_deref())).collect();
        assert_eq!(
            pins,
            [
                (5, "torch", Some("2.1.0")),
                (7, "numpy", None),
                (12, "transformers", Some("4.40.0")),
                (14, "x", None)
            ]
        );
        assert_eq!(
            read.pins[0].source,
            Source::Conda { channel: Some("pytorch".into()), build: Some("py3.10_cuda11.8_0".into()) }
        );
        let others: Vec<_> = read.others.iter().map(|pin| pin.name.as_str()).collect();
        assert_eq!(others, ["pytorch-cuda", "pip", "ffmpeg"]);
        assert_eq!((read.indexes[0].line, read.indexes[0].use_for), (11, IndexUse::Extra));
        assert_eq!(read.includes[0].path, "more.txt");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line) in [
            ("name: x\n", 1),
            ("dependencies:\n  - a: [b]\n", 2),
            ("dependencies:\n  - [b]\n", 2),
            ("dependencies:\n  - pip:\n    - {a: b}\n", 3),
            ("dependencies:\n  - \"=1\"\n", 2),
            ("dependencies: x\n", 1),
            ("dependencies:\n\t- x\n", 2),
        ] {
            assert_eq!(read(text).problems.iter().map(|it| it.line).collect::<Vec<_>>(), [line], "{text}");
        }
    }
}
