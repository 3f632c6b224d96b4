//! The text that is sent to the builder in place of the author's. The author's file stays plain and
//! buildable without scaf; what a build here needs besides is put in on the way:
//!
//! - a mirror's name in place of Docker's own registry;
//! - on every `RUN`, the mounts of secrets and of package caches;
//! - behind every `FROM`, one `ARG` line with the variables that point the tools to those mounts.
//!   An `ARG` reaches shell and exec form alike, whatever the user, and is not kept in the image's
//!   environment; its history shows the fixed paths, never a value of this machine.
//!
//! Nothing is mounted over a file of the image: `update-ca-certificates` (which `apt-get install
//! ca-certificates` runs) renames its result onto `/etc/ssl/certs/ca-certificates.crt`, and a rename
//! onto a mount point fails. Seen with Docker 20.10: the folders of the mount points remain in the
//! layer, empty; they are all below `/run/scaf`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Base, Dockerfile, Instruction, Reference};

/// Where everything of scaf's appears while a command of a build runs.
pub const INSIDE: &str = "/run/scaf";
/// How the line begins that is put behind each `FROM`.
const LINE: &str = "ARG SCAF_BUILD=1";

/// A secret as one `RUN` sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretMount {
    pub id: String,
    /// Absolute path inside.
    pub target: String,
}

/// What is put into the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildHelp {
    /// `registry.example.com/hub`: where the images of Docker's own registry are had.
    pub mirror: Option<String>,
    pub secrets: Vec<SecretMount>,
    /// Variables for every command of the build; they are no secret.
    pub env: BTreeMap<String, String>,
    /// Keep what pip and uv download between builds. Only for builders that know `RUN --mount`.
    pub caches: bool,
    /// The build arguments, since `FROM` may be made of them.
    pub args: BTreeMap<String, String>,
}

impl BuildHelp {
    fn is_nothing(&self) -> bool {
        self.mirror.is_none() && self.secrets.is_empty() && self.env.is_empty() && !self.caches
    }
}

/// A tool whose downloads are kept.
struct Cache {
    tool: &'static str,
    env: &'static [(&'static str, &'static str)],
    target: &'static str,
}

const CACHES: [Cache; 2] = [
    Cache { tool: "pip", env: &[("PIP_CACHE_DIR", "/run/scaf/pip")], target: "/run/scaf/pip" },
    Cache {
        tool: "uv",
        // A mount is another file system, where uv's hard links cannot reach.
        env: &[("UV_CACHE_DIR", "/run/scaf/uv"), ("UV_LINK_MODE", "copy")],
        target: "/run/scaf/uv",
    },
];

/// The line of the author's text that a line of the text sent stands for: only whole lines were put in.
pub fn authors_line(sent: &str, line: u32) -> u32 {
    let before = sent.lines().take(line as usize).filter(|text| text.starts_with(LINE)).count();
    line.saturating_sub(u32::try_from(before).unwrap_or(u32::MAX)).max(1)
}

