//! The rows of a CSV file, one at a time, in memory that the limits bound.
//!
//! This drives `csv-core` and not the `csv` crate's reader on top of it: that one grows its
//! record until a row ends, so a file of one endless line would fill the memory. Here the
//! buffers are the limits. A row without quotes that lies in the buffer of the file as a whole,
//! as nearly all do, needs no `csv-core`: it is cut at its commas where it lies.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::iter::once;
use std::mem::take;
use std::path::Path;

use csv_core::ReadRecordResult;
use memchr::{memchr_iter, memchr3};
use pyo3::FromPyObject;

use super::problem::{Halt, Problem, shown};
use crate::watch::Watch;

const BUFFER: usize = 128 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Files that are no text, by how they begin.
const NO_TEXT: [(&[u8], &str); 8] = [
    (b"\x1f\x8b", "looks compressed (gzip): unpack it first"),
    (b"PK\x03\x04", "looks compressed (ZIP): unpack it first"),
    (b"\x28\xb5\x2f\xfd", "looks compressed (zstd): unpack it first"),
    (b"\xfd7zXZ", "looks compressed (xz): unpack it first"),
    (b"BZh", "looks compressed (bzip2): unpack it first"),
    (b"7z\xbc\xaf", "looks compressed (7z): unpack it first"),
    (b"\xff\xfe", "is UTF-16 text: save it as UTF-8"),
    (b"\xfe\xff", "is UTF-16 text: save it as UTF-8"),
];

/// What a file may hold at most; a limit keeps a hostile or wrong file from the memory.
#[derive(Clone, Copy, FromPyObject)]
pub(crate) struct Limits {
    /// Bytes of a row, without its end of line.
    pub(super) line: usize,
    /// Bytes of a field, without quotes.
    pub(super) field: usize,
    pub(super) columns: usize,
    pub(super) functions: usize,
}

/// One row: its fields without quotes, and the line on which it starts.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) line: u64,
    text: &'a [u8],
    ends: &'a [usize],
    /// Bytes between two fields in the text.
    gap: usize,
}

impl<'a> Row<'a> {
    pub(super) fn columns(self) -> usize {
        self.ends.len()
    }

    pub(super) fn field(self, column: usize) -> &'a [u8] {
        let start = if column == 0 { 0 } else { self.ends[column - 1] + self.gap };
        &self.text[start..self.ends[column]]
    }

    pub(super) fn fields(self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.columns()).map(move |column| self.field(column))
    }
}

