//! Many configurations of pools side by side: each event is decided for all of them at once.
//!
//! The stream of events does not depend on the limits, so it is made once. What differs is one lane
//! of an array: how much of a pool is in use, what its limit is, whether a run holds a permit.

#![allow(clippy::needless_range_loop, reason = "a lane is an index of several arrays at once")]

use std::ops::ControlFlow;

use super::ROWS;
use super::events::{RUNS, Target, Window};
use crate::Invocations;
use crate::calendar::Wheel;
use crate::invocations::Watch;
use crate::wide::wide;

/// A number for each configuration; 0, or a mask of ones where it is a yes or no.
pub(crate) type Lane<const L: usize> = [u32; L];

/// Pools that one invocation may draw on, at most: provisioned, reserved, shared.
pub(crate) const STAGES: usize = 3;

/// A pool in all configurations.
#[derive(Clone, Debug)]
pub(crate) struct PoolLanes<const L: usize> {
    pub(crate) in_use: Lane<L>,
    pub(crate) limit: Lane<L>,
}

/// A pool on the route of an index of the function column, and in which configurations it is.
#[derive(Clone, Debug)]
pub(crate) struct Stage<const L: usize> {
    pub(crate) pool: usize,
    pub(crate) on_route: Lane<L>,
}

/// Where the invocations of an index of the function column may draw permits, in order, and the row
/// in which they count.
#[derive(Clone, Debug)]
pub(crate) struct RouteLanes<const L: usize> {
    pub(crate) row: usize,
    pub(crate) stages: Vec<Stage<L>>,
    /// Whether the first of them is of provisioned environments.
    pub(crate) provisioned: bool,
}

/// What is counted of a function.
#[derive(Clone, Debug)]
pub(crate) struct Counts<const L: usize> {
    /// Calls that arrived, and the nanoseconds that they would hold permits if all were admitted.
    pub(crate) arrivals: u64,
    pub(crate) offered: u64,
    pub(crate) refused: Lane<L>,
    /// Nanoseconds of those that were refused.
    pub(crate) refused_time: [u64; L],
    pub(crate) on_provisioned: Lane<L>,
    pub(crate) running: Running<L>,
}

/// How many run, and the most that ran since the last look.
#[derive(Clone, Debug)]
pub(crate) struct Running<const L: usize> {
    pub(crate) now: Lane<L>,
    pub(crate) most: Lane<L>,
}

/// A run that outlives its window: of which index, and in which configurations it holds a permit of
/// each stage.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    index: u32,
    stages: [u64; STAGES],
}

/// Pure pools in up to 64 configurations.
#[derive(Debug)]
pub(crate) struct Lanes<const L: usize> {
    pub(crate) routes: Vec<RouteLanes<L>>,
    pub(crate) pools: Vec<PoolLanes<L>>,
    pub(crate) counts: Vec<Counts<L>>,
    pub(crate) region: Running<L>,
    /// Time that counts, in nanoseconds.
    counted: std::ops::Range<u64>,
    window: Box<Window>,
    calendar: Wheel,
    /// Runs that outlive their windows go by their places here.
    held: Vec<Held>,
    free: Vec<u32>,
    /// For each run of the window, its index, and who holds a permit of each stage.
    index: Vec<u32>,
    holders: [Vec<u64>; STAGES],
}

impl<const L: usize> Default for Running<L> {
    fn default() -> Self {
        Self { now: [0; L], most: [0; L] }
    }
}

impl<const L: usize> Default for Counts<L> {
    fn default() -> Self {
        Self {
            arrivals: 0,
            offered: 0,
            refused: [0; L],
            refused_time: [0; L],
            on_provisioned: [0; L],
            running: Running::default(),
        }
    }
}

