//! What changes during a run, and when: the configuration as the data plane meets it.

/// A change of what invocations meet. It was checked when the call that caused it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The account's limit.
    Limit(u32),
    /// A function's reserved concurrency.
    Reserved {
        /// Index of the function.
        function: u32,
        /// The reservation; `None` shares the unreserved pool.
        reserved: Option<u32>,
    },
    /// The provisioned concurrency of a version.
    Provisioned {
        /// The version's target.
        version: u32,
        /// What was requested, and is claimed.
        requested: u32,
        /// What can be used.
        available: u32,
    },
    /// Where an alias points to.
    Alias {
        /// The alias's target.
        alias: u32,
        /// The version's target.
        version: u32,
    },
}

/// Changes in order of time; those of one instant in the order in which they take effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    changes: Vec<(u64, Change)>,
}

impl Timeline {
    /// The changes, each with its nanosecond.
    pub fn changes(&self) -> &[(u64, Change)] {
        &self.changes
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(crate) fn push(&mut self, at: u64, change: Change) {
        debug_assert!(self.changes.last().is_none_or(|&(last, _)| last <= at), "back in time");
        self.changes.push((at, change));
    }
}
