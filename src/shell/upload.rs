//! Files that come in by a form or a program and go out again. They go to the disk as they arrive, are named by their id
//! there, and are handed out as downloads only: never opened inside a page of ours, whatever they claim to be.

use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use store::{Uuid, new_id};
use tokio::io::AsyncReadExt;

use super::app::App;
use super::error::{Error, FieldError, Result};
use super::layers::url_encode;

/// A file that lies in `app.files`; whoever received it writes its row, or removes it.
#[derive(Debug, Clone)]
pub struct Received {
    pub id: Uuid,
    pub name: String,
    pub media_type: &'static str,
    pub size: i64,
    pub sha256: String,
}

/// Takes a part of a form in.
///
/// Errors: [`Error::Invalid`] at `file` when it is empty or larger than `most` bytes. Then the rest is still read (as far as
/// the route takes it), so that the sender hears the answer instead of a broken connection.
pub async fn receive(app: &App, part: &mut Field<'_>, most: u64) -> Result<Received> {
    let name = file_name(part.file_name().unwrap_or_default());
    let id = new_id(&app.clock);
    let mut head = Vec::new();
    let mut arriving = Some(app.files.begin(id).await?);
    while let Some(bytes) = part.chunk().await.map_err(unreadable)? {
        head.extend(bytes.iter().take(HEAD - head.len()));
        match &mut arriving {
            Some(file) if file.size() + bytes.len() as u64 <= most => file.write(&bytes).await?,
            _ => arriving = None,
        }
    }
    let Some(arriving) = arriving else {
        let error = FieldError::new("file", "invalid-file-too-large").with("name", &name).with("max", most >> 20);
        return Err(Error::Invalid(vec![error]));
    };
    if arriving.size() == 0 {
        return Err(Error::Invalid(vec![FieldError::new("file", "invalid-file-empty").with("name", &name)]));
    }
    let (size, sha256) = arriving.finish().await?;
    Ok(Received { id, media_type: media_type(&name, &head), name, size: size as i64, sha256 })
}

pub fn unreadable(error: MultipartError) -> Error {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Error::TooLarge
    } else {
        Error::Refused { status: 400, key: "error-bad-request" }
    }
}

/// Only the last part of a path, without anything that could not stand in a heading.
pub fn file_name(name: &str) -> String {
    let name: String =
        name.rsplit(['/', '\\']).next().unwrap_or("").chars().filter(|c| !c.is_control()).take(120).collect();
    if name.trim().is_empty() { "file".into() } else { name }
}

/// So many bytes tell what a file is.
const HEAD: usize = 12;
/// What cannot be told is only bytes.
const BYTES: &str = "application/octet-stream";

/// The kind of a file: what its name says, if its first bytes agree. Nothing that a browser would run is named.
fn media_type(name: &str, head: &[u8]) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let (named, first): (&str, &[u8]) = match ending.as_str() {
        "pdf" => ("application/pdf", b"%PDF-"),
        "png" => ("image/png", b"\x89PNG\r\n\x1a\n"),
        "jpg" | "jpeg" => ("image/jpeg", b"\xff\xd8\xff"),
        "gif" => ("image/gif", b"GIF8"),
        "webp" => ("image/webp", b"RIFF"),
        "zip" => ("application/zip", b"PK"),
        "docx" => ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK"),
        "xlsx" => ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK"),
        "pptx" => ("application/vnd.openxmlformats-officedocument.presentationml.presentation", b"PK"),
        "doc" => ("application/msword", b"\xd0\xcf\x11\xe0"),
        "xls" => ("application/vnd.ms-excel", b"\xd0\xcf\x11\xe0"),
        "ppt" => ("application/vnd.ms-powerpoint", b"\xd0\xcf\x11\xe0"),
        "txt" | "md" if !head.contains(&0) => ("text/plain", b""),
        "csv" if !head.contains(&0) => ("text/csv", b""),
        _ => (BYTES, b""),
    };
    if head.starts_with(first) { named } else { BYTES }
}

/// A stored file as a download.
///
/// Errors: 404 with its own words when the bytes are gone from the disk.
pub async fn download(app: &App, file: Uuid, name: &str, media_type: &str) -> Result<Response> {
    let gone = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::Refused { status: 404, key: "error-file-gone" },
        _ => Error::Internal(error.to_string()),
    };
    let opened = tokio::fs::File::open(app.files.path(file)).await.map_err(gone)?;
    let length = opened.metadata().await.map_err(gone)?.len();
    let mut response = body_of(opened, ()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(media_type).unwrap_or(HeaderValue::from_static(BYTES)));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    if let Ok(value) = HeaderValue::from_str(&disposition(name)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// A file as it is asked for, a portion at a time. `kept` is dropped with it.
pub fn body_of(file: tokio::fs::File, kept: impl Send + 'static) -> Body {
    Body::from_stream(futures_util::stream::try_unfold((file, kept), async |(mut file, kept)| {
        let mut buffer = vec![0; 64 * 1024];
        let length = file.read(&mut buffer).await?;
        buffer.truncate(length);
        Ok::<_, std::io::Error>((length > 0).then(|| (Bytes::from(buffer), (file, kept))))
    }))
}

/// RFC 6266: the name in plain letters for old clients, and as it is.
pub fn disposition(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || " ._-()".contains(c) { c } else { '_' }).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", url_encode(name))
}

#[cfg(test)]
mod tests {
    use super::{disposition, file_name, media_type};

    #[test]
    fn a_file_is_what_its_name_says_only_if_its_bytes_agree() {
        assert_eq!(media_type("Offer.PDF", b"%PDF-1.7 ..."), "application/pdf");
        assert_eq!(media_type("offer.pdf", b"<html><scrip"), "application/octet-stream");
        assert_eq!(media_type("notes.txt", b"Hello"), "text/plain");
        for active in ["page.html", "page.svg", "page.xml", "page.xhtml", "run.js", "run.pHaR", "page"] {
            assert_eq!(media_type(active, b"<svg onload="), "application/octet-stream", "{active}");
        }
    }

    #[test]
    fn a_name_cannot_break_out_of_its_header_or_folder() {
        assert_eq!(file_name("C:\\x\\..\\offer.pdf"), "offer.pdf");
        assert_eq!(file_name("../../etc/passwd\r\n"), "passwd");
        assert_eq!(file_name(""), "file");
        assert_eq!(
            disposition("报价\"; x.pdf"),
            "attachment; filename=\"____ x.pdf\"; filename*=UTF-8''%E6%8A%A5%E4%BB%B7%22%3B%20x.pdf"
        );
    }
}
