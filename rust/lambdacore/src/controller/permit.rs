//! What a caller holds: a permit, or the reason why not; and the handles it asks through.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::AdmissionController;
use super::notes::StripeId;
use crate::Outcome;
use crate::admission::{Permit as Held, refusing_gate};
use crate::store::Source;

/// A thread's way in. What is noted beside a decision is noted apart from other threads, which
/// makes it cheaper; the decisions are the same.
///
/// A handle may move to another thread, but only one uses it at a time.
#[derive(Debug)]
pub struct Handle<'c> {
    controller: &'c AdmissionController,
    stripe: StripeId,
    /// Not `Sync`: the stripe is written to without read-modify-writes.
    alone: PhantomData<Cell<()>>,
}

/// A permit to run. Dropping it gives it back, by any thread and in a panic as well.
#[derive(Debug)]
#[must_use = "a permit that is dropped is given back at once"]
pub struct Permit<'c> {
    controller: &'c AdmissionController,
    stripe: StripeId,
    held: Held,
}

/// A [`Permit`] that keeps its controller alive and so may go anywhere.
#[derive(Debug)]
#[must_use = "a permit that is dropped is given back at once"]
pub struct OwnedPermit {
    controller: Arc<AdmissionController>,
    stripe: StripeId,
    held: Held,
}

/// Notes of their own, as a [`Handle`] has them, for callers of which one calls at a time: those
/// who hold an interpreter's lock.
#[derive(Debug)]
pub struct Lane(StripeId);

/// A permit as a plain number, for bindings whose own objects see to it that it is given back,
/// once, by [`AdmissionController::give_back`].
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    stripe: StripeId,
    held: Held,
}

/// A refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// For which cause.
    pub outcome: Outcome,
    /// Where a request rate is the cause: the earliest time ([`AdmissionController::now`]) at
    /// which it lets requests pass again. `None` where nothing but the end of a run or a change
    /// of configuration helps.
    pub retry_at: Option<u64>,
}

fn outcome_of(held: Held) -> Outcome {
    match held.source() {
        Source::Provisioned => Outcome::Provisioned,
        Source::Shared | Source::Reserved => Outcome::Warm,
    }
}

impl Permit<'_> {
    /// How it was admitted: [`Outcome::Provisioned`], or else [`Outcome::Warm`].
    pub fn outcome(&self) -> Outcome {
        outcome_of(self.held)
    }

    /// Gives the permit back, as dropping it does.
    pub fn release(self) {}

    /// Makes a plain number of it; then nothing gives it back by itself.
    #[inline]
    pub fn detach(self) -> Ticket {
        let permit = std::mem::ManuallyDrop::new(self);
        Ticket { stripe: permit.stripe, held: permit.held }
    }
}

impl Ticket {
    /// How it was admitted: [`Outcome::Provisioned`], or else [`Outcome::Warm`].
    pub fn outcome(self) -> Outcome {
        outcome_of(self.held)
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.controller.release(self.stripe, self.held);
    }
}

impl OwnedPermit {
    /// How it was admitted: [`Outcome::Provisioned`], or else [`Outcome::Warm`].
    pub fn outcome(&self) -> Outcome {
        outcome_of(self.held)
    }

    /// Whether it is a permit of that controller.
    pub fn is_of(&self, controller: &AdmissionController) -> bool {
        std::ptr::eq(&raw const *self.controller, controller)
    }

    /// Gives the permit back, as dropping it does.
    pub fn release(self) {}
}

impl Drop for OwnedPermit {
    #[inline]
    fn drop(&mut self) {
        self.controller.release(self.stripe, self.held);
    }
}

impl<'c> Handle<'c> {
    pub(super) fn controller(&self) -> &'c AdmissionController {
        self.controller
    }

    pub(super) fn stripe(&self) -> StripeId {
        self.stripe
    }

    /// See [`AdmissionController::try_acquire`].
    ///
    /// # Errors
    ///
    /// [`Throttle`], with its cause.
    ///
    /// # Panics
    ///
    /// Where the number is no target of the account.
    #[inline]
    pub fn try_acquire(&self, target: u32) -> Result<Permit<'c>, Throttle> {
        self.try_acquire_at(target, self.controller.now_if_it_matters())
    }

    /// See [`AdmissionController::try_acquire_at`].
    ///
    /// # Errors
    ///
    /// [`Throttle`], with its cause.
    ///
    /// # Panics
    ///
    /// Where the number is no target of the account.
    #[inline]
    pub fn try_acquire_at(&self, target: u32, now: u64) -> Result<Permit<'c>, Throttle> {
        self.controller.try_acquire_by(self.stripe, target, now, false)
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        self.controller.shared.stripes.give_up(self.stripe);
    }
}

