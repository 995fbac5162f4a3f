//! A form with files as `multipart/form-data` (RFC 7578): what stands between its parts.
//!
//! Makes bytes and reads nothing: the parts' contents are `client`'s. Names are escaped as browsers do, which servers
//! were written for, and not as RFC 7578 section 2 would have it ("percent-encoding may be used").

use crate::error::{Error, Kind, Result};
use crate::headers::Headers;

/// What separates the parts of one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundary(String);

impl Boundary {
    /// RFC 2046 section 5.1.1: "Boundary delimiters must not appear within the encapsulated material", which need not be
    /// searched where nobody who made it could know them: `random` is two words drawn for this form alone.
    pub fn new(random: [u64; 2]) -> Boundary {
        Boundary(format!("{:016x}{:016x}", random[0], random[1]))
    }

    /// The value of the form's Content-Type.
    pub fn media_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.0)
    }

    /// What stands before the content of a part; behind it stands [`PART_END`].
    ///
    /// # Errors
    /// [`Kind::InvalidHeader`] where `headers`, which go behind the part's own, hold a Content-Disposition.
    pub fn part_start(&self, name: &str, file_name: Option<&str>, headers: &Headers) -> Result<Vec<u8>> {
        if headers.contains("Content-Disposition") {
            return Err(Error::new(Kind::InvalidHeader)
                .expected("no Content-Disposition among a part's headers")
                .hint("the name and file name of the part say what stands there"));
        }
        let mut start = format!("--{}\r\nContent-Disposition: form-data; name=\"{}\"", self.0, escape(name));
        if let Some(file_name) = file_name {
            start.push_str(&format!("; filename=\"{}\"", escape(file_name)));
        }
        let mut start = start.into_bytes();
        for (name, value) in headers.iter() {
            start.extend_from_slice(&[b"\r\n", name.as_bytes(), b": ", value].concat());
        }
        start.extend_from_slice(b"\r\n\r\n");
        Ok(start)
    }

    /// What stands behind the last part.
    pub fn end(&self) -> Vec<u8> {
        format!("--{}--\r\n", self.0).into_bytes()
    }
}

/// What stands behind the content of each part.
pub const PART_END: &[u8] = b"\r\n";

/// HTML's "multipart/form-data encoding algorithm": "Replace every occurrence of U+000A (LF) by the three characters
/// `%0A`, U+000D (CR) by `%0D`, and U+0022 (") by `%22`", and nothing else; the rest goes as UTF-8.
fn escape(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(name: &str, file_name: Option<&str>, headers: &Headers) -> String {
        let start = Boundary::new([1, 2]).part_start(name, file_name, headers).unwrap();
        String::from_utf8(start).unwrap()
    }

    #[test]
    fn a_part_starts_with_its_boundary_name_and_headers() {
        let mut headers = Headers::new();
        headers.append("Content-Type", "image/png").unwrap();
        headers.append("X-Mine", "1").unwrap();
        let expected = "--00000000000000010000000000000002\r\n\
            Content-Disposition: form-data; name=\"photo\"; filename=\"cat.png\"\r\n\
            Content-Type: image/png\r\nX-Mine: 1\r\n\r\n";
        assert_eq!(start("photo", Some("cat.png"), &headers), expected);
        assert!(start("a", None, &Headers::new()).ends_with("; name=\"a\"\r\n\r\n"));
    }

    #[test]
    fn names_cannot_break_out_of_their_quotes() {
        let start = start("a\"\r\nX: 1", Some("\u{e9}%\\\";x=\""), &Headers::new());
        assert!(start.contains("name=\"a%22%0D%0AX: 1\"; filename=\"\u{e9}%\\%22;x=%22\"\r\n"), "{start}");
    }

    #[test]
    fn a_part_says_its_name_only_once() {
        let mut headers = Headers::new();
        headers.append("content-disposition", "attachment").unwrap();
        let refused = Boundary::new([1, 2]).part_start("a", None, &headers);
        assert_eq!(refused.unwrap_err().kind(), Kind::InvalidHeader);
    }

    #[test]
    fn the_media_type_names_the_boundary() {
        let boundary = Boundary::new([u64::MAX, 0]);
        assert_eq!(boundary.media_type(), "multipart/form-data; boundary=ffffffffffffffff0000000000000000");
        assert_eq!(boundary.end(), b"--ffffffffffffffff0000000000000000--\r\n");
    }
}
