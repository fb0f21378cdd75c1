//! The rule in a window, where nothing is provisioned. Nearly all events are usual ones: a warm
//! start or a full pool, and the end of such a run. For these `usual` restates the rule without a
//! branch that depends on them; the tests hold it to the rule itself
//! ([`Admission::attempt`](crate::admission::Admission::attempt)), by which all others go one by one,
//! cold starts above all.
//!
//! Only what starts cold ends at another time than its row says, and that is known when it starts:
//! it waits in a small heap beside the stream.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::events::Event;
use super::{Ground, Window};
use crate::admission::{Admission, Permit};
use crate::calendar::Calendar;
use crate::claims::Totals;
use crate::concurrency::Level;
use crate::environments::Environments;
use crate::invocations::Invocations;
use crate::plain::Plain;
use crate::profile::{RateScope, RateWindow};
use crate::simulation::{Observer, Span};
use crate::store::{SHARED, Store};
use crate::windows::Tumbling;
use crate::{Outcome, Profile};

/// When runs that started cold in the window end, and their permits.
#[derive(Debug, Default)]
pub(super) struct Cold(BinaryHeap<Reverse<(u64, u32)>>);

impl Cold {
    /// The next end; the end of time where there is none.
    #[inline]
    fn next(&self) -> u64 {
        self.0.peek().map_or(u64::MAX, |&Reverse((at, _))| at)
    }
}

/// Whether [`usual`] knows the rates of a profile.
pub(crate) fn knows(profile: Profile) -> bool {
    let rates = profile.rates;
    let tumbling = rates.scope == RateScope::Documented && rates.window == RateWindow::Tumbling;
    profile.ramp.is_none() && (tumbling || rates.scope == RateScope::Off)
}

impl Window {
    /// Runs some rows, by the rule. Not where they do not fit into a window: then nothing has
    /// changed but that what ends by the first arrival has ended.
    pub(crate) fn run_rule<const EXTENDED: bool, O: Observer>(
        &mut self,
        rows: Invocations<'_>,
        on: &mut Ground<'_, impl Store, impl Calendar>,
        outcome: &mut [u8],
        observer: &mut O,
    ) -> bool {
        if !self.begin::<EXTENDED>(rows, on, observer) {
            return false;
        }
        let under_way = self.due.len();
        let (admission, init) = (&mut on.admission, on.init_duration);
        let (last, span) = decide::<EXTENDED, _>(self, rows, admission, init, observer);
        let last = last.max(self.hand_on::<EXTENDED>(under_way, rows, outcome, on.calendar));
        for Reverse((at, permit)) in self.cold.0.drain() {
            self.under_way.schedule(at, permit, on.calendar);
        }
        if O::LOOKS {
            observer.passed(None, span);
            for (row, &code) in outcome.iter().enumerate() {
                let at = rows.arrival[row];
                let init = if code == Outcome::Cold as u8 {
                    rows.init_of(row, init[rows.function[row] as usize])
                } else {
                    0
                };
                let version = self.version[under_way + row] as usize;
                let admitted = code < Outcome::FIRST_THROTTLED;
                observer.decided(version, code, admitted, at, at + init + rows.duration[row]);
            }
        }
        *on.last_completion = last.max(*on.last_completion);
        true
    }
}

