//! The async face, on tokio: the same requests, settings and policies as the blocking one.
//!
//! Only what waits differs: `send`, and the methods that read a body. Everything else of [`Client`] and
//! [`Response`] is shared. Dropping a future cancels it, and closes the connection that it was using.

use crate::net::tokio::Tokio;
use crate::session::Session;
use crate::{Config, Request, Result};
use std::sync::OnceLock;

/// Sends requests, keeps connections and cookies; see [`crate::Client`]. Its connections live in the runtime that
/// made them.
#[derive(Debug, Clone)]
pub struct Client(Session<Tokio>);

/// A response of the async client; see [`crate::Response`].
pub type Response = crate::Response<Tokio>;

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
    /// Settings that contradict themselves.
    pub fn with_config(config: Config) -> Result<Client> {
        Ok(Client(Session::new(Tokio, config)?))
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

    /// Closes the connections. Requests sent from now on fail with [`crate::Kind::Closed`].
    pub async fn close(&self) {
        self.0.engine().close().await;
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
    let config = CONFIG.get_or_init(|| Config::new().cookies(false));
    Client::with_config(config.clone())?.send(request).await
}
