//! The simulation as a whole: pieces, calendars, bad rows. Outcomes themselves are compared
//! with the reference model in the Python tests.

use lambdacore::{
    Account, Calendar, Function, Heap, Invocations, MAX_LIMIT, Outcome, Profile, Rates, Scaling,
    Simulation, Timeline, TraceError, Wheel, required_concurrency,
};
use proptest::prelude::*;

/// Columns of (arrival, function, duration) and, perhaps, init, sorted.
type Columns = (Vec<u64>, Vec<u32>, Vec<u64>, Option<Vec<u64>>);

fn columns((mut rows, with_init): (Vec<(u64, u32, u64, u64)>, bool)) -> Columns {
    rows.sort_by_key(|row| row.0);
    let function = rows.iter().map(|row| row.1).collect();
    let times = |time: fn(&(u64, u32, u64, u64)) -> u64| rows.iter().map(time).collect();
    (times(|row| row.0), function, times(|row| row.2), with_init.then(|| times(|row| row.3)))
}

fn traces() -> impl Strategy<Value = Columns> {
    let time = prop_oneof![0_u64..30, 0_u64..1_000, 0_u64..1_000_000_000_000];
    let init = prop_oneof![Just(Invocations::INIT_OF_ACCOUNT), 0_u64..30];
    let rows = prop::collection::vec((time.clone(), 0_u32..3, time, init), 0..300);
    (rows, any::<bool>()).prop_map(columns)
}

fn accounts() -> impl Strategy<Value = Account> {
    let function = (prop::option::of(0_u32..4), 0_u64..20, 0_u64..40);
    let profile = (any::<bool>(), prop::option::of((0_u32..4, 1_u64..9)));
    (prop::collection::vec(function, 3), 0_u32..6, profile).prop_map(
        |(functions, shared, (environments, scaling))| {
            let reserved: u32 = functions.iter().filter_map(|f| f.0).sum();
            let functions = functions
                .into_iter()
                .enumerate()
                .map(|(i, (reserved_concurrency, init_duration, idle_timeout))| Function {
                    reserved_concurrency,
                    init_duration,
                    idle_timeout,
                    ..Function::named(format!("f{i}"))
                })
                .collect();
            let scaling = scaling.map_or(Scaling::Off, |(burst, interval)| Scaling::Bucket {
                burst,
                interval,
                regional: false,
            });
            let profile =
                Profile { environments, scaling, rates: Rates::OFF, ..Profile::default() };
            Account::new(reserved + shared, Some(0), functions, profile).expect("it fits")
        },
    )
}

/// Runs a trace in pieces of so many rows.
fn run<C: Calendar>(account: &Account, columns: &Columns, piece: usize) -> Vec<u8> {
    let (arrival, function, duration, init) = columns;
    let mut whole = Invocations::new(arrival, function, duration).expect("of one length");
    if let Some(init) = init {
        whole = whole.with_init(init).expect("of the same length");
    }
    let mut outcome = vec![0; whole.len()];
    let mut simulation = Simulation::<C>::with_calendar(account, &[2, 0, 1], Timeline::default());
    let mut start = 0;
    while start < whole.len() {
        let rows = start..whole.len().min(start + piece);
        simulation.run(whole.rows(rows.clone()), &mut outcome[rows.clone()]).expect("good rows");
        start = rows.end;
    }
    outcome
}

proptest! {
    /// I11: splitting a trace across calls, with the state carried, gives the same bytes.
    #[test]
    fn a_trace_run_in_pieces_gives_the_bytes_of_the_trace_run_whole(
        account in accounts(), trace in traces(), piece in 1_usize..50,
    ) {
        let whole = run::<Wheel>(&account, &trace, usize::MAX);
        prop_assert_eq!(run::<Wheel>(&account, &trace, piece), whole);
    }

    #[test]
    fn the_wheel_gives_the_bytes_of_the_heap(account in accounts(), trace in traces()) {
        let whole = run::<Heap>(&account, &trace, usize::MAX);
        prop_assert_eq!(run::<Wheel>(&account, &trace, usize::MAX), whole);
    }
}

