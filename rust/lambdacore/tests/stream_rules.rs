//! The stream engine held to the plain heap with every rule on: environments, the scaling rate,
//! request rates, provisioned concurrency, changes in mid-run (G2).

use std::ops::Range;

use lambdacore::{
    Account, Calendar, Call, ControlPlane, Engine, Function, Heap, Invocations, Outcome, Profile,
    Provisioning, RateRamp, RateScope, RateWindow, Rates, Scaling, Simulation, Timeline, Wheel,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// A day is too long for a window to name its nanoseconds in; a week of them even more so.
const DAY: u64 = 86_400_000_000_000;

const FUNCTIONS: u32 = 4;

#[derive(Clone, Debug, Default)]
struct Columns {
    arrival: Vec<u64>,
    function: Vec<u32>,
    duration: Vec<u64>,
    init: Option<Vec<u64>>,
}

impl Columns {
    fn whole(&self) -> Invocations<'_> {
        let whole = Invocations::new(&self.arrival, &self.function, &self.duration);
        let whole = whole.expect("columns of one length");
        match &self.init {
            Some(init) => whole.with_init(init).expect("as long as the others"),
            None => whole,
        }
    }

    fn push(&mut self, gap: u64, function: u32, duration: u64, init: u64) {
        let before = self.arrival.last().copied().unwrap_or(0);
        self.arrival.push(before + gap);
        self.function.push(function);
        self.duration.push(duration);
        if let Some(column) = &mut self.init {
            column.push(init);
        }
    }
}

/// What follows from a number, as if drawn.
fn drawn(seed: u64, number: u64, below: u64) -> u64 {
    let mut word = seed.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    for shift in [30, 27, 31] {
        word = (word ^ word >> shift).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    }
    (word >> 16) % below
}

/// Rows in phases, each with gaps and durations of a size of its own, which may be zero.
fn traces(phase: Range<usize>) -> impl Strategy<Value = Columns> {
    let scale = prop_oneof![Just(1_u64), 2_u64..6, 6_u64..100, Just(DAY / 1_000)];
    let phase = (any::<u64>(), phase, scale.clone(), scale, 1_u64..200, 1_u32..=FUNCTIONS);
    (prop::collection::vec(phase, 1..5), any::<bool>()).prop_map(|(phases, with_init)| {
        let mut columns = Columns { init: with_init.then(Vec::new), ..Columns::default() };
        for (seed, rows, gaps, durations, in_flight, functions) in phases {
            for row in 0..rows as u64 {
                let draw = |what, below| drawn(seed, 8 * row + what, below);
                let function = draw(0, functions.into()) as u32;
                let init = if draw(1, 3) == 0 { draw(2, 90) } else { Invocations::INIT_OF_ACCOUNT };
                let longest = durations * in_flight.min(gaps * 20);
                columns.push(draw(3, gaps), function, draw(4, longest), init);
            }
        }
        columns
    })
}

fn profiles() -> impl Strategy<Value = Profile> {
    let scaling = prop_oneof![
        2 => Just(Scaling::Off),
        2 => (0_u32..40, 1_u64..60, any::<bool>()).prop_map(|(burst, interval, regional)| {
            Scaling::Bucket { burst, interval, regional }
        }),
        1 => (1_u32..40, 1_u64..400)
            .prop_map(|(burst, length)| Scaling::Tumbling { burst, length }),
        1 => (1_u32..40, 1_u64..400).prop_map(|(burst, length)| Scaling::Sliding { burst, length }),
    ];
    // What windows know is the more frequent.
    let window = prop_oneof![
        4 => Just(RateWindow::Tumbling),
        1 => Just(RateWindow::Sliding),
        1 => (1_u64..500).prop_map(|burst| RateWindow::Bucket { burst }),
    ];
    let scope = prop_oneof![
        3 => Just(RateScope::Off),
        4 => Just(RateScope::Documented),
        1 => Just(RateScope::Partitioned),
    ];
    // From rates that are met at once to such as are never met.
    let second = prop_oneof![50_u64..2_000, Just(DAY)];
    let rates = (scope, window, any::<bool>(), 1_u32..20, second).prop_map(
        |(scope, window, count_all, per_unit, second)| Rates {
            scope,
            window,
            count_all,
            per_unit,
            second,
        },
    );
    let ramp = (1_u32..9, 1_u64..99, 50_u64..2_000)
        .prop_map(|(burst, interval, second)| RateRamp { burst, interval, second });
    let ramp = prop_oneof![9 => Just(None), 1 => ramp.prop_map(Some)];
    let switches = prop::array::uniform5(any::<bool>());
    (any::<u8>(), scaling, rates, ramp, switches).prop_map(
        |(environments, scaling, rates, ramp, switches)| Profile {
            environments: environments % 8 > 0,
            scaling,
            rates,
            ramp: ramp.filter(|_| environments % 8 > 0),
            provisioning: Provisioning {
                prep: 100,
                interval: 40,
                regional_burst: None,
                claim_allocated: switches[0],
                throttle_excess: switches[1],
            },
            keep_overhang: switches[2],
            hard_account_cap: switches[3],
            config_delay: u64::from(switches[4]) * 10,
        },
    )
}

