//! For which Pythons and machines a wheel is, and whether the target is one of them. Pure.

use super::lock_target::{Implementation, Libc, LockTarget, Platform};
use crate::project::python::compiled::{Compiled, MadeFor};
use crate::project::python::module_file::Abi;
use crate::project::python::wheel_name::Tags;

/// A compiled file of a distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeFile {
    /// In the wheel.
    pub path: String,
    pub abi: Abi,
    pub compiled: Compiled,
}

/// The Python that the compiled files were made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeWith {
    pub implementation: Implementation,
    pub version: (u8, u8),
    pub free_threaded: bool,
}

/// What does not run on the target, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The compiled file, or the tags of a wheel.
    pub what: String,
    /// `is for CPython 3.10`, `needs glibc 2.38`
    pub why: String,
}

/// The tags of a wheel with these compiled files. `written` are those of the wheel that it was installed from.
pub fn tags(
    natives: &[NativeFile],
    written: Option<Tags>,
    with: MadeWith,
    target: &LockTarget,
) -> Result<Tags, Unfit> {
    let mut module = None;
    for native in natives {
        runs(native, with, target)?;
        if native.compiled.made_for != MadeFor::Nothing && native.compiled.is_module {
            // What is for one Python alone says more than what is for all later ones.
            if module.is_none() || native.abi != Abi::Stable {
                module = Some(&native.abi);
            }
        }
    }
    let has_code = natives.iter().any(|native| native.compiled.made_for != MadeFor::Nothing);
    match written {
        // Only who has built it knows what it runs on.
        Some(written) if !has_code || !written.is_pure() => {
            if fits(&written, target) {
                Ok(written)
            } else {
                Err(Unfit { what: written.to_string(), why: "are the tags of its wheel".to_owned() })
            }
        }
        _ if !has_code => Ok(Tags::any()),
        _ => {
            let (major, minor) = with.version;
            let short = match with.implementation {
                Implementation::CPython => "cp",
                Implementation::PyPy => "pp",
            };
            let python = format!("{short}{major}{minor}");
            let threads = if with.free_threaded { "t" } else { "" };
            let platform = format!("linux_{}", target.platform.machine());
            Ok(match (module, with.implementation) {
                (None, _) => Tags::of("py3", "none", platform),
                (Some(Abi::Stable), _) => Tags::of(python, "abi3", platform),
                (Some(_), Implementation::CPython) => {
                    let abi = format!("{python}{threads}");
                    Tags::of(python, abi, platform)
                }
                (Some(_), Implementation::PyPy) => Tags::of(python, "none", platform),
            })
        }
    }
}

/// Whether one compiled file does.
pub fn runs(native: &NativeFile, with: MadeWith, target: &LockTarget) -> Result<(), Unfit> {
    let NativeFile { path, abi, compiled } = native;
    let unfit = |why: String| Err(Unfit { what: path.clone(), why });
    let wanted = match target.platform {
        Platform::LinuxX86_64 => MadeFor::LinuxX86_64,
        Platform::LinuxAarch64 => MadeFor::LinuxAarch64,
    };
    if compiled.made_for == MadeFor::Nothing {
        return Ok(());
    }
    if compiled.made_for != wanted {
        return unfit(format!("is for {}", compiled.made_for.words()));
    }
    match (target.libc, compiled.glibc) {
        (Libc::Glibc(have), Some(needed)) if needed > have => {
            return unfit(format!("needs glibc 2.{needed}"));
        }
        (Libc::Glibc(_), None) if compiled.musl => return unfit("is for musl".to_owned()),
        (Libc::Musl, Some(_)) => return unfit("is for glibc".to_owned()),
        _ => {}
    }
    if compiled.is_module {
        let (major, minor) = with.version;
        let of = (target.implementation, (target.python.major, target.python.minor));
        let same = of == (with.implementation, with.version);
        let later = *abi == Abi::Stable && of.0 == with.implementation && of.1 > with.version;
        if !(same || later) {
            return unfit(format!("is for {} {major}.{minor}", with.implementation.name()));
        }
    }
    Ok(())
}

