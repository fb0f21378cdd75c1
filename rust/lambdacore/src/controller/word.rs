//! A pool in one atomic word: limit, permits that are out, and a generation.
//!
//! Bits 0 to 23 count permits, bits 24 to 47 are the limit, the upper 16 the generation. It
//! grows by two with every permit that is given back, and by one when a change of
//! configuration begins and ends: an odd generation is the *guard*. While it is there only
//! the holder of the controller's lock decides.
//!
//! So a word that is found unchanged was unchanged in between, unless 2^15 permits (or a
//! multiple) were given back in the time of one call and as many taken.

use crate::store::Sight;
use crate::sync::{AtomicU64, Ordering, Twin, broken, statistic};

/// Limits of the live controller are below this.
pub(super) const LIMITS: u32 = 1 << 24;

const COUNT: u64 = (1 << 24) - 1;
const LIMIT: u32 = 24;
const GUARD: u64 = 1 << 48;
/// One permit fewer, and two generations on: the count is above zero, so nothing is borrowed,
/// and what overflows on top is gone.
const GIVEN_BACK: u64 = 2 * GUARD - 1;

/// What a pool's word looked like; with the lock, the guard is one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen<const LOCKED: bool>(pub(super) u64);

impl<const LOCKED: bool> Seen<LOCKED> {
    pub(super) fn limit(self) -> u32 {
        (self.0 >> LIMIT & COUNT) as u32
    }

    pub(super) fn count(self) -> u32 {
        (self.0 & COUNT) as u32
    }
}

impl<const LOCKED: bool> Sight for Seen<LOCKED> {
    #[inline]
    fn has_room(self) -> bool {
        self.count() < self.limit()
    }

    #[inline]
    fn has_limit(self) -> bool {
        self.limit() > 0
    }

    #[inline]
    fn is_guarded(self) -> bool {
        !LOCKED && self.0 & GUARD != 0
    }
}

/// A pool that threads share. Two cache lines for itself: neighbours are fetched in pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct AtomicPool {
    word: AtomicU64,
    /// The most permits that were out since it was last read.
    peak: statistic::AtomicU32,
}

impl AtomicPool {
    pub(super) fn new() -> Self {
        Self { word: AtomicU64::new(0), peak: statistic::AtomicU32::new(0) }
    }

    #[inline]
    pub(super) fn look<const LOCKED: bool>(&self) -> Seen<LOCKED> {
        // Acquire, with the release in `unguard`: whoever sees a word without the guard also
        // sees the routes and limits that the change before it has set. And with the release in
        // `give_back`: whoever takes the permit, which needs the word as it is here, sees what
        // the last holder did. And, for a change that has put the guard on, with the release in
        // `take` and `confirm`: it finds what was noted before them, and none of them has read a
        // route that it sets later.
        Seen(self.word.load(Ordering::Acquire))
    }

    /// Takes a permit, if the word is still what was seen.
    #[inline]
    pub(super) fn take<const LOCKED: bool>(&self, seen: Seen<LOCKED>) -> bool {
        let taken = if broken(Twin::TakeUnseen) {
            // Twin: whatever the word is by now, one more.
            self.word.fetch_add(1, Ordering::AcqRel);
            true
        } else {
            // Release, with the acquire in `look`: a change that comes later finds the permit
            // noted with its function. What the last holder did was seen with the word.
            let (taken, failed) = (Ordering::Release, Ordering::Relaxed);
            self.word.compare_exchange(seen.0, seen.0 + 1, taken, failed).is_ok()
        };
        if taken {
            let out = seen.count() + 1;
            // Relaxed: a statistic. The load spares the write while there is no new peak.
            if out > self.peak.load(Ordering::Relaxed) {
                self.peak.fetch_max(out, Ordering::Relaxed);
            }
        }
        taken
    }

    /// Whether the word is still what was seen, in the order of its changes: a load might be
    /// told of an older one.
    #[inline]
    pub(super) fn confirm<const LOCKED: bool>(&self, seen: Seen<LOCKED>) -> bool {
        if broken(Twin::RefuseByLook) {
            // Twin: a look decides.
            return self.word.load(Ordering::Acquire) == seen.0;
        }
        // Release, with the acquire in `give_back`: whoever frees a permit after this refusal
        // sees that the refused one is waiting.
        let (same, failed) = (Ordering::Release, Ordering::Relaxed);
        self.word.compare_exchange(seen.0, seen.0, same, failed).is_ok()
    }

    /// Gives a permit back. Whether there was the guard: then the change has to take note.
    #[inline]
    pub(super) fn give_back(&self) -> bool {
        let step = if broken(Twin::SameGeneration) { 0_u64.wrapping_sub(1) } else { GIVEN_BACK };
        // Release, with the acquire in `look`: see there. Acquire, with the release in
        // `confirm`: one that waits is seen.
        let before = self.word.fetch_add(step, Ordering::AcqRel);
        debug_assert!(before & COUNT > 0, "a permit was given back twice");
        before & GUARD != 0
    }

    /// Changes the limit: only with the lock, and so never at the same time as another change.
    pub(super) fn set_limit(&self, limit: u32) {
        assert!(limit < LIMITS, "{limit} does not fit");
        // Relaxed: the guard is there, or nobody else is; `unguard` publishes.
        let before = Seen::<true>(self.word.load(Ordering::Relaxed)).limit();
        let more = u64::from(limit).wrapping_sub(before.into());
        self.word.fetch_add(more << LIMIT, Ordering::Relaxed);
    }

    /// Puts the guard on: from now on nothing is decided without the lock.
    pub(super) fn guard(&self) {
        // Relaxed: every word is looked at next, before anything is changed (see `look`), and
        // whoever meets the guard takes the lock.
        self.word.fetch_add(GUARD, Ordering::Relaxed);
    }

    /// Takes the guard off.
    pub(super) fn unguard(&self) {
        // Release, with the acquire in `look`.
        self.word.fetch_add(GUARD, Ordering::Release);
    }

    /// The most permits that were out since the last time; counting begins anew with those
    /// that are out now.
    pub(super) fn take_peak(&self, now: u32) -> u32 {
        self.peak.swap(now, Ordering::Relaxed).max(now)
    }
}
