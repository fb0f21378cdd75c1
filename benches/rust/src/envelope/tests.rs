//! The checker must be able to fail: histories by hand, then limiters with a fault each.

use super::*;
use crate::random::SplitMix;

fn span(called: u64, returned: u64) -> Span {
    Span { called, returned }
}

fn held(a: u64, b: u64, c: u64, d: u64) -> Held {
    Held { acquire: span(a, b), release: span(c, d) }
}

fn found(permits: &[Held], refused: &[Span], limits: &Limits) -> (u64, u64) {
    let findings = check(&[permits], &[refused], limits);
    (findings.over_admissions, findings.spurious)
}

#[test]
fn two_certain_holders_of_one_permit_are_found() {
    let one = Limits::new(1);
    assert_eq!(found(&[held(0, 1, 10, 11), held(4, 5, 20, 21)], &[], &one), (1, 0));
    assert_eq!(found(&[held(0, 1, 10, 11), held(4, 5, 20, 21)], &[], &Limits::new(2)), (0, 0));
}

#[test]
fn a_release_that_had_begun_may_have_been_in_time() {
    let one = Limits::new(1);
    assert_eq!(found(&[held(0, 1, 4, 11), held(2, 5, 20, 21)], &[], &one), (0, 0));
    assert_eq!(found(&[held(0, 1, 5, 11), held(2, 5, 20, 21)], &[], &one), (0, 0));
    assert_eq!(found(&[held(0, 1, 6, 11), held(2, 5, 20, 21)], &[], &one), (1, 0));
}

#[test]
fn a_refusal_is_spurious_only_if_the_pool_was_never_full_in_its_time() {
    let permit = [held(10, 11, 20, 21)];
    for (refusal, spurious) in [
        (span(0, 9), 1),
        (span(0, 10), 0),
        (span(12, 15), 0),
        (span(21, 30), 0),
        (span(22, 30), 1),
        (span(0, 100), 0),
    ] {
        assert_eq!(found(&permit, &[refusal], &Limits::new(1)), (0, spurious), "{refusal:?}");
    }
}

#[test]
fn an_empty_pool_of_zero_refuses_rightly() {
    assert_eq!(found(&[], &[span(0, 1)], &Limits::new(0)), (0, 0));
    assert_eq!(found(&[], &[span(0, 1)], &Limits::new(1)), (0, 1));
}

#[test]
fn after_a_limit_is_lowered_nobody_more_may_come() {
    let mut limits = Limits::new(2);
    limits.change(span(10, 20), 1);
    let first = held(0, 1, 50, 51);
    // Before the change, in the middle of it, after it has returned.
    assert_eq!(found(&[first, held(2, 3, 50, 51)], &[], &limits), (0, 0));
    assert_eq!(found(&[first, held(19, 25, 50, 51)], &[], &limits), (0, 0));
    assert_eq!(found(&[first, held(20, 25, 50, 51)], &[], &limits), (0, 0));
    assert_eq!(found(&[first, held(21, 25, 50, 51)], &[], &limits), (1, 0));
}

#[test]
fn a_raised_limit_excuses_no_refusal() {
    let mut limits = Limits::new(1);
    limits.change(span(10, 20), 2);
    let first = [held(0, 1, 50, 51)];
    assert_eq!(found(&first, &[span(5, 6)], &limits), (0, 0));
    assert_eq!(found(&first, &[span(20, 25)], &limits), (0, 0));
    assert_eq!(found(&first, &[span(21, 25)], &limits), (0, 1));
}

#[test]
fn a_lowered_limit_excuses_refusals_from_the_beginning_of_the_change() {
    let mut limits = Limits::new(2);
    limits.change(span(10, 20), 1);
    let first = [held(0, 1, 50, 51)];
    assert_eq!(found(&first, &[span(5, 9)], &limits), (0, 1));
    assert_eq!(found(&first, &[span(5, 10)], &limits), (0, 0));
    assert_eq!(found(&first, &[span(30, 31)], &limits), (0, 0));
}

