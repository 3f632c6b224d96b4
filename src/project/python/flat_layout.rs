//! Names at the root of a project that are no part of what it installs, whatever is in them.

/// As setuptools (61 and later) leaves them out of a project whose packages lie at its root.
const FOLDERS_AND_MODULES: &str = "\
    ci bin debian doc docs documentation manpages news newsfragments changelog test tests unit_test unit_tests example \
    examples scripts tools util utils python build benchmark benchmarks exercise exercises htmlcov dist setup conftest \
    toxfile noxfile pavement dodo tasks fabfile SConstruct";

pub fn is_no_part(name: &str) -> bool {
    name.starts_with('_') || FOLDERS_AND_MODULES.split_whitespace().any(|known| known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_project_has_beside_its_packages() {
        assert!(["docs", "tests", "setup", "noxfile", "_build"].into_iter().all(is_no_part));
        assert!(!["mylib", "testing", "documents"].into_iter().any(is_no_part));
    }
}
