//! Bodies made on the spot: streams, ranges, drips, delays, random bytes, links, base64.

use std::time::Duration;

use super::inspection;
use crate::origin::message::{Answer, Body, Call, Piece, Raised, Response};
use crate::origin::python::json::Json;
use crate::origin::python::random::{Twister, system_bytes};
use crate::origin::send::pattern;

const BYTES_LIMIT: u64 = 100 * 1024;
const CHUNK_SIZE: i64 = 10 * 1024;

/// That many lines of JSON, at most 100, each in a chunk of its own.
pub(in crate::origin) fn stream(call: &Call<'_>) -> Answer {
    let description = [
        ("url", inspection::url(call.request)),
        ("args", inspection::arguments(call)),
        ("headers", inspection::request_headers(call)),
        ("origin", inspection::origin(call.request)),
    ];
    let lines = (0..call.integer(0).min(100)).map(move |id| {
        let mut members: Vec<_> =
            description.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        members.push(("id".into(), Json::number(id)));
        (Json::Object(members).dumps() + "\n").into_bytes()
    });
    Ok(Response::new(200, "application/json", "").with_body(Body::chunked(lines)))
}

pub(in crate::origin) fn bytes(call: &Call<'_>) -> Answer {
    let mut random = generator(call)?;
    let bytes: Vec<u8> = (0..call.integer(0).min(BYTES_LIMIT)).map(|_| random.byte()).collect();
    Ok(Response::bytes(bytes))
}

pub(in crate::origin) fn stream_bytes(call: &Call<'_>) -> Answer {
    let size = chunk_size(call)?;
    let mut random = generator(call)?;
    let total = usize::try_from(call.integer(0).min(BYTES_LIMIT)).map_err(|_| Raised)?;
    let chunks = (0..total).step_by(size).map(move |start| {
        let count = size.min(total - start);
        (0..count).map(|_| random.byte()).collect()
    });
    Ok(Response::bytes("").with_body(Body::chunked(chunks)))
}

fn generator(call: &Call<'_>) -> Result<Twister, Raised> {
    Ok(match call.argument_in_any_case("seed") {
        Some(_) => Twister::new(call.number("seed", 0_i128)?.unsigned_abs()),
        None => Twister::unpredictable(),
    })
}

fn chunk_size(call: &Call<'_>) -> Result<usize, Raised> {
    usize::try_from(call.number("chunk_size", CHUNK_SIZE)?.max(1)).map_err(|_| Raised)
}

/// The alphabet over and over, whole or in part, over `?duration=` seconds.
pub(in crate::origin) fn range(call: &Call<'_>) -> Answer {
    let total = call.integer(0);
    let tagged = |status, content_type, body: &str| {
        Response::new(status, content_type, body)
            .header("ETag", format!("range{total}"))
            .header("Accept-Ranges", "bytes")
    };
    if total == 0 || total > BYTES_LIMIT {
        return Ok(tagged(
            404,
            "text/plain; charset=utf-8",
            "number of bytes must be in the range (0, 102400]",
        ));
    }
    let (first, last) = requested_range(&call.request.header("Range").unwrap_or_default(), total as i64);
    let size = chunk_size(call)?;
    let pause_per_byte = call.number("duration", 0.0)? / total as f64;
    if first > last || !(0..total as i64).contains(&first) || last >= total as i64 {
        let response = tagged(416, "text/plain; charset=utf-8", "");
        return Ok(response.header("Content-Range", format!("bytes */{total}")));
    }
    let (first, length) = (first as u64, (last - first + 1) as usize);
    let pieces = (0..length).step_by(size).map(move |start| {
        let count = size.min(length - start);
        let pause = pause_of(pause_per_byte * count as f64);
        let (pause_before, pause_after) =
            if count == size { (Duration::ZERO, pause) } else { (pause, Duration::ZERO) };
        Piece { pause_before, bytes: pattern(first + start as u64, count), pause_after }
    });
    let status = if length as u64 == total { 200 } else { 206 };
    let response = tagged(status, "application/octet-stream", "")
        .header("Content-Length", length.to_string())
        .header("Content-Range", format!("bytes {first}-{last}/{total}"));
    Ok(response.with_body(Body::Announced(Box::new(pieces))))
}

/// First and last position. One range only; what makes no sense is the whole.
fn requested_range(header: &str, total: i64) -> (i64, i64) {
    let mut sides = header.trim().split('=');
    let positions = match (sides.next(), sides.next(), sides.next()) {
        (Some(unit), Some(positions), None) if unit.starts_with("bytes") => positions,
        _ => "",
    };
    let mut positions = positions.split('-').map(|position| position.trim().parse::<i64>().ok());
    match (positions.next().flatten(), positions.next().flatten()) {
        (None, None) => (0, total - 1),
        (None, Some(count)) => ((total - count).max(0), total - 1),
        (Some(first), None) => (first, total - 1),
        (Some(first), Some(last)) => (first, last),
    }
}

