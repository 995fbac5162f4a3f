//! The async face, on tokio: the same requests, settings and policies as the blocking one.
//!
//! Only what waits differs: `send`, and the methods that read a body. Everything else of [`Client`] and
//! [`Response`] is shared. Dropping a future cancels it, and closes the connection that it was using.
//!
//! ```
//! # use entreat::mock::Mock;
//! # let mock = Mock::new();
//! # mock.on("GET", "/large").reply("much");
//! # mock.on("PUT", "/copy").reply("stored");
//! use entreat::{Body, Config, Request, aio::Client};
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let client = Client::with_config(Config::new())?;
//! # let client = Client::with_transport(mock.clone(), Config::new())?;
//! // From one server to another, never more than a piece of it in memory.
//! let pieces = client.get("http://a.example/large").await?.into_stream();
//! let copied = client.send(Request::put("http://b.example/copy").body(Body::stream(pieces))).await?;
//! assert_eq!(copied.text().await?, "stored");
//! # assert_eq!(mock.requests()[1].text(), "much");
//! # Ok::<(), entreat::Error>(())
//! # })?;
//! # Ok::<(), entreat::Error>(())
//! ```

use crate::consume::{PIECE, inside};
use crate::cookies::Cookies;
use crate::download::{Download, Downloaded};
use crate::mock::Transport;
use crate::net::tokio::Tokio;
use crate::session::Session;
use crate::{Config, PoolRules, Request, Result};
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use tokio::io::{AsyncWrite, AsyncWriteExt};

mod pieces;
mod upgraded;

#[cfg(feature = "tower")]
pub use crate::tower::HttpBody;
pub use pieces::{Chunks, Reader};

/// Sends requests, keeps connections and cookies; see [`crate::Client`]. Its connections live in the runtime that
/// made them.
#[derive(Debug, Clone)]
pub struct Client(Session<Tokio>);

/// A response of the async client; see [`crate::Response`].
pub type Response = crate::Response<Tokio>;

/// A connection that speaks HTTP no more; see [`crate::Response::upgrade`].
pub type Upgraded = crate::Upgraded<Tokio>;

impl Client {
    /// A client with the defaults.
    pub fn new() -> Client {
        match Client::with_config(Config::new()) {
            Ok(client) => client,
            Err(error) => unreachable!("the defaults are valid: {error}"),
        }
    }

    /// A client with settings of its own. Where they say nothing of [`Config::pool`], it keeps as many idle connections as
    /// [`PoolRules::for_tasks`](crate::PoolRules::for_tasks).
    ///
    /// # Errors
    /// Settings that contradict themselves.
    pub fn with_config(config: Config) -> Result<Client> {
        let roomy = Config::new().pool(PoolRules::for_tasks());
        Ok(Client(Session::new(Tokio, config.or(&roomy))?))
    }

    /// A client whose requests are answered by `transport` in this process; see [`crate::Client::with_transport`].
    ///
    /// # Errors
    /// As [`Client::with_config`].
    pub fn with_transport(transport: impl Transport, config: Config) -> Result<Client> {
        Ok(Client(Session::over(Tokio, config, Some(Box::new(transport)))?))
    }

    /// Sends a request and waits for the head of its response. Must run inside a tokio runtime that has I/O and time
    /// enabled.
    ///
    /// # Errors
    /// As [`crate::Client::send`].
    pub async fn send(&self, request: Request) -> Result<Response> {
        self.0.deliver(request).await
    }

    /// Sends `GET url`.
    ///
    /// # Errors
    /// As [`crate::Client::send`].
    pub async fn get(&self, url: impl AsRef<str>) -> Result<Response> {
        self.send(Request::get(url)).await
    }

    /// Fetches `url` into the file at `path`; see [`crate::Client::download`].
    ///
    /// # Errors
    /// As [`crate::Client::run_download`].
    pub async fn download(&self, url: impl AsRef<str>, path: impl AsRef<Path>) -> Result<Downloaded> {
        self.run_download(&Download::new(Request::get(url), path)).await
    }

    /// Runs a download. The file is written on the task's own thread.
    ///
    /// # Errors
    /// As [`crate::Client::run_download`].
    pub async fn run_download(&self, download: &Download) -> Result<Downloaded> {
        download.run(&self.0).await
    }

    /// Closes the connections. Requests sent from now on fail with [`crate::Kind::Closed`].
    pub async fn close(&self) {
        self.0.engine().close().await;
    }

    /// The cookies of this client.
    pub fn cookies(&self) -> Cookies {
        Cookies::new(self.0.jar())
    }

    /// What the connections are doing, at this moment.
    pub fn pool_stats(&self) -> crate::PoolStats {
        self.0.engine().stats()
    }
}

impl Default for Client {
    fn default() -> Client {
        Client::new()
    }
}

/// The lines of a body; see [`crate::Lines`].
pub type Lines<'a> = crate::Lines<'a, Tokio>;

