//! Rates that vary in time, and how a process walks along them.
//!
//! A process of rate r(t) is one of rate 1 on another clock, that of the expected number of
//! arrivals so far (time rescaling: Daley and Vere-Jones, "An introduction to the theory of point
//! processes", section 7.4). So each gap between arrivals is an *exposure*, and is used up at the
//! rate of the moment.

use super::draws::LANES;
use super::laws::{TrafficError, require};
use super::math::{TWO_52, rint, sqrt, to_whole};
use super::stop::Stop;
use crate::wide::wide;

/// Exposures that are used up in one go.
pub(crate) const STEPS: usize = 64;

/// A stretch of time and the rate in it, which is straight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) start: u64,
    /// [`FOREVER`] where it does not end.
    pub(crate) end: u64,
    /// Arrivals a nanosecond at the start, and how that grows a nanosecond.
    pub(crate) rate: f64,
    pub(crate) slope: f64,
}

/// Beyond any horizon.
pub(crate) const FOREVER: u64 = 1 << 62;

/// Where stretches come from, one after the other without a gap; the first begins at 0.
pub(crate) trait Stretches {
    fn next_stretch(&mut self) -> Stretch;
}

/// A rate that varies in time, piece by piece straight.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    /// When each piece begins, the first at 0, and its rates at beginning and end.
    pieces: Vec<(u64, f64, f64)>,
    /// After so long it begins anew; without, the last piece lasts.
    period: Option<u64>,
}

/// The highest rate: one arrival a nanosecond.
const HIGHEST: f64 = 1e9;

impl Rates {
    /// The same at all times: arrivals a second.
    ///
    /// # Errors
    ///
    /// [`TrafficError`] for a rate below 0 or above 10^9.
    pub fn constant(rate: f64) -> Result<Self, TrafficError> {
        Self::pieces(vec![(0, rate, rate)], None)
    }

    /// From pieces: where each begins in nanoseconds, the rate there and the rate at its end.
    /// After `period` nanoseconds the first begins again.
    ///
    /// # Errors
    ///
    /// [`TrafficError`] for pieces that do not ascend from 0, rates below 0 or above 10^9 a
    /// second, and a last piece that has no end and is not constant.
    pub fn pieces(pieces: Vec<(u64, f64, f64)>, period: Option<u64>) -> Result<Self, TrafficError> {
        let (Some(&(first, ..)), Some(&(last, from, to))) = (pieces.first(), pieces.last()) else {
            return Err(TrafficError("rates: at least one piece"));
        };
        require(first == 0, "rates: the first begins at 0")?;
        require(pieces.is_sorted_by(|a, b| a.0 < b.0), "rates: the pieces ascend in time")?;
        let good = |rate: f64| (0.0..=HIGHEST).contains(&rate);
        require(
            pieces.iter().all(|&(_, from, to)| good(from) && good(to)),
            "rates: each from 0 to 10^9 a second",
        )?;
        match period {
            Some(period) => require(last < period, "rates: the period ends after the last piece")?,
            None => require(from.to_bits() == to.to_bits(), "rates: the last piece is constant")?,
        }
        Ok(Self { pieces, period })
    }

    /// Begins `lead` nanoseconds earlier: a period is as it would have been, else the rate of
    /// time zero has lasted.
    #[must_use]
    pub(crate) fn led_by(&self, lead: u64) -> Self {
        if lead == 0 {
            return self.clone();
        }
        let Some(period) = self.period else {
            let first = self.pieces[0].1;
            let moved = self.pieces.iter().map(|&(at, from, to)| (at + lead, from, to));
            return Self {
                pieces: std::iter::once((0, first, first)).chain(moved).collect(),
                period: None,
            };
        };
        // The piece under way at the new zero is cut in two.
        let zero = (period - lead % period) % period;
        let cut = self.pieces.partition_point(|piece| piece.0 <= zero) - 1;
        let (start, from, to) = self.pieces[cut];
        let end = self.pieces.get(cut + 1).map_or(period, |next| next.0);
        let at_zero = from + (to - from) * ((zero - start) as f64 / (end - start) as f64);
        let mut pieces = vec![(0, at_zero, to)];
        pieces.extend(self.pieces[cut + 1..].iter().map(|&(at, f, t)| (at - zero, f, t)));
        pieces.extend(self.pieces[..cut].iter().map(|&(at, f, t)| (at + period - zero, f, t)));
        if zero > start {
            pieces.push((start + period - zero, from, at_zero));
        }
        Self { pieces, period: Some(period) }
    }

