"""Schedules: calls beside the trace, judged as AWS would, and what bad ones get."""

import math
import pickle

import numpy as np
import pytest

import lambdacore as lc

FUNCTION = lc.Function(
    "checkout", reserved_concurrency=20, versions=2, aliases={"live": 1, "dev": "$LATEST"},
    provisioned_concurrency={"live": 5},
)  # fmt: skip
ACCOUNT = lc.Account(1_000, [FUNCTION, lc.Function("mail")])
INVALID = "InvalidParameterValueException"


def refused(schedule, account=ACCOUNT):
    """The answer to the last call, which is refused and without effect."""
    answer = schedule.answers(account)[-1]
    assert not answer.accepted
    assert answer.response == {}
    trace = lc.Trace(np.arange(60.0).repeat(8), "checkout:live", 1.5)
    without = lc.Schedule(schedule.calls[:-1])
    run, plain = (lc.simulate(account, trace, s) for s in (schedule, without))
    assert run.outcome.tobytes() == plain.outcome.tobytes()
    assert run.answers[-1] == answer
    return answer


@pytest.mark.parametrize(
    ("call", "code", "status", "message"),
    [
        (
            ("PutProvisionedConcurrencyConfig", {"qualifier": "$LATEST", "value": 1}),
            INVALID, 400,
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        ),
        (
            ("PutProvisionedConcurrencyConfig", {"qualifier": "dev", "value": 1}),
            INVALID, 400,
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        ),
        (
            ("PutProvisionedConcurrencyConfig", {"qualifier": "7", "value": 1}),
            "ResourceNotFoundException", 404,
            "Function not found: arn:aws:lambda:us-east-1:123456789012:function:checkout:7",
        ),
        (
            ("PutProvisionedConcurrencyConfig", {"qualifier": "live", "value": 0}),
            "ValidationException", 400,
            "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to "
            "satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            ("PutProvisionedConcurrencyConfig", {"qualifier": "live", "value": 21}),
            INVALID, 400,
            "Requested Provisioned Concurrency should not be greater than the "
            "reservedConcurrentExecution for function",
        ),
        (
            ("PutProvisionedConcurrencyConfig", {"qualifier": "1", "value": 1}),
            "ResourceConflictException", 409,
            "Version is pointed by a Provisioned Concurrency alias",
        ),
        (
            ("PutFunctionConcurrency", {"value": 4}),
            INVALID, 400,
            " ReservedConcurrentExecutions  4 should not be lower than function's total "
            "provisioned concurrency [5].",
        ),
        (
            ("PutFunctionConcurrency", {"value": 901}),
            INVALID, 400,
            "Specified ReservedConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of [100].",
        ),
        (
            ("UpdateAlias", {"qualifier": "live", "version": 3}),
            "ResourceNotFoundException", 404,
            "Function not found: arn:aws:lambda:us-east-1:123456789012:function:checkout:3",
        ),
        (
            ("GetProvisionedConcurrencyConfig", {"qualifier": "2"}),
            "ProvisionedConcurrencyConfigNotFoundException", 404,
            "No Provisioned Concurrency Config found for this function",
        ),
    ],
)  # fmt: skip
def test_what_aws_refuses_has_its_code_its_words_and_no_effect(call, code, status, message):
    """Rules 1.3, 1.7, 3.1 to 3.4 and I15."""
    operation, arguments = call
    answer = refused(lc.Schedule().call(10.0, operation, function="checkout", **arguments))
    assert (answer.aws_code, answer.status, answer.aws_message) == (code, status, message)


def test_a_function_that_does_not_exist_and_one_that_is_qualified_are_refused():
    """Rule 1.8."""
    answer = refused(lc.Schedule().put_function_concurrency(1.0, "chekout", 3))
    assert (answer.aws_code, answer.status) == ("ResourceNotFoundException", 404)
    answer = refused(lc.Schedule().put_function_concurrency(1.0, "checkout:live", 30))
    assert answer.aws_code == INVALID
    assert answer.aws_message.startswith("This operation is permitted on Lambda functions only.")
    arn = "arn:aws:lambda:us-east-1:123456789012:function:checkout"
    answer = refused(lc.Schedule().put_function_concurrency(1.0, f"{arn}:live", 30))
    assert answer.aws_message.startswith("This operation is permitted on Lambda functions only.")
    assert lc.Schedule().put_function_concurrency(1.0, arn, 30).answers(ACCOUNT)[0].accepted


