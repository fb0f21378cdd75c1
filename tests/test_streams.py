"""How draws are keyed: against an implementation of its own, and what follows from the keys.

A draw is a word of Philox4x64-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
1, 2, 3", SC 2011), whose counter is (block of four draws, attempt, replication, purpose) and whose
key is SipHash-2-4-128 (Aumasson and Bernstein, INDOCRYPT 2012; reference code, 128 bits out) of the
stream's version and name under the seed. Here Philox is numpy's.
"""

import math
import struct

import numpy as np
import pytest

import lambdacore as lc
from lambdacore import _core
from lambdacore.arrivals import Span

MASK = 2**64 - 1
GAP, DURATION, INIT, BIN = 2, 3, 4, 9
SEEDS = [0, 7, 2**64 + 5, 2**128 - 1]
NAMES = ["f", "checkout:live", "ünïcödé-名前", "a name of more than twenty-four bytes"]


def siphash128(key, message):
    k0, k1 = key & MASK, key >> 64
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D ^ 0xEE]
    v += [k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rotate(x, by):
        return (x << by | x >> (64 - by)) & MASK

    def rounds(count):
        for _ in range(count):
            v[0] = (v[0] + v[1]) & MASK
            v[2] = (v[2] + v[3]) & MASK
            v[1] = rotate(v[1], 13) ^ v[0]
            v[3] = rotate(v[3], 16) ^ v[2]
            v[0] = rotate(v[0], 32)
            v[2] = (v[2] + v[1]) & MASK
            v[0] = (v[0] + v[3]) & MASK
            v[1] = rotate(v[1], 17) ^ v[2]
            v[3] = rotate(v[3], 21) ^ v[0]
            v[2] = rotate(v[2], 32)

    padded = message + bytes(-(len(message) + 1) % 8) + bytes([len(message) & 0xFF])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    out = []
    for index, tag in ((2, 0xEE), (1, 0xDD)):
        v[index] ^= tag
        rounds(4)
        out.append(v[0] ^ v[1] ^ v[2] ^ v[3])
    return out


def split_mix(word):
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014), which is a bijection."""
    word %= 2**64
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ word >> 27) * 0x94D049BB133111EB % 2**64
    return word ^ word >> 31


def words(seed, name, replication, purpose, count):
    """The bits of the first draws; the purpose is a path of digits, mixed into one word."""
    message = b"lambdacore stream" + (1).to_bytes(4, "little") + name.encode()
    key = np.array(siphash128(seed, message), dtype=np.uint64)
    path = 0
    for digit in purpose:
        path = split_mix(path + digit * 0x9E3779B97F4A7C15)
    # Numpy counts on before it draws, and from block to block, as the engine does.
    before = ((path << 128 | replication << 64) << 64) - 1
    return np.random.Philox(key=key, counter=before % 2**256).random_raw(count)


def units(bits):
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) / 2**52


def sample(streams, horizon, rng=None, **values):
    return lc.Workload(streams).sample(horizon, rng, **values)


def test_siphash_is_that_of_its_reference():
    """From vectors.h of the reference code (vectors_sip128: key and message 00 01 02 ...)."""
    key = int.from_bytes(bytes(range(16)), "little")
    known = {0: "a3817f04ba25a8e66df67214c7550293", 1: "da87c1d86b99af44347659119b22fc45",
             2: "8177228da4a45dc7fca38bdef60affe4", 7: "a1f1ebbed8dbc153c0b84aa61ff08239",
             8: "3b62a9ba6258f5610f83e264f31497b4"}  # fmt: skip
    for length, expected in known.items():
        out = siphash128(key, bytes(range(length)))
        assert struct.pack("<2Q", *out).hex() == expected


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("replication", [0, 3, 2**63 - 1])
def test_raw_draws_are_those_of_numpys_philox_bit_by_bit(seed, name, replication):
    """Samples by index give the first 16 bits of each draw, uniform lengths the first 52."""
    count = 1_003
    times = lc.Recorded(np.arange(count))
    short = lc.Empirical(np.arange(2**16))
    stream = lc.Stream(times, short, init=short)
    trace = sample({name: stream}, 1e-9 * count, seed, replication=replication)
    for column, purpose in ((trace.duration, DURATION), (trace.init, INIT)):
        bits = words(seed, name, replication, (1, purpose), count)
        assert column.tolist() == (bits >> np.uint64(48)).tolist()
    cells = lc.Uniform(0, 2**52 / 1e9)
    trace = sample({name: lc.Stream(times, cells)}, 1e-9 * count, seed, replication=replication)
    bits = words(seed, name, replication, (1, DURATION), count).tolist()
    assert trace.duration.tolist() == [round((draw >> 12) + 0.5) for draw in bits]


def test_offsets_of_counts_are_scaled_words():
    period = 10**9 + 7
    trace = sample({"f": lc.Stream(lc.Counts([501], period / 1e9), 0.0)}, 2, 7)
    drawn = sorted(draw * period >> 64 for draw in words(7, "f", 0, (1, BIN), 501).tolist())
    assert trace.arrival.tolist() == drawn


def test_draws_of_a_distribution_alone_are_durations_of_a_stream_without_a_name():
    bits = words(9, "", 0, (DURATION,), 1_001)
    drawn = lc.Empirical(np.arange(2**16)).sample(1_001, rng=9)
    assert np.rint(drawn * 1e9).tolist() == (bits >> np.uint64(48)).tolist()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("replication", [0, 1, 10**12])
def test_poisson_calls_and_their_durations_come_from_the_keys_alone(seed, name, replication):
    """Of two processes in one stream, and of a stream that is not the first; up to rounding."""
    process = lc.Poisson(300.0) + lc.Poisson(700.0)
    streams = {"another": lc.Stream(5.0, 0.1), name: lc.Stream(process, lc.Exponential(0.2))}
    trace = sample(streams, 3, seed, replication=replication)
    expected = []
    for part, rate in ((1, 300.0), (2, 700.0)):
        gaps = -np.log(units(words(seed, name, replication, (part, GAP), 4_000)))
        lengths = -np.log(units(words(seed, name, replication, (part, DURATION), 4_000)))
        at = np.cumsum(gaps / rate) * 1e9
        expected += [(a, length * 2e8) for a, length in zip(at, lengths, strict=True) if a < 3e9]
    rows = trace.function == 1
    found = np.stack([trace.arrival[rows], trace.duration[rows]], axis=1)
    assert found.shape == (len(expected), 2)
    assert np.abs(found - np.array(sorted(expected))).max() <= 1


# What follows


A = lc.Stream(lc.Poisson(50.0) + lc.Every(1, count=20, jitter=0.5), lc.Gamma(0.2, 1.5), init=1.0)
B = lc.Stream(lc.OnOff(200.0, lc.Exponential(1.0), 2.0), lc.LogNormal(0.1, 2.0))
C = lc.Stream(lc.Batches(5.0, size=lc.Uniform(1, 9), spread=0.2), lc.Weibull(0.5, 0.1))


def columns(trace, name):
    rows = trace.function == trace.functions.index(name)
    inits = trace.init if trace.init is not None else np.full(len(trace), -1)
    return np.stack([trace.arrival[rows], trace.duration[rows], inits[rows]]).tolist()


def test_another_stream_changes_nobody_elses_calls():
    alone = columns(sample({"a": A}, 20, 3), "a")
    for streams in ({"a": A, "b": B}, {"b": B, "a": A}, {"c": C, "a": A, "b": B}):
        assert columns(sample(streams, 20, 3), "a") == alone
    assert columns(sample({"b": A}, 20, 3), "b") != alone


def test_a_process_that_is_added_at_the_end_leaves_the_others_as_they_were():
    one = sample({"f": lc.Stream(lc.Poisson(50.0), lc.Exponential(1.0))}, 20, 3)
    both = sample({"f": lc.Stream(lc.Poisson(50.0) + lc.Poisson(9.0), lc.Exponential(1.0))}, 20, 3)
    calls = set(zip(both.arrival.tolist(), both.duration.tolist(), strict=True))
    assert set(zip(one.arrival.tolist(), one.duration.tolist(), strict=True)) < calls


def test_a_longer_horizon_keeps_the_calls_before_its_end():
    streams = {"a": A, "b": B, "c": C}
    short, long = sample(streams, 7.5, 3), sample(streams, 20, 3)
    for name in ("arrival", "function", "duration", "init"):
        assert getattr(long, name)[: len(short)].tolist() == getattr(short, name).tolist()
    assert long.arrival[len(short)] >= 7_500_000_000


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_calls_do_not_depend_on_how_they_are_divided_into_blocks(rows):
    workload = lc.Workload({"a": A, "b": B, "c": C})
    engine = workload._engine(Span(10**9, 10**10))
    whole = engine.sample(3, 4, 10**9, 10**10)
    for found, expected in zip(engine.sample(3, 4, 10**9, 10**10, block=rows), whole, strict=True):
        assert found.tolist() == expected.tolist()


def test_no_seed_is_a_new_one_each_time():
    assert sample({"a": A}, 5).digest() != sample({"a": A}, 5).digest()


def test_seeds_replications_and_names_all_count():
    digests = [sample({"f": A}, 5, seed).digest() for seed in range(5)]
    digests += [sample({"f": A}, 5, 0, replication=r).digest() for r in range(1, 5)]
    assert len(set(digests)) == 9


def test_integers_and_seed_sequences_give_the_same_again():
    sequence = np.random.SeedSequence(5)
    for rng in (0, 2**128 - 1, np.uint64(7), sequence, sequence.spawn(1)[0]):
        assert sample({"a": A}, 5, rng).digest() == sample({"a": A}, 5, rng).digest()
    assert sample({"a": A}, 5, np.int64(7)).digest() == sample({"a": A}, 5, 7).digest()
    again = np.random.SeedSequence(5)
    assert sample({"a": A}, 5, again).digest() == sample({"a": A}, 5, sequence).digest()
    state = int.from_bytes(sequence.generate_state(4).astype("<u4").tobytes(), "little")
    assert sample({"a": A}, 5, state).digest() == sample({"a": A}, 5, sequence).digest()


def test_a_generator_is_moved_on_by_one_draw_of_128_bits():
    rng, twin = np.random.default_rng(5), np.random.default_rng(5)
    first, second = sample({"a": A}, 5, rng), sample({"a": A}, 5, rng)
    assert first.digest() != second.digest()
    seed = int.from_bytes(twin.bytes(16), "little")
    assert sample({"a": A}, 5, seed).digest() == first.digest()
    twin.bytes(16)
    assert rng.bit_generator.state == twin.bit_generator.state


@pytest.mark.parametrize("process", [lc.Poisson, lambda rate: lc.Renewal(rate, lc.Gamma(1, 2))])
def test_another_rate_only_stretches_the_gaps(process):
    """Common random numbers: variants of a workload meet the same draws."""
    slow = sample({"f": lc.Stream(process(100.0), lc.Exponential(0.2))}, 20, 8)
    fast = sample({"f": lc.Stream(process(250.0), lc.Exponential(0.2))}, 20, 8)
    assert len(slow) > 1_000
    assert np.abs(fast.arrival[: len(slow)] - slow.arrival / 2.5).max() <= 1
    assert fast.duration[: len(slow)].tolist() == slow.duration.tolist()


def test_another_scale_of_a_duration_only_stretches_it():
    one = sample({"f": lc.Stream(100.0, lc.LogNormal(1.0, 2.0))}, 20, 8)
    two = sample({"f": lc.Stream(100.0, lc.LogNormal(2.0, 2.0))}, 20, 8)
    assert one.arrival.tolist() == two.arrival.tolist()
    assert np.allclose(two.duration, 2 * one.duration, rtol=1e-12, atol=2)
    assert not math.isclose(one.duration.sum(), two.duration.sum())


# Golden values: they change with STREAM_VERSION, and with nothing else.

LAWS = {
    "constant": lc.Constant(0.2),
    "uniform": lc.Uniform(0.1, 0.3),
    "exponential": lc.Exponential(0.2),
    "lognormal": lc.LogNormal(0.2, 1.5),
    "lognormal through": lc.LogNormal(quantiles={0.5: 0.1, 0.99: 2.0}),
    "gamma above": lc.Gamma(0.2, 0.3),
    "gamma below": lc.Gamma(0.2, 3.0),
    "weibull": lc.Weibull(0.7, 0.2),
    "pareto": lc.BoundedPareto(1.1, 0.05, 60.0),
    "empirical": lc.Empirical([0.1, 0.2, 0.5]),
    "quantiles": lc.Quantiles([0, 0.5, 0.9, 1], [0.0, 0.1, 0.5, 9.0]),
    "mixture": lc.Mixture([0.1, lc.Exponential(1.0), lc.Gamma(1.0, 2.0)], [5, 2, 1]),
}
RECORD = np.cumsum((np.arange(500) * 37) % 101 + 1) / 1000
LENGTHS = (np.arange(500) * 13 % 17 + 1) / 100
PROCESSES = {
    "poisson": lc.Poisson(100.0),
    "poisson ramp": lc.Poisson(lc.Rate.ramp(10, 200, 5, 15)),
    "poisson periodic": lc.Poisson(lc.Rate.steps([0, 1, 3], [10, 300, 0], period=4)),
    "deterministic": lc.Deterministic(99.0),
    "deterministic drawn": lc.Deterministic(lc.Rate.ramp(10, 50, 0, 20), phase=None),
    "renewal gamma": lc.Renewal(100.0, lc.Gamma(1.0, 2.0)),
    "renewal mixture": lc.Renewal(100.0, LAWS["mixture"]),
    "on-off": lc.OnOff(300.0, lc.Exponential(1.0), lc.Exponential(2.0)),
    "on-off constant": lc.OnOff(300.0, 1.0, 2.0),
    "modulated": lc.MarkovModulated([10.0, 100.0, 400.0], [2.0, 1.0, lc.Uniform(0.1, 0.3)]),
    "batches": lc.Batches(5.0, size=lc.Uniform(1, 40), spread=lc.Exponential(0.1)),
    "batches of renewal": lc.Batches(lc.Renewal(5.0, lc.Weibull(2.0, 1.0)), size=7, spread=0.5),
    "every": lc.Every(0.7, offset=0.1, count=9, jitter=0.2),
    "cron": lc.Cron("* * * * *", count=50, jitter=15),
    "counts uniform": lc.Counts([30, 0, 500, 7], period=3.0),
    "counts even": lc.Counts([30, 0, 500, 7], period=3.0, within="even"),
    "counts start": lc.Counts([30, 0, 500, 7], period=3.0, within="start"),
    "recorded": lc.Recorded(RECORD, LENGTHS),
    "recorded users": lc.Recorded(RECORD, LENGTHS, 30.0, 2.0, 2.5, "users"),
    "recorded faster": lc.Recorded(RECORD, LENGTHS, 30.0, 2.0, 2.5, "faster"),
    "recorded stretched": lc.Recorded(RECORD, LENGTHS, 30.0, 2.0, 2.5, "stretched"),
    "superposition": lc.Poisson(20.0) + lc.OnOff(50.0, 1.0, 1.0) + lc.Every(1.0, count=5),
}
GOLDEN = {
    "constant": "318cf8174cebe71f",
    "uniform": "d76fcebaef715096",
    "exponential": "94780d6553fa52d3",
    "lognormal": "efd3f55194edf5d8",
    "lognormal through": "7873db6c42e54f44",
    "gamma above": "9a019df7f9927df1",
    "gamma below": "8c234180fd641876",
    "weibull": "ba649ef4cf15be09",
    "pareto": "7375da72f14d761f",
    "empirical": "03921a9ddbcee3df",
    "quantiles": "9ac023dd413fa403",
    "mixture": "3eee08ec7b73ff80",
    "poisson": "5eeb63c1cddf7e5b",
    "poisson ramp": "ae40dc887ffb36e2",
    "poisson periodic": "ec63972ffa765f2c",
    "deterministic": "da628150c4e60ced",
    "deterministic drawn": "f7a4e860d40686ce",
    "renewal gamma": "1a1f7f62602bcc59",
    "renewal mixture": "3717384e8e7f4ac3",
    "on-off": "de28bf974e1ffd3a",
    "on-off constant": "0479c583dda291f6",
    "modulated": "36404d41734b62b8",
    "batches": "f1f9550880a034f9",
    "batches of renewal": "c241a708791e4c25",
    "every": "161fee170a43b67d",
    "cron": "6b2a08fe9a25b0ed",
    "counts uniform": "4fb529b0bcea6905",
    "counts even": "f49e940b320a6d74",
    "counts start": "7f6650f28656b50d",
    "recorded": "38cba993e3245bb8",
    "recorded users": "b6cdbaaaf9682ad1",
    "recorded faster": "67389c93c2c4eec6",
    "recorded stretched": "20ae6b4b60706c73",
    "superposition": "90991e0825ac171d",
}


def golden(name):
    if name in LAWS:
        stream = lc.Stream(lc.Poisson(40.0), LAWS[name], init=LAWS[name])
    else:
        stream = lc.Stream(PROCESSES[name], None if "recorded" in name else lc.Exponential(0.1))
    return sample({name: stream}, 20.0, 12, replication=1, warm_up=1.0).digest()[:16]


@pytest.mark.parametrize("name", [*LAWS, *PROCESSES])
def test_draws_are_the_same_on_every_machine_and_in_every_version_until_streams_change(name):
    assert _core.Workload.STREAM_VERSION == 1
    assert golden(name) == GOLDEN[name]
