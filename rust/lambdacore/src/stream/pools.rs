//! Pools and nothing else: each invocation draws on one pool, for as long as it says.

use super::{Ground, Window, alone};
use crate::Pool;
use crate::calendar::Calendar;
use crate::invocations::Invocations;
use crate::simulation::{Observer, Span};
use crate::store::Store;

impl Window {
    /// Runs some rows. Not where they do not fit into a window: then nothing has changed but that
    /// what ends by the first arrival has ended.
    pub(crate) fn run_pools<O: Observer>(
        &mut self,
        rows: Invocations<'_>,
        on: &mut Ground<'_, impl Store, impl Calendar>,
        outcome: &mut [u8],
        observer: &mut O,
    ) -> bool {
        if !self.begin::<false>(rows, on, observer) {
            return false;
        }
        let under_way = self.due.len();
        let pools = on.admission.store.plain().expect("plain words").pools;
        let alone = self.is_of_one_version();
        let span = if alone {
            alone::decide(self, &mut pools[self.targets[0].pool as usize])
        } else {
            decide(self, pools, observer)
        };
        let last = self.hand_on::<false>(under_way, rows, outcome, on.calendar);
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
        *on.last_completion = last.max(*on.last_completion);
        true
    }
}

/// Decides on every event, without a branch that depends on it.
#[inline(never)]
fn decide(window: &mut Window, pools: &mut [Pool], observer: &mut impl Observer) -> Span {
    let Window { events, held, pool, version, .. } = window;
    let mut all = Span::begin();
    for &event in events.iter() {
        let (run, completes) = (event.run(), event.completes());
        let returned = completes & u32::from(held[run]);
        let taken = pools[pool[run] as usize].exchange(1 - completes, returned);
        // Of a run that completes this is what it was.
        held[run] = (taken | returned) as u8;
        observer.moved(version[run] as usize, taken, returned);
        all.change(taken, returned);
    }
    Span::of(all)
}
