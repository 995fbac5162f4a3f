//! JSON laid out for a reader's eyes, as it streams past: indentation, and colours on a terminal.
//!
//! Works on bytes as they come, in constant memory, so that any size works and numbers, the order of fields and
//! repeated names stay as the server sent them. Text that turns out not to be JSON goes through unchanged from there.
//! Several values one after the other (a stream of JSON lines) each begin a line.

use crate::style::Palette;

/// Spaces for each level.
const INDENT: usize = 4;

/// Deeper levels are not indented further: a hostile body of brackets must not become quadratic output.
const DEEPEST_INDENT: usize = 40;

/// Beyond this depth it is no JSON that anyone reads.
const DEEPEST: usize = 10_000;

/// Lays out one body.
#[derive(Debug)]
pub(crate) struct JsonView {
    palette: &'static Palette,
    place: Place,
    /// The brackets that are open.
    open: Vec<u8>,
    /// The innermost bracket was just opened: `{}` and `[]` stay on one line.
    just_opened: bool,
    /// The next string is the name of a field.
    name_next: bool,
    /// A value was written at the top level.
    begun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Between,
    String {
        escaped: bool,
    },
    /// A number, true, false or null.
    Word,
    /// Not JSON: nothing is changed any more.
    Verbatim,
}

impl JsonView {
    pub(crate) fn new(palette: &'static Palette) -> JsonView {
        JsonView {
            palette,
            place: Place::Between,
            open: Vec::new(),
            just_opened: false,
            name_next: false,
            begun: false,
        }
    }

    /// Lays out the next bytes of the body.
    pub(crate) fn feed(&mut self, bytes: &[u8], into: &mut Vec<u8>) {
        for (at, &byte) in bytes.iter().enumerate() {
            match self.place {
                Place::Between => self.between(byte, into),
                Place::String { escaped } => self.string(byte, escaped, into),
                Place::Word if byte.is_ascii_alphanumeric() || b"+-.".contains(&byte) => into.push(byte),
                Place::Word => {
                    self.paint(self.palette.reset, into);
                    self.place = Place::Between;
                    self.between(byte, into);
                }
                Place::Verbatim => return into.extend_from_slice(&bytes[at..]),
            }
        }
    }

    /// Ends a colour that the body's end left open.
    pub(crate) fn finish(&mut self, into: &mut Vec<u8>) {
        match self.place {
            Place::Between | Place::Verbatim => {}
            Place::String { .. } | Place::Word => self.paint(self.palette.reset, into),
        }
    }

    fn between(&mut self, byte: u8, into: &mut Vec<u8>) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'{' | b'[' if self.open.len() < DEEPEST => {
                self.begin_value(into);
                into.push(byte);
                self.open.push(byte);
                self.just_opened = true;
                self.name_next = byte == b'{';
            }
            b'}' | b']' if self.open.last() == Some(&opener(byte)) => {
                self.open.pop();
                if !std::mem::take(&mut self.just_opened) {
                    self.break_line(into);
                }
                into.push(byte);
                self.name_next = false;
            }
            b',' if !self.open.is_empty() => {
                into.push(b',');
                self.break_line(into);
                self.name_next = self.open.last() == Some(&b'{');
            }
            b':' if !self.open.is_empty() => {
                into.extend_from_slice(b": ");
                self.name_next = false;
            }
            b'"' if !self.open.is_empty() => {
                self.begin_value(into);
                let colour = if self.name_next { self.palette.name } else { self.palette.text };
                self.paint(colour, into);
                into.push(byte);
                self.place = Place::String { escaped: false };
            }
            _ if !self.open.is_empty() && (byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) => {
                self.begin_value(into);
                self.paint(self.palette.number, into);
                into.push(byte);
                self.place = Place::Word;
            }
            _ => {
                into.push(byte);
                self.place = Place::Verbatim;
            }
        }
    }

    fn string(&mut self, byte: u8, escaped: bool, into: &mut Vec<u8>) {
        if byte < 0x20 || byte == 0x7f {
            // JSON forbids them here, and a terminal would obey them.
            into.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        } else {
            into.push(byte);
        }
        self.place = match byte {
            b'"' if !escaped => {
                self.paint(self.palette.reset, into);
                Place::Between
            }
            _ => Place::String { escaped: byte == b'\\' && !escaped },
        };
    }

    /// The first value inside a bracket begins a line, as does each value at the top level.
    fn begin_value(&mut self, into: &mut Vec<u8>) {
        if std::mem::take(&mut self.just_opened) || (self.open.is_empty() && self.begun) {
            self.break_line(into);
        }
        self.begun = true;
    }

    fn break_line(&self, into: &mut Vec<u8>) {
        into.push(b'\n');
        into.resize(into.len() + INDENT * self.open.len().min(DEEPEST_INDENT), b' ');
    }

    fn paint(&self, colour: &str, into: &mut Vec<u8>) {
        into.extend_from_slice(colour.as_bytes());
    }
}

fn opener(closer: u8) -> u8 {
    if closer == b'}' { b'{' } else { b'[' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style;

    fn laid_out(pieces: &[&[u8]]) -> String {
        let (mut view, mut text) = (JsonView::new(&style::PLAIN), Vec::new());
        for piece in pieces {
            view.feed(piece, &mut text);
        }
        view.finish(&mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn fields_and_elements_each_get_a_line() {
        let text = laid_out(&[br#"{"a":[1,{"b":null}],"c" : "x:{,y","d":{},"e":[ ]}"#]);
        let expected = "{\n    \"a\": [\n        1,\n        {\n            \"b\": null\n        }\n    ],\n    \"c\": \"x:{,y\",\n    \"d\": {},\n    \"e\": []\n}";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_cut_of_the_pieces_does_not_matter() {
        let body = r#"{"ключ": ["a\"b\\", -1.5e3, true], "empty": {}} {"n": 1}"#.as_bytes();
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(laid_out(&[body]), laid_out(&bytes));
    }

    #[test]
    fn several_values_each_begin_a_line() {
        assert_eq!(laid_out(&[b"{\"a\": 1}\n{\"a\": 2}\n"]), "{\n    \"a\": 1\n}\n{\n    \"a\": 2\n}");
    }

    #[test]
    fn what_is_not_json_stays_as_it_is() {
        for text in ["<html>\n  <b> </html>", "plain \"text\"", "}{", "42", ""] {
            assert_eq!(laid_out(&[text.as_bytes()]), text);
        }
        assert!(laid_out(&[b"{\"a\": <b>  </b>"]).ends_with("<b>  </b>"));
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(laid_out(&[b"[\"\x1b[2J\x7f\"]"]), "[\n    \"\\u001b[2J\\u007f\"\n]");
    }

    #[test]
    fn a_body_of_brackets_stays_small() {
        let text = laid_out(&[&[b'['; 100_000]]);
        assert!(text.len() < 100_000 + DEEPEST * (DEEPEST_INDENT * INDENT + 2), "{}", text.len());
    }

    #[test]
    fn colours_end_where_their_token_ends() {
        let (mut view, mut text) = (JsonView::new(&style::COLOURED), Vec::new());
        view.feed(b"{\"a\":1", &mut text);
        view.finish(&mut text);
        let style = &style::COLOURED;
        let expected =
            format!("{{\n    {}\"a\"{}: {}1{}", style.name, style.reset, style.number, style.reset);
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
