//! Changes of a configuration in use: P6, and P1 to P4 meanwhile.

use lambdacore::model::Twin;

use crate::history::Op::{self, Drop, Limit, Provision, Reserve, Try, TryVersion};
use crate::scenario::Stamps::{Seen, Unseen};
use crate::scenario::{Judged, Scenario};
use crate::{bound, check_all, must_fail};

/// One pool of so many permits, shared.
const fn shared(
    limit: u32,
    most: u32,
    before: &'static [(usize, Op)],
    threads: &'static [&'static [Op]],
) -> Scenario {
    Scenario { limit, functions: &[(None, 0)], before, threads, most, judged: Judged::Exactly }
}

const TRY: &[Op] = &[Try(0)];
const TRIES: &[Op] = &[Try(0), Try(0)];
const TURN: &[Op] = &[Try(0), Drop];

const RAISE: Scenario = shared(1, 2, &[], &[&[Limit(2)], TRIES]);
const LOWER: Scenario = shared(2, 2, &[], &[&[Limit(1), Try(0)], TRY]);
/// Two run, one may: what is given back first admits nobody.
const LOWER_BELOW: Scenario =
    shared(2, 2, &[(1, Try(0)), (1, Try(0))], &[&[Limit(1)], &[Drop, Try(0)]]);
const TO_ZERO_AND_BACK: Scenario = shared(1, 1, &[], &[&[Limit(0), Limit(1)], TURN]);
const TWO_WRITERS: Scenario = shared(1, 3, &[], &[&[Limit(3), Try(0)], &[Limit(2), Try(0)]]);

/// P6: from the return of a change on nobody goes by the limit before.
#[test]
fn a_limit_that_is_raised_or_lowered() {
    let all = [RAISE, LOWER, LOWER_BELOW];
    check_all("a limit moves", bound(3, Some(4)), 8_100, all.map(|one| one.model(Seen)));
    check_all(
        "a limit moves, out of order",
        bound(4, None),
        9_000,
        all.map(|one| one.model(Unseen)),
    );
}

/// P6: a limit of zero and back, and two who change it.
#[test]
fn a_limit_that_is_changed_twice() {
    let all = [TO_ZERO_AND_BACK, TWO_WRITERS];
    check_all("a limit moves twice", bound(3, Some(4)), 23_200, all.map(|one| one.model(Seen)));
    check_all(
        "a limit moves twice, out of order",
        bound(3, Some(4)),
        7_100,
        all.map(|one| one.model(Unseen)),
    );
}

/// P1, P6: a change while two others call.
#[test]
fn a_limit_that_is_lowered_while_two_call() {
    let all = [
        shared(2, 2, &[], &[&[Limit(1)], TRY, TRY]),
        shared(1, 2, &[(1, Try(0))], &[&[Limit(2)], &[Drop], TRY]),
    ];
    check_all(
        "a limit moves between two",
        bound(2, Some(3)),
        38_500,
        all.map(|one| one.model(Unseen)),
    );
}

/// A function that gets a reservation of one out of two while it calls twice.
const RESERVE: Scenario = Scenario {
    limit: 2,
    functions: &[(None, 0)],
    before: &[],
    threads: &[&[Reserve(0, Some(1))], TRIES],
    most: 2,
    judged: Judged::Exactly,
};
/// The reservation goes while it calls.
const UNRESERVE: Scenario = Scenario {
    functions: &[(Some(1), 0), (None, 0)],
    threads: &[&[Reserve(0, None), Try(1)], TRIES],
    ..RESERVE
};
const TO_NOTHING: Scenario =
    Scenario { threads: &[&[Reserve(0, Some(0)), Reserve(0, Some(1))], TRY], ..UNRESERVE };
/// One runs on the shared pool while it gets a reservation.
const ABSORB: Scenario =
    Scenario { before: &[(1, Try(0))], threads: &[&[Reserve(0, Some(1))], &[Drop]], ..RESERVE };
