//! The machine that code is going to run on, as far as code asks about it.

/// A Python and a platform, in Python's own words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Target {
    pub python: (u8, u8),
    /// `sys.platform`: `linux`, `darwin`, `win32`.
    pub sys_platform: String,
    /// `platform.machine()`: `x86_64`, `aarch64`.
    pub machine: String,
}

impl Default for Target {
    fn default() -> Self {
        Self { python: (3, 11), sys_platform: "linux".to_owned(), machine: "x86_64".to_owned() }
    }
}

impl Target {
    /// `os.name`
    pub fn os_name(&self) -> &'static str {
        if self.sys_platform == "win32" { "nt" } else { "posix" }
    }

    /// `platform.system()`
    pub fn platform_system(&self) -> &str {
        match self.sys_platform.as_str() {
            "linux" => "Linux",
            "darwin" => "Darwin",
            "win32" => "Windows",
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_has_several_names() {
        let linux = Target::default();
        assert_eq!((linux.os_name(), linux.platform_system()), ("posix", "Linux"));
        let windows = Target { sys_platform: "win32".to_owned(), ..linux };
        assert_eq!((windows.os_name(), windows.platform_system()), ("nt", "Windows"));
    }
}
