//! The GPUs of this machine, by NVML: what there is, which are idle, what a run made of them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use crate::spec::hint::{Explain, Fault};
use crate::spec::record::GpuUse;

/// A GPU with no process on it and less memory in use than this is idle: a driver keeps some to itself
/// (up to some 500 MiB on cards with many units, as `nvidia-smi` shows it on an idle H200).
const IDLE_MEMORY: u64 = 600 << 20;
/// How often a run's GPUs are looked at.
const SAMPLE: Duration = Duration::from_secs(1);

/// What NVML says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    pub driver: String,
    /// The newest CUDA that the driver supports, `12.4`.
    pub cuda: String,
    pub gpus: Vec<Gpu>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    pub index: u32,
    pub uuid: String,
    pub name: String,
    /// Bytes.
    pub memory: u64,
    /// Bytes.
    pub memory_used: u64,
    /// Percent over the last sample period of the driver; absent where it does not tell.
    pub utilisation: Option<u32>,
    /// Processes that compute on it.
    pub processes: usize,
}

impl Gpu {
    pub fn is_idle(&self) -> bool {
        self.processes == 0 && self.memory_used < IDLE_MEMORY
    }
}

#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    #[error("there is no NVIDIA driver on this machine")]
    NoDriver,
    #[error("the NVIDIA driver is installed and not loaded")]
    NotLoaded,
    #[error("NVML does not answer: {reason}")]
    Nvml { reason: String },
    #[error("there is no GPU on this machine")]
    NoGpu,
    #[error("{wanted} idle GPUs are wanted, and {idle} of {all} {verb} idle{busy}", verb = if *.idle == 1 { "is" } else { "are" })]
    NotIdle { wanted: u32, idle: usize, all: usize, busy: String },
    #[error("{wanted} GPUs are wanted, and this machine has {all}")]
    TooFew { wanted: u32, all: usize },
    #[error("there is no GPU `{device}` on this machine")]
    NoSuch { device: String, there: Vec<String> },
    #[error(
        "{server} would start the container without its GPUs: it does not hear of them through its socket before 5.4"
    )]
    Deaf { server: String },
    #[error("cannot reserve a GPU in `{path}`")]
    Reserve { path: PathBuf, source: io::Error },
}

impl Explain for GpuError {
    fn fault(&self) -> Fault {
        Fault::World
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoDriver | Self::NoGpu => vec![
                "leave `--gpus` out; `gpus = \"optional\"` under `[engine]` takes them where there are any"
                    .to_owned(),
            ],
            Self::NotLoaded => vec!["sudo modprobe nvidia".to_owned()],
            Self::NotIdle { .. } => vec!["`scaf doctor` shows how much each is used".to_owned()],
            Self::TooFew { all, .. } => vec![format!("say `--gpus {all}`, or `--gpus` alone for all")],
            Self::NoSuch { there, .. } => vec![format!("there are: {}", there.join(", "))],
            Self::Reserve { path, .. } => {
                vec![format!("let all users write there: `sudo chmod 1777 {}`", path.display())]
            }
            Self::Deaf { .. } => vec!["say `--engine docker`, or leave `--gpus` out".to_owned()],
            Self::Nvml { .. } => Vec::new(),
        }
    }
}

/// NVML of this machine.
pub struct Gpus(Nvml);

impl Gpus {
    /// Loads the driver's library; `library` names another than the system's.
    pub fn open(library: Option<OsString>) -> Result<Self, GpuError> {
        let loaded = match &library {
            Some(path) => Nvml::builder().lib_path(path).init(),
            // The wrapper looks for `libnvidia-ml.so`, which only development packages have.
            None => Nvml::builder().lib_path("libnvidia-ml.so.1".as_ref()).init(),
        };
        loaded.map(Self).map_err(|error| match error {
            NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound => GpuError::NoDriver,
            NvmlError::DriverNotLoaded => GpuError::NotLoaded,
            other => GpuError::Nvml { reason: other.to_string() },
        })
    }

    pub fn survey(&self) -> Result<Survey, GpuError> {
        let nvml = |error: NvmlError| GpuError::Nvml { reason: error.to_string() };
        let driver = self.0.sys_driver_version().map_err(nvml)?;
        let cuda = self.0.sys_cuda_driver_version().map_err(nvml)?;
        let mut gpus = Vec::new();
        for index in 0..self.0.device_count().map_err(nvml)? {
            // A card that has fallen off the bus must not hide the others.
            let Ok(device) = self.0.device_by_index(index) else { continue };
            let Ok(uuid) = device.uuid() else { continue };
            let memory = device.memory_info();
            gpus.push(Gpu {
                index,
                uuid,
                name: device.name().unwrap_or_else(|_| "unknown".to_owned()),
                memory: memory.as_ref().map_or(0, |info| info.total),
                memory_used: memory.map_or(0, |info| info.used),
                utilisation: device.utilization_rates().ok().map(|rates| rates.gpu),
                processes: device.running_compute_processes().map_or(0, |list| list.len()),
            });
        }
        Ok(Survey { driver, cuda: format!("{}.{}", cuda / 1000, cuda % 1000 / 10), gpus })
    }
}

/// GPUs that no other scaf takes as long as this lives.
#[derive(Debug)]
pub struct Reservation {
    pub uuids: Vec<String>,
    /// Locked; the lock ends with the file, and so with the process, however it ends.
    locks: Vec<File>,
}

impl Reservation {
    /// A process that is started from now on holds them, too, and keeps them when this one has ended.
    pub fn hand_over(&self) -> io::Result<()> {
        for lock in &self.locks {
            rustix::io::fcntl_setfd(lock, rustix::io::FdFlags::empty())?;
        }
        Ok(())
    }
}

