//! Functions whose bits are the same on every machine: sums, products, quotients and roots, which
//! IEEE 754 fixes, and `libm`, which is made of them. The platform's own are never called.

pub(crate) use libm::{rint, sqrt};

/// `-ln(x)` of a positive, normal number, in one straight line that the compiler can do for several
/// at once. Error below one unit in the last place.
///
/// The method and its constants are those of FreeBSD's `e_log.c`: x = 2^k (1 + f) with 1 + f
/// around 1, and an odd series in f / (2 + f).
#[inline(always)]
#[allow(clippy::excessive_precision, clippy::many_single_char_names, clippy::inline_always)]
pub(crate) fn neg_ln(x: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238_164_90e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_700_02e-10;
    const SERIES: [f64; 7] = [
        6.666_666_666_666_735_13e-1,
        3.999_999_999_940_941_91e-1,
        2.857_142_874_366_239_15e-1,
        2.222_219_843_214_978_4e-1,
        1.818_357_216_161_805_01e-1,
        1.531_383_769_920_937_33e-1,
        1.479_819_860_511_658_59e-1,
    ];
    // The bits of sqrt(1/2): 1 + f lies between it and its double.
    const ROOT: u64 = 0x3FE6_A09E_667F_3BCD;
    // None of this overflows; a check of it would undo the straight line.
    let shifted = x.to_bits().wrapping_add(1.0_f64.to_bits() - ROOT);
    let mantissa = (shifted & MANTISSA).wrapping_add(ROOT);
    let f = f64::from_bits(mantissa) - 1.0;
    // The exponent becomes a number by way of one whose last places it fills: only additions.
    let k = f64::from_bits(TWO_52.to_bits() | shifted >> 52) - (TWO_52 + 1023.0);
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (SERIES[1] + w * (SERIES[3] + w * SERIES[5]));
    let odd = z * (SERIES[0] + w * (SERIES[2] + w * (SERIES[4] + w * SERIES[6])));
    let half = 0.5 * f * f;
    (half - (s * (half + (even + odd)) + k * LN2_LOW)) - f - k * LN2_HIGH
}

/// 2^52: above it there are only whole numbers.
pub(crate) const TWO_52: f64 = (1_u64 << 52) as f64;
const MANTISSA: u64 = (1 << 52) - 1;

/// To the nearest whole number, of two alike to the even one; for numbers from 0 to 2^52, and as
/// [`rint`] does it.
#[inline(always)]
#[allow(clippy::inline_always, reason = "several at once")]
pub(crate) fn to_whole(x: f64) -> u64 {
    debug_assert!((0.0..=TWO_52).contains(&x));
    (x + TWO_52).to_bits().wrapping_sub(TWO_52.to_bits())
}

/// `ln(x)` of a positive, normal number.
#[inline]
pub(crate) fn ln(x: f64) -> f64 {
    0.0 - neg_ln(x)
}

/// `e^x`, in one straight line as well: the bits of `libm::exp` from -700 to 700, and beyond that
/// what it is there. Error below one unit in the last place.
///
/// The method and its constants are those of FreeBSD's `e_exp.c`: x = k ln 2 + r, and a rational
/// function of r.
#[inline(always)]
#[allow(clippy::inline_always, reason = "several at once")]
#[allow(clippy::excessive_precision, clippy::many_single_char_names)]
pub(crate) fn exp(x: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238_164_90e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_700_02e-10;
    const PER_LN2: f64 = std::f64::consts::LOG2_E;
    const SERIES: [f64; 5] = [
        1.666_666_666_666_660_190_37e-1,
        -2.777_777_777_701_559_338_42e-3,
        6.613_756_321_437_934_361_17e-5,
        -1.653_390_220_546_525_153_90e-6,
        4.138_136_797_057_238_460_39e-8,
    ];
    // Between a whole number and its next half this is exact: it cuts off what is behind the point.
    let x = x.clamp(-700.0, 700.0);
    let shifted = PER_LN2 * x + 0.5_f64.copysign(x);
    let nearest = (shifted.abs() + TWO_52) - TWO_52;
    let whole = nearest - if nearest > shifted.abs() { 1.0 } else { 0.0 };
    let k = whole.copysign(x);
    let (high, low) = (x - k * LN2_HIGH, k * LN2_LOW);
    let r = high - low;
    let z = r * r;
    let series = SERIES[3] + z * SERIES[4];
    let c = r - z * (SERIES[0] + z * (SERIES[1] + z * (SERIES[2] + z * series)));
    let y = 1.0 + (r * c / (2.0 - c) - low + high);
    // 2^k, whose exponent becomes a number's bits by way of one whose last places it fills.
    let exponent = (k + (TWO_52 + 1023.0)).to_bits();
    y * f64::from_bits(exponent << 52)
}

/// Where a probability is so near to 0 or 1 that [`normal_quantile_near`] is not right.
const FAR: f64 = 1e-10;

/// The quantile of the standard normal distribution, for 0 < p < 1; relative error about 1e-16.
///
/// Wichura: "Algorithm AS 241: the percentage points of the normal distribution", Applied
/// Statistics 37 (1988), routine PPND16.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    if is_far(p) { normal_quantile_far(p) } else { normal_quantile_near(p) }
}

/// Whether [`normal_quantile_near`] may not be right.
#[inline(always)]
#[allow(clippy::inline_always, reason = "several at once")]
pub(crate) fn is_far(p: f64) -> bool {
    p.min(1.0 - p) < FAR
}

