//! Accounts that have nothing but pools run side by side: one configuration a lane.

use std::ops::{ControlFlow, Range};

use super::{Series, Side, Statistics};
use crate::invocations::{Invocations, Watch};
use crate::plain::PlainCounters;
use crate::profile::RateScope;
use crate::state::State;
use crate::store::{SHARED, Store};
use crate::stream::lanes::{Counts, Lanes, PoolLanes, RouteLanes, Running, Stage};
use crate::{Account, Outcome};

/// Configurations side by side, at most.
pub(super) const MOST: usize = 64;

/// Whether an account has nothing but pools.
pub(super) fn has_only_pools(account: &Account) -> bool {
    let profile = account.profile();
    !profile.environments && profile.rates.scope == RateScope::Off && profile.ramp.is_none()
}

/// Whether the streams of the traffic mean the same in two accounts, but for the limits.
pub(super) fn match_in_all_but_limits(
    (one, traced): &(Account, Vec<u32>),
    (other, of_other): &(Account, Vec<u32>),
) -> bool {
    one.functions().len() == other.functions().len()
        && traced.len() == of_other.len()
        && traced.iter().zip(of_other).all(|(&target, &of_other)| {
            one.function_of(target) == other.function_of(of_other)
                && one.version_of(target) == other.version_of(of_other)
        })
}

/// Runs them in as many lanes as it takes.
pub(super) fn start(
    accounts: &[&(Account, Vec<u32>)],
    counted: Range<u64>,
    bins: usize,
) -> Box<dyn Side> {
    match accounts.len() {
        0..=8 => Box::new(SideBySide::<8>::new(accounts, counted, bins)),
        9..=16 => Box::new(SideBySide::<16>::new(accounts, counted, bins)),
        17..=32 => Box::new(SideBySide::<32>::new(accounts, counted, bins)),
        _ => Box::new(SideBySide::<MOST>::new(accounts, counted, bins)),
    }
}

struct SideBySide<const L: usize> {
    accounts: usize,
    lanes: Lanes<L>,
    /// For each function and account, why its invocations are refused.
    when_full: Vec<Vec<Outcome>>,
    /// For each function what was counted.
    totals: Vec<Totals<L>>,
    /// Rows since the counts of the lanes were moved there, and the nanoseconds of all of them.
    since: (usize, u64),
    /// The most at once in the bins before: of each function, and of the account.
    peak: Vec<[u32; L]>,
    bins: usize,
    bin: Option<usize>,
    /// For each account.
    series: Vec<Series>,
}

/// Sums that no run exceeds.
#[derive(Clone, Debug)]
struct Totals<const L: usize> {
    arrivals: u64,
    offered: u128,
    refused: [u64; L],
    refused_time: [u128; L],
    on_provisioned: [u64; L],
    /// Arrivals and refusals up to the beginning of the bin.
    before: (u64, [u64; L]),
}

impl<const L: usize> SideBySide<L> {
    fn new(accounts: &[&(Account, Vec<u32>)], counted: Range<u64>, bins: usize) -> Self {
        let (first, traced) = accounts[0];
        let functions = first.functions().len();
        let mut counters: Vec<State<PlainCounters>> =
            accounts.iter().map(|(account, _)| State::new(account)).collect();
        let mut when_full = vec![vec![Outcome::UnreservedConcurrency; accounts.len()]; functions];
        // Shared, the functions' own, the versions' provisioned.
        let versions = first.versions() as usize;
        let pool = PoolLanes { in_use: [0; L], limit: [0; L] };
        let mut pools = vec![pool; 1 + functions + versions];
        let mut routes = Vec::with_capacity(traced.len());
        for &target in traced {
            let (row, version) = (first.function_of(target) as usize, first.version_of(target));
            let numbers = [1 + functions + version as usize, 1 + row, SHARED as usize];
            let mut on_route = [[0; L]; 3];
            for (lane, state) in counters.iter_mut().enumerate() {
                let store = state.admission().store;
                let (route, own) = store.own(version as usize);
                let provisioned = store.provisioned(version as usize).limit();
                let stage = if route.pool == SHARED { 2 } else { 1 };
                when_full[row][lane] = route.when_full;
                pools[numbers[stage]].limit[lane] = own.limit();
                pools[numbers[0]].limit[lane] = provisioned;
                on_route[stage][lane] = u32::MAX;
                on_route[0][lane] = if provisioned > 0 { u32::MAX } else { 0 };
            }
            // Lanes without an account do what the last account does, so that nothing is kept
            // for their sake.
            for (number, on_route) in numbers.into_iter().zip(&mut on_route) {
                for lanes in [on_route, &mut pools[number].limit] {
                    let last = lanes[accounts.len() - 1];
                    lanes[accounts.len()..].fill(last);
                }
            }
            let stages = numbers.into_iter().zip(on_route);
            let stages = stages.map(|(pool, on_route)| Stage { pool, on_route });
            let provisioned = on_route[0] != [0; L];
            let stages = stages.filter(|stage| stage.on_route != [0; L]).collect();
            routes.push(RouteLanes { row, stages, provisioned });
        }
        let size = (functions + 1) * bins;
        let series =
            Series { arrivals: vec![0; size], throttles: vec![0; size], peak: vec![0; size] };
        let nothing = Totals {
            arrivals: 0,
            offered: 0,
            refused: [0; L],
            refused_time: [0; L],
            on_provisioned: [0; L],
            before: (0, [0; L]),
        };
        Self {
            accounts: accounts.len(),
            lanes: Lanes::new(routes, pools, functions, counted),
            when_full,
            totals: vec![nothing; functions],
            since: (0, 0),
            peak: vec![[0; L]; functions + 1],
            bins,
            bin: None,
            series: vec![series; accounts.len()],
        }
    }

