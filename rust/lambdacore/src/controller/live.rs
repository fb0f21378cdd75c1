//! Counters that threads share, and the rule's view of them.

use super::gate::AtomicGate;
use super::notes::{Stripes, Writer};
use super::word::{AtomicPool, LIMITS, Seen};
use crate::claims::{self, Claims, Function, Totals};
use crate::store::{Ledger, PoolId, Route, SHARED, Source, Store};
use crate::sync::{AtomicU32, Ordering, Twin, broken, fail_point};
use crate::{Account, Outcome, Profile, Rates};

/// The counters of an account as atomic words.
#[derive(Debug)]
pub(super) struct Shared {
    unreserved: AtomicPool,
    functions: Box<[FunctionWords]>,
    /// Of each version.
    provisioned: Box<[AtomicPool]>,
    pub(super) gates: Box<[AtomicGate]>,
    function_of: Box<[u32]>,
    pub(super) stripes: Stripes,
}

/// What a function has for itself.
#[derive(Debug)]
struct FunctionWords {
    /// Where the routes of its versions end.
    route: AtomicU32,
    reserved: AtomicPool,
}

impl Shared {
    pub(super) fn new(account: &Account, stripes: usize) -> Self {
        let functions = account.functions().len();
        let versions = account.versions() as usize;
        let words =
            || FunctionWords { route: AtomicU32::new(UNRESERVED), reserved: AtomicPool::new() };
        let gates = 1 + functions + versions;
        Self {
            unreserved: AtomicPool::new(),
            functions: std::iter::repeat_with(words).take(functions).collect(),
            provisioned: std::iter::repeat_with(AtomicPool::new).take(versions).collect(),
            gates: std::iter::repeat_with(AtomicGate::new).take(gates).collect(),
            function_of: (0..account.versions()).map(|v| account.function_of(v)).collect(),
            stripes: Stripes::new(functions, stripes),
        }
    }

    #[inline]
    pub(super) fn function_of(&self, version: usize) -> u32 {
        self.function_of[version]
    }

    pub(super) fn is_reserved(&self, function: u32) -> bool {
        // Relaxed: for a snapshot, which is of no one instant.
        self.functions[function as usize].route.load(Ordering::Relaxed) != UNRESERVED
    }

    pub(super) fn functions(&self) -> usize {
        self.functions.len()
    }

    /// All pools.
    pub(super) fn pools(&self) -> impl Iterator<Item = &AtomicPool> {
        let reserved = self.functions.iter().map(|words| &words.reserved);
        std::iter::once(&self.unreserved).chain(reserved).chain(&self.provisioned)
    }

    /// The pool at the end of a route.
    #[inline]
    pub(super) fn own(&self, pool: u32) -> &AtomicPool {
        match pool.checked_sub(1) {
            None => &self.unreserved,
            Some(function) => &self.functions[function as usize].reserved,
        }
    }

    #[inline]
    pub(super) fn provisioned(&self, version: usize) -> &AtomicPool {
        &self.provisioned[version]
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
    pub(super) stripe: Writer<'a>,
    pub(super) claims: Option<&'a mut Claims>,
    /// A permit went back to a pool with the guard.
    pub(super) met_guard: bool,
}

fn route(function: u32, code: u32) -> Route {
    let (pool, when_full) = match code {
        UNRESERVED => (SHARED, Outcome::UnreservedConcurrency),
        RESERVED => (function + 1, Outcome::ReservedConcurrency),
        _ => (function + 1, Outcome::ReservedZero),
    };
    Route { function, pool, when_full }
}

impl<const LOCKED: bool> Live<'_, LOCKED> {
    fn pool(&self, pool: PoolId) -> &AtomicPool {
        match pool {
            PoolId::Own(pool) => self.shared.own(pool),
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
        let words = &self.shared.functions[function as usize];
        // Relaxed: only says where to look.
        let mut code = words.route.load(Ordering::Relaxed);
        loop {
            let pool = if code == UNRESERVED { &self.shared.unreserved } else { &words.reserved };
            let seen = pool.look();
            if LOCKED || broken(Twin::RouteReadOnce) {
                return (route(function, code), seen);
            }
            // A word without the guard is younger than the change before it, and so is the
            // route that is read after it (see `AtomicPool::look`). Relaxed: it is not one of a
            // later change either, or the word fails to be as it was seen (see there).
            let again = words.route.load(Ordering::Relaxed);
            if code == again {
                return (route(function, code), seen);
            }
            code = again;
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
        let note = EXTENDED && route.pool == SHARED;
        if note && !broken(Twin::NotedLate) {
            self.stripe.note_reach(route.function);
        }
        fail_point();
        let taken = self.shared.own(route.pool).take(seen);
        if note {
            if broken(Twin::NotedLate) {
                self.stripe.note_reach(route.function);
            }
            self.stripe.note_taken(route.function, taken);
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
        self.shared.own(route.pool).confirm(seen)
    }

    #[inline(always)]
    fn confirm_provisioned(&self, version: usize, seen: Seen<LOCKED>) -> bool {
        broken(Twin::SpillByLook) || self.shared.provisioned(version).confirm(seen)
    }

    #[inline(always)]
    fn give_back<const EXTENDED: bool>(&mut self, version: usize, from: Source) {
        let function = self.shared.function_of[version];
        let words = &self.shared.functions[function as usize];
        if !EXTENDED {
            // Routes never change in the plain case.
            let code = words.route.load(Ordering::Relaxed);
            self.shared.own(route(function, code).pool).give_back();
            return;
        }
        let pool = match from {
            Source::Shared => {
                // Before the permit is free: what is being given back is not held.
                self.stripe.note_given(function);
                &self.shared.unreserved
            }
            Source::Reserved => &words.reserved,
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
        // Where a reservation is smaller than what its function still runs on the shared pool,
        // that pool may be larger than the account for a while.
        self.pool(pool).set_limit(limit.min(LIMITS - 1));
    }

    fn on_shared(&self, function: u32) -> (u32, u32) {
        self.shared.stripes.on_shared(function)
    }

    fn set_route(&mut self, route: Route) {
        let code = match route.when_full {
            Outcome::UnreservedConcurrency => UNRESERVED,
            Outcome::ReservedConcurrency => RESERVED,
            _ => RESERVED_ZERO,
        };
        // Relaxed: the guard is there, or nobody else is; `unguard` publishes.
        self.shared.functions[route.function as usize].route.store(code, Ordering::Relaxed);
    }

    fn set_rate(&mut self, gate: usize, _: Rates, limit: Option<u64>, _: u64) {
        self.shared.gates[gate].set_limit(limit);
    }
}
