"""The scanner against hostile files: limits to the byte, exact decimals, no crash."""

import subprocess
import sys
import textwrap
import time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import lambdacore as lc

HEADER = "arrival,function,duration\n"
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def read(tmp_path, content, **options):
    path = tmp_path / "trace.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return lc.read_trace(path, **options)


class TestLimits:
    """At a limit a file is fine, one beyond it is not, and the error names the limit."""

    @pytest.mark.parametrize("end", ["\n", "\r\n", ""])
    @pytest.mark.parametrize("over", [-1, 0, 1])
    def test_bytes_of_a_row(self, tmp_path, over, end):
        content = f"{HEADER}1,{'a' * (100 + over - 4)},1{end}"
        limits = lc.ReadLimits(line=100)
        if over <= 0:
            assert len(read(tmp_path, content, limits=limits)) == 1
            return
        with pytest.raises(lc.TraceError, match=r":2: the row is longer than 100 bytes.*line="):
            read(tmp_path, content, limits=limits)
        quality = read(tmp_path, content + "\n2,b,2\n", limits=limits, lenient=True).quality
        assert (quality.rows_read, quality.rows_skipped) == (1, 1)

    @pytest.mark.parametrize("over", [-1, 0, 1])
    def test_bytes_of_a_row_by_default(self, tmp_path, over):
        size = 2**20 + over
        content = HEADER + '1,"' + '""' * 1000 + "a" * (size - 2006) + '",1\n'
        with pytest.raises(lc.TraceError, match=r"field=\.\.\." if over <= 0 else r"line=\.\.\."):
            read(tmp_path, content)
        limits = lc.ReadLimits(field=2**21, line=size)
        assert len(read(tmp_path, content, limits=limits)) == 1

    @pytest.mark.parametrize("over", [-1, 0, 1])
    def test_bytes_of_a_field(self, tmp_path, over):
        content = f'{HEADER}1,"{"a" * (2**16 + over)}",1\n2,b,2\n'
        if over <= 0:
            assert len(read(tmp_path, content)) == 2
            return
        with pytest.raises(lc.TraceError, match=r':2: the field "a+…" is longer than 65536 bytes'):
            read(tmp_path, content)
        quality = read(tmp_path, content, lenient=True).quality
        assert (quality.rows_read, quality.rows_skipped) == (1, 1)

    @pytest.mark.parametrize("over", [-1, 0, 1])
    def test_columns_of_a_row(self, tmp_path, over):
        extra = 1_024 - 3 + over
        content = HEADER.strip() + ",x" * extra + "\n1,a,1" + ",x" * extra + "\n"
        if over <= 0:
            assert len(read(tmp_path, content)) == 1
            return
        with pytest.raises(lc.TraceError, match=":1: the row has more than 1024 columns"):
            read(tmp_path, content)
        assert len(read(tmp_path, content, limits=lc.ReadLimits(columns=2_000))) == 1

    def test_a_row_of_too_many_columns_is_skipped_whole(self, tmp_path):
        content = HEADER + "," * 300_000 + "\n1,a,1\n"
        quality = read(tmp_path, content, lenient=True).quality
        assert (quality.rows_read, quality.rows_skipped) == (1, 1)

    @pytest.mark.parametrize("over", [-1, 0, 1])
    @pytest.mark.parametrize("lenient", [False, True])
    def test_functions(self, tmp_path, over, lenient):
        """The limit of functions is about the whole file: it ends a lenient read too."""
        content = HEADER + "".join(f"1,f{i},1\n" for i in range(100 + over)) + "1,f0,1\n"
        limits = lc.ReadLimits(functions=100)
        if over <= 0:
            assert len(read(tmp_path, content, limits=limits)) == 101 + over
            return
        with pytest.raises(lc.TraceError, match=r":102: function: more than 100 functions"):
            read(tmp_path, content, limits=limits, lenient=lenient)

    @pytest.mark.parametrize("value", [0, -1, 2**48, 1.5, True, "9"])
    def test_a_limit_is_a_sensible_number(self, value):
        with pytest.raises(lc.ConfigurationError, match="field") as caught:
            lc.ReadLimits(field=value)
        assert caught.value.argument == "field"

    @pytest.mark.parametrize("size", range(4_094, 4_099))
    def test_a_last_row_may_be_as_long_as_a_buffer(self, tmp_path, size):
        """Without an end of line, and where the scanner's own buffers are just full."""
        trace = read(tmp_path, f"{HEADER}1,{'a' * (size - 2)},1")
        assert len(trace.functions[0]) == size - 2

    @pytest.mark.parametrize("columns", [63, 64, 65, 128, 129])
    def test_a_last_row_may_have_as_many_columns_as_a_buffer(self, tmp_path, columns):
        extra = ",x" * (columns - 3)
        assert len(read(tmp_path, f"{HEADER.strip()}{extra}\n1,a,1{extra}")) == 1
        assert len(read(tmp_path, f"{HEADER.strip()},{extra}\n1,a,1,{extra}")) == 1

    def test_one_endless_line_is_refused_without_reading_it(self, tmp_path):
        path = tmp_path / "trace.csv"
        with open(path, "wb") as out:
            out.write(HEADER.encode())
            out.truncate(2**40)
        before = time.perf_counter()
        with pytest.raises(lc.TraceError, match=":2: the row is longer than 1048576 bytes"):
            lc.read_trace(path)
        assert time.perf_counter() - before < 1

    @pytest.mark.skipif(sys.platform == "win32", reason="no limit of memory there")
    def test_an_open_quote_does_not_fill_the_memory(self, tmp_path):
        """A child that may take 128 MiB more than it has reads 512 MiB, skipping."""
        path = tmp_path / "trace.csv"
        with open(path, "wb") as out:
            out.write(f'{HEADER}1,"a'.encode())
            out.truncate(2**29)
        script = """
            import resource, sys
            import lambdacore as lc
            used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + 2**27, used + 2**27))
            quality = lc.read_trace(sys.argv[1], lenient=True).quality
            print(quality.rows_read, quality.rows_skipped)
        """
        if sys.platform != "linux":
            pytest.skip("needs /proc")
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "0 1\n"

    def test_a_stray_quote_costs_a_lenient_read_only_what_it_swallowed(self, tmp_path):
        content = HEADER + '1,"a,1\n' + "2,b,2\n" * 1_000
        limits = lc.ReadLimits(line=600)
        quality = read(tmp_path, content, lenient=True, limits=limits).quality
        assert quality.rows_skipped == 1
        assert 880 <= quality.rows_read <= 900
        # The line after the recovery is known: the last row is bad and is named right.
        quality = read(tmp_path, content + "x", lenient=True, limits=limits).quality
        assert quality.problems[-1].line == 1_003


