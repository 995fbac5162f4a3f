//! Heads of responses as nearly all servers write them, read in one pass (RFC 9112 sections 4 and 5).
//!
//! Whatever is out of the ordinary, incomplete or wrong is `None` here, and for `head_parse` to read by httparse. So this
//! decides nothing: it takes only what that one takes without forgiving anything, and reads it alike, which a test
//! compares. It is here for speed: at half the cost, as it need not be ready for anything.

use crate::h1::head_parse::HeadLimits;
use crate::headers::{Fields, TOKEN};
use crate::response::{ResponseHead, Version};
use std::borrow::Cow;

/// Fields that there is room for from the start, and the most that are read here.
const USUAL: usize = 16;
const MOST: usize = 64;

/// The head at the start of `input`, and its length.
pub(super) fn read(input: &[u8], limits: HeadLimits) -> Option<(ResponseHead, usize)> {
    let (version, status, rest) = match input {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', b' ', rest @ ..] => {
            (Version::Http11, rest.first_chunk()?, rest)
        }
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0', b' ', rest @ ..] => {
            (Version::Http10, rest.first_chunk()?, rest)
        }
        _ => return None,
    };
    let (status, reason) = (status_code(status)?, line_value(rest.get(b"200 ".len()..)?)?);
    if reason.is_empty() || !reason.is_ascii() {
        return None;
    }
    let mut fields = Fields::with_capacity(USUAL);
    let mut at = input.len() - rest.len() + b"200 ".len() + reason.len() + b"\r\n".len();
    loop {
        let line = &input[at..];
        if let [b'\r', b'\n', ..] = line {
            break;
        }
        let name = line.iter().position(|byte| !TOKEN[usize::from(*byte)])?;
        let start = match line.get(name..)? {
            [b':', b' ', ..] => name + 2,
            [b':', ..] => name + 1,
            _ => return None,
        };
        let value = line_value(&line[start..])?;
        if name == 0 || fields.len() == limits.fields.min(MOST) {
            return None;
        }
        let (start, end) = (at + start, at + start + value.len());
        fields.push(at..at + name, start..end);
        at = end + b"\r\n".len();
    }
    let length = at + b"\r\n".len();
    let reason = if reason == b"OK" { Cow::Borrowed(&b"OK"[..]) } else { Cow::Owned(reason.to_vec()) };
    Some((ResponseHead { version, status, reason, headers: fields.of(&input[..length]) }, length))
}

/// Three digits and a space, from 100 on.
fn status_code(text: &[u8; 4]) -> Option<u16> {
    match text {
        [hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9', b' '] => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            Some(digit(hundreds) * 100 + digit(tens) * 10 + digit(ones))
        }
        _ => None,
    }
}

/// What stands before the next CRLF, if it holds no control characters, and no white space at either end.
fn line_value(bytes: &[u8]) -> Option<&[u8]> {
    let end = first_control(bytes)?;
    let (value, rest) = bytes.split_at(end);
    let is_bare = value.first() != Some(&b' ') && value.last() != Some(&b' ');
    (is_bare && rest.starts_with(b"\r\n")).then_some(value)
}

/// Where the first control character is. Eight bytes at a time: in a word, a borrow can only spoil what lies behind the first.
fn first_control(bytes: &[u8]) -> Option<usize> {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    let (words, rest) = bytes.as_chunks();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let is_delete = word ^ (EACH * 0x7f);
        let below = word.wrapping_sub(EACH * 0x20) & !word;
        let found = (below | (is_delete.wrapping_sub(EACH) & !is_delete)) & (EACH * 0x80);
        if found != 0 {
            return Some(at * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let is_control = |byte: &u8| byte.is_ascii_control();
    rest.iter().position(is_control).map(|at| words.len() * 8 + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_control_character_is_found_wherever_it_stands() {
        for byte in 0..=255u8 {
            for at in 0..20 {
                for filler in [b' ', b'~', 0x80, 0xff] {
                    let mut bytes = [filler; 24];
                    (bytes[at], bytes[at + 1]) = (byte, if at % 2 == 0 { b'\r' } else { b' ' });
                    let expected = bytes.iter().position(u8::is_ascii_control);
                    assert_eq!(first_control(&bytes), expected, "{byte} at {at} in {filler}");
                }
            }
        }
    }

    #[test]
    fn plain_heads_are_read_here_and_odd_ones_are_not() {
        let head = |line: &str| format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n").into_bytes();
        for line in ["A: b", "A:b", "A:", "A: ", "A: b c", "Caf: \u{e9}", "Date: now\r\nAge: 1"] {
            assert!(read(&head(line), HeadLimits::default()).is_some(), "{line}");
        }
        for line in [
            "A:  b",
            "A: b ",
            "A: b\tc",
            " A: b",
            "A : b",
            ": b",
            "A: b\nC: d",
            "A: \x7f",
            "A: b\r\n c",
            "\u{e9}: b",
            "A",
        ] {
            assert!(read(&head(line), HeadLimits::default()).is_none(), "{line}");
        }
    }

    #[test]
    fn a_head_that_is_not_complete_is_not_read() {
        let head = b"HTTP/1.1 204 No Content\r\nA: b\r\n\r\n";
        for end in 0..head.len() {
            assert_eq!(read(&head[..end], HeadLimits::default()), None);
        }
        let (found, length) = read(head, HeadLimits::default()).unwrap();
        assert_eq!((found.status, &found.reason[..], length), (204, &b"No Content"[..], head.len()));
    }
}
