//! Recorded calls, played again: as they were, or in blocks drawn at random.
//!
//! Blocks are drawn with replacement from the record closed to a circle, so that every call is as
//! likely as any other (Politis and Romano: "A circular block-resampling procedure for stationary
//! data", 1992). What hangs together within a block stays together.

use std::sync::Arc;

use super::arrivals::Call;
use super::draws::{Draws, Purpose};
use super::laws::{TrafficError, require};
use super::stop::Stop;

/// What it means that there is more traffic than was recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// So many times the users: as many independent records at once. Bursts even out.
    Users(f64),
    /// The clock runs so many times as fast: the same calls in less time.
    Faster(f64),
    /// Each call becomes so many, spread until the next: the same curve, stretched upwards.
    Stretched(f64),
}

/// Recorded calls of one function.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    arrival: Arc<[u64]>,
    duration: Option<Arc<[u64]>>,
    span: u64,
    /// Length of the blocks; `None` plays the record from its beginning, over and over.
    block: Option<u64>,
    scale: Scale,
}

impl Recorded {
    /// Calls at `arrival` nanoseconds, ascending and below `span`; `duration` is theirs.
    ///
    /// # Errors
    ///
    /// [`TrafficError`] for times out of order or at `span` or later, lengths that differ, a block
    /// of no length or longer than the record, and a scale that is not above 0.
    pub fn new(
        arrival: Vec<u64>,
        duration: Option<Vec<u64>>,
        span: u64,
        block: Option<u64>,
        scale: Scale,
    ) -> Result<Self, TrafficError> {
        require(arrival.is_sorted(), "recorded: arrivals ascend")?;
        require(span > 0 && span >> 61 == 0, "recorded: a span above 0 and below 2^61 ns")?;
        require(arrival.last().is_none_or(|&last| last < span), "recorded: all within the span")?;
        let lengths = duration.as_ref().is_none_or(|duration| duration.len() == arrival.len());
        require(lengths, "recorded: one duration an arrival")?;
        let short = duration.iter().flatten().all(|&duration| duration >> 60 == 0);
        require(short, "recorded: durations below 2^60 ns")?;
        require(
            block.is_none_or(|block| (1_000..=span).contains(&block)),
            "recorded: blocks from a microsecond to the span",
        )?;
        let (Scale::Users(factor) | Scale::Faster(factor) | Scale::Stretched(factor)) = scale;
        require((1e-6..=1e6).contains(&factor), "recorded: a scale from 10^-6 to 10^6")?;
        let (arrival, duration) = (arrival.into(), duration.map(Into::into));
        Ok(Self { arrival, duration, span, block, scale })
    }

    pub(crate) fn has_durations(&self) -> bool {
        self.duration.is_some()
    }

    pub(crate) fn expected(&self, horizon: u64) -> f64 {
        let (Scale::Users(factor) | Scale::Faster(factor) | Scale::Stretched(factor)) = self.scale;
        self.arrival.len() as f64 * factor * (horizon as f64 / self.span as f64)
    }

    pub(crate) fn start(&self, draws: Draws, lead: u64, horizon: u64, stop: Stop) -> Replay {
        let mut replay = Replay {
            record: self.clone(),
            starts: draws.purpose(Purpose::Block),
            kept: draws.purpose(Purpose::Copies),
            blocks: 0,
            thinned: 0,
            calls: Vec::new(),
            next: 0,
            early: 0,
            stop,
            horizon: if self.arrival.is_empty() { 0 } else { horizon },
        };
        if self.block.is_none() {
            // The record begins at the traffic's own time zero, and has been played before.
            let length = replay.block_start(1).max(1);
            replay.early = (length - lead % length) % length;
        }
        replay
    }
}

/// A record that is played.
#[derive(Debug)]
pub(crate) struct Replay {
    record: Recorded,
    starts: Draws,
    kept: Draws,
    blocks: u64,
    /// Draws that decided whether a call is kept.
    thinned: u64,
    /// The calls of the present block, in order.
    calls: Vec<Call>,
    next: usize,
    /// Nanoseconds by which the first block begins before time zero.
    early: u64,
    horizon: u64,
    stop: Stop,
}

