//! Changes of configuration in a run, and what a function claims of the account while they
//! are being absorbed (rules 1.9 to 1.13, 3.16 to 3.18).
//!
//! The shared pool holds the account's limit less what functions claim of it. A function with
//! a reservation claims it all, used or not, or what it runs, if that is more for a while; one
//! without claims what it has provisioned. Whoever changes sides keeps running: its permits go
//! back to the pool that they came from, and the claim takes over as they do.

use crate::profile::RateScope;
use crate::store::{Ledger, PoolId, Route, SHARED};
use crate::{Account, Change, Outcome, Profile};

/// What a function holds and claims.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) versions: std::ops::Range<u32>,
    reserved: Option<u32>,
    /// Those of its versions that had provisioned concurrency at some time, and how many were
    /// requested of each: so many are claimed.
    provisioned: Vec<(u32, u32)>,
    /// What it takes out of the shared pool beyond the permits it holds there.
    claim: i64,
    /// What it is configured to claim: its reservation, or else what it has provisioned.
    configured: u64,
    /// After a change in mid-run: the claim moves with every permit.
    pub(crate) unsettled: bool,
}

/// What is counted of the account as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// The account's limit.
    limit: u32,
    /// All that run.
    pub(crate) running: u32,
    /// Functions that have a change to absorb.
    pub(crate) unsettled: u32,
    /// Whether anything is provisioned, or was.
    pub(crate) has_provisioned: bool,
    /// Whether, after a change in mid-run, no more may run in all than the limit.
    hard_cap: bool,
    /// The sum of the functions' claims on the shared pool.
    claimed: i64,
    /// The sum of what they are configured to claim.
    configured: u64,
}

impl Totals {
    /// Whether no more is claimed than there is.
    pub(crate) fn is_covered(self) -> bool {
        self.claimed <= i64::from(self.limit)
    }

    pub(crate) fn has_hard_cap(self) -> bool {
        self.hard_cap
    }

    /// Whether as many run as the account may run in all (A3b).
    #[inline]
    pub(crate) fn is_capped(self) -> bool {
        self.hard_cap && self.running >= self.limit
    }
}

/// What all functions claim, and the account's totals.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    pub(crate) functions: Vec<Function>,
    pub(crate) totals: Totals,
}

impl Claims {
    /// An account before anything is configured.
    pub(crate) fn new(account: &Account) -> Self {
        let functions = functions(account);
        let hard_cap = account.profile().hard_account_cap;
        Self { functions, totals: Totals { hard_cap, ..Totals::default() } }
    }
}

fn functions(account: &Account) -> Vec<Function> {
    let function = |index| Function {
        versions: account.versions_of(index),
        reserved: None,
        provisioned: Vec::new(),
        claim: 0,
        configured: 0,
        unsettled: false,
    };
    (0..account.functions().len()).map(function).collect()
}

/// Lets what an account declares take effect, as if by calls before time zero.
pub(crate) fn declare(ledger: &mut impl Ledger, account: &Account) {
    let profile = account.profile();
    apply(ledger, profile, Change::Limit(account.concurrency_limit()), 0);
    for (declared, function) in account.functions().iter().zip(0..) {
        let reserved = declared.reserved_concurrency;
        if reserved.is_some() {
            apply(ledger, profile, Change::Reserved { function, reserved }, 0);
        }
    }
    for (version, requested) in account.provisioned() {
        let available = requested;
        apply(ledger, profile, Change::Provisioned { version, requested, available }, 0);
    }
}

