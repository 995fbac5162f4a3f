//! The head of a response out of the bytes that arrived (RFC 9112 sections 2.2, 4 and 5).
//!
//! [`HeadParser`] decides when a head is complete, how large it may be and which faults are forgiven: empty
//! lines before it, bare LF as a line's end, a missing reason, several spaces in the status line, folded field
//! lines. What the fields mean is not decided here. `httparse` reads the grammar, `plain_head` what is plain; they
//! run once on the bytes that come first (nearly always a whole head) and once more when the end of a head that
//! came in pieces was found, so that the work is linear in the head's size however it was cut.

use std::borrow::Cow;
use std::mem::MaybeUninit;
use std::ops::Range;

use httparse::{Header, ParserConfig, Response, Status};

use crate::error::{Error, Kind, Result, excerpt};
use crate::h1::plain_head;
use crate::headers::{Fields, Headers, is_secret, is_token};
use crate::response::{ResponseHead, Version};

/// How large a head may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes, line ends included.
    ///
    /// * Default: 256 KiB
    /// * Why: what the largest common servers let through, and some
    /// * Extremes: much less refuses servers with many cookies; much more is memory that any server may take. 0 is
    ///   refused
    pub bytes: usize,
    /// Field lines.
    ///
    /// * Default: 1000
    /// * Why: as `bytes`
    /// * Extremes: as `bytes`
    pub fields: usize,
}

impl Default for HeadLimits {
    fn default() -> HeadLimits {
        HeadLimits { bytes: 256 * 1024, fields: 1000 }
    }
}

/// Field lines that fit into the array on the stack; a head with more of them takes one from the heap.
const FIELDS_ON_STACK: usize = 64;

/// Bytes of empty lines before a status line that are forgiven: four times CRLF.
const MAX_EMPTY: usize = 8;

/// What every status line that we understand starts with.
const PREFIX: &[u8] = b"HTTP/1.";

/// Finds and reads one head after the other.
#[derive(Debug, Clone)]
pub struct HeadParser {
    limits: HeadLimits,
    progress: Progress,
}

#[derive(Debug, Clone, Copy)]
enum Progress {
    /// Nothing was parsed yet.
    Fresh,
    /// The bytes before this offset hold no end of the head.
    Scanned(usize),
}

impl HeadParser {
    /// A parser that waits for the first byte of a head.
    pub fn new(limits: HeadLimits) -> HeadParser {
        HeadParser { limits, progress: Progress::Fresh }
    }

    /// Makes ready for the next head on the same connection: after a head was returned, and its bytes dropped.
    pub fn reset(&mut self) {
        self.progress = Progress::Fresh;
    }

    /// Reads the head at the start of `buffered`: the head and its length in bytes, or `None` where more bytes
    /// are needed. Then call again with the same bytes and more behind them.
    ///
    /// # Errors
    /// [`Kind::MalformedResponse`] as early as it can be known, [`Kind::HeadTooLarge`].
    pub fn parse(&mut self, buffered: &[u8]) -> Result<Option<(ResponseHead, usize)>> {
        let input = &buffered[..buffered.len().min(self.limits.bytes)];
        let start = skip_empty_lines(input)?;
        if input.len() == start {
            return Ok(None);
        }
        check_prefix(&input[start..])?;
        let complete = match self.progress {
            Progress::Fresh => true,
            Progress::Scanned(offset) => self.find_end(input, offset.max(start)),
        };
        if complete && let Some((head, length)) = read_head(&input[start..], self.limits)? {
            return Ok(Some((head, start + length)));
        }
        if buffered.len() >= self.limits.bytes {
            return Err(Error::new(Kind::HeadTooLarge)
                .expected(format!("at most {} bytes", self.limits.bytes))
                .seen(format!("no end of the head within {} bytes", buffered.len())));
        }
        if let Progress::Fresh = self.progress {
            self.progress = Progress::Scanned(start);
        }
        Ok(None)
    }

