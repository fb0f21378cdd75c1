//! The engines, held to the plain heap event by event: outcomes, what is in flight after each
//! piece, and the last completion are the same whichever runs and wherever they take turns (G2).

use lambdacore::{
    Account, AtomicCounters, Calendar, Counters, Engine, Function, Heap, Invocations, MAX_LIMIT,
    Outcome, PlainCounters, Profile, RateWindow, Rates, Reason, Simulation, Timeline, Wheel,
};
use proptest::prelude::*;

/// Rows of a window.
const WINDOW: usize = 4096;
const DAY: u64 = 86_400_000_000_000;
const PURE: Profile = Profile::PURE_POOLS;

#[derive(Clone, Debug, Default)]
struct Trace {
    arrival: Vec<u64>,
    function: Vec<u32>,
    duration: Vec<u64>,
}

impl Trace {
    fn push(&mut self, at: u64, function: u32, duration: u64) {
        self.arrival.push(at);
        self.function.push(function);
        self.duration.push(duration);
    }

    fn columns(&self) -> Invocations<'_> {
        Invocations::new(&self.arrival, &self.function, &self.duration).expect("of one length")
    }
}

/// How long the runs of a stretch are.
#[derive(Clone, Copy, Debug)]
enum Lengths {
    UpTo(u64),
    /// They end at arrivals, up to so many rows later.
    OnArrivals(u64),
    /// All end at one instant, so long after the last arrival.
    Together(u64),
}

/// A stretch of traffic, so long after the one before.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    gap: u64,
    rows: usize,
    apart: u64,
    lengths: Lengths,
}

