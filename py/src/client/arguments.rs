//! The arguments of one call, from Python's objects to a request as a value.
//!
//! What a client says once (base URL, headers, parameters, credentials) goes in first, what the call says over it. Anything
//! that is wrong is told here, before anything is sent. The knobs are `config`'s, bodies `content`'s.

use crate::client::config::{Knobs, text};
use crate::client::content;
use crate::client::download;
use crate::client::errors::{contradiction, raise, wrong_type};
use crate::client::flow::Program;
use crate::client::headers;
use entreat::{Auth, Credentials, Headers, Request, Url};
use entreat_core::policy::auth::{basic, bearer};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

/// What a client says for all its requests.
#[derive(Default)]
pub(crate) struct Defaults {
    pub(crate) base: Option<Url>,
    pub(super) headers: Headers,
    pub(super) params: Vec<(String, String)>,
    pub(super) credential: Option<Credential>,
    pub(super) knobs: Knobs,
    /// The very object that was given as URL before, and what was made of it: programs ask for one thing again and again.
    /// Locked only with the GIL held, so never across a fork.
    pub(super) before: Mutex<Option<(Py<PyString>, Url)>>,
}

impl Defaults {
    /// The URL that was made of this object the time before.
    fn known(&self, object: &Bound<'_, PyString>) -> Option<Url> {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        before.as_ref().filter(|(known, _)| known.is(object)).map(|(_, url)| url.clone())
    }

    fn keep(&self, object: &Bound<'_, PyString>, url: &Url) {
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        *before = Some((object.clone().unbind(), url.clone()));
    }

    /// Shows the garbage collector what Python's objects are in here.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.credential {
            Some(Credential::Program(program)) => visit.call(program.object()),
            Some(Credential::Field(_) | Credential::Scheme(_)) | None => Ok(()),
        }
    }
}

/// The arguments that say what a request carries; all others are knobs.
#[derive(Default)]
struct Given<'py> {
    params: Option<Bound<'py, PyAny>>,
    headers: Option<Bound<'py, PyAny>>,
    cookies: Option<Bound<'py, PyAny>>,
    auth: Option<Bound<'py, PyAny>>,
    json: Option<Bound<'py, PyAny>>,
    data: Option<Bound<'py, PyAny>>,
    content: Option<Bound<'py, PyAny>>,
    files: Option<Bound<'py, PyAny>>,
    upload_progress: Option<Bound<'py, PyAny>>,
}

/// The request of a call. `jar` gives the field Cookie that the client would send.
pub(crate) fn request(
    py: Python<'_>,
    defaults: &Defaults,
    method: Cow<'static, str>,
    url: &Bound<'_, PyAny>,
    options: Option<&Bound<'_, PyDict>>,
    jar: impl FnOnce(&Url) -> Option<Vec<u8>>,
) -> PyResult<Request> {
    let url = url.cast::<PyString>().map_err(|_| wrong_type("url", "str", url))?;
    let Some(options) = options.filter(|options| !options.is_empty()) else {
        let request = blank(py, defaults, method, url, None)?;
        return match &defaults.credential {
            None => Ok(request),
            Some(_) => authorize(request, defaults, None, None),
        };
    };
    let mut knobs = None;
    let mut given = Given::default();
    for (name, value) in options {
        let name = name.cast::<PyString>()?;
        sort(&mut given, &mut knobs, defaults, name.to_str()?, value)?;
    }
    let mut request = blank(py, defaults, method, url, given.params.as_ref())?;
    if let Some(fields) = &given.headers {
        merge_headers(request.headers_mut(), fields)?;
    }
    let mut request = authorize(request, defaults, given.auth.as_ref(), given.headers.as_ref())?;
    if let Some(cookies) = &given.cookies {
        if says(given.headers.as_ref(), "Cookie")? {
            let seen = "both cookies and headers[\"Cookie\"]";
            return Err(contradiction(py, "either cookies or a header Cookie", seen));
        }
        let kept = request.url().and_then(jar);
        let value = cookie_field(kept, cookies)?;
        request.headers_mut().set("Cookie", value).map_err(|error| raise(py, &error))?;
    }
    let Given { json, data, content, files, upload_progress, .. } = given;
    request = content::attach(py, request, json, data, content, files)?;
    if let Some(listener) = upload_progress {
        let listener = download::listener("upload_progress", &listener)?;
        request = request.map_body(|body| body.try_on_progress(listener));
    }
    match knobs {
        None => Ok(request),
        Some(knobs) => {
            let config = knobs.config(py)?;
            config.clone().resolve().map_err(|error| raise(py, &error))?;
            Ok(request.configure(|signed| signed.or(&config)))
        }
    }
}

