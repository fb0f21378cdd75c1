//! Laws of durations: how long a handler runs, an init takes, a state of the traffic lasts.

use std::sync::Arc;

use super::draws::{Draws, LANES, Purpose, scale, unit};
use super::math::{
    TWO_52, exp, is_far, ln, neg_ln, normal_quantile, normal_quantile_near, rint, sqrt, to_whole,
};
use crate::wide::wide;

/// A drawn length is cut here, at 36 years: no sum of a few overflows.
const LONGEST: f64 = (1_u64 << 60) as f64;

/// Draws of one piece of a fill: as many as the compiler does well at once.
const PIECE: usize = 64;

/// Laws of a mixture that are all drawn, for the one that is chosen.
const FEW_LAWS: usize = 4;

/// A distribution of lengths of time, in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Law(pub(super) Kind);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Constant(u64),
    Uniform {
        low: f64,
        high: f64,
    },
    Exponential {
        mean: f64,
    },
    LogNormal {
        mu: f64,
        sigma: f64,
    },
    Gamma {
        shape: f64,
        scale: f64,
    },
    Weibull {
        shape: f64,
        scale: f64,
    },
    BoundedPareto {
        alpha: f64,
        low: f64,
        high: f64,
    },
    /// Shared, since every replication has the law.
    Empirical(Arc<[u64]>),
    /// Values at probabilities from 0 to 1, straight in between.
    Quantiles {
        probabilities: Vec<f64>,
        values: Vec<f64>,
    },
    /// Laws, each with the probability of it and those before it.
    Mixture {
        up_to: Vec<f64>,
        laws: Vec<Law>,
    },
}

const SECOND: f64 = 1e9;

/// Draws whose mean stands for that of a law.
const MANY: u64 = 10_000;

/// A law or a process that cannot be: what about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TrafficError(pub(crate) &'static str);

pub(crate) fn require(good: bool, otherwise: &'static str) -> Result<(), TrafficError> {
    if good { Ok(()) } else { Err(TrafficError(otherwise)) }
}

