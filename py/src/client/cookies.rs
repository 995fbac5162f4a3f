//! `Cookies`: the jar of a client, looked at and changed by a program. What is stored and sent is decided in core.

use crate::aio;
use crate::client::Client;
use crate::client::errors::raise;
use entreat_core::policy::cookies::{Jar, SharedJar};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::path::PathBuf;
use std::time::SystemTime;

/// A client's cookies.
#[pyclass(module = "entreat.client", frozen)]
pub(crate) struct Cookies {
    owner: Owner,
}

/// Whose jar it is.
enum Owner {
    /// A client's, which takes another one after a fork.
    Client(Py<Client>),
    AsyncClient(Py<aio::Client>),
}

impl Cookies {
    pub(super) fn of(client: Py<Client>) -> Cookies {
        Cookies { owner: Owner::Client(client) }
    }

    pub(crate) fn of_async(client: Py<aio::Client>) -> Cookies {
        Cookies { owner: Owner::AsyncClient(client) }
    }

    fn with<T>(&self, py: Python<'_>, act: impl FnOnce(&mut Jar) -> T + Send) -> PyResult<T>
    where
        T: Send,
    {
        let jar = self.jar(py)?;
        // A thread that sends may hold the jar for a moment, without the GIL.
        Ok(py.detach(|| act(&mut jar.lock())))
    }

    /// The same with what Rust's programs have, which may fail.
    fn try_with<T>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(entreat::Cookies) -> entreat::Result<T> + Send,
    ) -> PyResult<T>
    where
        T: Send,
    {
        let jar = self.jar(py)?;
        py.detach(|| act(jar.into())).map_err(|error| raise(py, &error))
    }

    fn jar(&self, py: Python<'_>) -> PyResult<SharedJar> {
        Ok(match &self.owner {
            Owner::Client(client) => client.get().session(py)?.jar().clone(),
            Owner::AsyncClient(client) => client.get().jar(py),
        })
    }
}

#[pymethods]
impl Cookies {
    /// Puts a cookie in, for a domain and the hosts below it, until the client is closed.
    #[pyo3(signature = (name, value, domain, path="/"))]
    fn set(&self, py: Python<'_>, name: &str, value: &str, domain: &str, path: &str) -> PyResult<()> {
        let outcome = self.with(py, |jar| jar.set(name, value, domain, path, SystemTime::now()))?;
        outcome.map_err(|error| raise(py, &error))
    }

    /// The value of the first cookie of that name, or the default.
    #[pyo3(signature = (name, default=None))]
    fn get(&self, py: Python<'_>, name: &str, default: Option<String>) -> PyResult<Option<String>> {
        let found = self.with(py, |jar| jar.get(name).map(|cookie| cookie.value_text().into_owned()))?;
        Ok(found.or(default))
    }

    fn __getitem__(&self, py: Python<'_>, name: &str) -> PyResult<String> {
        self.get(py, name, None)?.ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }

    fn __contains__(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        self.with(py, |jar| jar.get(name).is_some())
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |jar| jar.len())
    }

    /// The names.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let names = self
            .with(py, |jar| jar.iter().map(|cookie| cookie.name_text().into_owned()).collect::<Vec<_>>())?;
        Ok(PyList::new(py, names)?.try_iter()?.into_any())
    }

    /// Takes cookies out: all, or those of a name, a domain and a path. Says how many that were.
    #[pyo3(signature = (name, domain=None, path=None))]
    fn remove(
        &self,
        py: Python<'_>,
        name: &str,
        domain: Option<&str>,
        path: Option<&str>,
    ) -> PyResult<usize> {
        self.with(py, |jar| jar.remove(name, domain, path))
    }

    /// Takes all out.
    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, Jar::clear)
    }

    /// Puts in the cookies of a file: Netscape's cookies.txt, as curl, wget and Python write it, or JSON where its name ends
    /// in ``.json``.
    fn load(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        self.try_with(py, |cookies| cookies.load(path))
    }

    /// Writes all into a file that only its owner may read, of the same two kinds. It is replaced as a whole.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        self.try_with(py, |cookies| cookies.save(path))
    }

    /// As a JSON array of objects: name, value, domain, path, host_only, secure, http_only, same_site, expires.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        self.try_with(py, |cookies| cookies.to_json())
    }

    /// Puts in what such an array holds.
    fn add_json(&self, py: Python<'_>, text: &str) -> PyResult<()> {
        self.try_with(py, |cookies| cookies.add_json(text))
    }

    /// As the text of a file that curl, wget and browsers' extensions read, with those that end with the session.
    fn to_netscape(&self, py: Python<'_>) -> PyResult<String> {
        self.with(py, |jar| jar.to_netscape(true, SystemTime::now()))
    }

    /// Puts in what such a file holds.
    fn add_netscape(&self, py: Python<'_>, text: &str) -> PyResult<()> {
        let outcome = self.with(py, |jar| jar.add_netscape(text, SystemTime::now()))?;
        outcome.map_err(|error| raise(py, &error))
    }

    /// Values may be secrets: names only.
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let names = self.with(py, |jar| {
            let shown = |cookie: &entreat_core::policy::cookies::Cookie| {
                format!("{} for {}", cookie.name_text(), cookie.domain)
            };
            jar.iter().map(shown).collect::<Vec<_>>().join(", ")
        })?;
        Ok(format!("<Cookies {names}>"))
    }
}