/// The text to send; `None` when the author's own will do.
pub fn rewrite(text: &str, help: &BuildHelp) -> Option<String> {
    if help.is_nothing() {
        return None;
    }
    let file = Dockerfile::read(text, &help.args);
    let mut edits = Edits { source: text, edits: Vec::new() };
    if let Some(mirror) = &help.mirror {
        if let Some(syntax) = &file.syntax {
            edits.replace(
                syntax.start,
                syntax.end,
                &syntax.text,
                Reference::parse(&syntax.text).behind(mirror),
            );
        }
        for external in file.externals() {
            let word = &external.word;
            edits.replace(word.start, word.end, &word.text, Reference::parse(&external.image).behind(mirror));
        }
    }
    let caches: Vec<&Cache> =
        CACHES.iter().filter(|cache| help.caches && is_wanted(&file, text, cache)).collect();
    for (index, stage) in file.stages.iter().enumerate() {
        let runs: Vec<&Instruction> =
            file.instructions.iter().filter(|one| one.stage == Some(index) && one.keyword == "RUN").collect();
        if runs.is_empty() {
            continue;
        }
        let mut env = help.env.clone();
        for cache in &caches {
            env.extend(cache.env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        }
        if !env.is_empty() {
            let words: Vec<String> = env.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            let from = &file.instructions[stage.instruction];
            edits.line_after(from.end, &format!("{LINE}{}", words.concat()));
        }
        for run in runs {
            let taken: BTreeSet<String> =
                run.mounts().into_iter().filter_map(|mut mount| mount.remove("target")).collect();
            let mut flags = String::new();
            for SecretMount { id, target } in help.secrets.iter().filter(|one| !taken.contains(&one.target)) {
                let _ = write!(flags, " --mount=type=secret,id={id},target={target},mode=0444");
            }
            for cache in &caches {
                let owner = owner(&file, index, run);
                let Cache { tool, env: _, target } = cache;
                let _ = write!(flags, " --mount=type=cache,id=scaf-{tool}-{owner},target={target},mode=0777");
            }
            if !flags.is_empty() {
                edits.insert(run.after_keyword, &flags);
            }
            if caches.iter().any(|cache| cache.tool == "pip")
                && run.heredocs.is_empty()
                && !run.is_exec_form()
            {
                for (start, end) in no_cache_options(run) {
                    edits.remove(start, end);
                }
            }
        }
    }
    let rewritten = edits.apply();
    (rewritten != text).then_some(rewritten)
}

/// Not where the tool does not occur, and not where the author keeps a cache for it himself. Asked of
/// the whole file, since a stage inherits the variables of the one it begins with.
fn is_wanted(file: &Dockerfile, text: &str, cache: &Cache) -> bool {
    let own = file.instructions.iter().filter(|one| one.keyword == "RUN").any(|run| {
        run.mounts().iter().any(|mount| {
            mount.get("type").is_some_and(|kind| kind == "cache")
                && mount.get("target").is_some_and(|target| target.contains(cache.tool))
        })
    });
    // A script that the build runs may well call pip.
    !own && (cache.tool == "pip" || text.contains(cache.tool))
}

/// Caches are kept apart by who writes them: pip does without a cache that another user owns, and
/// whose a base image's commands are is known by its name alone.
fn owner(file: &Dockerfile, stage: usize, run: &Instruction) -> String {
    let base = match file.base_of(stage) {
        Some(Base::Image(image)) => Reference::parse(image).repository,
        _ => "other".to_owned(),
    };
    let mut user = None;
    let mut of = Some(stage);
    // The nearest `USER` above: in this stage, else in the one that it begins with.
    while let (None, Some(index)) = (&user, of) {
        user = file
            .instructions
            .iter()
            .filter(|one| one.stage == Some(index) && one.first_line < run.first_line)
            .filter(|one| one.keyword == "USER")
            .map(|one| one.text.clone())
            .next_back();
        of = match file.stages.get(index).map(|stage| &stage.base) {
            Some(Base::Stage(earlier)) => Some(*earlier),
            _ => None,
        };
    }
    let name = match user {
        // The one user who is the same in every image.
        Some(user) if matches!(user.as_str(), "root" | "0" | "root:root" | "0:0") => "root".to_owned(),
        Some(user) => format!("{base}-{user}"),
        None => base,
    };
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// `--no-cache-dir` is written to keep the cache out of the layer, which the mount does as well.
fn no_cache_options(run: &Instruction) -> Vec<(usize, usize)> {
    super::words(run)
        .into_iter()
        .filter(|word| word.text == "--no-cache-dir")
        .map(|word| (word.start, word.end))
        .collect()
}

/// Changes to a text, by byte offsets of the text as it was.
struct Edits<'a> {
    source: &'a str,
    edits: Vec<(usize, usize, String)>,
}

impl Edits<'_> {
    fn insert(&mut self, at: usize, text: &str) {
        self.edits.push((at, at, text.to_owned()));
    }

    fn remove(&mut self, start: usize, end: usize) {
        // With the space before it, so that none is doubled.
        let space = start > 0 && self.source.as_bytes().get(start - 1) == Some(&b' ');
        self.edits.push((start - usize::from(space), end, String::new()));
    }

    /// A line of its own behind the line that ends at `at`.
    fn line_after(&mut self, at: usize, line: &str) {
        let ends = self.source.get(..at).is_some_and(|before| before.ends_with('\n'));
        self.edits.push((at, at, if ends { format!("{line}\n") } else { format!("\n{line}") }));
    }

    /// Only where the source has what is expected: a word with a continuation inside stays.
    fn replace(&mut self, start: usize, end: usize, old: &str, new: Option<String>) {
        if let Some(new) = new
            && self.source.get(start..end) == Some(old)
        {
            self.edits.push((start, end, new));
        }
    }

    fn apply(mut self) -> String {
        self.edits.sort_by_key(|(start, end, _)| (*start, *end));
        let mut out = String::with_capacity(self.source.len() + 256 * self.edits.len());
        let mut at = 0;
        for (start, end, text) in self.edits {
            if start < at {
                continue;
            }
            out.push_str(self.source.get(at..start).unwrap_or_default());
            out.push_str(&text);
            at = end;
        }
        out.push_str(self.source.get(at..).unwrap_or_default());
        out
    }
}

/// What a builder says of a step, without scaf's additions: `RUN pip install …`.
pub fn author_words(said: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in said.split(' ') {
        let ours = word.starts_with("--mount=type=") && word.contains(INSIDE);
        if !ours {
            words.push(word);
        }
    }
    words.join(" ")
}
