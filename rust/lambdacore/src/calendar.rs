//! The calendar of completions that are still to come.

mod heap;
mod wheel;

use std::ops::ControlFlow;

use crate::invocations::Watch;

pub use heap::Heap;
pub use wheel::Wheel;

/// Holds the completions of running invocations and hands them out when they are due.
pub trait Calendar: Default {
    /// Whether a simulation may take turns between this calendar and windows of many arrivals. The
    /// plain calendar, which tests and benchmarks compare with, stands alone.
    const WITH_WINDOWS: bool;

    /// Notes that a run of `function` ends at `at`, which is not before the last instant
    /// given to [`complete_until`](Self::complete_until).
    fn schedule(&mut self, at: u64, function: u32);

    /// Hands out every completion up to and including `now`, in order of time. Those of one
    /// instant come in no particular order: they are interchangeable.
    ///
    /// Where there are many, `watch` is called with zero in between; once it has broken, the
    /// calendar is of no further use.
    fn complete_until(
        &mut self,
        now: u64,
        complete: impl FnMut(u64, u32),
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()>;

    /// Counts the completions up to and including `now`.
    fn due(&self, now: u64) -> usize;

    /// Takes every completion up to and including `now` out, in no particular order.
    fn take_until(&mut self, now: u64, taken: &mut Vec<(u64, u32)>);

    /// Completions that are still to come.
    fn in_flight(&self) -> usize;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs of schedule and advance, with gaps and lengths over many orders of magnitude.
    fn steps() -> impl Strategy<Value = Vec<(u64, Vec<u64>)>> {
        let wide =
            prop_oneof![0_u64..4, 0_u64..200, 0_u64..100_000, (0_u32..62).prop_map(|b| 1 << b)];
        prop::collection::vec((wide.clone(), prop::collection::vec(wide, 0..400)), 1..30)
    }

    fn drive<C: Calendar>(steps: &[(u64, Vec<u64>)]) -> Vec<Vec<(u64, u32)>> {
        let mut calendar = C::default();
        let mut now = 0_u64;
        let mut scheduled = 0;
        steps
            .iter()
            .map(|(gap, lengths)| {
                now = now.saturating_add(*gap);
                let counted = calendar.due(now);
                let mut due = Vec::new();
                let mut watch = |_| ControlFlow::Continue(());
                let complete = |at, function| due.push((at, function));
                assert!(calendar.complete_until(now, complete, &mut watch).is_continue());
                assert!(due.is_sorted_by_key(|&(at, _)| at), "completions out of order");
                assert_eq!(due.len(), counted, "completions due");
                due.sort_unstable();
                for &length in lengths {
                    calendar.schedule(now.saturating_add(length), scheduled);
                    scheduled += 1;
                }
                due
            })
            .collect()
    }

    #[test]
    fn a_flood_at_one_instant_and_around_it_is_handed_out_in_order() {
        let near: Vec<u64> = (0..3_000).map(|i| 1_000 + u64::from(i % 7 == 0) * (i % 40)).collect();
        let flood = vec![(0, vec![900; 10]), (5, near), (1, vec![994; 3_000]), (994, vec![0; 500])];
        let then = vec![(0, vec![]), (3, vec![]), (2_000, vec![])];
        let steps = [flood, then].concat();
        assert_eq!(drive::<Wheel>(&steps), drive::<Heap>(&steps));
    }

    proptest! {
        #[test]
        fn the_wheel_hands_out_what_the_heap_does(steps in steps()) {
            prop_assert_eq!(drive::<Wheel>(&steps), drive::<Heap>(&steps));
        }
    }
}
