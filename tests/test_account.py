"""Accounts and functions: immutable, checked, with AWS's own words where AWS refuses."""

import dataclasses
import math
import pickle

import numpy as np
import pytest

import lambdacore as lc


def test_an_account_has_a_thousand_and_keeps_a_hundred_unreserved():
    """Rule 1: default quota 1,000; the floor is the smaller of 100 and the limit."""
    account = lc.Account(functions=[lc.Function("checkout", reserved_concurrency=200)])
    assert account.concurrency_limit == 1_000
    assert account.unreserved_concurrency == 800
    assert lc.Account(functions=[lc.Function("f", reserved_concurrency=900)])


def test_the_refusal_of_a_reservation_has_awss_code_and_words_and_the_remedy():
    with pytest.raises(lc.ConfigurationError) as caught:
        lc.Account(
            1_000,
            [
                lc.Function("a", reserved_concurrency=600),
                lc.Function("b", reserved_concurrency=301),
            ],
        )
    error = caught.value
    assert error.argument == "functions[1].reserved_concurrency"
    assert error.aws_code == "InvalidParameterValueException"
    assert error.aws_message.endswith("below its minimum value of [100].")
    assert "at most 300 can be reserved" in str(error)


def test_more_than_the_limit_is_refused_with_the_same_words():
    """Rule 1: the same text even when the reservation exceeds the quota."""
    with pytest.raises(lc.ConfigurationError) as caught:
        lc.Account(1_000, [lc.Function("a", reserved_concurrency=5_000)])
    assert caught.value.aws_message.endswith("below its minimum value of [100].")


def test_the_floor_can_be_overridden():
    assert lc.Account(10, [lc.Function("f", reserved_concurrency=10)], unreserved_floor=0)
    with pytest.raises(lc.ConfigurationError, match="minimum of 500"):
        lc.Account(1_000, [lc.Function("f", reserved_concurrency=501)], unreserved_floor=500)


def test_zero_reserved_differs_from_none_reserved():
    """Rule 2.5: 0 throttles everything; absent shares the pool."""
    trace = lc.Trace([0.0], "f", 1.0)
    for reserved, outcome in ((0, lc.Outcome.RESERVED_ZERO), (None, lc.Outcome.COLD)):
        account = lc.Account(functions=[lc.Function("f", reserved_concurrency=reserved)])
        assert lc.simulate(account, trace).outcome.tolist() == [outcome]


