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
use std::ops::Range;

use arrivals::Running;
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
    /// Calls as they are drawn, lane by lane, and in order.
    drawn: Columns,
    ordered: Columns,
    /// Room for putting them in order.
    order: Vec<u64>,
    spare: Vec<u64>,
}

/// Calls with all that was drawn for them.
#[derive(Debug, Default)]
struct Columns {
    arrival: Vec<u64>,
    function: Vec<u32>,
    duration: Vec<u64>,
    init: Option<Vec<u64>>,
}

impl Columns {
    fn new(with_init: bool) -> Self {
        Self { init: with_init.then(Vec::new), ..Self::default() }
    }

    /// Makes room for so many. What was there before stays: all of it is written over.
    fn resize(&mut self, calls: usize) {
        self.arrival.resize(calls, 0);
        self.function.resize(calls, 0);
        self.duration.resize(calls, 0);
        if let Some(init) = &mut self.init {
            init.resize(calls, 0);
        }
    }

    /// Takes over the calls of `drawn` in this order.
    fn take(&mut self, drawn: &Self, order: impl Iterator<Item = usize> + Clone) {
        fn gather<T: Copy>(to: &mut [T], from: &[T], order: impl Iterator<Item = usize>) {
            to.iter_mut().zip(order).for_each(|(to, at)| *to = from[at]);
        }
        self.resize(drawn.arrival.len());
        gather(&mut self.arrival, &drawn.arrival, order.clone());
        gather(&mut self.function, &drawn.function, order.clone());
        gather(&mut self.duration, &drawn.duration, order.clone());
        if let (Some(to), Some(from)) = (&mut self.init, &drawn.init) {
            gather(to, from, order);
        }
    }
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
                    process: arrivals.start(draws, lead, horizon, stop),
                    more: true,
                    arrival: Vec::new(),
                    own_duration: Vec::new(),
                    given: 0,
                });
            }
        }
        Self {
            lanes,
            horizon,
            now: 0,
            window: 1_000_000,
            block: BLOCK,
            drawn: Columns::new(workload.has_init()),
            ordered: Columns::new(workload.has_init()),
            order: Vec::new(),
            spare: Vec::new(),
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
            let calls = self.ordered.arrival.len();
            if calls <= self.block / 2 {
                self.window = self.window.saturating_mul(2);
            } else if calls > self.block {
                self.window = (self.window / 2).max(1);
            }
            if calls > 0 {
                break;
            }
        }
        let Columns { arrival, function, duration, init } = &self.ordered;
        let mut block = Invocations::new(arrival, function, duration);
        if let Some(init) = init {
            block = block.and_then(|block| block.with_init(init));
        }
        Some(block.expect("columns of one length"))
    }

    /// Puts what comes before `until` into the columns.
    fn draw(&mut self, until: u64) {
        let Self { lanes, drawn, ordered, order, spare, .. } = self;
        if let [lane] = lanes.as_mut_slice() {
            // They change hands, and what comes later goes back.
            let calls = lane.before(until);
            std::mem::swap(&mut ordered.arrival, &mut lane.arrival);
            lane.arrival.clear();
            lane.arrival.extend_from_slice(&ordered.arrival[calls..]);
            ordered.resize(calls);
            lane.draw(ordered, 0..calls);
            return;
        }
        drawn.resize(lanes.iter().map(|lane| lane.before(until)).sum());
        let mut first = 0;
        for lane in lanes {
            let rows = first..first + lane.before(until);
            first = rows.end;
            drawn.arrival[rows.clone()].copy_from_slice(&lane.arrival[..rows.len()]);
            lane.arrival.drain(..rows.len());
            lane.draw(drawn, rows);
        }
        // Of one instant, in the order of the lanes: a row's place breaks the tie.
        let arrival = drawn.arrival.as_slice();
        let since = arrival.iter().copied().min().unwrap_or(until);
        let place = usize::BITS - arrival.len().leading_zeros();
        let time = u64::BITS - (until - since).leading_zeros();
        order.clear();
        if place + time <= u64::BITS {
            order.extend(arrival.iter().zip(0..).map(|(at, row)| (at - since) << place | row));
            sort(order, spare, place, place + time);
        } else {
            order.extend(0..arrival.len() as u64);
            order.sort_by_key(|&row| arrival[row as usize]);
        }
        ordered.take(drawn, order.iter().map(|row| (row & ((1 << place) - 1)) as usize));
    }
}

/// One process of one function, with what it has said and nobody has taken yet.
#[derive(Debug)]
struct Lane {
    function: u32,
    duration: Option<Drawn>,
    init: Option<Drawn>,
    process: Running,
    /// Whether the process may have more to say.
    more: bool,
    /// Calls that are ready, and their durations where the process says them.
    arrival: Vec<u64>,
    own_duration: Vec<u64>,
    /// Calls handed out so far: the index of the next.
    given: u64,
}

impl Lane {
    fn is_done(&self) -> bool {
        !self.more && self.arrival.is_empty()
    }

    /// Makes ready what comes before `until`, or `most` calls of it, and says up to when it is
    /// complete.
    fn prepare(&mut self, until: u64, most: usize) -> u64 {
        while self.more && self.arrival.len() <= most && self.last() < Some(until) {
            self.make_ready();
        }
        // Calls of one instant are never torn apart.
        while self.more && self.last() < Some(until) && self.last() == self.arrival.first().copied()
        {
            self.make_ready();
        }
        let first = self.arrival.first().copied();
        let torn = self.arrival.get(most).copied().filter(|&at| Some(at) > first);
        let said = if self.more { self.last() } else { None };
        torn.or(said).map_or(until, |at| at.min(until))
    }

    fn last(&self) -> Option<u64> {
        self.arrival.last().copied()
    }

    fn make_ready(&mut self) {
        let own_duration = self.duration.is_none().then_some(&mut self.own_duration);
        self.more = self.process.make_ready(&mut self.arrival, own_duration);
    }

    /// How many are ready before `until`.
    fn before(&self, until: u64) -> usize {
        self.arrival.partition_point(|&at| at < until)
    }

    /// Draws for the next calls, which are these rows of the columns; when they come is there.
    fn draw(&mut self, columns: &mut Columns, rows: Range<usize>) {
        let calls = rows.len();
        columns.function[rows.clone()].fill(self.function);
        let duration = &mut columns.duration[rows.clone()];
        if let Some(law) = &self.duration {
            law.fill(self.given, duration);
        } else {
            duration.copy_from_slice(&self.own_duration[..calls]);
            self.own_duration.drain(..calls);
        }
        if let Some(init) = &mut columns.init {
            match &self.init {
                Some(law) => law.fill(self.given, &mut init[rows]),
                None => init[rows].fill(Invocations::INIT_OF_ACCOUNT),
            }
        }
        self.given += calls as u64;
    }
}

#[cfg(test)]
mod tests;
