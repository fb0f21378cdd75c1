//! Arrival processes: what they are, and how each runs from arrival to arrival.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::counts::{Bins, Counts};
use super::draws::{Draws, LANES, Purpose, unit};
use super::laws::{Drawn, Law, TrafficError, require};
use super::math::{neg_ln, rint};
use super::rates::{Rates, Repeated, STEPS, Stretches, Walk};
use super::recorded::{Recorded, Replay};
use super::states::{States, Visits};
use super::stop::Stop;
use crate::wide::wide;

/// How arrivals follow one another, before the rate stretches the gaps.
#[derive(Clone, Debug, PartialEq)]
pub enum Gap {
    /// Exponential gaps: a Poisson process.
    Exponential,
    /// Even gaps; the first arrival comes after this share of one, `None` a random share.
    Even(Option<f64>),
    /// Gaps of a law, whose mean counts as 1.
    Law(Law),
}

/// An arrival process.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// Gaps along a rate that varies in time.
    Renewal {
        /// Arrivals a second.
        rates: Rates,
        /// Their gaps.
        gap: Gap,
    },
    /// A rate that jumps between states at random; gaps are exponential.
    Modulated(States),
    /// Each arrival of a process brings several calls, each after an offset of its own.
    Batches {
        /// When they come.
        of: Box<Arrivals>,
        /// How many calls: a law of numbers, rounded, at least 1.
        size: Law,
        /// How long after the batch each call comes.
        offset: Law,
    },
    /// On the clock: at `offset` and every `period` nanoseconds after it.
    Every {
        /// Nanoseconds between two.
        period: u64,
        /// The first.
        offset: u64,
    },
    /// At given nanoseconds, ascending; below zero they come in a lead.
    Times(Vec<i64>),
    /// As many in each bin as were counted.
    Counts(Counts),
    /// Recorded calls, played again block by block.
    Recorded(Recorded),
}

impl Arrivals {
    /// Checks what the parts, which were checked when they were made, leave open.
    pub(crate) fn check(&self) -> Result<(), TrafficError> {
        match self {
            Self::Renewal { gap: Gap::Even(Some(phase)), .. } => {
                require((0.0..1.0).contains(phase), "even gaps: a phase from 0 to below 1")
            }
            Self::Renewal { gap: Gap::Law(law), .. } => {
                require(law.mean() >= 1.0, "gaps: a mean of a nanosecond or more")
            }
            Self::Batches { of, .. } => {
                require(
                    !matches!(**of, Self::Recorded(_)),
                    "batches of a record: scale it instead",
                )?;
                of.check()
            }
            Self::Every { period, .. } => require(*period > 0, "every: a period above 0"),
            Self::Times(times) => require(
                times.is_sorted() && times.iter().all(|&at| at.unsigned_abs() >> 61 == 0),
                "times ascend, below 2^61 ns",
            ),
            _ => Ok(()),
        }
    }

    /// Calls expected in the first `horizon` nanoseconds.
    pub(crate) fn expected(&self, horizon: u64) -> f64 {
        match self {
            Self::Renewal { rates, .. } => rates.expected(horizon),
            Self::Modulated(states) => states.expected(horizon),
            Self::Batches { of, size, .. } => of.expected(horizon) * size.mean_count(),
            Self::Every { period, offset } => {
                (horizon.saturating_sub(*offset) as f64 / *period as f64).ceil()
            }
            Self::Times(times) => {
                times.iter().filter(|&&at| at >= 0 && (at as u64) < horizon).count() as f64
            }
            Self::Counts(counts) => counts.expected(horizon),
            Self::Recorded(recorded) => recorded.expected(horizon),
        }
    }

    /// Whether each call brings its duration along.
    pub(crate) fn has_durations(&self) -> bool {
        matches!(self, Self::Recorded(recorded) if recorded.has_durations())
    }

