//! What completes in a later window.

use crate::calendar::Calendar;

/// Slots: with a window some slots long, a run may be as long as some hundreds of windows.
const SLOTS: usize = 1024;
/// A slot that has room for more than this gives its memory back when it is emptied.
const KEPT: usize = 16384;
/// A completion is a word: its time above its permit. The bits of the time that find no room are
/// those of its slot.
const PERMIT: u32 = 22;
/// Longest slot of which all completions agree in these bits.
const LONGEST: u32 = u64::BITS - PERMIT;

/// Completions by slots of time, about two of which are a window: a completion is written once and
/// read once. Those beyond the last slot go to the calendar.
#[derive(Debug)]
pub(crate) struct Later {
    slots: Box<[Vec<u64>; SLOTS]>,
    /// Emptied slots' room, the last still in the cache.
    room: Vec<Vec<u64>>,
    /// A slot is 2^`shift` ns; the first is the one in which time is now.
    shift: u32,
    first: u64,
    len: usize,
    /// Rows since the slots had another length.
    rows: usize,
}

impl Default for Later {
    fn default() -> Self {
        let slots = vec![Vec::new(); SLOTS];
        let slots = slots.try_into().unwrap_or_else(|_| unreachable!("of the same length"));
        Self { slots, room: Vec::new(), shift: 0, first: 0, len: 0, rows: 0 }
    }
}

impl Later {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a completion that is not due yet; those too far away are the calendar's.
    #[inline]
    pub(crate) fn schedule(&mut self, at: u64, permit: u32, calendar: &mut impl Calendar) {
        let number = at.wrapping_shr(self.shift);
        if number.wrapping_sub(self.first) >= SLOTS as u64 || permit >> PERMIT != 0 {
            schedule_far(at, permit, calendar);
            return;
        }
        let slot = &mut self.slots[number as usize % SLOTS];
        if slot.len() == slot.capacity() {
            grow(slot, &mut self.room);
        }
        slot.push(at << PERMIT | u64::from(permit));
        self.len = self.len.wrapping_add(1);
    }

    /// Takes every completion up to and including `now` out, in no particular order.
    pub(super) fn take_until(&mut self, now: u64, taken: &mut Vec<(u64, u32)>) {
        let last = now >> self.shift;
        let end = self.first + SLOTS as u64;
        if self.len > 0 {
            for number in self.first..last.min(end) {
                self.take_slot(number, taken);
            }
            if last < end {
                self.take_part(last, now, taken);
            }
        }
        self.first = last;
    }

    /// Where the first slot ends that holds anything, or `now` if that is earlier.
    pub(super) fn first_edge(&self, now: u64) -> u64 {
        let numbers = self.first..self.first + SLOTS as u64;
        let mut filled = numbers.filter(|&number| !self.slots[number as usize % SLOTS].is_empty());
        filled.next().map_or(now, |number| now.min(((number + 1) << self.shift) - 1))
    }

    fn take_slot(&mut self, number: u64, taken: &mut Vec<(u64, u32)>) {
        let slot = &mut self.slots[number as usize % SLOTS];
        if slot.capacity() > 0 {
            let mut slot = std::mem::take(slot);
            self.len -= slot.len();
            let begin = number << self.shift;
            taken.extend(slot.iter().map(|&word| unpack(word, begin)));
            slot.clear();
            if slot.capacity() <= KEPT {
                self.room.push(slot);
            }
        }
    }

    /// Takes what a slot holds up to and including `now`. Which that is cannot be predicted, so no
    /// branch depends on it.
    fn take_part(&mut self, number: u64, now: u64, taken: &mut Vec<(u64, u32)>) {
        let slot = &mut self.slots[number as usize % SLOTS];
        let before = taken.len();
        taken.resize(before + slot.len(), (0, 0));
        let (mut due, mut kept) = (before, 0);
        for i in 0..slot.len() {
            let word = slot[i];
            let completion = unpack(word, number << self.shift);
            taken[due] = completion;
            slot[kept] = word;
            let is_due = usize::from(completion.0 <= now);
            due = due.wrapping_add(is_due);
            kept = kept.wrapping_add(1 - is_due);
        }
        taken.truncate(due);
        slot.truncate(kept);
        self.len -= due - before;
    }

