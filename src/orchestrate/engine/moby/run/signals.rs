//! The signals that are passed on to a run, or end a build.

use std::future::poll_fn;
use std::io;
use std::sync::OnceLock;
use std::task::Poll;

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

#[derive(Debug)]
pub enum Listening {
    Feed(UnboundedReceiver<i32>),
    Process(Vec<(i32, Signal)>),
}

impl Listening {
    /// The next one; `None` when there will be no more. Loses nothing when dropped.
    pub async fn next(&mut self) -> Option<i32> {
        poll_fn(|context| match self {
            Self::Feed(receiver) => receiver.poll_recv(context),
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
pub(super) fn name(number: i32) -> String {
    match number {
        1 => "SIGHUP".to_owned(),
        2 => "SIGINT".to_owned(),
        3 => "SIGQUIT".to_owned(),
        9 => "SIGKILL".to_owned(),
        15 => "SIGTERM".to_owned(),
        other => other.to_string(),
    }
}
