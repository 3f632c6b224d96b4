//! Many small pieces of reading, on all cores.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::thread;

/// The parser's trees are taken down by recursion, as deep as the code is nested. Only what is used of
/// a stack costs memory.
const STACK: usize = 256 << 20;

/// A piece has no more items than this, and a thread no fewer pieces than that, so that none of them waits long for another
/// at the end.
const PIECE: usize = 32;
const PIECES: usize = 32;

/// How many threads read.
pub fn threads() -> usize {
    // Linux has it told by half a dozen files.
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get))
}

/// `work` for every item, in the order of the items. The threads take the next item as they become
/// free, so that one long piece does not hold up the rest.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> io::Result<Vec<R>> {
    let turns = Turns::new(items);
    thread::scope(|scope| {
        for _ in 0..threads().min(items.len()) {
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || turns.take(&work))?;
        }
        io::Result::Ok(())
    })?;
    Ok(turns.results())
}

/// The same for work that needs no deep stack: this thread does its part of it, and all of it where no other can be had.
pub fn map_here<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let turns = Turns::new(items);
    thread::scope(|scope| {
        for _ in 1..threads().min(items.len()) {
            if thread::Builder::new().spawn_scoped(scope, || turns.take(&work)).is_err() {
                break;
            }
        }
        turns.take(&work);
    });
    turns.results()
}

/// The items in pieces that threads take in turn, each with those beside it.
pub fn in_pieces<T>(items: &[T]) -> Vec<&[T]> {
    items.chunks((items.len() / (threads() * PIECES)).clamp(1, PIECE)).collect()
}

/// Many items in pieces on all cores, each piece with those beside it; this thread takes what came of the pieces in their
/// order, as soon as it is there.
pub fn pieces<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&[T]) -> R + Sync,
    mut take: impl FnMut(R),
) -> io::Result<()> {
    let pieces = in_pieces(items);
    let next = AtomicUsize::new(0);
    let (done, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads().min(pieces.len()) {
            let (pieces, next, work, done) = (&pieces, &next, &work, done.clone());
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(piece) = pieces.get(index) else { break };
                    // Somebody is there as long as the scope is.
                    let _ = done.send((index, work(piece)));
                }
            })?;
        }
        drop(done);
        let mut early = BTreeMap::new();
        let mut wanted = 0;
        for (index, result) in &results {
            early.insert(index, result);
            while let Some(result) = early.remove(&wanted) {
                take(result);
                wanted += 1;
            }
        }
        io::Result::Ok(())
    })
}

/// Items that several threads take in turn, and what came of them.
struct Turns<'a, T, R> {
    items: &'a [T],
    next: AtomicUsize,
    done: Mutex<Vec<(usize, R)>>,
}

impl<'a, T, R> Turns<'a, T, R> {
    fn new(items: &'a [T]) -> Self {
        Self { items, next: AtomicUsize::new(0), done: Mutex::new(Vec::with_capacity(items.len())) }
    }

    fn take(&self, work: impl Fn(&T) -> R) {
        let mut mine = Vec::new();
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = self.items.get(index) else { break };
            mine.push((index, work(item)));
        }
        // Another thread's panic ends the scope with that panic, so what it held is not lost.
        self.done.lock().unwrap_or_else(PoisonError::into_inner).extend(mine);
    }

    fn results(self) -> Vec<R> {
        let mut done = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, result)| result).collect()
    }
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
        let mut all = Vec::new();
        let of_piece = |piece: &[u32]| piece.iter().map(|item| item * 2).collect::<Vec<u32>>();
        pieces(&items, of_piece, |some| all.extend(some)).unwrap();
        assert_eq!(all, doubled);
        pieces(&[] as &[u32], |_| (), |()| panic!("there is nothing")).unwrap();
        assert_eq!(map_here(&items, |item| item * 2), doubled);
        assert_eq!(map_here(&[] as &[u32], |item| *item), Vec::<u32>::new());
    }
}
