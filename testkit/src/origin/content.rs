//! A request's body sorted into what httpbin shows: `data`, `form` and `files` (RFC 7578, as Werkzeug parses it).
//!
//! A body that claims to be a form and is none shows nothing, as in httpbin.

use memchr::memmem;

use super::message::Request;
use super::python::parameters::{decode, split_parameters, value};
use super::python::percent;

/// A form is no `data`.
#[derive(Default)]
pub(super) struct Content {
    pub(super) data: Vec<u8>,
    pub(super) form: Vec<(String, String)>,
    pub(super) files: Vec<File>,
}

#[derive(Debug, PartialEq)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) content_type: String,
    pub(super) content: Vec<u8>,
}

pub(super) fn of(request: &Request) -> Content {
    let (kind, parameters) =
        split_parameters(request.header_values("Content-Type").last().unwrap_or_default());
    let boundary = value(&parameters, "boundary").filter(|boundary| !boundary.is_empty());
    match (kind.as_str(), boundary) {
        ("application/x-www-form-urlencoded", _) => {
            let text = std::str::from_utf8(&request.body).unwrap_or_default();
            Content { form: percent::parse_pairs(text.as_bytes()), ..Content::default() }
        }
        ("multipart/form-data", Some(boundary)) => parts(&request.body, boundary).unwrap_or_default(),
        // Without a boundary nothing was read as a form.
        _ => Content { data: request.body.clone(), ..Content::default() },
    }
}

/// `None` if the body is not made of parts to its end.
fn parts(body: &[u8], boundary: &str) -> Option<Content> {
    let delimiter = format!("--{boundary}").into_bytes();
    let mut content = Content::default();
    let (_, mut rest) = next_delimiter(body, &delimiter, true)?;
    loop {
        // RFC 2046 section 5.1.1: the last delimiter is followed by two hyphens.
        if rest.starts_with(b"--") {
            return Some(content);
        }
        rest = &rest[memmem::find(rest, b"\n")? + 1..];
        let (part, after) = next_delimiter(rest, &delimiter, false)?;
        add_part(part, &mut content)?;
        rest = after;
    }
}

/// What comes before the next delimiter line (without the line break that belongs to the delimiter), and after it.
fn next_delimiter<'a>(text: &'a [u8], delimiter: &[u8], first: bool) -> Option<(&'a [u8], &'a [u8])> {
    for start in memmem::find_iter(text, delimiter) {
        let before = &text[..start];
        let line_break = if before.ends_with(b"\r\n") { 2 } else { usize::from(before.ends_with(b"\n")) };
        let after = &text[start + delimiter.len()..];
        let line_end = after.iter().position(|byte| *byte == b'\n').unwrap_or(after.len());
        let ends_line = after[..line_end].trim_ascii().is_empty() && line_end < after.len();
        if (line_break > 0 || first) && (ends_line || after.starts_with(b"--")) {
            return Some((&before[..start - line_break], after));
        }
    }
    None
}

fn add_part(part: &[u8], content: &mut Content) -> Option<()> {
    // A part without headers begins with the empty line.
    let (head, body) = if let Some(body) = part.strip_prefix(b"\r\n") {
        (&part[..0], body)
    } else {
        let end = memmem::find(part, b"\r\n\r\n")?;
        (&part[..end], &part[end + 4..])
    };
    let headers: Vec<(String, String)> = String::from_utf8(head.to_vec())
        .ok()?
        .replace("\r\n ", " ")
        .replace("\r\n\t", " ")
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let (_, disposition) = split_parameters(value(&headers, "content-disposition")?);
    let name = value(&disposition, "name").unwrap_or("null").to_owned();
    let content_type = value(&headers, "content-type").unwrap_or_default();
    if value(&disposition, "filename").is_some() {
        let content_type = if content_type.is_empty() { "application/octet-stream" } else { content_type };
        content.files.push(File { name, content_type: content_type.to_owned(), content: body.to_vec() });
    } else {
        let (_, parameters) = split_parameters(content_type);
        let charset = value(&parameters, "charset").unwrap_or("utf-8");
        let text = decode(body, charset).unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
        content.form.push((name, text));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_bytes_even_when_they_look_like_delimiters() {
        let body = b"preamble\r\n--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n--xy\r\n --x\r\n\r\n--x \r\n\
            content-disposition: form-data; name=f; filename=\"\"\r\nContent-Type: a/b\r\n\r\n\xff\r\n--x--\r\n";
        let content = parts(body, "x").expect("is multipart");
        assert_eq!(content.form, [("a".to_owned(), "--xy\r\n --x\r\n".to_owned())]);
        let file = File { name: "f".into(), content_type: "a/b".into(), content: vec![0xff] };
        assert_eq!(content.files, [file]);
    }

    #[test]
    fn a_body_cut_short_is_no_form() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n--x";
        assert!(parts(body, "x").is_none());
    }
}
