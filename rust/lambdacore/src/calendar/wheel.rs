//! A hierarchical timing wheel that is exact to the nanosecond: the calendar of choice.
//!
//! Times are read as digits of base 64. A completion lies in the bucket named by the highest
//! digit in which it differs from the present (the level) and by the value of that digit
//! there. When the present moves on, everything on the levels below the highest digit that
//! changed is due without a comparison; on that level the buckets before the new digit are
//! due, and the one bucket of the new digit is spread over the lower levels. So a completion
//! moves at most once a level, whatever the number in flight: there is nothing to tune.
//!
//! Memory is what is in flight, plus the small buckets that are kept for reuse.

use super::Calendar;

/// Bits of a digit; 64 buckets a level, so that one word says which are occupied.
const BITS: usize = 6;
const BUCKETS: usize = 1 << BITS;
const LEVELS: usize = u64::BITS.div_ceil(BITS as u32) as usize;
/// A bucket that held more than this gives its memory back when it is emptied: otherwise
/// each would keep the room of its fullest moment.
const KEPT: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Completion {
    at: u64,
    function: u32,
}

/// A hierarchical timing wheel.
#[derive(Debug)]
pub struct Wheel {
    /// The last instant given to `complete_until`.
    now: u64,
    /// For each level, which of its buckets hold something.
    occupied: [u64; LEVELS],
    buckets: Vec<Vec<Completion>>,
    in_flight: usize,
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            now: 0,
            occupied: [0; LEVELS],
            buckets: (0..LEVELS * BUCKETS).map(|_| Vec::new()).collect(),
            in_flight: 0,
        }
    }
}

impl Calendar for Wheel {
    #[inline]
    fn schedule(&mut self, at: u64, function: u32) {
        debug_assert!(at >= self.now, "a run ends before it began");
        self.in_flight += 1;
        self.place(Completion { at, function });
    }

    #[inline]
    fn complete_until(&mut self, now: u64, mut complete: impl FnMut(u64, u32)) {
        debug_assert!(now >= self.now, "time goes back");
        let level = level_of(now ^ self.now);
        let digit = digit_of(now, level);
        self.now = now;
        for lower in 0..level {
            self.empty_buckets(lower, u64::MAX, &mut complete);
        }
        self.empty_buckets(level, (1 << digit) - 1, &mut complete);
        if self.occupied[level] >> digit & 1 == 1 {
            self.spread_bucket(level, digit, &mut complete);
        }
    }

    fn in_flight(&self) -> usize {
        self.in_flight
    }
}

impl Wheel {
    #[inline]
    fn place(&mut self, completion: Completion) {
        let level = level_of(completion.at ^ self.now);
        let digit = digit_of(completion.at, level);
        self.occupied[level] |= 1 << digit;
        self.buckets[level * BUCKETS + digit].push(completion);
    }

    /// Completes all that lies in the buckets of `level` that `mask` names.
    #[inline]
    fn empty_buckets(&mut self, level: usize, mask: u64, complete: &mut impl FnMut(u64, u32)) {
        let mut due = self.occupied[level] & mask;
        self.occupied[level] &= !mask;
        while due != 0 {
            let digit = due.trailing_zeros() as usize;
            due &= due - 1;
            let bucket = &mut self.buckets[level * BUCKETS + digit];
            self.in_flight -= bucket.len();
            sort(bucket);
            for completion in bucket.iter() {
                complete(completion.at, completion.function);
            }
            recycle(bucket);
        }
    }

    /// Completes what is due in the bucket of the present digit; the rest moves to lower
    /// levels. On the lowest level a bucket is one instant, so all of it is due.
    #[inline]
    fn spread_bucket(&mut self, level: usize, digit: usize, complete: &mut impl FnMut(u64, u32)) {
        self.occupied[level] &= !(1 << digit);
        let mut bucket = std::mem::take(&mut self.buckets[level * BUCKETS + digit]);
        let mut due = 0;
        for i in 0..bucket.len() {
            let completion = bucket[i];
            if completion.at > self.now {
                self.place(completion);
            } else {
                bucket[due] = completion;
                due += 1;
            }
        }
        bucket.truncate(due);
        self.in_flight -= due;
        sort(&mut bucket);
        for completion in &bucket {
            complete(completion.at, completion.function);
        }
        recycle(&mut bucket);
        self.buckets[level * BUCKETS + digit] = bucket;
    }
}

/// The highest base-64 digit in which two times differ, given their exclusive or.
#[inline]
fn level_of(difference: u64) -> usize {
    (u64::BITS - 1 - (difference | 1).leading_zeros()) as usize / BITS
}

#[inline]
fn digit_of(at: u64, level: usize) -> usize {
    (at >> (level * BITS)) as usize % BUCKETS
}

#[inline]
fn sort(bucket: &mut [Completion]) {
    if bucket.len() > 1 {
        bucket.sort_unstable_by_key(|completion| completion.at);
    }
}

#[inline]
fn recycle(bucket: &mut Vec<Completion>) {
    if bucket.capacity() > KEPT {
        *bucket = Vec::new();
    } else {
        bucket.clear();
    }
}
