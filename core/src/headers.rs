//! Header fields in the order and the case in which they were given or came: one buffer, and offsets into it. The buffer
//! holds them as they go over the wire, so that a head is written by one copy.
//!
//! Decides what a field's name and value may hold (RFC 9110 sections 5.1, 5.5, 5.6.2) and how names compare
//! (without case). Does not decide which fields a message needs: that is `exchange` and `h1::framing`.
//! A received head becomes a `Headers` with one copy of its bytes.

use crate::byte_set::byte_set;
use crate::error::{Error, Kind, Result, excerpt};
use std::fmt;
use std::ops::Range;

/// An ordered multimap of header fields that keeps case and order.
///
/// Names compare without case. `set` replaces, `append` adds, `get` finds the first. Values are bytes, since a
/// peer may send any; [`Headers::get_str`] gives text where the value is UTF-8.
#[derive(Clone)]
pub struct Headers {
    buffer: Vec<u8>,
    fields: Vec<Field>,
    /// The buffer is what goes over the wire: all fields in their order, `name: value` and CRLF each, and nothing else.
    is_wire: bool,
}

/// Offsets into the buffer. 32 bits are enough: heads are limited to far less than 4 GiB, and `push` checks.
#[derive(Clone, Copy)]
struct Field {
    name: (u32, u32),
    value: (u32, u32),
}

impl Headers {
    /// No fields.
    pub const fn new() -> Headers {
        Headers { buffer: Vec::new(), fields: Vec::new(), is_wire: true }
    }

    /// No fields, with room for `bytes` of names and values in `fields` fields.
    pub fn with_capacity(fields: usize, bytes: usize) -> Headers {
        Headers { buffer: Vec::with_capacity(bytes), fields: Vec::with_capacity(fields), is_wire: true }
    }

    /// Adds a field behind those that are there, one of the same name included.
    ///
    /// # Errors
    /// [`Kind::InvalidHeader`] where the name is not a token, or the value holds CR, LF or NUL.
    pub fn append(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        let (name, value) = (name.as_ref(), value.as_ref());
        check_name(name)?;
        check_value(name, value)?;
        self.push(name, value)
    }

    /// Adds a field that need not follow the grammar, as old programs send them: only what would break the head is
    /// refused.
    ///
    /// # Errors
    /// [`Kind::InvalidHeader`] where the name is empty or holds a colon, white space, CR, LF or NUL, or the value holds
    /// CR, LF or NUL.
    pub fn append_lenient(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        let (name, value) = (name.as_ref(), value.as_ref());
        let breaks = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
        if name.is_empty()
            || !name.is_ascii()
            || name.iter().any(|byte| breaks(byte) || b": \t".contains(byte))
        {
            check_name(name)?;
        }
        if value.iter().any(breaks) {
            check_value(name, value)?;
        }
        self.push(name, value)
    }

    /// Puts a field in the place of the first of that name, drops the others, or adds it at the end.
    ///
    /// # Errors
    /// As [`Headers::append`].
    pub fn set(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        let (name, value) = (name.as_ref(), value.as_ref());
        check_name(name)?;
        check_value(name, value)?;
        let Some(first) = self.position(name) else { return self.push(name, value) };
        self.push(name, value)?;
        let replacement = self.fields.pop().expect("a field was pushed in the line above");
        self.is_wire = false;
        let mut index = 0;
        let (buffer, position) = (&self.buffer, first);
        self.fields.retain(|field| {
            let keep = index <= position || !buffer[range(field.name)].eq_ignore_ascii_case(name);
            index += 1;
            keep
        });
        self.fields[first] = replacement;
        Ok(())
    }

