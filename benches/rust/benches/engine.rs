//! The engine by itself:
//! `cargo bench -p lambdacore-benches --features criterion --bench engine [-- FILTER]`.
//!
//! CPU time of this thread, since others use the machine; throughput is in invocations.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use lambdacore::{Calendar, Heap, Wheel};
use lambdacore_benches::cases::{Drawn, RULES, Replay, limits};
use lambdacore_benches::traffic::Traffic;

const ROWS: usize = 1_000_000;

/// CPU time, written as any time is.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = ThreadTime;
    type Value = Duration;

    fn start(&self) -> ThreadTime {
        ThreadTime::now()
    }

    fn end(&self, began: ThreadTime) -> Duration {
        began.elapsed()
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    #[allow(clippy::cast_precision_loss)]
    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

type Group<'a> = BenchmarkGroup<'a, CpuTime>;

fn replay<C: Calendar>(group: &mut Group, name: &str, replay: &Replay, traffic: &Traffic) {
    let mut outcome = vec![0; ROWS];
    group.bench_function(name, |bencher| {
        bencher.iter(|| replay.run::<C>(black_box(traffic), &mut outcome));
    });
}

/// By what is in flight and the number of functions, which share one pool.
fn by_size(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("replay");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(10);
    for in_flight in [10, 1_000, 100_000] {
        for functions in [1, 100, 10_000] {
            let traffic = Traffic::poisson(ROWS, functions, in_flight);
            let pools = Replay::new("pools", functions, in_flight);
            let name = |calendar| format!("{in_flight} in flight/{functions} functions/{calendar}");
            replay::<Wheel>(&mut group, &name("usual"), &pools, &traffic);
            replay::<Heap>(&mut group, &name("heap"), &pools, &traffic);
        }
    }
}

/// By the rules that are on.
fn by_rules(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("rules");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(10);
    let traffic = Traffic::poisson(ROWS, 100, 1_000);
    for rules in RULES {
        let account = Replay::new(rules, 100, 1_000);
        replay::<Wheel>(&mut group, &format!("{rules}/usual"), &account, &traffic);
        replay::<Heap>(&mut group, &format!("{rules}/heap"), &account, &traffic);
    }
}

/// Traffic that is drawn.
fn drawn(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("monte carlo");
    group.sample_size(10);
    for (functions, in_flight) in [(1, 10), (1, 1_000), (1, 100_000), (100, 1_000)] {
        let run = Drawn::new(ROWS as u64, functions, in_flight, &[in_flight]);
        group.throughput(Throughput::Elements(run.run(0)));
        let id = BenchmarkId::new(format!("{in_flight} in flight"), functions);
        group.bench_function(id, |bencher| bencher.iter(|| run.run(0)));
    }
    group.finish();
    let mut group = criterion.benchmark_group("sweep");
    group.sample_size(10);
    for count in [1, 8, 64] {
        let run = Drawn::new(ROWS as u64 / u64::from(count), 1, 1_000, &limits(count));
        // An element is a call on one of the accounts.
        group.throughput(Throughput::Elements(run.run(0)));
        group.bench_function(BenchmarkId::new("limits", count), |b| b.iter(|| run.run(0)));
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    by_size(&mut criterion);
    by_rules(&mut criterion);
    drawn(&mut criterion);
    criterion.final_summary();
}
