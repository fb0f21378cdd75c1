//! Counting in windows of time: tumbling and sliding. Scaling and request rates both use them.

use std::collections::VecDeque;

/// Counts in windows `[k * length, (k + 1) * length)` from time zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tumbling {
    /// Where the window that was last counted in ends.
    pub(crate) end: u64,
    pub(crate) count: u64,
}

impl Tumbling {
    /// Whether fewer than `limit` were counted in the window of `now`.
    #[inline]
    pub(crate) fn has_room(&self, limit: u64, now: u64) -> bool {
        if now < self.end { self.count < limit } else { limit > 0 }
    }

    /// Where the window of an instant ends.
    #[inline]
    pub(crate) fn end_of(length: u64, now: u64) -> u64 {
        (now / length + 1).saturating_mul(length)
    }

    #[inline]
    pub(crate) fn count(&mut self, length: u64, now: u64) {
        self.count_some(length, now, 1);
    }

    /// Counts so many, which may be none: of a window in which nothing is counted nothing is known.
    #[inline]
    pub(crate) fn count_some(&mut self, length: u64, now: u64, some: u64) {
        if now >= self.end && some > 0 {
            self.end = Self::end_of(length, now);
            self.count = 0;
        }
        self.count = self.count.wrapping_add(some);
    }
}

/// Counts in the window `(now - length, now]` that ends at every instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sliding {
    /// Instants that were counted and may still lie in the window, the oldest in front.
    log: VecDeque<u64>,
}

impl Sliding {
    /// Whether fewer than `limit` were counted in the window that ends now.
    #[inline]
    pub(crate) fn has_room(&self, limit: u64, length: u64, now: u64) -> bool {
        // There is room exactly where the limit-th newest has left the window.
        match usize::try_from(limit).ok().and_then(|limit| self.log.len().checked_sub(limit)) {
            None => true,
            Some(index) => self.log.get(index).is_some_and(|&at| now - at >= length),
        }
    }

    #[inline]
    pub(crate) fn count(&mut self, length: u64, now: u64) {
        while self.log.front().is_some_and(|&at| now - at >= length) {
            self.log.pop_front();
        }
        self.log.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn windows_count_what_lies_in_them(
            length in 1_u64..6,
            limit in 0_u64..4,
            gaps in proptest::collection::vec(0_u64..5, 0..100),
        ) {
            let (mut tumbling, mut sliding) = (Tumbling::default(), Sliding::default());
            let (mut in_tumbling, mut in_sliding) = (Vec::new(), Vec::new());
            let mut now = 0;
            for gap in gaps {
                now += gap;
                let same = |&&at: &&u64| at / length == now / length;
                let room = (in_tumbling.iter().filter(same).count() as u64) < limit;
                proptest::prop_assert_eq!(tumbling.has_room(limit, now), room);
                if room {
                    tumbling.count(length, now);
                    in_tumbling.push(now);
                }
                let trailing = |&&at: &&u64| now < at + length;
                let room = (in_sliding.iter().filter(trailing).count() as u64) < limit;
                proptest::prop_assert_eq!(sliding.has_room(limit, length, now), room);
                if room {
                    sliding.count(length, now);
                    in_sliding.push(now);
                }
                proptest::prop_assert!(sliding.log.len() <= usize::try_from(limit).unwrap());
            }
        }
    }
}