/// [`normal_quantile`] of what is not far out, in one straight line: the middle and the tails.
#[inline(always)]
#[allow(clippy::inline_always, reason = "several at once")]
pub(crate) fn normal_quantile_near(p: f64) -> f64 {
    let from_median = p - 0.5;
    let in_middle = from_median * ratio(0.180_625 - from_median * from_median, &CENTRE);
    let r = neg_ln(if from_median < 0.0 { p } else { 1.0 - p }).sqrt();
    let in_tail = ratio(r - 1.6, &TAIL).copysign(from_median);
    if from_median.abs() <= 0.425 { in_middle } else { in_tail }
}

#[cold]
fn normal_quantile_far(p: f64) -> f64 {
    let r = sqrt(neg_ln(if p < 0.5 { p } else { 1.0 - p }));
    let x = if r <= 5.0 { ratio(r - 1.6, &TAIL) } else { ratio(r - 5.0, &FAR_TAIL) };
    if p < 0.5 { -x } else { x }
}

/// A quotient of two polynomials of degree 7, whose coefficients come lowest first.
#[inline(always)]
#[allow(clippy::inline_always, reason = "several at once")]
fn ratio(r: f64, [above, below]: &[[f64; 8]; 2]) -> f64 {
    let mut quotient = (0.0, 0.0);
    for (above, below) in above.iter().zip(below).rev() {
        quotient = (quotient.0 * r + above, quotient.1 * r + below);
    }
    quotient.0 / quotient.1
}

#[allow(clippy::excessive_precision)]
const CENTRE: [[f64; 8]; 2] = [
    [
        3.387_132_872_796_366_608_0,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083_0e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061_0e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_854_561_0e3,
    ],
];

#[allow(clippy::excessive_precision)]
const TAIL: [[f64; 8]; 2] = [
    [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_90,
        5.769_497_221_460_691_405_50,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_70e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_40e-4,
    ],
    [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_40,
        6.897_673_349_851_000_045_50e-1,
        1.481_039_764_274_800_745_90e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946_00e-4,
        1.050_750_071_644_416_843_24e-9,
    ],
];

#[allow(clippy::excessive_precision)]
const FAR_TAIL: [[f64; 8]; 2] = [
    [
        6.657_904_643_501_103_777_20,
        5.463_784_911_164_114_369_90,
        1.784_826_539_917_291_335_80,
        2.965_605_718_285_048_912_30e-1,
        2.653_218_952_657_612_309_30e-2,
        1.242_660_947_388_078_438_60e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ],
    [
        1.0,
        5.998_322_065_558_879_376_90e-1,
        1.369_298_809_227_358_053_10e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591_00e-4,
        1.846_318_317_510_054_681_80e-5,
        1.421_511_758_316_445_888_70e-7,
        2.044_263_103_389_939_785_64e-15,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, tolerance: f64) -> bool {
        (a - b).abs() <= tolerance * b.abs().max(f64::MIN_POSITIVE)
    }

    #[test]
    fn the_logarithm_is_that_of_libm_to_the_last_places() {
        let mut x = 1e-300;
        while x < 1e300 {
            assert!(close(neg_ln(x), -libm::log(x), 4e-16), "{x}");
            x *= 1.000_7;
        }
        for k in 1..100_000_u32 {
            let x = f64::from(k) / 100_000.0;
            assert!(close(neg_ln(x), -libm::log(x), 4e-16), "{x}");
        }
        assert_eq!(neg_ln(1.0).to_bits(), 0);
    }

    #[test]
    fn the_exponential_is_that_of_libm_bit_by_bit() {
        let mut state = 1_u64;
        for _ in 0..2_000_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            let x = ((state >> 11) as f64 * (2.0 / (1_u64 << 53) as f64) - 1.0) * 700.0;
            for x in [x, x / 700.0, x / 1e6] {
                assert_eq!(exp(x).to_bits(), libm::exp(x).to_bits(), "{x}");
            }
        }
        assert!(exp(1e9).is_finite() && exp(-1e9) < 1e-300);
    }

    #[test]
    fn the_straight_line_is_the_normal_quantile_wherever_it_is_used() {
        let far = |p: f64| normal_quantile_far(p).to_bits();
        for k in 0..1_000_000_u32 {
            let p = (f64::from(k) + 0.5) / 1_000_000.0 * 0.075;
            for p in [p, 1.0 - p, p * 2e-9, FAR * 1.1] {
                if !is_far(p) {
                    assert_eq!(normal_quantile_near(p).to_bits(), far(p), "{p}");
                }
            }
        }
    }

    #[test]
    fn the_normal_quantile_turns_the_distribution_function_round() {
        // Abramowitz and Stegun, table 26.1, and further out by 40-digit arithmetic.
        let known = [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.01, -2.326_347_874_040_841),
            (1e-10, -6.361_340_902_404_056),
            (1e-15, -7.941_345_326_170_998),
        ];
        for (p, x) in known {
            assert!(close(normal_quantile(p), x, 1e-14), "{p}: {}", normal_quantile(p));
        }
        for k in 1..1_000_u32 {
            let p = f64::from(k) / 1_000.0;
            let back = 0.5 * libm::erfc(-normal_quantile(p) / sqrt(2.0));
            assert!(close(back, p, 1e-14), "{p}");
        }
    }
}
