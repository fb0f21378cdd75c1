"""The live controller: what it answers, what it refuses, what it shows."""

import copy
import pickle
import threading

import numpy as np
import pytest

import lambdacore as lc

POOLS = lc.Profile.named("pure-pools").replace(pc_prep_s=0.0, pc_ramp_rate=1e9)


SLIDING = POOLS.replace(rps_scope="documented", rps_window="sliding")


def controller(limit=10, functions=None, *, clock=None, **switches):
    if functions is None:
        functions = [
            lc.Function("checkout", reserved_concurrency=2),
            lc.Function("reports"),
            lc.Function("spills", provisioned_concurrency=1),
        ]
    profile = POOLS.replace(**switches)
    account = lc.Account(limit, functions, unreserved_floor=0, profile=profile)
    return lc.AdmissionController(account, clock=clock)


# Answers


def test_a_permit_is_true_and_a_throttle_is_false_with_its_reason():
    live = controller()
    permits = [live.try_acquire("checkout") for _ in range(2)]
    assert all(permits)
    assert permits[0].outcome is lc.Outcome.WARM
    assert permits[0].function == "checkout"
    refused = live.try_acquire("checkout")
    assert not refused
    assert refused.outcome is lc.Outcome.RESERVED_CONCURRENCY
    assert refused.reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert (refused.function, refused.retry_after) == ("checkout", None)
    assert live.try_acquire("spills").outcome is lc.Outcome.PROVISIONED
    reprs = [repr(permits[0]), repr(refused), repr(live), repr(live.handle())]
    assert reprs == [
        "<Permit of 'checkout': WARM>",
        "<Throttle of 'checkout': RESERVED_CONCURRENCY>",
        "<AdmissionController of 3 functions, declared with a limit of 10>",
        "<Handle of <AdmissionController of 3 functions, declared with a limit of 10>>",
    ]
    permits[0].release()
    assert repr(permits[0]) == "<Permit of 'checkout': WARM, given back>"


def test_a_request_rate_says_when_to_ask_again_by_the_clock_that_was_given():
    now = 0
    live = controller(
        1, [lc.Function("f")], clock=lambda: now, rps_scope="documented", rps_per_concurrency=2
    )
    for _ in range(2):
        live.try_acquire("f").release()
    now = 250_000_000
    refused = live.try_acquire("f")
    assert refused.outcome is lc.Outcome.ACCOUNT_RATE
    assert refused.retry_after == 0.75
    assert repr(refused) == "<Throttle of 'f': ACCOUNT_RATE, again in 0.75 s>"
    now += int(refused.retry_after * 1e9)
    assert live.try_acquire("f")


def test_a_reason_is_that_of_the_profile():
    live = controller(0, [lc.Function("f")], reason_map={"UNRESERVED_CONCURRENCY": "Mine"})
    assert live.try_acquire("f").reason == "Mine"


def test_acquire_raises_at_once_or_in_time_with_the_throttle():
    live = controller()
    for acquire in (live.acquire, live.handle().acquire):
        with acquire("checkout"), acquire("checkout", 0) as permit:
            assert permit.function == "checkout"
            with pytest.raises(lc.ThrottledError) as at_once:
                acquire("checkout")
            assert str(at_once.value) == (
                "'checkout' is throttled: RESERVED_CONCURRENCY "
                "(ReservedFunctionConcurrentInvocationLimitExceeded)"
            )
            with pytest.raises(lc.ThrottledError, match=r"throttled after 0.05 s: ") as later:
                acquire("checkout", timeout=0.05)
            assert later.value.throttle.outcome is lc.Outcome.RESERVED_CONCURRENCY
        assert live.snapshot().in_use == 0


def test_a_throttle_and_its_error_are_values_that_can_be_copied_and_pickled():
    live = controller(0, [lc.Function("f")])
    refused = live.try_acquire("f")
    assert pickle.loads(pickle.dumps(refused)) == copy.deepcopy(refused) == refused
    assert len({refused, live.try_acquire("f")}) == 1
    assert refused != 16
    with pytest.raises(lc.ThrottledError) as error:
        live.acquire("f")
    assert pickle.loads(pickle.dumps(error.value)).throttle == refused


def test_any_label_of_a_trace_is_understood():
    function = lc.Function("f", versions=2, aliases={"live": 2}, provisioned_concurrency={"2": 1})
    live = controller(9, [function])
    outcomes = {}
    for label in ("f", "f:live", "f:2", "f:1", "f:$LATEST"):
        with live.acquire(label) as permit:
            assert permit.function == label
            outcomes[label] = permit.outcome.name
    assert outcomes["f:live"] == outcomes["f:2"] == "PROVISIONED"
    assert outcomes["f"] == outcomes["f:1"] == outcomes["f:$LATEST"] == "WARM"


