//! The routes under `/testkit/`: what arrived on the wire, and answers in every framing that HTTP/1.1 knows.

use std::sync::atomic::Ordering;

use crate::origin::message::{Answer, Body, Call, Piece, Response};
use crate::origin::python::json::Json;
use crate::origin::send::pattern;

/// The request's head byte for byte: order, case and spacing included.
pub(in crate::origin) fn echo_raw(call: &Call<'_>) -> Answer {
    Ok(Response::plain(call.request.head.clone()))
}

/// How many connections and requests there were, and which ones these are; the client's trailers too.
pub(in crate::origin) fn connections(call: &Call<'_>) -> Answer {
    let trailers =
        call.request.trailers.iter().map(|(name, value)| (name.clone(), Json::text(value))).collect();
    Ok(Response::json(&Json::object([
        ("connections", Json::number(call.server.connections.load(Ordering::Relaxed))),
        ("requests", Json::number(call.server.requests.load(Ordering::Relaxed))),
        ("connection", Json::number(call.request.connection)),
        ("request_on_connection", Json::number(call.request.number)),
        ("trailers", Json::Object(trailers)),
    ])))
}

/// Announces the end of the connection, and ends it.
pub(in crate::origin) fn close(_: &Call<'_>) -> Answer {
    let mut response = Response::plain("closing\n");
    response.close = true;
    Ok(response)
}

/// 103 (RFC 8297) before the 200.
pub(in crate::origin) fn early_hints(_: &Call<'_>) -> Answer {
    let mut response = Response::plain("after early hints\n");
    response.interim.push((103, vec![("Link".into(), "</style.css>; rel=preload; as=style".into())]));
    Ok(response)
}

/// Chunks and, after them, two trailer fields.
pub(in crate::origin) fn trailers(_: &Call<'_>) -> Answer {
    let pieces = ["first\n", "second\n"].map(|text| Piece::from(text.as_bytes().to_vec()));
    let trailers = vec![("X-Count".into(), "2".into()), ("X-Checksum".into(), "none".into())];
    let body = Body::Chunked { pieces: Box::new(pieces.into_iter()), trailers };
    Ok(Response::plain("").header("Trailer", "X-Count, X-Checksum").with_body(body))
}

/// A body that ends with the connection.
pub(in crate::origin) fn no_length(_: &Call<'_>) -> Answer {
    Ok(Response::plain("").with_body(Body::UntilClose(b"until the connection closes\n".to_vec())))
}

/// That many bytes of the pattern in chunks of `?chunk_size=` (1024).
pub(in crate::origin) fn chunked(call: &Call<'_>) -> Answer {
    let total = call.integer(0);
    let size = call.number("chunk_size", 1024_usize)?.max(1);
    let chunks = (0..total).step_by(size).map(move |start| {
        let count = usize::try_from(total - start).unwrap_or(usize::MAX).min(size);
        pattern(start, count)
    });
    Ok(Response::bytes("").with_body(Body::chunked(chunks)))
}

/// That many bytes of the pattern, as fast as the connection takes them.
pub(in crate::origin) fn large(call: &Call<'_>) -> Answer {
    Ok(Response::bytes("").with_body(Body::Pattern(call.integer(0))))
}
