//! The simulation: arrivals one by one against the pools, completions in between.

mod in_windows;

use std::ops::ControlFlow;

use crate::admission::Permit;
use crate::claims;
use crate::concurrency::Level;
use crate::engine::{Engine, Ran, Reason};
use crate::invocations::{Ends, Watch};
use crate::state::{Counters, State};
use crate::stream::Window;
use crate::{
    Account, Calendar, Change, Invocations, Outcome, PlainCounters, Timeline, TraceError,
    Unsupported, Wheel,
};
use in_windows::Turns;

/// A simulation under way. Columns go in and outcomes come out, piece by piece if need be:
/// running a trace in two pieces gives the bytes that running it whole does.
///
/// Each invocation costs O(1) with the [`Wheel`], whatever is in flight.
#[derive(Debug)]
pub struct Simulation<C = Wheel, K = PlainCounters> {
    state: State<K>,
    /// What each index of the trace names, and the version that it means now.
    targets: Vec<u32>,
    version_of: Vec<u32>,
    /// What a cold start of each adds if its row does not say.
    init_duration: Vec<u64>,
    timeline: Timeline,
    /// How many changes have taken effect.
    changed: usize,
    /// Whether more is needed than the plain case.
    extended: bool,
    calendar: C,
    engine: Engine,
    window: Option<Box<Window>>,
    ran: Ran,
    turns: Turns,
    /// When the last invocation so far arrived.
    now: u64,
    last_completion: u64,
}

/// Sees all that happens in a simulation, in order of time. Nothing of it costs anything where
/// nobody looks.
pub(crate) trait Observer {
    /// Whether it looks at all.
    const LOOKS: bool;
    /// Whether it has to be told when a run ends, in order of time.
    const TIMED: bool;

    /// An invocation of a version was admitted, and runs until `end`.
    fn admitted(&mut self, version: usize, verdict: Outcome, now: u64, end: u64);
    /// One was not.
    fn throttled(&mut self, version: usize, verdict: Outcome, now: u64);
    /// A run of a version ended.
    fn ended(&mut self, version: usize, at: u64);
    /// The same in two parts, where that is faster. First, in order and without a branch: one of a
    /// version was admitted (1, not 0), or its run ended (1, not 0).
    fn moved(&mut self, version: usize, admitted: u32, ended: u32);
    /// How that changed the number of all that run; or of a version, whose moves are not told then.
    fn passed(&mut self, version: Option<usize>, span: Span);
    /// Then, for each that arrived in the meantime: the verdict, and when it ends if admitted.
    fn decided(&mut self, version: usize, verdict: u8, admitted: bool, now: u64, end: u64);
    /// The same of rows that are all of one version: which of them hold a permit (1, not 0), and
    /// the verdict of the others.
    fn decided_all(&mut self, version: usize, full: u8, rows: Invocations<'_>, held: &[u8]);
}

/// How the number of runs changed in a window: how much higher than at its beginning it was at
/// most, and at the end, which wraps around where it was lower.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) most: u32,
    pub(crate) left: u32,
}

impl Span {
    /// Where counting begins: from a number on so high that it never falls below 0.
    const BEGIN: u32 = 1 << 31;

    /// The level that is changed meanwhile.
    pub(crate) fn begin() -> Level {
        Level { running: Self::BEGIN, maximum: Self::BEGIN }
    }

    /// What became of that level.
    pub(crate) fn of(level: Level) -> Self {
        let (most, left) = (level.maximum - Self::BEGIN, level.running.wrapping_sub(Self::BEGIN));
        Self { most, left }
    }
}

impl Observer for () {
    const LOOKS: bool = false;
    const TIMED: bool = false;

    #[inline]
    fn admitted(&mut self, _: usize, _: Outcome, _: u64, _: u64) {}
    #[inline]
    fn throttled(&mut self, _: usize, _: Outcome, _: u64) {}
    #[inline]
    fn ended(&mut self, _: usize, _: u64) {}
    #[inline]
    fn moved(&mut self, _: usize, _: u32, _: u32) {}
    #[inline]
    fn passed(&mut self, _: Option<usize>, _: Span) {}
    #[inline]
    fn decided(&mut self, _: usize, _: u8, _: bool, _: u64, _: u64) {}
    #[inline]
    fn decided_all(&mut self, _: usize, _: u8, _: Invocations<'_>, _: &[u8]) {}
}

impl Simulation {
    /// A rested account, on the usual calendar and counters.
    ///
    /// See [`with_calendar`](Self::with_calendar).
    ///
    /// # Panics
    ///
    /// Where `traced` holds a number that is no target of the account.
    pub fn new(account: &Account, traced: &[u32]) -> Self {
        Self::with_calendar(account, traced, Timeline::default())
    }
}

impl<C: Calendar> Simulation<C> {
    /// A rested account whose configuration changes as `timeline` says. `traced[i]` is the
    /// [target](Account::target) that index `i` of the trace's function column means.
    ///
    /// # Panics
    ///
    /// Where `traced` holds a number that is no target of the account.
    pub fn with_calendar(account: &Account, traced: &[u32], timeline: Timeline) -> Self {
        Self::with_counters(account, traced, timeline).expect("plain counters hold every account")
    }

