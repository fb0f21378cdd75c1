"""The data set of Azure Functions of 2019: counts by the minute and percentiles, to a workload."""

import pickle

import numpy as np
import pytest

import lambdacore as lc
from lambdacore._described import described

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
PROBABILITIES = (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)


@pytest.fixture
def read(write_and_read_azure2019):
    """Writes both files, each of a header and rows, and reads them."""

    def read(calls=GOOD_CALLS, lengths=GOOD_LENGTHS, *, header=CALLS, **options):
        start = [] if lengths and lengths[0].startswith("Hash") else [LENGTHS]
        return write_and_read_azure2019([header, *calls], [*start, *lengths], **options)

    return read


def counts(workload):
    return {name: stream.arrivals.counts.tolist() for name, stream in workload.streams.items()}


class TestStreams:
    def test_each_function_has_its_counts_and_its_quantiles_in_seconds(self, read):
        workload = read()
        assert workload.functions == ("f", "g", "h")
        assert workload["f"] == lc.Stream(
            lc.Counts([0, 2, 1], 60.0, "uniform"),
            lc.Quantiles(PROBABILITIES, (0.1, 0.11, 0.2, 0.24, 0.3, 0.88, 0.9)),
        )
        assert workload["g"] == lc.Stream(
            lc.Counts([1, 1, 1], 60.0, "uniform"),
            lc.Quantiles(PROBABILITIES, (0.00025, 0.00025, 0.0005, 0.0005, 0.0005, 0.002, 0.002)),
        )
        assert workload["h"].arrivals.counts.tolist() == [0, 0, 9]

    def test_the_block_says_minutes_calls_triggers_and_load(self, read):
        quality = read(duration="average").quality
        assert quality.clean
        assert (quality.minutes, quality.seconds) == ((7, 9), 180.0)
        assert (quality.functions_found, quality.functions, quality.calls) == (3, 3, 15)
        assert quality.triggers == {"f": "http", "g": "timer", "h": "queue"}
        # 3 x 0.25 s + 3 x 0.0005 s + 9 x 0.01 s, in 180 s
        assert quality.offered_load == pytest.approx((0.75 + 0.0015 + 0.09) / 180, rel=1e-12)
        assert quality.offered_load_drawn == quality.offered_load

    def test_a_line_through_quantiles_has_another_mean_which_the_block_says(self, read):
        workload = read(functions=["h", "f"])
        assert workload.functions == ("f", "h")
        quality = workload.quality
        assert quality.offered_load == pytest.approx((0.75 + 0.09) / 180, rel=1e-12)
        parts = [(0.01, 0.105), (0.24, 0.155), (0.25, 0.22), (0.25, 0.27), (0.24, 0.59)]
        mean = sum(share * middle for share, middle in parts) + 0.01 * 0.89
        assert quality.offered_load_drawn == pytest.approx((3 * mean + 0.09) / 180, rel=1e-12)

    def test_averages_instead_of_quantiles(self, read):
        assert read(duration="average")["f"].duration == lc.Constant(0.25)

    @pytest.mark.parametrize("within", ["uniform", "even", "start"])
    def test_a_sample_has_exactly_the_calls_of_each_minute(self, read, within):
        workload = read(within=within)
        trace = workload.sample(workload.quality.seconds, rng=3)
        assert len(trace) == 15
        minute = trace.arrival // (60 * 10**9)
        for index, name in enumerate(trace.functions):
            found = np.bincount(minute[trace.function == index], minlength=3)
            assert found.tolist() == counts(workload)[name]
        if within == "start":
            assert (trace.arrival % (60 * 10**9) == 0).all()

    def test_columns_stand_in_any_order_and_others_are_ignored(self, read):
        workload = read(
            ["x,5,6,http,f,a,o"],
            [
                f"HashOwner,x,HashApp,HashFunction,{PERCENTILES},Maximum,Minimum,Count,Average",
                "o,ignored,a,f,100,110,200,240,300,880,900,900,100,3,250",
            ],
            header="index,1,2,Trigger,HashFunction,HashApp,HashOwner",
        )
        assert counts(workload) == {"f": [5, 6]}
        assert workload["f"].duration.values == (0.1, 0.11, 0.2, 0.24, 0.3, 0.88, 0.9)
        assert workload.quality.clean

    def test_byte_order_mark_blank_lines_quotes_and_line_ends(self, tmp_path):
        (tmp_path / "c.csv").write_bytes(f'\ufeff{CALLS}\r\n\r\n"o","a","f",http," 1",2,3'.encode())
        (tmp_path / "l.csv").write_bytes(f"{LENGTHS}\r\n{GOOD_LENGTHS[0]}\r\n".encode())
        workload = lc.read_azure2019(tmp_path / "c.csv", tmp_path / "l.csv")
        assert counts(workload) == {"f": [1, 2, 3]}
        assert workload.quality.invocations.rows == 1


