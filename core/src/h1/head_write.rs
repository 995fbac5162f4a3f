//! The bytes of a request: its head (RFC 9112 sections 2.1, 3 and 5) and the chunks of its body (section 7.1).
//!
//! Fields go out as they were given, in their order and case. Which fields a request needs (Host,
//! Content-Length, …) is not decided here. [`Headers`] vouch for names and values; whoever takes a method or a
//! target from a caller passes them through [`check_method`] and [`check_target`] before.

use crate::error::{Error, Kind, Result, excerpt};
use crate::headers::{Headers, is_token};

/// What ends a chunked body that has no trailers (RFC 9112 section 7.1).
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

const VERSION: &[u8] = b" HTTP/1.1\r\n";

/// Appends `METHOD target HTTP/1.1`, the fields as they are, and the empty line.
pub fn write_head(into: &mut Vec<u8>, method: &str, target: &str, headers: &Headers) {
    debug_assert!(check_method(method).is_ok(), "the caller checks the method");
    debug_assert!(check_target(target).is_ok(), "the caller checks the target");
    into.extend_from_slice(method.as_bytes());
    into.push(b' ');
    into.extend_from_slice(target.as_bytes());
    into.extend_from_slice(VERSION);
    headers.write(into);
    into.extend_from_slice(b"\r\n");
}

/// RFC 9110 section 9.1: `method = token`.
///
/// # Errors
/// [`Kind::InvalidMethod`].
pub fn check_method(method: &str) -> Result<()> {
    if is_token(method.as_bytes()) {
        return Ok(());
    }
    Err(Error::new(Kind::InvalidMethod).expected("a token such as GET").seen(excerpt(method.as_bytes())))
}

/// RFC 9112 section 3.2: "No whitespace is allowed in the request-target." Nor are control characters and
/// bytes outside ASCII, which a URI cannot hold (RFC 3986 section 2).
///
/// # Errors
/// [`Kind::InvalidUrl`].
pub fn check_target(target: &str) -> Result<()> {
    if !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::new(Kind::InvalidUrl)
        .expected("a request target without spaces, control and non-ASCII characters")
        .seen(excerpt(target.as_bytes()))
        .hint("percent-encode it"))
}

/// Appends one chunk with `data`. Nothing where `data` is empty, since an empty chunk would end the body.
pub fn write_chunk(into: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    into.reserve(data.len() + 20);
    write_chunk_head(into, data.len() as u64);
    into.extend_from_slice(data);
    into.extend_from_slice(b"\r\n");
}

/// Appends the size line of a chunk of `size` bytes; the data and a CRLF follow. `size` must not be 0.
pub fn write_chunk_head(into: &mut Vec<u8>, size: u64) {
    debug_assert!(size > 0, "a chunk of size 0 ends the body: see LAST_CHUNK");
    let digits = (u64::BITS - size.leading_zeros()).div_ceil(4);
    for position in (0..digits).rev() {
        into.push(b"0123456789abcdef"[(size >> (4 * position) & 0xf) as usize]);
    }
    into.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_keeps_order_case_and_duplicates() {
        let mut headers = Headers::new();
        for (name, value) in [("hOST", "a"), ("X-Empty", ""), ("x-two", "1"), ("X-Two", "caf\u{e9}")] {
            headers.append(name, value).unwrap();
        }
        let mut bytes = b"before ".to_vec();
        write_head(&mut bytes, "GET", "/a?b", &headers);
        let expected =
            "before GET /a?b HTTP/1.1\r\nhOST: a\r\nX-Empty: \r\nx-two: 1\r\nX-Two: caf\u{e9}\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    }

    #[test]
    fn methods_are_tokens() {
        for method in ["GET", "M-SEARCH", "purge", "!#$%&'*+-.^_`|~"] {
            check_method(method).unwrap();
        }
        for method in ["", "GET ", "GE T", "GET\r\n", "G(T", "GÉT", "G\0T"] {
            assert_eq!(check_method(method).unwrap_err().kind(), Kind::InvalidMethod, "{method:?}");
        }
    }

    #[test]
    fn targets_hold_neither_white_space_nor_controls() {
        for target in ["/", "*", "host:443", "http://a/b?c", "/%20"] {
            check_target(target).unwrap();
        }
        for target in ["", "/a b", "/a\r\nX: y", "/\t", "/é", "/\x7f", "/\0"] {
            assert_eq!(check_target(target).unwrap_err().kind(), Kind::InvalidUrl, "{target:?}");
        }
    }

    #[test]
    fn chunk_sizes_are_hexadecimal_without_padding() {
        for size in [1, 9, 10, 15, 16, 255, 256, 65_536, u64::MAX] {
            let mut bytes = Vec::new();
            write_chunk_head(&mut bytes, size);
            assert_eq!(String::from_utf8(bytes).unwrap(), format!("{size:x}\r\n"));
        }
    }

    #[test]
    fn an_empty_chunk_is_not_written() {
        let mut bytes = Vec::new();
        write_chunk(&mut bytes, b"hello");
        write_chunk(&mut bytes, b"");
        assert_eq!(bytes, b"5\r\nhello\r\n");
    }
}
