//! What an engine can do. A positive list: what nobody claimed is a "no".

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Builds an image from a Dockerfile and runs in it.
    Images,
    /// Mounts can be read-only.
    ReadOnlyMounts,
    /// Mounts anywhere inside, and one over another.
    Mounts,
    /// Publishes ports, joins networks, adds hosts.
    Networks,
    /// Limits on memory, processors, `/dev/shm` and those of setrlimit(2).
    Limits,
    /// Devices and capabilities of the kernel can be given.
    Devices,
    /// Chooses which GPUs are seen.
    Gpus,
    /// A run outlives scaf being killed and is found again by `ps` and `stop`.
    OutlivesScaf,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Images => "images",
            Self::ReadOnlyMounts => "read-only mounts",
            Self::Mounts => "mounts outside of `/mnt` or over one another",
            Self::Networks => "ports and networks",
            Self::Limits => "limits",
            Self::Devices => "devices and capabilities",
            Self::Gpus => "a choice of GPUs",
            Self::OutlivesScaf => "runs that outlive scaf",
        })
    }
}