/// Answers after that many seconds, at most ten.
pub(in crate::origin) fn delay(call: &Call<'_>) -> Answer {
    let seconds: f64 = call.parameter(0).trim().parse().map_err(|_| Raised)?;
    let mut members = inspection::described_with_body(call);
    members.retain(|member| member.0 != "json");
    let mut response = Response::json(&Json::Object(members));
    response.delay = Duration::try_from_secs_f64(seconds.min(10.0)).map_err(|_| Raised)?;
    Ok(response)
}

/// `?numbytes=` stars over `?duration=` seconds, after `?delay=` seconds, with the status `?code=`.
pub(in crate::origin) fn drip(call: &Call<'_>) -> Answer {
    let duration = call.number("duration", 2.0)?;
    let total = call.number("numbytes", 10_i64)?.min(10 * 1024 * 1024);
    let status = call.number("code", 200_u16)?;
    if total <= 0 {
        return Ok(Response::plain("number of bytes must be positive").with_status(400));
    }
    let total = total as usize;
    let pause_per_byte = duration / total as f64;
    // Pauses far below a timer's tick would add up to much more than the duration.
    let size = (0.005 / pause_per_byte).clamp(1.0, 8192.0) as usize;
    let pieces = (0..total).step_by(size).map(move |start| {
        let count = size.min(total - start);
        let pause_after = pause_of(pause_per_byte * count as f64);
        Piece { pause_before: Duration::ZERO, bytes: vec![b'*'; count], pause_after }
    });
    let mut response = Response::bytes("").with_status(status).header("Content-Length", total.to_string());
    response.delay = pause_of(call.number("delay", 0.0)?);
    Ok(response.with_body(Body::Announced(Box::new(pieces))))
}

fn pause_of(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

pub(in crate::origin) fn uuid(_: &Call<'_>) -> Answer {
    let mut bytes: [u8; 16] = system_bytes();
    // RFC 9562 section 5.4: version 4, variant 10.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = format!("{:032x}", u128::from_be_bytes(bytes));
    [20, 16, 12, 8].into_iter().for_each(|index| text.insert(index, '-'));
    Ok(Response::json(&Json::object([("uuid", Json::Text(text))])))
}

pub(in crate::origin) fn base64(call: &Call<'_>) -> Answer {
    let decoded = decode_leniently(call.parameter(0)).and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(Response::html(
        decoded.unwrap_or_else(|| "Incorrect Base64 data try: SFRUUEJJTiBpcyBhd2Vzb21l".into()),
    ))
}

/// Python's `urlsafe_b64decode`: foreign characters are skipped, the padding must be there.
fn decode_leniently(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut digits, mut padding) = (0_u32, 0, 0);
    for byte in text.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            b'=' => {
                padding += 1;
                if digits >= 2 && digits + padding >= 4 {
                    return Some(bytes);
                }
                continue;
            }
            _ => continue,
        };
        padding = 0;
        bits = bits << 6 | u32::from(digit);
        digits = (digits + 1) % 4;
        if digits != 1 {
            let shift = [0, 8, 4, 2][digits];
            bytes.push((bits >> shift) as u8);
        }
    }
    (digits == 0).then_some(bytes)
}

/// A page with that many links, but for the one that it is itself.
pub(in crate::origin) fn links(call: &Call<'_>) -> Answer {
    let (count, own) = (call.integer(0).clamp(1, 200), call.integer(1));
    let link = |index| match index {
        _ if index == own => format!("{index} "),
        _ => format!("<a href='/links/{count}/{index}'>{index}</a> "),
    };
    let links: String = (0..count).map(link).collect();
    Ok(Response::html(format!("<html><head><title>Links</title></head><body>{links}</body></html>")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_without_its_padding_is_refused_and_foreign_characters_are_not() {
        assert_eq!(decode_leniently("SG!k=").as_deref(), Some(&b"Hi"[..]));
        assert_eq!(decode_leniently("_-8="), Some(vec![0xff, 0xef]));
        assert_eq!(decode_leniently("SGVsbG8"), None);
        assert_eq!(decode_leniently("SGVsbG8gd29ybGQh").as_deref(), Some(&b"Hello world!"[..]));
    }

    #[test]
    fn ranges_are_read_as_httpbin_reads_them() {
        for (header, expected) in [
            ("", (0, 29)),
            ("bytes=5-9", (5, 9)),
            ("bytes=5-", (5, 29)),
            ("bytes=-4", (26, 29)),
            ("bytes=0-1,3-4", (0, 29)),
            ("lines=1-2", (0, 29)),
        ] {
            assert_eq!(requested_range(header, 30), expected, "{header}");
        }
    }
}
