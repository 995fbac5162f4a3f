//! The async client among services of the crate `tower`, and bodies of the crate `http-body`, both ways (feature `tower`).
//!
//! Layers that retry, limit or trace thus go around it. What the client does by itself, redirects and cookies among it, it does
//! here as well.

use crate::aio::{Chunks, Client, Response};
use crate::body::{AsyncSource, Body};
use crate::request::Request;
use bytes::{Buf, Bytes};
use entreat_core::{Error, Result};
use futures_core::Stream;
use http_body::{Frame, SizeHint};
use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tower_service::Service;

/// The answer to one request, once it is there.
type Answering<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// ```
/// # use entreat::{Config, aio::Client, mock::Mock};
/// # let mock = Mock::new();
/// # mock.on("PUT", "/item").reply("stored");
/// # let client = Client::with_transport(mock, Config::new())?;
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// # runtime.block_on(async {
/// use tower::{Service, timeout::Timeout};
/// let mut service = Timeout::new(client, std::time::Duration::from_secs(5));
/// let request = http::Request::put("http://example.org/item").body(String::from("text"))?;
/// let response = service.call(request).await?;
/// assert_eq!(response.status(), http::StatusCode::OK);
/// # Ok::<(), tower::BoxError>(())
/// # }).unwrap();
/// # Ok::<(), entreat::Error>(())
/// ```
impl<B> Service<http::Request<B>> for Client
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = http::Response<HttpBody>;
    type Error = Error;
    type Future = Answering<http::Response<HttpBody>>;

    /// Always: a request that has to wait for a connection waits in its own future, in the order of the calls.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let (client, request) = (self.clone(), Request::from(request.map(Body::from_http_body)));
        Box::pin(async move { client.send(request).await?.into_http_body() })
    }
}

/// The same in this crate's own words.
impl Service<Request> for Client {
    type Response = Response;
    type Error = Error;
    type Future = Answering<Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let client = self.clone();
        Box::pin(async move { client.send(request).await })
    }
}

impl Response {
    /// A response of the crate `http`, whose body is read as it is asked for; see [`crate::Response::into_http`] for its head.
    ///
    /// # Errors
    /// A field that the crate `http` does not take.
    pub fn into_http_body(mut self) -> Result<http::Response<HttpBody>> {
        let was_coded = self.incoming().is_decoded();
        let head = self.head_with(was_coded, ())?;
        Ok(head.map(|()| HttpBody { chunks: self.into_stream(), told_trailers: false }))
    }
}

/// The body of a response as one of the crate `http-body`: [`Chunks`], and behind them the trailers.
#[derive(Debug)]
pub struct HttpBody {
    chunks: Chunks,
    told_trailers: bool,
}

impl HttpBody {
    /// The trailers, once.
    fn take_trailers(&mut self) -> Option<http::HeaderMap> {
        if std::mem::replace(&mut self.told_trailers, true) {
            return None;
        }
        let fields = self.chunks.trailers()?.iter().filter_map(|(name, value)| {
            let name = http::HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, http::HeaderValue::from_bytes(value).ok()?))
        });
        Some(fields.collect::<http::HeaderMap>()).filter(|fields| !fields.is_empty())
    }
}

