//! A request as a value: made once, kept, cloned, sent by any client.
//!
//! Setters chain. What is wrong with an argument is remembered, the first mistake only, and given back by whoever
//! sends the request, before anything is sent.

use crate::body::Body;
use crate::compressed;
use crate::multipart::Form;
use crate::response::RequestHead;
#[cfg(feature = "json")]
use entreat_core::Kind;
use entreat_core::content::encode::Coding;
use entreat_core::policy::auth::{Auth, Credentials, basic};
use entreat_core::{Config, Error, Headers, Result, Timeout, Url};
use std::borrow::Cow;
use std::time::Duration;

/// An HTTP request.
///
/// ```
/// use entreat::Request;
/// let request = Request::post("http://example.org/items")
///     .header("X-Trace", "1")
///     .query("page", "2")
///     .form([("name", "John"), ("job", "developer")]);
/// assert_eq!(request.url().unwrap().target(), "/items?page=2");
/// ```
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) method: Cow<'static, str>,
    pub(crate) url: Option<Url>,
    pub(crate) headers: Headers,
    pub(crate) body: Body,
    pub(crate) config: Option<Box<Config>>,
    /// What its body is to be coded with while it is sent.
    compress: Option<Coding>,
    error: Option<Error>,
}

impl Request {
    /// A request with any method, which is sent as it is written. `url` is absolute.
    pub fn new(method: impl Into<Cow<'static, str>>, url: impl AsRef<str>) -> Request {
        let (url, error) = match Url::parse(url.as_ref()) {
            Ok(url) => (Some(url), None),
            Err(error) => (None, Some(error)),
        };
        let (headers, body) = (Headers::new(), Body::empty());
        Request { method: method.into(), url, headers, body, config: None, compress: None, error }
    }

    /// The same with a URL that was parsed before.
    #[doc(hidden)]
    pub fn at(method: impl Into<Cow<'static, str>>, url: Url) -> Request {
        let (method, url, headers, body) = (method.into(), Some(url), Headers::new(), Body::empty());
        Request { method, url, headers, body, config: None, compress: None, error: None }
    }

    /// `GET url`.
    pub fn get(url: impl AsRef<str>) -> Request {
        Request::new("GET", url)
    }

    /// `HEAD url`.
    pub fn head(url: impl AsRef<str>) -> Request {
        Request::new("HEAD", url)
    }

    /// `OPTIONS url`.
    pub fn options(url: impl AsRef<str>) -> Request {
        Request::new("OPTIONS", url)
    }

    /// `POST url`.
    pub fn post(url: impl AsRef<str>) -> Request {
        Request::new("POST", url)
    }

    /// `PUT url`.
    pub fn put(url: impl AsRef<str>) -> Request {
        Request::new("PUT", url)
    }

    /// `PATCH url`.
    pub fn patch(url: impl AsRef<str>) -> Request {
        Request::new("PATCH", url)
    }

    /// `DELETE url`.
    pub fn delete(url: impl AsRef<str>) -> Request {
        Request::new("DELETE", url)
    }

