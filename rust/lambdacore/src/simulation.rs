//! The simulation: arrivals one by one against the pools, completions in between.

use std::ops::ControlFlow;

use crate::admission::Admission;
use crate::invocations::{Ends, Watch};
use crate::{Account, Calendar, Function, Invocations, Outcome, Pool, Profile, TraceError, Wheel};

/// A simulation under way. Columns go in and outcomes come out, piece by piece if need be:
/// running a trace in two pieces gives the bytes that running it whole does.
///
/// Each invocation costs O(1) with the [`Wheel`], whatever is in flight.
#[derive(Debug)]
pub struct Simulation<C = Wheel> {
    pools: Vec<Pool>,
    admissions: Vec<Admission>,
    /// What a cold start of each function adds.
    init_duration: Vec<u64>,
    profile: Profile,
    calendar: C,
    /// When the last invocation so far arrived.
    now: u64,
    last_completion: u64,
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
        Self {
            pools,
            admissions,
            init_duration: account.init_durations(traced),
            profile: account.profile(),
            calendar: C::default(),
            now: 0,
            last_completion: 0,
        }
    }

    /// Pure pools: no environments, no scaling rate. Function `i` draws on pool `pool_of[i]`,
    /// whose limit is `limits[pool_of[i]]`.
    pub(crate) fn of_pure_pools(limits: &[u32], pool_of: &[usize]) -> Self {
        let profile = Profile { environments: false, ..Profile::default() };
        let anyone = Function::named("any");
        Self {
            pools: limits.iter().map(|&limit| Pool::new(limit)).collect(),
            admissions: pool_of.iter().map(|&pool| Admission::new(&anyone, pool)).collect(),
            init_duration: vec![0; pool_of.len()],
            profile,
            calendar: C::default(),
            now: 0,
            last_completion: 0,
        }
    }

    /// Runs further invocations, which arrive no earlier than those before, and writes one
    /// [`Outcome`] code for each.
    ///
    /// # Errors
    ///
    /// [`TraceError`], naming the first bad row.
    ///
    /// # Panics
    ///
    /// Where `outcome` is not as long as the columns.
    pub fn run(
        &mut self,
        invocations: Invocations<'_>,
        outcome: &mut [u8],
    ) -> Result<(), TraceError> {
        self.run_watched(invocations, outcome, &mut |_| ControlFlow::Continue(())).map(drop)
    }

    /// Does as [`run`](Self::run), and may be broken off by `watch`. A simulation that was
    /// broken off, or that met a bad row, is of no further use.
    ///
    /// # Errors
    ///
    /// [`TraceError`], naming the first bad row.
    ///
    /// # Panics
    ///
    /// Where `outcome` is not as long as the columns.
    pub fn run_watched(
        &mut self,
        invocations: Invocations<'_>,
        outcome: &mut [u8],
        watch: &mut Watch<'_>,
    ) -> Result<ControlFlow<()>, TraceError> {
        assert_eq!(outcome.len(), invocations.len(), "one outcome an invocation");
        let Self { pools, admissions, init_duration, profile, calendar, now, last_completion } =
            self;
        let ends = Ends::with_init(init_duration);
        let flow = invocations.in_pieces(*now, ends, watch, |piece, rows, watch| {
            // In locals, where the compiler keeps them in registers.
            let (pools, admissions) = (pools.as_mut_slice(), admissions.as_mut_slice());
            let (profile, init_duration) = (*profile, init_duration.as_slice());
            let columns = piece.arrival.iter().zip(piece.function).zip(piece.duration);
            for (((&now, &function), &duration), outcome) in columns.zip(&mut outcome[rows]) {
                // What has ended by now gives way first, then the rule decides.
                let complete = |at, function: u32| {
                    admissions[function as usize].complete(pools, profile, at);
                };
                calendar.complete_until(now, complete, watch)?;
                let verdict = admissions[function as usize].attempt(pools, profile, now);
                if !verdict.is_throttled() {
                    let cold = verdict == Outcome::Cold;
                    let init = if cold { init_duration[function as usize] } else { 0 };
                    let end = now + init + duration;
                    *last_completion = end.max(*last_completion);
                    calendar.schedule(end, function);
                }
                *outcome = verdict as u8;
            }
            ControlFlow::Continue(())
        })?;
        if let Some(&last) = invocations.arrival.last() {
            *now = last;
        }
        Ok(flow)
    }

    /// When the last of the runs so far ends; 0 where none ran.
    pub fn last_completion(&self) -> u64 {
        self.last_completion
    }

    /// Invocations that are running.
    pub fn in_flight(&self) -> usize {
        self.calendar.in_flight()
    }
}