def test_without_a_reservation_provisioned_concurrency_leaves_the_floor():
    """Rule 3.5: 900 of a thousand at most; the text names what is unreserved."""
    account = lc.Account(1_000, [lc.Function("f", versions=1)])

    def put(value):
        return lc.Schedule().put_provisioned_concurrency_config(1.0, "f", 1, value)

    assert put(900).answers(account)[0].accepted
    assert refused(put(901), ACCOUNT.replace(functions=account.functions + ACCOUNT.functions[:1]))
    answer = put(901).answers(account)[0]
    assert answer.aws_message.endswith("below its minimum value of [100].")
    assert answer.message.endswith("at most 900")
    answer = put(1_001).answers(account)[0]
    assert answer.aws_message == (
        "Specified ConcurrentExecutions for function is greater than account's unreserved "
        "concurrency [1000]."
    )


def test_an_account_is_refused_by_the_same_rules():
    """The configuration at time zero is what calls one after the other would give."""
    for functions, argument, code in (
        ([FUNCTION.replace(reserved_concurrency=4)], "provisioned_concurrency", INVALID),
        ([lc.Function("f", provisioned_concurrency=901)], "provisioned_concurrency", INVALID),
        ([lc.Function("f", provisioned_concurrency={"live": 1})], "provisioned_concurrency",
         "ResourceNotFoundException"),
        ([lc.Function("f", provisioned_concurrency=0)], "provisioned_concurrency",
         "ValidationException"),
        ([lc.Function("f", reserved_concurrency=901)], "reserved_concurrency", INVALID),
    ):  # fmt: skip
        with pytest.raises(lc.ConfigurationError) as caught:
            lc.Account(1_000, functions)
        assert caught.value.argument == f"functions[0].{argument}"
        assert caught.value.aws_code == code
    with pytest.raises(lc.ConfigurationError, match="version 2; 1 are published"):
        lc.Account(functions=[lc.Function("f", versions=1, aliases={"live": 2})])
    for aliases in ({"1": 1}, {"$LATEST": 1}):
        with pytest.raises(lc.ConfigurationError, match="alias"):
            lc.Account(functions=[lc.Function("f", versions=1, aliases=aliases)])


def test_a_schedule_that_goes_back_in_time_is_refused_by_index():
    schedule = lc.Schedule().set_concurrency_limit(5.0, 10)
    with pytest.raises(lc.ConfigurationError, match=r"calls\[1\] goes back in time: 4 s") as caught:
        schedule.set_concurrency_limit(4.0, 10)
    assert caught.value.argument == "calls[1].at"
    assert len(schedule) == 1
    assert lc.Schedule(reversed([*schedule])) == schedule


@pytest.mark.parametrize("at", [-1.0, math.nan, math.inf, True, "1", [1.0], None, 1e10])
def test_an_instant_is_a_time_on_the_trace_s_clock(at):
    with pytest.raises(lc.ConfigurationError) as caught:
        lc.Schedule().set_concurrency_limit(at, 10)
    assert caught.value.argument == "at"


def test_instants_are_seconds_nanoseconds_or_datetimes():
    for at, nanoseconds in ((1.5, 1_500_000_000), (7, 7), (np.datetime64(2, "s"), 2 * 10**9)):
        assert lc.Schedule().set_concurrency_limit(at, 10).calls[0].at == nanoseconds


@pytest.mark.parametrize(
    "make",
    [
        lambda s: s.set_concurrency_limit(0.0, -1),
        lambda s: s.set_concurrency_limit(0.0, 2**31),
        lambda s: s.put_function_concurrency(0.0, "f", 1.5),
        lambda s: s.put_function_concurrency(0.0, 3, 1),
        lambda s: s.put_provisioned_concurrency_config(0.0, "f", "live", True),
        lambda s: s.call(0.0, "PutFunctionConcurency", function="f", value=1),
        lambda s: s.call(0.0, "PutFunctionConcurrency", function="f"),
        lambda s: lc.Schedule(["x"]),
        lambda s: lc.simulate(ACCOUNT, lc.Trace([], [], [], ["mail"]), s.calls),
    ],
)
def test_what_is_no_call_is_a_typed_error(make):
    with pytest.raises(lc.ConfigurationError):
        make(lc.Schedule())


