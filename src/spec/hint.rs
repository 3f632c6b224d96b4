//! The way out that stands next to an error.

/// Whose failure it is; it decides the tone and the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The words given on the command line cannot be understood: exit status 2.
    Usage,
    /// The request or the project is not right, or cannot be met: exit status 1.
    User,
    /// The world around is not as needed (no engine, a full disk): exit status 1.
    World,
    /// The engine could not start the run: 125, 126 or 127, as from `docker run`.
    Start(u8),
    /// A signal of this number ended it before it was done: exit status 128 and the number.
    Interrupted(i32),
    /// A defect of scaf itself: exit status 1, and a report is asked for.
    Ours,
}

impl Fault {
    /// The status that scaf leaves with (product.md §4).
    pub fn status(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::User | Self::World | Self::Ours => 1,
            Self::Start(status) => status,
            Self::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(1),
        }
    }
}

/// What every error of every room can say about itself.
pub trait Explain: std::error::Error {
    /// Whose failure it is.
    fn fault(&self) -> Fault {
        Fault::User
    }

    /// Ways out, each a line that can be typed or followed.
    fn hints(&self) -> Vec<String> {
        Vec::new()
    }
}