# Refusals


def test_unknown_functions_are_refused_as_simulate_refuses_them():
    live = controller()
    for label, text in [
        ("chekout", "the account has no function 'chekout' (did you mean 'checkout'?)"),
        ("spills:liv", "function 'spills' has no version or alias 'liv' (did you mean 'live'?)"),
    ]:
        for ask in (live.try_acquire, live.acquire, live.handle().try_acquire):
            with pytest.raises(lc.ConfigurationError) as refused:
                ask(label)
            assert str(refused.value).startswith(text)
        with pytest.raises(lc.ConfigurationError) as simulated:
            lc.simulate(live.account, lc.Trace([0.0], label, 1.0))
        assert type(simulated.value) is type(refused.value)
        assert refused.value.argument == "function"


@pytest.mark.parametrize("bad", [None, 3, "", b"checkout", ["checkout"], {}, "\ud800"])
def test_what_is_no_label_is_refused_with_the_argument_named(bad):
    live = controller()
    for ask in (live.try_acquire, live.acquire):
        with pytest.raises(lc.ConfigurationError) as refused:
            ask(bad)
        assert refused.value.argument == "function"


@pytest.mark.parametrize("bad", [float("nan"), -1, -0.001, "1", True, float("-inf"), 1e300, [], 1j])
def test_a_timeout_must_be_seconds(bad):
    with pytest.raises(ValueError, match="timeout") as refused:
        controller().acquire("checkout", timeout=bad)
    assert refused.value.argument == "timeout"


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"account": None}, "account"),
        ({"account": [lc.Function("f")]}, "account"),
        ({"account": lc.Account(10), "clock": 3}, "clock"),
        ({"account": lc.Account(2**24)}, "concurrency_limit"),
        ({"account": lc.Account(profile=SLIDING)}, "profile.rps_window"),
    ],
)
def test_what_a_controller_cannot_be_of_is_refused_with_the_argument_named(given, argument):
    with pytest.raises(lc.ConfigurationError, match=rf"^{argument}[ :]") as refused:
        lc.AdmissionController(**given)
    assert refused.value.argument == argument
    lc.AdmissionController(lc.Account(2**24 - 1, profile="pools-2026"))


