//! The traffic: each thread tries, keeps what it gets for some calls, and gives it back.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

use super::limiters::Limiter;
use crate::envelope::{Held, Span};

/// So many permits of each key a thread holds, if it gets all it tries for.
const HELD: u32 = 8;

/// A situation to measure in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Threads that try.
    pub threads: u32,
    /// Pools: one that all share, or a reserved one for each of so many functions.
    pub keys: u32,
    /// Per cent of tries for which there are permits.
    pub admit: u32,
}

impl Cell {
    /// The limit of each pool.
    pub fn limit(self) -> u32 {
        (self.threads * HELD * self.admit / 100).max(1)
    }

    fn limiter<L: Limiter>(self) -> L {
        L::new(self.limit(), self.keys, self.threads)
    }

    /// Runs something on each thread at once; `end` is what the main thread does meanwhile.
    fn on_threads<T: Send>(
        self,
        run: impl Fn(u32, &Barrier) -> T + Sync,
        end: impl FnOnce(),
    ) -> Vec<T> {
        let start = Barrier::new(self.threads as usize + 1);
        std::thread::scope(|scope| {
            let (run, start) = (&run, &start);
            let cores = core_affinity::get_core_ids().unwrap_or_default();
            let spread = self.threads as usize <= cores.len();
            let running: Vec<_> = (0..self.threads)
                .map(|thread| {
                    let core = cores.get(thread as usize).copied().filter(|_| spread);
                    scope.spawn(move || {
                        // Left alone, threads that wake each other end up on one core.
                        core.map(core_affinity::set_for_current);
                        run(thread, start)
                    })
                })
                .collect();
            start.wait();
            end();
            running.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
        })
    }
}

/// A thread's permits, in the order in which it took them.
struct Ring<P> {
    slots: Box<[Option<P>]>,
    at: usize,
    keys: u32,
    key: u32,
}

impl<P> Ring<P> {
    fn new(cell: Cell, thread: u32) -> Self {
        let slots = std::iter::repeat_with(|| None).take((HELD * cell.keys) as usize).collect();
        Self { slots, at: 0, keys: cell.keys, key: thread % cell.keys }
    }

    /// The key of the next try; they come in turn.
    #[inline]
    fn next_key(&mut self) -> u32 {
        self.key = if self.key + 1 >= self.keys { 0 } else { self.key + 1 };
        self.key
    }

    /// Puts in what a try gave; what comes out is the oldest, to be given back.
    #[inline]
    fn turn(&mut self, gained: Option<P>) -> Option<P> {
        self.slots[self.at] = gained;
        self.at = if self.at + 1 >= self.slots.len() { 0 } else { self.at + 1 };
        self.slots[self.at].take()
    }

    /// What is left.
    fn rest(&mut self) -> impl Iterator<Item = P> {
        self.slots.iter_mut().filter_map(Option::take)
    }
}

/// What a thread got done.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Tries, each with the release if it was admitted.
    pub tries: u64,
    /// Those that were admitted.
    pub admitted: u64,
    /// How long that took.
    pub elapsed: Duration,
    /// How long of it the thread had a core.
    pub on_core: Duration,
}

/// As fast as the threads can, for some time.
pub fn flat_out<L: Limiter>(cell: Cell, time: Duration) -> Vec<Share> {
    const BETWEEN_LOOKS: u64 = 64;
    let limiter: L = cell.limiter();
    let stop = AtomicBool::new(false);
    let run = |thread, start: &Barrier| {
        let (handle, mut ring) = (limiter.handle(thread), Ring::new(cell, thread));
        let (mut tries, mut admitted) = (0, 0);
        start.wait();
        let (began, on_core) = (Instant::now(), ThreadTime::now());
        while !stop.load(Ordering::Relaxed) {
            for _ in 0..BETWEEN_LOOKS {
                let permit = limiter.try_acquire(&handle, ring.next_key());
                admitted += u64::from(permit.is_some());
                drop(ring.turn(permit));
            }
            tries += BETWEEN_LOOKS;
        }
        Share { tries, admitted, elapsed: began.elapsed(), on_core: on_core.elapsed() }
    };
    cell.on_threads(run, || {
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
    })
}

