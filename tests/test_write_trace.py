"""Writing traces: what is read back, what a spreadsheet sees, what a crash leaves."""

import csv
import io
import os
import stat
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lambdacore as lc

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
names = st.text(
    st.one_of(st.sampled_from("=+-@\t\r\n',\"\uff1d; a"), st.characters(exclude_categories=["Cs"])),
    min_size=1,
    max_size=12,
).filter(lambda name: "\0" not in name)


@st.composite
def traces(draw):
    functions = draw(st.lists(names, min_size=1, max_size=6, unique=True))
    index = draw(st.lists(st.integers(0, len(functions) - 1), max_size=20))
    time = st.integers(0, 2**62 - 1) | st.integers(0, 3 * 10**9)
    column = st.lists(time, min_size=len(index), max_size=len(index))
    return lc.Trace(
        np.array(draw(column), dtype=np.int64),
        np.array(index, dtype=np.int64),
        np.array(draw(column), dtype=np.int64),
        functions=functions,
    )


def rows(trace):
    named = [trace.functions[i] for i in trace.function]
    return list(zip(trace.arrival.tolist(), named, trace.duration.tolist(), strict=True))


class TestRoundTrip:
    @given(traces())
    @same_folder
    def test_csv_gives_back_every_row_to_the_nanosecond(self, tmp_path, trace):
        lc.write_trace(trace, tmp_path / "trace.csv")
        back = lc.read_trace(tmp_path / "trace.csv")
        assert rows(back) == rows(trace)
        assert back.order is None
        assert back.quality.clean

    @given(traces())
    @same_folder
    def test_npz_gives_back_everything(self, tmp_path, trace):
        lc.write_trace(trace, tmp_path / "trace.npz")
        back = lc.read_trace(tmp_path / "trace.npz")
        assert rows(back) == rows(trace)
        assert back.functions == trace.functions
        assert back.quality.rows_read == len(trace)

    def test_csv_of_more_rows_than_one_piece(self, tmp_path):
        """The writer goes piece by piece."""
        n = 200_001
        trace = lc.Trace(np.arange(n) * 123_456_789, np.arange(n) % 3, 1, functions=list("abc"))
        lc.write_trace(trace, tmp_path / "trace.csv")
        assert lc.read_trace(tmp_path / "trace.csv").digest() == trace.digest()

    @pytest.mark.parametrize("suffix", [".csv", ".npz"])
    @pytest.mark.parametrize("functions", [[], ["unused"]])
    def test_an_empty_trace(self, tmp_path, suffix, functions):
        trace = lc.Trace([], np.array([], dtype=np.int64), [], functions=functions)
        lc.write_trace(trace, tmp_path / f"trace{suffix}")
        assert len(lc.read_trace(tmp_path / f"trace{suffix}")) == 0

    @pytest.mark.parametrize("suffix", [".csv", ".npz"])
    def test_the_same_trace_gives_the_same_bytes(self, tmp_path, suffix):
        trace = lc.Trace([0, 1], ["a", "b"], 5)
        paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
        for path in paths:
            lc.write_trace(trace, path)
        assert paths[0].read_bytes() == paths[1].read_bytes()


