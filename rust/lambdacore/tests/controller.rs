//! The live controller from outside: against the simulation, and from several threads.
#![cfg(not(loom))]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lambdacore::{
    Account, AdmissionController, Call, ChangeError, ControlPlane, Function, Invocations, Outcome,
    Profile, Provisioning, RateScope, RateWindow, Rates, Refusal, Simulation, Unsupported, Wheel,
};
use proptest::prelude::*;

fn account(limit: u32, profile: Profile) -> Account {
    let functions = vec![
        Function { reserved_concurrency: Some(2), ..Function::named("reserved") },
        Function::named("shared"),
        Function {
            versions: 1,
            provisioned_concurrency: vec![("1".into(), 1)],
            ..Function::named("spills")
        },
    ];
    Account::new(limit, Some(0), functions, profile).unwrap()
}

const TARGETS: [&str; 3] = ["reserved", "shared", "spills:1"];

#[derive(Clone, Debug)]
enum Event {
    /// Gap before it, function, duration.
    Call(u64, u32, u64),
    Limit(u64, u32),
    Reserve(u64, usize, Option<u32>),
    Provision(u64, u32),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let gap = 0_u64..4;
    let event = prop_oneof![
        12 => (gap.clone(), 0_u32..3, 0_u64..12).prop_map(|(g, f, d)| Event::Call(g, f, d)),
        1 => (gap.clone(), 3_u32..9).prop_map(|(g, l)| Event::Limit(g, l)),
        1 => (gap.clone(), 0_usize..2, proptest::option::of(0_u32..4))
            .prop_map(|(g, f, r)| Event::Reserve(g, f, r)),
        1 => (gap, 0_u32..3).prop_map(|(g, p)| Event::Provision(g, p)),
    ];
    proptest::collection::vec(event, 0..60)
}

/// The control plane's call for an event that changes something.
fn call(event: &Event) -> Option<Call> {
    Some(match *event {
        Event::Call(..) => return None,
        Event::Limit(_, value) => Call::SetConcurrencyLimit { value },
        Event::Reserve(_, function, Some(value)) => {
            Call::PutFunctionConcurrency { function: TARGETS[function].into(), value }
        }
        Event::Reserve(_, function, None) => {
            Call::DeleteFunctionConcurrency { function: TARGETS[function].into() }
        }
        Event::Provision(_, 0) => {
            Call::DeleteProvisionedConcurrency { function: "spills".into(), qualifier: "1".into() }
        }
        Event::Provision(_, value) => Call::PutProvisionedConcurrency {
            function: "spills".into(),
            qualifier: "1".into(),
            value: value.into(),
            fails: false,
        },
    })
}

