//! Traffic that is drawn: streams of calls, one a function, merged in order of arrival.
//!
//! Every draw has a key: seed, version of the streams, name of the function, replication, purpose
//! and index. So nobody's draws depend on another function, on limits, or on how the work is
//! divided; and traffic can be had in blocks of any size.

// Draws are numbers of 53 bits, and become times by rounding: that is what they are for.
#![allow(clippy::cast_precision_loss, clippy::cast_sign_loss, clippy::cast_possible_wrap)]

mod arrivals;
mod counts;
mod draws;
mod laws;
mod length_biased;
mod math;
mod philox;
mod rates;
mod recorded;
mod states;
mod stop;

use std::collections::HashSet;

use arrivals::{Call, Running};
use draws::{Draws, Purpose};
use laws::{Drawn, require};

use crate::Invocations;
use crate::stream::sort;

pub use arrivals::{Arrivals, Gap};
pub use counts::{Counts, Within};
pub use draws::STREAM_VERSION;
pub use laws::{Law, TrafficError};
pub use rates::Rates;
pub use recorded::{Recorded, Scale};
pub use states::{State, States};
pub use stop::Stop;

/// The calls of one function (or version, or alias).
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// What is invoked; the draws depend on it.
    pub name: String,
    /// When calls come: all of these together.
    pub arrivals: Vec<Arrivals>,
    /// How long each runs; `None` where the arrivals say so.
    pub duration: Option<Law>,
    /// How long its init takes if it starts cold; `None` as the account says.
    pub init: Option<Law>,
}

/// Streams of several functions.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    streams: Vec<Stream>,
}

impl Workload {
    /// Puts streams together.
    ///
    /// # Errors
    ///
    /// [`TrafficError`] for two streams of one name, a process that cannot be, and a duration
    /// that nobody or everybody gives.
    pub fn new(streams: Vec<Stream>) -> Result<Self, TrafficError> {
        let mut names = HashSet::new();
        for stream in &streams {
            require(names.insert(stream.name.as_str()), "workload: one stream a name")?;
            require(stream.arrivals.len() < 1 << 15, "stream: at most 32,767 processes")?;
            for arrivals in &stream.arrivals {
                arrivals.check()?;
                require(
                    stream.duration.is_some() || arrivals.has_durations(),
                    "stream: a duration is needed",
                )?;
            }
        }
        Ok(Self { streams })
    }

    /// The streams; traffic names them by their index.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// Calls expected in the first `horizon` nanoseconds.
    pub fn expected(&self, horizon: u64) -> f64 {
        let arrivals = self.streams.iter().flat_map(|stream| &stream.arrivals);
        arrivals.map(|arrivals| arrivals.expected(horizon)).sum()
    }

    /// Whether calls have inits of their own.
    fn has_init(&self) -> bool {
        self.streams.iter().any(|stream| stream.init.is_some())
    }
}

/// Rows of a block, about.
const BLOCK: usize = 1 << 13;

/// The traffic of one replication, block by block in order of arrival.
///
/// At one instant, calls come in the order of the streams, and in one stream in that of its
/// processes.
#[derive(Debug)]
pub struct Traffic {
    lanes: Vec<Lane>,
    horizon: u64,
    /// Up to when all calls were handed out.
    now: u64,
    /// How far the next block looks ahead: it follows the rate.
    window: u64,
    block: usize,
    rows: Vec<Row>,
    /// Room for putting them in order.
    order: Vec<u64>,
    spare: Vec<u64>,
    arrival: Vec<u64>,
    function: Vec<u32>,
    duration: Vec<u64>,
    init: Option<Vec<u64>>,
}

/// A call with all that was drawn for it.
#[derive(Clone, Copy, Debug)]
struct Row {
    arrival: u64,
    duration: u64,
    init: u64,
    function: u32,
}