    /// Takes all out.
    fn take_all(&mut self) -> Vec<(u64, u32)> {
        let mut all = Vec::with_capacity(self.len);
        for number in self.first..self.first + SLOTS as u64 {
            self.take_slot(number, &mut all);
        }
        all
    }

    /// Hands all over to the calendar.
    pub(super) fn empty(&mut self, calendar: &mut impl Calendar) {
        if self.len > 0 {
            self.take_all().into_iter().for_each(|(at, permit)| calendar.schedule(at, permit));
        }
    }

    /// Makes slots of half a window's length, if they have become much longer or shorter than that.
    pub(super) fn fit(
        &mut self,
        now: u64,
        (rows, window): (usize, u64),
        calendar: &mut impl Calendar,
    ) {
        let shift = (window / 2).max(1).ilog2().min(LONGEST);
        // Only now and then, so that moving all costs little for each.
        self.rows += rows;
        // A window of few rows says little of the next.
        if rows >= super::FEW && shift.abs_diff(self.shift) > 1 && self.rows >= self.len {
            let all = self.take_all();
            (self.shift, self.first, self.rows) = (shift, now >> shift, 0);
            for (at, permit) in all {
                self.schedule(at, permit, calendar);
            }
        }
    }
}

/// Of a completion in the slot that begins then.
#[inline]
fn unpack(word: u64, begin: u64) -> (u64, u32) {
    (begin >> LONGEST << LONGEST | word >> PERMIT, (word % (1 << PERMIT)) as u32)
}

/// Gives a slot that is full more room, its first if there is some that was used before.
#[cold]
#[inline(never)]
fn grow(slot: &mut Vec<u64>, room: &mut Vec<Vec<u64>>) {
    if slot.capacity() == 0
        && let Some(room) = room.pop()
    {
        *slot = room;
    } else {
        slot.reserve(1);
    }
}

