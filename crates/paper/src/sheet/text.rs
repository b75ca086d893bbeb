//! Text tables: which encoding, which delimiter, and the rows.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use encoding_rs::{CoderResult, Decoder};

use super::write::may_start_a_formula;
use super::{Format, MAX_COLUMNS, Options, Result, Row, SheetError};

/// A row longer than this is a mistake, most often a quotation mark that is never closed.
pub const MAX_ROW_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Gb18030,
    Utf16Le,
    Utf16Be,
    Windows1252,
}

impl Encoding {
    pub const ALL: [Encoding; 5] =
        [Encoding::Utf8, Encoding::Gb18030, Encoding::Utf16Le, Encoding::Utf16Be, Encoding::Windows1252];

    pub fn key(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Gb18030 => "gb18030",
            Encoding::Utf16Le => "utf-16le",
            Encoding::Utf16Be => "utf-16be",
            Encoding::Windows1252 => "windows-1252",
        }
    }

    pub fn parse(text: &str) -> Option<Encoding> {
        Encoding::ALL.into_iter().find(|encoding| encoding.key() == text)
    }

    fn decoder(self) -> Decoder {
        // A byte order mark is taken off, whatever the encoding was said to be.
        match self {
            Encoding::Utf8 => encoding_rs::UTF_8,
            Encoding::Gb18030 => encoding_rs::GB18030,
            Encoding::Utf16Le => encoding_rs::UTF_16LE,
            Encoding::Utf16Be => encoding_rs::UTF_16BE,
            Encoding::Windows1252 => encoding_rs::WINDOWS_1252,
        }
        .new_decoder_with_bom_removal()
    }
}

pub fn open(path: &Path, options: &Options) -> Result<(Format, Rows)> {
    let mut file = File::open(path)?;
    let encoding = match options.encoding {
        Some(encoding) => encoding,
        None => {
            let encoding = detect_encoding(&mut file)?;
            file.seek(SeekFrom::Start(0))?;
            if !is_written(&sample(&mut file, encoding)?) {
                return Err(SheetError::UnknownFormat);
            }
            encoding
        }
    };
    file.seek(SeekFrom::Start(0))?;
    let delimiter = match options.delimiter {
        Some(delimiter) => delimiter,
        None => detect_delimiter(&sample(&mut file, encoding)?),
    };
    file.seek(SeekFrom::Start(0))?;
    let since_row = Arc::new(AtomicUsize::new(0));
    let reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(u8::try_from(delimiter).unwrap_or(b','))
        .buffer_capacity(64 * 1024)
        .from_reader(Decoded::new(file, encoding, since_row.clone()));
    Ok((
        Format::Text { encoding, delimiter },
        Rows { reader, record: csv::StringRecord::new(), number: 0, since_row, over: false },
    ))
}

/// The beginning of a file, decoded.
fn sample(file: &mut File, encoding: Encoding) -> Result<String> {
    let mut sample = vec![0; 64 * 1024];
    let mut decoded = Decoded::new(file, encoding, Arc::default());
    let length = read_up_to(&mut decoded, &mut sample)?;
    Ok(String::from_utf8_lossy(&sample[..length]).into_owned())
}

/// Whether it is text that somebody has written. A stray sign is no reason to refuse a table; one in thirty is no writing.
fn is_written(sample: &str) -> bool {
    let is_strange = |c: &char| match c {
        '\t' | '\n' | '\r' | '\x0b' | '\x0c' | '\x1a' => false,
        '\u{e000}'..='\u{f8ff}' | '\u{fffd}'..='\u{ffff}' => true,
        c => c.is_control(),
    };
    let strange = sample.chars().filter(is_strange).count();
    strange <= 2 || strange * 30 <= sample.chars().count()
}

/// The whole file is looked through: the first Chinese character may stand in its last line.
fn detect_encoding(file: &mut File) -> Result<Encoding> {
    let mut start = vec![0; 4096];
    let length = read_up_to(file, &mut start)?;
    start.truncate(length);
    match start.as_slice() {
        [0xef, 0xbb, 0xbf, ..] => return Ok(Encoding::Utf8),
        [0xff, 0xfe, ..] => return Ok(Encoding::Utf16Le),
        [0xfe, 0xff, ..] => return Ok(Encoding::Utf16Be),
        _ => {}
    }
    // Tables of ASCII and UTF-16 have every other byte zero; nothing else that is a table has zeros at all.
    let zeros = |offset: usize| start.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    match (zeros(0), zeros(1)) {
        (0, 0) => {}
        (even, odd) if odd > even * 8 => return Ok(Encoding::Utf16Le),
        (even, odd) if even > odd * 8 => return Ok(Encoding::Utf16Be),
        _ => return Err(SheetError::UnknownFormat),
    }
    for encoding in [Encoding::Utf8, Encoding::Gb18030] {
        file.seek(SeekFrom::Start(0))?;
        if decodes(file, encoding)? {
            return Ok(encoding);
        }
    }
    Ok(Encoding::Windows1252)
}

fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..])? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

fn decodes(file: &mut File, encoding: Encoding) -> Result<bool> {
    let mut decoder = encoding.decoder();
    let (mut from, mut to) = (vec![0; 64 * 1024], vec![0; 256 * 1024]);
    loop {
        let length = file.read(&mut from)?;
        let (_, _, _, damaged) = decoder.decode_to_utf8(&from[..length], &mut to, length == 0);
        if damaged {
            return Ok(false);
        }
        if length == 0 {
            return Ok(true);
        }
    }
}

/// The candidate that splits the first lines into most columns.
fn detect_delimiter(sample: &str) -> char {
    let mut counts = [0usize; 3];
    const CANDIDATES: [char; 3] = [',', ';', '\t'];
    let (mut quoted, mut lines) = (false, 0);
    for c in sample.chars() {
        match c {
            '"' => quoted = !quoted,
            '\n' if !quoted => {
                lines += 1;
                // The headings decide if they hold any candidate; free text further down is full of commas.
                if counts.iter().any(|count| *count > 0) || lines == 5 {
                    break;
                }
            }
            _ if !quoted => {
                if let Some(at) = CANDIDATES.iter().position(|candidate| *candidate == c) {
                    counts[at] += 1;
                }
            }
            _ => {}
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    CANDIDATES[counts.iter().position(|count| *count == most).unwrap_or(0)]
}

/// Bytes of any encoding as UTF-8, a buffer at a time.
struct Decoded<R> {
    from: R,
    decoder: Decoder,
    raw: Vec<u8>,
    at: usize,
    filled: usize,
    ended: bool,
    finished: bool,
    /// Decoded and not yet handed out, so that a reader may ask for fewer bytes than a character has.
    text: Vec<u8>,
    given: usize,
    decoded: usize,
    /// Bytes decoded since the last row ended.
    since_row: Arc<AtomicUsize>,
}

impl<R: Read> Decoded<R> {
    fn new(from: R, encoding: Encoding, since_row: Arc<AtomicUsize>) -> Decoded<R> {
        Decoded {
            from,
            decoder: encoding.decoder(),
            raw: vec![0; 32 * 1024],
            at: 0,
            filled: 0,
            ended: false,
            finished: false,
            text: vec![0; 32 * 1024],
            given: 0,
            decoded: 0,
            since_row,
        }
    }
}

impl<R: Read> Decoded<R> {
    /// Decodes the next buffer into `text`; at the end of the file it stays empty.
    fn decode_more(&mut self) -> io::Result<()> {
        (self.given, self.decoded) = (0, 0);
        while !self.finished && self.decoded == 0 {
            if self.at == self.filled && !self.ended {
                self.filled = self.from.read(&mut self.raw)?;
                self.at = 0;
                self.ended = self.filled == 0;
            }
            let (outcome, read, written, _) =
                self.decoder.decode_to_utf8(&self.raw[self.at..self.filled], &mut self.text, self.ended);
            self.at += read;
            self.decoded = written;
            self.finished = self.ended && outcome == CoderResult::InputEmpty;
        }
        if self.since_row.fetch_add(self.decoded, Ordering::Relaxed) > MAX_ROW_BYTES {
            return Err(io::Error::other(TooLong));
        }
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.given == self.decoded {
            self.decode_more()?;
        }
        let length = to.len().min(self.decoded - self.given);
        to[..length].copy_from_slice(&self.text[self.given..self.given + length]);
        self.given += length;
        Ok(length)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the row is too long")]
struct TooLong;

pub struct Rows {
    reader: csv::Reader<Decoded<File>>,
    record: csv::StringRecord,
    number: u64,
    since_row: Arc<AtomicUsize>,
    over: bool,
}

impl Iterator for Rows {
    type Item = Result<Row>;
    fn next(&mut self) -> Option<Result<Row>> {
        if self.over {
            return None;
        }
        self.number += 1;
        match self.reader.read_record(&mut self.record) {
            Ok(true) => {
                self.since_row.store(0, Ordering::Relaxed);
                if self.record.len() > MAX_COLUMNS * 2 {
                    self.over = true;
                    return Some(Err(SheetError::TooManyColumns));
                }
                let cells = self.record.iter().map(unguarded).collect();
                Some(Ok(Row { number: self.number, cells }))
            }
            Ok(false) => None,
            Err(error) => {
                self.over = true;
                Some(Err(match error.into_kind() {
                    csv::ErrorKind::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<TooLong>()) => {
                        SheetError::RowTooLong { row: self.number }
                    }
                    csv::ErrorKind::Io(error) => SheetError::Io(error),
                    other => SheetError::Damaged(format!("{other:?}")),
                }))
            }
        }
    }
}

/// Takes the apostrophe off again that our own export puts before what could be a formula.
fn unguarded(cell: &str) -> String {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(may_start_a_formula) => rest.to_owned(),
        _ => cell.to_owned(),
    }
}
