"""What may be wrong with files of Azure Functions of 2019, and what they may hold at most."""

import pytest

import lambdacore as lc

IDS = "HashOwner,HashApp,HashFunction"
PERCENTILES = ",".join(f"percentile_Average_{p}" for p in (0, 1, 25, 50, 75, 99, 100))
CALLS = f"{IDS},Trigger,7,8,9"
LENGTHS = f"{IDS},Average,Count,Minimum,Maximum,{PERCENTILES}"

GOOD_CALLS = [
    "o,a,f,http,0,2,1",
    "o,a,g,timer,1,1,1",
    "o,b,h,queue,0,0,9",
]
GOOD_LENGTHS = [
    "o,a,f,250,3,100,900.0,100,110,200,240,300,880,900",
    "o,a,g,0.5,3,0.25,2,0.25,0.25,0.5,0.5,0.5,2,2",
    "o,b,h,10,9,10,10,10,10,10,10,10,10,10",
]


@pytest.fixture
def read(write_and_read_azure2019):
    """Writes both files, each of a header and rows, and reads them."""

    def read(calls=GOOD_CALLS, lengths=GOOD_LENGTHS, *, header=CALLS, **options):
        start = [] if lengths and lengths[0].startswith("Hash") else [LENGTHS]
        return write_and_read_azure2019([header, *calls], [*start, *lengths], **options)

    return read


def counts(workload):
    return {name: stream.arrivals.counts.tolist() for name, stream in workload.streams.items()}