/// Reads a file row by row.
pub(super) struct Rows<'a> {
    file: BufReader<File>,
    watch: &'a mut Watch,
    limits: Limits,
    core: csv_core::Reader,
    /// Line of the next byte.
    line: u64,
    /// The last byte was a carriage return, so a line feed now belongs to the same end of line.
    after_return: bool,
    /// The last row broke a limit, and what is left of it comes next.
    gave_up: bool,
    /// `core` has not begun, and takes a byte order mark off what it sees first.
    fresh: bool,
    /// Bytes at the beginning of the file's buffer that were the last row.
    taken: usize,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Rows<'a> {
    pub(super) fn open(path: &Path, limits: Limits, watch: &'a mut Watch) -> Result<Self, Halt> {
        let mut file = BufReader::with_capacity(BUFFER, File::open(path)?);
        let start = fill(&mut file, watch)?;
        if let Some((_, what)) = NO_TEXT.iter().find(|(magic, _)| start.starts_with(magic)) {
            return Err(Halt::File(Problem::of_file(*what)));
        }
        if start.starts_with(BYTE_ORDER_MARK) {
            file.consume(BYTE_ORDER_MARK.len());
        }
        Ok(Self {
            file,
            watch,
            limits,
            core: csv_core::Reader::new(),
            line: 1,
            after_return: false,
            gave_up: false,
            fresh: true,
            taken: 0,
            text: vec![0; 4096],
            ends: vec![0; 64],
        })
    }

    /// The next row that is not blank; `Halt::Row` if it breaks a limit, after which the
    /// next call goes on behind it.
    pub(super) fn next(&mut self) -> Result<Option<Row<'_>>, Halt> {
        self.file.consume(take(&mut self.taken));
        if take(&mut self.gave_up) {
            self.skip_line()?;
        }
        self.skip_blank_lines()?;
        match self.cut_plain() {
            Some((length, columns)) => {
                let (text, ends) = (&self.file.buffer()[..length], &self.ends[..columns]);
                Ok(Some(Row { line: self.line - 1, text, ends, gap: 1 }))
            }
            None => self.read_any(),
        }
    }

    /// Cuts a row without quotes that lies in the buffer as a whole at its commas, and gives its
    /// length and number of columns; None, and nothing is done, for any other row.
    fn cut_plain(&mut self) -> Option<(usize, usize)> {
        let buffer = self.file.buffer();
        let length = memchr3(b'\n', b'\r', b'"', buffer)?;
        let end = buffer[length];
        // What may be beyond a limit is looked at where the limits are.
        if self.fresh || end == b'"' || length > self.limits.line.min(self.limits.field) {
            return None;
        }
        let mut columns = 0;
        for comma in memchr_iter(b',', &buffer[..length]).chain(once(length)) {
            *self.ends.get_mut(columns)? = comma;
            columns += 1;
        }
        if columns > self.limits.columns {
            return None;
        }
        self.taken = length + 1;
        self.line += 1;
        self.after_return = end == b'\r';
        Some((length, columns))
    }

    /// Reads a row whatever it holds and wherever it lies.
    fn read_any(&mut self) -> Result<Option<Row<'_>>, Halt> {
        self.fresh = false;
        let line = self.line;
        let lines_before = self.core.line();
        let (mut length, mut written, mut columns) = (0, 0, 0);
        let mut complete = false;
        let mut bad = None;
        while !complete && bad.is_none() {
            let input = fill(&mut self.file, self.watch)?;
            let at_end = input.is_empty();
            if at_end && length == 0 {
                return Ok(None);
            }
            // The last row may lack its end of line; given one, only an open quote goes on.
            // And no row gets more than one byte, the end of its line, beyond the limit.
            let allowed = input.len().min((self.limits.line - length).saturating_add(1));
            let input = if at_end { b"\n" } else { &input[..allowed] };
            let (result, read, wrote, ended) =
                self.core.read_record(input, &mut self.text[written..], &mut self.ends[columns..]);
            self.after_return = read > 0 && input[read - 1] == b'\r';
            if !at_end {
                self.file.consume(read);
            }
            length += read;
            written += wrote;
            columns += ended;
            complete = matches!(result, ReadRecordResult::Record);
            bad = match result {
                ReadRecordResult::InputEmpty if at_end => {
                    Some("a quote is never closed: the file may be cut off".to_owned())
                }
                _ => self.broken_limit(length - usize::from(complete), columns),
            };
            match result {
                ReadRecordResult::OutputFull => self.text.resize(2 * self.text.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                _ => {}
            }
        }
        // The core counts line feeds alone.
        self.line += self.core.line() - lines_before + u64::from(self.after_return);
        if let Some(reason) = bad {
            self.gave_up = !complete;
            return Err(Halt::Row(Problem::of_row(line, reason)));
        }
        let row = Row { line, text: &self.text[..written], ends: &self.ends[..columns], gap: 0 };
        match row.fields().find(|field| field.len() > self.limits.field) {
            None => Ok(Some(row)),
            Some(field) => {
                let (shown, most) = (shown(field), self.limits.field);
                let reason =
                    format!("the field {shown} is longer than {most} bytes{}", raise("field"));
                Err(Halt::Row(Problem::of_row(line, reason)))
            }
        }
    }

    /// Says which limit a row breaks that is so long, or will be.
    fn broken_limit(&self, length: usize, columns: usize) -> Option<String> {
        let Limits { line, columns: most, .. } = self.limits;
        if length > line {
            let remedy = raise("line");
            Some(format!("the row is longer than {line} bytes: is a quote never closed?{remedy}"))
        } else if columns > most {
            Some(format!("the row has more than {most} columns{}", raise("columns")))
        } else {
            None
        }
    }

    /// Goes to the next byte that ends no line, and counts the lines on the way.
    fn skip_blank_lines(&mut self) -> Result<(), Halt> {
        while let Some(&byte) = fill(&mut self.file, self.watch)?.first()
            && matches!(byte, b'\r' | b'\n')
        {
            self.end_line(byte);
        }
        Ok(())
    }

    /// Skips what is left of a row, up to the next end of line: a quote that is never closed
    /// then costs the rows it swallowed, and not the rest of the file.
    fn skip_line(&mut self) -> Result<(), Halt> {
        self.core.reset();
        self.fresh = true;
        loop {
            let input = fill(&mut self.file, self.watch)?;
            if input.is_empty() {
                return Ok(());
            }
            let (ignored, end) = match input.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
                Some(at) => (at, Some(input[at])),
                None => (input.len(), None),
            };
            self.file.consume(ignored);
            if let Some(end) = end {
                self.after_return = false;
                self.end_line(end);
                return Ok(());
            }
        }
    }

    /// Takes one byte that ends a line, or is the second of the two that do.
    fn end_line(&mut self, byte: u8) {
        self.line += u64::from(byte == b'\r' || !self.after_return);
        self.after_return = byte == b'\r';
        self.file.consume(1);
    }
}

/// How a limit is changed, for the end of a message.
pub(super) fn raise(limit: &str) -> String {
    format!(" (limits=ReadLimits({limit}=...) allows more)")
}

/// The bytes that come next, none at the end of the file; looks up at every new buffer.
fn fill<'a>(file: &'a mut BufReader<File>, watch: &mut Watch) -> Result<&'a [u8], Halt> {
    if file.buffer().is_empty() {
        let read = file.fill_buf()?.len();
        if watch.advance(read).is_break() {
            return Err(Halt::Stopped);
        }
    }
    Ok(file.buffer())
}