impl Lines<'_> {
    /// The next line, or none behind the last one.
    ///
    /// # Errors
    /// As [`Response::bytes`].
    pub async fn next(&mut self) -> Result<Option<String>> {
        self.advance().await
    }
}

impl Response {
    /// The body as bytes, decoded by its Content-Encoding.
    ///
    /// # Errors
    /// A body cut short or corrupt, a time-out, a limit.
    pub async fn bytes(mut self) -> Result<Vec<u8>> {
        self.incoming().read_to_end().await
    }

    /// The body as text, by the charset of its Content-Type, else UTF-8.
    ///
    /// # Errors
    /// As [`Response::bytes`].
    pub async fn text(mut self) -> Result<String> {
        let bytes = self.incoming().read_to_end().await?;
        Ok(self.decode_text(bytes))
    }

    /// The body as a value read from JSON.
    ///
    /// # Errors
    /// As [`Response::bytes`]; [`crate::Kind::InvalidContent`] where it is not the JSON that `T` wants.
    #[cfg(feature = "json")]
    pub async fn json<T: serde::de::DeserializeOwned>(mut self) -> Result<T> {
        let bytes = self.incoming().read_to_end().await?;
        self.decode_json(&bytes)
    }

    /// Writes the body, decoded, into `writer` as it comes in, and says how many bytes that were.
    ///
    /// # Errors
    /// As [`crate::Response::copy_to`].
    pub async fn copy_to(&mut self, writer: &mut (impl AsyncWrite + Unpin + ?Sized)) -> io::Result<u64> {
        let (mut piece, mut copied) = (vec![0; PIECE], 0);
        loop {
            let count = self.incoming().read(&mut piece).await.map_err(inside)?;
            if count == 0 {
                writer.flush().await?;
                return Ok(copied);
            }
            writer.write_all(&piece[..count]).await?;
            copied += count as u64;
        }
    }

    /// Writes the body, decoded, into a file at `path`, made or emptied first, and says how many bytes that were.
    ///
    /// # Errors
    /// As [`crate::Response::save`].
    pub async fn save(&mut self, path: impl AsRef<Path>) -> io::Result<u64> {
        self.copy_to(&mut tokio::fs::File::create(path).await?).await
    }

    /// The body line by line as it comes in; see [`crate::Response::lines`].
    ///
    /// ```
    /// # use entreat::{Config, aio::Client, mock::Mock};
    /// # let mock = Mock::new();
    /// # mock.on("GET", "/events").reply("one\ntwo\n");
    /// # let client = Client::with_transport(mock, Config::new())?;
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let mut response = client.get("http://example.org/events").await?;
    /// let mut lines = response.lines();
    /// while let Some(line) = lines.next().await? {
    ///     println!("{line}");
    /// }
    /// # Ok::<(), entreat::Error>(())
    /// # })?;
    /// # Ok::<(), entreat::Error>(())
    /// ```
    pub fn lines(&mut self) -> Lines<'_> {
        Lines::new(self)
    }

    /// The next bytes of the body, decoded, at most 64 KiB; none at its end.
    ///
    /// # Errors
    /// As [`Response::bytes`].
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        let mut piece = vec![0; PIECE];
        let count = self.incoming().read(&mut piece).await?;
        Ok((count > 0).then(|| pieces::fitting(piece, count)))
    }

    /// The body, decoded, as a stream of pieces of at most 64 KiB. Nothing is read before it is asked for.
    ///
    /// ```
    /// # use entreat::{Config, aio::Client, mock::Mock};
    /// # let mock = Mock::new();
    /// # mock.on("GET", "/").reply("one and two");
    /// # let client = Client::with_transport(mock, Config::new())?;
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let response = client.get("http://example.org/").await?;
    /// let copy = entreat::Body::stream(response.into_stream()); // from one server to another
    /// # let _ = copy;
    /// # Ok::<(), entreat::Error>(())
    /// # })?;
    /// # Ok::<(), entreat::Error>(())
    /// ```
    pub fn into_stream(self) -> Chunks {
        Chunks::new(self)
    }

    /// The body, decoded, as a reader of tokio's. Nothing is read before it is asked for, and at most 64 KiB then. Errors of
    /// the reader carry an [`Error`](crate::Error) inside.
    pub fn into_reader(self) -> Reader {
        Reader::new(self)
    }

    /// The next bytes of the body, decoded, into `into`; 0 at the end.
    ///
    /// # Errors
    /// As [`Response::bytes`].
    pub async fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        self.incoming().read(into).await
    }
}

/// Sends `GET url`, without keeping cookies.
///
/// Connections belong to the runtime that made them, so each call outside a [`Client`] opens its own.
///
/// # Errors
/// As [`crate::Client::send`].
pub async fn get(url: impl AsRef<str>) -> Result<Response> {
    send(Request::get(url)).await
}

/// Sends `request` on a connection of its own.
///
/// # Errors
/// As [`crate::Client::send`].
pub async fn send(request: Request) -> Result<Response> {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    let config = CONFIG.get_or_init(|| Config::new().cookies(false).hsts(false));
    Client::with_config(config.clone())?.send(request).await
}
