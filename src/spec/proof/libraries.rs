//! Libraries of the system that packages load, and the package of Debian or Ubuntu that has each.

use super::System;

/// See the head of the file for its form.
const LIST: &str = include_str!("system_libraries.txt");
/// From these versions on, what has a third name in the list is called by it.
const RENAMED: [(&str, u32, u32); 2] = [("debian", 13, 0), ("ubuntu", 24, 4)];

/// The package that has a library, by the name that the loader knows: `libGL.so.1`; one without a version (`libsndfile.so`)
/// stands for any.
pub fn package_of(library: &str, system: &System) -> Option<&'static str> {
    let any_version = library.ends_with(".so").then(|| format!("{library}."));
    let is_any = |name: &str| any_version.as_deref().is_some_and(|front| name.starts_with(front));
    let is_it = |name: &str| match name.strip_suffix('*') {
        Some(front) => library.starts_with(front) || is_any(front),
        None => name == library || is_any(name),
    };
    let lines = LIST.lines().filter(|line| !line.starts_with(['#', '"']));
    let mut words = lines.map(str::split_whitespace).find_map(|mut words| {
        let name = words.next()?;
        is_it(name).then_some(words)
    })?;
    let (name, later) = (words.next(), words.next());
    if is_renamed(system) { later.or(name) } else { name }
}

/// The library that a sentence is about, where packages that look for it by themselves have their own words.
pub fn library_of(message: &str) -> Option<&'static str> {
    LIST.lines()
        .filter_map(|line| line.strip_prefix('"')?.rsplit_once("\" "))
        .find_map(|(sentence, library)| message.contains(sentence).then_some(library))
}

fn is_renamed(system: &System) -> bool {
    let mut numbers = system.version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    RENAMED.iter().any(|(id, major, minor)| system.id == *id && version >= (*major, *minor))
}

/// Of NVIDIA's driver, which comes into a container with `--gpus`.
pub fn is_driver(library: &str) -> bool {
    const DRIVER: [&str; 6] =
        ["libcuda", "libnvidia-ml", "libnvidia-encode", "libnvcuvid", "libnvidia-opticalflow", "libnvoptix"];
    DRIVER.contains(&stem(library))
}

/// Of CUDA itself, which comes with a build's own packages or with the base image, and from Debian in no version that would fit.
pub fn is_cuda(library: &str) -> bool {
    const CUDA: [&str; 16] = [
        "libcudart",
        "libcublas",
        "libcublasLt",
        "libcudnn",
        "libcufft",
        "libcurand",
        "libcusolver",
        "libcusparse",
        "libcusparseLt",
        "libcupti",
        "libnccl",
        "libnvrtc",
        "libnvJitLink",
        "libnvToolsExt",
        "libnvinfer",
        "libnppc",
    ];
    CUDA.contains(&stem(library)) || library.starts_with("libcudnn_")
}

fn stem(library: &str) -> &str {
    library.split(".so").next().unwrap_or(library)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(id: &str, version: &str) -> System {
        System { id: id.to_owned(), version: version.to_owned(), manager: None }
    }

    #[test]
    fn a_library_is_in_a_package() {
        let bookworm = system("debian", "12");
        assert_eq!(package_of("libGL.so.1", &bookworm), Some("libgl1"));
        assert_eq!(package_of("libsndfile.so", &bookworm), Some("libsndfile1"));
        assert_eq!(package_of("libavcodec.so.59", &bookworm), Some("ffmpeg"));
        assert_eq!(package_of("libGL.so.12", &bookworm), None);
        assert_eq!(package_of("lib", &bookworm), None);
    }

    #[test]
    fn packages_have_other_names_since_times_have_64_bits() {
        let of = |id, version| package_of("libasound.so.2", &system(id, version));
        for (id, version) in [("debian", "12"), ("ubuntu", "22.04"), ("ubuntu", "23.10"), ("", "")] {
            assert_eq!(of(id, version), Some("libasound2"), "{id} {version}");
        }
        for (id, version) in [("debian", "13"), ("ubuntu", "24.04"), ("ubuntu", "25.10")] {
            assert_eq!(of(id, version), Some("libasound2t64"), "{id} {version}");
        }
    }

    #[test]
    fn the_driver_and_cuda_are_in_no_package() {
        assert!(is_driver("libcuda.so.1") && is_driver("libnvidia-ml.so.1") && !is_driver("libcudart.so.12"));
        assert!(is_cuda("libcudart.so.11.0") && is_cuda("libcudnn_ops_infer.so.8") && !is_cuda("libGL.so.1"));
    }

    #[test]
    fn the_list_is_read_in_full() {
        for line in LIST.lines().filter(|line| !line.starts_with('#')) {
            if let Some(line) = line.strip_prefix('"') {
                let (sentence, library) = line.rsplit_once("\" ").unwrap();
                assert!(package_of(library, &system("debian", "12")).is_some(), "{line}");
                assert_eq!(library_of(sentence), Some(library), "{line}");
                continue;
            }
            let words: Vec<&str> = line.split(' ').collect();
            assert!(words[0].contains(".so") && (2..=3).contains(&words.len()), "{line}");
            let package = package_of(words[0].trim_end_matches('*'), &system("debian", "12"));
            assert_eq!(package, Some(words[1]), "{line}: another line stands before it");
        }
    }
}
