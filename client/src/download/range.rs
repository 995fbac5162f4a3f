//! What an answer means for a file of which some is there: its rest, all of it, or something else.

use entreat_core::Headers;

/// What is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) length: u64,
    /// The ETag or the Last-Modified that its version had.
    pub(super) validator: &'a str,
    /// The whole will be compared with a checksum.
    pub(super) is_checked: bool,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of it comes, from the start.
    Whole,
    /// What is missing comes, or the next part of that: up to `end` bytes of the whole.
    Rest { end: u64, total: Option<u64> },
    /// Nothing is missing.
    Complete,
    /// What is there is of no use, and nor is this answer: ask for all of it.
    Anew,
    /// This is no download.
    Refused,
}

/// Decides about an answer to a request for the rest of what `begun` tells of, or for all of it.
pub(super) fn judge(status: u16, headers: &Headers, begun: Option<Facts<'_>>) -> Verdict {
    match (status, begun) {
        (206, Some(facts)) => rest(headers, facts),
        (416, Some(facts)) => unsatisfiable(headers, facts),
        // RFC 9110 section 14.2: "A server MAY ignore the Range header field."
        (200..=205 | 207..=299, _) => Verdict::Whole,
        _ => Verdict::Refused,
    }
}

/// RFC 9110 section 15.3.7.1: "If a single part is being transferred, the server generating the 206 response MUST generate a
/// Content-Range header field, describing what range of the selected representation is enclosed".
fn rest(headers: &Headers, facts: Facts<'_>) -> Verdict {
    let found = headers.get_str("Content-Range").and_then(content_range);
    let Some(ContentRange { range: Some((first, last)), total }) = found else { return Verdict::Anew };
    let fits = first == facts.length && last >= first && total.is_none_or(|total| last < total);
    match fits && !headers.contains("Content-Encoding") && seen(headers, facts) != Some(false) {
        // Where the total is unknown, what was asked for is all that there is.
        true => Verdict::Rest { end: last.saturating_add(1), total },
        false => Verdict::Anew,
    }
}

/// RFC 9110 section 15.5.17: "A server that generates a 416 response to a byte-range request SHOULD generate a Content-Range
/// header field specifying the current length of the selected representation". Some servers look at the range before they
/// look at If-Range, so that the length alone proves nothing.
fn unsatisfiable(headers: &Headers, facts: Facts<'_>) -> Verdict {
    let total = headers.get_str("Content-Range").and_then(content_range).and_then(|found| found.total);
    let is_same = match seen(headers, facts) {
        Some(is_same) => is_same,
        None => facts.is_checked,
    };
    match total == Some(facts.length) && is_same {
        true => Verdict::Complete,
        false => Verdict::Anew,
    }
}

/// Whether the answer is about the version that is there, where it says so.
fn seen(headers: &Headers, facts: Facts<'_>) -> Option<bool> {
    let field = if facts.validator.starts_with('"') { "ETag" } else { "Last-Modified" };
    headers.get_str(field).map(|value| value == facts.validator)
}

/// The first and the last byte of a range, and how many there are in all.
struct ContentRange {
    range: Option<(u64, u64)>,
    total: Option<u64>,
}

/// RFC 9110 section 14.4: `bytes 42-1233/1234`, `bytes 42-1233/*`, or `bytes */1234`.
fn content_range(value: &str) -> Option<ContentRange> {
    let (unit, rest) = value.trim().split_once(' ')?;
    let (range, total) = rest.trim().split_once('/')?;
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let total = if total == "*" { None } else { Some(number(total)?) };
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    match range {
        "*" => Some(ContentRange { range: None, total }),
        range => {
            let (first, last) = range.split_once('-')?;
            Some(ContentRange { range: Some((number(first)?, number(last)?)), total })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(status: u16, fields: &[(&str, &str)]) -> Verdict {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.append(name, value).unwrap();
        }
        judge(status, &headers, Some(Facts { length: 5, validator: "\"v1\"", is_checked: false }))
    }

    #[test]
    fn a_rest_must_begin_where_the_file_ends_and_be_of_the_same_version() {
        let rest = |end, total| Verdict::Rest { end, total };
        assert_eq!(decide(206, &[("Content-Range", "bytes 5-8/9")]), rest(9, Some(9)));
        assert_eq!(decide(206, &[("Content-Range", "bytes 5-6/9"), ("ETag", "\"v1\"")]), rest(7, Some(9)));
        assert_eq!(decide(206, &[("Content-Range", "Bytes 5-8/*")]), rest(9, None));
        for wrong in [
            "bytes 4-8/9",
            "bytes 6-8/9",
            "bytes 5-4/9",
            "bytes 5-9/9",
            "bytes */9",
            "lines 5-8/9",
            "5-8/9",
            "",
        ] {
            assert_eq!(decide(206, &[("Content-Range", wrong)]), Verdict::Anew, "{wrong}");
        }
        assert_eq!(decide(206, &[]), Verdict::Anew);
        assert_eq!(decide(206, &[("Content-Range", "bytes 5-8/9"), ("ETag", "\"v2\"")]), Verdict::Anew);
        assert_eq!(
            decide(206, &[("Content-Range", "bytes 5-8/9"), ("Content-Encoding", "gzip")]),
            Verdict::Anew
        );
    }

    #[test]
    fn nothing_is_missing_only_where_the_length_and_the_version_are_the_same() {
        let at = |total, etag| decide(416, &[("Content-Range", total), ("ETag", etag)]);
        assert_eq!(at("bytes */5", "\"v1\""), Verdict::Complete);
        assert_eq!(at("bytes */4", "\"v1\""), Verdict::Anew);
        assert_eq!(at("bytes */5", "\"v2\""), Verdict::Anew);
        assert_eq!(decide(416, &[("Content-Range", "bytes */5")]), Verdict::Anew);
        let mut headers = Headers::new();
        headers.append("Content-Range", "bytes */5").unwrap();
        let checked = Facts { length: 5, validator: "\"v1\"", is_checked: true };
        assert_eq!(judge(416, &headers, Some(checked)), Verdict::Complete);
    }

    #[test]
    fn other_answers_are_the_whole_or_none() {
        assert_eq!(
            (decide(200, &[]), decide(503, &[]), decide(304, &[])),
            (Verdict::Whole, Verdict::Refused, Verdict::Refused)
        );
        assert_eq!(judge(206, &Headers::new(), None), Verdict::Refused);
        assert_eq!(judge(416, &Headers::new(), None), Verdict::Refused);
    }
}
