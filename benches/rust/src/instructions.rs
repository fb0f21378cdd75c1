//! One run for an instruction counter: what a feature costs that is off, or on.
//!
//! `instructions CASE ROWS` prints the invocations that it ran; `benches/instructions.py` has it
//! under callgrind, which counts only inside `measured`.

use lambdacore::Wheel;
use lambdacore_benches::cases::{Drawn, Replay, limits};
use lambdacore_benches::traffic::Traffic;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let case = arguments.next().expect("a case");
    let rows = arguments.next().map_or(100_000, |rows| rows.parse().expect("a number of rows"));
    let run: Box<dyn FnOnce() -> u64> = match case.as_str() {
        "monte-carlo" => {
            let drawn = Drawn::new(rows, 1, 1_000, &[1_000]);
            Box::new(move || drawn.run(0))
        }
        "sweep-64" => {
            let drawn = Drawn::new(rows / 20, 1, 1_000, &limits(64));
            Box::new(move || drawn.run(0))
        }
        rules => {
            let traffic = Traffic::poisson(rows as usize, 100, 1_000);
            let replay = Replay::new(rules, 100, 1_000);
            let mut outcome = vec![0; rows as usize];
            Box::new(move || {
                replay.run::<Wheel>(&traffic, &mut outcome);
                rows
            })
        }
    };
    println!("{}", measured(run));
}

#[inline(never)]
fn measured(run: Box<dyn FnOnce() -> u64>) -> u64 {
    std::hint::black_box(run())
}
