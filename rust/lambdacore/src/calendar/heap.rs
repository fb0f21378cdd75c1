//! The plain calendar: a binary heap. Tests hold the wheel to it, benchmarks measure
//! against it; it costs O(log n) a completion and grows with cache misses.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use super::Calendar;
use crate::invocations::{PIECE, Watch};

/// A binary heap of completions.
#[derive(Debug, Default)]
pub struct Heap(BinaryHeap<Reverse<(u64, u32)>>);

impl Calendar for Heap {
    const WITH_WINDOWS: bool = false;

    #[inline]
    fn schedule(&mut self, at: u64, function: u32) {
        self.0.push(Reverse((at, function)));
    }

    #[inline]
    fn complete_until(
        &mut self,
        now: u64,
        mut complete: impl FnMut(u64, u32),
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let mut completed = 0_usize;
        while let Some(&Reverse((at, function))) = self.0.peek() {
            if at > now {
                break;
            }
            self.0.pop();
            complete(at, function);
            completed += 1;
            if completed.is_multiple_of(PIECE) {
                watch(0)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn due(&self, now: u64) -> usize {
        self.0.iter().filter(|completion| completion.0.0 <= now).count()
    }

    fn take_until(&mut self, now: u64, taken: &mut Vec<(u64, u32)>) {
        while let Some(&Reverse(completion)) = self.0.peek()
            && completion.0 <= now
        {
            self.0.pop();
            taken.push(completion);
        }
    }

    fn in_flight(&self) -> usize {
        self.0.len()
    }
}
