//! The rule of admission: who may run, on which permit, and why not.
//!
//! Every running invocation holds one permit of one pool: of the shared (unreserved) pool, of
//! its function's reservation, or of its version's provisioned environments. An invocation's
//! *route* is the list of those it may draw on, the provisioned ones first. Beside the permit
//! stand gates: request rates, and the scaling rate, on which only a cold start draws.
//!
//! [`judge`](Admission::judge) looks and takes nothing; [`admit`](Admission::admit) takes the
//! permit, the environment and what the gates count together, once all checks have passed.
//! So the order of the checks decides which cause is reported, never the verdict.
//!
//! The steps carry the numbers of `docs/rules.md`. What only matters with provisioned
//! concurrency, request rates or changes in mid-run stands behind `EXTENDED` and is not
//! compiled into the plain case.

use crate::environments::Environments;
use crate::profile::RateScope;
use crate::ramp::RampGate;
use crate::rates::RateGate;
use crate::scaling::ScalingGate;
use crate::{Account, Change, Outcome, Pool, Profile, Scaling};

/// Index of the shared pool; the reserved pool of function `f` is number `f + 1`.
pub(crate) const SHARED: u32 = 0;

/// What a version of a function brings to a decision.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) function: u32,
    /// The pool in which its route ends: shared or reserved.
    pub(crate) pool: u32,
    /// Why it is throttled when that pool is full.
    pub(crate) when_full: Outcome,
    /// Index of its scaling gate: its function's, or the account's.
    scaling_gate: u32,
    idle_timeout: u64,
    environments: Environments,
    /// Its provisioned environments; the limit is how many can be used now.
    pub(crate) provisioned: Pool,
    /// How many were requested, and are claimed.
    pub(crate) requested: u32,
}

/// What a function holds and claims; see `claims.rs`.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) reserved: Option<u32>,
    pub(crate) versions: std::ops::Range<u32>,
    /// Those of them that had provisioned concurrency at some time.
    pub(crate) provisioned: Vec<u32>,
    /// Permits of the shared pool that it holds.
    pub(crate) on_shared: u32,
    /// What it takes out of the shared pool beyond the permits it holds there.
    pub(crate) claim: i64,
    /// What it is configured to claim: its reservation, or else what it has provisioned.
    pub(crate) configured: u64,
    /// After a change in mid-run: the claim moves with every permit.
    pub(crate) unsettled: bool,
}

/// The state of an account in a run: pools, environments, gates.
#[derive(Clone, Debug)]
pub(crate) struct State {
    profile: Profile,
    pools: Vec<Pool>,
    versions: Vec<Version>,
    functions: Vec<Function>,
    scaling_gates: Vec<ScalingGate>,
    ramp_gates: Vec<RampGate>,
    rates: Vec<RateGate>,
    totals: Totals,
}

/// What is counted of the account as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// The account's limit.
    pub(crate) limit: u32,
    /// All that run.
    running: u32,
    /// The sum of the functions' claims on the shared pool.
    pub(crate) claimed: i64,
    /// The sum of what they are configured to claim.
    pub(crate) configured: u64,
}

/// The rule, over the state of an account. The state is borrowed in parts, so that the event
/// loop holds them in registers.
#[derive(Debug)]
pub(crate) struct Admission<'a> {
    pub(crate) profile: Profile,
    pub(crate) pools: &'a mut [Pool],
    pub(crate) versions: &'a mut [Version],
    pub(crate) functions: &'a mut [Function],
    scaling_gates: &'a mut [ScalingGate],
    /// One a function, where there is such a ramp.
    ramp_gates: &'a mut [RampGate],
    /// The account's gate, or in the partitioned scope that of the unreserved pool; then the
    /// functions' gates, then the versions'.
    pub(crate) rates: &'a mut [RateGate],
    pub(crate) totals: &'a mut Totals,
}

/// A permit that is out: of which version, and, in the extended case, of which of the pools
/// on its route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permit(pub(crate) u32);

const OF_SHARED: u32 = 0;
const OF_RESERVED: u32 = 1;
const OF_PROVISIONED: u32 = 2;

impl State {
    /// A rested account.
    pub(crate) fn new(account: &Account) -> Self {
        let profile = account.profile();
        let mut versions = Vec::with_capacity(account.versions() as usize);
        let mut functions = Vec::with_capacity(account.functions().len());
        for (index, declared) in account.functions().iter().enumerate() {
            let of_function = account.versions_of(index);
            versions.extend(of_function.clone().map(|_| {
                Version::new(index as u32, SHARED, declared.idle_timeout, profile.scaling)
            }));
            functions.push(Function {
                reserved: None,
                versions: of_function,
                provisioned: Vec::new(),
                on_shared: 0,
                claim: 0,
                configured: 0,
                unsettled: false,
            });
        }
        let gates = 1 + functions.len() + versions.len();
        let mut state = Self {
            profile,
            pools: vec![Pool::default(); 1 + functions.len()],
            versions,
            scaling_gates: vec![ScalingGate::new(profile.scaling); functions.len().max(1)],
            ramp_gates: profile
                .ramp
                .map_or(Vec::new(), |_| vec![RampGate::default(); functions.len()]),
            rates: vec![RateGate::new(profile.rates); gates],
            functions,
            totals: Totals::default(),
        };
        let mut admission = state.admission();
        // What is declared is in force from time zero on, as if by calls before it.
        admission.apply(Change::Limit(account.concurrency_limit()), 0);
        for (index, declared) in account.functions().iter().enumerate() {
            let (function, reserved) = (index as u32, declared.reserved_concurrency);
            if reserved.is_some() {
                admission.apply(Change::Reserved { function, reserved }, 0);
            }
        }
        for (version, requested) in account.provisioned() {
            let available = requested;
            admission.apply(Change::Provisioned { version, requested, available }, 0);
        }
        state
    }