class TestSpreadsheets:
    @given(traces())
    @same_folder
    def test_no_cell_is_a_live_formula(self, tmp_path, trace):
        """OWASP, CSV injection: no text cell begins with such a character."""
        lc.write_trace(trace, tmp_path / "trace.csv")
        text = (tmp_path / "trace.csv").read_bytes().decode()
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            for cell in row:
                assert not cell.startswith(tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"))

    def test_an_apostrophe_is_written_and_taken_off_again(self, tmp_path):
        names = ["=1+1", "'=1+1", "''@x", "'quoted'", "plain"]
        lc.write_trace(lc.Trace(np.arange(5), names, 1), tmp_path / "t.csv")
        cells = [line.split(",")[1] for line in (tmp_path / "t.csv").read_text().splitlines()]
        assert cells[1:] == ["'=1+1", "''=1+1", "'''@x", "'quoted'", "plain"]
        assert list(lc.read_trace(tmp_path / "t.csv").functions) == names

    def test_a_bare_and_a_quoted_name_are_one_function(self, tmp_path):
        path = tmp_path / "t.csv"
        path.write_text("arrival,function,duration\n1,=x,1\n2,'=x,1\n3,y,1\n")
        trace = lc.read_trace(path)
        assert trace.functions == ("=x", "y")
        assert trace.function.tolist() == [0, 0, 1]


class TestFiles:
    TRACE = lc.Trace([0], "a", 5)

    @pytest.mark.parametrize("suffix", [".csv", ".npz"])
    @pytest.mark.parametrize("name", ["a\0", "\0"])
    def test_a_name_that_files_do_not_keep_is_refused(self, tmp_path, suffix, name):
        with pytest.raises(lc.TraceError, match=r"functions\[1\]"):
            lc.write_trace(lc.Trace([0, 1], ["ok", name], 5), tmp_path / f"t{suffix}")
        assert list(tmp_path.iterdir()) == []

    def test_another_suffix_is_refused(self, tmp_path):
        with pytest.raises(lc.TraceError, match=r"\.csv or \.npz"):
            lc.write_trace(self.TRACE, tmp_path / "t.parquet")

    def test_a_write_that_fails_leaves_what_was_there(self, tmp_path, monkeypatch):
        path = tmp_path / "t.npz"
        path.write_bytes(b"before")

        def fail(*args, **arrays):
            raise OSError("disk full")

        monkeypatch.setattr(np, "savez", fail)
        with pytest.raises(OSError, match="disk full"):
            lc.write_trace(self.TRACE, path)
        assert path.read_bytes() == b"before"
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.skipif(os.name == "nt", reason="no such permissions there")
    def test_a_file_gets_the_usual_permissions(self, tmp_path):
        (tmp_path / "usual").touch()
        lc.write_trace(self.TRACE, tmp_path / "t.csv")
        assert stat.S_IMODE((tmp_path / "t.csv").stat().st_mode) == stat.S_IMODE(
            (tmp_path / "usual").stat().st_mode
        )

    def test_a_folder_that_does_not_exist_is_an_os_error(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            lc.write_trace(self.TRACE, tmp_path / "none" / "t.csv")


GOOD = {
    "schema": np.int64(1),
    "arrival": np.array([0, 1]),
    "function": np.array([0, 1], dtype=np.uint32),
    "duration": np.array([5, 5]),
    "functions": np.array(["a", "b"]),
}


class TestNpzIsNotTrusted:
    @pytest.mark.parametrize(
        ("array", "value", "reason"),
        [
            ("schema", np.int64(2), "2 is not known here, 1 is"),
            ("schema", np.array([1]), "one int64 is needed"),
            ("arrival", np.array([0.0, 1.0]), "float64 of shape .*int64 nanoseconds is needed"),
            ("arrival", np.array([0, -1]), r"arrival\[1\] = -1 is negative"),
            ("arrival", np.array([[0, 1]]), "is needed"),
            ("arrival", np.array([0, 2**63 - 1]), "292 years"),
            ("arrival", np.array([0, "x"], dtype=object), "object"),
            ("duration", np.array([5]), "1 rows and arrival has 2"),
            ("function", np.array([0, 2], dtype=np.uint32), r"function\[1\] = 2 is no index"),
            ("function", np.array([0, 1]), "uint32 indices into functions is needed"),
            ("functions", np.array(["a", "a"]), "stands at index 0 already"),
            ("functions", np.array(["a", ""]), "non-empty str"),
            ("functions", np.array([b"a", b"b"]), "a column of text is needed"),
            ("functions", np.array([0xD800, 0x61], dtype="<u4").view("<U1"), "damaged"),
            ("functions", np.array([0x110000, 0x61], dtype="<u4").view("<U1"), "damaged"),
            ("functions", None, "functions: no such array"),
        ],
    )
    def test_each_failure_names_the_path_and_the_array(self, tmp_path, array, value, reason):
        arrays = {**GOOD, array: value}
        if value is None:
            del arrays[array]
        np.savez(tmp_path / "t.npz", **arrays)
        with pytest.raises(lc.TraceError, match=reason) as caught:
            lc.read_trace(tmp_path / "t.npz")
        assert caught.value.path == str(tmp_path / "t.npz")
        assert str(caught.value).startswith(caught.value.path)
        if reason not in ("damaged", "292 years"):
            assert caught.value.column in (array, "functions")

    def test_any_byte_order_and_compression_are_fine(self, tmp_path):
        arrays = {
            name: np.asarray(a).astype(np.asarray(a).dtype.newbyteorder(">"))
            for name, a in GOOD.items()
        }
        np.savez_compressed(tmp_path / "t.npz", **arrays)
        trace = lc.read_trace(tmp_path / "t.npz")
        assert rows(trace) == [(0, "a", 5), (1, "b", 5)]

    def test_an_archive_that_unpacks_to_too_much_is_refused(self, tmp_path):
        n = 10**6
        zeros = np.zeros(n, dtype=np.int64)
        arrays = {**GOOD, "arrival": zeros, "duration": zeros, "function": zeros.astype("<u4")}
        np.savez_compressed(tmp_path / "t.npz", **arrays)
        with pytest.raises(lc.TraceError, match=r"unpacks to 20,00.*expansion="):
            lc.read_trace(tmp_path / "t.npz")
        assert len(lc.read_trace(tmp_path / "t.npz", limits=lc.ReadLimits(expansion=2_000))) == n
        limits = lc.ReadLimits(expansion=2_000, unpacked=10**7)
        with pytest.raises(lc.TraceError, match="unpacks"):
            lc.read_trace(tmp_path / "t.npz", limits=limits)

    def test_a_header_that_promises_more_than_there_is_allocates_nothing(self, tmp_path):
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<i8", "fortran_order": False, "shape": (10**15,)}
        )
        np.savez(tmp_path / "good.npz", **GOOD)
        with (
            zipfile.ZipFile(tmp_path / "good.npz") as good,
            zipfile.ZipFile(tmp_path / "t.npz", "w") as bad,
        ):
            for name in good.namelist():
                content = good.read(name)
                bad.writestr(name, header.getvalue() if name == "arrival.npy" else content)
        with pytest.raises(lc.TraceError, match="arrival: is cut off"):
            lc.read_trace(tmp_path / "t.npz")

    def test_functions_beyond_the_limit(self, tmp_path):
        np.savez(tmp_path / "t.npz", **GOOD)
        assert len(lc.read_trace(tmp_path / "t.npz", limits=lc.ReadLimits(functions=2))) == 2
        with pytest.raises(lc.TraceError, match="more than 1 functions"):
            lc.read_trace(tmp_path / "t.npz", limits=lc.ReadLimits(functions=1))

    def test_an_offset_that_leads_nowhere_is_damage_and_no_error_of_the_system(self, tmp_path):
        np.savez_compressed(tmp_path / "t.npz", **GOOD)
        content = bytearray((tmp_path / "t.npz").read_bytes())
        at = content.rindex(b"PK\x05\x06") + 16
        offset = int.from_bytes(content[at : at + 4], "little") + 50
        content[at : at + 4] = offset.to_bytes(4, "little")
        (tmp_path / "t.npz").write_bytes(bytes(content))
        with pytest.raises(lc.TraceError, match="is damaged"):
            lc.read_trace(tmp_path / "t.npz")

    @given(st.data())
    @same_folder
    def test_damaged_bytes_give_a_trace_or_a_trace_error(self, tmp_path, data):
        np.savez_compressed(tmp_path / "t.npz", **GOOD)
        content = bytearray((tmp_path / "t.npz").read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(4, len(content)))
        for damaged in (content, content[:cut]):
            (tmp_path / "t.npz").write_bytes(bytes(damaged))
            try:
                trace = lc.read_trace(tmp_path / "t.npz")
            except lc.TraceError:
                continue
            assert len(trace) == 2
