//! `.gitmodules`: where other repositories lie in this one once they are fetched.

/// The paths of all submodules.
pub fn paths(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        let value = value.trim().trim_matches('"').trim_end_matches('/');
        (key.trim() == "path" && !value.is_empty()).then(|| value.to_owned())
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stand_in_sections() {
        let text = "[submodule \"x\"]\n\tpath = third_party/x/\n\turl = https://h/path=y.git\n# path\n[submodule \"b\"]\n  path=\"b c\"\n";
        assert_eq!(paths(text), ["third_party/x", "b c"]);
    }
}