/// Functions with one version and an alias each, and what they have provisioned.
fn accounts(provisions: bool) -> impl Strategy<Value = Account> {
    let provisioned = prop::option::of(1_u32..4).prop_map(move |n| n.filter(|_| provisions));
    let timeout = prop_oneof![0_u64..5, 5_u64..300, Just(DAY), Just(u64::MAX)];
    let function = (prop::option::of(5_u32..40), 0_u64..90, timeout, provisioned);
    let functions = prop::collection::vec(function, FUNCTIONS as usize);
    (functions, prop_oneof![5_u32..60, 60_u32..2_000], profiles()).prop_map(
        |(functions, shared, profile)| {
            let reserved: u32 = functions.iter().filter_map(|f| f.0).sum();
            let provisioned: u32 = functions.iter().filter_map(|f| f.3).sum();
            let declare =
                |(i, (reserved_concurrency, init_duration, idle_timeout, provisioned))| {
                    let provisioned: Option<u32> = provisioned;
                    Function {
                        reserved_concurrency,
                        init_duration,
                        idle_timeout,
                        versions: 2,
                        aliases: vec![("live".to_owned(), 1)],
                        provisioned_concurrency: provisioned
                            .map_or(vec![], |value| vec![("live".to_owned(), value)]),
                        unqualified: Some("live".to_owned()),
                        ..Function::named(format!("f{i}"))
                    }
                };
            let functions = functions.into_iter().enumerate().map(declare).collect();
            let limit = reserved + provisioned + shared;
            Account::new(limit, Some(0), functions, profile).expect("it fits")
        },
    )
}

/// Calls of the API, each with its function, its value and its place among the rows.
type Calls = Vec<(u8, u32, u32, prop::sample::Index)>;

fn calls() -> impl Strategy<Value = Calls> {
    let of =
        |kind: BoxedStrategy<u8>| (kind, 0..FUNCTIONS, 0_u32..40, any::<prop::sample::Index>());
    // Windows end where something is provisioned.
    let unprovisioned = prop::sample::select(vec![0_u8, 1, 1, 2, 5]).boxed();
    prop_oneof![
        Just(vec![]),
        prop::collection::vec(of(unprovisioned), 0..12),
        prop::collection::vec(of((0_u8..6).boxed()), 0..12),
    ]
}

fn timeline(account: &Account, calls: &Calls, columns: &Columns) -> Timeline {
    let mut calls: Vec<_> = calls
        .iter()
        .filter(|_| !columns.arrival.is_empty())
        .map(|&(kind, function, value, place)| {
            (*place.get(&columns.arrival), kind, function, value)
        })
        .collect();
    calls.sort_unstable();
    let mut plane = ControlPlane::new(account);
    for (at, kind, function, value) in calls {
        let function = format!("f{function}");
        let (qualifier, alias) = ("live".to_owned(), "live".to_owned());
        let call = match kind {
            0 => Call::SetConcurrencyLimit { value: 60 + 8 * value },
            1 => Call::PutFunctionConcurrency { function, value },
            2 => Call::DeleteFunctionConcurrency { function },
            3 => {
                let (value, fails) = (i64::from(value) + 1, false);
                Call::PutProvisionedConcurrency { function, qualifier, value, fails }
            }
            4 => Call::DeleteProvisionedConcurrency { function, qualifier },
            _ => Call::UpdateAlias { function, alias, version: (1 + value % 2).to_string() },
        };
        // What the API refuses changes nothing.
        let _ = plane.call(at, &call);
    }
    plane.finish()
}

