//! `Auth`: the ways of proving who sends a request that take more than a header. What they do is decided in core.

use crate::client::errors::raise;
use pyo3::prelude::*;
use std::path::PathBuf;

/// A way, with its credentials, for `auth=`.
#[pyclass(module = "entreat.client", frozen)]
pub(crate) struct Auth(pub(super) entreat::Auth);

fn checked(py: Python<'_>, auth: entreat::Auth) -> PyResult<Auth> {
    auth.check().map_err(|error| raise(py, &error))?;
    Ok(Auth(auth))
}

#[pymethods]
impl Auth {
    /// HTTP Digest (RFC 7616), with whichever algorithm the server offers. Costs a round trip with each server once.
    #[staticmethod]
    fn digest(py: Python<'_>, user: &str, password: &str) -> PyResult<Auth> {
        checked(py, entreat::Auth::digest(user, password))
    }

    /// Basic, with what a netrc file has for each host: the one at `path`, or else `NETRC` or `~/.netrc`.
    #[staticmethod]
    #[pyo3(signature = (path=None))]
    fn netrc(py: Python<'_>, path: Option<PathBuf>) -> PyResult<Auth> {
        checked(py, path.map_or_else(entreat::Auth::netrc, entreat::Auth::netrc_file))
    }

    /// None, for a request whose client has some.
    #[staticmethod]
    fn nothing(py: Python<'_>) -> PyResult<Auth> {
        checked(py, entreat::Auth::Nothing)
    }

    /// Without secrets.
    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}
