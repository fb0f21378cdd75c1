//! What completes in a later window.

use crate::calendar::Calendar;

/// Slots: with a window some slots long, a run may be as long as some hundreds of windows.
const SLOTS: usize = 1024;
/// A slot that has room for more than this gives its memory back when it is emptied.
const KEPT: usize = 16384;
/// A completion is a word: its time since its slot began, above its permit.
const PERMIT: u32 = 22;
/// Longest slot that leaves room for the permit.
const LONGEST: u32 = u64::BITS - PERMIT;

/// Completions by slots of time, about two of which are a window: a completion is written once and
/// read once. Those beyond the last slot go to the calendar.
#[derive(Debug)]
pub(super) struct Later {
    slots: Vec<Vec<u64>>,
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
        Self { slots, room: Vec::new(), shift: 0, first: 0, len: 0, rows: 0 }
    }
}

impl Later {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a completion that is not due yet; those too far away are the calendar's.
    #[inline]
    pub(super) fn schedule(&mut self, at: u64, permit: u32, calendar: &mut impl Calendar) {
        let number = at >> self.shift;
        if number.wrapping_sub(self.first) >= SLOTS as u64 || permit >> PERMIT != 0 {
            calendar.schedule(at, permit);
            return;
        }
        let slot = &mut self.slots[number as usize % SLOTS];
        if slot.capacity() == 0
            && let Some(room) = self.room.pop()
        {
            *slot = room;
        }
        slot.push((at - (number << self.shift)) << PERMIT | u64::from(permit));
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
                let slot = &mut self.slots[last as usize % SLOTS];
                let before = taken.len();
                slot.retain(|&word| {
                    let completion = unpack(word, last << self.shift);
                    if completion.0 <= now {
                        taken.push(completion);
                    }
                    completion.0 > now
                });
                self.len -= taken.len() - before;
            }
        }
        self.first = last;
    }

    fn take_slot(&mut self, number: u64, taken: &mut Vec<(u64, u32)>) {
        let slot = &mut self.slots[number as usize % SLOTS];
        if slot.capacity() > 0 {
            let mut slot = std::mem::take(slot);
            self.len -= slot.len();
            taken.extend(slot.drain(..).map(|word| unpack(word, number << self.shift)));
            if slot.capacity() <= KEPT {
                self.room.push(slot);
            }
        }
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
    pub(super) fn fit(&mut self, now: u64, window: u64, calendar: &mut impl Calendar) {
        let shift = (window / 2).max(1).ilog2().min(LONGEST);
        // Only now and then, so that moving all costs little for each.
        self.rows += super::ROWS;
        if shift.abs_diff(self.shift) > 1 && self.rows >= self.len {
            let all = self.take_all();
            (self.shift, self.first, self.rows) = (shift, now >> shift, 0);
            for (at, permit) in all {
                self.schedule(at, permit, calendar);
            }
        }
    }
}

#[inline]
fn unpack(word: u64, begin: u64) -> (u64, u32) {
    (begin + (word >> PERMIT), (word % (1 << PERMIT)) as u32)
}
