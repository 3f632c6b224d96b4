//! The signals that are passed on to a run, or end a build.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Poll;
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// SIGHUP, SIGINT, SIGQUIT, SIGTERM.
const PASSED_ON: [i32; 4] = [1, 2, 3, 15];

/// Where signals come from.
#[derive(Debug)]
pub enum SignalSource {
    /// This process. From the first use on these signals no longer end the process by themselves, for the rest of its life.
    Process,
    /// A channel: `feed`.
    Feed(UnboundedReceiver<i32>),
    /// One listening that several deeds share, one after the other.
    Heard(Heard),
}

impl SignalSource {
    /// A source for whoever wants to send signals by hand.
    pub fn feed() -> (UnboundedSender<i32>, Self) {
        let (sender, receiver) = unbounded_channel();
        (sender, Self::Feed(receiver))
    }

    /// Listens. Has to be called within the runtime.
    pub fn listen(self) -> io::Result<Listening> {
        Ok(match self {
            Self::Feed(receiver) => Listening::Feed(receiver),
            Self::Heard(heard) => Listening::Heard(heard),
            Self::Process => {
                let ignored = ignored_at_start();
                let mut streams = Vec::new();
                for number in PASSED_ON {
                    // `nohup scaf …` and `scaf … &` in a script say by this that such a signal is not for us.
                    if ignored & (1 << (number - 1)) == 0 {
                        streams.push((number, signal(SignalKind::from_raw(number))?));
                    }
                }
                Listening::Process(streams)
            }
        })
    }
}

/// The signals that this process was told to ignore before it did anything about them.
fn ignored_at_start() -> u64 {
    static MASK: OnceLock<u64> = OnceLock::new();
    *MASK.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
    })
}

/// Signals heard over a whole execution. Each is taken once: by the deed that is at work, or by whoever
/// asks between two of them.
#[derive(Clone, Debug)]
pub struct Heard(Arc<Mutex<UnboundedReceiver<i32>>>);

impl Heard {
    /// Listens from now on, until the last of its copies is gone.
    pub fn begin(source: SignalSource) -> io::Result<Self> {
        let receiver = match source {
            SignalSource::Heard(heard) => return Ok(heard),
            SignalSource::Feed(receiver) => receiver,
            SignalSource::Process => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                // Here and not in the thread, so that none is missed once this returns.
                let mut listening = {
                    let _entered = runtime.enter();
                    source.listen()?
                };
                let (sender, receiver) = unbounded_channel();
                thread::Builder::new().name("signals".to_owned()).spawn(move || {
                    runtime.block_on(async {
                        loop {
                            tokio::select! {
                                () = sender.closed() => break,
                                Some(number) = listening.next() => drop(sender.send(number)),
                            }
                        }
                    });
                })?;
                receiver
            }
        };
        Ok(Self(Arc::new(Mutex::new(receiver))))
    }

    /// Takes one that has come already.
    pub fn take(&self) -> Option<i32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }
}

#[derive(Debug)]
pub enum Listening {
    Feed(UnboundedReceiver<i32>),
    Heard(Heard),
    Process(Vec<(i32, Signal)>),
}

impl Listening {
    /// The next one; `None` when there will be no more. Loses nothing when dropped.
    pub async fn next(&mut self) -> Option<i32> {
        poll_fn(|context| match self {
            Self::Feed(receiver) => receiver.poll_recv(context),
            Self::Heard(Heard(receiver)) => {
                receiver.lock().unwrap_or_else(PoisonError::into_inner).poll_recv(context)
            }
            Self::Process(streams) => {
                for (number, stream) in streams {
                    if stream.poll_recv(context).is_ready() {
                        return Poll::Ready(Some(*number));
                    }
                }
                Poll::Pending
            }
        })
        .await
    }

    /// One that has come already.
    pub async fn at_hand(&mut self) -> Option<i32> {
        tokio::select! {
            biased;
            number = self.next() => number,
            () = std::future::ready(()) => None,
        }
    }
}

/// As the engine's API names it.
pub fn name(number: i32) -> String {
    match number {
        1 => "SIGHUP".to_owned(),
        2 => "SIGINT".to_owned(),
        3 => "SIGQUIT".to_owned(),
        9 => "SIGKILL".to_owned(),
        15 => "SIGTERM".to_owned(),
        other => other.to_string(),
    }
}
