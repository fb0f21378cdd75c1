"""Traces as directories of .npy files: mapped, checked like any file, replaced as a whole."""

import json
import os
import pickle
import subprocess
import sys
import textwrap
import tracemalloc
import zipfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lambdacore as lc
from lambdacore.testing import traces

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
ROWS = 2_000_000
COLUMNS = ("arrival", "function", "duration")
GOOD = {
    "schema": np.int64(1),
    "arrival": np.array([0, 1]),
    "function": np.array([0, 1], dtype=np.uint32),
    "duration": np.array([5, 5]),
    "functions": np.array(["a", "b"]),
}


def save(folder, **arrays):
    """Make a directory by hand, as any program may that has numpy."""
    folder.mkdir(exist_ok=True)
    for name, array in {**GOOD, **arrays}.items():
        (folder / f"{name}.npy").unlink(missing_ok=True)
        if array is not None:
            np.save(folder / f"{name}.npy", array)
    return folder


def made(rows, **columns):
    return lc.Trace(
        np.arange(rows) * 10**6, np.arange(rows) % 3, 10**7, functions=list("abc"), **columns
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "t.npys"
    lc.write_trace(made(ROWS), path)
    return path


class TestRoundTrip:
    @given(traces(), st.booleans(), st.booleans())
    @same_folder
    def test_everything_comes_back(self, tmp_path, trace, with_init, separator):
        if with_init:
            init = np.arange(len(trace)) - 1
            trace = lc.Trace(
                trace.arrival, trace.function, trace.duration, trace.functions, init=init
            )
        name = f"{tmp_path / 'trace'}{os.sep}" if separator else tmp_path / "trace.npys"
        lc.write_trace(trace, name)
        back = lc.read_trace(name)
        assert back.digest() == trace.digest()
        assert back.functions == trace.functions
        assert (back.init is None) == (trace.init is None)
        assert back.order is None
        assert back.quality == lc.DataQuality(str(name), "npys", rows_read=len(trace))
        assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {"trace"}

    def test_it_is_what_unpacking_an_npz_gives(self, tmp_path):
        trace = made(100, init=3)
        lc.write_trace(trace, tmp_path / "t.npz")
        lc.write_trace(trace, tmp_path / "t.npys")
        with zipfile.ZipFile(tmp_path / "t.npz") as archive:
            archive.extractall(tmp_path / "unpacked")
        for file in (tmp_path / "unpacked").iterdir():
            assert file.read_bytes() == (tmp_path / "t.npys" / file.name).read_bytes()
        assert lc.read_trace(tmp_path / "unpacked").digest() == trace.digest()

    @pytest.mark.parametrize("functions", [[], ["unused"]])
    def test_an_empty_trace(self, tmp_path, functions):
        trace = lc.Trace([], np.array([], dtype=np.int64), [], functions=functions)
        lc.write_trace(trace, tmp_path / "t.npys")
        assert lc.read_trace(tmp_path / "t.npys").functions == tuple(functions)

    def test_columns_that_are_not_as_the_trace_keeps_them_are_brought_into_memory(self, tmp_path):
        swapped = {
            k: np.asarray(a).astype(np.asarray(a).dtype.newbyteorder()) for k, a in GOOD.items()
        }
        assert lc.read_trace(save(tmp_path / "big", **swapped)).arrival.tolist() == [0, 1]
        late = lc.read_trace(save(tmp_path / "late", arrival=np.array([7, 2])))
        assert (late.arrival.tolist(), late.order.tolist()) == ([2, 7], [1, 0])
        assert late.function.tolist() == [1, 0]

    def test_progress_ends_with_all_bytes(self, tmp_path):
        seen = []
        lc.read_trace(save(tmp_path / "t"), progress=lambda *done: seen.append(done))
        size = sum(path.stat().st_size for path in (tmp_path / "t").iterdir())
        assert seen[-1] == (size, size)


class TestMapped:
    def test_opening_takes_a_small_part_of_the_size_in_memory(self, large):
        """40 MB of columns; what is taken does not grow with them."""
        size = sum(file.stat().st_size for file in large.iterdir())
        tracemalloc.start()
        try:
            trace = lc.read_trace(large)
            assert tracemalloc.get_traced_memory()[1] < size / 10
            assert len(trace.digest()) == 64
            assert tracemalloc.get_traced_memory()[1] < size / 10
        finally:
            tracemalloc.stop()

    @pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a limit of memory")
    def test_a_process_with_less_memory_than_the_trace_reads_and_runs_it(self, large):
        """Memory of its own is limited to 24 MB more than an idle process has."""
        script = """
            import resource, sys
            import lambdacore as lc
            trace = lc.Trace([0], "a", 1)
            lc.simulate(lc.Account.for_trace(trace), trace)
            used = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_DATA, (used + 24 * 2**20,) * 2)
            trace = lc.read_trace(sys.argv[1])
            result = lc.simulate(lc.Account.for_trace(trace, 1_000, profile="pure-pools"), trace)
            print(len(result.outcome), int(result.throttles(60).sum()))
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), str(large)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == (f"{ROWS} 0\n", "")

    def test_a_mapped_trace_does_all_that_a_trace_does(self, tmp_path):
        trace = made(1_000)
        lc.write_trace(trace, tmp_path / "t.npys")
        mapped = lc.read_trace(tmp_path / "t.npys")
        assert repr(mapped) == repr(trace)
        assert mapped.span == trace.span
        for name in COLUMNS:
            column = getattr(mapped, name)
            assert type(column) is np.ndarray
            assert not column.flags.owndata
            with pytest.raises(ValueError, match="read-only"):
                column[0] = 1
            with pytest.raises(ValueError, match="cannot set WRITEABLE"):
                column.flags.writeable = True
            assert column[10:20].tolist() == getattr(trace, name)[10:20].tolist()
        account = lc.Account.for_trace(trace, 20, unreserved_floor=0)
        assert (lc.simulate(account, mapped).outcome == lc.simulate(account, trace).outcome).all()
        part = lc.Trace(
            mapped.arrival[5:], mapped.function[5:], mapped.duration[5:], mapped.functions
        )
        assert np.shares_memory(part.arrival, mapped.arrival)
        assert lc.required_concurrency(mapped)["a"] == lc.required_concurrency(trace)["a"]

    def test_it_goes_to_another_process(self, tmp_path):
        trace = made(1_000)
        lc.write_trace(trace, tmp_path / "t.npys")
        mapped = lc.read_trace(tmp_path / "t.npys")
        assert pickle.loads(pickle.dumps(mapped)).digest() == trace.digest()
        account = lc.Account.for_trace(trace, 20, unreserved_floor=0)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            outcome = pool.submit(lc.simulate, account, mapped).result().outcome
        assert (outcome == lc.simulate(account, trace).outcome).all()

    def test_a_trace_that_is_replaced_stays_what_it_was_to_who_has_it(self, tmp_path):
        lc.write_trace(made(1_000), tmp_path / "t.npys")
        before = lc.read_trace(tmp_path / "t.npys")
        lc.write_trace(lc.Trace([3], "x", 4), tmp_path / "t.npys")
        assert before.digest() == made(1_000).digest()
        assert lc.read_trace(tmp_path / "t.npys").functions == ("x",)
        lc.write_trace(before, tmp_path / "t.npys")
        assert lc.read_trace(tmp_path / "t.npys").digest() == made(1_000).digest()

    def test_the_command_line_takes_it(self, tmp_path):
        lc.write_trace(made(1_000), tmp_path / "t.npys")
        (tmp_path / "s.toml").write_text(
            'schema = 1\ntrace = "t.npys"\n'
            "[account]\nconcurrency_limit = 1000\ndeclare_all = true\n"
        )
        for arguments in (
            ["simulate", "--trace", str(tmp_path / "t.npys"), "--json"],
            ["simulate", "--trace", f"{tmp_path / 't.npys'}/", "--format", "npys", "--json"],
            ["simulate", str(tmp_path / "s.toml"), "--json"],
            ["required", str(tmp_path / "t.npys"), "--json"],
        ):
            command = [sys.executable, "-c", "from lambdacore.cli import main; main()", *arguments]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)


class TestNotTrusted:
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
            ("arrival", None, "arrival: no such array in the directory"),
            ("duration", np.array([5]), "1 rows and arrival has 2"),
            ("function", np.array([0, 2], dtype=np.uint32), r"function\[1\] = 2 is no index"),
            ("function", np.array([0, 1]), "uint32 indices into functions is needed"),
            ("functions", np.array(["a", "a"]), "stands at index 0 already"),
            ("functions", np.array([0xD800, 0x61], dtype="<u4").view("<U1"), "damaged"),
            ("init", np.array([0, -2]), r"init\[1\] = -2 is negative"),
            ("init", np.array([0.5, 0.5]), "-1 for the account's is needed"),
        ],
    )
    def test_each_failure_names_the_directory_and_the_array(self, tmp_path, array, value, reason):
        path = save(tmp_path / "t", **{array: value})
        with pytest.raises(lc.TraceError, match=reason) as caught:
            lc.read_trace(path)
        assert caught.value.path == str(path)
        assert str(caught.value).startswith(caught.value.path)
        if reason not in ("damaged", "292 years"):
            assert caught.value.column in (array, "functions")

    def test_limits_hold(self, tmp_path):
        path = save(tmp_path / "t")
        with pytest.raises(lc.TraceError, match="more than 1 functions"):
            lc.read_trace(path, limits=lc.ReadLimits(functions=1))
        with pytest.raises(lc.TraceError, match=r"functions: takes 136 bytes.*unpacked="):
            lc.read_trace(path, limits=lc.ReadLimits(unpacked=135))
        assert len(lc.read_trace(path, limits=lc.ReadLimits(unpacked=136, functions=2))) == 2

    @pytest.mark.parametrize("name", COLUMNS)
    def test_a_file_longer_or_shorter_than_its_header_says_is_refused(self, tmp_path, name):
        path = save(tmp_path / "t")
        content = (path / f"{name}.npy").read_bytes()
        for wrong in (content[:-1], content + b"\0", content[:60], b""):
            (path / f"{name}.npy").write_bytes(wrong)
            with pytest.raises(lc.TraceError, match=r"is cut off|is damaged"):
                lc.read_trace(path)

    def test_a_header_that_promises_much_takes_no_memory(self, tmp_path):
        path = save(tmp_path / "t")
        with open(path / "arrival.npy", "wb") as file:
            header = {"descr": "<i8", "fortran_order": False, "shape": (10**15,)}
            np.lib.format.write_array_header_1_0(file, header)
        with pytest.raises(lc.TraceError, match="arrival: is cut off"):
            lc.read_trace(path)
        with open(path / "arrival.npy", "wb") as file:
            file.write(b"\x93NUMPY\x02\x00\xff\xff\xff\xff")  # a header of 4 GiB
            file.truncate(2**32 + 12)
        tracemalloc.start()
        try:
            with pytest.raises(lc.TraceError, match="damaged"):
                lc.read_trace(path)
            assert tracemalloc.get_traced_memory()[1] < 2**20
        finally:
            tracemalloc.stop()

    @given(st.sampled_from(sorted(GOOD)), st.data())
    @same_folder
    def test_damaged_bytes_give_a_trace_or_a_trace_error(self, tmp_path, name, data):
        path = save(tmp_path / "t") / f"{name}.npy"
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(bytes(content))
        try:
            trace = lc.read_trace(tmp_path / "t")
        except lc.TraceError:
            return
        assert len(trace) == 2

    def test_a_directory_of_something_else_says_what_a_trace_has(self, tmp_path):
        (tmp_path / "photo.jpg").touch()
        for format in (None, "npys"):
            with pytest.raises(lc.TraceError, match=r"is a directory and none of a.*arrival"):
                lc.read_trace(tmp_path, format)
        with pytest.raises(lc.TraceError, match="is a directory: give a file"):
            lc.read_trace(tmp_path, "csv")
        with pytest.raises(lc.TraceError, match="is no directory"):
            lc.read_trace(tmp_path / "photo.jpg", "npys")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_only_regular_files_and_links_to_them_are_opened(self, tmp_path):
        path = save(tmp_path / "t")
        (path / "arrival.npy").rename(tmp_path / "elsewhere.npy")
        (path / "arrival.npy").symlink_to(tmp_path / "elsewhere.npy")
        assert len(lc.read_trace(path)) == 2
        (path / "arrival.npy").unlink()
        os.mkfifo(path / "arrival.npy")
        with pytest.raises(lc.TraceError, match="no regular file") as caught:
            lc.read_trace(path)
        assert caught.value.path == str(path / "arrival.npy")
        (path / "arrival.npy").unlink()
        (path / "arrival.npy").symlink_to("none")
        with pytest.raises(FileNotFoundError):
            lc.read_trace(path)


class TestWriting:
    TRACE = lc.Trace([0], "a", 5)

    def fill(self, path, kind):
        if kind == "file":
            path.write_text("mine")
        else:
            save(path, arrival=None if kind == "part of a trace" else GOOD["arrival"])
            if kind == "more than a trace":
                (path / "thesis.tex").write_text("mine")
            elif kind == "directory in it":
                (path / "init.npy").mkdir()
        if kind == "link":
            path.rename(f"{path}.target")
            path.symlink_to(f"{path}.target")

    @pytest.mark.parametrize(
        "kind", ["file", "part of a trace", "more than a trace", "directory in it", "link"]
    )
    def test_what_is_no_directory_of_a_trace_is_not_replaced(self, tmp_path, kind):
        path = tmp_path / "t.npys"
        self.fill(path, kind)
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(lc.TraceError, match="not replaced") as caught:
            lc.write_trace(self.TRACE, path)
        assert caught.value.path == str(path)
        assert sorted(tmp_path.rglob("*")) == before

    def test_an_empty_directory_is_filled(self, tmp_path):
        (tmp_path / "t.npys").mkdir()
        lc.write_trace(self.TRACE, tmp_path / "t.npys")
        assert lc.read_trace(tmp_path / "t.npys").digest() == self.TRACE.digest()

    @pytest.mark.parametrize("call", ["fsync", "rename"])
    @pytest.mark.parametrize("nth", [1, 2])
    def test_a_write_that_fails_leaves_what_was_there(self, tmp_path, monkeypatch, call, nth):
        path = tmp_path / "t.npys"
        lc.write_trace(made(10), path)
        real, calls = getattr(os, call), []

        def fail(*arguments):
            calls.append(arguments)
            if len(calls) == nth:
                raise OSError("disk full")
            return real(*arguments)

        monkeypatch.setattr(os, call, fail)
        with pytest.raises(OSError, match="disk full"):
            lc.write_trace(self.TRACE, path)
        monkeypatch.undo()
        assert lc.read_trace(path).digest() == made(10).digest()
        assert list(tmp_path.iterdir()) == [path]

    def test_a_name_that_files_do_not_keep_is_refused(self, tmp_path):
        with pytest.raises(lc.TraceError, match=r"functions\[0\]"):
            lc.write_trace(lc.Trace([0], "a\0", 5), tmp_path / "t.npys")
        assert list(tmp_path.iterdir()) == []

    def test_the_root_is_not_replaced(self):
        with pytest.raises(lc.TraceError, match="not replaced"):
            lc.write_trace(self.TRACE, os.sep)
