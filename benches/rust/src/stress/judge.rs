//! Which promises a batch is held to.
//!
//! Pools are held to the exact promise: never over the limit, and no refusal while there was
//! room. While claims change, permits move between pools as they come back, and what a pool's
//! limit is meanwhile shows nowhere outside; then only these are checked: no more run than the
//! account's limit, than a reservation, or than provisioned environments.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::batch::Batch;
use super::scene::{CHECKOUT_CALLS, Change, Class, IMAGES_CALLS, SEARCH_CALLS, TARGETS};
use crate::envelope::{Findings, Held, Limits, Span, both, full, outside, over_admissions};

const ALL: [usize; TARGETS.len()] = [0, 1, 2, 3, 4];
const UNRESERVED: [usize; 3] = [IMAGES_CALLS, 3, 4];
const ANY: [Class; 2] = [Class::OnDemand, Class::Provisioned];
const ON_DEMAND: [Class; 1] = [Class::OnDemand];
const PROVISIONED: [Class; 1] = [Class::Provisioned];

/// A fault of the judge, on purpose: it goes by limits that are one off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew(i32);

impl Skew {
    /// The limits as they are.
    pub const NONE: Self = Self(0);
    /// One lower: admissions must look wrong.
    pub const LOWER: Self = Self(-1);
    /// One higher: refusals must look wrong.
    pub const HIGHER: Self = Self(1);
}

/// A pool and its limits.
struct Pool<'b> {
    name: &'static str,
    held: Vec<&'b [Held]>,
    limits: Limits,
}

/// What each pool's history proves.
///
/// # Panics
///
/// Where a check does.
pub fn judge(batch: &Batch, change: Change, skew: Skew) -> Vec<(&'static str, Findings)> {
    let pool = |name, targets: &[usize], classes: &[Class], limits: &Limits| {
        let (held, limits) = (batch.held(targets, classes), limits.skewed(skew.0));
        Pool { name, held, limits }
    };
    let limits = &batch.limits;
    let mut pools = vec![
        pool("checkout reserved", &[CHECKOUT_CALLS], &ANY, &limits.checkout),
        pool("images provisioned", &[IMAGES_CALLS], &PROVISIONED, &limits.images_provisioned),
        pool("search provisioned", &[SEARCH_CALLS], &PROVISIONED, &limits.search_provisioned),
    ];
    let exact = change != Change::Claims;
    if exact {
        pools.push(pool("shared", &UNRESERVED, &ON_DEMAND, &limits.shared));
        pools.push(pool("search reserved", &[SEARCH_CALLS], &ON_DEMAND, &limits.search));
    }
    // While nothing changes, the pools bind long before the account as a whole.
    if change != Change::Nothing {
        pools.push(pool("account", &ALL, &ANY, &limits.account));
    }
    let mut judged = each(&pools, |pool| {
        (over_admissions(&pool.held, &pool.limits), full(&pool.held, &pool.limits))
    });
    let (mut refusals, none) = (Vec::new(), Vec::new());
    {
        let full = |name| {
            let pool = pools.iter().position(|pool| pool.name == name);
            pool.map_or(&none, |pool| &judged[pool].1)
        };
        let mut refused = |name, by: Vec<&[Span]>, excuses: &[Span]| {
            refusals.push((name, outside(&by, excuses)));
        };
        if change != Change::Nothing {
            refused("account", batch.refused(&ALL, Class::AccountFull), full("account"));
        }
        if exact {
            let of = |targets: &[usize]| batch.refused(targets, Class::PoolFull);
            refused("shared", of(&[3, 4]), full("shared"));
            refused("checkout reserved", of(&[CHECKOUT_CALLS]), full("checkout reserved"));
            // On a route of two pools both must be full at once. While the account is full the
            // provisioned one is not even asked (A3b).
            for (own, provisioned, targets) in [
                ("shared", "images provisioned", [IMAGES_CALLS]),
                ("search reserved", "search provisioned", [SEARCH_CALLS]),
            ] {
                let left = outside(&of(&targets), &both(full(own), full(provisioned)));
                refused(provisioned, vec![&left], &both(full(own), full("account")));
            }
        }
    }
    for (name, spurious) in refusals {
        let pool = pools.iter().position(|pool| pool.name == name).expect("a pool of the list");
        judged[pool].0.refuse(&spurious);
    }
    pools.iter().zip(judged).map(|(pool, (findings, _))| (pool.name, findings)).collect()
}

/// Does something for each item, on all cores; the last items, which are the largest, first.
fn each<I: Sync, T: Send>(items: &[I], act: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let left = AtomicUsize::new(items.len());
    let turns = || {
        let mut done = Vec::new();
        let fewer = |left: usize| left.checked_sub(1);
        while let Ok(left) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer) {
            done.push((left - 1, act(&items[left - 1])));
        }
        done
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let working: Vec<_> = (0..threads).map(|_| scope.spawn(turns)).collect();
        working.into_iter().flat_map(|thread| thread.join().expect("no check panics")).collect()
    });
    done.sort_by_key(|&(index, _)| index);
    done.into_iter().map(|(_, result)| result).collect()
}