    /// Adds a field without looking at its bytes; for names and values that a parser or a constant vouches for.
    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        let start = self.buffer.len();
        let name_end = start + name.len();
        let value_end = name_end + BETWEEN.len() + value.len();
        check_size(value_end + LINE_END.len())?;
        self.buffer.reserve(value_end + LINE_END.len() - start);
        self.buffer.extend_from_slice(name);
        self.buffer.extend_from_slice(BETWEEN);
        self.buffer.extend_from_slice(value);
        self.buffer.extend_from_slice(LINE_END);
        let (name_end, value_end) = (name_end as u32, value_end as u32);
        let value_start = name_end + BETWEEN.len() as u32;
        self.fields.push(Field { name: (start as u32, name_end), value: (value_start, value_end) });
        Ok(())
    }

    /// Adds all fields of `other` behind those that are there. They were checked when they came there.
    ///
    /// # Errors
    /// [`Kind::HeadTooLarge`] beyond 4 GiB.
    pub fn extend(&mut self, other: &Headers) -> Result<()> {
        let offset = self.buffer.len();
        check_size(offset + other.buffer.len())?;
        self.is_wire &= other.is_wire;
        self.buffer.extend_from_slice(&other.buffer);
        let moved = |(start, end): (u32, u32)| (start + offset as u32, end + offset as u32);
        let fields = other.fields.iter();
        self.fields.extend(fields.map(|field| Field { name: moved(field.name), value: moved(field.value) }));
        Ok(())
    }

    /// The value of the first field of that name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.position(name.as_bytes()).map(|index| &self.buffer[range(self.fields[index].value)])
    }

    /// The value of the first field of that name, where it is UTF-8.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// The values of all fields of that name, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        let same = move |(other, _): &(&[u8], _)| other.eq_ignore_ascii_case(name.as_bytes());
        self.raw().filter(same).map(|(_, value)| value)
    }

    /// True where at least one field has that name.
    pub fn contains(&self, name: &str) -> bool {
        self.position(name.as_bytes()).is_some()
    }

    /// Drops all fields of that name; true where there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.fields.len();
        let buffer = &self.buffer;
        self.fields.retain(|field| !buffer[range(field.name)].eq_ignore_ascii_case(name.as_bytes()));
        let was_there = self.fields.len() != before;
        self.is_wire &= !was_there;
        was_there
    }

    /// All fields in order, as `(name, value)`.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> + '_ {
        self.fields.iter().map(|field| {
            let name = std::str::from_utf8(&self.buffer[range(field.name)]);
            (name.unwrap_or_default(), &self.buffer[range(field.value)])
        })
    }

    /// All fields in order, with names as bytes: for the codec, which compares and copies them as they are.
    pub(crate) fn raw(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> + '_ {
        self.fields.iter().map(|field| (&self.buffer[range(field.name)], &self.buffer[range(field.value)]))
    }

    /// Appends all fields as they go over the wire (RFC 9112 section 5).
    pub(crate) fn write(&self, into: &mut Vec<u8>) {
        if self.is_wire {
            return into.extend_from_slice(&self.buffer);
        }
        for (name, value) in self.raw() {
            into.extend_from_slice(name);
            into.extend_from_slice(BETWEEN);
            into.extend_from_slice(value);
            into.extend_from_slice(LINE_END);
        }
    }

    /// How many fields there are, duplicates counted.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    fn position(&self, name: &[u8]) -> Option<usize> {
        self.fields.iter().position(|field| {
            field.name.1 - field.name.0 == name.len() as u32
                && self.buffer[range(field.name)].eq_ignore_ascii_case(name)
        })
    }
}

/// The fields of a received head, while it is read: each is a pair of byte ranges in it.
pub(crate) struct Fields(Vec<Field>);

impl Fields {
    pub(crate) fn with_capacity(count: usize) -> Fields {
        Fields(Vec::with_capacity(count))
    }

    pub(crate) fn push(&mut self, name: Range<usize>, value: Range<usize>) {
        let pair = |range: Range<usize>| (range.start as u32, range.end as u32);
        self.0.push(Field { name: pair(name), value: pair(value) });
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes over `head`, which they are ranges of, by one copy.
    pub(crate) fn of(self, head: &[u8]) -> Headers {
        debug_assert!(u32::try_from(head.len()).is_ok(), "the parser limits heads");
        Headers { buffer: head.to_vec(), fields: self.0, is_wire: false }
    }
}

const BETWEEN: &[u8] = b": ";
const LINE_END: &[u8] = b"\r\n";

fn check_size(bytes: usize) -> Result<()> {
    if u32::try_from(bytes).is_err() {
        return Err(Error::new(Kind::HeadTooLarge).expected("less than 4 GiB of header fields"));
    }
    Ok(())
}

fn range(offsets: (u32, u32)) -> std::ops::Range<usize> {
    offsets.0 as usize..offsets.1 as usize
}

impl Default for Headers {
    fn default() -> Headers {
        Headers::new()
    }
}

/// Equal where the same fields come in the same order; names compare without case.
impl PartialEq for Headers {
    fn eq(&self, other: &Headers) -> bool {
        self.len() == other.len()
            && self.iter().zip(other.iter()).all(|(a, b)| a.0.eq_ignore_ascii_case(b.0) && a.1 == b.1)
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, value) in self.iter() {
            if is_secret(name) {
                map.entry(&name, &"…");
            } else {
                map.entry(&name, &value.escape_ascii().to_string());
            }
        }
        map.finish()
    }
}

/// True for fields whose value must not appear in a log, an error or a repr.
pub fn is_secret(name: &str) -> bool {
    SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

/// HTTP's own, and those that services are known to take in their stead.
const SECRETS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "private-token",
];

/// RFC 9110 section 5.1: `field-name = token`.
fn check_name(name: &[u8]) -> Result<()> {
    if is_token(name) {
        return Ok(());
    }
    Err(Error::new(Kind::InvalidHeader).expected("a token as the name of a header").seen(excerpt(name)))
}

