//! `Response`: an answer whose head has arrived. Its body was read with it, or comes in piece by piece.
//!
//! Everything is made when it is looked at: a program that only asks for the status pays for nothing else. The GIL is
//! given up while bytes are waited for. A body that comes in is taken out of its place meanwhile, so that no lock is held
//! by a thread that waits; another thread that asks in between is told so.

use crate::client::errors::raise_with;
use crate::client::headers::{Headers, text};
use crate::client::pickled::{Head, State};
use crate::client::pieces::{Pieces, Unit};
use crate::client::request::{Request, without_credentials};
use crate::client::times::{self, Clock};
use crate::client::upgraded::Upgraded;
use crate::exchange::latin1;
use crate::session::current_generation;
use entreat::incoming::Incoming;
use entreat::net::Net;
use entreat::net::blocking::{Blocking, block};
use entreat::{Error, Kind, Redirect, RequestHead, ResponseHead, Timings, Url, Version};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An answer.
#[pyclass(module = "entreat.client", frozen, subclass)]
pub(crate) struct Response {
    known: Box<Known>,
    body: Mutex<Body>,
    encoding: Mutex<Option<String>>,
    headers: PyOnceLock<Py<Headers>>,
    made_request: PyOnceLock<Py<Request>>,
}

/// What is known once the head is there. In a box, since it is large and handed through many calls.
pub(crate) struct Known {
    head: ResponseHead,
    url: Url,
    /// What was asked there.
    sent: RequestHead,
    elapsed: Duration,
    /// Absent where nothing comes in any more.
    clock: Option<Clock>,
    /// When the head was there, or at the end of the body.
    timings: Mutex<Timings>,
    /// The redirects on the way.
    redirects: Vec<Passed>,
    attempts: u32,
    /// As the program made it.
    request: entreat::Request,
}

/// An answer without its body, and what was asked.
#[derive(Clone)]
pub(super) struct Passed {
    pub(super) head: ResponseHead,
    pub(super) url: Url,
    pub(super) sent: RequestHead,
    pub(super) elapsed: Duration,
    pub(super) timings: Timings,
}

/// Where the body is.
enum Body {
    /// All of it is here.
    Read(Py<PyBytes>),
    /// Nothing was read yet.
    Arriving(Box<Incoming<Blocking>>),
    /// Some of it was, by pieces.
    Begun(Box<Incoming<Blocking>>),
    /// A thread is waiting for more.
    Busy,
    /// It was read by pieces, to its end.
    Consumed,
    /// It is read by `entreat.aio.Response`, which this is the base of.
    Awaited,
    /// There is none, but a connection that speaks HTTP no more.
    Switched(Box<Incoming<Blocking>>),
    /// It was given up.
    Closed,
}

impl Passed {
    fn of(redirect: &Redirect) -> Passed {
        Passed {
            head: redirect.head().clone(),
            url: redirect.url().clone(),
            sent: redirect.sent().clone(),
            elapsed: redirect.elapsed(),
            timings: redirect.timings(),
        }
    }
}

impl Known {
    /// And the body beside it.
    pub(super) fn of<N: Net>(
        request: entreat::Request,
        parts: entreat::Parts<N>,
    ) -> (Box<Known>, Box<Incoming<N>>) {
        let entreat::Parts { head, url, sent, redirects, retries, started, answered, incoming } = parts;
        let known = Box::new(Known {
            head,
            url,
            sent,
            elapsed: answered - started,
            clock: Some(Clock { started, answered, generation: current_generation() }),
            timings: Mutex::new(incoming.timings(started, answered)),
            redirects: redirects.iter().map(Passed::of).collect(),
            attempts: retries.len() as u32 + 1,
            request,
        });
        (known, incoming)
    }

    /// Of an answer of which nothing comes in any more.
    fn bare(passed: Passed, request: entreat::Request) -> Known {
        let Passed { head, url, sent, elapsed, timings } = passed;
        let timings = Mutex::new(timings);
        Known { head, url, sent, elapsed, clock: None, timings, redirects: Vec::new(), attempts: 1, request }
    }

