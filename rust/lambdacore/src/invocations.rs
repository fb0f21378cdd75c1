//! The columns of a trace, checked once at the door.

use std::ops::{ControlFlow, Range};

use thiserror::Error;

use crate::wide::wide;

/// A trace that cannot be replayed: which row, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The columns differ in length.
    #[error(
        "the columns differ in length: {arrivals} arrivals, {functions} functions, \
         {durations} durations{}",
        .inits.map(|inits| format!(", {inits} inits")).unwrap_or_default()
    )]
    Lengths {
        /// Rows of the arrival column.
        arrivals: usize,
        /// Rows of the function column.
        functions: usize,
        /// Rows of the duration column.
        durations: usize,
        /// Rows of the init column, where there is one.
        inits: Option<usize>,
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
    /// A run that would end at or after 2^63 ns, if it started cold.
    #[error("row {row}, started cold, ends 2^63 ns (292 years) or more after time zero")]
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
    /// Nanoseconds that init takes if the row starts cold, or [`Self::INIT_OF_ACCOUNT`]; without
    /// the column, all rows leave it to the account.
    pub init: Option<&'a [u64]>,
    /// Rows of the trace that stand before these: errors name the row of the whole.
    first_row: usize,
}

impl<'a> Invocations<'a> {
    /// In the init column: the row says nothing, so the account's init duration of the function
    /// holds.
    pub const INIT_OF_ACCOUNT: u64 = u64::MAX;

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
                inits: None,
            });
        }
        Ok(Self { arrival, function, duration, init: None, first_row: 0 })
    }

    /// Puts a column beside them that says how long each row's init takes if it starts cold.
    ///
    /// # Errors
    ///
    /// [`TraceError::Lengths`] where it differs from the others in length.
    pub fn with_init(self, init: &'a [u64]) -> Result<Self, TraceError> {
        if init.len() != self.len() {
            return Err(TraceError::Lengths {
                arrivals: self.arrival.len(),
                functions: self.function.len(),
                durations: self.duration.len(),
                inits: Some(init.len()),
            });
        }
        Ok(Self { init: Some(init), ..self })
    }

    /// Nanoseconds that a cold start of a row adds: its own init, or else the account's.
    #[inline]
    pub fn init_of(&self, row: usize, of_account: u64) -> u64 {
        match self.init {
            Some(init) if init[row] != Self::INIT_OF_ACCOUNT => init[row],
            _ => of_account,
        }
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
            init: self.init.map(|init| &init[rows.clone()]),
            first_row: self.first_row + rows.start,
        }
    }

    /// Checks that arrivals ascend from `since`, that each function is one that `ends` knows
    /// and that no run, started cold, ends at 2^63 ns or later.
    fn check(&self, since: u64, ends: Ends<'_>) -> Result<(), TraceError> {
        // One branch-free sweep decides; only where it finds something is each row judged.
        let suspicious = wide(
            #[inline(always)]
            || self.is_suspicious(since, ends),
        );
        if suspicious || self.init.is_some_and(|init| self.suspects(init)) {
            self.check_each(since, ends)
        } else {
            Ok(())
        }
    }

    /// Whether there may be a bad row, whatever its own init.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "compiled for each set of instructions")]
    fn is_suspicious(&self, since: u64, ends: Ends<'_>) -> bool {
        let pairs = self.arrival.iter().zip(self.arrival.iter().skip(1));
        let unsorted = self.arrival.first().is_some_and(|&first| first < since)
            || pairs.fold(0, |bad, (before, at)| bad | u64::from(at < before)) != 0;
        let functions = self.function.iter();
        let unknown =
            functions.fold(0, |most, &function| most.max(function)) as usize >= ends.functions;
        let columns = self.arrival.iter().zip(self.duration);
        let too_late = columns.fold(0, |bits, (&at, &duration)| {
            let end = at.wrapping_add(duration);
            bits | at | duration | end | end.wrapping_add(ends.longest_init)
        });
        unsorted || unknown && !self.is_empty() || too_late >> 63 != 0
    }

    /// Whether there may be a row that would end too late with its own init.
    #[inline(never)]
    fn suspects(&self, init: &[u64]) -> bool {
        let mut suspicious = false;
        for ((&at, &duration), &init) in self.arrival.iter().zip(self.duration).zip(init) {
            let own = if init == Self::INIT_OF_ACCOUNT { 0 } else { init };
            suspicious |= (own | at.wrapping_add(duration).wrapping_add(own)) >> 63 != 0;
        }
        suspicious
    }

    #[cold]
    fn check_each(&self, since: u64, ends: Ends<'_>) -> Result<(), TraceError> {
        let mut before = since;
        for i in 0..self.len() {
            let (at, function, duration) = (self.arrival[i], self.function[i], self.duration[i]);
            let row = self.first_row + i;
            if at < before {
                return Err(TraceError::Unsorted { row });
            }
            if function as usize >= ends.functions {
                let functions = ends.functions;
                return Err(TraceError::UnknownFunction { row, function, functions });
            }
            let init = self.init_of(i, ends.init(function));
            let end = at.checked_add(duration).and_then(|end| end.checked_add(init));
            if end.is_none_or(|end| end >> 63 != 0) {
                return Err(TraceError::TooLate { row });
            }
            before = at;
        }
        Ok(())
    }

    /// Works through the rows in pieces, each checked first, and tells `watch` after each how
    /// many rows were done. `since` is where the rows before them ended.
    ///
    /// This is the one way in which the engine reads rows: nothing is computed from a row
    /// that was not checked, so a bad one is an error and never a panic or a wrong number.
    pub(crate) fn in_pieces(
        self,
        since: u64,
        ends: Ends<'_>,
        watch: &mut Watch<'_>,
        mut work: impl FnMut(Self, Range<usize>, &mut Watch<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TraceError> {
        let (mut start, mut since) = (0, since);
        while start < self.len() {
            let rows = start..self.len().min(start + PIECE);
            let piece = self.rows(rows.clone());
            piece.check(since, ends)?;
            start = rows.end;
            since = self.arrival[start - 1];
            if work(piece, rows, watch).is_break() || watch(piece.len()).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// What it takes to know when a run could end at the latest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends<'a> {
    functions: usize,
    init_duration: &'a [u64],
    longest_init: u64,
}

impl<'a> Ends<'a> {
    /// Of functions whose cold starts add so much.
    pub(crate) fn with_init(init_duration: &'a [u64]) -> Self {
        let longest_init = init_duration.iter().copied().max().unwrap_or(0);
        Self { functions: init_duration.len(), init_duration, longest_init }
    }

    /// Of so many functions without cold starts.
    pub(crate) fn without_init(functions: usize) -> Self {
        Self { functions, init_duration: &[], longest_init: 0 }
    }

    fn init(self, function: u32) -> u64 {
        self.init_duration.get(function as usize).copied().unwrap_or(0)
    }
}

/// Hears how many rows are done, from time to time, and may break the work off. It is called
/// with zero where much was done for no row, at least every some milliseconds in all.
pub type Watch<'a> = dyn FnMut(usize) -> ControlFlow<()> + 'a;

/// Rows, or other steps, between two calls of a [`Watch`]: some milliseconds.
pub(crate) const PIECE: usize = 1 << 16;
