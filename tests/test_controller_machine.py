"""The controller against a plain model of pools, in any order of calls (docs/rules.md, P2, P8)."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

import lambdacore as lc

NAMES = ("a", "b", "c")
SMALL = st.integers(0, 4)


class Controller(RuleBasedStateMachine):
    """Pools without provisioned concurrency, where what runs keeps the pool it came from.

    The model is the textbook: a function with a reservation has a pool of its own, the others
    share the rest. So that nothing has to be absorbed, a reservation changes only while nothing
    runs; the limit at any time to a value that leaves the shared pool no less than runs there.
    """

    permits = Bundle("permits")

    def __init__(self):
        super().__init__()
        self.limit, self.reserved = 8, {"a": 2}
        functions = [
            lc.Function(name, reserved_concurrency=self.reserved.get(name)) for name in NAMES
        ]
        account = lc.Account(self.limit, functions, unreserved_floor=0, profile="pure-pools")
        self.live, self.foreign = lc.AdmissionController(account), lc.AdmissionController(account)
        self.held = []  # (permit, pool)
        self.peak = {}
        self.totals = {name: [0, 0] for name in NAMES}

    def pool(self, name):
        return name if name in self.reserved else "shared"

    def room(self, pool):
        if pool in self.reserved:
            return self.reserved[pool]
        return self.limit - sum(self.reserved.values())

    def used(self, pool):
        return sum(holder == pool for _, holder in self.held)

    def expect(self, name):
        """What the call should say; and count it."""
        pool = self.pool(name)
        admitted = self.used(pool) < self.room(pool)
        self.totals[name][not admitted] += 1
        if admitted:
            return lc.Outcome.WARM
        if pool == "shared":
            return lc.Outcome.UNRESERVED_CONCURRENCY
        return lc.Outcome.RESERVED_CONCURRENCY if self.room(pool) else lc.Outcome.RESERVED_ZERO

    def take(self, permit, name):
        pool = self.pool(name)
        self.held.append((permit, pool))
        self.peak[pool] = max(self.peak.get(pool, 0), self.used(pool))
        return permit

    def give(self, permit):
        self.held = [(held, pool) for held, pool in self.held if held is not permit]

    @rule(target=permits, name=st.sampled_from(NAMES), by_handle=st.booleans())
    def try_acquire(self, name, by_handle):
        expected = self.expect(name)
        decided = (self.live.handle() if by_handle else self.live).try_acquire(name)
        assert decided.outcome is expected
        assert bool(decided) == (expected is lc.Outcome.WARM)
        return self.take(decided, name) if decided else None

    @rule(target=permits, name=st.sampled_from(NAMES))
    def acquire(self, name):
        expected = self.expect(name)
        try:
            permit = self.live.acquire(name)
        except lc.ThrottledError as error:
            permit, outcome = None, error.throttle.outcome
        else:
            outcome = permit.outcome
        assert outcome is expected
        return permit and self.take(permit, name)

    @rule(names=st.lists(st.sampled_from(NAMES), max_size=6))
    def batch(self, names):
        expected, taken = [], []
        for name in names:
            expected.append(self.expect(name))
            if expected[-1] is lc.Outcome.WARM:
                taken.append(self.take(object(), name))
        with self.live.try_acquire_many(names) as permits:
            assert permits.outcome.tolist() == expected
        for permit in taken:
            self.give(permit)

    @rule(permit=permits, by_controller=st.booleans())
    def release(self, permit, by_controller):
        """The first time it works, and never again."""
        if permit is None:
            return
        out = any(held is permit for held, _ in self.held)
        assert permit.released != out
        try:
            if by_controller:
                self.live.release(permit)
            else:
                permit.release()
        except lc.PermitError:
            assert not out
        else:
            assert out
        self.give(permit)

    @rule(permit=permits)
    def release_to_another_controller(self, permit):
        if permit is None:
            return
        with pytest.raises(lc.PermitError):
            self.foreign.release(permit)

    @rule(permit=consumes(permits))
    def leave_its_block(self, permit):
        if permit is not None:
            if not permit.released:
                with permit:
                    pass
            self.give(permit)

    @rule(value=st.integers(0, 12))
    def set_limit(self, value):
        reserved = sum(self.reserved.values())
        if value < reserved + self.used("shared"):
            return
        self.live.set_concurrency_limit(value)
        self.limit = value

    @rule(name=st.sampled_from(NAMES), value=st.none() | SMALL)
    def reserve(self, name, value):
        if self.held:
            return
        wanted = {other: r for other, r in self.reserved.items() if other != name}
        if value is not None:
            wanted[name] = value
        accepted = sum(wanted.values()) <= self.limit
        if not accepted:
            with pytest.raises(lc.ConfigurationError) as refused:
                self.live.set_reserved_concurrency(name, value)
            assert refused.value.aws_code == "InvalidParameterValueException"
            return
        self.live.set_reserved_concurrency(name, value)
        self.reserved = wanted

    @invariant()
    def every_counter_is_that_of_the_model(self):
        snapshot = self.live.snapshot()
        shared = ("shared", snapshot.shared)
        pools = [shared, *((f.name, f.reserved) for f in snapshot.functions if f.reserved)]
        for name, counters in pools:
            assert counters.in_use == self.used(name)
            if name == "shared" or name in self.reserved:
                assert counters.limit == self.room(name)
            assert counters.peak == self.peak.get(name, 0)
        assert set(self.reserved) <= {name for name, _ in pools}
        assert [[f.admitted, f.throttled] for f in snapshot.functions] == list(self.totals.values())
        # It begins anew with what is out.
        self.peak = {name: self.used(name) for name, _ in pools}
        assert self.foreign.snapshot().in_use == 0

    def teardown(self):
        for permit, _ in self.held:
            permit.release()
        assert self.live.snapshot().in_use == 0


TestController = Controller.TestCase
TestController.settings = settings(max_examples=150, stateful_step_count=40)
