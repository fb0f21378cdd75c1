//! A hierarchical timing wheel that is exact to the nanosecond: the calendar of choice.
//!
//! Times are read as digits of base 64. A completion lies in the bucket named by the highest
//! digit in which it differs from the wheel's position (the level) and by that digit's value.
//! So whatever lies on a lower level comes earlier, and on one level the lower digit does:
//! the next completions are in the first occupied bucket of the lowest occupied level.
//!
//! When time reaches that bucket, it is opened. A small one is sorted into `soon`, from
//! which completions are then popped one by one; a large one is spread over the lower
//! levels. A completion moves at most once a level, whatever the number in flight, and in
//! practice once or twice; there is nothing to tune.
//!
//! Memory is what is in flight, plus small buckets that are kept for reuse.

use std::ops::ControlFlow;

use super::Calendar;
use crate::invocations::{PIECE, Watch};

/// Bits of a digit; 64 buckets a level, so that one word says which are occupied.
const BITS: usize = 6;
const BUCKETS: usize = 1 << BITS;
const LEVELS: usize = u64::BITS.div_ceil(BITS as u32) as usize;
/// A bucket of up to this many completions is sorted when it is opened.
const SMALL: usize = 64;
/// `soon` is cut back to a part when insertions make it larger than this: they are only
/// cheap while it is short.
const SOON_AT_MOST: usize = 256;
/// An emptied bucket that has room for more than this gives its memory back: otherwise each
/// would keep the room of its fullest moment.
const KEPT: usize = 1024;

#[derive(Clone, Copy, Debug)]
struct Completion {
    at: u64,
    function: u32,
}

/// A hierarchical timing wheel.
///
/// `schedule` and the completion that it leads to take O(1) together, amortised.
#[derive(Debug)]
pub struct Wheel {
    /// Completions before `soon_until`, the latest first, so that the next is at the end.
    soon: Vec<Completion>,
    soon_until: u64,
    /// The earliest instant of the next occupied bucket: nothing in the buckets is before it.
    next_bucket: u64,
    /// Where the bucket that was last opened begins; no bucket holds anything earlier.
    position: u64,
    /// For each level, which of its buckets hold something.
    occupied: [u64; LEVELS],
    buckets: Vec<Vec<Completion>>,
    in_buckets: usize,
    /// Completions in buckets that were opened since `watch` was last called.
    steps: usize,
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            soon: Vec::new(),
            soon_until: 0,
            next_bucket: u64::MAX,
            position: 0,
            occupied: [0; LEVELS],
            buckets: (0..LEVELS * BUCKETS).map(|_| Vec::new()).collect(),
            in_buckets: 0,
            steps: 0,
        }
    }
}

// Each event loop has these inline: they are its hottest part.
#[allow(clippy::inline_always)]
impl Calendar for Wheel {
    const WITH_WINDOWS: bool = true;

    #[inline(always)]
    fn schedule(&mut self, at: u64, function: u32) {
        let completion = Completion { at, function };
        if at < self.soon_until {
            self.insert_soon(completion);
        } else {
            self.next_bucket = self.next_bucket.min(self.place(completion));
        }
    }

    #[inline(always)]
    fn complete_until(
        &mut self,
        now: u64,
        mut complete: impl FnMut(u64, u32),
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        loop {
            while let Some(&Completion { at, function }) = self.soon.last() {
                if at > now {
                    return ControlFlow::Continue(());
                }
                self.soon.pop();
                complete(at, function);
            }
            if now < self.next_bucket || self.in_buckets == 0 {
                return ControlFlow::Continue(());
            }
            self.open_next_bucket(watch)?;
        }
    }