    /// The error for a connection that the peer closed while a head was awaited; `buffered` is what came.
    pub fn end_of_input(&self, buffered: &[u8]) -> Error {
        let start = skip_empty_lines(buffered).unwrap_or_default();
        let came = &buffered[start..];
        if came.is_empty() {
            return Error::new(Kind::ClosedWithoutResponse);
        }
        if let Err(error) = check_prefix(came) {
            return error;
        }
        Error::new(Kind::ClosedEarly)
            .expected("an empty line at the end of the response's head")
            .seen(format!("the end of input after {} bytes: {}", buffered.len(), excerpt(last_line(came))))
    }

    /// Looks for an empty line from `offset` on, and remembers how far it looked.
    fn find_end(&mut self, input: &[u8], mut offset: usize) -> bool {
        while let Some(found) = memchr::memchr(b'\n', &input[offset..]) {
            let line_end = offset + found;
            match &input[line_end + 1..] {
                [b'\n', ..] | [b'\r', b'\n', ..] => return true,
                [] | [b'\r'] => {
                    self.progress = Progress::Scanned(line_end);
                    return false;
                }
                [_, ..] => offset = line_end + 1,
            }
        }
        self.progress = Progress::Scanned(input.len());
        false
    }
}

/// RFC 9112 section 2.2 asks servers to ignore "at least one empty line (CRLF) received prior to the
/// request-line"; clients meet them behind bodies that are longer than announced by a line end.
fn skip_empty_lines(input: &[u8]) -> Result<usize> {
    let is_text = |byte: &u8| !matches!(byte, b'\r' | b'\n');
    let start = input.iter().take(MAX_EMPTY + 1).position(is_text).unwrap_or(input.len());
    if start > MAX_EMPTY || (start > 0 && start < input.len() && input[start - 1] != b'\n') {
        return Err(malformed(input));
    }
    Ok(start)
}

/// Refuses what cannot become a status line of HTTP/1, before a whole head came: a peer that speaks something
/// else may never send an empty line.
fn check_prefix(input: &[u8]) -> Result<()> {
    let length = input.len().min(PREFIX.len());
    if input[..length] == PREFIX[..length] {
        return Ok(());
    }
    Err(malformed(input))
}

#[cold]
fn malformed(input: &[u8]) -> Error {
    let first = input.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    Error::new(Kind::MalformedResponse)
        .expected("a status line such as \"HTTP/1.1 200 OK\"")
        .seen(excerpt(first.unwrap_or(input).trim_ascii_end()))
}

fn last_line(input: &[u8]) -> &[u8] {
    let line = input.trim_ascii_end();
    let start = memchr::memrchr(b'\n', line).map_or(0, |position| position + 1);
    let line = &line[start..];
    if is_secret_line(line) { b"(a secret)" } else { line }
}

fn is_secret_line(line: &[u8]) -> bool {
    let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
    is_secret(&String::from_utf8_lossy(name.trim_ascii()))
}

/// Reads the head that starts with `input`; `None` where it is not complete.
fn read_head(input: &[u8], limits: HeadLimits) -> Result<Option<(ResponseHead, usize)>> {
    match plain_head::read(input, limits) {
        Some(found) => Ok(Some(found)),
        None => read_any_head(input, limits),
    }
}

/// The same by httparse.
#[inline(never)]
fn read_any_head(input: &[u8], limits: HeadLimits) -> Result<Option<(ResponseHead, usize)>> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_ON_STACK];
    let fields = &mut fields[..limits.fields.min(FIELDS_ON_STACK)];
    let mut response = Response::new(&mut []);
    match ParserConfig::default().parse_response_with_uninit_headers(&mut response, input, fields) {
        Ok(Status::Complete(length)) => {
            let bytes = &input[..length];
            Ok(Some((head_of(&response, bytes, take_over(response.headers, bytes))?, length)))
        }
        Ok(Status::Partial) => Ok(None),
        Err(_) => read_odd_head(input, limits),
    }
}

