//! Pools and nothing else: each invocation draws on one pool, for as long as it says.

use super::events::Target;
use super::{ROWS, Window, alone};
use crate::calendar::Calendar;
use crate::concurrency::Level;
use crate::invocations::Invocations;
use crate::simulation::{Observer, Span};
use crate::store::{Source, Store};
use crate::{Outcome, Pool};

impl Window {
    /// Lets what has ended by `now` end: nothing but how many they are matters, so in any order.
    pub(crate) fn complete_until(
        &mut self,
        now: u64,
        (store, calendar): (&mut impl Store, &mut impl Calendar),
        observer: &mut impl Observer,
    ) {
        self.take_due(now, calendar);
        for &(at, version) in &self.due {
            store.give_back::<false>(version as usize, Source::Shared);
            observer.ended(version as usize, at);
        }
    }

    /// Runs some rows. Not where they do not fit into a window: then nothing has changed but that
    /// what ends by the first arrival has ended.
    pub(crate) fn run_pools<O: Observer>(
        &mut self,
        rows: Invocations<'_>,
        version_of: &[u32],
        (store, calendar): (&mut impl Store, &mut impl Calendar),
        outcome: &mut [u8],
        observer: &mut O,
        last_completion: &mut u64,
    ) -> bool {
        self.complete_until(rows.arrival[0], (store, calendar), observer);
        if self.targets.is_empty() {
            self.targets.extend(version_of.iter().map(|&version| {
                let route = store.own(version as usize).0;
                Target { version, pool: route.pool, when_full: route.when_full as u8 }
            }));
        }
        if !self.lay_out(rows, calendar) {
            return false;
        }
        let under_way = self.due.len();
        for (run, &(_, version)) in self.due.iter().enumerate() {
            self.version[run] = version;
            self.pool[run] = store.own(version as usize).0.pool;
            self.held[run] = 1;
        }
        let pools = store.own_pools().expect("plain words");
        let alone = self.is_of_one_version();
        let span = if alone {
            alone::decide(self, &mut pools[self.targets[0].pool as usize])
        } else {
            decide(self, pools, observer)
        };
        let last = hand_on(self, under_way, rows, outcome, calendar);
        if O::LOOKS && alone {
            alone::tell(self, span, under_way, rows, observer);
        } else if O::LOOKS {
            observer.passed(None, span);
            let columns = rows.arrival.iter().zip(rows.duration).zip(outcome.iter());
            let runs = self.version[under_way..].iter().zip(&self.held[under_way..]);
            for (((&at, &duration), &code), (&version, &held)) in columns.zip(runs) {
                observer.decided(version as usize, code, held != 0, at, at.wrapping_add(duration));
            }
        }
        *last_completion = last.max(*last_completion);
        true
    }
}

/// Decides on every event, without a branch that depends on it.
#[inline(never)]
fn decide(window: &mut Window, pools: &mut [Pool], observer: &mut impl Observer) -> Span {
    // From a number on so high that it never falls below 0.
    const BEGIN: u32 = 1 << 31;
    let Window { events, held, pool, version, .. } = window;
    let mut all = Level { running: BEGIN, maximum: BEGIN };
    for &event in events.iter() {
        let (run, completes) = (event.run(), event.completes());
        let holds = u32::from(held[run]);
        let own = &mut pools[pool[run] as usize];
        let taken = own.exchange(1 - completes, completes & holds);
        held[run] = std::hint::select_unpredictable(completes != 0, holds, taken) as u8;
        observer.moved(version[run] as usize, taken, completes & holds);
        all.change(taken, completes & holds);
    }
    Span { most: all.maximum - BEGIN, left: all.running.wrapping_sub(BEGIN) }
}

/// Writes the outcomes, and hands what completes after the window to the calendar. Returns when the
/// last of the admitted ends.
#[inline(never)]
fn hand_on(
    window: &mut Window,
    under_way: usize,
    rows: Invocations<'_>,
    outcome: &mut [u8],
    calendar: &mut impl Calendar,
) -> u64 {
    let end = rows.arrival[rows.len() - 1];
    let held = &window.held[under_way..];
    let when_full = window.when_full[under_way..].iter();
    for ((outcome, &held), &when_full) in outcome.iter_mut().zip(held).zip(when_full) {
        *outcome = if held != 0 { Outcome::Warm as u8 } else { when_full };
    }
    let (mut count, mut last) = (0, 0);
    let columns = rows.arrival.iter().zip(rows.duration).zip(held).zip(0_u32..);
    for (((&at, &duration), &held), row) in columns {
        let ends = at.wrapping_add(duration) & u64::from(held).wrapping_neg();
        last = last.max(ends);
        window.later[count % ROWS] = row;
        count = count.wrapping_add(usize::from(ends > end));
    }
    // The last row stands behind those, and completes after the window even where it ends with it.
    let (last_duration, last_held) = (rows.duration[rows.len() - 1], held[rows.len() - 1]);
    count += usize::from(last_duration == 0 && last_held != 0);
    for &row in &window.later[..count] {
        let row = row as usize;
        let ends = rows.arrival[row] + rows.duration[row];
        window.under_way.schedule(ends, window.version[under_way + row], calendar);
    }
    last
}
