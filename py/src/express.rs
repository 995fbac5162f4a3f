//! The express lane: `Session.request` in one native call.
//!
//! [`express`] looks whether anything about the session or the call is out of the ordinary. Where it is, it says `None`
//! and Python's own steps (the open lane) serve the request, with every hook and every error message of theirs. Else the
//! request is prepared by requests' rules (`prepare`), sent with the GIL released once, and answered by a `Response`
//! whose attributes are made when they are looked at (`answer`).

use crate::answer::ResponseBase;
use crate::send::{OneCall, Owner, Prepared};
use crate::session::SessionBase;
use crate::state::{Given, NetworkRules, Options, State};
use crate::support::Support;
use crate::way::Said;
use crate::{body, debugging, prepare, send, watch};
use entreat::{Body, Headers, Url};
use entreat_core::exchange::BodyLength;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString, PyTuple};
use std::borrow::Cow;
use std::sync::Arc;

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
    if !session.get_type().is(&support.session_class) {
        return Ok(None);
    }
    let rest = Rest { files, timeout, proxies, hooks, stream, verify, cert };
    let call = Call { py, support, session, method, url, params, data, headers, cookies, auth, json };
    let Some(Served { response, given, unfinished, own: _ }) = call.serve(&rest, false)? else {
        return Ok(None);
    };
    if !unfinished {
        return Ok(Some(response));
    }
    // Rare enough to be decided in Python, by requests' own steps.
    support.call(py, "after", (session, response, allow_redirects, stream, given)).map(Some)
}

/// Serves a call of `Session.get`, as it would be by way of `Session.request` with these keywords, or says `None`.
#[pyfunction]
pub(crate) fn express_get<'py>(
    session: &Bound<'py, PyAny>,
    url: &Bound<'py, PyAny>,
    params: &Bound<'py, PyAny>,
    keywords: &Bound<'py, PyDict>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = session.py();
    let support = Support::get(py)?;
    if !session.get_type().is(&support.session_class) {
        return Ok(None);
    }
    let Some(given) = Keywords::read(keywords)? else { return Ok(None) };
    let method = intern!(py, "GET").as_any();
    let (call, rest) = given.split(support, session, method, url);
    let call = Call { params, ..call };
    let Some(Served { response, given: settings, unfinished, own: _ }) = call.serve(&rest, false)? else {
        return Ok(None);
    };
    if !unfinished {
        return Ok(Some(response));
    }
    let arguments = (session, response, given.allow_redirects(), rest.stream, settings);
    support.call(py, "after", arguments).map(Some)
}

/// Serves a call of `requests.request`, whose session lives no longer than the call, or says `None`.
///
/// Calls share connections, where nothing about them is the caller's own; see `shared`.
#[pyfunction]
pub(crate) fn express_once<'py>(
    method: &Bound<'py, PyAny>,
    url: &Bound<'py, PyAny>,
    keywords: &Bound<'py, PyDict>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = method.py();
    let support = Support::get(py)?;
    let Some(given) = Keywords::read(keywords)? else { return Ok(None) };
    let session = &support.shared_session(py)?;
    let (call, rest) = given.split(support, session, method, url);
    let Some(Served { response, given: settings, unfinished, own }) = call.serve(&rest, true)? else {
        return Ok(None);
    };
    if !unfinished {
        return Ok(Some(response));
    }
    let session = own.as_ref().map(|own| own.lend_session(py, support)).transpose()?;
    let arguments = (response, given.allow_redirects(), rest.stream, settings, session);
    support.call(py, "after_once", arguments).map(Some)
}

/// What `requests.request` takes; `allow_redirects` last, since it alone is not `None` where it is left out.
const KEYWORDS: [&str; 14] = [
    "params",
    "data",
    "headers",
    "cookies",
    "auth",
    "json",
    "files",
    "timeout",
    "proxies",
    "hooks",
    "stream",
    "verify",
    "cert",
    "allow_redirects",
];

/// The keywords of a call, in the order of [`KEYWORDS`].
struct Keywords<'py> {
    given: [Option<Bound<'py, PyAny>>; KEYWORDS.len()],
    none: Bound<'py, PyAny>,
    yes: Bound<'py, PyAny>,
}

