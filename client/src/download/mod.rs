//! Downloads into files: whole or not at all, and resumed where an earlier attempt stopped.
//!
//! What comes is written to `NAME.part`; at its end that becomes `NAME`. Beside it, `NAME.part.from` says which version of
//! what it is the start of (`part`). How a download goes on is decided from that and from the answer (`range`, RFC 9110
//! sections 13.1.5, 14.2 and 14.4). Without a strong validator nothing is resumed: two versions in one file are worse than
//! a second transfer. Files are read and written where they are, also in the async face, as bodies of requests are.

mod part;
mod range;
#[cfg(test)]
mod tests;

use crate::net::Net;
use crate::progress::{Listener, Progress};
use crate::request::Request;
use crate::response::Response;
use crate::session::Session;
use entreat_core::{Error, Kind, Result};
use part::{Origin, Part};
use range::{Verdict, judge};
use std::io;
use std::path::{Path, PathBuf};

/// Bytes read and written at once.
const PIECE: usize = 64 * 1024;

/// What is fetched into which file, and how that is checked.
///
/// ```
/// # use entreat::{Client, Config, mock::{Mock, Reply}};
/// # let mock = Mock::new();
/// # mock.on("GET", "/").reply("hello\n");
/// # let client = Client::with_transport(mock, Config::new())?;
/// # let path = std::env::temp_dir().join(format!("entreat-doc-{}", std::process::id()));
/// use entreat::{Download, Request};
/// let download = Download::new(Request::get("http://example.org/"), &path)
///     .sha256("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03")
///     .on_progress(|progress| println!("{} of {:?}", progress.done, progress.total));
/// let done = client.run_download(&download)?;
/// assert_eq!((done.length, done.resumed_from), (6, 0));
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), entreat::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Download {
    request: Request,
    path: PathBuf,
    resume: bool,
    sha256: Option<String>,
    listener: Option<Listener>,
}

/// What a download came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// The file.
    pub path: PathBuf,
    /// Its length in bytes.
    pub length: u64,
    /// Bytes that were there already, from an earlier attempt.
    pub resumed_from: u64,
}

impl Download {
    /// The answer to `request` into the file at `path`, which is replaced once all of it is there.
    ///
    /// While it runs, no other download may go to the same path.
    pub fn new(request: Request, path: impl AsRef<Path>) -> Download {
        Download { request, path: path.as_ref().to_owned(), resume: true, sha256: None, listener: None }
    }

    /// The same for another request.
    #[doc(hidden)]
    pub fn with_request(mut self, request: Request) -> Download {
        self.request = request;
        self
    }

    /// Whether to go on where an earlier attempt stopped. Default true: where the server names a version (a strong ETag, or
    /// else a Last-Modified of more than a minute before), and confirms that it is still the same. False begins anew.
    pub fn resume(mut self, resume: bool) -> Download {
        self.resume = resume;
        self
    }

    /// The SHA-256 that the whole must have, in hexadecimal digits. Default: none is asked for. Where it differs nothing is
    /// kept, and the error is of [`Kind::InvalidContent`].
    pub fn sha256(mut self, digits: impl Into<String>) -> Download {
        self.sha256 = Some(digits.into());
        self
    }

    /// Somebody who is told how far it has come, at each piece; it should be quick.
    pub fn on_progress(self, listener: impl Fn(Progress) + Send + Sync + 'static) -> Download {
        self.try_on_progress(move |progress| {
            listener(progress);
            Ok(())
        })
    }

    /// The same, with somebody who may break it off: an error of [`Kind::Interrupted`], with his as its source. It can be gone
    /// on with later.
    pub fn try_on_progress(
        mut self,
        listener: impl Fn(Progress) -> io::Result<()> + Send + Sync + 'static,
    ) -> Download {
        self.listener = Some(Listener::new(listener));
        self
    }

