//! Which file names Python imports, and under which name.

/// The module that a file of this name is, when some Python imports it: `six` of `six.py`, `_fast` of
/// `_fast.cpython-311-x86_64-linux-gnu.so` and of `_fast.abi3.so`.
pub fn module(file: &str) -> Option<&str> {
    let (name, rest) = file.split_once('.')?;
    let known = rank(rest, None).is_some();
    (known && is_identifier(name)).then_some(name)
}

/// The module that a file of this name is to the CPython or PyPy of `tag` (`311`), with its rank among the files
/// that are the same module: extension modules come first, then source, then byte code.
pub fn module_for<'a>(file: &'a str, tag: &str) -> Option<(&'a str, u8)> {
    let (name, rest) = file.split_once('.')?;
    let rank = rank(rest, Some(tag))?;
    is_identifier(name).then_some((name, rank))
}

/// The order of `importlib.machinery`'s suffixes. `tag` `None`: of whichever Python.
fn rank(rest: &str, tag: Option<&str>) -> Option<u8> {
    match rest {
        "py" => return Some(3),
        "pyc" => return Some(4),
        "so" | "pyd" => return Some(2),
        "abi3.so" => return Some(1),
        _ => {}
    }
    let marked = rest.strip_suffix(".so").or_else(|| rest.strip_suffix(".pyd"))?;
    // `cpython-311-x86_64-linux-gnu`, `pypy310-pp73-x86_64-linux-gnu`, `cp311-win_amd64`.
    let number = ["cpython-", "pypy", "graalpy", "cp"].iter().find_map(|kind| marked.strip_prefix(kind))?;
    let number = &number[..number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len())];
    (!number.is_empty() && tag.is_none_or(|tag| tag == number)).then_some(0)
}

/// For which Pythons a compiled module's name says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Abi {
    /// `311` of `_x.cpython-311-x86_64-linux-gnu.so`; `313t`; `pp310` of `_x.pypy310-pp73-….so`.
    One(String),
    /// `_x.abi3.so`: the one that it was made with, and later ones.
    Stable,
    /// `_x.so`
    Unmarked,
}

/// Of a file's name; what it says of one that is no module means nothing.
pub fn abi(file: &str) -> Abi {
    let name = file.rsplit('/').next().unwrap_or(file);
    let rest = name.split_once('.').map_or("", |(_, rest)| rest);
    if rest == "abi3.so" {
        return Abi::Stable;
    }
    let word = |front: &str, short: &str| {
        let rest = rest.strip_prefix(front)?;
        let word: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        word.starts_with(|c: char| c.is_ascii_digit()).then(|| Abi::One(format!("{short}{word}")))
    };
    word("cpython-", "").or_else(|| word("pypy", "pp")).or_else(|| word("cp", "")).unwrap_or(Abi::Unmarked)
}

/// A compiled library of any kind, also one that no `import` loads: `libx.so.2`, `x.dylib`, `x.dll`.
pub fn is_native(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let Some((_, rest)) = name.split_once('.') else { return false };
    rest.split('.').any(|part| matches!(part, "so" | "pyd" | "dylib" | "dll"))
}

/// Whether `import` can spell it.
pub fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c == '_' || c.is_alphabetic())
        && chars.all(|c| c == '_' || c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_module() {
        for (file, name) in [
            ("six.py", Some("six")),
            ("six.pyc", Some("six")),
            ("_x.so", Some("_x")),
            ("_x.abi3.so", Some("_x")),
            ("_x.cpython-311-x86_64-linux-gnu.so", Some("_x")),
            ("_x.cpython-313t-darwin.so", Some("_x")),
            ("_x.pypy310-pp73-x86_64-linux-gnu.so", Some("_x")),
            ("_x.cp311-win_amd64.pyd", Some("_x")),
            ("libx.so.2", None),
            ("x.pth", None),
            ("x.pyi", None),
            ("x-y.py", None),
            ("x", None),
            (".py", None),
            ("", None),
        ] {
            assert_eq!(module(file), name, "{file}");
        }
    }

    #[test]
    fn an_extension_module_of_another_python_is_none() {
        assert_eq!(module_for("_x.cpython-310-x86_64-linux-gnu.so", "311"), None);
        assert_eq!(module_for("_x.cpython-311-x86_64-linux-gnu.so", "311"), Some(("_x", 0)));
        assert!(module_for("_x.abi3.so", "311") < module_for("_x.py", "311"));
    }

    #[test]
    fn which_python_a_compiled_module_is_for() {
        for (file, wanted) in [
            ("a/_x.cpython-311-x86_64-linux-gnu.so", Abi::One("311".to_owned())),
            ("_x.cpython-313t-darwin.so", Abi::One("313t".to_owned())),
            ("_x.pypy310-pp73-x86_64-linux-gnu.so", Abi::One("pp310".to_owned())),
            ("_x.cp311-win_amd64.pyd", Abi::One("311".to_owned())),
            ("_x.abi3.so", Abi::Stable),
            ("_x.so", Abi::Unmarked),
            ("libcpython-x.so.2", Abi::Unmarked),
            ("x", Abi::Unmarked),
        ] {
            assert_eq!(abi(file), wanted, "{file}");
        }
    }

    #[test]
    fn native_is_more_than_what_can_be_imported() {
        for file in ["a/_x.abi3.so", "a/libgomp-d22c30c5.so.1.0.0", "lib.dylib", "b/x.pyd"] {
            assert!(is_native(file), "{file}");
        }
        for file in ["a.so/x.py", "x.py", "so", "x.sorted"] {
            assert!(!is_native(file), "{file}");
        }
    }
}