    /// Status and time, as the log tells them.
    pub(super) fn told(&self) -> (u16, Duration) {
        (self.head.status, self.elapsed)
    }

    pub(super) fn request(&self) -> &entreat::Request {
        &self.request
    }
}

impl Response {
    /// `content` is the body where it was read with the head.
    pub(super) fn new(
        py: Python<'_>,
        known: Box<Known>,
        incoming: Box<Incoming<Blocking>>,
        content: Option<&[u8]>,
    ) -> Response {
        let body = match content {
            _ if incoming.is_switched() => Body::Switched(incoming),
            Some(bytes) => Body::Read(PyBytes::new(py, bytes).unbind()),
            None => Body::Arriving(incoming),
        };
        Response::with(known, body)
    }

    /// A response, and its body beside it.
    pub(crate) fn split<N: Net>(
        request: entreat::Request,
        parts: entreat::Parts<N>,
    ) -> (Response, Box<Incoming<N>>) {
        let (known, incoming) = Known::of(request, parts);
        (Response::with(known, Body::Awaited), incoming)
    }

    fn with(known: Box<Known>, body: Body) -> Response {
        Response {
            known,
            body: Mutex::new(body),
            encoding: Mutex::default(),
            headers: PyOnceLock::new(),
            made_request: PyOnceLock::new(),
        }
    }

    /// Status and time, as the log tells them.
    pub(crate) fn told(&self) -> (u16, Duration) {
        self.known.told()
    }

    /// The whole of an awaited body.
    pub(crate) fn put(&self, bytes: Bound<'_, PyBytes>) {
        *self.body() = Body::Read(bytes.unbind());
    }

    /// An awaited body was read by pieces, to its end.
    pub(crate) fn consume(&self) {
        *self.body() = Body::Consumed;
    }

    /// A head alone, to be looked at by the program's own code.
    pub(super) fn of_head(
        py: Python<'_>,
        head: &ResponseHead,
        request: &entreat::Request,
    ) -> Option<Response> {
        let sent =
            RequestHead { method: request.method().to_owned().into(), headers: request.headers().clone() };
        let passed = Passed {
            head: head.clone(),
            url: request.url()?.clone(),
            sent,
            elapsed: Duration::ZERO,
            timings: Timings::default(),
        };
        let body = Body::Read(PyBytes::new(py, b"").unbind());
        Some(Response::bare(passed, request.clone(), body))
    }

