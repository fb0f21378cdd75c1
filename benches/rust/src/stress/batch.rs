//! A batch of calls: all threads start from nothing and end with nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lambdacore::{Outcome, Permit};

use super::scene::{CLASSES, Change, Class, History, Scene, TARGETS, WANTED};
use crate::admission::workload::Clock;
use crate::envelope::{Held, Span};
use crate::random::SplitMix;

/// What one thread did, by target and class.
#[derive(Clone, Debug, Default)]
pub struct Log {
    held: [[Vec<Held>; 2]; TARGETS.len()],
    refused: [[Vec<Span>; CLASSES - 2]; TARGETS.len()],
}

/// A batch and its history.
#[derive(Clone, Debug)]
pub struct Batch {
    logs: Vec<Log>,
    /// The limits meanwhile.
    pub limits: History,
    /// How often they changed.
    pub changes: u64,
}

/// A permit that is out, and what is known of it.
struct Out<'c> {
    permit: Permit<'c>,
    target: usize,
    class: Class,
    acquire: Span,
}

impl Log {
    fn clear(&mut self) {
        self.held.iter_mut().flatten().for_each(Vec::clear);
        self.refused.iter_mut().flatten().for_each(Vec::clear);
    }

    fn release(&mut self, out: Out<'_>, clock: Clock) {
        let called = clock.now();
        drop(out.permit);
        let release = Span { called, returned: clock.now() };
        let held = Held { acquire: out.acquire, release };
        self.held[out.target][out.class as usize].push(held);
    }

    fn call(&mut self, scene: &Scene, calls: u64, each: usize, seed: u64, clock: Clock) {
        let handle = scene.controller.handle();
        let mut random = SplitMix::new(seed);
        let mut ring: Vec<Option<Out<'_>>> =
            std::iter::repeat_with(|| None).take(each.max(1)).collect();
        let mut at = 0;
        for _ in 0..calls {
            at = if at + 1 >= ring.len() { 0 } else { at + 1 };
            if let Some(oldest) = ring[at].take() {
                self.release(oldest, clock);
            }
            let bits = random.bits();
            // Now and then all is given back, so that pools are empty as well as full.
            if bits.is_multiple_of(1 << 10) {
                for out in ring.iter_mut().filter_map(Option::take) {
                    self.release(out, clock);
                }
            }
            let target = (((bits >> 32) * TARGETS.len() as u64) >> 32) as usize;
            let called = clock.now();
            let result = handle.try_acquire(scene.targets[target]);
            let acquire = Span { called, returned: clock.now() };
            match result {
                Ok(permit) => {
                    let provisioned = permit.outcome() == Outcome::Provisioned;
                    let class = if provisioned { Class::Provisioned } else { Class::OnDemand };
                    ring[at] = Some(Out { permit, target, class, acquire });
                }
                Err(refused) => {
                    self.refused[target][Class::of(refused) as usize - 2].push(acquire);
                }
            }
        }
        // The oldest first.
        let (newer, older) = ring.split_at_mut(at + 1);
        for out in older.iter_mut().chain(newer).filter_map(Option::take) {
            self.release(out, clock);
        }
    }
}

impl Batch {
    /// For so many threads.
    pub fn new(threads: u32) -> Self {
        let logs = vec![Log::default(); threads as usize];
        Self { logs, limits: History::new(), changes: 0 }
    }

    /// Makes calls, so many a thread, while the configuration changes or not.
    ///
    /// # Panics
    ///
    /// Where a thread does.
    pub fn run(&mut self, scene: &Scene, change: Change, calls: u64, seed: u64) {
        let each = WANTED / self.logs.len();
        let clock = Clock(Instant::now());
        let ended = AtomicBool::new(false);
        let mut random = SplitMix::new(seed ^ 0xc0ff_ee00_c0ff_ee00);
        (self.limits, self.changes) = (History::new(), 0);
        std::thread::scope(|scope| {
            let callers: Vec<_> = (self.logs.iter_mut().zip(0_u64..))
                .map(|(log, thread)| {
                    log.clear();
                    let seed = seed ^ (thread << 48);
                    scope.spawn(move || log.call(scene, calls, each, seed, clock))
                })
                .collect();
            if change != Change::Nothing {
                let (limits, changes, ended) = (&mut self.limits, &mut self.changes, &ended);
                scope.spawn(move || {
                    let stamped = |act: &mut dyn FnMut()| {
                        let called = clock.now();
                        act();
                        Span { called, returned: clock.now() }
                    };
                    while !ended.load(Ordering::Relaxed) {
                        let done = scene.change(change, &mut random, limits, stamped);
                        *changes += u64::from(done);
                        std::thread::sleep(Duration::from_micros(random.below(200)));
                    }
                });
            }
            for caller in callers {
                caller.join().expect("no thread panics");
            }
            ended.store(true, Ordering::Relaxed);
        });
    }

    /// Permits of some targets, in one slice a thread and class.
    pub fn held(&self, targets: &[usize], classes: &[Class]) -> Vec<&[Held]> {
        let of = |log| {
            let log: &Log = log;
            let class = |target: usize, class: &Class| &log.held[target][*class as usize][..];
            targets.iter().flat_map(move |&target| classes.iter().map(move |c| class(target, c)))
        };
        self.logs.iter().flat_map(of).collect()
    }

    /// Refusals of some targets.
    pub fn refused(&self, targets: &[usize], class: Class) -> Vec<&[Span]> {
        let of = |log| {
            let log: &Log = log;
            targets.iter().map(move |&target| &log.refused[target][class as usize - 2][..])
        };
        self.logs.iter().flat_map(of).collect()
    }

    /// Calls that were admitted.
    pub fn admitted(&self) -> u64 {
        let of = |log: &Log| log.held.iter().flatten().map(Vec::len).sum::<usize>() as u64;
        self.logs.iter().map(of).sum()
    }

    /// All calls.
    pub fn calls(&self) -> u64 {
        let refused = |log: &Log| log.refused.iter().flatten().map(Vec::len).sum::<usize>() as u64;
        self.admitted() + self.logs.iter().map(refused).sum::<u64>()
    }
}
