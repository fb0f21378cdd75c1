//! Many runs: replications of drawn traffic, each against one account or several.
//!
//! The traffic of a replication is drawn and merged once, block by block, and every account runs
//! over the same blocks: common random numbers by construction, and memory that grows with
//! neither the horizon nor the replications.

mod observe;
mod sample;
mod side_by_side;
mod threads;

use std::ops::{ControlFlow, Range};

use crate::invocations::Watch;
use crate::traffic::{Stop, Traffic, Workload};
use crate::{Account, Invocations, Outcome, Simulation};

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
        let mut runs = self.start::<TIMED>();
        let mut outcome = Vec::new();
        while let Some(block) = traffic.next_block() {
            outcome.resize(block.len(), 0);
            for run in &mut runs {
                let flow = run.run(block, &mut outcome, watch);
                if flow.is_break() || watch(block.len() * run.members.len()).is_break() {
                    return None;
                }
            }
        }
        if stop.is_set() {
            return None;
        }
        let mut finished = vec![Statistics::default(); self.accounts.len()];
        for run in runs {
            let (members, found) = run.finish(lead + horizon, watch)?;
            for (member, found) in members.into_iter().zip(found) {
                finished[member] = found;
            }
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

    /// All accounts at the beginning: those that can side by side, the others one by one.
    fn start<const TIMED: bool>(&self) -> Vec<Run> {
        let counted = self.lead + self.from..self.lead + self.horizon;
        let run = |members: Vec<usize>, side| Run {
            members,
            side,
            next_edge: counted.start,
            period: self.period.unwrap_or(u64::MAX),
        };
        let alone = |account: usize| -> Box<dyn Side> {
            let (account, traced) = &self.accounts[account];
            Box::new(Alone {
                simulation: Simulation::new(account, traced),
                recorder: Recorder::<TIMED>::new(
                    account,
                    counted.clone(),
                    self.bins(),
                    &self.quantiles,
                ),
            })
        };
        let mut runs = Vec::new();
        let mut left: Vec<usize> = (0..self.accounts.len()).collect();
        while let Some(&first) = left.first() {
            let side = |&account: &usize| {
                account == first
                    || !TIMED
                        && side_by_side::has_only_pools(&self.accounts[first].0)
                        && side_by_side::has_only_pools(&self.accounts[account].0)
                        && side_by_side::match_in_all_but_limits(
                            &self.accounts[first],
                            &self.accounts[account],
                        )
            };
            let (mut together, others): (Vec<_>, Vec<_>) = left.iter().partition(|at| side(at));
            let more = together.split_off(together.len().min(side_by_side::MOST));
            left = [more, others].concat();
            let side = if together.len() == 1 {
                alone(first)
            } else {
                let accounts: Vec<_> = together.iter().map(|&at| &self.accounts[at]).collect();
                side_by_side::start(&accounts, counted.clone(), self.bins())
            };
            runs.push(run(together, side));
        }
        runs
    }
}

/// One account or several under way, over the same traffic.
trait Side {
    /// Runs rows that lie between two edges.
    fn run(
        &mut self,
        rows: Invocations<'_>,
        outcome: &mut [u8],
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()>;
    /// Lets what ends by `now` end.
    fn complete_until(&mut self, now: u64, watch: &mut Watch<'_>) -> ControlFlow<()>;
    /// A bin ends and the next begins, or the counting.
    fn pass_edge(&mut self);
    /// What was counted of each account.
    fn finish(self: Box<Self>) -> Vec<Statistics>;
}

/// One account.
struct Alone<const TIMED: bool> {
    simulation: Simulation,
    recorder: Recorder<TIMED>,
}

impl<const TIMED: bool> Side for Alone<TIMED> {
    fn run(
        &mut self,
        rows: Invocations<'_>,
        outcome: &mut [u8],
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let flow = self.simulation.run_observed(rows, outcome, &mut self.recorder, watch);
        flow.expect("drawn calls are in order, and end in time")
    }

    fn complete_until(&mut self, now: u64, watch: &mut Watch<'_>) -> ControlFlow<()> {
        self.simulation.complete_until(now, &mut self.recorder, watch)
    }

    fn pass_edge(&mut self) {
        self.recorder.pass_edge();
    }

    fn finish(self: Box<Self>) -> Vec<Statistics> {
        vec![self.recorder.finish()]
    }
}

/// Accounts under way, and where in time they are cut.
struct Run {
    /// Which of the accounts they are.
    members: Vec<usize>,
    side: Box<dyn Side>,
    period: u64,
    /// Where the next bin begins, or the counting.
    next_edge: u64,
}

impl Run {
    fn run(
        &mut self,
        block: Invocations<'_>,
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
            self.side.run(piece, outcome, quiet)?;
        }
        ControlFlow::Continue(())
    }

    /// Ends all bins that end by `now`.
    fn pass_edges(&mut self, now: u64, watch: &mut Watch<'_>) -> ControlFlow<()> {
        while self.next_edge <= now {
            self.side.complete_until(self.next_edge, watch)?;
            self.side.pass_edge();
            watch(0)?;
            self.next_edge = self.next_edge.saturating_add(self.period);
        }
        ControlFlow::Continue(())
    }

    fn finish(
        mut self,
        horizon: u64,
        watch: &mut Watch<'_>,
    ) -> Option<(Vec<usize>, Vec<Statistics>)> {
        let flow = self.pass_edges(horizon - 1, watch);
        let ends = self.side.complete_until(horizon, watch);
        let done = flow.is_continue() && ends.is_continue();
        done.then(|| (self.members, self.side.finish()))
    }
}
