//! `ResponseBase`: what stands under `entreat.Response`, and fills its attributes when they are first looked at.
//!
//! A response of the express lane is born with an [`Answer`] and an empty `__dict__`. The first look at an attribute
//! makes its value and puts it into the instance's dictionary, where a program may change it like any other. A response
//! made by hand, unpickled or by a subclass has no answer, and keeps all its state in its dictionary.

use crate::exchange::{Raw, latin1};
use crate::state::state;
use crate::support::Support;
use entreat::{Headers, Url};
use entreat_core::ResponseHead;
use pyo3::exceptions::PyAttributeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use std::borrow::Cow;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The base class of `Response`. Takes any arguments; an instance made by a program is empty.
#[pyclass(subclass, module = "entreat._native", frozen)]
pub(crate) struct ResponseBase {
    answer: OnceLock<Box<Answer>>,
}

/// Everything that the engine knows about one answer.
pub(crate) struct Answer {
    pub(crate) head: ResponseHead,
    pub(crate) elapsed: Duration,
    pub(crate) method: Cow<'static, str>,
    pub(crate) url: Url,
    /// The request's fields as prepared, without the Host that the connection adds.
    pub(crate) request_headers: Arc<Headers>,
    pub(crate) request_body: Option<Py<PyAny>>,
    pub(crate) cookies: Option<Py<PyAny>>,
    /// Absent for a call without a session.
    pub(crate) session: Option<Py<PyAny>>,
    pub(crate) body: AnswerBody,
    /// How many bytes the body was on the wire, where it has been read.
    pub(crate) length: usize,
    /// The proxy that it came through, as a URL without credentials.
    pub(crate) proxy: Option<Box<str>>,
    /// A request that Python prepared, where there is one: `request` is that very object.
    pub(crate) request: Option<Py<PyAny>>,
    /// Which of [`KEYS`] have been put into the instance's dictionary, a bit for each.
    pub(crate) made: AtomicU16,
}

/// The body: read, or still coming in.
pub(crate) enum AnswerBody {
    /// Read, content codings undone.
    Decoded(Py<PyBytes>),
    /// Read as it came; urllib3 decodes it when it is asked for, or says why it cannot.
    Coded(Py<PyBytes>),
    /// Not read.
    Streamed(Py<Raw>),
}

/// requests' own keys, in the order of `Response.__init__`.
const KEYS: [&str; 14] = [
    "_content",
    "_content_consumed",
    "_next",
    "status_code",
    "headers",
    "raw",
    "url",
    "encoding",
    "history",
    "reason",
    "cookies",
    "elapsed",
    "request",
    "connection",
];

/// The same as the one objects that attributes are kept under.
pub(crate) struct ResponseNames([Py<PyString>; KEYS.len()]);

impl ResponseNames {
    pub(crate) fn new(py: Python<'_>) -> ResponseNames {
        ResponseNames(KEYS.map(|key| PyString::intern(py, key).unbind()))
    }

    /// Which of [`KEYS`] it is. Looks at no text: the names that stand in programs are interned.
    fn position(&self, name: &Bound<'_, PyString>) -> Option<usize> {
        self.0.iter().position(|known| known.is(name))
    }
}

/// Names of fields as Python's strings, folded too: most answers of a program have the same.
#[derive(Default)]
pub(crate) struct HeaderNames(Vec<(Box<str>, Py<PyString>, Py<PyString>)>);

impl HeaderNames {
    /// How many are kept: those that came first.
    const KEPT: usize = 32;

    /// The name as it came, and in lower case.
    pub(crate) fn both<'py>(
        &mut self,
        py: Python<'py>,
        name: &str,
    ) -> (Bound<'py, PyString>, Bound<'py, PyString>) {
        if let Some((_, text, folded)) = self.0.iter().find(|(known, ..)| **known == *name) {
            return (text.bind(py).clone(), folded.bind(py).clone());
        }
        let text = PyString::new(py, name);
        let folded = PyString::new(py, &name.to_ascii_lowercase());
        if self.0.len() < Self::KEPT {
            self.0.push((name.into(), text.clone().unbind(), folded.clone().unbind()));
        }
        (text, folded)
    }
}

#[pymethods]
impl ResponseBase {
    #[new]
    #[pyo3(signature = (*_arguments, **_keywords))]
    fn new(_arguments: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) -> ResponseBase {
        ResponseBase { answer: OnceLock::new() }
    }

