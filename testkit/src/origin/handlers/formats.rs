//! Fixed documents and images, and answers in a content coding.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::authentication::with_status;
use super::inspection;
use crate::origin::message::{Answer, Call, Raised, Response};
use crate::origin::python::json::Json;

const ANGRY: &str = "\n          .-''''''-.\n        .' _      _ '.\n       /   O      O   \\\n      :                :\n      \
    |                |\n      :       __       :\n       \\  .-\"`  `\"-.  /\n        '.          .'\n          \
    '-......-'\n     YOU SHOULDN'T BE HERE\n";
const SLIDESHOW: &str = r#"{"slideshow": {"author": "Yours Truly", "date": "date of publication", "slides": [
    {"title": "Wake up to WonderWidgets!", "type": "all"}, {"items": ["Why <em>WonderWidgets</em> are great",
    "Who <em>buys</em> WonderWidgets"], "title": "Overview", "type": "all"}], "title": "Sample Slide Show"}}"#;

pub(in crate::origin) fn gzip(call: &Call<'_>) -> Answer {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(4));
    encoder.write_all(&described(call, "gzipped")).map_err(|_| Raised)?;
    Ok(encoded("gzip", encoder.finish().map_err(|_| Raised)?))
}

/// In the zlib format, as RFC 9110 section 8.4.1.2 asks for.
pub(in crate::origin) fn deflate(call: &Call<'_>) -> Answer {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&described(call, "deflated")).map_err(|_| Raised)?;
    Ok(encoded("deflate", encoder.finish().map_err(|_| Raised)?))
}

pub(in crate::origin) fn brotli(call: &Call<'_>) -> Answer {
    const QUALITY: u32 = 5;
    const WINDOW: u32 = 22;
    let mut compressed = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut compressed, 4096, QUALITY, WINDOW);
    encoder.write_all(&described(call, "brotli")).map_err(|_| Raised)?;
    drop(encoder);
    Ok(encoded("br", compressed))
}

fn described(call: &Call<'_>, coding: &str) -> Vec<u8> {
    let description = Json::object([
        ("origin", inspection::origin(call.request)),
        ("headers", inspection::request_headers(call)),
        ("method", Json::text(&call.request.method)),
        (coding, Json::Bool(true)),
    ]);
    description.jsonify().into_bytes()
}

fn encoded(coding: &str, body: Vec<u8>) -> Response {
    Response::new(200, "application/json", body).header("Content-Encoding", coding)
}

pub(in crate::origin) fn html(_: &Call<'_>) -> Answer {
    Ok(Response::html(rendered(include_str!("assets/moby.html"))))
}

pub(in crate::origin) fn form(_: &Call<'_>) -> Answer {
    Ok(Response::html(rendered(include_str!("assets/forms-post.html"))))
}

pub(in crate::origin) fn utf_8(_: &Call<'_>) -> Answer {
    Ok(Response::html(rendered(include_str!("assets/UTF-8-demo.txt"))))
}

pub(in crate::origin) fn xml(_: &Call<'_>) -> Answer {
    Ok(Response::new(200, "application/xml", rendered(include_str!("assets/sample.xml"))))
}

/// jinja drops a template's last line feed.
fn rendered(template: &str) -> &str {
    template.strip_suffix('\n').unwrap_or(template)
}

pub(in crate::origin) fn json(_: &Call<'_>) -> Answer {
    Ok(Response::json(&Json::parse(SLIDESHOW).ok_or(Raised)?))
}

pub(in crate::origin) fn robots(_: &Call<'_>) -> Answer {
    Ok(Response::new(200, "text/plain", "User-agent: *\nDisallow: /deny\n"))
}

pub(in crate::origin) fn deny(_: &Call<'_>) -> Answer {
    Ok(Response::new(200, "text/plain", ANGRY))
}

pub(in crate::origin) fn index(_: &Call<'_>) -> Answer {
    Ok(Response::html("<!doctype html>\n<html lang=en>\n<title>httpbin.org</title>\n<h1>httpbin.org</h1>\n"))
}

/// Whichever image `Accept` asks for; without it, a PNG.
pub(in crate::origin) fn image(call: &Call<'_>) -> Answer {
    let Some(accept) = call.request.header("Accept") else { return png(call) };
    let accept = accept.to_lowercase();
    let accepts = |kind: &str| accept.contains(kind);
    if accepts("image/webp") {
        webp(call)
    } else if accepts("image/svg+xml") {
        svg(call)
    } else if accepts("image/jpeg") {
        jpeg(call)
    } else if accepts("image/png") || accepts("image/*") {
        png(call)
    } else {
        Ok(with_status(406))
    }
}

pub(in crate::origin) fn png(_: &Call<'_>) -> Answer {
    Ok(Response::new(200, "image/png", *include_bytes!("assets/gradient.png")))
}

pub(in crate::origin) fn jpeg(_: &Call<'_>) -> Answer {
    Ok(Response::new(200, "image/jpeg", *include_bytes!("assets/gradient.jpeg")))
}

pub(in crate::origin) fn webp(_: &Call<'_>) -> Answer {
    Ok(Response::new(200, "image/webp", *include_bytes!("assets/gradient.webp")))
}

pub(in crate::origin) fn svg(_: &Call<'_>) -> Answer {
    Ok(Response::new(200, "image/svg+xml", include_str!("assets/gradient.svg")))
}
