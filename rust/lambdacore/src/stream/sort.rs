//! Puts the completions of a window in order, and merges them with its arrivals.

/// Below so many, a comparison sort is faster than counting digits.
const FEW: usize = 96;
/// Bits of a digit, of which there are two: enough to tell nearly all completions of a window apart.
const BITS: u32 = 11;
const DIGITS: usize = 1 << BITS;

/// Sorts numbers that lie below 2^`bits` and ascend where they agree above bit `low`.
#[inline(never)]
pub(crate) fn sort(numbers: &mut [u64], spare: &mut Vec<u64>, low: u32, bits: u32) {
    if numbers.len() < FEW {
        numbers.sort_unstable();
        return;
    }
    // By the highest bits, digit by digit; then each number finds its place among its neighbours.
    let low = low.max(bits.saturating_sub(2 * BITS));
    let digits = |number: u64| {
        let number = (number >> low) as usize;
        (number % DIGITS, (number >> BITS) % DIGITS)
    };
    let mut places = [[0_u32; DIGITS]; 2];
    for &number in numbers.iter() {
        let (lower, higher) = digits(number);
        places[0][lower] = places[0][lower].wrapping_add(1);
        places[1][higher] = places[1][higher].wrapping_add(1);
    }
    for places in &mut places {
        let mut sum = 0_u32;
        for place in places {
            let count = *place;
            *place = sum;
            sum = sum.wrapping_add(count);
        }
    }
    let [lower_places, higher_places] = &mut places;
    spare.resize(spare.len().max(numbers.len()), 0);
    let spare = &mut spare[..numbers.len()];
    for &number in numbers.iter() {
        let place = &mut lower_places[digits(number).0];
        spare[*place as usize] = number;
        *place = place.wrapping_add(1);
    }
    for &number in spare.iter() {
        let place = &mut higher_places[digits(number).1];
        numbers[*place as usize] = number;
        *place = place.wrapping_add(1);
    }
    if !settle(numbers) {
        numbers.sort_unstable();
    }
}

/// Sorts numbers of which few are out of place; gives up where it is too much.
fn settle(numbers: &mut [u64]) -> bool {
    let mut patience = numbers.len();
    for i in 1..numbers.len() {
        let number = numbers[i];
        let mut at = i;
        while at > 0 && numbers[at - 1] > number {
            numbers[at] = numbers[at - 1];
            at -= 1;
        }
        numbers[at] = number;
        if i - at > patience {
            return false;
        }
        patience -= i - at;
    }
    true
}

/// Merges two ascending lists without a number in common. Each stands between a number that is
/// below all of them, or the lowest, and one that is above all. `merged` is as long as both are.
///
/// No branch depends on the numbers; the lower half is filled from the front and the higher from
/// the back, so that the processor has two chains of steps to work on at once.
#[inline(never)]
pub(super) fn merge<T>(left: &[u64], right: &[u64], merged: &mut [T], of: impl Fn(u64) -> T) {
    // Where the front stands in each list, and the back.
    let mut front = (1, 1);
    let mut back = (left.len() - 2, right.len() - 2);
    let (lower, higher) = merged.split_at_mut(merged.len() / 2);
    let mut higher = higher.iter_mut().rev();
    for (low, high) in lower.iter_mut().zip(&mut higher) {
        let (a, b) = (left[front.0], right[front.1]);
        *low = of(a.min(b));
        front.0 += usize::from(a < b);
        front.1 += usize::from(a >= b);
        let (a, b) = (left[back.0], right[back.1]);
        *high = of(a.max(b));
        back.0 -= usize::from(a > b);
        back.1 -= usize::from(a <= b);
    }
    if let Some(middle) = higher.next() {
        *middle = of(left[front.0].min(right[front.1]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_sorted_whatever_bits_they_differ_in(
            numbers in prop::collection::vec(any::<u64>(), 0..700),
            coarse in 0_u32..50,
            bits in 15_u32..64,
        ) {
            let low = 15;
            let times = numbers.iter().map(|number| (number >> coarse << coarse) % (1 << bits));
            let mut numbers: Vec<u64> =
                times.zip(0..).map(|(time, run)| time >> low << low | run << 1).collect();
            let mut expected = numbers.clone();
            expected.sort_unstable();
            sort(&mut numbers, &mut Vec::new(), low, bits);
            prop_assert_eq!(numbers, expected);
        }

        #[test]
        fn two_sorted_lists_are_merged(
            numbers in prop::collection::btree_set(0..u64::MAX, 0..300),
            left in prop::collection::vec(any::<bool>(), 300),
        ) {
            let mut lists = [vec![0], vec![0]];
            for (&number, left) in numbers.iter().zip(left) {
                lists[usize::from(left)].push(number);
            }
            let mut merged = vec![0; numbers.len()];
            for list in &mut lists {
                list.push(u64::MAX);
            }
            merge(&lists[0], &lists[1], &mut merged, |number| number);
            prop_assert!(merged.into_iter().eq(numbers));
        }
    }
}
