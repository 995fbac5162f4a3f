//! The chunked transfer coding (RFC 9112 section 7.1), read without copying the data.
//!
//! Strict where laxness lets two readers of the same bytes disagree about a body's end: sizes are plain
//! hexadecimal digits, lines end with CRLF and nothing else. Extensions are skipped; their number, like the
//! size of the trailer section, is bounded. `body` calls this for bodies that `framing` found to be chunked.
//!
//! ```text
//!           digits          CR LF            size bytes           CR LF
//! Size ───────────────▶ SizeEnd ──▶ Data ───────────────▶ DataEnd ──────▶ Size
//!   │  SP, HT, ";"         ▲  │ size 0
//!   └──────▶ Extension ────┘  └──────▶ Trailers ──── empty line ────▶ Done
//! ```

use crate::error::{Error, Kind, Result, excerpt};
use crate::h1::body::Decoded;
use crate::h1::head_parse::{HeadLimits, explain_field};
use crate::headers::Headers;

/// Bytes of one chunk's extensions.
const MAX_EXTENSION: u32 = 4 * 1024;
/// Bytes of extensions that a body may have beyond one for each byte of data. Signed chunks (85 bytes each)
/// pass however long the body is; a body of nothing but extensions does not.
const EXTENSION_ALLOWANCE: u64 = 16 * 1024;
/// `u64` has no more hexadecimal digits.
const MAX_DIGITS: u8 = 16;

/// Reads one chunked body.
#[derive(Debug)]
pub(crate) struct ChunkedDecoder {
    state: State,
    /// The size of the current chunk.
    chunk: u64,
    /// Bytes of data so far.
    received: u64,
    /// Bytes of extensions so far.
    extensions: u64,
    /// The trailer section as far as it came, while it is not complete.
    section: Vec<u8>,
    trailers: Headers,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// In the digits of a size.
    Size {
        size: u64,
        digits: u8,
    },
    /// Between a size and its CR; so many bytes of it were skipped.
    Extension {
        size: u64,
        skipped: u32,
    },
    /// Behind the CR of a size line.
    SizeEnd {
        size: u64,
    },
    /// So many bytes of data are missing.
    Data {
        missing: u64,
    },
    /// Behind the data, before its CR.
    DataEnd,
    /// Behind the CR of the data.
    DataLineFeed,
    /// In the trailer section, whose current line starts at this offset of `section`.
    Trailers {
        line_start: usize,
    },
    Done,
}

impl ChunkedDecoder {
    pub(crate) fn new() -> ChunkedDecoder {
        ChunkedDecoder {
            state: State::Size { size: 0, digits: 0 },
            chunk: 0,
            received: 0,
            extensions: 0,
            section: Vec::new(),
            trailers: Headers::new(),
        }
    }

    /// Consumes framing up to the next data, and that data as far as it is there.
    pub(crate) fn decode(&mut self, input: &[u8]) -> Result<Decoded> {
        let mut position = 0;
        while position < input.len() {
            let byte = input[position];
            self.state = match self.state {
                State::Size { size, digits } => self.size_byte(size, digits, &input[position..])?,
                State::Extension { size, skipped } => self.extension_byte(size, skipped, byte)?,
                State::SizeEnd { size } => match byte {
                    b'\n' if size == 0 => State::Trailers { line_start: 0 },
                    b'\n' => {
                        self.chunk = size;
                        State::Data { missing: size }
                    }
                    _ => return Err(malformed("LF behind the CR of a chunk's size", &input[position..])),
                },
                State::Data { missing } => {
                    let rest = input.len() - position;
                    let length = usize::try_from(missing).map_or(rest, |missing| missing.min(rest));
                    self.advance(length as u64);
                    let end = position + length;
                    return Ok(Decoded { consumed: end, data: position..end });
                }
                State::DataEnd if byte == b'\r' => State::DataLineFeed,
                State::DataLineFeed if byte == b'\n' => State::Size { size: 0, digits: 0 },
                State::DataEnd | State::DataLineFeed => {
                    return Err(malformed("CRLF behind a chunk's data", &input[position..]));
                }
                State::Trailers { line_start } => {
                    position += self.trailer_bytes(line_start, &input[position..])?;
                    continue;
                }
                State::Done => break,
            };
            position += 1;
        }
        Ok(Decoded { consumed: position, data: position..position })
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The rest of the current chunk's data.
    pub(crate) fn direct(&self) -> u64 {
        match self.state {
            State::Data { missing } => missing,
            State::Size { .. }
            | State::Extension { .. }
            | State::SizeEnd { .. }
            | State::DataEnd
            | State::DataLineFeed
            | State::Trailers { .. }
            | State::Done => 0,
        }
    }

    /// Notes `count` bytes of the current chunk's data.
    pub(crate) fn advance(&mut self, count: u64) {
        if let State::Data { missing } = self.state {
            let missing = missing.saturating_sub(count);
            self.state = if missing == 0 { State::DataEnd } else { State::Data { missing } };
            self.received += count;
        }
    }

    /// Of the current chunk's data: how much was handed out, and how much is missing.
    pub(crate) fn chunk(&self) -> (u64, u64) {
        let missing = self.direct();
        (if missing == 0 { 0 } else { self.chunk - missing }, missing)
    }

    pub(crate) fn trailers(&self) -> Option<&Headers> {
        self.is_done().then_some(&self.trailers)
    }

    /// The peer closed. What was awaited, where the body is not complete.
    ///
    /// RFC 9112 section 8: "A message body that uses the chunked transfer coding is incomplete if the zero-sized
    /// chunk that terminates the encoding has not been received." Some servers close right behind that chunk,
    /// without the empty line; nothing of the content is missing then. Trailers that were begun are missed.
    pub(crate) fn end_of_input(&mut self) -> Result<(), &'static str> {
        match self.state {
            State::Done => Ok(()),
            State::Trailers { .. } if self.section.is_empty() || self.section == b"\r" => {
                self.state = State::Done;
                Ok(())
            }
            State::Trailers { .. } => Err("an empty line behind the trailers"),
            State::Data { .. } | State::DataEnd | State::DataLineFeed => Err("the rest of a chunk"),
            State::Size { .. } | State::Extension { .. } | State::SizeEnd { .. } => Err("another chunk"),
        }
    }

