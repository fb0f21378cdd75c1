//! A way to break off a draw that says nothing for long: a rate of zero over years, a huge batch.

use std::sync::Arc;

use crate::sync::Ordering;
use crate::sync::statistic::AtomicU32;

/// Set by whoever wants traffic to end; what is drawn then is of no use.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicU32>);

impl Stop {
    /// Breaks off.
    pub fn set(&self) {
        self.0.store(1, Ordering::Relaxed);
    }

    /// Whether it was set.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }
}
