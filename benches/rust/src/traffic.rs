//! Traffic for the benchmarks: Poisson arrivals, exponential durations, from a fixed seed.

use lambdacore::{Invocations, SECOND};

use crate::random::SplitMix;

/// Owned columns of a trace.
#[derive(Clone, Debug)]
pub struct Traffic {
    arrival: Vec<u64>,
    function: Vec<u32>,
    duration: Vec<u64>,
}

impl Traffic {
    /// `rows` invocations of `functions` functions, evenly drawn, of one second each in the
    /// mean, arriving so that `in_flight` run at once.
    #[allow(clippy::cast_precision_loss, clippy::cast_sign_loss)]
    pub fn poisson(rows: usize, functions: u32, in_flight: u32) -> Self {
        let mut random = SplitMix::new(u64::from(in_flight) << 32 | u64::from(functions));
        let gap = SECOND as f64 / f64::from(in_flight);
        let mut now = 0.0;
        let mut traffic = Self {
            arrival: Vec::with_capacity(rows),
            function: Vec::with_capacity(rows),
            duration: Vec::with_capacity(rows),
        };
        for _ in 0..rows {
            now += exponential(&mut random) * gap;
            traffic.arrival.push(now as u64);
            traffic.function.push((random.bits() >> 32) as u32 % functions);
            traffic.duration.push((exponential(&mut random) * SECOND as f64) as u64);
        }
        traffic
    }

    /// The columns.
    ///
    /// # Panics
    ///
    /// Never: they are of one length.
    pub fn columns(&self) -> Invocations<'_> {
        Invocations::new(&self.arrival, &self.function, &self.duration)
            .expect("columns of one length")
    }
}

#[allow(clippy::cast_precision_loss)]
fn exponential(random: &mut SplitMix) -> f64 {
    -(((random.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64).ln()
}
