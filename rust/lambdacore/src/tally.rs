//! Totals of a run, read off its columns.

use crate::{Invocations, Outcome, TraceError};

/// Totals by function, and the end of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// For each function, how often each outcome code occurred.
    pub outcomes: Vec<[u64; Outcome::CODES]>,
    /// For each function, the nanoseconds that its admitted invocations held a permit.
    pub occupied: Vec<u128>,
    /// When the last run ended; 0 where none ran.
    pub last_completion: u64,
}

impl Tally {
    /// Nothing counted yet, for as many functions.
    pub fn new(functions: usize) -> Self {
        Self {
            outcomes: vec![[0; Outcome::CODES]; functions],
            occupied: vec![0; functions],
            last_completion: 0,
        }
    }
}

/// Adds invocations to a tally. `init_duration[f]` is what a cold start of `f` adds.
///
/// # Errors
///
/// [`TraceError`] for a bad row.
pub fn tally(
    invocations: Invocations<'_>,
    outcome: &[u8],
    init_duration: &[u64],
    tally: &mut Tally,
) -> Result<(), TraceError> {
    invocations.check(0, init_duration.len())?;
    let Invocations { arrival, function, duration, .. } = invocations;
    let rows = arrival.iter().zip(function).zip(duration).zip(outcome);
    for (((&at, &function), &duration), &outcome) in rows {
        let function = function as usize;
        tally.outcomes[function][outcome as usize % Outcome::CODES] += 1;
        if outcome < Outcome::FIRST_THROTTLED {
            let cold = outcome == Outcome::Cold as u8;
            let held = duration + if cold { init_duration[function] } else { 0 };
            tally.occupied[function] += u128::from(held);
            tally.last_completion = tally.last_completion.max(at + held);
        }
    }
    Ok(())
}
