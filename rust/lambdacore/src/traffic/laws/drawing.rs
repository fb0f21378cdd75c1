//! Drawing from a law: one draw by its index, or many consecutive ones at once.

use super::{Kind, LONGEST, Law};
use crate::traffic::draws::{Draws, LANES, Purpose, scale, unit};
use crate::traffic::math::{
    TWO_52, exp, is_far, ln, neg_ln, normal_quantile, normal_quantile_near, sqrt, to_whole,
};
use crate::wide::wide;

/// Draws of one piece of a fill: as many as the compiler does well at once.
const PIECE: usize = 64;

/// Laws of a mixture that are all drawn, for the one that is chosen.
const FEW_LAWS: usize = 4;

impl Law {
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
pub(crate) fn gamma(shape: f64, draws: &Draws, index: u64) -> f64 {
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