/// What [`read_head`] could not: a head with many fields, an unknown minor version, or faults to forgive.
#[cold]
fn read_odd_head(input: &[u8], limits: HeadLimits) -> Result<Option<(ResponseHead, usize)>> {
    // RFC 9112 section 2.3 and RFC 9110 section 2.5: a minor version above ours is read as our own.
    if let Some(b'2'..=b'9') = input.get(PREFIX.len()) {
        let mut copy = input.to_vec();
        copy[PREFIX.len()] = b'1';
        return read_head(&copy, limits);
    }
    let mut config = ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);
    config.allow_multiple_spaces_in_response_status_delimiters(true);
    // Room for each line that there is, the last one perhaps without an end: a limit beyond that takes no memory.
    let lines = memchr::memchr_iter(b'\n', input).count() + 1;
    let mut fields = vec![MaybeUninit::uninit(); limits.fields.min(lines)];
    let mut response = Response::new(&mut []);
    match config.parse_response_with_uninit_headers(&mut response, input, &mut fields) {
        Ok(Status::Complete(length)) => {
            Ok(Some((head_of(&response, &input[..length], unfold(response.headers)?)?, length)))
        }
        Ok(Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(Error::new(Kind::HeadTooLarge)
            .expected(format!("at most {} fields", limits.fields))
            .seen("more of them")),
        Err(error) => Err(explain(input, error)),
    }
}

/// Our head out of httparse's view of it. `bytes` is the head, its empty line included.
fn head_of(response: &Response<'_, '_>, bytes: &[u8], headers: Headers) -> Result<ResponseHead> {
    let status = response.code.unwrap_or_default();
    if status < 100 {
        return Err(malformed(bytes));
    }
    let reason = match response.reason {
        // What most answers say takes no memory.
        Some("OK") => Cow::Borrowed(&b"OK"[..]),
        Some(reason) if !reason.is_empty() => Cow::Owned(reason.as_bytes().to_vec()),
        // Missing, or hidden by httparse since it is not ASCII.
        Some(_) | None => Cow::Owned(reason_of(bytes)),
    };
    let version = if response.version == Some(0) { Version::Http10 } else { Version::Http11 };
    Ok(ResponseHead { version, status, reason, headers })
}

/// The reason phrase of a status line, which httparse has read without complaint.
fn reason_of(head: &[u8]) -> Vec<u8> {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let after_version = line.get(PREFIX.len() + 1..).unwrap_or_default().trim_ascii_start();
    after_version.get("200".len()..).unwrap_or_default().trim_ascii().to_vec()
}

/// The fields as ranges of the head that they lie in.
fn take_over(fields: &[Header<'_>], bytes: &[u8]) -> Headers {
    let origin = bytes.as_ptr() as usize;
    let range = |part: &[u8]| -> Range<usize> {
        let start = part.as_ptr() as usize - origin;
        start..start + part.len()
    };
    let mut found = Fields::with_capacity(fields.len());
    fields.iter().for_each(|field| found.push(range(field.name.as_bytes()), range(field.value)));
    found.of(bytes)
}

/// RFC 9112 section 5.2: "A user agent that receives an obs-fold in a response message [...] MUST replace each
/// received obs-fold with one or more SP octets prior to interpreting the field value." httparse joins the lines
/// but leaves their ends in the value.
fn unfold(fields: &[Header<'_>]) -> Result<Headers> {
    let mut headers = Headers::new();
    for field in fields {
        let lines: Vec<&[u8]> = field.value.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).collect();
        headers.push(field.name.as_bytes(), lines.join(&b' ').trim_ascii())?;
    }
    Ok(headers)
}

/// Names the line that made httparse refuse a head.
fn explain(head: &[u8], error: httparse::Error) -> Error {
    match error {
        httparse::Error::HeaderName
        | httparse::Error::HeaderValue
        | httparse::Error::NewLine
        | httparse::Error::Token
        | httparse::Error::TooManyHeaders => {
            let lines = head.split(|&byte| byte == b'\n').skip(1);
            explain_field(lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)))
        }
        httparse::Error::Status | httparse::Error::Version => malformed(head),
    }
}

