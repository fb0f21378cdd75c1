//! What the counters say now.

use super::AdmissionController;
use super::word::AtomicPool;
use crate::store::SHARED;

/// The counters of a controller. Each was read in one instant of the call, but not all in the
/// same: what moves from one to another meanwhile may show in both or in neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The shared (unreserved) pool.
    pub shared: PoolSnapshot,
    /// The functions, in the order of the account.
    pub functions: Vec<FunctionSnapshot>,
}

/// A pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSnapshot {
    /// How many permits there are.
    pub limit: u32,
    /// How many are out: more than the limit for a while after that was lowered.
    pub in_use: u32,
    /// The most that were out at once since the snapshot before.
    pub peak: u32,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionSnapshot {
    /// Its name.
    pub name: String,
    /// Its reserved pool: what the reservation leaves beside provisioned environments. `None`
    /// where nothing is reserved and nothing runs on a former reservation.
    pub reserved: Option<PoolSnapshot>,
    /// Versions with provisioned environments, or with such as still run, by number.
    pub provisioned: Vec<(u32, PoolSnapshot)>,
    /// Invocations that were admitted, from the start; this and the next never fall.
    pub admitted: u64,
    /// Invocations that were throttled, from the start.
    pub throttled: u64,
}

impl AdmissionController {
    /// Reads all counters, one after another, without holding anyone up. Peaks begin anew.
    pub fn snapshot(&self) -> Snapshot {
        let shared = read(self.shared.own(SHARED));
        let functions = self.declared.functions().iter().enumerate().map(|(index, declared)| {
            let function = index as u32;
            let reserved = read(self.shared.own(function + 1));
            let is_reserved = self.shared.is_reserved(function) || !reserved.is_idle();
            let versions = self.declared.versions_of(index).zip(0..);
            let provisioned = versions
                .map(|(version, number)| (number, read(self.shared.provisioned(version as usize))))
                .filter(|(_, pool)| !pool.is_idle());
            let (admitted, throttled) = self.shared.stripes.totals(function);
            FunctionSnapshot {
                name: declared.name.clone(),
                reserved: is_reserved.then_some(reserved),
                provisioned: provisioned.collect(),
                admitted,
                throttled,
            }
        });
        Snapshot { shared, functions: functions.collect() }
    }
}

impl PoolSnapshot {
    /// Neither in use nor meant to be, now or since the snapshot before.
    fn is_idle(self) -> bool {
        (self.limit, self.in_use, self.peak) == (0, 0, 0)
    }
}

fn read(pool: &AtomicPool) -> PoolSnapshot {
    let seen = pool.look::<true>();
    PoolSnapshot { limit: seen.limit(), in_use: seen.count(), peak: pool.take_peak(seen.count()) }
}
