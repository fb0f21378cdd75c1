//! Counters that threads share, and the rule's view of them.

use super::gate::AtomicGate;
use super::word::{AtomicPool, Seen};
use crate::claims::{self, Claims, Function, Totals};
use crate::store::{Ledger, PoolId, Route, SHARED, Source, Store};
use crate::sync::{AtomicU32, Ordering, Twin, broken, fail_point, statistic};
use crate::{Account, Outcome, Profile, Rates};

/// The counters of an account as atomic words.
#[derive(Debug)]
pub(super) struct Shared {
    /// The shared pool, the functions' reserved ones, the versions' provisioned ones.
    pub(super) pools: Box<[AtomicPool]>,
    pub(super) gates: Box<[AtomicGate]>,
    /// Where the routes of each function end.
    routes: Box<[AtomicU32]>,
    function_of: Box<[u32]>,
    pub(super) stripes: Box<[Stripe]>,
}

/// What one thread, or a few, note of each function, apart from what others note.
#[derive(Debug)]
pub(super) struct Stripe(Box<[Line]>);

const NOTES_A_LINE: usize = 4;

#[derive(Debug, Default)]
#[repr(align(128))]
struct Line([Notes; NOTES_A_LINE]);

/// Notes of one function in one stripe.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) admitted: statistic::AtomicU64,
    pub(super) throttled: statistic::AtomicU64,
    /// Permits of the shared pool that its holders took here, and those they reach for.
    on_shared: AtomicU32,
}

impl Stripe {
    fn new(functions: usize) -> Self {
        let lines = functions.div_ceil(NOTES_A_LINE);
        Self(std::iter::repeat_with(Line::default).take(lines).collect())
    }

    #[inline]
    pub(super) fn of(&self, function: u32) -> &Notes {
        let function = function as usize;
        &self.0[function / NOTES_A_LINE].0[function % NOTES_A_LINE]
    }
}

impl Notes {
    #[inline]
    pub(super) fn note(&self, verdict: Outcome) {
        let total = if verdict.is_throttled() { &self.throttled } else { &self.admitted };
        // Relaxed: a total, on whose strength nothing else is read.
        total.fetch_add(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(super) fn new(account: &Account, stripes: usize) -> Self {
        let functions = account.functions().len();
        let versions = account.versions() as usize;
        let pools = 1 + functions + versions;
        Self {
            pools: std::iter::repeat_with(AtomicPool::new).take(pools).collect(),
            gates: std::iter::repeat_with(AtomicGate::new).take(pools).collect(),
            routes: std::iter::repeat_with(|| AtomicU32::new(UNRESERVED)).take(functions).collect(),
            function_of: (0..account.versions()).map(|v| account.function_of(v)).collect(),
            stripes: std::iter::repeat_with(|| Stripe::new(functions)).take(stripes).collect(),
        }
    }

    pub(super) fn functions(&self) -> usize {
        self.routes.len()
    }

    #[inline]
    pub(super) fn function_of(&self, version: usize) -> u32 {
        self.function_of[version]
    }

    pub(super) fn is_reserved(&self, function: u32) -> bool {
        self.routes[function as usize].load(Ordering::Acquire) != UNRESERVED
    }

    #[inline]
    pub(super) fn provisioned(&self, version: usize) -> &AtomicPool {
        &self.pools[1 + self.functions() + version]
    }
}

/// Codes of a route.
const UNRESERVED: u32 = 0;
const RESERVED: u32 = 1;
const RESERVED_ZERO: u32 = 2;

/// The rule's view of shared counters: from any thread, or with the controller's lock.
///
/// Without the lock every change is made to a word as it was seen, and a word with the guard
/// is left alone. With it there are the claims as well.
#[derive(Debug)]
pub struct Live<'a, const LOCKED: bool> {
    pub(super) shared: &'a Shared,
    pub(super) stripe: &'a Stripe,
    pub(super) claims: Option<&'a mut Claims>,
    /// A permit went back to a pool with the guard.
    pub(super) met_guard: bool,
}

impl<const LOCKED: bool> Live<'_, LOCKED> {
    #[inline]
    fn route(&self, function: u32) -> Route {
        // Acquire, with the release in `set_route`: a route is not seen before the guard that
        // was put on for it.
        let code = self.shared.routes[function as usize].load(Ordering::Acquire);
        let (pool, when_full) = match code {
            UNRESERVED => (SHARED, Outcome::UnreservedConcurrency),
            RESERVED => (function + 1, Outcome::ReservedConcurrency),
            _ => (function + 1, Outcome::ReservedZero),
        };
        Route { function, pool, when_full }
    }

    fn pool(&self, pool: PoolId) -> &AtomicPool {
        match pool {
            PoolId::Own(pool) => &self.shared.pools[pool as usize],
            PoolId::Provisioned(version) => self.shared.provisioned(version as usize),
        }
    }

    fn count_running(&mut self, more: bool) {
        if let Some(claims) = &mut self.claims {
            let running = &mut claims.totals.running;
            *running = if more { *running + 1 } else { *running - 1 };
        }
    }
}