    /// What has not been made yet is made here, without the exception that tells of a look in vain. Only of requests' own
    /// class: another one may have a property of that name, and so may that one where a program has put it there.
    fn __getattribute__<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if let Some(answer) = slf.get().answer.get()
            && let Some(support) = Support::known(py)
            && slf.get_type().is(&support.response_class)
            && let Some(at) = support.response_names.position(name)
            && !answer.has_made(at)
            && !support.response_has(name)?
        {
            return answer.make(slf, name, at);
        }
        // SAFETY: both are valid objects; the call gives a new reference, or null with an exception set.
        unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyObject_GenericGetAttr(slf.as_ptr(), name.as_ptr())) }
    }

    /// Called only for what is not in the instance's dictionary, nor its class's.
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let key = name.to_str()?;
        let Some(answer) = slf.get().answer.get() else { return Err(no_attribute(slf, key)) };
        let Some(at) = KEYS.iter().position(|known| *known == key) else {
            return Err(no_attribute(slf, key));
        };
        if answer.has_made(at) {
            // It was made before. Another thread may have put it there just now; else a program has deleted it.
            return state(slf)?.get_item(name)?.ok_or_else(|| no_attribute(slf, key));
        }
        answer.make(slf, name, at)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(answer) = self.answer.get() else { return Ok(()) };
        for object in
            [&answer.session, &answer.request_body, &answer.cookies, &answer.request].into_iter().flatten()
        {
            visit.call(object)?;
        }
        Ok(())
    }
}

impl ResponseBase {
    /// True where something is left to do: a cookie to keep, a redirect to follow.
    pub(crate) fn needs_python(response: &Bound<'_, PyAny>) -> bool {
        let Ok(response) = response.cast::<ResponseBase>() else { return true };
        response.get().answer.get().is_none_or(|answer| {
            let head = &answer.head;
            let redirect =
                entreat_core::policy::redirect::is_redirect(head.status) && head.headers.contains("Location");
            redirect || head.headers.contains("Set-Cookie")
        })
    }
}

fn no_attribute(slf: &Bound<'_, ResponseBase>, key: &str) -> PyErr {
    let class = slf.get_type().name().map_or_else(|_| "Response".to_owned(), |name| name.to_string());
    PyAttributeError::new_err(format!("'{class}' object has no attribute '{key}'"))
}

/// Puts every attribute that is still missing into the instance's dictionary.
#[pyfunction]
pub(crate) fn fill(response: &Bound<'_, ResponseBase>) -> PyResult<()> {
    let Some(answer) = response.get().answer.get() else { return Ok(()) };
    for (at, key) in KEYS.into_iter().enumerate() {
        if !answer.has_made(at) {
            answer.make(response, &PyString::intern(response.py(), key), at)?;
        }
    }
    Ok(())
}

/// True for a response that the express lane brought.
#[pyfunction]
pub(crate) fn is_express(response: &Bound<'_, PyAny>) -> bool {
    response.cast::<ResponseBase>().is_ok_and(|response| response.get().answer.get().is_some())
}

