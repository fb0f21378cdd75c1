//! Accounts that run side by side, in lanes, have the statistics that they have one by one.
//!
//! Where the time at each level is asked for, each account runs alone and event by event: that is
//! what the lanes are held to here.

use std::ops::ControlFlow;

use lambdacore::traffic::{Arrivals, Gap, Law, Rates, Stop, Stream, Workload};
use lambdacore::{Account, Ensemble, Function, Profile, SECOND, Statistics};
use proptest::prelude::*;

/// What a function has of its own: a reservation, provisioned concurrency.
type Claims = (Option<u32>, u32);

fn account(limit: u32, claims: &[Claims]) -> (Account, Vec<u32>) {
    let functions = claims.iter().zip(0..).map(|(&(reserved, provisioned), i)| Function {
        versions: 1,
        aliases: vec![("live".to_owned(), 1)],
        unqualified: Some("live".to_owned()),
        reserved_concurrency: reserved,
        provisioned_concurrency: match provisioned.min(reserved.unwrap_or(u32::MAX)) {
            0 => vec![],
            provisioned => vec![("live".to_owned(), provisioned)],
        },
        ..Function::named(format!("f{i}"))
    });
    let functions: Vec<_> = functions.collect();
    let names: Vec<_> = functions.iter().map(|function| function.name.clone()).collect();
    let account = Account::new(limit, Some(0), functions, Profile::PURE_POOLS).expect("it fits");
    let targets = names.iter().map(|name| account.target(name).expect("declared")).collect();
    (account, targets)
}

/// Streams of so many calls a second: of the first, every call takes no time or a whole second, so
/// that ends meet arrivals and edges; of the others lengths vary.
fn workload(rates: &[f64]) -> Workload {
    let streams = rates.iter().zip(0..).map(|(&rate, i)| Stream {
        name: format!("f{i}"),
        arrivals: vec![Arrivals::Renewal {
            rates: Rates::constant(rate).expect("a rate"),
            gap: if i == 0 { Gap::Even(Some(0.0)) } else { Gap::Exponential },
        }],
        duration: Some(if i == 0 {
            Law::mixture(vec![
                (0.5, Law::constant(0.0).expect("a length")),
                (0.5, Law::constant(1.0).expect("a length")),
            ])
            .expect("a law")
        } else {
            Law::exponential(0.4 * f64::from(i)).expect("a law")
        }),
        init: None,
    });
    Workload::new(streams.collect()).expect("streams")
}

fn run(ensemble: &Ensemble<'_>, replication: u64) -> Vec<Statistics> {
    let watch = &mut |_| ControlFlow::Continue(());
    let mut found = ensemble.replicate(replication, watch, &Stop::default()).expect("not stopped");
    // Only some ask for these.
    for found in &mut found {
        found.quantiles.clear();
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn side_by_side_is_what_one_by_one_is(
        limits in prop::collection::vec((20_u32..90, prop::collection::vec(
            (prop::option::of(0_u32..6), prop_oneof![Just(0_u32), 0_u32..6]), 3)), 2..70),
        rates in prop::collection::vec(1.0_f64..60.0, 3),
        (lead, from) in (0_u64..3, 0_u64..3),
        period in prop::option::of(1_u64..4),
        block in prop_oneof![Just(None), (1_usize..3_000).prop_map(Some)],
        seed in any::<u128>(),
    ) {
        let accounts: Vec<_> =
            limits.iter().map(|(limit, claims)| account(*limit, claims)).collect();
        let workload = workload(&[rates[0].round(), rates[1], rates[2]]);
        let lanes = Ensemble {
            workload: &workload,
            accounts: &accounts,
            seed,
            lead: lead * SECOND,
            from: from * SECOND,
            horizon: 12 * SECOND,
            period: period.map(|period| period * SECOND),
            quantiles: vec![],
            block,
        };
        let alone = Ensemble { quantiles: vec![0.5], block: None, ..lanes.clone() };
        prop_assert_eq!(run(&lanes, 3), run(&alone, 3));
    }
}

#[test]
fn a_sum_of_times_of_centuries_does_not_overflow() {
    let accounts: Vec<_> =
        [2, 3, 5_000].map(|limit| account(limit, &[(None, 0)])).into_iter().collect();
    let workload = Workload::new(vec![Stream {
        name: "f0".to_owned(),
        arrivals: vec![Arrivals::Every { period: 1 << 48, offset: 0 }],
        // 18 years.
        duration: Some(Law::constant(5.7e8).expect("a length")),
        init: None,
    }])
    .expect("a stream");
    let lanes = Ensemble {
        workload: &workload,
        accounts: &accounts,
        seed: 1,
        lead: 0,
        from: 0,
        horizon: 1 << 60,
        period: None,
        quantiles: vec![],
        block: None,
    };
    let alone = Ensemble { quantiles: vec![0.5], ..lanes.clone() };
    assert_eq!(run(&lanes, 0), run(&alone, 0));
}
