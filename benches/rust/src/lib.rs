//! What the benchmarks share: traffic, accounts, limiters to compare with, and the checker of their
//! histories.

#![forbid(unsafe_code)]
// Times and counts become figures to read.
#![allow(clippy::cast_precision_loss)]

pub mod admission;
pub mod arguments;
pub mod cases;
pub mod envelope;
pub mod random;
pub mod stress;
pub mod traffic;
