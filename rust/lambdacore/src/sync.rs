//! The one import of atomics, locks and their like, so that the model checkers see them all:
//! loom, which knows memory orderings, and shuttle, which goes through larger models at random.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicU64, Ordering},
};
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicU64, Ordering},
};
pub(crate) use std::sync::PoisonError;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

/// Counters on whose strength nothing is decided: the models look through them.
pub(crate) mod statistic {
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64};
}

/// Lines of the protocol that a model has a broken twin of: the twin leaves the line out and
/// must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is described where it is asked for")]
#[cfg_attr(not(loom), allow(unreachable_pub))]
pub enum Twin {
    TakeUnseen,
    RefuseByLook,
    SameGeneration,
    SpillByLook,
    RouteReadOnce,
    NotedLate,
    GuardUnseen,
    KeptPermit,
    WaitsUnseen,
    LimitsUnguarded,
}

/// Whether the model being checked is that twin. Outside of models nothing is ever broken, and
/// the question is not compiled.
#[cfg(not(loom))]
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must vanish")]
pub(crate) fn broken(_: Twin) -> bool {
    false
}

/// Where a test may stop a thread in the middle of a call: between what it has noted and what
/// it takes.
#[cfg(not(test))]
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must vanish")]
pub(crate) fn fail_point() {}

#[cfg(test)]
thread_local! {
    /// What the thread does at the fail point.
    pub(crate) static AT_FAIL_POINT: std::cell::RefCell<Box<dyn FnMut()>> =
        std::cell::RefCell::new(Box::new(|| ()));
}

#[cfg(test)]
pub(crate) fn fail_point() {
    AT_FAIL_POINT.with_borrow_mut(|stop| stop());
}

#[cfg(loom)]
pub(crate) use twins::broken;
#[cfg(loom)]
pub use twins::with_twin;

#[cfg(loom)]
mod twins {
    use super::Twin;
    use std::sync::atomic::{AtomicU8, Ordering};

    /// Zero, or one more than the twin. Not an atomic of the model.
    static BROKEN: AtomicU8 = AtomicU8::new(0);

    pub(crate) fn broken(twin: Twin) -> bool {
        BROKEN.load(Ordering::SeqCst) == twin as u8 + 1
    }

    /// Runs something while a line is left out.
    pub fn with_twin<T>(twin: Twin, run: impl FnOnce() -> T) -> T {
        BROKEN.store(twin as u8 + 1, Ordering::SeqCst);
        let result = run();
        BROKEN.store(0, Ordering::SeqCst);
        result
    }
}
