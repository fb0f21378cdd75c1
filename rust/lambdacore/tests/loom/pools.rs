//! One counter, and the ordered list of a provisioned pool and the function's own.
//!
//! There is no conjunction to model, where a call would have to take from two counters at once:
//! pools are disjoint, so every invocation has one permit of one pool.

use lambdacore::model::Twin;

use crate::history::Op::{self, Drop, Try, TryVersion};
use crate::scenario::Stamps::{Seen, Unseen};
use crate::scenario::{Judged, Scenario};
use crate::{bound, check, check_all, must_fail};

/// One pool of so many permits: a reservation, and the account is no larger.
const fn reserved(limit: u32, threads: &'static [&'static [Op]]) -> Scenario {
    let functions: &[(Option<u32>, u32)] = match limit {
        0 => &[(Some(0), 0)],
        1 => &[(Some(1), 0)],
        _ => &[(Some(2), 0)],
    };
    Scenario { limit: 2, functions, before: &[], threads, most: limit, judged: Judged::Exactly }
}

/// One pool of so many permits, which two functions share.
const fn shared(limit: u32, threads: &'static [&'static [Op]]) -> Scenario {
    let functions = &[(None, 0), (None, 0)];
    Scenario { limit, functions, before: &[], threads, most: limit, judged: Judged::Exactly }
}

const TRY: &[Op] = &[Try(0)];
const TURN: &[Op] = &[Try(0), Drop];
const TURN_TRY: &[Op] = &[Try(0), Drop, Try(0)];

/// P1 to P4: two threads that see the order of calls.
#[test]
fn two_threads_at_one_counter() {
    let all = [0, 1, 2].into_iter().flat_map(|limit| {
        [
            reserved(limit, &[TRY, TRY]),
            reserved(limit, &[TURN, TURN]),
            reserved(limit, &[TURN, TRY]),
            shared(limit, &[TURN, &[Try(1)]]),
        ]
    });
    check_all("two threads at one counter", None, 28_600, all.map(|one| one.model(Seen)));
    let longer = reserved(1, &[TURN_TRY, TURN]).model(Seen);
    check("two longer threads", bound(5, None), 14_500, longer);
}

/// P1 to P4: three threads, whatever their order.
#[test]
fn three_threads_at_one_counter() {
    let all = [0, 1, 2]
        .into_iter()
        .flat_map(|limit| [reserved(limit, &[TRY, TRY, TRY]), reserved(limit, &[TURN, TRY])]);
    check_all("three threads at one counter", None, 8_600, all.map(|one| one.model(Unseen)));
    let longer = [1, 2].map(|limit| reserved(limit, &[TURN, TRY, TRY]));
    check_all("three, one turn", bound(4, None), 14_000, longer.map(|one| one.model(Unseen)));
    let longest = [1, 2].map(|limit| reserved(limit, &[TURN, TURN, TURN]));
    check_all("three turns", bound(4, None), 30_100, longest.map(|one| one.model(Unseen)));
}

/// P3, P4: three threads that see the order of calls.
#[test]
fn three_threads_at_one_counter_in_order() {
    let all = [reserved(1, &[TRY, TRY, TRY]), reserved(1, &[TURN, TURN, TRY])];
    check_all("three threads in order", Some(3), 30_400, all.map(|one| one.model(Seen)));
}

/// P1: whoever takes what it has not seen takes too much.
#[test]
fn a_permit_taken_unseen_is_found() {
    must_fail("one counter", Twin::TakeUnseen, None, reserved(1, &[TRY, TRY]).model(Unseen));
}

/// P3: a refusal that a mere look decides may come after the permit is free.
#[test]
fn a_refusal_by_a_look_is_found() {
    let model = reserved(1, &[TURN, TRY]).model(Seen);
    must_fail("one counter", Twin::RefuseByLook, None, model);
}

/// One provisioned environment and one permit of the shared pool beside it.
const fn list(before: &'static [(usize, Op)], threads: &'static [&'static [Op]]) -> Scenario {
    let functions = &[(None, 1), (None, 0)];
    Scenario { limit: 2, functions, before, threads, most: 2, judged: Judged::Exactly }
}

/// The provisioned environment is in use, and is given back.
const FIRST_MOVES: Scenario = list(&[(0, TryVersion(0))], &[&[Drop], &[TryVersion(0)]]);
/// The shared permit is out, and the environment free.
const SECOND_FULL: Scenario = list(&[(0, Try(1))], &[&[Drop], &[TryVersion(0), TryVersion(0)]]);
/// Both are out; the second is given back before the first is taken.
const BOTH_MOVE: Scenario =
    list(&[(0, Try(1))], &[&[Drop, TryVersion(0), Drop, Try(1)], &[TryVersion(0)]]);
const BOTH_TRY: Scenario = list(&[], &[&[TryVersion(0), Drop], &[TryVersion(0), Try(1)]]);

/// P1 to P4: where the first pool of a list is full the second has its say, and both together.
#[test]
fn a_list_of_two_pools() {
    let all = [FIRST_MOVES, SECOND_FULL, BOTH_TRY];
    check_all("a list", None, 20_800, all.map(|one| one.model(Seen)));
}

/// P3: no refusal where the pools of a list never were full at the same time.
#[test]
fn a_list_of_which_both_move() {
    check("a list that moves", bound(4, None), 8_200, BOTH_MOVE.model(Seen));
    check("a list that moves, out of order", None, 1_200, BOTH_MOVE.model(Unseen));
}

/// P1, P2: three threads on a list.
#[test]
fn three_threads_at_a_list() {
    const V: &[Op] = &[TryVersion(0)];
    let all = [list(&[], &[V, V, V]), list(&[(0, TryVersion(0))], &[&[Drop], V, V])];
    check_all("three at a list", None, 466_900, all.map(|one| one.model(Unseen)));
}

/// P3: a permit that was given back and taken again is not the permit that was seen.
#[test]
fn a_word_that_forgets_what_was_given_back_is_found() {
    must_fail("a list", Twin::SameGeneration, None, BOTH_MOVE.model(Unseen));
}

/// P3: nobody spills over beside a provisioned environment that is free.
#[test]
fn a_spill_by_a_look_is_found() {
    must_fail("a list", Twin::SpillByLook, None, FIRST_MOVES.model(Seen));
}
