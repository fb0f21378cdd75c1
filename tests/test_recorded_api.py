"""The answers recorded from the real API, call by call.

Each case of the recording is driven through a `Schedule` (or, for invocations, through a run) in
the order in which it was recorded. Compared are the HTTP status, the error's code where the
recording has one, its message word by word, and every field about concurrency. Placeholders of
the recording stand for the names used here; partition, Region and account number may be any.

The recorded cases of a reservation that overlaps with provisioned concurrency are not in this
file: they are the worked examples E09 and E10.
"""

import functools
import json
import re

import pytest

import lambdacore as lc

FIELDS = {
    "ReservedConcurrentExecutions",
    "RequestedProvisionedConcurrentExecutions",
    "AvailableProvisionedConcurrentExecutions",
    "AllocatedProvisionedConcurrentExecutions",
    "ProvisionedConcurrencyConfigs",
    "Status",
    "StatusReason",
}
PUT, GET, DELETE = (f"{verb}_provisioned_concurrency_config" for verb in ("put", "get", "delete"))
LIST = "list_provisioned_concurrency_configs"
RESERVE, ASK, RELEASE = (f"{verb}_function_concurrency" for verb in ("put", "get", "delete"))
PLAIN = lc.Function("f", versions=1)
WITH_ALIAS = lc.Function("f", versions=2, aliases={"live": 1})
#: Seconds after which what is provisioned is there.
LATER = 120.0