    /// From time zero on, which is `lead` nanoseconds before the traffic's own.
    pub(crate) fn start(&self, draws: Draws, lead: u64, horizon: u64, stop: &Stop) -> Running {
        match self {
            Self::Renewal { rates, gap } => Running::Renewal(
                Walk::new(rates.led_by(lead).stretches(), horizon, stop.clone()),
                Exposures::new(gap, draws),
            ),
            Self::Modulated(states) => Running::Modulated(
                Box::new(Walk::new(states.start(draws), horizon, stop.clone())),
                Exposures::new(&Gap::Exponential, draws),
            ),
            Self::Batches { of, size, offset } => Running::Batches(Box::new(
                Batches {
                    next: None,
                    of: of.start(draws.part(0), lead, horizon, stop),
                    size: Drawn::new(size, draws, Purpose::Size),
                    offset: Drawn::new(offset, draws, Purpose::Offset),
                    sizes: 0,
                    offsets: 0,
                    pending: BinaryHeap::new(),
                    horizon,
                    stop: stop.clone(),
                }
                .begun(),
            )),
            Self::Every { period, offset } => {
                // An offset of a period or more is a start: before it there is none. A shorter one
                // is a phase, which a lead has too.
                let phase = (u128::from(*offset) + u128::from(lead)) % u128::from(*period);
                let first = if offset >= period { lead + offset } else { phase as u64 };
                Running::Every { next: first, period: *period, horizon }
            }
            Self::Times(times) => {
                let times = times.iter().filter_map(|&at| lead.checked_add_signed(at));
                let times = times.take_while(|&at| at < horizon);
                Running::Times(times.collect::<Vec<_>>().into_iter())
            }
            Self::Counts(counts) => Running::Counts(counts.start(draws, lead, horizon)),
            Self::Recorded(recorded) => {
                Running::Recorded(recorded.start(draws, lead, horizon, stop.clone()))
            }
        }
    }
}

/// A call that comes, and how long it runs where the process says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) at: u64,
    pub(crate) duration: u64,
}

/// A process under way: its calls in order of time, up to the horizon.
#[derive(Debug)]
pub(crate) enum Running {
    Renewal(Walk<Repeated>, Exposures),
    Modulated(Box<Walk<Visits>>, Exposures),
    Batches(Box<Batches>),
    Every { next: u64, period: u64, horizon: u64 },
    Times(std::vec::IntoIter<u64>),
    Counts(Bins),
    Recorded(Replay),
}

impl Running {
    /// The next call; `None` at the horizon, and then for ever.
    pub(crate) fn next(&mut self) -> Option<Call> {
        match self {
            Self::Renewal(walk, exposures) => Call::at(walk.advance(exposures.next())),
            Self::Modulated(walk, exposures) => Call::at(walk.advance(exposures.next())),
            Self::Batches(batches) => Call::at(batches.next()),
            Self::Every { next, period, horizon } => Call::at(every(next, *period, *horizon)),
            Self::Times(times) => Call::at(times.next()),
            Self::Counts(bins) => Call::at(bins.next()),
            Self::Recorded(replay) => replay.next(),
        }
    }

    /// Adds the next call, or some, to those that are ready, and how long each runs where that is
    /// wanted. Says whether more may follow.
    pub(crate) fn make_ready(
        &mut self,
        arrivals: &mut Vec<u64>,
        durations: Option<&mut Vec<u64>>,
    ) -> bool {
        match self {
            Self::Renewal(walk, exposures) => exposures.lead(walk, arrivals),
            Self::Modulated(walk, exposures) => exposures.lead(walk, arrivals),
            other => {
                let call = other.next();
                arrivals.extend(call.map(|call| call.at));
                if let Some(durations) = durations {
                    durations.extend(call.map(|call| call.duration));
                }
                call.is_some()
            }
        }
    }
}

impl Call {
    #[inline]
    fn at(at: Option<u64>) -> Option<Self> {
        at.map(|at| Self { at, duration: 0 })
    }
}

fn every(next: &mut u64, period: u64, horizon: u64) -> Option<u64> {
    let at = *next;
    (at < horizon).then(|| {
        *next = at.saturating_add(period);
        at
    })
}

/// Gaps between arrivals, in units of their mean, drawn some at a time.
#[derive(Debug)]
pub(crate) struct Exposures {
    source: Source,
    drawn: u64,
    buffer: [f64; STEPS],
    used: usize,
    /// The bits of the next, where they are drawn already.
    bits: [u64; STEPS],
    has_bits: bool,
}

#[derive(Debug)]
enum Source {
    Exponential(Draws),
    Even { first: f64 },
    Law { drawn: Drawn, per_mean: f64 },
}

