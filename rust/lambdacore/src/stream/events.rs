//! A window: its arrivals and all that may complete in it, in order.

use super::later::Later;
use super::rule::Cold;
use super::{Ground, ROWS, sort};
use crate::Outcome;
use crate::admission::{Admission, Permit};
use crate::calendar::Calendar;
use crate::invocations::Invocations;
use crate::simulation::Observer;
use crate::store::{SHARED, Source, Store};

/// Runs that a window can tell apart: those under way that complete in it, then its arrivals.
pub(crate) const RUNS: usize = 4 * ROWS;
const RUN_BITS: u32 = RUNS.ilog2();
/// Below the time of an event: the run, and whether it begins (0) or completes (1).
const TIME: u32 = RUN_BITS + 1;

/// An arrival or a completion: its time since the window began, its run, which of the two it is.
/// As numbers they are in the order in which they happen. At one instant the runs under way
/// complete first; of the window's own runs, one that ends at the instant of an arrival completes
/// before it exactly where it arrived before it, even where it takes no time at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event(u64);

impl Event {
    /// The number of a run that arrives so long after the window began.
    #[inline]
    pub(crate) fn arrives(since: u64, run: usize) -> u64 {
        since << TIME | (run as u64) << 1
    }

    /// The number of a run that completes so long after the window began.
    #[inline]
    pub(crate) fn ends(since: u64, run: usize) -> u64 {
        Self::arrives(since, run) | 1
    }

    #[inline]
    pub(crate) fn run(self) -> usize {
        (self.0 >> 1) as usize % RUNS
    }

    /// Nanoseconds since the window began.
    #[inline]
    pub(super) fn since(self) -> u64 {
        self.0 >> TIME
    }

    /// 1 where it completes, 0 where it arrives.
    #[inline]
    pub(crate) fn completes(self) -> u32 {
        (self.0 & 1) as u32
    }
}

/// What an index of the function column means now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) version: u32,
    pub(crate) pool: u32,
    pub(crate) when_full: u8,
}

/// The columns of a window, in room that is used again and again.
#[derive(Debug)]
pub(crate) struct Window {
    /// [Numbers](Event::arrives), from place 1 on.
    pub(crate) arrivals: Box<[u64; ROWS + 2]>,
    /// [Numbers](Event::ends), from place 1 on; those of what was under way come first.
    pub(crate) completions: Box<[u64; RUNS + 2]>,
    spare: Vec<u64>,
    pub(crate) events: Vec<Event>,
    pub(crate) under_way: Later,
    /// What was under way, and is due: when, and its permit.
    pub(crate) due: Vec<(u64, u32)>,
    /// For each index of the function column; empty where it is not known any more.
    pub(crate) targets: Vec<Target>,
    /// For each run, the version that it is of, the pool it draws on, and what it holds: nothing (0),
    /// or a permit, in the extended case one more than where that comes from.
    pub(crate) version: Box<[u32; RUNS]>,
    pub(super) pool: Box<[u32; RUNS]>,
    pub(super) held: Box<[u8; RUNS]>,
    /// Its outcome, unless it holds a permit.
    pub(super) verdict: Box<[u8; RUNS]>,
    /// What completes after the window: when, and its permit.
    pub(crate) later: Box<[(u64, u32); ROWS]>,
    /// Runs that started cold: they end later than their row says.
    pub(super) cold: Cold,
    /// Arrivals of the last window on which the rule itself was asked, beside cold starts.
    pub(crate) asked: usize,
}

/// Room for so many, zero-filled.
#[allow(clippy::unnecessary_box_returns, reason = "it would go by way of the stack")]
fn room<T: Copy + Default, const N: usize>() -> Box<[T; N]> {
    vec![T::default(); N].try_into().unwrap_or_else(|_| unreachable!("of the same length"))
}

impl Default for Window {
    fn default() -> Self {
        Self {
            arrivals: room(),
            completions: room(),
            spare: Vec::new(),
            events: Vec::new(),
            under_way: Later::default(),
            due: Vec::new(),
            targets: Vec::new(),
            version: room(),
            pool: room(),
            held: room(),
            verdict: room(),
            later: room(),
            cold: Cold::default(),
            asked: 0,
        }
    }
}

impl Window {
    /// Puts everything in order, from the first arrival, up to which all has completed, to the
    /// last. Not where the time is too long or too much completes in it for a window: then the
    /// calendar is as it was.
    pub(crate) fn lay_out(&mut self, rows: Invocations<'_>, calendar: &mut impl Calendar) -> bool {
        let opens = self.open(rows, calendar);
        if opens {
            let own = self.gather(rows);
            self.put_in_order(rows, (rows.len(), own));
        }
        opens
    }

