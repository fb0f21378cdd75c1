//! The scaling rate: a gate that only a cold start passes and draws on (rules 4.1 to 4.7).

use crate::Scaling;
use crate::windows::{Sliding, Tumbling};

/// The state of one scaling gate: of a function, or in the legacy regime of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ScalingGate {
    /// A bucket in one word: the instant at which it will be full again. A full bucket lies
    /// in the past, every token taken moves the instant on by one interval, and a token is
    /// there while the bucket lacks fewer than `burst`.
    ///
    /// This is the level of a token bucket written the other way round (virtual scheduling),
    /// exact in integers (an account whose bucket would overflow them is refused):
    /// `level = burst * interval - (full_at - now)`.
    Bucket {
        full_at: u64,
    },
    Tumbling(Tumbling),
    Sliding(Sliding),
}

impl ScalingGate {
    /// A rested gate.
    pub(crate) fn new(scaling: Scaling) -> Self {
        match scaling {
            Scaling::Off | Scaling::Bucket { .. } => Self::Bucket { full_at: 0 },
            Scaling::Tumbling { .. } => Self::Tumbling(Tumbling::default()),
            Scaling::Sliding { .. } => Self::Sliding(Sliding::default()),
        }
    }

    /// Whether an environment may be created now. Consumes nothing.
    #[inline]
    pub(crate) fn is_open(&self, scaling: Scaling, now: u64) -> bool {
        match (self, scaling) {
            (Self::Bucket { full_at }, Scaling::Bucket { burst, interval, .. }) => {
                let lacking = full_at.saturating_sub(now);
                burst > 0 && lacking <= (u64::from(burst) - 1) * interval
            }
            (Self::Tumbling(window), Scaling::Tumbling { burst, .. }) => {
                window.has_room(burst.into(), now)
            }
            (Self::Sliding(window), Scaling::Sliding { burst, length }) => {
                window.has_room(burst.into(), length, now)
            }
            _ => true,
        }
    }

    /// Takes a token; only after [`is_open`](Self::is_open).
    #[inline]
    pub(crate) fn pass(&mut self, scaling: Scaling, now: u64) {
        match (self, scaling) {
            (Self::Bucket { full_at }, Scaling::Bucket { interval, .. }) => {
                *full_at = (*full_at).max(now) + interval;
            }
            (Self::Tumbling(window), Scaling::Tumbling { length, .. }) => window.count(length, now),
            (Self::Sliding(window), Scaling::Sliding { length, .. }) => window.count(length, now),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SECOND;

    /// The bucket as the documentation words it: a level that refills.
    struct Bucket {
        level: u64,
        at: u64,
        burst: u64,
        interval: u64,
    }

    impl Bucket {
        fn create(&mut self, now: u64) -> bool {
            self.level = (self.level + (now - self.at)).min(self.burst * self.interval);
            self.at = now;
            let open = self.level >= self.interval;
            if open {
                self.level -= self.interval;
            }
            open
        }
    }

    proptest::proptest! {
        #[test]
        fn the_gate_equals_a_bucket_whose_level_refills(
            burst in 0_u32..5,
            interval in 1_u64..6,
            gaps in proptest::collection::vec(0_u64..12, 0..200),
        ) {
            let scaling = Scaling::Bucket { burst, interval, regional: false };
            let mut gate = ScalingGate::new(scaling);
            let mut bucket = Bucket {
                level: u64::from(burst) * interval, at: 0, burst: burst.into(), interval,
            };
            let mut now = 0;
            for gap in gaps {
                now += gap;
                let open = gate.is_open(scaling, now);
                if open {
                    gate.pass(scaling, now);
                }
                proptest::prop_assert_eq!(open, bucket.create(now));
            }
        }
    }

    #[test]
    fn no_token_too_many_after_a_long_gap() {
        let scaling = Scaling::DOCUMENTED;
        let mut gate = ScalingGate::new(scaling);
        for now in [0, 3_600 * SECOND] {
            let mut created = 0;
            while gate.is_open(scaling, now) {
                gate.pass(scaling, now);
                created += 1;
            }
            assert_eq!(created, 1_000);
        }
    }
}
