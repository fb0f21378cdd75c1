//! The algorithms by name, each with its measurements compiled for it.

use std::time::Duration;

use super::limiters::{
    CasLoop, CheckThenAct, FetchAddUndo, Limiter, Locked, PackedConfirm, PackedWord, Pools,
    Semaphores,
};
use super::ours::Controller;
use super::sharded::Sharded;
use super::workload::{self, Cell, History, Share};

/// An algorithm.
#[derive(Clone, Copy, Debug)]
pub struct Algorithm {
    /// Its name.
    pub name: &'static str,
    /// See [`Limiter::LINEARIZABLE`].
    pub linearizable: bool,
    pub(super) flat_out: fn(Cell, Duration) -> Vec<Share>,
    pub(super) paced: fn(Cell, f64, u32) -> Vec<u32>,
    pub(super) stamped: fn(Cell, u32) -> Vec<Vec<History>>,
    pub(super) uncontended: fn(u32) -> f64,
}

pub(super) const fn algorithm<L: Limiter>() -> Algorithm {
    Algorithm {
        name: L::NAME,
        linearizable: L::LINEARIZABLE,
        flat_out: workload::flat_out::<L>,
        paced: workload::paced::<L>,
        stamped: workload::stamped::<L>,
        uncontended: workload::uncontended::<L>,
    }
}

/// Ours, then what is compared with it.
pub const ALL: [Algorithm; 9] = [
    algorithm::<Controller>(),
    algorithm::<Pools<PackedConfirm>>(),
    algorithm::<Pools<PackedWord>>(),
    algorithm::<Pools<CasLoop>>(),
    algorithm::<Pools<Locked>>(),
    algorithm::<Semaphores>(),
    algorithm::<Sharded>(),
    algorithm::<Pools<FetchAddUndo>>(),
    algorithm::<Pools<CheckThenAct>>(),
];
