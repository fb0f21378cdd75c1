//! The live controller on a model checker: every interleaving of a few calls, on the real code.
//!
//! P1 to P12 are the promises of `docs/rules.md`. Run with `make test-models`; with
//! `LAMBDACORE_LOOM=full` in the environment more of them are unbounded.
//!
//! A model that stops exploring looks green, so each has a floor: how many executions it must
//! see. And each line of the protocol has a twin without it (`lambdacore::model::Twin`), which
//! some model here must find.
#![cfg(loom)]

#[path = "loom/changes.rs"]
mod changes;
#[path = "loom/history.rs"]
mod history;
#[path = "loom/permits.rs"]
mod permits;
#[path = "loom/pools.rs"]
mod pools;
#[path = "loom/scenario.rs"]
mod scenario;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use lambdacore::model::{Twin, with_twin};
use loom::model::Builder;

/// A twin is one for all threads, so models take turns.
static TURN: Mutex<()> = Mutex::new(());

/// The larger models without a bound: for a release.
fn full() -> bool {
    std::env::var("LAMBDACORE_LOOM").is_ok_and(|value| value == "full")
}

/// At most so many preemptions, and in the full run so many, or any number.
fn bound(preemptions: usize, in_full: Option<usize>) -> Option<usize> {
    if full() { in_full } else { Some(preemptions) }
}

/// Runs a model. How many executions it had, and whether the last one failed.
fn explore(
    preemption_bound: Option<usize>,
    model: impl Fn() + Send + Sync + 'static,
) -> (usize, std::thread::Result<()>) {
    let executions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&executions);
    let mut builder = Builder::new();
    builder.preemption_bound = preemption_bound;
    let result = catch_unwind(AssertUnwindSafe(|| {
        builder.check(move || {
            count.fetch_add(1, Ordering::Relaxed);
            model();
        });
    }));
    (executions.load(Ordering::Relaxed), result)
}

/// Checks a model, or several of a kind. Together they must have `floor` executions.
fn check_all<M: Fn() + Send + Sync + 'static>(
    name: &str,
    preemption_bound: Option<usize>,
    floor: usize,
    models: impl IntoIterator<Item = M>,
) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let begin = Instant::now();
    let mut executions = 0;
    let mut each = Vec::new();
    for model in models {
        let (more, result) = explore(preemption_bound, model);
        executions += more;
        each.push(more);
        if let Err(failure) = result {
            println!("{name}: failed at execution {executions}");
            std::panic::resume_unwind(failure);
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{name}: {executions} executions (floor {floor}), {seconds:.1} s {each:?}");
    assert!(executions >= floor, "{name}: explores less than it did");
}

fn check(
    name: &str,
    preemption_bound: Option<usize>,
    floor: usize,
    model: impl Fn() + Send + Sync + 'static,
) {
    check_all(name, preemption_bound, floor, [model]);
}

/// Checks that a model finds the twin.
fn must_fail(
    name: &str,
    twin: Twin,
    preemption_bound: Option<usize>,
    model: impl Fn() + Send + Sync + 'static,
) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let hook = std::panic::take_hook();
    // The failure is wanted: no backtrace of it.
    std::panic::set_hook(Box::new(|_| ()));
    let (executions, result) = with_twin(twin, || explore(preemption_bound, model));
    std::panic::set_hook(hook);
    assert!(result.is_err(), "{name}: {twin:?} is not found in {executions} executions");
    println!("{name}: {twin:?} found at execution {executions}");
}
