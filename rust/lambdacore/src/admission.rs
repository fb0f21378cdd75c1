//! The rule of admission: who may run, on which permit, and why not.
//!
//! Every running invocation holds one permit of one pool. Beside the permit stands a gate,
//! the scaling rate, on which only a cold start draws. Every check looks and takes nothing;
//! the permit, the environment and the token are taken together once all checks have
//! passed. So the order of the checks decides which cause is reported, never the verdict.
//!
//! The steps carry the numbers of `docs/rules.md`.

use crate::environments::Environments;
use crate::scaling::ScalingGate;
use crate::{Function, Outcome, Pool, Profile};

/// What one function brings to a decision: its pool, its environments and its gate.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    /// Index of the pool that the function draws on.
    pool: usize,
    /// Why it is throttled when that pool is full.
    when_full: Outcome,
    idle_timeout: u64,
    environments: Environments,
    scaling_gate: ScalingGate,
}

impl Admission {
    pub(crate) fn new(function: &Function, pool: usize) -> Self {
        Self {
            pool,
            when_full: match function.reserved_concurrency {
                // A reservation of zero is a pool that is always full (A1).
                Some(0) => Outcome::ReservedZero,
                Some(_) => Outcome::ReservedConcurrency,
                None => Outcome::UnreservedConcurrency,
            },
            idle_timeout: function.idle_timeout,
            environments: Environments::default(),
            scaling_gate: ScalingGate::default(),
        }
    }

    /// Decides on one invocation that arrives now, and takes what it needs if it may run.
    #[inline]
    pub(crate) fn attempt(&mut self, pools: &mut [Pool], profile: Profile, now: u64) -> Outcome {
        let pool = &mut pools[self.pool];
        // A1, A5b, A5c: a permit of the reserved or of the unreserved pool.
        if !pool.has_room() {
            return self.when_full;
        }
        if !profile.environments {
            pool.take();
            return Outcome::Warm;
        }
        // A6: an idle environment, else a token to create one.
        if self.environments.has_idle(self.idle_timeout, now) {
            self.environments.take_idle();
            pool.take();
            return Outcome::Warm;
        }
        if !self.scaling_gate.is_open(profile.scaling, now) {
            return Outcome::ScalingRate;
        }
        self.scaling_gate.pass(profile.scaling, now);
        self.environments.create();
        pool.take();
        Outcome::Cold
    }

    /// A run ends: its permit goes back and its environment is idle from now on.
    #[inline]
    pub(crate) fn complete(&mut self, pools: &mut [Pool], profile: Profile, now: u64) {
        pools[self.pool].give_back();
        if profile.environments {
            self.environments.release(now);
        }
    }
}