/// The error for the first of some field lines that breaks RFC 9112 section 5.
pub(crate) fn explain_field<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Error {
    let malformed = Error::new(Kind::MalformedResponse).expected("field lines of the form \"name: value\"");
    match lines.into_iter().find(|line| !line.is_empty() && !is_field_line(line)) {
        Some(line) if is_secret_line(line) => malformed.seen("a line with a secret and bad characters"),
        Some(line) => malformed.seen(excerpt(line)),
        None => malformed,
    }
}

fn is_field_line(line: &[u8]) -> bool {
    let value_is_sound = |value: &[u8]| value.iter().all(|byte| !matches!(byte, 0..=8 | 10..=31 | 127));
    match memchr::memchr(b':', line) {
        Some(colon) => is_token(&line[..colon]) && value_is_sound(&line[colon + 1..]),
        None => matches!(line.first(), Some(b' ' | b'\t')) && value_is_sound(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses whole, byte by byte, and with bytes behind the head; all three must say the same.
    fn parse(head: &[u8]) -> Result<Option<(ResponseHead, usize)>> {
        parse_limited(head, HeadLimits::default())
    }

    fn parse_limited(head: &[u8], limits: HeadLimits) -> Result<Option<(ResponseHead, usize)>> {
        let whole = HeadParser::new(limits).parse(head);
        let mut parser = HeadParser::new(limits);
        let mut piecewise = Ok(None);
        for end in 0..=head.len() {
            piecewise = parser.parse(&head[..end]);
            if !matches!(piecewise, Ok(None)) {
                break;
            }
        }
        match (&whole, &piecewise) {
            (Ok(whole), Ok(piecewise)) => assert_eq!(whole, piecewise),
            (Err(whole), Err(piecewise)) => assert_eq!(whole.kind(), piecewise.kind()),
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("whole {whole:?}, byte by byte {piecewise:?}"),
        }
        check_plain(head, limits);
        if let Ok(Some(found)) = &whole {
            let trailing = [head, b"\r\nHTTP/1.1 500 trailing\r\n\r\n"].concat();
            assert_eq!(HeadParser::new(limits).parse(&trailing).unwrap().as_ref(), Some(found));
        }
        whole
    }

    /// What is read as plain is what httparse finds, to the byte.
    fn check_plain(head: &[u8], limits: HeadLimits) {
        let Some((plain, length)) = plain_head::read(head, limits) else { return };
        let (any, any_length) = read_any_head(head, limits).unwrap().expect("what is plain is complete");
        assert_eq!((&plain, length), (&any, any_length));
        assert!(plain.headers.raw().eq(any.headers.raw()), "{}", head.escape_ascii());
    }

    fn accepted(head: &[u8]) -> ResponseHead {
        let (parsed, length) = parse(head).unwrap().expect("the head is complete");
        assert_eq!(length, head.len());
        parsed
    }

    fn fields(head: &[u8]) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        accepted(head).headers.iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
    }

    fn field(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn refused(head: &[u8]) -> Error {
        parse(head).expect_err("the head breaks a rule")
    }

    #[test]
    fn a_plain_head_is_read() {
        let head = accepted(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx-a:b\r\nX-Empty:\r\n\r\n");
        assert_eq!((head.version, head.status, &head.reason[..]), (Version::Http11, 200, &b"OK"[..]));
        let names: Vec<_> = head.headers.iter().collect();
        assert_eq!(names, [("Content-Length", &b"5"[..]), ("x-a", b"b"), ("X-Empty", b"")]);
    }

    #[test]
    fn a_plain_head_is_read_as_httparse_reads_it_whichever_byte_is_changed() {
        let plain = b"HTTP/1.1 404 Not Found\r\nServer: a b\r\nX-Long: 0123456789abcdef\r\nC:\r\n\r\n";
        for at in 0..plain.len() {
            for byte in 0..=255 {
                let mut head = plain.to_vec();
                head[at] = byte;
                check_plain(&head, HeadLimits::default());
                head.remove(at);
                check_plain(&head, HeadLimits::default());
            }
        }
    }

    #[test]
    fn the_reason_is_kept_as_it_came() {
        for (line, reason) in [
            (&b"HTTP/1.1 200 Caf\xe9 \xff\r\n\r\n"[..], &b"Caf\xe9 \xff"[..]),
            (b"HTTP/1.1 200 Not  So Fast\r\n\r\n", b"Not  So Fast"),
            (b"HTTP/1.1 200 \r\n\r\n", b""),
            (b"HTTP/1.1 200\r\n\r\n", b""),
            (b"HTTP/1.1  200  OK\r\n\r\n", b"OK"),
            (b"HTTP/1.1 200\n\n", b""),
        ] {
            assert_eq!(accepted(line).reason, reason, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn minor_versions_above_one_are_read_as_one() {
        for (line, version) in [
            (&b"HTTP/1.0 200 OK\r\n\r\n"[..], Version::Http10),
            (b"HTTP/1.2 200 OK\r\n\r\n", Version::Http11),
            (b"HTTP/1.9 200 OK\r\n\r\n", Version::Http11),
        ] {
            assert_eq!(accepted(line).version, version);
        }
    }

    #[test]
    fn anything_but_a_status_line_is_refused() {
        for line in [
            &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
            b"<html>",
            b"HTTP/0.9 200 OK\r\n\r\n",
            b"HTTP/2.0 200 OK\r\n\r\n",
            b"http/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 099 OK\r\n\r\n",
            b"HTTP/1.1 +20 OK\r\n\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"HTTP/1.1200 OK\r\n\r\n",
            b"HTTP/1.1 200OK\r\n\r\n",
            b"HTTP/1.11 200 OK\r\n\r\n",
            b"HTTP/1.1 200 O\0K\r\n\r\n",
        ] {
            assert_eq!(refused(line).kind(), Kind::MalformedResponse, "{}", line.escape_ascii());
        }
        assert_eq!(accepted(b"HTTP/1.1 999 ?\r\n\r\n").status, 999);
    }

    #[test]
    fn a_peer_that_speaks_something_else_is_known_by_its_first_bytes() {
        let error = HeadParser::new(HeadLimits::default()).parse(b"SSH").unwrap_err();
        assert_eq!(error.seen_text(), Some("\"SSH\""));
    }

    #[test]
    fn a_few_empty_lines_before_the_head_are_skipped() {
        for head in [&b"\r\nHTTP/1.1 200 OK\r\n\r\n"[..], b"\n\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"] {
            assert_eq!(accepted(head).status, 200);
        }
        refused(b"\r\n\r\n\r\n\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
        refused(b"\rHTTP/1.1 200 OK\r\n\r\n");
    }

    #[test]
    fn bare_line_feeds_end_lines() {
        let found = fields(b"HTTP/1.1 200 OK\nA: 1\nB: 2\r\n\n");
        assert_eq!(found, [field("A", "1"), field("B", "2")]);
    }

    #[test]
    fn folded_lines_become_one_line_with_a_space() {
        let found =
            fields(b"HTTP/1.1 200 OK\r\nA: 1,\r\n\t 2 \r\n  3\r\nB: x\r\nC:\r\n y\r\nD:\r\n \r\n\r\n");
        let expected = [field("A", "1, 2 3"), field("B", "x"), field("C", "y"), field("D", "")];
        assert_eq!(found, expected);
    }

    #[test]
    fn fields_that_break_the_grammar_are_refused() {
        for line in [
            &b"A : b"[..],
            b"A b: c",
            b": c",
            b"nothing",
            b"A: b\0c",
            b"A: b\rc",
            b"A: \x01",
            b"A\xe9: b",
            b"A: \x7f",
            b" A: b",
        ] {
            let head = [b"HTTP/1.1 200 OK\r\n", line, b"\r\nB: c\r\n\r\n"].concat();
            let error = refused(&head);
            assert_eq!(error.kind(), Kind::MalformedResponse, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn an_error_shows_the_line_that_is_wrong() {
        let head = b"HTTP/1.1 200 OK\r\nGood: 1\r\nBad : 2\r\n\r\n";
        let error = HeadParser::new(HeadLimits::default()).parse(head).unwrap_err();
        assert_eq!(error.seen_text(), Some("\"Bad : 2\""));
        let head = b"HTTP/1.1 200 OK\r\nSet-Cookie: hush\x01\r\n\r\n";
        let error = HeadParser::new(HeadLimits::default()).parse(head).unwrap_err();
        assert!(!error.to_string().contains("hush"));
    }

    #[test]
    fn bytes_outside_ascii_are_kept_in_values() {
        assert_eq!(fields(b"HTTP/1.1 200 OK\r\nA: \xe9\x80 \r\n\r\n"), [field("A", "\\xe9\\x80")]);
    }

    #[test]
    fn more_fields_than_fit_on_the_stack_are_read_up_to_the_limit() {
        let head = |count: usize| {
            let lines = "A: b\r\n".repeat(count);
            format!("HTTP/1.1 200 OK\r\n{lines}\r\n").into_bytes()
        };
        for count in [FIELDS_ON_STACK, FIELDS_ON_STACK + 1, 1000] {
            assert_eq!(accepted(&head(count)).headers.len(), count);
        }
        assert_eq!(refused(&head(1001)).kind(), Kind::HeadTooLarge);
        let limits = HeadLimits { bytes: usize::MAX, fields: usize::MAX };
        assert_eq!(parse_limited(&head(5000), limits).unwrap().unwrap().0.headers.len(), 5000);
        let limits = HeadLimits { fields: 2, ..HeadLimits::default() };
        assert!(parse_limited(&head(2), limits).unwrap().is_some());
        assert_eq!(parse_limited(&head(3), limits).unwrap_err().kind(), Kind::HeadTooLarge);
    }

    #[test]
    fn a_head_may_be_as_large_as_the_limit_and_no_larger() {
        let head = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "x".repeat(100)).into_bytes();
        let limits = |bytes| HeadLimits { bytes, ..HeadLimits::default() };
        assert!(parse_limited(&head, limits(head.len())).unwrap().is_some());
        let error = parse_limited(&head, limits(head.len() - 1)).unwrap_err();
        assert_eq!(error.kind(), Kind::HeadTooLarge);
    }

    #[test]
    fn a_parser_reads_one_head_after_the_other() {
        let bytes = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 None\r\n\r\n";
        let mut parser = HeadParser::new(HeadLimits::default());
        assert_eq!(parser.parse(&bytes[..30]).unwrap(), None);
        let (head, length) = parser.parse(bytes).unwrap().unwrap();
        parser.reset();
        let (next, _) = parser.parse(&bytes[length..]).unwrap().unwrap();
        assert_eq!((head.status, next.status), (103, 204));
    }

    #[test]
    fn a_close_before_the_end_of_the_head_says_what_came() {
        let end = |bytes: &[u8]| HeadParser::new(HeadLimits::default()).end_of_input(bytes);
        assert_eq!(end(b"").kind(), Kind::ClosedWithoutResponse);
        assert_eq!(end(b"\r\n").kind(), Kind::ClosedWithoutResponse);
        assert_eq!(end(b"nonsense").kind(), Kind::MalformedResponse);
        let error = end(b"HTTP/1.1 200 OK\r\nDate: now\r\n");
        assert_eq!(error.kind(), Kind::ClosedEarly);
        assert!(error.seen_text().unwrap().contains("\"Date: now\""));
        assert!(!end(b"HTTP/1.1 200 OK\r\nSet-Cookie: hush").to_string().contains("hush"));
    }
}