    /// Pure pools: no environments, no rates. Version `i` draws on pool `pool_of[i]`, whose
    /// limit is `limits[pool_of[i]]`.
    pub(crate) fn of_pure_pools(limits: &[u32], pool_of: &[usize]) -> Self {
        let profile = Profile::PURE_POOLS;
        let version = |&pool: &usize| Version::new(0, pool as u32, 0, profile.scaling);
        Self {
            profile,
            pools: limits.iter().map(|&limit| Pool::new(limit)).collect(),
            versions: pool_of.iter().map(version).collect(),
            functions: Vec::new(),
            scaling_gates: Vec::new(),
            ramp_gates: Vec::new(),
            rates: Vec::new(),
            totals: Totals::default(),
        }
    }

    /// The rule over this state.
    #[inline]
    pub(crate) fn admission(&mut self) -> Admission<'_> {
        Admission {
            profile: self.profile,
            pools: &mut self.pools,
            versions: &mut self.versions,
            functions: &mut self.functions,
            scaling_gates: &mut self.scaling_gates,
            ramp_gates: &mut self.ramp_gates,
            rates: &mut self.rates,
            totals: &mut self.totals,
        }
    }

    /// Whether the plain case is all there is: no provisioned concurrency and no rates. A run
    /// whose configuration changes is never plain.
    pub(crate) fn is_plain(&self) -> bool {
        self.profile.rates.scope == RateScope::Off
            && self.profile.ramp.is_none()
            && self.versions.iter().all(|version| version.requested == 0)
    }
}

