//! Laws as they are found at any moment: a length in proportion to how long it lasts.
//!
//! Of the usual laws these are known: the density x f(x) / mean is of the same kind, with other
//! parameters (Patil and Rao: "Weighted distributions and size-biased sampling", Biometrics 34,
//! 1978).

use super::draws::{Draws, unit};
use super::laws::{Kind, Law, gamma};
use super::math::{exp, ln, normal_quantile, sqrt};

impl Law {
    /// The draw of an index from the law in which each length counts as often as it is long.
    pub(super) fn length_biased(&self, draws: &Draws, index: u64) -> f64 {
        let u = draws.uniform(index);
        match &self.0 {
            Kind::Constant(value) => *value as f64,
            Kind::Uniform { low, high } => straight(*low, *high, u),
            Kind::Exponential { mean } => mean * gamma(2.0, draws, index),
            Kind::LogNormal { mu, sigma } => exp(mu + sigma * sigma + sigma * normal_quantile(u)),
            Kind::Gamma { shape, scale } => scale * gamma(shape + 1.0, draws, index),
            Kind::Weibull { shape, scale } => {
                scale * exp(ln(gamma(1.0 + 1.0 / shape, draws, index)) / shape)
            }
            Kind::BoundedPareto { alpha, low, high } => {
                let alpha = alpha - 1.0;
                let span = ln(high / low);
                if (alpha * span).abs() < 1e-9 {
                    return low * exp(u * span);
                }
                let kept = 1.0 - u * (1.0 - exp(-alpha * span));
                low * exp(-ln(kept) / alpha)
            }
            Kind::Empirical(samples) => {
                let lengths = samples.iter().map(|&length| length as f64);
                let index = chosen(lengths, u);
                samples[index] as f64
            }
            Kind::Quantiles { probabilities, values } => {
                let chances = probabilities.windows(2).map(|p| p[1] - p[0]);
                let pieces = chances.zip(values.windows(2));
                let piece = chosen(pieces.map(|(p, v)| p * (v[0] + v[1])), u);
                let within = unit(draws.block(index, 1)[0]);
                straight(values[piece], values[piece + 1], within)
            }
            Kind::Mixture { up_to, laws } => {
                let before = std::iter::once(&0.0).chain(up_to);
                let weights = up_to.iter().zip(before).map(|(up_to, before)| up_to - before);
                let part = chosen(weights.zip(laws).map(|(w, law)| w * law.mean()), u);
                laws[part].length_biased(&draws.part(part as u32), index)
            }
        }
    }
}

/// Of all lengths from `low` to `high`, in proportion to them.
fn straight(low: f64, high: f64, u: f64) -> f64 {
    sqrt(low * low + u * (high * high - low * low))
}

/// The index that a number from 0 to 1 falls on, by weight.
pub(super) fn chosen(weights: impl Iterator<Item = f64> + Clone, u: f64) -> usize {
    let mut left = u * weights.clone().sum::<f64>();
    let mut last = 0;
    for (index, weight) in weights.enumerate() {
        left -= weight;
        if left < 0.0 {
            return index;
        }
        if weight > 0.0 {
            last = index;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::draws::Purpose;

    /// E[X^2] / E[X] is the mean of the length-biased law.
    #[test]
    fn its_mean_is_the_second_moment_over_the_first() {
        let parts = vec![(0.7, Law::constant(0.1).unwrap()), (0.3, Law::exponential(1.0).unwrap())];
        let laws = [
            (Law::constant(0.3), 0.3),
            (Law::uniform(1.0, 3.0), (26.0 / 6.0) / 2.0),
            (Law::exponential(2.0), 4.0),
            (Law::log_normal(2.0, 1.5), 2.0 * (1.0 + 2.25)),
            (Law::gamma(2.0, 0.5), 2.0 * 1.25),
            (Law::gamma(2.0, 2.0), 2.0 * 5.0),
            // Shape 1/2: moments are the factorials of 2 and 4.
            (Law::weibull(0.5, 1.0), 24.0 / 2.0),
            // Exponent 3/2 from 1 to 4: E[X] = 3 (1 - 1/2) / (7/8), E[X^2] = 3 (2 - 1) / (7/8).
            (Law::bounded_pareto(1.5, 1.0, 4.0), 2.0),
            // Exponent 1: E[X] = ln 4 / (3/4), E[X^2] = 3 / (3/4).
            (Law::bounded_pareto(1.0, 1.0, 4.0), 3.0 / 1.386_294_361_119_890_6),
            (Law::empirical(vec![1_000_000_000, 3_000_000_000]), 10.0 / 4.0),
            (
                Law::quantiles(vec![0.0, 0.5, 1.0], &[0.0, 1.0, 3.0]),
                (1.0 / 6.0 + 26.0 / 12.0) / 1.25,
            ),
            (Law::mixture(parts), (0.007 + 0.6) / 0.37),
        ];
        for (law, expected) in laws {
            let law = law.unwrap();
            let draws = Draws::of(3, "f", 0).purpose(Purpose::Holding);
            let count = 400_000;
            let lengths = (0..count).map(|index| law.length_biased(&draws, index) * 1e-9);
            let (sum, squares) =
                lengths.fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
            let mean = sum / count as f64;
            let error = ((squares / count as f64 - mean * mean) / count as f64).max(0.0).sqrt();
            assert!(
                (mean - expected).abs() <= 6.0 * error + 1e-9,
                "{law:?}: {mean} for {expected}"
            );
        }
    }
}
