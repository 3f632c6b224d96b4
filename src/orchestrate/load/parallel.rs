//! Many small pieces of reading, on all cores.

use std::io;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The parser's trees are taken down by recursion, as deep as the code is nested. Only what is used of
/// a stack costs memory.
const STACK: usize = 256 << 20;

/// How many threads read.
pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// `work` for every item, in the order of the items. The threads take the next item as they become
/// free, so that one long piece does not hold up the rest.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> io::Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    thread::scope(|scope| {
        for _ in 0..threads().min(items.len()) {
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || {
                let mut mine = Vec::new();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    mine.push((index, work(item)));
                }
                // Another thread's panic ends the scope with that panic, so what it held is not lost.
                done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(mine);
            })?;
        }
        io::Result::Ok(())
    })?;
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order() {
        let items: Vec<u32> = (0..1000).collect();
        let doubled = map(&items, |item| item * 2).unwrap();
        assert!(doubled.iter().zip(&items).all(|(double, item)| *double == item * 2));
        assert_eq!(map(&[] as &[u32], |item| *item).unwrap(), Vec::<u32>::new());
    }
}
