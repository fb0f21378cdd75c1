//! The ramp of request rates: the other side of the scaling rate, off unless asked for
//! (rule 4.8).

use std::collections::VecDeque;

use crate::profile::RateRamp;

/// How fast one function's requests a second may grow.
///
/// It serves as many in a second as it has served in any second that is not over for longer
/// than its idle timeout; each one more takes a token of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RampGate {
    /// Where the present window ends, and what was served in it.
    end: u64,
    count: u64,
    /// Ends and counts of windows before it that no later one reaches, the largest in front.
    peaks: VecDeque<(u64, u64)>,
    /// The instant at which the bucket is full again.
    full_at: u64,
}

impl RampGate {
    /// Whether one more request may be served now. Consumes nothing.
    pub(crate) fn is_open(&self, ramp: RateRamp, idle_timeout: u64, now: u64) -> bool {
        let (count, level) = self.level(idle_timeout, now);
        let lacking = self.full_at.saturating_sub(now);
        let tokens = ramp.burst > 0 && lacking <= (u64::from(ramp.burst) - 1) * ramp.interval;
        count < level || tokens
    }

    /// Counts a request; only after [`is_open`](Self::is_open).
    pub(crate) fn pass(&mut self, ramp: RateRamp, idle_timeout: u64, now: u64) {
        if now >= self.end {
            if self.count > 0 {
                while self.peaks.back().is_some_and(|&(_, count)| count <= self.count) {
                    self.peaks.pop_back();
                }
                self.peaks.push_back((self.end, self.count));
            }
            self.end = (now / ramp.second + 1).saturating_mul(ramp.second);
            self.count = 0;
            while self.peaks.front().is_some_and(|&(end, _)| now - end >= idle_timeout) {
                self.peaks.pop_front();
            }
        }
        let (count, level) = self.level(idle_timeout, now);
        self.count = count + 1;
        if count == level {
            self.full_at = self.full_at.max(now) + ramp.interval;
        }
    }

    /// What the present window has served, and the level that it may reach for nothing.
    fn level(&self, idle_timeout: u64, now: u64) -> (u64, u64) {
        let before = self.peaks.iter().find(|&&(end, _)| now - end < idle_timeout);
        let before = before.map_or(0, |&(_, count)| count);
        if now < self.end {
            return (self.count, before.max(self.count));
        }
        let last = if now - self.end < idle_timeout { self.count } else { 0 };
        (0, before.max(last))
    }
}
