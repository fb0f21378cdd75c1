//! A few threads, each with a few calls to make.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use lambdacore::{Account, AdmissionController, Function, OwnedPermit, Profile};

use crate::history::{Event, Got, Op, Plain, Quiet, is_linearizable};

/// What is modelled. Everything is checked: that there are never more holders than `most` (P1),
/// that the calls make sense in some order (P3, P4, P6), that all is as it should be when quiet
/// (P2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) limit: u32,
    /// Of each function: what it has reserved, and provisioned for its version 1.
    pub(crate) functions: &'static [(Option<u32>, u32)],
    /// Made one after another before there are threads, each for the thread with that number.
    pub(crate) before: &'static [(usize, Op)],
    pub(crate) threads: &'static [&'static [Op]],
    /// The most that may ever run.
    pub(crate) most: u32,
    pub(crate) judged: Judged,
}

/// What of the calls is held against the plain rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// All: there is an order with these very results (P3, P4, P6).
    Exactly,
    /// What is admitted; a refusal may be relaxed, because a change is being absorbed (P3').
    Admissions,
}

/// Where call stamps come from. The model checker merges executions that differ only in what
/// it does not see, so the order of calls is one of its atomics; where that makes too many
/// executions, it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamps {
    Seen,
    Unseen,
}

pub(crate) fn account(limit: u32, functions: &[(Option<u32>, u32)]) -> Account {
    let function = |(index, &(reserved_concurrency, provisioned)): (usize, &(Option<u32>, u32))| {
        let provisioned = (provisioned > 0).then(|| ("1".into(), provisioned));
        Function {
            reserved_concurrency,
            versions: 1,
            provisioned_concurrency: provisioned.into_iter().collect(),
            ..Function::named(format!("f{index}"))
        }
    };
    let functions = functions.iter().enumerate().map(function).collect();
    Account::new(limit, Some(0), functions, Profile::PURE_POOLS).unwrap()
}

/// What all threads of an execution share.
struct Run {
    controller: Arc<AdmissionController>,
    seen: Option<loom::sync::atomic::AtomicU64>,
    unseen: AtomicU64,
    holders: AtomicU32,
    most_holders: AtomicU32,
    events: Mutex<Vec<Event>>,
}

/// A permit, and the number of the call that got it.
type Held = Vec<(usize, OwnedPermit)>;

impl Run {
    fn stamp(&self) -> u64 {
        let unseen = self.unseen.fetch_add(1, Ordering::Relaxed);
        // Relaxed: the order must not order anything else.
        self.seen
            .as_ref()
            .map_or(unseen, |seen| seen.fetch_add(1, loom::sync::atomic::Ordering::Relaxed))
    }

    fn call(&self, number: usize, op: Op, held: &mut Held) {
        let begin = self.stamp();
        let result = self.act(number, op, held);
        let stamps = (begin, self.stamp());
        self.events.lock().unwrap().push(Event { number, op, result, stamps });
    }

    fn act(&self, number: usize, op: Op, held: &mut Held) -> Got {
        let controller = &self.controller;
        match op {
            Op::Try(function) => self.attempt(number, &format!("f{function}"), held),
            Op::TryVersion(function) => self.attempt(number, &format!("f{function}:1"), held),
            Op::Drop => {
                if held.is_empty() {
                    return Got::Nothing;
                }
                let (call, permit) = held.remove(0);
                self.holders.fetch_sub(1, Ordering::Relaxed);
                drop(permit);
                Got::Back(call)
            }
            Op::Snapshot => {
                self.look();
                Got::Nothing
            }
            Op::Limit(limit) => {
                controller.set_concurrency_limit(limit).unwrap();
                Got::Nothing
            }
            Op::Reserve(function, value) => {
                controller.set_reserved_concurrency(&format!("f{function}"), value).unwrap();
                Got::Nothing
            }
            Op::Provision(function, value) => {
                let function = format!("f{function}");
                controller.set_provisioned_concurrency(&function, "1", value).unwrap();
                Got::Nothing
            }
        }
    }