/// A request with what the client says, and nothing of the call but its URL.
fn blank(
    py: Python<'_>,
    defaults: &Defaults,
    method: Cow<'static, str>,
    object: &Bound<'_, PyString>,
    params: Option<&Bound<'_, PyAny>>,
) -> PyResult<Request> {
    let known = if params.is_none() { defaults.known(object) } else { None };
    let mut request = match known {
        Some(url) => Request::at(method, url),
        None => {
            let url = with_params(py, absolute(defaults, object.to_str()?), &defaults.params, params)?;
            let request = Request::new(method, &url);
            let parsed = request.check().map_err(|error| raise(py, &error.clone().with_url(&url)))?;
            if params.is_none() {
                defaults.keep(object, parsed);
            }
            request
        }
    };
    *request.headers_mut() = defaults.headers.clone();
    Ok(request)
}

/// Puts one argument where it belongs.
fn sort<'py>(
    given: &mut Given<'py>,
    knobs: &mut Option<Knobs>,
    defaults: &Defaults,
    name: &str,
    value: Bound<'py, PyAny>,
) -> PyResult<()> {
    let slot = match name {
        "params" => &mut given.params,
        "headers" => &mut given.headers,
        "cookies" => &mut given.cookies,
        "auth" => &mut given.auth,
        "json" => &mut given.json,
        "data" => &mut given.data,
        "content" => &mut given.content,
        "files" => &mut given.files,
        "upload_progress" => &mut given.upload_progress,
        _ => {
            let knobs = knobs.get_or_insert_with(|| Knobs::over(&defaults.knobs));
            return match knobs.set(name, &value)? {
                true => Ok(()),
                false => Err(unknown(name)),
            };
        }
    };
    // None means that nothing is said, but for JSON's null, which is `content=b"null"`.
    *slot = (!value.is_none()).then_some(value);
    Ok(())
}

/// The error for a keyword that nobody knows.
pub(super) fn unknown(name: &str) -> PyErr {
    let hint = match name {
        "allow_redirects" => " (here it is follow_redirects)",
        "stream" => " (here it is the method stream)",
        "proxy" => " (here it is proxies)",
        "trust_environment" => " (here it is trust_env)",
        _ => "",
    };
    PyTypeError::new_err(format!("an unexpected keyword argument: {name:?}{hint}"))
}

/// A URL without scheme and host goes below the base URL, whether or not it begins with a slash.
fn absolute<'a>(defaults: &Defaults, url: &'a str) -> Cow<'a, str> {
    let Some(base) = &defaults.base else { return Cow::Borrowed(url) };
    let scheme = url.split(['/', '?', '#']).next().unwrap_or_default();
    if scheme.ends_with(':') {
        return Cow::Borrowed(url);
    }
    let base = base.as_str();
    if url.is_empty() || url.starts_with(['?', '#']) {
        return Cow::Owned(format!("{base}{url}"));
    }
    Cow::Owned(format!("{}/{}", base.trim_end_matches('/'), url.trim_start_matches('/')))
}

fn with_params(
    py: Python<'_>,
    url: Cow<'_, str>,
    base: &[(String, String)],
    own: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    if base.is_empty() && own.is_none() {
        return Ok(url.into_owned());
    }
    let mut url = url.into_owned();
    let mut added = base.to_vec();
    match own {
        None => {}
        Some(own) => match own.cast::<PyString>() {
            Ok(query) => url = with_query(&url, query.to_str()?.trim_start_matches('?')),
            Err(_) => {
                let own = pairs("params", own)?;
                // A parameter of the call goes before the client's of that name.
                added.retain(|(name, _)| !own.iter().any(|(other, _)| other == name));
                added.extend(own);
            }
        },
    }
    if added.is_empty() {
        return Ok(url);
    }
    let parsed = Url::parse(&url).and_then(|parsed| parsed.with_query(added));
    Ok(parsed.map_err(|error| raise(py, &error.with_url(&url)))?.as_str().to_owned())
}

/// The URL with a query, written as it is, behind the one that it has.
fn with_query(url: &str, query: &str) -> String {
    let (before, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let joint = match before.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{before}{joint}{query}{fragment}")
}

/// Names and values of a mapping or of pairs; a list or tuple as value repeats its name, None leaves it out.
pub(super) fn pairs(what: &str, given: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let expected = "a mapping or a list of pairs";
    let items = if given.hasattr("items")? { given.call_method0("items")? } else { given.clone() };
    let mut pairs = Vec::new();
    for item in items.try_iter().map_err(|_| wrong_type(what, expected, given))? {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
            item?.extract().map_err(|_| wrong_type(what, expected, given))?;
        let name = scalar(what, &name)?.unwrap_or_default();
        if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
            for each in value.try_iter()? {
                pairs.extend(scalar(what, &each?)?.map(|value| (name.clone(), value)));
            }
        } else {
            pairs.extend(scalar(what, &value)?.map(|value| (name, value)));
        }
    }
    Ok(pairs)
}

/// Text as it is, numbers as Python writes them, booleans as JSON does.
fn scalar(what: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Some(text.to_str()?.to_owned()));
    }
    if let Ok(boolean) = value.cast::<PyBool>() {
        return Ok(Some(boolean.is_true().to_string()));
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Some(String::from_utf8_lossy(bytes.as_bytes()).into_owned()));
    }
    if value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>() {
        return Ok(Some(value.str()?.to_str()?.to_owned()));
    }
    Err(wrong_type(
        &format!("a value in {what}"),
        "text, a number, a boolean, a list of them, or None",
        value,
    ))
}

