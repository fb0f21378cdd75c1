//! P9 under the thread sanitizer: what a holder has written, without atomics, is read and written
//! by the next holder. A missing ordering is a data race, which the sanitizer reports.
//!
//! No test harness and no locks of the standard library, which are not instrumented and would
//! be reported wrongly; see `make release-check`. Without the sanitizer the sums are checked.
#![cfg(not(loom))]

use std::cell::UnsafeCell;
use std::sync::Arc;
use std::thread;

use lambdacore::{Account, AdmissionController, Function, Profile};

/// What a pool of one permit protects.
struct Guarded(UnsafeCell<u64>);

// SAFETY: whoever has the one permit of the pool is alone.
unsafe impl Sync for Guarded {}

const THREADS: u64 = 4;
const TURNS: u64 = 20_000;

fn main() {
    let spills = Function {
        versions: 1,
        provisioned_concurrency: vec![("1".into(), 1)],
        ..Function::named("spills")
    };
    let functions = vec![
        Function { reserved_concurrency: Some(1), ..Function::named("reserved") },
        spills,
        Function::named("shared"),
    ];
    // One reserved permit, one provisioned environment, one shared permit.
    let account = Account::new(3, Some(0), functions, Profile::PURE_POOLS).unwrap();
    for label in ["reserved", "shared"] {
        let controller = Arc::new(AdmissionController::new(&account).unwrap());
        let target = account.target(label).unwrap();
        let guarded = Arc::new(Guarded(UnsafeCell::new(0)));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (controller, guarded) = (Arc::clone(&controller), Arc::clone(&guarded));
                thread::spawn(move || {
                    let handle = controller.handle();
                    let mut turns = 0;
                    while turns < TURNS {
                        if let Ok(permit) = handle.try_acquire(target) {
                            // SAFETY: the permit is the only one of its pool.
                            unsafe { *guarded.0.get() += 1 };
                            turns += 1;
                            drop(permit);
                        }
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        // SAFETY: all threads are joined.
        let counted = unsafe { *guarded.0.get() };
        assert_eq!(counted, THREADS * TURNS, "{label}: a turn was lost");
        println!("{label}: {counted} turns of {THREADS} threads, each alone");
    }
}