    /// Pure pools: no environments, no rates. Function `i` draws on pool `pool_of[i]`, whose
    /// limit is `limits[pool_of[i]]`.
    pub(crate) fn of_pure_pools(limits: &[u32], pool_of: &[usize]) -> Self {
        let indices: Vec<u32> = (0..pool_of.len() as u32).collect();
        Self {
            state: State::of_pure_pools(limits, pool_of),
            targets: indices.clone(),
            version_of: indices,
            init_duration: vec![0; pool_of.len()],
            timeline: Timeline::default(),
            changed: 0,
            extended: false,
            calendar: C::default(),
            engine: Engine::default(),
            window: None,
            ran: Ran::default(),
            turns: Turns::default(),
            now: 0,
            last_completion: 0,
        }
    }
}

impl<C: Calendar, K: Counters> Simulation<C, K> {
    /// Does as [`with_calendar`](Simulation::with_calendar), on counters of a certain kind:
    /// the results are the same bytes.
    ///
    /// # Errors
    ///
    /// [`Unsupported`], where the counters cannot hold the account or a change. Plain ones
    /// always can.
    ///
    /// # Panics
    ///
    /// Where `traced` holds a number that is no target of the account.
    pub fn with_counters(
        account: &Account,
        traced: &[u32],
        timeline: Timeline,
    ) -> Result<Self, Unsupported> {
        K::check(account, &timeline)?;
        let mut state = State::new(account);
        Ok(Self {
            extended: !timeline.is_empty() || !state.is_plain(),
            state,
            targets: traced.to_vec(),
            version_of: traced.iter().map(|&target| account.version_of(target)).collect(),
            init_duration: account.init_durations(traced),
            timeline,
            changed: 0,
            calendar: C::default(),
            engine: Engine::default(),
            window: None,
            ran: Ran::default(),
            turns: Turns::new(account.profile()),
            now: 0,
            last_completion: 0,
        })
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
        self.run_observed(invocations, outcome, &mut (), watch)
    }

    /// Does as [`run_watched`](Self::run_watched), and tells `observer` all that happens.
    pub(crate) fn run_observed(
        &mut self,
        invocations: Invocations<'_>,
        outcome: &mut [u8],
        observer: &mut impl Observer,
        watch: &mut Watch<'_>,
    ) -> Result<ControlFlow<()>, TraceError> {
        assert_eq!(outcome.len(), invocations.len(), "one outcome an invocation");
        let init_duration = self.init_duration.clone();
        let ends = Ends::with_init(&init_duration);
        let flow = invocations.in_pieces(self.now, ends, watch, |piece, rows, watch| {
            self.run_piece(piece, &mut outcome[rows], observer, watch)
        })?;
        if let Some(&last) = invocations.arrival.last() {
            self.now = last;
        }
        Ok(flow)
    }

    /// Runs checked rows, with the changes that come between them.
    fn run_piece(
        &mut self,
        piece: Invocations<'_>,
        outcome: &mut [u8],
        observer: &mut impl Observer,
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let mut start = 0;
        while start < piece.len() {
            self.change_until(piece.arrival[start], observer, watch)?;
            let no_windows = self.never_in_windows(observer);
            if no_windows.is_some() {
                self.leave_windows(no_windows);
            }
            let next = self.timeline.changes().get(self.changed).map_or(u64::MAX, |next| next.0);
            let rows = start..start + piece.arrival[start..].partition_point(|&at| at < next);
            start = rows.end;
            let (unchanged, outcome) = (piece.rows(rows.clone()), &mut outcome[rows]);
            match no_windows {
                None => self.run_in_windows(unchanged, outcome, observer, watch)?,
                reason => self.run_event_by_event(unchanged, outcome, observer, watch, reason)?,
            }
        }
        ControlFlow::Continue(())
    }

