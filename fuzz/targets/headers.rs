//! `Headers` against a plain list of pairs: random operations must leave both with the same fields.

#![no_main]

use arbitrary::Arbitrary;
use entreat_core::{Headers, Kind};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Operation<'a> {
    Append(Name, &'a [u8]),
    Set(Name, &'a [u8]),
    Remove(Name),
    AppendAnything(&'a [u8], &'a [u8]),
}

/// Few names, so that they meet; some differ only in case.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Name {
    Accept,
    AcceptLower,
    Cookie,
    One,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Name::Accept => "Accept",
            Name::AcceptLower => "accept",
            Name::Cookie => "COOKIE",
            Name::One => "x",
        }
    }
}

type Model = Vec<(String, Vec<u8>)>;

fuzz_target!(|operations: Vec<Operation<'_>>| {
    let (mut headers, mut model) = (Headers::new(), Model::new());
    for operation in operations {
        apply(operation, &mut headers, &mut model);
        check(&headers, &model);
    }
});

fn apply(operation: Operation<'_>, headers: &mut Headers, model: &mut Model) {
    match operation {
        Operation::Append(name, value) => {
            if expect(headers.append(name.text(), value), value) {
                model.push((name.text().to_owned(), value.to_vec()));
            }
        }
        Operation::Set(name, value) => {
            if expect(headers.set(name.text(), value), value) {
                let same = |field: &(String, Vec<u8>)| field.0.eq_ignore_ascii_case(name.text());
                let first = model.iter().position(same).unwrap_or(model.len());
                model.retain(|field| !same(field));
                model.insert(first, (name.text().to_owned(), value.to_vec()));
            }
        }
        Operation::Remove(name) => {
            let before = model.len();
            model.retain(|field| !field.0.eq_ignore_ascii_case(name.text()));
            assert_eq!(headers.remove(name.text()), model.len() != before);
        }
        Operation::AppendAnything(name, value) => match headers.append(name, value) {
            Ok(()) => {
                model.push((String::from_utf8(name.to_vec()).expect("a token is ASCII"), value.to_vec()))
            }
            Err(error) => assert_eq!(error.kind(), Kind::InvalidHeader),
        },
    }
}

/// Checks that a value was taken where RFC 9110 section 5.5 allows it, and only there.
fn expect(outcome: entreat_core::Result<()>, value: &[u8]) -> bool {
    let control = value.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127));
    if outcome.is_ok() {
        assert!(!control, "{}", value.escape_ascii());
    } else {
        let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        assert!(control || blank(value.first()) || blank(value.last()), "{}", value.escape_ascii());
    }
    outcome.is_ok()
}

fn check(headers: &Headers, model: &Model) {
    let listed: Model = headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
    assert_eq!(&listed, model);
    for (name, _) in model {
        let same = |field: &&(String, Vec<u8>)| field.0.eq_ignore_ascii_case(name);
        let values: Vec<&[u8]> = model.iter().filter(same).map(|field| &field.1[..]).collect();
        assert_eq!(headers.get(&name.to_ascii_uppercase()), Some(values[0]));
        assert_eq!(headers.get_all(name).collect::<Vec<_>>(), values);
    }
    let shown = format!("{headers:?}");
    assert!(shown.is_ascii() || shown.contains('…'));
}