impl Exposures {
    fn new(gap: &Gap, draws: Draws) -> Self {
        let source = match gap {
            Gap::Exponential => Source::Exponential(draws.purpose(Purpose::Gap)),
            Gap::Even(phase) => Source::Even {
                first: phase.unwrap_or_else(|| draws.purpose(Purpose::Phase).uniform(0)),
            },
            Gap::Law(law) => Source::Law {
                drawn: Drawn::new(law, draws, Purpose::Gap),
                per_mean: 1.0 / law.mean(),
            },
        };
        Self {
            source,
            drawn: 0,
            buffer: [0.0; STEPS],
            used: STEPS,
            bits: [0; STEPS],
            has_bits: false,
        }
    }

    #[inline]
    fn next(&mut self) -> f64 {
        if self.used == STEPS {
            self.refill();
        }
        let exposure = self.buffer[self.used];
        self.used += 1;
        exposure
    }

    /// Leads a walk along as many as are used up in one go, and says whether all were; only where
    /// none was drawn one by one. Draws the next meanwhile.
    fn lead<S: Stretches>(&mut self, walk: &mut Walk<S>, arrivals: &mut Vec<u64>) -> bool {
        debug_assert_eq!(self.used, STEPS, "all or one by one");
        self.refill();
        self.used = STEPS;
        let Source::Exponential(draws) = &self.source else {
            return walk.follow(&self.buffer, arrivals, |_| ());
        };
        let (bits, first) = (&mut self.bits, self.drawn / LANES as u64);
        let blocks = bits.as_chunks_mut::<LANES>().0;
        self.has_bits = false;
        walk.follow(
            &self.buffer,
            arrivals,
            #[inline(always)]
            |block| {
                let words = draws.block(first + block as u64, 0);
                for (bits, word) in blocks[block].iter_mut().zip(words) {
                    *bits = word;
                }
                self.has_bits = true;
            },
        )
    }

    #[inline(never)]
    fn refill(&mut self) {
        match &self.source {
            Source::Exponential(draws) => {
                if !self.has_bits {
                    draws.fill(self.drawn, &mut self.bits);
                }
                self.has_bits = false;
                wide(
                    #[inline(always)]
                    || {
                        for (exposure, &bits) in self.buffer.iter_mut().zip(&self.bits) {
                            *exposure = neg_ln(unit(bits));
                        }
                    },
                );
            }
            Source::Even { first } => {
                self.buffer.fill(1.0);
                if self.drawn == 0 {
                    self.buffer[0] = *first;
                }
            }
            Source::Law { drawn, per_mean } => {
                for (index, exposure) in (self.drawn..).zip(&mut self.buffer) {
                    *exposure = drawn.at(index) * per_mean;
                }
            }
        }
        self.drawn += STEPS as u64;
        self.used = 0;
    }
}

/// Calls between two looks at whether they are still wanted.
const LOOK: u64 = 1 << 16;

/// A batch is cut here: its calls are kept until their turn.
const LARGEST_BATCH: u64 = 10_000_000;

/// Batches under way: calls of batches that have begun wait for their turn.
#[derive(Debug)]
pub(crate) struct Batches {
    of: Running,
    /// When the next batch begins.
    next: Option<u64>,
    size: Drawn,
    offset: Drawn,
    /// Of batches and of calls, how many were drawn.
    sizes: u64,
    offsets: u64,
    pending: BinaryHeap<Reverse<u64>>,
    horizon: u64,
    stop: Stop,
}

impl Batches {
    fn begun(mut self) -> Self {
        self.next = self.of.next().map(|batch| batch.at);
        self
    }

    fn next(&mut self) -> Option<u64> {
        // Whatever begins until the next pending call may bring an earlier one.
        while let Some(begins) = self.next
            && self.pending.peek().is_none_or(|&Reverse(at)| begins <= at)
        {
            let size = rint(self.size.at(self.sizes) * 1e-9).max(1.0) as u64;
            self.sizes += 1;
            for _ in 0..size.min(LARGEST_BATCH) {
                let at = begins + super::laws::whole(self.offset.at(self.offsets));
                self.offsets += 1;
                if self.offsets.is_multiple_of(LOOK) && self.stop.is_set() {
                    return None;
                }
                if at < self.horizon {
                    self.pending.push(Reverse(at));
                }
            }
            self.next = self.of.next().map(|batch| batch.at);
            if self.stop.is_set() {
                return None;
            }
        }
        self.pending.pop().map(|Reverse(at)| at)
    }
}
