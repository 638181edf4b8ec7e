//! Work on many independent things at once, with the results in the order of the things.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The stack of a thread, the same as that of the main one on Linux: queries are parsed and walked by recursion.
const STACK_BYTES: usize = 8 << 20;
/// The most threads.
const MOST: usize = 16;

/// Does `work` for each of the things, on all the cores that there are; fewer things than `few` are not worth a thread.
pub(super) fn map<T: Sync, R: Send>(things: &[T], few: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(things.len() / few.max(1)).min(MOST);
    if threads < 2 {
        return things.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let share = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(index) else { return done };
            done.push((index, work(thing)));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let started = |_| thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, share).ok();
        let helpers: Vec<_> = (1..threads).filter_map(started).collect();
        // This thread takes its share too, and all of the work where no other could be started.
        let mut done = share();
        for helper in helpers {
            match helper.join() {
                Ok(more) => done.extend(more),
                Err(panicked) => panic::resume_unwind(panicked),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_things() {
        for count in [0, 1, 15, 1_000] {
            let things: Vec<usize> = (0..count).collect();
            assert_eq!(map(&things, 16, |thing| thing * 2), things.iter().map(|thing| thing * 2).collect::<Vec<_>>());
        }
    }
}
