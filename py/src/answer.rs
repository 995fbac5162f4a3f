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
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
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
    pub(crate) method: String,
    pub(crate) url: Url,
    /// The request's fields as prepared, without the Host that the connection adds.
    pub(crate) request_headers: Headers,
    pub(crate) request_body: Option<Py<PyAny>>,
    pub(crate) cookies: Option<Py<PyAny>>,
    /// Absent for a call without a session.
    pub(crate) session: Option<Py<PyAny>>,
    pub(crate) body: AnswerBody,
    /// A request that Python prepared, where there is one: `request` is that very object.
    pub(crate) request: Option<Py<PyAny>>,
    /// The simple attributes are in the instance's dictionary.
    pub(crate) touched: AtomicBool,
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

#[pymethods]
impl ResponseBase {
    #[new]
    #[pyo3(signature = (*_arguments, **_keywords))]
    fn new(_arguments: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) -> ResponseBase {
        ResponseBase { answer: OnceLock::new() }
    }

    /// Called only for what is not in the instance's dictionary, nor its class's.
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let key = name.to_str()?;
        let Some(answer) = slf.get().answer.get() else { return Err(no_attribute(slf, key)) };
        let state = state(slf)?;
        if !answer.touched.swap(true, Ordering::Relaxed) {
            answer.fill_simple(slf.py(), &state)?;
            if let Some(value) = state.get_item(name)? {
                return Ok(value);
            }
        }
        let Some(value) = answer.value(slf, key)? else { return Err(no_attribute(slf, key)) };
        // Two threads may come here at once; then both make the value, and the later one stays.
        state.set_item(name, &value)?;
        Ok(value)
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
pub(crate) fn fill(response: &Bound<'_, ResponseBase>, state: &Bound<'_, PyDict>) -> PyResult<()> {
    let Some(answer) = response.get().answer.get() else { return Ok(()) };
    for key in KEYS {
        if !state.contains(key)?
            && let Some(value) = answer.value(response, key)?
        {
            state.set_item(key, value)?;
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
        let class = support.response_class.bind(py);
        let response = class.call_method1(intern!(py, "__new__"), (class,))?;
        let base = response.cast::<ResponseBase>()?;
        // A fresh instance has no answer yet.
        let _ = base.get().answer.set(Box::new(self));
        Ok(response)
    }

    /// Puts what costs next to nothing into the instance's dictionary: a look that misses it costs more.
    fn fill_simple(&self, py: Python<'_>, state: &Bound<'_, PyDict>) -> PyResult<()> {
        let read = !matches!(self.body, AnswerBody::Streamed(_));
        let empty = state.is_empty();
        // What a program has set before stays.
        let put =
            |name: &Bound<'_, PyString>, value: Bound<'_, PyAny>| match empty || !state.contains(name)? {
                true => state.set_item(name, value),
                false => Ok(()),
            };
        put(intern!(py, "status_code"), self.head.status.into_pyobject(py)?.into_any())?;
        put(intern!(py, "_content_consumed"), read.into_pyobject(py)?.to_owned().into_any())?;
        put(intern!(py, "encoding"), self.encoding(py, Support::get(py)?)?)?;
        if let AnswerBody::Decoded(bytes) = &self.body {
            put(intern!(py, "_content"), bytes.bind(py).clone().into_any())?;
        }
        Ok(())
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
            "raw" => support.call(py, "raw", (slf, self.raw(py)?, !streamed))?,
            "url" => PyString::new(py, self.url.as_str()).into_any(),
            "encoding" => self.encoding(py, support)?,
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
        let class = support.headers_class.bind(py);
        let headers = class.call_method1(intern!(py, "__new__"), (class,))?;
        let store = support.ordered_dict.bind(py).call0()?;
        let fields = &self.head.headers;
        for (at, (name, value)) in fields.iter().enumerate() {
            let same = |(other, _): &(&str, &[u8])| other.eq_ignore_ascii_case(name);
            if fields.iter().take(at).any(|field| same(&field)) {
                continue;
            }
            let mut text = latin1(value);
            for (_, more) in fields.iter().skip(at + 1).filter(same) {
                text.push_str(", ");
                text.push_str(&latin1(more));
            }
            store.set_item(name.to_ascii_lowercase(), (name, text))?;
        }
        headers.setattr(intern!(py, "_store"), store)?;
        Ok(headers)
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

    /// `get_encoding_from_headers`: the common answers here, any other in Python.
    fn encoding<'py>(&self, py: Python<'py>, support: &Support) -> PyResult<Bound<'py, PyAny>> {
        let guessed = match self.head.headers.get_str("Content-Type") {
            None => return Ok(py.None().into_bound(py)),
            Some("application/json") => "utf-8",
            Some("text/html; charset=utf-8") => "utf-8",
            Some(other) => return support.call(py, "encoding", (other,)),
        };
        Ok(PyString::new(py, guessed).into_any())
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
