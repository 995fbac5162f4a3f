//! To and from the types of the crate `http`, for programs that already speak them (feature `http`).
//!
//! That crate writes names of fields in small letters and has no place for settings: what a request of ours was told by
//! `configure` is not in one of its requests.

use crate::body::Body;
use crate::mock::{Reply, Sent};
use crate::net::Net;
use crate::net::blocking::block;
use crate::request::Request;
use crate::response::Response;
use entreat_core::{Error, Headers, Kind, Result, Version};

/// The version is of no account: the connection decides. A URI that is not absolute comes back as an error when the request
/// is sent.
///
/// ```
/// use entreat::{Client, Config, mock::Mock};
/// let mock = Mock::new();
/// mock.on("PUT", "/item").reply("stored");
/// let request = http::Request::put("http://example.org/item").header("X-Trace", "1").body("text").unwrap();
/// let client = Client::with_transport(mock.clone(), Config::new())?;
/// let response: http::Response<Vec<u8>> = client.send(request.into())?.into_http()?;
/// assert_eq!((response.status(), response.body().as_slice()), (http::StatusCode::OK, &b"stored"[..]));
/// assert_eq!(mock.requests()[0].header("X-Trace"), Some("1"));
/// # Ok::<(), entreat::Error>(())
/// ```
impl<B: Into<Body>> From<http::Request<B>> for Request {
    fn from(request: http::Request<B>) -> Request {
        let (parts, body) = request.into_parts();
        let ours = Request::new(parts.method.to_string(), parts.uri.to_string());
        let fields = parts.headers.iter();
        let ours = fields.fold(ours, |ours, (name, value)| ours.append_header(name, value));
        ours.body(body)
    }
}

/// The request as it was given; what a client adds when it sends one is not there.
impl TryFrom<Request> for http::Request<Body> {
    type Error = Error;

    /// # Errors
    /// The request's first mistake; what the crate `http` does not take.
    fn try_from(mut request: Request) -> Result<http::Request<Body>> {
        let url = request.check()?.clone();
        request.complete()?;
        let mut theirs = http::Request::builder().method(&*request.method).uri(url.as_str());
        for (name, value) in request.headers.iter() {
            theirs = theirs.header(name, value);
        }
        theirs.body(request.body).map_err(|error| untaken(Kind::InvalidUrl, error).with_url(url.as_str()))
    }
}

/// For transports in this process that are written against the crate `http`.
impl TryFrom<&Sent> for http::Request<Vec<u8>> {
    type Error = Error;

    /// # Errors
    /// What the crate `http` does not take.
    fn try_from(sent: &Sent) -> Result<http::Request<Vec<u8>>> {
        let mut theirs = http::Request::builder().method(sent.method()).uri(sent.url().as_str());
        for (name, value) in sent.headers().iter() {
            theirs = theirs.header(name, value);
        }
        theirs.body(sent.body().to_vec()).map_err(|error| untaken(Kind::InvalidUrl, error))
    }
}

impl<B: Into<Vec<u8>>> From<http::Response<B>> for Reply {
    fn from(response: http::Response<B>) -> Reply {
        let (parts, body) = response.into_parts();
        let reply = Reply::status(parts.status.as_u16()).body(body);
        parts.headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value))
    }
}

impl<N: Net> Response<N> {
    /// Reads the body, and makes a response of the crate `http` of it all. The fields that speak of a coding which was undone
    /// are left out; the URL that answered is an extension of type [`Url`](crate::Url).
    pub(crate) async fn convert(mut self) -> Result<http::Response<Vec<u8>>> {
        let was_coded = self.incoming().is_decoded();
        let body = self.incoming().read_to_end().await?;
        self.head_with(was_coded, body)
    }

