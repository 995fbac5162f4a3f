//! The bench origin's HTTP: no parser, only the end of the head, the body's length, and bytes made in advance.
//!
//! One [`Exchange`] per connection; `turn` works on blocking and non-blocking streams alike. A request by `GET` or
//! `HEAD` is taken to have no body.

use std::io::{self, Read, Write};
use std::sync::LazyLock;

use memchr::memmem;

/// The 171 bytes that answer most requests.
const SMALL_JSON: &[u8; 171] =
    b"{\"args\": {\"page\": \"1\", \"limit\": \"20\"}, \"origin\": \"127.0.0.1\", \
    \"url\": \"http://127.0.0.1/get?page=1&limit=20\", \"ok\": true, \"count\": 3, \"items\": [1, 2], \
    \"next\": null, \"v\": 0}";

const BUFFER: usize = 256 * 1024;

static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| answer("application/json", SMALL_JSON));
static MEDIUM: LazyLock<Vec<u8>> = LazyLock::new(|| answer("application/json", medium_json().as_bytes()));
static PATTERN: LazyLock<Vec<u8>> =
    LazyLock::new(|| b"abcdefghijklmnopqrstuvwxyz".iter().copied().cycle().take(26 * 8192).collect());
static FINDERS: LazyLock<Finders> = LazyLock::new(|| Finders {
    head_end: memmem::Finder::new(b"\r\n\r\n"),
    close: memmem::Finder::new(b"onnection: close"),
});

struct Finders {
    head_end: memmem::Finder<'static>,
    close: memmem::Finder<'static>,
}

/// What a turn came to.
#[derive(Debug, PartialEq)]
pub(super) enum Turn {
    Again,
    Over,
}

#[derive(Default)]
pub(super) struct Exchange {
    /// Received, not consumed: `buffer[start..end]`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    body: Unread,
    /// To be sent, from `sent` on; then so many bytes of the pattern.
    out: Vec<u8>,
    sent: usize,
    pattern_left: u64,
    /// The client announced with this request that it is its last.
    last_request: bool,
    closing: bool,
    last_read_was_short: bool,
}

/// What is still to come of the request's body.
#[derive(Default, PartialEq)]
enum Unread {
    #[default]
    Nothing,
    Bytes(u64),
    ChunkSize,
    /// A chunk's bytes with their CRLF.
    Chunk(u64),
    Trailers,
}

impl Exchange {
    /// Sends what is waiting, then reads once and answers what is complete.
    pub(super) fn turn<S: Read + Write>(&mut self, stream: &mut S) -> io::Result<Turn> {
        self.send(stream)?;
        if self.closing {
            return Ok(Turn::Over);
        }
        self.make_room();
        let count = stream.read(&mut self.buffer[self.end..])?;
        if count == 0 {
            return Ok(Turn::Over);
        }
        self.end += count;
        self.last_read_was_short = self.end < self.buffer.len();
        while self.pattern_left == 0 && !self.closing && self.step() {}
        self.send(stream)?;
        Ok(Turn::Again)
    }

    pub(super) fn drained(&self) -> bool {
        self.last_read_was_short && !self.closing
    }

    fn make_room(&mut self) {
        if self.buffer.is_empty() {
            self.buffer.resize(BUFFER, 0);
        }
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }

    /// Consumes a head or a part of a body; false when more must be read first.
    fn step(&mut self) -> bool {
        let received = &self.buffer[self.start..self.end];
        if received.is_empty() {
            return false;
        }
        let line = || memmem::find(received, b"\r\n");
        match &mut self.body {
            Unread::Nothing => match FINDERS.head_end.find(received) {
                Some(found) => self.answer(self.start, self.start + found + 4),
                None => {
                    self.closing = received.len() == self.buffer.len();
                    return false;
                }
            },
            Unread::Bytes(left) | Unread::Chunk(left) => {
                let count = (received.len() as u64).min(*left);
                *left -= count;
                let done = *left == 0;
                self.start += count as usize;
                if done {
                    self.body = if matches!(self.body, Unread::Chunk(_)) {
                        Unread::ChunkSize
                    } else {
                        Unread::Nothing
                    };
                    self.finish_body();
                }
            }
            Unread::ChunkSize => {
                let Some(end) = line() else { return false };
                self.body = match hexadecimal(&received[..end]) {
                    0 => Unread::Trailers,
                    size => Unread::Chunk(size + 2),
                };
                self.start += end + 2;
            }
            Unread::Trailers => {
                let Some(end) = line() else { return false };
                self.start += end + 2;
                if end == 0 {
                    self.body = Unread::Nothing;
                    self.finish_body();
                }
            }
        }
        true
    }