impl http_body::Body for HttpBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        let piece = ready!(Pin::new(&mut self.chunks).poll_next(context));
        let data = piece.map(|piece| piece.map(|piece| Frame::data(Bytes::from(piece))));
        Poll::Ready(data.or_else(|| self.take_trailers().map(|fields| Ok(Frame::trailers(fields)))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.remaining() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.chunks.remaining().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Body {
    /// A body of the crate `http-body`, of the length that it says. It cannot be sent a second time, and its trailers, which
    /// few servers look at, are left out. As with all bodies that are waited for, only the async client sends it, unless it
    /// is empty.
    pub fn from_http_body<B>(body: B) -> Body
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let length = body.size_hint().exact();
        match body.is_end_stream() || length == Some(0) {
            true => Body::empty(),
            false => Body::async_source(Frames { body: Box::pin(body), data: None }, length),
        }
    }
}

/// The data of a body of the crate `http-body`.
struct Frames<B: http_body::Body> {
    body: Pin<Box<B>>,
    data: Option<B::Data>,
}

/// Neither the body, which is in a box, nor its data is ever pinned in here.
impl<B: http_body::Body> Unpin for Frames<B> {}

impl<B> AsyncSource for Frames<B>
where
    B: http_body::Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Some(data) = self.data.as_mut().filter(|data| data.has_remaining()) {
                let count = data.remaining().min(into.len());
                data.copy_to_slice(&mut into[..count]);
                return Poll::Ready(Ok(count));
            }
            self.data = None;
            match ready!(self.body.as_mut().poll_frame(context)) {
                None => return Poll::Ready(Ok(0)),
                Some(frame) => self.data = frame.map_err(io::Error::other)?.into_data().ok(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use crate::mock::{Mock, Reply};
    use entreat_core::Kind;
    use http_body::Body as _;
    use std::future::poll_fn;
    use std::time::Duration;
    use tower::timeout::{Timeout, error::Elapsed};

    fn run<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    fn client(mock: &Mock) -> Client {
        Client::with_transport(mock.clone(), Config::new()).unwrap()
    }

    fn put(body: &str) -> http::Request<String> {
        http::Request::put("http://a.test/").header("X-A", "1").body(body.to_owned()).unwrap()
    }

    async fn read(body: &mut HttpBody) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            bytes.extend(frame.unwrap().into_data().unwrap());
        }
        bytes
    }

    #[test]
    fn requests_and_answers_go_through_layers_with_their_bodies() {
        run(async {
            let mock = Mock::new();
            mock.on("PUT", "/").reply("stored");
            let mut service = Timeout::new(client(&mock), Duration::from_secs(60));
            poll_fn(|context| Service::<http::Request<String>>::poll_ready(&mut service, context))
                .await
                .unwrap();
            let mut response = service.call(put("text")).await.unwrap();
            assert_eq!((response.status().as_u16(), response.body().size_hint().exact()), (200, Some(6)));
            assert_eq!(read(response.body_mut()).await, b"stored");
            assert!(response.body().is_end_stream());
            let sent = &mock.requests()[0];
            assert_eq!((sent.text(), sent.header("X-A")), ("text".into(), Some("1")));
            assert_eq!(sent.header("Content-Length"), Some("4"));
        });
    }

    #[test]
    fn a_layer_that_gives_up_drops_the_request() {
        run(async {
            let mock = Mock::new();
            mock.on("PUT", "/").reply(Reply::text("late").delay(Duration::from_secs(3600)));
            let mut service = Timeout::new(client(&mock), Duration::from_millis(20));
            let error = service.call(put("")).await.unwrap_err();
            assert!(error.is::<Elapsed>(), "{error}");
        });
    }

    #[test]
    fn a_request_of_our_own_is_served_too_and_errors_keep_their_kind() {
        run(async {
            let mock = Mock::new();
            mock.on("GET", "/").reply("text");
            let mut client = client(&mock);
            assert_eq!(
                client.call(Request::get("http://a.test/")).await.unwrap().text().await.unwrap(),
                "text"
            );
            let relative = http::Request::get("/path").body(String::new()).unwrap();
            assert_eq!(client.call(relative).await.unwrap_err().kind(), Kind::MissingScheme);
        });
    }

    #[test]
    fn an_answer_may_be_the_body_of_a_request() {
        run(async {
            let mock = Mock::new();
            mock.on("GET", "/").reply("copied");
            mock.on("PUT", "/");
            let client = client(&mock);
            let answer = client.get("http://a.test/").await.unwrap().into_http_body().unwrap();
            let request = Request::put("http://a.test/").body(Body::from_http_body(answer.into_body()));
            client.send(request).await.unwrap();
            assert_eq!(mock.requests()[1].text(), "copied");
        });
    }
}
