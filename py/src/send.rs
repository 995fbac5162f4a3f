//! A prepared request over the engine, and its answer as a `Response`: the part that the express lane's calls and the
//! redirects that Python follows have in common. The GIL is released here, once.

use crate::answer::{Answer, AnswerBody, ResponseBase};
use crate::errors::raise;
use crate::exchange::{Raw, latin1};
use crate::session::SessionBase;
use crate::state::{NetworkRules, Options};
use crate::support::Support;
use crate::way::Said;
use crate::{body, interrupt, prepare, shared};
use entreat::engine::{Engine as Connections, Outgoing};
use entreat::incoming::Incoming;
use entreat::net::blocking::{Blocking, block};
use entreat::{Body, Error, Headers, Kind, PoolRules, Url};
use entreat_core::content::Decoder;
use entreat_core::exchange::{BodyFraming, BodyLength, is_idempotent};
use entreat_core::policy::redirect::is_redirect;
use entreat_core::route::Proxy;
use entreat_core::{Deadlines, ResponseHead};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU16;
use std::time::{Duration, Instant};

/// A request as it will be sent, but for the Host field.
pub(crate) struct Prepared {
    pub(crate) method: Cow<'static, str>,
    pub(crate) url: Url,
    /// Shared by the requests of a session that have no other fields than those of the session.
    pub(crate) fields: Arc<Headers>,
    /// The same behind the Host, where a request before had the same. It goes without a body then.
    pub(crate) with_host: Option<Arc<Headers>>,
    pub(crate) body: Body,
    /// What `PreparedRequest.body` is.
    pub(crate) object: Option<Py<PyAny>>,
    /// The jar from which the Cookie field was written.
    pub(crate) cookies: Option<Py<PyAny>>,
    /// The `PreparedRequest`, where Python made one.
    pub(crate) request: Option<Py<PyAny>>,
}

/// Sends a `PreparedRequest` whose parts are plain; `None` where another lane must. Without a session it belongs to a
/// call of `requests.get` or its like. `retries` says that the session's adapter may try again.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the arguments are those of requests' Session.send")]
pub(crate) fn send_prepared<'py>(
    py: Python<'py>,
    session: Option<&Bound<'py, PyAny>>,
    request: &Bound<'py, PyAny>,
    stream: bool,
    timeout: &Bound<'py, PyAny>,
    verify: &Bound<'py, PyAny>,
    cert: &Bound<'py, PyAny>,
    proxies: &Bound<'py, PyAny>,
    retries: bool,
    network: Option<&Bound<'py, NetworkRules>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let support = Support::get(py)?;
    let Some(prepared) = read_prepared(request)? else { return Ok(None) };
    let said = Said { verify, cert, proxies };
    let options = Options::of(py, &prepared.url, timeout, stream, &said, retries)?;
    let network = network.map(|network| network.get());
    let Some(options) = options.map(|options| options.through(network)) else { return Ok(None) };
    let owner = session.map_or_else(|| Owner::nobody(&prepared), Owner::Session);
    send(py, support, &owner, prepared, &options)
}

/// Whose connections a request takes.
pub(crate) enum Owner<'a, 'py> {
    Session(&'a Bound<'py, PyAny>),
    /// A call without a session, which shares them with its like.
    Shared(Arc<Connections<Blocking>>),
    /// A call without a session that shares none.
    Call(OneCall),
}

impl<'py> Owner<'_, 'py> {
    /// The owner of a request that no session sends. One that must not be sent twice, or that shows who sends it, gets
    /// connections of its own.
    pub(crate) fn nobody(prepared: &Prepared) -> Self {
        let shared = shared::connections();
        if is_idempotent(&prepared.method) && !prepared.fields.contains("Authorization") {
            return Owner::Shared(shared);
        }
        Owner::Call(OneCall(shared.beside(interrupt::NET, PoolRules::default())))
    }

    fn connections(&self) -> PyResult<Arc<Connections<Blocking>>> {
        Ok(match self {
            Owner::Session(session) => session.cast::<SessionBase>()?.get().connections(),
            Owner::Shared(connections) | Owner::Call(OneCall(connections)) => Arc::clone(connections),
        })
    }

    fn session(&self) -> Option<&Bound<'py, PyAny>> {
        match self {
            Owner::Session(session) => Some(session),
            Owner::Shared(_) | Owner::Call(_) => None,
        }
    }
}

/// Connections that are closed with the call that made them, as those of requests' short-lived session are.
pub(crate) struct OneCall(Arc<Connections<Blocking>>);

