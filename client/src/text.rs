//! Bytes to text: the charset that a Content-Type names (RFC 9110 section 8.3.2), else UTF-8.
//!
//! A byte order mark goes before the header, as the Encoding Standard has it. Nothing is guessed from the content.

use encoding_rs::{Encoding, UTF_8};

/// Decodes `bytes`; what the charset cannot hold becomes U+FFFD.
pub(crate) fn decode(content_type: Option<&str>, bytes: Vec<u8>) -> String {
    let encoding = content_type.and_then(charset).and_then(|label| Encoding::for_label(label.as_bytes()));
    let encoding = encoding.unwrap_or(UTF_8);
    if encoding == UTF_8 && !bytes.starts_with(b"\xef\xbb\xbf") {
        return String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    }
    encoding.decode(&bytes).0.into_owned()
}

/// The parameter `charset` of a media type, unquoted.
fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charset_of_the_header_decides() {
        assert_eq!(decode(Some("text/html; Charset=\"iso-8859-1\""), b"caf\xe9".to_vec()), "caf\u{e9}");
        assert_eq!(decode(Some("text/html"), "caf\u{e9}".into()), "caf\u{e9}");
        assert_eq!(decode(Some("text/html; charset=nonsense"), b"a\xff".to_vec()), "a\u{fffd}");
    }

    #[test]
    fn a_byte_order_mark_is_not_text() {
        assert_eq!(decode(None, b"\xef\xbb\xbfa".to_vec()), "a");
        assert_eq!(decode(Some("text/plain; charset=latin1"), b"\xff\xfea\0".to_vec()), "a");
    }
}