def test_replace_gives_a_new_account_and_leaves_the_old_as_it_was():
    account = lc.Account(functions=[lc.Function("checkout", reserved_concurrency=200)])
    more = account.replace("checkout", reserved_concurrency=300)
    assert account["checkout"].reserved_concurrency == 200
    assert more["checkout"].reserved_concurrency == 300
    assert more.unreserved_concurrency == 700
    assert account.replace(concurrency_limit=2_000).unreserved_concurrency == 1_800
    for change in ("concurrency_limit", "functions"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(account, change, 1)
    with pytest.raises(lc.ConfigurationError, match="did you mean 'reserved_concurrency'"):
        account.replace("checkout", reserved_concurency=1)
    with pytest.raises(lc.ConfigurationError, match="did you mean 'checkout'"):
        account.replace("chekout", reserved_concurrency=1)


@pytest.mark.parametrize("value", [-1, True, np.True_, 3.5, "3", 2**31, math.nan, [1]])
def test_a_limit_is_an_integer_from_0_to_2_31_minus_1(value):
    with pytest.raises(lc.ConfigurationError) as caught:
        lc.Account(value)
    assert caught.value.argument == "concurrency_limit"
    with pytest.raises(lc.ConfigurationError) as caught:
        lc.Function("f", reserved_concurrency=value)
    assert caught.value.argument == "reserved_concurrency"


def test_a_limit_may_come_from_numpy_and_reach_2_31_minus_1():
    assert lc.Account(np.int16(7), unreserved_floor=np.uint8(3)).concurrency_limit == 7
    assert lc.Account(2**31 - 1).unreserved_concurrency == 2**31 - 1


@pytest.mark.parametrize("value", [-1, -0.5, math.nan, "1", True, [1], 1e10])
def test_times_are_numbers_of_seconds(value):
    for field in ("init_duration", "idle_timeout"):
        with pytest.raises(lc.ConfigurationError) as caught:
            lc.Function("f", **{field: value})
        assert caught.value.argument == field
    with pytest.raises(lc.ConfigurationError, match="init_duration"):
        lc.Function("f", init_duration=math.inf)


def test_names_are_unique_and_not_empty():
    for name in ("", None, 3):
        with pytest.raises(lc.ConfigurationError, match="name"):
            lc.Function(name)
    with pytest.raises(lc.ConfigurationError) as caught:
        lc.Account(functions=[lc.Function("a"), lc.Function("b"), lc.Function("a")])
    assert caught.value.argument == "functions[2].name"
    with pytest.raises(lc.ConfigurationError, match=r"write lc.Function\('a'\)"):
        lc.Account(functions=["a"])


@pytest.mark.parametrize(
    "call",
    [
        lambda: lc.Account(functions=lc.Function("a")),
        lambda: lc.Account(functions=5),
        lambda: lc.Account(functions="ab"),
        lambda: lc.Account.for_trace(None),
        lambda: lc.Account.for_trace("hour.csv"),
        lambda: lc.Account.for_trace(lc.Trace([0], "f", 0), reserve=["f"]),
        lambda: lc.Function("\ud800"),
        lambda: lc.Function("a", init_duration=10**400),
        lambda: lc.Profile(scaling_rate=1e-300),
        lambda: lc.Profile(scaling_rate=1e300),
        lambda: lc.required_concurrency(lc.Trace([0], "f", 0), 10**400),
        lambda: lc.read_trace("a.csv", limits=5),
        lambda: lc.read_trace("a\0b"),
    ],
)
def test_values_of_another_kind_or_size_are_refused_by_a_typed_error(call):
    """G3: never a bare TypeError, OverflowError or AttributeError from inside."""
    with pytest.raises(lc.LambdacoreError):
        call()


def test_an_account_is_a_collection_of_its_functions():
    account = lc.Account(functions=[lc.Function("a"), lc.Function("b")])
    assert "a" in account
    assert "c" not in account
    assert 0 not in account
    assert [function.name for function in account] == ["a", "b"]
    assert len(account) == 2


def test_many_functions_are_looked_up_at_once_and_shown_in_part():
    account = lc.Account(functions=[lc.Function(f"{i:064d}") for i in range(20_000)])
    assert sum(account.index(function.name) for function in account) == 199_990_000
    assert len(repr(account)) < 3_000
    with pytest.raises(lc.ConfigurationError, match="no function"):
        account.index("f" * 64)


def test_a_value_of_the_function_precedes_the_accounts_and_that_the_profiles():
    """Precedence."""
    profile = lc.Profile.named("pools-2026").replace(idle_timeout=10.0, init_duration=0.1)
    account = lc.Account(
        functions=[lc.Function("own", idle_timeout=30.0), lc.Function("other")],
        profile=profile,
        idle_timeout=20.0,
    )
    assert account.effective_idle_timeout("own") == 30.0
    assert account.effective_idle_timeout("other") == 20.0
    assert account.effective_init_duration("own") == 0.1


def test_profiles_are_named_data_with_typed_switches():
    profile = lc.Profile.named("pools-2026")
    assert (profile.scaling, profile.scaling_burst, profile.scaling_rate) == ("bucket", 1_000, 100)
    off = profile.replace(scaling="off")
    assert (off.scaling, off.name) == ("off", "pools-2026*")
    assert lc.Profile("pools-2026", scaling="off", rps_scope="off") == off
    assert off.replace(scaling="bucket") == profile
    assert lc.Profile(name="mine", scaling="off").name == "mine"
    for change in (
        {"scaling": "on"}, {"scaling_burst": -1}, {"scaling_rate": 7.0}, {"scaling_rate": 1e10},
        {"scaling_rate": 0}, {"scaling_rate": 1e-9},
        {"environments": True}, {"idle_timeout": -1}, {"scalling": "off"},
    ):  # fmt: skip
        with pytest.raises(lc.ConfigurationError):
            profile.replace(**change)
    with pytest.raises(lc.ConfigurationError, match="did you mean 'pools-2026'"):
        lc.Account(profile="pool-2026")


def test_for_trace_declares_every_function_of_a_trace():
    trace = lc.Trace([0, 1], ["a", "b"], 1)
    account = lc.Account.for_trace(trace, 500, reserve={"b": 50}, idle_timeout=60)
    assert [f.name for f in account.functions] == ["a", "b"]
    assert account.unreserved_concurrency == 450
    with pytest.raises(lc.ConfigurationError, match="no function 'c'"):
        lc.Account.for_trace(trace, reserve={"c": 1})


def test_a_function_that_the_account_does_not_declare_is_an_error_with_its_remedy():
    trace = lc.Trace([0, 1], ["checkout", "chekout"], 1)
    with pytest.raises(lc.ConfigurationError, match=r"'chekout'.*did you mean.*for_trace"):
        lc.simulate(lc.Account(functions=[lc.Function("checkout")]), trace)


def test_get_account_settings_answers_as_aws_does():
    account = lc.Account(functions=[lc.Function("a", reserved_concurrency=100), lc.Function("b")])
    assert account.get_account_settings() == {
        "AccountLimit": {"ConcurrentExecutions": 1_000, "UnreservedConcurrentExecutions": 900},
        "AccountUsage": {"FunctionCount": 2},
    }


def test_configurations_and_errors_survive_pickling():
    account = lc.Account(functions=[lc.Function("a", reserved_concurrency=3)], idle_timeout=5)
    assert pickle.loads(pickle.dumps(account)) == account
    assert pickle.loads(pickle.dumps(account)).unreserved_concurrency == 997
    with pytest.raises(lc.ConfigurationError) as caught:
        lc.Account(10, [lc.Function("a", reserved_concurrency=3)])
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.aws_code) == (str(caught.value), caught.value.aws_code)


def test_the_repr_shows_what_was_set():
    account = lc.Account(functions=[lc.Function("a", reserved_concurrency=3), lc.Function("b")])
    assert repr(account) == (
        "Account(1000, functions=[Function('a', reserved_concurrency=3), Function('b')])"
    )
    assert eval(repr(account), vars(lc)) == account
