//! pip's settings for the package index as uv's variables: uv reads nothing of pip's.

use super::pip_conf::PipConf;

/// What uv is told, in the order in which it is to be set. `taken`: uv's own variables that the user has set; they win.
pub fn of_pip(conf: &PipConf, taken: &dyn Fn(&str) -> bool) -> Vec<(&'static str, String)> {
    let mut variables = Vec::new();
    let mut set = |name: &'static str, value: String| {
        if !value.is_empty() && !taken(name) {
            variables.push((name, value));
        }
    };
    let (default, more) = indexes(conf);
    set("UV_DEFAULT_INDEX", default.unwrap_or_default());
    set("UV_INDEX", more.join(" "));
    set("UV_INSECURE_HOST", once(conf.values("trusted-host")).join(" "));
    // What lies in a folder of this machine alone cannot be installed anywhere else.
    let mut pages = once(conf.values("find-links"));
    pages.retain(|word| word.starts_with("http"));
    set("UV_FIND_LINKS", pages.join(","));
    let last = |key: &str| conf.values(key).last().map(|value| (*value).to_owned()).unwrap_or_default();
    let timeout = [last("timeout"), last("default-timeout")].into_iter().find(|value| !value.is_empty());
    // pip takes fractions of a second, uv whole ones.
    let seconds = timeout.and_then(|value| value.split('.').next().map(str::to_owned));
    let is_number = |value: &String| value.parse::<u32>().is_ok_and(|value| value > 0);
    set("UV_HTTP_TIMEOUT", seconds.filter(is_number).unwrap_or_default());
    set("ALL_PROXY", last("proxy"));
    variables
}

/// pip looks at all of its indexes and takes the best version; uv takes the first index that knows the name at all, in
/// the order of `UV_INDEX`, the default index last. An index with a password has the private packages: it is asked
/// first, so that nobody's package of the same name stands in for one of them.
fn indexes(conf: &PipConf) -> (Option<String>, Vec<String>) {
    let own = |word: &&str| !word.trim().is_empty();
    let main = conf.values("index-url").into_iter().rfind(own);
    let mut all = once(conf.values("extra-index-url"));
    let Some(main) = main else {
        // The usual index stays where it is: at the end.
        return (None, all.into_iter().map(str::to_owned).collect());
    };
    all.retain(|url| *url != main);
    all.push(main);
    all.sort_by_key(|url| !has_credentials(url));
    let default = all.pop().map(str::to_owned);
    (default, all.into_iter().map(str::to_owned).collect())
}

fn has_credentials(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?', '#']).next();
    authority.is_some_and(|authority| authority.contains('@'))
}

fn once(words: Vec<&str>) -> Vec<&str> {
    let mut kept: Vec<&str> = Vec::new();
    for word in words {
        if !kept.contains(&word) {
            kept.push(word);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(&'static str, String)> {
        of_pip(&PipConf::read(text), &|name| name == "ALL_PROXY")
    }

    fn pair(name: &'static str, value: &str) -> (&'static str, String) {
        (name, value.to_owned())
    }

    #[test]
    fn every_setting_that_concerns_the_network() {
        assert_eq!(
            of(
                "[global]\nindex-url = https://a/simple\nextra-index-url = https://b/simple\n  https://c/simple\ntrusted-host = a b\ntimeout = 7.5\nproxy = http://p:3128\nfind-links = /opt/wheels https://d/all\n"
            ),
            [
                pair("UV_DEFAULT_INDEX", "https://a/simple"),
                pair("UV_INDEX", "https://b/simple https://c/simple"),
                pair("UV_INSECURE_HOST", "a b"),
                pair("UV_FIND_LINKS", "https://d/all"),
                pair("UV_HTTP_TIMEOUT", "7"),
            ]
        );
        assert_eq!(of("[global]\ntimeout = soon\n"), []);
    }

    #[test]
    fn the_private_index_is_asked_before_the_others() {
        assert_eq!(
            of(
                "[global]\nindex-url = https://me:word@private/simple\nextra-index-url = https://public/simple\n"
            ),
            [
                pair("UV_DEFAULT_INDEX", "https://public/simple"),
                pair("UV_INDEX", "https://me:word@private/simple"),
            ]
        );
        assert_eq!(
            of("[install]\nextra-index-url = https://private/simple\n"),
            [pair("UV_INDEX", "https://private/simple")]
        );
    }
}
