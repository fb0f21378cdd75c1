//! Keyed draws: each random number has a name of its own, and is the same whoever asks, when,
//! and what else was asked for.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

use super::philox::{Keys, keys, philox};

/// The version of all streams. It changes when any draw changes.
pub const STREAM_VERSION: u32 = 1;

/// Draws in one go of a block.
pub(crate) const LANES: usize = 4;

/// What a draw is for: two purposes never share a draw.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Purpose {
    Gap = 1,
    Duration = 2,
    Init = 3,
    Phase = 4,
    State = 5,
    Holding = 6,
    Size = 7,
    Offset = 8,
    Block = 9,
    Copies = 10,
}

/// The draws of one function in one replication for one purpose, by their index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    keys: Keys,
    replication: u64,
    purpose: u64,
}

impl Draws {
    /// Of a function, by its *name*: what other functions there are changes nothing.
    pub(crate) fn of(seed: u128, name: &str, replication: u64) -> Self {
        let mut hasher = SipHasher24::new_with_keys(seed as u64, (seed >> 64) as u64);
        hasher.write(b"lambdacore stream");
        hasher.write(&STREAM_VERSION.to_le_bytes());
        hasher.write(name.as_bytes());
        let hash = hasher.finish128();
        Self { keys: keys([hash.h1, hash.h2]), replication, purpose: 0 }
    }

    /// Those of a part: of a purpose, or of one of several things that draw alike.
    ///
    /// A path of parts is mixed into one word, step by step (the finalizer of `SplitMix64`, a
    /// bijection): parts of one whole never meet, and paths of different lengths hardly ever.
    #[must_use]
    pub(crate) fn part(self, number: u32) -> Self {
        let step = (u64::from(number) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut purpose = self.purpose.wrapping_add(step);
        purpose = (purpose ^ purpose >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        purpose = (purpose ^ purpose >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self { purpose: purpose ^ purpose >> 31, ..self }
    }

    #[must_use]
    pub(crate) fn purpose(self, purpose: Purpose) -> Self {
        self.part(purpose as u32)
    }

    /// Four words; `attempt` tells further ones of the same index apart.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "of its own it returns through memory")]
    pub(crate) fn block(&self, block: u64, attempt: u64) -> [u64; LANES] {
        philox([block, attempt, self.replication, self.purpose], &self.keys)
    }

    /// The bits of a draw.
    #[inline]
    pub(crate) fn bits(&self, index: u64) -> u64 {
        self.block(index / LANES as u64, 0)[(index % LANES as u64) as usize]
    }

    /// A number between 0 and 1, and never one of them.
    #[inline]
    pub(crate) fn uniform(&self, index: u64) -> f64 {
        unit(self.bits(index))
    }

    /// One of `0..n`, each equally likely (up to n / 2^64).
    #[inline]
    pub(crate) fn below(&self, index: u64, n: usize) -> usize {
        scale(self.bits(index), n)
    }

    /// The bits of consecutive draws.
    pub(crate) fn fill(&self, first: u64, out: &mut [u64]) {
        let lanes = LANES as u64;
        // What is left of a block, then whole blocks, then the beginning of one.
        let within = (first % lanes) as usize;
        let ahead = ((LANES - within) % LANES).min(out.len());
        let (head, rest) = out.split_at_mut(ahead);
        if ahead > 0 {
            let words = self.block(first / lanes, 0);
            head.copy_from_slice(&words[within..within + ahead]);
        }
        let block = (first + ahead as u64) / lanes;
        let (blocks, tail) = rest.as_chunks_mut::<LANES>();
        for (out, block) in blocks.iter_mut().zip(block..) {
            // Word by word: as one array they would take a way through memory.
            let words = self.block(block, 0);
            for (out, word) in out.iter_mut().zip(words) {
                *out = word;
            }
        }
        if !tail.is_empty() {
            let last = self.block(block + blocks.len() as u64, 0);
            tail.copy_from_slice(&last[..tail.len()]);
        }
    }
}

/// Bits as a number in (0, 1): the middle of one of 2^52 cells, so that neither a logarithm nor a
/// quantile of it is ever infinite, and `1 - unit` is as exact as `unit`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "several at once")]
pub(crate) fn unit(bits: u64) -> f64 {
    // As a number from 1 to 2 whose places are all of the bits; the difference is exact.
    const HALF_A_CELL: f64 = 0.5 / (1_u64 << 52) as f64;
    f64::from_bits(1.0_f64.to_bits() | bits >> 12) - (1.0 - HALF_A_CELL)
}

/// Bits as one of `0..n`.
#[inline]
pub(crate) fn scale(bits: u64, n: usize) -> usize {
    ((u128::from(bits) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_draws_are_the_draws_one_by_one() {
        let draws = Draws::of(7, "checkout", 3).purpose(Purpose::Gap);
        for first in 0..9 {
            for length in 0..12 {
                let mut filled = vec![0; length];
                draws.fill(first, &mut filled);
                let single: Vec<u64> = (first..).take(length).map(|i| draws.bits(i)).collect();
                assert_eq!(filled, single);
            }
        }
    }

    #[test]
    fn every_part_of_the_key_changes_the_draws() {
        let base = Draws::of(7, "f", 0).purpose(Purpose::Gap);
        let others = [
            Draws::of(8, "f", 0).purpose(Purpose::Gap),
            Draws::of(7 | 1 << 64, "f", 0).purpose(Purpose::Gap),
            Draws::of(7, "g", 0).purpose(Purpose::Gap),
            Draws::of(7, "f", 1).purpose(Purpose::Gap),
            Draws::of(7, "f", 0).purpose(Purpose::Duration),
            Draws::of(7, "f", 0).part(0).purpose(Purpose::Gap),
        ];
        for other in others {
            assert_ne!(base.bits(0), other.bits(0));
        }
    }

    #[test]
    fn a_unit_is_never_zero_or_one() {
        assert!(unit(0) > 0.0 && unit(u64::MAX) < 1.0);
        assert!((unit(0) - (1.0 - unit(u64::MAX))).abs() < f64::MIN_POSITIVE);
        assert_eq!((scale(0, 10), scale(u64::MAX, 10)), (0, 9));
    }
}
