//! Algorithms of admission side by side.
//!
//! `admission [--algorithms A,B] [--threads 1,2,4] [--keys 1,8] [--admit 100,50] [--seconds S]
//! [--rounds N] [--calls N] [--json]`, or `admission --uncontended [--algorithms A,B]
//! [--rounds N] [--json]`.

use std::io::IsTerminal;
use std::process::ExitCode;

use lambdacore_benches::admission::algorithms::{ALL, Algorithm};
use lambdacore_benches::admission::measure::{Effort, clock_cost, measure, uncontended};
use lambdacore_benches::admission::report;
use lambdacore_benches::admission::workload::Cell;
use lambdacore_benches::arguments::{Arguments, list};

fn main() -> ExitCode {
    match run() {
        Ok(printed) => {
            println!("{printed}");
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprintln!("admission: {wrong}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<String, String> {
    let mut given = Arguments::of_process();
    let names = given.value("--algorithms")?;
    let algorithms = match &names {
        None => ALL.to_vec(),
        Some(names) => names.split(',').map(named).collect::<Result<_, _>>()?,
    };
    let as_json = given.flag("--json");
    let alone = given.flag("--uncontended");
    let rounds = given.number("--rounds", if alone { 25 } else { 3 }, 1..=1_000)?;
    if alone {
        given.finish()?;
        return Ok(pairs(&algorithms, rounds, as_json));
    }
    let threads = list(given.value("--threads")?, "--threads", &[1, 2, 4], 1..=256)?;
    let keys = list(given.value("--keys")?, "--keys", &[1, 8], 1..=1_024)?;
    let admit = list(given.value("--admit")?, "--admit", &[100, 50], 1..=100)?;
    let stamped = given.number("--calls", 100_000, 1..=10_000_000)?;
    let seconds = given.value("--seconds")?.map_or(Ok(0.2), |value| {
        let parsed = value.parse().ok().filter(|seconds| (0.001..=3_600.0).contains(seconds));
        parsed.ok_or(format!("--seconds {value}: from 0.001 to 3600"))
    })?;
    given.finish()?;
    let effort = Effort { seconds, rounds, stamped };
    let mut cells = Vec::new();
    for &keys in &keys {
        for &admit in &admit {
            cells.extend(threads.iter().map(|&threads| Cell { threads, keys, admit }));
        }
    }
    let total = cells.len() * algorithms.len() * rounds as usize;
    let rows = measure(&algorithms, &cells, effort, |done| {
        if std::io::stderr().is_terminal() {
            eprint!("\r{} of {total} ", done + 1);
        }
    });
    Ok(if as_json { report::json(&rows, effort, clock_cost()) } else { report::table(&rows) })
}

fn named(name: &str) -> Result<Algorithm, String> {
    ALL.iter().find(|algorithm| algorithm.name == name).copied().ok_or_else(|| {
        let known: Vec<&str> = ALL.iter().map(|algorithm| algorithm.name).collect();
        format!("--algorithms {name}: known are {}", known.join(", "))
    })
}

fn pairs(algorithms: &[Algorithm], rounds: u32, as_json: bool) -> String {
    let times = uncontended(algorithms, rounds, 1_000_000);
    let lines = algorithms.iter().zip(times);
    if as_json {
        let cells: Vec<String> = lines
            .map(|(algorithm, ns)| {
                format!("    {{\"algorithm\": \"{}\", \"pair_ns\": {ns:.2}}}", algorithm.name)
            })
            .collect();
        return format!(
            "{{\n  \"schema\": 1,\n  \"benchmark\": \"uncontended\",\n  \"cells\": [\n{}\n  ]\n}}",
            cells.join(",\n")
        );
    }
    let lines = lines.map(|(algorithm, ns)| format!("{:<14} {ns:>6.1} ns", algorithm.name));
    let head = "a permit taken and given back by one thread, in the median".to_owned();
    std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
}
