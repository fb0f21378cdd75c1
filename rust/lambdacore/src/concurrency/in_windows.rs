//! Recording a window of rows at once: whoever was admitted, and when each run ends, is known, so
//! all is a stream of events.

use super::{Kind, Level, ON_SHARED, Recorder, Source, end_run};
use crate::stream::{Event, FEW, ROWS, Window};
use crate::{Invocations, Outcome};

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
        self.window.get_or_insert_default();
        self.complete_windowed(rows.arrival[0]);
        let Self { window, calendar, sources, levels, region, unreserved, .. } = self;
        let Some(window) = window else { return false };
        if !window.open(rows, calendar) {
            return false;
        }
        let (counted, own) = gather(window, rows, outcome, (&*sources, &self.kinds));
        window.put_in_order(rows, (counted, own));
        for (meaning, &(_, run)) in window.version.iter_mut().zip(&window.due) {
            let source = &mut sources[(run >> 1) as usize];
            source.on_shared -= run & ON_SHARED;
            *meaning = source.meaning(run & ON_SHARED);
        }
        record_events(window, levels, region, unreserved);
        self.invoked |= counted > 0;
        for &(at, run) in &window.later[..counted - own] {
            sources[(run >> 1) as usize].on_shared += run & ON_SHARED;
            window.under_way.schedule(at, run, calendar);
        }
        true
    }
}

impl Source {
    /// What a run of it is in a window: its level, and whether it counts as unreserved now.
    #[inline]
    fn meaning(&self, on_shared: u32) -> u32 {
        self.level << 1 | on_shared & u32::from(self.unreserved)
    }
}

/// Writes the arrivals of the rows that count, and the completions up to the last row; what completes
/// later is noted. Returns how many arrivals and completions there are.
#[inline(never)]
fn gather(
    window: &mut Window,
    rows: Invocations<'_>,
    outcome: &[u8],
    (sources, kinds): (&[Source], &[Kind; 256]),
) -> (usize, usize) {
    let Window { arrivals, completions, version, later, due, .. } = window;
    let (begin, end) = (rows.arrival[0], rows.arrival[rows.len() - 1]);
    let under_way = due.len();
    let completions = &mut completions[1 + under_way..];
    let (mut counted, mut own) = (0_usize, 0_usize);
    let columns = rows.arrival.iter().zip(rows.function).zip(rows.duration).zip(outcome);
    let meanings = version[under_way..].iter_mut().zip(under_way..);
    for ((((&at, &index), &duration), &code), (meaning, run)) in columns.zip(meanings) {
        let source = &sources[index as usize];
        let Kind { counts, on_shared } = kinds[code as usize];
        let mut ends = at.wrapping_add(duration);
        if code == Outcome::Cold as u8 {
            ends += rows.init_of(run - under_way, source.init_duration);
        }
        *meaning = source.meaning(u32::from(on_shared));
        arrivals[1 + counted % ROWS] = Event::arrives(at.wrapping_sub(begin), run);
        completions[own] = Event::ends(ends.wrapping_sub(begin), run);
        later[counted.wrapping_sub(own) % ROWS] = (ends, index << 1 | u32::from(on_shared));
        counted = counted.wrapping_add(usize::from(counts));
        own = own.wrapping_add(usize::from(counts) & usize::from(ends <= end));
    }
    (counted, own)
}

/// Moves the levels with every event, without a branch that depends on it.
#[inline(never)]
fn record_events(
    window: &Window,
    levels: &mut [Level],
    in_region: &mut Level,
    on_shared: &mut Level,
) {
    // In locals, where the compiler keeps them in registers.
    let (mut region, mut unreserved) = (*in_region, *on_shared);
    for event in &window.events {
        let (meaning, completes) = (window.version[event.run()], event.completes());
        let looks = completes.wrapping_sub(1);
        let by = 1_u32.wrapping_sub(completes << 1);
        levels[(meaning >> 1) as usize].step(by, looks);
        region.step(by, looks);
        // A look at each beginning, whatever it is that begins.
        unreserved.step(by & (meaning & 1).wrapping_neg(), looks);
    }
    (*in_region, *on_shared) = (region, unreserved);
}