    /// Arrivals expected in the first `horizon` nanoseconds.
    pub(crate) fn expected(&self, horizon: u64) -> f64 {
        let whole = |until: u64| -> f64 {
            let ends = self.pieces.iter().skip(1).map(|piece| piece.0);
            let ends = ends.chain([self.period.unwrap_or(u64::MAX)]);
            let pieces = self.pieces.iter().zip(ends).filter(|(piece, _)| piece.0 < until);
            pieces
                .map(|(&(start, from, to), end)| {
                    let (length, took) = ((end - start) as f64, (until.min(end) - start) as f64);
                    (from + 0.5 * (to - from) * (took / length)) * took * 1e-9
                })
                .sum()
        };
        match self.period {
            Some(period) => whole(period) * (horizon / period) as f64 + whole(horizon % period),
            None => whole(horizon),
        }
    }

    pub(crate) fn stretches(self) -> Repeated {
        Repeated { rates: self, piece: 0, base: 0 }
    }
}

/// The pieces of [`Rates`], over and over.
#[derive(Clone, Debug)]
pub(crate) struct Repeated {
    rates: Rates,
    piece: usize,
    base: u64,
}

impl Stretches for Repeated {
    fn next_stretch(&mut self) -> Stretch {
        let Rates { pieces, period } = &self.rates;
        let (start, from, to) = pieces[self.piece];
        let next = pieces.get(self.piece + 1).map(|piece| piece.0);
        let end = next.or(*period);
        // Of the whole piece, of which a part may lie beyond all time.
        let slope = end.map_or(0.0, |end| (to - from) * 1e-9 / (end - start) as f64);
        let end = end.map_or(FOREVER, |end| (self.base + end).min(FOREVER));
        let start = self.base + start;
        (self.piece, self.base) =
            if next.is_some() { (self.piece + 1, self.base) } else { (0, end) };
        Stretch { start, end, rate: from * 1e-9, slope }
    }
}

/// Uses up exposures along stretches.
#[derive(Clone, Debug)]
pub(crate) struct Walk<S> {
    stretches: S,
    stretch: Stretch,
    /// Nanoseconds that an exposure of 1 takes; infinite where the rate changes.
    per_exposure: f64,
    now: u64,
    /// What of a nanosecond has passed besides, or is still to pass: without it rates would be
    /// rounded.
    rest: f64,
    horizon: u64,
    stop: Stop,
}

impl<S: Stretches> Walk<S> {
    pub(crate) fn new(mut stretches: S, horizon: u64, stop: Stop) -> Self {
        let stretch = stretches.next_stretch();
        let per_exposure = per_exposure(stretch);
        Self { stretches, stretch, per_exposure, now: 0, rest: 0.0, horizon, stop }
    }

    /// Moves on until so much exposure is used up, and says when that is; `None` at the horizon.
    #[inline]
    pub(crate) fn advance(&mut self, exposure: f64) -> Option<u64> {
        // What is usual, in a few steps: a constant rate that lasts.
        let takes = exposure * self.per_exposure;
        if takes < self.room() { self.arrive_after(takes) } else { self.advance_further(exposure) }
    }

    /// Moves on until each of these is used up, and notes when that is; not beyond the horizon. Says
    /// whether all were. Each step waits for the one before, so that there is time to do something
    /// else `meanwhile`: every few steps, where they are many in one straight line.
    pub(crate) fn follow(
        &mut self,
        exposures: &[f64; STEPS],
        arrivals: &mut Vec<u64>,
        meanwhile: impl FnMut(usize),
    ) -> bool {
        if let Some(takes) = self.surely_within(exposures) {
            let before = arrivals.len();
            arrivals.resize(before + STEPS, 0);
            self.arrive_after_each(&takes, &mut arrivals[before..], meanwhile);
            return true;
        }
        exposures.iter().all(|&exposure| {
            let at = self.advance(exposure);
            arrivals.extend(at);
            at.is_some()
        })
    }

    /// How long each of these takes, if all are sure to be used up in this stretch, at a constant
    /// rate and before the horizon.
    fn surely_within(&self, exposures: &[f64; STEPS]) -> Option<[f64; STEPS]> {
        let mut takes = [0.0; STEPS];
        // Several sums, for several at once.
        let mut sums = [0.0; 8];
        wide(
            #[inline(always)]
            || {
                for (takes, exposure) in takes.iter_mut().zip(exposures) {
                    *takes = exposure * self.per_exposure;
                }
                for some in takes.as_chunks().0 {
                    let some: &[f64; 8] = some;
                    for (sum, takes) in sums.iter_mut().zip(some) {
                        *sum += takes;
                    }
                }
            },
        );
        let room = (self.stretch.end.min(self.horizon).saturating_sub(self.now)) as f64;
        // No more than half a nanosecond a step is rounded up, and far less of the sum.
        let sum = sums.iter().sum::<f64>() * (1.0 + 1e-9) + STEPS as f64;
        (sum < room.min(0.25 * TWO_52)).then_some(takes)
    }