impl Replay {
    pub(crate) fn next(&mut self) -> Option<Call> {
        while self.next == self.calls.len() {
            if self.block_start(self.blocks) >= self.horizon.saturating_add(self.early) {
                return None;
            }
            if self.stop.is_set() {
                return None;
            }
            self.draw_block();
        }
        let call = self.calls[self.next];
        self.next += 1;
        (call.at < self.horizon).then_some(call)
    }

    fn length(&self) -> u64 {
        self.record.block.unwrap_or(self.record.span)
    }

    fn speed(&self) -> Option<f64> {
        if let Scale::Faster(factor) = self.record.scale { Some(factor) } else { None }
    }

    /// When a block begins.
    fn block_start(&self, block: u64) -> u64 {
        match self.speed() {
            Some(factor) => (block as f64 * (self.length() as f64 / factor)) as u64,
            None => block.saturating_mul(self.length()),
        }
    }

    fn draw_block(&mut self) {
        self.calls.clear();
        self.next = 0;
        let base = self.block_start(self.blocks);
        match self.record.scale {
            Scale::Users(factor) => {
                let whole = factor as u32;
                for copy in 0..whole {
                    self.copy(copy, |_, _| true);
                }
                let share = factor - f64::from(whole);
                if share > 0.0 {
                    let first = self.thinned;
                    let kept = self.kept;
                    self.thinned += self.record.arrival.len() as u64;
                    self.copy(whole, |_, row| kept.uniform(first + row as u64) < share);
                }
                self.calls.sort_by_key(|call| call.at);
            }
            Scale::Faster(_) => self.copy(0, |_, _| true),
            Scale::Stretched(factor) => self.stretch(factor),
        }
        let (speed, next) = (self.speed(), self.block_start(self.blocks + 1));
        let early = self.early;
        self.calls.retain_mut(|call| {
            let after = speed.map_or(call.at, |speed| (call.at as f64 / speed) as u64);
            let at = base.saturating_add(after).min(next);
            call.at = at.saturating_sub(early);
            at >= early
        });
        self.blocks += 1;
    }

    /// Where the block of a copy begins in the record.
    fn block_in_record(&self, copy: u32) -> u64 {
        let starts = self.starts.part(copy);
        match (self.record.block, copy) {
            (Some(_), _) => starts.below(self.blocks, self.record.span as usize) as u64,
            // The first user does what was recorded; others do it at a time of their own.
            (None, 0) => 0,
            (None, _) => starts.below(0, self.record.span as usize) as u64,
        }
    }

    /// Puts a block of the record, from a start of its own, among the calls; times count from
    /// the start of the block.
    fn copy(&mut self, copy: u32, keep: impl Fn(u64, usize) -> bool) {
        let start = self.block_in_record(copy);
        let Recorded { arrival, duration, span, .. } = &self.record;
        let (span, end) = (*span, start + self.length());
        let row = |at: u64| arrival.partition_point(|&arrival| arrival < at);
        // Up to the end of the circle, and on from its beginning.
        let rows = (row(start)..row(end)).map(|row| (row, 0));
        let wrapped = (0..row(end.saturating_sub(span))).map(|row| (row, span));
        for (row, turn) in rows.chain(wrapped) {
            let at = arrival[row] + turn - start;
            if keep(at, row) {
                let duration = duration.as_ref().map_or(0, |duration| duration[row]);
                self.calls.push(Call { at, duration });
            }
        }
    }