/// Sets the fields of a call over those that are there. None takes one out.
pub(super) fn merge_headers(into: &mut Headers, fields: &Bound<'_, PyAny>) -> PyResult<()> {
    let mut set: Vec<Vec<u8>> = Vec::new();
    headers::each(fields, |name, value| {
        let again = set.iter().any(|known| known.eq_ignore_ascii_case(name));
        let outcome = match value {
            // Pairs may repeat a name.
            Some(value) if again => into.append(name, value),
            Some(value) => into.set(name, value),
            None => {
                into.remove(&String::from_utf8_lossy(name));
                Ok(())
            }
        };
        set.push(name.to_vec());
        outcome.map_err(|error| raise(fields.py(), &error))
    })
}

/// Credentials of the call, or else of the client: the latter only for the origin of the client's base URL, where it has
/// one, and never over a header.
fn authorize(
    request: Request,
    defaults: &Defaults,
    auth: Option<&Bound<'_, PyAny>>,
    headers: Option<&Bound<'_, PyAny>>,
) -> PyResult<Request> {
    if let Some(auth) = auth {
        let credential = credential(auth)?;
        if credential.replaces_header() && says(headers, "Authorization")? {
            let seen = "both auth and headers[\"Authorization\"]";
            return Err(contradiction(auth.py(), "either auth or a header Authorization", seen));
        }
        return Ok(credential.sign(request));
    }
    let Some(credential) = &defaults.credential else { return Ok(request) };
    let meant = match (&defaults.base, request.url()) {
        (Some(base), Some(url)) => base.same_origin(url),
        (None, _) | (_, None) => true,
    };
    match meant && !request.headers().contains("Authorization") {
        true => Ok(credential.sign(request)),
        false => Ok(request),
    }
}

/// How requests prove who sends them.
pub(super) enum Credential {
    /// The value of Authorization, checked.
    Field(String),
    /// What the engine does.
    Scheme(Auth),
    /// What the program does.
    Program(Program),
}

/// True where the headers of a call have such a field.
fn says(headers: Option<&Bound<'_, PyAny>>, name: &str) -> PyResult<bool> {
    let Some(fields) = headers else { return Ok(false) };
    let mut found = false;
    headers::each(fields, |field, value| {
        found |= value.is_some() && field.eq_ignore_ascii_case(name.as_bytes());
        Ok(())
    })?;
    Ok(found)
}

impl Credential {
    /// netrc leaves a header alone, and the program's own code may look at it.
    fn replaces_header(&self) -> bool {
        match self {
            Credential::Scheme(Auth::Netrc(_) | Auth::Nothing) | Credential::Program(_) => false,
            Credential::Field(_) | Credential::Scheme(_) => true,
        }
    }

    fn sign(&self, request: Request) -> Request {
        match self {
            Credential::Field(value) => request.header("Authorization", value),
            Credential::Scheme(auth) => request.configure(|config| config.auth(auth.clone())),
            Credential::Program(program) => request.configure(|config| config.auth(program.scheme())),
        }
    }
}

/// `(user, password)`, a bearer token, an `entreat.Auth`, or the program's own.
pub(super) fn credential(auth: &Bound<'_, PyAny>) -> PyResult<Credential> {
    if let Ok(scheme) = auth.cast::<super::Auth>() {
        return Ok(Credential::Scheme(scheme.get().0.clone()));
    }
    if let Some(program) = Program::read(auth)? {
        return Ok(Credential::Program(program));
    }
    let value = match auth.cast::<PyTuple>() {
        Ok(pair) if pair.len() == 2 => {
            let user = text("the user of auth", &pair.get_item(0)?)?;
            let password = text("the password of auth", &pair.get_item(1)?)?;
            basic::authorization(&basic::Rules::modern(), &Credentials::new(user, password))
        }
        Ok(_) | Err(_) => {
            let expected = "(user, password), a bearer token, an entreat.Auth, or a callable";
            let token = auth.cast::<PyString>().map_err(|_| wrong_type("auth", expected, auth))?;
            bearer::authorization(token.to_str()?)
        }
    };
    value.map(Credential::Field).map_err(|error| raise(auth.py(), &error))
}

/// The cookies that the client keeps for this URL, and those of the call behind them.
fn cookie_field(kept: Option<Vec<u8>>, cookies: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let mut field = kept.unwrap_or_default();
    for (name, value) in pairs("cookies", cookies)? {
        if name.is_empty() || name.contains(['=', ';']) || value.contains(';') {
            let expected = "cookies whose names have no '=' or ';', and whose values no ';'";
            return Err(contradiction(cookies.py(), expected, name));
        }
        if !field.is_empty() {
            field.extend_from_slice(b"; ");
        }
        field.extend_from_slice(format!("{name}={value}").as_bytes());
    }
    Ok(field)
}
