//! Scans CSV files by a schema that a reader in Python describes; knows no format.

mod decimal;
mod problem;
mod rows;
mod table;

use std::path::{Path, PathBuf};

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;

use crate::watch::Watch;
use problem::{Halt, Problem};
use rows::{Limits, Row, Rows};
use table::{Schema, Table};

/// How many problems a lenient scan lists; it counts them all.
const LISTED: usize = 100;

/// Line, column (or None for the whole row), reason.
type Listed = (u64, Option<String>, String);

/// The names in the header of a CSV file; an error if the file has none.
#[pyfunction]
pub(crate) fn csv_header(py: Python<'_>, path: PathBuf, limits: Limits) -> PyResult<Vec<String>> {
    let mut watch = Watch::new(None);
    let names = py.detach(|| {
        let mut rows = Rows::open(&path, limits, &mut watch)?;
        let header = header(&mut rows)?;
        let name = |field: &[u8]| String::from_utf8_lossy(field.trim_ascii()).into_owned();
        Ok(header.fields().map(name).collect())
    });
    watch.finish()?;
    names.map_err(|halt: Halt| halt.into_error(py, &path))
}

/// The columns of a CSV file: nanoseconds, codes of the functions, the functions' names, how
/// many rows were skipped, and the first problems.
///
/// `schema` is (times, key, separator), see `Schema`; `limits` is a `ReadLimits`;
/// `progress`, if given, is called with the bytes done.
#[pyfunction]
#[pyo3(signature = (path, schema, *, lenient, limits, progress = None))]
#[allow(clippy::type_complexity)]
pub(crate) fn scan_csv(
    py: Python<'_>,
    path: PathBuf,
    schema: Schema,
    lenient: bool,
    limits: Limits,
    progress: Option<Py<PyAny>>,
) -> PyResult<(
    Vec<Bound<'_, PyArray1<i64>>>,
    Bound<'_, PyArray1<u32>>,
    Vec<String>,
    u64,
    Vec<Listed>,
)> {
    let mut watch = Watch::new(progress);
    let scanned = py.detach(|| scan(&path, schema, lenient, limits, &mut watch));
    watch.finish()?;
    let Scanned { table, skipped, problems } =
        scanned.map_err(|halt| halt.into_error(py, &path))?;
    let times = table.times.into_iter().map(|times| times.into_pyarray(py)).collect();
    let problems =
        problems.into_iter().map(|p| (p.line.unwrap_or_default(), p.column, p.reason)).collect();
    Ok((times, table.function.into_pyarray(py), table.functions, skipped, problems))
}

struct Scanned {
    table: Table,
    skipped: u64,
    problems: Vec<Problem>,
}

fn scan(
    path: &Path,
    schema: Schema,
    lenient: bool,
    limits: Limits,
    watch: &mut Watch,
) -> Result<Scanned, Halt> {
    let mut rows = Rows::open(path, limits, watch)?;
    let mut table = Table::new(schema, header(&mut rows)?, limits).map_err(Halt::File)?;
    let (mut skipped, mut problems) = (0, Vec::new());
    loop {
        let added = match rows.next() {
            Ok(Some(row)) => table.add(row),
            Ok(None) => break,
            Err(halt) => Err(halt),
        };
        match added {
            Ok(()) => {}
            Err(Halt::Row(problem)) if lenient => {
                skipped += 1;
                if problems.len() < LISTED {
                    problems.push(problem);
                }
            }
            Err(halt) => return Err(halt),
        }
    }
    table.times.iter_mut().for_each(Vec::shrink_to_fit);
    table.function.shrink_to_fit();
    Ok(Scanned { table, skipped, problems })
}

/// The first row that is not blank; without it no row means anything, lenient or not.
fn header<'a>(rows: &'a mut Rows<'_>) -> Result<Row<'a>, Halt> {
    let row = match rows.next() {
        Err(Halt::Row(problem)) => return Err(Halt::File(problem)),
        row => {
            row?.ok_or_else(|| Halt::File(Problem::of_file("is empty: it has no header line")))?
        }
    };
    if row.fields().any(|field| field.contains(&0)) {
        let reason = "the header holds NUL bytes: this is no CSV text";
        return Err(Halt::File(Problem::of_row(row.line, reason)));
    }
    Ok(row)
}