#[inline(never)]
fn schedule_far(at: u64, permit: u32, calendar: &mut impl Calendar) {
    calendar.schedule(at, permit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Heap;
    use proptest::prelude::*;

    /// Slots of 2^`shift` ns, of which the first begins at `now`.
    fn with_slots(shift: u32, now: u64) -> Later {
        Later { shift, first: now >> shift, ..Later::default() }
    }

    fn take(later: &mut Later, now: u64) -> Vec<(u64, u32)> {
        let mut taken = Vec::new();
        later.take_until(now, &mut taken);
        taken.sort_unstable();
        taken
    }

    #[test]
    fn what_lies_beyond_the_last_slot_is_the_calendars() {
        let (mut later, mut calendar) = (with_slots(3, 80), Heap::default());
        let beyond = 80 + ((SLOTS as u64) << 3);
        for at in [80, 81, beyond - 1, beyond, beyond + 1, u64::MAX >> 1] {
            later.schedule(at, 7, &mut calendar);
        }
        assert_eq!((later.len(), calendar.in_flight()), (3, 3));
        // Time moves on by a slot, and there is room for one more.
        assert_eq!(take(&mut later, 88), [(80, 7), (81, 7)]);
        later.schedule(beyond + 7, 8, &mut calendar);
        later.schedule(beyond + 8, 9, &mut calendar);
        assert_eq!((later.len(), calendar.in_flight()), (2, 4));
        assert_eq!(take(&mut later, u64::MAX >> 1), [(beyond - 1, 7), (beyond + 7, 8)]);
        assert_eq!(later.len(), 0);
    }

    #[test]
    fn a_slot_is_taken_up_to_the_instant_and_not_beyond() {
        let mut calendar = Heap::default();
        for now in [15, 16, 17, 31, 32] {
            let mut later = with_slots(4, 0);
            let ends = [0, 1, 15, 16, 17, 31, 32, 33];
            for at in ends {
                later.schedule(at, 1 << 21, &mut calendar);
            }
            let due = ends.into_iter().filter(|&at| at <= now).map(|at| (at, 1 << 21));
            assert!(take(&mut later, now).into_iter().eq(due), "{now}");
            // More that ends now, as after a window, is taken the next time.
            later.schedule(now, 3, &mut calendar);
            assert_eq!(take(&mut later, now), [(now, 3)]);
        }
        assert_eq!(calendar.in_flight(), 0);
    }

    #[test]
    fn slots_get_another_length_only_when_few_enough_are_to_move() {
        let (mut later, mut calendar) = (with_slots(10, 0), Heap::default());
        let moved = 3 * super::super::ROWS as u64;
        (0..moved).for_each(|at| later.schedule(5_000 + at, 1, &mut calendar));
        // Half a window of such lengths is about as long as a slot: nothing is to do.
        for window in [1 << 10, 1 << 11, 1 << 12] {
            later.fit(0, (super::super::ROWS, window), &mut calendar);
        }
        assert_eq!((later.shift, later.rows as u64), (10, moved));
        later.fit(0, (super::super::ROWS, 16), &mut calendar);
        assert_eq!((later.shift, later.rows), (3, 0));
        // With shorter slots most are beyond the last.
        let within = ((SLOTS as u64) << 3) - 5_000;
        assert_eq!((later.len() as u64, calendar.in_flight() as u64), (within, moved - within));
        later.fit(0, (super::super::ROWS, u64::MAX >> 1), &mut calendar);
        assert_eq!((later.shift, later.rows), (LONGEST, 0));
        assert_eq!(take(&mut later, 6_000).len(), 1_001);
    }

    #[test]
    fn a_flooded_slot_gives_its_memory_back_and_others_are_used_again() {
        let (mut later, mut calendar) = (with_slots(4, 0), Heap::default());
        (0..4 * KEPT).for_each(|_| later.schedule(20, 1, &mut calendar));
        (0..KEPT).for_each(|_| later.schedule(40, 1, &mut calendar));
        assert_eq!(take(&mut later, 50).len(), 5 * KEPT);
        assert_eq!(later.room.len(), 1);
        later.schedule(90, 1, &mut calendar);
        assert!(later.room.is_empty());
        assert!(later.slots.iter().map(Vec::capacity).sum::<usize>() <= KEPT);
    }

    proptest! {
        /// With the calendar behind it, whatever the slots and wherever they are fitted anew.
        #[test]
        fn it_hands_out_what_a_heap_does(
            steps in prop::collection::vec(
                (
                    prop_oneof![0_u64..40, 0_u64..100_000, (0_u32..50).prop_map(|bits| 1 << bits)],
                    prop::option::of((0_u32..62).prop_map(|bits| 1 << bits)),
                    prop::collection::vec((0_u32..56, 0_u64..99), 0..40),
                ),
                1..40,
            ),
        ) {
            let (mut later, mut calendar) = (Later::default(), Heap::default());
            let mut all = Heap::default();
            let (mut now, mut permit) = (0, 0);
            for (gap, window, lengths) in steps {
                now += gap;
                let mut taken = take(&mut later, now);
                calendar.take_until(now, &mut taken);
                taken.sort_unstable();
                let mut expected = Vec::new();
                all.take_until(now, &mut expected);
                expected.sort_unstable();
                prop_assert_eq!(taken, expected);
                if let Some(window) = window {
                    later.fit(now, (super::super::ROWS, window), &mut calendar);
                }
                for (bits, more) in lengths {
                    let at = now + ((1 << bits) - 1) + more;
                    later.schedule(at, permit, &mut calendar);
                    all.schedule(at, permit);
                    permit += 1;
                }
                prop_assert_eq!(later.len() + calendar.in_flight(), all.in_flight());
            }
            later.empty(&mut calendar);
            prop_assert_eq!((later.len(), calendar.in_flight()), (0, all.in_flight()));
        }
    }
}
