//! Millions of calls of the live controller, checked for what their stamps prove.
//!
//! `stress [--calls N] [--threads T] [--reconfigure] [--seed S] [--batch N]`; exit code 1 if
//! anything is wrong.

#![allow(clippy::cast_precision_loss, reason = "figures to read")]

use std::process::ExitCode;

use lambdacore_benches::arguments::Arguments;
use lambdacore_benches::stress::{Plan, run};

fn main() -> ExitCode {
    let plan = match plan() {
        Ok(plan) => plan,
        Err(wrong) => {
            eprintln!("stress: {wrong}");
            return ExitCode::from(2);
        }
    };
    let mut said = 0;
    let totals = run(plan, |totals| {
        for fault in &totals.faults[said..] {
            println!("FAULT: {fault}");
        }
        said = totals.faults.len();
    });
    let seconds = (totals.calling + totals.checking).as_secs_f64();
    println!(
        "{} calls by {} threads, {} admitted, {} changes of configuration, seed {}",
        totals.calls, plan.threads, totals.admitted, totals.changes, plan.seed
    );
    let most: Vec<String> =
        totals.most_held.iter().map(|(name, most)| format!("{name} {most}")).collect();
    println!("the most that certainly were held at once: {}", most.join(", "));
    println!(
        "{seconds:.1} s, {:.1} of them checking: {:.2} million calls a second",
        totals.checking.as_secs_f64(),
        totals.calls as f64 / seconds / 1e6
    );
    println!("{} faults", totals.faults.len());
    ExitCode::from(u8::from(!totals.faults.is_empty()))
}

fn plan() -> Result<Plan, String> {
    let mut given = Arguments::of_process();
    let plan = Plan {
        calls: given.number("--calls", 2_000_000, 1..=1 << 50)?,
        threads: given.number("--threads", 2, 1..=64)?,
        reconfigure: given.flag("--reconfigure"),
        seed: given.number("--seed", 1, 0..=u64::MAX)?,
        batch: given.number("--batch", 1_000_000, 1_000..=100_000_000)?,
    };
    given.finish()?;
    Ok(plan)
}
