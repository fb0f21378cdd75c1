//! Laws of durations: how long a handler runs, an init takes, a state of the traffic lasts. How they
//! are drawn from stands in `drawing`.

mod drawing;

use std::sync::Arc;

use super::draws::{Draws, Purpose};
use super::math::{exp, ln, normal_quantile, rint, sqrt};
pub(crate) use drawing::{Drawn, gamma, whole};

/// A drawn length is cut here, at 36 years: no sum of a few overflows.
const LONGEST: f64 = (1_u64 << 60) as f64;

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
