//! Taking turns: in windows where that is faster, event by event where it is not.

use std::ops::ControlFlow;

use super::{Observer, Simulation};
use crate::calendar::Calendar;
use crate::engine::{Engine, Reason};
use crate::invocations::{Invocations, PIECE, Watch};
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
const ASKED: usize = 4 * ALL / 100;
const REST: usize = 16 * stream::ROWS;

/// Rests become twice as long, so many times, as long as the windows between them are no better.
const LONGER: u32 = 3;

/// So many under way may end at once without a look whether to break off.
const AT_ONCE: usize = 1 << 16;

/// Rows apart that are looked at as a sample.
const APART: usize = 61;

/// What the rows so far say of the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turns {
    /// The share that started cold, on average over about a window.
    cold: usize,
    /// Rows that are run event by event before there is another window, and why. At least so many
    /// as were moved to the calendar, or moving would cost more than windows save.
    rest: usize,
    because: Option<Reason>,
    /// Rests one after another.
    rests: u32,
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
        let plain = admission.store.plain();
        let reasons = [
            (!C::WITH_WINDOWS || self.engine == Engine::Calendar, Reason::AskedFor),
            (plain.is_none(), Reason::AtomicCounters),
            (!stream::knows(admission.profile), Reason::Rules),
            (plain.is_some_and(|plain| plain.totals.has_provisioned), Reason::Provisioned),
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
            let mut reason = self.not_in_a_window(rows.len(), piece.len() - start);
            start = end;
            if reason.is_none() {
                if self.in_flight() > AT_ONCE {
                    // Before the window, which lets them end too, but without a look.
                    self.end_by(rows.arrival[0], observer, watch)?;
                }
                if self.run_window(rows, outcome, observer) {
                    self.ran.count(rows.len(), None);
                    self.note_window(rows, outcome);
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

    /// Why so many rows, with so many ahead, are better not run as a window: they are few, unless what
    /// is under way is there already; those ahead are too few to look up what each function means; or
    /// many start cold.
    fn not_in_a_window(&self, rows: usize, ahead: usize) -> Option<Reason> {
        let inside = self.in_windows() > 0;
        let known = self.window.as_deref().is_some_and(Window::knows_targets);
        let worth_knowing = ahead >= (self.version_of.len() / 4).min(PIECE / 2);
        // Not to and fro at every window.
        let most = if inside { COLD } else { COLD * 2 / 3 };
        if self.engine == Engine::Stream {
            None
        } else if rows < stream::FEW && !inside || !known && !worth_knowing {
            Some(Reason::Few)
        } else if self.turns.cold > most {
            Some(Reason::Cold)
        } else if self.turns.rest > 0 {
            self.turns.because
        } else {
            None
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

    /// Notes whether the event loop would have been faster than the window that ran.
    fn note_window(&mut self, rows: Invocations<'_>, outcome: &[u8]) {
        let asked = self.window.as_deref().map_or(0, |window| window.asked);
        let because = if asked * ALL > rows.len() * ASKED {
            Some(Reason::Unusual)
        } else {
            is_quiet(rows, outcome).then_some(Reason::Quiet)
        };
        let turns = &mut self.turns;
        if because.is_some() && self.engine != Engine::Stream {
            (turns.rest, turns.because) = (REST << turns.rests, because);
            turns.rests = LONGER.min(turns.rests + 1);
        } else {
            turns.rests = 0;
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

/// Whether less than half a run is under way on average, or most are throttled: then the branches of
/// the event loop are predicted, and windows have no advantage. By a sample of the rows.
fn is_quiet(rows: Invocations<'_>, outcome: &[u8]) -> bool {
    let length = rows.arrival[rows.len() - 1] - rows.arrival[0];
    let (mut looked, mut admitted, mut time) = (0, 0, 0_u128);
    for (&code, &duration) in outcome.iter().zip(rows.duration).step_by(APART) {
        looked += 1;
        if code < Outcome::FIRST_THROTTLED {
            admitted += 1;
            time += u128::from(duration.min(length));
        }
    }
    admitted * 8 < looked || 2 * time * (rows.len() as u128) < u128::from(length) * looked
}