    /// Runs it, over any net: see [`Client::run_download`](crate::Client::run_download).
    ///
    /// # Errors
    /// As that.
    #[doc(hidden)]
    pub async fn run<N: Net>(&self, session: &Session<N>) -> Result<Downloaded> {
        let url = self.check()?;
        let mut begun = match self.resume {
            true => {
                Part::find(&self.path, url, self.sha256.is_some()).map_err(|error| self.unwritable(error))?
            }
            false => None,
        };
        // Each turn ends it, begins it anew, which happens once, or brings some more of it.
        loop {
            let mut response = session.deliver(self.asking(begun.as_ref())).await?;
            let facts = begun.as_ref().map(|part| part.facts(self.sha256.is_some()));
            match (judge(response.status(), response.headers(), facts), begun.take()) {
                (Verdict::Whole, _) => {
                    let (mut part, length) = self.begin(&mut response, url)?;
                    self.receive(&mut response, &mut part, length).await?;
                    return self.finish(part, 0);
                }
                (Verdict::Rest { end, total }, Some(mut part)) => {
                    let before = part.length;
                    self.receive(&mut response, &mut part, total).await?;
                    if part.length != end {
                        return Err(misfit(part, end, url));
                    }
                    if total.is_none_or(|total| part.length >= total) {
                        return self.finish(part, before);
                    }
                    // A server may send less than was asked for (RFC 9110 section 15.3.7).
                    begun = Some(part);
                }
                (Verdict::Complete, Some(part)) => {
                    let length = part.length;
                    return self.finish(part, length);
                }
                (Verdict::Anew, Some(part)) => part.discard(),
                (Verdict::Rest { .. } | Verdict::Complete | Verdict::Anew, None) | (Verdict::Refused, _) => {
                    return Err(response.refused().await.expected("200, or 206 where a range was asked for"));
                }
            }
        }
    }

    /// What is wrong with it, before anything is sent; or its URL.
    fn check(&self) -> Result<&str> {
        let url = self.request.check()?.as_str();
        for name in ["Range", "If-Range"] {
            if self.request.headers().contains(name) {
                let seen = format!("the field {name} in the request");
                return Err(Error::new(Kind::InvalidHeader)
                    .expected("a download to ask for ranges itself")
                    .seen(seen));
            }
        }
        match &self.sha256 {
            Some(digits) if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Err(Error::new(Kind::InvalidConfig)
                    .expected("64 hexadecimal digits for sha256")
                    .seen(digits.clone()))
            }
            Some(_) | None => Ok(url),
        }
    }

    /// The request, for what is missing where something is there.
    fn asking(&self, begun: Option<&Part>) -> Request {
        let mut request = self.request.clone();
        // RFC 9110 section 14.1.2 counts bytes of what is sent: a coding would have to be undone from its start.
        if !request.headers().contains("Accept-Encoding") {
            request = request.header("Accept-Encoding", "identity");
        }
        match begun {
            Some(part) => request
                .header("Range", format!("bytes={}-", part.length))
                .header("If-Range", &part.origin.validator),
            None => request,
        }
    }

    /// An empty part for an answer that is the whole, and how long that will be.
    fn begin<N: Net>(&self, response: &mut Response<N>, url: &str) -> Result<(Part, Option<u64>)> {
        // What was coded can neither be gone on with, nor is its length known.
        let (mut origin, mut length) = (None, None);
        if !response.incoming().is_decoded() {
            origin = Origin::of(url, response.headers());
            length = response.header("Content-Length").and_then(|value| value.parse().ok());
        }
        let part = Part::create(&self.path, origin, self.sha256.is_some());
        Ok((part.map_err(|error| self.unwritable(error))?, length))
    }

    async fn receive<N: Net>(
        &self,
        response: &mut Response<N>,
        part: &mut Part,
        total: Option<u64>,
    ) -> Result<()> {
        let mut piece = vec![0; PIECE];
        self.tell(part, total)?;
        loop {
            let count = response.incoming().read(&mut piece).await.map_err(|error| part.hint(error))?;
            if count == 0 {
                return Ok(());
            }
            part.write(&piece[..count]).map_err(|error| self.unwritable(error))?;
            self.tell(part, total)?;
        }
    }

    fn finish(&self, part: Part, resumed_from: u64) -> Result<Downloaded> {
        if let (Some(expected), Some(seen)) = (&self.sha256, part.sha256())
            && !expected.eq_ignore_ascii_case(&seen)
        {
            part.discard();
            return Err(Error::new(Kind::InvalidContent)
                .expected(format!("the SHA-256 {expected}"))
                .seen(seen)
                .with_url(self.check()?));
        }
        let length = part.length;
        part.keep(&self.path).map_err(|error| self.unwritable(error))?;
        Ok(Downloaded { path: self.path.clone(), length, resumed_from })
    }

    fn tell(&self, part: &Part, total: Option<u64>) -> Result<()> {
        let Some(listener) = &self.listener else { return Ok(()) };
        listener
            .tell(part.length, total)
            .map_err(|error| part.hint(Error::new(Kind::Interrupted).with_source(error)))
    }

    fn unwritable(&self, error: io::Error) -> Error {
        Error::new(Kind::InvalidConfig)
            .expected("a path for the download that can be written")
            .seen(self.path.display().to_string())
            .with_source(error)
    }
}

/// The error for a range that did not hold what it said.
fn misfit(part: Part, end: u64, url: &str) -> Error {
    let error = Error::new(Kind::MalformedResponse)
        .expected(format!("a range that ends at byte {end}"))
        .seen(format!("one that ends at {}", part.length))
        .with_url(url);
    part.discard();
    error
}
