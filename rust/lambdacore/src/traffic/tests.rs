//! The merged traffic.

use super::*;

const S: u64 = 1_000_000_000;

fn poisson(rate: f64) -> Arrivals {
    Arrivals::Renewal { rates: Rates::constant(rate).unwrap(), gap: Gap::Exponential }
}

fn stream(name: &str, arrivals: Vec<Arrivals>) -> Stream {
    let duration = Some(Law::exponential(0.2).unwrap());
    Stream { name: name.to_owned(), arrivals, duration, init: None }
}

type Columns = (Vec<u64>, Vec<u32>, Vec<u64>);

fn collect(mut traffic: Traffic) -> Columns {
    let mut columns = Columns::default();
    while let Some(block) = traffic.next_block() {
        columns.0.extend_from_slice(block.arrival);
        columns.1.extend_from_slice(block.function);
        columns.2.extend_from_slice(block.duration);
    }
    columns
}

/// Processes of every kind.
fn all_kinds() -> Vec<Arrivals> {
    let state = |rate, seconds, next: [f64; 2]| State {
        rate,
        stay: Law::exponential(seconds).unwrap(),
        next: next.to_vec(),
    };
    let states = vec![state(500.0, 0.3, [0.0, 1.0]), state(0.0, 1.0, [1.0, 0.0])];
    let day = vec![(0, 5.0, 50.0), (5 * S, 50.0, 0.0), (8 * S, 0.0, 0.0)];
    let recorded = Recorded::new(
        (0..500).map(|i| i * i * 20_000).collect(),
        Some((0..500).map(|i| i * 1_000_000).collect()),
        5 * S,
        Some(S / 2),
        Scale::Users(1.5),
    );
    vec![
        poisson(100.0),
        Arrivals::Renewal { rates: Rates::constant(100.0).unwrap(), gap: Gap::Even(None) },
        Arrivals::Renewal {
            rates: Rates::pieces(day, Some(10 * S)).unwrap(),
            gap: Gap::Law(Law::gamma(1.0, 2.0).unwrap()),
        },
        Arrivals::Modulated(States::new(states, None).unwrap()),
        Arrivals::Batches {
            of: Box::new(poisson(10.0)),
            size: Law::uniform(1.0, 20.0).unwrap(),
            offset: Law::uniform(0.0, 0.5).unwrap(),
        },
        Arrivals::Batches {
            of: Box::new(Arrivals::Every { period: 2 * S, offset: S }),
            size: Law::constant(3_000.0).unwrap(),
            offset: Law::constant(0.0).unwrap(),
        },
        Arrivals::Times((0..100).map(|i| i * 77_000_000).collect()),
        Arrivals::Counts(
            Counts::new((0..400).map(|i| i % 37).collect(), 5 * S, Within::Uniform).unwrap(),
        ),
        Arrivals::Recorded(recorded.unwrap()),
    ]
}

#[test]
fn the_block_size_changes_no_call() {
    let mut streams: Vec<Stream> = all_kinds()
        .into_iter()
        .enumerate()
        .map(|(i, arrivals)| stream(&format!("f{i}"), vec![arrivals]))
        .collect();
    streams.push(stream("all", all_kinds()));
    for streams in [streams.clone(), streams[..1].to_vec(), streams[5..6].to_vec()] {
        let workload = Workload::new(streams).unwrap();
        let traffic = || Traffic::new(&workload, 9, 2, 0, 30 * S);
        let whole = collect(traffic());
        assert!(whole.0.is_sorted() && !whole.0.is_empty());
        for rows in [1, 7, 100, 1 << 20] {
            assert_eq!(collect(traffic().in_blocks_of(rows)), whole);
        }
    }
}

#[test]
fn another_function_changes_nobody_elses_calls() {
    let alone = Workload::new(vec![stream("a", all_kinds())]).unwrap();
    let both = Workload::new(vec![stream("b", all_kinds()), stream("a", all_kinds())]).unwrap();
    let alone = collect(Traffic::new(&alone, 1, 0, 0, 20 * S));
    let (arrival, function, duration) = collect(Traffic::new(&both, 1, 0, 0, 20 * S));
    let rows = || (0..arrival.len()).filter(|&row| function[row] == 1);
    assert!(rows().map(|row| arrival[row]).eq(alone.0));
    assert!(rows().map(|row| duration[row]).eq(alone.2));
}

#[test]
fn a_longer_horizon_leaves_the_calls_before_it_as_they_were() {
    let workload = Workload::new(vec![stream("a", all_kinds())]).unwrap();
    let short = collect(Traffic::new(&workload, 1, 0, 0, 10 * S));
    let long = collect(Traffic::new(&workload, 1, 0, 0, 25 * S));
    assert_eq!(short.0, long.0[..short.0.len()]);
    assert_eq!(short.2, long.2[..short.0.len()]);
}

#[test]
fn calls_are_as_many_as_expected() {
    for (kind, arrivals) in all_kinds().into_iter().enumerate() {
        let expected = arrivals.expected(2_000 * S);
        let workload = Workload::new(vec![stream("a", vec![arrivals])]).unwrap();
        let calls = collect(Traffic::new(&workload, 3, 0, 0, 2_000 * S)).0.len() as f64;
        assert!((calls / expected - 1.0).abs() < 0.1, "{kind}: {calls} for {expected}");
    }
}

#[test]
fn a_workload_that_cannot_be_is_refused() {
    let twice = vec![stream("a", vec![poisson(1.0)]), stream("a", vec![poisson(1.0)])];
    assert!(Workload::new(twice).is_err());
    let endless = Stream { duration: None, ..stream("a", vec![poisson(1.0)]) };
    assert!(Workload::new(vec![endless]).is_err());
    let still = Arrivals::Every { period: 0, offset: 0 };
    assert!(Workload::new(vec![stream("a", vec![still])]).is_err());
}