#[allow(clippy::inline_always, reason = "as in plain counters")]
impl<const LOCKED: bool> Store for Live<'_, LOCKED> {
    type Seen = Seen<LOCKED>;

    #[inline(always)]
    fn own(&self, version: usize) -> (Route, Seen<LOCKED>) {
        let function = self.shared.function_of[version];
        loop {
            let route = self.route(function);
            let seen = self.shared.pools[route.pool as usize].look();
            // A word without the guard is younger than the change before it, and so is the
            // route that is read after it.
            if LOCKED
                || broken(Twin::RouteReadOnce)
                || self.route(function).when_full == route.when_full
            {
                return (route, seen);
            }
        }
    }

    #[inline(always)]
    fn provisioned(&self, version: usize) -> Seen<LOCKED> {
        self.shared.provisioned(version).look()
    }

    #[inline(always)]
    fn take_own<const EXTENDED: bool>(&mut self, route: Route, seen: Seen<LOCKED>) -> bool {
        // Noted before it is taken, so that a change never finds fewer than there are; the
        // word publishes it (see `AtomicPool::take`).
        let notes =
            (EXTENDED && route.pool == SHARED).then(|| &self.stripe.of(route.function).on_shared);
        let late = broken(Twin::NotedLate);
        if let Some(on_shared) = notes.filter(|_| !late) {
            on_shared.fetch_add(1, Ordering::Relaxed);
        }
        fail_point();
        let taken = self.shared.pools[route.pool as usize].take(seen);
        if let Some(on_shared) = notes.filter(|_| taken == late) {
            on_shared.fetch_add(if late { 1 } else { u32::MAX }, Ordering::Relaxed);
        }
        if EXTENDED && taken {
            self.count_running(true);
        }
        taken
    }

    #[inline(always)]
    fn take_provisioned(&mut self, version: usize, seen: Seen<LOCKED>) -> bool {
        let taken = self.shared.provisioned(version).take(seen);
        if taken {
            self.count_running(true);
        }
        taken
    }

    #[inline(always)]
    fn confirm_own(&self, route: Route, seen: Seen<LOCKED>) -> bool {
        self.shared.pools[route.pool as usize].confirm(seen)
    }

    #[inline(always)]
    fn confirm_provisioned(&self, version: usize, seen: Seen<LOCKED>) -> bool {
        broken(Twin::SpillByLook) || self.shared.provisioned(version).confirm(seen)
    }

    #[inline(always)]
    fn give_back<const EXTENDED: bool>(&mut self, version: usize, from: Source) {
        let function = self.shared.function_of[version];
        if !EXTENDED {
            // Routes never change in the plain case.
            self.shared.pools[self.route(function).pool as usize].give_back();
            return;
        }
        let pool = match from {
            Source::Shared => {
                // Before the permit is free: what is being given back is not held.
                self.stripe.of(function).on_shared.fetch_sub(1, Ordering::Relaxed);
                &self.shared.pools[SHARED as usize]
            }
            Source::Reserved => &self.shared.pools[function as usize + 1],
            Source::Provisioned => self.shared.provisioned(version),
        };
        self.met_guard |= pool.give_back();
        self.count_running(false);
    }

    #[inline(always)]
    fn function_of(&self, version: usize) -> u32 {
        self.shared.function_of[version]
    }

    #[inline(always)]
    fn is_open(&self, gate: usize, rates: Rates, now: u64) -> bool {
        self.shared.gates[gate].is_open(rates, now)
    }

    #[inline(always)]
    fn confirm_closed(&self, gate: usize, rates: Rates, now: u64) -> bool {
        self.shared.gates[gate].confirm_closed(rates, now)
    }

    #[inline(always)]
    fn count(&mut self, gate: usize, rates: Rates, now: u64, only_open: bool) -> bool {
        self.shared.gates[gate].count(rates, now, only_open)
    }

    #[inline(always)]
    fn uncount(&mut self, gate: usize, rates: Rates, now: u64) {
        self.shared.gates[gate].uncount(rates, now);
    }

    #[inline(always)]
    fn functions(&self) -> usize {
        self.shared.functions()
    }

    #[inline(always)]
    fn is_provisioned(&self, version: usize) -> bool {
        self.shared.provisioned(version).look::<true>().limit() > 0
    }

    #[inline(always)]
    fn is_capped(&self) -> bool {
        self.claims.as_ref().is_some_and(|claims| claims.totals.is_capped())
    }

    #[inline(always)]
    fn moved(&mut self, profile: Profile, function: u32) {
        let unsettled = |claims: &Claims| claims.functions[function as usize].unsettled;
        if LOCKED && self.claims.as_deref().is_some_and(unsettled) {
            claims::settle(self, profile, function);
        }
    }
}

/// Only with the lock, where there are claims.
impl<const LOCKED: bool> Live<'_, LOCKED> {
    fn claims(&mut self) -> &mut Claims {
        self.claims.as_deref_mut().expect("the lock is held")
    }
}

/// Only asked with the lock.
impl<const LOCKED: bool> Ledger for Live<'_, LOCKED> {
    fn totals(&mut self) -> &mut Totals {
        &mut self.claims().totals
    }

    fn function(&mut self, function: u32) -> &mut Function {
        &mut self.claims().functions[function as usize]
    }

    fn level(&self, pool: PoolId) -> (u32, u32) {
        let seen = self.pool(pool).look::<true>();
        (seen.limit(), seen.count())
    }

    fn set_limit(&mut self, pool: PoolId, limit: u32) {
        self.pool(pool).set_limit(limit);
    }

    fn on_shared(&self, function: u32) -> u32 {
        let noted = |stripe: &Stripe| stripe.of(function).on_shared.load(Ordering::Relaxed);
        self.shared.stripes.iter().map(noted).sum()
    }

    fn set_route(&mut self, route: Route) {
        let code = match route.when_full {
            Outcome::UnreservedConcurrency => UNRESERVED,
            Outcome::ReservedConcurrency => RESERVED,
            _ => RESERVED_ZERO,
        };
        // Release, with the acquire in `route`.
        self.shared.routes[route.function as usize].store(code, Ordering::Release);
    }

    fn set_rate(&mut self, gate: usize, _: Rates, limit: Option<u64>, _: u64) {
        self.shared.gates[gate].set_limit(limit);
    }
}
