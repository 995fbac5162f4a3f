//! What a request carries: JSON, a form, a form with files, or bytes from wherever they come.

use crate::aio::question;
use crate::body;
use crate::client::arguments::pairs;
use crate::client::config::text;
use crate::client::errors::{contradiction, wrong_type};
use crate::client::headers;
use entreat::{Body, Form, Part, Request, Source};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyList, PyMemoryView, PyString, PyTuple};
use std::io;

/// Gives the request its body. At most one of them may be there, but for `data` and `files`.
pub(super) fn attach(
    py: Python<'_>,
    request: Request,
    json: Option<Bound<'_, PyAny>>,
    data: Option<Bound<'_, PyAny>>,
    content: Option<Bound<'_, PyAny>>,
    files: Option<Bound<'_, PyAny>>,
) -> PyResult<Request> {
    let names = [("json", &json), ("data", &data), ("content", &content), ("files", &files)];
    let given: Vec<&str> = names.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name).collect();
    if given.len() > 1 && given != ["data", "files"] {
        let expected = "one of json, content, data and files, or data with files";
        return Err(contradiction(py, expected, given.join(" and ")));
    }
    match (json, data, content, files) {
        (Some(value), ..) => {
            let request = match request.headers().contains("Content-Type") {
                true => request,
                false => request.header("Content-Type", "application/json"),
            };
            Ok(request.body(dump(py, &value)?))
        }
        (_, data, _, Some(files)) => Ok(request.multipart(form(data.as_ref(), &files)?)),
        (_, Some(data), ..) if is_form(&data) => Ok(request.form(pairs("data", &data)?)),
        (_, Some(data), ..) => Ok(request.body(any("data", &data)?)),
        (_, _, Some(content), _) => Ok(request.body(any("content", &content)?)),
        (None, None, None, None) => Ok(request),
    }
}

fn is_form(data: &Bound<'_, PyAny>) -> bool {
    let list = data.is_instance_of::<PyList>() || data.is_instance_of::<PyTuple>();
    list || data.is_instance_of::<PyDict>() || data.hasattr("items").unwrap_or(false)
}

