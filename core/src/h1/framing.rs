//! Where a response's body ends, and whether its connection may serve another request (RFC 9112 sections 6.3
//! and 9.3).
//!
//! A pure function of the request's method and the response's head; the rules stand in the order of section
//! 6.3. Reading the body is `body`, keeping the connection is the pool. Whoever answers with doubtful framing
//! is either refused or read to the end on a connection that is closed afterwards, so that no byte of one
//! response is ever taken for the next.

use crate::error::{Error, Kind, Result, excerpt};
use crate::response::{ResponseHead, Version};

/// What ends a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    Empty,
    /// So many bytes, never 0.
    Length(u64),
    /// The last chunk.
    Chunked,
    /// The end of the connection.
    UntilClose,
}

/// What [`decide`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What ends the body.
    pub framing: Framing,
    /// True where the connection may be used again once the body was read to its end.
    pub keep_alive: bool,
}

/// Decides framing and reuse for the response `head` to a request with `method`.
///
/// After 101, and after a successful CONNECT, what follows the head is no longer HTTP/1.1: the framing is
/// [`Framing::Empty`] and the connection is not to be reused.
///
/// # Errors
/// [`Kind::MalformedResponse`] for contradicting or unreadable Content-Length, and for Transfer-Encoding that
/// applies anything but chunked, or that more than once.
pub fn decide(method: &str, head: &ResponseHead) -> Result<Verdict> {
    let fields = Fields::of(head);
    let mut keep_alive = match head.version {
        Version::Http11 => !fields.close,
        Version::Http10 => fields.keep_alive && !fields.close,
    };

    // RFC 9112 section 6.3, 1: "Any response to a HEAD request and any response with a 1xx (Informational),
    // 204 (No Content), or 304 (Not Modified) status code is always terminated by the first empty line after
    // the header fields, regardless of the header fields present in the message".
    // 2: "Any 2xx (Successful) response to a CONNECT request implies that the connection will become a tunnel".
    let tunnel = method == "CONNECT" && (200..300).contains(&head.status);
    if tunnel || method == "HEAD" || head.status < 200 || matches!(head.status, 204 | 304) {
        // A 204 must not announce a body (RFC 9110 section 8.6); one that does might send it, too.
        let announced = !matches!(fields.length, Length::None | Length::One(b"0"));
        let faulty = head.status == 204 && (fields.encoded || announced);
        keep_alive &= !tunnel && !faulty && head.status != 101;
        return Ok(Verdict { framing: Framing::Empty, keep_alive });
    }

    // 3: "If a message is received with both a Transfer-Encoding and a Content-Length header field, the
    // Transfer-Encoding overrides the Content-Length." And section 6.1: "the server MUST close the connection
    // after responding to such a request"; we do the same with such a response.
    // Section 6.1 again, of HTTP/1.0 with Transfer-Encoding: "treat the message as if the framing is faulty
    // [...] and close the connection after processing the message". Servers that do so mean it, hence we decode.
    if fields.encoded {
        keep_alive &= matches!(fields.length, Length::None) && head.version == Version::Http11;
        if is_chunked(head)? {
            return Ok(Verdict { framing: Framing::Chunked, keep_alive });
        }
        // "identity", of RFC 2616 and gone since, says that no coding was applied.
        keep_alive = false;
    }

    match content_length(head, fields.length)? {
        Some(0) => Ok(Verdict { framing: Framing::Empty, keep_alive }),
        Some(length) => Ok(Verdict { framing: Framing::Length(length), keep_alive }),
        // 8: "Otherwise, this is a response message without a declared message body length".
        None => Ok(Verdict { framing: Framing::UntilClose, keep_alive: false }),
    }
}

/// What matters of the fields, found in one pass.
struct Fields<'a> {
    /// `Connection: close`
    close: bool,
    /// `Connection: keep-alive`
    keep_alive: bool,
    /// There is a Transfer-Encoding.
    encoded: bool,
    length: Length<'a>,
}

/// The Content-Length fields.
#[derive(Clone, Copy)]
enum Length<'a> {
    None,
    One(&'a [u8]),
    Several,
}