impl<'py> Keywords<'py> {
    /// `None` where one is unknown.
    fn read(keywords: &Bound<'py, PyDict>) -> PyResult<Option<Keywords<'py>>> {
        let py = keywords.py();
        let mut given: [Option<Bound<'py, PyAny>>; KEYWORDS.len()] = Default::default();
        if !keywords.is_empty() {
            for (name, value) in keywords.iter() {
                let Ok(name) = name.cast_into::<PyString>() else { return Ok(None) };
                let Some(at) = KEYWORDS.iter().position(|known| name == *known) else { return Ok(None) };
                given[at] = Some(value);
            }
        }
        let (none, yes) = (py.None().into_bound(py), PyBool::new(py, true).to_owned().into_any());
        Ok(Some(Keywords { given, none, yes }))
    }

    fn allow_redirects(&self) -> &Bound<'py, PyAny> {
        self.given[KEYWORDS.len() - 1].as_ref().unwrap_or(&self.yes)
    }

    /// What makes up the request, and the rest.
    fn split<'a>(
        &'a self,
        support: &'a Support,
        session: &'a Bound<'py, PyAny>,
        method: &'a Bound<'py, PyAny>,
        url: &'a Bound<'py, PyAny>,
    ) -> (Call<'a, 'py>, Rest<'a, 'py>) {
        let [
            params,
            data,
            headers,
            cookies,
            auth,
            json,
            files,
            timeout,
            proxies,
            hooks,
            stream,
            verify,
            cert,
        ] = std::array::from_fn(|at| self.given[at].as_ref().unwrap_or(&self.none));
        let py = session.py();
        let rest = Rest { files, timeout, proxies, hooks, stream, verify, cert };
        (Call { py, support, session, method, url, params, data, headers, cookies, auth, json }, rest)
    }
}

/// The call's arguments that do not make up the request.
struct Rest<'a, 'py> {
    files: &'a Bound<'py, PyAny>,
    timeout: &'a Bound<'py, PyAny>,
    proxies: &'a Bound<'py, PyAny>,
    hooks: &'a Bound<'py, PyAny>,
    stream: &'a Bound<'py, PyAny>,
    verify: &'a Bound<'py, PyAny>,
    cert: &'a Bound<'py, PyAny>,
}

/// The call's arguments that make up the request.
struct Call<'a, 'py> {
    py: Python<'py>,
    support: &'a Support,
    session: &'a Bound<'py, PyAny>,
    method: &'a Bound<'py, PyAny>,
    url: &'a Bound<'py, PyAny>,
    params: &'a Bound<'py, PyAny>,
    data: &'a Bound<'py, PyAny>,
    headers: &'a Bound<'py, PyAny>,
    cookies: &'a Bound<'py, PyAny>,
    auth: &'a Bound<'py, PyAny>,
    json: &'a Bound<'py, PyAny>,
}

/// A call that the express lane has served.
struct Served<'py> {
    response: Bound<'py, PyAny>,
    /// What redirects go on with.
    given: Given,
    /// Something is left to be decided in Python: a cookie to keep, a redirect to follow, the session's options.
    unfinished: bool,
    /// The connections of a call that shares none, which end with it.
    own: Option<OneCall>,
}

/// What `session.options` make of url, timeout, stream and verify; whether netrc and a bundle in the environment are passed
/// over; and how connections are made.
type Adjusted<'py> = (
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    (bool, bool),
    Option<Py<NetworkRules>>,
);

/// A request's body, as the engine sends it and as `PreparedRequest.body` shows it.
struct Content<'py> {
    body: Body,
    object: Bound<'py, PyAny>,
    media_type: Option<Cow<'static, str>>,
}