fn positive(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

/// A length that can be: from 0 to 2^60 ns.
fn length(seconds: f64) -> bool {
    seconds >= 0.0 && seconds * SECOND <= LONGEST
}

#[allow(clippy::missing_errors_doc, reason = "each refuses what no such law has: TrafficError")]
impl Law {
    /// Always the same, in seconds.
    pub fn constant(seconds: f64) -> Result<Self, TrafficError> {
        require(length(seconds), "a constant lies between 0 and 2^60 ns")?;
        Ok(Self(Kind::Constant(rint(seconds * SECOND) as u64)))
    }

    /// Anything from `low` to `high` seconds alike.
    pub fn uniform(low: f64, high: f64) -> Result<Self, TrafficError> {
        require(length(low) && length(high) && low <= high, "uniform: 0 <= low <= high")?;
        Ok(Self(Kind::Uniform { low: low * SECOND, high: high * SECOND }))
    }

    /// Exponential, by its mean in seconds.
    pub fn exponential(mean: f64) -> Result<Self, TrafficError> {
        require(length(mean), "exponential: a mean from 0 on")?;
        Ok(Self(Kind::Exponential { mean: mean * SECOND }))
    }

    /// Lognormal, by its mean in seconds and its coefficient of variation.
    pub fn log_normal(mean: f64, cv: f64) -> Result<Self, TrafficError> {
        require(positive(mean) && length(mean), "lognormal: a mean above 0")?;
        require(cv >= 0.0 && cv.is_finite(), "lognormal: a cv from 0 on")?;
        let variance = ln(1.0 + cv * cv);
        let mu = ln(mean * SECOND) - 0.5 * variance;
        Ok(Self(Kind::LogNormal { mu, sigma: sqrt(variance) }))
    }

    /// Lognormal, by two of its quantiles: probabilities, and seconds.
    pub fn log_normal_through(
        (p, low): (f64, f64),
        (q, high): (f64, f64),
    ) -> Result<Self, TrafficError> {
        require(0.0 < p && p < q && q < 1.0, "lognormal: two probabilities between 0 and 1")?;
        require(positive(low) && low <= high && length(high), "lognormal: quantiles ascend")?;
        let (at_low, at_high) = (normal_quantile(p), normal_quantile(q));
        let sigma = ln(high / low) / (at_high - at_low);
        Ok(Self(Kind::LogNormal { mu: ln(low * SECOND) - sigma * at_low, sigma }))
    }

    /// Gamma, by its mean in seconds and its coefficient of variation.
    pub fn gamma(mean: f64, cv: f64) -> Result<Self, TrafficError> {
        require(positive(mean) && length(mean), "gamma: a mean above 0")?;
        require(positive(cv) && positive(1.0 / (cv * cv)), "gamma: a cv above 0")?;
        Ok(Self(Kind::Gamma { shape: 1.0 / (cv * cv), scale: mean * SECOND * cv * cv }))
    }

    /// Weibull, by its shape and its scale in seconds.
    pub fn weibull(shape: f64, scale: f64) -> Result<Self, TrafficError> {
        require(positive(shape), "weibull: a shape above 0")?;
        require(positive(scale) && length(scale), "weibull: a scale above 0")?;
        Ok(Self(Kind::Weibull { shape, scale: scale * SECOND }))
    }

    /// Pareto with exponent `alpha`, between `low` and `high` seconds.
    pub fn bounded_pareto(alpha: f64, low: f64, high: f64) -> Result<Self, TrafficError> {
        require(positive(alpha), "bounded Pareto: an exponent above 0")?;
        require(positive(low) && low < high && length(high), "bounded Pareto: 0 < low < high")?;
        Ok(Self(Kind::BoundedPareto { alpha, low: low * SECOND, high: high * SECOND }))
    }

    /// Any of some lengths in nanoseconds, each alike.
    pub fn empirical(samples: Vec<u64>) -> Result<Self, TrafficError> {
        require(!samples.is_empty(), "empirical: at least one sample")?;
        require(samples.iter().all(|&x| x as f64 <= LONGEST), "empirical: below 2^60 ns")?;
        Ok(Self(Kind::Empirical(samples.into())))
    }

    /// Through some quantiles: probabilities from 0 to 1, ascending seconds, straight in between.
    pub fn quantiles(probabilities: Vec<f64>, seconds: &[f64]) -> Result<Self, TrafficError> {
        require(
            probabilities.len() == seconds.len() && probabilities.len() >= 2,
            "quantiles: as many probabilities as values, two at least",
        )?;
        let ends = (probabilities[0], probabilities[probabilities.len() - 1]);
        require(
            ends == (0.0, 1.0) && probabilities.is_sorted_by(|a, b| a < b),
            "quantiles: probabilities ascend from 0 to 1",
        )?;
        require(
            seconds.is_sorted() && seconds.iter().all(|&value| length(value)),
            "quantiles: values ascend from 0 on",
        )?;
        let values = seconds.iter().map(|value| value * SECOND).collect();
        Ok(Self(Kind::Quantiles { probabilities, values }))
    }

    /// One of several laws, with probability in proportion to its weight.
    pub fn mixture(parts: Vec<(f64, Law)>) -> Result<Self, TrafficError> {
        require(!parts.is_empty() && parts.len() < 1 << 16, "mixture: 1 to 65,535 laws")?;
        require(
            parts.iter().all(|&(weight, _)| weight >= 0.0 && weight.is_finite()),
            "mixture: weights from 0 on",
        )?;
        let total: f64 = parts.iter().map(|part| part.0).sum();
        require(positive(total), "mixture: some weight above 0")?;
        let mut sum = 0.0;
        let (up_to, laws) = parts
            .into_iter()
            .map(|(weight, law)| {
                sum += weight;
                (sum / total, law)
            })
            .unzip();
        Ok(Self(Kind::Mixture { up_to, laws }))
    }

    /// The mean, in nanoseconds (of a mixture, of its parts').
    pub(crate) fn mean(&self) -> f64 {
        match &self.0 {
            Kind::Constant(value) => *value as f64,
            Kind::Uniform { low, high } => 0.5 * (low + high),
            Kind::Exponential { mean } => *mean,
            Kind::LogNormal { mu, sigma } => exp(mu + 0.5 * sigma * sigma),
            Kind::Gamma { shape, scale } => shape * scale,
            Kind::Weibull { shape, scale } => scale * libm::tgamma(1.0 + 1.0 / shape),
            Kind::BoundedPareto { alpha, low, high } => {
                let tail = exp(alpha * ln(low / high));
                if (alpha - 1.0).abs() < 1e-9 {
                    return low * ln(high / low) / (1.0 - tail);
                }
                alpha / (alpha - 1.0) * (low - tail * high) / (1.0 - tail)
            }
            Kind::Empirical(samples) => {
                samples.iter().map(|&x| x as f64).sum::<f64>() / samples.len() as f64
            }
            Kind::Quantiles { probabilities, values } => (probabilities.windows(2))
                .zip(values.windows(2))
                .map(|(p, v)| (p[1] - p[0]) * 0.5 * (v[0] + v[1]))
                .sum(),
            Kind::Mixture { up_to, laws } => {
                let mut before = 0.0;
                let parts = up_to.iter().zip(laws).map(|(&up_to, law)| {
                    let weight = up_to - before;
                    before = up_to;
                    weight * law.mean()
                });
                parts.sum()
            }
        }
    }

    /// Whether what is left of it is always as it was at first.
    pub(crate) fn is_exponential(&self) -> bool {
        matches!(self.0, Kind::Exponential { .. })
    }

    /// Fills with draws from the `first` on, in nanoseconds: durations of a stream without a name.
    pub fn sample(&self, seed: u128, first: u64, out: &mut [u64]) {
        Drawn::new(self, Draws::of(seed, "", 0), Purpose::Duration).fill(first, out);
    }

    /// The mean of what it gives as a number of calls: rounded, 1 at least. Of many draws, where
    /// it is not the same every time.
    pub(crate) fn mean_count(&self) -> f64 {
        let count = |nanoseconds: f64| rint(nanoseconds / SECOND).max(1.0);
        if let Kind::Constant(value) = &self.0 {
            return count(*value as f64);
        }
        let drawn = Drawn::new(self, Draws::of(0, "", 0), Purpose::Size);
        (0..MANY).map(|index| count(drawn.at(index))).sum::<f64>() / MANY as f64
    }

    /// The draw of one index, as nanoseconds that need not be whole.
    pub(crate) fn at(&self, draws: &Draws, index: u64) -> f64 {
        match &self.0 {
            Kind::Empirical(samples) => samples[draws.below(index, samples.len())] as f64,
            Kind::Gamma { shape, scale } => scale * gamma(*shape, draws, index),
            Kind::Mixture { up_to, laws } => {
                let u = draws.uniform(index);
                let chosen = chosen(up_to, u);
                // A draw of its own, so that the parts are what they are alone.
                laws[chosen].at(&draws.part(chosen as u32), index)
            }
            _ => self.quantile(draws.uniform(index)),
        }
    }

    /// The draws of consecutive indices, in whole nanoseconds: those of [`at`](Self::at).
    pub(crate) fn fill(&self, draws: &Draws, first: u64, out: &mut [u64]) {
        match &self.0 {
            Kind::Constant(value) => out.fill(*value),
            Kind::Empirical(samples) => {
                draws.fill(first, out);
                for bits in out {
                    *bits = samples[scale(*bits, samples.len())];
                }
            }
            Kind::Mixture { up_to, laws }
                if laws.len() <= FEW_LAWS && laws.iter().all(Self::is_quick) =>
            {
                // All laws, and then the one of each: quicker than one by one.
                let mut bits = [0; PIECE];
                let mut by_law = [[0; PIECE]; FEW_LAWS];
                for (piece, first) in out.chunks_mut(PIECE).zip((first..).step_by(PIECE)) {
                    draws.fill(first, &mut bits[..piece.len()]);
                    for ((law, of_law), part) in laws.iter().zip(&mut by_law).zip(0..) {
                        law.fill(&draws.part(part), first, &mut of_law[..piece.len()]);
                    }
                    for (at, out) in piece.iter_mut().enumerate() {
                        // By way of a float, as one by one: beyond 104 days that rounds.
                        let length = by_law[chosen(up_to, unit(bits[at]))][at];
                        *out = whole(length as f64);
                    }
                }
            }
            Kind::Gamma { .. } | Kind::Mixture { .. } => {
                for (index, out) in (first..).zip(out) {
                    *out = whole(self.at(draws, index));
                }
            }
            &Kind::Exponential { mean } => in_pieces(
                draws,
                first,
                out,
                #[inline(always)]
                |us, values| {
                    for (value, u) in values.iter_mut().zip(us) {
                        *value = neg_ln(*u) * mean;
                    }
                },
            ),
            &Kind::LogNormal { mu, sigma } => in_pieces(
                draws,
                first,
                out,
                #[inline(always)]
                |us, values| {
                    let mut far = false;
                    for (value, &u) in values.iter_mut().zip(us) {
                        *value = exp(mu + sigma * normal_quantile_near(u));
                        far |= is_far(u);
                    }
                    if far {
                        for (value, &u) in values.iter_mut().zip(us) {
                            *value = exp(mu + sigma * normal_quantile(u));
                        }
                    }
                },
            ),
            _ => in_pieces(draws, first, out, |us, values| {
                for (value, u) in values.iter_mut().zip(us) {
                    *value = self.quantile(*u);
                }
            }),
        }
    }

    /// Whether a draw is so quick that it may be made and not used.
    fn is_quick(&self) -> bool {
        !matches!(self.0, Kind::Mixture { .. } | Kind::Gamma { .. })
    }

    /// Of a law that one uniform number decides, what it decides.
    fn quantile(&self, u: f64) -> f64 {
        match &self.0 {
            Kind::Constant(value) => *value as f64,
            Kind::Uniform { low, high } => low + (high - low) * u,
            Kind::Exponential { mean } => neg_ln(u) * mean,
            Kind::LogNormal { mu, sigma } => exp(mu + sigma * normal_quantile(u)),
            Kind::Weibull { shape, scale } => scale * exp(ln(neg_ln(u)) / shape),
            Kind::BoundedPareto { alpha, low, high } => {
                let tail = exp(alpha * ln(low / high));
                low * exp(neg_ln(1.0 - u * (1.0 - tail)) / alpha)
            }
            Kind::Quantiles { probabilities, values } => {
                let above = probabilities.partition_point(|&p| p < u).clamp(1, values.len() - 1);
                let (p, q) = (probabilities[above - 1], probabilities[above]);
                let (low, high) = (values[above - 1], values[above]);
                low + (high - low) * ((u - p) / (q - p))
            }
            Kind::Gamma { .. } | Kind::Empirical(_) | Kind::Mixture { .. } => {
                unreachable!("these take more than a uniform number")
            }
        }
    }
}

/// To the nearest nanosecond, within what can be added up.
#[inline]
pub(crate) fn whole(nanoseconds: f64) -> u64 {
    if nanoseconds < TWO_52 { to_whole(nanoseconds) } else { nanoseconds.min(LONGEST) as u64 }
}

/// Which part of a mixture a uniform number chooses.
#[inline]
fn chosen(up_to: &[f64], u: f64) -> usize {
    up_to.partition_point(|&up_to| up_to < u).min(up_to.len() - 1)
}

/// Fills from uniform numbers, piece by piece, each step a short loop of its own.
#[inline]
fn in_pieces(draws: &Draws, first: u64, out: &mut [u64], quantiles: impl Fn(&[f64], &mut [f64])) {
    let (mut us, mut values) = ([0.0; PIECE], [0.0; PIECE]);
    for (piece, first) in out.chunks_mut(PIECE).zip((first..).step_by(PIECE)) {
        draws.fill(first, piece);
        let (us, values) = (&mut us[..piece.len()], &mut values[..piece.len()]);
        wide(
            #[inline(always)]
            || {
                for (u, bits) in us.iter_mut().zip(&*piece) {
                    *u = unit(*bits);
                }
                quantiles(us, values);
            },
        );
        // Nearly always all are shorter than 52 days, and need not be asked one by one.
        let long = wide(
            #[inline(always)]
            || {
                let mut long = false;
                for (out, &value) in piece.iter_mut().zip(&*values) {
                    *out = to_whole(value.min(TWO_52));
                    long |= value >= TWO_52;
                }
                long
            },
        );
        if long {
            for (out, value) in piece.iter_mut().zip(&*values) {
                *out = whole(*value);
            }
        }
    }
}

/// Marsaglia and Tsang: "A simple method for generating gamma variables", ACM Transactions on
/// Mathematical Software 26 (2000). Each try is a block of draws of its own.
pub(super) fn gamma(shape: f64, draws: &Draws, index: u64) -> f64 {
    let raised = if shape < 1.0 { shape + 1.0 } else { shape };
    let d = raised - 1.0 / 3.0;
    let c = 1.0 / sqrt(9.0 * d);
    let mut attempt = 1;
    let (v, last) = loop {
        let words: [f64; LANES] = draws.block(index, attempt).map(unit);
        attempt += 1;
        let x = normal_quantile(words[0]);
        let root = 1.0 + c * x;
        if root <= 0.0 {
            continue;
        }
        let v = root * root * root;
        if neg_ln(words[1]) > -(0.5 * x * x + d - d * v + d * ln(v)) {
            break (v, words[2]);
        }
    };
    // Below a shape of one, a gamma of one more is brought down by a power of a uniform number.
    let lowered = if shape < 1.0 { exp(neg_ln(last) / -shape) } else { 1.0 };
    d * v * lowered
}

/// A law and its draws for one function.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub(crate) law: Law,
    draws: Draws,
}

