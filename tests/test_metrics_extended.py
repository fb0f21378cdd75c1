"""Metrics of provisioned concurrency and of accounts that change, against plain recounts.

The recount walks every instant of a small run: completions, changes of the configuration, then
arrivals one by one, and looks at all levels after each (section 10 of docs/rules.md).
"""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lambdacore as lc
from lambdacore.testing import cases, schedules

NS = 1e-9
PROVISIONED = lc.Outcome.PROVISIONED


def recount(result, period):
    """Maxima of each metric in each bin, as (true maxima, as read at invocations)."""
    account, trace = result.account, result.trace
    engine, timeline = account._engine, result._judgement[1]
    targets, rows = zip(*(account.resolve(name) for name in trace.functions), strict=True)
    reserved = [f.reserved_concurrency for f in account]
    owner = {
        engine.target(f"{f.name}:$LATEST")[0] + v: row
        for row, f in enumerate(account)
        for v in range(len(engine.versions(row)))
    }
    state = {version: (value, value) for version, value in engine.provisioned()}
    pointed = {target: engine.version_of(target) for target in targets}
    changes = defaultdict(list)
    for at, *change in [] if timeline is None else timeline.changes():
        changes[at].append(change)
    ends, arrivals = defaultdict(list), defaultdict(list)
    for i, end in enumerate(result.completions().tolist()):
        if result.outcome[i] < 16:
            ends[end].append(i)
        arrivals[int(trace.arrival[i])].append(i)
    running: set[int] = set()
    true, read = defaultdict(Counter), defaultdict(dict)
    spilled = Counter()

    def levels():
        made = {}
        ready = {i for i in running if result.outcome[i] == PROVISIONED}
        on_demand = running - ready
        unreserved = [r for r, held in enumerate(reserved) if held is None]
        of = {i: rows[trace.function[i]] for i in running}
        w = sum(of[i] in unreserved for i in on_demand)
        claim = 0 if account.profile.pc_claim == "requested" else 1
        beside = sum(pair[claim] for v, pair in state.items() if owner[v] in unreserved)
        made["UnreservedConcurrentExecutions", None] = w
        made["includes_pc", None] = w + sum(of[i] in unreserved for i in ready)
        made["ClaimedAccountConcurrency", None] = w + sum(r or 0 for r in reserved) + beside
        made["ConcurrentExecutions", None] = len(running)
        for row, function in enumerate(account):
            made["ProvisionedConcurrentExecutions", function.name] = sum(
                of[i] == row for i in ready
            )
            requested = sum(req for v, (req, _) in state.items() if owner[v] == row)
            if requested:
                busy = made["ProvisionedConcurrentExecutions", function.name]
                made["ProvisionedConcurrencyUtilization", function.name] = busy / requested
        return made

    first, last = min(arrivals), max([*ends, *arrivals])
    # To the end of the last bin, in which the configuration may still change.
    for now in range((last // period + 1) * period):
        for i in ends.get(now, []):
            running.discard(i)
        for what, index, value, available in changes.get(now, []):
            if what == "reserved":
                reserved[index] = value
            elif what == "provisioned":
                state[index] = (value, available)
            elif what == "alias" and index in pointed:
                pointed[index] = value
        if now < first // period * period:
            continue
        k = now // period
        for key, level in levels().items():
            true[key][k] = max(true[key][k], level)
        for i in arrivals.get(now, []):
            if result.outcome[i] >= 16:
                continue
            running.add(i)
            name = account.functions[rows[trace.function[i]]].name
            available = state.get(pointed[targets[trace.function[i]]], (0, 0))[1]
            if result.outcome[i] != PROVISIONED and available:
                spilled[name, k] += 1
            for key, level in levels().items():
                true[key][k] = max(true[key][k], level)
                mine = key[1] is None or (key[1] == name and result.outcome[i] == PROVISIONED)
                if mine:
                    read[key][k] = max(read[key].get(k, 0), level)
            if int(result.completions()[i]) == now:
                running.discard(i)
    return true, read, spilled


@given(st.data(), st.integers(1, 9))
@settings(max_examples=250, deadline=None, derandomize=True)
def test_metrics_of_a_run_that_changes_are_those_of_a_plain_recount(data, period):
    """Section 10: maxima over all time, spillover, and NaN where nothing runs."""
    account, trace = data.draw(cases(qualified=True))
    result = lc.simulate(account, trace, data.draw(schedules(account)))
    if not len(trace):
        return
    true, _, spilled = recount(result, period)
    first = int(trace.arrival[0]) // period
    for (name, function), expected in true.items():
        of = result
        if name == "includes_pc":
            profile = account.profile.replace(unreserved_metric="includes_pc")
            of = lc.Result(account.replace(profile=profile), trace, result.outcome, result.schedule)
            name = "UnreservedConcurrentExecutions"
        points = of.metric(name, function=function, period=period * NS)
        for i, point in enumerate(points.tolist()):
            if not np.isnan(point):
                assert point == pytest.approx(expected[first + i], abs=0), (name, function, i)
            elif name != "UnreservedConcurrentExecutions" and name != "ClaimedAccountConcurrency":
                assert expected[first + i] == 0, (name, function, i)
    for function in account:
        name = "ProvisionedConcurrencySpilloverInvocations"
        points = result.metric(name, function=function.name, period=period * NS)
        for i, point in enumerate(np.nan_to_num(points).tolist()):
            if not np.isnan(points).all():
                assert point == spilled[function.name, first + i]


@given(st.data(), st.integers(1, 9))
@settings(max_examples=250, deadline=None, derandomize=True)
def test_metrics_read_at_invocations_are_those_of_a_plain_recount(data, period):
    """Section 10: `metric_sampling="at_invoke"` has a point where something was invoked."""
    account, trace = data.draw(cases(qualified=True))
    account = account.replace(profile=account.profile.replace(metric_sampling="at_invoke"))
    result = lc.simulate(account, trace, data.draw(schedules(account)))
    if not len(trace):
        return
    _, read, _ = recount(result, period)
    first = int(trace.arrival[0]) // period
    for (name, function), expected in read.items():
        if name == "includes_pc":
            continue
        points = result.metric(name, function=function, period=period * NS)
        found = {first + i: p for i, p in enumerate(points.tolist()) if not np.isnan(p)}
        expected = {k: level for k, level in expected.items() if level or "Prov" not in name}
        assert found == pytest.approx(expected, abs=0), (name, function)


def test_a_version_or_alias_has_metrics_of_its_own():
    """What was invoked by that qualifier; the function's name alone may mean an alias."""
    trace = lc.Trace([0.0, 0.0, 0.0, 0.0], ["f", "f:live", "f:1", "f:$LATEST"], 1.0)
    account = lc.Account(functions=[lc.Function("f", provisioned_concurrency=2)])
    result = lc.simulate(account, trace)
    assert result.invocations(60, function="f").tolist() == [4]
    assert result.invocations(60, function="f:live").tolist() == [2]
    assert result.concurrency(60, function="f:1").tolist() == [1]
    for metric, value in (
        ("ProvisionedConcurrentExecutions", 2),
        ("ProvisionedConcurrencyInvocations", 2),
        ("ProvisionedConcurrencyUtilization", 1),
    ):
        assert result.metric(metric, function="f:live").tolist() == [value]
    spill = "ProvisionedConcurrencySpilloverInvocations"
    assert result.metric(spill, function="f:1").tolist() == [1]
    assert np.isnan(result.metric(spill, function="f:$LATEST")).all()
    with pytest.raises(lc.ConfigurationError, match=r"no version or alias 'liv'.*'live'"):
        result.metric("Invocations", function="f:liv")
    with pytest.raises(lc.ConfigurationError, match="of a function"):
        result.metric("ProvisionedConcurrentExecutions")


def test_utilization_follows_what_is_provisioned():
    """7 of 10, then 7 of 14 once more is asked for (rule 3.16), then none."""
    trace = lc.Trace([0.0] * 7, "f", 150.0)
    account = lc.Account(functions=[lc.Function("f", provisioned_concurrency=10)])
    schedule = lc.Schedule().put_provisioned_concurrency_config(60.0, "f", "live", 14)
    schedule = schedule.delete_provisioned_concurrency_config(120.0, "f", "live")
    result = lc.simulate(account, trace, schedule)
    points = result.metric("ProvisionedConcurrencyUtilization", function="f:live")
    np.testing.assert_array_equal(points, [0.7, 0.5, np.nan])


def test_get_metric_data_answers_in_the_shape_of_cloudwatch():
    trace = lc.Trace([0.0, 0.0, 125.0], ["f:live"] * 3, 1.0)
    account = lc.Account(functions=[lc.Function("f", provisioned_concurrency=1)])
    result = lc.simulate(account, trace)

    def query(name, dimensions, stat):
        metric = {"Namespace": "AWS/Lambda", "MetricName": name, "Dimensions": dimensions}
        return {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}

    resource = [
        {"Name": "FunctionName", "Value": "f"}, {"Name": "Resource", "Value": "f:live"}
    ]  # fmt: skip
    answer = result.get_metric_data([query("Invocations", resource, "Sum")])
    assert answer == {
        "MetricDataResults": [
            {
                "Id": "m1",
                "Label": "Invocations",
                "Timestamps": ["1970-01-01T00:02:00+00:00", "1970-01-01T00:00:00+00:00"],
                "Values": [1.0, 2.0],
                "StatusCode": "Complete",
            }
        ],
        "Messages": [],
    }
    region = query("ConcurrentExecutions", [], "Maximum")
    ascending = result.get_metric_data([region], scan_by="TimestampAscending")
    assert ascending["MetricDataResults"][0]["Values"] == [2.0, 1.0]
    for bad in (
        {"Id": "m1"},
        query("Invocations", [{"Name": "Alias", "Value": "x"}], "Sum"),
        query("Invokations", [], "Sum"),
        query("Invocations", [], "p99"),
    ):
        with pytest.raises(lc.ConfigurationError):
            result.get_metric_data([bad])


def test_an_alias_that_moves_leaves_what_runs_on_its_old_version_behind():
    """Rule 3.19: the levels of an alias are those of the version it means, over that one's P."""
    trace = lc.Trace([0.0, 0.0, 100.0], ["f:a"] * 3, [130.0, 130.0, 10.0])
    function = lc.Function("f", versions=2, aliases={"a": 1}, provisioned_concurrency={"a": 4})
    account = lc.Account(functions=[function], profile=lc.Profile(pc_prep_s=1.0))
    result = lc.simulate(account, trace, lc.Schedule().update_alias(70.0, "f", "a", 2))
    used = result.metric("ProvisionedConcurrencyUtilization", function="f:a")
    np.testing.assert_array_equal(used, [0.5, 0.5, np.nan])
    running = result.metric("ProvisionedConcurrentExecutions", function="f:a")
    np.testing.assert_array_equal(running, [2, 2, np.nan])
    running = result.metric("ProvisionedConcurrentExecutions", function="f:2")
    np.testing.assert_array_equal(running, [np.nan, 1, np.nan])


def test_utilization_of_a_version_counts_whoever_invoked_it():
    """Rule 3.7: by alias, by number, or by the function's name alone."""
    trace = lc.Trace([0.0] * 4, ["f", "f:live", "f:1", "f:1"], 1.0)
    account = lc.Account(functions=[lc.Function("f", provisioned_concurrency=4)])
    result = lc.simulate(account, trace)
    for name in ("f", "f:live", "f:1"):
        used = result.metric("ProvisionedConcurrencyUtilization", function=name)
        assert used.tolist() == [1.0]


def test_counts_of_provisioned_concurrency_begin_with_it():
    """No point before there is capacity, and none where it only comes after the run."""
    trace = lc.Trace([1.0, 61.0, 121.0], "f", 1.0)
    account = lc.Account(functions=[lc.Function("f", versions=1)], profile="pools-2026")

    def spilled(at):
        put = lc.Schedule().put_provisioned_concurrency_config(at, "f", 1, 1)
        result = lc.simulate(account, trace, put)
        return result.metric("ProvisionedConcurrencySpilloverInvocations", function="f")

    assert np.isnan(spilled(50_000.0)).all()
    by_version = lc.Trace(trace.arrival, "f:1", trace.duration)
    put = lc.Schedule().put_provisioned_concurrency_config(10.0, "f", 1, 1)
    result = lc.simulate(account, by_version, put)
    points = result.metric("ProvisionedConcurrencyInvocations", function="f:1")
    np.testing.assert_array_equal(points, [np.nan, np.nan, 1])


def test_functions_may_be_called_what_series_are_called_inside():
    """Names are data: `all` and `region` are functions like any other."""
    trace = lc.Trace([0.0, 0.0, 0.1], ["a", "all", "region"], 10.0)
    account = lc.Account.for_trace(trace)
    for name in ("all", "region"):
        result = lc.simulate(account, trace)
        assert result.metric("ConcurrentExecutions").tolist() == [3]
        assert result.concurrency(60).tolist() == [[1], [1], [1]]
        assert result.metric("ConcurrentExecutions", function=name).tolist() == [1]
        assert result.invocations(60, account=True).tolist() == [3]
        assert result.invocations(60, function=name).tolist() == [1]


def test_a_change_beyond_the_end_of_time_never_happens():
    trace = lc.Trace([1e8], "f:1", 1.0)
    profile = lc.Profile(pc_prep_s=9.2e9)
    account = lc.Account(functions=[lc.Function("f", versions=1)], profile=profile)
    put = lc.Schedule().put_provisioned_concurrency_config(1e8, "f", 1, 1)
    result = lc.simulate(account, trace, put)
    assert result.outcome.tolist() == [lc.Outcome.COLD]
    assert np.isnan(result.metric("ProvisionedConcurrencyUtilization", function="f")).all()


def test_the_reason_of_a_scaling_throttle_is_that_of_the_pool_at_the_time():
    """Rule A6, where a schedule reserves in mid-run."""
    trace = lc.Trace([0.0, 0.0, 2.0, 2.0], "f", 100.0)
    profile = lc.Profile(scaling_burst=1, scaling_rate=1.0, rps_scope="off")
    account = lc.Account(functions=[lc.Function("f")], profile=profile)
    result = lc.simulate(account, trace, lc.Schedule().put_function_concurrency(1.0, "f", 50))
    assert result.throttles_by_reason() == {
        "ConcurrentInvocationLimitExceeded": 1,
        "ReservedFunctionConcurrentInvocationLimitExceeded": 1,
    }


@pytest.mark.parametrize(
    "name", ["Utilization", "Invocations", "SpilloverInvocations"]
)  # fmt: skip
def test_metrics_of_provisioned_concurrency_are_refused_where_they_would_not_fit(name):
    trace = lc.Trace([0.0, 3_600.0], "f", 1.0)
    result = lc.simulate(lc.Account(functions=[lc.Function("f", provisioned_concurrency=1)]), trace)
    with pytest.raises(lc.SeriesSizeError):
        result.metric(f"ProvisionedConcurrency{name}", function="f", period=NS)


def test_dimensions_that_contradict_each_other_are_refused():
    trace = lc.Trace([0.0, 0.0], ["a", "b"], 1.0)
    result = lc.simulate(lc.Account.for_trace(trace), trace)
    dimensions = [{"Name": "FunctionName", "Value": "a"}, {"Name": "Resource", "Value": "b"}]
    metric = {"MetricName": "Invocations", "Dimensions": dimensions}
    query = {"Id": "x", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    with pytest.raises(lc.ConfigurationError, match="none of the function 'a'"):
        result.get_metric_data([query])
    with pytest.raises(lc.ConfigurationError, match="a list of queries"):
        result.get_metric_data(None)
    good = {"MetricName": "Invocations", "Dimensions": []}
    good = {"Id": "m1", "MetricStat": {"Metric": good, "Period": 60, "Stat": "Sum"}}
    unknown = {"MetricName": "Invocations", "Dimensions": [{"Name": "FunctionName", "Value": "y"}]}
    for bad in (
        {"Id": "m2", "Expression": "m1/60"},
        {"Id": "m2", "MetricStat": {**good["MetricStat"], "Metric": unknown}},
        {"Id": "m2", "MetricStat": {**good["MetricStat"], "Stat": "p99"}},
        {"Id": "m2", "MetricStat": {**good["MetricStat"], "Period": 0}},
    ):
        with pytest.raises(lc.ConfigurationError, match=r"queries\[1\]"):
            result.get_metric_data([good, bad])
