//! Atomic counters under a simulation: what the live controller runs on, by one thread.

use super::Unsupported;
use super::absorb;
use super::live::{Live, Shared};
use super::notes::StripeId;
use crate::claims::Claims;
use crate::{Account, Change, Timeline};

/// Atomic counters of an account: a simulation on those of the live controller.
#[derive(Debug)]
pub struct AtomicCounters {
    pub(super) shared: Shared,
    pub(super) claims: Claims,
    pub(super) stripe: StripeId,
}

impl AtomicCounters {
    /// Whether the words can hold an account and the changes of a run.
    pub(crate) fn check(account: &Account, timeline: &Timeline) -> Result<(), Unsupported> {
        absorb::check(account, account.concurrency_limit())?;
        for &(_, change) in timeline.changes() {
            if let Change::Limit(limit) = change {
                absorb::check(account, limit)?;
            }
        }
        Ok(())
    }

    /// Nothing is configured yet.
    pub(crate) fn new(account: &Account, stripes: usize) -> Self {
        let shared = Shared::new(account, stripes);
        let stripe = shared.stripes.claim().expect("nobody else has one yet");
        Self { shared, claims: Claims::new(account), stripe }
    }

    #[inline]
    pub(crate) fn borrow(&mut self) -> Live<'_, true> {
        let Self { shared, claims, stripe } = self;
        let stripe = shared.stripes.writer(*stripe);
        Live { shared, stripe, claims: Some(claims), met_guard: false }
    }
}
