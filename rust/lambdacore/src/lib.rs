//! Exact simulation of AWS Lambda's concurrency limits.
//!
//! An account has a pool of concurrent executions. Functions share it, or reserve a part
//! of it; what finds no room is throttled. This crate replays a trace of invocations
//! against such an account and says, for each, whether it was admitted, on a warm or a
//! cold environment, or for which cause it was throttled.
//!
//! ```
//! use lambdacore::{Account, Function, Invocations, Outcome, Profile, Simulation};
//!
//! let account = Account::new(
//!     1_000,
//!     None,
//!     vec![Function { reserved_concurrency: Some(1), ..Function::named("checkout") }],
//!     Profile::default(),
//! )?;
//! // Two calls of one second, half a second apart: the second finds the reservation full.
//! let trace = Invocations::new(&[0, 500_000_000], &[0, 0], &[1_000_000_000; 2])?;
//! let mut outcome = [0; 2];
//! Simulation::new(&account, &[0]).run(trace, &mut outcome)?;
//! assert_eq!(outcome, [Outcome::Cold as u8, Outcome::ReservedConcurrency as u8]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Times are `u64` nanoseconds from the caller's zero and stay below 2^63. At one instant
//! completions come first, then what a [`Timeline`] changes, then arrivals in the order of the
//! input.
//!
//! The data flows one way: an [`Account`], [`Invocations`] and, for changes in mid-run, what a
//! [`ControlPlane`] made of calls go into a [`Simulation`],
//! which writes one [`Outcome`] an invocation; series, tallies and
//! [required concurrency](required_concurrency) are later passes over those columns.
//! The rule of admission stands in one place, `admission.rs`; an [`AdmissionController`] goes by it
//! live.

#![forbid(unsafe_code)]

mod account;
mod admission;
mod calendar;
mod claims;
mod concurrency;
mod control;
mod controller;
mod engine;
mod ensemble;
mod environments;
mod invocations;
mod outcome;
mod plain;
mod pool;
mod profile;
mod ramp;
mod rates;
mod refusal;
mod required;
mod scaling;
mod series;
mod simulation;
mod state;
mod store;
mod stream;
mod sync;
mod tally;
mod timeline;
pub mod traffic;
mod wide;
mod windows;

pub use account::{Account, Function, MAX_LIMIT, UnknownTarget};
pub use calendar::{Calendar, Heap, Wheel};
pub use concurrency::{Concurrency, Recording, record_concurrency};
pub use control::{Call, ControlPlane, Provisioned, Response, Status};
pub use controller::{
    AdmissionController, AtomicCounters, ChangeError, FunctionSnapshot, Handle, Lane, OwnedPermit,
    Permit, PoolSnapshot, Snapshot, Throttle, Ticket, Unsupported,
};
pub use engine::{Engine, Ran, Reason};
pub use ensemble::{Calls, Ensemble, Series, Statistics, sample};
pub use invocations::{Invocations, TraceError, Watch};
pub use outcome::Outcome;
pub use plain::PlainCounters;
pub use pool::Pool;
pub use profile::{Profile, Provisioning, RateRamp, RateScope, RateWindow, Rates, Scaling};
pub use refusal::{ConfigurationError, Refusal};
pub use required::{Required, required_concurrency};
pub use series::{Bins, count_by_bin};
pub use simulation::Simulation;
pub use state::Counters;
pub use tally::{Tally, tally};
pub use timeline::{Change, Timeline};

/// What models of the controller need: lines of it that can be left out.
#[cfg(loom)]
pub mod model {
    pub use crate::sync::{Twin, with_twin};
}

/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;
