//! The columns that a schema names, filled row by row.

use std::collections::{HashMap, TryReserveError};
use std::str;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::decimal::{Unit, nanoseconds};
use super::problem::{Halt, Problem, shown};
use super::rows::{Limits, Row, raise};

/// Which columns of the file hold what: a reader in Python describes its format so.
#[derive(FromPyObject)]
pub(crate) struct Schema {
    /// Names of the columns that hold times, and the unit of each.
    times: Vec<(String, Unit)>,
    /// Those of them whose fields may be empty.
    blank: Vec<String>,
    /// Names of the columns that together name the function.
    key: Vec<String>,
    /// Stands between them in the function's name.
    separator: char,
}

impl<'py> FromPyObject<'_, 'py> for Unit {
    type Error = PyErr;

    fn extract(unit: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match unit.extract::<&str>()? {
            "s" => Ok(Self::Seconds),
            "ns" => Ok(Self::Nanoseconds),
            _ => Err(PyValueError::new_err("unit: 's' or 'ns'")),
        }
    }
}

/// What an empty field is in a column of times where it may be empty.
const BLANK: i64 = -1;

/// What a scan makes of the rows.
pub(super) struct Table {
    pub(super) times: Vec<Vec<i64>>,
    /// Index into `functions`, for each row.
    pub(super) function: Vec<u32>,
    /// In the order in which they first occur.
    pub(super) functions: Vec<String>,
    schema: Schema,
    limits: Limits,
    /// Columns of the file: how many, and which hold the times and the key.
    columns: usize,
    time_columns: Vec<usize>,
    key_columns: Vec<usize>,
    codes: HashMap<Box<[u8]>, u32>,
    lately: Lately,
    /// The row at work: its times and its key.
    row_times: Vec<i64>,
    row_key: Vec<u8>,
}

impl Table {
    /// Finds the schema's columns in the header.
    pub(super) fn new(schema: Schema, header: Row<'_>, limits: Limits) -> Result<Self, Problem> {
        let find = |name: &String| find(header, name);
        let time_columns =
            schema.times.iter().map(|(name, _)| find(name)).collect::<Result<_, _>>()?;
        let key_columns = schema.key.iter().map(find).collect::<Result<_, _>>()?;
        Ok(Self {
            times: schema.times.iter().map(|_| Vec::new()).collect(),
            function: Vec::new(),
            functions: Vec::new(),
            limits,
            columns: header.columns(),
            time_columns,
            key_columns,
            codes: HashMap::new(),
            lately: Lately::new(),
            row_times: Vec::new(),
            row_key: Vec::new(),
            schema,
        })
    }

    /// Appends a row, or leaves the table as it was.
    pub(super) fn add(&mut self, row: Row<'_>) -> Result<(), Halt> {
        if row.columns() != self.columns {
            let reason = format!(
                "the row has {} columns and the header has {}: it may be cut off, or a comma \
                 stands in it without quotes",
                row.columns(),
                self.columns
            );
            return Err(Halt::Row(Problem::of_row(row.line, reason)));
        }
        self.read_times(row).map_err(Halt::Row)?;
        self.join_key(row);
        let code = match self.lately.find(&self.row_key, &self.functions) {
            Some(code) => code,
            None => self.look_up(row)?,
        };
        for (column, &time) in self.times.iter_mut().zip(&self.row_times) {
            push(column, time)?;
        }
        push(&mut self.function, code)?;
        Ok(())
    }

    fn read_times(&mut self, row: Row<'_>) -> Result<(), Problem> {
        self.row_times.clear();
        let mut together = 0_i64;
        for ((name, unit), &column) in self.schema.times.iter().zip(&self.time_columns) {
            let field = row.field(column);
            if field.trim_ascii().is_empty() && self.schema.blank.contains(name) {
                self.row_times.push(BLANK);
                continue;
            }
            let time = nanoseconds(field, *unit).map_err(|why| {
                Problem::of_column(row.line, name, format!("{} {why}", shown(field)))
            })?;
            // So that a reader may add and subtract them.
            together = together.checked_add(time).ok_or_else(|| {
                let reason = "the times of the row together are 2^63 ns (292 years) or more: \
                              count from a later zero, or check the unit";
                Problem::of_column(row.line, name, reason)
            })?;
            self.row_times.push(time);
        }
        Ok(())
    }

    /// Joins the columns of the key to a name, right or wrong.
    fn join_key(&mut self, row: Row<'_>) {
        let mut separator = [0; 4];
        let separator = self.schema.separator.encode_utf8(&mut separator).as_bytes();
        self.row_key.clear();
        for (part, &column) in self.key_columns.iter().enumerate() {
            if part > 0 {
                self.row_key.extend_from_slice(separator);
            }
            self.row_key.extend_from_slice(row.field(column));
        }
    }

