//! Series over time, read off the columns after a run: counts and concurrency in bins.

use std::ops::ControlFlow;

use crate::invocations::{Ends, PIECE, Watch};
use crate::{Calendar, Invocations, Outcome, TraceError, Wheel};

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
    fn end(self, index: usize) -> u64 {
        (self.first + index as u64).saturating_add(1).saturating_mul(self.period)
    }

    /// Nanosecond at which the first bin begins.
    fn start(self) -> u64 {
        self.first.saturating_mul(self.period)
    }

    /// Index of the bin of an instant.
    fn index(self, at: u64) -> usize {
        (at / self.period - self.first) as usize
    }
}

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
        let columns = piece.arrival.iter().zip(piece.function);
        for ((&at, &function), &outcome) in columns.zip(&outcome[rows]) {
            if at >= end {
                bin = bins.index(at);
                end = bins.end(bin);
            }
            if wanted >> (outcome % 32) & 1 == 1
                && let Some(row) = row_of[function as usize]
            {
                counts[row * bins.count + bin] += 1;
            }
        }
        ControlFlow::Continue(())
    })
}

/// What the recorder must know of a function of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Nanoseconds that a cold start adds.
    pub init_duration: u64,
    /// Whether it draws on the unreserved pool.
    pub unreserved: bool,
    /// Its row in the result, or `None` to leave it out of the rows; the Region counts it
    /// all the same.
    pub row: Option<usize>,
}

/// Where [`record_concurrency`] writes: maxima in each bin. All zero at first.
#[derive(Debug)]
pub struct Concurrency<'a> {
    /// By function: rows of `bins.count` each.
    pub by_function: &'a mut [u32],
    /// Of the sum over all functions.
    pub region: &'a mut [u32],
    /// Of the sum over functions without a reservation.
    pub unreserved: &'a mut [u32],
}

/// Finds the maximum concurrency in each bin, by function and for the Region.
///
/// A run `[start, end)` counts in every bin it touches; what a bin begins with is taken
/// after the completions at its start. A run of length zero counts at its instant.
///
/// `functions[f]` is what must be known of function `f`. `watch` hears the rows done and can
/// break off.
///
/// # Errors
///
/// [`TraceError`] for a bad row.
///
/// # Panics
///
/// Where a row lies outside `out`, or `outcome` is shorter than the columns.
pub fn record_concurrency(
    invocations: Invocations<'_>,
    outcome: &[u8],
    functions: Vec<Recorded>,
    bins: Bins,
    out: Concurrency<'_>,
    watch: &mut Watch<'_>,
) -> Result<ControlFlow<()>, TraceError> {
    let init_duration: Vec<u64> = functions.iter().map(|f| f.init_duration).collect();
    let ends = Ends::with_init(&init_duration);
    let mut recorder = Recorder::new(functions, bins, out);
    let flow = invocations.in_pieces(bins.start(), ends, watch, |piece, rows, watch| {
        recorder.record(piece, &outcome[rows], watch)
    })?;
    Ok(if flow.is_break() { flow } else { recorder.end_bins_until(u64::MAX, watch) })
}

/// A number of running invocations, and its maximum since the bin began.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    running: u32,
    maximum: u32,
}

impl Level {
    #[inline]
    fn start(&mut self) {
        self.running += 1;
        self.maximum = self.maximum.max(self.running);
    }

    /// Ends the bin: what is carried over begins the next one.
    #[inline]
    fn take_maximum(&mut self) -> u32 {
        std::mem::replace(&mut self.maximum, self.running)
    }
}

#[inline]
fn end_run(
    functions: &mut [(Recorded, Level)],
    region: &mut Level,
    unreserved: &mut Level,
    function: u32,
) {
    let (recorded, level) = &mut functions[function as usize];
    level.running -= 1;
    region.running -= 1;
    unreserved.running -= u32::from(recorded.unreserved);
}

#[derive(Debug)]
struct Recorder<'a> {
    /// Each function of the trace with its level, side by side: one look-up an event.
    functions: Vec<(Recorded, Level)>,
    /// Functions that have a row, and which.
    shown: Vec<(usize, usize)>,
    bins: Bins,
    out: Concurrency<'a>,
    bin: usize,
    bin_end: u64,
    calendar: Wheel,
    region: Level,
    unreserved: Level,
}