impl Traffic {
    /// Calls in the first `horizon` nanoseconds, which begin `lead` nanoseconds before the
    /// workload's own time zero.
    pub fn new(workload: &Workload, seed: u128, replication: u64, lead: u64, horizon: u64) -> Self {
        Self::until_stopped(workload, seed, replication, lead, horizon, &Stop::default())
    }

    /// The same, and `stop` may end it early.
    pub fn until_stopped(
        workload: &Workload,
        seed: u128,
        replication: u64,
        lead: u64,
        horizon: u64,
        stop: &Stop,
    ) -> Self {
        let mut lanes = Vec::new();
        for (function, stream) in workload.streams.iter().enumerate() {
            let draws = Draws::of(seed, &stream.name, replication);
            for (part, arrivals) in stream.arrivals.iter().enumerate() {
                let draws = draws.part(part as u32);
                let law = stream.duration.as_ref();
                lanes.push(Lane {
                    function: function as u32,
                    duration: law.map(|law| Drawn::new(law, draws, Purpose::Duration)),
                    init: stream.init.as_ref().map(|law| Drawn::new(law, draws, Purpose::Init)),
                    next: None,
                    process: arrivals.start(draws, lead, horizon, stop),
                    arrival: Vec::new(),
                    durations: Vec::new(),
                    inits: Vec::new(),
                    given: 0,
                });
            }
        }
        for lane in &mut lanes {
            lane.next = lane.process.next();
        }
        Self {
            lanes,
            horizon,
            now: 0,
            window: 1_000_000,
            block: BLOCK,
            rows: Vec::new(),
            order: Vec::new(),
            spare: Vec::new(),
            arrival: Vec::new(),
            function: Vec::new(),
            duration: Vec::new(),
            init: workload.has_init().then(Vec::new),
        }
    }

    /// Hands out blocks of about so many rows; the calls are the same.
    #[must_use]
    pub fn in_blocks_of(self, rows: usize) -> Self {
        Self { block: rows.max(1), ..self }
    }

    /// The next calls, in order of arrival; `None` when there are no more.
    #[allow(clippy::missing_panics_doc, reason = "its columns are of one length")]
    pub fn next_block(&mut self) -> Option<Invocations<'_>> {
        loop {
            if self.lanes.iter().all(Lane::is_done) {
                return None;
            }
            let until = self.horizon.min(self.now.saturating_add(self.window));
            // A lane that has too much to say shortens the block for all.
            let until =
                self.lanes.iter_mut().fold(until, |until, lane| lane.prepare(until, self.block));
            self.now = until;
            self.draw(until);
            if self.arrival.len() <= self.block / 2 {
                self.window = self.window.saturating_mul(2);
            } else if self.arrival.len() > self.block {
                self.window = (self.window / 2).max(1);
            }
            if !self.arrival.is_empty() {
                break;
            }
        }
        let mut block = Invocations::new(&self.arrival, &self.function, &self.duration);
        if let Some(init) = &self.init {
            block = block.and_then(|block| block.with_init(init));
        }
        Some(block.expect("columns of one length"))
    }

    /// Puts what comes before `until` into the columns.
    fn draw(&mut self, until: u64) {
        let Self { lanes, rows, order, spare, arrival, function, duration, init, .. } = self;
        arrival.clear();
        function.clear();
        duration.clear();
        if let Some(init) = init {
            init.clear();
        }
        if let [lane] = lanes.as_mut_slice() {
            let count = lane.draw(until, init.is_some());
            std::mem::swap(arrival, &mut lane.arrival);
            std::mem::swap(duration, &mut lane.durations);
            lane.keep_rest_of(arrival, duration, count);
            function.resize(count, lane.function);
            if let Some(init) = init {
                init.extend_from_slice(&lane.inits[..count]);
            }
            return;
        }
        rows.clear();
        order.clear();
        for lane in lanes {
            let count = lane.draw(until, init.is_some());
            for row in 0..count {
                rows.push(Row {
                    arrival: lane.arrival[row],
                    duration: lane.durations[row],
                    init: lane.inits.get(row).copied().unwrap_or(0),
                    function: lane.function,
                });
            }
            lane.arrival.drain(..count);
            lane.durations.drain(..count);
        }
        // Of one instant, in the order of the lanes: a row's place breaks the tie.
        let since = rows.iter().map(|row| row.arrival).min().unwrap_or(until);
        let place = usize::BITS - rows.len().leading_zeros();
        let time = u64::BITS - (until - since).leading_zeros();
        if place + time <= u64::BITS {
            let keys = rows.iter().zip(0..).map(|(row, at)| (row.arrival - since) << place | at);
            order.extend(keys);
            sort(order, spare, place, place + time);
            let rows = order.iter().map(|key| rows[(key & ((1 << place) - 1)) as usize]);
            for row in rows {
                arrival.push(row.arrival);
                function.push(row.function);
                duration.push(row.duration);
                if let Some(init) = init {
                    init.push(row.init);
                }
            }
            return;
        }
        rows.sort_by_key(|row| row.arrival);
        arrival.extend(rows.iter().map(|row| row.arrival));
        function.extend(rows.iter().map(|row| row.function));
        duration.extend(rows.iter().map(|row| row.duration));
        if let Some(init) = init {
            init.extend(rows.iter().map(|row| row.init));
        }
    }
}