    /// Runs rows, and moves counts to the totals before one of their sums overflows.
    fn run_rows(&mut self, rows: Invocations<'_>, watch: &mut Watch<'_>) -> ControlFlow<()> {
        let time = rows.duration.iter().fold(0_u64, |sum, &more| sum.saturating_add(more));
        let since = (self.since.0 + rows.len(), self.since.1.saturating_add(time));
        if time >> 62 != 0 && rows.len() > 1 {
            // More than a sum holds: one row is shorter than that.
            let half = rows.len() / 2;
            self.run_rows(rows.rows(0..half), watch)?;
            return self.run_rows(rows.rows(half..rows.len()), watch);
        }
        if since.0 >> 31 != 0 || since.1 >> 62 != 0 {
            self.move_counts();
            self.since = (rows.len(), time);
        } else {
            self.since = since;
        }
        self.lanes.run(rows, watch)
    }

    /// Moves what the lanes counted to the totals, which hold more.
    fn move_counts(&mut self) {
        for (counts, totals) in self.lanes.counts.iter_mut().zip(&mut self.totals) {
            totals.add(counts, self.bin.is_some());
        }
        self.since = (0, 0);
    }

    /// Adds the bin to the series.
    fn end_bin(&mut self) {
        self.move_counts();
        let Self { lanes, totals, peak, bins, bin, series, accounts, .. } = self;
        let bins = *bins;
        let in_bin = bin.filter(|&bin| bin < bins);
        let functions = totals.len();
        let (mut all, mut all_refused) = (0, [0_u64; L]);
        for (row, totals) in totals.iter_mut().enumerate() {
            let (arrivals, refused) = totals.end_bin();
            all += arrivals;
            for (sum, refused) in all_refused.iter_mut().zip(&refused) {
                *sum += refused;
            }
            let most = look(&mut lanes.counts[row].running, bin.is_some(), &mut peak[row]);
            if let Some(bin) = in_bin {
                for (lane, series) in series.iter_mut().enumerate() {
                    series.put(row * bins + bin, arrivals, refused[lane], most[lane]);
                }
            }
        }
        let most = look(&mut lanes.region, bin.is_some(), &mut peak[functions]);
        if let Some(bin) = in_bin {
            for (lane, series) in series.iter_mut().enumerate().take(*accounts) {
                series.put(functions * bins + bin, all, all_refused[lane], most[lane]);
            }
        }
    }

    fn statistics(&mut self, account: usize) -> Statistics {
        let mut outcomes = vec![[0; Outcome::CODES]; self.totals.len()];
        for ((outcomes, totals), when_full) in
            outcomes.iter_mut().zip(&self.totals).zip(&self.when_full)
        {
            let (refused, provisioned) = (totals.refused[account], totals.on_provisioned[account]);
            outcomes[when_full[account] as usize] = refused;
            outcomes[Outcome::Provisioned as usize] = provisioned;
            outcomes[Outcome::Warm as usize] = totals.arrivals - refused - provisioned;
        }
        Statistics {
            outcomes,
            busy: self
                .totals
                .iter()
                .map(|totals| totals.offered - totals.refused_time[account])
                .collect(),
            peak: self.peak.iter().map(|peak| peak[account]).collect(),
            quantiles: Vec::new(),
            series: std::mem::take(&mut self.series[account]),
        }
    }
}

