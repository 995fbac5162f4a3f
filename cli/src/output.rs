//! What is printed of an exchange: heads and body as a person reads them on a terminal, the body's bytes elsewhere.
//!
//! On a terminal: the response's head, then the body with JSON laid out, other charsets than UTF-8 decoded, and binary
//! data withheld. In a pipe or a file: the body alone, byte for byte. The body streams through in constant memory.

use crate::arguments::Arguments;
use crate::compose::Composed;
use crate::failure::Failure;
use crate::json_view::JsonView;
use crate::style::{self, Palette};
use encoding_rs::{Decoder, Encoding, UTF_8};
use entreat::{Headers, Redirect, Response, Url, Version};
use entreat_core::exchange::{self, Draft};
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};

/// A body goes through in pieces of this size.
const PIECE: usize = 128 * 1024;

/// Prints one exchange.
pub(crate) struct Printer<'a> {
    arguments: &'a Arguments,
    palette: &'static Palette,
    terminal: bool,
    out: io::StdoutLock<'static>,
}

impl<'a> Printer<'a> {
    pub(crate) fn new(arguments: &'a Arguments) -> Printer<'a> {
        let out = io::stdout().lock();
        Printer { arguments, palette: style::of_standard_output(), terminal: out.is_terminal(), out }
    }

    /// With `--verbose`, the request as it will go out, before it does.
    pub(crate) fn request(&mut self, composed: &Composed) -> Result<(), Failure> {
        let Some(url) = composed.request.url().filter(|_| self.arguments.verbose) else { return Ok(()) };
        let settings = composed.config.clone().resolve()?;
        let draft = Draft {
            method: composed.request.method(),
            url,
            headers: composed.request.headers(),
            body: composed.content.body.length(),
            cookie: None,
            proxy: None,
        };
        let (headers, _) = exchange::prepare(&draft, &settings)?;
        let Palette { good, reset, faint, .. } = self.palette;
        let start =
            format!("{good}{}{reset} {} {faint}HTTP/1.1{reset}", composed.request.method(), url.target());
        self.head(&start, &headers)?;
        if let Some(text) = &composed.content.text {
            self.text(&format!("{text}\n\n"))?;
        }
        Ok(())
    }

    /// The redirects on the way, the head and the body, as far as they were asked for.
    pub(crate) fn response(&mut self, mut response: Response) -> Result<(), Failure> {
        if self.arguments.verbose {
            for redirect in response.history() {
                self.redirect(redirect)?;
            }
        }
        if self.wants_head() {
            let start = self.status_line(response.version(), response.status(), &response.reason());
            self.head(&start, response.headers())?;
        }
        match &self.arguments.output {
            Some(path) => {
                let file = File::create(path).map_err(|why| Failure::file(path.display(), &why))?;
                copy(&mut response, file, |why| Failure::file(path.display(), &why))
            }
            None if self.terminal => self.readable(&mut response),
            None => copy(&mut response, &mut self.out, |why| Failure::output(&why)),
        }
    }

    fn wants_head(&self) -> bool {
        // The answer to HEAD is a head and nothing else.
        let by_default = self.terminal || self.arguments.target.method == "HEAD";
        self.arguments.include || self.arguments.verbose || (by_default && !self.arguments.body)
    }

    fn redirect(&mut self, redirect: &Redirect) -> Result<(), Failure> {
        let Palette { faint, reset, .. } = self.palette;
        let from = without_credentials(redirect.url());
        let start = self.status_line(Version::Http11, redirect.status(), "");
        let start = format!("{} {faint}from {from}{reset}", start.trim_end());
        self.head(&start, redirect.headers())
    }

    fn status_line(&self, version: Version, status: u16, reason: &str) -> String {
        let Palette { faint, reset, .. } = self.palette;
        let colour = match status {
            ..300 => self.palette.good,
            300..400 => self.palette.elsewhere,
            400.. => self.palette.bad,
        };
        let version = match version {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        };
        format!("{faint}{version}{reset} {colour}{status}{reset} {}", visible(reason.as_bytes()))
    }

    fn head(&mut self, start: &str, headers: &Headers) -> Result<(), Failure> {
        let Palette { name: colour, reset, .. } = self.palette;
        let mut text = format!("{start}\n");
        for (name, value) in headers.iter() {
            text.push_str(&format!("{colour}{name}{reset}: {}\n", visible(value)));
        }
        text.push('\n');
        self.text(&text)
    }

    /// The body for a person.
    fn readable(&mut self, response: &mut Response) -> Result<(), Failure> {
        let mut view = View::new(response, self.palette);
        let mut piece = vec![0; PIECE];
        let mut text = Vec::new();
        let mut last = b'\n';
        loop {
            let count = read(response, &mut piece)?;
            // A NUL is in no text that a terminal could show.
            if piece[..count].contains(&0) && matches!(view, View::Bytes | View::Json(_)) {
                let Palette { faint, reset, .. } = self.palette;
                return self.text(&format!("{faint}(binary data: --output FILE saves it){reset}\n"));
            }
            text.clear();
            view.feed(&piece[..count], &mut text);
            last = text.last().copied().unwrap_or(last);
            let end = if count == 0 && last != b'\n' { &b"\n"[..] } else { b"" };
            self.out.write_all(&text).map_err(|why| Failure::output(&why))?;
            self.out.write_all(end).and_then(|()| self.out.flush()).map_err(|why| Failure::output(&why))?;
            if count == 0 {
                return Ok(());
            }
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush())
            .map_err(|why| Failure::output(&why))
    }
}

/// How a body becomes text for a terminal.
enum View {
    /// UTF-8, or whatever else the terminal makes of it.
    Bytes,
    Json(Box<JsonView>),
    Charset(Box<Decoder>),
}

impl View {
    fn new(response: &Response, palette: &'static Palette) -> View {
        let content_type = response.header("Content-Type").unwrap_or_default().to_ascii_lowercase();
        let (media_type, parameters) = content_type.split_once(';').unwrap_or((&content_type, ""));
        let subtype = media_type.trim().rsplit('/').next().unwrap_or_default();
        if subtype.rsplit('+').next() == Some("json") || subtype.ends_with("ndjson") {
            return View::Json(Box::new(JsonView::new(palette)));
        }
        let charset = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("charset="));
        match charset.and_then(|label| Encoding::for_label(label.trim_matches('"').as_bytes())) {
            Some(encoding) if encoding != UTF_8 => View::Charset(Box::new(encoding.new_decoder())),
            _ => View::Bytes,
        }
    }

