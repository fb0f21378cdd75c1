//! Measuring: all algorithms in turn, round after round, in one process; medians.

use std::time::{Duration, Instant};

use super::algorithms::Algorithm;
use super::workload::{Cell, Clock, Share};
use crate::envelope::{self, Findings, Held, Limits, Span};

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Seconds of each measurement of throughput, and of each of latency.
    pub seconds: f64,
    /// Rounds; medians are over these.
    pub rounds: u32,
    /// Calls of each thread whose history is checked, in each round.
    pub stamped: u32,
}

/// What was measured of an algorithm in a cell.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which.
    pub algorithm: Algorithm,
    /// Where.
    pub cell: Cell,
    /// Cores that the threads had in the mean; elsewhere there may be work as well.
    pub cores: f64,
    /// Nanoseconds of a core for a try, with the release if it was admitted.
    pub ns: f64,
    /// Tries a second, over all threads.
    pub throughput: f64,
    /// Nanoseconds between the tries of a thread while latency was measured.
    pub interval: f64,
    /// Nanoseconds from when a call was due: p50, p99, p99.9.
    pub latency: [f64; 3],
    /// Share of tries that were admitted.
    pub admitted: f64,
    /// Jain's index of the threads' admissions: 1 where all have as many, 1/threads where one
    /// has all.
    pub fairness: f64,
    /// What the histories prove.
    pub findings: Findings,
    /// Calls in these histories.
    pub checked: u64,
}

/// One round of one algorithm in one cell.
struct Round {
    cores: f64,
    ns: f64,
    throughput: f64,
    interval: f64,
    latency: [f64; 3],
    admitted: f64,
    fairness: f64,
}

/// The middle of some values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Nanoseconds that a stamp costs: part of every latency.
pub fn clock_cost() -> f64 {
    const STAMPS: u32 = 100_000;
    let clock = Clock(Instant::now());
    let cost = || {
        let began = clock.now();
        for _ in 0..STAMPS {
            std::hint::black_box(clock.now());
        }
        (clock.now() - began) as f64 / f64::from(STAMPS)
    };
    median((0..5).map(|_| cost()).collect())
}

/// Measures all algorithms in all cells; `heard` is told of each row that is under way.
pub fn measure(
    algorithms: &[Algorithm],
    cells: &[Cell],
    effort: Effort,
    heard: impl Fn(usize),
) -> Vec<Row> {
    let clock = clock_cost();
    let pairs: Vec<(Cell, Algorithm)> =
        cells.iter().flat_map(|&cell| algorithms.iter().map(move |&a| (cell, a))).collect();
    let mut rounds: Vec<Vec<Round>> = pairs.iter().map(|_| Vec::new()).collect();
    let mut checks = vec![(Findings::default(), 0); pairs.len()];
    for round in 0..effort.rounds as usize {
        // Who comes first in a cell changes with the round.
        for (cell, of_cell) in cells.iter().enumerate() {
            for turn in 0..algorithms.len() {
                let index = cell * algorithms.len() + (turn + round) % algorithms.len();
                let algorithm = &pairs[index].1;
                heard(round * pairs.len() + cell * algorithms.len() + turn);
                rounds[index].push(one_round(algorithm, *of_cell, effort, clock));
                let (findings, checked) = checked(algorithm, *of_cell, effort.stamped);
                checks[index].0.add(findings);
                checks[index].1 += checked;
            }
        }
    }
    let row = |((&(cell, algorithm), rounds), (findings, checked)): ((_, Vec<Round>), _)| {
        let middle = |of: fn(&Round) -> f64| median(rounds.iter().map(of).collect());
        Row {
            algorithm,
            cell,
            cores: middle(|round| round.cores),
            ns: middle(|round| round.ns),
            throughput: middle(|round| round.throughput),
            interval: middle(|round| round.interval),
            latency: [
                middle(|round| round.latency[0]),
                middle(|round| round.latency[1]),
                middle(|round| round.latency[2]),
            ],
            admitted: middle(|round| round.admitted),
            fairness: middle(|round| round.fairness),
            findings,
            checked,
        }
    };
    pairs.iter().zip(rounds).zip(checks).map(row).collect()
}

