//! Atomic counters under a simulation: what the live controller runs on, by one thread.

use super::Unsupported;
use super::absorb;
use super::live::{Live, Shared};
use crate::claims::Claims;
use crate::{Account, Change, Timeline};

/// Atomic counters of an account: a simulation on those of the live controller.
#[derive(Debug)]
pub struct AtomicCounters {
    pub(super) shared: Shared,
    pub(super) claims: Claims,
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
        Self { shared: Shared::new(account, stripes), claims: Claims::new(account) }
    }

    #[inline]
    pub(crate) fn borrow(&mut self) -> Live<'_, true> {
        let Self { shared, claims } = self;
        Live { shared, stripe: &shared.stripes[0], claims: Some(claims), met_guard: false }
    }
}
