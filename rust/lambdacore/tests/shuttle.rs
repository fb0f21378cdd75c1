//! Larger models than loom can go through, by random schedules and by those that switch at a
//! few chosen places (PCT). Every ordering is taken for the strongest here: logic only.
//!
//! `LAMBDACORE_SCHEDULES` sets how many schedules; a failure prints the one that failed.
#![cfg(shuttle)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use lambdacore::{Account, AdmissionController, Function, Profile};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

const TARGETS: [&str; 3] = ["reserved", "shared", "spills:1"];
const THREADS: usize = 8;
const OPERATIONS: usize = 6;

/// One provisioned environment, and as many shared permits as reserved ones.
fn account(reserved: u32) -> Account {
    let functions = vec![
        Function { reserved_concurrency: Some(reserved), ..Function::named("reserved") },
        Function::named("shared"),
        Function {
            versions: 1,
            provisioned_concurrency: vec![("1".into(), 1)],
            ..Function::named("spills")
        },
    ];
    Account::new(2 * reserved + 1, Some(0), functions, Profile::PURE_POOLS).unwrap()
}

fn check(model: impl Fn() + Send + Sync + Clone + 'static) {
    let given = std::env::var("LAMBDACORE_SCHEDULES").ok();
    let schedules = given.map_or(1_000, |n| n.parse().expect("a number of schedules"));
    shuttle::check_random(model.clone(), schedules);
    shuttle::check_pct(model, schedules / 10, 3);
}

/// P1, P2: eight threads of six calls each; holders within limits at every instant, and all
/// counts zero afterwards.
#[test]
fn eight_threads_never_hold_more_than_a_limit_and_leave_nothing_behind() {
    check(|| {
        let controller = Arc::new(AdmissionController::new(&account(2)).unwrap());
        // Not of the model. By the pool: reserved, provisioned, shared.
        let held: Arc<[AtomicI64; 3]> = Arc::default();
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (controller, held) = (Arc::clone(&controller), Arc::clone(&held));
                thread::spawn(move || {
                    let mut permits = Vec::new();
                    for _ in 0..OPERATIONS {
                        let which = thread_rng().gen_range(0..4_usize);
                        if which == 3 {
                            if let Some((pool, permit)) = permits.pop() {
                                let pool: &AtomicI64 = &held[pool];
                                pool.fetch_sub(1, Ordering::SeqCst);
                                drop::<lambdacore::Permit<'_>>(permit);
                            }
                            continue;
                        }
                        let target = controller.account().target(TARGETS[which]).unwrap();
                        if let Ok(permit) = controller.try_acquire(target) {
                            let provisioned = permit.outcome() == lambdacore::Outcome::Provisioned;
                            let pool = if provisioned { 1 } else { which.min(1) * 2 };
                            let before = held[pool].fetch_add(1, Ordering::SeqCst);
                            assert!(before < [2, 1, 2][pool], "pool {pool} holds {before} already");
                            permits.push((pool, permit));
                        }
                    }
                    for (pool, permit) in permits {
                        held[pool].fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_all_is_free(&controller, 2);
    });
}

/// P2, P6: the same while two more threads change the configuration again and again; then the
/// first configuration is set once more and everything is there.
#[test]
fn changes_under_load_lose_and_mint_nothing() {
    check(|| {
        let controller = Arc::new(AdmissionController::new(&account(2)).unwrap());
        let callers = (0..4).map(|_| {
            let controller = Arc::clone(&controller);
            thread::spawn(move || {
                for _ in 0..OPERATIONS {
                    let which = thread_rng().gen_range(0..3_usize);
                    let target = controller.account().target(TARGETS[which]).unwrap();
                    drop(controller.try_acquire(target));
                }
            })
        });
        let writers = (0..2).map(|_| {
            let controller = Arc::clone(&controller);
            thread::spawn(move || {
                for _ in 0..3 {
                    let value = thread_rng().gen_range(0..3_u32);
                    // Some are refused, as AWS would.
                    let _ = match thread_rng().gen_range(0..4) {
                        0 => controller.set_concurrency_limit(3 + value),
                        1 => controller.set_provisioned_concurrency("spills", "1", value),
                        2 => controller.set_reserved_concurrency("reserved", None),
                        _ => controller.set_reserved_concurrency("shared", Some(value)),
                    };
                }
            })
        });
        let threads: Vec<_> = callers.chain(writers).collect();
        for thread in threads {
            thread.join().unwrap();
        }
        controller.set_concurrency_limit(9).unwrap();
        controller.set_reserved_concurrency("shared", None).unwrap();
        controller.set_reserved_concurrency("reserved", Some(2)).unwrap();
        controller.set_provisioned_concurrency("spills", "1", 1).unwrap();
        controller.set_concurrency_limit(5).unwrap();
        assert_all_is_free(&controller, 2);
    });
}

/// A waiting thread always gets its turn.
#[test]
fn threads_that_wait_all_get_their_turn() {
    check(|| {
        let controller = Arc::new(AdmissionController::new(&account(1)).unwrap());
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let controller = Arc::clone(&controller);
                thread::spawn(move || {
                    for which in 0..3 {
                        let target = controller.account().target(TARGETS[which]).unwrap();
                        let permit = controller.acquire_timeout(target, None).unwrap();
                        thread::yield_now();
                        drop(permit);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_all_is_free(&controller, 1);
    });
}

/// Nothing is out, and just as many permits as there should be can be taken.
fn assert_all_is_free(controller: &AdmissionController, permits: usize) {
    let snapshot = controller.snapshot();
    assert_eq!(snapshot.shared.in_use, 0, "{snapshot:?}");
    let take_all = |label: &str| {
        let target = controller.account().target(label).unwrap();
        std::iter::from_fn(|| controller.try_acquire(target).ok()).collect::<Vec<_>>()
    };
    let reserved = take_all("reserved");
    let spilled = take_all("spills:1");
    assert_eq!((reserved.len(), spilled.len()), (permits, 1 + permits));
}
