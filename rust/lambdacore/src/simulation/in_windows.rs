//! Taking turns: in windows where that is faster, event by event where it is not.

use std::ops::ControlFlow;

use super::{Observer, Simulation};
use crate::calendar::Calendar;
use crate::engine::{Engine, Reason};
use crate::invocations::{Invocations, Watch};
use crate::state::Counters;
use crate::store::Store;
use crate::stream::{self, Ground, Window};
use crate::{Outcome, Profile};

/// The share that is all.
const ALL: usize = 1_000_000;

/// Where a larger share of invocations starts cold, they are run event by event.
const COLD: usize = 15 * ALL / 100;

/// Where the rule itself has to be asked on a larger share beside, because changes are absorbed or
/// rates are met, some windows' rows are run event by event.
const ASKED: usize = 8 * ALL / 100;
const REST: usize = 16 * stream::ROWS;

/// What the rows so far say of the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turns {
    /// The share that started cold, on average over about a window.
    cold: usize,
    /// Rows that are run event by event before there is another window, and why. At least so many
    /// as were moved to the calendar, or moving would cost more than windows save.
    rest: usize,
    because: Option<Reason>,
}

impl Turns {
    pub(super) fn new(profile: Profile) -> Self {
        // Of a rested account, all that come first are cold.
        Self { cold: if profile.environments { ALL } else { 0 }, ..Self::default() }
    }

    fn note_cold(&mut self, outcome: &[u8]) {
        // So few at a time that a byte counts them.
        let parts = outcome.chunks(u8::MAX.into()).map(|part| {
            let cold = part.iter().map(|&code| u8::from(code == Outcome::Cold as u8));
            usize::from(cold.fold(0, u8::wrapping_add))
        });
        let cold: usize = parts.sum();
        let before = self.cold * (stream::ROWS - outcome.len());
        self.cold = (before + cold * ALL) / stream::ROWS;
    }
}

impl<C: Calendar, K: Counters> Simulation<C, K> {
    /// What keeps all from being run in windows.
    pub(super) fn never_in_windows<O: Observer>(&mut self, _: &O) -> Option<Reason> {
        let mut admission = self.state.admission();
        let reasons = [
            (!C::WITH_WINDOWS || self.engine == Engine::Calendar, Reason::AskedFor),
            (admission.store.plain().is_none(), Reason::AtomicCounters),
            (!stream::knows(admission.profile), Reason::Rules),
            (O::TIMED, Reason::Observed),
        ];
        reasons.into_iter().find_map(|(holds, reason)| holds.then_some(reason))
    }

    /// Runs rows in windows, but event by event where that is faster.
    pub(super) fn run_in_windows(
        &mut self,
        piece: Invocations<'_>,
        outcome: &mut [u8],
        observer: &mut impl Observer,
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let mut start = 0;
        while start < piece.len() {
            let end = piece.len().min(start + stream::ROWS);
            let (rows, outcome) = (piece.rows(start..end), &mut outcome[start..end]);
            start = end;
            let mut reason = self.not_in_a_window(rows.len());
            if reason.is_none() {
                if self.run_window(rows, outcome, observer) {
                    self.ran.count(rows.len(), None);
                    self.note_asked(rows.len());
                } else {
                    reason = Some(Reason::Crowded);
                }
            }
            if reason.is_some() {
                self.leave_windows(reason);
                self.run_event_by_event(rows, outcome, observer, watch, reason)?;
            }
            if self.state.admission().profile.environments {
                self.turns.note_cold(outcome);
            }
            self.turns.rest = self.turns.rest.saturating_sub(outcome.len());
        }
        ControlFlow::Continue(())
    }

    /// Why so many rows are better not run as a window: they are few, unless what is under way is
    /// there already; or many start cold.
    fn not_in_a_window(&self, rows: usize) -> Option<Reason> {
        let inside = self.in_windows() > 0;
        // Not to and fro at every window.
        let most = if inside { COLD } else { COLD / 2 };
        if self.engine == Engine::Stream {
            None
        } else if self.turns.cold > most {
            Some(Reason::Cold)
        } else if self.turns.rest > 0 {
            self.turns.because
        } else {
            (rows < stream::FEW && !inside).then_some(Reason::Few)
        }
    }

    /// Runs rows as a window; not where they do not fit into one.
    fn run_window(
        &mut self,
        rows: Invocations<'_>,
        outcome: &mut [u8],
        observer: &mut impl Observer,
    ) -> bool {
        let Self { state, version_of, init_duration, calendar, last_completion, .. } = self;
        let admission = state.admission();
        let window = self.window.get_or_insert_default();
        let environments = admission.profile.environments;
        let on = &mut Ground { admission, calendar, version_of, init_duration, last_completion };
        if self.extended {
            window.run_rule::<true, _>(rows, on, outcome, observer)
        } else if environments {
            window.run_rule::<false, _>(rows, on, outcome, observer)
        } else {
            window.run_pools(rows, on, outcome, observer)
        }
    }

    /// Notes on how much of a window the rule itself was asked.
    fn note_asked(&mut self, rows: usize) {
        let asked = self.window.as_deref().map_or(0, |window| window.asked);
        if asked * ALL > rows * ASKED && self.engine != Engine::Stream {
            (self.turns.rest, self.turns.because) = (REST, Some(Reason::Unusual));
        }
    }

    /// Hands what is under way to the calendar.
    pub(super) fn leave_windows(&mut self, reason: Option<Reason>) {
        let moved = self.in_windows();
        if let Some(window) = &mut self.window
            && moved > 0
        {
            window.put_back(&mut self.calendar);
            if moved > self.turns.rest {
                (self.turns.rest, self.turns.because) = (moved, reason);
            }
        }
    }

    pub(super) fn in_windows(&self) -> usize {
        self.window.as_deref().map_or(0, Window::in_flight)
    }
}
