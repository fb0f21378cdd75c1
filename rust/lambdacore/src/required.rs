//! The smallest limit that is enough, by function and for the account.
//!
//! In a pure pool (no cold starts, no rates, no retries) what is throttled at a limit of
//! c + 1 is a subset of what is throttled at c: the sets are nested, whatever the durations.
//! So the count of throttles falls with the limit and can be searched by halves; and there
//! are none exactly from the peak of the unlimited run on.

use crate::concurrency::unlimited_peaks;
use crate::invocations::{PIECE, Watch};
use crate::{Invocations, Outcome, Simulation, TraceError, Wheel};

/// What [`required_concurrency`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// The smallest sufficient limit of each function, alone in a pool of its own.
    pub by_function: Vec<u32>,
    /// The smallest sufficient limit of one pool that all functions share.
    pub account: u32,
    /// The peak of each function where nothing is limited.
    pub peak_by_function: Vec<u32>,
    /// The peak of their sum where nothing is limited.
    pub peak_account: u32,
}

/// The smallest limits at which no more than the allowed number of invocations is throttled.
///
/// `allowed[f]` is how many of function `f` may be throttled, `allowed_account` how many of
/// all. One pass over the trace for the peaks, then one for each halving of the largest
/// peak. `watch` hears the rows done and can break off, which gives `None`.
///
/// # Errors
///
/// [`TraceError`] for a bad row.
pub fn required_concurrency(
    invocations: Invocations<'_>,
    allowed: &[u64],
    allowed_account: u64,
    watch: &mut Watch<'_>,
) -> Result<Option<Required>, TraceError> {
    let functions = allowed.len();
    let Some((peak_by_function, peak_account)) = unlimited_peaks(invocations, functions, watch)?
    else {
        return Ok(None);
    };
    let each_its_own: Vec<usize> = (0..functions).collect();
    let Some(by_function) =
        smallest_limits(invocations, &each_its_own, allowed, &peak_by_function, watch)?
    else {
        return Ok(None);
    };
    let all_in_one = vec![0; functions];
    let Some(account) =
        smallest_limits(invocations, &all_in_one, &[allowed_account], &[peak_account], watch)?
    else {
        return Ok(None);
    };
    Ok(Some(Required { by_function, account: account[0], peak_by_function, peak_account }))
}

/// Searches all pools at once, each between 0 and its peak: they are disjoint, so one pass
/// tries one limit for each.
fn smallest_limits(
    invocations: Invocations<'_>,
    pool_of: &[usize],
    allowed: &[u64],
    peaks: &[u32],
    watch: &mut Watch<'_>,
) -> Result<Option<Vec<u32>>, TraceError> {
    let mut enough = peaks.to_vec();
    let mut candidate: Vec<u32> = allowed
        .iter()
        .zip(peaks)
        // Without any throttle allowed the peak is the answer; no need to search.
        .map(|(&allowed, &peak)| if allowed == 0 { peak } else { 0 })
        .collect();
    while candidate != enough {
        let limits: Vec<u32> =
            candidate.iter().zip(&enough).map(|(&low, &high)| u32::midpoint(low, high)).collect();
        let Some(throttled) = throttles(invocations, pool_of, &limits, watch)? else {
            return Ok(None);
        };
        for (pool, &limit) in limits.iter().enumerate() {
            if throttled[pool] <= allowed[pool] {
                enough[pool] = limit;
            } else {
                candidate[pool] = limit + 1;
            }
        }
    }
    Ok(Some(enough))
}

/// How many invocations each of some pure pools throttles.
fn throttles(
    invocations: Invocations<'_>,
    pool_of: &[usize],
    limits: &[u32],
    watch: &mut Watch<'_>,
) -> Result<Option<Vec<u64>>, TraceError> {
    let mut simulation = Simulation::<Wheel>::of_pure_pools(limits, pool_of);
    let mut throttled = vec![0; limits.len()];
    let mut outcome = vec![0; PIECE];
    let mut start = 0;
    while start < invocations.len() {
        let piece = invocations.rows(start..invocations.len().min(start + PIECE));
        let outcome = &mut outcome[..piece.len()];
        start += piece.len();
        if simulation.run_watched(piece, outcome, watch)?.is_break() {
            return Ok(None);
        }
        for (&function, &outcome) in piece.function.iter().zip(&*outcome) {
            throttled[pool_of[function as usize]] += u64::from(outcome >= Outcome::FIRST_THROTTLED);
        }
    }
    Ok(Some(throttled))
}
