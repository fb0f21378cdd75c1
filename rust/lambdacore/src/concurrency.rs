//! Concurrency over time, read off the columns after a run: maxima in bins.

mod in_windows;

use std::ops::ControlFlow;

use crate::invocations::{Ends, PIECE, Watch};
use crate::simulation::Span;
use crate::stream::{ROWS, Window};
use crate::{Account, Bins, Calendar, Change, Invocations, Outcome, Timeline, TraceError, Wheel};

/// What is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Bit `c` is set where runs of outcome code `c` count.
    pub wanted: u32,
    /// Levels are read only when something is invoked, as AWS emits them; otherwise a maximum
    /// holds for the whole bin.
    pub at_invocation: bool,
    /// Whether what runs on provisioned environments of functions without a reservation counts
    /// as unreserved.
    pub provisioned_is_unreserved: bool,
}

impl Recording {
    /// All that run, and true maxima.
    pub const ALL: Self =
        Self { wanted: u32::MAX, at_invocation: false, provisioned_is_unreserved: false };
}

/// Where [`record_concurrency`] writes: maxima in each bin. All zero at first.
#[derive(Debug)]
pub struct Concurrency<'a> {
    /// By row: `bins.count` each.
    pub by_row: &'a mut [u32],
    /// Of the sum over all.
    pub region: &'a mut [u32],
    /// Of the sum over functions without a reservation.
    pub unreserved: &'a mut [u32],
    /// Of that sum and what other functions claim: reservations, and what is provisioned
    /// without one.
    pub claimed: &'a mut [u32],
}

/// Finds the maximum concurrency in each bin, by row and for the Region.
///
/// A run `[start, end)` counts in every bin it touches; what a bin begins with is taken after
/// the completions, and the changes of configuration, at its start. A run of length zero
/// counts at its instant.
///
/// `traced[i]` is the [target](Account::target) that index `i` of the function column means,
/// and `row_of[i]` the row that it counts in, if any. `watch` hears the rows done and can break
/// off.
///
/// # Errors
///
/// [`TraceError`] for a bad row.
///
/// # Panics
///
/// Where a row lies outside `out`, `traced` holds what is no target, or `outcome` is shorter
/// than the columns.
#[allow(clippy::too_many_arguments)]
pub fn record_concurrency(
    account: &Account,
    timeline: &Timeline,
    invocations: Invocations<'_>,
    outcome: &[u8],
    (traced, row_of): (&[u32], &[Option<usize>]),
    recording: Recording,
    bins: Bins,
    out: Concurrency<'_>,
    watch: &mut Watch<'_>,
) -> Result<ControlFlow<()>, TraceError> {
    let init_duration = account.init_durations(traced);
    let sources =
        (traced.iter().zip(row_of).zip(&init_duration)).map(|((&target, &row), &init)| {
            let function = account.function_of(target);
            let reserved = account.functions()[function as usize].reserved_concurrency;
            Source {
                function,
                init_duration: init,
                unreserved: reserved.is_none(),
                level: level_of(row),
                on_shared: 0,
            }
        });
    let recorder = Recorder::new(sources.collect(), Claims::of(account), recording, bins, out);
    recorder.run(invocations, outcome, timeline, &init_duration, watch)
}

/// Peaks of a run in which everything is admitted, with durations as given: by function,
/// and of the sum. `None` where `watch` broke off.
pub(crate) fn unlimited_peaks(
    invocations: Invocations<'_>,
    functions: usize,
    watch: &mut Watch<'_>,
) -> Result<Option<(Vec<u32>, u32)>, TraceError> {
    let (mut peaks, mut region) = (vec![0; functions], [0]);
    let source = |row| Source {
        function: row as u32,
        init_duration: 0,
        unreserved: true,
        level: level_of(Some(row)),
        on_shared: 0,
    };
    let out = Concurrency {
        by_row: &mut peaks,
        region: &mut region,
        unreserved: &mut [0],
        claimed: &mut [0],
    };
    let whole = Bins { period: u64::MAX, first: 0, count: 1 };
    // Everything admitted, nothing cold: the outcomes of a run without limits.
    let warm = vec![Outcome::Warm as u8; invocations.len()];
    let sources = (0..functions).map(source).collect();
    let recorder = Recorder::new(sources, Claims::default(), Recording::ALL, whole, out);
    let no_init = vec![0; functions];
    let flow = recorder.run(invocations, &warm, &Timeline::default(), &no_init, watch)?;
    Ok(flow.is_continue().then_some((peaks, region[0])))
}