/// One process of one function, with what it has said and nobody has taken yet.
#[derive(Debug)]
struct Lane {
    function: u32,
    process: Running,
    duration: Option<Drawn>,
    init: Option<Drawn>,
    /// The call after those that are ready.
    next: Option<Call>,
    arrival: Vec<u64>,
    durations: Vec<u64>,
    inits: Vec<u64>,
    /// Calls handed out so far: the index of the next.
    given: u64,
}

impl Lane {
    fn is_done(&self) -> bool {
        self.next.is_none() && self.arrival.is_empty()
    }

    /// Makes ready what comes before `until`, or `most` calls of it, and says up to when it is
    /// complete.
    fn prepare(&mut self, until: u64, most: usize) -> u64 {
        let Self { process, arrival, durations, duration, .. } = self;
        let own_durations = duration.is_none();
        // Calls of one instant are never torn apart.
        let is_full = |arrival: &[u64], at| {
            arrival.len() >= most && arrival.last().is_some_and(|&last| last < at)
        };
        self.next = process.take_calls(self.next, |call| {
            let wanted = call.at < until && !is_full(arrival, call.at);
            if wanted {
                arrival.push(call.at);
                if own_durations {
                    durations.push(call.duration);
                }
            }
            wanted
        });
        self.next.map_or(until, |call| call.at.min(until))
    }

    /// Draws for all that is ready before `until`; how many that are.
    fn draw(&mut self, until: u64, with_init: bool) -> usize {
        let count = self.arrival.partition_point(|&at| at < until);
        if let Some(duration) = &self.duration {
            self.durations.resize(count, 0);
            duration.fill(self.given, &mut self.durations);
        }
        if with_init {
            self.inits.clear();
            self.inits.resize(count, Invocations::INIT_OF_ACCOUNT);
            if let Some(init) = &self.init {
                init.fill(self.given, &mut self.inits);
            }
        }
        self.given += count as u64;
        count
    }

    /// Leaves to the columns, which were swapped with this lane's, their first `count` rows, and
    /// takes the rest back.
    fn keep_rest_of(&mut self, arrival: &mut Vec<u64>, durations: &mut Vec<u64>, count: usize) {
        self.arrival.clear();
        self.arrival.extend_from_slice(&arrival[count..]);
        self.durations.clear();
        self.durations.extend_from_slice(&durations[count.min(durations.len())..]);
        arrival.truncate(count);
        durations.truncate(count);
    }
}

#[cfg(test)]
mod tests;
