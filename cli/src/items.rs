//! The grammar of request items, HTTPie's: what one word after the URL adds to a request.
//!
//! | item | adds |
//! |---|---|
//! | `Name:value` | a header; `Name:` leaves one out, `Name;` sends one without a value |
//! | `name==value` | a parameter of the query |
//! | `name=value` | a field of the JSON body, as text; with `--form`, a field of the form |
//! | `name:=json` | a field of the JSON body, as it stands |
//! | `name@path` | a file of the form (`;type=…` names its media type) |
//! | `@path` | a file as the whole body |
//!
//! `:@`, `==@`, `=@` and `:=@` take the value from a file. A backslash takes the meaning from a separator's
//! character: `a\:b=c`. Decides what a word means; reading files is `content`, the request is `compose`.

/// What an item adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Header,
    /// `Name;`
    EmptyHeader,
    Query,
    /// Text in a JSON body or in a form.
    Field,
    /// JSON as it stands.
    Json,
    File,
}

/// Where an item's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Literal,
    /// The value is the path of a file that holds it.
    Path,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) part: Part,
    pub(crate) origin: Origin,
    pub(crate) value: String,
}

/// The separators, of two that begin at one place the longer first.
const SEPARATORS: [(&str, Part, Origin); 10] = [
    (":=@", Part::Json, Origin::Path),
    ("==@", Part::Query, Origin::Path),
    (":=", Part::Json, Origin::Literal),
    ("==", Part::Query, Origin::Literal),
    ("=@", Part::Field, Origin::Path),
    (":@", Part::Header, Origin::Path),
    (":", Part::Header, Origin::Literal),
    ("=", Part::Field, Origin::Literal),
    ("@", Part::File, Origin::Path),
    (";", Part::EmptyHeader, Origin::Literal),
];

/// Reads one item; the first separator that no backslash precedes divides it.
pub(crate) fn parse(word: &str) -> Result<Item, String> {
    let mut name = String::new();
    let mut rest = word;
    while !rest.is_empty() {
        if let Some((separator, part, origin)) = separator(rest) {
            let value = unescape(&rest[separator.len()..]);
            return check(Item { name, part, origin, value }, word);
        }
        rest = take(rest, &mut name);
    }
    Err(format!(
        "{word:?} is not a request item: expected name=value, name:=json, Header:value, name==value or name@file"
    ))
}

impl Item {
    /// True for what goes into the body, and so makes the method POST.
    pub(crate) fn is_data(&self) -> bool {
        match self.part {
            Part::Field | Part::Json | Part::File => true,
            Part::Header | Part::EmptyHeader | Part::Query => false,
        }
    }
}

fn separator(text: &str) -> Option<(&'static str, Part, Origin)> {
    SEPARATORS.into_iter().find(|(separator, ..)| text.starts_with(separator))
}

fn check(item: Item, word: &str) -> Result<Item, String> {
    match item.part {
        Part::EmptyHeader if !item.value.is_empty() => Err(format!(
            "{word:?} is not a request item: \"Name;\" sends a header without a value, and takes none"
        )),
        Part::Header | Part::EmptyHeader | Part::Query if item.name.is_empty() => {
            Err(format!("{word:?} is not a request item: a name is missing before the separator"))
        }
        Part::Header | Part::EmptyHeader | Part::Query | Part::Field | Part::Json | Part::File => Ok(item),
    }
}

fn unescape(mut text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    while !text.is_empty() {
        text = take(text, &mut value);
    }
    value
}

/// Moves one character from the front of `text` to `into`. Of a backslash and a character of a separator only the
/// latter; of a backslash and anything else both, so that Windows' paths and doubled backslashes stay as they are.
fn take<'a>(text: &'a str, into: &mut String) -> &'a str {
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return text };
    if first != '\\' {
        into.push(first);
        return characters.as_str();
    }
    match characters.next() {
        Some(next) if ":;=@".contains(next) => into.push(next),
        next => into.extend([Some(first), next].into_iter().flatten()),
    }
    characters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(word: &str) -> (String, Part, String) {
        let item = parse(word).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(item.origin, Origin::Literal, "{word}");
        (item.name, item.part, item.value)
    }

    fn expect(word: &str, name: &str, part: Part, value: &str) {
        assert_eq!(parts(word), (name.into(), part, value.into()), "{word}");
    }

    #[test]
    fn each_separator_has_its_meaning() {
        expect("name=John", "name", Part::Field, "John");
        expect("age:=3", "age", Part::Json, "3");
        expect("X-Trace:1", "X-Trace", Part::Header, "1");
        expect("Accept:", "Accept", Part::Header, "");
        expect("Accept;", "Accept", Part::EmptyHeader, "");
        expect("page==2", "page", Part::Query, "2");
        expect("name=", "name", Part::Field, "");
    }

    #[test]
    fn values_may_come_from_files() {
        for (word, part) in [
            ("a=@f", Part::Field),
            ("a:=@f", Part::Json),
            ("a:@f", Part::Header),
            ("a==@f", Part::Query),
            ("a@f", Part::File),
            ("@f", Part::File),
        ] {
            let item = parse(word).unwrap();
            assert_eq!((item.part, item.origin, item.value.as_str()), (part, Origin::Path, "f"), "{word}");
        }
    }

    #[test]
    fn the_first_separator_divides_and_of_two_at_one_place_the_longer() {
        expect("a=b==c:d", "a", Part::Field, "b==c:d");
        expect("time:12:30", "time", Part::Header, "12:30");
        expect("a:=[\"x=y\"]", "a", Part::Json, "[\"x=y\"]");
        expect("Referer:http://a/?b==c", "Referer", Part::Header, "http://a/?b==c");
    }

    #[test]
    fn a_backslash_takes_the_meaning_from_a_separator() {
        expect(r"a\:b=c", "a:b", Part::Field, "c");
        expect(r"a\=\=b=c", "a==b", Part::Field, "c");
        expect(r"a\@b==c\:d", "a@b", Part::Query, "c:d");
    }

    #[test]
    fn a_backslash_before_anything_else_stays() {
        expect(r"path=C:\temp\x", "path", Part::Field, r"C:\temp\x");
        expect(r"a\\:b", r"a\\", Part::Header, "b");
        expect("a=b\\", "a", Part::Field, "b\\");
    }

    #[test]
    fn words_that_are_no_items_are_refused() {
        for word in ["", "plain", r"a\=b", ":value", "==value", "Name;value"] {
            assert!(parse(word).is_err(), "{word}");
        }
    }
}
