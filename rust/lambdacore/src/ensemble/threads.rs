//! Replications on threads of our own, which end with the call.
//!
//! There is no pool: one that outlives a call hangs in a forked child.

use std::ops::{ControlFlow, Range};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::invocations::Watch;
use crate::sync::Ordering;
use crate::sync::statistic::AtomicU64;
use crate::traffic::Stop;

/// Between two looks of the calling thread at what the others have done.
const LOOK: Duration = Duration::from_millis(20);

/// Works on numbers with `one`, on so many threads at once; hands each result to `done` on the
/// calling thread, which also watches.
pub(super) fn run<T: Send>(
    numbers: Range<u64>,
    threads: usize,
    one: &(dyn Fn(u64, &mut Watch<'_>, &Stop) -> Option<T> + Sync),
    done: &mut dyn FnMut(u64, T),
    watch: &mut Watch<'_>,
) -> ControlFlow<()> {
    let next = AtomicU64::new(numbers.start);
    let rows = AtomicU64::new(0);
    let stop = &Stop::default();
    let threads = threads.clamp(1, (numbers.end - numbers.start).clamp(1, 1024) as usize);
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..threads {
            let (sender, numbers) = (sender.clone(), &numbers);
            let (next, rows) = (&next, &rows);
            scope.spawn(move || {
                let mut count = |more: usize| {
                    rows.fetch_add(more as u64, Ordering::Relaxed);
                    if stop.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                };
                while !stop.is_set() {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end {
                        return;
                    }
                    let Some(result) = one(number, &mut count, stop) else { return };
                    // Nobody listens any more only where the work was broken off.
                    let _ = sender.send((number, result));
                }
            });
        }
        drop(sender);
        let mut told = 0;
        loop {
            let result = receiver.recv_timeout(LOOK);
            let so_far = rows.load(Ordering::Relaxed);
            let more = (so_far - told) as usize;
            told = so_far;
            if watch(more).is_break() {
                stop.set();
                return ControlFlow::Break(());
            }
            match result {
                Ok((number, result)) => done(number, result),
                Err(RecvTimeoutError::Timeout) => {}
                // All are done, or one has panicked, which the scope hands on.
                Err(RecvTimeoutError::Disconnected) => return ControlFlow::Continue(()),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep_on(_: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn every_number_is_worked_on_once_whatever_the_threads() {
        for threads in [0, 1, 2, 3, 8, 100] {
            for count in [0, 1, 5, 1_000] {
                let mut found = Vec::new();
                let one = |number: u64, _: &mut Watch<'_>, _: &Stop| Some(number * number);
                let mut done = |number, result| found.push((number, result));
                let flow = run(7..7 + count, threads, &one, &mut done, &mut keep_on);
                assert!(flow.is_continue());
                found.sort_unstable();
                assert!(found.into_iter().eq((7..7 + count).map(|n| (n, n * n))));
            }
        }
    }

    #[test]
    fn a_watch_that_breaks_ends_all_threads() {
        let endless = |_: u64, watch: &mut Watch<'_>, _: &Stop| {
            while watch(1).is_continue() {
                std::thread::yield_now();
            }
            None::<()>
        };
        let mut looks = 0;
        let mut watch = |_| {
            looks += 1;
            if looks < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let flow = run(0..100, 2, &endless, &mut |_, ()| {}, &mut watch);
        assert!(flow.is_break());
    }
}
