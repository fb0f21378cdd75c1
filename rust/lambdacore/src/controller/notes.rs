//! What is noted of each function, apart from the words that decide: totals, and which permits
//! of the shared pool are whose.
//!
//! Notes lie in stripes. One is either *common*, and any thread may write to it, or the own one
//! of a [`Handle`](super::Handle), which writes to it alone and so needs no read-modify-write.

use crate::Outcome;
use crate::sync::{AtomicU32, AtomicU64, Ordering, statistic};

/// All stripes: so many common ones, and as many for handles.
#[derive(Debug)]
pub(super) struct Stripes {
    stripes: Box<[Stripe]>,
    /// A bit for each stripe of a handle that is free.
    free: AtomicU64,
}

/// Notes of all functions, behind and before others that nobody uses: so what threads write to
/// lies 128 bytes apart.
#[derive(Debug)]
struct Stripe(Box<[Notes]>);

const UNUSED: usize = 128_usize.div_ceil(size_of::<Notes>());

/// Notes of one function in one stripe.
#[derive(Debug, Default)]
pub(super) struct Notes {
    admitted: statistic::AtomicU64,
    throttled: statistic::AtomicU64,
    /// Permits of the shared pool that were taken (the upper half), and how many calls reach for
    /// one (the lower half).
    taken: AtomicU64,
    /// Permits of the shared pool that were given back; anyone may note that anywhere.
    given: AtomicU32,
}

/// A stripe, and whether the caller is the only one who writes to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer<'a> {
    stripe: &'a Stripe,
    alone: bool,
}

/// Where a writer's stripe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StripeId(u32);

impl Stripe {
    fn new(functions: usize) -> Self {
        Self(std::iter::repeat_with(Notes::default).take(functions + 2 * UNUSED).collect())
    }

    #[inline]
    fn of(&self, function: u32) -> &Notes {
        &self.0[UNUSED + function as usize]
    }
}

impl Stripes {
    /// `count` is a power of two, at most 64.
    pub(super) fn new(functions: usize, count: usize) -> Self {
        let stripes = std::iter::repeat_with(|| Stripe::new(functions)).take(2 * count);
        Self { stripes: stripes.collect(), free: AtomicU64::new(u64::MAX >> (64 - count)) }
    }

    fn common(&self) -> u32 {
        self.stripes.len() as u32 / 2
    }

    /// One of the common stripes.
    #[inline]
    pub(super) fn common_one(&self, number: u32) -> StripeId {
        StripeId(number & (self.common() - 1))
    }

    /// A stripe for a handle alone, while there are any.
    pub(super) fn claim(&self) -> Option<StripeId> {
        let without_lowest = |free: u64| (free != 0).then(|| free & (free - 1));
        // Acquire, with the release in `give_up`: the last holder's notes are seen.
        let (order, look) = (Ordering::Acquire, Ordering::Relaxed);
        let free = self.free.fetch_update(order, look, without_lowest).ok()?;
        Some(StripeId(self.common() + free.trailing_zeros()))
    }

    /// Frees the stripe of a handle.
    pub(super) fn give_up(&self, stripe: StripeId) {
        if let Some(own) = stripe.0.checked_sub(self.common()) {
            // Release, with the acquire in `claim`.
            self.free.fetch_or(1 << own, Ordering::Release);
        }
    }

    #[inline]
    pub(super) fn writer(&self, stripe: StripeId) -> Writer<'_> {
        Writer { stripe: &self.stripes[stripe.0 as usize], alone: stripe.0 >= self.common() }
    }

    /// How many permits of the shared pool a function certainly holds, and how many at most:
    /// calls that reach for one may have it.
    pub(super) fn on_shared(&self, function: u32) -> (u32, u32) {
        let notes = || self.stripes.iter().map(|stripe| stripe.of(function));
        // What was given back is read first, so that it is not more than was taken. Relaxed, as
        // all here that is not a total: the pool's word publishes it, with the release in `take`
        // and `give_back` and the acquire in `look`.
        let given = notes().map(|n| n.given.load(Ordering::Relaxed)).fold(0, u32::wrapping_add);
        let (taken, reach) = notes().map(|n| n.taken.load(Ordering::Relaxed)).fold(
            (0_u32, 0_u32),
            |(taken, reach), word| {
                (taken.wrapping_add((word >> 32) as u32), reach.wrapping_add(word as u32))
            },
        );
        let held = taken.wrapping_sub(given);
        (held, held.wrapping_add(reach))
    }

    /// Totals of a function: admitted and throttled.
    pub(super) fn totals(&self, function: u32) -> (u64, u64) {
        let sum = |of: fn(&Notes) -> &statistic::AtomicU64| {
            // Relaxed: totals, on whose strength nothing else is read.
            self.stripes.iter().map(|stripe| of(stripe.of(function)).load(Ordering::Relaxed)).sum()
        };
        (sum(|notes| &notes.admitted), sum(|notes| &notes.throttled))
    }

    /// Where the notes of the first function begin, stripe by stripe.
    #[cfg(all(test, not(loom)))]
    pub(super) fn places(&self) -> Vec<usize> {
        self.stripes.iter().map(|stripe| std::ptr::from_ref(stripe.of(0)) as usize).collect()
    }
}

impl Writer<'_> {
    /// Notes a decision.
    #[inline]
    pub(super) fn note(self, function: u32, verdict: Outcome) {
        let notes = self.stripe.of(function);
        let total = if verdict.is_throttled() { &notes.throttled } else { &notes.admitted };
        if self.alone {
            total.store(total.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        } else {
            total.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes that a function reaches for a permit of the shared pool.
    #[inline]
    pub(super) fn note_reach(self, function: u32) {
        self.add_taken(function, 1);
    }

    /// Notes whether it has got it.
    #[inline]
    pub(super) fn note_taken(self, function: u32, taken: bool) {
        self.add_taken(function, (u64::from(taken) << 32).wrapping_sub(1));
    }

    #[inline]
    fn add_taken(self, function: u32, more: u64) {
        let taken = &self.stripe.of(function).taken;
        if self.alone {
            taken.store(taken.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
        } else {
            taken.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Notes that a function gives a permit of the shared pool back.
    #[inline]
    pub(super) fn note_given(self, function: u32) {
        self.stripe.of(function).given.fetch_add(1, Ordering::Relaxed);
    }
}