    /// The answer that an error is about, as far as it was kept.
    pub(super) fn of_error<'py>(
        py: Python<'py>,
        error: &Error,
        request: &entreat::Request,
    ) -> Option<PyResult<Bound<'py, Response>>> {
        let (answer, url) = (error.answer()?, request.url()?.clone());
        let method = request.method().to_owned().into();
        let sent = RequestHead { method, headers: request.headers().clone() };
        let passed = Passed {
            head: answer.head.clone(),
            url,
            sent,
            elapsed: Duration::ZERO,
            timings: Timings::default(),
        };
        let body = Body::Read(PyBytes::new(py, &answer.body).unbind());
        Some(Bound::new(py, Response::bare(passed, request.clone(), body)))
    }

    fn bare(passed: Passed, request: entreat::Request, body: Body) -> Response {
        Response::with(Box::new(Known::bare(passed, request)), body)
    }

    fn body(&self) -> MutexGuard<'_, Body> {
        // Never held while anything is waited for.
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn raise(slf: &Bound<'_, Self>, error: Error) -> PyErr {
        let error = error.with_url(slf.get().known.url.as_str());
        let request = slf.get().request(slf.py());
        match request {
            Ok(request) => raise_with(slf.py(), &error, Some(request), Some(slf)),
            Err(failure) => failure,
        }
    }

    /// The body where all of it is here.
    pub(crate) fn buffered(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        match &*self.body() {
            Body::Read(bytes) => Some(bytes.clone_ref(py)),
            Body::Switched(_) => Some(PyBytes::new(py, b"").unbind()),
            Body::Arriving(_) | Body::Begun(_) | Body::Busy => None,
            Body::Consumed | Body::Awaited | Body::Closed => None,
        }
    }

    /// The next piece of a body that comes in: empty at its end. `first` says that this is a new reader.
    pub(super) fn next_piece(slf: &Bound<'_, Self>, size: usize, first: bool) -> PyResult<Vec<u8>> {
        let mut incoming = Response::take(slf, first)?;
        let (incoming, outcome) = slf.py().detach(move || {
            let mut piece = vec![0; size];
            let outcome = block(incoming.read(&mut piece)).map(|count| {
                piece.truncate(count);
                piece
            });
            (incoming, outcome)
        });
        let left = match &outcome {
            Ok(piece) if !piece.is_empty() => Body::Begun(incoming),
            ended => {
                slf.get().note_end(&incoming);
                if ended.is_ok() { Body::Consumed } else { Body::Closed }
            }
        };
        *slf.get().body() = left;
        outcome.map_err(|error| Response::raise(slf, error))
    }

    /// Takes the body out of its place. A new reader must be the first one, and of the process to which the answer came: two
    /// that read from one socket would get half of it each.
    fn take(slf: &Bound<'_, Self>, first: bool) -> PyResult<Box<Incoming<Blocking>>> {
        let is_foreign = slf.get().known.clock.is_some_and(|clock| clock.generation != current_generation());
        let mut body = slf.get().body();
        let (left, outcome) = match std::mem::replace(&mut *body, Body::Busy) {
            left @ (Body::Arriving(_) | Body::Begun(_)) if is_foreign => (left, "the process has forked"),
            Body::Arriving(incoming) => return Ok(incoming),
            Body::Begun(incoming) if !first => return Ok(incoming),
            left @ Body::Begun(_) => (left, "some of it was read by pieces"),
            Body::Busy => (Body::Busy, "another thread is reading it"),
            Body::Consumed => (Body::Consumed, "it was read by pieces"),
            Body::Closed => (Body::Closed, "the response was closed"),
            Body::Awaited => (Body::Awaited, "it comes in, and has to be awaited"),
            left @ (Body::Read(_) | Body::Switched(_)) => (left, "it was read"),
        };
        let hint = match matches!(left, Body::Awaited) {
            true => "await response.read() first, or leave stream out",
            false if is_foreign => "read it where it was asked for, or ask anew here",
            false => "call read() first to keep the whole body, or leave stream out",
        };
        *body = left;
        drop(body);
        Err(Response::raise(slf, Error::new(Kind::BodyConsumed).seen(outcome).hint(hint)))
    }

    /// The error of whoever asks for a body that is not there any more.
    pub(crate) fn refuse(slf: &Bound<'_, Self>) -> PyErr {
        match Response::take(slf, true) {
            Err(error) => error,
            // It is here: nothing is refused to whoever looks before.
            Ok(_) => Response::raise(slf, Error::new(Kind::BodyConsumed)),
        }
    }

    /// The error of whoever wants a connection for another protocol where there is none.
    pub(crate) fn refuse_upgrade(slf: &Bound<'_, Self>) -> PyErr {
        let this = slf.get();
        let seen = match entreat_core::exchange::is_switch(&this.known.sent.method, this.known.head.status) {
            true => "one that was taken, or closed".to_owned(),
            false => format!("{} {}", this.known.head.status, this.reason()),
        };
        let expected = "an answer of 101 Switching Protocols, or 2xx to CONNECT, with its connection";
        Response::raise(slf, Error::new(Kind::Status).expected(expected).seen(seen.trim_end().to_owned()))
    }

    /// What is spoken on the connection now, where the server has said so.
    pub(crate) fn protocol(&self) -> Option<String> {
        self.known.head.headers.get("Upgrade").map(text)
    }

    pub(crate) fn url_shown(&self) -> String {
        without_credentials(self.known.url.as_str()).into_owned()
    }

    pub(crate) fn close_now(&self) {
        let mut body = self.body();
        let left = match std::mem::replace(&mut *body, Body::Closed) {
            left @ (Body::Read(_) | Body::Consumed | Body::Busy) => left,
            Body::Arriving(incoming) | Body::Begun(incoming) | Body::Switched(incoming) => {
                self.note_end(&incoming);
                Body::Closed
            }
            Body::Awaited | Body::Closed => Body::Closed,
        };
        *body = left;
    }

    /// Nothing more comes in.
    pub(crate) fn note_end<N: Net>(&self, incoming: &Incoming<N>) {
        if let Some(Clock { started, answered, .. }) = self.known.clock {
            *self.known.timings.lock().unwrap_or_else(PoisonError::into_inner) =
                incoming.timings(started, answered);
        }
    }

    fn timings_now(&self) -> Timings {
        match (&*self.body(), self.known.clock) {
            (Body::Arriving(incoming) | Body::Begun(incoming), Some(Clock { started, answered, .. })) => {
                incoming.timings(started, answered)
            }
            _ => *self.known.timings.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn charset(&self) -> Option<String> {
        let content_type = text(self.known.head.headers.get("Content-Type")?);
        content_type.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim().trim_matches(['"', '\'']);
            (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then(|| value.to_owned())
        })
    }
}

