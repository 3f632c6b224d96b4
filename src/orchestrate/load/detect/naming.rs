//! Which distribution is meant by an import that nothing installed provides.

use std::collections::BTreeMap;

use crate::project::python::import_names;
use crate::project::python::requirements::normalised;
use crate::spec::detection::Known;

/// Distributions that are named beside the code: requirements, locks, `# /// script`, `pip install`.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// Normalised → as written, and whether somebody asks for it by itself and not a lock for something else.
    names: BTreeMap<String, (String, bool)>,
    /// What the project itself is called as a distribution, normalised.
    own: Option<String>,
    /// Versions that are asked for exactly, by normalised name; the first one that is read counts.
    versions: BTreeMap<String, String>,
}

impl Declared {
    pub fn add(&mut self, name: &str, is_direct: bool) {
        if !name.is_empty() {
            let entry = self.names.entry(normalised(name)).or_insert_with(|| (name.to_owned(), false));
            entry.1 |= is_direct;
        }
    }

    pub fn pin(&mut self, name: &str, version: &str) {
        self.versions.entry(normalised(name)).or_insert_with(|| version.to_owned());
    }

    /// The version that is asked for.
    pub fn version(&self, name: &str) -> Option<&str> {
        self.versions.get(&normalised(name)).map(String::as_str)
    }

    pub fn set_own(&mut self, name: &str) {
        self.own = Some(normalised(name));
    }

    /// Whether a module is the project's, which may make it only when it is installed.
    pub fn is_own(&self, top: &str) -> bool {
        self.own.as_deref() == Some(normalised(top).as_str())
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.contains_key(&normalised(name))
    }

    pub fn written(&self, name: &str) -> Option<&str> {
        self.names.get(&normalised(name)).map(|(written, _)| written.as_str())
    }