/// Whether an installer takes a wheel of these tags on the target.
pub fn fits(tags: &Tags, target: &LockTarget) -> bool {
    let Tags { python, abi, platform } = tags;
    let runs = python.iter().any(|python| abi.iter().any(|abi| interprets(python, abi, target)));
    runs && platform.iter().any(|platform| is_platform(platform, target))
}

fn interprets(python: &str, abi: &str, target: &LockTarget) -> bool {
    let (major, minor) = (target.python.major, target.python.minor);
    let digits = python.find(|c: char| c.is_ascii_digit()).unwrap_or(python.len());
    let (kind, number) = python.split_at(digits);
    let (first, rest) = number.split_at(number.len().min(1));
    let (Ok(of_major), of_minor) = (first.parse::<u8>(), rest.parse::<u8>().ok()) else { return false };
    if of_major != major {
        return false;
    }
    let exact = of_minor == Some(minor);
    match kind {
        "py" => abi == "none" && of_minor.is_none_or(|of| of <= minor),
        "cp" if target.implementation == Implementation::CPython => match abi {
            "abi3" => of_minor.is_some_and(|of| of <= minor),
            "none" => exact,
            // `cp311`; `cp37m` of old Pythons.
            _ => exact && abi.trim_end_matches('m') == python,
        },
        "pp" => target.implementation == Implementation::PyPy && exact,
        _ => false,
    }
}

