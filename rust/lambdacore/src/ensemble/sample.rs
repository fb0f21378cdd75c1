//! The calls of one replication as columns.

use std::collections::TryReserveError;
use std::ops::ControlFlow;

use super::threads;
use crate::invocations::Watch;
use crate::traffic::{Stop, Traffic, Workload};

/// Columns of calls in order of arrival.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Nanoseconds from the beginning of the lead.
    pub arrival: Vec<u64>,
    /// Index of the stream.
    pub function: Vec<u32>,
    /// Nanoseconds.
    pub duration: Vec<u64>,
    /// Nanoseconds, where a stream says so.
    pub init: Option<Vec<u64>>,
}

/// Draws the calls that [`Traffic::new`] gives in blocks of `block` rows. `None` where `watch` broke
/// off.
///
/// # Errors
///
/// Where there is no memory for them.
pub fn sample(
    workload: &Workload,
    (seed, replication): (u128, u64),
    (lead, horizon): (u64, u64),
    block: Option<usize>,
    watch: &mut Watch<'_>,
) -> Result<Option<Calls>, TryReserveError> {
    let one = |replication, watch: &mut Watch<'_>, stop: &Stop| {
        let mut traffic =
            Traffic::until_stopped(workload, seed, replication, lead, lead + horizon, stop);
        if let Some(rows) = block {
            traffic = traffic.in_blocks_of(rows);
        }
        collect(traffic, watch).transpose()
    };
    let mut found = None;
    let mut done = |_, calls| found = Some(calls);
    // On a thread of its own, so that the calling one can break off what says nothing for long.
    let flow = threads::run(replication..replication + 1, 1, &one, &mut done, watch);
    if flow.is_break() {
        return Ok(None);
    }
    found.transpose()
}

fn collect(mut traffic: Traffic, watch: &mut Watch<'_>) -> Result<Option<Calls>, TryReserveError> {
    let mut calls = Calls::default();
    while let Some(block) = traffic.next_block() {
        extend(&mut calls.arrival, block.arrival)?;
        extend(&mut calls.function, block.function)?;
        extend(&mut calls.duration, block.duration)?;
        if let Some(init) = block.init {
            extend(calls.init.get_or_insert_default(), init)?;
        }
        if watch(block.len()) == ControlFlow::Break(()) {
            return Ok(None);
        }
    }
    Ok(Some(calls))
}

fn extend<T: Copy>(column: &mut Vec<T>, more: &[T]) -> Result<(), TryReserveError> {
    column.try_reserve(more.len())?;
    column.extend_from_slice(more);
    Ok(())
}
