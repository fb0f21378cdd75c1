//! Replay: nanoseconds of CPU time an invocation, on the wheel and on the plain heap, and on the
//! wheel over atomic counters: what atomicity costs.
//!
//! `cargo run --release -p lambdacore-benches [rows [in-flight,in-flight,...]]`. The variants run in turn, round after
//! round; medians are printed, with the ratio of each round's pair.

use cpu_time::ThreadTime;
use lambdacore::{
    Account, AtomicCounters, Calendar, Counters, Engine, Function, Heap, PlainCounters, Profile,
    Rates, Simulation, Timeline, Wheel,
};
use lambdacore_benches::traffic::Traffic;

const ROUNDS: usize = 5;

/// Functions that share the load, and which rules are on.
const CASES: [(u32, &str); 6] = [
    (1, "pools"),
    (100, "pools"),
    (100, "no rates"),
    (100, "all"),
    (10_000, "no rates"),
    (10_000, "all"),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rows = arguments.next().map_or(10_000_000, |rows| rows.parse().expect("a number of rows"));
    let in_flight = arguments.next().unwrap_or("10,1000,100000,1000000".to_owned());
    println!("{rows} invocations; ns of CPU time an invocation, median of {ROUNDS} rounds");
    println!(
        "{:>9} {:>9} {:>13} {:>7} {:>7} {:>7} {:>12} {:>7} {:>14}",
        "in flight",
        "functions",
        "profile",
        "stream",
        "wheel",
        "heap",
        "heap / wheel",
        "atomic",
        "atomic / wheel"
    );
    for in_flight in in_flight.split(',').map(|n| n.parse::<u32>().expect("a number")) {
        for (functions, profile) in CASES {
            let traffic = Traffic::poisson(rows, functions, in_flight);
            let account = account(functions, in_flight, profile);
            let traced: Vec<u32> = (0..functions).collect();
            let (mut stream, mut wheel, mut heap, mut atomic) = (vec![], vec![], vec![], vec![]);
            for _ in 0..ROUNDS {
                let timed_on =
                    |engine| timed::<Wheel, PlainCounters>(&account, &traced, &traffic, engine);
                let (s, zero) = timed_on(Engine::Automatic);
                let (w, one) = timed_on(Engine::Calendar);
                let (h, other) =
                    timed::<Heap, PlainCounters>(&account, &traced, &traffic, Engine::Calendar);
                let (a, third) =
                    timed::<Wheel, AtomicCounters>(&account, &traced, &traffic, Engine::Calendar);
                assert!(one == zero, "the stream and the wheel disagree");
                stream.push(s);
                assert!(one == other, "the wheel and the heap disagree");
                assert!(one == third, "plain and atomic counters disagree");
                wheel.push(w);
                heap.push(h);
                atomic.push(a);
            }
            let ratio =
                |other: &[f64]| median(other.iter().zip(&wheel).map(|(o, w)| o / w).collect());
            let (of_heap, of_atomic) = (ratio(&heap), ratio(&atomic));
            println!(
                "{in_flight:>9} {functions:>9} {profile:>13} {:>7.1} {:>7.1} {:>7.1} {of_heap:>12.2} {:>7.1} {of_atomic:>14.2}",
                median(stream),
                median(wheel),
                median(heap),
                median(atomic),
            );
        }
    }
}

/// All functions share one pool of the size of the mean load.
fn account(functions: u32, limit: u32, profile: &str) -> Account {
    let functions = (0..functions)
        .map(|i| Function { init_duration: 200_000_000, ..Function::named(format!("f{i}")) })
        .collect();
    let profile = match profile {
        "pools" => Profile::PURE_POOLS,
        "no rates" => Profile { rates: Rates::OFF, ..Profile::DOCUMENTED },
        _ => Profile::DOCUMENTED,
    };
    Account::new(limit, Some(0), functions, profile).expect("a good account")
}

#[allow(clippy::cast_precision_loss)]
fn timed<C: Calendar, K: Counters>(
    account: &Account,
    traced: &[u32],
    traffic: &Traffic,
    engine: Engine,
) -> (f64, Vec<u8>) {
    let columns = traffic.columns();
    let mut outcome = vec![0; columns.len()];
    let start = ThreadTime::now();
    Simulation::<C, K>::with_counters(account, traced, Timeline::default())
        .expect("a limit below 2^24")
        .on(engine)
        .run(columns, &mut outcome)
        .expect("a good trace");
    (start.elapsed().as_nanos() as f64 / columns.len() as f64, outcome)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