def test_a_clock_that_gives_no_nanoseconds_is_refused_and_what_it_raises_comes_through():
    for said in (-1, 2**63, 0.5, None):
        live = controller(rps_scope="documented", clock=lambda said=said: said)
        with pytest.raises(lc.ConfigurationError, match=r"clock\(\) = "):
            live.try_acquire("checkout")
    live = controller(rps_scope="documented", clock=lambda: 1 // 0)
    for ask in (lambda: live.try_acquire("checkout"), lambda: live.try_acquire_many(["checkout"])):
        with pytest.raises(ZeroDivisionError):
            ask()
    # Without rates nobody asks it.
    assert controller(clock=lambda: 1 // 0).try_acquire("checkout")


@pytest.mark.parametrize(
    "bad", ["checkout", 3, None, ["nobody"], [1], np.zeros((2, 2), "u4"), np.array([0, 99], "u4"),
            np.array([-1]), np.array([99], "u8"), np.array([0.5]), np.array(3)],
)  # fmt: skip
def test_a_batch_of_what_means_nothing_is_refused_before_anything_is_taken(bad):
    live = controller()
    with pytest.raises(lc.ConfigurationError):
        live.try_acquire_many(bad)
    assert live.snapshot().functions[0].admitted == 0


def test_targets_of_any_integer_type_are_taken():
    live = controller()
    numbers = live.targets(["checkout", "reports", "checkout", "checkout"])
    assert numbers.dtype == np.uint32
    wide = np.repeat(numbers, 2)[::2]
    others = [numbers.astype(kind) for kind in ("i8", "u1", ">i4")]
    for asked in (numbers, wide, *others):
        with live.try_acquire_many(asked) as permits:
            assert permits.outcome.tolist() == [2, 2, 2, 17]
            assert not permits.outcome.flags.writeable
            assert repr(permits) == "<Permits: 3 of 4 admitted>"
    assert repr(permits) == "<Permits: 3 of 4 admitted, given back>"
    assert len(live.try_acquire_many([])) == 0


def test_refused_changes_carry_awss_answer_and_change_nothing():
    live = controller()
    before = live.snapshot()
    for ask, code in [
        (lambda: live.set_reserved_concurrency("checkout", 11), "InvalidParameterValueException"),
        (lambda: live.set_reserved_concurrency("nobody", 1), "ResourceNotFoundException"),
        (lambda: live.set_provisioned_concurrency("checkout", 1), "InvalidParameterValueException"),
        (lambda: live.set_provisioned_concurrency("spills:9", 1), "ResourceNotFoundException"),
    ]:
        with pytest.raises(lc.ConfigurationError) as refused:
            ask()
        assert refused.value.aws_code == code
        assert refused.value.aws_message
    for ask in (
        lambda: live.set_concurrency_limit(2**24),
        lambda: live.set_concurrency_limit(-1),
        lambda: live.set_concurrency_limit(True),
        lambda: live.set_concurrency_limit(None),
        lambda: live.set_reserved_concurrency("checkout", 1.5),
        lambda: live.set_provisioned_concurrency("spills", 2**31),
    ):
        with pytest.raises(lc.ConfigurationError, match=r"^value[ :]") as refused:
            ask()
        assert refused.value.argument == "value"
    assert live.snapshot() == before


# Snapshots


def test_a_snapshot_shows_each_pool_and_its_peak_since_the_one_before():
    """P10: per counter."""
    live = controller()
    held = live.try_acquire_many(["checkout", "checkout", "checkout", "reports", "spills"])
    live.set_reserved_concurrency("checkout", 4)
    snapshot = live.snapshot()
    assert snapshot.shared == lc.PoolSnapshot(limit=5, in_use=1, peak=1)
    assert snapshot["checkout"].reserved == lc.PoolSnapshot(4, 2, 2)
    assert snapshot["spills"].provisioned == {"1": lc.PoolSnapshot(1, 1, 1)}
    assert (snapshot["checkout"].admitted, snapshot["checkout"].throttled) == (2, 1)
    assert snapshot.in_use == 4
    assert (
        repr(snapshot)
        == """\
pool                   limit  in use    peak  admitted  throttled
shared                     5       1       1
checkout reserved          4       2       2         2          1
reports                                              1          0
spills:1 provisioned       1       1       1         1          0"""
    )
    held.release()
    assert [live.snapshot()["checkout"].reserved.peak for _ in range(2)] == [2, 0]
    with pytest.raises(lc.ConfigurationError, match="did you mean 'reports'"):
        snapshot["report"]
    with pytest.raises(AttributeError):
        snapshot.shared = None
    assert pickle.loads(pickle.dumps(snapshot)) == snapshot
    assert snapshot.to_dict()["functions"][1]["reserved"] is None


def test_a_snapshot_of_many_functions_still_fits_a_screen():
    functions = [lc.Function(f"a-function-with-a-rather-long-name-{i}") for i in range(500)]
    lines = repr(controller(10, functions).snapshot()).splitlines()
    assert len(lines) < 25
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "... and 480 more functions"


def test_totals_that_others_read_never_fall():
    """P10."""
    live, seen, stop = controller(), [], threading.Event()

    def work():
        while not stop.is_set():
            with live.try_acquire_many(["checkout"] * 100):
                pass

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        snapshot = live.snapshot()
        assert snapshot["checkout"].reserved.in_use <= 2
        seen.append((snapshot["checkout"].admitted, snapshot["checkout"].throttled))
    stop.set()
    for thread in threads:
        thread.join()
    assert seen == sorted(seen)
    assert sorted(t for _, t in seen) == [t for _, t in seen]


def test_entering_a_refusal_raises_what_acquire_would():
    live = lc.AdmissionController(
        lc.Account(1, [lc.Function("f")], unreserved_floor=0, profile="pools-2026")
    )
    with live.try_acquire("f"):
        refused = live.try_acquire("f")
        with pytest.raises(lc.ThrottledError, match="UNRESERVED_CONCURRENCY") as caught, refused:
            pytest.fail("there is no permit")
        assert caught.value.throttle.outcome is lc.Outcome.UNRESERVED_CONCURRENCY
    assert live.snapshot().in_use == 0


def test_a_call_that_waits_is_one_invocation():
    """It asks several times, and is admitted or, where it gives up, throttled once."""
    profile = lc.Profile.named("aws-2026").replace(rps_counts="all")
    live = lc.AdmissionController(
        lc.Account(1, [lc.Function("f")], unreserved_floor=0, profile=profile)
    )
    with live.acquire("f"), pytest.raises(lc.ThrottledError, match=r"after 0\.2 s"):
        live.acquire("f", timeout=0.2)
    live.acquire("f", timeout=1.0).release()
    counts = live.snapshot()["f"]
    assert (counts.admitted, counts.throttled) == (2, 1)
