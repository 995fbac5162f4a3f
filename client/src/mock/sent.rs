//! A request as a transport in this process sees it.

use entreat_core::{Headers, Url};
use std::borrow::Cow;

/// A request as it would have gone over the wire: all fields that the client added are there.
#[derive(Debug, Clone)]
pub struct Sent {
    pub(crate) method: String,
    pub(crate) url: Url,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl Sent {
    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// All fields, in their order.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The first field of that name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get_str(name)
    }

    /// The body, whole and without framing.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}