    /// `chunk-size = 1*HEXDIG`. `rest` starts with the byte in question.
    fn size_byte(&mut self, size: u64, digits: u8, rest: &[u8]) -> Result<State> {
        match rest[0] {
            byte if byte.is_ascii_hexdigit() && digits < MAX_DIGITS => {
                let digit = u64::from((byte as char).to_digit(16).unwrap_or_default());
                Ok(State::Size { size: size << 4 | digit, digits: digits + 1 })
            }
            b'\r' if digits > 0 => Ok(State::SizeEnd { size }),
            // White space is allowed before a semicolon (section 7.1.1). Without one it is padding, which servers
            // have sent at all times and which is no other size to any reader.
            b';' | b' ' | b'\t' if digits > 0 => self.extension_byte(size, 0, rest[0]),
            _ => {
                let expected = match digits {
                    MAX_DIGITS => "a chunk's size below 2^64",
                    _ => "the hexadecimal size of a chunk, then CRLF",
                };
                let mut line = match digits {
                    0 => Vec::new(),
                    _ => format!("{size:0width$x}", width = usize::from(digits)).into_bytes(),
                };
                line.extend_from_slice(rest);
                Err(malformed(expected, rest).with_received(&line))
            }
        }
    }

    /// Skips extensions: "A recipient MUST ignore unrecognized chunk extensions" (section 7.1.1).
    fn extension_byte(&mut self, size: u64, skipped: u32, byte: u8) -> Result<State> {
        match byte {
            b'\r' => return Ok(State::SizeEnd { size }),
            0..=8 | 10..=31 | 127 => {
                return Err(malformed("chunk extensions without control characters", &[byte]));
            }
            _ => {}
        }
        self.extensions += 1;
        if skipped >= MAX_EXTENSION || self.extensions > EXTENSION_ALLOWANCE.saturating_add(self.received) {
            return Err(Error::new(Kind::MalformedChunk)
                .expected("a reasonable amount of chunk extensions")
                .seen(format!("{} bytes with {} bytes of data", self.extensions, self.received)));
        }
        Ok(State::Extension { size, skipped: skipped + 1 })
    }

    /// Takes bytes of the trailer section, up to its end; returns how many.
    fn trailer_bytes(&mut self, line_start: usize, input: &[u8]) -> Result<usize> {
        if self.section.is_empty() && input.starts_with(b"\r\n") {
            self.state = State::Done;
            return Ok(2);
        }
        let length = memchr::memchr(b'\n', input).map_or(input.len(), |position| position + 1);
        let limits = HeadLimits::default();
        if self.section.len() + length > limits.bytes {
            return Err(Error::new(Kind::HeadTooLarge)
                .expected(format!("at most {} bytes of trailers", limits.bytes))
                .seen("more of them"));
        }
        self.section.extend_from_slice(&input[..length]);
        let line = &self.section[line_start..];
        if line == b"\r\n" {
            self.trailers = read_trailers(&self.section, limits)?;
            self.section = Vec::new();
            self.state = State::Done;
        } else if line.ends_with(b"\n") && !line.ends_with(b"\r\n") {
            return Err(malformed("CRLF at the end of a trailer", line));
        } else if line.ends_with(b"\n") {
            self.state = State::Trailers { line_start: self.section.len() };
        }
        Ok(length)
    }
}

