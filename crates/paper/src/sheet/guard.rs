//! Looks into a workbook before anything else does: a zip archive can be a bomb, names in it can point outside, and what stands
//! in it can make its reader ask for more memory than there is, which no program survives. Sizes that an archive declares may be
//! lies, so every part is inflated once, into nothing, and counted. The parts that are read later are gone through as XML by the
//! same library with the same settings, so that the guard and the reader never see two different files.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use quick_xml::Reader as XmlReader;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

use super::{Result, SheetError};

pub const MAX_ENTRIES: usize = 1_000;
pub const MAX_INFLATED: u64 = 512 * 1024 * 1024;
pub const MAX_CELLS: u64 = 20_000_000;
/// A part above [`RATIO_FROM`] that grows more than this when inflated is made to hurt.
const MAX_RATIO: u64 = 100;
const RATIO_FROM: u64 = 1024 * 1024;
/// Shared texts are held in memory while a workbook is read, and so is what stands in its small parts.
const MAX_TEXTS: u64 = 64 * 1024 * 1024;
/// A text costs memory even when it is empty. The shortest that a program writes, `<si><t></t></si>`, takes sixteen bytes.
const MAX_TEXT_COUNT: u64 = MAX_TEXTS / 16;
/// The reader makes room for as many shared texts as the file declares. Some programs declare too many: so few are no harm.
const HARMLESS_COUNT: u64 = 65_536;
/// One tag, or one cell or text with all that is inside of it: a cell holds 32,767 characters, however they are written.
const MAX_PIECE: u64 = 4 * 1024 * 1024;
/// Elements inside of elements; the reader remembers the name of every one that is open.
const MAX_DEPTH: u32 = 1_000;
/// Formats of cells, with their fonts, fills and borders, and sheets: a spreadsheet program has at most 65,490 of each.
const MAX_FORMATS: u64 = 500_000;
/// Each format of cells keeps a copy of its font's name and its pattern, each sheet one of its path.
const MAX_COPIED: u64 = 128 * 1024 * 1024;

const PACKAGE: &str = "_rels/.rels";
const WORKBOOK: &str = "xl/workbook.xml";
const RELATIONSHIPS: &str = "xl/_rels/workbook.xml.rels";
const TEXTS: &str = "xl/sharedstrings.xml";
/// What is read of a workbook besides its texts and a sheet.
const SMALL: [&str; 5] = [PACKAGE, WORKBOOK, RELATIONSHIPS, "xl/styles.xml", "xl/theme/theme1.xml"];

type Archive = ZipArchive<BufReader<File>>;

pub fn check(path: &Path) -> Result<()> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?)).map_err(damaged)?;
    if archive.len() > MAX_ENTRIES {
        return Err(SheetError::TooManyEntries { found: archive.len() });
    }
    let names = check_declared(&mut archive)?;
    let left = Cell::new(MAX_INFLATED);
    let mut found = Found::default();
    // Where the workbook and its sheets lie is said by small parts, which are looked through first.
    for is_small in [true, false] {
        for (index, name) in names.iter().enumerate().filter(|(_, name)| SMALL.contains(&name.as_str()) == is_small) {
            let from = archive.by_index(index).map_err(damaged)?;
            let packed = from.compressed_size();
            let is_texts = name == TEXTS;
            let is_read = is_small || is_texts || found.sheets.contains(name);
            let (inflated, piece) = (Cell::new(0), Cell::new(0));
            let (inflated, piece, left) = (&inflated, &piece, &left);
            let part = Inflated { from, packed, inflated, piece, left, is_small, is_texts, is_read };
            if is_read {
                look_through(part, name, &mut found)?;
            } else {
                count_through(part)?;
            }
        }
        if is_small && !found.has_workbook {
            return Err(SheetError::UnknownFormat);
        }
    }
    if found.copies.saturating_mul(found.longest_tag) > MAX_COPIED {
        return Err(SheetError::Implausible);
    }
    Ok(())
}