    /// The declared distribution whose name is like a module's that is known by no other: `python-x` for `x`,
    /// `orbax-checkpoint` for `orbax.checkpoint`, `hummingbird-ml` for `hummingbird` where nothing else is like it.
    fn like(&self, dotted: &str, names: &[String]) -> Option<&str> {
        let mut fronts: Vec<String> = names.iter().map(|name| format!("{dotted}.{name}")).collect();
        let mut front = dotted;
        fronts.push(front.to_owned());
        while let Some((above, _)) = front.rsplit_once('.') {
            fronts.push(above.to_owned());
            front = above;
        }
        if let Some(found) = fronts.iter().find_map(|front| self.written(&front.replace('.', "-"))) {
            return Some(found);
        }
        let plain = normalised(front);
        let short = plain.strip_prefix("py").unwrap_or(&plain).trim_start_matches('-');
        let spelt = [
            format!("python-{plain}"),
            format!("{plain}-python"),
            format!("py{plain}"),
            format!("{plain}-py"),
            short.to_owned(),
        ];
        if let Some(found) = spelt.iter().find_map(|spelling| self.written(spelling)) {
            return Some(found);
        }
        let squeezed = |name: &str| name.replace('-', "");
        let direct = || self.names.iter().filter(|(_, (_, is_direct))| *is_direct);
        let mut alike = direct().filter(|(name, _)| squeezed(name) == squeezed(&plain));
        if let (Some((_, (found, _))), None) = (alike.next(), alike.next()) {
            return Some(found);
        }
        // Many a declared name begins like what a project calls its own.
        if plain.len() < 4 || is_own(front) {
            return None;
        }
        let longer = |name: &str| {
            name.strip_prefix(&plain).is_some_and(|rest| rest.starts_with('-'))
                || name.strip_suffix(&plain).is_some_and(|rest| rest.ends_with('-'))
        };
        let mut alike = direct().filter(|(name, _)| longer(name));
        match (alike.next(), alike.next()) {
            (Some((_, (found, _))), None) => Some(found),
            _ => None,
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    Distribution {
        name: String,
        known: Known,
        candidates: Vec<String>,
    },
    /// A name that a project gives to its own modules, and that nobody means as a distribution.
    Dangling,
    /// Only a part of it can be a distribution's: `import google`.
    Namespace,
    /// What no package brings, with where it comes from.
    Nobodys(&'static str),
}

/// What the tables have on a module, dotted, with what is taken out of it, whatever anybody has declared.
#[derive(Debug)]
pub struct Listed {
    nobodys: Option<&'static str>,
    /// Distributions that bring it, the likeliest first; an empty list where only a part of it can be one's.
    ranked: Option<Vec<String>>,
}

impl Listed {
    pub fn of(dotted: &str, names: &[String]) -> Self {
        let ranked = import_names::candidates(dotted);
        // `from google import genai` is decided by the name, as `import google.genai` is by the module.
        // A module's name is not written like a class's.
        let longer = names.iter().filter(|name| !name.starts_with(char::is_uppercase)).find_map(|name| {
            let found = import_names::candidates(&format!("{dotted}.{name}"))?;
            (Some(&found) != ranked.as_ref()).then_some(found)
        });
        Self { nobodys: import_names::nobodys(dotted), ranked: longer.or(ranked) }
    }
}

/// Names the distribution of a module, dotted, with what is taken out of it.
pub fn name(dotted: &str, names: &[String], declared: &Declared) -> Named {
    named(&Listed::of(dotted, names), dotted, names, declared)
}

/// The same where it has been looked up.
pub fn named(listed: &Listed, dotted: &str, names: &[String], declared: &Declared) -> Named {
    let top = dotted.split('.').next().unwrap_or(dotted);
    if let Some(origin) = listed.nobodys.filter(|_| declared.written(top).is_none()) {
        return Named::Nobodys(origin);
    }
    if let Some(all) = &listed.ranked {
        let Some(first) = all.first() else { return Named::Namespace };
        let chosen = all.iter().find(|name| declared.has(name));
        let name = chosen.unwrap_or(first);
        return Named::Distribution {
            name: name.clone(),
            known: if chosen.is_some() { Known::Declared } else { Known::Table },
            candidates: all.iter().filter(|other| *other != name).cloned().collect(),
        };
    }
    if let Some(found) = declared.like(dotted, names) {
        return Named::Distribution {
            name: found.to_owned(),
            known: Known::Declared,
            candidates: Vec::new(),
        };
    }
    if is_own(top) {
        return Named::Dangling;
    }
    Named::Distribution { name: top.replace('_', "-"), known: Known::Guess, candidates: Vec::new() }
}

/// Names that people give to the modules of a project, and Java's, which jpype makes importable. What a package index has
/// under them is seldom meant, and what is installed under them is most often an accident of somebody's packaging.
const OWN: &str = "\
    agent agents app architectures args arguments backbone backbones base base_model baseline baselines bench \
    benchmark benchmarks build_features building_blocks callbacks cfg checkpoint classifier cli client com common \
    conf config configs configuration const constant constants core criterion criterions custom data data_loader \
    data_loaders data_processing data_provider dataloader dataloaders dataloading dataprocess dataset db decoders \
    demo demos dependencies detect discriminator discriminators dnnlib docs encoders engine env_wrapper environments \
    envs eval evaluation evaluator example examples experiment experiments export external externals \
    extract_features feature features functions gaussian_renderer generate generator generators globals helper \
    helpers hparams hubconf inference java javax layer layers legacy lib libs load_data load_dataset loader loaders local \
    logger loss losses main make_dataset metric misc model modeling models module modules my_model mymodel net nets \
    network networks networks_stylegan notebooks op ops optim optimization optimizers options opts org parameters \
    params pipeline pipelines plotting policies policy postprocess postprocessing predict prepare_data preprocess \
    preprocessing preprocessor processing project protos replay_buffer replay_memory run run_classifier runner \
    sampler samplers scene schedulers schemas scripts server settings solver solvers src submodules task tasks test \
    tests third_party thirdparty tokenization tools train train_eval train_model trainer training transform \
    transformations transforms types_ util utilities utility utils utils_data vae vendor vendored vendors version \
    vis visualization visualize visualizer vocab vocabulary wrappers";

/// How the names of modules end that a project builds or keeps for itself.
const OWN_ENDS: [&str; 14] = [
    "_utils",
    "_cuda",
    "_cpp",
    "_ext",
    "_extension",
    "_internal",
    "_loader",
    "_loaders",
    "_dataloader",
    "_helper",
    "_helpers",
    "_trainer",
    "_layers",
    "_losses",
];

/// Whether a module's name says that it is the project's own.
pub fn is_own(top: &str) -> bool {
    top.starts_with('_')
        || OWN_ENDS.iter().any(|end| top.ends_with(end))
        || OWN.split(' ').any(|own| own == top)
}