#: By case: the function; and by call its key in the recording (None where it was not recorded),
#: the instant, the method of `Schedule` and its arguments.
CASES = {
    "TestLambdaConcurrency::test_lambda_concurrency_crud": (
        PLAIN,
        [
            ("get_function_concurrency_default", 0.0, ASK, "f"),
            ("put_function_concurrency", 0.0, RESERVE, "f", 0),
            ("get_function_concurrency_updated", 0.0, ASK, "f"),
            (None, 0.0, RELEASE, "f"),
            ("get_function_concurrency_deleted", 0.0, ASK, "f"),
        ],
    ),
    "TestLambdaConcurrency::test_lambda_concurrency_update": (
        PLAIN,
        [
            ("put_function_concurrency", 0.0, RESERVE, "f", 3),
            ("get_function_concurrency_updated", 0.0, ASK, "f"),
            ("get_function_concurrency_info", 0.0, ASK, "f"),
            (None, 0.0, RELEASE, "f"),
            ("get_function_concurrency_deleted", 0.0, ASK, "f"),
        ],
    ),
    "TestLambdaReservedConcurrency::test_function_concurrency": (
        PLAIN,
        [
            ("put_function_concurrency_with_reserved_0", 0.0, RESERVE, "f", 0),
            ("put_function_concurrency_with_reserved_1", 0.0, RESERVE, "f", 1),
            ("get_function_concurrency", 0.0, ASK, "f"),
            ("delete_response", 0.0, RELEASE, "f"),
            ("get_function_concurrency_after_delete", 0.0, ASK, "f"),
        ],
    ),
    "TestLambdaReservedConcurrency::test_function_concurrency_exceptions": (
        PLAIN,
        [
            (
                "put_function_concurrency_with_function_name_doesnotexist",
                *(0.0, RESERVE, "doesnotexist", 1),
            ),
            (
                "put_function_concurrency_with_function_name_doesnotexist_and_invalid_concurrency",
                *(0.0, RESERVE, "doesnotexist", 0),
            ),
            ("put_function_concurrency_with_qualified_arn", 0.0, RESERVE, "f:$LATEST", 0),
        ],
    ),
    "TestLambdaReservedConcurrency::test_function_concurrency_limits": (
        PLAIN,
        [
            ("put_function_concurrency_account_limit_exceeded", 0.0, RESERVE, "f", 1_001),
            ("put_function_concurrency_below_unreserved_min_value", 0.0, RESERVE, "f", 901),
        ],
    ),
    "TestLambdaProvisionedConcurrency::test_provisioned_concurrency_limits": (
        PLAIN,
        [
            ("put_provisioned_concurrency_account_limit_exceeded", 0.0, PUT, "f", 1, 1_001),
            ("put_provisioned_concurrency_below_unreserved_min_value", 0.0, PUT, "f", 1, 901),
        ],
    ),
    "TestLambdaProvisionedConcurrency::test_provisioned_concurrency_exceptions": (
        PLAIN,
        [
            ("get_provisioned_config_doesnotexist", 0.0, GET, "f", 1),
            ("get_provisioned_functionname_doesnotexist", 0.0, GET, "doesnotexist", "noalias"),
            ("get_provisioned_qualifier_doesnotexist", 0.0, GET, "f", "noalias"),
            ("get_provisioned_version_doesnotexist", 0.0, GET, "f", 10),
            ("get_provisioned_latest", 0.0, GET, "f", "$LATEST"),
            ("list_provisioned_noconfigs", 0.0, LIST, "f"),
            ("list_provisioned_functionname_doesnotexist", 0.0, LIST, "doesnotexist"),
            ("delete_provisioned_functionname_doesnotexist", 0.0, DELETE, "doesnotexist", 1),
            ("delete_provisioned_qualifier_doesnotexist", 0.0, DELETE, "f", "noalias"),
            ("delete_provisioned_version_doesnotexist", 0.0, DELETE, "f", 10),
            ("delete_provisioned_latest", 0.0, DELETE, "f", "$LATEST"),
            ("delete_provisioned_config_doesnotexist", 0.0, DELETE, "f", 1),
            ("put_provisioned_invalid_param_0", 0.0, PUT, "f", 1, 0),
            (
                "put_provisioned_functionname_doesnotexist_alias",
                *(0.0, PUT, "doesnotexist", "noalias", 1),
            ),
            (
                "put_provisioned_functionname_doesnotexist_version",
                *(0.0, PUT, "doesnotexist", 1, 1),
            ),
            ("put_provisioned_qualifier_doesnotexist", 0.0, PUT, "f", "doesnotexist", 1),
            ("put_provisioned_version_doesnotexist", 0.0, PUT, "f", 10, 1),
            ("put_provisioned_latest", 0.0, PUT, "f", "$LATEST", 1),
        ],
    ),
    "TestLambdaProvisionedConcurrency::test_lambda_provisioned_lifecycle": (
        WITH_ALIAS,
        [
            ("put_provisioned_on_version", 0.0, PUT, "f", 1, 1),
            ("put_provisioned_on_alias_versionconflict", 0.0, PUT, "f", "live", 1),
            ("delete_provisioned_version", 0.0, DELETE, "f", 1),
            ("get_provisioned_version_postdelete", 0.0, GET, "f", 1),
            ("put_provisioned_on_alias", 0.0, PUT, "f", "live", 1),
            ("put_provisioned_on_version_conflict", 0.0, PUT, "f", 1, 1),
            ("delete_alias_result", 0.0, "delete_alias", "f", "live"),
            ("get_provisioned_alias_postaliasdelete", 0.0, GET, "f", "live"),
            ("list_response_postdeletes", 0.0, LIST, "f"),
        ],
    ),
    "TestLambdaConcurrency::test_provisioned_concurrency": (
        PLAIN,
        [
            ("put_provisioned_5", 0.0, PUT, "f", 1, 5),
            ("get_provisioned_prewait", 1.0, GET, "f", 1),
            ("get_provisioned_postwait", LATER, GET, "f", 1),
        ],
    ),
    "TestLambdaConcurrency::test_provisioned_concurrency_on_alias": (
        WITH_ALIAS,
        [
            ("put_provisioned_5", 0.0, PUT, "f", "live", 5),
            ("get_provisioned_prewait", 1.0, GET, "f", "live"),
            ("get_provisioned_postwait", LATER, GET, "f", "live"),
        ],
    ),
    "TestLambdaConcurrency::test_lambda_provisioned_concurrency_scheduling": (
        PLAIN,
        [
            (None, 0.0, PUT, "f", 1, 1),
            ("get_provisioned_postwait", LATER, GET, "f", 1),
        ],
    ),
    "TestLambdaConcurrency::test_lambda_provisioned_concurrency_moves_with_alias": (
        WITH_ALIAS,
        [
            (None, 0.0, PUT, "f", "live", 1),
            ("update_alias", LATER, "update_alias", "f", "live", 2),
            ("get_provisioned_config_after_alias_move", LATER, GET, "f", "live"),
            ("provisioned_concurrency_notfound", 2 * LATER, GET, "f", 2),
        ],
    ),
    "TestLambdaConcurrency::test_provisioned_concurrency_init_failure": (
        PLAIN,
        [
            ("put_provisioned", 0.0, PUT, "f", 1, 1, {"init_fails": True}),
            ("get_provisioned_prewait", 1.0, GET, "f", 1),
            ("get_provisioned_postwait", LATER, GET, "f", 1),
        ],
    ),
    "TestLambdaConcurrency::test_reserved_concurrency": (
        PLAIN,
        [("put_reserved", 0.0, RESERVE, "f", 0)],
    ),
    "TestLambdaConcurrency::test_reserved_concurrency_async_queue": (
        PLAIN,
        [("put_fn_concurrency", 0.0, RESERVE, "f", 1)],
    ),
}
ANSWERED = [(case, key) for case, (_, calls) in CASES.items() for key, *_ in calls if key]

