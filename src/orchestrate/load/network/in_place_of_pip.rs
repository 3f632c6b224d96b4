//! What a tool is given that asks the package index where pip would: the user has set up pip, and uv reads none of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{GENERAL, NetworkError, PIP_CERT, Search, read};
use crate::spec::network::pip_conf::PipConf;
use crate::spec::network::recipe::Recipe;
use crate::spec::network::uv_variables;

/// Variables for uv, beside those that are set. They may hold passwords: they are for a process and not for a plan.
pub fn variables(
    variable: &dyn Fn(&str) -> Option<String>,
    system: &Path,
) -> Result<BTreeMap<String, String>, NetworkError> {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut search = Search::new(&given, system);
    let cert = search.pip()?;
    search.uv()?;
    let mut set = BTreeMap::new();
    // Where the user has set up uv itself, pip's indexes are none of its business.
    let conf = match &search.help.pip {
        Some(Recipe::PipConf { files, variables }) if search.help.uv.is_none() => {
            conf(files, variables, &given)?
        }
        _ => PipConf::default(),
    };
    for (name, value) in uv_variables::of_pip(&conf, &|name| given(name).is_some()) {
        set.insert(name.to_owned(), value);
    }
    if given("SSL_CERT_FILE").is_none()
        && let Some(bundle) = bundle(&search, cert.map(|(_, path)| path), &given)
    {
        set.insert("SSL_CERT_FILE".to_owned(), bundle.to_string_lossy().into_owned());
    }
    Ok(set)
}

fn conf(
    files: &[PathBuf],
    variables: &[String],
    given: &dyn Fn(&str) -> Option<String>,
) -> Result<PipConf, NetworkError> {
    let mut conf = PipConf::default();
    for file in files {
        conf.add(&read(file)?.unwrap_or_default());
    }
    for name in variables {
        conf.set(name, &given(name).unwrap_or_default());
    }
    Ok(conf)
}

/// The certificates that pip trusts here; uv (0.13) trusts its own and those of `SSL_CERT_FILE`.
fn bundle(
    search: &Search<'_>,
    of_pip: Option<PathBuf>,
    given: &dyn Fn(&str) -> Option<String>,
) -> Option<PathBuf> {
    let general = GENERAL.iter().filter_map(|name| given(name)).map(PathBuf::from);
    let named = given(PIP_CERT).map(PathBuf::from).or(of_pip).into_iter().chain(general);
    let mut named = named.filter(|path| fs::metadata(path).is_ok_and(|about| about.is_file()));
    named.next().or_else(|| search.system_bundle())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::io::Write::write_all(&mut fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
    }

    #[test]
    fn pips_index_and_certificates_are_uvs() {
        let root = tempfile::tempdir().unwrap();
        let ca = root.path().join("ca.pem");
        write(&ca, "certificates");
        write(
            &root.path().join("home/.config/pip/pip.conf"),
            &format!("[global]\nindex-url = https://me:word@h/simple\ncert = {}\n", ca.display()),
        );
        let home = root.path().join("home").display().to_string();
        let of = |more: &[(&str, &str)]| {
            let value = |name: &str| {
                let more = more.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
                more.or_else(|| (name == "HOME").then(|| home.clone()))
            };
            variables(&value, root.path()).unwrap()
        };
        assert_eq!(
            of(&[]),
            BTreeMap::from([
                ("UV_DEFAULT_INDEX".to_owned(), "https://me:word@h/simple".to_owned()),
                ("SSL_CERT_FILE".to_owned(), ca.display().to_string()),
            ])
        );
        let by_variable = of(&[("PIP_INDEX_URL", "https://other/simple"), ("SSL_CERT_FILE", "/x")]);
        assert_eq!(
            by_variable,
            BTreeMap::from([("UV_DEFAULT_INDEX".to_owned(), "https://other/simple".to_owned())])
        );
        let own = of(&[("UV_INDEX_URL", "https://uv/simple"), ("SSL_CERT_FILE", "/x")]);
        assert_eq!(own, BTreeMap::new(), "uv has settings of its own");
    }

    #[test]
    fn an_authority_of_the_company_in_the_systems_bundle_counts() {
        let root = tempfile::tempdir().unwrap();
        let bundle = root.path().join("etc/ssl/certs/ca-certificates.crt");
        write(&bundle, "all");
        assert_eq!(variables(&|_| None, root.path()).unwrap(), BTreeMap::new());
        write(&root.path().join("usr/local/share/ca-certificates/ours.crt"), "ours");
        assert_eq!(
            variables(&|_| None, root.path()).unwrap(),
            BTreeMap::from([("SSL_CERT_FILE".to_owned(), bundle.display().to_string())])
        );
    }
}