    /// Runs on a certain engine from now on; all give the same results.
    #[must_use]
    pub fn on(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// How it ran so far.
    pub fn ran(&self) -> Ran {
        self.ran
    }

    /// Runs rows event by event, for a reason.
    fn run_event_by_event(
        &mut self,
        rows: Invocations<'_>,
        outcome: &mut [u8],
        observer: &mut impl Observer,
        watch: &mut Watch<'_>,
        reason: Option<Reason>,
    ) -> ControlFlow<()> {
        self.ran.count(rows.len(), reason);
        if self.extended {
            self.run_unchanged::<true>(rows, outcome, observer, watch)
        } else {
            self.run_unchanged::<false>(rows, outcome, observer, watch)
        }
    }

    /// The event loop: what has ended gives way first, then the rule decides.
    fn run_unchanged<const EXTENDED: bool>(
        &mut self,
        piece: Invocations<'_>,
        outcome: &mut [u8],
        observer: &mut impl Observer,
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let Self { state, version_of, init_duration, calendar, last_completion, .. } = self;
        // In locals, where the compiler keeps them in registers.
        let mut admission = state.admission();
        let (version_of, init_duration) = (version_of.as_slice(), init_duration.as_slice());
        let mut last = *last_completion;
        let columns = piece.arrival.iter().zip(piece.function).zip(piece.duration);
        let mut columns = columns.zip(outcome);
        // Which row it is, only a cold start asks: counting them would cost every row.
        while let Some((((&now, &function), &duration), outcome)) = columns.next() {
            let complete = |at, permit| {
                let permit = Permit(permit);
                observer.ended(permit.version_of::<EXTENDED>(), at);
                admission.complete::<EXTENDED>(permit, at);
            };
            calendar.complete_until(now, complete, watch)?;
            let version = version_of[function as usize] as usize;
            let attempt = admission.attempt::<EXTENDED>(version, now);
            let (verdict, source) = attempt.expect("nobody else uses these counters");
            if verdict.is_throttled() {
                observer.throttled(version, verdict, now);
            } else {
                let init = if verdict == Outcome::Cold {
                    let row = piece.len() - columns.len() - 1;
                    piece.init_of(row, init_duration[function as usize])
                } else {
                    0
                };
                let end = now + init + duration;
                last = last.max(end);
                calendar.schedule(end, Permit::new::<EXTENDED>(version, source).0);
                observer.admitted(version, verdict, now, end);
            }
            *outcome = verdict as u8;
        }
        *last_completion = last;
        ControlFlow::Continue(())
    }

    /// Lets all changes up to `now` take effect, each after the completions before it.
    fn change_until(
        &mut self,
        now: u64,
        observer: &mut impl Observer,
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        while let Some(&(at, change)) = self.timeline.changes().get(self.changed)
            && at <= now
        {
            self.end_until::<true>(at, observer, watch)?;
            let mut admission = self.state.admission();
            claims::apply(&mut admission.store, admission.profile, change, at);
            if let Change::Alias { alias, version } = change {
                for (target, version_of) in self.targets.iter().zip(&mut self.version_of) {
                    if *target == alias {
                        *version_of = version;
                    }
                }
            }
            self.changed += 1;
            if let Change::Reserved { .. } | Change::Alias { .. } = change
                && let Some(window) = &mut self.window
            {
                window.forget_targets();
            }
            watch(0)?;
        }
        ControlFlow::Continue(())
    }

    /// Lets what ends by `now` end, between two runs; only where no configuration changes.
    pub(crate) fn complete_until(
        &mut self,
        now: u64,
        observer: &mut impl Observer,
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        debug_assert!(self.timeline.is_empty(), "changes come in the order of time");
        self.end_by(now, observer, watch)
    }

    /// Lets what ends by `now` end, with looks in between.
    fn end_by(
        &mut self,
        now: u64,
        observer: &mut impl Observer,
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        if self.extended {
            self.end_until::<true>(now, observer, watch)
        } else {
            self.end_until::<false>(now, observer, watch)
        }
    }

    fn end_until<const EXTENDED: bool>(
        &mut self,
        now: u64,
        observer: &mut impl Observer,
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let Self { state, calendar, window, .. } = self;
        let mut admission = state.admission();
        while let Some(window) = window
            && window.in_flight() > 0
        {
            let stop = window.next_stop(now);
            window.complete_until::<EXTENDED>(stop, &mut admission, calendar, observer);
            if stop == now {
                return ControlFlow::Continue(());
            }
            watch(0)?;
        }
        let complete = |at, permit| {
            let permit = Permit(permit);
            observer.ended(permit.version_of::<EXTENDED>(), at);
            admission.complete::<EXTENDED>(permit, at);
        };
        calendar.complete_until(now, complete, watch)
    }

    /// When the last of the runs so far ends; 0 where none ran.
    pub fn last_completion(&self) -> u64 {
        self.last_completion
    }

    /// Invocations that are running.
    pub fn in_flight(&self) -> usize {
        self.calendar.in_flight() + self.in_windows()
    }
}