/// Outcomes, the last completion, and what is in flight after each piece.
type Found = (Vec<u8>, u64, Vec<usize>);

/// Runs a trace in such pieces, over and over, each on its engine. Gives also how many ran in
/// windows.
fn run<C: Calendar>(
    (account, timeline): (&Account, &Timeline),
    columns: &Columns,
    pieces: &[(usize, Engine)],
) -> (Found, u64) {
    let whole = columns.whole();
    let traced: Vec<u32> =
        (0..FUNCTIONS).map(|i| account.target(&format!("f{i}")).expect("declared")).collect();
    let mut simulation = Simulation::<C>::with_calendar(account, &traced, timeline.clone());
    let (mut outcome, mut in_flight, mut start) = (vec![0xff; whole.len()], vec![], 0);
    for &(rows, engine) in pieces.iter().cycle() {
        let rows = start..whole.len().min(start + rows);
        simulation = simulation.on(engine);
        simulation.run(whole.rows(rows.clone()), &mut outcome[rows.clone()]).expect("good rows");
        in_flight.push(simulation.in_flight());
        start = rows.end;
        if start == whole.len() {
            break;
        }
    }
    let ran = simulation.ran();
    assert_eq!(ran.in_windows + ran.event_by_event(), whole.len() as u64);
    ((outcome, simulation.last_completion(), in_flight), ran.in_windows)
}

/// Gives how many ran in windows.
fn agree(
    on: (&Account, &Timeline),
    columns: &Columns,
    pieces: &[(usize, Engine)],
) -> Result<u64, TestCaseError> {
    let (heap, _) = run::<Heap>(on, columns, pieces);
    let (found, in_windows) = run::<Wheel>(on, columns, pieces);
    let differs = found.0.iter().zip(&heap.0).position(|(one, other)| one != other);
    prop_assert_eq!(differs, None, "the first row that differs");
    prop_assert_eq!((found.1, found.2), (heap.1, heap.2));
    Ok(in_windows)
}

/// The engines, and how long the pieces are.
fn pieces(rows: Range<usize>) -> impl Strategy<Value = Vec<(usize, Engine)>> {
    let engine = prop_oneof![
        3 => Just(Engine::Stream), 2 => Just(Engine::Automatic), 1 => Just(Engine::Calendar),
    ];
    prop_oneof![
        Just(vec![(usize::MAX >> 1, Engine::Stream)]),
        prop::collection::vec((rows, engine), 1..4),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(700))]

    #[test]
    fn with_environments_and_rates_windows_give_the_bytes_of_the_heap(
        account in accounts(false), trace in traces(0..2_000), pieces in pieces(100..9_000),
    ) {
        agree((&account, &Timeline::default()), &trace, &pieces)?;
    }

    #[test]
    fn and_so_with_provisioned_concurrency_and_changes_in_mid_run(
        account in any::<bool>().prop_flat_map(accounts), trace in traces(0..1_500), calls in calls(),
        pieces in pieces(100..9_000),
    ) {
        agree((&account, &timeline(&account, &calls, &trace)), &trace, &pieces)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn and_so_over_many_windows(
        account in any::<bool>().prop_flat_map(accounts), trace in traces(5_000..20_000),
        calls in calls(),
        pieces in pieces(10_000..50_000),
    ) {
        agree((&account, &timeline(&account, &calls, &trace)), &trace, &pieces)?;
        agree((&account, &Timeline::default()), &trace, &pieces)?;
    }
}

/// So that equal bytes say something: windows meet every outcome but those of provisioned concurrency.
#[test]
fn every_outcome_comes_up_in_windows() {
    let mut seen = [0_u64; Outcome::CODES];
    let mut runner = TestRunner::deterministic();
    let cases = (accounts(false), traces(0..1_500), calls());
    let cases = cases.prop_filter("windows know its rules", |(account, ..)| {
        let Profile { rates, ramp, .. } = account.profile();
        let documented = rates.scope == RateScope::Documented;
        ramp.is_none()
            && (rates.scope == RateScope::Off || documented && rates.window == RateWindow::Tumbling)
    });
    for _ in 0..400 {
        let (account, trace, calls) = cases.new_tree(&mut runner).expect("a case").current();
        let timeline = timeline(&account, &calls, &trace);
        let whole = [(usize::MAX >> 1, Engine::Stream)];
        let ((outcome, ..), in_windows) = run::<Wheel>((&account, &timeline), &trace, &whole);
        if in_windows == outcome.len() as u64 {
            for &code in &outcome {
                seen[code as usize] += 1;
            }
        }
    }
    let all = [
        Outcome::Warm,
        Outcome::Cold,
        Outcome::AccountConcurrency,
        Outcome::UnreservedConcurrency,
        Outcome::ReservedConcurrency,
        Outcome::ReservedZero,
        Outcome::ScalingRate,
        Outcome::AccountRate,
        Outcome::ReservedRate,
    ];
    for outcome in all {
        assert!(seen[outcome as usize] > 30, "{outcome:?}: {seen:?}");
    }
}

