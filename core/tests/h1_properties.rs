//! The codec against random messages: what is written is read back, wherever the network cuts it.

use entreat_core::h1::{
    BodyDecoder, Framing, HeadLimits, HeadParser, LAST_CHUNK, Verdict, decide, write_chunk, write_head,
};
use entreat_core::{Headers, Kind, ResponseHead, Result, Version};
use proptest::collection::vec;
use proptest::prelude::*;

/// Field names: tokens (RFC 9110 section 5.6.2).
fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,20}"
}

/// Field values: visible ASCII, inner blanks and obs-text, without blanks at the edges.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![8 => 0x20..0x7fu8, 1 => Just(b'\t'), 1 => 0x80..=0xffu8];
    vec(byte, 0..40).prop_map(|bytes| bytes.trim_ascii().to_vec())
}

fn fields() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    vec((name(), value()), 0..80)
}

fn headers(fields: &[(String, Vec<u8>)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.append(name, value).expect("the strategies make sound fields");
    }
    headers
}

/// The same fields, with names compared by the letter, which `Headers` themselves do not.
fn listed(headers: &Headers) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("\r\n"), 1 => Just("\n")]
}

/// Offsets at which a message arrives in pieces: sorted, the last one its length.
fn cuts(length: usize, points: &[prop::sample::Index]) -> Vec<usize> {
    let mut cuts: Vec<usize> = points.iter().map(|point| point.index(length + 1)).collect();
    cuts.push(length);
    cuts.sort_unstable();
    cuts
}

