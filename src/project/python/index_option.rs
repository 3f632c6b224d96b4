//! A line of a requirement file that says where distributions come from.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexOption {
    /// `--index-url`
    Main(String),
    /// `--extra-index-url`
    Extra(String),
    /// `--find-links`: an address, a folder or a page.
    FindLinks(String),
    /// `--no-index`
    NoIndex,
    /// `--pre`: releases before the release are fine.
    Pre,
}

impl IndexOption {
    /// `None` for any other line.
    pub fn read(line: &str) -> Option<Self> {
        let line = line.trim();
        let line = line.find(" #").or_else(|| line.find("\t#")).map_or(line, |at| line[..at].trim_end());
        let end = line.find([' ', '\t', '=']).unwrap_or(line.len());
        let (option, rest) = line.split_at(end);
        let value = rest.trim_start().trim_start_matches('=').trim().trim_matches(['"', '\'']).to_owned();
        if value.is_empty() {
            return match option {
                "--no-index" => Some(Self::NoIndex),
                "--pre" => Some(Self::Pre),
                _ => None,
            };
        }
        match option {
            "-i" | "--index-url" | "--pypi-url" => Some(Self::Main(value)),
            "--extra-index-url" => Some(Self::Extra(value)),
            "-f" | "--find-links" => Some(Self::FindLinks(value)),
            _ => None,
        }
    }

    /// Of a whole file.
    pub fn all(text: &str) -> Vec<Self> {
        text.trim_start_matches('\u{feff}').lines().filter_map(Self::read).collect()
    }

    /// The index that it names.
    pub fn index(&self) -> Option<&str> {
        match self {
            Self::Main(url) | Self::Extra(url) => Some(url),
            Self::FindLinks(_) | Self::NoIndex | Self::Pre => None,
        }
    }
}

impl fmt::Display for IndexOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main(url) => write!(f, "--index-url {url}"),
            Self::Extra(url) => write!(f, "--extra-index-url {url}"),
            Self::FindLinks(place) => write!(f, "--find-links {place}"),
            Self::NoIndex => f.write_str("--no-index"),
            Self::Pre => f.write_str("--pre"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_in_each_of_its_forms() {
        let text = "-i https://a\n--index-url=https://a  # why\n--extra-index-url  \"https://b#c\"\t# d\n-f /wheels\n--pre\n--no-index\n\
            -r x.txt\n--hash=sha256:0\nindex==1\n--index-url\n--requirements x\n# --pre\n";
        let told: Vec<String> = IndexOption::all(text).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "--index-url https://a",
                "--index-url https://a",
                "--extra-index-url https://b#c",
                "--find-links /wheels",
                "--pre",
                "--no-index"
            ]
        );
    }
}