    /// Writes what is under way and completes by the last arrival. Not where the window cannot be
    /// laid out.
    pub(crate) fn open(&mut self, rows: Invocations<'_>, calendar: &mut impl Calendar) -> bool {
        let (begin, end) = (rows.arrival[0], rows.arrival[rows.len() - 1]);
        if (end - begin) >> (u64::BITS - TIME - 1) != 0 || rows.len() > ROWS {
            return false;
        }
        self.under_way.fit(begin, (rows.len(), end - begin), calendar);
        self.due.clear();
        self.under_way.take_until(end, &mut self.due);
        if self.due.len() + calendar.due(end) > RUNS - rows.len() {
            self.due.drain(..).for_each(|(at, permit)| calendar.schedule(at, permit));
            return false;
        }
        calendar.take_until(end, &mut self.due);
        let completions = self.completions[1..].iter_mut();
        for ((completion, &(at, _)), run) in completions.zip(&self.due).zip(0..) {
            *completion = Event::ends(at.wrapping_sub(begin), run);
        }
        true
    }

    /// Puts so many arrivals, and completions of the window's own runs, in order.
    pub(crate) fn put_in_order(&mut self, rows: Invocations<'_>, (arrivals, own): (usize, usize)) {
        let completions = self.due.len() + own;
        let length = rows.arrival[rows.len() - 1] - rows.arrival[0];
        let bits = TIME + u64::BITS - length.leading_zeros();
        sort::sort(&mut self.completions[1..=completions], &mut self.spare, TIME, bits);
        // Between numbers that are below and above all: the merge takes none of them.
        self.arrivals[arrivals + 1] = u64::MAX;
        self.completions[completions + 1] = u64::MAX;
        let (arrivals, completions) =
            (&self.arrivals[..arrivals + 2], &self.completions[..completions + 2]);
        self.events.resize(arrivals.len() + completions.len() - 4, Event(0));
        sort::merge(arrivals, completions, &mut self.events, Event);
    }

    /// Writes the arrivals, and the completions up to the last of them; returns how many the latter
    /// are.
    #[inline(never)]
    fn gather(&mut self, rows: Invocations<'_>) -> usize {
        let (begin, end) = (rows.arrival[0], rows.arrival[rows.len() - 1]);
        let under_way = self.due.len();
        let own = &mut self.completions[1 + under_way..];
        let mut count = 0;
        let arrivals = self.arrivals[1..].iter_mut();
        let columns = rows.arrival.iter().zip(rows.duration).zip(arrivals);
        for (((&at, &duration), arrival), run) in columns.zip(under_way..) {
            *arrival = Event::arrives(at.wrapping_sub(begin), run);
            let ends = at.wrapping_add(duration);
            own[count] = Event::ends(ends.wrapping_sub(begin), run);
            count = count.wrapping_add(usize::from(ends <= end));
        }
        let own = under_way..under_way + rows.len();
        let (version, pool) = (&mut self.version[own.clone()], &mut self.pool[own.clone()]);
        let verdict = &mut self.verdict[own];
        if let [only] = self.targets[..] {
            version.fill(only.version);
            pool.fill(only.pool);
            verdict.fill(only.when_full);
        } else {
            let runs = version.iter_mut().zip(pool).zip(verdict);
            for (((version, pool), verdict), &function) in runs.zip(rows.function) {
                let target = self.targets[function as usize];
                (*version, *pool, *verdict) = (target.version, target.pool, target.when_full);
            }
        }
        // The last run completes after the last arrival, and so after the window, in any case.
        count - usize::from(rows.duration[rows.len() - 1] == 0)
    }

    /// Lets end what ends by the first arrival, and lays the rest out, for those under way too.
    /// Not where it does not fit.
    pub(super) fn begin<const EXTENDED: bool>(
        &mut self,
        rows: Invocations<'_>,
        on: &mut Ground<'_, impl Store, impl Calendar>,
        observer: &mut impl Observer,
    ) -> bool {
        let Ground { admission, calendar, version_of, .. } = on;
        self.complete_until::<EXTENDED>(rows.arrival[0], admission, *calendar, observer);
        self.know_targets(version_of, &admission.store);
        if !self.lay_out(rows, *calendar) {
            return false;
        }
        let runs = self.version.iter_mut().zip(self.pool.iter_mut()).zip(self.held.iter_mut());
        for (((version, pool), held), &(_, permit)) in runs.zip(&self.due) {
            let permit = Permit(permit);
            let of = permit.version_of::<EXTENDED>();
            let route = admission.store.own(of).0;
            (*version, *pool, *held) = (of as u32, route.pool, 1);
            if EXTENDED {
                // Where it comes from, which need not be where the route ends now.
                let source = permit.source();
                *held += source as u8;
                *pool = if source == Source::Reserved { route.function + 1 } else { SHARED };
            }
        }
        true
    }

