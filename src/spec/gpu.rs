//! Which GPUs a run asks for: the forms of `--gpus`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A request as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GpuRequest {
    /// `all`, or `--gpus` alone.
    All,
    /// `2`: any two.
    Count(u32),
    /// `device=0,2` or UUIDs.
    Devices(Vec<String>),
    /// `free` (all idle ones) or `free:2`: idle by NVML, reserved for the run's life. The planner
    /// turns it into `Devices`.
    Free(Option<u32>),
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a form of `--gpus`: all, a number, device=0,2, device=UUID, free, free:N")]
pub struct GpuFormError(pub String);

impl GpuRequest {
    /// Whether a word is one of the forms: `--gpus` takes the next word only then (product.md §3).
    pub fn is_form(word: &str) -> bool {
        Self::parse(word).is_ok()
    }

    pub fn parse(word: &str) -> Result<Self, GpuFormError> {
        let bad = || GpuFormError(word.to_owned());
        // `docker run` accepts the value in quotes, since the comma is its own separator: --gpus '"device=0,2"'
        let text = word.trim_matches('"');
        if text == "all" {
            return Ok(Self::All);
        }
        if text == "free" {
            return Ok(Self::Free(None));
        }
        if let Some(count) = text.strip_prefix("free:") {
            return match count.parse() {
                Ok(count) if count > 0 => Ok(Self::Free(Some(count))),
                _ => Err(bad()),
            };
        }
        if let Some(list) = text.strip_prefix("device=") {
            let devices: Vec<String> = list.split(',').map(|id| id.trim().to_owned()).collect();
            if devices.iter().any(|id| id.is_empty() || id.contains(char::is_whitespace)) {
                return Err(bad());
            }
            return Ok(Self::Devices(devices));
        }
        match text.parse::<u32>() {
            Ok(count) if count > 0 => Ok(Self::Count(count)),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for GpuRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Devices(devices) => write!(f, "device={}", devices.join(",")),
            Self::Free(None) => f.write_str("free"),
            Self::Free(Some(count)) => write!(f, "free:{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(GpuRequest::parse("all"), Ok(GpuRequest::All));
        assert_eq!(GpuRequest::parse("2"), Ok(GpuRequest::Count(2)));
        assert_eq!(
            GpuRequest::parse("\"device=0,GPU-1\""),
            Ok(GpuRequest::Devices(vec!["0".into(), "GPU-1".into()]))
        );
        assert_eq!(GpuRequest::parse("free:3"), Ok(GpuRequest::Free(Some(3))));
        for word in ["", "0", "-1", "digits", "device=", "device=0,,1", "free:0", "free:x", "device=a b"] {
            assert!(GpuRequest::parse(word).is_err(), "{word:?} passed");
        }
    }
}
