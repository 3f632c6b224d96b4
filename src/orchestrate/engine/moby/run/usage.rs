//! What a run used, asked of the engine while it lasts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::models::ContainerStatsResponse;
use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

/// All are the highest of what was seen in samples: one early, then one each second. A run that is
/// over before the first has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub samples: u32,
    /// Bytes that the processes hold, without the file cache, which the system takes back at need.
    pub peak_memory: Option<u64>,
    /// Bytes with the file cache, kept by the system itself without gaps (control groups v1 only).
    pub peak_memory_with_cache: Option<u64>,
    /// Processor time of all processors together, up to the last sample.
    pub cpu: Option<Duration>,
}

impl Usage {
    fn add(&mut self, stats: &ContainerStatsResponse) {
        let cpu = stats.cpu_stats.as_ref().and_then(|cpu| cpu.cpu_usage.as_ref()?.total_usage);
        let Some(memory) = &stats.memory_stats else { return };
        // After the end the engine answers with zeros.
        let Some(usage) = memory.usage.filter(|usage| *usage > 0) else { return };
        self.samples += 1;
        let detail = |name: &str| memory.stats.as_ref().and_then(|stats| stats.get(name).copied());
        // As `docker stats` counts: v1 calls it total_inactive_file, v2 inactive_file.
        let cache = detail("total_inactive_file").or_else(|| detail("inactive_file")).unwrap_or(0);
        self.peak_memory = self.peak_memory.max(Some(usage.saturating_sub(cache)));
        self.peak_memory_with_cache =
            self.peak_memory_with_cache.max(memory.max_usage.filter(|peak| *peak > 0));
        self.cpu = self.cpu.max(cpu.map(Duration::from_nanos));
    }
}

/// Asks until it is dropped.
#[derive(Debug)]
pub(super) struct Sampler {
    task: tokio::task::JoinHandle<()>,
    seen: Arc<Mutex<Usage>>,
}

impl Sampler {
    /// Has to be called within the runtime.
    pub(super) fn begin(docker: bollard::Docker, container: String) -> Self {
        let seen = Arc::new(Mutex::new(Usage::default()));
        let into = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut pause = Duration::from_millis(100);
            loop {
                tokio::time::sleep(pause).await;
                pause = (pause * 3).min(Duration::from_secs(1));
                let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
                let mut answers = std::pin::pin!(docker.stats(&container, Some(options)));
                match answers.next().await {
                    Some(Ok(stats)) => into.lock().unwrap_or_else(PoisonError::into_inner).add(&stats),
                    Some(Err(_)) | None => return,
                }
            }
        });
        Self { task, seen }
    }

    pub(super) fn seen(&self) -> Usage {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}
