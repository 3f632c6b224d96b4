//! What stands where a project is to be made.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What was found where the files are to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ground {
    /// Of the files, those that are there.
    pub there: Vec<String>,
    pub obstacles: Vec<Obstacle>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Absolute.
    pub path: PathBuf,
    pub what: &'static str,
    pub wanted: &'static str,
}

/// Looks at the places of these files, relative to the root.
pub fn look<'a>(root: &Path, files: impl IntoIterator<Item = &'a str>) -> Ground {
    let mut ground = Ground::default();
    for file in files {
        let place = root.join(file);
        let mut above: Vec<&Path> = place.ancestors().skip(1).collect();
        above.reverse();
        match above.into_iter().find_map(|folder| obstacle(folder, true)) {
            Some(found) if ground.obstacles.contains(&found) => {}
            Some(found) => ground.obstacles.push(found),
            None => match obstacle(&place, false) {
                Some(found) => ground.obstacles.push(found),
                None if place.exists() => ground.there.push(file.to_owned()),
                None => {}
            },
        }
    }
    ground
}

/// The text of a file; `None` where there is none, or where it is no text.
pub fn text(path: &Path) -> io::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes)
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn obstacle(path: &Path, folder: bool) -> Option<Obstacle> {
    let there = fs::symlink_metadata(path).ok()?;
    let what = match fs::metadata(path) {
        Err(_) if there.is_symlink() => "a symlink to nothing",
        Ok(found) if found.is_dir() && folder => return None,
        Ok(found) if found.is_file() && !folder => return None,
        Ok(found) if found.is_dir() => "a folder",
        Ok(found) if found.is_file() => "a file",
        _ => "neither file nor folder",
    };
    Some(Obstacle { path: PathBuf::from(path), what, wanted: if folder { "folder" } else { "file" } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_in_the_way_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("real")).unwrap();
        fs::create_dir_all(root.join("README.md")).unwrap();
        fs::File::create(root.join("src")).unwrap();
        fs::File::create(root.join("kept")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("data")).unwrap();
        std::os::unix::fs::symlink("real", root.join("models")).unwrap();
        let files = ["README.md", "data/.gitkeep", "kept", "models/.gitkeep", "new", "src/a/b", "src/c"];
        let ground = look(root, files);
        assert_eq!(ground.there, ["kept"]);
        let seen: Vec<(&str, &str, &str)> = ground
            .obstacles
            .iter()
            .map(|found| {
                let path = found.path.strip_prefix(root).unwrap().to_str().unwrap();
                (path, found.what, found.wanted)
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("README.md", "a folder", "file"),
                ("data", "a symlink to nothing", "folder"),
                ("src", "a file", "folder")
            ]
        );
        // Above the root, too.
        assert_eq!(look(&root.join("kept/p"), ["x"]).obstacles.len(), 1);
        assert_eq!(look(&root.join("q/p"), ["x"]), Ground::default());
    }
}