fn damaged(error: zip::result::ZipError) -> SheetError {
    SheetError::Damaged(error.to_string())
}

/// What is declared is refused first: it costs nothing. Returns the names of the parts in lower case, as they are looked up.
fn check_declared(archive: &mut Archive) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(archive.len());
    let mut declared = 0u64;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?;
        if name.starts_with('/') || name.contains('\\') || entry.enclosed_name().is_none() {
            return Err(SheetError::UnsafePath);
        }
        names.push(name.to_ascii_lowercase());
        declared = declared.saturating_add(entry.size());
        check_ratio(entry.size(), entry.compressed_size())?;
    }
    if declared > MAX_INFLATED { Err(SheetError::TooLargeInflated) } else { Ok(names) }
}

fn check_ratio(inflated: u64, packed: u64) -> Result<()> {
    if inflated > RATIO_FROM && inflated > packed.saturating_mul(MAX_RATIO) {
        return Err(SheetError::SuspiciousRatio);
    }
    Ok(())
}

/// A part as it is inflated, counted byte by byte; what is too much ends it.
struct Inflated<'c, R> {
    from: R,
    packed: u64,
    inflated: &'c Cell<u64>,
    /// Since the last tag, cell or text was over.
    piece: &'c Cell<u64>,
    /// What the whole workbook may still hold.
    left: &'c Cell<u64>,
    is_small: bool,
    is_texts: bool,
    is_read: bool,
}

impl<R: Read> Inflated<'_, R> {
    fn count(&self, length: u64) -> Result<()> {
        self.left.set(self.left.get().checked_sub(length).ok_or(SheetError::TooLargeInflated)?);
        self.inflated.set(self.inflated.get() + length);
        check_ratio(self.inflated.get(), self.packed)?;
        self.piece.set(self.piece.get() + length);
        match self.inflated.get() > MAX_TEXTS {
            true if self.is_texts => Err(SheetError::TooManyTexts),
            true if self.is_small => Err(SheetError::Implausible),
            _ if self.is_read && self.piece.get() > MAX_PIECE => Err(SheetError::Implausible),
            _ => Ok(()),
        }
    }
}

impl<R: Read> Read for Inflated<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(to)?;
        self.count(length as u64).map_err(io::Error::other)?;
        Ok(length)
    }
}

/// Why reading ended: what was refused above, or a fault of the file.
fn unread(error: io::Error) -> SheetError {
    error.downcast::<SheetError>().unwrap_or_else(|error| SheetError::Damaged(error.to_string()))
}

fn unread_xml(error: quick_xml::Error) -> SheetError {
    match error {
        quick_xml::Error::Io(error) => match Arc::try_unwrap(error) {
            Ok(error) => unread(error),
            Err(error) => SheetError::Damaged(error.to_string()),
        },
        error => SheetError::Damaged(error.to_string()),
    }
}

fn count_through(mut part: Inflated<'_, impl Read>) -> Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    while part.read(&mut buffer).map_err(unread)? > 0 {}
    Ok(())
}

/// What the parts hold, as far as it counts.
#[derive(Default)]
struct Found {
    has_workbook: bool,
    /// The names of the parts that are sheets.
    sheets: HashSet<String>,
    formats: u64,
    copies: u64,
    longest_tag: u64,
}

