//! The whole rule in a window. Nearly all events are usual ones: a warm start or a full pool, and
//! the end of such a run. These are decided without a branch that depends on them. What is left,
//! cold starts above all, goes one by one by the rule itself
//! ([`Admission::attempt`](crate::admission::Admission::attempt)).
//!
//! Only what starts cold ends at another time than its row says, and that is known when it starts:
//! it waits in a small heap beside the stream.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Ground, Window};
use crate::admission::{Admission, Permit};
use crate::calendar::Calendar;
use crate::concurrency::Level;
use crate::environments::Environments;
use crate::invocations::Invocations;
use crate::plain::Plain;
use crate::profile::{RateScope, RateWindow};
use crate::simulation::{Observer, Span};
use crate::store::{SHARED, Source, Store};
use crate::{Outcome, Profile};

/// What stands in [`Window::held`] where a run holds a provisioned environment.
pub(super) const PROVISIONED: u8 = Source::Provisioned as u8 + 1;

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

/// Whether [`usual`] knows the rules of a profile.
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
    let (mut last, mut place, mut all) = (0, 0, Span::begin());
    loop {
        let next_cold = window.cold.next();
        let until = next_cold.saturating_sub(begin);
        let plain = admission.store.plain().expect("plain words");
        let (profile, environments) = (admission.profile, &mut *admission.environments);
        let on = On { plain, environments, profile };
        place = usual::<EXTENDED>(window, place, (begin, until), on, &mut all, observer);
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
        let attempt = admission.attempt::<EXTENDED>(version, now);
        let (verdict, source) = attempt.expect("nobody else uses these counters");
        window.verdict[run] = verdict as u8;
        // The completion of what starts cold stands among the events as well: it is none.
        let stands = !verdict.is_throttled() && verdict != Outcome::Cold;
        window.held[run] = if stands { if EXTENDED { source as u8 + 1 } else { 1 } } else { 0 };
        if verdict == Outcome::Cold {
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

/// Decides on events as long as they are usual and so much time has not passed, as the rule does
/// but without a branch that depends on them. Returns where it stands.
#[inline(never)]
fn usual<const EXTENDED: bool>(
    window: &mut Window,
    from: usize,
    (begin, until): (u64, u64),
    mut on: On<'_>,
    level: &mut Level,
    observer: &mut impl Observer,
) -> usize {
    let Window { events, held, pool, version, .. } = window;
    let (mut all, mut place) = (*level, from);
    for &event in &events[from..] {
        let (run, completes, since) = (event.run(), event.completes(), event.since());
        if since >= until {
            break;
        }
        let event = Usual {
            version: version[run] as usize,
            pool: pool[run] as usize,
            completes,
            held: held[run],
            now: begin.wrapping_add(since),
        };
        let decided = if EXTENDED { event.extended(&mut on) } else { event.plain(&mut on) };
        let Some(now_held) = decided else { break };
        // Of a run that completes this is what it was.
        held[run] = now_held;
        let moved = u32::from(now_held != 0);
        let (admitted, ended) = (moved & !completes, moved & completes);
        observer.moved(event.version, admitted, ended);
        all.change(admitted, ended);
        place = place.wrapping_add(1);
    }
    *level = all;
    place
}

/// What a usual event changes.
struct On<'a> {
    plain: Plain<'a>,
    environments: &'a mut [Environments],
    profile: Profile,
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

    /// The same with provisioned concurrency, request rates, and between changes of configuration.
    #[inline(always)]
    fn extended(&self, on: &mut On<'_>) -> Option<u8> {
        let Plain { pools, versions, rates, on_shared, functions, totals } = &mut on.plain;
        let version = &mut versions[self.version];
        let number = version.route.function as usize;
        let all = functions.len();
        let pool = &mut pools[self.pool];
        let (arrives, completes) = (1 - self.completes, self.completes);
        let holds_provisioned = u32::from(self.held == PROVISIONED);
        let idle_again = completes & holds_provisioned;
        let returned = completes & u32::from(self.held != 0) & !holds_provisioned;
        // A1: a reservation of zero keeps from all.
        let may = arrives & u32::from(version.route.when_full != Outcome::ReservedZero);
        let provisioned = may & u32::from(version.provisioned.has_room());
        let taken = arrives & !provisioned & u32::from(pool.has_room());
        let admitted = provisioned | taken;
        let unsettled = totals.unsettled > 0 && functions[number].unsettled;
        if unsettled || admitted > u32::from(!totals.is_capped()) {
            return None;
        }
        if on.profile.rates.scope != RateScope::Off {
            let reserved = version.route.pool != SHARED;
            let of_version = version.provisioned.limit() > 0;
            let open = |gate: usize| rates[gate].is_simply_open(self.now);
            let open = open(0)
                && (!reserved || open(1 + number))
                && (!of_version || open(1 + all + self.version));
            if arrives > u32::from(open) {
                return None;
            }
        }
        if on.profile.environments
            && !on.environments[self.version].exchange(taken, returned, self.now)
        {
            return None;
        }
        if on.profile.rates.scope != RateScope::Off {
            let count_all = on.profile.rates.count_all;
            let counted = if count_all { arrives } else { admitted };
            rates[0].add(counted);
            if version.route.pool != SHARED {
                rates[1 + number].add(counted);
            }
            if version.provisioned.limit() > 0 {
                let counted = if count_all { arrives } else { provisioned };
                rates[1 + all + self.version].add(counted);
            }
        }
        version.provisioned.exchange(provisioned, idle_again);
        pool.exchange(taken, returned);
        let change = |count: u32, more: u32, less: u32| count.wrapping_add(more).wrapping_sub(less);
        totals.running = change(totals.running, admitted, returned | idle_again);
        let shared = u32::from(self.pool == SHARED as usize);
        let on_shared = &mut on_shared[number];
        *on_shared = change(*on_shared, taken & shared, returned & shared);
        // As `Window::held` has it: where its permit comes from, and one more.
        let own = (taken | returned) * (2 - shared);
        let provisioned = (provisioned | idle_again) * u32::from(PROVISIONED);
        Some((own | provisioned) as u8)
    }
}
