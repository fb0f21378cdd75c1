//! Real threads on good limiters, and on two whose gap is held open.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::admission::algorithms::{ALL, algorithm};
use crate::admission::limiters::{Counter, Pools};

const CONTENDED: Cell = Cell { threads: 2, keys: 1, admit: 50 };

#[test]
fn what_is_linearizable_has_clean_histories() {
    for algorithm in ALL.iter().filter(|algorithm| algorithm.linearizable) {
        for keys in [1, 8] {
            let (findings, checked) = checked(algorithm, Cell { keys, ..CONTENDED }, 50_000);
            assert!(findings.is_clean(), "{}: {findings:?}", algorithm.name);
            assert!(findings.most_held <= CONTENDED.limit());
            assert_eq!(checked, 100_000);
        }
    }
}

/// Looks, lets others run, then acts.
struct LooksThenActs(u32, AtomicU32);

impl Counter for LooksThenActs {
    const NAME: &'static str = "looks-then-acts";
    const LINEARIZABLE: bool = false;

    fn new(limit: u32) -> Self {
        Self(limit, 0.into())
    }

    fn take(&self) -> bool {
        let room = self.1.load(Ordering::SeqCst) < self.0;
        std::thread::yield_now();
        self.1.fetch_add(u32::from(room), Ordering::SeqCst);
        room
    }

    fn give_back(&self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Adds, lets others run, then takes it back if that was too much.
struct AddsThenUndoes(u32, AtomicU32);

impl Counter for AddsThenUndoes {
    const NAME: &'static str = "adds-then-undoes";
    const LINEARIZABLE: bool = false;

    fn new(limit: u32) -> Self {
        Self(limit, 0.into())
    }

    fn take(&self) -> bool {
        let room = self.1.fetch_add(1, Ordering::SeqCst) < self.0;
        std::thread::yield_now();
        if !room {
            self.1.fetch_sub(1, Ordering::SeqCst);
        }
        room
    }

    fn give_back(&self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Whether a fault shows in some batch: when threads meet is up to the machine.
fn shows<C: Counter>(fault: fn(Findings) -> u64) -> bool {
    let faulty = algorithm::<Pools<C>>();
    (0..1_000).any(|_| fault(checked(&faulty, CONTENDED, 2_000).0) > 0)
}

#[test]
fn a_limiter_that_looks_and_then_acts_over_admits() {
    assert!(shows::<LooksThenActs>(|findings| findings.over_admissions));
}

#[test]
fn a_limiter_that_adds_and_takes_back_refuses_wrongly() {
    assert!(shows::<AddsThenUndoes>(|findings| findings.spurious));
}

#[test]
fn fairness_is_one_for_equal_shares_and_a_share_for_one() {
    assert!((jain([3.0, 3.0].into_iter()) - 1.0).abs() < 1e-12);
    assert!((jain([3.0, 0.0].into_iter()) - 0.5).abs() < 1e-12);
    assert!((jain([0.0, 0.0].into_iter()) - 1.0).abs() < 1e-12);
}