class TestNames:
    CALLS = ("o,a,f,http,1,1,1", "o,b,f,http,2,2,2", "o,b,g,http,3,3,3", "p,b,g,http,4,4,4")
    LENGTHS = tuple(
        f"{key},10,9,10,10,10,10,10,10,10,10,10" for key in ("o,a,f", "o,b,f", "o,b,g", "p,b,g")
    )

    def test_a_name_is_as_long_as_the_file_needs(self, read):
        workload = read([*self.CALLS, "o,b,h,http,0,0,1"], [*self.LENGTHS, GOOD_LENGTHS[2]])
        assert workload.functions == ("a/f", "b/f", "o/b/g", "p/b/g", "h")

    def test_a_name_does_not_depend_on_what_is_kept(self, read):
        assert read(self.CALLS, self.LENGTHS, functions=1).functions == ("p/b/g",)

    def test_names_with_the_app_do_not_depend_on_the_file(self, read):
        assert read(name="app-function").functions == ("a/f", "a/g", "b/h")

    def test_a_hash_with_the_separator_is_refused(self, read):
        with pytest.raises(lc.TraceError, match=r"calls.csv:2: HashApp: \"a/b\" holds a '/'"):
            read(["o,a/b,f,http,1,1,1"])


class TestChoice:
    def test_the_busiest_stay_in_the_order_of_the_file_and_of_equals_the_first(self, read):
        assert read(functions=1).functions == ("h",)
        assert read(functions=2).functions == ("f", "h")
        assert read(functions=99).functions == ("f", "g", "h")

    def test_functions_that_are_not_kept_need_no_durations(self, read):
        workload = read(GOOD_CALLS, GOOD_LENGTHS[2:], functions=["h"])
        assert workload.quality.left_out == 0

    def test_an_unknown_name_gets_a_suggestion(self, read):
        calls = ["o,a,checkout,http,1,1,1"]
        with pytest.raises(lc.ConfigurationError, match="did you mean 'checkout'") as caught:
            read(calls, functions=["chekout"])
        assert caught.value.argument == "functions"

    @pytest.mark.parametrize(
        "options",
        [
            {"functions": 0},
            {"functions": "f"},
            {"functions": [1]},
            {"within": "middle"},
            {"name": "app"},
            {"duration": "median"},
            {"default_duration": -1},
            {"limits": 5},
        ],
    )
    def test_arguments_that_cannot_be_are_named(self, read, options):
        with pytest.raises(lc.ConfigurationError, match=next(iter(options))):
            read(**options)


class TestQuality:
    def test_the_block_fits_a_terminal_whatever_is_in_the_files(self, read, capsys):
        calls = [f"o,a,f{i},\x1b[31mtrigger-of-a-long-name-{i},1,1,1" for i in range(20)]
        bad = ["o,a,\u202e,http,\x1b[0m,0,0"] * 150
        lengths = ["o,a,f0,0,0,0,0,1,0,1,1,1,1,1"] * 2
        quality = read([*calls, *bad, "o,a,f0,http,1,0,0"], lengths, lenient=True).quality
        block = str(quality)
        assert capsys.readouterr().err == f"{block}\n"
        assert all(len(line) <= 80 and line.isprintable() for line in block.splitlines())
        assert "  1 of 20 functions, 4 calls\n" in block
        assert "calls.csv: read 21 of 171 rows, skipped 150\n" in block
        assert "and 147 more" in block
        assert len(quality.invocations.problems) == 100
        assert "19 functions without durations: kept out" in block
        assert "1 row of functions that had one before: counts added" in block
        assert "1 row of durations that were there: higher count used" in block
        assert "2 rows of durations with average 0, count 0 or maximum < minimum" in block
        assert "2 rows of percentiles that descend: raised to the one before" in block

    def test_it_is_no_part_of_the_workloads_value(self, read):
        workload = read()
        same = lc.Workload(workload.streams)
        assert same.quality is None
        assert workload == same
        assert hash(workload) == hash(same)
        assert repr(workload) == repr(same)
        assert described(workload) == described(same)
        assert workload.replace("f", duration=1.0).quality is None
        assert workload.with_value("f.arrivals.period", 30.0).quality is None
        again = pickle.loads(pickle.dumps(workload))
        assert again == workload
        assert again.quality == workload.quality
        assert hash(again.quality) == hash(workload.quality)

    def test_a_strict_read_prints_nothing(self, read, capsys):
        read()
        assert capsys.readouterr() == ("", "")


class TestReadTrace:
    @pytest.mark.parametrize("name", ["calls.csv", "lengths.csv"])
    def test_it_points_to_the_reader_of_workloads(self, read, tmp_path, name):
        header = ",".join([IDS, "Trigger", *map(str, range(1, 1441))])
        read(["o,a,f,http" + ",1" * 1440], header=header)
        with pytest.raises(lc.TraceError, match=r"lc.read_azure2019\(invocations, durations\)"):
            lc.read_trace(tmp_path / name)

    def test_its_name_as_a_format_does_so_too(self, tmp_path):
        with pytest.raises(lc.ConfigurationError, match=r"lc\.read_azure2019") as caught:
            lc.read_trace(tmp_path / "any.csv", "azure2019")
        assert caught.value.argument == "format"