/// Goes through a part as its reader will. Elements must be nested in each other: then everything that the reader gathers into
/// one text lies between the two tags of one of [`GATHERED`].
fn look_through(part: Inflated<'_, impl Read>, name: &str, found: &mut Found) -> Result<()> {
    /// A cell, a shared text and a name with all that is inside are one piece.
    const GATHERED: [&str; 3] = ["c", "si", "definedName"];
    let (is_small, is_sheet) = (SMALL.contains(&name), found.sheets.contains(name));
    let piece = part.piece;
    let mut xml = XmlReader::from_reader(BufReader::with_capacity(64 * 1024, part));
    let config = xml.config_mut();
    config.check_end_names = true;
    config.check_comments = false;
    config.trim_text(false);
    config.expand_empty_elements = true;
    let (mut depth, mut gathers_from) = (0u32, None);
    let (mut cells, mut texts, mut declared) = (0u64, 0u64, 0u64);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer).map_err(unread_xml)? {
            Event::Start(tag) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(SheetError::Implausible);
                }
                let local = tag.local_name().into_inner();
                if gathers_from.is_none() && GATHERED.contains(&local) {
                    gathers_from = Some(depth);
                }
                match local {
                    "c" => cells += 1,
                    "si" => texts += 1,
                    "sst" => declared = declared.max(declared_texts(&tag)),
                    _ => {}
                }
                if is_small {
                    found.note(&tag, name)?;
                }
                if is_sheet && cells > MAX_CELLS {
                    return Err(SheetError::TooManyCells { found: cells });
                }
                if texts > MAX_TEXT_COUNT {
                    return Err(SheetError::TooManyTexts);
                }
            }
            Event::End(_) => {
                if gathers_from == Some(depth) {
                    gathers_from = None;
                }
                depth = depth.saturating_sub(1);
            }
            Event::Eof => break,
            _ => {}
        }
        if gathers_from.is_none() {
            piece.set(0);
        }
    }
    if declared > texts.max(HARMLESS_COUNT) {
        return Err(SheetError::FalseCount { declared, found: texts });
    }
    Ok(())
}

/// The greatest number that the reader could take for the count of texts.
fn declared_texts(tag: &BytesStart<'_>) -> u64 {
    let after_name = tag.attributes_raw().split("uniqueCount").skip(1);
    let numbers = after_name.filter_map(|rest| {
        let value = rest.trim_start().strip_prefix('=')?.trim_start().strip_prefix(['"', '\''])?;
        value.split(['"', '\'']).next()?.parse().ok()
    });
    numbers.max().unwrap_or(0)
}

impl Found {
    /// Notes a tag of a small part.
    fn note(&mut self, tag: &BytesStart<'_>, part: &str) -> Result<()> {
        let name = tag.local_name().into_inner();
        // Of what stands in the outermost tags nothing is kept, and it is long.
        if !["Relationships", "workbook", "styleSheet", "theme"].contains(&name) {
            self.longest_tag = self.longest_tag.max(tag.attributes_raw().len() as u64);
        }
        match name {
            "Relationship" => self.note_relationship(tag, part)?,
            "xf" | "sheet" => {
                self.formats += 1;
                self.copies += 1;
            }
            "font" | "fill" | "border" => self.formats += 1,
            _ => {}
        }
        if self.formats > MAX_FORMATS { Err(SheetError::Implausible) } else { Ok(()) }
    }

    /// Another part than the usual one as the workbook would lead past everything that is looked through here.
    fn note_relationship(&mut self, tag: &BytesStart<'_>, part: &str) -> Result<()> {
        let (mut kind, mut target) = (String::new(), String::new());
        // An attribute that stands there twice is refused: the reader could take the other one.
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| SheetError::Damaged(error.to_string()))?;
            match attribute.key.into_inner() {
                "Type" => kind = attribute.value.to_string(),
                "Target" => target = attribute.value.to_ascii_lowercase(),
                _ => {}
            }
        }
        match (part, kind.rsplit('/').next().unwrap_or_default()) {
            (PACKAGE, "officeDocument") if target.trim_start_matches('/') == WORKBOOK => self.has_workbook = true,
            (PACKAGE, "officeDocument") => return Err(SheetError::UnknownFormat),
            (RELATIONSHIPS, "worksheet" | "chartsheet" | "dialogsheet") => {
                let from_root = target.strip_prefix('/').map(str::to_owned);
                self.sheets.insert(from_root.unwrap_or_else(|| format!("xl/{target}")));
            }
            _ => {}
        }
        Ok(())
    }
}
