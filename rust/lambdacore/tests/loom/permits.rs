//! Permits on their ways, what a permit protects, readers, and those who wait.

use std::sync::Arc;

use lambdacore::model::Twin;
use lambdacore::{
    Account, AdmissionController, Function, Outcome, Profile, RateWindow, Rates, SECOND,
};
use loom::cell::UnsafeCell;
use loom::thread;

use crate::history::Op::{Drop, Limit, Provision, Snapshot, Try, TryVersion};
use crate::scenario::{Judged, Scenario, Stamps, account};
use crate::{bound, check, check_all, must_fail};

fn controller(limit: u32, functions: &[(Option<u32>, u32)]) -> Arc<AdmissionController> {
    Arc::new(AdmissionController::new(&account(limit, functions)).unwrap())
}

/// Fails unless nothing is out, and as much is admitted as said.
fn is_quiet(controller: &AdmissionController, admitted: u64) {
    let snapshot = controller.snapshot();
    assert_eq!(snapshot.shared.in_use, 0);
    for function in &snapshot.functions {
        assert_eq!(function.reserved.map_or(0, |pool| pool.in_use), 0);
        assert!(function.provisioned.iter().all(|(_, pool)| pool.in_use == 0));
    }
    assert_eq!(snapshot.functions.iter().map(|function| function.admitted).sum::<u64>(), admitted);
}

/// A permit that another thread drops, while a third may take it.
fn dropped_elsewhere() {
    let controller = controller(1, &[(None, 0)]);
    let permit = controller.try_acquire_owned(0).unwrap();
    let elsewhere = thread::spawn(move || drop(permit));
    let second = controller.try_acquire(0).is_ok();
    elsewhere.join().unwrap();
    is_quiet(&controller, 1 + u64::from(second));
    assert!(controller.try_acquire(0).is_ok());
}

/// P2, P7: a permit is given back once, by whichever thread drops it.
#[test]
fn a_permit_dropped_by_another_thread() {
    check("dropped elsewhere", None, 10, dropped_elsewhere);
    must_fail("dropped elsewhere", Twin::KeptPermit, None, dropped_elsewhere);
}

/// P2, P7: a permit that a panic drops.
#[test]
fn a_permit_dropped_by_a_panic() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    check("dropped by a panic", None, 488, || {
        let controller = controller(1, &[(None, 0)]);
        let owner = Arc::clone(&controller);
        let other = thread::spawn(move || {
            let run = std::panic::AssertUnwindSafe(|| {
                let _permit = owner.try_acquire(0);
                panic!("in the middle of a run");
            });
            assert!(std::panic::catch_unwind(run).is_err());
        });
        drop(controller.try_acquire(0));
        other.join().unwrap();
        let permit = controller.try_acquire(0);
        assert!(permit.is_ok());
        drop(permit);
        assert_eq!(controller.snapshot().shared.in_use, 0);
    });
    std::panic::set_hook(hook);
}

/// P2, P7: an owned permit keeps its controller alive and goes back to it.
#[test]
fn an_owned_permit_outlives_all_other_owners() {
    check("an owned permit", None, 6, || {
        let controller = controller(1, &[(Some(1), 0)]);
        let permit = controller.try_acquire_owned(0).unwrap();
        let weak = Arc::downgrade(&controller);
        let other = thread::spawn(move || drop(controller.try_acquire_owned(0)));
        drop(permit);
        other.join().unwrap();
        assert!(weak.upgrade().is_none());
    });
}

/// P2: what two handles note, one after the other in the same stripe or at once in two, adds up.
#[test]
fn notes_of_a_handle_are_seen_by_the_next() {
    check("handles", None, 230, || {
        let controller = controller(3, &[(None, 0)]);
        let shared = Arc::clone(&controller);
        let other = thread::spawn(move || {
            let handle = shared.handle();
            let permit = handle.try_acquire(0).unwrap();
            drop(handle);
            std::mem::forget(permit);
        });
        let handle = controller.handle();
        std::mem::forget(handle.try_acquire(0).unwrap());
        drop(handle);
        other.join().unwrap();
        // Both run on the shared pool, and their function knows.
        controller.set_reserved_concurrency("f0", Some(3)).unwrap();
        let snapshot = controller.snapshot();
        assert_eq!((snapshot.shared.limit, snapshot.shared.in_use), (2, 2));
        assert_eq!(snapshot.functions[0].reserved.unwrap().limit, 1);
        assert!(controller.try_acquire(0).is_ok());
    });
}

/// Threads that write where only the holder of the permit may.
fn guarded(reserved: Option<u32>, provisioned: u32, threads: usize) -> impl Fn() + Send + Sync {
    move || {
        let controller = controller(1, &[(reserved, provisioned)]);
        #[allow(clippy::arc_with_non_send_sync, reason = "the model checker watches over it")]
        let cell = Arc::new(UnsafeCell::new(()));
        let target = controller.account().target("f0:1").unwrap();
        let run = || {
            let (controller, cell) = (Arc::clone(&controller), Arc::clone(&cell));
            move || {
                if let Ok(permit) = controller.try_acquire(target) {
                    // That it is accessed is all that the model checker wants to know.
                    cell.with_mut(|_| ());
                    drop(permit);
                }
            }
        };
        let others: Vec<_> = (1..threads).map(|_| thread::spawn(run())).collect();
        run()();
        for other in others {
            other.join().unwrap();
        }
    }
}

