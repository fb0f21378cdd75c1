//! One replay for an instruction counter: what a feature costs that is off, or on.
//!
//! `instructions CASE ROWS`; `benches/instructions.py` runs it under callgrind, which counts
//! only inside `replay`.

mod traffic;

use lambdacore::{
    Account, Call, ControlPlane, Function, Profile, RateScope, Rates, Scaling, Simulation, Wheel,
};
use traffic::Traffic;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let case = arguments.next().expect("a case");
    let rows = arguments.next().map_or(100_000, |rows| rows.parse().expect("a number of rows"));
    let traffic = Traffic::poisson(rows, 100, 1_000);
    println!("{}", replay(&case, &traffic));
}

/// Replays and gives the sum of the outcomes.
#[inline(never)]
fn replay(case: &str, traffic: &Traffic) -> u64 {
    let account = account(case);
    let mut plane = ControlPlane::new(&account);
    if case == "all" {
        // Every function once, so that the run is full of changes.
        for i in 0..100_u32 {
            let put = Call::PutFunctionConcurrency { function: format!("f{i}"), value: i % 7 * 3 };
            let _ = plane.call(u64::from(i) * 1_000_000_000, &put);
        }
    }
    let targets: Vec<u32> =
        (0..100).map(|i| account.target(&format!("f{i}")).expect("declared")).collect();
    let mut simulation = Simulation::<Wheel>::with_calendar(&account, &targets, plane.finish());
    let mut outcome = vec![0; traffic.columns().len()];
    simulation.run(traffic.columns(), &mut outcome).expect("good rows");
    outcome.iter().map(|&code| u64::from(code)).sum()
}

fn account(case: &str) -> Account {
    let all = case == "all";
    let function = |i: u32| {
        let some = all && i.is_multiple_of(4);
        Function {
            init_duration: 200_000_000,
            versions: 1,
            aliases: vec![("live".to_owned(), 1)],
            provisioned_concurrency: if some { vec![("live".to_owned(), 3)] } else { vec![] },
            reserved_concurrency: (all && i.is_multiple_of(8)).then_some(9),
            unqualified: Some("live".to_owned()),
            ..Function::named(format!("f{i}"))
        }
    };
    let profile = match case {
        "pools" => Profile::PURE_POOLS,
        "environments" => Profile { rates: Rates::OFF, ..Profile::DOCUMENTED },
        "rates" => Profile::DOCUMENTED,
        "all" => Profile {
            rates: Rates { scope: RateScope::Documented, count_all: true, ..Rates::DOCUMENTED },
            scaling: Scaling::Sliding { burst: 1_000, length: 10_000_000_000 },
            ..Profile::DOCUMENTED
        },
        other => panic!("no case {other}"),
    };
    Account::new(1_000, Some(0), (0..100).map(function).collect(), profile).expect("it fits")
}
