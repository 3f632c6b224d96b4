//! Standard input on its way into a run.
//!
//! A thread reads, since no way of reading asynchronously suits terminals, pipes and files alike
//! without changing a flag that other processes share. It looks before it reads, so it can be ended
//! at any time, and takes a small piece at a time only when the one before was accepted: what the run
//! does not read, stays (but for what the engine's own buffers hold) for whoever reads after us.

use std::io::{self, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedSender, channel};

const PIECE: usize = 8 * 1024;
const CTRL_C: u8 = 3;
/// So many, within this time, mean that the child does not listen.
const INTERRUPTS: usize = 3;
const INTERRUPTS_WITHIN: Duration = Duration::from_secs(2);

/// The reading thread; dropped, it ends soon.
#[derive(Debug)]
pub(super) struct Input {
    thread: Option<JoinHandle<()>>,
    /// Closing it wakes the thread.
    stop: Option<PipeWriter>,
}

/// Begins to read. The pieces come through the receiver, which ends at the end of the input.
/// `interrupted`, when given, is told when Ctrl-C was typed three times within two seconds.
pub(super) fn begin(
    from: BorrowedFd<'_>,
    interrupted: Option<UnboundedSender<()>>,
) -> io::Result<(Input, Receiver<Vec<u8>>)> {
    let from = from.try_clone_to_owned()?;
    let (stopped, stop) = io::pipe()?;
    let (sender, receiver) = channel(1);
    let thread = std::thread::Builder::new()
        .name("scaf-stdin".to_owned())
        .spawn(move || read(&from, &stopped, &sender, interrupted.as_ref()))?;
    Ok((Input { thread: Some(thread), stop: Some(stop) }, receiver))
}

fn read(
    from: &OwnedFd,
    stopped: &impl AsFd,
    sender: &Sender<Vec<u8>>,
    interrupted: Option<&UnboundedSender<()>>,
) {
    let mut typed = Interrupts::default();
    let mut piece = [0; PIECE];
    loop {
        let mut ready = [PollFd::new(from, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        match poll(&mut ready, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
        }
        if !ready[1].revents().is_empty() {
            return;
        }
        if ready[0].revents().is_empty() {
            continue;
        }
        let count = match rustix::io::read(from, &mut piece) {
            Ok(0) => return,
            Ok(count) => count,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
            // A terminal that is gone, or one that belongs to the foreground while we do not.
            Err(_) => return,
        };
        if let Some(interrupted) = interrupted
            && typed.add(&piece[..count], Instant::now())
        {
            let _ = interrupted.send(());
        }
        if sender.blocking_send(piece[..count].to_vec()).is_err() {
            return;
        }
    }
}

/// The last times that Ctrl-C was typed.
#[derive(Debug, Default)]
struct Interrupts(Vec<Instant>);

impl Interrupts {
    /// Whether these bytes complete three within two seconds.
    fn add(&mut self, bytes: &[u8], now: Instant) -> bool {
        for _ in bytes.iter().filter(|byte| **byte == CTRL_C) {
            self.0.push(now);
        }
        self.0.retain(|then| now.duration_since(*then) <= INTERRUPTS_WITHIN);
        self.0.len() >= INTERRUPTS
    }
}

impl Input {
    /// Ends the reading, and returns when it is over: whatever comes from then on is for others. The
    /// receiver has to be gone.
    pub(super) fn end(mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It does nothing that panics, and if it did, the run would not have suffered.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_interrupts_within_two_seconds() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut typed = Interrupts::default();
        assert!(!typed.add(b"a\x03", at(0)));
        assert!(!typed.add(b"\x03", at(1)));
        assert!(typed.add(b"\x03", at(2)));

        let mut slow = Interrupts::default();
        assert!(!slow.add(b"\x03", at(0)));
        assert!(!slow.add(b"\x03", at(2)));
        assert!(!slow.add(b"\x03", at(4)));
        assert!(slow.add(b"\x03\x03", at(5)));
    }
}
