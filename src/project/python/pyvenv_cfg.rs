//! `pyvenv.cfg`: what makes a folder a virtual environment.

/// What is of use in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PyvenvCfg {
    /// The folder of the Python that the environment was made with.
    pub home: String,
    pub system_site_packages: bool,
    /// As written by whoever made it: `3.11.7`, `3.11.7.final.0`.
    pub version: Option<String>,
}

/// Reads it; `None` where it has no `home`, without which Python takes no notice of it.
pub fn read(text: &str) -> Option<PyvenvCfg> {
    let value = |wanted: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim().eq_ignore_ascii_case(wanted)).then(|| value.trim().to_owned())
        })
    };
    Some(PyvenvCfg {
        home: value("home").filter(|home| !home.is_empty())?,
        system_site_packages: value("include-system-site-packages")
            .is_some_and(|value| value.eq_ignore_ascii_case("true")),
        // venv writes `version`, virtualenv and uv `version_info`.
        version: value("version_info").or_else(|| value("version")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_venv_virtualenv_and_uv() {
        let venv = read("home = /usr/bin\ninclude-system-site-packages = true\nversion = 3.11.2\n").unwrap();
        assert_eq!((venv.home.as_str(), venv.system_site_packages), ("/usr/bin", true));
        assert_eq!(venv.version.as_deref(), Some("3.11.2"));
        let uv =
            read("Home=/py/bin\nuv = 0.13.9\nversion_info = 3.12.1\ninclude-system-site-packages = false")
                .unwrap();
        assert_eq!((uv.version.as_deref(), uv.system_site_packages), (Some("3.12.1"), false));
    }

    #[test]
    fn without_a_home_it_is_none() {
        for text in ["", "home =\n", "version = 3.11\n", "\u{fffd}\0"] {
            assert_eq!(read(text), None);
        }
    }
}