    fn due(&self, now: u64) -> usize {
        let is_due = |completion: &&Completion| completion.at <= now;
        let mut due = self.soon.iter().rev().take_while(is_due).count();
        for (level, &occupied) in self.occupied.iter().enumerate() {
            let mut occupied = occupied;
            while occupied != 0 {
                let digit = occupied.trailing_zeros() as usize;
                occupied &= occupied - 1;
                let begin = self.begin_of(level, digit);
                if begin > now {
                    return due;
                }
                let bucket = &self.buckets[level * BUCKETS + digit];
                let whole = begin + ((1 << (level * BITS)) - 1) <= now;
                due += if whole { bucket.len() } else { bucket.iter().filter(is_due).count() };
            }
        }
        due
    }

    fn take_until(&mut self, now: u64, taken: &mut Vec<(u64, u32)>) {
        let due = self.soon.partition_point(|completion| completion.at > now);
        taken.extend(self.soon.drain(due..).map(|Completion { at, function }| (at, function)));
        // What is soon comes before all that is in buckets.
        while self.soon.is_empty() && self.next_bucket <= now && self.in_buckets > 0 {
            self.empty_next_bucket(now, taken);
        }
    }

    fn in_flight(&self) -> usize {
        self.soon.len() + self.in_buckets
    }
}

impl Wheel {
    /// Puts a completion into its bucket; returns the earliest instant of that bucket.
    #[inline]
    fn place(&mut self, completion: Completion) -> u64 {
        debug_assert!(completion.at >= self.position, "a run ends before it began");
        let level = level_of(completion.at ^ self.position);
        let digit = (completion.at >> (level * BITS)) as usize % BUCKETS;
        self.occupied[level] |= 1 << digit;
        self.buckets[level * BUCKETS + digit].push(completion);
        self.in_buckets += 1;
        completion.at >> (level * BITS) << (level * BITS)
    }

    /// Moves on to the first occupied bucket; only while nothing is soon and some bucket holds
    /// something.
    #[inline(never)]
    fn open_next_bucket(&mut self, watch: &mut Watch<'_>) -> ControlFlow<()> {
        let level = self.lowest_level().expect("a bucket that holds something");
        let digit = self.occupied[level].trailing_zeros() as usize;
        self.occupied[level] &= self.occupied[level] - 1;
        let mut bucket = std::mem::take(&mut self.buckets[level * BUCKETS + digit]);
        let width = 1 << (level * BITS);
        self.position = bucket[0].at / width * width;
        self.steps += bucket.len().min(PIECE);
        if level == 0 {
            // One instant, in any order: a flood is taken piece by piece.
            let left = bucket.len().saturating_sub(PIECE);
            self.in_buckets -= bucket.len() - left;
            self.soon.extend(bucket.drain(left..));
            self.occupied[0] |= u64::from(left > 0) << digit;
            self.soon_until = self.position + u64::from(left == 0);
        } else if bucket.len() <= SMALL {
            self.in_buckets -= bucket.len();
            bucket.sort_unstable_by_key(|completion| std::cmp::Reverse(completion.at));
            self.soon.extend_from_slice(&bucket);
            bucket.clear();
            self.soon_until = self.position.saturating_add(width);
        } else {
            self.in_buckets -= bucket.len();
            for piece in bucket.chunks(PIECE) {
                for &completion in piece {
                    self.place(completion);
                }
                if piece.len() == PIECE {
                    watch(0)?;
                }
            }
            bucket.clear();
            self.soon_until = self.position;
        }
        if bucket.is_empty() && bucket.capacity() > KEPT {
            bucket = Vec::new();
        }
        self.buckets[level * BUCKETS + digit] = bucket;
        self.next_bucket = self.first_occupied();
        if self.steps >= PIECE {
            self.steps = 0;
            watch(0)?;
        }
        ControlFlow::Continue(())
    }

    /// Moves on to the first occupied bucket, takes out what is due by `now`, and spreads the rest
    /// over the lower levels.
    fn empty_next_bucket(&mut self, now: u64, taken: &mut Vec<(u64, u32)>) {
        let level = self.lowest_level().expect("a bucket that holds something");
        let digit = self.occupied[level].trailing_zeros() as usize;
        self.occupied[level] &= self.occupied[level] - 1;
        let mut bucket = std::mem::take(&mut self.buckets[level * BUCKETS + digit]);
        self.in_buckets -= bucket.len();
        self.position = self.next_bucket;
        for completion in bucket.drain(..) {
            if completion.at <= now {
                taken.push((completion.at, completion.function));
            } else {
                self.place(completion);
            }
        }
        if bucket.capacity() <= KEPT {
            self.buckets[level * BUCKETS + digit] = bucket;
        }
        self.next_bucket = self.first_occupied();
    }