impl AdmissionController {
    /// A handle for a thread. So many have notes of their own as twice as many threads as can
    /// run at once; further ones note where all others do.
    pub fn handle(&self) -> Handle<'_> {
        let stripe = self.shared.stripes.claim().unwrap_or_else(|| self.common_stripe());
        Handle { controller: self, stripe, alone: PhantomData }
    }

    /// A lane for as long as the controller lives. Calls on it must not overlap: else totals go
    /// wrong, and what functions claim while a change is absorbed.
    pub fn lane(&self) -> Lane {
        Lane(self.shared.stripes.claim().unwrap_or_else(|| self.common_stripe()))
    }

    /// Does as [`try_acquire_at`](Self::try_acquire_at), on a lane. A caller that `waits` if it
    /// is refused goes on with [`acquire_watched`](Self::acquire_watched), and the refusal is not
    /// counted.
    ///
    /// # Errors
    ///
    /// [`Throttle`], with its cause.
    ///
    /// # Panics
    ///
    /// Where the number is no target of the account.
    #[inline]
    pub fn try_acquire_on(
        &self,
        lane: &Lane,
        target: u32,
        now: u64,
        waits: bool,
    ) -> Result<Permit<'_>, Throttle> {
        self.try_acquire_by(lane.0, target, now, waits)
    }

    /// Where a thread without a handle notes.
    #[inline]
    pub(super) fn common_stripe(&self) -> StripeId {
        self.shared.stripes.common_one(thread_number())
    }

    #[inline]
    pub(super) fn try_acquire_by(
        &self,
        stripe: StripeId,
        target: u32,
        now: u64,
        waits: bool,
    ) -> Result<Permit<'_>, Throttle> {
        let held = self.try_take(stripe, target, now, waits)?;
        Ok(Permit { controller: self, stripe, held })
    }

    /// Admits an invocation of a target of the account, or says why not; never waits for
    /// others, unless a change is being absorbed. A refusal rests on a limit that really was
    /// reached at some instant of the call.
    ///
    /// # Errors
    ///
    /// [`Throttle`], with its cause.
    ///
    /// # Panics
    ///
    /// Where the number is no target of the account.
    #[inline]
    pub fn try_acquire(&self, target: u32) -> Result<Permit<'_>, Throttle> {
        self.try_acquire_at(target, self.now_if_it_matters())
    }

    /// Does so at a time of the caller's clock, in nanoseconds below 2^63, for request rates.
    /// All calls should then go by that clock.
    ///
    /// # Errors
    ///
    /// [`Throttle`], with its cause.
    ///
    /// # Panics
    ///
    /// Where the number is no target of the account.
    #[inline]
    pub fn try_acquire_at(&self, target: u32, now: u64) -> Result<Permit<'_>, Throttle> {
        self.try_acquire_by(self.common_stripe(), target, now, false)
    }

    /// Does as [`try_acquire`](Self::try_acquire), for a permit that goes anywhere.
    ///
    /// # Errors
    ///
    /// [`Throttle`], with its cause.
    ///
    /// # Panics
    ///
    /// Where the number is no target of the account.
    #[inline]
    pub fn try_acquire_owned(self: &Arc<Self>, target: u32) -> Result<OwnedPermit, Throttle> {
        self.try_acquire_owned_at(target, self.now_if_it_matters())
    }

    /// Does as [`try_acquire_at`](Self::try_acquire_at), for a permit that goes anywhere.
    ///
    /// # Errors
    ///
    /// [`Throttle`], with its cause.
    ///
    /// # Panics
    ///
    /// Where the number is no target of the account.
    #[inline]
    pub fn try_acquire_owned_at(
        self: &Arc<Self>,
        target: u32,
        now: u64,
    ) -> Result<OwnedPermit, Throttle> {
        let stripe = self.common_stripe();
        let held = self.try_take(stripe, target, now, false)?;
        Ok(OwnedPermit { controller: Arc::clone(self), stripe, held })
    }

    /// Gives back what [`Permit::detach`] took apart. It must be of this controller, and come
    /// back once; else counts go wrong, or below zero.
    ///
    /// # Panics
    ///
    /// In a debug build, where a count goes below zero.
    #[inline]
    pub fn give_back(&self, ticket: Ticket) {
        self.release(ticket.stripe, ticket.held);
    }

    #[inline]
    fn try_take(
        &self,
        stripe: StripeId,
        target: u32,
        now: u64,
        waits: bool,
    ) -> Result<Held, Throttle> {
        let version = self.version_of[target as usize] as usize;
        let (outcome, source) = self.attempt(stripe, version, now, waits);
        if outcome.is_throttled() {
            return Err(Throttle { outcome, retry_at: self.opens_at(version, outcome, now) });
        }
        Ok(Held::new::<true>(version, source))
    }

    /// When the gate that refused opens again, if a gate did.
    fn opens_at(&self, version: usize, refused: Outcome, now: u64) -> Option<u64> {
        let gate =
            refusing_gate(&self.live::<false>(self.common_stripe()).store, version, refused)?;
        self.shared.gates[gate].opens_at(self.profile.rates, now)
    }
}

/// A number for each thread, the first time that it asks.
#[inline]
fn thread_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    thread_local! {
        // Relaxed: any number will do.
        static NUMBER: u32 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // A thread that is being torn down may still give permits back and take others.
    NUMBER.try_with(|number| *number).unwrap_or(0)
}
