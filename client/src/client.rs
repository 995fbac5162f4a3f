//! The blocking client: a [`Session`] on the caller's own thread.

use crate::cookies::Cookies;
use crate::download::{Download, Downloaded};
use crate::mock::Transport;
use crate::net::blocking::{Blocking, block};
use crate::request::Request;
use crate::response::Response;
use crate::session::Session;
use entreat_core::{Config, Result};
use std::path::Path;
use std::pin::pin;

/// Sends requests, keeps connections and cookies. Cheap to clone; clones share everything. Threads may share one.
///
/// The default time-outs are finite: 10 s to connect, 30 s between bytes. See [`Config`] for every knob.
///
/// ```
/// # use entreat::{Config, mock::Mock};
/// # let mock = Mock::new();
/// # mock.on("GET", "/").with_header("Accept", "text/html").reply("hello");
/// use entreat::{Client, Request};
/// let client = Client::new();
/// # let client = Client::with_transport(mock, Config::new())?;
/// let text = client.send(Request::get("http://example.org/").header("Accept", "text/html"))?.text()?;
/// # Ok::<(), entreat::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Client(Session<Blocking>);

impl Client {
    /// A client with the defaults.
    pub fn new() -> Client {
        match Client::with_config(Config::new()) {
            Ok(client) => client,
            Err(error) => unreachable!("the defaults are valid: {error}"),
        }
    }

    /// A client with settings of its own.
    ///
    /// # Errors
    /// Settings that contradict themselves: [`Kind::InvalidConfig`](crate::Kind), `InvalidTimeout`.
    pub fn with_config(config: Config) -> Result<Client> {
        Ok(Client(Session::new(Blocking::default(), config)?))
    }

    /// A client whose requests are answered by `transport` in this process: nothing reaches a network. All else is as
    /// usual: see [`mock`](crate::mock).
    ///
    /// # Errors
    /// As [`Client::with_config`].
    pub fn with_transport(transport: impl Transport, config: Config) -> Result<Client> {
        Ok(Client(Session::over(Blocking::default(), config, Some(Box::new(transport)))?))
    }

    /// Sends a request and waits for the head of its response; the body is read when it is asked for.
    ///
    /// Statuses of 400 and more are responses, not errors: see
    /// [`Response::error_for_status`](crate::Response::error_for_status).
    ///
    /// # Errors
    /// Mistakes in the request, before anything is sent; all that the network and the peer can do wrong.
    pub fn send(&self, request: Request) -> Result<Response> {
        block(pin!(self.0.deliver(request)))
    }

    /// Sends `GET url`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn get(&self, url: impl AsRef<str>) -> Result<Response> {
        self.send(Request::get(url))
    }

    /// Fetches `url` into the file at `path`: whole or not at all, and on from where an earlier attempt stopped. With
    /// [`Client::run_download`] there are a checksum, progress and more.
    ///
    /// # Errors
    /// As [`Client::run_download`].
    pub fn download(&self, url: impl AsRef<str>, path: impl AsRef<Path>) -> Result<Downloaded> {
        self.run_download(&Download::new(Request::get(url), path))
    }

    /// Runs a download.
    ///
    /// # Errors
    /// As [`Client::send`]; those of the body; [`Kind::Status`](crate::Kind) for any status but 200 and 206;
    /// `InvalidConfig` where the file cannot be written; `InvalidContent` where the checksum is another one. What has come
    /// by then waits beside `path` in `NAME.part`, where it can be gone on with.
    pub fn run_download(&self, download: &Download) -> Result<Downloaded> {
        block(download.run(&self.0))
    }

    /// Closes the connections. Requests sent from now on fail with [`Kind::Closed`](crate::Kind).
    pub fn close(&self) {
        block(self.0.engine().close());
    }

    /// The cookies of this client.
    pub fn cookies(&self) -> Cookies {
        Cookies::new(self.0.jar())
    }

    /// What the connections are doing, at this moment.
    pub fn pool_stats(&self) -> crate::PoolStats {
        self.0.engine().stats()
    }

    /// How many connections are idle.
    pub fn idle_connections(&self) -> usize {
        self.0.engine().idle()
    }
}

impl Default for Client {
    fn default() -> Client {
        Client::new()
    }
}
