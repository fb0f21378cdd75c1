//! Changes of a live configuration, and the time in which what runs has not yet adapted.

use super::live::Live;
use super::notes::StripeId;
use super::word::LIMITS;
use super::{AdmissionController, gate};
use crate::admission::Admission;
use crate::claims::{self, Claims};
use crate::profile::{RateScope, RateWindow};
use crate::store::{SHARED, Source};
use crate::sync::{MutexGuard, Twin, broken};
use crate::{Account, Outcome, Refusal, Timeline};

/// What the lock protects.
#[derive(Debug)]
pub(super) struct Control {
    /// The configuration as it is now.
    account: Account,
    claims: Claims,
    /// Whether a change is being absorbed: the guard is on.
    guarded: bool,
    /// Functions that have not absorbed it yet.
    unsettled: Vec<u32>,
}

/// What a word of the atomic counters cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// A limit of 2^24 or more.
    #[error("a concurrency limit of {value} is too large for atomic counters: at most {most}", most = LIMITS - 1)]
    Limit {
        /// The limit.
        value: u32,
    },
    /// A window of request rates other than whole seconds.
    #[error(
        "atomic counters count requests in tumbling windows only, not {}",
        match window {
            RateWindow::Tumbling => "tumbling",
            RateWindow::Sliding => "sliding",
            RateWindow::Bucket { .. } => "by bucket",
        }
    )]
    RateWindow {
        /// What the profile says.
        window: RateWindow,
    },
    /// More requests in a window than the word can count.
    #[error(
        "{value} requests in a window are too many for atomic counters: fewer than {most}",
        most = gate::RATE_LIMITS
    )]
    RateLimit {
        /// Requests in a window at this limit of the account.
        value: u64,
    },
    /// Windows too short for all times to have a number.
    #[error("windows of {length} ns are too short for atomic counters: at least {least} ns", least = gate::SHORTEST)]
    ShortWindow {
        /// Nanoseconds.
        length: u64,
    },
}

/// Why the configuration was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// AWS would refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The counters cannot hold it.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

/// Whether the words can hold an account of some limit.
pub(super) fn check(account: &Account, limit: u32) -> Result<(), Unsupported> {
    if limit >= LIMITS {
        return Err(Unsupported::Limit { value: limit });
    }
    let rates = account.profile().rates;
    if rates.scope == RateScope::Off {
        return Ok(());
    }
    if rates.window != RateWindow::Tumbling {
        return Err(Unsupported::RateWindow { window: rates.window });
    }
    if rates.second < gate::SHORTEST {
        return Err(Unsupported::ShortWindow { length: rates.second });
    }
    let most = u64::from(rates.per_unit) * u64::from(limit);
    if most >= gate::RATE_LIMITS {
        return Err(Unsupported::RateLimit { value: most });
    }
    Ok(())
}

impl Control {
    pub(super) fn new(account: Account, claims: Claims) -> Self {
        Self { account, claims, guarded: false, unsettled: Vec::new() }
    }

    /// The rule, with the lock.
    fn admission<'a>(
        controller: &'a AdmissionController,
        claims: &'a mut Claims,
        stripe: StripeId,
    ) -> Admission<'a, Live<'a, true>> {
        let mut admission = controller.live::<true>(stripe);
        admission.store.claims = Some(claims);
        admission
    }
}

impl AdmissionController {
    fn lock(&self) -> MutexGuard<'_, Control> {
        // Nothing panics with the lock but a bug; what it protects is whole between calls.
        self.control.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Decides with the lock, because a change is being absorbed; `None`: it no longer is.
    #[cold]
    pub(super) fn attempt_in_turn(
        &self,
        stripe: StripeId,
        version: usize,
        now: u64,
        waits: bool,
    ) -> Option<(Outcome, Source)> {
        let mut control = self.lock();
        if !control.guarded {
            return None;
        }
        self.settle(&mut control);
        let claims = &mut control.claims;
        let profile = self.while_waiting(waits);
        let mut admission = Admission { profile, ..Control::admission(self, claims, stripe) };
        let verdict =
            admission.attempt::<true>(version, now).expect("with the lock all may be decided");
        self.unguard_if_settled(&mut control);
        Some(verdict)
    }

    /// A permit was given back while a change is being absorbed.
    #[cold]
    pub(super) fn absorb(&self) {
        let mut control = self.lock();
        if control.guarded {
            self.settle(&mut control);
            self.unguard_if_settled(&mut control);
        }
    }

    /// Counts what runs, and computes anew what unsettled functions claim: permits were given
    /// back without the lock.
    fn settle(&self, control: &mut Control) {
        let running = self.shared.pools().map(|pool| pool.look::<true>().count()).sum();
        control.claims.totals.running = running;
        let mut store =
            Control::admission(self, &mut control.claims, self.shared.stripes.common_one(0)).store;
        for &function in &control.unsettled {
            claims::settle(&mut store, self.profile, function);
        }
        control.unsettled.retain(|&function| control.claims.functions[function as usize].unsettled);
    }

    /// Lets calls decide without the lock again, where the pools are all that can bind.
    fn unguard_if_settled(&self, control: &mut Control) {
        let totals = control.claims.totals;
        let shared = self.shared.own(SHARED).look::<true>();
        let covered =
            !totals.has_hard_cap() || totals.is_covered() && shared.count() <= shared.limit();
        if control.unsettled.is_empty() && covered {
            control.guarded = false;
            for pool in self.shared.pools() {
                pool.unguard();
            }
        }
    }

    /// Lets a change take effect: from the return on no call decides by what was before.
    pub(super) fn change_with(
        &self,
        judge: impl FnOnce(&Account) -> Result<(Account, Timeline), Refusal>,
    ) -> Result<(), ChangeError> {
        let mut control = self.lock();
        let (account, timeline) = judge(&control.account)?;
        check(&account, account.concurrency_limit())?;
        if !control.guarded && !broken(Twin::LimitsUnguarded) {
            for pool in self.shared.pools() {
                pool.guard();
            }
        }
        control.guarded = true;
        control.account = account;
        // Looks at every pool: from here on all is seen that was done before the guard.
        self.settle(&mut control);
        let now = self.now_if_it_matters();
        let mut store =
            Control::admission(self, &mut control.claims, self.shared.stripes.common_one(0)).store;
        for &(_, change) in timeline.changes() {
            claims::apply(&mut store, self.profile, change, now);
        }
        let functions = &control.claims.functions;
        control.unsettled =
            (0..functions.len() as u32).filter(|&f| functions[f as usize].unsettled).collect();
        if broken(Twin::LimitsUnguarded) {
            control.guarded = false;
        } else {
            self.unguard_if_settled(&mut control);
        }
        Ok(())
    }
}