    /// What [`arrive_after`](Self::arrive_after) does, step by step in one straight line.
    fn arrive_after_each(
        &mut self,
        takes: &[f64; STEPS],
        arrivals: &mut [u64],
        mut meanwhile: impl FnMut(usize),
    ) {
        // Above it there are only whole numbers, to which a sum is rounded even if it is below 0.
        const WHOLE: f64 = 1.5 * TWO_52;
        let (now, rest) = (self.now, self.rest);
        (self.now, self.rest) = wide(
            #[inline(always)]
            move || {
                // In registers, which what a closure borrows is not.
                let (mut now, mut rest) = (now, rest);
                let steps = arrivals.as_chunks_mut::<LANES>().0.iter_mut();
                for (some, (arrivals, takes)) in steps.zip(takes.as_chunks().0).enumerate() {
                    meanwhile(some);
                    let takes: &[f64; LANES] = takes;
                    let arrivals: &mut [u64; LANES] = arrivals;
                    for (arrival, takes) in arrivals.iter_mut().zip(takes) {
                        let moved = takes + rest;
                        let whole = moved + WHOLE;
                        rest = moved - (whole - WHOLE);
                        now = now.wrapping_add(whole.to_bits().wrapping_sub(WHOLE.to_bits()));
                        *arrival = now;
                    }
                }
                (now, rest)
            },
        );
    }

    /// What is left of the stretch. As a signed number, which is quick; the longest stretch is
    /// half of what it holds.
    #[inline]
    fn room(&self) -> f64 {
        (self.stretch.end - self.now) as i64 as f64 - self.rest
    }

    #[inline]
    fn arrive_after(&mut self, nanoseconds: f64) -> Option<u64> {
        let moved = nanoseconds + self.rest;
        // To the nearest, so that a gap of a third of a second makes whole seconds.
        let whole = if moved < TWO_52 {
            // The same number twice: as a float it is there sooner, and the next step waits for it.
            self.rest = moved - ((moved.max(0.0) + TWO_52) - TWO_52);
            to_whole(moved.max(0.0))
        } else {
            let whole = rint(moved);
            self.rest = moved - whole;
            whole as u64
        };
        self.now += whole;
        (self.now < self.horizon).then_some(self.now)
    }

    #[inline(never)]
    fn advance_further(&mut self, mut exposure: f64) -> Option<u64> {
        loop {
            let Stretch { start, end, rate, slope } = self.stretch;
            let room = self.room();
            let passed = (self.now - start) as f64 + self.rest;
            let now = (rate + slope * passed).max(0.0);
            let takes = if slope == 0.0 {
                exposure * self.per_exposure
            } else {
                time_to_use(exposure, now, slope)
            };
            if takes < room {
                return self.arrive_after(takes);
            }
            if end >= self.horizon || self.stop.is_set() {
                return None;
            }
            exposure = (exposure - room * (now + 0.5 * slope * room)).max(0.0);
            self.enter_next(end);
        }
    }

    fn enter_next(&mut self, now: u64) {
        self.stretch = self.stretches.next_stretch();
        self.per_exposure = per_exposure(self.stretch);
        (self.now, self.rest) = (now, 0.0);
    }
}

/// Nanoseconds that an exposure of 1 takes, where that is always as long.
fn per_exposure(stretch: Stretch) -> f64 {
    if stretch.slope == 0.0 { 1.0 / stretch.rate } else { f64::INFINITY }
}