    /// Puts a block among the calls in which each call of the record became several, evenly spread
    /// until the next one comes. Those of the call before the block reach into it.
    fn stretch(&mut self, factor: f64) {
        let start = self.block_in_record(0);
        let Recorded { arrival, duration, span, .. } = &self.record;
        let (span, rows) = (*span, arrival.len());
        let (from, until) = (start + span, start + span + self.length());
        let (whole, share) = (factor.floor(), factor - factor.floor());
        // On three turns of the circle, of which the second holds the start of the block.
        let at = |row: usize| arrival[row % rows] + (row / rows) as u64 * span;
        let first = rows + arrival.partition_point(|&at| at < start);
        for row in first - 1.. {
            let (begins, next) = (at(row), at(row + 1));
            if begins >= until {
                break;
            }
            let further = share > 0.0 && self.kept.uniform(self.thinned) < share;
            self.thinned += 1;
            let count = whole as u64 + u64::from(further);
            let duration = duration.as_ref().map_or(0, |duration| duration[row % rows]);
            for part in 0..count {
                let after = u128::from(next - begins) * u128::from(part) / u128::from(count);
                let at = begins + after as u64;
                if (from..until).contains(&at) {
                    self.calls.push(Call { at: at - from, duration });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(recorded: &Recorded, horizon: u64) -> Vec<Call> {
        let mut replay = recorded.start(Draws::of(5, "f", 0), 0, horizon, Stop::default());
        std::iter::from_fn(|| replay.next()).collect()
    }

    fn recorded(block: Option<u64>, scale: Scale) -> Recorded {
        let arrival: Vec<u64> = (0..1_000).map(|i| i * 7_919 % 997 * 1_000).collect();
        let mut arrival = arrival;
        arrival.sort_unstable();
        let duration = arrival.iter().map(|at| at + 1).collect();
        Recorded::new(arrival, Some(duration), 1_000_000, block, scale).unwrap()
    }

    #[test]
    fn without_blocks_the_record_is_played_as_it_is_over_and_over() {
        let record = recorded(None, Scale::Users(1.0));
        let calls = play(&record, 2_000_000);
        assert_eq!(calls.len(), 2_000);
        for (i, call) in calls.iter().enumerate() {
            assert_eq!(call.at, record.arrival[i % 1_000] + 1_000_000 * (i as u64 / 1_000));
            assert_eq!(call.duration, record.arrival[i % 1_000] + 1);
        }
    }

    #[test]
    fn calls_come_in_order_and_are_as_many_as_the_scale_says() {
        let scales = [0.5, 1.0, 2.5, 4.0]
            .into_iter()
            .flat_map(|x| [Scale::Users(x), Scale::Faster(x), Scale::Stretched(x)]);
        for scale in scales {
            for block in [None, Some(10_000), Some(77_777), Some(1_000_000)] {
                let record = recorded(block, scale);
                let horizon = 40_000_000;
                let calls = play(&record, horizon);
                assert!(calls.is_sorted_by_key(|call| call.at));
                let expected = record.expected(horizon);
                let ratio = calls.len() as f64 / expected;
                assert!((ratio - 1.0).abs() < 0.03, "{scale:?} {block:?}: {ratio}");
            }
        }
    }

    #[test]
    fn a_block_is_a_stretch_of_the_circle() {
        let record = recorded(Some(50_000), Scale::Users(1.0));
        for call in play(&record, 5_000_000) {
            // The duration says where in the record a call comes from.
            let (block, after) = (call.at / 50_000, call.at % 50_000);
            let start = (call.duration - 1 + 1_000_000 - after) % 1_000_000;
            let drawn = Draws::of(5, "f", 0).purpose(Purpose::Block).part(0);
            assert_eq!(start, drawn.below(block, 1_000_000) as u64);
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let users = Scale::Users(1.0);
        assert!(Recorded::new(vec![2, 1], None, 10, None, users).is_err());
        assert!(Recorded::new(vec![10], None, 10, None, users).is_err());
        assert!(Recorded::new(vec![1], Some(vec![]), 10, None, users).is_err());
        assert!(Recorded::new(vec![1], None, 10_000, Some(10_001), users).is_err());
        assert!(Recorded::new(vec![1], None, 10, None, Scale::Faster(0.0)).is_err());
    }
}
