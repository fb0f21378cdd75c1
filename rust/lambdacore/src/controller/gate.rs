//! A request rate in one atomic word: which window, and how many requests in it.
//!
//! The upper 36 bits number the window by its end, in lengths of a window; the lower 28 count.
//! What the word means is [`Tumbling`], as in a simulation.

use crate::Rates;
use crate::sync::{AtomicU64, Ordering};
use crate::windows::Tumbling;

const COUNT: u32 = 28;
const MOST: u64 = (1 << COUNT) - 1;

/// Limits of a gate are below this.
pub(super) const RATE_LIMITS: u64 = 1 << COUNT;

/// A window must be as long as this, so that all times below 2^63 have a window with a number.
pub(super) const SHORTEST: u64 = (1 << (63 - 36)) + 1;

/// No gate.
const NONE: u64 = u64::MAX;

/// A rate gate that threads share.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct AtomicGate {
    limit: AtomicU64,
    word: AtomicU64,
}

fn unpack(word: u64, length: u64) -> Tumbling {
    Tumbling { end: (word >> COUNT).saturating_mul(length), count: word & MOST }
}

fn pack(window: Tumbling, length: u64) -> u64 {
    (window.end / length) << COUNT | window.count.min(MOST)
}

impl AtomicGate {
    pub(super) fn new() -> Self {
        Self { limit: AtomicU64::new(NONE), word: AtomicU64::new(0) }
    }

    /// The limit, if there is a gate.
    fn limit(&self) -> Option<u64> {
        // Acquire, with the release in `set_limit`: a gate that begins to exist is rested.
        Some(self.limit.load(Ordering::Acquire)).filter(|&limit| limit != NONE)
    }

    #[inline]
    pub(super) fn is_open(&self, rates: Rates, now: u64) -> bool {
        self.limit().is_none_or(|limit| {
            // Relaxed: only a look. What is granted is counted, and what is refused confirmed.
            unpack(self.word.load(Ordering::Relaxed), rates.second).has_room(limit, now)
        })
    }

    /// Whether the gate is closed, in the order of its changes.
    pub(super) fn confirm_closed(&self, rates: Rates, now: u64) -> bool {
        self.limit().is_some_and(|limit| {
            let word = self.word.fetch_add(0, Ordering::Relaxed);
            !unpack(word, rates.second).has_room(limit, now)
        })
    }

    /// When a gate that is closed opens again; never, if it lets nothing pass.
    pub(super) fn opens_at(&self, rates: Rates, now: u64) -> Option<u64> {
        let end = unpack(self.word.load(Ordering::Relaxed), rates.second).end;
        self.limit().filter(|&limit| limit > 0).map(|_| end.max(now))
    }

    /// Counts a request; not where `only_open` and the gate is closed.
    pub(super) fn count(&self, rates: Rates, now: u64, only_open: bool) -> bool {
        let Some(limit) = self.limit() else {
            return true;
        };
        let counted = |word| {
            let mut window = unpack(word, rates.second);
            (!only_open || window.has_room(limit, now)).then(|| {
                window.count(rates.second, now);
                pack(window, rates.second)
            })
        };
        // Relaxed: the word says all; nothing else is read on the strength of it.
        self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted).is_ok()
    }

    /// Takes a request back, if its window is the last that was counted in; where the gate has
    /// gone on, the window that is over keeps it.
    pub(super) fn uncount(&self, rates: Rates, now: u64) {
        let uncounted = |word| {
            let mut window = unpack(word, rates.second);
            let same = window.end == Tumbling::end_of(rates.second, now);
            (same && window.count > 0).then(|| {
                window.count -= 1;
                pack(window, rates.second)
            })
        };
        let _ = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, uncounted);
    }

    /// Changes the limit: only with the lock. A gate that begins to exist is rested.
    pub(super) fn set_limit(&self, limit: Option<u64>) {
        if limit.is_some() && self.limit().is_none() {
            self.word.store(0, Ordering::Relaxed);
        }
        // Release, with the acquire in `limit`.
        self.limit.store(limit.unwrap_or(NONE), Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// A request that is taken back late, when the gate counts in a later window, is not taken
    /// from that one.
    #[test]
    fn a_request_is_taken_back_from_its_own_window_only() {
        let rates = Rates { second: SHORTEST, ..Rates::DOCUMENTED };
        let gate = AtomicGate::new();
        gate.set_limit(Some(1));
        assert!(gate.count(rates, SHORTEST - 1, true));
        assert!(gate.count(rates, SHORTEST, true));
        gate.uncount(rates, SHORTEST - 1);
        assert!(!gate.is_open(rates, SHORTEST));
        gate.uncount(rates, SHORTEST);
        assert!(gate.is_open(rates, SHORTEST));
    }

    proptest::proptest! {
        #[test]
        fn one_word_says_what_a_tumbling_window_says(
            length in SHORTEST..SHORTEST * 50,
            limit in 0_u64..5,
            gaps in proptest::collection::vec(0..SHORTEST * 20, 0..100),
        ) {
            let rates = Rates { second: length, ..Rates::DOCUMENTED };
            let gate = AtomicGate::new();
            gate.set_limit(Some(limit));
            let mut window = Tumbling::default();
            let mut now = 0;
            for gap in gaps {
                now += gap;
                let open = window.has_room(limit, now);
                proptest::prop_assert_eq!(gate.is_open(rates, now), open);
                proptest::prop_assert_eq!(gate.confirm_closed(rates, now), !open);
                proptest::prop_assert_eq!(gate.count(rates, now, true), open);
                if open {
                    window.count(length, now);
                }
            }
        }

        #[test]
        fn the_last_instant_has_a_window(at in 0_u64..1 << 63, length in SHORTEST..1 << 40) {
            let mut window = Tumbling::default();
            window.count(length, at);
            proptest::prop_assert_eq!(unpack(pack(window, length), length), window);
        }
    }
}
