//! Counters of one thread, as plain words: what simulations usually run on.

use crate::claims::{self, Claims, Function, Totals};
use crate::rates::RateGate;
use crate::store::{Ledger, PoolId, Route, SHARED, Sight, Source, Store};
use crate::{Account, Outcome, Pool, Profile, Rates};

/// Plain counters of an account: the usual choice for a simulation.
#[derive(Clone, Debug)]
pub struct PlainCounters {
    pools: Vec<Pool>,
    versions: Vec<Version>,
    rates: Vec<RateGate>,
    /// Permits of the shared pool that each function holds.
    on_shared: Vec<u32>,
    claims: Claims,
}

/// What a version of a function brings to a decision.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) route: Route,
    /// Its provisioned environments; the limit is how many can be used now.
    pub(crate) provisioned: Pool,
}

/// [`PlainCounters`], borrowed in parts so that the event loop holds them in registers.
#[derive(Debug)]
pub struct Plain<'a> {
    pub(crate) pools: &'a mut [Pool],
    pub(crate) versions: &'a mut [Version],
    pub(crate) rates: &'a mut [RateGate],
    pub(crate) on_shared: &'a mut [u32],
    pub(crate) functions: &'a mut [Function],
    pub(crate) totals: &'a mut Totals,
}

impl PlainCounters {
    /// Nothing is configured yet.
    pub(crate) fn new(account: &Account) -> Self {
        let claims = Claims::new(account);
        let functions = &claims.functions;
        let version = |of: &Function, function| {
            let route = Route { function, pool: SHARED, when_full: Outcome::UnreservedConcurrency };
            let version = Version { route, provisioned: Pool::default() };
            std::iter::repeat_n(version, of.versions.len())
        };
        let versions: Vec<_> =
            functions.iter().zip(0..).flat_map(|(of, function)| version(of, function)).collect();
        let gates = 1 + functions.len() + versions.len();
        Self {
            pools: vec![Pool::default(); 1 + functions.len()],
            rates: vec![RateGate::new(account.profile().rates); gates],
            on_shared: vec![0; functions.len()],
            versions,
            claims,
        }
    }

    /// Pools and nothing else: version `i` draws on pool `pool_of[i]`.
    pub(crate) fn of_pure_pools(limits: &[u32], pool_of: &[usize]) -> Self {
        let version = |&pool: &usize| {
            let when_full = Outcome::UnreservedConcurrency;
            let route = Route { function: 0, pool: pool as u32, when_full };
            Version { route, provisioned: Pool::default() }
        };
        Self {
            pools: limits.iter().map(|&limit| Pool::new(limit)).collect(),
            versions: pool_of.iter().map(version).collect(),
            rates: Vec::new(),
            on_shared: Vec::new(),
            claims: Claims::default(),
        }
    }

    #[inline]
    pub(crate) fn borrow(&mut self) -> Plain<'_> {
        Plain {
            pools: &mut self.pools,
            versions: &mut self.versions,
            rates: &mut self.rates,
            on_shared: &mut self.on_shared,
            functions: &mut self.claims.functions,
            totals: &mut self.claims.totals,
        }
    }
}

#[allow(clippy::inline_always, reason = "asked in every event")]
impl Sight for Pool {
    #[inline(always)]
    fn has_room(self) -> bool {
        Pool::has_room(&self)
    }

    #[inline(always)]
    fn has_limit(self) -> bool {
        self.limit() > 0
    }
}

// One copy of the rule in each event loop, without calls.
#[allow(clippy::inline_always)]
impl Store for Plain<'_> {
    type Seen = Pool;

    #[inline(always)]
    fn own(&self, version: usize) -> (Route, Pool) {
        let route = self.versions[version].route;
        (route, self.pools[route.pool as usize])
    }

    fn plain(&mut self) -> Option<Plain<'_>> {
        let Plain { pools, versions, rates, on_shared, functions, totals } = self;
        Some(Plain { pools, versions, rates, on_shared, functions, totals })
    }

    #[inline(always)]
    fn provisioned(&self, version: usize) -> Pool {
        self.versions[version].provisioned
    }

    #[inline(always)]
    fn take_own<const EXTENDED: bool>(&mut self, route: Route, _: Pool) -> bool {
        self.pools[route.pool as usize].take();
        if EXTENDED {
            self.totals.running += 1;
            self.on_shared[route.function as usize] += u32::from(route.pool == SHARED);
        }
        true
    }

    #[inline(always)]
    fn take_provisioned(&mut self, version: usize, _: Pool) -> bool {
        self.versions[version].provisioned.take();
        self.totals.running += 1;
        true
    }

    #[inline(always)]
    fn give_back<const EXTENDED: bool>(&mut self, version: usize, from: Source) {
        if !EXTENDED {
            // Routes never change in the plain case.
            self.pools[self.versions[version].route.pool as usize].give_back();
            return;
        }
        let function = self.versions[version].route.function as usize;
        self.totals.running -= 1;
        match from {
            Source::Shared => {
                self.pools[SHARED as usize].give_back();
                self.on_shared[function] -= 1;
            }
            Source::Reserved => self.pools[function + 1].give_back(),
            Source::Provisioned => self.versions[version].provisioned.give_back(),
        }
    }

    #[inline(always)]
    fn function_of(&self, version: usize) -> u32 {
        self.versions[version].route.function
    }

    #[inline(always)]
    fn is_open(&self, gate: usize, rates: Rates, now: u64) -> bool {
        self.rates[gate].is_open(rates, now)
    }

    #[inline(always)]
    fn count(&mut self, gate: usize, rates: Rates, now: u64, _: bool) -> bool {
        self.rates[gate].count(rates, now);
        true
    }

    #[inline(always)]
    fn functions(&self) -> usize {
        self.functions.len()
    }

    #[inline(always)]
    fn is_provisioned(&self, version: usize) -> bool {
        self.versions[version].provisioned.limit() > 0
    }

    #[inline(always)]
    fn is_capped(&self) -> bool {
        self.totals.is_capped()
    }

    #[inline(always)]
    fn moved(&mut self, profile: Profile, function: u32) {
        if self.totals.unsettled > 0 && self.functions[function as usize].unsettled {
            claims::settle(self, profile, function);
        }
    }
}

impl Ledger for Plain<'_> {
    fn totals(&mut self) -> &mut Totals {
        self.totals
    }

    fn function(&mut self, function: u32) -> &mut Function {
        &mut self.functions[function as usize]
    }

    fn level(&self, pool: PoolId) -> (u32, u32) {
        let pool = match pool {
            PoolId::Own(pool) => self.pools[pool as usize],
            PoolId::Provisioned(version) => self.versions[version as usize].provisioned,
        };
        (pool.limit(), pool.in_use())
    }

    fn set_limit(&mut self, pool: PoolId, limit: u32) {
        match pool {
            PoolId::Own(pool) => self.pools[pool as usize].set_limit(limit),
            PoolId::Provisioned(version) => {
                self.versions[version as usize].provisioned.set_limit(limit);
            }
        }
    }

    fn on_shared(&self, function: u32) -> (u32, u32) {
        let on_shared = self.on_shared[function as usize];
        (on_shared, on_shared)
    }

    fn set_route(&mut self, route: Route) {
        for version in self.functions[route.function as usize].versions.clone() {
            self.versions[version as usize].route = route;
        }
    }

    fn set_rate(&mut self, gate: usize, rates: Rates, limit: Option<u64>, now: u64) {
        self.rates[gate].set_limit(rates, limit, now);
    }
}
