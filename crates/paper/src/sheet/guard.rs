//! Looks into a workbook before anything else does: a zip archive can be a bomb, and names in it can point outside.
//! Sizes that an archive declares may be lies, so every part is inflated once, into nothing, and counted.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use zip::ZipArchive;

use super::{Result, SheetError};

pub const MAX_ENTRIES: usize = 1_000;
pub const MAX_INFLATED: u64 = 512 * 1024 * 1024;
pub const MAX_CELLS: u64 = 20_000_000;
/// A part above [`RATIO_FROM`] that grows more than this when inflated is made to hurt.
const MAX_RATIO: u64 = 100;
const RATIO_FROM: u64 = 1024 * 1024;
/// Shared texts are held in memory while a workbook is read.
const MAX_TEXTS: u64 = 64 * 1024 * 1024;

pub fn check(path: &Path) -> Result<()> {
    let damaged = |error: zip::result::ZipError| SheetError::Damaged(error.to_string());
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?)).map_err(damaged)?;
    if archive.len() > MAX_ENTRIES {
        return Err(SheetError::TooManyEntries { found: archive.len() });
    }
    // What is declared is refused first: it costs nothing.
    let mut declared = 0u64;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?;
        if name.starts_with('/') || name.contains('\\') || entry.enclosed_name().is_none() {
            return Err(SheetError::UnsafePath);
        }
        declared = declared.saturating_add(entry.size());
        check_ratio(entry.size(), entry.compressed_size())?;
    }
    if declared > MAX_INFLATED {
        return Err(SheetError::TooLargeInflated);
    }
    let mut left = MAX_INFLATED;
    let mut buffer = vec![0; 64 * 1024];
    let mut has_workbook = false;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.to_lowercase();
        has_workbook |= name.ends_with("xl/workbook.xml");
        let packed = entry.compressed_size();
        let (mut inflated, is_texts, is_sheet) =
            (0u64, name.ends_with("sharedstrings.xml"), name.contains("worksheets/"));
        let (mut cells, mut before) = (0u64, 0u8);
        loop {
            let length = entry.read(&mut buffer).map_err(|error| SheetError::Damaged(error.to_string()))?;
            if length == 0 {
                break;
            }
            inflated += length as u64;
            left = left.checked_sub(length as u64).ok_or(SheetError::TooLargeInflated)?;
            check_ratio(inflated, packed)?;
            if is_texts && inflated > MAX_TEXTS {
                return Err(SheetError::TooManyTexts);
            }
            if is_sheet {
                for byte in &buffer[..length] {
                    cells += u64::from(before == b'<' && *byte == b'c');
                    before = *byte;
                }
            }
        }
        if cells > MAX_CELLS {
            return Err(SheetError::TooManyCells { found: cells });
        }
    }
    if has_workbook { Ok(()) } else { Err(SheetError::UnknownFormat) }
}

fn check_ratio(inflated: u64, packed: u64) -> Result<()> {
    if inflated > RATIO_FROM && inflated > packed.saturating_mul(MAX_RATIO) {
        return Err(SheetError::SuspiciousRatio);
    }
    Ok(())
}