fn parse_in_pieces(wire: &[u8], cuts: &[usize]) -> Result<Option<(ResponseHead, usize)>> {
    let mut parser = HeadParser::new(HeadLimits::default());
    for &end in cuts {
        if let Some(found) = parser.parse(&wire[..end])? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Feeds a body in pieces; gives its data, how much of the wire it took, and whether it was done.
fn decode_in_pieces(framing: Framing, wire: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, usize, bool)> {
    let mut decoder = BodyDecoder::new(framing);
    let (mut data, mut position) = (Vec::new(), 0);
    for &end in cuts {
        while position < end && !decoder.is_done() {
            // Every other piece goes the way of the engine's large reads: past the decoder.
            let direct = (decoder.direct() as usize).min(end - position);
            if direct > 0 && end % 2 == 0 {
                data.extend_from_slice(&wire[position..position + direct]);
                decoder.advance(direct as u64);
                position += direct;
            } else {
                let decoded = decoder.decode(&wire[position..end])?;
                data.extend_from_slice(&wire[position..end][decoded.data]);
                position += decoded.consumed;
            }
        }
    }
    assert_eq!(decoder.received(), data.len() as u64);
    Ok((data, position, decoder.is_done()))
}

/// What heads are made of, and what spoils them.
const PIECES: &[&str] =
    &["HTTP/1.1 200 OK", "HTTP/1.", "\r\n", "\n", "A: b", " folded", ": ", "\r", "\0", "\r\n\r\n"];

proptest! {
    #[test]
    fn a_head_that_was_built_is_read_back(
        status in 100..=999u16,
        reason in value(),
        fields in fields(),
        end in line_end(),
        trailing in vec(any::<u8>(), 0..30),
        points in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut wire = format!("HTTP/1.1 {status} ").into_bytes();
        wire.extend_from_slice(&reason);
        wire.extend_from_slice(end.as_bytes());
        for (name, value) in &fields {
            wire.extend_from_slice(&[name.as_bytes(), b": ", value, end.as_bytes()].concat());
        }
        wire.extend_from_slice(end.as_bytes());
        let length = wire.len();
        wire.extend_from_slice(&trailing);
        let (head, consumed) = parse_in_pieces(&wire, &cuts(wire.len(), &points)).unwrap().unwrap();
        prop_assert_eq!((head.version, head.status, consumed), (Version::Http11, status, length));
        prop_assert_eq!(head.reason, reason);
        prop_assert_eq!(listed(&head.headers), fields);
    }

    #[test]
    fn a_request_that_was_written_holds_its_fields(fields in fields(), target in "/[!-~]{0,40}") {
        let mut wire = Vec::new();
        write_head(&mut wire, "GET", &target, &headers(&fields));
        let mut slots = vec![httparse::EMPTY_HEADER; 80];
        let mut request = httparse::Request::new(&mut slots);
        prop_assert_eq!(request.parse(&wire), Ok(httparse::Status::Complete(wire.len())));
        prop_assert_eq!((request.method, request.path), (Some("GET"), Some(&target[..])));
        let read: Vec<_> =
            request.headers.iter().map(|field| (field.name.to_owned(), field.value.to_vec())).collect();
        prop_assert_eq!(read, fields);
    }

    #[test]
    fn cutting_a_head_changes_nothing_even_where_it_is_malformed(
        wire in vec(prop::sample::select(PIECES), 0..12),
        points in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let wire = wire.concat().into_bytes();
        let whole = HeadParser::new(HeadLimits::default()).parse(&wire);
        match (whole, parse_in_pieces(&wire, &cuts(wire.len(), &points))) {
            (Ok(whole), Ok(pieces)) => prop_assert_eq!(whole, pieces),
            (Err(whole), Err(pieces)) => prop_assert_eq!(whole.kind(), pieces.kind()),
            // In pieces, a fault is found when the line that holds it is complete, or later; never a head.
            (Err(_), Ok(pieces)) => prop_assert_eq!(pieces, None),
            (Ok(whole), Err(error)) => prop_assert!(false, "{whole:?} {error:?}"),
        }
    }

    #[test]
    fn chunks_that_were_written_become_their_data(
        pieces in vec(vec(any::<u8>(), 0..300), 0..10),
        trailing in vec(any::<u8>(), 0..30),
        points in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut wire = Vec::new();
        for piece in &pieces {
            write_chunk(&mut wire, piece);
        }
        wire.extend_from_slice(LAST_CHUNK);
        let length = wire.len();
        wire.extend_from_slice(&trailing);
        let decoded = decode_in_pieces(Framing::Chunked, &wire, &cuts(wire.len(), &points)).unwrap();
        prop_assert_eq!(decoded, (pieces.concat(), length, true));
    }

    #[test]
    fn random_bytes_are_never_taken_for_a_complete_chunked_body_of_another_length(
        wire in "[0-9a-f;x \r\n]{0,40}",
        points in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let wire = wire.as_bytes();
        let whole = decode_in_pieces(Framing::Chunked, wire, &[wire.len()]);
        match (whole, decode_in_pieces(Framing::Chunked, wire, &cuts(wire.len(), &points))) {
            (Ok(whole), Ok(pieces)) => prop_assert_eq!(whole, pieces),
            (Err(whole), Err(pieces)) => prop_assert_eq!(whole.kind(), pieces.kind()),
            (whole, pieces) => prop_assert!(false, "{whole:?} {pieces:?}"),
        }
    }

    #[test]
    fn a_length_takes_its_bytes_and_no_more(
        wire in vec(any::<u8>(), 0..300),
        length in 1..300u64,
        points in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (data, consumed, done) =
            decode_in_pieces(Framing::Length(length), &wire, &cuts(wire.len(), &points)).unwrap();
        let expected = wire.len().min(length as usize);
        prop_assert_eq!((&data[..], consumed), (&wire[..expected], expected));
        prop_assert_eq!(done, wire.len() as u64 >= length);
    }

    #[test]
    fn a_length_is_its_digits_or_an_error(value in "[0-9+, x-]{1,22}") {
        let mut headers = Headers::new();
        if headers.append("Content-Length", value.trim()).is_ok() {
            let head = ResponseHead { version: Version::Http11, status: 200, reason: Default::default(), headers };
            let mut numbers = value.split(',').map(|item| {
                let item = item.trim();
                item.bytes().all(|byte| byte.is_ascii_digit()).then(|| item.parse::<u64>().ok()).flatten()
            });
            let first = numbers.next().flatten();
            let same = first.is_some() && numbers.all(|number| number == first);
            match decide("GET", &head) {
                Ok(Verdict { framing: Framing::Length(length), .. }) => prop_assert!(same && first == Some(length)),
                Ok(Verdict { framing, .. }) => prop_assert!(same && first == Some(0) && framing == Framing::Empty),
                Err(error) => prop_assert!(!same && error.kind() == Kind::MalformedResponse),
            }
        }
    }
}