def test_schedules_and_their_results_survive_pickling():
    schedule = (
        lc.Schedule().put_function_concurrency(1.0, "mail", 3).delete_alias(2.0, "checkout", "live")
    )
    trace = lc.Trace(np.arange(9.0), "mail", 2.0)
    result = lc.simulate(ACCOUNT, trace, schedule)
    copy = pickle.loads(pickle.dumps(result))
    assert copy.schedule == schedule
    assert copy.answers == result.answers
    assert copy.provenance() == result.provenance()
    assert "PutFunctionConcurrency mail 3" in repr(schedule)


def test_a_frozen_function_keeps_what_it_holds():
    """Its mappings cannot be changed, and survive a copy."""
    with pytest.raises(TypeError, match="replace"):
        FUNCTION.aliases["live"] = 2
    assert pickle.loads(pickle.dumps(FUNCTION)) == FUNCTION
    assert hash(FUNCTION) == hash(FUNCTION.replace())
    assert FUNCTION.replace(versions=3).aliases == FUNCTION.aliases


def test_a_trace_that_names_what_is_not_there_is_refused_with_the_near_one():
    for name, near in (
        ("checkout:live2", "'live'"),
        ("chekout:live", "'checkout'"),
        ("checkout:3", "or alias '3'"),
    ):
        with pytest.raises(lc.ConfigurationError, match=near):
            lc.simulate(ACCOUNT, lc.Trace([0.0], name, 1.0))


def test_for_trace_declares_the_versions_and_aliases_that_a_trace_names():
    trace = lc.Trace([0.0] * 5, ["a:live", "a:2", "b", "arn:x:y", "a:$LATEST"], 1.0)
    account = lc.Account.for_trace(trace, reserve={"a": 5}, provision={"a:live": 2, "b": 1})
    assert [function.name for function in account] == ["a", "b", "arn:x:y"]
    assert account["a"].versions == 2
    assert account["a"].aliases == {"live": 2}
    assert lc.simulate(account, trace).outcome.tolist() == [1, 1, 1, 3, 3]
    with pytest.raises(lc.ConfigurationError, match="the trace has no function 'c'"):
        lc.Account.for_trace(trace, provision={"c:live": 2})
    with pytest.raises(lc.ConfigurationError, match="one of both"):
        lc.Account.for_trace(trace, provision={"a": 1, "a:live": 2})


def test_named_profiles_are_the_rules_of_their_day():
    """Rules 3.14 and 4.7, section 1: bursts by Region, the limit of a new account."""
    assert lc.Account().profile.name == "aws-2026"
    assert lc.Account(profile="new-account").concurrency_limit == 10
    assert lc.Account(50, profile="new-account").concurrency_limit == 50
    for region, burst in (("us-east-1", 3_000), ("eu-central-1", 1_000), ("sa-east-1", 500)):
        profile = lc.Profile.named("aws-2022", region=region)
        assert (profile.scaling_burst, profile.pc_ramp_burst) == (burst, burst)
    with pytest.raises(lc.ConfigurationError, match="same in all Regions"):
        lc.Profile.named("aws-2026", region="us-east-1")
    mapped = lc.Profile(reason_map={"SCALING_RATE": "FunctionInvocationRateLimitExceeded"})
    account = lc.Account(functions=[lc.Function("f")], profile=mapped.replace(scaling_burst=0))
    result = lc.simulate(account, lc.Trace([0.0], "f", 1.0))
    assert result.throttles_by_reason() == {"FunctionInvocationRateLimitExceeded": 1}
    with pytest.raises(lc.ConfigurationError, match="did you mean 'SCALING_RATE'"):
        lc.Profile(reason_map={"SCALING_RAT": "x"})


def test_account_settings_show_what_is_unreserved_in_either_reading():
    account = ACCOUNT.replace("mail", provisioned_concurrency=30)
    assert account.unreserved_concurrency == 950
    shown = account.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    assert shown == 950
    other = account.replace(profile=account.profile.replace(api_unreserved="minus_R_only"))
    shown = other.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    assert shown == 980


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((-1, "SetConcurrencyLimit"), "at"),
        ((1.5, "SetConcurrencyLimit"), "at"),
        ((2**63, "SetConcurrencyLimit"), "at"),
        ((0, "SetConcurrencyLimits"), "operation"),
        ((0, "PutFunctionConcurrency", 5), "function"),
        ((0, "PutFunctionConcurrency", "\ud800"), "function"),
        ((0, "PutFunctionConcurrency", "f", "", -1), "value"),
        ((0, "SetConcurrencyLimit", "", "", 2**31), "value"),
        ((0, "PutProvisionedConcurrencyConfig", "f", None, 1), "qualifier"),
        ((0, "PutProvisionedConcurrencyConfig", "f", "live", 1.5), "value"),
        ((0, "PutProvisionedConcurrencyConfig", "f", "live", 1, "", "no"), "init_fails"),
        ((0, "UpdateAlias", "f", "live", 0, 2), "version"),
    ],
)
def test_a_call_names_the_field_that_cannot_be(arguments, named):
    with pytest.raises(lc.ConfigurationError) as caught:
        lc.Call(*arguments)
    assert caught.value.argument == named