/// The fields of a complete trailer section, its empty line included.
fn read_trailers(section: &[u8], limits: HeadLimits) -> Result<Headers> {
    let mut fields = vec![httparse::EMPTY_HEADER; limits.fields];
    match httparse::parse_headers(section, &mut fields) {
        Ok(httparse::Status::Complete((_, fields))) => {
            let mut trailers = Headers::with_capacity(fields.len(), section.len());
            for field in fields {
                trailers.push(field.name.as_bytes(), field.value)?;
            }
            Ok(trailers)
        }
        Err(httparse::Error::TooManyHeaders) => Err(Error::new(Kind::HeadTooLarge)
            .expected(format!("at most {} trailers", limits.fields))
            .seen("more of them")),
        Ok(httparse::Status::Partial) | Err(_) => {
            let lines = section.split(|&byte| byte == b'\n');
            Err(explain_field(lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line))))
        }
    }
}

#[cold]
fn malformed(expected: &'static str, rest: &[u8]) -> Error {
    let seen = &rest[..rest.len().min(32)];
    Error::new(Kind::MalformedChunk).expected(expected).seen(excerpt(seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::h1::body::BodyDecoder;
    use crate::h1::framing::Framing;

    /// What a decoder made of some bytes: data, bytes consumed, trailers.
    type Outcome = (Vec<u8>, usize, Option<Vec<(String, Vec<u8>)>>);

    /// Feeds pieces of `size` bytes, as a connection would.
    fn feed(wire: &[u8], size: usize) -> Result<Outcome> {
        let mut decoder = BodyDecoder::new(Framing::Chunked);
        let (mut data, mut position, mut end) = (Vec::new(), 0, 0);
        while end < wire.len() && !decoder.is_done() {
            end = (end + size).min(wire.len());
            loop {
                let decoded = decoder.decode(&wire[position..end])?;
                data.extend_from_slice(&wire[position..end][decoded.data]);
                position += decoded.consumed;
                if decoded.consumed == 0 || decoder.is_done() {
                    break;
                }
            }
        }
        assert_eq!(decoder.received(), data.len() as u64);
        let fields = |headers: &Headers| {
            headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
        };
        Ok((data, position, decoder.trailers().map(fields)))
    }

    /// Decodes whole, byte by byte, and with bytes of a next response behind; all three must say the same.
    fn decode(wire: &[u8]) -> Result<Outcome> {
        let whole = feed(wire, wire.len().max(1));
        match (&whole, &feed(wire, 1)) {
            (Ok(whole), Ok(bytewise)) => assert_eq!(whole, bytewise),
            (Err(whole), Err(bytewise)) => assert_eq!(whole.kind(), bytewise.kind()),
            (whole, bytewise) => panic!("whole {whole:?}, byte by byte {bytewise:?}"),
        }
        if let Ok(found @ (_, _, Some(_))) = &whole {
            let trailing = [wire, b"HTTP/1.1 200 OK\r\n\r\n"].concat();
            assert_eq!(&feed(&trailing, trailing.len()).unwrap(), found);
        }
        whole
    }

    fn complete(wire: &[u8]) -> Vec<u8> {
        let (data, consumed, trailers) = decode(wire).unwrap();
        assert_eq!((consumed, trailers.is_some()), (wire.len(), true));
        data
    }

    fn refused(wire: &[u8]) -> Kind {
        decode(wire).expect_err(&wire.escape_ascii().to_string()).kind()
    }

    #[test]
    fn chunks_become_their_data() {
        assert_eq!(complete(b"5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n"), b"hello world");
        assert_eq!(complete(b"0\r\n\r\n"), b"");
        assert_eq!(complete(b"00\r\n\r\n"), b"");
        assert_eq!(complete(b"a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n").len(), 20);
        assert_eq!(complete(b"2\r\n\r\n\r\n0\r\n\r\n"), b"\r\n");
    }

    #[test]
    fn sizes_are_hexadecimal_digits_and_nothing_else() {
        for size in ["", "+5", "-5", "0x5", " 5", "5_", "g", "5g", "\u{0665}", "5.", "\t5", "5:"] {
            let wire = format!("{size}\r\nhello\r\n0\r\n\r\n");
            assert_eq!(refused(wire.as_bytes()), Kind::MalformedChunk, "{size:?}");
        }
        assert_eq!(refused(b"00000000000000005\r\nhello\r\n0\r\n\r\n"), Kind::MalformedChunk);
        assert_eq!(complete(b"0000000000000005\r\nhello\r\n0\r\n\r\n"), b"hello");
    }

    #[test]
    fn the_largest_size_does_not_overflow() {
        let (data, _, trailers) = decode(b"ffffffffffffffff\r\nhello").unwrap();
        assert_eq!((&data[..], trailers), (&b"hello"[..], None));
    }

    #[test]
    fn lines_end_with_crlf() {
        for wire in [
            &b"5\nhello\r\n0\r\n\r\n"[..],
            b"5\r\nhello\n0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"5\r\nhelloxx0\r\n\r\n",
            b"5\r\nhello\rx0\r\n\r\n",
            b"5\rhello",
            b"5;a\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n0\n\n",
            b"0\r\n\n",
            b"0\r\nA: b\n\r\n",
        ] {
            assert_eq!(refused(wire), Kind::MalformedChunk);
        }
    }

    #[test]
    fn extensions_and_padding_are_skipped() {
        let extended = b"5;a=b\r\nhello\r\n5 ; a=\"b;c\"\r\nhello\r\n5  \r\nhello\r\n0;last\r\n\r\n";
        assert_eq!(complete(extended), b"hellohellohello");
        assert_eq!(refused(b"5;a\0\r\nhello\r\n"), Kind::MalformedChunk);
        assert_eq!(refused(b"5;a\rb\r\nhello\r\n"), Kind::MalformedChunk);
    }

    #[test]
    fn extensions_are_bounded_by_line_and_by_the_data_they_come_with() {
        let chunk = |extension: usize, data: usize| {
            format!("{data:x};{}\r\n{}\r\n", "e".repeat(extension), "d".repeat(data)).into_bytes()
        };
        assert!(feed(&chunk(4095, 1), usize::MAX / 2).is_ok());
        assert!(feed(&chunk(4096, 1), usize::MAX / 2).is_err());
        assert!(feed(&chunk(1000, 1).repeat(20), 1000).is_err());
        assert!(feed(&chunk(1000, 1000).repeat(100), 1000).is_ok());
    }

    #[test]
    fn trailers_are_fields() {
        let (data, _, trailers) = decode(b"1\r\nx\r\n0\r\nDigest: abc\r\nX-b:\r\n\r\n").unwrap();
        let expected = vec![("Digest".to_owned(), b"abc".to_vec()), ("X-b".to_owned(), Vec::new())];
        assert_eq!((&data[..], trailers), (&b"x"[..], Some(expected)));
        for line in ["A : b", "nothing", " folded", ": b", "A: \0"] {
            let wire = format!("0\r\n{line}\r\n\r\n");
            assert_eq!(refused(wire.as_bytes()), Kind::MalformedResponse, "{line:?}");
        }
    }

    #[test]
    fn trailers_are_bounded() {
        let endless = [b"0\r\nA: ".to_vec(), vec![b'x'; 300 * 1024]].concat();
        assert_eq!(feed(&endless, 8192).unwrap_err().kind(), Kind::HeadTooLarge);
        let many = format!("0\r\n{}\r\n", "A: b\r\n".repeat(1001));
        assert_eq!(feed(many.as_bytes(), 8192).unwrap_err().kind(), Kind::HeadTooLarge);
    }

    #[test]
    fn data_may_be_read_directly() {
        let mut decoder = BodyDecoder::new(Framing::Chunked);
        assert_eq!(decoder.direct(), 0);
        assert_eq!(decoder.decode(b"6\r\nab").unwrap(), Decoded { consumed: 5, data: 3..5 });
        assert_eq!(decoder.direct(), 4);
        decoder.advance(4);
        assert_eq!((decoder.direct(), decoder.received()), (0, 6));
        assert_eq!(decoder.decode(b"\r\n0\r\n\r\nnext").unwrap(), Decoded { consumed: 7, data: 7..7 });
        assert!(decoder.is_done());
    }

    #[test]
    fn a_close_behind_the_last_chunk_loses_nothing() {
        for (wire, complete) in [
            (&b"1\r\nx\r\n0\r\n"[..], true),
            (b"1\r\nx\r\n0\r\n\r", true),
            (b"1\r\nx\r\n0\r\nA: b\r\n", false),
            (b"1\r\nx\r\n0\r", false),
            (b"1\r\nx\r\n", false),
            (b"2\r\nx", false),
            (b"", false),
        ] {
            let mut decoder = BodyDecoder::new(Framing::Chunked);
            let mut rest = wire;
            while !rest.is_empty() {
                rest = &rest[decoder.decode(rest).unwrap().consumed..];
            }
            let end = decoder.end_of_input();
            assert_eq!(end.is_ok(), complete, "{}", wire.escape_ascii());
            assert_eq!(decoder.is_done(), complete);
            assert!(end.is_ok() || end.unwrap_err().kind() == Kind::ClosedEarly);
        }
    }
}
