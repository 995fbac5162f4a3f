//! JSON as Python reads and prints it, because httpbin's bodies are Python's.
//!
//! A number keeps the digits of an integer of any size; a float is printed by Python's `repr`. Two layouts:
//! flask's `jsonify` (keys sorted, no spaces, line feed at the end) and `json.dumps` (keys in order, `, ` and `: `).
//! Both escape everything outside ASCII. Called by the routes and by `inspection`; knows no HTTP.

use std::fmt::Write as _;

#[derive(Clone, Debug, PartialEq)]
pub(in crate::origin) enum Json {
    Null,
    Bool(bool),
    /// The text as Python would print it.
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(in crate::origin) fn text(value: impl Into<String>) -> Self {
        Self::Text(value.into())
    }

    pub(in crate::origin) fn number(value: impl std::fmt::Display) -> Self {
        Self::Number(value.to_string())
    }

    pub(in crate::origin) fn object<const N: usize>(members: [(&str, Json); N]) -> Self {
        Self::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// `json.loads`; `None` where Python raises.
    pub(in crate::origin) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { rest: text, depth: 0 };
        let value = parser.value()?;
        parser.skip_whitespace();
        parser.rest.is_empty().then_some(value)
    }

    /// flask's `jsonify`.
    pub(in crate::origin) fn jsonify(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, &Layout { item: ",", member: ":", sorted: true });
        out.push('\n');
        out
    }

    /// Python's `json.dumps` with its defaults.
    pub(in crate::origin) fn dumps(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, &Layout { item: ", ", member: ": ", sorted: false });
        out
    }

    fn write(&self, out: &mut String, layout: &Layout) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(digits) => out.push_str(digits),
            Self::Text(text) => write_text(out, text),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { layout.item });
                    item.write(out, layout);
                }
                out.push(']');
            }
            Self::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                if layout.sorted {
                    members.sort_by(|left, right| left.0.cmp(&right.0));
                }
                out.push('{');
                for (index, (name, value)) in members.into_iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { layout.item });
                    write_text(out, name);
                    out.push_str(layout.member);
                    value.write(out, layout);
                }
                out.push('}');
            }
        }
    }
}

struct Layout {
    item: &'static str,
    member: &'static str,
    sorted: bool,
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    /// Python gives up at its recursion limit of 1000 frames; so do we, before the stack does.
    const DEEPEST: usize = 900;

    fn skip_whitespace(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, literal: &str) -> bool {
        match self.rest.strip_prefix(literal) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self) -> Option<Json> {
        self.skip_whitespace();
        self.depth += 1;
        if self.depth > Self::DEEPEST {
            return None;
        }
        let value = match self.rest.bytes().next()? {
            b'{' => self.members()?,
            b'[' => self.items()?,
            b'"' => Json::Text(self.string()?),
            _ => self.word()?,
        };
        self.depth -= 1;
        Some(value)
    }