#[pymethods]
impl Response {
    #[getter]
    fn status_code(&self) -> u16 {
        self.known.head.status
    }

    #[getter]
    fn reason(&self) -> String {
        latin1(&self.known.head.reason).trim().to_owned()
    }

    /// True for a status below 400.
    #[getter]
    fn ok(&self) -> bool {
        self.known.head.status < 400
    }

    /// True for a redirect that was not followed.
    #[getter]
    fn is_redirect(&self) -> bool {
        entreat_core::policy::redirect::is_redirect(self.known.head.status)
            && self.known.head.headers.contains("Location")
    }

    /// The URL that answered: the last one, where redirects were followed.
    #[getter]
    fn url(&self) -> &str {
        self.known.url.as_str()
    }

    /// ``HTTP/1.1`` or ``HTTP/1.0``.
    #[getter]
    fn http_version(&self) -> &'static str {
        match self.known.head.version {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        }
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Headers>> {
        let make = || Py::new(py, Headers::of(self.known.head.headers.clone()));
        Ok(self.headers.get_or_try_init(py, make)?.bind(py).clone())
    }

    /// The request as it was sent to `url`, with all its fields.
    #[getter]
    pub(crate) fn request<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Request>> {
        let make = || Py::new(py, Request::sent(&self.known.request, &self.known.sent, &self.known.url));
        Ok(self.made_request.get_or_try_init(py, make)?.bind(py).clone())
    }

    /// From the start of the request, redirects included, to the end of this head.
    #[getter]
    fn elapsed(&self) -> Duration {
        self.known.elapsed
    }

