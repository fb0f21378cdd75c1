//! What is wrong with a file, where, and what ends a scan.

use std::collections::TryReserveError;
use std::io;
use std::path::Path;

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

use crate::errors::raise;

/// One thing that is wrong with a file, and what to do about it.
pub(super) struct Problem {
    /// Line of the file, from 1; None where the file as a whole is meant.
    pub(super) line: Option<u64>,
    /// Name of the column; None where the whole row is meant.
    pub(super) column: Option<String>,
    pub(super) reason: String,
}

impl Problem {
    pub(super) fn of_file(reason: impl Into<String>) -> Self {
        Self { line: None, column: None, reason: reason.into() }
    }

    pub(super) fn of_row(line: u64, reason: impl Into<String>) -> Self {
        Self { line: Some(line), column: None, reason: reason.into() }
    }

    pub(super) fn of_column(line: u64, column: &str, reason: impl Into<String>) -> Self {
        Self { line: Some(line), column: Some(column.to_owned()), reason: reason.into() }
    }
}

/// Why a scan ends before the file does.
pub(super) enum Halt {
    /// One row is bad; a lenient scan skips it.
    Row(Problem),
    /// The file cannot be read on.
    File(Problem),
    Io(io::Error),
    OutOfMemory(TryReserveError),
    /// Ctrl-C, or the progress callback raised: the `Watch` holds the exception.
    Stopped,
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<TryReserveError> for Halt {
    fn from(error: TryReserveError) -> Self {
        Self::OutOfMemory(error)
    }
}

impl Halt {
    pub(super) fn into_error(self, py: Python<'_>, path: &Path) -> PyErr {
        let (problem, remedy) = match self {
            Self::Row(problem) => (problem, " (lenient=True skips such rows and counts them)"),
            Self::File(problem) => (problem, ""),
            Self::Io(error) => return error.into(),
            Self::OutOfMemory(error) => {
                return PyMemoryError::new_err(format!("{}: {error}", path.display()));
            }
            Self::Stopped => (Problem::of_file("the reading was stopped"), ""),
        };
        let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
        let column = problem.column.as_ref().map(|name| format!(" {name}:")).unwrap_or_default();
        let message = format!("{}{line}:{column} {}{remedy}", path.display(), problem.reason);
        raise(py, "TraceError", message, |fields| {
            fields.set_item("path", path.as_os_str())?;
            fields.set_item("line", problem.line)?;
            fields.set_item("column", problem.column)
        })
    }
}

/// A field as a message shows it: on one line, short, with nothing a terminal obeys.
pub(super) fn shown(field: &[u8]) -> String {
    const MOST: usize = 40;
    let text = String::from_utf8_lossy(&field[..field.len().min(4 * MOST)]);
    let mut short: String = text.chars().take(MOST).collect();
    if short.len() < field.len() && short.chars().count() == MOST {
        short.push('…');
    }
    format!("{short:?}")
}