fn is_platform(platform: &str, target: &LockTarget) -> bool {
    if platform == "any" {
        return true;
    }
    let Some(kind) = platform.strip_suffix(target.platform.machine()).and_then(|it| it.strip_suffix('_'))
    else {
        return false;
    };
    let glibc = match kind {
        "linux" => return true,
        "manylinux1" => Some(5),
        "manylinux2010" => Some(12),
        "manylinux2014" => Some(17),
        _ => kind.strip_prefix("manylinux_2_").and_then(|minor| minor.parse::<u8>().ok()),
    };
    match (target.libc, glibc) {
        (Libc::Glibc(have), Some(needed)) => needed <= have,
        (Libc::Musl, None) => kind.starts_with("musllinux_1_"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::lock_target::Sayings;

    fn target(dockerfile: &str, platform: Platform) -> LockTarget {
        LockTarget::choose(platform, &Sayings { dockerfile: Some(dockerfile), ..Sayings::default() }).0
    }

    const WITH: MadeWith =
        MadeWith { implementation: Implementation::CPython, version: (3, 11), free_threaded: false };

    fn native(path: &str, glibc: u8, is_module: bool) -> NativeFile {
        NativeFile {
            path: path.to_owned(),
            abi: crate::project::python::module_file::abi(path),
            compiled: Compiled { made_for: MadeFor::LinuxX86_64, glibc: Some(glibc), musl: false, is_module },
        }
    }

    #[test]
    fn an_index_wheel_fits_or_not() {
        let new = target("FROM python:3.11-slim-bookworm\n", Platform::LinuxX86_64);
        let old = target("FROM python:3.11-slim-buster\n", Platform::LinuxX86_64);
        let alpine = target("FROM python:3.11-alpine\n", Platform::LinuxX86_64);
        let arm = target("FROM python:3.11-slim-bookworm\n", Platform::LinuxAarch64);
        for (text, wanted) in [
            ("py3-none-any", [true, true, true, true]),
            ("cp311-cp311-manylinux_2_34_x86_64", [true, false, false, false]),
            ("cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", [true, true, false, false]),
            ("cp38-abi3-manylinux2014_aarch64", [false, false, false, true]),
            ("cp311-cp311-musllinux_1_2_x86_64", [false, false, true, false]),
            ("cp311-cp311-linux_x86_64", [true, true, true, false]),
            ("cp312-abi3-linux_x86_64", [false; 4]),
            ("cp310-cp310-linux_x86_64", [false; 4]),
            ("pp311-pypy311_pp73-linux_x86_64", [false; 4]),
            ("py2-none-any", [false; 4]),
            ("py312-none-any", [false; 4]),
            ("cp311-cp311-win_amd64", [false; 4]),
        ] {
            let [python, abi, platform] = text.split('-').collect::<Vec<_>>()[..] else { panic!() };
            let several = |part: &str| part.split('.').map(str::to_owned).collect();
            let tags = Tags { python: several(python), abi: several(abi), platform: several(platform) };
            assert_eq!([&new, &old, &alpine, &arm].map(|target| fits(&tags, target)), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_compiled_has_the_tags_of_what_it_was_made_with() {
        let here = target("FROM python:3.11-slim\n", Platform::LinuxX86_64);
        let library = native("x/libx.so", 17, false);
        let module = native("x/_x.cpython-311-x86_64-linux-gnu.so", 34, true);
        let stable = native("x/_y.abi3.so", 17, true);
        let told = |natives: &[&NativeFile], written: Option<&str>| {
            let natives: Vec<_> = natives.iter().map(|native| (*native).clone()).collect();
            let written = written.map(|line| Tags::of_lines(&[line.to_owned()]).unwrap());
            tags(&natives, written, WITH, &here).map(|tags| tags.to_string())
        };
        assert_eq!(told(&[], None).unwrap(), "py3-none-any");
        assert_eq!(told(&[&library], Some("py3-none-any")).unwrap(), "py3-none-linux_x86_64");
        assert_eq!(told(&[&stable], None).unwrap(), "cp311-abi3-linux_x86_64");
        assert_eq!(told(&[&stable, &module, &library], None).unwrap(), "cp311-cp311-linux_x86_64");
        assert_eq!(
            told(&[&module], Some("cp311-cp311-manylinux_2_34_x86_64")).unwrap(),
            "cp311-cp311-manylinux_2_34_x86_64"
        );
        let unfit = told(&[&library], Some("cp310-cp310-linux_x86_64")).unwrap_err();
        assert_eq!(
            (unfit.what.as_str(), unfit.why.as_str()),
            ("cp310-cp310-linux_x86_64", "are the tags of its wheel")
        );
    }

    #[test]
    fn what_was_compiled_for_something_else_is_told() {
        let here = target("FROM python:3.11-slim-bookworm\n", Platform::LinuxX86_64);
        let arm = target("FROM python:3.11-slim\n", Platform::LinuxAarch64);
        let later = target("FROM python:3.12-slim\n", Platform::LinuxX86_64);
        let alpine = target("FROM python:3.11-alpine\n", Platform::LinuxX86_64);
        let module = native("_x.cpython-311-x86_64-linux-gnu.so", 17, true);
        let why = |native: &NativeFile, target| runs(native, WITH, target).map_err(|unfit| unfit.why);
        assert_eq!(why(&module, &here), Ok(()));
        assert_eq!(why(&module, &arm).unwrap_err(), "is for Linux on x86_64");
        assert_eq!(why(&module, &later).unwrap_err(), "is for CPython 3.11");
        assert_eq!(why(&module, &alpine).unwrap_err(), "is for glibc");
        assert_eq!(why(&native("libx.so", 38, false), &here).unwrap_err(), "needs glibc 2.38");
        assert_eq!(why(&native("libx.so", 17, false), &later), Ok(()));
        assert_eq!(why(&native("_x.abi3.so", 17, true), &later), Ok(()));
        let mut other = native("libx.so", 17, false);
        other.compiled = Compiled { made_for: MadeFor::Nothing, ..other.compiled };
        assert_eq!(why(&other, &arm), Ok(()));
    }
}
