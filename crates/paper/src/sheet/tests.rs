//! Files as office programs write them, and files that mean harm; all made here.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A file that goes with the value.
struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn file(bytes: &[u8]) -> Made {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("trivet-paper-{}-{count}", std::process::id()));
    std::fs::write(&path, bytes).expect("the temporary folder is writable");
    Made(path)
}

fn read(bytes: &[u8]) -> Result<(Vec<String>, Format, Vec<Vec<String>>)> {
    let made = file(bytes);
    let sheet = Sheet::open(&made.0, &Options::default())?;
    let (headers, format) = (sheet.headers.clone(), sheet.format.clone());
    let rows = sheet.map(|row| row.map(|row| row.cells)).collect::<Result<_>>()?;
    Ok((headers, format, rows))
}

#[test]
fn every_encoding_and_delimiter_is_recognised() {
    let text = "客户名称;城市\n上海云帆科技有限公司;上海\n";
    let utf16 = |swap: bool| {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect::<Vec<u8>>()
    };
    for (bytes, expected) in [
        (text.as_bytes().to_vec(), Encoding::Utf8),
        (["\u{feff}".as_bytes(), text.as_bytes()].concat(), Encoding::Utf8),
        (encoding_rs::GB18030.encode(text).0.into_owned(), Encoding::Gb18030),
        (utf16(false), Encoding::Utf16Le),
        (utf16(true), Encoding::Utf16Be),
    ] {
        let (headers, format, rows) = read(&bytes).expect("it is a table");
        assert_eq!(format, Format::Text { encoding: expected, delimiter: ';' });
        assert_eq!(headers, ["客户名称", "城市"], "{expected:?}");
        assert_eq!(rows, [["上海云帆科技有限公司", "上海"]]);
    }
    assert!(matches!(read(b"a\tb,c\n1\t2,3\n4\t5\n").unwrap().1, Format::Text { delimiter: ',' | '\t', .. }));
    assert!(matches!(read(b"a\tb\tc,d\n").unwrap().1, Format::Text { delimiter: '\t', .. }));
}

#[test]
fn the_first_chinese_character_may_stand_in_the_last_line() {
    let mut text = "name\n".to_owned();
    (0..20_000).for_each(|n| text.push_str(&format!("company {n}\n")));
    text.push_str("云帆\n");
    let (_, format, rows) = read(&encoding_rs::GB18030.encode(&text).0).unwrap();
    assert!(matches!(format, Format::Text { encoding: Encoding::Gb18030, .. }));
    assert_eq!(rows.last().unwrap(), &["云帆"]);
}

#[test]
fn headings_become_names_and_blank_rows_are_passed_over() {
    let (headers, _, rows) = read(b"\n , \nName,,Name, Phone  number ,\n1,2,3,4\n,,,\n5\n").unwrap();
    assert_eq!(headers, ["Name", "#2", "Name (2)", "Phone number"]);
    assert_eq!(rows, [vec!["1", "2", "3", "4"], vec!["5"]]);
}

#[test]
fn a_quotation_mark_that_is_never_closed_does_not_fill_the_memory() {
    let mut bytes = b"name,note\nA,\"begins here\n".to_vec();
    bytes.extend(std::iter::repeat_n(b'x', MAX_ROW_BYTES + 1_000_000));
    assert!(matches!(read(&bytes), Err(SheetError::RowTooLong { row: 2 })));
}

