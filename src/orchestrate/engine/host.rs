//! The embedded engine: a virtual environment of this machine and a folder that is laid out as `/mnt`
//! is in a container. For the first run on a machine that has only Python.

use std::path::{Component, Path, PathBuf};

use super::{EncloseError, Engine, require};
use crate::project::layout::INSIDE;
use crate::spec::capability::Capability;
use crate::spec::container::EnvValue;
use crate::spec::gpu::GpuRequest;
use crate::spec::mount::Access;
use crate::spec::plan::{Action, Logs, Ready};
use crate::spec::run::{Enclosure, Run, RunFlags};

pub struct Host;

/// Variables of the caller that would make another Python out of the environment's own.
const UNSET: [&str; 3] = ["PYTHONHOME", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__"];

impl Engine for Host {
    fn name(&self) -> &'static str {
        "host"
    }

    fn offers(&self) -> &'static [Capability] {
        &[Capability::Gpus]
    }

    fn root(&self, folder: &Path) -> String {
        folder.join("mnt").to_string_lossy().into_owned()
    }

    fn enclose(
        &self,
        run: &Run,
        logs: Option<Logs>,
        ready: Option<Ready>,
    ) -> Result<Vec<Action>, EncloseError> {
        require(self, run)?;
        let Run {
            experiment,
            intent: _,
            name: _,
            enclosure,
            root,
            argv,
            workdir,
            env,
            mounts,
            labels: _,
            user: _,
            flags,
            tty,
            stdin,
        } = run;
        // What a limit or a namespace would be for was refused above.
        let RunFlags {
            gpus,
            ipc: _,
            shm_size: _,
            env: more_env,
            mounts: more_mounts,
            ports: _,
            network: _,
            memory: _,
            nano_cpus: _,
            ulimits: _,
            devices: _,
            cap_add: _,
            security_opt: _,
            add_host: _,
            entrypoint: _,
        } = flags;
        let mut actions = Vec::new();
        let copy = Path::new(root).join(experiment);
        let mut taken: Vec<PathBuf> = Vec::new();
        for mount in mounts {
            let link = PathBuf::from(&mount.target);
            // The scratch folder itself, and what lies in it already, need no link.
            if link == mount.source || !link.starts_with(root) {
                continue;
            }
            taken.push(link.clone());
            actions.push(Action::Symlink { link, target: mount.source.clone() });
        }
        for mount in more_mounts {
            if mount.access == Access::ReadOnly {
                return Err(EncloseError::Lacks {
                    engine: self.name(),
                    capability: Capability::ReadOnlyMounts,
                    flag: format!("`--volume {}:{}:ro`", mount.source.display(), mount.target),
                });
            }
            let link = inside(&mount.target)
                .map(|below| Path::new(root).join(below))
                // What would be made inside a link would be made where it leads to.
                .filter(|link| !taken.iter().any(|at| at.starts_with(link) || link.starts_with(at)))
                .filter(|link| !copy.starts_with(link))
                .ok_or_else(|| EncloseError::Lacks {
                    engine: self.name(),
                    capability: Capability::Mounts,
                    flag: format!("`--volume {}:{}`", mount.source.display(), mount.target),
                })?;
            taken.push(link.clone());
            actions.push(Action::Symlink { link, target: mount.source.clone() });
        }
        let mut env = env.clone();
        env.extend(more_env.iter().map(|(name, value)| (name.clone(), value.clone())));
        let mut argv = argv.clone();
        let mut unset: Vec<String> = UNSET.map(str::to_owned).to_vec();
        if let Enclosure::Venv(venv) = enclosure {
            let bin = venv.join("bin");
            env.insert("VIRTUAL_ENV".to_owned(), EnvValue::Plain(venv.to_string_lossy().into_owned()));
            env.insert("PATH".to_owned(), EnvValue::Prefix(bin.to_string_lossy().into_owned()));
            if let Some(program) = argv.first_mut()
                && matches!(program.as_str(), "python" | "python3")
            {
                *program = bin.join("python").to_string_lossy().into_owned();
            }
        }
        match gpus {
            None => {}
            Some(GpuRequest::Devices(devices)) => {
                env.insert("CUDA_VISIBLE_DEVICES".to_owned(), EnvValue::Plain(devices.join(",")));
            }
            Some(GpuRequest::Count(count)) => {
                let list: Vec<String> = (0..*count).map(|index| index.to_string()).collect();
                env.insert("CUDA_VISIBLE_DEVICES".to_owned(), EnvValue::Plain(list.join(",")));
            }
            Some(GpuRequest::All | GpuRequest::Free(_)) => unset.push("CUDA_VISIBLE_DEVICES".to_owned()),
        }
        actions.push(Action::RunProcess {
            argv,
            cwd: PathBuf::from(workdir),
            env,
            unset,
            stdin: *stdin || *tty,
            tty: *tty,
            logs: logs.filter(|_| !tty),
            ready,
        });
        Ok(actions)
    }
}

/// The part of a path behind `/mnt`, where it is below it.
fn inside(target: &str) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    let below = plain.strip_prefix(INSIDE).ok()?;
    (below != Path::new("")).then(|| below.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_below_the_root() {
        assert_eq!(inside("/mnt/big/"), Some("big".into()));
        assert_eq!(inside("/mnt/./a/../b/c"), Some("b/c".into()));
        for other in ["/mnt", "/mnt/", "/datasets", "/mnt/../etc", "/mnto/x"] {
            assert_eq!(inside(other), None, "{other}");
        }
    }
}
