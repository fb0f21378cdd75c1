"""Reading traces: every format, what a lenient read counts, and what errors say."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import lambdacore as lc

AZURE = "app,func,end_timestamp,duration\n"


@pytest.fixture
def file(tmp_path):
    """Makes a file of the given content."""

    def make(content, name="trace.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def rows(trace):
    """The rows of a trace with the functions by name."""
    names = [trace.functions[i] for i in trace.function]
    return list(zip(trace.arrival.tolist(), names, trace.duration.tolist(), strict=True))


class TestOwnCsv:
    def test_seconds_are_read_to_the_nanosecond(self, file):
        """Decimal digits become nanoseconds with no float between."""
        path = file("arrival,function,duration\n0.000000001,a,1700000000.123456789\n")
        assert rows(lc.read_trace(path)) == [(1, "a", 1_700_000_000_123_456_789)]

    def test_whole_nanoseconds_stand_in_columns_of_their_own(self, file):
        path = file("duration_ns,function,arrival_ns\n5,a,9223372036854775802\n")
        assert rows(lc.read_trace(path)) == [(2**63 - 6, "a", 5)]

    def test_units_may_differ_and_columns_stand_in_any_order(self, file):
        path = file("function,extra,duration,arrival_ns\na,ignored,0.5,7\n")
        assert rows(lc.read_trace(path)) == [(7, "a", 500_000_000)]

    def test_a_column_in_both_units_is_refused(self, file):
        path = file("arrival,arrival_ns,function,duration\n0,0,a,0\n")
        with pytest.raises(lc.TraceError, match="arrival: stands beside arrival_ns") as caught:
            lc.read_trace(path)
        assert caught.value.column == "arrival"

    def test_unsorted_rows_are_sorted_and_their_order_is_known(self, file):
        trace = lc.read_trace(file("arrival,function,duration\n2,b,0\n1,a,0\n"))
        assert rows(trace) == [(10**9, "a", 0), (2 * 10**9, "b", 0)]
        assert trace.order is not None
        assert trace.order.tolist() == [1, 0]

    def test_a_header_alone_is_an_empty_trace(self, file):
        """No traffic is traffic: a quiet day exports as a header."""
        trace = lc.read_trace(file("arrival,function,duration\n"))
        assert len(trace) == 0
        assert trace.functions == ()

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("start", ["", "\ufeff"])
    @pytest.mark.parametrize("last", [True, False])
    def test_any_end_of_line_and_a_byte_order_mark_are_fine(self, file, end, start, last):
        lines = ["arrival, function ,duration", "1,a, 2 ", "3,b,4"]
        path = file(start + end.join(lines) + (end if last else ""))
        if end == "\r":
            assert rows(lc.read_trace(path, "csv"))[1] == (3 * 10**9, "b", 4 * 10**9)
        assert len(lc.read_trace(path)) == 2

    def test_quoted_fields_hold_anything(self, file):
        path = file('arrival,function,duration\n"1","a,""b""\r\nc",2\n')
        assert rows(lc.read_trace(path)) == [(10**9, 'a,"b"\r\nc', 2 * 10**9)]


class TestAzure2021:
    def test_the_slice_of_the_real_trace(self, shared_data):
        """Counts that an independent script found (shared data, expected.json)."""
        trace = lc.read_trace(shared_data / "azure2021_rows1-199.csv")
        assert len(trace) == 199
        assert len(trace.functions) == 31
        assert len({name.split("/")[0] for name in trace.functions}) == 13
        assert int((trace.duration == 0).sum()) == 8
        assert trace.quality == lc.DataQuality(
            str(shared_data / "azure2021_rows1-199.csv"), "azure2021", rows_read=199
        )
        assert trace.order is None  # recorded in the order of the arrivals, not of the ends
        end = trace.arrival + trace.duration
        assert not (np.diff(end) >= 0).all()
        assert 57_157_860_041 in end.tolist()  # 57.15786004066467, exactly rounded

    def test_arrival_and_duration_together_are_the_recorded_end(self, file):
        trace = lc.read_trace(file(AZURE + "x,f,0.3,0.1\nx,g,0.7,0.7\n"))
        assert rows(trace) == [(0, "x/g", 700_000_000), (200_000_000, "x/f", 100_000_000)]

    def test_starts_below_zero_move_the_whole_trace(self, file, capsys):
        """A reader that must shift a start below zero says so, in every mode."""
        path = file(AZURE + "x,f,0.5,0.75\nx,f,2,1\n")
        trace = lc.read_trace(path)
        assert trace.arrival.tolist() == [0, 1_250_000_000]
        assert trace.quality.shifted_ns == 250_000_000
        assert "all times moved 0.25 s later" in capsys.readouterr().err
        lc.read_trace(path, lenient=True)
        assert "all times moved 0.25 s later" in capsys.readouterr().err

    def test_a_name_that_holds_the_separator_is_refused(self, file):
        """("a/b", "c") and ("a", "b/c") are two functions and would get one name."""
        with pytest.raises(lc.TraceError, match=r"trace.csv:2: func: .*'/'.*app and func"):
            lc.read_trace(file(AZURE + "a,b/c,1,1\n"))

    def test_a_span_beyond_int64_is_refused(self, file):
        path = file(AZURE + "a,b,0,9223372036\na,b,9223372036,0\n")
        with pytest.raises(lc.TraceError, match="span"):
            lc.read_trace(path)


class TestRecognition:
    def test_npz_is_recognised_by_its_bytes_and_not_its_name(self, tmp_path):
        trace = lc.Trace([0, 1], "a", 5)
        lc.write_trace(trace, tmp_path / "t.npz")
        (tmp_path / "t.npz").rename(tmp_path / "t.csv")
        assert lc.read_trace(tmp_path / "t.csv").digest() == trace.digest()

    def test_an_unknown_header_lists_what_is_known(self, file):
        with pytest.raises(lc.TraceError, match=r"'start', 'name'.*csv: arrival,function,dur"):
            lc.read_trace(file("start,name\n"))

    def test_a_named_format_says_which_column_lacks(self, file):
        path = file("start,name\n")
        with pytest.raises(
            lc.TraceError, match=r':1: end_timestamp: no such column; .*"start", "name"'
        ):
            lc.read_trace(path, "azure2021")

    def test_a_column_named_twice_is_refused(self, file):
        with pytest.raises(lc.TraceError, match="duration: the header names this column twice"):
            lc.read_trace(file("arrival,function,duration,duration\n"))

    def test_an_unknown_format_gets_a_suggestion(self, file):
        with pytest.raises(lc.ConfigurationError, match="did you mean 'azure2021'") as caught:
            lc.read_trace(file(AZURE), "azure2012")
        assert caught.value.argument == "format"


class TestLenient:
    CONTENT = "arrival,function,duration\n1,a,1\n\n2,,1\nx,a,1\n3,b\n4,a,nan\n5,b,0\n"

    def test_bad_rows_are_skipped_counted_and_listed(self, file):
        trace = lc.read_trace(file(self.CONTENT), lenient=True)
        assert rows(trace) == [(10**9, "a", 10**9), (5 * 10**9, "b", 0)]
        quality = trace.quality
        assert (quality.rows_read, quality.rows_skipped, quality.rows) == (2, 4, 6)
        assert [(p.line, p.column) for p in quality.problems] == [
            (4, "function"),
            (5, "arrival"),
            (6, None),
            (7, "duration"),
        ]

    def test_the_block_is_printed_fits_80_columns_and_names_the_remedy(self, file, capsys):
        trace = lc.read_trace(file(self.CONTENT), lenient=True)
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err == f"{trace.quality}\n"
        assert all(len(line) <= 80 for line in printed.err.splitlines())
        assert "read 2 of 6 rows, skipped 4" in printed.err
        assert "trace.quality.problems" in printed.err

    def test_a_lenient_read_always_prints_its_block_and_a_strict_clean_one_nothing(
        self, file, capsys
    ):
        path = file("arrival,function,duration\n1,a,1\n")
        trace = lc.read_trace(path, lenient=True)
        assert "read 1 of 1 row, skipped 0" in capsys.readouterr().err
        assert trace.quality.clean
        lc.read_trace(path)
        assert capsys.readouterr().err == ""

    def test_problems_are_listed_to_a_hundred_and_counted_to_the_end(self, file):
        content = "arrival,function,duration\n" + "x,a,1\n" * 250
        quality = lc.read_trace(file(content), lenient=True).quality
        assert (len(quality.problems), quality.rows_skipped) == (100, 250)
        assert "and 247 more" in str(quality)

    def test_nothing_in_a_file_can_break_the_block(self, file):
        """A path or a field with line breaks and terminal codes stays on its line."""
        path = file("arrival,function,duration\n\x1b[31m\u202e,a,1\n", name="a\nb.csv")
        block = str(lc.read_trace(path, lenient=True).quality)
        assert len(block.splitlines()) <= 5
        assert all(len(line) <= 80 for line in block.splitlines())
        assert "\x1b" not in block
        assert "\u202e" not in block

    def test_a_file_without_a_usable_header_is_refused_all_the_same(self, file):
        with pytest.raises(lc.TraceError):
            lc.read_trace(file("1,a,1\n"), lenient=True)

    def test_the_quality_pickles_with_the_trace(self, file):
        trace = lc.read_trace(file(self.CONTENT), lenient=True)
        assert pickle.loads(pickle.dumps(trace)).quality == trace.quality


class TestErrors:
    @pytest.mark.parametrize(
        ("row", "column", "reason"),
        [
            ("abc,a,1", "arrival", '"abc" is no number: write seconds such as 0.25'),
            (",a,1", "arrival", '"" is no number'),
            ("1,a,-0.5", "duration", '"-0.5" is negative'),
            ("1,a,-1e-30", "duration", "is negative"),
            ("1,a,-1e99", "duration", "is negative"),
            ("NaN,a,1", "arrival", "is not a time: drop or fill such rows"),
            ("-inf,a,1", "arrival", "is infinite"),
            ("1,a,Infinity", "duration", "is infinite"),
            ("9223372036.854775808,a,0", "arrival", "292 years"),
            ("1e999999999999999999999,a,0", "arrival", "292 years"),
            ("5e9,a,5e9", "duration", "together are 2^63 ns"),
            ("1_000,a,1", "arrival", "is no number"),
            ("0x10,a,1", "arrival", "is no number"),
            ("1e,a,1", "arrival", "is no number"),
            (".,a,1", "arrival", "is no number"),
            ("1,,1", "function", "is empty"),
            ("1,a", None, "the row has 2 columns and the header has 3"),
            ("1,a,1,1", None, "the row has 4 columns and the header has 3"),
            ('1,"a,1\n', None, "a quote is never closed: the file may be cut off"),
            (b"1,\xff\xfe,1", "function", "is no UTF-8 text"),
            (b"1,a\0b,1", "function", "NUL"),
            (b"1\0,a,1", "arrival", "is no number"),
        ],
    )
    def test_the_first_bad_row_is_named_by_line_column_and_reason(self, file, row, column, reason):
        row = row if isinstance(row, bytes) else row.encode()
        path = file(b'arrival,function,duration\r\n\r\n0,"a\nb",0\n\n' + row)
        with pytest.raises(lc.TraceError) as caught:
            lc.read_trace(path)
        error = caught.value
        assert (error.path, error.line, error.column) == (str(path), 6, column)
        assert str(error).startswith(f"{path}:6:")
        assert reason in str(error)
        assert "lenient=True" in str(error)

    def test_whole_nanoseconds_have_no_fraction(self, file):
        path = file("arrival_ns,function,duration_ns\n1.0,a,15e-1\n")
        with pytest.raises(lc.TraceError, match='"15e-1" is no whole number of nanoseconds'):
            lc.read_trace(path)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "is empty"),
            (b"\xef\xbb\xbf", "is empty"),
            (b"\r\n\n", "is empty"),
            (b"\x1f\x8b\x08\0\0", r"compressed \(gzip\): unpack it first"),
            (b"\x28\xb5\x2f\xfd0000", r"compressed \(zstd\)"),
            (b"PK\x03\x04 no zip", "is damaged, or no NPZ file"),
            ("arrival,function,duration\n".encode("utf-16"), "UTF-16 text: save it as UTF-8"),
            (b"\x7fELF\x02\x01\x01\0\0\0", "NUL bytes: this is no CSV text"),
            (b"\xff" * 100, "no known format"),
            (b'"arrival', "a quote is never closed"),
        ],
    )
    @pytest.mark.parametrize("lenient", [False, True])
    def test_what_is_no_trace_says_so(self, file, content, reason, lenient):
        path = file(content)
        with pytest.raises(lc.TraceError, match=reason) as caught:
            lc.read_trace(path, lenient=lenient)
        assert caught.value.path == str(path)

    def test_a_zip_named_as_csv_must_be_unpacked(self, file):
        with pytest.raises(lc.TraceError, match="ZIP"):
            lc.read_trace(file(b"PK\x03\x04"), "csv")

    def test_a_missing_file_is_an_os_error(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            lc.read_trace(tmp_path / "none.csv")

    def test_a_directory_is_refused(self, tmp_path):
        with pytest.raises(lc.TraceError, match="is a directory"):
            lc.read_trace(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_is_refused_and_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(lc.TraceError, match="no regular file"):
            lc.read_trace(tmp_path / "pipe")

    def test_names_of_files_need_not_be_utf8(self, tmp_path):
        name = os.fsencode(tmp_path) + b"/\xff.csv"
        try:
            with open(name, "w") as out:
                out.write("arrival,function,duration\nx,a,0\n")
        except OSError:
            pytest.skip("this file system wants UTF-8 names")
        with pytest.raises(lc.TraceError) as caught:
            lc.read_trace(os.fsdecode(name))
        assert caught.value.path == os.fsdecode(name)


class TestProgress:
    def test_progress_ends_with_all_bytes_done(self, file):
        path = file("arrival,function,duration\n" + "1,a,1\n" * 400_000)
        calls = []
        lc.read_trace(path, progress=lambda done, total: calls.append((done, total)))
        size = path.stat().st_size
        assert calls[-1] == (size, size)
        assert all(total == size for _, total in calls)
        assert [done for done, _ in calls] == sorted(done for done, _ in calls)

    def test_an_error_of_the_callback_ends_the_read(self, tmp_path):
        path = tmp_path / "long.csv"
        endless(path, 2**34)

        def fail(done, total):
            raise RuntimeError("enough")

        with pytest.raises(RuntimeError, match="enough"):
            lc.read_trace(path, lenient=True, progress=fail)


def endless(path, size):
    """A file of a header and one line of NULs that takes no room on the disk."""
    with open(path, "wb") as out:
        out.write(b"arrival,function,duration\n1,a,1\n")
        out.truncate(size)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
def test_ctrl_c_ends_a_long_read_and_the_process_stays_usable(tmp_path):
    endless(tmp_path / "long.csv", 2**40)
    (tmp_path / "short.csv").write_text("arrival,function,duration\n1,a,1\n")
    script = """
        import signal
        import sys
        import lambdacore as lc
        # A parent may have told its children to ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            print("reading", flush=True)
            lc.read_trace(sys.argv[1] + "/long.csv", lenient=True)
        except KeyboardInterrupt:
            print(len(lc.read_trace(sys.argv[1] + "/short.csv")))
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout.readline() == "reading\n"
        time.sleep(0.3)
        assert child.poll() is None
        child.send_signal(signal.SIGINT)
        before = time.perf_counter()
        try:
            output, _ = child.communicate(timeout=60)
        finally:
            child.kill()
        # The whole file would take minutes.
        assert time.perf_counter() - before < 20
    assert (output, child.returncode) == ("1\n", 0)