#: Invocations that were throttled: what was reserved, and how many calls came at once.
THROTTLED = {
    ("TestLambdaConcurrency::test_reserved_concurrency", "exc_no_cap_requestresponse"): (0, 1),
    ("TestLambdaConcurrency::test_reserved_concurrency_async_queue", "too_many_requests_exc"): (
        1,
        2,
    ),
}
SETTINGS = ("TestLambdaAccountSettings::test_account_settings", "acc_settings_modded")

#: Recorded, but not about concurrency, or about what is not modelled: why, by pattern of the key.
LEFT_OUT = {
    r"create-result|fn": "a function is created",
    r"get-function-configuration|get_function_configuration_version_1": "its code and settings",
    r"publish_version(_1|_2|_result)": "a version is published: declared with versions=",
    r"create_alias(_result)?": "an alias is created: declared with aliases=",
    r"get_function_(before|after)_provisioned|get_function_after_update": "its code and settings",
    r"put_event_invoke_conf|invoke_result|msg": "the asynchronous queue, which is not modelled",
    r"(is_)?total_code_size_diff_\w+": "the size of code",
}


@pytest.fixture(scope="module")
def recorded(shared_data):
    """What was recorded, by case and key."""
    path = shared_data / "aws_recorded_api" / "lambda_concurrency_snapshots.json"
    cases = json.loads(path.read_text("utf-8"))
    return {
        (case.partition("::")[2], key): answer
        for case, recording in cases.items()
        for key, answer in recording["recorded-content"].items()
    }


@functools.cache
def answers_of(case):
    """The answers to the calls of a case, by key."""
    function, calls = CASES[case]
    schedule = lc.Schedule()
    for _, at, method, *arguments in calls:
        named = arguments.pop() if isinstance(arguments[-1], dict) else {}
        schedule = getattr(schedule, method)(at, *arguments, **named)
    answers = schedule.answers(lc.Account(1_000, [function]))
    return {key: answer for (key, *_), answer in zip(calls, answers, strict=True) if key}


def pattern_of(message):
    """A recorded message as a regular expression, with the names that are used here."""
    here = {
        "<function-name:1>": "f",
        "<alias-name>": "live",
        "<unreserved_concurrency>": "1000",
        "<min_unreserved_concurrency>": "100",
        "<partition>": "[a-z-]+",
        "<region>": "[a-z0-9-]+",
        "111111111111": "[0-9]{12}",
    }
    parts = re.split("(<[a-z_:0-9-]+>|111111111111)", message)
    return "".join(here[part] if i % 2 else re.escape(part) for i, part in enumerate(parts))