/// What the recorder must know of one index of the function column.
#[derive(Clone, Copy, Debug)]
struct Source {
    function: u32,
    /// Nanoseconds that a cold start adds if its row does not say.
    init_duration: u64,
    /// Whether its function has no reservation now.
    unreserved: bool,
    /// Which level its runs count in.
    level: u32,
    /// Its runs that count as unreserved while that is so.
    on_shared: u32,
}

/// The first level is for sources without a row.
fn level_of(row: Option<usize>) -> u32 {
    row.map_or(0, |row| row as u32 + 1)
}

/// What an outcome code means: whether its runs count at all, and as unreserved.
#[derive(Clone, Copy, Debug)]
struct Kind {
    counts: bool,
    on_shared: bool,
}

impl Kind {
    fn of(code: u8, recording: Recording) -> Self {
        let admitted = code < Outcome::FIRST_THROTTLED;
        let provisioned = code == Outcome::Provisioned as u8;
        Self {
            counts: admitted && recording.wanted >> code & 1 == 1,
            on_shared: !provisioned || recording.provisioned_is_unreserved,
        }
    }
}

/// What functions claim of the account, used or not, as the configuration changes.
#[derive(Debug, Default)]
struct Claims {
    reserved: Vec<Option<u32>>,
    /// By function, the sum of what its versions have provisioned.
    provisioned: Vec<u32>,
    /// By version: of which function it is, and what of that sum is its own.
    versions: Vec<(u32, u32)>,
    /// Whether only what is allocated is claimed (rule 3.16).
    by_allocation: bool,
    total: u32,
}

impl Claims {
    fn of(account: &Account) -> Self {
        let mut claims = Self {
            reserved: account.functions().iter().map(|f| f.reserved_concurrency).collect(),
            provisioned: vec![0; account.functions().len()],
            versions: Vec::with_capacity(account.versions() as usize),
            by_allocation: account.profile().provisioning.claim_allocated,
            total: account.concurrency_limit() - account.unreserved_concurrency(),
        };
        for function in 0..account.functions().len() {
            let of_function = account.versions_of(function);
            claims.versions.extend(of_function.map(|_| (function as u32, 0)));
        }
        for (version, requested) in account.provisioned() {
            let (function, own) = &mut claims.versions[version as usize];
            *own = requested;
            claims.provisioned[*function as usize] += requested;
        }
        claims
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Reserved { function, reserved } => {
                let before = self.claim(function);
                self.reserved[function as usize] = reserved;
                self.total = self.total - before + self.claim(function);
            }
            Change::Provisioned { version, requested, available } => {
                let claimed = if self.by_allocation { available } else { requested };
                let (function, own) = self.versions[version as usize];
                let before = self.claim(function);
                let sum = &mut self.provisioned[function as usize];
                *sum = *sum - own + claimed;
                self.versions[version as usize].1 = claimed;
                self.total = self.total - before + self.claim(function);
            }
            Change::Limit(_) | Change::Alias { .. } => {}
        }
    }

    fn claim(&self, function: u32) -> u32 {
        let function = function as usize;
        self.reserved[function].unwrap_or(self.provisioned[function])
    }
}

/// A number of running invocations, and its maximum since the bin began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Level {
    pub(crate) running: u32,
    pub(crate) maximum: u32,
}

impl Level {
    #[inline]
    pub(crate) fn start(&mut self) {
        self.running += 1;
        self.maximum = self.maximum.max(self.running);
    }

    /// One begins (1, not 0), or one ends (1, not 0), without a branch.
    #[inline]
    pub(crate) fn change(&mut self, begins: u32, ends: u32) {
        // Only a beginning can be a maximum, or is looked at.
        self.step(begins.wrapping_sub(ends), begins.wrapping_neg());
    }

    /// Adds a number, modulo 2^32, and looks at the sum where `looks` has all bits set, not none.
    #[inline]
    fn step(&mut self, by: u32, looks: u32) {
        self.running = self.running.wrapping_add(by);
        self.maximum = self.maximum.max(self.running & looks);
    }

    /// What many changes come to: so many more at most, and in the end.
    pub(crate) fn pass(&mut self, Span { most, left }: Span) {
        self.maximum = self.maximum.max(self.running + most);
        self.running = self.running.wrapping_add(left);
    }

    /// Ends the bin: what is carried over begins the next one.
    #[inline]
    pub(crate) fn take_maximum(&mut self, at_invocation: bool) -> u32 {
        let carried = if at_invocation { 0 } else { self.running };
        std::mem::replace(&mut self.maximum, carried)
    }
}