    fn attempt(&self, number: usize, label: &str, held: &mut Held) -> Got {
        let target = self.controller.account().target(label).unwrap();
        match self.controller.try_acquire_owned(target) {
            Ok(permit) => {
                // Between the return and the call that gives it back; nothing runs in between.
                let holders = self.holders.fetch_add(1, Ordering::Relaxed) + 1;
                self.most_holders.fetch_max(holders, Ordering::Relaxed);
                let outcome = permit.outcome();
                held.push((number, permit));
                Got::Verdict(outcome)
            }
            Err(refused) => Got::Verdict(refused.outcome),
        }
    }

    fn look(&self) -> Quiet {
        let snapshot = self.controller.snapshot();
        let mut quiet = vec![snapshot.shared.limit.into(), snapshot.shared.in_use.into()];
        for function in snapshot.functions {
            let reserved = function.reserved.map_or([0, 0], |pool| [pool.limit, pool.in_use]);
            quiet.extend(reserved.map(u64::from));
            let version = function.provisioned.iter().find(|(number, _)| *number == 1);
            let provisioned = version.map_or([0, 0], |(_, pool)| [pool.limit, pool.in_use]);
            quiet.extend(provisioned.map(u64::from));
            quiet.extend([function.admitted, function.throttled]);
        }
        quiet
    }
}

impl Scenario {
    /// The model of it.
    pub(crate) fn model(self, stamps: Stamps) -> impl Fn() + Send + Sync + 'static {
        let account = account(self.limit, self.functions);
        move || self.run(&account, stamps)
    }

    fn run(self, account: &Account, stamps: Stamps) {
        let run = Arc::new(Run {
            controller: Arc::new(AdmissionController::new(account).unwrap()),
            seen: (stamps == Stamps::Seen).then(|| loom::sync::atomic::AtomicU64::new(0)),
            unseen: AtomicU64::new(0),
            holders: AtomicU32::new(0),
            most_holders: AtomicU32::new(0),
            events: Mutex::new(Vec::new()),
        });
        let mut held: Vec<Held> = self.threads.iter().map(|_| Vec::new()).collect();
        for (number, &(thread, op)) in self.before.iter().enumerate() {
            run.call(number, op, &mut held[thread]);
        }
        let script = |thread: usize, mut held: Held| {
            let run = Arc::clone(&run);
            let ops = self.threads[thread];
            move || {
                for (index, &op) in ops.iter().enumerate() {
                    run.call(10 * (thread + 1) + index, op, &mut held);
                }
                held
            }
        };
        let mine = script(0, std::mem::take(&mut held[0]));
        let others: Vec<_> = held.drain(1..).enumerate().collect();
        let others: Vec<_> =
            others.into_iter().map(|(i, held)| loom::thread::spawn(script(i + 1, held))).collect();
        let mut held = mine();
        for other in others {
            held.extend(other.join().unwrap());
        }
        self.judge(&run, held);
    }

    /// Fails only here, where there are no other threads any more to be unwound.
    fn judge(self, run: &Run, mut held: Held) {
        for number in 100..100 + held.len() {
            run.call(number, Op::Drop, &mut held);
        }
        // The first one ends the peaks, by which a pool that is gone still shows.
        run.look();
        let (begin, result) = (run.stamp(), Got::Quiet(run.look()));
        let end = Event { number: 1_000, op: Op::Snapshot, result, stamps: (begin, run.stamp()) };
        let mut events = std::mem::take(&mut *run.events.lock().unwrap());
        events.push(end);
        events.sort_by_key(|event| event.stamps);
        let most = run.most_holders.load(Ordering::Relaxed);
        assert!(most <= self.most, "{most} hold a permit: {events:#?}");
        let plain = Plain::new(self.limit, self.functions);
        let exact = self.judged == Judged::Exactly;
        let makes_sense = is_linearizable(&plain, &events, exact);
        assert!(makes_sense, "makes no sense: {events:#?}");
    }
}