    /// Looks up what the function column means, unless that is known.
    pub(super) fn know_targets(&mut self, version_of: &[u32], store: &impl Store) {
        if self.targets.is_empty() {
            self.targets.extend(version_of.iter().map(|&version| {
                let route = store.own(version as usize).0;
                Target { version, pool: route.pool, when_full: route.when_full as u8 }
            }));
        }
    }

    /// Whether it is known what the function column means.
    pub(crate) fn knows_targets(&self) -> bool {
        !self.targets.is_empty()
    }

    /// How far to go at once towards `now`, where very many may end before it.
    pub(crate) fn next_stop(&self, now: u64) -> u64 {
        self.under_way.first_edge(now)
    }

    /// Notes that the function column may mean something else from now on.
    pub(crate) fn forget_targets(&mut self) {
        self.targets.clear();
    }

    /// Lets what has ended by `now` end, in order of time.
    pub(crate) fn complete_until<const EXTENDED: bool>(
        &mut self,
        now: u64,
        admission: &mut Admission<'_, impl Store>,
        calendar: &mut impl Calendar,
        observer: &mut impl Observer,
    ) {
        self.take_due(now, calendar);
        self.due.sort_unstable();
        for &(at, permit) in &self.due {
            let permit = Permit(permit);
            observer.ended(permit.version_of::<EXTENDED>(), at);
            admission.complete::<EXTENDED>(permit, at);
        }
    }

    /// Lets what is under way be due up to and including `now`.
    pub(crate) fn take_due(&mut self, now: u64, calendar: &mut impl Calendar) {
        self.due.clear();
        self.under_way.take_until(now, &mut self.due);
        calendar.take_until(now, &mut self.due);
    }

    /// Hands all that is under way to the calendar.
    pub(crate) fn put_back(&mut self, calendar: &mut impl Calendar) {
        self.under_way.empty(calendar);
    }

    /// Runs that are under way and not in the calendar.
    pub(crate) fn in_flight(&self) -> usize {
        self.under_way.len()
    }

    /// Writes the outcomes, and notes what completes after the window. Returns when the last of
    /// those that hold a permit ends.
    #[inline(never)]
    pub(super) fn hand_on<const EXTENDED: bool>(
        &mut self,
        under_way: usize,
        rows: Invocations<'_>,
        outcome: &mut [u8],
        calendar: &mut impl Calendar,
    ) -> u64 {
        let last_row = rows.len() - 1;
        let end = rows.arrival[last_row];
        let held = &self.held[under_way..];
        let verdicts = self.verdict[under_way..].iter();
        for ((outcome, &held), &verdict) in outcome.iter_mut().zip(held).zip(verdicts) {
            *outcome = if held == 0 { verdict } else { Outcome::Warm as u8 };
        }
        let (mut count, mut last) = (0, 0);
        let runs = self.version[under_way..].iter().zip(held);
        let columns = rows.arrival.iter().zip(rows.duration).zip(runs);
        for ((&at, &duration), (&version, &held)) in columns {
            let ends = at.wrapping_add(duration) & u64::from(held != 0).wrapping_neg();
            last = last.max(ends);
            self.later[count % ROWS] = (ends, permit::<EXTENDED>(version, held).0);
            count = count.wrapping_add(usize::from(ends > end));
        }
        let no_time = rows.duration[last_row] == 0 && held[last_row] != 0;
        count += usize::from(no_time);
        for &(at, permit) in &self.later[..count] {
            self.under_way.schedule(at, permit, calendar);
        }
        last
    }

    /// The permit that a run holds.
    #[inline]
    pub(super) fn permit<const EXTENDED: bool>(&self, run: usize) -> Permit {
        permit::<EXTENDED>(self.version[run], self.held[run])
    }
}

/// The permit of a version that is held so.
#[inline]
fn permit<const EXTENDED: bool>(version: u32, held: u8) -> Permit {
    let source = u32::from(held).wrapping_sub(1);
    Permit(if EXTENDED { version << 2 | source } else { version })
}
