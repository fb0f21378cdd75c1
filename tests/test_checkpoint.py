"""Checkpoints: killed at any instant, work goes on to the same bytes; anything else is refused."""

import errno
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

import lambdacore as lc

posix = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")

SWEPT = """
import lambdacore as lc
workload = lc.Workload({
    "f": lc.Stream(lc.Poisson(200), lc.LogNormal(0.2, 1.5)),
    "g": lc.Stream(lc.OnOff(400, on=1, off=4), lc.Exponential(0.3)),
})
account = lc.Account.for_trace(workload, 50, unreserved_floor=0)
GRID = {"concurrency_limit": [60, 80, 100], "workload.f.arrivals.rate": [100, 200]}


def swept(folder):
    return lc.sweep(account, workload, GRID, horizon=40, replications=24, rng=5, chunk=2,
                    checkpoint=folder, progress=False)
"""
RUN = "\nimport sys\nprint('ready', flush=True)\nswept(sys.argv[1])\nprint('done', flush=True)\n"
HERE = {}
exec(SWEPT, HERE)  # the same here and in a process that is killed
swept = HERE["swept"]


def started(script, *arguments):
    child = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "ready\n"
    return child


def files(folder):
    """Names and bytes; not what was being written when it was killed."""
    kept = [path for path in folder.iterdir() if path.suffix != ".tmp"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


def digests(sweep):
    return [runs.digest() for runs in sweep.runs]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run: how long it took, its files and digests, the size of its manifest."""
    folder = tmp_path_factory.mktemp("whole") / "checkpoint"
    began = time.monotonic()
    answer = swept(folder)
    seconds = time.monotonic() - began
    size = (folder / "manifest.json").stat().st_size
    return seconds, files(folder), digests(answer), size


WORKLOAD = lc.Workload({"f": lc.Stream(lc.Poisson(20), lc.Exponential(0.5))})
ACCOUNT = lc.Account.for_trace(WORKLOAD, 8, unreserved_floor=0)


def run(folder, account=ACCOUNT, workload=WORKLOAD, **values):
    options = {"horizon": 20, "replications": 12, "rng": 1, "progress": False} | values
    return lc.monte_carlo(account, workload, checkpoint=folder, **options)


@posix
@pytest.mark.parametrize("number", range(int(os.environ.get("LAMBDACORE_KILLS", "3"))))
def test_killed_at_any_instant_it_goes_on_to_the_same_bytes(whole, tmp_path, number):
    """SIGKILL, twice in a row; LAMBDACORE_KILLS=50 does it at fifty instants."""
    seconds, expected, digest, _ = whole
    folder = tmp_path / "checkpoint"
    pick = random.Random(f"kill {number}")
    for share in (pick.uniform(0, 0.6), pick.uniform(0, 0.6)):
        with started(SWEPT + RUN, folder) as child:
            time.sleep(share * seconds)
            child.send_signal(signal.SIGKILL)
    manifest = folder / "manifest.json"
    kept = json.loads(manifest.read_text())["chunks"] if manifest.exists() else {}
    before = {name: (folder / f"{name}.npz").stat().st_mtime_ns for name in kept}
    answer = swept(folder)
    assert digests(answer) == digest
    assert files(folder) == expected
    after = {name: (folder / f"{name}.npz").stat().st_mtime_ns for name in kept}
    assert after == before, "what was finished is not done again"


@posix
def test_ctrl_c_leaves_a_folder_to_go_on_from(whole, tmp_path):
    _, expected, digest, _ = whole
    folder = tmp_path / "checkpoint"
    # What is run stands there already: it is larger than what the limit allows.
    swept(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "chunks": {}}))
    for chunk in folder.glob("*.npz"):
        chunk.unlink()
    script = SWEPT + "\nimport sys, time\nprint('ready', flush=True)\n"
    script += "try:\n    swept(sys.argv[1])\n"
    script += "except KeyboardInterrupt:\n    print('interrupted', time.time(), flush=True)\n"
    with started(script, folder) as child:
        # Some of it is done, and some is not.
        while not any(folder.glob("*.npz")):
            time.sleep(0.001)
        sent = time.time()
        child.send_signal(signal.SIGINT)
        word, at = child.stdout.readline().split()
    assert word == "interrupted"
    assert float(at) - sent < 1
    assert not (folder / "lock").exists()
    assert digests(swept(folder)) == digest
    assert files(folder) == expected


def test_a_finished_folder_is_only_read(whole, tmp_path):
    first = run(tmp_path / "c")
    manifest = json.loads((tmp_path / "c" / "manifest.json").read_text())
    assert sum(chunk["replications"] for chunk in manifest["chunks"].values()) == 12
    stamps = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "c").glob("*.npz")}
    assert run(tmp_path / "c").digest() == first.digest() == run(tmp_path / "d").digest()
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "c").glob("*.npz")} == stamps


OTHERS = {
    "concurrency_limit": {"account": ACCOUNT.replace(concurrency_limit=9)},
    "reserved_concurrency": {"account": ACCOUNT.replace("f", reserved_concurrency=3)},
    "profile": {"account": ACCOUNT.replace(profile="pure-pools")},
    "horizon": {"horizon": 21},
    "seed": {"rng": 2},
    "warm_up": {"warm_up": 3},
    "period": {"period": 5},
    "quantiles": {"quantiles": (0.5,)},
    "rate": {"workload": WORKLOAD.with_value("f.arrivals.rate", 21)},
    "mean": {"workload": WORKLOAD.with_value("f.duration.mean", 0.4)},
    "init": {"workload": WORKLOAD.replace("f", init=0.1)},
}


@pytest.mark.parametrize("field", OTHERS)
def test_another_configuration_is_refused_naming_what_differs(tmp_path, field):
    first = run(tmp_path / "c")
    before = files(tmp_path / "c")
    with pytest.raises(lc.CheckpointError, match=rf"{field}\S* was .*, now it is"):
        run(tmp_path / "c", **OTHERS[field])
    assert files(tmp_path / "c") == before
    assert run(tmp_path / "c").digest() == first.digest()


def test_another_kind_of_run_is_refused(tmp_path):
    run(tmp_path / "c")
    with pytest.raises(lc.CheckpointError, match="holds another run: parts"):
        lc.sweep(ACCOUNT, WORKLOAD, {"concurrency_limit": [8, 9]}, horizon=20, replications=12,
                 rng=1, checkpoint=tmp_path / "c")  # fmt: skip


@pytest.mark.parametrize("name", ["thesis.tex", "data.npz", "draft.tmp"])
def test_a_foreign_folder_is_refused_and_left_as_it_is(tmp_path, name):
    (tmp_path / name).write_text("years of work")
    with pytest.raises(lc.CheckpointError, match=rf"is no checkpoint, but holds '{name}'"):
        run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("length", [0, 1, 60, -2])
def test_a_truncated_manifest_is_refused_by_name(tmp_path, length):
    run(tmp_path / "c")
    manifest = tmp_path / "c" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:length])
    with pytest.raises(lc.CheckpointError, match=r"manifest\.json"):
        run(tmp_path / "c")
    assert not (tmp_path / "c" / "lock").exists()


NONE = ["[]", "{}", '{"schema": 99}', '{"schema": 1}', '"no"', '{"schema": 1, "chunks": {}}']


@pytest.mark.parametrize("text", NONE)
def test_a_manifest_of_something_else_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    for rng in (None, 1):
        with pytest.raises(lc.CheckpointError, match=r"manifest\.json"):
            run(tmp_path, rng=rng)


def test_a_chunk_that_was_cut_or_is_gone_is_done_again(tmp_path):
    first = run(tmp_path / "c", chunk=3)
    expected = files(tmp_path / "c")
    chunks = sorted((tmp_path / "c").glob("*.npz"))
    assert len(chunks) == 4
    chunks[0].write_bytes(chunks[0].read_bytes()[:100])
    data = bytearray(chunks[1].read_bytes())
    data[len(data) // 2] ^= 1
    chunks[1].write_bytes(bytes(data))
    chunks[2].unlink()
    assert run(tmp_path / "c").digest() == first.digest()
    assert files(tmp_path / "c") == expected


def test_a_folder_in_use_is_refused(tmp_path):
    """From another thread of this process, and from another process."""
    inside, go_on = threading.Event(), threading.Event()

    def told(*_):
        inside.set()
        go_on.wait(20)

    worker = threading.Thread(target=lambda: run(tmp_path / "c", progress=told))
    worker.start()
    try:
        assert inside.wait(20)
        with pytest.raises(lc.CheckpointError, match=rf"another process works.*{os.getpid()}"):
            run(tmp_path / "c")
        script = "import sys, lambdacore as lc\nfrom lambdacore.ensemble.checkpoint import *\n"
        script += "try:\n    Checkpoint(sys.argv[1]).__enter__()\n"
        script += "except lc.CheckpointError as error:\n    print(error)\n"
        said = subprocess.run(
            [sys.executable, "-c", script, tmp_path / "c"], capture_output=True, text=True
        )
        assert "another process works in it" in said.stdout, said.stderr
    finally:
        go_on.set()
        worker.join()
    assert not (tmp_path / "c" / "lock").exists()


@posix
def test_of_many_at_once_one_gets_the_folder_also_from_a_dead_holder(tmp_path):
    from lambdacore.ensemble.checkpoint import Checkpoint

    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for trial in range(40):
        folder = tmp_path / str(trial)
        folder.mkdir()
        if trial % 2:
            lock = {"pid": dead.pid, "host": socket.gethostname()}
            (folder / "lock").write_text(json.dumps(lock))
        barrier, entered = threading.Barrier(4), []

        def enter(folder=folder, barrier=barrier, entered=entered):
            checkpoint = Checkpoint(folder)
            barrier.wait()
            try:
                checkpoint.__enter__()
            except lc.CheckpointError:
                return
            entered.append(checkpoint)

        threads = [threading.Thread(target=enter) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(entered) == 1
        assert [path.name for path in folder.iterdir()] == ["lock"]


@posix
@pytest.mark.parametrize("kind", ["dead", "cut off"])
def test_the_lock_of_a_dead_process_is_taken_over(tmp_path, kind):
    first = run(tmp_path / "c")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    text = json.dumps({"pid": dead.pid, "host": socket.gethostname()})
    (tmp_path / "c" / "lock").write_text(text if kind == "dead" else text[:9])
    assert run(tmp_path / "c").digest() == first.digest()
    assert not (tmp_path / "c" / "lock").exists()


def test_the_lock_of_another_machine_is_left_alone(tmp_path):
    run(tmp_path / "c")
    lock = tmp_path / "c" / "lock"
    lock.write_text(json.dumps({"pid": 1, "host": "elsewhere"}))
    with pytest.raises(lc.CheckpointError, match=r"elsewhere.*remove .*lock"):
        run(tmp_path / "c")
    assert lock.exists()


def test_fresh_entropy_is_drawn_once(tmp_path):
    first = run(tmp_path / "c", rng=None)
    assert run(tmp_path / "c", rng=None).digest() == first.digest()
    assert run(tmp_path / "c", rng=first.seed).seed == first.seed
    assert run(tmp_path / "d", rng=None).seed != first.seed


def test_more_replications_keep_what_is_there(tmp_path):
    """Chunks of a hundred are four replications; those of two hundred would be six."""
    run(tmp_path / "c", replications=100)
    stamps = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "c").glob("*.npz")}
    assert len(stamps) == 25
    more = run(tmp_path / "c", replications=200)
    after = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "c").glob("*.npz")}
    assert {name: after[name] for name in stamps} == stamps
    assert len(after) == 25 + 25
    alone = lc.monte_carlo(ACCOUNT, WORKLOAD, horizon=20, replications=200, rng=1)
    assert more.digest() == alone.digest()
    fewer = run(tmp_path / "c", replications=50)
    assert fewer.throttles.tolist() == alone.throttles[:50].tolist()
    with pytest.raises(lc.CheckpointError, match="chunk was 4, now it is 5"):
        run(tmp_path / "c", replications=200, chunk=5)


def test_precision_goes_on_from_a_checkpoint_too(tmp_path):
    wanted = lc.Precision(0.05, least=5)
    alone = lc.monte_carlo(ACCOUNT, WORKLOAD, horizon=20, replications=wanted, rng=1)
    assert len(alone) > 5
    assert run(tmp_path / "c", replications=wanted).digest() == alone.digest()
    assert run(tmp_path / "c", replications=wanted).digest() == alone.digest()


def test_where_no_folder_can_be_nothing_is_broken(tmp_path):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(OSError, match="file"):
            run(folder)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_keeps_what_it_holds(tmp_path):
    first = run(tmp_path / "c", replications=6, chunk=2)
    before = files(tmp_path / "c")
    (tmp_path / "c").chmod(0o555)
    with pytest.raises(PermissionError):
        run(tmp_path / "c", chunk=2)
    (tmp_path / "c").chmod(0o755)
    assert files(tmp_path / "c") == before
    assert run(tmp_path / "c", replications=6, chunk=2).digest() == first.digest()


@posix
def test_where_files_cannot_grow_the_finished_chunks_stay(whole, tmp_path):
    """A limit of the size of files stands for a full disk: it stops the manifest half-way."""
    _, expected, digest, size = whole
    folder = tmp_path / "checkpoint"
    # What is run stands there already: it is larger than what the limit allows.
    swept(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "chunks": {}}))
    for chunk in folder.glob("*.npz"):
        chunk.unlink()
    script = SWEPT + "\nimport resource, sys\nsize = int(sys.argv[2])\n"
    script += "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
    script += "print('ready', flush=True)\ntry:\n    swept(sys.argv[1])\n"
    script += "except OSError as error:\n    print(error.errno, flush=True)\n"
    with started(script, folder, size - 700) as child:
        assert int(child.stdout.readline()) == errno.EFBIG
    kept = json.loads((folder / "manifest.json").read_text())["chunks"]
    assert 0 < len(kept) < 24
    assert not (folder / "lock").exists()
    assert digests(swept(folder)) == digest
    assert files(folder) == expected


def test_whoever_watches_may_end_a_run_with_an_error_of_their_own(tmp_path):
    """No replication has failed: none is skipped, and it is raised as without a folder."""

    def enough(done, total):
        raise ValueError("enough")

    load = lc.Workload({"f": lc.Stream(lc.Poisson(20_000), lc.Exponential(0.5))})
    crowd = lc.Account.for_trace(load, 8_000, unreserved_floor=0)
    for folder in (None, tmp_path / "c"):
        with pytest.raises(ValueError, match="enough"):
            lc.monte_carlo(
                crowd, load, horizon=60, replications=8, rng=1, checkpoint=folder,
                on_error="skip", progress=enough,
            )  # fmt: skip
