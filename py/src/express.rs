//! The express lane: `Session.request` in one native call.
//!
//! [`express`] looks whether anything about the session or the call is out of the ordinary. Where it is, it says `None`
//! and Python's own steps (the open lane) serve the request, with every hook and every error message of theirs. Else the
//! request is prepared by requests' rules (`prepare`), sent with the GIL released once, and answered by a `Response`
//! whose attributes are made when they are looked at (`answer`).

use crate::answer::ResponseBase;
use crate::send::{Prepared, send};
use crate::state::{Options, State};
use crate::support::Support;
use crate::{body, prepare, watch};
use entreat::{Body, Headers, Url};
use entreat_core::exchange::BodyLength;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

/// Serves a call of `Session.request`, or says `None`: then another lane must.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the arguments are those of requests' Session.request")]
pub(crate) fn express<'py>(
    py: Python<'py>,
    session: &Bound<'py, PyAny>,
    method: &Bound<'py, PyAny>,
    url: &Bound<'py, PyAny>,
    params: &Bound<'py, PyAny>,
    data: &Bound<'py, PyAny>,
    headers: &Bound<'py, PyAny>,
    cookies: &Bound<'py, PyAny>,
    files: &Bound<'py, PyAny>,
    auth: &Bound<'py, PyAny>,
    timeout: &Bound<'py, PyAny>,
    allow_redirects: &Bound<'py, PyAny>,
    proxies: &Bound<'py, PyAny>,
    hooks: &Bound<'py, PyAny>,
    stream: &Bound<'py, PyAny>,
    verify: &Bound<'py, PyAny>,
    cert: &Bound<'py, PyAny>,
    json: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let support = Support::get(py)?;
    let plain = is_empty(proxies) && hooks.is_none() && cert.is_none() && is_empty(files);
    if !plain || !session.get_type().is(&support.session_class) || !watch::is_untouched(py) {
        return Ok(None);
    }
    let Some(state) = State::read(session, support)? else { return Ok(None) };
    let call = Call { py, support, state: &state, method, url, params, data, headers, cookies, auth, json };
    let Some(prepared) = call.prepare()? else { return Ok(None) };
    let Some(options) = Options::read(&state, &prepared.url, timeout, stream, verify)? else {
        return Ok(None);
    };
    let response = send(py, support, session, prepared, &options)?;
    if !ResponseBase::needs_python(&response) {
        return Ok(Some(response));
    }
    // A cookie to keep, or a redirect: rare enough to be decided in Python, by requests' own steps.
    let settings = (stream, timeout, verify);
    support.call(py, "after", (session, response, allow_redirects, settings)).map(Some)
}

/// The call's arguments that make up the request.
struct Call<'a, 'py> {
    py: Python<'py>,
    support: &'a Support,
    state: &'a State<'py>,
    method: &'a Bound<'py, PyAny>,
    url: &'a Bound<'py, PyAny>,
    params: &'a Bound<'py, PyAny>,
    data: &'a Bound<'py, PyAny>,
    headers: &'a Bound<'py, PyAny>,
    cookies: &'a Bound<'py, PyAny>,
    auth: &'a Bound<'py, PyAny>,
    json: &'a Bound<'py, PyAny>,
}

/// A request's body, as the engine sends it and as `PreparedRequest.body` shows it.
struct Content<'py> {
    body: Body,
    object: Bound<'py, PyAny>,
    media_type: Option<&'static str>,
}