impl<'a> Recorder<'a> {
    fn new(functions: Vec<Recorded>, bins: Bins, out: Concurrency<'a>) -> Self {
        let row_of = |(index, f): (usize, &Recorded)| f.row.map(|row| (index, row));
        Self {
            shown: functions.iter().enumerate().filter_map(row_of).collect(),
            functions: functions.into_iter().map(|f| (f, Level::default())).collect(),
            bins,
            out,
            bin: 0,
            bin_end: bins.end(0),
            calendar: Wheel::default(),
            region: Level::default(),
            unreserved: Level::default(),
        }
    }

    fn record(
        &mut self,
        piece: Invocations<'_>,
        outcome: &[u8],
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let mut start = 0;
        while start < piece.len() {
            let now = piece.arrival[start];
            if now >= self.bin_end {
                self.end_bins_until(now, watch)?;
            }
            let within = piece.arrival[start..].partition_point(|&at| at < self.bin_end);
            let rows = start..start + within.max(1);
            start = rows.end;
            self.record_within_bin(piece.rows(rows.clone()), &outcome[rows], watch)?;
        }
        ControlFlow::Continue(())
    }

    /// The hot loop: arrivals of the present bin.
    fn record_within_bin(
        &mut self,
        piece: Invocations<'_>,
        outcome: &[u8],
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        // In locals, where the compiler keeps them in registers.
        let (calendar, functions) = (&mut self.calendar, self.functions.as_mut_slice());
        let (mut region, mut unreserved) = (self.region, self.unreserved);
        let columns = piece.arrival.iter().zip(piece.function).zip(piece.duration);
        for (((&now, &function), &duration), &outcome) in columns.zip(outcome) {
            if outcome >= Outcome::FIRST_THROTTLED {
                continue;
            }
            let complete = |_, f| end_run(functions, &mut region, &mut unreserved, f);
            calendar.complete_until(now, complete, watch)?;
            let (recorded, level) = &mut functions[function as usize];
            level.start();
            region.start();
            if recorded.unreserved {
                unreserved.start();
            }
            let cold = outcome == Outcome::Cold as u8;
            let init = if cold { recorded.init_duration } else { 0 };
            calendar.schedule(now + init + duration, function);
        }
        (self.region, self.unreserved) = (region, unreserved);
        ControlFlow::Continue(())
    }

    fn complete_until(&mut self, now: u64, watch: &mut Watch<'_>) -> ControlFlow<()> {
        let Self { calendar, functions, region, unreserved, .. } = self;
        let complete = |_, f| end_run(functions, region, unreserved, f);
        calendar.complete_until(now, complete, watch)
    }

    /// Ends every bin that ends by `now`.
    #[cold]
    fn end_bins_until(&mut self, now: u64, watch: &mut Watch<'_>) -> ControlFlow<()> {
        let mut written = 0;
        while now >= self.bin_end && self.bin < self.bins.count {
            self.complete_until(self.bin_end, watch)?;
            if self.calendar.in_flight() == 0 && self.region.maximum == 0 {
                // Nothing happens until now: those bins stay zero.
                self.bin = self.bins.index(now).min(self.bins.count);
            } else {
                self.end_bin();
            }
            self.bin_end = self.bins.end(self.bin);
            written += self.shown.len() + 1;
            if written >= PIECE {
                written = 0;
                watch(0)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn end_bin(&mut self) {
        let Self { bin, bins, out, .. } = self;
        for &(function, row) in &self.shown {
            out.by_function[row * bins.count + *bin] = self.functions[function].1.take_maximum();
        }
        out.region[*bin] = self.region.take_maximum();
        out.unreserved[*bin] = self.unreserved.take_maximum();
        *bin += 1;
    }
}

/// Peaks of a run in which everything is admitted, with durations as given: by function,
/// and of the sum. `None` where `watch` broke off.
pub(crate) fn unlimited_peaks(
    invocations: Invocations<'_>,
    functions: usize,
    watch: &mut Watch<'_>,
) -> Result<Option<(Vec<u32>, u32)>, TraceError> {
    let (mut peaks, mut region, mut unreserved) = (vec![0; functions], [0], [0]);
    let all = (0..functions)
        .map(|row| Recorded { init_duration: 0, unreserved: true, row: Some(row) })
        .collect();
    let out =
        Concurrency { by_function: &mut peaks, region: &mut region, unreserved: &mut unreserved };
    let whole = Bins { period: u64::MAX, first: 0, count: 1 };
    // Everything admitted, nothing cold: the outcomes of a run without limits.
    let warm = vec![Outcome::Warm as u8; invocations.len()];
    let flow = record_concurrency(invocations, &warm, all, whole, out, watch)?;
    Ok(flow.is_continue().then_some((peaks, region[0])))
}