    /// The lowest level that holds something.
    #[inline]
    fn lowest_level(&self) -> Option<usize> {
        self.occupied.iter().position(|&buckets| buckets != 0)
    }

    /// The earliest instant of the first occupied bucket.
    #[inline]
    fn first_occupied(&self) -> u64 {
        let Some(level) = self.lowest_level() else {
            return u64::MAX;
        };
        self.begin_of(level, self.occupied[level].trailing_zeros() as usize)
    }

    /// The earliest instant of a bucket.
    #[inline]
    fn begin_of(&self, level: usize, digit: usize) -> u64 {
        let above = match (level + 1) * BITS {
            64.. => 0,
            bits => self.position >> bits << bits,
        };
        above | (digit as u64) << (level * BITS)
    }

    #[inline]
    fn insert_soon(&mut self, completion: Completion) {
        // Equal times go nearest the end, so that a flood at one instant moves nothing.
        let place = self.soon.partition_point(|other| other.at >= completion.at);
        self.soon.insert(place, completion);
        if self.soon.len() > SOON_AT_MOST {
            self.cut_soon();
        }
    }

    /// Leaves about the next `SMALL` completions in `soon`; the others go back to buckets.
    #[cold]
    fn cut_soon(&mut self) {
        let next = self.soon[self.soon.len() - 1].at;
        // Those of the next instant stay, however many: they cannot be told apart.
        let until = self.soon[self.soon.len() - SMALL].at.max(next + 1);
        let later = self.soon.partition_point(|completion| completion.at >= until);
        if later == 0 {
            return;
        }
        let moved: Vec<_> = self.soon.drain(..later).collect();
        for completion in moved {
            self.place(completion);
        }
        self.soon_until = until;
        self.next_bucket = self.first_occupied();
    }
}

