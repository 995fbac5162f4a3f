//! Percent-coding and query strings as Werkzeug treats them, under httpbin's `args`, `form` and `url`.
//!
//! Valid UTF-8 is decoded, bytes that are not stay percent-coded. Called by `message` and `inspection`.

/// Decodes every `%XX`; what is no valid escape stays as it is.
pub(in crate::origin) fn decode(text: &[u8]) -> Vec<u8> {
    decode_where(text, |_| true)
}

/// As `decode`, with bytes outside UTF-8 coded again (Werkzeug's error handler `werkzeug.url_quote`).
pub(in crate::origin) fn decode_text(text: &[u8]) -> String {
    let mut out = String::new();
    for chunk in decode(text).utf8_chunks() {
        out.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| push_escape(&mut out, *byte));
    }
    out
}

/// `urllib.parse.parse_qsl(text, keep_blank_values=True)`.
pub(in crate::origin) fn parse_pairs(text: &[u8]) -> Vec<(String, String)> {
    let decode_part = |part: &[u8]| {
        let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        decode_text(&spaced)
    };
    text.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            (decode_part(&pair[..equals]), decode_part(pair.get(equals + 1..).unwrap_or_default()))
        })
        .collect()
}

/// The path or query of a URL as `request.url` shows it: readable where that does not change the meaning.
pub(in crate::origin) fn readable(part: &[u8], kept: &[u8]) -> String {
    let coded = encode(part, b"!$&'()*+,/:;=?@%");
    let readable = decode_where(coded.as_bytes(), |byte| {
        byte > b' ' && byte != b'%' && byte != 0x7f && !kept.contains(&byte)
    });
    let mut out = String::new();
    for chunk in readable.utf8_chunks() {
        out.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| push_escape(&mut out, *byte));
    }
    out
}

/// `urllib.parse.quote(text, safe)`.
pub(in crate::origin) fn encode(text: &[u8], safe: &[u8]) -> String {
    let mut out = String::new();
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(byte) || safe.contains(byte) {
            out.push(char::from(*byte));
        } else {
            push_escape(&mut out, *byte);
        }
    }
    out
}

fn decode_where(text: &[u8], wanted: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut index = 0;
    while index < text.len() {
        match escape_at(&text[index..]) {
            Some(byte) if wanted(byte) => {
                out.push(byte);
                index += 3;
            }
            _ => {
                out.push(text[index]);
                index += 1;
            }
        }
    }
    out
}

fn escape_at(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

fn push_escape(out: &mut String, byte: u8) {
    let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
    out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_keep_blank_values_and_their_order() {
        let pairs = parse_pairs(b"b=1&&a=&c&d=e=f&%C3%A9=x+y%20z&bad=%FF%zz");
        let expected = [("b", "1"), ("a", ""), ("c", ""), ("d", "e=f"), ("é", "x y z"), ("bad", "%FF%zz")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_url_is_shown_readable_unless_that_changes_its_meaning() {
        assert_eq!(readable("/a b/é%2F".as_bytes(), b"/?#"), "/a%20b/é%2F");
        assert_eq!(readable(b"a=%26%C3%A9%FF%7e", b"&=+#"), "a=%26é%FF~");
    }
}
