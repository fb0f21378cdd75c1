//! Promises that a test from outside cannot see: where words lie, and that nobody waits.

use std::mem::{align_of, size_of};
use std::sync::mpsc;
use std::time::Duration;

use super::gate::AtomicGate;
use super::word::AtomicPool;
use super::*;
use crate::Function;
use crate::sync::AT_FAIL_POINT;

fn controller(limit: u32) -> AdmissionController {
    let functions = vec![
        Function { reserved_concurrency: Some(2), ..Function::named("reserved") },
        Function::named("shared"),
    ];
    let account = Account::new(limit, Some(0), functions, Profile::PURE_POOLS).unwrap();
    AdmissionController::new(&account).unwrap()
}

/// The thread stops at the fail point the first time that it comes there, and says so.
fn stop_once(stopped: mpsc::Sender<()>, may_go_on: mpsc::Receiver<()>) {
    let mut first = true;
    AT_FAIL_POINT.set(Box::new(move || {
        if std::mem::take(&mut first) {
            stopped.send(()).unwrap();
            may_go_on.recv().unwrap();
        }
    }));
}

/// P11: pools and gates have two cache lines each, and stripes of notes lie apart.
#[test]
fn words_that_threads_share_lie_128_bytes_apart() {
    assert_eq!((size_of::<AtomicPool>(), align_of::<AtomicPool>()), (128, 128));
    assert_eq!((size_of::<AtomicGate>(), align_of::<AtomicGate>()), (128, 128));
    let controller = controller(10);
    let pools: Vec<_> = controller.shared.pools().map(|p| std::ptr::from_ref(p) as usize).collect();
    for (index, &one) in pools.iter().enumerate() {
        assert!(pools[..index].iter().all(|other| other.abs_diff(one) >= 128));
    }
    let stripes = controller.shared.stripes.places();
    for (index, &one) in stripes.iter().enumerate() {
        assert!(stripes[..index].iter().all(|other| other.abs_diff(one) >= 128));
    }
}

/// P5: one thread stops between its note and its CAS; others take and give back a million
/// permits meanwhile, change nothing of what they see, and a release is not held up either.
#[test]
fn a_thread_stopped_in_the_middle_of_a_call_holds_up_nobody() {
    let controller = &controller(4);
    let shared = controller.declared.target("shared").unwrap();
    let (stopped, is_stopped) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (done, is_done) = mpsc::channel();
    std::thread::scope(|scope| {
        let held_up = scope.spawn(move || {
            stop_once(stopped, may_go_on);
            controller.try_acquire(shared).is_ok()
        });
        is_stopped.recv().unwrap();
        for _ in 0..2 {
            let done = done.clone();
            scope.spawn(move || {
                for _ in 0..500_000 {
                    drop(controller.try_acquire(shared).unwrap());
                }
                done.send(()).unwrap();
            });
        }
        let others = [(), ()].map(|()| is_done.recv_timeout(Duration::from_secs(60)));
        go_on.send(()).unwrap();
        assert_eq!(others, [Ok(()), Ok(())], "they wait for the stopped thread");
        assert!(held_up.join().unwrap(), "it goes on where it stopped");
    });
    assert_eq!(controller.snapshot().shared.in_use, 0);
}

/// P5: a change of configuration does not wait for a stopped call either, and that call then
/// goes by the new configuration (P6).
#[test]
fn a_call_stopped_during_a_change_goes_by_the_new_limit() {
    let controller = &controller(4);
    let shared = controller.declared.target("shared").unwrap();
    let (stopped, is_stopped) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let held_up = scope.spawn(move || {
            stop_once(stopped, may_go_on);
            controller.try_acquire(shared).map(drop)
        });
        is_stopped.recv().unwrap();
        controller.set_concurrency_limit(2).unwrap();
        go_on.send(()).unwrap();
        let refused = held_up.join().unwrap().unwrap_err();
        assert_eq!(refused.outcome, Outcome::UnreservedConcurrency, "2 are reserved, 0 are left");
    });
}

/// The guard goes on for the time of a change and comes off when it is absorbed.
#[test]
fn words_are_free_of_the_guard_once_a_change_is_absorbed() {
    let controller = controller(4);
    let guarded = || {
        let free = |pool: &AtomicPool| crate::store::Sight::is_guarded(pool.look::<false>());
        controller.shared.pools().any(free)
    };
    let shared = controller.declared.target("shared").unwrap();
    let held = [controller.try_acquire(shared).unwrap(), controller.try_acquire(shared).unwrap()];
    controller.set_concurrency_limit(5).unwrap();
    assert!(!guarded(), "all fits");
    controller.set_reserved_concurrency("shared", Some(1)).unwrap();
    assert!(guarded(), "two run on the shared pool");
    drop(held);
    assert!(!guarded(), "they are back");
}

/// P1: a call that only reaches for a permit of the shared pool has none yet. What its function
/// claims beside is not less for it, so others cannot have what is reserved from now on.
#[test]
fn a_call_that_reaches_for_a_permit_is_not_taken_for_a_holder() {
    let functions = vec![Function::named("f"), Function::named("g")];
    let profile = Profile { hard_account_cap: false, ..Profile::PURE_POOLS };
    let account = Account::new(2, Some(0), functions, profile).unwrap();
    let controller = &AdmissionController::new(&account).unwrap();
    let [f, g] = ["f", "g"].map(|name| account.target(name).unwrap());
    let (stopped, is_stopped) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let reaching = scope.spawn(move || {
            stop_once(stopped, may_go_on);
            controller.try_acquire(f).map(crate::Permit::detach)
        });
        is_stopped.recv().unwrap();
        controller.set_reserved_concurrency("f", Some(1)).unwrap();
        let held = [controller.try_acquire(g), controller.try_acquire(g)];
        go_on.send(()).unwrap();
        let reached = reaching.join().unwrap();
        assert!(held[0].is_ok() && held[1].is_err(), "one of two is reserved for f");
        assert!(reached.is_ok(), "and f has it");
        controller.give_back(reached.unwrap());
    });
    assert_eq!(controller.shared.pools().map(|pool| pool.look::<true>().count()).sum::<u32>(), 0);
}

/// Where a reservation is smaller than what still runs on the shared pool, that pool is larger
/// than the account for a while; at the largest limit it must not overflow its word.
#[test]
fn the_largest_limit_does_not_overflow_its_word() {
    let functions = vec![Function::named("f")];
    let profile = Profile { keep_overhang: false, ..Profile::PURE_POOLS };
    let account = Account::new((1 << 24) - 1, Some(0), functions, profile).unwrap();
    let controller = AdmissionController::new(&account).unwrap();
    let f = account.target("f").unwrap();
    let held = controller.try_acquire(f).unwrap();
    controller.set_reserved_concurrency("f", Some(0)).unwrap();
    assert_eq!(controller.snapshot().shared.limit, (1 << 24) - 1);
    drop(held);
    assert_eq!(controller.try_acquire(f).unwrap_err().outcome, Outcome::ReservedZero);
    controller.set_reserved_concurrency("f", None).unwrap();
    assert!(controller.try_acquire(f).is_ok());
}
