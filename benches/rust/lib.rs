//! Traffic for the benchmarks.
