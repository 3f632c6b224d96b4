//! Where in the experiment each file of the code comes to lie: as they lie to each other now, so that paths in the code lead
//! where they did.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// So many folders above the script a module may lie whose place to it is kept.
const UP_MAX: usize = 3;

/// What is to be placed.
pub struct Facts<'a> {
    pub script: &'a Path,
    /// The folder that is taken whole.
    pub whole: Option<&'a Path>,
    /// What the code's project lies in.
    pub root: &'a Path,
    pub files: &'a BTreeSet<PathBuf>,
    /// Where imports of the script have found some of them, and which.
    pub starts: &'a [(PathBuf, BTreeSet<PathBuf>)],
    /// The same for the other files of the folder.
    pub others: &'a [(PathBuf, BTreeSet<PathBuf>)],
    /// Where Python keeps what is installed: what lies there loose is placed by itself.
    pub site: &'a [PathBuf],
    /// The script is started as a module.
    pub is_module: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// What becomes the experiment's folder.
    pub base: PathBuf,
    /// Paths in the experiment, `/`-separated.
    pub places: BTreeMap<PathBuf, String>,
    /// Folders of the experiment in which Python has to look besides the script's own; an empty one is the experiment's.
    pub paths: Vec<String>,
}

/// Why there is no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// Nothing says where it is looked for.
    Nowhere { file: PathBuf },
    /// Another file has it.
    Taken { file: PathBuf, other: PathBuf, place: String },
}

pub fn place(facts: &Facts<'_>) -> Result<Placed, NoPlace> {
    let Facts { script, whole, root: _, files, starts, others, site: _, is_module } = facts;
    let folder = script.parent().unwrap_or(script);
    let near: BTreeSet<&Path> =
        files.iter().map(PathBuf::as_path).filter(|file| facts.is_near(file)).collect();
    let used: Vec<&Path> = starts
        .iter()
        .filter(|(_, found)| found.iter().any(|file| near.contains(file.as_path())))
        .map(|(start, _)| start.as_path())
        .collect();
    let mut base = whole.unwrap_or(folder).to_owned();
    let top = package_top(folder);
    let parents = near.iter().filter_map(|file| file.parent());
    for other in parents.chain(used.iter().copied()).chain(is_module.then_some(top)) {
        base = common(&base, other);
    }
    let mut placed = Placed { base: base.clone(), ..Placed::default() };
    let at_script = shown(folder, &base);
    for file in *files {
        let place = if near.contains(file.as_path()) {
            shown(file, &base)
        } else {
            let all = starts.iter().chain(*others).map(|(start, _)| start.as_path());
            let start =
                all.filter(|start| file.starts_with(start)).max_by_key(|start| start.as_os_str().len());
            let start = start.ok_or_else(|| NoPlace::Nowhere { file: file.clone() })?;
            join(&at_script, &shown(file, start))
        };
        placed.places.insert(file.clone(), place);
    }
    let mut by_place: BTreeMap<&str, &PathBuf> = BTreeMap::new();
    for (file, place) in &placed.places {
        if let Some(other) = by_place.insert(place, file) {
            let place = place.clone();
            return Err(NoPlace::Taken { file: file.clone(), other: other.clone(), place });
        }
    }
    let mut add = |start: &Path| {
        let place = shown(start, &base);
        if (*is_module || start != folder) && !placed.paths.contains(&place) {
            placed.paths.push(place);
        }
    };
    if *is_module {
        add(top);
    }
    used.into_iter().for_each(add);
    Ok(placed)
}

impl Facts<'_> {
    fn is_near(&self, file: &Path) -> bool {
        let folder = self.whole.or(self.script.parent()).unwrap_or(self.script);
        let above = common(folder, file.parent().unwrap_or(file));
        let up = folder.components().count() - above.components().count();
        let is_near = above.starts_with(self.root) || up <= UP_MAX;
        is_near && above.components().count() > 1 && !self.site.iter().any(|site| file.starts_with(site))
    }
}

/// The folder that the topmost package around lies in.
pub fn package_top(folder: &Path) -> &Path {
    folder.ancestors().find(|above| !above.join("__init__.py").is_file()).unwrap_or(folder)
}

fn common(one: &Path, other: &Path) -> PathBuf {
    one.components().zip(other.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

/// Relative, `/`-separated.
pub fn shown(path: &Path, base: &Path) -> String {
    path.strip_prefix(base).unwrap_or(path).to_string_lossy().into_owned()
}

pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(script: &str, whole: Option<&str>, root: &str, files: &[&str], starts: &[&str]) -> String {
        let files: BTreeSet<PathBuf> = files.iter().copied().chain([script]).map(PathBuf::from).collect();
        let found = |start: &str| files.iter().filter(|file| file.starts_with(start)).cloned().collect();
        let starts: Vec<_> = starts.iter().map(|start| (PathBuf::from(start), found(start))).collect();
        let facts = Facts {
            script: Path::new(script),
            whole: whole.map(Path::new),
            root: Path::new(root),
            files: &files,
            starts: &starts,
            others: &[],
            site: &[PathBuf::from("/v/lib/site-packages")],
            is_module: false,
        };
        match place(&facts) {
            Ok(placed) => {
                let places: Vec<&str> = placed.places.values().map(String::as_str).collect();
                let paths = placed.paths.iter().map(|path| if path.is_empty() { "." } else { path.as_str() });
                format!("{} | {}", places.join(" "), paths.collect::<Vec<_>>().join(" "))
            }
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn beside_the_script_and_below_it() {
        assert_eq!(
            placed("/a/b/x.py", None, "/a/b", &["/a/b/y.py", "/a/b/p/z.py"], &["/a/b"]),
            "p/z.py x.py y.py | "
        );
        assert_eq!(
            placed("/a/b/x.py", None, "/a/b", &["/a/b/lib/y.py"], &["/a/b/lib"]),
            "lib/y.py x.py | lib"
        );
    }

    #[test]
    fn above_the_script_the_places_are_kept() {
        assert_eq!(placed("/a/s/x.py", None, "/a", &["/a/lib/y.py"], &["/a"]), "lib/y.py s/x.py | .");
        assert_eq!(
            placed("/a/s/x.py", None, "/a", &["/a/src/m/y.py"], &["/a/src"]),
            "s/x.py src/m/y.py | src"
        );
        // `import src.m` is looked for in the folder above.
        assert_eq!(placed("/a/src/x.py", None, "/a", &["/a/src/m/y.py"], &["/a"]), "src/m/y.py src/x.py | .");
        assert_eq!(
            placed("/a/e/one/x.py", Some("/a/e/one"), "/a", &["/a/lib/y.py"], &["/a/lib"]),
            "e/one/x.py lib/y.py | lib"
        );
    }

    #[test]
    fn far_away_modules_come_beside_the_script() {
        assert_eq!(
            placed("/a/b/c/d/e/x.py", None, "/a/b/c/d/e", &["/z/l/n/y.py"], &["/z/l"]),
            "x.py n/y.py | "
        );
        assert_eq!(
            placed("/v/x.py", None, "/v", &["/v/lib/site-packages/y.py"], &["/v/lib/site-packages"]),
            "y.py x.py | "
        );
        let clash = placed("/a/b/c/d/e/x.py", None, "/a/b/c/d/e", &["/z/x.py"], &["/z"]);
        assert!(clash.starts_with("Taken"), "{clash}");
        let nowhere = placed("/a/b/c/d/e/x.py", None, "/a/b/c/d/e", &["/z/y.py"], &[]);
        assert!(nowhere.starts_with("Nowhere"), "{nowhere}");
    }
}
