//! The simulation: arrivals one by one against the pools, completions in between.

use crate::admission::Admission;
use crate::{Account, Calendar, Function, Invocations, Outcome, Pool, Profile, TraceError, Wheel};

/// A simulation under way. Columns go in and outcomes come out, piece by piece if need be:
/// running a trace in two pieces gives the bytes that running it whole does.
///
/// Each invocation costs O(1) with the [`Wheel`], whatever is in flight.
#[derive(Debug)]
pub struct Simulation<C = Wheel> {
    pools: Vec<Pool>,
    admissions: Vec<Admission>,
    profile: Profile,
    calendar: C,
    now: u64,
}

impl Simulation {
    /// A rested account, on the usual calendar.
    ///
    /// See [`with_calendar`](Self::with_calendar).
    ///
    /// # Panics
    ///
    /// Where `traced` names a function that the account does not have.
    pub fn new(account: &Account, traced: &[u32]) -> Self {
        Self::with_calendar(account, traced)
    }
}

impl<C: Calendar> Simulation<C> {
    /// A rested account. `traced[i]` is the account's function that index `i` of the trace's
    /// function column means; no two mean the same.
    ///
    /// # Panics
    ///
    /// Where `traced` names a function that the account does not have.
    pub fn with_calendar(account: &Account, traced: &[u32]) -> Self {
        // The unreserved pool comes first, then one for each reservation.
        let mut pools = vec![Pool::new(account.unreserved_concurrency())];
        let admissions = traced
            .iter()
            .map(|&index| {
                let function = &account.functions()[index as usize];
                let pool = match function.reserved_concurrency {
                    None => 0,
                    Some(reserved) => {
                        pools.push(Pool::new(reserved));
                        pools.len() - 1
                    }
                };
                Admission::new(function, pool)
            })
            .collect();
        Self { pools, admissions, profile: account.profile(), calendar: C::default(), now: 0 }
    }

    /// Pure pools: no environments, no scaling rate. Function `i` draws on pool `pool_of[i]`,
    /// whose limit is `limits[pool_of[i]]`.
    pub(crate) fn of_pure_pools(limits: &[u32], pool_of: &[usize]) -> Self {
        let profile = Profile { environments: false, ..Profile::default() };
        let anyone = Function::named("any");
        Self {
            pools: limits.iter().map(|&limit| Pool::new(limit)).collect(),
            admissions: pool_of.iter().map(|&pool| Admission::new(&anyone, pool)).collect(),
            profile,
            calendar: C::default(),
            now: 0,
        }
    }

    /// Runs further invocations, which arrive no earlier than those before, and writes one
    /// [`Outcome`] code for each.
    ///
    /// # Errors
    ///
    /// [`TraceError`], naming the first bad row; then nothing has been run.
    ///
    /// # Panics
    ///
    /// Where `outcome` is not as long as the columns.
    pub fn run(
        &mut self,
        invocations: Invocations<'_>,
        outcome: &mut [u8],
    ) -> Result<(), TraceError> {
        assert_eq!(outcome.len(), invocations.len(), "one outcome an invocation");
        invocations.check(self.now, self.admissions.len())?;
        let Invocations { arrival, function, duration, .. } = invocations;
        let rows = arrival.iter().zip(function).zip(duration).zip(outcome);
        for (((&now, &function), &duration), outcome) in rows {
            *outcome = self.step(now, function, duration) as u8;
        }
        if let Some(&last) = arrival.last() {
            self.now = last;
        }
        Ok(())
    }

    /// One arrival: what has ended by now gives way first, then the rule decides.
    #[inline]
    fn step(&mut self, now: u64, function: u32, duration: u64) -> Outcome {
        let Self { pools, admissions, profile, calendar, .. } = self;
        calendar.complete_until(now, |at, function| {
            admissions[function as usize].complete(pools, *profile, at);
        });
        let admission = &mut admissions[function as usize];
        let outcome = admission.attempt(pools, *profile, now);
        if !outcome.is_throttled() {
            let init = if outcome == Outcome::Cold { admission.init_duration } else { 0 };
            calendar.schedule(now + init + duration, function);
        }
        outcome
    }

    /// Invocations that are running.
    pub fn in_flight(&self) -> usize {
        self.calendar.in_flight()
    }
}
