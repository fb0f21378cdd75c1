//! Times in decimal text, read exactly: no float stands between the file and the nanosecond.

use std::cmp::Ordering;

/// What one unit of a column's numbers is.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    /// Any decimal number; rounded half to even to whole nanoseconds.
    Seconds,
    /// A whole number.
    Nanoseconds,
}

const NO_SECONDS: &str = "is no number: write seconds such as 0.25";
const NO_NANOSECONDS: &str = "is no whole number of nanoseconds";
const NAN: &str = "is not a time: drop or fill such rows first";
const INFINITE: &str = "is infinite";
const NEGATIVE: &str = "is negative: times count from zero";
const LATE: &str = "is 2^63 ns (292 years) or more: count from a later zero, or check the unit";

/// Reads `[+-]digits[.digits][e[+-]digits]` as nanoseconds, or says what is wrong with it.
pub(super) fn nanoseconds(text: &[u8], unit: Unit) -> Result<i64, &'static str> {
    plain(text, unit).map_or_else(|| any(text, unit), Ok)
}

/// Reads what nearly every number is, digits with perhaps a point and nothing to round, in one
/// pass; None for all else, right or wrong.
fn plain(text: &[u8], unit: Unit) -> Option<i64> {
    const MOST_DIGITS: usize = 19; // which no u64 is too small for
    const POWERS: [u64; 10] =
        [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    let whole = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(whole);
    let fraction = match rest {
        [] => rest,
        [b'.', fraction @ ..] if fraction.iter().all(u8::is_ascii_digit) => fraction,
        _ => return None,
    };
    let digits = whole.len() + fraction.len();
    if digits == 0 || digits > MOST_DIGITS {
        return None;
    }
    let power = match unit {
        Unit::Seconds => *POWERS.get(fraction.len())?,
        Unit::Nanoseconds if fraction.is_empty() => 1,
        Unit::Nanoseconds => return None,
    };
    let append = |value: u64, digit: &u8| value * 10 + u64::from(digit - b'0');
    let value = fraction.iter().fold(whole.iter().fold(0, append), append);
    i64::try_from(value.checked_mul(power)?).ok()
}

// Counts of digits are i64 here: no field has 2^63 of them.
#[allow(clippy::cast_possible_wrap)]
fn any(text: &[u8], unit: Unit) -> Result<i64, &'static str> {
    let text = text.trim_ascii();
    let (negative, number) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (places, malformed) = match unit {
        Unit::Seconds => (9, NO_SECONDS),
        Unit::Nanoseconds => (0, NO_NANOSECONDS),
    };
    let (mantissa, power) = cut(number, |byte| byte.eq_ignore_ascii_case(&b'e'));
    let (whole, fraction) = cut(mantissa, |&byte| byte == b'.');
    let fraction = fraction.unwrap_or_default();
    let digits = || whole.iter().chain(fraction);
    if (whole.is_empty() && fraction.is_empty()) || !digits().all(u8::is_ascii_digit) {
        return Err(why_no_number(number).unwrap_or(malformed));
    }
    let power = power.map_or(Some(0), exponent).ok_or(malformed)?;

    // So many of the digits stand before the point once the number is in nanoseconds.
    let kept = whole.len() as i64 + power + places;
    let too_large = if negative { NEGATIVE } else { LATE };
    let (mut value, mut first_dropped, mut more_dropped) = (0_u64, 0, false);
    for (place, digit) in (0_i64..).zip(digits()) {
        let digit = digit - b'0';
        match place.cmp(&kept) {
            Ordering::Less => value = append(value, digit).ok_or(too_large)?,
            Ordering::Equal => first_dropped = digit,
            Ordering::Greater => more_dropped |= digit != 0,
        }
    }
    for _ in (whole.len() + fraction.len()) as i64..kept {
        if value == 0 {
            break;
        }
        value = append(value, 0).ok_or(too_large)?;
    }
    let dropped = first_dropped > 0 || more_dropped;
    if dropped && matches!(unit, Unit::Nanoseconds) {
        return Err(malformed);
    }
    if negative && (value > 0 || dropped) {
        return Err(NEGATIVE);
    }
    let up = first_dropped > 5 || (first_dropped == 5 && (more_dropped || value % 2 == 1));
    i64::try_from(value.saturating_add(u64::from(up))).map_err(|_| too_large)
}

fn append(value: u64, digit: u8) -> Option<u64> {
    value.checked_mul(10)?.checked_add(u64::from(digit))
}

/// Cuts at the first byte that matches and leaves that byte out.
fn cut(text: &[u8], matches: impl FnMut(&u8) -> bool) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(matches) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// The power of ten; one that is beyond every time stays as a very large one.
fn exponent(text: &[u8]) -> Option<i64> {
    const ENOUGH: i64 = 1 << 40;
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0, |size, digit| ENOUGH.min(size * 10 + i64::from(digit - b'0')));
    Some(sign * size)
}

fn why_no_number(text: &[u8]) -> Option<&'static str> {
    let is_one_of = |words: &[&str]| words.iter().any(|w| text.eq_ignore_ascii_case(w.as_bytes()));
    if is_one_of(&["nan", "na", "n/a", "null", "none", "nat"]) {
        Some(NAN)
    } else if is_one_of(&["inf", "infinity"]) {
        Some(INFINITE)
    } else {
        None
    }
}