/// Nanoseconds of a tick: so long that a second of request rates is a few ticks.
const TICK: u64 = 1 << 26;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// P3, P4, P6 in one thread: the controller and the simulation, decision by decision. At
    /// one instant completions come first, then changes, then calls.
    #[test]
    fn the_controller_driven_by_a_schedule_decides_as_the_simulation_does(
        events in events(),
        limit in 3_u32..8,
        per_unit in 1_u32..3,
        scope in prop_oneof![
            Just(RateScope::Off), Just(RateScope::Documented), Just(RateScope::Partitioned)
        ],
        count_all: bool,
        throttle_excess: bool,
        keep_overhang: bool,
        hard_account_cap: bool,
    ) {
        let provisioning = Provisioning {
            prep: 0, interval: 0, throttle_excess, ..Provisioning::DOCUMENTED
        };
        let rates = Rates { scope, count_all, per_unit, second: 4 * TICK, ..Rates::DOCUMENTED };
        let profile =
            Profile { rates, provisioning, keep_overhang, hard_account_cap, ..Profile::PURE_POOLS };
        let account = account(limit, profile);
        let controller = AdmissionController::new(&account).unwrap();
        let targets = TARGETS.map(|label| account.target(label).unwrap());

        let mut plane = ControlPlane::new(&account);
        let (mut arrival, mut function, mut duration) = (vec![], vec![], vec![]);
        let (mut live, mut running) = (vec![], Vec::<(u64, lambdacore::Permit<'_>)>::new());
        let mut now = 0;
        let mut at_change = false;
        for event in &events {
            let (Event::Call(gap, ..) | Event::Limit(gap, _) | Event::Reserve(gap, ..)
                | Event::Provision(gap, _)) = event;
            // A change after a call of the same instant would come before it.
            let gap = (*gap).max(u64::from(call(event).is_some() && !at_change));
            at_change = call(event).is_some();
            now += gap * TICK;
            // In order of time: claims are settled with each.
            running.sort_by_key(|(end, _)| *end);
            let ended = running.partition_point(|(end, _)| *end <= now);
            drop(running.drain(..ended));
            match *event {
                Event::Call(_, f, ticks) => {
                    arrival.push(now);
                    function.push(f);
                    duration.push(ticks * TICK);
                    live.push(match controller.try_acquire_at(targets[f as usize], now) {
                        Ok(permit) => {
                            let outcome = permit.outcome();
                            running.push((now + ticks * TICK, permit));
                            outcome as u8
                        }
                        Err(throttle) => throttle.outcome as u8,
                    });
                }
                Event::Limit(_, value) => {
                    plane.call(now, &call(event).unwrap()).unwrap();
                    controller.set_concurrency_limit(value).unwrap();
                }
                Event::Reserve(_, function, value) => {
                    let planned = plane.call(now, &call(event).unwrap());
                    let changed = controller.set_reserved_concurrency(TARGETS[function], value);
                    prop_assert_eq!(planned.map(drop).map_err(ChangeError::from), changed);
                }
                Event::Provision(_, value) => {
                    let planned = plane.call(now, &call(event).unwrap());
                    let changed = controller.set_provisioned_concurrency("spills", "1", value);
                    prop_assert_eq!(planned.map(drop).map_err(ChangeError::from), changed);
                }
            }
        }
        let trace = Invocations::new(&arrival, &function, &duration).unwrap();
        let mut simulated = vec![0; live.len()];
        let timeline = plane.finish();
        Simulation::<Wheel>::with_calendar(&account, &targets, timeline.clone())
            .run(trace, &mut simulated)
            .unwrap();
        prop_assert_eq!(&live, &simulated);

        let mut atomic = vec![0; live.len()];
        Simulation::<Wheel, lambdacore::AtomicCounters>::with_counters(&account, &targets, timeline)
            .unwrap()
            .run(trace, &mut atomic)
            .unwrap();
        prop_assert_eq!(&atomic, &simulated);

        drop(running);
        let quiet = controller.snapshot();
        prop_assert_eq!(quiet.shared.in_use, 0);
        let admitted = live.iter().filter(|&&code| code < Outcome::FIRST_THROTTLED).count() as u64;
        prop_assert_eq!(quiet.functions.iter().map(|f| f.admitted).sum::<u64>(), admitted);
        let throttled = quiet.functions.iter().map(|f| f.throttled).sum::<u64>();
        prop_assert_eq!(throttled, live.len() as u64 - admitted);
    }
}

/// P10: while others take and give back, totals never fall, and no count passes its limit.
#[test]
fn a_reader_sees_totals_that_never_fall_and_counts_within_limits() {
    let controller = AdmissionController::new(&account(8, Profile::PURE_POOLS)).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for start in 0..2 {
            let (controller, done) = (&controller, &done);
            scope.spawn(move || {
                let handle = controller.handle();
                let targets = TARGETS.map(|label| controller.account().target(label).unwrap());
                for turn in 0..300_000_usize {
                    let held =
                        [0, 1, 2].map(|k| handle.try_acquire(targets[(turn + start + k) % 3]));
                    drop(held);
                }
                done.store(true, Ordering::Relaxed);
            });
        }
        let mut before = controller.snapshot();
        while !done.load(Ordering::Relaxed) {
            let now = controller.snapshot();
            assert!(now.shared.in_use <= now.shared.limit && now.shared.peak <= now.shared.limit);
            for (now, before) in now.functions.iter().zip(&before.functions) {
                assert!(now.admitted >= before.admitted && now.throttled >= before.throttled);
                for pool in now.reserved.iter().chain(now.provisioned.iter().map(|(_, pool)| pool))
                {
                    assert!(
                        pool.in_use <= pool.limit && pool.peak >= pool.in_use.min(1),
                        "{pool:?}"
                    );
                }
            }
            before = now;
        }
    });
    let quiet = controller.snapshot();
    let total: u64 = quiet.functions.iter().map(|f| f.admitted + f.throttled).sum();
    assert_eq!(total, 2 * 900_000, "every call is in one of the totals");
    assert_eq!(quiet.shared.in_use, 0);
}

