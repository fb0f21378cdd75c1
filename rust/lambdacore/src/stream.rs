//! The stream engine: what the event loop does, a window of arrivals at a time.
//!
//! Where a run's end is known when its invocation arrives, the limits decide only *whether* the
//! completion comes, never when. So all that may complete in a window of arrivals can be put in
//! order beforehand: the ends of the window's own runs, sorted while they lie in the cache, beside
//! the completions that the calendar holds for that time. Merged with the arrivals they are one
//! stream of events, and no branch has to guess which comes next: that is what costs the
//! event-by-event loop its time.
//!
//! Before and after each window the state of the simulation is what the event loop would have made
//! it, so the two take turns wherever one of them is the better: see `Simulation::run_unchanged`.

mod alone;
mod events;
pub(crate) mod lanes;
mod later;
mod pools;
mod rule;
mod sort;

use crate::admission::Admission;

pub(crate) use events::{Event, Window};
pub(crate) use rule::knows;
pub(crate) use sort::sort;

/// Arrivals of a window: so many that they, their ends and what else completes meanwhile lie in the
/// cache, and that what is done once a window costs nothing.
pub(crate) const ROWS: usize = 4096;

/// Fewer rows are run event by event: laying out a window would cost more than it saves.
pub(crate) const FEW: usize = 128;

/// What a window runs on: the state of the simulation.
#[derive(Debug)]
pub(crate) struct Ground<'a, S, C> {
    pub(crate) admission: Admission<'a, S>,
    pub(crate) calendar: &'a mut C,
    /// For each index of the function column, its version, and what a cold start adds.
    pub(crate) version_of: &'a [u32],
    pub(crate) init_duration: &'a [u64],
    pub(crate) last_completion: &'a mut u64,
}
