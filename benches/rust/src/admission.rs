//! Algorithms of admission side by side: what each costs, and what its histories prove.

pub mod algorithms;
pub mod limiters;
pub mod measure;
pub mod ours;
pub mod report;
pub mod sharded;
pub mod workload;