impl Drawn {
    pub(crate) fn new(law: &Law, draws: Draws, purpose: Purpose) -> Self {
        Self { law: law.clone(), draws: draws.purpose(purpose) }
    }

    pub(crate) fn fill(&self, first: u64, out: &mut [u64]) {
        self.law.fill(&self.draws, first, out);
    }

    pub(crate) fn at(&self, index: u64) -> f64 {
        self.law.at(&self.draws, index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laws() -> Vec<Law> {
        let made = [
            Law::constant(0.2),
            Law::uniform(0.1, 0.3),
            Law::exponential(0.2),
            Law::log_normal(0.2, 1.5),
            Law::log_normal_through((0.5, 0.1), (0.99, 2.0)),
            Law::gamma(0.2, 0.5),
            Law::gamma(0.2, 2.0),
            Law::weibull(0.7, 0.2),
            Law::bounded_pareto(1.3, 0.05, 60.0),
            Law::empirical(vec![3, 5, 8]),
            Law::quantiles(vec![0.0, 0.5, 1.0], &[0.0, 0.1, 2.0]),
            Law::mixture(vec![
                (0.9, Law::constant(0.1).unwrap()),
                (0.1, Law::gamma(2.0, 1.0).unwrap()),
            ]),
        ];
        made.into_iter().map(Result::unwrap).collect()
    }

    #[test]
    fn a_fill_is_the_draws_one_by_one_wherever_it_begins() {
        for law in laws() {
            let drawn = Drawn::new(&law, Draws::of(1, "f", 2), Purpose::Duration);
            let single: Vec<u64> = (0..300).map(|i| whole(drawn.at(i))).collect();
            for (first, last) in [(0, 300), (1, 299), (63, 66), (130, 131), (5, 5)] {
                let mut filled = vec![0; last - first];
                drawn.fill(first as u64, &mut filled);
                assert_eq!(filled, single[first..last], "{law:?}");
            }
        }
    }

    #[test]
    fn means_are_those_of_many_draws() {
        for law in laws() {
            let drawn = Drawn::new(&law, Draws::of(1, "f", 0), Purpose::Duration);
            let mut filled = vec![0; 1 << 19];
            drawn.fill(0, &mut filled);
            let count = filled.len() as f64;
            let mean = filled.iter().map(|&x| x as f64).sum::<f64>() / count;
            let variance = filled.iter().map(|&x| (x as f64 - mean).powi(2)).sum::<f64>() / count;
            // One unit for the rounding of short lengths; six standard errors besides.
            let error = 6.0 * sqrt(variance / count) + 1e-9 * law.mean();
            assert!((mean - law.mean()).abs() <= error, "{law:?}: {mean} for {}", law.mean());
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(Law::constant(-1.0).is_err());
        assert!(Law::exponential(f64::NAN).is_err());
        assert!(Law::log_normal(0.0, 1.0).is_err());
        assert!(Law::log_normal(1.0, f64::INFINITY).is_err());
        assert!(Law::log_normal_through((0.9, 1.0), (0.5, 2.0)).is_err());
        assert!(Law::gamma(1.0, 0.0).is_err());
        assert!(Law::weibull(0.0, 1.0).is_err());
        assert!(Law::bounded_pareto(1.0, 2.0, 1.0).is_err());
        assert!(Law::empirical(vec![]).is_err());
        assert!(Law::quantiles(vec![0.0, 0.5], &[1.0, 2.0]).is_err());
        assert!(Law::mixture(vec![(0.0, Law::constant(1.0).unwrap())]).is_err());
    }
}