#[test]
fn a_bad_row_is_named_and_nothing_is_run() {
    let account =
        Account::new(10, Some(0), vec![Function::named("f")], Profile::PURE_POOLS).unwrap();
    let mut simulation = Simulation::new(&account, &[0]);
    let cases = [
        ([5, 4], [0, 0], [1, 1], TraceError::Unsorted { row: 1 }),
        ([5, 6], [0, 1], [1, 1], TraceError::UnknownFunction { row: 1, function: 1, functions: 1 }),
        ([5, 1 << 63], [0, 0], [1, 1], TraceError::TooLate { row: 1 }),
        ([5, 6], [0, 0], [1, u64::MAX], TraceError::TooLate { row: 1 }),
    ];
    for (arrival, function, duration, error) in cases {
        let bad = Invocations::new(&arrival, &function, &duration).unwrap();
        assert_eq!(simulation.run(bad, &mut [0; 2]), Err(error));
        assert_eq!(simulation.in_flight(), 0);
    }
    assert!(matches!(
        Invocations::new(&[1], &[], &[1]),
        Err(TraceError::Lengths { arrivals: 1, functions: 0, durations: 1, inits: None })
    ));
    // A later piece must not begin before the last one ended.
    let good = Invocations::new(&[9], &[0], &[0]).unwrap();
    simulation.run(good, &mut [0]).unwrap();
    let early = Invocations::new(&[8], &[0], &[0]).unwrap();
    assert_eq!(simulation.run(early, &mut [0]), Err(TraceError::Unsorted { row: 0 }));
}

#[test]
fn rows_are_named_as_they_stand_in_the_whole_trace() {
    let (function, duration) = ([0; 4], [0; 4]);
    let whole = Invocations::new(&[0, 1, 2, 1], &function, &duration).unwrap();
    let account = Account::new(1, Some(0), vec![Function::named("f")], Profile::default()).unwrap();
    let mut simulation = Simulation::new(&account, &[0]);
    assert_eq!(simulation.run(whole.rows(2..4), &mut [0; 2]), Err(TraceError::Unsorted { row: 3 }));
}

/// Rule 7.2: the row's own init where it says one, else the function's.
#[test]
fn a_cold_start_takes_the_init_of_its_row_or_else_of_its_function() {
    const SILENT: u64 = Invocations::INIT_OF_ACCOUNT;
    let f = Function { init_duration: 7, ..Function::named("f") };
    let profile = Profile { environments: true, ..Profile::default() };
    let account = Account::new(3, Some(0), vec![f], profile).unwrap();
    let (arrival, init) = ([0, 0, 0, 104, 104], [4, SILENT, 0, 50, SILENT]);
    let trace = Invocations::new(&arrival, &[0; 5], &[100; 5]).unwrap().with_init(&init).unwrap();
    let (cold, warm) = (Outcome::Cold as u8, Outcome::Warm as u8);
    let mut outcome = [0; 5];
    let mut simulation = Simulation::new(&account, &[0]);
    simulation.run(trace, &mut outcome).unwrap();
    // At 104 those that end at 104 and at 100 are free, and that of 107 is not.
    assert_eq!(outcome, [cold, cold, cold, warm, warm]);
    assert_eq!(simulation.last_completion(), 204);
    let mut go_on = |_| std::ops::ControlFlow::Continue(());
    let tally = lambdacore::tally(trace, &outcome, &[7], &mut go_on).unwrap().unwrap();
    assert_eq!((tally.occupied[0], tally.last_completion), (511, 204));
}