/// Lets a change take effect. Nothing that runs is stopped.
pub(crate) fn apply(ledger: &mut impl Ledger, profile: Profile, change: Change, now: u64) {
    let rates = profile.rates;
    match change {
        Change::Limit(limit) => {
            ledger.totals().limit = limit;
            resize_shared(ledger);
        }
        Change::Reserved { function, reserved } => {
            ledger.function(function).reserved = reserved;
            let (pool, when_full) = match reserved {
                None => (SHARED, Outcome::UnreservedConcurrency),
                Some(0) => (function + 1, Outcome::ReservedZero),
                Some(_) => (function + 1, Outcome::ReservedConcurrency),
            };
            ledger.set_route(Route { function, pool, when_full });
            let limit = reserved.and_then(|reserved| rates.limit(reserved.into()));
            ledger.set_rate(1 + function as usize, rates, limit, now);
            settle(ledger, profile, function);
        }
        Change::Provisioned { version, requested, available } => {
            ledger.totals().has_provisioned = true;
            let gate = 1 + ledger.functions() + version as usize;
            ledger.set_limit(PoolId::Provisioned(version), available);
            let limit = rates.limit(available.into()).filter(|_| available > 0);
            ledger.set_rate(gate, rates, limit, now);
            let function = ledger.function_of(version as usize);
            let known = &mut ledger.function(function).provisioned;
            match known.iter_mut().find(|(known, _)| *known == version) {
                Some(known) => known.1 = requested,
                None => known.push((version, requested)),
            }
            settle(ledger, profile, function);
        }
        Change::Alias { .. } => {}
    }
    let account_rate = match rates.scope {
        RateScope::Off => None,
        RateScope::Documented => rates.limit(ledger.totals().limit.into()),
        RateScope::Partitioned => rates.limit(ledger.totals().unreserved()),
    };
    ledger.set_rate(0, rates, account_rate, now);
}

impl Totals {
    /// What is configured to be left to the functions without a claim of their own.
    fn unreserved(&self) -> u64 {
        u64::from(self.limit).saturating_sub(self.configured)
    }
}

/// Computes a function's claim anew, after a change and with every permit of a function that
/// has not absorbed one yet.
pub(crate) fn settle(ledger: &mut impl Ledger, profile: Profile, function: u32) {
    let own = PoolId::Own(function + 1);
    let (_, on_reserved) = ledger.level(own);
    // What is claimed goes by what it certainly holds there, what it may still have by the most.
    let (held, on_shared) = ledger.on_shared(function);
    let (mut requested, mut provisioned) = (0_u64, 0_u64);
    let (mut running, mut overhang) = (0_u64, 0_u64);
    for index in 0..ledger.function(function).provisioned.len() {
        let (version, of_version) = ledger.function(function).provisioned[index];
        let (available, in_use) = ledger.level(PoolId::Provisioned(version));
        let by_allocation = profile.provisioning.claim_allocated;
        requested += u64::from(of_version);
        provisioned += u64::from(if by_allocation { available } else { of_version });
        running += u64::from(in_use);
        overhang += u64::from(in_use.saturating_sub(available));
    }
    running += u64::from(on_reserved) + u64::from(on_shared);
    let state = ledger.function(function);
    let (claim, reserved_room, settled) = if let Some(reserved) = state.reserved {
        let reserved = u64::from(reserved);
        let whole = if profile.keep_overhang { reserved.max(running) } else { reserved };
        // What still runs on the shared pool counts against the reservation as well.
        let room = reserved.saturating_sub(provisioned).saturating_sub(on_shared.into());
        let claim = whole.cast_signed() - i64::from(held);
        // Until what runs beside the provisioned environments fits, these may add to it.
        (claim, room, u64::from(on_reserved) <= room && on_shared == 0)
    } else {
        let whole = provisioned + if profile.keep_overhang { overhang } else { 0 };
        (whole.cast_signed() + i64::from(on_reserved), 0, on_reserved == 0)
    };
    let configured = state.reserved.map_or(requested, u64::from);
    let (claim_before, configured_before) = (state.claim, state.configured);
    (state.claim, state.configured) = (claim, configured);
    let unsettled = !settled || overhang > 0;
    let unsettled_before = std::mem::replace(&mut state.unsettled, unsettled);
    let totals = ledger.totals();
    totals.unsettled = totals.unsettled + u32::from(unsettled) - u32::from(unsettled_before);
    totals.configured = totals.configured + configured - configured_before;
    totals.claimed += claim - claim_before;
    ledger.set_limit(own, reserved_room as u32);
    resize_shared(ledger);
}

fn resize_shared(ledger: &mut impl Ledger) {
    let totals = ledger.totals();
    let room = i64::from(totals.limit) - totals.claimed;
    let limit = u32::try_from(room.max(0)).unwrap_or(u32::MAX);
    ledger.set_limit(PoolId::Own(SHARED), limit);
}
