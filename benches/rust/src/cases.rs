//! What is run by more than one benchmark: replays by the rules that are on, and drawn traffic.

use lambdacore::traffic::{Arrivals, Gap, Law, Rates as ArrivalRates, Stop, Stream, Workload};
use lambdacore::{
    Account, Calendar, Call, ControlPlane, Ensemble, Function, Profile, RateScope, Rates, SECOND,
    Scaling, Simulation, Timeline,
};
use std::ops::ControlFlow;

use crate::traffic::Traffic;

/// The rules that are on: pools alone; with environments and the scaling rate; with request rates
/// as well, the default; everything, with a hundred changes.
pub const RULES: [&str; 4] = ["pools", "environments", "rates", "all"];

/// An account, what the function column of a trace means in it, and changes in mid-run.
#[derive(Debug)]
pub struct Replay {
    account: Account,
    targets: Vec<u32>,
    timeline: Timeline,
}

impl Replay {
    /// An account of so many functions that share a limit, by the [rules](RULES) that are on.
    ///
    /// # Panics
    ///
    /// Where there are no such rules.
    pub fn new(rules: &str, functions: u32, limit: u32) -> Self {
        let account = account(rules, functions, limit);
        let mut plane = ControlPlane::new(&account);
        if rules == "all" {
            // Every function once, so that the run is full of changes.
            for i in 0..functions {
                let put =
                    Call::PutFunctionConcurrency { function: format!("f{i}"), value: i % 7 * 3 };
                let _ = plane.call(u64::from(i) * SECOND, &put);
            }
        }
        let timeline = plane.finish();
        let targets =
            (0..functions).map(|i| account.target(&format!("f{i}")).expect("declared")).collect();
        Self { account, targets, timeline }
    }

    /// Replays on a calendar.
    ///
    /// # Panics
    ///
    /// Where the traffic invokes more functions than there are.
    pub fn run<C: Calendar>(&self, traffic: &Traffic, outcome: &mut [u8]) {
        let timeline = self.timeline.clone();
        Simulation::<C>::with_calendar(&self.account, &self.targets, timeline)
            .run(traffic.columns(), outcome)
            .expect("good rows");
    }
}

fn account(rules: &str, functions: u32, limit: u32) -> Account {
    let all = rules == "all";
    let function = |i: u32| {
        let some = all && i.is_multiple_of(4);
        Function {
            init_duration: SECOND / 5,
            versions: 1,
            aliases: vec![("live".to_owned(), 1)],
            provisioned_concurrency: if some { vec![("live".to_owned(), 3)] } else { vec![] },
            reserved_concurrency: (all && i.is_multiple_of(8)).then_some(9),
            unqualified: Some("live".to_owned()),
            ..Function::named(format!("f{i}"))
        }
    };
    let profile = match rules {
        "pools" => Profile::PURE_POOLS,
        "environments" => Profile { rates: Rates::OFF, ..Profile::DOCUMENTED },
        "rates" => Profile::DOCUMENTED,
        "all" => Profile {
            rates: Rates { scope: RateScope::Documented, count_all: true, ..Rates::DOCUMENTED },
            scaling: Scaling::Sliding { burst: 1_000, length: 10 * SECOND },
            ..Profile::DOCUMENTED
        },
        other => panic!("no rules {other}"),
    };
    Account::new(limit, Some(0), (0..functions).map(function).collect(), profile).expect("it fits")
}

/// Poisson calls of one exponential second, drawn and run against pools of several limits.
#[derive(Debug)]
pub struct Drawn {
    workload: Workload,
    accounts: Vec<(Account, Vec<u32>)>,
    horizon: u64,
}

impl Drawn {
    /// About so many calls that keep `in_flight` running, of functions that share them evenly.
    ///
    /// # Panics
    ///
    /// Where nothing would run.
    pub fn new(calls: u64, functions: u32, in_flight: u32, limits: &[u32]) -> Self {
        let rate = f64::from(in_flight) / f64::from(functions);
        let stream = |i| Stream {
            name: format!("f{i}"),
            arrivals: vec![Arrivals::Renewal {
                rates: ArrivalRates::constant(rate).expect("a rate"),
                gap: Gap::Exponential,
            }],
            duration: Some(Law::exponential(1.0).expect("a mean")),
            init: None,
        };
        let accounts = limits.iter().map(|&limit| {
            let Replay { account, targets, .. } = Replay::new("pools", functions, limit);
            (account, targets)
        });
        Self {
            workload: Workload::new((0..functions).map(stream).collect()).expect("good streams"),
            accounts: accounts.collect(),
            horizon: calls * SECOND / u64::from(in_flight),
        }
    }

    /// Draws and runs one replication; gives the calls that arrived, on all accounts together.
    ///
    /// # Panics
    ///
    /// Never: nobody breaks it off.
    pub fn run(&self, replication: u64) -> u64 {
        let ensemble = Ensemble {
            workload: &self.workload,
            accounts: &self.accounts,
            seed: 1,
            lead: 0,
            from: 0,
            horizon: self.horizon,
            period: None,
            quantiles: vec![],
            block: None,
        };
        let watch = &mut |_| ControlFlow::Continue(());
        let found = ensemble.replicate(replication, watch, &Stop::default());
        let outcomes = found.expect("it was not broken off").into_iter().flat_map(|s| s.outcomes);
        outcomes.flatten().sum()
    }
}

/// Limits around 1,000, as a sweep has them.
pub fn limits(count: u32) -> Vec<u32> {
    (0..count).map(|i| 900 + 200 * i / count).collect()
}