/// At a given pace: nanoseconds of each call and release, from when the call was *due*. A call
/// that is late because the one before it was slow counts its wait (no coordinated omission).
pub fn paced<L: Limiter>(cell: Cell, interval: f64, calls: u32) -> Vec<u32> {
    let limiter: L = cell.limiter();
    let run = |thread, start: &Barrier| {
        let (handle, mut ring) = (limiter.handle(thread), Ring::new(cell, thread));
        let mut latencies = Vec::with_capacity(calls as usize);
        start.wait();
        let clock = Clock(Instant::now());
        // Threads are due in turn.
        let offset = interval * f64::from(thread) / f64::from(cell.threads);
        let mut now = 0;
        for call in 1..=calls {
            #[allow(clippy::cast_sign_loss)]
            let due = (interval * f64::from(call) + offset) as u64;
            while now < due {
                std::hint::spin_loop();
                now = clock.now();
            }
            let permit = limiter.try_acquire(&handle, ring.next_key());
            drop(ring.turn(permit));
            now = clock.now();
            latencies.push(u32::try_from(now - due).unwrap_or(u32::MAX));
        }
        latencies
    };
    cell.on_threads(run, || ()).concat()
}

/// Nanoseconds since an instant that all threads know.
#[derive(Clone, Copy, Debug)]
pub struct Clock(pub Instant);

impl Clock {
    /// A stamp; nothing in the program is moved across it.
    #[inline]
    pub fn now(self) -> u64 {
        // On x86-64 the clock waits for all before it, and each operation of a limiter that
        // counts is a locked instruction, which takes effect in the order of the program.
        #[cfg(not(target_arch = "x86_64"))]
        std::sync::atomic::fence(Ordering::SeqCst);
        let now = self.0.elapsed();
        #[cfg(not(target_arch = "x86_64"))]
        std::sync::atomic::fence(Ordering::SeqCst);
        now.as_secs() * 1_000_000_000 + u64::from(now.subsec_nanos())
    }
}

/// What one thread did with one key.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// In the order of the releases.
    pub held: Vec<Held>,
    /// In the order of the calls.
    pub refused: Vec<Span>,
}

/// Each call and release with its stamps, for each thread and key.
pub fn stamped<L: Limiter>(cell: Cell, calls: u32) -> Vec<Vec<History>> {
    let limiter: L = cell.limiter();
    let clock = Clock(Instant::now());
    let run = |thread, start: &Barrier| {
        let (handle, mut ring) = (limiter.handle(thread), Ring::new(cell, thread));
        let mut histories = vec![History::default(); cell.keys as usize];
        let release = |histories: &mut Vec<History>, (permit, key, acquire)| {
            let called = clock.now();
            drop::<L::Permit<'_>>(permit);
            let release = Span { called, returned: clock.now() };
            let key: u32 = key;
            histories[key as usize].held.push(Held { acquire, release });
        };
        start.wait();
        for _ in 0..calls {
            let key = ring.next_key();
            let called = clock.now();
            let permit = limiter.try_acquire(&handle, key);
            let acquire = Span { called, returned: clock.now() };
            if permit.is_none() {
                histories[key as usize].refused.push(acquire);
            }
            if let Some(oldest) = ring.turn(permit.map(|permit| (permit, key, acquire))) {
                release(&mut histories, oldest);
            }
        }
        ring.rest().for_each(|oldest| release(&mut histories, oldest));
        histories
    };
    cell.on_threads(run, || ())
}

/// One thread, one pool, a permit taken and given back at once: nanoseconds a pair.
pub fn uncontended<L: Limiter>(pairs: u32) -> f64 {
    let limiter = L::new(1_000, 1, 1);
    let handle = limiter.handle(0);
    let began = Instant::now();
    for _ in 0..pairs {
        // The permit is dropped as it is: to hide it would be to copy it.
        drop(limiter.try_acquire(&handle, std::hint::black_box(0)));
    }
    began.elapsed().as_secs_f64() * 1e9 / f64::from(pairs)
}