class TestExactDecimals:
    @given(
        st.from_regex(r"\+?[0-9]{0,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    )
    @example("0.0000000005")
    @example("0.0000000015")
    @example("0.00000000050000000000000000000000000001")
    @example("00000000000000000000000000000000000000001.5")
    @example("0.000000000000000000000000000000000000001e39")
    @example("9223372036.8547758074999999999")
    @example("9223372036.8547758075")
    @example("18446744073.709551615")
    @example("18446744073.7095516155")
    @example("0e999")
    @example("1e-999")
    @example(".5")
    @example("5.")
    @same_folder
    def test_seconds_are_what_exact_arithmetic_gives(self, tmp_path, text):
        """Half to even at the nanosecond, whatever the digits and the exponent."""
        content = f"{HEADER}{text},a,0\n"
        mantissa = text.lower().partition("e")[0]
        if not any(c.isdigit() for c in mantissa):
            with pytest.raises(lc.TraceError, match="no number"):
                read(tmp_path, content)
            return
        exact = round(Fraction(Decimal(text)) * 10**9)  # half to even
        if exact >= 2**63:
            with pytest.raises(lc.TraceError, match="292 years"):
                read(tmp_path, content)
            return
        assert read(tmp_path, content).arrival.tolist() == [exact]

    @pytest.mark.parametrize(
        ("text", "nanoseconds"),
        [
            ("5.0", 5),
            ("1.5e1", 15),
            ("+3", 3),
            ("-0", 0),
            ("150e-1", 15),
            (f"{2**63 - 1}", 2**63 - 1),
        ],
    )
    def test_whole_nanoseconds_may_be_written_as_decimals(self, tmp_path, text, nanoseconds):
        """As a program writes them that holds a column of integers as floats."""
        trace = read(tmp_path, f"arrival_ns,function,duration\n{text},a,0\n")
        assert trace.arrival.tolist() == [nanoseconds]


class TestHostileBytes:
    @given(st.binary(max_size=300), st.booleans())
    @same_folder
    def test_any_bytes_give_a_trace_or_a_trace_error(self, tmp_path, junk, lenient):
        for content in (junk, HEADER.encode() + junk):
            try:
                trace = read(tmp_path, content, lenient=lenient)
            except lc.TraceError:
                continue
            assert trace.quality.rows_read == len(trace)

    @given(
        st.lists(
            st.sampled_from(
                [
                    "1,a,1",
                    "2,b,0.5",
                    "x,a,1",
                    "1,,1",
                    "1,a",
                    "1,a,1,1",
                    "-1,a,1",
                    "nan,a,0",
                    "1,a,9e99",
                    '1,"a,b",0',
                    "   ",
                    "1,a\0,1",
                ]
            ),
            max_size=60,
        ),
        st.booleans(),
        st.sampled_from(["\n", "\r\n", "\n\n", "\r"]),
    )
    @same_folder
    def test_read_and_skipped_are_all_rows(self, tmp_path, lines, cut_off, end):
        """Whatever is wrong with them, in whatever order, and each under its own line."""
        good = sum(line in ("1,a,1", "2,b,0.5", '1,"a,b",0') for line in lines)
        if cut_off:
            lines = [*lines, '1,"a']
        quality = read(tmp_path, end.join([HEADER.strip(), *lines]), lenient=True).quality
        assert (quality.rows, quality.rows_read) == (len(lines), good)
        height = 2 if end == "\n\n" else 1
        numbers = [1 + height * (i + 1) for i in range(len(lines))]
        assert {p.line for p in quality.problems} <= set(numbers)
        assert len(quality.problems) == quality.rows_skipped
