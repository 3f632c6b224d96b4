//! The folder that is sent to a builder, as a tar archive that depends on nothing but its content: sorted,
//! of one time and one owner, the permissions reduced to what matters.

use std::fs::{self, File};
use std::io::{self, BufWriter, Cursor, Seek, Write};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use crate::spec::build_context::ignore::DockerIgnore;

/// 1980-01-02, the first whole day that a zip archive knows in every time zone: packages are built in
/// images, and wheels are zip archives.
const TIME: u64 = 315_619_200;

/// A part of the context cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`", path.display())]
pub struct ContextError {
    pub path: PathBuf,
    #[source]
    pub source: io::Error,
}

/// A file that is put in beside those of the folder, or in place of one.
pub(super) struct Extra<'a> {
    pub(super) path: &'a str,
    pub(super) content: &'a [u8],
}

/// The archive in a file without a name, rewound.
pub(super) fn archive(folder: &Path, dockerfile: &str, extras: &[Extra<'_>]) -> Result<File, ContextError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| ContextError { path, source }
    };
    let file = tempfile::tempfile().map_err(at(Path::new("a temporary file")))?;
    let mut builder = Builder::new(BufWriter::new(file));
    builder.follow_symlinks(false);
    let ignore = ignore_file(folder, dockerfile)?;
    let mut taken = Vec::new();
    walk(folder, "", &ignore, &mut taken).map_err(|(path, source)| ContextError { path, source })?;
    // The builder needs these two even if they are told to be left out.
    for always in [dockerfile, ".dockerignore"] {
        if !taken.iter().any(|path| path == always) && folder.join(always).is_file() {
            taken.push(always.to_owned());
        }
    }
    taken.retain(|path| !extras.iter().any(|extra| extra.path == path));
    let mut names: Vec<(&str, Option<&[u8]>)> = taken.iter().map(|path| (path.as_str(), None)).collect();
    names.extend(extras.iter().map(|extra| (extra.path, Some(extra.content))));
    names.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    for (name, content) in names {
        let path = folder.join(name);
        match content {
            Some(content) => append(&mut builder, name, content.len() as u64, 0o644, Cursor::new(content)),
            None => append_file(&mut builder, name, &path),
        }
        .map_err(at(&path))?;
    }
    let writer = builder.into_inner().and_then(|mut writer| {
        writer.flush()?;
        writer.into_inner().map_err(io::IntoInnerError::into_error)
    });
    let mut file = writer.map_err(at(Path::new("a temporary file")))?;
    file.rewind().map_err(at(Path::new("a temporary file")))?;
    Ok(file)
}

/// The Dockerfile's own, as BuildKit has it, else the context's.
fn ignore_file(folder: &Path, dockerfile: &str) -> Result<DockerIgnore, ContextError> {
    for name in [format!("{dockerfile}.dockerignore"), ".dockerignore".to_owned()] {
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(bytes) => return Ok(DockerIgnore::read(&String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(ContextError { path, source }),
        }
    }
    Ok(DockerIgnore::default())
}

/// The paths that are to be sent, folders before what is in them. Names that are no UTF-8 are told as an error.
fn walk(
    folder: &Path,
    prefix: &str,
    ignore: &DockerIgnore,
    taken: &mut Vec<String>,
) -> Result<(), (PathBuf, io::Error)> {
    let entries = fs::read_dir(folder).map_err(|error| (folder.to_owned(), error))?;
    for entry in entries {
        let entry = entry.map_err(|error| (folder.to_owned(), error))?;
        let path = entry.path();
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            let error = io::Error::new(io::ErrorKind::InvalidData, "the name is not UTF-8");
            return Err((path, error));
        };
        let below = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        let out = ignore.leaves_out(&below);
        let kind = entry.file_type().map_err(|error| (path.clone(), error))?;
        if !out && (kind.is_dir() || kind.is_file() || kind.is_symlink()) {
            taken.push(below.clone());
        }
        if kind.is_dir() && !ignore.leaves_out_all_below(&below) {
            walk(&path, &below, ignore, taken)?;
        }
    }
    Ok(())
}

fn append_file<W: Write>(builder: &mut Builder<W>, name: &str, path: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    if meta.is_dir() {
        let mut header = header(EntryType::Directory, 0, 0o755);
        return builder.append_data(&mut header, format!("{name}/"), io::empty());
    }
    if meta.is_symlink() {
        let mut header = header(EntryType::Symlink, 0, 0o777);
        return builder.append_link(&mut header, name, fs::read_link(path)?);
    }
    let executable = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0;
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    append(builder, name, size, if executable { 0o755 } else { 0o644 }, io::Read::take(file, size))
}

fn append<W: Write>(
    builder: &mut Builder<W>,
    name: &str,
    size: u64,
    mode: u32,
    content: impl io::Read,
) -> io::Result<()> {
    let mut header = header(EntryType::Regular, size, mode);
    builder.append_data(&mut header, name, content)
}

fn header(kind: EntryType, size: u64, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(TIME);
    header
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // half-written files of a test harm nobody
mod tests {
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn listing(file: File) -> Vec<String> {
        let mut archive = tar::Archive::new(file);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            let path = entry.path().unwrap().display().to_string();
            let mode = entry.header().mode().unwrap();
            entry.read_to_string(&mut text).unwrap();
            format!("{path} {mode:o} {text}")
        });
        entries.collect()
    }

    #[test]
    fn only_the_content_counts() {
        let bytes = |modify: &dyn Fn(&Path)| {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("sub")).unwrap();
            for (name, text) in [("b", "2"), ("a", "1"), ("sub/run.sh", "#!"), ("Dockerfile", "FROM x")] {
                fs::write(folder.path().join(name), text).unwrap();
            }
            symlink("a", folder.path().join("link")).unwrap();
            modify(folder.path());
            let mut all = Vec::new();
            archive(folder.path(), "Dockerfile", &[]).unwrap().read_to_end(&mut all).unwrap();
            all
        };
        let plain = bytes(&|_| {});
        let other = bytes(&|folder| {
            fs::set_permissions(folder.join("a"), PermissionsExt::from_mode(0o600)).unwrap();
            let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
            File::options().write(true).open(folder.join("b")).unwrap().set_modified(old).unwrap();
        });
        assert!(plain == other);
        let executable = bytes(&|folder| {
            fs::set_permissions(folder.join("sub/run.sh"), PermissionsExt::from_mode(0o700)).unwrap();
        });
        assert!(plain != executable);
    }

    #[test]
    fn what_is_left_out_and_what_is_put_in() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        for (name, text) in [
            ("Dockerfile", "FROM x"),
            (".dockerignore", "*\n!keep\n!data/one\n"),
            ("keep", "k"),
            ("drop", "d"),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        fs::write(folder.path().join("data/one"), "1").unwrap();
        fs::write(folder.path().join("data/two"), "2").unwrap();
        let extras = [Extra { path: "Dockerfile", content: b"FROM y" }];
        let file = archive(folder.path(), "Dockerfile", &extras).unwrap();
        assert_eq!(
            listing(file),
            [
                ".dockerignore 644 *\n!keep\n!data/one\n",
                "Dockerfile 644 FROM y",
                "data/one 644 1",
                "keep 644 k"
            ]
        );
    }
}
