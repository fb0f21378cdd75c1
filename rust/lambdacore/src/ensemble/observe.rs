//! What is read off a run while it goes on.

use std::ops::Range;

use super::{Series, Statistics};
use crate::concurrency::Level;
use crate::simulation::{Observer, Span};
use crate::wide::wide;
use crate::{Account, Invocations, Outcome};

/// What is counted of one function.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    level: Level,
    busy: u128,
    outcomes: [u64; Outcome::CODES],
}

impl Counts {
    #[inline]
    fn count(&mut self, verdict: Outcome, counted: bool) {
        let count = &mut self.outcomes[verdict as usize % Outcome::CODES];
        *count = count.wrapping_add(u64::from(counted));
    }

    /// Arrivals and throttles.
    fn arrivals(&self) -> (u64, u64) {
        let throttled = &self.outcomes[Outcome::FIRST_THROTTLED as usize..];
        (self.outcomes.iter().sum(), throttled.iter().sum())
    }
}

/// What is kept of a function, or of the account, from bin to bin.
#[derive(Clone, Debug, Default)]
struct Row {
    /// The most at once in the bins before.
    peak: u32,
    /// Arrivals and throttles up to the beginning of the bin.
    before: (u64, u64),
}

/// For how long so many ran.
#[derive(Clone, Debug, Default)]
struct Times {
    at_level: Vec<u64>,
    since: u64,
}

impl Times {
    /// Notes that another number than `running` runs from `now` on.
    #[inline]
    fn note(&mut self, running: u32, now: u64) {
        let level = running as usize;
        if level >= self.at_level.len() {
            self.at_level.resize(level + 1, 0);
        }
        self.at_level[level] += now - self.since;
        self.since = now;
    }
}

/// Reads statistics off a simulation; `TIMED` whether the time at each level is one of them.
#[derive(Debug)]
pub(super) struct Recorder<const TIMED: bool> {
    /// For each version of the account, the row of its function.
    row_of: Vec<u32>,
    counts: Vec<Counts>,
    account: Level,
    /// A row for each function, and the account's last; so too the times.
    rows: Vec<Row>,
    times: Vec<Times>,
    counted: Range<u64>,
    quantiles: Vec<f64>,
    /// Bins in all, and which it is; what comes before the first is none.
    bins: usize,
    bin: Option<usize>,
    series: Series,
}

impl<const TIMED: bool> Recorder<TIMED> {
    pub(super) fn new(
        account: &Account,
        counted: Range<u64>,
        bins: usize,
        quantiles: &[f64],
    ) -> Self {
        let functions = account.functions().len();
        let mut row_of = Vec::with_capacity(account.versions() as usize);
        for function in 0..functions {
            row_of.extend(account.versions_of(function).map(|_| function as u32));
        }
        let size = (functions + 1) * bins;
        let times = Times { since: counted.start, ..Times::default() };
        Self {
            row_of,
            counts: vec![Counts::default(); functions],
            account: Level::default(),
            rows: vec![Row::default(); functions + 1],
            times: vec![times; functions + 1],
            counted,
            quantiles: quantiles.to_vec(),
            bins,
            bin: None,
            series: Series {
                arrivals: vec![0; size],
                throttles: vec![0; size],
                peak: vec![0; size],
            },
        }
    }

    /// The counting begins, or a bin ends and the next one begins, after the completions of that
    /// instant.
    pub(super) fn pass_edge(&mut self) {
        self.end_bin();
        self.bin = Some(self.bin.map_or(0, |bin| bin + 1));
    }

    fn end_bin(&mut self) {
        let mut all = (0, 0);
        for row in 0..self.rows.len() {
            let of_function = self.counts.get(row).map(Counts::arrivals);
            let counts = of_function.unwrap_or(all);
            all = (all.0 + counts.0, all.1 + counts.1);
            let level = match self.counts.get_mut(row) {
                Some(counts) => &mut counts.level,
                None => &mut self.account,
            };
            let maximum = level.take_maximum(false);
            let of_row = &mut self.rows[row];
            if let Some(bin) = self.bin {
                of_row.peak = of_row.peak.max(maximum);
                if bin < self.bins {
                    let place = row * self.bins + bin;
                    let (arrivals, throttles) = of_row.before;
                    self.series.arrivals[place] = counts.0 - arrivals;
                    self.series.throttles[place] = counts.1 - throttles;
                    self.series.peak[place] = maximum;
                }
            }
            of_row.before = counts;
        }
    }

    pub(super) fn finish(mut self) -> Statistics {
        self.end_bin();
        let mut quantiles = Vec::new();
        if TIMED {
            let levels = self.counts.iter().map(|counts| &counts.level).chain([&self.account]);
            for (times, level) in self.times.iter_mut().zip(levels) {
                times.note(level.running, self.counted.end);
                quantiles.push(levels_of(&times.at_level, &self.quantiles));
            }
        }
        Statistics {
            outcomes: self.counts.iter().map(|counts| counts.outcomes).collect(),
            busy: self.counts.iter().map(|counts| counts.busy).collect(),
            peak: self.rows.iter().map(|row| row.peak).collect(),
            quantiles,
            series: self.series,
        }
    }