    /// Sets a header, in the place of one of that name that was there.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Request {
        let outcome = self.headers.set(name, value);
        self.note(outcome)
    }

    /// Adds a header beside those of the same name.
    pub fn append_header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Request {
        let outcome = self.headers.append(name, value);
        self.note(outcome)
    }

    /// Adds `name=value` to the URL's query, encoded.
    pub fn query(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Request {
        let Some(url) = &self.url else { return self };
        match url.with_query([(name, value)]) {
            Ok(url) => {
                self.url = Some(url);
                self
            }
            Err(error) => self.note(Err(error)),
        }
    }

    /// Sets the body: bytes, text, or a [`Body`] made of a file or a reader.
    pub fn body(mut self, body: impl Into<Body>) -> Request {
        self.body = body.into();
        self
    }

    /// Sends the file at `path` as the body.
    pub fn file(self, path: impl AsRef<std::path::Path>) -> Request {
        match Body::path(path) {
            Ok(body) => self.body(body),
            Err(error) => self.note(Err(error)),
        }
    }

    /// Sets the body to `pairs` as an HTML form (`application/x-www-form-urlencoded`).
    pub fn form<N: AsRef<str>, V: AsRef<str>>(self, pairs: impl IntoIterator<Item = (N, V)>) -> Request {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in pairs {
            text.append_pair(name.as_ref(), value.as_ref());
        }
        self.content("application/x-www-form-urlencoded", text.finish())
    }

    /// Sets the body to a form with files (`multipart/form-data`), and Content-Type to the boundary between its parts.
    pub fn multipart(mut self, form: Form) -> Request {
        let outcome = self.headers.set("Content-Type", form.media_type());
        let request = self.note(outcome);
        match form.into_body() {
            Ok(body) => request.body(body),
            Err(error) => request.note(Err(error)),
        }
    }

    /// Compresses the body while it is sent, and says so in Content-Encoding. Off unless asked for, since a client
    /// cannot know what a server takes, and those that do not answer 415 or take the bytes for content.
    ///
    /// Bytes in memory are compressed at once, and their length is known; any other body goes in chunks. It is an error
    /// where the headers hold Content-Encoding or Content-Length already.
    pub fn compress(mut self, coding: Coding) -> Request {
        self.compress = Some(coding);
        self
    }

    /// Sets the body to `value` as JSON. A value that cannot be serialized is an error of [`Kind::InvalidBody`].
    #[cfg(feature = "json")]
    pub fn json(self, value: &(impl serde::Serialize + ?Sized)) -> Request {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.content("application/json", bytes),
            Err(error) => self.note(Err(Error::new(Kind::InvalidBody).with_source(error))),
        }
    }

    /// Proves who sends this request, in the place of what its client says; it goes before an Authorization header,
    /// except for netrc, which does not.
    ///
    /// ```
    /// # use entreat::{Auth, Request};
    /// let request = Request::get("http://example.org/").auth(Auth::digest("user", "secret"));
    /// ```
    pub fn auth(self, auth: Auth) -> Request {
        self.configure(|config| config.auth(auth))
    }

    /// Sets HTTP Basic credentials (RFC 7617), in UTF-8.
    pub fn basic_auth(self, user: impl AsRef<str>, password: impl AsRef<str>) -> Request {
        let credentials = Credentials::new(user.as_ref(), password.as_ref());
        match basic::authorization(&basic::Rules::modern(), &credentials) {
            Ok(value) => self.header("Authorization", value),
            Err(error) => self.note(Err(error)),
        }
    }

    /// Sets a bearer token (RFC 6750).
    pub fn bearer_auth(self, token: impl AsRef<str>) -> Request {
        self.header("Authorization", format!("Bearer {}", token.as_ref()))
    }

    /// Limits the whole exchange, body included; the other time-outs stay at their defaults.
    pub fn timeout(self, total: Duration) -> Request {
        self.configure(|config| config.timeout(Timeout::total(total)))
    }

    /// Changes settings for this request alone; what is not set comes from the client.
    ///
    /// ```
    /// # use entreat::Request;
    /// let request = Request::get("http://example.org/").configure(|config| config.decompress(false));
    /// ```
    pub fn configure(mut self, change: impl FnOnce(Config) -> Config) -> Request {
        let config = self.config.take().map_or_else(Config::new, |config| *config);
        self.config = Some(Box::new(change(config)));
        self
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The URL, where it could be parsed.
    pub fn url(&self) -> Option<&Url> {
        self.url.as_ref()
    }

    /// The headers set so far; those that a client adds come when it is sent.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The same, to be changed.
    #[doc(hidden)]
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// The body, where it need not be read first; `Some(b"")` without one.
    #[doc(hidden)]
    pub fn body_in_memory(&self) -> Option<&[u8]> {
        self.body.in_memory()
    }

    /// The same with what `change` makes of its body.
    #[doc(hidden)]
    pub fn map_body(mut self, change: impl FnOnce(Body) -> Body) -> Request {
        self.body = change(self.body);
        self
    }

    /// The first mistake among the arguments.
    ///
    /// # Errors
    /// That mistake.
    #[doc(hidden)]
    pub fn check(&self) -> Result<&Url> {
        match (&self.error, &self.url) {
            (Some(error), _) => Err(error.clone()),
            (None, Some(url)) => Ok(url),
            (None, None) => unreachable!("a request without a URL has an error"),
        }
    }

    /// The same as it went out, behind redirects perhaps: with all fields, and with its body where they announce one.
    #[doc(hidden)]
    pub fn as_sent(&self, head: &RequestHead, url: &Url) -> Request {
        let announced = |name: &str| head.headers.contains(name);
        let has_body = announced("Content-Length") || announced("Transfer-Encoding");
        Request {
            method: head.method.clone(),
            url: Some(url.clone()),
            headers: head.headers.clone(),
            body: if has_body { self.body.clone() } else { Body::empty() },
            ..self.clone()
        }
    }

    /// Does now what could not be done before all arguments were there.
    pub(crate) fn complete(&mut self) -> Result<()> {
        if let Some(coding) = self.compress.take() {
            self.body = compressed::compress(&self.body, coding, &mut self.headers)?;
        }
        Ok(())
    }

    /// A body and its media type, unless the caller named another.
    fn content(self, media_type: &str, body: impl Into<Body>) -> Request {
        let request = self.body(body);
        match request.headers.contains("Content-Type") {
            true => request,
            false => request.header("Content-Type", media_type),
        }
    }

    fn note(mut self, outcome: Result<()>) -> Request {
        if let Err(error) = outcome {
            self.error.get_or_insert(error);
        }
        self
    }
}