    fn word(&mut self) -> Option<Json> {
        let words = [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))];
        for (word, value) in words {
            if self.take(word) {
                return Some(value);
            }
        }
        // Python reads and prints these three, though RFC 8259 knows no such numbers.
        for word in ["NaN", "Infinity", "-Infinity"] {
            if self.take(word) {
                return Some(Json::number(word));
            }
        }
        self.number()
    }

    fn members(&mut self) -> Option<Json> {
        self.take("{");
        let mut members: Vec<(String, Json)> = Vec::new();
        self.skip_whitespace();
        if self.take("}") {
            return Some(Json::Object(members));
        }
        loop {
            self.skip_whitespace();
            let name = self.string()?;
            self.skip_whitespace();
            if !self.take(":") {
                return None;
            }
            let value = self.value()?;
            match members.iter_mut().find(|member| member.0 == name) {
                Some(member) => member.1 = value,
                None => members.push((name, value)),
            }
            self.skip_whitespace();
            if self.take("}") {
                return Some(Json::Object(members));
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn items(&mut self) -> Option<Json> {
        self.take("[");
        let mut items = Vec::new();
        self.skip_whitespace();
        if self.take("]") {
            return Some(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.skip_whitespace();
            if self.take("]") {
                return Some(Json::Array(items));
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        if !self.take("\"") {
            return None;
        }
        let mut text = String::new();
        loop {
            let mut characters = self.rest.chars();
            let character = characters.next()?;
            self.rest = characters.as_str();
            match character {
                '"' => return Some(text),
                '\\' => text.push(self.escape()?),
                '\0'..='\u{1f}' => return None,
                _ => text.push(character),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let character = characters.next()?;
        self.rest = characters.as_str();
        Some(match character {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '"' | '\\' | '/' => character,
            'u' => {
                let high = self.hexadecimal()?;
                let low = match high {
                    0xd800..=0xdbff if self.take("\\u") => Some(self.hexadecimal()?),
                    _ => None,
                };
                let units = std::iter::once(high).chain(low);
                // A lone surrogate, which Python keeps, has no place in a Rust string: then this is no JSON to us.
                return char::decode_utf16(units).next()?.ok();
            }
            _ => return None,
        })
    }

    fn hexadecimal(&mut self) -> Option<u16> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
    }

    fn number(&mut self) -> Option<Json> {
        let bytes = self.rest.as_bytes();
        let digits_from =
            |start: usize| bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut end = usize::from(bytes.first() == Some(&b'-'));
        let whole = digits_from(end);
        match whole {
            0 => return None,
            _ if bytes[end] == b'0' => end += 1,
            _ => end += whole,
        }
        let integer_end = end;
        if bytes.get(end) == Some(&b'.') && digits_from(end + 1) > 0 {
            end += 1 + digits_from(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if end + 1 + sign < bytes.len() && digits_from(end + 1 + sign) > 0 {
                end += 1 + sign + digits_from(end + 1 + sign);
            }
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        if end == integer_end {
            Some(Json::number(if text == "-0" { "0" } else { text }))
        } else {
            Some(float(text.parse().ok()?))
        }
    }
}

/// Python's `repr` of a float: the shortest digits, an exponent of at least two digits outside 1e-4..1e16.
pub(in crate::origin) fn float(value: f64) -> Json {
    if value.is_infinite() {
        return Json::number(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return Json::number(value) };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    Json::Number(if (-4..16).contains(&exponent) {
        format!("{value:?}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reprinted(text: &str) -> Option<String> {
        Json::parse(text).map(|value| value.dumps())
    }

    #[test]
    fn numbers_are_printed_as_python_prints_them() {
        let text = "[1.0, 1e5, 1E400, 1e16, 0.00001, 0.0001, 123456789012345678901234567890, -0, -0.0]";
        let expected =
            "[1.0, 100000.0, Infinity, 1e+16, 1e-05, 0.0001, 123456789012345678901234567890, 0, -0.0]";
        assert_eq!(reprinted(text).as_deref(), Some(expected));
    }

    #[test]
    fn text_outside_ascii_is_escaped_in_utf_16_units() {
        assert_eq!(
            reprinted("\"é😀\\ud83d\\ude00\\n\"").as_deref(),
            Some(r#""\u00e9\ud83d\ude00\ud83d\ude00\n""#)
        );
    }

    #[test]
    fn what_python_refuses_is_refused() {
        for text in ["", "{", "[1,]", "01", "1.", "\"\n\"", "{\"a\" 1}", "nul", "[1] x", "+1", "\"\\x\""] {
            assert_eq!(reprinted(text), None, "{text:?}");
        }
    }

    #[test]
    fn jsonify_sorts_keys_and_ends_with_a_line_feed() {
        let value = Json::parse("{\"b\": 1, \"a\": [1, {\"d\": 2, \"c\": null}]}").expect("is JSON");
        assert_eq!(value.jsonify(), "{\"a\":[1,{\"c\":null,\"d\":2}],\"b\":1}\n");
    }

    #[test]
    fn nesting_without_end_is_refused_instead_of_overflowing_the_stack() {
        assert_eq!(reprinted(&"[".repeat(100_000)), None);
    }
}
