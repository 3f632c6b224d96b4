//! A failure as the skin knows it: what is wrong, the ways out, whose fault it is.

use crate::spec::hint::{Explain, Fault};

#[derive(Debug)]
pub struct Failure {
    pub message: String,
    /// What lies behind it, outermost first.
    pub causes: Vec<String>,
    pub hints: Vec<String>,
    pub fault: Fault,
}

impl Failure {
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new(), hints: Vec::new(), fault: Fault::Usage }
    }

    pub fn user(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new(), hints: Vec::new(), fault: Fault::User }
    }

    pub fn ours(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new(), hints: Vec::new(), fault: Fault::Ours }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says first what it is about.
    pub fn context(mut self, about: &str) -> Self {
        self.message = format!("{about}: {}", self.message);
        self
    }

    pub fn status(&self) -> u8 {
        self.fault.status()
    }
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut causes = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            // Some errors repeat their source in their own text.
            if !error.to_string().contains(&text) {
                causes.push(text);
            }
            next = cause.source();
        }
        let mut hints = error.hints();
        hints.dedup();
        Self { message: error.to_string(), causes, hints, fault: error.fault() }
    }
}