/// Decides on every event. Returns when the last of those that started cold ends, and how the
/// number of runs changed.
#[inline(never)]
fn decide<const EXTENDED: bool, S: Store>(
    window: &mut Window,
    rows: Invocations<'_>,
    admission: &mut Admission<'_, S>,
    init_duration: &[u64],
    observer: &mut impl Observer,
) -> (u64, Span) {
    let begin = rows.arrival[0];
    let under_way = window.due.len();
    window.asked = 0;
    let (mut last, mut place, mut all) = (0, 0, Span::begin());
    // Up to which place no cold start has ended, and when the first does.
    let (mut to, mut known) = (window.events.len(), u64::MAX);
    loop {
        let next_cold = window.cold.next();
        if next_cold != known {
            known = next_cold;
            let before = |event: &Event| begin + event.since() < next_cold;
            to = place + window.events[place..].partition_point(before);
        }
        let on = On::new::<EXTENDED>(admission);
        place = usual::<EXTENDED, _>(window, place..to.max(place), begin, on, &mut all, observer);
        let Some(&event) = window.events.get(place) else {
            return (last, Span::of(all));
        };
        let now = begin + event.since();
        if next_cold <= now {
            if let Some(Reverse((at, permit))) = window.cold.0.pop() {
                let permit = Permit(permit);
                observer.moved(permit.version_of::<EXTENDED>(), 0, 1);
                all.change(0, 1);
                admission.complete::<EXTENDED>(permit, at);
            }
            continue;
        }
        place += 1;
        let run = event.run();
        let version = window.version[run] as usize;
        if event.completes() != 0 {
            if window.held[run] != 0 {
                observer.moved(version, 0, 1);
                all.change(0, 1);
                admission.complete::<EXTENDED>(window.permit::<EXTENDED>(run), now);
            }
            continue;
        }
        window.asked += 1;
        let attempt = admission.attempt::<EXTENDED>(version, now);
        let (verdict, source) = attempt.expect("nobody else uses these counters");
        window.verdict[run] = verdict as u8;
        // The completion of what starts cold stands among the events as well: it is none.
        let stands = !verdict.is_throttled() && verdict != Outcome::Cold;
        window.held[run] = if stands { if EXTENDED { source as u8 + 1 } else { 1 } } else { 0 };
        if verdict == Outcome::Cold {
            window.asked -= 1;
            let row = run - under_way;
            let init = rows.init_of(row, init_duration[rows.function[row] as usize]);
            let end = now + rows.duration[row] + init;
            last = last.max(end);
            window.cold.0.push(Reverse((end, Permit::new::<EXTENDED>(version, source).0)));
        }
        let admitted = u32::from(!verdict.is_throttled());
        observer.moved(version, admitted, 0);
        all.change(admitted, 0);
    }
}

/// Decides on events as long as they are usual, as the rule does but without a branch that depends
/// on them. Returns where it stands.
#[inline(never)]
fn usual<const EXTENDED: bool, O: Observer>(
    window: &mut Window,
    places: Range<usize>,
    begin: u64,
    mut on: On<'_>,
    level: &mut Level,
    observer: &mut O,
) -> usize {
    let Window { events, held, pool, version, .. } = window;
    let mut all = *level;
    let unusual = events[places.clone()].iter().position(|event| {
        let (run, completes) = (event.run(), event.completes());
        let event = Usual {
            version: version[run] as usize,
            pool: pool[run] as usize,
            completes,
            held: held[run],
            now: begin.wrapping_add(event.since()),
        };
        let decided = if EXTENDED { event.extended(&mut on) } else { event.plain(&mut on) };
        let Some(now_held) = decided else { return true };
        // Of a run that completes this is what it was.
        held[run] = now_held;
        if O::LOOKS {
            let moved = u32::from(now_held != 0);
            let (admitted, ended) = (moved & !completes, moved & completes);
            observer.moved(event.version, admitted, ended);
            all.change(admitted, ended);
        }
        false
    });
    *level = all;
    on.settle();
    unusual.map_or(places.end, |passed| places.start + passed)
}

/// What a usual event changes. What all of them change stands in it itself, where the compiler
/// keeps it in registers.
struct On<'a> {
    plain: Plain<'a>,
    environments: &'a mut [Environments],
    profile: Profile,
    totals: Totals,
    /// The account's rate gate: its limit, if there is one, and what it has counted.
    rate: Option<u64>,
    requests: Tumbling,
}