impl<const L: usize> Lanes<L> {
    pub(crate) fn new(
        routes: Vec<RouteLanes<L>>,
        pools: Vec<PoolLanes<L>>,
        rows: usize,
        counted: std::ops::Range<u64>,
    ) -> Self {
        let mut window = Box::<Window>::default();
        let target = |version| Target { version, pool: 0, when_full: 0 };
        window.targets.extend((0..routes.len() as u32).map(target));
        Self {
            routes,
            pools,
            counts: vec![Counts::default(); rows],
            region: Running::default(),
            counted,
            window,
            calendar: Wheel::default(),
            held: Vec::new(),
            free: Vec::new(),
            index: vec![0; RUNS],
            holders: [(); STAGES].map(|()| vec![0; RUNS]),
        }
    }

    /// Places for runs that outlive their windows.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.held.len()
    }

    /// Lets what has ended by `now` end.
    pub(crate) fn complete_until(&mut self, now: u64, watch: &mut Watch<'_>) -> ControlFlow<()> {
        self.window.take_due(now, &mut self.calendar);
        for at in 0..self.window.due.len() {
            let (_, place) = self.window.due[at];
            let Held { index, stages } = self.held[place as usize];
            self.free.push(place);
            let route = &self.routes[index as usize];
            for (stage, holders) in route.stages.iter().zip(stages) {
                let running = &mut self.counts[route.row].running;
                give_back(holders, &mut self.pools[stage.pool], running, &mut self.region);
            }
            if at % ROWS == ROWS - 1 {
                watch(0)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Runs rows that lie between two edges of time that is counted, or of bins.
    pub(crate) fn run(&mut self, rows: Invocations<'_>, watch: &mut Watch<'_>) -> ControlFlow<()> {
        let mut start = 0;
        while start < rows.len() {
            let mut end = rows.len().min(start + ROWS);
            self.complete_until(rows.arrival[start], watch)?;
            // One row always fits: nothing but itself happens in its window.
            while !self.run_window(rows.rows(start..end)) {
                end = start + (end - start) / 2;
            }
            start = end;
            watch(0)?;
        }
        ControlFlow::Continue(())
    }

    /// Runs a window, up to whose first arrival all has ended; not where it does not fit.
    fn run_window(&mut self, rows: Invocations<'_>) -> bool {
        if !self.window.lay_out(rows, &mut self.calendar) {
            return false;
        }
        let under_way = self.window.due.len();
        for (run, &(_, place)) in self.window.due.iter().enumerate() {
            let Held { index, stages } = self.held[place as usize];
            self.free.push(place);
            self.index[run] = index;
            for (holders, of_run) in self.holders.iter_mut().zip(stages) {
                holders[run] = of_run;
            }
        }
        self.index[under_way..under_way + rows.len()].copy_from_slice(rows.function);
        wide(
            #[inline(always)]
            || self.decide(rows, under_way),
        );
        self.hand_on(rows, under_way);
        true
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "compiled for each set of instructions")]
    fn decide(&mut self, rows: Invocations<'_>, under_way: usize) {
        let Self { routes, pools, counts, region, window, index, holders, counted, .. } = self;
        for event in &window.events {
            let run = event.run();
            let route = &routes[index[run] as usize];
            let counts = &mut counts[route.row];
            if event.completes() != 0 {
                for (stage, holders) in route.stages.iter().zip(&*holders) {
                    let pool = &mut pools[stage.pool];
                    give_back(holders[run], pool, &mut counts.running, region);
                }
                continue;
            }
            let mut refused = [u32::MAX; L];
            for (stage, holders) in route.stages.iter().zip(&mut *holders) {
                holders[run] = take(&mut refused, stage, &mut pools[stage.pool]);
            }
            for lane in 0..L {
                counts.running.start(lane, !refused[lane]);
                region.start(lane, !refused[lane]);
            }
            let row = run - under_way;
            let now = rows.arrival[row].max(counted.start);
            let end = rows.arrival[row].wrapping_add(rows.duration[row]);
            let held = end.min(counted.end).max(counted.start).wrapping_sub(now);
            counts.arrivals = counts.arrivals.wrapping_add(1);
            counts.offered = counts.offered.wrapping_add(held);
            if route.provisioned {
                for lane in 0..L {
                    let taken = (holders[0][run] >> lane & 1) as u32;
                    counts.on_provisioned[lane] = counts.on_provisioned[lane].wrapping_add(taken);
                }
            }
            if refused.iter().fold(0, |any, refused| any | refused) != 0 {
                for lane in 0..L {
                    // A mask of ones is -1.
                    counts.refused[lane] = counts.refused[lane].wrapping_sub(refused[lane]);
                    let time = held & u64::from(refused[lane] & 1).wrapping_neg();
                    counts.refused_time[lane] = counts.refused_time[lane].wrapping_add(time);
                }
            }
        }
    }

    /// Keeps what completes after the window.
    fn hand_on(&mut self, rows: Invocations<'_>, under_way: usize) {
        let end = rows.arrival[rows.len() - 1];
        for row in 0..rows.len() {
            let ends = rows.arrival[row].wrapping_add(rows.duration[row]);
            // The last run completes after the window, even where it ends with it.
            if ends < end || ends == end && row + 1 < rows.len() {
                continue;
            }
            let (run, index) = (under_way + row, rows.function[row]);
            let mut held = Held { index, stages: [0; STAGES] };
            let used = self.routes[index as usize].stages.len();
            for (of_run, holders) in held.stages.iter_mut().zip(&self.holders).take(used) {
                *of_run = holders[run];
            }
            if held.stages != [0; STAGES] {
                let place = self.free.pop().unwrap_or_else(|| {
                    self.held.push(held);
                    self.held.len() as u32 - 1
                });
                self.held[place as usize] = held;
                self.window.under_way.schedule(ends, place, &mut self.calendar);
            }
        }
    }
}

#[allow(clippy::inline_always, reason = "a part of what is compiled for each set of instructions")]
impl<const L: usize> Running<L> {
    /// One more where the mask is of ones.
    #[inline(always)]
    fn start(&mut self, lane: usize, mask: u32) {
        self.now[lane] = self.now[lane].wrapping_sub(mask);
        self.most[lane] = self.most[lane].max(self.now[lane]);
    }
}

/// Takes a permit in each configuration that wants one, has the pool on its route, and room in it;
/// those want none any more. Returns which took one, bit by bit.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as above")]
fn take<const L: usize>(wanted: &mut Lane<L>, stage: &Stage<L>, pool: &mut PoolLanes<L>) -> u64 {
    let mut taken = [0; L];
    for lane in 0..L {
        // The rule of a pool, as `Pool::has_room`.
        let has_room = u32::from(pool.in_use[lane] < pool.limit[lane]).wrapping_neg();
        taken[lane] = wanted[lane] & stage.on_route[lane] & has_room;
        pool.in_use[lane] = pool.in_use[lane].wrapping_sub(taken[lane]);
        wanted[lane] &= !taken[lane];
    }
    // In a loop of its own, or neither is done several lanes at a time.
    let mut holders = 0;
    for (word, masks) in taken.chunks(32).enumerate() {
        let bits = masks.iter().zip(BITS).fold(0, |bits, (mask, bit)| bits | mask & bit);
        holders |= u64::from(bits) << (32 * word);
    }
    holders
}

/// The bit of each lane of a word.
const BITS: [u32; 32] = {
    let mut bits = [1; 32];
    let mut lane = 1;
    while lane < 32 {
        bits[lane] = bits[lane - 1] << 1;
        lane += 1;
    }
    bits
};

/// Gives permits back in the configurations whose bits are set.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as above")]
fn give_back<const L: usize>(
    holders: u64,
    pool: &mut PoolLanes<L>,
    of_function: &mut Running<L>,
    region: &mut Running<L>,
) {
    let halves = [holders as u32, (holders >> 32) as u32];
    for lane in 0..L {
        let held = u32::from(halves[lane / 32] & 1 << (lane % 32) != 0);
        pool.in_use[lane] = pool.in_use[lane].wrapping_sub(held);
        of_function.now[lane] = of_function.now[lane].wrapping_sub(held);
        region.now[lane] = region.now[lane].wrapping_sub(held);
    }
}
