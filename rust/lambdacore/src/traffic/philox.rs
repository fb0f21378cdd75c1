//! Philox4x64-10, a counter-based generator: any draw can be had without those before it.
//!
//! Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

/// Two of the constants multiply, two are added to the key from round to round.
const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];
const ROUNDS: usize = 10;

/// The key of each round.
pub(crate) type Keys = [[u64; 2]; ROUNDS];

pub(crate) fn keys([mut k, mut l]: [u64; 2]) -> Keys {
    std::array::from_fn(|_| {
        let key = [k, l];
        k = k.wrapping_add(WEYL[0]);
        l = l.wrapping_add(WEYL[1]);
        key
    })
}

/// Turns a counter into four words of random bits.
#[inline(always)]
#[allow(clippy::inline_always, reason = "of its own it returns through memory")]
#[allow(clippy::many_single_char_names)]
pub(crate) fn philox(counter: [u64; 4], keys: &Keys) -> [u64; 4] {
    let [mut a, mut b, mut c, mut d] = counter;
    for [k, l] in keys {
        let (high_a, low_a) = multiply(a, MULTIPLIERS[0]);
        let (high_c, low_c) = multiply(c, MULTIPLIERS[1]);
        (a, b, c, d) = (high_c ^ b ^ k, low_c, high_a ^ d ^ l, low_a);
    }
    [a, b, c, d]
}

#[inline]
fn multiply(a: u64, b: u64) -> (u64, u64) {
    let product = u128::from(a) * u128::from(b);
    ((product >> 64) as u64, product as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_known_answers_come_out() {
        // From the authors' own test vectors (Random123, kat_vectors: philox4x64, 10 rounds).
        let ones = u64::MAX;
        let cases = [
            (
                [0; 4],
                [0; 2],
                [
                    0x1655_4d9e_ca36_314c,
                    0xdb20_fe9d_672d_0fdc,
                    0xd7e7_72ce_e186_176b,
                    0x7e68_b68a_ec7b_a23b,
                ],
            ),
            (
                [ones; 4],
                [ones; 2],
                [
                    0x87b0_92c3_013f_e90b,
                    0x438c_3c67_be8d_0224,
                    0x9cc7_d7c6_9cd7_77b6,
                    0xa09c_aebf_594f_0ba0,
                ],
            ),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox(counter, &keys(key)), expected);
        }
    }
}