#[derive(Debug)]
struct Recorder<'a> {
    sources: Vec<Source>,
    /// One for sources without a row, then one a row.
    levels: Vec<Level>,
    recording: Recording,
    /// By outcome code.
    kinds: Box<[Kind; 256]>,
    bins: Bins,
    out: Concurrency<'a>,
    bin: usize,
    bin_end: u64,
    calendar: Wheel,
    window: Option<Box<Window>>,
    region: Level,
    /// Since the last change of claims, or the beginning of the bin.
    unreserved: Level,
    claims: Claims,
    /// Maxima of the bin before the last change in it.
    before: (u32, u32),
    /// When that change, or the bin, began; and whether anything was invoked since.
    since: u64,
    invoked: bool,
}

/// A run is in the calendar under its source, and whether it counts as unreserved.
const ON_SHARED: u32 = 1;

impl<'a> Recorder<'a> {
    fn new(
        sources: Vec<Source>,
        claims: Claims,
        recording: Recording,
        bins: Bins,
        out: Concurrency<'a>,
    ) -> Self {
        let rows = sources.iter().map(|source| source.level as usize).max().unwrap_or(0);
        assert!(rows * bins.count <= out.by_row.len(), "a row outside the answer");
        Self {
            sources,
            levels: vec![Level::default(); rows + 1],
            recording,
            kinds: Box::new(std::array::from_fn(|code| Kind::of(code as u8, recording))),
            bins,
            out,
            bin: 0,
            bin_end: bins.end(0),
            calendar: Wheel::default(),
            window: None,
            region: Level::default(),
            unreserved: Level::default(),
            claims,
            before: (0, 0),
            since: bins.start(),
            invoked: false,
        }
    }

    fn run(
        mut self,
        invocations: Invocations<'_>,
        outcome: &[u8],
        timeline: &Timeline,
        init_duration: &[u64],
        watch: &mut Watch<'_>,
    ) -> Result<ControlFlow<()>, TraceError> {
        let ends = Ends::with_init(init_duration);
        let mut changes = timeline.changes();
        let flow =
            invocations.in_pieces(self.bins.start(), ends, watch, |piece, rows, watch| {
                self.record(piece, &outcome[rows], &mut changes, watch)
            })?;
        Ok(if flow.is_break() { flow } else { self.advance(u64::MAX, &mut changes, watch) })
    }

    fn record(
        &mut self,
        piece: Invocations<'_>,
        outcome: &[u8],
        changes: &mut &[(u64, Change)],
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let mut start = 0;
        while start < piece.len() {
            self.advance(piece.arrival[start], changes, watch)?;
            let until = changes.first().map_or(u64::MAX, |change| change.0).min(self.bin_end);
            let within = piece.arrival[start..].partition_point(|&at| at < until);
            let rows = start..start + within.max(1);
            start = rows.end;
            self.record_unchanged(piece.rows(rows.clone()), &outcome[rows], watch)?;
        }
        ControlFlow::Continue(())
    }

    /// Arrivals of the present bin, with no change between them: window by window where that is
    /// possible, else run by run.
    fn record_unchanged(
        &mut self,
        piece: Invocations<'_>,
        outcome: &[u8],
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let mut start = 0;
        while start < piece.len() {
            let rows = start..piece.len().min(start + ROWS);
            start = rows.end;
            let (rows, outcome) = (piece.rows(rows.clone()), &outcome[rows]);
            if self.takes_window(rows.len()) {
                if self.record_window(rows, outcome) {
                    continue;
                }
                self.leave_windows();
            }
            self.record_one_by_one(rows, outcome, watch)?;
        }
        ControlFlow::Continue(())
    }

    fn record_one_by_one(
        &mut self,
        piece: Invocations<'_>,
        outcome: &[u8],
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        // In locals, where the compiler keeps them in registers.
        let (calendar, sources) = (&mut self.calendar, self.sources.as_mut_slice());
        let levels = self.levels.as_mut_slice();
        let (mut region, mut unreserved) = (self.region, self.unreserved);
        let columns = piece.arrival.iter().zip(piece.function).zip(piece.duration);
        let mut columns = columns.zip(outcome);
        // As in the simulation, only a cold start asks which row it is.
        while let Some((((&now, &index), &duration), &outcome)) = columns.next() {
            let Kind { counts, on_shared } = self.kinds[outcome as usize];
            if !counts {
                continue;
            }
            let complete = |_, run| end_run(sources, levels, &mut region, &mut unreserved, run);
            calendar.complete_until(now, complete, watch)?;
            let source = &mut sources[index as usize];
            levels[source.level as usize].start();
            region.start();
            let on_shared = u32::from(on_shared);
            source.on_shared += on_shared;
            if source.unreserved {
                unreserved.running += on_shared;
            }
            unreserved.maximum = unreserved.maximum.max(unreserved.running);
            let init = if outcome == Outcome::Cold as u8 {
                piece.init_of(piece.len() - columns.len() - 1, source.init_duration)
            } else {
                0
            };
            calendar.schedule(now + init + duration, index << 1 | on_shared);
            self.invoked = true;
        }
        (self.region, self.unreserved) = (region, unreserved);
        ControlFlow::Continue(())
    }