@pytest.mark.parametrize("bad", [None, True, 1.0, b"live", ""])
def test_a_qualifier_is_a_name_or_a_number(bad):
    for make in (
        lambda s: s.put_provisioned_concurrency_config(0.0, "f", bad, 1),
        lambda s: s.update_alias(0.0, "f", "live", bad),
    ):
        with pytest.raises(lc.ConfigurationError):
            make(lc.Schedule())


def test_versions_beyond_all_bounds_are_refused_before_anything_is_made():
    """Such a number in a trace is a slip, such as a date behind a colon."""
    trace = lc.Trace([0.0], ["orders:20240101"], 1.0)
    with pytest.raises(lc.ConfigurationError, match="more than 2\\^20 versions"):
        lc.Account.for_trace(trace)
    for label in ("f:0", "f:01", "a:b:c", "f:", ":f"):
        trace = lc.Trace([0.0], [label], 1.0)
        assert [f.name for f in lc.Account.for_trace(trace)] == [label]
        assert lc.simulate(lc.Account.for_trace(trace), trace).outcome.tolist() == [3]


@pytest.mark.parametrize("alias", ["prüf", "a:b", "7", "", 5, "x" * 129])
def test_names_of_aliases_are_those_that_aws_has(alias):
    with pytest.raises(lc.ConfigurationError) as caught:
        lc.Function("f", versions=1, aliases={alias: 1})
    assert caught.value.argument == "aliases"
    with pytest.raises(lc.ConfigurationError):
        lc.Function("f", versions=1, aliases={"live": "1" * 5_000})


def test_a_name_with_colons_is_a_function_like_any_other():
    name = "arn:aws:lambda:us-east-1:1:function:foo"
    trace = lc.Trace([0.0], [name], 1.0)
    account = lc.Account(functions=[lc.Function(name, provisioned_concurrency=1)])
    result = lc.simulate(account, trace)
    used = result.metric("ProvisionedConcurrencyUtilization", function=name)
    assert used[0] == 1.0


def test_provisioned_concurrency_is_given_over_what_is_declared():
    """`for_trace` and `--provision`: one qualifier more, or the plain number anew."""
    from lambdacore.function import with_claims

    given = with_claims(FUNCTION, {}, {"checkout:2": 3})
    assert given.provisioned_concurrency == {"live": 5, "2": 3}
    short = lc.Function("f", provisioned_concurrency=5)
    assert with_claims(short, {}, {"f:live": 6}).provisioned_concurrency == 6
    assert with_claims(short, {}, {"f": 7}).provisioned_concurrency == 7
    with pytest.raises(lc.ConfigurationError, match="a plain number"):
        with_claims(short, {}, {"f:1": 6})


def test_a_named_profile_is_looked_up_and_not_spelt():
    """The name alone has not the values of that name."""
    for name in ("aws-2022", "pure-pools"):
        with pytest.raises(lc.ConfigurationError, match=r"lc\.Profile\.named"):
            lc.Profile(name)
    back = lc.Profile.named("pools-2026").replace(rps_scope="documented")
    assert back.name == "pools-2026*"
    assert back.replace(rps_scope="off") == lc.Profile.named("pools-2026")


def test_limits_that_change_are_said_to_be_those_of_the_beginning():
    trace = lc.Trace([0.0, 9.0], "mail", 1.0)
    schedule = lc.Schedule().set_concurrency_limit(5.0, 2_000)
    result = lc.simulate(ACCOUNT, trace, schedule)
    assert "limits are those of the beginning" in repr(result.summary())
    assert "at a limit of 1,000, which changes" in repr(result)
    plain = lc.simulate(ACCOUNT, trace)
    assert "beginning" not in repr(plain.summary())
    assert "changes" not in repr(plain)


def test_a_schedule_is_judged_on_an_account():
    with pytest.raises(lc.ConfigurationError, match="not an Account"):
        lc.Schedule().answers(lc.Trace([], [], [], []))