impl<'py> Call<'_, 'py> {
    /// The guard, the request, the answer; `once` for a call without a session.
    fn serve(&self, rest: &Rest<'_, 'py>, once: bool) -> PyResult<Option<Served<'py>>> {
        if !rest.hooks.is_none()
            || !watch::is_untouched(self.py, self.support)?
            || debugging::is_wanted(self.py, self.support)?
        {
            return Ok(None);
        }
        let Some(state) = State::read(self.session, self.support)? else { return Ok(None) };
        match state.options.clone() {
            None => self.deliver(&state, rest, None, once),
            Some(options) => self.serve_by_options(&options, state, rest),
        }
    }

    /// The same where something is set in `session.options`: Python puts it into the arguments.
    fn serve_by_options(
        &self,
        options: &Bound<'py, PyAny>,
        mut state: State<'py>,
        rest: &Rest<'_, 'py>,
    ) -> PyResult<Option<Served<'py>>> {
        let given = (options, self.url, self.headers, rest.timeout, rest.stream, rest.verify);
        let session = (self.session.getattr(intern!(self.py, "headers"))?, state.stream(), state.verify());
        let adjusted = self.support.call(self.py, "adjust", (given, session))?;
        if adjusted.is_none() {
            return Ok(None);
        }
        let (url, timeout, stream, verify, ignored, network): Adjusted<'py> = adjusted.extract()?;
        let network = network.as_ref().map(|network| network.get());
        state.ignore(ignored.0, ignored.1);
        // Whose word counts is one of the options.
        if state.may_have_proxies() || !is_empty(rest.proxies) {
            return Ok(None);
        }
        let (url, timeout, stream, verify) = (&url, &timeout, &stream, &verify);
        let call = Call { url, ..*self };
        let rest = Rest { timeout, stream, verify, ..*rest };
        let Some(served) = call.deliver(&state, &rest, network, false)? else { return Ok(None) };
        options.call_method1("mark", (&served.response,))?;
        Ok(Some(Served { unfinished: true, ..served }))
    }

    fn deliver(
        &self,
        state: &State<'py>,
        rest: &Rest<'_, 'py>,
        network: Option<&NetworkRules>,
        once: bool,
    ) -> PyResult<Option<Served<'py>>> {
        let Some(prepared) = self.prepare(state, rest.files)? else { return Ok(None) };
        let said = Said { verify: rest.verify, cert: rest.cert, proxies: rest.proxies };
        let options = Options::read(state, self.support, &prepared.url, rest.timeout, rest.stream, &said)?;
        let Some(options) = options.map(|options| options.through(network)) else { return Ok(None) };
        let owner = if once { Owner::nobody(&prepared) } else { Owner::Session(self.session) };
        let Some(response) = send::send(self.py, self.support, &owner, prepared, &options)? else {
            return Ok(None);
        };
        let unfinished = ResponseBase::needs_python(&response);
        let own = match owner {
            Owner::Call(connections) => Some(connections),
            Owner::Session(_) | Owner::Shared(_) => None,
        };
        Ok(Some(Served { response, given: options.given, unfinished, own }))
    }

    /// `PreparedRequest.prepare` and the headers that http.client adds; `None` where Python must do it.
    fn prepare(&self, state: &State<'py>, files: &Bound<'py, PyAny>) -> PyResult<Option<Prepared>> {
        let Some(method) = self.method() else { return Ok(None) };
        let Some(url) = self.url() else { return Ok(None) };
        let Some(mut fields) = self.fields(state) else { return Ok(None) };
        let mut cookies = None;
        if self.wants_cookies(state)? {
            let Some(jar) = self.add_cookies(&mut fields, &method, &url)? else { return Ok(None) };
            cookies = Some(jar);
        }
        let content = if is_empty(files) { self.content()? } else { self.multipart(files)? };
        let Some(content) = content else { return Ok(None) };
        let Content { body, object, media_type } = content;
        add_content_fields(&mut fields, &method, &body, media_type.as_deref())?;
        if !self.add_authorization(state, &mut fields) {
            return Ok(None);
        }
        let object = (!object.is_none()).then(|| object.unbind());
        let with_host = self.with_host(&fields, &url);
        Ok(Some(Prepared { method, url, fields, with_host, body, object, cookies, request: None }))
    }

    /// In upper case, where it is a token.
    fn method(&self) -> Option<Cow<'static, str>> {
        let method = self.method.cast_exact::<PyString>().ok()?.to_str().ok()?;
        if matches!(method, "GET" | "get") {
            return Some(Cow::Borrowed("GET"));
        }
        entreat_core::h1::check_method(method).ok()?;
        Some(Cow::Owned(method.to_ascii_uppercase()))
    }

    fn url(&self) -> Option<Url> {
        let object = self.url.cast_exact::<PyString>().ok()?;
        let text = object.to_str().ok()?;
        if is_empty(self.params) {
            let mut before = self.session.cast::<SessionBase>().ok()?.get().before();
            return match before.url(object) {
                Some(url) => Some(url),
                None => prepare::url(text).inspect(|url| before.keep_url(object, url)),
            };
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
    /// framing by hand, are left to them; so is what may go on as another protocol, on a socket of Python's.
    fn fields(&self, state: &State<'py>) -> Option<Arc<Headers>> {
        let given = match self.headers.is_none() {
            true => None,
            false => Some(self.headers.cast_exact::<PyDict>().ok()?),
        };
        let store = state.header_store()?;
        let version = self.support.dictionaries_have_versions.then(|| watch::version(store));
        let mut before = self.session.cast::<SessionBase>().ok()?.get().before();
        let known = version.and_then(|version| before.fields(version));
        let mut fields = match (known, given) {
            (Some(known), None) => return Some(known),
            (Some(known), Some(_)) => Headers::clone(&known),
            (None, _) => {
                let mut fields = Headers::with_capacity(12, 384);
                prepare::session_headers(&mut fields, store)?;
                fields
            }
        };
        if let Some(given) = given {
            prepare::merge_headers(&mut fields, given)?;
        }
        let complete = fields.contains("Accept-Encoding") && fields.contains("User-Agent");
        let framed = fields.contains("Content-Length") || fields.contains("Transfer-Encoding");
        if !complete || framed || fields.contains("Upgrade") {
            return None;
        }
        let fields = Arc::new(fields);
        if let (None, Some(version)) = (given, version) {
            before.keep_fields(version, &fields);
        }
        Some(fields)
    }

    /// The fields behind the Host, where nothing has been added to the session's own: those of the request before, or
    /// kept for the next.
    fn with_host(&self, fields: &Arc<Headers>, url: &Url) -> Option<Arc<Headers>> {
        let mut before = self.session.cast::<SessionBase>().ok()?.get().before();
        if let Some(known) = before.with_host(fields, url) {
            return Some(known);
        }
        if !before.has_kept(fields) {
            return None;
        }
        let whole = Arc::new(send::behind_host(fields, url, None).ok()?);
        before.keep_with_host(fields, url, &whole);
        Some(whole)
    }

    /// True unless there is provably no cookie to send.
    fn wants_cookies(&self, state: &State<'py>) -> PyResult<bool> {
        if !is_empty(self.cookies) {
            return Ok(true);
        }
        let Some(jar) = state.cookies() else { return Ok(false) };
        Ok(!self.support.is_empty_jar(jar)?)
    }

    /// `http.cookiejar` decides: programs own that jar. Gives the merged jar, which redirects go on with.
    fn add_cookies(&self, fields: &mut Arc<Headers>, method: &str, url: &Url) -> PyResult<Option<Py<PyAny>>> {
        let given =
            pyo3::types::PyList::new(self.py, fields.iter().map(|(name, value)| (name, latin1(value))))?;
        let arguments = (self.session, self.cookies, method, url.as_str(), given);
        let answer = self.support.call(self.py, "cookie_header", arguments)?;
        let (header, jar): (Option<String>, Py<PyAny>) = answer.extract()?;
        match header {
            Some(header)
                if Arc::make_mut(fields).append_lenient("Cookie", header.as_bytes()).is_err()
                    || !header.is_ascii() =>
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
            return Ok(body.map(|body| Content {
                body,
                object,
                media_type: Some("application/json".into()),
            }));
        }
        let (object, media_type) = match self.data.cast_exact::<PyDict>() {
            Ok(pairs) => match prepare::form(pairs) {
                // Pairs without a value give an empty body, which Python does not send.
                Some(form) if !form.is_empty() => (
                    PyString::new(self.py, &form).into_any(),
                    Some("application/x-www-form-urlencoded".into()),
                ),
                _ => return Ok(None),
            },
            Err(_) => (self.data.clone(), None),
        };
        Ok(body::whole(&object).map(|body| Content { body, object, media_type }))
    }

    /// `files=`: read while they are sent.
    fn multipart(&self, files: &Bound<'py, PyAny>) -> PyResult<Option<Content<'py>>> {
        if !self.json.is_none() {
            return Ok(None);
        }
        let made = self.support.call(self.py, "multipart", (files, self.data))?;
        let made: Option<(Bound<'py, PyAny>, u64, String)> = made.extract()?;
        let Some((object, length, media_type)) = made else { return Ok(None) };
        let body = body::rewindable(&object, length)?;
        Ok(Some(Content { body, object, media_type: Some(media_type.into()) }))
    }

    /// `prepare_auth` for a pair of texts; false where Python must do it.
    fn add_authorization(&self, state: &State<'py>, fields: &mut Arc<Headers>) -> bool {
        let auth = if is_falsy_auth(self.auth) { state.auth() } else { self.auth };
        if is_falsy_auth(auth) {
            return !state.may_have_netrc();
        }
        let value = prepare::basic_auth(auth);
        value.is_some_and(|value| Arc::make_mut(fields).set("Authorization", value).is_ok())
    }
}

/// `prepare_content_length` and the Content-Type: first the one, then the other, at the end.
fn add_content_fields(
    fields: &mut Arc<Headers>,
    method: &str,
    body: &Body,
    media_type: Option<&str>,
) -> PyResult<()> {
    let length = match body.length() {
        BodyLength::Known(length) => length,
        BodyLength::None | BodyLength::Unknown => 0,
    };
    let outcome = if length > 0 || !matches!(method, "GET" | "HEAD") {
        Arc::make_mut(fields).append("Content-Length", length.to_string())
    } else {
        Ok(())
    };
    let typed = media_type.filter(|_| !fields.contains("Content-Type"));
    let outcome = outcome.and_then(|()| match typed {
        None => Ok(()),
        Some(media_type) => Arc::make_mut(fields).append("Content-Type", media_type),
    });
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
