//! Counts over time, read off the columns after a run. Concurrency is in `concurrency.rs`.

use std::ops::ControlFlow;

use crate::invocations::{Ends, Watch};
use crate::{Invocations, TraceError};

/// Bins `[k * period, (k + 1) * period)` for `count` values of k from `first` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bins {
    /// Nanoseconds, above zero.
    pub period: u64,
    /// The first bin's k.
    pub first: u64,
    /// How many there are.
    pub count: usize,
}

impl Bins {
    /// Nanosecond at which bin `index` ends; it belongs to the next one.
    #[inline]
    pub(crate) fn end(self, index: usize) -> u64 {
        (self.first + index as u64).saturating_add(1).saturating_mul(self.period)
    }

    /// Nanosecond at which the first bin begins.
    pub(crate) fn start(self) -> u64 {
        self.first.saturating_mul(self.period)
    }

    /// Index of the bin of an instant.
    pub(crate) fn index(self, at: u64) -> usize {
        (at / self.period - self.first) as usize
    }
}

/// Rows whose bin is found by one search: few, for bins may be short.
const AT_ONCE: usize = 256;

/// Counts the invocations of certain outcomes by function and bin of arrival.
///
/// `wanted` has bit `c` set for outcome code `c`. `row_of[f]` is the row of `counts` for
/// function `f`, or `None` to leave it out; `counts` has `bins.count` columns.
///
/// # Errors
///
/// [`TraceError`] for a bad row.
///
/// # Panics
///
/// Where the first or the last arrival lies outside `bins`, a row outside `counts`, or
/// `outcome` is shorter than the columns.
pub fn count_by_bin(
    invocations: Invocations<'_>,
    outcome: &[u8],
    wanted: u32,
    row_of: &[Option<usize>],
    bins: Bins,
    counts: &mut [u64],
    watch: &mut Watch<'_>,
) -> Result<ControlFlow<()>, TraceError> {
    let (mut bin, mut end) = (0, bins.end(0));
    let ends = Ends::without_init(row_of.len());
    invocations.in_pieces(bins.start(), ends, watch, |piece, rows, _| {
        let outcome = &outcome[rows];
        let mut start = 0;
        while start < piece.len() {
            if piece.arrival[start] >= end {
                bin = bins.index(piece.arrival[start]);
                end = bins.end(bin);
            }
            // Some rows of one bin.
            let rows = start..piece.len().min(start + AT_ONCE);
            let within = piece.arrival[rows].partition_point(|&at| at < end);
            let rows = start..start + within.max(1);
            start = rows.end;
            for (&function, &outcome) in piece.function[rows.clone()].iter().zip(&outcome[rows]) {
                if wanted >> (outcome % 32) & 1 == 1
                    && let Some(row) = row_of[function as usize]
                {
                    counts[row * bins.count + bin] += 1;
                }
            }
        }
        ControlFlow::Continue(())
    })
}