/// Besides, another function calls.
const ABSORB_TRY: Scenario = Scenario {
    functions: &[(None, 0), (None, 0)],
    threads: &[&[Reserve(0, Some(1)), Try(1), Try(1)], &[Drop]],
    judged: Judged::Admissions,
    ..ABSORB
};
/// The function itself calls, and may be seen reaching for a permit of the pool that it leaves:
/// what it reaches for must neither be missed nor leave others more than there is.
const ABSORB_REACH: Scenario =
    Scenario { threads: &[&[Reserve(0, Some(1)), Try(1), Try(1)], &[Drop, Try(0)]], ..ABSORB_TRY };
/// One runs on a reservation that goes.
const ABSORB_BACK: Scenario = Scenario {
    functions: &[(Some(1), 0), (None, 0)],
    threads: &[&[Reserve(0, None), Try(1)], &[Drop, Try(0)]],
    judged: Judged::Admissions,
    ..ABSORB
};

/// P3, P4, P6: a function changes between the shared pool and one of its own.
#[test]
fn a_function_that_changes_pools() {
    let all = [RESERVE, UNRESERVE, TO_NOTHING];
    check_all("a function moves", bound(2, Some(3)), 89_600, all.map(|one| one.model(Seen)));
}

/// P1, P2, P6: what runs on the pool that it had before is absorbed.
#[test]
fn a_function_that_changes_pools_while_it_runs() {
    let all = [ABSORB, ABSORB_TRY, ABSORB_REACH, ABSORB_BACK];
    check_all("a change is absorbed", bound(3, Some(4)), 43_700, all.map(|one| one.model(Seen)));
}

/// P1: three threads while a change is absorbed.
#[test]
fn a_change_is_absorbed_between_two() {
    let all = [
        Scenario { threads: &[&[Reserve(0, Some(1))], &[Drop], &[Try(1)]], ..ABSORB_TRY },
        Scenario { threads: &[&[Reserve(0, Some(1))], &[Drop], TRY], ..ABSORB_REACH },
    ];
    let bound = Some(2);
    check_all("a change is absorbed between two", bound, 118_700, all.map(|one| one.model(Unseen)));
}

const PROVISION: Scenario = Scenario {
    limit: 2,
    functions: &[(None, 0)],
    before: &[],
    threads: &[&[Provision(0, 1)], &[TryVersion(0), TryVersion(0)]],
    most: 2,
    judged: Judged::Exactly,
};
/// The environment goes while it is, perhaps, in use.
const DEPROVISION: Scenario = Scenario {
    functions: &[(None, 1)],
    threads: &[&[Provision(0, 0), Try(0)], &[TryVersion(0), Drop]],
    judged: Judged::Admissions,
    ..PROVISION
};
const PROVISION_RESERVED: Scenario = Scenario { functions: &[(Some(2), 0)], ..PROVISION };

/// P1, P2, P6: provisioned environments come and go.
#[test]
fn provisioned_environments_that_come_and_go() {
    let all = [PROVISION, DEPROVISION, PROVISION_RESERVED];
    check_all("provisioning", bound(3, Some(4)), 31_600, all.map(|one| one.model(Seen)));
    check_all(
        "provisioning, out of order",
        bound(3, Some(4)),
        10_400,
        all.map(|one| one.model(Unseen)),
    );
}

/// P4, P6: a route and a pool that were read before and after a change.
#[test]
fn a_route_that_is_read_once_is_found() {
    must_fail("a function moves", Twin::RouteReadOnce, Some(3), RESERVE.model(Unseen));
}

/// P1, P6: a permit that is noted after it is taken is one that a change does not know of.
#[test]
fn a_permit_noted_late_is_found() {
    must_fail("a function moves", Twin::NotedLate, Some(3), RESERVE.model(Unseen));
}

/// P2: whoever gives a permit back and overlooks the guard leaves it on.
#[test]
fn a_release_that_overlooks_the_guard_is_found() {
    must_fail("a change is absorbed", Twin::GuardUnseen, Some(3), ABSORB.model(Unseen));
}

/// P3, P4: a change of several words without the guard is seen half done.
#[test]
fn a_change_without_the_guard_is_found() {
    must_fail("a function moves", Twin::LimitsUnguarded, Some(3), RESERVE.model(Unseen));
}