class TestDefects:
    def test_a_function_without_durations_is_named(self, read):
        with pytest.raises(
            lc.TraceError, match=r"lengths.csv: no row for 'g', line 3 of"
        ) as caught:
            read(GOOD_CALLS, [GOOD_LENGTHS[0], GOOD_LENGTHS[2]])
        assert caught.value.path.endswith("lengths.csv")
        assert "default_duration" in str(caught.value)

    def test_a_lenient_read_leaves_it_out_before_it_chooses_the_busiest(self, read, capsys):
        workload = read(GOOD_CALLS, GOOD_LENGTHS[:2], lenient=True, functions=2)
        assert workload.functions == ("f", "g")
        assert workload.quality.left_out == 1
        assert "1 function without durations: kept out" in capsys.readouterr().err

    @pytest.mark.parametrize("lenient", [False, True])
    def test_a_default_duration_stands_in(self, read, lenient):
        law = lc.Exponential(0.5)
        workload = read(GOOD_CALLS, GOOD_LENGTHS[:2], lenient=lenient, default_duration=law)
        assert workload["h"].duration == law
        assert (workload.quality.left_out, workload.quality.defaulted) == (0, 1)
        assert read(GOOD_CALLS, [], default_duration=0.25)["f"].duration == lc.Constant(0.25)

    def test_functions_without_calls_are_kept_out_and_need_no_durations(self, read):
        workload = read([*GOOD_CALLS, "o,c,idle,http,0,0,0"])
        assert workload.functions == ("f", "g", "h")
        assert (workload.quality.idle, workload.quality.functions_found) == (1, 4)
        assert workload.quality.clean
        with pytest.raises(lc.TraceError, match="no function with calls is left, of 1 function"):
            read(["o,c,idle,http,0,0,0"])

    def test_rows_of_one_function_add_up(self, read):
        workload = read(["o,a,f,http,1,2,3", *GOOD_CALLS[1:], "o,a,f,timer,0,0,4", "o,a,f,x,0,0,0"])
        assert counts(workload)["f"] == [1, 2, 7]
        assert workload.quality.duplicates == 2
        assert workload.quality.triggers["f"] == "http"
        assert counts(read(["o,a,f,http,0,0,0", "o,a,f,http,0,0,4"])) == {"f": [0, 0, 4]}

    def test_sums_beyond_what_counts_hold_are_refused(self, read):
        most = 10**7
        assert counts(read([f"o,a,f,http,0,{most},0"]))["f"] == [0, most, 0]
        with pytest.raises(lc.TraceError, match=r"calls.csv:3: 8: more than 10\^7 calls"):
            read([f"o,a,f,http,0,{most},0", "o,a,f,http,0,1,0"])

    def test_of_two_rows_of_durations_the_one_of_more_calls_holds(self, read):
        low, high = ("o,a,f,{0},{1},{0}" + ",{0}" * 8 for _ in range(2))
        rows = [low.format(10, 5), high.format(20, 6), low.format(30, 6)]
        workload = read(GOOD_CALLS[:1], rows, duration="average")
        assert workload["f"].duration == lc.Constant(0.02)
        assert workload.quality.duplicate_durations == 2

    def test_percentiles_that_descend_are_raised_to_the_one_before(self, read):
        row = "o,a,f,250,3,100,900,100,90,200,150,300,880,870"
        workload = read(GOOD_CALLS[:1], [row])
        assert workload["f"].duration.values == (0.1, 0.1, 0.2, 0.2, 0.3, 0.88, 0.88)
        assert workload.quality.repaired == 1
        assert not workload.quality.clean

    @pytest.mark.parametrize("start", ["0,3,0,9", "5,0,0,9", "5,3,9,0", "5,3,,9", "5,3,0,nan"])
    def test_durations_that_contradict_themselves_are_counted_and_used(self, read, start):
        workload = read(GOOD_CALLS[:1], [f"o,a,f,{start},1,1,1,1,1,1,1"])
        assert workload["f"].duration.values == (0.001,) * 7
        assert workload.quality.contradictory == 1

    @pytest.mark.parametrize(
        ("minutes", "column", "reason"),
        [
            ("1,2,4,5,9", "4", "follows 2: minute 3 is missing"),
            ("2,1", "1", "follows 2: minutes ascend one by one"),
            ("1,1", "1", "minutes ascend"),
            ("1,x,2", "2", '"x" stands between'),
            ("a,b", None, "no column for a minute"),
        ],
    )
    def test_minutes_follow_one_another(self, read, minutes, column, reason):
        with pytest.raises(lc.TraceError, match=reason) as caught:
            read(header=f"{IDS},Trigger,{minutes}", lenient=True)
        assert (caught.value.line, caught.value.column) == (1, column)

    @pytest.mark.parametrize(
        ("row", "column", "reason"),
        [
            ("o,a,x,http,0,-1,0", "8", '"-1" is no whole number of calls'),
            ("o,a,x,http,0,1.5,0", "8", '"1.5" is no whole number'),
            ("o,a,x,http,0,0,", "9", '"" is no whole number'),
            ("o,a,x,http,1_0,0,0", "7", '"1_0" is no whole'),
            ("o,a,x,http,٣,0,0", "7", "is no whole"),
            ("o,a,x,http,2147483648,0,0", "7", "is no whole number of calls from 0 to"),
            (f"o,a,x,http,{'9' * 9000},0,0", "7", "is no whole number"),
            ("o,a,,http,0,0,0", "HashFunction", "is empty"),
            ("o,a,x,http,0,0", None, "the row has 6 columns and the header has 7"),
            ("o,a,x,http,0,0,0,0", None, "the row has 8 columns"),
            ('o,a,"x,http,0,0,0', None, "a quote is never closed"),
        ],
    )
    def test_bad_counts_are_named_or_skipped_and_counted(self, read, row, column, reason, capsys):
        with pytest.raises(lc.TraceError) as caught:
            read([*GOOD_CALLS, row])
        error = caught.value
        assert error.path.endswith("calls.csv")
        assert (error.line, error.column) == (5, column)
        assert reason in str(error)
        assert "lenient=True" in str(error)
        workload = read([row, *GOOD_CALLS], lenient=True)
        quality = workload.quality
        assert workload.functions == ("f", "g", "h")
        assert (quality.invocations.rows_read, quality.invocations.rows_skipped) == (3, 1)
        assert [(p.line, p.column) for p in quality.invocations.problems] == [(2, column)]
        printed = capsys.readouterr()
        assert (printed.out, printed.err) == ("", f"{quality}\n")

    @pytest.mark.parametrize(
        ("numbers", "column", "reason"),
        [
            ("-1,3,0,9,1,1,1,1,1,1,1", "Average", '"-1" is negative'),
            ("1,3,0,9,1,1,1,,1,1,1", "percentile_Average_50", '"" is no number'),
            ("1,3,0,9,1,1,1,nan,1,1,1", "percentile_Average_50", '"nan" is no number'),
            ("1,3,0,9,1,1,1,1,1,1,inf", "percentile_Average_100", '"inf" is no number'),
            ("1,3,0,9,1,1,1,1,1,1,1e13", "percentile_Average_100", "36 years"),
            ("1,x,0,9,1,1,1,1,1,1,1", "Count", '"x" is no number'),
            ("1,3", None, "the row has 5 columns and the header has 14"),
        ],
    )
    def test_bad_durations_are_named_or_skipped(self, read, numbers, column, reason):
        rows = [f"o,a,f,{numbers}", *GOOD_LENGTHS[1:]]
        with pytest.raises(lc.TraceError) as caught:
            read(GOOD_CALLS, rows)
        error = caught.value
        assert error.path.endswith("lengths.csv")
        assert (error.line, error.column) == (2, column)
        assert reason in str(error)
        quality = read(GOOD_CALLS, rows, lenient=True).quality
        assert (quality.durations.rows_skipped, quality.left_out) == (1, 1)

    @pytest.mark.parametrize("column", [*IDS.split(","), "Trigger"])
    def test_a_column_of_invocations_that_lacks_is_named(self, read, column):
        with pytest.raises(lc.TraceError, match=f"calls.csv:1: {column}: no such") as caught:
            read(header=CALLS.replace(column, "other"), lenient=True)
        assert caught.value.column == column

    @pytest.mark.parametrize("column", LENGTHS.split(","))
    def test_a_column_of_durations_that_lacks_is_named(self, read, column):
        names = [name for name in LENGTHS.split(",") if name != column]
        with pytest.raises(lc.TraceError, match=f"lengths.csv:1: {column}: no such column"):
            read(GOOD_CALLS, [",".join(["Hash", *names])], lenient=True)

    def test_files_in_the_wrong_order_are_noticed(self, read, tmp_path):
        read()
        with pytest.raises(lc.TraceError, match="this is the file of durations"):
            lc.read_azure2019(tmp_path / "lengths.csv", tmp_path / "calls.csv")

    def test_what_is_no_file_of_text_says_so(self, read, tmp_path):
        read()
        with pytest.raises(lc.TraceError, match="is a directory"):
            lc.read_azure2019(tmp_path, tmp_path / "lengths.csv")
        with pytest.raises(FileNotFoundError):
            lc.read_azure2019(tmp_path / "calls.csv", tmp_path / "none.csv")
        (tmp_path / "z.csv").write_bytes(b"\x1f\x8b\x08\0\0")
        with pytest.raises(lc.TraceError, match=r"compressed \(gzip\): unpack it first"):
            lc.read_azure2019(tmp_path / "z.csv", tmp_path / "lengths.csv")
        (tmp_path / "r.csv").write_bytes(f"{CALLS}\ro,a,f,http,1,1,1\r".encode())
        with pytest.raises(lc.TraceError, match="carriage return alone"):
            lc.read_azure2019(tmp_path / "r.csv", tmp_path / "lengths.csv")
        (tmp_path / "u.csv").write_bytes(f"{CALLS}\n".encode() + b"o,a,\xff,http,1,1,1\n")
        with pytest.raises(lc.TraceError, match=r"u.csv:2: is no UTF-8 text"):
            lc.read_azure2019(tmp_path / "u.csv", tmp_path / "lengths.csv")