    /// The next bytes of the body; none at its end.
    fn feed(&mut self, bytes: &[u8], into: &mut Vec<u8>) {
        match self {
            View::Bytes => into.extend_from_slice(bytes),
            View::Json(view) if bytes.is_empty() => view.finish(into),
            View::Json(view) => view.feed(bytes, into),
            View::Charset(decoder) => {
                let room = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(4 * PIECE);
                let mut text = String::with_capacity(room);
                let _ = decoder.decode_to_string(bytes, &mut text, bytes.is_empty());
                into.extend_from_slice(text.as_bytes());
            }
        }
    }
}

/// Prints text as it is.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|why| Failure::output(&why))
}

fn copy(
    response: &mut Response,
    mut to: impl Write,
    failed: impl Fn(io::Error) -> Failure,
) -> Result<(), Failure> {
    let mut piece = vec![0; PIECE];
    loop {
        match read(response, &mut piece)? {
            0 => return to.flush().map_err(failed),
            count => to.write_all(&piece[..count]).map_err(&failed)?,
        }
    }
}

/// Reads the next piece of the body, with the engine's own error where it fails.
fn read(response: &mut Response, piece: &mut [u8]) -> Result<usize, Failure> {
    response.reader().read(piece).map_err(|error| match error.downcast::<entreat::Error>() {
        Ok(error) => Failure::from(error),
        Err(error) => Failure::file("the response's body", &error),
    })
}

/// A field of a head as text. Bytes that a terminal would obey are escaped.
fn visible(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .map(|next| match next.is_control() && next != '\t' {
            true => next.escape_default().to_string(),
            false => next.to_string(),
        })
        .collect()
}

fn without_credentials(url: &Url) -> String {
    format!("{}{}", url.origin(), url.target())
}