impl<'a> On<'a> {
    fn new<const EXTENDED: bool>(admission: &'a mut Admission<'_, impl Store>) -> Self {
        let plain = admission.store.plain().expect("plain words");
        let rated = EXTENDED && admission.profile.rates.scope != RateScope::Off;
        let account = if rated { plain.rates[0].tumbling() } else { None };
        Self {
            rate: account.as_ref().map(|(limit, _)| *limit),
            requests: account.map(|(_, requests)| *requests).unwrap_or_default(),
            totals: *plain.totals,
            plain,
            environments: admission.environments,
            profile: admission.profile,
        }
    }

    fn settle(self) {
        *self.plain.totals = self.totals;
        if self.rate.is_some()
            && let Some((_, requests)) = self.plain.rates[0].tumbling()
        {
            *requests = self.requests;
        }
    }
}

/// An event that may be a usual one.
struct Usual {
    version: usize,
    pool: usize,
    completes: u32,
    /// What its run holds, if it completes; before it arrives, nothing that counts.
    held: u8,
    now: u64,
}

#[allow(clippy::inline_always, reason = "the loop around them is the hottest there is")]
impl Usual {
    /// Pools and environments. Gives what the run holds, or held; `None`, and does nothing, where
    /// the event is not a usual one.
    #[inline(always)]
    fn plain(&self, on: &mut On<'_>) -> Option<u8> {
        let pool = &mut on.plain.pools[self.pool];
        let arrives = 1 - self.completes;
        let returned = self.completes & u32::from(self.held);
        let taken = arrives & u32::from(pool.has_room());
        if !on.environments[self.version].exchange(taken, returned, self.now) {
            return None;
        }
        pool.exchange(arrives, returned);
        Some((taken | returned) as u8)
    }

    /// The same with request rates, and between changes of configuration; nothing is provisioned.
    #[inline(always)]
    fn extended(&self, on: &mut On<'_>) -> Option<u8> {
        let Plain { pools, versions, rates, on_shared, functions, .. } = &mut on.plain;
        let totals = &mut on.totals;
        let route = versions[self.version].route;
        let (pool, function) = (&mut pools[self.pool], route.function as usize);
        let arrives = 1 - self.completes;
        let returned = self.completes & u32::from(self.held != 0);
        let taken = arrives & u32::from(pool.has_room());
        let unsettled = totals.unsettled > 0 && functions[function].unsettled;
        if unsettled || taken > u32::from(!totals.is_capped()) {
            return None;
        }
        // Where there are rates, the account has one.
        let (second, count_all) = (on.profile.rates.second, on.profile.rates.count_all);
        if let Some(limit) = on.rate {
            let mut open = |gate: usize| match rates[gate].tumbling() {
                Some((limit, requests)) => requests.has_room(limit, self.now),
                None => true,
            };
            // A1 is not asked for any rate.
            let open = route.when_full == Outcome::ReservedZero
                || on.requests.has_room(limit, self.now)
                    && (route.pool == SHARED || open(1 + function));
            if arrives > u32::from(open) {
                return None;
            }
        }
        if on.profile.environments
            && !on.environments[self.version].exchange(taken, returned, self.now)
        {
            return None;
        }
        if on.rate.is_some() {
            let counted = u64::from(if count_all { arrives } else { taken });
            on.requests.count_some(second, self.now, counted);
            if route.pool != SHARED
                && let Some((_, requests)) = rates[1 + function].tumbling()
            {
                requests.count_some(second, self.now, counted);
            }
        }
        pool.exchange(taken, returned);
        let change = |count: u32, more: u32, less: u32| count.wrapping_add(more).wrapping_sub(less);
        totals.running = change(totals.running, taken, returned);
        let shared = u32::from(self.pool == SHARED as usize);
        let on_shared = &mut on_shared[function];
        *on_shared = change(*on_shared, taken & shared, returned & shared);
        // As `Window::held` has it: where its permit comes from, and one more.
        Some(((taken | returned) << (1 - shared)) as u8)
    }
}
