//! The rule of admission: who may run, on which permit, and why not.
//!
//! Every running invocation holds one permit of one pool: of the shared (unreserved) pool, of
//! its function's reservation, or of its version's provisioned environments. An invocation's
//! *route* is the list of those it may draw on, the provisioned ones first. Beside the permit
//! stand gates: request rates, and the scaling rate, on which only a cold start draws.
//!
//! [`judge`](Admission::judge) looks and takes nothing; [`enact`](Admission::enact) takes the
//! permit, the environment and what the gates count, once all checks have passed. So the order
//! of the checks decides which cause is reported, never the verdict.
//!
//! The rule stands here once, for the simulation and for the live controller: what differs is
//! the [`Store`] of the counters. Where others use the same counters, `enact` succeeds only if
//! what the verdict rests on is still as it was seen; else the rule is asked again.
//!
//! The steps carry the numbers of `docs/rules.md`. What only matters with provisioned
//! concurrency, request rates or changes in mid-run stands behind `EXTENDED` and is not
//! compiled into the plain case.

use crate::environments::Environments;
use crate::profile::RateScope;
use crate::ramp::RampGate;
use crate::scaling::ScalingGate;
use crate::store::{Route, SHARED, Sight, Source, Store};
use crate::{Outcome, Profile, Scaling};

/// The rule, over the counters of an account. All is borrowed in parts, so that the event loop
/// holds them in registers.
#[derive(Debug)]
pub(crate) struct Admission<'a, S> {
    pub(crate) profile: Profile,
    pub(crate) store: S,
    /// One a version; none of the live controller's.
    pub(crate) environments: &'a mut [Environments],
    pub(crate) scaling_gates: &'a mut [ScalingGate],
    /// One a function, where there is such a ramp.
    pub(crate) ramp_gates: &'a mut [RampGate],
}

/// A change of configuration is being absorbed; the store that was asked may not decide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guarded;

/// A permit that is out: of which version, and, in the extended case, of which of the pools
/// on its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permit(pub(crate) u32);

impl Permit {
    /// The permit that an admitted invocation of a version holds.
    #[inline]
    pub(crate) fn new<const EXTENDED: bool>(version: usize, source: Source) -> Self {
        let version = version as u32;
        Self(if EXTENDED { version << 2 | source as u32 } else { version })
    }

    pub(crate) fn version(self) -> usize {
        (self.0 >> 2) as usize
    }

    /// The version, of a permit of either kind.
    #[inline]
    pub(crate) fn version_of<const EXTENDED: bool>(self) -> usize {
        if EXTENDED { self.version() } else { self.0 as usize }
    }

    pub(crate) fn source(self) -> Source {
        match self.0 & 3 {
            0 => Source::Shared,
            1 => Source::Reserved,
            _ => Source::Provisioned,
        }
    }
}

/// What a verdict rests on.
#[derive(Clone, Copy, Debug)]
struct Evidence<Seen> {
    route: Route,
    own: Seen,
    provisioned: Option<Seen>,
}

/// On which pool of its route a verdict admits.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as the rule")]
fn source(route: Route, verdict: Outcome) -> Source {
    match verdict {
        Outcome::Provisioned => Source::Provisioned,
        _ if route.pool == SHARED => Source::Shared,
        _ => Source::Reserved,
    }
}

/// The rate gates of a version's function, and of the version.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as the rule")]
fn gates(store: &impl Store, version: usize) -> (usize, usize) {
    (1 + store.function_of(version) as usize, 1 + store.functions() + version)
}

/// The scaling gate of a function: its own, or the account's.
#[inline]
fn scaling_gate(scaling: Scaling, route: Route) -> usize {
    match scaling {
        Scaling::Bucket { regional: true, .. } => 0,
        _ => route.function as usize,
    }
}

/// The rate gate that a refusal names, if it names one.
#[inline]
pub(crate) fn refusing_gate(store: &impl Store, version: usize, refused: Outcome) -> Option<usize> {
    let (of_function, of_version) = gates(store, version);
    match refused {
        Outcome::AccountRate => Some(0),
        Outcome::ReservedRate => Some(of_function),
        Outcome::ProvisionedRate => Some(of_version),
        _ => None,
    }
}