    fn complete_until(&mut self, now: u64, watch: &mut Watch<'_>) -> ControlFlow<()> {
        self.complete_windowed(now);
        let Self { calendar, sources, levels, region, unreserved, .. } = self;
        let complete = |_, run| end_run(sources, levels, region, unreserved, run);
        calendar.complete_until(now, complete, watch)
    }

    /// Ends every bin that ends by `now`, and lets every change until then take effect.
    fn advance(
        &mut self,
        now: u64,
        changes: &mut &[(u64, Change)],
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let mut written = 0;
        while self.bin < self.bins.count {
            let next_change = changes.first().map_or(u64::MAX, |change| change.0);
            // Bins end first: a change belongs to the bin that begins with it.
            if now >= self.bin_end && self.bin_end <= next_change {
                self.complete_until(self.bin_end, watch)?;
                if self.calendar.in_flight() + self.in_window() == 0 && self.region.maximum == 0 {
                    self.skip_idle_bins(now.min(next_change));
                } else {
                    self.end_bin();
                }
                self.bin_end = self.bins.end(self.bin);
                written += self.levels.len();
            } else if now >= next_change && next_change < u64::MAX {
                self.complete_until(next_change, watch)?;
                self.change(next_change, changes[0].1);
                *changes = &changes[1..];
                watch(0)?;
            } else {
                break;
            }
            if written >= PIECE {
                written = 0;
                watch(0)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Puts the maxima since the last change to those of the bin before it.
    fn fold(&mut self) {
        let level = self.unreserved.take_maximum(self.recording.at_invocation);
        if self.invoked || !self.recording.at_invocation {
            self.before.0 = self.before.0.max(level);
            self.before.1 = self.before.1.max(level + self.claims.total);
        }
        self.invoked = false;
    }

    fn change(&mut self, at: u64, change: Change) {
        if at > self.since {
            self.fold();
            self.since = at;
        }
        self.claims.apply(change);
        if let Change::Reserved { function, reserved } = change {
            for source in self.sources.iter_mut().filter(|source| source.function == function) {
                match (source.unreserved, reserved.is_none()) {
                    (true, false) => self.unreserved.running -= source.on_shared,
                    (false, true) => self.unreserved.running += source.on_shared,
                    _ => {}
                }
                source.unreserved = reserved.is_none();
            }
        }
        let carried = if self.recording.at_invocation { 0 } else { self.unreserved.running };
        self.unreserved.maximum = carried;
    }

    /// Moves to the bin of an instant until which nothing runs and nothing changes: levels stay
    /// zero, claims stay what they are.
    fn skip_idle_bins(&mut self, until: u64) {
        self.fold();
        self.out.claimed[self.bin] = std::mem::take(&mut self.before).1;
        let busy = self.bins.index(until).min(self.bins.count);
        self.out.claimed[self.bin + 1..busy].fill(self.claims.total);
        self.bin = busy;
        self.since = self.bins.end(busy) - self.bins.period;
    }

    fn end_bin(&mut self) {
        self.fold();
        let Self { bin, bins, out, recording, .. } = self;
        for (row, level) in self.levels[1..].iter_mut().enumerate() {
            out.by_row[row * bins.count + *bin] = level.take_maximum(recording.at_invocation);
        }
        out.region[*bin] = self.region.take_maximum(recording.at_invocation);
        (out.unreserved[*bin], out.claimed[*bin]) = std::mem::take(&mut self.before);
        self.since = self.bin_end;
        *bin += 1;
    }
}

#[inline]
fn end_run(
    sources: &mut [Source],
    levels: &mut [Level],
    region: &mut Level,
    unreserved: &mut Level,
    run: u32,
) {
    let source = &mut sources[(run >> 1) as usize];
    levels[source.level as usize].running -= 1;
    region.running -= 1;
    source.on_shared -= run & ON_SHARED;
    unreserved.running -= if source.unreserved { run & ON_SHARED } else { 0 };
}
