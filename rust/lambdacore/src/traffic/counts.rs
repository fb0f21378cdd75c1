//! Calls of which only their number in each minute is known.

use std::sync::Arc;

use super::draws::{Draws, Purpose};
use super::laws::{TrafficError, require};

/// Where in its bin a call comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// Anywhere alike, each for itself.
    Uniform,
    /// In the middles of as many equal parts.
    Even,
    /// All at the beginning.
    Start,
}

/// Calls by bin, from time zero on; after the last bin there are none.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts {
    by_bin: Arc<[u32]>,
    period: u64,
    within: Within,
}

impl Counts {
    /// So many calls in each bin of `period` nanoseconds.
    ///
    /// # Errors
    ///
    /// [`TrafficError`] for a period of 0, and bins that reach 2^61 ns.
    pub fn new(counts: Vec<u32>, period: u64, within: Within) -> Result<Self, TrafficError> {
        let end = u128::from(period) * counts.len() as u128;
        require(period > 0 && end >> 61 == 0, "counts: bins above 0 that end before 2^61 ns")?;
        Ok(Self { by_bin: counts.into(), period, within })
    }

    pub(crate) fn expected(&self, horizon: u64) -> f64 {
        let bins = self.by_bin.iter().zip((0..).step_by(self.period as usize));
        let bins = bins.take_while(|&(_, start)| start < horizon);
        let share = |start: u64| ((horizon - start) as f64 / self.period as f64).min(1.0);
        bins.map(|(&count, start)| f64::from(count) * share(start)).sum()
    }

    pub(crate) fn start(&self, draws: Draws, lead: u64, horizon: u64) -> Bins {
        let draws = draws.purpose(Purpose::Offset);
        Bins { of: self.clone(), draws, bin: 0, drawn: 0, calls: Vec::new(), lead, horizon }
    }
}

/// Counts under way.
#[derive(Debug)]
pub(crate) struct Bins {
    of: Counts,
    draws: Draws,
    bin: usize,
    drawn: u64,
    /// The calls of the bin that are still to come, the next one last.
    calls: Vec<u64>,
    lead: u64,
    horizon: u64,
}

impl Bins {
    pub(crate) fn next(&mut self) -> Option<u64> {
        loop {
            if let Some(at) = self.calls.pop() {
                return (at < self.horizon).then_some(at);
            }
            let &count = self.of.by_bin.get(self.bin)?;
            let start = self.lead + self.bin as u64 * self.of.period;
            if start >= self.horizon {
                return None;
            }
            self.fill(start, count);
            self.bin += 1;
        }
    }

    fn fill(&mut self, start: u64, count: u32) {
        let period = self.of.period;
        match self.of.within {
            Within::Start => self.calls.resize(count as usize, start),
            Within::Even => {
                let middle = |part: u32| {
                    let parts = u128::from(2 * u64::from(part) + 1) * u128::from(period);
                    start + (parts / (2 * u128::from(count))) as u64
                };
                self.calls.extend((0..count).rev().map(middle));
            }
            Within::Uniform => {
                let indices = self.drawn..self.drawn + u64::from(count);
                let offset = |index| self.draws.below(index, period as usize) as u64;
                self.calls.extend(indices.map(|index| start + offset(index)));
                self.calls.sort_unstable_by(|a, b| b.cmp(a));
            }
        }
        self.drawn += u64::from(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(within: Within, horizon: u64) -> Vec<u64> {
        let counts = Counts::new(vec![3, 0, 2, 1], 100, within).unwrap();
        let mut bins = counts.start(Draws::of(1, "f", 0), 0, horizon);
        std::iter::from_fn(|| bins.next()).collect()
    }

    #[test]
    fn calls_come_where_in_their_bin_they_should() {
        assert_eq!(all(Within::Start, 1_000), [0, 0, 0, 200, 200, 300]);
        assert_eq!(all(Within::Even, 1_000), [16, 50, 83, 225, 275, 350]);
        let uniform = all(Within::Uniform, 1_000);
        assert!(uniform.is_sorted());
        assert_eq!(uniform.iter().map(|at| at / 100).collect::<Vec<_>>(), [0, 0, 0, 2, 2, 3]);
        assert_eq!(all(Within::Even, 230), [16, 50, 83, 225]);
        assert!(Counts::new(vec![1], 0, Within::Even).is_err());
    }
}