/// RFC 9110 section 5.5: "Field values containing CR, LF, or NUL characters are invalid and dangerous".
///
/// Other control characters are refused as well, but for the tab. Bytes from 0x80 on are obs-text: allowed.
fn check_value(name: &[u8], value: &[u8]) -> Result<()> {
    let bad = value.iter().find(|byte| matches!(byte, 0..=8 | 10..=31 | 127));
    let edge = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if bad.is_none() && !edge(value.first()) {
        return Ok(());
    }
    let shown =
        if is_secret(&String::from_utf8_lossy(name)) { "(a secret)".to_owned() } else { excerpt(value) };
    Err(Error::new(Kind::InvalidHeader)
        .expected(format!(
            "a value without control characters or leading white space for the header {}",
            String::from_utf8_lossy(name)
        ))
        .seen(shown))
}

/// RFC 9110 section 5.6.2: `token = 1*tchar`.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| TOKEN[usize::from(byte)])
}

/// RFC 9110 section 5.6.2: `tchar`.
pub(crate) const TOKEN: [bool; 256] =
    byte_set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~");

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Headers {
        let mut headers = Headers::new();
        headers.append("Accept", "a").unwrap();
        headers.append("X-One", "1").unwrap();
        headers.append("accept", "b").unwrap();
        headers
    }

    fn listed(headers: &Headers) -> Vec<(String, Vec<u8>)> {
        headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
    }

    #[test]
    fn fields_of_another_list_come_behind() {
        let mut fields = Headers::new();
        fields.append("Host", "a").unwrap();
        let mut others = Headers::new();
        others.append("X-One", "1").unwrap();
        others.append("X-Two", "2").unwrap();
        others.remove("X-One");
        fields.extend(&others).unwrap();
        let all: Vec<_> = fields.iter().collect();
        assert_eq!(all, [("Host", &b"a"[..]), ("X-Two", b"2")]);
    }

    #[test]
    fn order_case_and_duplicates_are_kept() {
        let names: Vec<_> = listed(&sample()).into_iter().map(|field| field.0).collect();
        assert_eq!(names, ["Accept", "X-One", "accept"]);
        assert_eq!(sample().get_all("ACCEPT").collect::<Vec<_>>(), [b"a", b"b"]);
    }

    #[test]
    fn set_replaces_in_place_and_drops_duplicates() {
        let mut headers = sample();
        headers.set("ACCEPT", "c").unwrap();
        assert_eq!(listed(&headers), [("ACCEPT".into(), b"c".to_vec()), ("X-One".into(), b"1".to_vec())]);
    }

    #[test]
    fn remove_drops_all_of_a_name() {
        let mut headers = sample();
        assert!(headers.remove("ACCEPT"));
        assert!(!headers.remove("accept"));
        assert_eq!(headers.len(), 1);
    }

    #[test]
    fn what_goes_over_the_wire_is_what_is_listed() {
        let mut added = sample();
        added.extend(&sample()).unwrap();
        let mut replaced = sample();
        replaced.set("X-One", "other").unwrap();
        let mut removed = added.clone();
        removed.remove("accept");
        let mut found = Fields::with_capacity(1);
        found.push(17..18, 19..20);
        let received = found.of(b"HTTP/1.1 200 OK\r\nA:b\r\n");
        for headers in [Headers::new(), sample(), added, replaced, removed, received] {
            let mut wire = Vec::new();
            headers.write(&mut wire);
            let lines = listed(&headers).into_iter();
            let expected: Vec<u8> =
                lines.flat_map(|(name, value)| [name.as_bytes(), b": ", &value, b"\r\n"].concat()).collect();
            assert_eq!(wire.escape_ascii().to_string(), expected.escape_ascii().to_string());
        }
    }

    #[test]
    fn control_characters_are_refused_in_names_and_values() {
        let mut headers = Headers::new();
        for (name, value) in
            [("a b", "x"), ("", "x"), ("a:", "x"), ("a", "x\r\ny: z"), ("a", "\0"), ("a", " x")]
        {
            assert_eq!(
                headers.append(name, value).unwrap_err().kind(),
                Kind::InvalidHeader,
                "{name:?} {value:?}"
            );
        }
        assert!(headers.is_empty());
        headers.append("a", "caf\u{e9}\tx").unwrap();
    }

    #[test]
    fn debug_hides_secrets() {
        let mut headers = Headers::new();
        headers.append("Authorization", "Basic c2VjcmV0").unwrap();
        assert!(!format!("{headers:?}").contains("c2Vj"));
    }

    #[test]
    fn a_refused_secret_is_not_shown() {
        let error = Headers::new().append("Cookie", "hush\n").unwrap_err();
        assert!(!error.to_string().contains("hush"));
    }
}
