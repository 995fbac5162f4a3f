//! `Auth`: the ways of proving who sends a request that take more than a header. What they do is decided in core.

use crate::client::errors::{contradiction, raise};
use entreat::SigV4;
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
    /// Basic (RFC 7617), at once. `encoding` is ``utf-8``, or ``latin-1`` for servers that know no other.
    #[staticmethod]
    #[pyo3(signature = (user, password, encoding="utf-8"))]
    fn basic(py: Python<'_>, user: &str, password: &str, encoding: &str) -> PyResult<Auth> {
        let auth = match encoding.to_ascii_lowercase().replace('_', "-").as_str() {
            "utf-8" | "utf8" => entreat::Auth::basic(user, password),
            "latin-1" | "latin1" | "iso-8859-1" => entreat::Auth::basic_latin1(user, password),
            _ => return Err(contradiction(py, "encoding=\"utf-8\" or \"latin-1\"", encoding)),
        };
        checked(py, auth)
    }

    /// A bearer token (RFC 6750), at once.
    #[staticmethod]
    fn bearer(py: Python<'_>, token: &str) -> PyResult<Auth> {
        checked(py, entreat::Auth::bearer(token))
    }

    /// AWS Signature Version 4, for a region and a service.
    #[staticmethod]
    #[pyo3(signature = (access_key, secret_key, region, service, session_token=None))]
    fn sigv4(
        py: Python<'_>,
        access_key: &str,
        secret_key: &str,
        region: &str,
        service: &str,
        session_token: Option<&str>,
    ) -> PyResult<Auth> {
        let signer = SigV4::new(access_key, secret_key, region, service);
        let signer = match session_token {
            Some(token) => signer.session_token(token),
            None => signer,
        };
        checked(py, entreat::Auth::sigv4(signer))
    }

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
