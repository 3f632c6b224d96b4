//! Many small pieces of work on all processors.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How many neighbours a thread takes at once: files of one folder, so that two threads seldom wait
/// for each other to make a file in it.
const NEIGHBOURS: usize = 64;

/// Does the work for every index below `count`, on as many threads as there are processors when it
/// is worth it; `bytes` is how much is read in all. `state` is made once a thread, and all of them
/// are returned. After a failure no further work is begun, and the first failure is returned.
pub fn spread<S: Send, E: Send>(
    count: usize,
    bytes: u64,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<(), E> + Sync,
) -> Result<Vec<S>, E> {
    // Starting a thread costs as much as reading a few small files.
    let worth = if count < 16 && bytes < 4 << 20 { 1 } else { count };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(worth).clamp(1, 16);
    let step = (count / (threads * 16)).clamp(1, NEIGHBOURS);
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let failure = Mutex::new(None);
    let states = Mutex::new(Vec::with_capacity(threads));
    let run = || {
        let mut state = state();
        'steps: loop {
            let first = next.fetch_add(step, Ordering::Relaxed);
            if first >= count {
                break;
            }
            for index in first..count.min(first + step) {
                if stop.load(Ordering::Relaxed) {
                    break 'steps;
                }
                if let Err(error) = work(&mut state, index) {
                    stop.store(true, Ordering::Relaxed);
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            }
        }
        states.lock().unwrap_or_else(PoisonError::into_inner).push(state);
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(failure) => Err(failure),
        None => Ok(states.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_done_once() {
        for count in [0, 1, 15, 16, 1000] {
            let done: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            let outcome = spread(count, 0, Vec::new, |mine: &mut Vec<usize>, index| {
                done[index].fetch_add(1, Ordering::Relaxed);
                mine.push(index);
                Ok::<(), ()>(())
            });
            let mut all = outcome.unwrap().concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..count));
            assert!(done.iter().all(|times| times.load(Ordering::Relaxed) == 1));
        }
    }

    #[test]
    fn a_failure_comes_back() {
        let outcome = spread(1000, 0, || (), |(), index| if index == 17 { Err(index) } else { Ok(()) });
        assert_eq!(outcome, Err(17));
    }
}