/// How long `x` it takes until `rate x + slope x^2 / 2` is `exposure`; infinite where it never is.
fn time_to_use(exposure: f64, rate: f64, slope: f64) -> f64 {
    if exposure == 0.0 {
        return 0.0;
    }
    let square = rate * rate + 2.0 * slope * exposure;
    if square < 0.0 {
        return f64::INFINITY;
    }
    // The root in the form that does not cancel.
    let below = rate + sqrt(square);
    if below > 0.0 { 2.0 * exposure / below } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn times(rates: Rates, exposure: f64, horizon: u64) -> Vec<u64> {
        let mut walk = Walk::new(rates.stretches(), horizon, Stop::default());
        std::iter::from_fn(|| walk.advance(exposure)).collect()
    }

    #[test]
    fn a_third_of_a_second_never_drifts() {
        let found = times(Rates::constant(3.0).unwrap(), 1.0, 1_000_000 * S + S / 2);
        assert_eq!(found.len(), 3_000_001);
        for (i, &at) in (1..).zip(&found) {
            assert_eq!(at, (i * S + 1) / 3, "{i}");
        }
    }

    #[test]
    fn many_steps_at_once_are_the_steps_one_by_one() {
        // Some pieces last, and in one many calls come within a few nanoseconds.
        let pieces = vec![(0, 1e3, 1e3), (S, 3e8, 3e8), (S + 20_000, 900.0, 10.0)];
        let rates = Rates::pieces(pieces, Some(2 * S)).unwrap();
        let walk = || Walk::new(rates.clone().stretches(), 7 * S + 10_000, Stop::default());
        let (mut at_once, mut one_by_one) = (walk(), walk());
        let mut arrivals = Vec::new();
        let mut expected = Vec::new();
        for round in 0_u64.. {
            let exposure = |i| (round * 64 + i as u64) * 7_919 % 1_000;
            let exposures = std::array::from_fn(|i| exposure(i) as f64 / 500.0);
            let goes_on = at_once.follow(&exposures, &mut arrivals, |_| ());
            expected.extend(exposures.iter().map_while(|&exposure| one_by_one.advance(exposure)));
            assert_eq!(arrivals, expected);
            if !goes_on {
                break;
            }
        }
        assert!(arrivals.len() > 20_000);
    }

    #[test]
    fn a_ramp_is_used_up_as_its_integral_says() {
        // From 0 to 10 a second over 10 s: the n-th comes when t^2 / 2 = n.
        let ramp = Rates::pieces(vec![(0, 0.0, 10.0), (10 * S, 10.0, 10.0)], None).unwrap();
        let found = times(ramp, 1.0, 20 * S + S / 20);
        for (i, &at) in found.iter().enumerate().take(49) {
            let exact = (2.0 * (i + 1) as f64).sqrt();
            assert!((at as f64 * 1e-9 - exact).abs() < 1e-8, "{i}: {at}");
        }
        assert_eq!(found.len(), 150);
    }

    #[test]
    fn a_period_begins_anew_and_a_pause_uses_nothing() {
        // Five in four periods: what is left of a period begins the next.
        let rates = Rates::pieces(vec![(0, 1.25, 1.25), (S, 0.0, 0.0)], Some(10 * S)).unwrap();
        let second = |k: u64| S * k / 5;
        assert_eq!(
            times(rates.clone(), 1.0, 39 * S),
            [second(4), 10 * S + second(3), 20 * S + second(2), 30 * S + second(1)]
        );
        assert!((rates.expected(25 * S) - 3.75).abs() < 1e-12);
    }

    #[test]
    fn a_lead_begins_earlier_in_the_same_period() {
        let rates =
            Rates::pieces(vec![(0, 1.0, 3.0), (4 * S, 5.0, 5.0), (6 * S, 0.0, 2.0)], Some(10 * S))
                .unwrap();
        for lead in [0, 1, 3, 4, 5, 6, 9, 10, 13, 27] {
            let led = rates.led_by(lead * S);
            let expected = rates.expected(100 * S) - rates.expected((100 - lead) * S);
            // Ten periods hold the same; the last of them shows where it begins.
            assert!((led.expected(100 * S) - rates.expected(100 * S)).abs() < 1e-9);
            let head = led.expected(lead * S);
            assert!((head - expected).abs() < 1e-9, "{lead}: {head} for {expected}");
        }
        let once = Rates::pieces(vec![(0, 2.0, 0.0), (S, 0.0, 0.0)], None).unwrap();
        assert!((once.led_by(5 * S).expected(100 * S) - 11.0).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(Rates::constant(-1.0).is_err());
        assert!(Rates::constant(f64::NAN).is_err());
        assert!(Rates::constant(2e9).is_err());
        assert!(Rates::pieces(vec![], None).is_err());
        assert!(Rates::pieces(vec![(1, 1.0, 1.0)], None).is_err());
        assert!(Rates::pieces(vec![(0, 1.0, 2.0)], None).is_err());
        assert!(Rates::pieces(vec![(0, 1.0, 1.0), (5, 1.0, 1.0)], Some(5)).is_err());
    }
}
