//! Totals of a run, read off its columns.

use std::ops::ControlFlow;

use crate::invocations::{Ends, Watch};
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

/// Tallies a run. `init_duration[f]` is what a cold start of `f` adds if its row does not say.
/// `None` where `watch` broke off.
///
/// # Errors
///
/// [`TraceError`] for a bad row.
///
/// # Panics
///
/// Where `outcome` is shorter than the columns.
pub fn tally(
    invocations: Invocations<'_>,
    outcome: &[u8],
    init_duration: &[u64],
    watch: &mut Watch<'_>,
) -> Result<Option<Tally>, TraceError> {
    let mut tally = Tally {
        outcomes: vec![[0; Outcome::CODES]; init_duration.len()],
        occupied: vec![0; init_duration.len()],
        last_completion: 0,
    };
    let ends = Ends::with_init(init_duration);
    let flow = invocations.in_pieces(0, ends, watch, |piece, rows, _| {
        let columns = piece.arrival.iter().zip(piece.function).zip(piece.duration);
        let mut columns = columns.zip(&outcome[rows]);
        // As in the simulation, only a cold start asks which row it is.
        while let Some((((&at, &function), &duration), &outcome)) = columns.next() {
            let function = function as usize;
            tally.outcomes[function][outcome as usize % Outcome::CODES] += 1;
            if outcome < Outcome::FIRST_THROTTLED {
                let cold = outcome == Outcome::Cold as u8;
                let init = if cold {
                    piece.init_of(piece.len() - columns.len() - 1, init_duration[function])
                } else {
                    0
                };
                let held = duration + init;
                tally.occupied[function] += u128::from(held);
                tally.last_completion = tally.last_completion.max(at + held);
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(flow.is_continue().then_some(tally))
}