#[test]
fn a_bad_init_is_named_by_its_row() {
    const LAST: u64 = (1 << 63) - 1;
    const SILENT: u64 = Invocations::INIT_OF_ACCOUNT;
    let f = Function { init_duration: LAST, ..Function::named("f") };
    let account = Account::new(1, Some(0), vec![f], Profile::default()).unwrap();
    let run = |init: &[u64]| {
        let trace = Invocations::new(&[0, 1], &[0; 2], &[0, 1]).unwrap().with_init(init)?;
        Simulation::new(&account, &[0]).run(trace, &mut [0; 2])
    };
    // Rows that say their init are not held to the account's, which is too long for the second.
    assert_eq!(run(&[SILENT, LAST - 2]), Ok(()));
    for init in [SILENT, LAST - 1, LAST, 1 << 63, SILENT - 1] {
        assert_eq!(run(&[0, init]), Err(TraceError::TooLate { row: 1 }), "{init}");
    }
    let error = run(&[0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the columns differ in length: 2 arrivals, 2 functions, 2 durations, 1 inits"
    );
}

#[test]
fn the_longest_times_and_the_largest_limit_do_not_overflow() {
    const LAST: u64 = (1 << 63) - 1;
    const INIT: u64 = 1 << 62;
    let account = Account::new(
        MAX_LIMIT,
        None,
        vec![Function { init_duration: INIT, idle_timeout: u64::MAX, ..Function::named("f") }],
        Profile {
            environments: true,
            scaling: Scaling::Bucket { burst: 2, interval: (1 << 62) - 1, regional: false },
            ..Profile::default()
        },
    )
    .unwrap();
    let late = [0, LAST - INIT, LAST - INIT, LAST - INIT];
    let trace = Invocations::new(&late, &[0; 4], &[LAST - INIT, 0, 0, 0]).unwrap();
    let mut outcome = [0; 4];
    let mut simulation = Simulation::new(&account, &[0]);
    simulation.run(trace, &mut outcome).unwrap();
    let (cold, throttled) = (Outcome::Cold as u8, Outcome::ScalingRate as u8);
    assert_eq!(outcome, [cold, cold, cold, throttled]);
    assert_eq!(simulation.in_flight(), 3);
    // One nanosecond more, and a cold start would end at 2^63.
    for (arrival, duration) in [(LAST - INIT + 1, 0), (LAST - INIT, 1)] {
        let mut simulation = Simulation::new(&account, &[0]);
        let (arrival, duration) = ([arrival], [duration]);
        let over = Invocations::new(&arrival, &[0], &duration).unwrap();
        assert_eq!(simulation.run(over, &mut [0]), Err(TraceError::TooLate { row: 0 }));
    }
}

#[test]
fn a_flood_of_completions_is_looked_up_from_while_it_is_drained() {
    const CALLS: usize = 1 << 20;
    let mut arrival = vec![0; CALLS];
    arrival.push(2_000_000_000);
    for same_instant in [true, false] {
        let duration: Vec<u64> = (0..=CALLS as u64)
            .map(|i| if same_instant { 1_000_000_000 } else { 1_000_000 + i * 900 })
            .collect();
        let function = vec![0; CALLS + 1];
        let trace = Invocations::new(&arrival, &function, &duration).unwrap();
        let profile = Profile::PURE_POOLS;
        let account = Account::new(MAX_LIMIT, None, vec![Function::named("f")], profile).unwrap();
        let mut outcome = vec![0; CALLS + 1];
        let (mut rows, mut looks_within_rows) = (0, 0);
        let mut watch = |done| {
            rows += done;
            looks_within_rows += usize::from(done == 0);
            std::ops::ControlFlow::Continue(())
        };
        let mut simulation = Simulation::new(&account, &[0]);
        assert!(simulation.run_watched(trace, &mut outcome, &mut watch).unwrap().is_continue());
        assert_eq!(rows, CALLS + 1);
        assert!(looks_within_rows >= CALLS >> 16, "{looks_within_rows}");
        assert_eq!(simulation.in_flight(), 1);
    }
}

#[test]
fn a_search_that_is_broken_off_gives_nothing() {
    let trace = Invocations::new(&[0, 0], &[0, 0], &[1, 1]).unwrap();
    let mut stop = |_| std::ops::ControlFlow::Break(());
    assert_eq!(required_concurrency(trace, &[0], 0, &mut stop), Ok(None));
    let mut go_on = |_| std::ops::ControlFlow::Continue(());
    let found = required_concurrency(trace, &[1], 0, &mut go_on).unwrap().unwrap();
    assert_eq!((found.by_function, found.account), (vec![1], 2));
}