impl OneCall {
    /// A session over these connections, for what Python decides about the response.
    pub(crate) fn lend_session<'py>(
        &self,
        py: Python<'py>,
        support: &Support,
    ) -> PyResult<Bound<'py, PyAny>> {
        let session = support.session_class.bind(py).call0()?;
        session.cast::<SessionBase>()?.get().adopt(Arc::clone(&self.0));
        Ok(session)
    }
}

impl Drop for OneCall {
    fn drop(&mut self) {
        Python::attach(|py| py.detach(|| block(self.0.close())));
    }
}

fn read_prepared(request: &Bound<'_, PyAny>) -> PyResult<Option<Prepared>> {
    let (url, method): (String, String) =
        (request.getattr("url")?.extract()?, request.getattr("method")?.extract()?);
    let Ok(url) = Url::from_prepared(&url) else { return Ok(None) };
    let mut fields = Headers::with_capacity(12, 384);
    let headers = request.getattr("headers")?.getattr("_store")?;
    let Ok(store) = headers.cast::<PyDict>() else { return Ok(None) };
    let complete = prepare::session_headers(&mut fields, store).is_some();
    let unread = request.call_method0("_unread_body")?;
    let (object, body) = match unread.is_none() {
        // Multipart, to be read from its files.
        false => {
            let length = unread.getattr("length")?.extract()?;
            let body = body::rewindable(&unread, length)?;
            (unread, Some(body))
        }
        true => {
            let object = request.getattr("body")?;
            let body = if object.is_none() { Some(Body::empty()) } else { body::whole(&object) };
            (object, body)
        }
    };
    let (Some(body), true) = (body, complete && url.credentials().is_none()) else { return Ok(None) };
    // What urllib3 would add stays its affair: these two, and the framing.
    let framed = fields.contains("Content-Length") || object.is_none();
    let complete = fields.contains("Accept-Encoding") && fields.contains("User-Agent");
    if !framed || !complete || fields.contains("Transfer-Encoding") || fields.contains("Upgrade") {
        return Ok(None);
    }
    let object = (!object.is_none()).then(|| object.unbind());
    let request = Some(request.clone().unbind());
    let (method, fields) = (Cow::Owned(method), Arc::new(fields));
    Ok(Some(Prepared { method, url, fields, with_host: None, body, object, cookies: None, request }))
}

/// False for the methods with which urllib3 does not say that there is no body.
fn expects_body(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD" | "DELETE" | "TRACE" | "OPTIONS" | "CONNECT")
}

/// What came back, before it meets Python again.
struct Received {
    head: ResponseHead,
    elapsed: Duration,
    body: Result<ReceivedBody, Broken>,
}

/// A body that broke off.
struct Broken {
    error: Error,
    /// What came before.
    partial: Vec<u8>,
    /// Of the chunk in which it did: how much had come, and how much was missing.
    chunk: (u64, u64),
}

enum ReceivedBody {
    /// Beside it, how many bytes it was on the wire.
    Decoded(Vec<u8>, usize),
    Coded(Vec<u8>),
    Streamed(Box<Incoming<Blocking>>),
}