    /// A response of the crate `http` with the head of this one, and that body, whose coding was undone or not.
    pub(crate) fn head_with<B>(&self, was_coded: bool, body: B) -> Result<http::Response<B>> {
        let version = match self.version() {
            Version::Http10 => http::Version::HTTP_10,
            Version::Http11 => http::Version::HTTP_11,
        };
        let mut theirs = http::Response::builder().status(self.status()).version(version);
        for (name, value) in kept(self.headers(), was_coded) {
            theirs = theirs.header(name, value);
        }
        let url = self.url().clone();
        let made = theirs.extension(url.clone()).body(body);
        made.map_err(|error| untaken(Kind::MalformedResponse, error).with_url(url.as_str()))
    }
}

impl Response {
    /// Reads the body, decoded, and makes a response of the crate `http` of it all.
    ///
    /// The fields that speak of a coding which was undone are left out; the URL that answered is an extension of type
    /// [`Url`](crate::Url).
    ///
    /// # Errors
    /// As [`Response::bytes`]; a field that the crate `http` does not take.
    pub fn into_http(self) -> Result<http::Response<Vec<u8>>> {
        block(self.convert())
    }
}

#[cfg(feature = "aio")]
impl crate::aio::Response {
    /// Reads the body, decoded, and makes a response of the crate `http` of it all; see [`crate::Response::into_http`].
    ///
    /// # Errors
    /// As [`crate::Response::into_http`].
    pub async fn into_http(self) -> Result<http::Response<Vec<u8>>> {
        self.convert().await
    }
}

fn kept(headers: &Headers, was_coded: bool) -> impl Iterator<Item = (&str, &[u8])> {
    let of_coding = |name: &str| {
        ["Content-Encoding", "Content-Length", "Transfer-Encoding"]
            .iter()
            .any(|field| field.eq_ignore_ascii_case(name))
    };
    headers.iter().filter(move |(name, _)| !(was_coded && of_coding(name)))
}

fn untaken(kind: Kind, error: http::Error) -> Error {
    Error::new(kind).expected("what the crate http takes").with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::Mock;
    use crate::{Client, Config};

    #[test]
    fn a_request_survives_the_way_there_and_back() {
        let ours =
            Request::post("http://a.test/b?c=d").header("X-A", "1").append_header("X-A", "2").body("text");
        let theirs = http::Request::<Body>::try_from(ours).unwrap();
        assert_eq!(
            (theirs.method(), theirs.uri().to_string()),
            (&http::Method::POST, "http://a.test/b?c=d".into())
        );
        let again = Request::from(theirs);
        assert_eq!(again.headers().get_all("x-a").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(again.body.length(), Body::from("text").length());
    }

    #[test]
    fn what_is_wrong_with_a_request_is_said_when_it_is_sent() {
        let relative = Request::from(http::Request::get("/path").body("").unwrap());
        assert_eq!(Client::new().send(relative).unwrap_err().kind(), Kind::MissingScheme);
        let wrong = Request::get("http://a.test/").header("a b", "c");
        assert_eq!(http::Request::<Body>::try_from(wrong).unwrap_err().kind(), Kind::InvalidHeader);
    }

    #[test]
    fn a_response_has_no_field_of_a_coding_that_was_undone() {
        let mock = Mock::new();
        let coded =
            http::Response::builder().status(201).header("Content-Encoding", "deflate").header("X-A", "b");
        // A stored block of zlib (RFC 1950).
        let packed = b"\x78\x01\x01\x02\x00\xfd\xffhi\x01\x3b\x00\xd2".to_vec();
        mock.on("GET", "/").reply(coded.body(packed).unwrap());
        let client = Client::with_transport(mock, Config::new()).unwrap();
        let response = client.get("http://a.test/").unwrap().into_http().unwrap();
        assert_eq!((response.status().as_u16(), response.body().as_slice()), (201, &b"hi"[..]));
        assert_eq!(response.headers().len(), 1);
        assert_eq!(response.extensions().get::<crate::Url>().unwrap().as_str(), "http://a.test/");
    }
}
