//! Many runs: replications of drawn traffic, each against one account or several.
//!
//! The traffic of a replication is drawn and merged once, block by block, and every account runs
//! over the same blocks: common random numbers by construction, and memory that grows with
//! neither the horizon nor the replications.

mod observe;
mod sample;
mod threads;

use std::ops::{ControlFlow, Range};

use crate::invocations::Watch;
use crate::traffic::{Stop, Traffic, Workload};
use crate::{Account, Outcome, Simulation};

pub use sample::{Calls, sample};

use observe::Recorder;

/// What is run: accounts against a workload.
#[derive(Clone, Debug)]
pub struct Ensemble<'a> {
    /// The traffic.
    pub workload: &'a Workload,
    /// Accounts, each with what the workload's streams name in it: its
    /// [targets](Account::target).
    pub accounts: &'a [(Account, Vec<u32>)],
    /// The root of all draws.
    pub seed: u128,
    /// Nanoseconds of traffic before the workload's time zero, which are run and not counted.
    pub lead: u64,
    /// Nanoseconds after it from which on is counted.
    pub from: u64,
    /// Nanoseconds after it until which calls arrive, and all is counted.
    pub horizon: u64,
    /// Length of the bins of a [`Series`], which begin at `from`.
    pub period: Option<u64>,
    /// Shares of the time for which the concurrency to go with them is wanted.
    pub quantiles: Vec<f64>,
    /// Calls that are drawn at a time; `None` as many as is fast. It changes nothing.
    pub block: Option<usize>,
}

/// What became of one replication on one account: by function in the account's order, then
/// for the account as a whole. All of it belongs to the time that is counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// How often each outcome code occurred, by function.
    pub outcomes: Vec<[u64; Outcome::CODES]>,
    /// Nanoseconds that permits were held, by function.
    pub busy: Vec<u128>,
    /// The most that ran at once; the account is last.
    pub peak: Vec<u32>,
    /// For each share of the time, the smallest number that no more ran than in that share; the
    /// account is last.
    pub quantiles: Vec<Vec<u32>>,
    /// By bin.
    pub series: Series,
}

/// Counts and maxima by bin: a row for each function and one for the account, bin by bin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// Calls that arrived.
    pub arrivals: Vec<u64>,
    /// Calls that were throttled.
    pub throttles: Vec<u64>,
    /// The most that ran at once.
    pub peak: Vec<u32>,
}

impl Ensemble<'_> {
    /// Bins of a series.
    pub fn bins(&self) -> usize {
        self.period.map_or(0, |period| (self.horizon - self.from).div_ceil(period) as usize)
    }

    /// Runs one replication on all accounts; `None` where `watch` broke off, which hears of the
    /// calls of each account, or where `stop` was set.
    ///
    /// # Panics
    ///
    /// Where an account's targets are none of its own, or the horizon or the lead is 2^61 ns or more.
    pub fn replicate(
        &self,
        replication: u64,
        watch: &mut Watch<'_>,
        stop: &Stop,
    ) -> Option<Vec<Statistics>> {
        // Noting the time at each level costs, so it is left out where nobody asks.
        if self.quantiles.is_empty() {
            self.replicate_as::<false>(replication, watch, stop)
        } else {
            self.replicate_as::<true>(replication, watch, stop)
        }
    }

    fn replicate_as<const TIMED: bool>(
        &self,
        replication: u64,
        watch: &mut Watch<'_>,
        stop: &Stop,
    ) -> Option<Vec<Statistics>> {
        let Self { lead, from, horizon, .. } = *self;
        assert!(from <= horizon && (lead | horizon) >> 61 == 0, "a horizon below 2^61 ns");
        let (workload, seed) = (self.workload, self.seed);
        let mut traffic =
            Traffic::until_stopped(workload, seed, replication, lead, lead + horizon, stop);
        if let Some(rows) = self.block {
            traffic = traffic.in_blocks_of(rows);
        }
        let mut runs: Vec<Run<TIMED>> =
            self.accounts.iter().map(|account| self.start(account)).collect();
        let mut outcome = Vec::new();
        while let Some(block) = traffic.next_block() {
            outcome.resize(block.len(), 0);
            for run in &mut runs {
                let flow = run.run(block, &mut outcome, watch);
                if flow.is_break() || watch(block.len()).is_break() {
                    return None;
                }
            }
        }
        if stop.is_set() {
            return None;
        }
        let mut finished = Vec::with_capacity(runs.len());
        for run in runs {
            finished.push(run.finish(lead + horizon, watch)?);
        }
        Some(finished)
    }

    /// Runs replications on some threads and hands each out as it is done, in any order; breaks off
    /// where `watch` does. What comes out does not depend on the threads.
    pub fn run(
        &self,
        replications: Range<u64>,
        threads: usize,
        done: &mut dyn FnMut(u64, Vec<Statistics>),
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let one = |replication, watch: &mut Watch<'_>, stop: &Stop| {
            self.replicate(replication, watch, stop)
        };
        threads::run(replications, threads, &one, done, watch)
    }

    fn start<const TIMED: bool>(&self, (account, traced): &(Account, Vec<u32>)) -> Run<TIMED> {
        let counted = self.lead + self.from..self.lead + self.horizon;
        Run {
            simulation: Simulation::new(account, traced),
            next_edge: counted.start,
            recorder: Recorder::new(account, counted, self.bins(), &self.quantiles),
            period: self.period.unwrap_or(u64::MAX),
        }
    }
}

/// One account under way.
struct Run<const TIMED: bool> {
    simulation: Simulation,
    recorder: Recorder<TIMED>,
    period: u64,
    /// Where the next bin begins, or the counting.
    next_edge: u64,
}

impl<const TIMED: bool> Run<TIMED> {
    fn run(
        &mut self,
        block: crate::Invocations<'_>,
        outcome: &mut [u8],
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let mut start = 0;
        while start < block.len() {
            self.pass_edges(block.arrival[start], watch)?;
            let within = block.arrival[start..].partition_point(|&at| at < self.next_edge);
            let rows = start..start + within;
            start = rows.end;
            let (piece, outcome) = (block.rows(rows.clone()), &mut outcome[rows]);
            // Work is told by the block, for it is looked at from time to time.
            let quiet = &mut |_| watch(0);
            let flow = self.simulation.run_observed(piece, outcome, &mut self.recorder, quiet);
            flow.expect("drawn calls are in order, and end in time")?;
        }
        ControlFlow::Continue(())
    }

    /// Ends all bins that end by `now`.
    fn pass_edges(&mut self, now: u64, watch: &mut Watch<'_>) -> ControlFlow<()> {
        while self.next_edge <= now {
            self.simulation.complete_until(self.next_edge, &mut self.recorder, watch)?;
            self.recorder.pass_edge();
            self.next_edge = self.next_edge.saturating_add(self.period);
        }
        ControlFlow::Continue(())
    }

    fn finish(mut self, horizon: u64, watch: &mut Watch<'_>) -> Option<Statistics> {
        let flow = self.pass_edges(horizon - 1, watch);
        let ends = self.simulation.complete_until(horizon, &mut self.recorder, watch);
        (flow.is_continue() && ends.is_continue()).then(|| self.recorder.finish())
    }
}