#[test]
fn what_is_no_table_is_refused() {
    assert!(matches!(read(b""), Err(SheetError::Empty)));
    assert!(matches!(read(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), Err(SheetError::OldWorkbook)));
    assert!(matches!(read(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"), Err(SheetError::UnknownFormat)));
    assert!(matches!(read(b"PK\x03\x04 but no archive"), Err(SheetError::Damaged(_))));
    let wide = vec!["x"; MAX_COLUMNS + 1].join(",");
    assert!(matches!(read(wide.as_bytes()), Err(SheetError::TooManyColumns)));
}

/// A workbook with this sheet and these parts, beside or instead of the usual ones.
fn workbook(sheet: &str, more: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let packed = zip::write::SimpleFileOptions::default();
    let parts = [
        (
            "[Content_Types].xml",
            r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>"#,
        ),
        (
            "_rels/.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        ),
        (
            "xl/workbook.xml",
            r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
        ),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    for (name, text) in parts.into_iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name)) {
        archive.start_file(name, packed).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    for (name, bytes) in more {
        archive.start_file(*name, packed).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn sheet_of(dimension: &str, rows: &str) -> String {
    format!(
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="{dimension}"/><sheetData>{rows}</sheetData></worksheet>"#
    )
}

const SMALL: &str = r#"<row r="1"><c r="A1" t="inlineStr"><is><t>name</t></is></c><c r="B1" t="inlineStr"><is><t>size</t></is></c></row><row r="3"><c r="A3" t="inlineStr"><is><t>Acme</t></is></c><c r="B3"><v>12.5</v></c></row>"#;

#[test]
fn a_workbook_is_read_row_by_row() {
    let (headers, format, rows) = read(&workbook(&sheet_of("A1:B3", SMALL), &[])).unwrap();
    assert_eq!(format, Format::Workbook { sheets: vec!["S".into()], sheet: "S".into() });
    assert_eq!(headers, ["name", "size"]);
    assert_eq!(rows, [["Acme", "12.5"]]);
    let made = file(&workbook(&sheet_of("A1:B3", SMALL), &[]));
    let other = Options { sheet: Some("T".into()), ..Options::default() };
    assert!(matches!(Sheet::open(&made.0, &other), Err(SheetError::UnknownSheet(name)) if name == "T"));
}

#[test]
fn bombs_and_traps_are_refused_before_they_are_opened() {
    let small = sheet_of("A1:B3", SMALL);
    let zeros = vec![0u8; 8 * 1024 * 1024];
    assert!(matches!(read(&workbook(&small, &[("xl/media/a.bin", zeros)])), Err(SheetError::SuspiciousRatio)));
    let entries: Vec<(String, Vec<u8>)> = (0..MAX_ENTRIES).map(|n| (format!("xl/media/{n}"), Vec::new())).collect();
    let entries: Vec<(&str, Vec<u8>)> = entries.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    assert!(matches!(read(&workbook(&small, &entries)), Err(SheetError::TooManyEntries { .. })));
    for name in ["../../etc/passwd", "/etc/passwd", "xl\\..\\..\\evil"] {
        assert!(matches!(read(&workbook(&small, &[(name, Vec::new())])), Err(SheetError::UnsafePath)), "{name}");
    }
    let huge = workbook(&sheet_of("A1:XFD1048576", SMALL), &[]);
    assert!(matches!(read(&huge), Err(SheetError::TooManyCells { found: 17_179_869_184 })));
    let mut far = SMALL.to_owned();
    far.push_str(r#"<row r="4"><c r="XFD4"><v>1</v></c></row>"#);
    assert!(matches!(read(&workbook(&sheet_of("A1:B3", &far), &[])), Err(SheetError::TooManyColumns)));
    // A kilobyte that asks for room for more texts than there is memory, and a text that hundreds of cells copy.
    let many = texts("sst", r#"uniqueCount="1000000000000000""#, "<si><t>a</t></si>");
    assert!(matches!(read(&workbook(&small, &[many])), Err(SheetError::FalseCount { .. })));
    let long = texts("sst", "", &format!("<si><t>{}</t></si>", letters(5 * 1024 * 1024)));
    assert!(matches!(read(&workbook(&small, &[long])), Err(SheetError::Implausible)));
}

fn texts(tag: &str, unique: &str, inside: &str) -> (&'static str, Vec<u8>) {
    let space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let name = tag.strip_prefix("x:").map_or("xmlns", |_| "xmlns:x");
    let text = format!(r#"<{tag} {name}="{space}" count="1" {unique}>{inside}</{tag}>"#);
    ("xl/sharedStrings.xml", text.into_bytes())
}

/// So many letters that hardly pack.
fn letters(count: usize) -> String {
    let mut state = 1_u32;
    let letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + (state >> 24) as u8 % 26)
    };
    std::iter::repeat_with(letter).take(count).collect()
}

#[test]
fn a_count_of_texts_that_lies_makes_no_room_for_them() {
    let small = sheet_of("A1:B3", SMALL);
    let read_with = |part: (&'static str, Vec<u8>)| read(&workbook(&small, &[part]));
    for (tag, unique) in [
        ("sst", r#"uniqueCount="1000000000000000""#),
        ("x:sst", "uniqueCount = '1000000000000000'"),
        ("sst", r#"a="uniqueCount=" uniqueCount="0001000000000000000""#),
    ] {
        let refused = read_with(texts(tag, unique, "<si><t>a</t></si>"));
        let is_named = matches!(refused, Err(SheetError::FalseCount { declared: 1_000_000_000_000_000, found: 1 }));
        assert!(is_named, "{tag} {unique}: {refused:?}");
    }
    // Programs that count wrongly by a little are read, and so are those that do not count.
    for unique in [r#"uniqueCount="2""#, ""] {
        assert!(read_with(texts("sst", unique, "<si><t>a</t></si>")).is_ok(), "{unique}");
    }
}

#[test]
fn one_text_named_by_many_cells_does_not_fill_the_memory() {
    let row = |cells: usize| format!(r#"<row r="2">{}</row>"#, r#"<c t="s"><v>0</v></c>"#.repeat(cells));
    let read_with = |letters: usize, cells: usize| {
        let rows = format!(r#"<row r="1"><c t="inlineStr"><is><t>name</t></is></c></row>{}"#, row(cells));
        let text = format!("<si><t>{}</t></si>", "x".repeat(letters));
        read(&workbook(&sheet_of("A1:B2", &rows), &[texts("sst", r#"uniqueCount="1""#, &text)]))
    };
    assert!(matches!(read_with(32_768, 1), Err(SheetError::CellTooLong { row: 2, column }) if column == "A"));
    assert!(matches!(read_with(32_767, 130), Err(SheetError::RowTooLong { row: 2 })));
    assert_eq!(read_with(32_767, 120).expect("that much may stand in a row").2[0].len(), 120);
}

#[test]
fn a_cell_beyond_what_excel_holds_is_named() {
    let row = format!(
        r#"<row r="1"><c r="A1" t="inlineStr"><is><t>name</t></is></c></row><row r="7"><c r="AB7" t="inlineStr"><is><t>{}</t></is></c></row>"#,
        "x".repeat(40_000)
    );
    let refused = read(&workbook(&sheet_of("A1:B7", &row), &[])).expect_err("it is too long");
    assert_eq!(refused.key(), "sheet-cell-too-long");
    assert!(matches!(refused, SheetError::CellTooLong { row: 7, column } if column == "AB"));
}

#[test]
fn parts_that_no_program_builds_are_refused_before_they_are_read() {
    let refused = |sheet: &str, more: &[(&str, Vec<u8>)]| {
        let outcome = read(&workbook(sheet, more));
        assert!(matches!(outcome, Err(SheetError::Implausible)), "{outcome:?}");
    };
    let small = sheet_of("A1:B3", SMALL);
    // A cell that is put together of pieces, each of them short.
    let piece = format!("<r><t>{}</t></r><!-- <c/> -->", letters(512 * 1024));
    let cell =
        |inside: &str| sheet_of("A1:B3", &format!(r#"<row r="1"><c r="A1" t="inlineStr"><is>{inside}</is></c></row>"#));
    refused(&cell(&piece.repeat(9)), &[]);
    assert!(matches!(read(&workbook(&cell(&piece), &[])), Err(SheetError::CellTooLong { row: 1, .. })));
    refused(&small, &[texts("sst", "", &format!("<si>{}</si>", piece.repeat(9)))]);
    // A tag, and tags inside of tags.
    refused(&small.replace("<sheetData>", &format!("<cols a=\"{}\"/><sheetData>", letters(5 * 1024 * 1024))), &[]);
    refused(&small.replace("<sheetData>", &"<a>".repeat(1_001)), &[]);
    // Tags that are not closed where they belong end a cell for one reader and not for another.
    let crossed = cell("<t>one</c><c>two</t>");
    assert!(matches!(read(&workbook(&crossed, &[])), Err(SheetError::Damaged(_))));
    // Each format of cells copies the name of its font, each sheet its path.
    let styles = format!(
        r#"<styleSheet><fonts><font><name val="{}"/></font></fonts><cellXfs>{}</cellXfs></styleSheet>"#,
        letters(200_000),
        r#"<xf fontId="0"/>"#.repeat(20_000)
    );
    refused(&small, &[("xl/styles.xml", styles.into_bytes())]);
    let sheets = format!(r#"<workbook><sheets>{}</sheets></workbook>"#, r#"<sheet name="S" id="1"/>"#.repeat(5_000));
    let relations = format!(r#"<Relationships><Relationship Id="1" Target="{}"/></Relationships>"#, letters(100_000));
    let parts = [("xl/workbook.xml", sheets.into_bytes()), ("xl/_rels/workbook.xml.rels", relations.into_bytes())];
    refused(&small, &parts);
}

#[test]
fn a_workbook_cannot_lead_past_the_guard() {
    let small = sheet_of("A1:B3", SMALL);
    let package = |attributes: &str| {
        let text = format!(r#"<Relationships><Relationship Id="1" {attributes}/></Relationships>"#);
        vec![("_rels/.rels", text.into_bytes()), ("evil/workbook.xml", b"<workbook/>".to_vec())]
    };
    let kind = r#"Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument""#;
    let elsewhere = package(&format!(r#"{kind} Target="evil/workbook.xml""#));
    assert!(matches!(read(&workbook(&small, &elsewhere)), Err(SheetError::UnknownFormat)));
    let twice = package(&format!(r#"{kind} Target="evil/workbook.xml" Target="xl/workbook.xml""#));
    assert!(matches!(read(&workbook(&small, &twice)), Err(SheetError::Damaged(_))));
    let usual = package(&format!(r#"{kind} Target="/xl/Workbook.xml""#));
    assert!(read(&workbook(&small, &usual)).is_ok());
    // A sheet is looked through wherever it lies.
    let relation =
        r#"<Relationships><Relationship Id="rId1" Type="x/worksheet" Target="media/a.bin"/></Relationships>"#;
    let deep = small.replace("<sheetData>", &"<a>".repeat(1_001));
    let parts = [("xl/_rels/workbook.xml.rels", relation.into()), ("xl/media/a.bin", deep.into_bytes())];
    assert!(matches!(read(&workbook(&small, &parts)), Err(SheetError::Implausible)));
}

#[test]
fn rows_before_a_fault_are_handed_out_before_it() {
    let mut rows = r#"<row r="1"><c t="inlineStr"><is><t>name</t></is></c></row>"#.to_owned();
    (2..=1_000).for_each(|row| rows.push_str(&format!(r#"<row r="{row}"><c r="A{row}"><v>{row}</v></c></row>"#)));
    rows.push_str(r#"<row r="1001"><c r="XFD1001"><v>1</v></c></row>"#);
    let made = file(&workbook(&sheet_of("A1:A1001", &rows), &[]));
    let read: Vec<Result<Row>> = Sheet::open(&made.0, &Options::default()).unwrap().collect();
    let numbers: Vec<u64> = read.iter().filter_map(|row| Some(row.as_ref().ok()?.number)).collect();
    assert_eq!(numbers, (2..=1_000).collect::<Vec<_>>());
    assert!(matches!(read.last(), Some(Err(SheetError::TooManyColumns))));
}

#[test]
fn a_size_that_lies_does_not_help() {
    // The declared size of the sheet is rewritten to 10 bytes in the central directory.
    let mut text = sheet_of("A1:B3", SMALL);
    text.push_str(&" ".repeat(3_000_000));
    let mut bytes = workbook(&text, &[]);
    let name = b"xl/worksheets/sheet1.xml";
    let at = bytes.windows(name.len()).rposition(|window| window == name).expect("the directory names the sheet");
    bytes[at - 22..at - 18].copy_from_slice(&10u32.to_le_bytes());
    assert!(read(&bytes).is_err());
}

#[test]
fn a_damaged_workbook_is_an_error_and_no_panic() {
    let whole = workbook(&sheet_of("A1:B3", SMALL), &[]);
    for cut in (5..whole.len()).step_by(97) {
        assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
    }
    let entity = sheet_of("A1:B3", SMALL).replacen(
        "<worksheet",
        "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><worksheet",
        1,
    );
    if let Ok((_, _, rows)) = read(&workbook(&entity.replace("Acme", "&a;"), &[])) {
        assert!(rows.iter().flatten().all(|cell| !cell.contains("root:")));
    }
}

#[test]
fn a_spreadsheet_never_takes_our_text_for_a_formula() {
    for text in
        ["=1+1", "+cmd|' /C calc'!A0", "-2+3+cmd", "@SUM(A1)", "\tx", "\rx", "＝1+1", "＋1+a", "－x", "＠x", "+", "-"]
    {
        assert_eq!(guarded(text), format!("'{text}"));
        let csv = csv_rows([
            [Value::Text("name".into()), Value::Text("note".into())].as_slice(),
            [Value::Text(text.into()), Value::Empty].as_slice(),
        ]);
        assert_eq!(read(&csv).unwrap().2, [[text, ""]], "and comes back as it was");
    }
    for text in ["-12.50", "+86 138-0013-8000", "-5", "1,234", "plain", "", "'quoted'", "+1 (312) 555-0100"] {
        assert_eq!(guarded(text), text);
    }
}

#[test]
fn a_workbook_going_out_holds_texts_numbers_and_days() {
    let headers = ["name", "phone", "amount", "day"].map(str::to_owned).to_vec();
    let mut book = Book::new("Accounts: [x]", headers).unwrap();
    let day = jiff::civil::date(2026, 11, 24);
    book.row(&[
        Value::Text("=1+1".into()),
        Value::Text("13800138000".into()),
        Value::Number("1234.50".into()),
        Value::Day(day),
    ])
    .unwrap();
    book.row(&[Value::Empty, Value::Empty, Value::Number("90071992547409930".into()), Value::Empty]).unwrap();
    let (headers, _, rows) = read(&book.bytes().unwrap()).unwrap();
    assert_eq!(headers, ["name", "phone", "amount", "day"]);
    assert_eq!(rows[0], ["=1+1", "13800138000", "1234.5", "2026-11-24"]);
    assert_eq!(rows[1][2], "90071992547409930");
}

#[test]
fn bytes_that_nobody_wrote_are_no_table() {
    // No zero among them, and a single one: the signs by which UTF-16 is told from other files.
    let junk = |zero: bool| {
        let mut state = 1_u32;
        let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .filter(|byte| *byte != 0)
        .take(600)
        .collect();
        if zero {
            bytes[101] = 0;
        }
        bytes
    };
    for bytes in [junk(false), junk(true)] {
        assert!(matches!(read(&bytes), Err(SheetError::UnknownFormat)));
    }
    assert!(read(b"name,city\nA\x07cme,Xi'an\n").is_ok(), "a stray sign is no reason");
}
