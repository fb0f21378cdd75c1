//! Where the counters of the rule stand. The rule ([`Admission`](crate::admission::Admission))
//! is written against [`Store`], so a simulation and the live controller share it.
//!
//! [`Plain`](crate::plain::Plain) counters are words of one thread. Those of
//! [`Live`](crate::controller::live::Live) are atomic: between a look and a change others may
//! have changed them, so whatever a verdict rests on is changed or confirmed only *as it was
//! seen*, and where that fails the rule looks again.

use crate::claims::{Function, Totals};
use crate::plain::Plain;
use crate::{Outcome, Profile, Rates};

/// The shared pool; the reserved pool of function `f` is number `f + 1`.
pub(crate) const SHARED: u32 = 0;

/// What a pool looked like.
#[allow(clippy::inline_always, reason = "asked in every event")]
pub(crate) trait Sight: Copy {
    /// Whether one more permit could be taken.
    fn has_room(self) -> bool;

    /// Whether there is anything to take, free or not.
    fn has_limit(self) -> bool;

    /// Whether a change is being absorbed, so that this store may not decide by itself.
    #[inline(always)]
    fn is_guarded(self) -> bool {
        false
    }
}

/// A version's function, and where its route ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) function: u32,
    /// The shared pool, or the function's reserved one.
    pub(crate) pool: u32,
    /// Why the version is throttled when that pool is full.
    pub(crate) when_full: Outcome,
}

/// From which of the pools on its route an invocation has its permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Shared,
    Reserved,
    Provisioned,
}

/// A number for one of the pools: where a route ends, or the provisioned one of a version.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PoolId {
    Own(u32),
    Provisioned(u32),
}

/// What a decision and the end of a run do to the counters.
///
/// Rate gates are numbered: the account's (or that of the unreserved pool), then the
/// functions', then the versions'.
#[allow(clippy::inline_always, reason = "asked in every event")]
pub(crate) trait Store {
    type Seen: Sight;

    /// Where a version's route ends, and that pool as it is now.
    fn own(&self, version: usize) -> (Route, Self::Seen);

    /// The counters themselves, where they are the plain words of one thread.
    fn plain(&mut self) -> Option<Plain<'_>> {
        None
    }

    /// The version's provisioned environments as they are now.
    fn provisioned(&self, version: usize) -> Self::Seen;

    /// Takes a permit where the route ends, if the pool is still as it was seen.
    fn take_own<const EXTENDED: bool>(&mut self, route: Route, seen: Self::Seen) -> bool;

    /// Takes a provisioned environment, if they are still as they were seen.
    fn take_provisioned(&mut self, version: usize, seen: Self::Seen) -> bool;

    /// Whether the pool at the end of the route is still as it was seen, decided in the one
    /// order of its changes.
    #[inline(always)]
    fn confirm_own(&self, _route: Route, _seen: Self::Seen) -> bool {
        true
    }

    /// The same for provisioned environments.
    #[inline(always)]
    fn confirm_provisioned(&self, _version: usize, _seen: Self::Seen) -> bool {
        true
    }

    /// Gives a permit of a version back to where it came from.
    fn give_back<const EXTENDED: bool>(&mut self, version: usize, from: Source);

    /// The function of a version.
    fn function_of(&self, version: usize) -> u32;

    /// Whether a rate gate lets one more request pass now. Consumes nothing.
    fn is_open(&self, gate: usize, rates: Rates, now: u64) -> bool;

    /// Whether a rate gate that was seen closed is, decided in the one order of its changes.
    #[inline(always)]
    fn confirm_closed(&self, _gate: usize, _rates: Rates, _now: u64) -> bool {
        true
    }

    /// Counts a request; not where `only_open` and the gate has closed since it was looked at.
    fn count(&mut self, gate: usize, rates: Rates, now: u64, only_open: bool) -> bool;

    /// Takes back what [`count`](Self::count) counted, for a request that then failed.
    #[inline(always)]
    fn uncount(&mut self, _gate: usize, _rates: Rates, _now: u64) {}

    /// How many functions there are: the gates of versions come after theirs.
    fn functions(&self) -> usize;

    /// How many environments a version has provisioned.
    fn is_provisioned(&self, version: usize) -> bool;

    /// Whether as many run as the account may run in all (A3b).
    fn is_capped(&self) -> bool;

    /// After a permit of a function moved: if the function has a change to absorb, computes
    /// its claim anew.
    fn moved(&mut self, profile: Profile, function: u32);
}

/// What a change of configuration does beside: the counters are changed by one hand only.
pub(crate) trait Ledger: Store {
    fn totals(&mut self) -> &mut Totals;
    fn function(&mut self, function: u32) -> &mut Function;
    /// Limit of a pool and permits that are out.
    fn level(&self, pool: PoolId) -> (u32, u32);
    fn set_limit(&mut self, pool: PoolId, limit: u32);
    /// Permits of the shared pool that a function certainly holds, and the most that it may
    /// hold: with calls under way the latter may be more.
    fn on_shared(&self, function: u32) -> (u32, u32);
    /// Where the routes of a function's versions end from now on.
    fn set_route(&mut self, route: Route);
    fn set_rate(&mut self, gate: usize, rates: Rates, limit: Option<u64>, now: u64);
}