impl Answer {
    /// A `Response` for this answer.
    pub(crate) fn into_response<'py>(
        self,
        py: Python<'py>,
        support: &Support,
    ) -> PyResult<Bound<'py, PyAny>> {
        let response = support.new_response(py)?;
        // A fresh instance has no answer yet.
        let _ = response.get().answer.set(Box::new(self));
        Ok(response.into_any())
    }

    /// Whether one of [`KEYS`] has been put into the instance's dictionary.
    fn has_made(&self, at: usize) -> bool {
        self.made.load(Ordering::Acquire) & (1 << at) != 0
    }

    /// The value of one of [`KEYS`]: what a program has put into the instance's dictionary, or else what is made now, and
    /// put there.
    fn make<'py>(
        &self,
        slf: &Bound<'py, ResponseBase>,
        name: &Bound<'py, PyString>,
        at: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let state = state(slf)?;
        if let Some(value) = state.get_item(name)? {
            return Ok(value);
        }
        let Some(value) = self.value(slf, KEYS[at])? else { return Err(no_attribute(slf, KEYS[at])) };
        // Of two threads that come here at once, both get what the first of them made.
        let (_, value) = state.set_default_with_result(name, value)?;
        self.made.fetch_or(1 << at, Ordering::Release);
        Ok(value)
    }

    /// The value of one of [`KEYS`], made now.
    fn value<'py>(&self, slf: &Bound<'py, ResponseBase>, key: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        let support = Support::get(py)?;
        let streamed = matches!(self.body, AnswerBody::Streamed(_));
        let value = match key {
            "_content" => match &self.body {
                AnswerBody::Decoded(bytes) => bytes.bind(py).clone().into_any(),
                AnswerBody::Coded(bytes) => support.call(py, "decode_content", (slf, bytes))?,
                AnswerBody::Streamed(_) => false.into_pyobject(py)?.to_owned().into_any(),
            },
            "_content_consumed" => (!streamed).into_pyobject(py)?.to_owned().into_any(),
            "_next" => support.call(py, "next_request", (slf,))?,
            "status_code" => self.head.status.into_pyobject(py)?.into_any(),
            "headers" => self.headers(py, support)?,
            "raw" => {
                let length = (!streamed).then_some(self.length);
                support.call(py, "raw", (slf, self.raw(py)?, length, self.proxy.as_deref()))?
            }
            "url" => PyString::new(py, self.url.as_str()).into_any(),
            "encoding" => {
                if let Some(encoding) = self.simple_encoding() {
                    return Ok(Some(encoding.into_pyobject(py)?));
                }
                let content_types = self.head.headers.get_all("Content-Type");
                let content_type = content_types.map(latin1).collect::<Vec<_>>().join(", ");
                support.call(py, "encoding", (content_type,))?
            }
            "history" => PyList::empty(py).into_any(),
            "reason" => PyString::new(py, latin1(&self.head.reason).trim()).into_any(),
            "cookies" => support.call(py, "cookies", (slf, self.head.headers.contains("Set-Cookie")))?,
            "elapsed" => support.call(py, "elapsed", (self.elapsed.as_secs_f64(),))?,
            "request" => self.request(py, support)?,
            "connection" => support.call(py, "adapter", (&self.session, self.url.as_str()))?,
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    /// A `CaseInsensitiveDict`; fields of one name are joined, as urllib3's `HTTPHeaderDict` has them.
    fn headers<'py>(&self, py: Python<'py>, support: &Support) -> PyResult<Bound<'py, PyAny>> {
        // A plain dictionary keeps order as well as an `OrderedDict` does, at a fifth of the cost.
        let store = PyDict::new(py);
        let fields: Vec<(&str, &[u8])> = self.head.headers.iter().collect();
        for (at, (name, value)) in fields.iter().enumerate() {
            let same = |other: &&(&str, &[u8])| other.0.eq_ignore_ascii_case(name);
            if fields[..at].iter().any(|field| same(&field)) {
                continue;
            }
            let mut later = fields[at + 1..].iter().filter(same).peekable();
            let text = match std::str::from_utf8(value) {
                Ok(text) if later.peek().is_none() && text.is_ascii() => PyString::new(py, text),
                _ => {
                    let values = std::iter::once(*value).chain(later.map(|(_, value)| *value));
                    PyString::new(py, &values.map(latin1).collect::<Vec<_>>().join(", "))
                }
            };
            let (name, folded) = support.header_name(py, name);
            store.set_item(folded, (name, text))?;
        }
        support.new_headers(py, store)
    }

    /// The body for urllib3: what is still to come, or nothing, since it was read.
    fn raw<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Raw>> {
        match &self.body {
            AnswerBody::Streamed(raw) => Ok(raw.bind(py).clone()),
            AnswerBody::Decoded(_) | AnswerBody::Coded(_) => {
                Bound::new(py, Raw::read_before(self.head.clone()))
            }
        }
    }

    /// `get_encoding_from_headers`, for what needs no parsing: at most one parameter, a plain charset.
    fn simple_encoding(&self) -> Option<Option<&str>> {
        let mut types = self.head.headers.get_all("Content-Type");
        let Some(content_type) = types.next() else { return Some(None) };
        let content_type = std::str::from_utf8(content_type).ok().filter(|_| types.next().is_none())?;
        let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        if let Some(charset) = parameters.trim_start().strip_prefix("charset=") {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            return (!charset.is_empty() && charset.bytes().all(plain)).then_some(Some(charset));
        }
        match () {
            () if !parameters.is_empty() || !content_type.is_ascii() => None,
            // The usual ones first, as they need no search.
            () if kind == "application/json" => Some(Some("utf-8")),
            () if kind.starts_with("text/") || kind.contains("text") => Some(Some("ISO-8859-1")),
            () if kind.contains("application/json") => Some(Some("utf-8")),
            () => Some(None),
        }
    }

    fn request<'py>(&self, py: Python<'py>, support: &Support) -> PyResult<Bound<'py, PyAny>> {
        if let Some(request) = &self.request {
            return Ok(request.bind(py).clone());
        }
        let headers =
            PyList::new(py, self.request_headers.iter().map(|(name, value)| (name, latin1(value))))?;
        let body = self.request_body.as_ref().map(|body| body.clone_ref(py));
        let cookies = self.cookies.as_ref().map(|cookies| cookies.clone_ref(py));
        support.call(py, "request", (&self.method, self.url.as_str(), headers, body, cookies))
    }
}