// The event loop exists once for each calendar, plain and extended; each has the rule inline.
#[allow(clippy::inline_always)]
impl<S: Store> Admission<'_, S> {
    /// Decides on one invocation of a version that arrives now, and takes what it needs if it
    /// may run; with it comes the permit's source.
    ///
    /// # Errors
    ///
    /// [`Guarded`], where the store may not decide. Plain counters always may.
    #[inline(always)]
    pub(crate) fn attempt<const EXTENDED: bool>(
        &mut self,
        version: usize,
        now: u64,
    ) -> Result<(Outcome, Source), Guarded> {
        loop {
            let (route, own) = self.store.own(version);
            // Nothing is provisioned in the plain case.
            let provisioned = EXTENDED.then(|| self.store.provisioned(version));
            if own.is_guarded() || provisioned.is_some_and(Sight::is_guarded) {
                return Err(Guarded);
            }
            let evidence = Evidence { route, own, provisioned };
            let verdict = self.judge::<EXTENDED>(version, &evidence, now);
            if self.enact::<EXTENDED>(version, &evidence, verdict, now) {
                return Ok((verdict, source(route, verdict)));
            }
        }
    }

    /// The rule. Looks at everything and takes nothing.
    #[inline(always)]
    fn judge<const EXTENDED: bool>(
        &self,
        version: usize,
        seen: &Evidence<S::Seen>,
        now: u64,
    ) -> Outcome {
        let route = seen.route;
        if EXTENDED {
            // A1: a reservation of zero.
            if route.when_full == Outcome::ReservedZero {
                return Outcome::ReservedZero;
            }
            let rates = self.profile.rates;
            let (of_function, of_version) = gates(&self.store, version);
            // A3: the account's requests a second.
            if rates.scope == RateScope::Documented && !self.store.is_open(0, rates, now) {
                return Outcome::AccountRate;
            }
            // A3b, A4: a provisioned environment is free, and so are the rates it meets.
            let rate_open = rates.scope == RateScope::Off
                || route.pool == SHARED
                || self.store.is_open(of_function, rates, now);
            if seen.provisioned.is_some_and(Sight::has_room) && !self.store.is_capped() {
                let in_rate =
                    rates.scope == RateScope::Off || self.store.is_open(of_version, rates, now);
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
            let partitioned = rates.scope == RateScope::Partitioned && route.pool == SHARED;
            if partitioned && !self.store.is_open(0, rates, now) {
                return Outcome::AccountRate;
            }
        }
        // A1, A5b, A5c: a permit of the reserved or of the shared pool.
        if !seen.own.has_room() {
            return route.when_full;
        }
        if EXTENDED && let Some(ramp) = self.profile.ramp {
            let gate = &self.ramp_gates[route.function as usize];
            if !gate.is_open(ramp, self.environments[version].idle_timeout(), now) {
                return Outcome::ScalingRate;
            }
        }
        // A6: an idle environment, else a token to create one.
        if !self.profile.environments {
            return self.unless_capped::<EXTENDED>(Outcome::Warm);
        }
        if self.environments[version].has_idle(now) {
            return self.unless_capped::<EXTENDED>(Outcome::Warm);
        }
        let gate = &self.scaling_gates[scaling_gate(self.profile.scaling, route)];
        if !gate.is_open(self.profile.scaling, now) {
            return Outcome::ScalingRate;
        }
        self.unless_capped::<EXTENDED>(Outcome::Cold)
    }

    /// A3b: after a change in mid-run a pool may have room that the account has not. It is asked
    /// last, so that it is only named where nothing else is short.
    #[inline(always)]
    fn unless_capped<const EXTENDED: bool>(&self, admitted: Outcome) -> Outcome {
        if EXTENDED && self.store.is_capped() { Outcome::AccountConcurrency } else { admitted }
    }

    /// A7: takes what an admission needs, or makes sure of a refusal; then counts the request
    /// in the gates that apply. Nothing is taken where what was seen has changed.
    #[inline(always)]
    fn enact<const EXTENDED: bool>(
        &mut self,
        version: usize,
        seen: &Evidence<S::Seen>,
        verdict: Outcome,
        now: u64,
    ) -> bool {
        if verdict.is_throttled() {
            if !self.confirm::<EXTENDED>(version, seen, verdict, now) {
                return false;
            }
            if EXTENDED && self.profile.rates.count_all {
                self.count_request(version, seen.route, verdict, now, false);
            }
            return true;
        }
        let route = seen.route;
        if verdict == Outcome::Provisioned {
            // Only the extended case has any.
            if !seen.provisioned.is_some_and(|seen| self.store.take_provisioned(version, seen)) {
                return false;
            }
        } else {
            // That what is provisioned was in use is part of this verdict.
            if let Some(provisioned) = seen.provisioned
                && provisioned.has_limit()
                && !provisioned.has_room()
                && !self.store.confirm_provisioned(version, provisioned)
            {
                return false;
            }
            if !self.store.take_own::<EXTENDED>(route, seen.own) {
                return false;
            }
        }
        if EXTENDED && !self.count_request(version, route, verdict, now, true) {
            self.store.give_back::<true>(version, source(route, verdict));
            return false;
        }
        if self.profile.environments && verdict != Outcome::Provisioned {
            let environments = &mut self.environments[version];
            if verdict == Outcome::Warm {
                environments.take_idle();
            } else {
                let scaling = self.profile.scaling;
                self.scaling_gates[scaling_gate(scaling, route)].pass(scaling, now);
                environments.create();
            }
        }
        if EXTENDED {
            if let Some(ramp) = self.profile.ramp
                && verdict != Outcome::Provisioned
            {
                let gate = &mut self.ramp_gates[route.function as usize];
                gate.pass(ramp, self.environments[version].idle_timeout(), now);
            }
            self.store.moved(self.profile, route.function);
        }
        true
    }

    /// Makes sure of what a refusal rests on. A look may be stale by the time it is acted on;
    /// here every word has its say in the one order of its changes.
    #[inline(always)]
    fn confirm<const EXTENDED: bool>(
        &self,
        version: usize,
        seen: &Evidence<S::Seen>,
        verdict: Outcome,
        now: u64,
    ) -> bool {
        if !EXTENDED {
            return self.store.confirm_own(seen.route, seen.own);
        }
        let rates = self.profile.rates;
        let gate = refusing_gate(&self.store, version, verdict);
        // The pool at the end of the route was looked at first and is asked last: in between
        // it was as it is, so all that was asked meanwhile held together.
        gate.is_none_or(|gate| self.store.confirm_closed(gate, rates, now))
            && (verdict == Outcome::ReservedZero
                || seen.provisioned.is_none_or(|provisioned| {
                    !provisioned.has_limit() || self.store.confirm_provisioned(version, provisioned)
                }))
            && self.store.confirm_own(seen.route, seen.own)
    }

    /// A run ends: its permit goes back to the pool that it came from, and its environment is
    /// idle from now on.
    #[inline(always)]
    pub(crate) fn complete<const EXTENDED: bool>(&mut self, permit: Permit, now: u64) {
        let (version, source) = if EXTENDED {
            (permit.version(), permit.source())
        } else {
            (permit.0 as usize, Source::Shared)
        };
        self.store.give_back::<EXTENDED>(version, source);
        // A provisioned environment is free again, or gone where fewer are wanted.
        if self.profile.environments && !(EXTENDED && source == Source::Provisioned) {
            self.environments[version].release(now);
        }
        if EXTENDED {
            self.store.moved(self.profile, self.store.function_of(version));
        }
    }

    /// Counts a request in the gates that apply to it (rules 5.1 to 5.4); in none of them if
    /// one that must be open has closed.
    #[inline(always)]
    fn count_request(
        &mut self,
        version: usize,
        route: Route,
        verdict: Outcome,
        now: u64,
        only_open: bool,
    ) -> bool {
        let rates = self.profile.rates;
        if rates.scope == RateScope::Off {
            return true;
        }
        let (of_function, of_version) = gates(&self.store, version);
        let provisioned = verdict == Outcome::Provisioned;
        let account = rates.scope == RateScope::Documented || route.pool == SHARED && !provisioned;
        let function = route.pool != SHARED;
        let of_provisioned = (provisioned || rates.count_all) && self.store.is_provisioned(version);
        let store = &mut self.store;
        if account && !store.count(0, rates, now, only_open) {
            return false;
        }
        let counted = !function || store.count(of_function, rates, now, only_open);
        // A spilled request counts with the version, open or not, where all requests do.
        let only_open = only_open && provisioned;
        if counted && (!of_provisioned || store.count(of_version, rates, now, only_open)) {
            return true;
        }
        if counted && function {
            store.uncount(of_function, rates, now);
        }
        if account {
            store.uncount(0, rates, now);
        }
        false
    }
}