impl<const L: usize> Totals<L> {
    /// Takes counts over; before the counting only the times, which know themselves what counts.
    fn add(&mut self, counts: &mut Counts<L>, counted: bool) {
        let found = std::mem::take(counts);
        counts.running = found.running;
        self.offered += u128::from(found.offered);
        for lane in 0..L {
            self.refused_time[lane] += u128::from(found.refused_time[lane]);
        }
        if counted {
            self.arrivals += found.arrivals;
            for lane in 0..L {
                self.refused[lane] += u64::from(found.refused[lane]);
                self.on_provisioned[lane] += u64::from(found.on_provisioned[lane]);
            }
        }
    }

    /// Arrivals and refusals since the last bin ended.
    fn end_bin(&mut self) -> (u64, [u64; L]) {
        let now = (self.arrivals, self.refused);
        let (arrivals, mut refused) = std::mem::replace(&mut self.before, now);
        for (before, now) in refused.iter_mut().zip(now.1) {
            *before = now - *before;
        }
        (now.0 - arrivals, refused)
    }
}

/// Looks at the most that ran at once in the bin; the next begins with what runs.
fn look<const L: usize>(running: &mut Running<L>, counted: bool, peak: &mut [u32; L]) -> [u32; L] {
    let most = std::mem::replace(&mut running.most, running.now);
    if counted {
        for (peak, most) in peak.iter_mut().zip(most) {
            *peak = (*peak).max(most);
        }
    }
    most
}

impl Series {
    fn put(&mut self, place: usize, arrivals: u64, throttles: u64, peak: u32) {
        self.arrivals[place] = arrivals;
        self.throttles[place] = throttles;
        self.peak[place] = peak;
    }
}

impl<const L: usize> Side for SideBySide<L> {
    fn run(
        &mut self,
        rows: Invocations<'_>,
        _: &mut [u8],
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        self.run_rows(rows, watch)
    }

    fn complete_until(&mut self, now: u64, watch: &mut Watch<'_>) -> ControlFlow<()> {
        self.lanes.complete_until(now, watch)
    }

    fn pass_edge(&mut self) {
        self.end_bin();
        self.bin = Some(self.bin.map_or(0, |bin| bin + 1));
    }

    fn finish(mut self: Box<Self>) -> Vec<Statistics> {
        self.end_bin();
        (0..self.accounts).map(|account| self.statistics(account)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Function, Profile};

    fn account(limit: u32) -> (Account, Vec<u32>) {
        let functions = vec![Function::named("f".to_owned())];
        (Account::new(limit, Some(0), functions, Profile::PURE_POOLS).expect("it fits"), vec![0])
    }

    #[test]
    fn nothing_is_kept_of_calls_that_every_account_refuses() {
        let accounts = [account(2), account(3)];
        let accounts: Vec<_> = accounts.iter().collect();
        let mut both = SideBySide::<8>::new(&accounts, 0..1 << 60, 1);
        let arrival: Vec<u64> = (0..50_000).collect();
        let (function, duration) = (vec![0; 50_000], vec![1 << 50; 50_000]);
        let rows = Invocations::new(&arrival, &function, &duration).expect("columns");
        let flow = both.run_rows(rows, &mut |_| ControlFlow::Continue(()));
        assert!(flow.is_continue());
        assert_eq!(both.lanes.kept(), 3);
    }

    #[test]
    fn a_watch_that_breaks_ends_a_flood_of_completions() {
        let accounts = [account(1_000_000), account(2_000_000)];
        let accounts: Vec<_> = accounts.iter().collect();
        let mut both = SideBySide::<8>::new(&accounts, 0..1 << 60, 1);
        let arrival: Vec<u64> = (0..50_000).collect();
        let (function, duration) = (vec![0; 50_000], vec![100_000; 50_000]);
        let rows = Invocations::new(&arrival, &function, &duration).expect("columns");
        assert!(both.run_rows(rows, &mut |_| ControlFlow::Continue(())).is_continue());
        let mut looks = 0;
        let watch = &mut |_| {
            looks += 1;
            if looks == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        assert!(both.complete_until(1 << 40, watch).is_break());
        assert_eq!(looks, 2);
    }
}
