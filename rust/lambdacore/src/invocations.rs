//! The columns of a trace, checked once at the door.

use std::ops::{ControlFlow, Range};

use thiserror::Error;

/// A trace that cannot be replayed: which row, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The columns differ in length.
    #[error(
        "the columns differ in length: {arrivals} arrivals, {functions} functions, {durations} durations"
    )]
    Lengths {
        /// Rows of the arrival column.
        arrivals: usize,
        /// Rows of the function column.
        functions: usize,
        /// Rows of the duration column.
        durations: usize,
    },
    /// An arrival before the one above it.
    #[error("row {row} arrives before the row above it")]
    Unsorted {
        /// The first such row.
        row: usize,
    },
    /// A function index that names none.
    #[error("row {row} names function {function}, of {functions}")]
    UnknownFunction {
        /// The first such row.
        row: usize,
        /// The index given.
        function: u32,
        /// How many functions there are.
        functions: usize,
    },
    /// A run that ends at or after 2^63 ns.
    #[error("row {row} ends 2^63 nanoseconds or more after time zero")]
    TooLate {
        /// The first such row.
        row: usize,
    },
}

/// Borrowed columns of a trace, one row an invocation, in order of arrival.
#[derive(Clone, Copy, Debug)]
pub struct Invocations<'a> {
    /// Nanoseconds from time zero, ascending.
    pub arrival: &'a [u64],
    /// Index of the function.
    pub function: &'a [u32],
    /// Nanoseconds that the handler runs, without init.
    pub duration: &'a [u64],
    /// Rows of the trace that stand before these: errors name the row of the whole.
    first_row: usize,
}

impl<'a> Invocations<'a> {
    /// Puts columns side by side.
    ///
    /// # Errors
    ///
    /// [`TraceError::Lengths`] where they differ in length.
    pub fn new(
        arrival: &'a [u64],
        function: &'a [u32],
        duration: &'a [u64],
    ) -> Result<Self, TraceError> {
        if arrival.len() != function.len() || arrival.len() != duration.len() {
            return Err(TraceError::Lengths {
                arrivals: arrival.len(),
                functions: function.len(),
                durations: duration.len(),
            });
        }
        Ok(Self { arrival, function, duration, first_row: 0 })
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.arrival.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.arrival.is_empty()
    }

    /// Some rows of it.
    #[must_use]
    pub fn rows(&self, rows: Range<usize>) -> Self {
        Self {
            arrival: &self.arrival[rows.clone()],
            function: &self.function[rows.clone()],
            duration: &self.duration[rows.clone()],
            first_row: self.first_row + rows.start,
        }
    }

    /// Checks that arrivals ascend from `since`, that each function is one of `functions`
    /// and that no run ends at 2^63 ns or later.
    pub(crate) fn check(&self, since: u64, functions: usize) -> Result<(), TraceError> {
        // One branch-free sweep decides; only a bad trace is looked at again for its row.
        let mut before = since;
        let mut bad = false;
        for i in 0..self.len() {
            let (at, duration) = (self.arrival[i], self.duration[i]);
            bad |= at < before;
            bad |= self.function[i] as usize >= functions;
            bad |= (at | duration | at.wrapping_add(duration)) >> 63 != 0;
            before = at;
        }
        if bad { Err(self.first_bad(since, functions)) } else { Ok(()) }
    }

    #[cold]
    fn first_bad(&self, since: u64, functions: usize) -> TraceError {
        let mut before = since;
        for i in 0..self.len() {
            let (at, function, duration) = (self.arrival[i], self.function[i], self.duration[i]);
            let row = self.first_row + i;
            if at < before {
                return TraceError::Unsorted { row };
            }
            if function as usize >= functions {
                return TraceError::UnknownFunction { row, function, functions };
            }
            if at.checked_add(duration).is_none_or(|end| end >> 63 != 0) {
                return TraceError::TooLate { row };
            }
            before = at;
        }
        unreachable!("a trace was found bad and then good")
    }
}

/// Rows that are worked on between two looks at whether to go on: some milliseconds.
pub(crate) const PIECE: usize = 1 << 16;

/// Works through `rows` rows in pieces and, after each, tells `watch` how many were done;
/// stops early when it breaks.
///
/// # Errors
///
/// The first error of `work`.
pub fn in_pieces<E>(
    rows: usize,
    watch: &mut dyn FnMut(usize) -> ControlFlow<()>,
    mut work: impl FnMut(Range<usize>) -> Result<(), E>,
) -> Result<ControlFlow<()>, E> {
    let mut start = 0;
    while start < rows {
        let end = rows.min(start + PIECE);
        work(start..end)?;
        if watch(end - start).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        start = end;
    }
    Ok(ControlFlow::Continue(()))
}
