//! Millions of real calls of the live controller, each with its stamps, checked batch by batch.

pub mod batch;
pub mod judge;
pub mod scene;

use std::time::{Duration, Instant};

use batch::Batch;
use scene::{Change, Scene};

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Calls in all.
    pub calls: u64,
    /// Threads that call.
    pub threads: u32,
    /// Whether a further thread changes the configuration meanwhile.
    pub reconfigure: bool,
    /// Seed of all that is random.
    pub seed: u64,
    /// Calls between two looks at the history: so much memory is used.
    pub batch: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Calls that were made.
    pub calls: u64,
    /// Those that were admitted.
    pub admitted: u64,
    /// Changes of configuration that took effect.
    pub changes: u64,
    /// Time in calls.
    pub calling: Duration,
    /// Time in checks.
    pub checking: Duration,
    /// Pools, and the most permits of each that were certainly held at once.
    pub most_held: Vec<(&'static str, u32)>,
    /// What is wrong.
    pub faults: Vec<String>,
}

/// Runs a plan; `heard` is told of the totals after each batch.
pub fn run(plan: Plan, mut heard: impl FnMut(&Totals)) -> Totals {
    let scene = Scene::new();
    let mut totals = Totals::default();
    let mut batch = Batch::new(plan.threads);
    let mut number = 0;
    while totals.calls < plan.calls {
        let change = match (plan.reconfigure, number % 2) {
            (false, _) => Change::Nothing,
            (true, 0) => Change::Limit,
            (true, _) => Change::Claims,
        };
        let each = plan.batch.min(plan.calls - totals.calls).div_ceil(plan.threads.into());
        let seed = plan.seed.wrapping_mul(1_000_003).wrapping_add(number);
        let began = Instant::now();
        batch.run(&scene, change, each, seed);
        totals.calling += began.elapsed();
        let began = Instant::now();
        totals.calls += batch.calls();
        totals.admitted += batch.admitted();
        totals.changes += batch.changes;
        let verdicts = judge::judge(&batch, change, judge::Skew::NONE);
        for (name, findings) in verdicts {
            match totals.most_held.iter_mut().find(|(known, _)| *known == name) {
                Some((_, most)) => *most = findings.most_held.max(*most),
                None => totals.most_held.push((name, findings.most_held)),
            }
            if !findings.is_clean() {
                totals.faults.push(format!(
                    "batch {number} (seed {}, {change:?}), {name}: {} over-admissions, {} spurious \
                     refusals; the first {} ns after its beginning",
                    plan.seed,
                    findings.over_admissions,
                    findings.spurious,
                    findings.first.unwrap_or(0),
                ));
            }
        }
        let lost = scene.rest(totals.calls, totals.admitted);
        totals.faults.extend(lost.map(|lost| format!("after batch {number}: {lost}")));
        totals.checking += began.elapsed();
        heard(&totals);
        number += 1;
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use judge::Skew;

    fn plan(reconfigure: bool) -> Plan {
        Plan { calls: 200_000, threads: 3, reconfigure, seed: 7, batch: 50_000 }
    }

    #[test]
    fn the_controller_is_clean() {
        for reconfigure in [false, true] {
            let totals = run(plan(reconfigure), |_| ());
            assert_eq!(totals.faults, Vec::<String>::new());
            assert!(totals.admitted > 0 && totals.admitted < totals.calls, "{totals:?}");
            assert_eq!(totals.changes > 0, reconfigure);
        }
    }

    #[test]
    fn limits_that_are_one_off_are_noticed_in_every_pool() {
        let scene = Scene::new();
        let mut batch = Batch::new(2);
        batch.run(&scene, Change::Nothing, 50_000, 1);
        for (name, findings) in judge::judge(&batch, Change::Nothing, Skew::LOWER) {
            assert!(findings.over_admissions > 0, "{name}: {findings:?}");
        }
        for (name, findings) in judge::judge(&batch, Change::Nothing, Skew::HIGHER) {
            // Refusals on a route of two pools count with the provisioned one.
            assert!(findings.spurious > 0 || name == "search reserved", "{name}: {findings:?}");
        }
        assert!(scene.rest(batch.calls(), batch.admitted()).is_none());
    }
}
