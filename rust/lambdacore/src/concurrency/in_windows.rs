//! Recording a window of rows at once: whoever was admitted, and when each run ends, is known, so
//! all is a stream of events.

use super::{ON_SHARED, Recorder, end_run};
use crate::stream::{FEW, ROWS, Target, Window};
use crate::{Invocations, Outcome};

/// The rows that count, with all the time that each holds its permit.
#[derive(Debug, Default)]
pub(super) struct Runs {
    arrival: Vec<u64>,
    /// Index of the source, and whether the run counts as unreserved.
    run: Vec<u32>,
    held: Vec<u64>,
}

impl Recorder<'_> {
    /// Whether rows are worth a window: where one holds runs that are under way, always.
    pub(super) fn takes_window(&self, rows: usize) -> bool {
        rows >= FEW || self.in_window() > 0
    }

    /// Runs that are under way and not in the calendar.
    pub(super) fn in_window(&self) -> usize {
        self.window.as_deref().map_or(0, Window::in_flight)
    }

    /// Hands what is under way to the calendar.
    pub(super) fn leave_windows(&mut self) {
        if let Some(window) = &mut self.window {
            window.put_back(&mut self.calendar);
        }
    }

    /// Ends what ends by `now`, in any order: only the numbers matter.
    pub(super) fn complete_windowed(&mut self, now: u64) {
        let Self { window, calendar, sources, levels, region, unreserved, .. } = self;
        if let Some(window) = window {
            window.take_due(now, calendar);
            for &(_, run) in &window.due {
                end_run(sources, levels, region, unreserved, run);
            }
        }
    }

    /// Records some rows at once; not where they do not fit into a window.
    pub(super) fn record_window(&mut self, rows: Invocations<'_>, outcome: &[u8]) -> bool {
        let mut runs = std::mem::take(&mut self.runs);
        self.gather(rows, outcome, &mut runs);
        let done = runs.arrival.is_empty() || self.record_runs(&runs);
        self.runs = runs;
        done
    }

    fn gather(&self, rows: Invocations<'_>, outcome: &[u8], runs: &mut Runs) {
        let Runs { arrival, run, held } = runs;
        for column in [&mut *arrival, &mut *held] {
            column.resize(ROWS, 0);
        }
        run.resize(ROWS, 0);
        let wanted = self.recording.wanted & ((1 << Outcome::FIRST_THROTTLED) - 1);
        let mut count = 0;
        for (row, &code) in outcome.iter().enumerate() {
            let index = rows.function[row];
            let init = if code == Outcome::Cold as u8 {
                rows.init_of(row, self.sources[index as usize].init_duration)
            } else {
                0
            };
            let provisioned = code == Outcome::Provisioned as u8;
            let on_shared = !provisioned || self.recording.provisioned_is_unreserved;
            arrival[count] = rows.arrival[row];
            run[count] = index << 1 | u32::from(on_shared);
            held[count] = rows.duration[row].wrapping_add(init);
            count += (wanted >> code.min(31) & 1) as usize;
        }
        arrival.truncate(count);
        run.truncate(count);
        held.truncate(count);
    }

    fn record_runs(&mut self, runs: &Runs) -> bool {
        let window = self.window.get_or_insert_default();
        if window.targets.is_empty() {
            let all = 0..2 * self.sources.len() as u32;
            window.targets.extend(all.map(|run| Target { version: run, pool: 0, when_full: 0 }));
        }
        self.complete_windowed(runs.arrival[0]);
        let Self { window, calendar, sources, levels, region, unreserved, .. } = self;
        let Some(window) = window else { return false };
        let rows = Invocations::new(&runs.arrival, &runs.run, &runs.held);
        let rows = rows.expect("columns of one length");
        if !window.lay_out(rows, calendar) {
            return false;
        }
        let under_way = window.due.len();
        for (version, &(_, run)) in window.version.iter_mut().zip(&window.due) {
            *version = run;
        }
        for event in &window.events {
            let (run, completes) = (window.version[event.run()], event.completes());
            let (begins, on_shared) = (1 - completes, run & ON_SHARED);
            let source = &mut sources[(run >> 1) as usize];
            levels[source.row.unwrap_or(0)].change(begins, completes);
            region.change(begins, completes);
            let (more, less) = (on_shared & begins, on_shared & completes);
            source.on_shared = source.on_shared.wrapping_add(more).wrapping_sub(less);
            let counts = u32::from(source.unreserved);
            unreserved.running =
                unreserved.running.wrapping_add(more & counts).wrapping_sub(less & counts);
            // A look at each beginning, whatever it is that begins.
            let seen = unreserved.running & begins.wrapping_neg();
            unreserved.maximum = unreserved.maximum.max(seen);
        }
        self.invoked = true;
        let end = rows.arrival[rows.len() - 1];
        for (row, (&at, &held)) in rows.arrival.iter().zip(rows.duration).enumerate() {
            let ends = at + held;
            // The last run completes after the window, even where it ends with it.
            if ends > end || row + 1 == rows.len() {
                window.under_way.schedule(ends, window.version[under_way + row], calendar);
            }
        }
        true
    }
}