impl<'py> Call<'_, 'py> {
    /// `PreparedRequest.prepare` and the headers that http.client adds; `None` where Python must do it.
    fn prepare(&self) -> PyResult<Option<Prepared>> {
        let Some(method) = self.method() else { return Ok(None) };
        let Some(url) = self.url() else { return Ok(None) };
        let Some(mut fields) = self.fields() else { return Ok(None) };
        let mut cookies = None;
        if self.wants_cookies()? {
            let Some(jar) = self.add_cookies(&mut fields, &method, &url)? else { return Ok(None) };
            cookies = Some(jar);
        }
        let Some(content) = self.content()? else { return Ok(None) };
        let (body, object) = match content {
            Content { body, object, media_type } => {
                add_content_fields(&mut fields, &method, &body, media_type)?;
                (body, object)
            }
        };
        if !self.add_authorization(&mut fields) {
            return Ok(None);
        }
        let object = (!object.is_none()).then(|| object.unbind());
        Ok(Some(Prepared { method, url, fields, body, object, cookies, request: None }))
    }

    /// In upper case, where it is a token.
    fn method(&self) -> Option<String> {
        let method = self.method.cast_exact::<PyString>().ok()?.to_str().ok()?;
        entreat_core::h1::check_method(method).ok()?;
        Some(method.to_ascii_uppercase())
    }

    fn url(&self) -> Option<Url> {
        let text = self.url.cast_exact::<PyString>().ok()?.to_str().ok()?;
        if is_empty(self.params) {
            return prepare::url(text);
        }
        let added = prepare::form(self.params.cast_exact::<PyDict>().ok()?)?;
        if added.is_empty() {
            return prepare::url(text);
        }
        let separator = if text.contains('?') { '&' } else { '?' };
        let slash = if prepare::lacks_path(text) { "/" } else { "" };
        prepare::url_with_query(text, &format!("{slash}{separator}{added}"))
    }

    /// The session's and the call's fields. Those that http.client or urllib3 would add for one that is missing, and
    /// framing by hand, are left to them.
    fn fields(&self) -> Option<Headers> {
        let given = match self.headers.is_none() {
            true => None,
            false => Some(self.headers.cast_exact::<PyDict>().ok()?),
        };
        let mut fields = Headers::with_capacity(12, 384);
        prepare::headers(&mut fields, self.state.header_store()?, given)?;
        let complete = fields.contains("Accept-Encoding") && fields.contains("User-Agent");
        let framed = fields.contains("Content-Length") || fields.contains("Transfer-Encoding");
        (complete && !framed).then_some(fields)
    }

    /// True unless there is provably no cookie to send.
    fn wants_cookies(&self) -> PyResult<bool> {
        if !is_empty(self.cookies) {
            return Ok(true);
        }
        let Some(jar) = self.state.cookies() else { return Ok(false) };
        Ok(!self.support.is_empty_jar(jar)?)
    }

    /// `http.cookiejar` decides: programs own that jar. Gives the merged jar, which redirects go on with.
    fn add_cookies(&self, fields: &mut Headers, method: &str, url: &Url) -> PyResult<Option<Py<PyAny>>> {
        let given =
            pyo3::types::PyList::new(self.py, fields.iter().map(|(name, value)| (name, latin1(value))))?;
        let arguments = (self.state.session(), self.cookies, method, url.as_str(), given);
        let answer = self.support.call(self.py, "cookie_header", arguments)?;
        let (header, jar): (Option<String>, Py<PyAny>) = answer.extract()?;
        match header {
            Some(header)
                if fields.append_lenient("Cookie", header.as_bytes()).is_err() || !header.is_ascii() =>
            {
                Ok(None)
            }
            _ => Ok(Some(jar)),
        }
    }

    /// `prepare_body` for a form, text, bytes, JSON, or nothing.
    fn content(&self) -> PyResult<Option<Content<'py>>> {
        if is_empty(self.data) {
            if self.json.is_none() {
                return Ok(Some(Content {
                    body: Body::empty(),
                    object: self.json.clone(),
                    media_type: None,
                }));
            }
            let object = self.support.call(self.py, "dump_json", (self.json,))?;
            let body = body::whole(&object);
            return Ok(body.map(|body| Content { body, object, media_type: Some("application/json") }));
        }
        let (object, media_type) = match self.data.cast_exact::<PyDict>() {
            Ok(pairs) => match prepare::form(pairs) {
                // Pairs without a value give an empty body, which Python does not send.
                Some(form) if !form.is_empty() => {
                    (PyString::new(self.py, &form).into_any(), Some("application/x-www-form-urlencoded"))
                }
                _ => return Ok(None),
            },
            Err(_) => (self.data.clone(), None),
        };
        Ok(body::whole(&object).map(|body| Content { body, object, media_type }))
    }

    /// `prepare_auth` for a pair of texts; false where Python must do it.
    fn add_authorization(&self, fields: &mut Headers) -> bool {
        let auth = if is_falsy_auth(self.auth) { self.state.auth() } else { self.auth };
        if is_falsy_auth(auth) {
            return !self.state.may_have_netrc();
        }
        let value = prepare::basic_auth(auth);
        value.is_some_and(|value| fields.set("Authorization", value).is_ok())
    }
}

/// `prepare_content_length` and the Content-Type: first the one, then the other, at the end.
fn add_content_fields(
    fields: &mut Headers,
    method: &str,
    body: &Body,
    media_type: Option<&str>,
) -> PyResult<()> {
    let length = match body.length() {
        BodyLength::Known(length) => length,
        BodyLength::None | BodyLength::Unknown => 0,
    };
    let outcome = if length > 0 || !matches!(method, "GET" | "HEAD") {
        fields.append("Content-Length", length.to_string())
    } else {
        Ok(())
    };
    let typed = media_type.filter(|_| !fields.contains("Content-Type"));
    let outcome =
        outcome.and_then(|()| typed.map_or(Ok(()), |media_type| fields.append("Content-Type", media_type)));
    outcome.map_err(|error| pyo3::exceptions::PyValueError::new_err(error.message()))
}

fn latin1(value: &[u8]) -> String {
    crate::exchange::latin1(value)
}

/// `None`, or an empty dictionary, list, tuple, text or bytes.
pub(crate) fn is_empty(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.cast_exact::<PyDict>().map_or_else(|_| is_empty_sequence(value), PyDictMethods::is_empty)
}

fn is_empty_sequence(value: &Bound<'_, PyAny>) -> bool {
    let sequence = value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<pyo3::types::PyBytes>()
        || value.is_exact_instance_of::<pyo3::types::PyList>()
        || value.is_exact_instance_of::<PyTuple>();
    sequence && value.len().is_ok_and(|length| length == 0)
}

fn is_falsy_auth(auth: &Bound<'_, PyAny>) -> bool {
    auth.is_none() || is_empty_sequence(auth)
}