/// Many cold starts are run event by event, and windows begin where they have become few.
#[test]
fn windows_begin_when_cold_starts_have_become_few() {
    let functions = (0..FUNCTIONS).map(|i| Function::named(format!("f{i}"))).collect();
    let profile = Profile { rates: Rates::OFF, scaling: Scaling::Off, ..Profile::DOCUMENTED };
    let account = Account::new(1_000, Some(0), functions, profile).expect("it fits");
    let on = (&account, &Timeline::default());
    let mut columns = Columns::default();
    let whole = [(usize::MAX >> 1, Engine::Automatic)];
    (0..20_000).for_each(|i| columns.push(10, i % FUNCTIONS, 1_000, 0));
    assert_eq!(run::<Wheel>(on, &columns, &whole).1, 20_000 - 4_096);
    // Each is the only one for longer than an environment stays.
    let mut columns = Columns::default();
    (0..20_000).for_each(|i| columns.push(DAY / 100, i % FUNCTIONS, 1_000, 0));
    assert_eq!(run::<Wheel>(on, &columns, &whole).1, 0);
}

/// More completes within a few thousand arrivals than a window can tell apart.
#[test]
fn a_flood_of_completions_within_a_window_is_left_to_the_calendar() {
    let mut columns = Columns::default();
    (0..20_000).for_each(|i| columns.push(0, 0, 1_000_000 + i * 10, 0));
    // Beyond the window, and near its end.
    (0..1_000).for_each(|i| columns.push(0, 0, 1_250_000 + i, 0));
    columns.push(900_000, 0, 5, 0);
    (0..44_000).for_each(|_| columns.push(85, 0, 5, 0));
    let environments = Profile { rates: Rates::OFF, scaling: Scaling::Off, ..Profile::default() };
    for profile in [Profile::PURE_POOLS, environments] {
        let functions = (0..FUNCTIONS).map(|i| Function::named(format!("f{i}"))).collect();
        let account = Account::new(21_000, Some(0), functions, profile).expect("it fits");
        let whole = [(usize::MAX >> 1, Engine::Stream)];
        let in_windows = agree((&account, &Timeline::default()), &columns, &whole).expect("equal");
        let rows = columns.arrival.len() as u64;
        assert!(in_windows > rows / 4 && in_windows < rows, "{in_windows}");
    }
}

/// G4: however many end before a window, there are looks in between.
#[test]
fn ends_before_a_window_are_looked_up_from() {
    let flood = 74 * 4_096;
    let functions = (0..FUNCTIONS).map(|i| Function::named(format!("f{i}"))).collect();
    let account = Account::new(flood + 1_000, Some(0), functions, Profile::PURE_POOLS);
    let account = account.expect("it fits");
    // All before the last rows; within the slots of time, and far beyond them.
    for longest in [40_000_000, DAY / 100] {
        let mut columns = Columns::default();
        (0..u64::from(flood))
            .for_each(|i| columns.push(100, 0, 31_000_000 + drawn(1, i, longest), 0));
        columns.push(2 * longest, 0, 5, 0);
        (0..5_000).for_each(|_| columns.push(5, 0, 1_000, 0));
        let mut simulation = Simulation::new(&account, &[0]).on(Engine::Stream);
        let mut looks = 0;
        let watch = &mut |_| {
            looks += 1;
            std::ops::ControlFlow::Continue(())
        };
        let mut outcome = vec![0; columns.arrival.len()];
        let flow = simulation.run_watched(columns.whole(), &mut outcome, watch);
        assert!(flow.expect("good rows").is_continue());
        assert_eq!(simulation.ran().event_by_event(), 0);
        assert!(looks > 50, "{looks}");
    }
}