    /// Where the time went, in seconds: a `Timings`. Until all of the body was read, `total` goes on.
    #[getter]
    fn timings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        times::to_python(py, &self.timings_now())
    }

    /// How often the request was tried: 1, and one more for each retry.
    #[getter]
    fn attempts(&self) -> u32 {
        self.known.attempts
    }

    /// The redirects that were followed, without their bodies.
    #[getter]
    fn history<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let passed = self.known.redirects.iter().map(|passed| {
            // Nobody read their bodies.
            let body = Body::Read(PyBytes::new(py, b"").unbind());
            Py::new(py, Response::bare(passed.clone(), self.known.request.clone(), body))
        });
        PyList::new(py, passed.collect::<PyResult<Vec<_>>>()?)
    }

    /// The cookies that this response set, by name.
    #[getter]
    fn cookies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let cookies = PyDict::new(py);
        for field in self.known.head.headers.get_all("Set-Cookie").map(text) {
            let pair = field.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').unwrap_or(("", pair));
            cookies.set_item(name.trim(), value.trim())?;
        }
        Ok(cookies)
    }

    /// The charset of the body as text: set by hand, or named by the server, or UTF-8.
    #[getter]
    fn encoding(&self) -> String {
        let set = self.encoding.lock().unwrap_or_else(PoisonError::into_inner).clone();
        set.or_else(|| self.charset()).unwrap_or_else(|| "utf-8".to_owned())
    }

    #[setter]
    fn set_encoding(&self, encoding: Option<String>) {
        *self.encoding.lock().unwrap_or_else(PoisonError::into_inner) = encoding;
    }

    /// The body, decoded by its Content-Encoding. Of a stream it is read now, and kept.
    #[getter]
    fn content<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyBytes>> {
        let py = slf.py();
        if let Some(bytes) = slf.get().buffered(py) {
            return Ok(bytes.into_bound(py));
        }
        let mut incoming = Response::take(slf, true)?;
        let (incoming, outcome) = py.detach(move || {
            let outcome = block(incoming.read_to_end());
            (incoming, outcome)
        });
        match outcome {
            Ok(bytes) => {
                let bytes = PyBytes::new(py, &bytes);
                slf.get().note_end(&incoming);
                *slf.get().body() = Body::Read(bytes.clone().unbind());
                Ok(bytes)
            }
            Err(error) => {
                slf.get().note_end(&incoming);
                *slf.get().body() = Body::Closed;
                Err(Response::raise(slf, error))
            }
        }
    }

    /// Reads all of the body, and keeps it.
    fn read<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyBytes>> {
        Response::content(slf)
    }

    /// The body as text, by `encoding`; what it cannot hold becomes U+FFFD.
    #[getter]
    fn text<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyString>> {
        let content = Response::content(slf)?;
        let encoding = slf.get().encoding();
        if encoding.eq_ignore_ascii_case("utf-8") || encoding.eq_ignore_ascii_case("utf8") {
            let bytes = content.as_bytes();
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            return Ok(PyString::new(slf.py(), &String::from_utf8_lossy(bytes)));
        }
        let decode = |name: &str| content.call_method1("decode", (name, "replace"));
        // A charset that nobody knows.
        let text = decode(&encoding).or_else(|_| decode("utf-8"))?;
        Ok(text.cast_into::<PyString>()?)
    }

    /// The body as JSON; keywords go to `json.loads`.
    #[pyo3(signature = (**options))]
    fn json<'py>(
        slf: &Bound<'py, Self>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let content = Response::content(slf)?;
        let loaded = slf.py().import("json")?.getattr("loads")?.call((&content,), options);
        loaded.map_err(|cause| {
            if !cause.is_instance_of::<PyValueError>(slf.py()) {
                return cause;
            }
            let seen = entreat_core::error::excerpt(content.as_bytes());
            let error = Error::new(Kind::InvalidContent).expected("JSON").seen(seen);
            let raised = Response::raise(slf, error);
            raised.set_cause(slf.py(), Some(cause));
            raised
        })
    }

    /// The body by pieces of at most so many bytes, as they come.
    #[pyo3(signature = (size=65536))]
    fn iter_bytes(slf: &Bound<'_, Self>, size: usize) -> PyResult<Pieces> {
        match size {
            0 => Err(PyValueError::new_err("size must be above 0")),
            // A buffer of that size is made for each piece.
            size => Ok(Pieces::new(slf.clone().unbind(), Unit::Bytes, size.min(16 << 20))),
        }
    }

    /// The body as text, by pieces as they come.
    fn iter_text(slf: &Bound<'_, Self>) -> Pieces {
        Pieces::new(slf.clone().unbind(), Unit::Text, 65536)
    }

    /// The body line by line, without line ends, which are LF or CRLF.
    fn iter_lines(slf: &Bound<'_, Self>) -> Pieces {
        Pieces::new(slf.clone().unbind(), Unit::Lines, 8192)
    }

    /// The response itself where its status is below 400; else an error that shows the head of the body.
    fn raise_for_status<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let this = slf.get();
        if this.ok() {
            return Ok(slf.clone());
        }
        let mut seen = format!("{} {}", this.known.head.status, this.reason());
        if this.buffered(slf.py()).is_some() {
            let body = Response::text(slf)?;
            let body = body.to_str()?.trim();
            if !body.is_empty() {
                let more = if body.chars().nth(SHOWN).is_some() { "…" } else { "" };
                seen = format!("{}: {}{more}", seen.trim(), body.chars().take(SHOWN).collect::<String>());
            }
        }
        Err(Response::raise(slf, Error::new(Kind::Status).expected("a status below 400").seen(seen)))
    }

    /// The connection itself, once the server has changed to another protocol; once.
    fn upgrade(slf: &Bound<'_, Self>) -> PyResult<Upgraded> {
        let is_foreign = slf.get().known.clock.is_some_and(|clock| clock.generation != current_generation());
        let nothing = PyBytes::new(slf.py(), b"").unbind();
        let mut body = slf.get().body();
        let upgraded = match std::mem::replace(&mut *body, Body::Read(nothing)) {
            Body::Switched(mut incoming) if !is_foreign => incoming.upgrade(),
            left => {
                *body = left;
                None
            }
        };
        drop(body);
        upgraded.map(|upgraded| Upgraded::new(slf, upgraded)).ok_or_else(|| Response::refuse_upgrade(slf))
    }

    /// True where nothing more will come.
    #[getter]
    fn is_closed(&self) -> bool {
        match &*self.body() {
            Body::Read(_) | Body::Consumed | Body::Closed | Body::Switched(_) => true,
            Body::Arriving(_) | Body::Begun(_) | Body::Busy | Body::Awaited => false,
        }
    }

    /// Gives up what has not been read; its connection is closed, unless all of the body has arrived.
    fn close(&self) {
        self.close_now();
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __exit__(&self, _class: &Bound<'_, PyAny>, _error: &Bound<'_, PyAny>, _trace: &Bound<'_, PyAny>) {
        self.close();
    }

    /// Of a body that was not read, only that it is gone is kept.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (State,))> {
        let (py, this) = (slf.py(), slf.get());
        let encoding = this.encoding.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let state = State {
            head: Head::of(&Passed {
                head: this.known.head.clone(),
                url: this.known.url.clone(),
                sent: this.known.sent.clone(),
                elapsed: this.known.elapsed,
                timings: this.timings_now(),
            }),
            passed: this.known.redirects.iter().map(Head::of).collect(),
            attempts: this.known.attempts,
            encoding,
            content: this.buffered(py).map(|bytes| bytes.as_bytes(py).to_vec()),
        };
        Ok((slf.get_type().getattr("_again")?, (state,)))
    }

    #[staticmethod]
    fn _again(py: Python<'_>, state: State) -> PyResult<Response> {
        let body = state.content.map_or(Body::Closed, |bytes| Body::Read(PyBytes::new(py, &bytes).unbind()));
        let passed = state.head.read(py)?;
        // Without the body that it had.
        let request = entreat::Request::new(passed.sent.method.clone(), passed.url.as_str());
        let known = Known {
            redirects: state.passed.into_iter().map(|head| head.read(py)).collect::<PyResult<_>>()?,
            attempts: state.attempts,
            ..Known::bare(passed, request)
        };
        Ok(Response { encoding: Mutex::new(state.encoding), ..Response::with(Box::new(known), body) })
    }

    fn __repr__(&self) -> String {
        format!("<Response {} {}>", self.known.head.status, without_credentials(self.known.url.as_str()))
    }
}

/// How many characters of a body an error shows.
const SHOWN: usize = 200;
