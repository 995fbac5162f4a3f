//! `download` and progress: what Python says about a transfer, as the engine's `Download` and listeners.
//!
//! How a download goes on where another one stopped is decided in the crate `entreat`; here its arguments are read. A
//! listener is called with the GIL, in the middle of the transfer; what it raises ends that, and comes out of the call.

use crate::client::errors::{contradiction, wrong_type};
use entreat::{Download, Downloaded, Progress, Request};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString};
use std::io;
use std::path::PathBuf;

/// A download of `request`, and the bar that shows it, to be closed behind it.
pub(crate) fn of<'py>(
    request: Request,
    path: &Bound<'py, PyAny>,
    resume: bool,
    progress: Option<&Bound<'py, PyAny>>,
    checksum: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Download, Option<Bound<'py, PyAny>>)> {
    let target: PathBuf = path.extract().map_err(|_| wrong_type("path", "a path", path))?;
    let mut download = Download::new(request, &target).resume(resume);
    if let Some(checksum) = checksum {
        download = download.sha256(sha256(checksum)?);
    }
    let Some(progress) = progress.filter(|progress| progress.is_truthy().unwrap_or(true)) else {
        return Ok((download, None));
    };
    if !progress.is_instance_of::<PyBool>() {
        return Ok((download.try_on_progress(listener("progress", progress)?), None));
    }
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned());
    let bar = path.py().import("entreat._progress")?.getattr("Bar")?.call1((name,))?;
    Ok((download.try_on_progress(listener("progress", &bar)?), Some(bar)))
}

/// As Python is told of it.
pub(crate) fn done<'py>(py: Python<'py>, done: Downloaded) -> PyResult<Bound<'py, PyAny>> {
    let class = py.import("entreat.client")?.getattr("Downloaded")?;
    class.call1((done.path, done.length, done.resumed_from))
}

/// A callable of two numbers: bytes that were transferred, and all of them, or None where that is not known.
pub(super) fn listener(
    name: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<impl Fn(Progress) -> io::Result<()> + Send + Sync + 'static> {
    if !value.is_callable() {
        return Err(wrong_type(name, "callable", value));
    }
    let listener = value.clone().unbind();
    Ok(move |progress: Progress| {
        let told = Python::attach(|py| listener.bind(py).call1((progress.done, progress.total)).map(drop));
        told.map_err(io::Error::other)
    })
}

/// `sha256:` and digits, or digits alone.
fn sha256(checksum: &Bound<'_, PyAny>) -> PyResult<String> {
    let expected = "str, such as \"sha256:9f86d0…\"";
    let text = checksum.cast::<PyString>().map_err(|_| wrong_type("checksum", expected, checksum))?;
    match text.to_str()?.split_once(':') {
        None => Ok(text.to_str()?.to_owned()),
        Some((algorithm, digits)) if algorithm.eq_ignore_ascii_case("sha256") => Ok(digits.to_owned()),
        Some((algorithm, _)) => {
            Err(contradiction(checksum.py(), "a checksum that begins with sha256:", algorithm))
        }
    }
}