    /// Takes the head `buffer[from..to]`, and answers it once its body has come.
    fn answer(&mut self, from: usize, to: usize) {
        self.start = to;
        let head = &self.buffer[from..to];
        self.last_request = FINDERS.close.find(head).is_some();
        if head.starts_with(b"GET ") {
            match head[4..].strip_prefix(b"/bytes/") {
                Some(rest) => {
                    self.pattern_left = decimal(rest);
                    self.out.extend(answer_head("application/octet-stream", self.pattern_left));
                }
                None if head[4..].starts_with(b"/10k ") => self.out.extend_from_slice(&MEDIUM),
                None => self.out.extend_from_slice(&SMALL),
            }
            self.closing = self.last_request;
        } else if head.starts_with(b"HEAD ") {
            self.out.extend(answer_head("application/json", SMALL_JSON.len() as u64));
            self.closing = self.last_request;
        } else {
            let lower = head.to_ascii_lowercase();
            let value = |name: &[u8]| {
                memmem::find(&lower, name).map(|found| lower[found + name.len()..].trim_ascii_start())
            };
            self.body = match (value(b"\r\ncontent-length:"), value(b"\r\ntransfer-encoding:")) {
                (_, Some(_)) => Unread::ChunkSize,
                (Some(length), None) => Unread::Bytes(decimal(length)),
                (None, None) => Unread::Bytes(0),
            };
            if self.body == Unread::Bytes(0) {
                self.body = Unread::Nothing;
                self.finish_body();
            } else if value(b"\r\nexpect:").is_some_and(|value| value.starts_with(b"100-continue")) {
                self.out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
        }
    }

    fn finish_body(&mut self) {
        if self.body == Unread::Nothing {
            self.out.extend_from_slice(&SMALL);
            self.closing = self.last_request;
        }
    }

    fn send<S: Write>(&mut self, stream: &mut S) -> io::Result<()> {
        // The pattern's beginning travels with the head.
        while self.sent < self.out.len() || self.pattern_left > 0 {
            if self.sent == self.out.len() {
                let count = self.pattern_left.min(PATTERN.len() as u64);
                self.pattern_left -= write_some(stream, &PATTERN[..count as usize])? as u64;
            } else {
                if self.pattern_left > 0 && self.out.len() < 65536 {
                    let count = self.pattern_left.min(65536);
                    self.out.extend_from_slice(&PATTERN[..count as usize]);
                    self.pattern_left -= count;
                }
                self.sent += write_some(stream, &self.out[self.sent..])?;
            }
        }
        self.out.clear();
        self.sent = 0;
        stream.flush()
    }
}

fn write_some<S: Write>(stream: &mut S, bytes: &[u8]) -> io::Result<usize> {
    match stream.write(bytes)? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        count => Ok(count),
    }
}

fn answer(content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = answer_head(content_type, body.len() as u64);
    answer.extend_from_slice(body);
    answer
}

fn answer_head(content_type: &str, length: u64) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\nConnection: keep-alive\r\nServer: entreat-bench\r\n\r\n"
    );
    head.into_bytes()
}

/// 10,240 bytes of records such as an API answers, the last padded to the size.
fn medium_json() -> String {
    let mut json = String::from("[");
    for id in 0.. {
        let record = format!(
            "{{\"id\": {id}, \"name\": \"user {id}\", \"email\": \"user{id}@example.test\", \"active\": {}, \
             \"score\": {id}.5, \"tags\": [\"a\", \"b\", \"c\"], \"parent\": null}}, ",
            id % 2 == 0
        );
        if json.len() + record.len() > 10_200 {
            break;
        }
        json.push_str(&record);
    }
    let padding = 10_240 - json.len() - "{\"pad\": \"\"}]".len();
    json + "{\"pad\": \"" + &"x".repeat(padding) + "\"}]"
}

/// The number at the start of the text; 0 without one.
fn decimal(text: &[u8]) -> u64 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number: u64, byte| number.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
}

fn hexadecimal(text: &[u8]) -> u64 {
    let digits = text.iter().map_while(|byte| char::from(*byte).to_digit(16));
    digits.take(15).fold(0, |number, digit| number * 16 + u64::from(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that yields what it holds in pieces of a given size, and keeps what is written.
    struct Script<'a> {
        input: &'a [u8],
        size: usize,
        output: Vec<u8>,
    }

    impl Read for Script<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.size.min(self.input.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.input[..count]);
            self.input = &self.input[count..];
            Ok(count)
        }
    }

    impl Write for Script<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.output.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn answers(input: &[u8], size: usize) -> String {
        let mut script = Script { input, size, output: Vec::new() };
        let mut exchange = Exchange::default();
        while exchange.turn(&mut script).expect("a script never fails") == Turn::Again {}
        String::from_utf8(script.output).expect("answers are text")
    }

    #[test]
    fn the_bodies_have_the_announced_sizes() {
        assert_eq!(medium_json().len(), 10_240);
        assert_eq!(
            answers(b"GET / HTTP/1.1\r\n\r\n", 1000).split_once("\r\n\r\n").map(|parts| parts.1.len()),
            Some(171)
        );
        let large = answers(b"GET /bytes/300000 HTTP/1.1\r\n\r\n", 1000);
        assert!(large.contains("Content-Length: 300000\r\n"));
        assert_eq!(large.split_once("\r\n\r\n").map(|parts| parts.1.len()), Some(300_000));
    }

    #[test]
    fn bodies_are_skipped_however_they_arrive() {
        let input = b"POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\nGET / HTTP/1.1\r\n\r\n..\
            PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\nA;x=y\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\nT: 1\r\n\r\n\
            GET / HTTP/1.1\r\n\r\n";
        for size in [1, 7, 1000] {
            assert_eq!(answers(input, size).matches("HTTP/1.1 200 OK").count(), 3, "in pieces of {size}");
        }
    }

    #[test]
    fn a_client_that_wants_to_close_gets_one_answer() {
        let input = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        assert_eq!(answers(input, 1000).matches("HTTP/1.1 200 OK").count(), 1);
    }
}