/// The highest base-64 digit in which two times differ, given their exclusive or.
#[inline]
fn level_of(difference: u64) -> usize {
    (u64::BITS - 1 - (difference | 1).leading_zeros()) as usize / BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wheel whose `soon` reaches up to `until`, as after opening a wide bucket.
    fn with_soon_until(until: u64) -> Wheel {
        Wheel { soon_until: until, ..Wheel::default() }
    }

    fn advance(wheel: &mut Wheel, now: u64) -> Vec<u64> {
        let mut due = Vec::new();
        let complete = |at, _| due.push(at);
        let flow = wheel.complete_until(now, complete, &mut |_| ControlFlow::Continue(()));
        assert!(flow.is_continue());
        due
    }

    /// Completions that the buckets have room for.
    fn room(wheel: &Wheel) -> usize {
        wheel.buckets.iter().map(Vec::capacity).sum()
    }

    #[test]
    fn soon_stays_short_whatever_the_order_of_thousands_of_insertions() {
        let ascending = 0..5_000_u64;
        let orders: [Vec<u64>; 3] = [
            ascending.clone().collect(),
            ascending.clone().rev().collect(),
            ascending.map(|i| i * 2_741 % 5_000).collect(),
        ];
        for order in orders {
            let mut wheel = with_soon_until(u64::MAX);
            for &at in &order {
                wheel.schedule(at, 0);
                assert!(wheel.soon.len() <= SOON_AT_MOST, "{} soon", wheel.soon.len());
            }
            assert_eq!(wheel.in_flight(), order.len());
            assert!(advance(&mut wheel, 5_000).into_iter().eq(0..5_000));
        }
    }

    #[test]
    fn cutting_soon_leaves_about_the_next_few_and_moves_the_end_with_them() {
        let mut wheel = with_soon_until(u64::MAX);
        for at in 0..=SOON_AT_MOST as u64 {
            wheel.schedule(at, 0);
        }
        assert!((1..=SMALL).contains(&wheel.soon.len()), "{} soon", wheel.soon.len());
        assert!(wheel.soon.iter().all(|completion| completion.at < wheel.soon_until));
        assert!(wheel.buckets.iter().flatten().all(|completion| completion.at >= wheel.soon_until));
        assert_eq!(wheel.in_flight(), SOON_AT_MOST + 1);
    }

    #[test]
    fn a_small_bucket_is_sorted_and_a_large_one_spread_over_the_lower_levels() {
        for (completions, sorted) in [(SMALL, SMALL), (SMALL + 1, 0)] {
            let mut wheel = Wheel::default();
            let first = 1 << (3 * BITS);
            for i in 0..completions as u64 {
                wheel.schedule(first + 70 * (i + 1), 0);
            }
            assert!(wheel.open_next_bucket(&mut |_| ControlFlow::Continue(())).is_continue());
            assert_eq!(wheel.soon.len(), sorted);
            assert_eq!(wheel.in_flight(), completions);
        }
    }

    #[test]
    fn a_flood_at_one_instant_is_appended_and_moves_nothing() {
        let mut wheel = with_soon_until(1_000);
        for function in 0..10_000 {
            wheel.schedule(500, function);
            // The newest is at the end: none of those before it was moved to make room.
            assert_eq!(wheel.soon.last().unwrap().function, function);
        }
        // One instant cannot be cut; its completions are interchangeable.
        assert_eq!(wheel.soon.len(), 10_000);
        assert_eq!(advance(&mut wheel, 500).len(), 10_000);
    }

    #[test]
    fn the_memory_of_a_burst_is_given_back() {
        let mut wheel = Wheel::default();
        // Bursts that fill one bucket after another, on several levels.
        let bursts = 200;
        for burst in 0..bursts {
            let now = burst * 1_000_003;
            advance(&mut wheel, now);
            for i in 0..10_000 {
                wheel.schedule(now + 900_000 + i % 10, 0);
                wheel.schedule(now + 4_096 + i % 4_096, 0);
            }
        }
        advance(&mut wheel, (bursts + 1) * 1_000_003);
        assert_eq!(wheel.in_flight(), 0);
        assert!(wheel.buckets.iter().all(|bucket| bucket.capacity() <= KEPT));
        assert!(room(&wheel) < 100_000, "room for {} of 10,000 at once", room(&wheel));
    }

    #[test]
    fn a_burst_of_a_hundred_thousand_leaves_no_large_bucket_behind() {
        let mut wheel = Wheel::default();
        for i in 0..100_000_u64 {
            wheel.schedule(1_000_000 + i * 37 % 100_000, 0);
        }
        assert!(room(&wheel) >= 100_000);
        assert!(advance(&mut wheel, 2_000_000).is_sorted());
        assert!(wheel.buckets.iter().all(|bucket| bucket.capacity() <= KEPT));
    }
    #[test]
    fn all_up_to_an_instant_is_taken_at_once_whatever_the_buckets() {
        let mut wheel = Wheel::default();
        for i in 0..100_000_u64 {
            wheel.schedule(1_000_000 + i * 37 % 100_000, i as u32);
        }
        let mut times = Vec::new();
        for now in [999_999, 1_000_000, 1_000_063, 1_049_999, 1_050_000, 2_000_000] {
            let (mut taken, due) = (Vec::new(), wheel.due(now));
            wheel.take_until(now, &mut taken);
            assert_eq!(taken.len(), due);
            assert!(taken.iter().all(|&(at, _)| at <= now));
            assert_eq!(wheel.in_flight(), 100_000 - times.len() - taken.len());
            taken.sort_unstable();
            times.extend(taken.into_iter().map(|(at, _)| at));
        }
        assert!(times.into_iter().eq(1_000_000..1_100_000));
    }
}
