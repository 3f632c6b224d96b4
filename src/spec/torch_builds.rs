//! Builds of one version for different accelerators, told apart by a local version label: `2.1.0+cu118`. Such a label is
//! of a machine, and has an index of its own beside the usual one.

use super::lock_target::Platform;

/// What the target computes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accelerator {
    /// What is installed here says it.
    #[default]
    AsInstalled,
    Cpu,
    Cuda,
}

/// The build for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    pub version: String,
    pub index: Index,
    /// It is another one than the installed, and may need other distributions.
    pub other: bool,
    /// What the user should know of it.
    pub note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Index {
    /// The one that the user has set up.
    Usual,
    Special(String),
    /// The label is nobody's that is known here.
    Unknown,
}

/// Distributions that PyTorch's own index has in several builds.
const FAMILY: [&str; 7] =
    ["torch", "torchvision", "torchaudio", "torchtext", "torchao", "xformers", "fbgemm-gpu"];
const PYTORCH: &str = "https://download.pytorch.org/whl";

/// Of a distribution (normalised) in this version; `None` where a version without a label is wanted as it is.
pub fn choose(name: &str, version: &str, accelerator: Accelerator, platform: Platform) -> Option<Build> {
    let (plain, label) = match version.split_once('+') {
        Some((plain, label)) => (plain, Some(label)),
        None => (version, None),
    };
    let is_family = FAMILY.contains(&name);
    let Some(label) = label else {
        // The plain build for x86_64 brings CUDA with it; that for aarch64 does not.
        if !is_family || accelerator != Accelerator::Cpu || platform != Platform::LinuxX86_64 {
            return None;
        }
        return Some(Build {
            version: format!("{plain}+cpu"),
            index: Index::Special(index(plain, "cpu")),
            other: true,
            note: Some(format!(
                "`{name}` is locked as {plain}+cpu: the plain {plain} would bring CUDA, and the target has none"
            )),
        });
    };
    if !is_family || !is_accelerator(label) {
        return Some(Build {
            version: version.to_owned(),
            index: Index::Unknown,
            other: false,
            note: Some(format!(
                "`{name}` {version} is a build of its own (`+{label}`), and nothing says which index has it"
            )),
        });
    }
    let of_cuda = label.starts_with("cu");
    let special = |version: String, label: &str, other, note| Build {
        version,
        index: Index::Special(index(plain, label)),
        other,
        note,
    };
    Some(match accelerator {
        Accelerator::Cuda if label == "cpu" => Build {
            version: plain.to_owned(),
            index: Index::Usual,
            other: true,
            note: Some(match platform {
                Platform::LinuxX86_64 => format!(
                    "`{name}` {version} is installed, a build without CUDA; for the target it is the plain {plain}, which brings CUDA"
                ),
                Platform::LinuxAarch64 => format!(
                    "`{name}` {version} is installed, a build without CUDA, and the plain {plain} for aarch64 has none either: name the index of the build that you want in requirements.txt"
                ),
            }),
        },
        Accelerator::Cpu if label != "cpu" => special(
            format!("{plain}+cpu"),
            "cpu",
            true,
            Some(format!(
                "`{name}` {version} is installed, a build for {}; for the target it is {plain}+cpu",
                if of_cuda { "CUDA" } else { label }
            )),
        ),
        Accelerator::AsInstalled if label == "cpu" => special(
            version.to_owned(),
            label,
            false,
            Some(format!("`{name}` {version} has no CUDA, on the target neither")),
        ),
        Accelerator::AsInstalled | Accelerator::Cpu | Accelerator::Cuda => {
            special(version.to_owned(), label, false, None)
        }
    })
}

fn index(plain: &str, label: &str) -> String {
    let nightly = if plain.contains(".dev") { "nightly/" } else { "" };
    format!("{PYTORCH}/{nightly}{label}")
}

/// `cpu`, `cu118`, `rocm6.2.4`, `xpu`
fn is_accelerator(label: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    matches!(label, "cpu" | "xpu")
        || ["cu", "rocm"].iter().any(|front| label.strip_prefix(front).is_some_and(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(version: &str, accelerator: Accelerator) -> Option<(String, Index, bool)> {
        let build = choose("torch", version, accelerator, Platform::LinuxX86_64)?;
        Some((build.version, build.index, build.other))
    }

    fn special(label: &str) -> Index {
        Index::Special(format!("{PYTORCH}/{label}"))
    }

    #[test]
    fn a_build_keeps_its_index_unless_the_target_is_another() {
        use Accelerator::{AsInstalled, Cpu, Cuda};
        let cu = "2.1.0+cu118";
        assert_eq!(of(cu, AsInstalled), Some((cu.to_owned(), special("cu118"), false)));
        assert_eq!(of(cu, Cuda), Some((cu.to_owned(), special("cu118"), false)));
        assert_eq!(of(cu, Cpu), Some(("2.1.0+cpu".to_owned(), special("cpu"), true)));
        let cpu = "2.1.0+cpu";
        assert_eq!(of(cpu, AsInstalled), Some((cpu.to_owned(), special("cpu"), false)));
        assert_eq!(of(cpu, Cuda), Some(("2.1.0".to_owned(), Index::Usual, true)));
        assert_eq!(of("2.1.0", Cuda), None);
        assert_eq!(of("2.1.0", AsInstalled), None);
        assert_eq!(of("2.1.0", Cpu), Some((cpu.to_owned(), special("cpu"), true)));
        assert_eq!(of("2.7.0.dev20250101+rocm6.2.4", Cuda).unwrap().1, special("nightly/rocm6.2.4"));
    }

    #[test]
    fn a_label_that_nobody_knows_is_said() {
        for (name, version) in
            [("six", "1.16.0+local1"), ("torch", "2.1.0+ours"), ("torch-scatter", "2.1+pt21cu118")]
        {
            let build = choose(name, version, Accelerator::Cuda, Platform::LinuxX86_64).unwrap();
            assert_eq!((build.index, build.other, build.version.as_str()), (Index::Unknown, false, version));
            assert!(build.note.unwrap().contains("nothing says which index has it"));
        }
        assert_eq!(choose("numpy", "1.26", Accelerator::Cpu, Platform::LinuxX86_64), None);
    }

    #[test]
    fn the_plain_build_for_arm_is_one_for_the_cpu() {
        assert_eq!(choose("torch", "2.1.0", Accelerator::Cpu, Platform::LinuxAarch64), None);
        let build = choose("torch", "2.1.0+cpu", Accelerator::Cuda, Platform::LinuxAarch64).unwrap();
        assert!(build.note.unwrap().contains("name the index"));
    }
}
