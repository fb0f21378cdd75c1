//! Changes of configuration in a run, and what a function claims of the account while they
//! are being absorbed (rules 1.9 to 1.13, 3.16 to 3.18).
//!
//! The shared pool holds the account's limit less what functions claim of it. A function with
//! a reservation claims it all, used or not, or what it runs, if that is more for a while; one
//! without claims what it has provisioned. Whoever changes sides keeps running: its permits go
//! back to the pool that they came from, and the claim takes over as they do.

use crate::admission::{Admission, SHARED};
use crate::profile::RateScope;
use crate::{Change, Outcome};

impl Admission<'_> {
    /// Lets a change take effect. Nothing that runs is stopped.
    pub(crate) fn apply(&mut self, change: Change, now: u64) {
        let rates = self.profile.rates;
        match change {
            Change::Limit(limit) => {
                self.totals.limit = limit;
                self.resize_shared();
            }
            Change::Reserved { function, reserved } => {
                let index = function as usize;
                self.functions[index].reserved = reserved;
                let (pool, when_full) = match reserved {
                    None => (SHARED, Outcome::UnreservedConcurrency),
                    Some(0) => (function + 1, Outcome::ReservedZero),
                    Some(_) => (function + 1, Outcome::ReservedConcurrency),
                };
                for version in self.functions[index].versions.clone() {
                    let version = &mut self.versions[version as usize];
                    (version.pool, version.when_full) = (pool, when_full);
                }
                let limit = reserved.and_then(|reserved| rates.limit(reserved.into()));
                self.rates[1 + index].set_limit(rates, limit, now);
                self.settle(function);
            }
            Change::Provisioned { version: index, requested, available } => {
                let gate = 1 + self.functions.len() + index as usize;
                let version = &mut self.versions[index as usize];
                version.requested = requested;
                version.provisioned.set_limit(available);
                let limit = rates.limit(available.into()).filter(|_| available > 0);
                self.rates[gate].set_limit(rates, limit, now);
                let function = version.function;
                let known = &mut self.functions[function as usize].provisioned;
                if !known.contains(&index) {
                    known.push(index);
                }
                self.settle(function);
            }
            Change::Alias { .. } => {}
        }
        let account_rate = match rates.scope {
            RateScope::Off => None,
            RateScope::Documented => rates.limit(self.totals.limit.into()),
            RateScope::Partitioned => rates.limit(self.unreserved()),
        };
        self.rates[0].set_limit(rates, account_rate, now);
    }

    /// What is configured to be left to the functions without a claim of their own.
    fn unreserved(&self) -> u64 {
        u64::from(self.totals.limit).saturating_sub(self.totals.configured)
    }

    /// Computes a function's claim anew, after a change and with every permit of a function
    /// that has not absorbed one yet.
    pub(crate) fn settle(&mut self, function: u32) {
        let reserved_pool = self.pools[function as usize + 1].in_use();
        let keep_overhang = self.profile.keep_overhang;
        let of_function = &self.functions[function as usize];
        let (mut requested, mut provisioned) = (0_u64, 0_u64);
        let (mut running, mut overhang) = (0_u64, 0_u64);
        for &version in &of_function.provisioned {
            let version = &self.versions[version as usize];
            let (available, in_use) = (version.provisioned.limit(), version.provisioned.in_use());
            let by_allocation = self.profile.provisioning.claim_allocated;
            requested += u64::from(version.requested);
            provisioned += u64::from(if by_allocation { available } else { version.requested });
            running += u64::from(in_use);
            overhang += u64::from(in_use.saturating_sub(available));
        }
        let on_shared = of_function.on_shared;
        running += u64::from(reserved_pool) + u64::from(on_shared);
        let (claim, reserved_room, settled) = if let Some(reserved) = of_function.reserved {
            let reserved = u64::from(reserved);
            let whole = if keep_overhang { reserved.max(running) } else { reserved };
            // What still runs on the shared pool counts against the reservation as well.
            let room = reserved.saturating_sub(provisioned).saturating_sub(on_shared.into());
            let claim = whole.cast_signed() - i64::from(on_shared);
            // Until what runs beside the provisioned environments fits, these may add to it.
            (claim, room, u64::from(reserved_pool) <= room && on_shared == 0)
        } else {
            let whole = provisioned + if keep_overhang { overhang } else { 0 };
            (whole.cast_signed() + i64::from(reserved_pool), 0, reserved_pool == 0)
        };
        let configured = of_function.reserved.map_or(requested, u64::from);
        let function_state = &mut self.functions[function as usize];
        self.totals.configured = self.totals.configured + configured - function_state.configured;
        function_state.configured = configured;
        self.totals.claimed += claim - function_state.claim;
        function_state.claim = claim;
        function_state.unsettled = !settled || overhang > 0;
        self.pools[function as usize + 1].set_limit(reserved_room as u32);
        self.resize_shared();
    }

    fn resize_shared(&mut self) {
        let room = i64::from(self.totals.limit) - self.totals.claimed;
        self.pools[SHARED as usize].set_limit(u32::try_from(room.max(0)).unwrap_or(u32::MAX));
    }
}