/// As the json module writes it: compact, in UTF-8, without NaN, which is not JSON.
fn dump(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Body> {
    let options = PyDict::new(py);
    options.set_item("separators", (",", ":"))?;
    options.set_item("ensure_ascii", false)?;
    options.set_item("allow_nan", false)?;
    let text = py.import("json")?.getattr("dumps")?.call((value,), Some(&options))?;
    // Half of a surrogate pair cannot be sent.
    body::whole(&text).ok_or_else(|| PyTypeError::new_err("json must be text that UTF-8 can hold"))
}

/// Bytes, text (as UTF-8), a file open for reading bytes, or an iterable of bytes; an asynchronous one is for clients that await.
fn any(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Body> {
    if let Some(body) = body::whole(value) {
        return Ok(body);
    }
    if value.is_instance_of::<PyByteArray>() || value.is_instance_of::<PyMemoryView>() {
        let copy = value.py().get_type::<PyBytes>().call1((value,))?;
        return body::from_python(&copy, None);
    }
    if question::is_asynchronous(value)? {
        return question::body(value);
    }
    if value.hasattr("read")? {
        return file(name, value);
    }
    let iterable = !value.is_instance_of::<PyDict>() && !value.is_instance_of::<PyString>();
    if iterable && value.hasattr("__iter__")? {
        return body::from_python(value, None);
    }
    Err(wrong_type(name, "bytes, text, a file or an iterable of bytes", value))
}

/// A form of fields and files.
fn form(data: Option<&Bound<'_, PyAny>>, files: &Bound<'_, PyAny>) -> PyResult<Form> {
    let mut form = Form::new();
    if let Some(data) = data {
        if !is_form(data) {
            return Err(wrong_type("data with files", "a mapping or a list of pairs", data));
        }
        for (name, value) in pairs("data", data)? {
            form = form.text(name, value);
        }
    }
    let expected = "a mapping or a list of pairs";
    let items = if files.hasattr("items")? { files.call_method0("items")? } else { files.clone() };
    for item in items.try_iter().map_err(|_| wrong_type("files", expected, files))? {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
            item?.extract().map_err(|_| wrong_type("files", expected, files))?;
        let name = text("the name of a file's field", &name)?;
        form = form.part(&name, part(&name, &value)?);
    }
    Ok(form)
}

/// A file, bytes or text; or a tuple of file name, content, and perhaps media type and headers.
fn part(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Part> {
    let Ok(tuple) = value.cast::<PyTuple>() else {
        let file_name = own_name(value).unwrap_or_else(|| name.to_owned());
        let media_type = guess(value.py(), &file_name)?;
        return Ok(Part::new(any("a file", value)?).file_name(file_name).media_type(media_type));
    };
    if !(2..=4).contains(&tuple.len()) {
        let expected = "(name, content), (name, content, type) or (name, content, type, headers)";
        return Err(PyTypeError::new_err(format!("a file in files must be {expected}")));
    }
    let mut part = Part::new(any("a file", &tuple.get_item(1)?)?);
    let file_name = tuple.get_item(0)?;
    if !file_name.is_none() {
        part = part.file_name(text("the name of a file", &file_name)?);
    }
    match tuple.get_item(2) {
        Ok(media_type) if !media_type.is_none() => part = part.media_type(text("a media type", &media_type)?),
        Ok(_) | Err(_) if !file_name.is_none() => {
            part = part.media_type(guess(value.py(), &text("the name of a file", &file_name)?)?);
        }
        Ok(_) | Err(_) => {}
    }
    if let Ok(fields) = tuple.get_item(3)
        && !fields.is_none()
    {
        let mut pairs = Vec::new();
        headers::each(&fields, |name, value| {
            pairs.push((name.to_vec(), value.unwrap_or_default().to_vec()));
            Ok(())
        })?;
        part = pairs.into_iter().fold(part, |part, (name, value)| part.header(name, value));
    }
    Ok(part)
}

/// The last part of the path under which a file was opened.
fn own_name(value: &Bound<'_, PyAny>) -> Option<String> {
    let name: String = value.getattr("name").ok()?.extract().ok()?;
    let last = name.rsplit(['/', '\\']).next()?;
    (!last.is_empty() && !last.starts_with('<')).then(|| last.to_owned())
}

fn guess(py: Python<'_>, file_name: &str) -> PyResult<String> {
    let guessed = py.import("mimetypes")?.call_method1("guess_type", (file_name,))?;
    let (media_type, _): (Option<String>, Option<String>) = guessed.extract()?;
    Ok(media_type.unwrap_or_else(|| "application/octet-stream".to_owned()))
}

/// A file of Python's, read while the request is sent, from where it stands.
fn file(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Body> {
    if value.call_method1("read", (0,)).is_ok_and(|nothing| nothing.is_instance_of::<PyString>()) {
        return Err(PyTypeError::new_err(format!(
            "{name} must be opened in binary mode, such as open(path, \"rb\")"
        )));
    }
    let start: Option<u64> = value.call_method0("tell").ok().and_then(|at| at.extract().ok());
    let length = start.and_then(|start| {
        let end: u64 = value.call_method1("seek", (0, 2)).ok()?.extract().ok()?;
        value.call_method1("seek", (start,)).ok()?;
        Some(end.saturating_sub(start))
    });
    // One that cannot be measured cannot be rewound either.
    let start = length.and(start);
    Ok(Body::source(File { file: value.clone().unbind(), start, rest: Vec::new() }, length))
}

struct File {
    file: Py<PyAny>,
    /// Where it stood, if it can go back there.
    start: Option<u64>,
    /// What it gave beyond what was asked for.
    rest: Vec<u8>,
}

impl Source for File {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            self.rest = Python::attach(|py| {
                let piece = self.file.bind(py).call_method1("read", (into.len(),))?;
                Ok(piece.cast::<PyBytes>()?.as_bytes().to_vec())
            })
            .map_err(|error: PyErr| io::Error::other(error))?;
        }
        let count = self.rest.len().min(into.len());
        into[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }

    fn rewind(&mut self) -> io::Result<bool> {
        let Some(start) = self.start else { return Ok(false) };
        self.rest.clear();
        let outcome = Python::attach(|py| self.file.bind(py).call_method1("seek", (start,)).map(drop));
        outcome.map(|()| true).map_err(io::Error::other)
    }
}