// The event loop exists once for each calendar, plain and extended; each has the rule inline.
#[allow(clippy::inline_always)]
impl Admission<'_> {
    /// Decides on one invocation of a version that arrives now, and takes what it needs if it
    /// may run.
    #[inline(always)]
    pub(crate) fn attempt<const EXTENDED: bool>(&mut self, version: usize, now: u64) -> Outcome {
        let verdict = self.judge::<EXTENDED>(version, now);
        if EXTENDED && (!verdict.is_throttled() || self.profile.rates.count_all) {
            self.count_request(version, verdict, now);
        }
        if !verdict.is_throttled() {
            self.admit::<EXTENDED>(version, verdict, now);
        }
        verdict
    }

    /// The rule. Looks at everything and takes nothing.
    #[inline(always)]
    fn judge<const EXTENDED: bool>(&self, index: usize, now: u64) -> Outcome {
        let version = &self.versions[index];
        let full = !self.pools[version.pool as usize].has_room();
        if EXTENDED {
            // A1: a reservation of zero.
            if version.when_full == Outcome::ReservedZero {
                return Outcome::ReservedZero;
            }
            let rates = self.profile.rates;
            let account_rate = &self.rates[0];
            let documented = rates.scope == RateScope::Documented;
            // A3: the account's requests a second.
            if documented && !account_rate.is_open(rates, now) {
                return Outcome::AccountRate;
            }
            // A3b, A4: a provisioned environment is free, and so are the rates it meets.
            let rate_open = version.pool == SHARED
                || self.rates[1 + version.function as usize].is_open(rates, now);
            if version.provisioned.has_room() && !self.is_capped() {
                let in_rate = self.rates[1 + self.functions.len() + index].is_open(rates, now);
                if in_rate && rate_open {
                    return Outcome::Provisioned;
                }
                if !in_rate && self.profile.provisioning.throttle_excess {
                    return Outcome::ProvisionedRate;
                }
            }
            // A5a: the requests a second of a reservation, or of the partitioned rest.
            if !rate_open {
                return Outcome::ReservedRate;
            }
            let partitioned = rates.scope == RateScope::Partitioned && version.pool == SHARED;
            if partitioned && !account_rate.is_open(rates, now) {
                return Outcome::AccountRate;
            }
        }
        // A1, A5b, A5c: a permit of the reserved or of the shared pool.
        if full {
            return version.when_full;
        }
        if EXTENDED && let Some(ramp) = self.profile.ramp {
            let gate = &self.ramp_gates[version.function as usize];
            if !gate.is_open(ramp, version.idle_timeout, now) {
                return Outcome::ScalingRate;
            }
        }
        // A6: an idle environment, else a token to create one.
        if !self.profile.environments || version.environments.has_idle(version.idle_timeout, now) {
            return self.unless_capped::<EXTENDED>(Outcome::Warm);
        }
        let gate = &self.scaling_gates[version.scaling_gate as usize];
        if !gate.is_open(self.profile.scaling, now) {
            return Outcome::ScalingRate;
        }
        self.unless_capped::<EXTENDED>(Outcome::Cold)
    }

    /// A3b: after a change in mid-run a pool may have room that the account has not. It is asked
    /// last, so that it is only named where nothing else is short.
    #[inline(always)]
    fn unless_capped<const EXTENDED: bool>(&self, admitted: Outcome) -> Outcome {
        if EXTENDED && self.is_capped() { Outcome::AccountConcurrency } else { admitted }
    }

    /// Whether as many run as the account may run in all (A3b).
    #[inline(always)]
    fn is_capped(&self) -> bool {
        self.profile.hard_account_cap && self.totals.running >= self.totals.limit
    }

    /// A7: takes the permit and the environment; [`count_request`](Self::count_request) counts.
    #[inline(always)]
    fn admit<const EXTENDED: bool>(&mut self, index: usize, verdict: Outcome, now: u64) {
        if EXTENDED {
            self.totals.running += 1;
        }
        let version = &mut self.versions[index];
        match verdict {
            Outcome::Provisioned => version.provisioned.take(),
            _ => self.pools[version.pool as usize].take(),
        }
        match verdict {
            Outcome::Warm if self.profile.environments => version.environments.take_idle(),
            Outcome::Cold => {
                self.scaling_gates[version.scaling_gate as usize].pass(self.profile.scaling, now);
                version.environments.create();
            }
            _ => {}
        }
        if EXTENDED {
            if let Some(ramp) = self.profile.ramp
                && verdict != Outcome::Provisioned
            {
                let gate = &mut self.ramp_gates[version.function as usize];
                gate.pass(ramp, version.idle_timeout, now);
            }
            let function = &mut self.functions[version.function as usize];
            function.on_shared +=
                u32::from(verdict != Outcome::Provisioned && version.pool == SHARED);
            if function.unsettled {
                let function = version.function;
                self.settle(function);
            }
        }
    }

    /// The permit that an admitted invocation of a version holds.
    #[inline(always)]
    pub(crate) fn permit<const EXTENDED: bool>(&self, index: usize, verdict: Outcome) -> Permit {
        if !EXTENDED {
            return Permit(index as u32);
        }
        let kind = match verdict {
            Outcome::Provisioned => OF_PROVISIONED,
            _ if self.versions[index].pool == SHARED => OF_SHARED,
            _ => OF_RESERVED,
        };
        Permit((index as u32) << 2 | kind)
    }

    /// A run ends: its permit goes back to the pool that it came from, and its environment is
    /// idle from now on.
    #[inline(always)]
    pub(crate) fn complete<const EXTENDED: bool>(&mut self, Permit(permit): Permit, now: u64) {
        if !EXTENDED {
            let version = &mut self.versions[permit as usize];
            self.pools[version.pool as usize].give_back();
            if self.profile.environments {
                version.environments.release(now);
            }
            return;
        }
        let version = &mut self.versions[(permit >> 2) as usize];
        let function = version.function;
        self.totals.running -= 1;
        match permit & 3 {
            // A provisioned environment is free again, or gone where fewer are wanted.
            OF_PROVISIONED => version.provisioned.give_back(),
            kind => {
                if kind == OF_SHARED {
                    self.pools[SHARED as usize].give_back();
                    self.functions[function as usize].on_shared -= 1;
                } else {
                    self.pools[function as usize + 1].give_back();
                }
                if self.profile.environments {
                    version.environments.release(now);
                }
            }
        }
        if self.functions[function as usize].unsettled {
            self.settle(function);
        }
    }

    /// Counts a request in the gates that apply to it (rules 5.1 to 5.4).
    #[inline(always)]
    fn count_request(&mut self, index: usize, verdict: Outcome, now: u64) {
        let rates = self.profile.rates;
        let version = &self.versions[index];
        let (function, of_functions) = (version.function as usize, self.functions.len());
        let provisioned = verdict == Outcome::Provisioned;
        let of_account = match rates.scope {
            RateScope::Documented => true,
            RateScope::Partitioned => version.pool == SHARED && !provisioned,
            RateScope::Off => false,
        };
        if of_account {
            self.rates[0].count(rates, now);
        }
        if version.pool != SHARED {
            self.rates[1 + function].count(rates, now);
        }
        if version.provisioned.limit() > 0 && (provisioned || rates.count_all) {
            self.rates[1 + of_functions + index].count(rates, now);
        }
    }
}

impl Version {
    fn new(function: u32, pool: u32, idle_timeout: u64, scaling: Scaling) -> Self {
        let regional = matches!(scaling, Scaling::Bucket { regional: true, .. });
        Self {
            function,
            pool,
            when_full: Outcome::UnreservedConcurrency,
            scaling_gate: if regional { 0 } else { function },
            idle_timeout,
            environments: Environments::default(),
            provisioned: Pool::default(),
            requested: 0,
        }
    }
}
