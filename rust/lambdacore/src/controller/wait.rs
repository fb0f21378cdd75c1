//! Waiting for a permit.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::notes::StripeId;
use super::{AdmissionController, Handle, Permit, Throttle};
use crate::sync::{AtomicU32, Ordering, PoisonError, Twin, broken};

/// So often who waits hears whether to go on.
const SLICE: Duration = Duration::from_millis(50);

/// Not more often does it ask for a rate to open: a clock may be coarse.
const SHORTEST: Duration = Duration::from_millis(1);

/// One that waits is counted until it no longer does.
struct Counted<'a>(&'a AtomicU32);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        // Relaxed: who still counts it wakes somebody in vain.
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AdmissionController {
    /// Waits for a permit, at most so long; `None` waits for ever.
    ///
    /// Nobody is promised to be served in the order of coming: whoever asks first when a permit
    /// is free has it.
    ///
    /// # Errors
    ///
    /// [`Throttle`], with the cause that stood in the way last.
    ///
    /// # Panics
    ///
    /// Where the number is no target of the account.
    pub fn acquire_timeout(
        &self,
        target: u32,
        timeout: Option<Duration>,
    ) -> Result<Permit<'_>, Throttle> {
        let for_ever = &mut || ControlFlow::Continue(());
        let permit =
            self.acquire_watched(target, timeout, &|| self.now_if_it_matters(), for_ever)?;
        Ok(permit.expect("nobody breaks this off"))
    }

    /// Does so by a clock of the caller's, in nanoseconds below 2^63, for request rates; `watch`
    /// hears of it at least twenty times a second and can break it off, which gives `None`. Both
    /// are asked without a lock of the controller.
    ///
    /// # Errors
    ///
    /// [`Throttle`], with the cause that stood in the way last.
    ///
    /// # Panics
    ///
    /// Where the number is no target of the account.
    pub fn acquire_watched(
        &self,
        target: u32,
        timeout: Option<Duration>,
        clock: &dyn Fn() -> u64,
        watch: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Option<Permit<'_>>, Throttle> {
        self.acquire_by(self.common_stripe(), target, timeout, clock, watch)
    }

    /// Tells those who wait that something has changed.
    #[inline]
    pub(super) fn wake(&self) {
        // Relaxed: whoever was refused before this change was counted before, and the word
        // says so (see `AtomicPool::confirm`).
        if self.waiting.load(Ordering::Relaxed) > 0 {
            // With the lock, so that nobody is between a refusal and the wait.
            let _waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
            self.freed.notify_all();
        }
    }
}

impl<'c> Handle<'c> {
    /// Waits for a permit; `watch` hears of it at least twenty times a second and can break it off,
    /// which gives `None`.
    ///
    /// # Errors
    ///
    /// [`Throttle`], with the cause that stood in the way last.
    ///
    /// # Panics
    ///
    /// Where the number is no target of the account.
    pub fn acquire_watched(
        &self,
        target: u32,
        timeout: Option<Duration>,
        watch: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Option<Permit<'c>>, Throttle> {
        let controller = self.controller();
        let clock = &|| controller.now_if_it_matters();
        controller.acquire_by(self.stripe(), target, timeout, clock, watch)
    }
}

impl AdmissionController {
    fn acquire_by(
        &self,
        stripe: StripeId,
        target: u32,
        timeout: Option<Duration>,
        clock: &dyn Fn() -> u64,
        watch: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Option<Permit<'_>>, Throttle> {
        let try_acquire = |now, waits| self.try_acquire_by(stripe, target, now, waits);
        // A deadline beyond all time is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        if let Ok(permit) = try_acquire(clock(), true) {
            return Ok(Some(permit));
        }
        let mut counted = None;
        let count = || {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            Some(Counted(&self.waiting))
        };
        loop {
            // Neither the clock nor the watch is asked with the lock: they may wait for others, who
            // may wait for it.
            let now = clock();
            let waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
            if counted.is_none() && !broken(Twin::WaitsUnseen) {
                // Before the refusal: whoever frees a permit after it sees that one waits.
                counted = count();
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            // The last refusal is the invocation's outcome; those before count nowhere.
            let waits = left.is_none_or(|left| !left.is_zero());
            let refused = match try_acquire(now, waits) {
                Ok(permit) => return Ok(Some(permit)),
                Err(refused) if !waits => return Err(refused),
                Err(refused) => refused,
            };
            if counted.is_none() {
                counted = count();
            }
            let mut slice = left.map_or(SLICE, |left| SLICE.min(left));
            if let Some(at) = refused.retry_at {
                let opens = Duration::from_nanos(at.saturating_sub(now));
                slice = slice.min(opens.max(SHORTEST));
            }
            drop(self.freed.wait_timeout(waiters, slice));
            if watch().is_break() {
                return Ok(None);
            }
        }
    }
}