def test_every_recorded_answer_is_compared_or_left_out_for_a_reason(recorded):
    compared = {*ANSWERED, *THROTTLED, SETTINGS}
    assert len(compared) == len(ANSWERED) + len(THROTTLED) + 1
    left_out = {
        (case, key) for case, key in recorded if any(re.fullmatch(p, key) for p in LEFT_OUT)
    }
    assert not compared & left_out
    assert compared | left_out == set(recorded)
    # Nothing about concurrency is among what is left out.
    about = re.compile("[Cc]oncurren|TooMany|429")
    for case, key in left_out - {("TestLambdaConcurrency::test_reserved_concurrency", "msg")}:
        assert not about.search(json.dumps(recorded[case, key])), (case, key)


@pytest.mark.parametrize(("case", "key"), ANSWERED)
def test_a_call_is_answered_as_it_was_recorded(recorded, case, key):
    """Status, code, message and every field about concurrency (rules 1.2 to 1.8, 3.1 to 3.19)."""
    expected, answer = recorded[case, key], answers_of(case)[key]
    assert answer.status == expected["ResponseMetadata"]["HTTPStatusCode"]
    assert answer.accepted == ("Error" not in expected)
    if answer.accepted:
        assert answer.aws_code is None
        # GetFunction has the same number one level deeper.
        shown = {**expected, **expected.get("Concurrency", {})}
        assert answer.response == {name: shown[name] for name in shown.keys() & FIELDS}
    else:
        error = expected["Error"]
        assert answer.aws_code == error.get("Code", answer.aws_code)
        assert re.fullmatch(pattern_of(error["Message"]), answer.aws_message)
        assert answer.response == {}


@pytest.mark.parametrize(("case", "key"), THROTTLED)
def test_an_invocation_is_throttled_for_the_recorded_reason(recorded, case, key):
    """Rules A1, A5b: nothing, or one, is reserved; the last call is one too many."""
    reserved, calls = THROTTLED[case, key]
    account = lc.Account(functions=[lc.Function("f", reserved_concurrency=reserved)])
    result = lc.simulate(account, lc.Trace([0.0] * calls, "f", 10.0))
    assert result.throttled.tolist() == [False] * (calls - 1) + [True]
    assert recorded[case, key]["ResponseMetadata"]["HTTPStatusCode"] == 429
    reason = account.profile.reason(lc.Outcome(result.outcome[-1]), reserved=True)
    assert reason == recorded[case, key]["Reason"]


def test_account_settings_have_the_recorded_keys_about_concurrency(recorded):
    """The recording holds the names of the keys; the sizes of code among them are not ours."""
    expected = recorded[SETTINGS]
    settings = lc.Account(functions=[PLAIN]).get_account_settings()
    for group, of_code in (
        ("AccountLimit", {"CodeSizeUnzipped", "CodeSizeZipped", "TotalCodeSize"}),
        ("AccountUsage", {"TotalCodeSize"}),
    ):
        assert set(settings[group]) == set(expected[group]) - of_code
    assert settings.keys() == expected.keys() - {"ResponseMetadata"}


def test_a_version_runs_provisioned_while_the_alias_points_to_it():
    """Rules 3.7, 3.12, 3.19: of the same cases, where their invocations ran."""
    schedule = (
        lc.Schedule()
        .put_provisioned_concurrency_config(0.0, "f", "live", 1)
        .update_alias(LATER, "f", "live", 2)
    )
    at = [1.0, 1.0, LATER - 1, LATER - 1, LATER, LATER + 1, LATER + 2]
    calls = ["f:1", "f:live", "f:1", "f:live", "f:1", "f:2", "f:live"]
    at += [2 * LATER, 2 * LATER + 1, 2 * LATER + 2]
    calls += ["f:1", "f:2", "f:live"]
    trace = lc.Trace(at, calls, 0.5)
    result = lc.simulate(lc.Account(functions=[WITH_ALIAS]), trace, schedule)
    provisioned = (result.outcome == lc.Outcome.PROVISIONED).tolist()
    # The alias and its version together have one environment.
    before, ready, moving = [False, False], [True, False], [False, False, False]
    assert provisioned == [*before, *ready, *moving, False, True, True]