/// Sends a request and makes the `Response`; `None` where another lane must, and nothing was sent.
pub(crate) fn send<'py>(
    py: Python<'py>,
    support: &Support,
    owner: &Owner<'_, 'py>,
    prepared: Prepared,
    options: &Options,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let (connections, session) = (owner.connections()?, owner.session());
    let is_shared = matches!(owner, Owner::Shared(_));
    if options.settings.tls.accept_any_certificate {
        // urllib3 names the host that it connects to.
        let proxy = options.proxy.as_ref().filter(|proxy| !proxy.server().scheme.is_socks());
        let host = proxy.map_or(prepared.url.host(), |proxy| &proxy.server().host);
        support.call(py, "warn_unverified", (host,))?;
    }
    let outcome = py.detach(|| {
        let outcome = transfer(&connections, &prepared, options);
        if is_shared {
            shared::close_when_idle(&connections);
        }
        outcome
    });
    let again = session.filter(|_| options.retries);
    let received = match (outcome, again) {
        (Ok(received), Some(session)) if asks_again(&received.head) => {
            let head = Some(Raw::read_before(received.head));
            return retry(py, support, session, &prepared, options, head, None).map(Some);
        }
        (Ok(received), _) => received,
        // A key with a passphrase, say, for which OpenSSL asks.
        (Err(error), _) if error.kind() == Kind::InvalidConfig => return Ok(None),
        (Err(error), Some(session)) if error.kind() != Kind::Interrupted => {
            let error = raise(py, &error).into_value(py);
            return retry(py, support, session, &prepared, options, None, Some(error.into_any())).map(Some);
        }
        (Err(error), _) => return fail(py, support, session, &prepared, options, &error, None).map(Some),
    };
    let mut length = 0;
    let body = match received.body {
        Ok(ReceivedBody::Decoded(bytes, coded)) => {
            length = coded;
            AnswerBody::Decoded(PyBytes::new(py, &bytes).unbind())
        }
        Ok(ReceivedBody::Coded(bytes)) => {
            length = bytes.len();
            AnswerBody::Coded(PyBytes::new(py, &bytes).unbind())
        }
        Ok(ReceivedBody::Streamed(incoming)) => {
            AnswerBody::Streamed(Py::new(py, Raw::new(received.head.clone(), incoming))?)
        }
        Err(Broken { error, partial, chunk }) => {
            let broken = Some((received.head, partial, chunk));
            return fail(py, support, session, &prepared, options, &error, broken).map(Some);
        }
    };
    let answer = Answer {
        head: received.head,
        elapsed: received.elapsed,
        method: prepared.method,
        url: prepared.url,
        request_headers: prepared.fields,
        request_body: prepared.object,
        cookies: prepared.cookies,
        session: session.map(|session| session.clone().unbind()),
        body,
        length,
        proxy: options.proxy.as_ref().map(|proxy| proxy.name().into()),
        request: prepared.request,
        made: AtomicU16::new(0),
    };
    let coded = matches!(answer.body, AnswerBody::Coded(_));
    let response = answer.into_response(py, support)?;
    if coded && !ResponseBase::needs_python(&response) {
        // requests reads the body before it returns, so a coding that cannot be undone is an error of the call. Not so
        // of a redirect that is followed.
        response.getattr(pyo3::intern!(py, "_content"))?;
    }
    Ok(Some(response))
}

/// The exchange, without the GIL.
fn transfer(
    connections: &Arc<Connections<Blocking>>,
    prepared: &Prepared,
    options: &Options,
) -> Result<Received, Error> {
    let started = Instant::now();
    let proxy = options.proxy.as_deref();
    let forwarding = proxy.filter(|proxy| proxy.forwards(prepared.url.scheme()));
    let headers = match (&prepared.with_host, forwarding) {
        (Some(known), None) => Cow::Borrowed(&**known),
        (Some(_) | None, _) => Cow::Owned(complete(prepared, forwarding)?),
    };
    let length = match prepared.body.length() {
        BodyLength::Known(length) => length,
        BodyLength::None | BodyLength::Unknown => 0,
    };
    let outgoing = Outgoing {
        method: &prepared.method,
        url: &prepared.url,
        proxy,
        headers: &headers,
        framing: BodyFraming::Length(length),
        body: &prepared.body,
        settings: &options.settings,
        deadlines: Deadlines::start(options.timeout, started),
        keep_alive: true,
        authority_form: false,
    };
    let (head, incoming) = block(pin!(connections.exchange(&outgoing)))?;
    let elapsed = started.elapsed();
    let body = if options.stream || is_long_redirect(&head) {
        Ok(ReceivedBody::Streamed(incoming))
    } else {
        read_body(incoming, &head)
    };
    Ok(Received { head, elapsed, body })
}

/// All fields of a request.
fn complete(prepared: &Prepared, forwarding: Option<&Proxy>) -> Result<Headers, Error> {
    let Prepared { method, url, fields, object, .. } = prepared;
    let is_empty = object.is_none() && expects_body(method) && !fields.contains("Content-Length");
    let mut headers = behind_host(fields, url, is_empty.then_some("0"))?;
    for (name, value) in forwarding.iter().flat_map(|proxy| proxy.fields().iter()) {
        // Over the request's own, as urllib3 has it.
        headers.set(name, value)?;
    }
    Ok(headers)
}

/// The fields, behind a Host where they do not have one, and the Content-Length that http.client adds.
pub(crate) fn behind_host(fields: &Headers, url: &Url, length: Option<&str>) -> Result<Headers, Error> {
    let mut headers = Headers::with_capacity(fields.len() + 2, 512);
    if !fields.contains("Host") {
        headers.append_lenient("Host", url.host_field().as_bytes())?;
    }
    if let Some(length) = length {
        headers.append_lenient("Content-Length", length)?;
    }
    headers.extend(fields)?;
    Ok(headers)
}