    /// Within the counted time.
    #[inline]
    fn clip(&self, at: u64) -> u64 {
        at.clamp(self.counted.start, self.counted.end)
    }

    /// Notes the time at the numbers that run now, which are about to change.
    #[inline]
    fn note_times(&mut self, row: usize, now: u64) {
        if TIMED {
            let now = self.clip(now);
            self.times[row].note(self.counts[row].level.running, now);
            if let Some(account) = self.times.last_mut() {
                account.note(self.account.running, now);
            }
        }
    }
}

// A part of the event loop.
#[allow(clippy::inline_always)]
impl<const TIMED: bool> Observer for Recorder<TIMED> {
    const LOOKS: bool = true;
    const TIMED: bool = TIMED;

    #[inline(always)]
    fn admitted(&mut self, version: usize, verdict: Outcome, now: u64, end: u64) {
        let row = self.row_of[version] as usize;
        self.note_times(row, now);
        let Range { start, end: horizon } = self.counted;
        let held = end.min(horizon).max(start) - now.max(start);
        self.account.start();
        let counts = &mut self.counts[row];
        counts.level.start();
        // Less than the time of 2^32 runs at once: neither overflows.
        counts.busy = counts.busy.wrapping_add(u128::from(held));
        counts.count(verdict, now >= start);
    }

    #[inline(always)]
    fn throttled(&mut self, version: usize, verdict: Outcome, now: u64) {
        let row = self.row_of[version] as usize;
        self.counts[row].count(verdict, now >= self.counted.start);
    }

    #[inline(always)]
    fn moved(&mut self, version: usize, admitted: u32, ended: u32) {
        let row = self.row_of[version] as usize;
        self.counts[row].level.change(admitted, ended);
    }

    fn passed(&mut self, version: Option<usize>, span: Span) {
        match version {
            Some(version) => self.counts[self.row_of[version] as usize].level.pass(span),
            None => self.account.pass(span),
        }
    }

    #[inline(always)]
    fn decided(&mut self, version: usize, verdict: u8, admitted: bool, now: u64, end: u64) {
        let Range { start, end: horizon } = self.counted;
        let held = end.min(horizon).max(start).wrapping_sub(now.max(start));
        let counts = &mut self.counts[self.row_of[version] as usize];
        let held = u128::from(held & u64::from(admitted).wrapping_neg());
        counts.busy = counts.busy.wrapping_add(held);
        let count = &mut counts.outcomes[verdict as usize % Outcome::CODES];
        *count = count.wrapping_add(u64::from(now >= start));
    }

    fn decided_all(&mut self, version: usize, full: u8, rows: Invocations<'_>, held: &[u8]) {
        // Below 2^63, as all times are: signed numbers are compared several at once.
        let (start, end) = (self.counted.start.cast_signed(), self.counted.end.cast_signed());
        let [came, admitted, low, high] = wide(
            #[inline(always)]
            move || {
                let columns = rows.arrival.iter().zip(rows.duration).zip(held);
                let (mut came, mut admitted, mut low, mut high) = (0_u64, 0_u64, 0_u64, 0_u64);
                for ((&at, &duration), &held) in columns {
                    let held = u64::from(held);
                    let ends = at.wrapping_add(duration).cast_signed();
                    let at = at.cast_signed();
                    let counted = u64::from(at >= start);
                    came = came.wrapping_add(counted);
                    admitted = admitted.wrapping_add(counted & held);
                    let time = ends.min(end).max(start).wrapping_sub(at.max(start));
                    let time = time.cast_unsigned() & held.wrapping_neg();
                    // By halves, whose sums do not overflow.
                    low = low.wrapping_add(time & u64::from(u32::MAX));
                    high = high.wrapping_add(time >> 32);
                }
                [came, admitted, low, high]
            },
        );
        let counts = &mut self.counts[self.row_of[version] as usize];
        counts.busy += u128::from(low) + (u128::from(high) << 32);
        counts.outcomes[Outcome::Warm as usize] += admitted;
        counts.outcomes[full as usize] += came - admitted;
    }

    #[inline(always)]
    fn ended(&mut self, version: usize, at: u64) {
        let row = self.row_of[version] as usize;
        self.note_times(row, at);
        self.account.running -= 1;
        self.counts[row].level.running -= 1;
    }
}

/// For each share, the smallest level up to which so much of the time was spent.
#[allow(clippy::cast_precision_loss, reason = "a share of a time is rounded anyway")]
fn levels_of(time_at: &[u64], shares: &[f64]) -> Vec<u32> {
    let total: u64 = time_at.iter().sum();
    let level = |share: &f64| {
        let wanted = share * total as f64;
        let mut sum = 0;
        let found = time_at.iter().position(|&time| {
            sum += time;
            sum as f64 >= wanted && sum > 0
        });
        found.unwrap_or(0) as u32
    };
    shares.iter().map(level).collect()
}