/// Takes idle GPUs: `count` of them, or all that are idle. Without `hold` they are only named, as for a
/// plan that is printed.
pub fn reserve(
    survey: &Survey,
    count: Option<u32>,
    folder: &Path,
    hold: bool,
) -> Result<Reservation, GpuError> {
    if survey.gpus.is_empty() {
        return Err(GpuError::NoGpu);
    }
    let failed = |path: &Path, source| GpuError::Reserve { path: path.to_owned(), source };
    if hold {
        shared_folder(folder).map_err(|source| failed(folder, source))?;
    }
    let (mut uuids, mut locks, mut busy) = (Vec::new(), Vec::new(), String::new());
    let mut idle = 0;
    for gpu in &survey.gpus {
        if count.is_some_and(|count| uuids.len() >= count as usize) {
            break;
        }
        if !gpu.is_idle() {
            busy.push_str(&format!(
                "\n  {} has {} processes and {} MiB in use",
                gpu.index,
                gpu.processes,
                gpu.memory_used >> 20
            ));
            continue;
        }
        let path = folder.join(format!("{}.lock", gpu.uuid.replace('/', "_")));
        // Whoever holds one has made its file; without one there is nobody to be asked.
        let file = if hold { lock_file(&path).map(Some) } else { lock_file_there(&path) }
            .map_err(|source| failed(&path, source))?;
        if file.as_ref().is_some_and(|file| file.try_lock().is_err()) {
            busy.push_str(&format!("\n  {} is reserved by another run", gpu.index));
            continue;
        }
        idle += 1;
        uuids.push(gpu.uuid.clone());
        if hold {
            locks.extend(file);
        }
    }
    let wanted = count.unwrap_or(1);
    if uuids.len() < wanted as usize {
        return Err(GpuError::NotIdle { wanted, idle, all: survey.gpus.len(), busy });
    }
    Ok(Reservation { uuids, locks })
}

/// The folder of the reservations, writable by every user, each of whom may remove only what is theirs.
fn shared_folder(folder: &Path) -> io::Result<()> {
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above)?;
    }
    match fs::create_dir(folder) {
        Ok(()) => fs::set_permissions(folder, fs::Permissions::from_mode(0o1777)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // A link laid there by somebody else would lead what is made here to another place.
            if fs::symlink_metadata(folder)?.is_dir() { Ok(()) } else { Err(error) }
        }
        Err(error) => Err(error),
    }
}

/// A file to lock. It is never written, so reading is right enough, and a link is not followed: the
/// folder is everybody's.
fn lock_file(path: &Path) -> io::Result<File> {
    // Without CREATE where it is there: fs.protected_regular refuses that for a file of another user.
    if let Some(file) = lock_file_there(path)? {
        return Ok(file);
    }
    match rustix::fs::open(path, LOCK | OFlags::CREATE | OFlags::EXCL, Mode::from_raw_mode(0o644)) {
        Ok(file) => {
            let file = File::from(file);
            // Whatever the umask: others must be able to read it.
            file.set_permissions(fs::Permissions::from_mode(0o644))?;
            Ok(file)
        }
        // Another one was faster.
        Err(rustix::io::Errno::EXIST) => Ok(File::from(rustix::fs::open(path, LOCK, Mode::empty())?)),
        Err(error) => Err(error.into()),
    }
}

const LOCK: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The file, where somebody has made it; nothing is made.
fn lock_file_there(path: &Path) -> io::Result<Option<File>> {
    match rustix::fs::open(path, LOCK, Mode::empty()) {
        Ok(file) => Ok(Some(File::from(file))),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Looks at GPUs while a run lasts.
#[derive(Debug)]
pub struct Sampler {
    stop: Option<Sender<()>>,
    worker: Option<JoinHandle<Vec<GpuUse>>>,
}

impl Sampler {
    /// Of these, by UUID or index; an empty list means all.
    pub fn start(library: Option<OsString>, devices: Vec<String>) -> Self {
        let (stop, stopped) = channel();
        let worker = std::thread::spawn(move || {
            let Ok(gpus) = Gpus::open(library) else { return Vec::new() };
            let mut uses: Vec<(GpuUse, f64)> = Vec::new();
            loop {
                if let Ok(survey) = gpus.survey() {
                    for gpu in survey.gpus {
                        let wanted = devices.is_empty()
                            || devices.iter().any(|word| *word == gpu.uuid || *word == gpu.index.to_string());
                        if wanted {
                            take(&mut uses, gpu);
                        }
                    }
                }
                if stopped.recv_timeout(SAMPLE) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            uses.into_iter().map(|(gpu, _)| gpu).collect()
        });
        Self { stop: Some(stop), worker: Some(worker) }
    }

    /// What was seen.
    pub fn finish(mut self) -> Vec<GpuUse> {
        drop(self.stop.take());
        self.worker.take().and_then(|worker| worker.join().ok()).unwrap_or_default()
    }
}

fn take(uses: &mut Vec<(GpuUse, f64)>, gpu: Gpu) {
    let at = uses.iter().position(|(known, _)| known.uuid == gpu.uuid).unwrap_or_else(|| {
        uses.push((GpuUse { uuid: gpu.uuid.clone(), name: gpu.name.clone(), ..GpuUse::default() }, 0.0));
        uses.len() - 1
    });
    let (known, sum) = &mut uses[at];
    known.peak_memory = known.peak_memory.max(gpu.memory_used);
    known.samples += 1;
    *sum += f64::from(gpu.utilisation.unwrap_or(0));
    #[allow(clippy::cast_precision_loss)]
    let mean = *sum / known.samples as f64;
    known.mean_utilisation = (mean * 10.0).round() / 10.0;
}