/// P7: a panic gives the permit back, and so does a thread that ends with it.
#[test]
fn a_permit_comes_back_from_a_panic_and_from_another_thread() {
    let controller = Arc::new(AdmissionController::new(&account(8, Profile::PURE_POOLS)).unwrap());
    let target = controller.account().target("shared").unwrap();
    let in_use = || controller.snapshot().shared.in_use;
    let panicked = std::panic::catch_unwind(|| {
        let _permit = controller.try_acquire(target).unwrap();
        std::panic::resume_unwind(Box::new("as in a handler"));
    });
    assert!(panicked.is_err());
    assert_eq!(in_use(), 0);
    let permit = controller.try_acquire_owned(target).unwrap();
    assert!(permit.is_of(&controller));
    assert_eq!(in_use(), 1);
    std::thread::spawn(move || drop(permit)).join().unwrap();
    assert_eq!(in_use(), 0);
}

/// P6: a change that is refused changes nothing, whoever refuses it.
#[test]
fn a_refused_change_leaves_everything_as_it_was() {
    let controller = AdmissionController::new(&account(8, Profile::PURE_POOLS)).unwrap();
    let before = controller.snapshot();
    let changed = controller.set_reserved_concurrency("reserved", Some(100));
    assert!(matches!(changed, Err(ChangeError::Refused(Refusal::ReservedBelowFloor { .. }))));
    let changed = controller.set_concurrency_limit(1 << 24);
    assert_eq!(changed, Err(Unsupported::Limit { value: 1 << 24 }.into()));
    assert_eq!(controller.snapshot(), before);
    controller.set_concurrency_limit((1 << 24) - 1).unwrap();
    assert_eq!(controller.snapshot().shared.limit, (1 << 24) - 1 - 2 - 1);
}

#[test]
fn what_a_word_cannot_hold_is_refused_by_name() {
    let refused = |rates| {
        let profile = Profile { rates, ..Profile::PURE_POOLS };
        AdmissionController::new(&account(8, profile)).unwrap_err()
    };
    let sliding = Rates { window: RateWindow::Sliding, ..Rates::DOCUMENTED };
    assert_eq!(refused(sliding), Unsupported::RateWindow { window: RateWindow::Sliding });
    let many = Rates { per_unit: 1 << 25, ..Rates::DOCUMENTED };
    assert_eq!(refused(many), Unsupported::RateLimit { value: 1 << 28 });
    let short = Rates { second: 1_000, ..Rates::DOCUMENTED };
    assert_eq!(refused(short), Unsupported::ShortWindow { length: 1_000 });
}

/// A throttle by a rate says when the rate lets requests pass again, and then it does.
#[test]
fn a_throttle_by_a_rate_carries_the_earliest_time_to_retry() {
    let rates = Rates { per_unit: 1, ..Rates::DOCUMENTED };
    let controller =
        AdmissionController::new(&account(8, Profile { rates, ..Profile::PURE_POOLS }));
    let controller = controller.unwrap();
    let target = controller.account().target("reserved").unwrap();
    let at = 3 * lambdacore::SECOND + 7;
    for _ in 0..2 {
        controller.try_acquire_at(target, at).unwrap().release();
    }
    let refused = controller.try_acquire_at(target, at).unwrap_err();
    assert_eq!(refused.outcome, Outcome::ReservedRate);
    assert_eq!(refused.retry_at, Some(4 * lambdacore::SECOND));
    assert!(controller.try_acquire_at(target, refused.retry_at.unwrap() - 1).is_err());
    assert!(controller.try_acquire_at(target, refused.retry_at.unwrap()).is_ok());
}

/// A call that waits is one invocation and one request, however often it asks.
#[test]
fn a_call_that_waits_counts_once() {
    let rates = Rates { per_unit: 2, count_all: true, ..Rates::DOCUMENTED };
    let profile = Profile { rates, ..Profile::PURE_POOLS };
    let controller = AdmissionController::new(&account(8, profile)).unwrap();
    let target = controller.account().target("reserved").unwrap();
    let totals = || {
        let reserved = &controller.snapshot().functions[0];
        (reserved.admitted, reserved.throttled)
    };
    let held = [(), ()].map(|()| controller.try_acquire(target).unwrap());
    let waited = controller.acquire_timeout(target, Some(std::time::Duration::from_millis(170)));
    assert_eq!(waited.unwrap_err().outcome, Outcome::ReservedConcurrency);
    assert_eq!(totals(), (2, 1), "asked four times at least");
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| controller.acquire_timeout(target, None).unwrap().release());
        std::thread::sleep(std::time::Duration::from_millis(170));
        drop(held);
        waits.join().unwrap();
    });
    assert_eq!(totals(), (3, 1), "four requests in all, and no second has more than four");
}
