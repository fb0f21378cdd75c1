//! Histories of calls, and whether some order of them makes sense: P3 and P4.

use lambdacore::Outcome;

/// What a thread does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// Acquires a permit for a function, unqualified.
    Try(usize),
    /// Acquires one for its version 1, which may have provisioned environments.
    TryVersion(usize),
    /// Gives back the oldest permit that the thread holds, if it has one.
    Drop,
    /// Sets the account's limit.
    Limit(u32),
    /// Reserves concurrency for a function.
    Reserve(usize, Option<u32>),
    /// Provisions environments of a function's version 1.
    Provision(usize, u32),
    /// Takes a snapshot while others go on.
    Snapshot,
}

/// What is configured and counted of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FunctionState {
    pub(crate) reserved: Option<u32>,
    pub(crate) provisioned: u32,
    /// Permits that are out: of the shared pool, the reserved one, the provisioned one.
    out: [u32; 3],
    pub(crate) admitted: u64,
    pub(crate) throttled: u64,
}

/// The plain rule, written down once more: one call after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) limit: u32,
    pub(crate) functions: Vec<FunctionState>,
    /// Which permits are out: number of the call, function, pool.
    held: Vec<(usize, usize, usize)>,
}

/// Limit and permits that are out, of each pool, as a snapshot shows them; totals.
pub(crate) type Quiet = Vec<u64>;

const SHARED: usize = 0;
const RESERVED: usize = 1;
const PROVISIONED: usize = 2;

impl Plain {
    pub(crate) fn new(limit: u32, functions: &[(Option<u32>, u32)]) -> Self {
        let functions = functions.iter().map(|&(reserved, provisioned)| FunctionState {
            reserved,
            provisioned,
            ..FunctionState::default()
        });
        Self { limit, functions: functions.collect(), held: Vec::new() }
    }

    fn reserved_limit(&self, function: usize) -> u32 {
        let state = &self.functions[function];
        let room = state.reserved.unwrap_or(0).saturating_sub(state.provisioned);
        room.saturating_sub(state.out[SHARED])
    }

    fn shared_limit(&self) -> u32 {
        let claim = |state: &FunctionState| {
            let [shared, reserved, provisioned] = state.out.map(i64::from);
            let whole = i64::from(state.provisioned);
            match state.reserved {
                Some(limit) => i64::from(limit).max(shared + reserved + provisioned) - shared,
                None => whole.max(provisioned) + reserved,
            }
        };
        let claimed: i64 = self.functions.iter().map(claim).sum();
        u32::try_from(i64::from(self.limit) - claimed).unwrap_or(0)
    }

    fn attempt(&mut self, call: usize, function: usize, qualified: bool) -> Outcome {
        let state = &self.functions[function];
        let out = |pool: usize| self.functions.iter().map(|state| state.out[pool]).sum::<u32>();
        let capped = [SHARED, RESERVED, PROVISIONED].map(out).iter().sum::<u32>() >= self.limit;
        let (pool, room, full) = match state.reserved {
            Some(0) => return self.refuse(function, Outcome::ReservedZero),
            Some(_) => (
                RESERVED,
                state.out[RESERVED] < self.reserved_limit(function),
                Outcome::ReservedConcurrency,
            ),
            None => (SHARED, out(SHARED) < self.shared_limit(), Outcome::UnreservedConcurrency),
        };
        let provisioned = qualified && state.out[PROVISIONED] < state.provisioned && !capped;
        let (pool, verdict) = match (provisioned, room, capped) {
            (true, ..) => (PROVISIONED, Outcome::Provisioned),
            (_, false, _) => return self.refuse(function, full),
            (_, _, true) => return self.refuse(function, Outcome::AccountConcurrency),
            _ => (pool, Outcome::Warm),
        };
        self.held.push((call, function, pool));
        self.functions[function].out[pool] += 1;
        self.functions[function].admitted += 1;
        verdict
    }

    fn refuse(&mut self, function: usize, verdict: Outcome) -> Outcome {
        self.functions[function].throttled += 1;
        verdict
    }

    /// Whether the call may have had this result.
    fn allows(&mut self, event: &Event, exact: bool) -> bool {
        match (event.op, &event.result) {
            (Op::Try(function) | Op::TryVersion(function), Got::Verdict(verdict)) => {
                if verdict.is_throttled() && !exact {
                    self.refuse(function, *verdict);
                    return true;
                }
                let qualified = matches!(event.op, Op::TryVersion(_));
                self.attempt(event.number, function, qualified) == *verdict
            }
            (Op::Drop, &Got::Back(call)) => {
                let Some(at) = self.held.iter().position(|&(held, ..)| held == call) else {
                    return false;
                };
                let (_, function, pool) = self.held.swap_remove(at);
                self.functions[function].out[pool] -= 1;
                true
            }
            (Op::Snapshot, Got::Quiet(quiet)) => *quiet == self.quiet(),
            (op, _) => {
                self.change(op);
                true
            }
        }
    }

    fn change(&mut self, op: Op) {
        match op {
            Op::Limit(limit) => self.limit = limit,
            Op::Reserve(function, reserved) => self.functions[function].reserved = reserved,
            Op::Provision(function, value) => self.functions[function].provisioned = value,
            _ => {}
        }
    }

    fn quiet(&self) -> Quiet {
        let out = |pool: usize| self.functions.iter().map(|state| state.out[pool]).sum::<u32>();
        let mut quiet = vec![self.shared_limit().into(), out(SHARED).into()];
        for (function, state) in self.functions.iter().enumerate() {
            let pools = [
                self.reserved_limit(function),
                state.out[RESERVED],
                state.provisioned,
                state.out[PROVISIONED],
            ];
            quiet.extend(pools.map(u64::from));
            quiet.extend([state.admitted, state.throttled]);
        }
        quiet
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Verdict(Outcome),
    /// The permit of that call was given back.
    Back(usize),
    /// Nothing else went on: the snapshot is one of an instant.
    Quiet(Quiet),
    Nothing,
}

/// A call, with the stamps at its begin and end.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) number: usize,
    pub(crate) op: Op,
    pub(crate) result: Got,
    pub(crate) stamps: (u64, u64),
}

/// Whether the calls can be put in one order, each within its own time, in which the plain rule
/// has the same results. Where not `exact`, a refusal may always be.
pub(crate) fn is_linearizable(plain: &Plain, events: &[Event], exact: bool) -> bool {
    let Some(first_end) = events.iter().map(|event| event.stamps.1).min() else {
        return true;
    };
    (0..events.len()).filter(|&index| events[index].stamps.0 <= first_end).any(|index| {
        let mut next = plain.clone();
        next.allows(&events[index], exact) && {
            let mut rest = events.to_vec();
            rest.swap_remove(index);
            is_linearizable(&next, &rest, exact)
        }
    })
}