class TestLimits:
    def test_a_whole_day_has_more_columns_than_a_trace_may_have(self, read):
        header = ",".join([IDS, "Trigger", *map(str, range(1, 1441))])
        row = "o,a,f,http" + ",1" * 1440
        assert read([row], header=header).quality.calls == 1440
        with pytest.raises(lc.TraceError, match=r"more than 1024 columns.*columns=\.\.\."):
            read([row], header=header, limits=lc.ReadLimits())

    @pytest.mark.parametrize("over", [-1, 0, 1])
    def test_bytes_of_a_row(self, read, over):
        limits = lc.ReadLimits(line=len(LENGTHS))
        room = len(LENGTHS) - len("o,a,f,,1,1,1") + over
        calls = [f"o,a,f,{'t' * room},1,1,1", "o,a,f,t,1,1,1"]
        if over <= 0:
            assert read(calls, limits=limits).quality.calls == 6
            return
        with pytest.raises(lc.TraceError, match=r":2: the row is longer than \d+ bytes.*line="):
            read(calls, limits=limits)
        for longer in ("", "t" * 1000):
            calls[0] = calls[0].replace("t", "t" + longer, 1)
            quality = read([*calls, "x"], limits=limits, lenient=True).quality
            assert (quality.calls, quality.invocations.rows_skipped) == (3, 2)
            assert quality.invocations.problems[-1].line == 4

    def test_bytes_of_a_field(self, read):
        with pytest.raises(lc.TraceError, match=r":2: Trigger: the field \"t+…t+\" is longer"):
            read([f"o,a,f,{'t' * 41},1,1,1"], limits=lc.ReadLimits(field=40))
        assert read([f"o,a,f,{'t' * 40},1,1,1"], limits=lc.ReadLimits(field=40)).quality.clean

    def test_functions(self, read):
        assert len(read(limits=lc.ReadLimits(functions=3))) == 3
        with pytest.raises(lc.TraceError, match=r"calls.csv:4: HashFunction: more than 2 functio"):
            read(limits=lc.ReadLimits(functions=2), lenient=True)
        with pytest.raises(lc.TraceError, match=r"lengths.csv:3: HashFunction: more than 1 functi"):
            read(GOOD_CALLS[:1], limits=lc.ReadLimits(functions=1))

    def test_progress_ends_with_all_bytes_of_both_done(self, read, tmp_path):
        calls = []
        rows = [f"o,a,f{i},http,1,1,1" for i in range(600)]
        read(rows, default_duration=1, progress=lambda *done: calls.append(done))
        size = sum((tmp_path / name).stat().st_size for name in ("calls.csv", "lengths.csv"))
        assert len(calls) > 2
        assert calls[-1] == (size, size)
        assert all(total == size for _, total in calls)
        assert calls == sorted(calls)