/// Where others are busy on the machine, threads take turns instead of meeting. Then it is
/// tried again, some times, for the run in which they had the most of their cores.
fn flat_out(algorithm: &Algorithm, cell: Cell, effort: Effort) -> (Vec<Share>, f64) {
    const TRIES: u32 = 4;
    const ENOUGH: f64 = 0.95;
    let there = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let wanted = there.min(f64::from(cell.threads));
    let mut best: Option<(Vec<Share>, f64)> = None;
    for _ in 0..TRIES {
        let shares = (algorithm.flat_out)(cell, Duration::from_secs_f64(effort.seconds));
        let ratio = |share: &Share| share.on_core.as_secs_f64() / share.elapsed.as_secs_f64();
        let cores = shares.iter().map(ratio).sum();
        if best.as_ref().is_none_or(|&(_, most)| cores > most) {
            best = Some((shares, cores));
        }
        if cores >= ENOUGH * wanted {
            break;
        }
    }
    best.expect("it was tried")
}

fn one_round(algorithm: &Algorithm, cell: Cell, effort: Effort, clock: f64) -> Round {
    let (shares, cores) = flat_out(algorithm, cell, effort);
    let per_second = |share: &Share| share.tries as f64 / share.elapsed.as_secs_f64();
    let throughput: f64 = shares.iter().map(per_second).sum();
    let ns = cores * 1e9 / throughput;
    let tries: u64 = shares.iter().map(|share| share.tries).sum();
    let admitted = |share: &Share| share.admitted as f64;
    // Half of what it can do with a stamp at either end.
    let interval = 2.0 * (f64::from(cell.threads) * 1e9 / throughput + 2.0 * clock);
    #[allow(clippy::cast_sign_loss)]
    let calls = (effort.seconds * 1e9 / interval).clamp(1e3, 1e7) as u32;
    let mut latencies = (algorithm.paced)(cell, interval, calls);
    let mut quantile = |q: f64| {
        #[allow(clippy::cast_sign_loss)]
        let index = ((latencies.len() - 1) as f64 * q) as usize;
        f64::from(*latencies.select_nth_unstable(index).1)
    };
    Round {
        cores,
        ns,
        throughput,
        interval,
        latency: [0.5, 0.99, 0.999].map(&mut quantile),
        admitted: shares.iter().map(admitted).sum::<f64>() / tries as f64,
        fairness: jain(shares.iter().map(admitted)),
    }
}

/// Jain's index of fairness.
fn jain(shares: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let count = shares.len() as f64;
    let squares: f64 = shares.clone().map(|share| share * share).sum();
    let sum: f64 = shares.sum();
    if squares == 0.0 { 1.0 } else { sum * sum / (count * squares) }
}

/// Checks histories of all pools.
pub fn checked(algorithm: &Algorithm, cell: Cell, calls: u32) -> (Findings, u64) {
    let threads = (algorithm.stamped)(cell, calls);
    let limits = Limits::new(cell.limit());
    let mut findings = Findings::default();
    for key in 0..cell.keys as usize {
        let held: Vec<&[Held]> = threads.iter().map(|of| &of[key].held[..]).collect();
        let refused: Vec<&[Span]> = threads.iter().map(|of| &of[key].refused[..]).collect();
        findings.add(envelope::check(&held, &refused, &limits));
    }
    (findings, u64::from(calls) * u64::from(cell.threads))
}

/// Nanoseconds of a permit taken and given back by one thread: of each algorithm in turn.
pub fn uncontended(algorithms: &[Algorithm], rounds: u32, pairs: u32) -> Vec<f64> {
    let mut times = vec![Vec::new(); algorithms.len()];
    for _ in 0..rounds {
        for (algorithm, times) in algorithms.iter().zip(&mut times) {
            times.push((algorithm.uncontended)(pairs));
        }
    }
    times.into_iter().map(median).collect()
}

#[cfg(test)]
mod tests;