/// P9, P1: what a holder has written is seen by the next holder.
#[test]
fn a_permit_protects_what_its_holder_writes() {
    check("reserved, 2", None, 40, guarded(Some(1), 0, 2));
    check("reserved, 3", bound(4, None), 12_700, guarded(Some(1), 0, 3));
    check("shared, 2", None, 488, guarded(None, 0, 2));
    check("shared, 3", bound(3, Some(4)), 14_000, guarded(None, 0, 3));
    check("provisioned, 3", bound(4, None), 20_200, guarded(None, 1, 3));
}

/// P1, P3': a request rate lets as many pass as it says, and refuses none of those for others
/// that are refused.
#[test]
fn a_rate_that_two_threads_meet() {
    let rates = Rates { per_unit: 1, window: RateWindow::Tumbling, ..Rates::DOCUMENTED };
    let profile = Profile { rates, ..Profile::PURE_POOLS };
    let function = Function { reserved_concurrency: Some(1), ..Function::named("f0") };
    let account = Account::new(2, Some(0), vec![function], profile).unwrap();
    check("a rate", None, 1_800, move || {
        let controller = Arc::new(AdmissionController::new(&account).unwrap());
        let turn = |controller: &AdmissionController| {
            let tried = controller.try_acquire_at(0, 0).map(drop);
            tried.map_err(|refused| refused.outcome)
        };
        let shared = Arc::clone(&controller);
        let other = thread::spawn(move || turn(&shared));
        let both = [turn(&controller), other.join().unwrap()];
        let admitted = both.iter().filter(|result| result.is_ok()).count();
        assert_eq!(admitted, 1, "the reservation's rate is one: {both:?}");
        is_quiet(&controller, 1);
        // Of the account's two a second, one is left, and the reservation's are used up.
        assert_eq!(turn(&controller), Err(Outcome::ReservedRate));
        let next = controller.try_acquire_at(0, SECOND);
        assert!(next.is_ok(), "the next window is open");
    });
}

/// P10: a reader disturbs nobody.
#[test]
fn a_snapshot_while_others_call() {
    const BASE: Scenario = Scenario {
        limit: 2,
        functions: &[(None, 1), (None, 0)],
        before: &[],
        threads: &[&[TryVersion(0), Drop], &[Snapshot], &[Try(1)]],
        most: 2,
        judged: Judged::Exactly,
    };
    let two = [
        Scenario { threads: &[&[TryVersion(0), Drop, Try(1)], &[Snapshot, Snapshot]], ..BASE },
        Scenario { threads: &[&[Limit(1), Try(1)], &[Snapshot]], ..BASE },
    ];
    check_all("a reader", Some(3), 61_300, two.map(|one| one.model(Stamps::Unseen)));
    let more = [
        BASE,
        Scenario { threads: &[&[Provision(0, 2), Try(1)], &[Snapshot]], ..BASE },
        Scenario { threads: &[&[Limit(1)], &[Snapshot], &[Try(1)]], ..BASE },
    ];
    let bound = bound(1, Some(2));
    check_all("a reader of more", bound, 94_300, more.map(|one| one.model(Stamps::Unseen)));
}

/// P10: totals never fall, and no counter shows what it cannot.
#[test]
fn snapshots_are_in_order() {
    check("snapshots", Some(3), 223, || {
        let controller = controller(1, &[(None, 0)]);
        let shared = Arc::clone(&controller);
        let reader = thread::spawn(move || {
            let before = shared.snapshot();
            let after = shared.snapshot();
            assert!(before.functions[0].admitted <= after.functions[0].admitted);
            assert!(before.functions[0].throttled <= after.functions[0].throttled);
            assert!(before.shared.in_use <= 1 && after.shared.in_use <= 1);
        });
        drop(controller.try_acquire(0));
        drop(controller.try_acquire(0));
        reader.join().unwrap();
        is_quiet(&controller, 2);
    });
}

/// One waits for ever and one gives back: where the wait is overlooked nobody goes on, which
/// the model checker reports, as there the time of a wait never ends.
fn waits() {
    let controller = controller(1, &[(None, 0)]);
    let permit = controller.try_acquire_owned(0).unwrap();
    let other = thread::spawn(move || drop(permit));
    drop(controller.acquire_timeout(0, None).unwrap());
    other.join().unwrap();
    is_quiet(&controller, 2);
}

/// A change makes room for one that waits.
fn waits_for_a_change() {
    let controller = controller(1, &[(Some(0), 0)]);
    let shared = Arc::clone(&controller);
    let other = thread::spawn(move || shared.set_reserved_concurrency("f0", None).unwrap());
    drop(controller.acquire_timeout(0, None).unwrap());
    other.join().unwrap();
    is_quiet(&controller, 1);
}

/// P5: whoever waits is woken when a permit is free.
#[test]
fn one_that_waits_is_woken() {
    check("one waits", None, 209, waits);
    check("one waits for a change", bound(2, Some(3)), 5_000, waits_for_a_change);
    check("two wait", bound(3, Some(4)), 17_100, || {
        let controller = controller(1, &[(None, 0)]);
        let permit = controller.try_acquire_owned(0).unwrap();
        let others = [(), ()].map(|()| {
            let controller = Arc::clone(&controller);
            thread::spawn(move || drop(controller.acquire_timeout(0, None).unwrap()))
        });
        drop(permit);
        for other in others {
            other.join().unwrap();
        }
        is_quiet(&controller, 3);
    });
}

/// P5: a refusal before the count of those who wait is one that nobody wakes.
#[test]
fn a_wait_that_is_overlooked_is_found() {
    must_fail("one waits", Twin::WaitsUnseen, Some(3), waits);
}
