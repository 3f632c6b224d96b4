//! How the acting ring talks: it tells events, the skin words them.

/// Something worth telling while work is done.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A step begins; one line.
    Step(&'a str),
    /// A line that always is to be seen, e.g. which engine was taken and why.
    Say(&'a str),
    /// A line for those who asked for more (`-v`).
    Detail(&'a str),
    /// Something is not as it should be, and the work goes on.
    Warning(&'a str),
    /// Output of a tool that runs for the user (a build, an install): shown as it comes where there
    /// is no terminal, as the last line beneath the progress where there is one.
    Output(&'a str),
    /// How far a long piece of work is; `total` in the same unit where it is known.
    Progress { label: &'a str, done: u64, total: Option<u64> },
    /// The piece of work named by `label` is over.
    Done { label: &'a str },
}

/// Whoever listens.
pub trait Reporter: Send + Sync {
    fn tell(&self, event: Event<'_>);
}