#[test]
fn two_pools_must_have_been_full_at_once() {
    let one = [span(0, 10), span(20, 30)];
    let other = [span(5, 7), span(10, 15), span(25, 40)];
    let at_once = both(&one, &other);
    assert_eq!(at_once, [span(5, 7), span(10, 10), span(25, 30)]);
    assert_eq!(both(&other, &one), at_once);
    // In any order of the calls.
    let refused = [span(31, 50), span(8, 9), span(9, 10), span(0, 4), span(30, 31)];
    assert_eq!(outside(&[&refused], &at_once), [span(31, 50), span(8, 9), span(0, 4)]);
}

/// The definition, instant by instant.
fn by_definition(permits: &[Held], refused: &[Span], limit: u32) -> (u64, u64) {
    let (mut over, mut spurious) = (0, 0);
    for new in permits {
        let at = new.acquire.returned;
        let there = |h: &&Held| h.acquire.returned <= at && at < h.release.called;
        over += u64::from(permits.iter().filter(there).count() as u32 > limit);
    }
    for refusal in refused {
        let full = (refusal.called..=refusal.returned).any(|t| {
            let out = |h: &&Held| h.acquire.called <= t && t <= h.release.returned;
            permits.iter().filter(out).count() as u32 >= limit
        });
        spurious += u64::from(!full);
    }
    (over, spurious)
}

#[test]
fn the_sweep_says_what_the_definition_says() {
    let mut random = SplitMix::new(1);
    let mut seen = (0, 0);
    for _ in 0..2_000 {
        let mut stamps = || {
            let mut at = [0; 4].map(|_: u64| random.below(40));
            at.sort_unstable();
            at
        };
        // Distinct stamps of returns, because equal ones are in no order.
        let mut permits: Vec<Held> =
            (0..6).map(|_| stamps()).map(|[a, b, c, d]| held(a, b, c, d)).collect();
        permits.sort_by_key(|h| h.acquire.returned);
        permits.dedup_by_key(|h| h.acquire.returned);
        permits.retain(|h| h.acquire.returned < h.release.called);
        let refused: Vec<Span> = (0..4).map(|_| stamps()).map(|[a, b, ..]| span(a, b)).collect();
        let limit = random.below(4) as u32;
        let swept = found(&permits, &refused, &Limits::new(limit));
        assert_eq!(swept, by_definition(&permits, &refused, limit));
        seen = (seen.0 + swept.0, seen.1 + swept.1);
    }
    assert!(seen.0 > 100 && seen.1 > 100, "{seen:?}");
}

/// Calls of one second on a plain counter in turn; the fault is where the counter decides.
fn simulated(admits: impl Fn(u32, u64) -> bool) -> (Vec<Held>, Vec<Span>) {
    let mut random = SplitMix::new(2);
    let (mut out, mut permits, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for call in 0..10_000 {
        let now = call * 10;
        if random.below(2) == 0 && !out.is_empty() {
            let acquire = out.swap_remove(random.below(out.len() as u64) as usize);
            permits.push(Held { acquire, release: span(now, now + 1) });
        } else if admits(out.len() as u32, random.below(100)) {
            out.push(span(now, now + 1));
        } else {
            refused.push(span(now, now + 1));
        }
    }
    let end = span(1_000_000, 1_000_001);
    permits.extend(out.into_iter().map(|acquire| Held { acquire, release: end }));
    (permits, refused)
}

#[test]
fn a_limiter_that_is_too_lenient_or_too_strict_once_in_a_hundred_is_found() {
    let limits = Limits::new(4);
    let (permits, refused) = simulated(|out, _| out < 4);
    assert_eq!(found(&permits, &refused, &limits), (0, 0));
    let (permits, refused) = simulated(|out, chance| out < 4 || out == 4 && chance == 0);
    let lenient = found(&permits, &refused, &limits);
    assert!(lenient.0 > 0 && lenient.1 == 0, "{lenient:?}");
    let (permits, refused) = simulated(|out, chance| out < 3 || out == 3 && chance > 0);
    let strict = found(&permits, &refused, &limits);
    assert!(strict.0 == 0 && strict.1 > 0, "{strict:?}");
}
