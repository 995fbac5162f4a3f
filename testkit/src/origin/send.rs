//! From [`Response`] to bytes: status line, headers, and the body in its framing, with its pauses.

use std::io;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::message::{Body, Piece, Pieces, Response};
use super::status::{has_no_content, reason};

/// The fixed pattern's period, repeated up to a size worth a system call.
const ALPHABET: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
const PATTERN_BLOCK: usize = 26 * 8192;

/// The first bytes of the pattern that `/range`, `/testkit/large` and `/testkit/chunked` send.
pub(super) fn pattern(from: u64, count: usize) -> Vec<u8> {
    let start = usize::try_from(from % 26).unwrap_or(0);
    ALPHABET.iter().copied().cycle().skip(start).take(count).collect()
}

pub(super) async fn response<S: AsyncWrite + Unpin>(
    stream: &mut S,
    mut response: Response,
    head_only: bool,
    client_version: u8,
) -> io::Result<()> {
    pause(response.delay, stream).await?;
    let mut out = Vec::with_capacity(1024);
    for (status, headers) in &response.interim {
        write_head(&mut out, *status, headers);
    }
    if client_version == 0 {
        response = without_chunks(response);
    }
    frame(&mut response);
    write_head(&mut out, response.status, &response.headers);
    if head_only || has_no_content(response.status) {
        stream.write_all(&out).await?;
        return stream.flush().await;
    }
    match response.body {
        Body::Whole(bytes) | Body::UntilClose(bytes) => {
            out.extend(bytes);
            stream.write_all(&out).await?;
        }
        Body::Pattern(length) => {
            stream.write_all(&out).await?;
            write_pattern(stream, length).await?;
        }
        Body::Announced(pieces) => {
            stream.write_all(&out).await?;
            write_pieces(stream, pieces, false).await?;
        }
        Body::Chunked { pieces, trailers } => {
            stream.write_all(&out).await?;
            write_pieces(stream, pieces, true).await?;
            let mut end = b"0\r\n".to_vec();
            write_fields(&mut end, &trailers);
            stream.write_all(&end).await?;
        }
    }
    stream.flush().await
}

/// RFC 9112 section 6.1: "A server MUST NOT send a response containing Transfer-Encoding unless the corresponding
/// request indicates HTTP/1.1". The end of the connection ends the body then.
fn without_chunks(mut response: Response) -> Response {
    if let Body::Chunked { pieces, .. } = response.body {
        response.body = Body::Announced(pieces);
        response.close = true;
    } else if !response.close {
        response.headers.push(("Connection".into(), "keep-alive".into()));
    }
    response
}

/// Adds the headers that the body's framing and the connection's fate call for.
fn frame(response: &mut Response) {
    let mut add = |name: &str, value: String| response.headers.push((name.to_owned(), value));
    if !has_no_content(response.status) {
        match &response.body {
            Body::Whole(bytes) => add("Content-Length", bytes.len().to_string()),
            Body::Pattern(length) => add("Content-Length", length.to_string()),
            Body::Chunked { .. } => add("Transfer-Encoding", "chunked".into()),
            Body::Announced(_) | Body::UntilClose(_) => {}
        }
    }
    if response.close {
        add("Connection", "close".into());
    }
    add("Date", httpdate::fmt_http_date(SystemTime::now()));
    add("Server", "entreat-origin".into());
}

fn write_head(out: &mut Vec<u8>, status: u16, headers: &[(String, String)]) {
    out.extend(format!("HTTP/1.1 {status} {}\r\n", reason(status)).bytes());
    write_fields(out, headers);
}

/// Fields and the empty line after them. Values go out as ISO-8859-1 where they fit, else as UTF-8; no value can
/// start a line of its own.
fn write_fields(out: &mut Vec<u8>, fields: &[(String, String)]) {
    for (name, value) in fields {
        write_text(out, name);
        out.extend(b": ");
        write_text(out, value);
        out.extend(b"\r\n");
    }
    out.extend(b"\r\n");
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    let latin_1: Option<Vec<u8>> = text.chars().map(|character| u8::try_from(character).ok()).collect();
    let bytes = latin_1.unwrap_or_else(|| text.as_bytes().to_vec());
    out.extend(bytes.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)));
}

async fn write_pattern<S: AsyncWrite + Unpin>(stream: &mut S, length: u64) -> io::Result<()> {
    let block = pattern(0, PATTERN_BLOCK);
    let mut left = length;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        stream.write_all(&block[..count]).await?;
        left -= count as u64;
    }
    Ok(())
}

async fn write_pieces<S: AsyncWrite + Unpin>(
    stream: &mut S,
    pieces: Pieces,
    chunked: bool,
) -> io::Result<()> {
    for Piece { pause_before, bytes, pause_after } in pieces {
        pause(pause_before, stream).await?;
        // An empty chunk would end the body.
        if chunked && !bytes.is_empty() {
            let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
            chunk.extend(bytes);
            chunk.extend(b"\r\n");
            stream.write_all(&chunk).await?;
        } else {
            stream.write_all(&bytes).await?;
        }
        pause(pause_after, stream).await?;
    }
    Ok(())
}

async fn pause<S: AsyncWrite + Unpin>(duration: Duration, stream: &mut S) -> io::Result<()> {
    if !duration.is_zero() {
        stream.flush().await?;
        tokio::time::sleep(duration).await;
    }
    Ok(())
}