/// Well mixed numbers: what a stretch leaves open.
fn mixed(seed: u64) -> u64 {
    let x = (seed ^ seed >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (x ^ x >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
}

fn lay(stretches: &[Stretch], functions: u32) -> Trace {
    let mut trace = Trace::default();
    let mut begin = 0;
    for (&Stretch { gap, rows, apart, lengths }, salt) in stretches.iter().zip(1_u64..) {
        begin += gap;
        let last = begin + (rows as u64 - 1) * apart;
        for row in 0..rows as u64 {
            let (at, random) = (begin + row * apart, mixed(salt << 32 | row));
            let duration = match lengths {
                Lengths::UpTo(longest) => random % (longest + 1),
                Lengths::OnArrivals(rows) => random % (rows + 1) * apart,
                Lengths::Together(after) => last + after - at,
            };
            trace.push(at, mixed(random) as u32 % functions, duration);
        }
        begin = last;
    }
    trace
}

fn stretches() -> impl Strategy<Value = Vec<Stretch>> {
    let time = || prop_oneof![Just(0), 0_u64..50, 0_u64..5_000_000, (0..9 * DAY)];
    let apart = prop_oneof![4 => Just(0), 4 => 1_u64..5, 4 => 0_u64..2_000_000, 1 => 0..2 * DAY];
    let rows = prop_oneof![
        8 => 1_usize..300,
        4 => WINDOW - 3..WINDOW + 4,
        2 => Just(2 * WINDOW),
        1 => Just(20_000),
    ];
    let lengths = prop_oneof![
        time().prop_map(Lengths::UpTo),
        (0_u64..9_000).prop_map(Lengths::OnArrivals),
        time().prop_map(Lengths::Together),
    ];
    let stretch = (time(), rows, apart, lengths).prop_map(|(gap, rows, apart, lengths)| Stretch {
        gap,
        rows,
        apart,
        lengths,
    });
    prop::collection::vec(stretch, 1..6)
}

/// Pools and nothing else, of one function, a few or very many, and traffic.
#[derive(Clone, Debug)]
struct Case {
    /// What the reservations leave.
    limit: u32,
    functions: u32,
    /// Of the first functions.
    reserved: Vec<Option<u32>>,
    stretches: Vec<Stretch>,
}

impl Case {
    fn account(&self) -> Account {
        let function = |i: u32| Function {
            reserved_concurrency: self.reserved.get(i as usize).copied().flatten(),
            ..Function::named(format!("f{i}"))
        };
        let functions: Vec<_> = (0..self.functions).map(function).collect();
        let claimed: u32 = functions.iter().filter_map(|f| f.reserved_concurrency).sum();
        Account::new(self.limit + claimed, Some(0), functions, PURE).expect("it fits")
    }

    fn trace(&self) -> Trace {
        lay(&self.stretches, self.functions)
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let limit = prop_oneof![Just(1_u32), 0_u32..60, 100_u32..9_000, Just(MAX_LIMIT / 2)];
    let reserved = prop_oneof![Just(None), Just(Some(0)), (1_u32..40).prop_map(Some)];
    let functions = prop_oneof![4 => Just(1_u32), 8 => 2_u32..9, 1 => Just(10_000)];
    let case = (limit, functions, prop::collection::vec(reserved, 8), stretches());
    case.prop_map(|(limit, functions, reserved, stretches)| Case {
        limit,
        functions,
        reserved,
        stretches,
    })
}

/// Outcomes; after each piece, what is in flight; the last completion.
type Found = (Vec<u8>, Vec<usize>, u64);

/// Runs a trace in such pieces, over and over, each on its engine.
fn run<C: Calendar>(account: &Account, trace: &Trace, pieces: &[(usize, Engine)]) -> Found {
    let traced: Vec<u32> = (0..account.functions().len() as u32).collect();
    let mut simulation = Simulation::<C>::with_calendar(account, &traced, Timeline::default());
    let whole = trace.columns();
    let mut outcome = vec![0xff; whole.len()];
    let mut in_flight = Vec::new();
    let mut start = 0;
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
    (outcome, in_flight, simulation.last_completion())
}

fn whole(engine: Engine) -> [(usize, Engine); 1] {
    [(usize::MAX >> 1, engine)]
}

/// Runs a trace whole on every engine; returns the outcomes that all of them give.
fn on_all(account: &Account, trace: &Trace) -> Vec<u8> {
    let plain = run::<Heap>(account, trace, &whole(Engine::Automatic));
    for engine in [Engine::Calendar, Engine::Automatic, Engine::Stream] {
        assert!(run::<Wheel>(account, trace, &whole(engine)) == plain, "{engine:?}");
    }
    plain.0
}

fn account_of(limit: u32, functions: u32) -> Account {
    let functions = (0..functions).map(|i| Function::named(format!("f{i}"))).collect();
    Account::new(limit, Some(0), functions, PURE).expect("it fits")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Rules 0.2, 0.3, A1, A5b and A5c in every order of events that windows may meet.
    #[test]
    fn every_engine_gives_the_bytes_of_the_plain_heap(case in cases()) {
        on_all(&case.account(), &case.trace());
    }

    /// I11, with another engine in every piece.
    #[test]
    fn engines_may_take_turns_wherever_a_trace_is_cut(
        case in cases(),
        pieces in prop::collection::vec(
            (
                prop_oneof![1_usize..400, WINDOW - 2..WINDOW + 3, 5_000_usize..30_000],
                prop_oneof![Just(Engine::Stream), Just(Engine::Automatic), Just(Engine::Calendar)],
            ),
            1..5,
        ),
    ) {
        let (account, trace) = (case.account(), case.trace());
        let plain = run::<Heap>(&account, &trace, &pieces);
        prop_assert!(run::<Wheel>(&account, &trace, &pieces) == plain);
    }
}

/// A window cannot hold what ends in it, so the calendar has it back, whatever it had handed out.
#[test]
fn a_flood_that_no_window_holds_is_run_event_by_event() {
    for (flood, spread) in [(20_000, 1), (20_000, 6_000), (13_000, 400_000), (12_288, 70)] {
        for lead in [3, 9_999, 40 * DAY] {
            let mut trace = Trace::default();
            let at = lead + 1_000;
            for i in 0..flood {
                trace.push(0, 0, at + mixed(i) % spread);
            }
            // Before, amid and after it, with more that ends amid it.
            for i in 0..3 * WINDOW as u64 {
                trace.push(lead + i * 100, 1, mixed(i) % 100_000);
            }
            for limit in [flood as u32 - 1, flood as u32 + 30, MAX_LIMIT] {
                let outcome = on_all(&account_of(limit, 2), &trace);
                let throttled = outcome.iter().any(|&code| code != Outcome::Warm as u8);
                assert!(throttled != (limit == MAX_LIMIT) || limit > flood as u32);
            }
        }
    }
}

#[test]
fn what_lies_on_the_edges_of_windows_is_decided_as_within_them() {
    let edges = [WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, 2 * WINDOW + 1];
    for rows in edges {
        for apart in [0, 1, 1_000] {
            // Each ends at the arrival that comes so many rows later.
            for until in [0, 1, 2, WINDOW - 1, WINDOW, WINDOW + 1] {
                let lengths = Lengths::UpTo(0);
                let mut trace = lay(&[Stretch { gap: 5, rows, apart, lengths }], 1);
                trace.duration.fill(until as u64 * apart);
                let at_once = if apart == 0 { 1 } else { until.clamp(1, rows) };
                let enough = on_all(&account_of(at_once as u32, 1), &trace);
                assert!(enough.iter().all(|&code| code == Outcome::Warm as u8), "{rows} {until}");
                let short = on_all(&account_of(at_once as u32 - 1, 1), &trace);
                assert!(short.contains(&(Outcome::UnreservedConcurrency as u8)), "{rows} {until}");
            }
        }
    }
}

#[test]
fn a_run_of_no_length_at_the_end_of_a_window_is_still_in_flight() {
    let trace = Trace { arrival: vec![7; 200], function: vec![0; 200], duration: vec![0; 200] };
    for (engine, in_windows) in [(Engine::Stream, 200), (Engine::Calendar, 0)] {
        let mut simulation = Simulation::new(&account_of(1, 1), &[0]).on(engine);
        simulation.run(trace.columns(), &mut [0; 200]).unwrap();
        assert_eq!((simulation.ran().in_windows, simulation.in_flight()), (in_windows, 1));
    }
}

/// How a trace ran that is good for windows, unless the account is not.
fn ran<C: Calendar, K: Counters>(
    profile: Profile,
    engine: Engine,
    trace: &Trace,
) -> (u64, u64, Option<Reason>) {
    let account = Account::new(9, Some(0), vec![Function::named("f")], profile).unwrap();
    let simulation = Simulation::<C, K>::with_counters(&account, &[0], Timeline::default());
    let mut simulation = simulation.expect("they hold it").on(engine);
    simulation.run(trace.columns(), &mut vec![0; trace.arrival.len()]).unwrap();
    let ran = simulation.ran();
    (ran.in_windows, ran.event_by_event(), ran.reason())
}

#[test]
fn a_simulation_says_what_it_ran_in_windows_and_why_not_all() {
    let rows = |rows, gap, apart| Stretch { gap, rows, apart, lengths: Lengths::UpTo(50) };
    let many = lay(&[rows(1_000, 0, 9)], 1);
    let pure = |engine, trace: &Trace| ran::<Wheel, PlainCounters>(PURE, engine, trace);
    assert_eq!(pure(Engine::Automatic, &many), (1_000, 0, None));
    assert_eq!(pure(Engine::Stream, &many), (1_000, 0, None));
    assert_eq!(pure(Engine::Calendar, &many), (0, 1_000, Some(Reason::AskedFor)));
    let heap = ran::<Heap, PlainCounters>(PURE, Engine::Stream, &many);
    assert_eq!(heap, (0, 1_000, Some(Reason::AskedFor)));
    let atomic = ran::<Wheel, AtomicCounters>(PURE, Engine::Stream, &many);
    assert_eq!(atomic, (0, 1_000, Some(Reason::AtomicCounters)));
    let with = |profile| ran::<Wheel, PlainCounters>(profile, Engine::Stream, &many);
    let environments = Profile { rates: Rates::OFF, ..Profile::DOCUMENTED };
    assert_eq!(with(environments), (1_000, 0, None));
    assert_eq!(with(Profile::DOCUMENTED), (1_000, 0, None));
    let of_rested = ran::<Wheel, PlainCounters>(environments, Engine::Automatic, &many);
    assert_eq!(of_rested, (0, 1_000, Some(Reason::Cold)));
    let rates = Rates { window: RateWindow::Sliding, ..Rates::DOCUMENTED };
    let sliding = Profile { rates, ..Profile::DOCUMENTED };
    assert_eq!(with(sliding), (0, 1_000, Some(Reason::Rules)));
    let few = lay(&[rows(100, 0, 9)], 1);
    assert_eq!(pure(Engine::Automatic, &few), (0, 100, Some(Reason::Few)));
    assert_eq!(pure(Engine::Stream, &few), (100, 0, None));
    let weeks = lay(&[rows(WINDOW, 0, 9), rows(300, DAY, DAY)], 1);
    assert_eq!(pure(Engine::Stream, &weeks), (WINDOW as u64, 300, Some(Reason::Crowded)));
}