/// True of a redirect whose body is large, or may be: of one that is followed it is of no use, so whoever follows reads
/// only some of it (`sessions._drain`).
fn is_long_redirect(head: &ResponseHead) -> bool {
    const SHORT: u64 = 1 << 20;
    let length = || head.headers.get_str("Content-Length").and_then(|length| length.parse::<u64>().ok());
    is_redirect(head.status)
        && head.headers.contains("Location")
        && length().is_none_or(|length| length > SHORT)
}

/// Reads the body and undoes gzip and deflate. Any other coding, and one that fails, is left to urllib3.
fn read_body(mut incoming: Box<Incoming<Blocking>>, head: &ResponseHead) -> Result<ReceivedBody, Broken> {
    let mut raw = Vec::new();
    let outcome = block(pin!(incoming.read_into(&mut raw)));
    if let Err(error) = outcome {
        return Err(Broken { error, partial: raw, chunk: incoming.chunk() });
    }
    let length = raw.len();
    // Nothing is nothing in every coding; so says a response to HEAD.
    let coding = head.headers.get("Content-Encoding").filter(|_| !raw.is_empty());
    let Some(coding) = coding else { return Ok(ReceivedBody::Decoded(raw, length)) };
    let known = [&b"gzip"[..], b"x-gzip", b"deflate"].iter().any(|known| coding.eq_ignore_ascii_case(known));
    if !known || head.headers.get_all("Content-Encoding").count() > 1 {
        return Ok(ReceivedBody::Coded(raw));
    }
    Ok(match decode(coding, &raw) {
        Some(decoded) => ReceivedBody::Decoded(decoded, length),
        None => ReceivedBody::Coded(raw),
    })
}

fn decode(coding: &[u8], raw: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = Decoder::for_encoding(std::iter::once(coding))?;
    let (mut decoded, mut taken) = (Vec::with_capacity(raw.len() * 4), 0);
    loop {
        let before = decoded.len();
        let consumed = decoder.decode(&raw[taken..], &mut decoded, DECODED_AT_ONCE).ok()?;
        taken += consumed;
        if consumed == 0 && decoded.len() == before {
            break;
        }
    }
    decoder.finish().ok()?;
    Some(decoded)
}

const DECODED_AT_ONCE: usize = 256 * 1024;

/// What requests makes of an error of the engine: mostly an exception; of some answers that the engine refuses, a
/// response.
fn fail<'py>(
    py: Python<'py>,
    support: &Support,
    session: Option<&Bound<'py, PyAny>>,
    prepared: &Prepared,
    options: &Options,
    error: &Error,
    broken: Option<(ResponseHead, Vec<u8>, (u64, u64))>,
) -> PyResult<Bound<'py, PyAny>> {
    if error.kind() == Kind::Interrupted
        && let Some(raised) = interrupt::take()
    {
        return Err(raised);
    }
    let error = raise(py, error).into_value(py);
    let request = prepared.to_python(py, support)?;
    let (head, partial, chunk) = match broken {
        None => (None, Vec::new(), (0, 0)),
        Some((head, partial, chunk)) => (Some(Raw::read_before(head)), partial, chunk),
    };
    let broken = (head, PyBytes::new(py, &partial), chunk);
    support.call(py, "explain", (session, request, error, broken, options.given(py)))
}

/// True for an answer that urllib3's `Retry` waits out by default: 413, 429 or 503 with a Retry-After.
fn asks_again(head: &ResponseHead) -> bool {
    matches!(head.status, 413 | 429 | 503) && head.headers.contains("Retry-After")
}

/// Lets the session's own `Retry` decide about a failure or an answer.
fn retry<'py>(
    py: Python<'py>,
    support: &Support,
    session: &Bound<'py, PyAny>,
    prepared: &Prepared,
    options: &Options,
    head: Option<Raw>,
    error: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let request = prepared.to_python(py, support)?;
    support.call(py, "retry", (session, request, head, error, options.given(py)))
}

impl Prepared {
    /// The `PreparedRequest` that this is, or would have been.
    fn to_python<'py>(&self, py: Python<'py>, support: &Support) -> PyResult<Bound<'py, PyAny>> {
        if let Some(request) = &self.request {
            return Ok(request.bind(py).clone());
        }
        let fields = PyList::new(py, self.fields.iter().map(|(name, value)| (name, latin1(value))))?;
        let (body, cookies) = (self.object.as_ref(), self.cookies.as_ref());
        support.call(py, "request", (&self.method, self.url.as_str(), fields, body, cookies))
    }
}