impl<'a> Fields<'a> {
    fn of(head: &'a ResponseHead) -> Fields<'a> {
        let mut found = Fields { close: false, keep_alive: false, encoded: false, length: Length::None };
        for (name, value) in head.headers.raw() {
            // Names of other lengths, nearly all of them, need no comparison.
            match name.len() {
                10 if same(name, b"Connection") => found.add_connection(value),
                14 if same(name, b"Content-Length") => {
                    found.length = match found.length {
                        Length::None => Length::One(value),
                        Length::One(_) | Length::Several => Length::Several,
                    }
                }
                17 if same(name, b"Transfer-Encoding") => found.encoded = true,
                _ => {}
            }
        }
        found
    }

    /// RFC 9112 section 9.3: the options that matter to persistence, out of a list.
    fn add_connection(&mut self, value: &[u8]) {
        if value == b"keep-alive" {
            self.keep_alive = true;
            return;
        }
        for option in list(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
}

/// Equal without case; first as it is mostly written, since that compares words instead of bytes.
fn same<const LENGTH: usize>(name: &[u8], usual: &[u8; LENGTH]) -> bool {
    name == usual || name.eq_ignore_ascii_case(usual)
}

/// Reads all Transfer-Encoding fields as one list: chunked, or nothing.
///
/// RFC 9112 section 7.1: "A sender MUST NOT apply the chunked transfer coding more than once to a message
/// body", and "The chunked coding does not define any parameters. Their presence SHOULD be treated as an error."
/// Any other coding is for clients that asked for it by TE (section 7.4). We never do: to hand out a body so coded
/// would be to hand out something else than the content, and nobody could tell.
fn is_chunked(head: &ResponseHead) -> Result<bool> {
    let mut is_chunked = false;
    for value in head.headers.get_all("transfer-encoding") {
        let malformed = || {
            let expected = "a Transfer-Encoding with chunked once, without parameters, and nothing else";
            Error::new(Kind::MalformedResponse).expected(expected).seen(excerpt(value))
        };
        for coding in list(value).filter(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
            if is_chunked || !coding.eq_ignore_ascii_case(b"chunked") {
                return Err(malformed());
            }
            is_chunked = true;
        }
    }
    Ok(is_chunked)
}

/// RFC 9112 section 6.3, 5: "If a message is received without Transfer-Encoding and with an invalid
/// Content-Length header field, then the message framing is invalid [...] unless the field value can be
/// successfully parsed as a comma-separated list, all values in the list are valid, and all values in the list
/// are the same".
fn content_length(head: &ResponseHead, fields: Length<'_>) -> Result<Option<u64>> {
    match fields {
        Length::None => return Ok(None),
        Length::One(value) => {
            if let Some(number) = decimal(value) {
                return Ok(Some(number));
            }
        }
        Length::Several => {}
    }
    let mut length = None;
    for value in head.headers.get_all("content-length") {
        for item in value.split(|&byte| byte == b',') {
            let Some(number) = decimal(item.trim_ascii()) else {
                return Err(Error::new(Kind::MalformedResponse)
                    .expected("digits as the Content-Length")
                    .seen(excerpt(value)));
            };
            match length {
                Some(other) if other != number => {
                    return Err(Error::new(Kind::MalformedResponse)
                        .expected("one Content-Length")
                        .seen(format!("{other} and {number}")));
                }
                Some(_) | None => length = Some(number),
            }
        }
    }
    Ok(length)
}

/// `1*DIGIT`, where it fits into 64 bits. `str::parse` would also take a plus sign.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// The elements of a comma-separated list; empty ones are skipped (RFC 9110 section 5.6.1.2).
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::Headers;

    fn verdict(method: &str, status: u16, version: Version, fields: &[(&str, &str)]) -> Result<Verdict> {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.append(name, value).unwrap();
        }
        decide(method, &ResponseHead { version, status, reason: Default::default(), headers })
    }

    fn get(fields: &[(&str, &str)]) -> Result<Verdict> {
        verdict("GET", 200, Version::Http11, fields)
    }

    fn kept(framing: Framing) -> Verdict {
        Verdict { framing, keep_alive: true }
    }

    fn closed(framing: Framing) -> Verdict {
        Verdict { framing, keep_alive: false }
    }

    const LENGTH: (&str, &str) = ("Content-Length", "5");
    const CHUNKED: (&str, &str) = ("Transfer-Encoding", "chunked");

    #[test]
    fn a_response_that_never_has_a_body_is_empty_whatever_its_fields_say() {
        for (method, status) in [("HEAD", 200), ("HEAD", 404), ("GET", 103), ("GET", 304)] {
            let found = verdict(method, status, Version::Http11, &[LENGTH]).unwrap();
            assert_eq!(found, kept(Framing::Empty), "{method} {status}");
        }
        assert_eq!(verdict("GET", 204, Version::Http11, &[]).unwrap(), kept(Framing::Empty));
    }

    #[test]
    fn a_204_that_announces_a_body_closes_its_connection() {
        for field in [LENGTH, CHUNKED] {
            assert_eq!(verdict("GET", 204, Version::Http11, &[field]).unwrap(), closed(Framing::Empty));
        }
        let zero = [("Content-Length", "0")];
        assert_eq!(verdict("GET", 204, Version::Http11, &zero).unwrap(), kept(Framing::Empty));
    }

    #[test]
    fn after_a_switch_or_a_tunnel_the_connection_is_not_reused() {
        assert_eq!(verdict("GET", 101, Version::Http11, &[]).unwrap(), closed(Framing::Empty));
        assert_eq!(verdict("CONNECT", 200, Version::Http11, &[LENGTH]).unwrap(), closed(Framing::Empty));
        let refused = verdict("CONNECT", 407, Version::Http11, &[LENGTH]).unwrap();
        assert_eq!(refused, kept(Framing::Length(5)));
    }

    #[test]
    fn lengths_that_agree_are_one_length() {
        for fields in [
            &[LENGTH][..],
            &[LENGTH, ("content-length", "5")],
            &[("Content-Length", "5, 5")],
            &[LENGTH, ("Content-Length", "05 ,\t5")],
        ] {
            assert_eq!(get(fields).unwrap(), kept(Framing::Length(5)), "{fields:?}");
        }
        assert_eq!(get(&[("Content-Length", "0")]).unwrap(), kept(Framing::Empty));
        let most = [("Content-Length", "18446744073709551615")];
        assert_eq!(get(&most).unwrap(), kept(Framing::Length(u64::MAX)));
    }

    #[test]
    fn lengths_that_are_not_digits_or_differ_are_refused() {
        let values = [
            "+5",
            "-1",
            "0x5",
            "",
            "1e3",
            "5.0",
            "5 5",
            "5,",
            ",5",
            "5, 6",
            "5;",
            "\u{0665}",
            "18446744073709551616",
            "99999999999999999999999",
        ];
        for value in values {
            let error = get(&[("Content-Length", value)]).unwrap_err();
            assert_eq!(error.kind(), Kind::MalformedResponse, "{value:?}");
        }
        assert!(get(&[LENGTH, ("Content-Length", "6")]).is_err());
    }

    #[test]
    fn transfer_encoding_beats_content_length_and_closes() {
        assert_eq!(get(&[CHUNKED]).unwrap(), kept(Framing::Chunked));
        assert_eq!(get(&[CHUNKED, LENGTH]).unwrap(), closed(Framing::Chunked));
        assert_eq!(get(&[("Content-Length", "x"), CHUNKED]).unwrap(), closed(Framing::Chunked));
        assert_eq!(verdict("GET", 200, Version::Http10, &[CHUNKED]).unwrap(), closed(Framing::Chunked));
    }

    #[test]
    fn chunked_counts_however_it_is_written() {
        for value in ["chunked", "Chunked", ",chunked ,", "identity, chunked"] {
            assert_eq!(get(&[("Transfer-Encoding", value)]).unwrap(), kept(Framing::Chunked), "{value:?}");
        }
    }

    #[test]
    fn chunked_twice_or_with_parameters_and_other_codings_are_refused() {
        for value in [
            "chunked, chunked",
            "chunked, gzip",
            "gzip, chunked",
            "gzip",
            "xchunked",
            "chunkedx",
            "chunked;a=b",
            "gzip;a=\"b, chunked\"",
        ] {
            assert!(get(&[("Transfer-Encoding", value)]).is_err(), "{value:?}");
            assert!(get(&[("Transfer-Encoding", value), LENGTH]).is_err(), "{value:?}");
        }
        assert!(get(&[CHUNKED, ("Transfer-Encoding", "chunked")]).is_err());
    }

    #[test]
    fn the_identity_coding_means_no_coding() {
        let fields = [("Transfer-Encoding", "identity"), LENGTH];
        assert_eq!(get(&fields).unwrap(), closed(Framing::Length(5)));
    }

    #[test]
    fn connections_persist_by_version_and_options() {
        let reused = |version, value| {
            verdict("GET", 200, version, &[LENGTH, ("Connection", value)]).unwrap().keep_alive
        };
        assert!(reused(Version::Http11, "x"));
        assert!(!reused(Version::Http11, "x, CLOSE"));
        assert!(!reused(Version::Http11, "keep-alive, close"));
        assert!(!reused(Version::Http10, "x"));
        assert!(reused(Version::Http10, "Keep-Alive"));
        assert!(!reused(Version::Http10, "close, keep-alive"));
    }

    #[test]
    fn a_body_without_length_lasts_until_the_connection_closes() {
        assert_eq!(get(&[("Connection", "keep-alive")]).unwrap(), closed(Framing::UntilClose));
    }
}