    /// The code of a key that did not come lately.
    fn look_up(&mut self, row: Row<'_>) -> Result<u32, Halt> {
        let code = if let Some(&code) = self.codes.get(&*self.row_key) {
            code
        } else {
            self.check_key(row).map_err(Halt::Row)?;
            self.add_function(row)?
        };
        self.lately.note(&self.row_key, code);
        Ok(code)
    }

    /// Refuses a key of which no name can be made. One that is known needs no look: its columns
    /// are not empty and do not hold the separator, so no other columns join to the same.
    fn check_key(&self, row: Row<'_>) -> Result<(), Problem> {
        let mut separator = [0; 4];
        let separator = self.schema.separator.encode_utf8(&mut separator).as_bytes();
        let joined = self.key_columns.len() > 1;
        for (name, &column) in self.schema.key.iter().zip(&self.key_columns) {
            let field = row.field(column);
            let refuse = |why: String| Problem::of_column(row.line, name, why);
            if field.is_empty() {
                return Err(refuse("is empty: every row needs a name here".to_owned()));
            }
            if joined && field.windows(separator.len()).any(|window| window == separator) {
                let why = format!(
                    "{} holds {:?}, which joins the columns {} to a name: two functions could \
                     become one",
                    shown(field),
                    self.schema.separator,
                    self.schema.key.join(" and "),
                );
                return Err(refuse(why));
            }
        }
        Ok(())
    }

    /// Gives a key that is new its code.
    fn add_function(&mut self, row: Row<'_>) -> Result<u32, Halt> {
        let column = self.schema.key.join(",");
        let refuse = |why| Halt::Row(Problem::of_column(row.line, &column, why));
        let name = str::from_utf8(&self.row_key).map_err(|_| {
            refuse(format!("{} is no UTF-8 text: save the file as UTF-8", shown(&self.row_key)))
        })?;
        if name.contains('\0') {
            return Err(refuse(format!(
                "{} holds a NUL byte: is this no CSV?",
                shown(&self.row_key)
            )));
        }
        let most = self.limits.functions;
        let code = u32::try_from(self.functions.len()).ok().filter(|&code| (code as usize) < most);
        let Some(code) = code else {
            let why = format!("more than {most} functions{}", raise("functions"));
            return Err(Halt::File(Problem::of_column(row.line, &column, why)));
        };
        self.functions.push(name.to_owned());
        self.codes.insert(self.row_key.as_slice().into(), code);
        Ok(code)
    }
}

/// Where keys that came lately are found by a hash that costs next to nothing: of their length
/// and their first and last bytes. What it finds is compared, so keys that collide are only
/// found more slowly, by a hash that no file can foresee.
struct Lately(Vec<u32>);

impl Lately {
    const BITS: u32 = 12;

    fn new() -> Self {
        Self(vec![u32::MAX; 1 << Self::BITS])
    }

    fn find(&self, key: &[u8], functions: &[String]) -> Option<u32> {
        let code = self.0[Self::slot(key)];
        (functions.get(code as usize)?.as_bytes() == key).then_some(code)
    }

    fn note(&mut self, key: &[u8], code: u32) {
        self.0[Self::slot(key)] = code;
    }

    fn slot(key: &[u8]) -> usize {
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 over the golden ratio, odd
        let ends = match (key.first_chunk(), key.last_chunk()) {
            (Some(&first), Some(&last)) => {
                u64::from_le_bytes(first).rotate_left(32) ^ u64::from_le_bytes(last)
            }
            _ => key.iter().fold(0, |all, &byte| all << 8 | u64::from(byte)),
        };
        let hash = (ends ^ key.len() as u64).wrapping_mul(SPREAD);
        (hash >> (u64::BITS - Self::BITS)) as usize
    }
}

/// The place of a column in the header.
fn find(header: Row<'_>, name: &str) -> Result<usize, Problem> {
    let mut places = header
        .fields()
        .enumerate()
        .filter(|(_, field)| field.trim_ascii() == name.as_bytes())
        .map(|(place, _)| place);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => {
            Err(Problem::of_column(header.line, name, "the header names this column twice"))
        }
        (None, _) => {
            const MOST: usize = 12;
            let more = if header.columns() > MOST { ", …" } else { "" };
            let found: Vec<_> = header.fields().take(MOST).map(shown).collect();
            let reason = format!("no such column; the header has {}{more}", found.join(", "));
            Err(Problem::of_column(header.line, name, reason))
        }
    }
}

/// Appends, and reports a lack of memory instead of ending the process.
fn push<T>(column: &mut Vec<T>, value: T) -> Result<(), TryReserveError> {
    if column.len() == column.capacity() {
        column.try_reserve(1)?;
    }
    column.push(value);
    Ok(())
}
