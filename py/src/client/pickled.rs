//! What of a response goes into a pickle, as dictionaries of plain values.

use crate::client::errors::raise;
use crate::client::request::Request;
use entreat::{Error, ResponseHead, Url, Version};
use pyo3::prelude::*;

/// A response for pickle.
#[derive(FromPyObject, IntoPyObject)]
pub(super) struct State {
    #[pyo3(item)]
    pub(super) head: Head,
    #[pyo3(item)]
    pub(super) passed: Vec<Head>,
    #[pyo3(item)]
    pub(super) elapsed: f64,
    #[pyo3(item)]
    pub(super) attempts: u32,
    #[pyo3(item)]
    pub(super) encoding: Option<String>,
    #[pyo3(item)]
    pub(super) content: Option<Vec<u8>>,
    #[pyo3(item)]
    pub(super) request: Py<Request>,
}

/// A head and its URL for pickle.
#[derive(FromPyObject, IntoPyObject)]
pub(super) struct Head {
    #[pyo3(item)]
    pub(super) url: String,
    #[pyo3(item)]
    pub(super) old: bool,
    #[pyo3(item)]
    pub(super) status: u16,
    #[pyo3(item)]
    pub(super) reason: Vec<u8>,
    #[pyo3(item)]
    pub(super) fields: Vec<(String, Vec<u8>)>,
}

impl Head {
    pub(super) fn of(head: &ResponseHead, url: &Url) -> Head {
        Head {
            url: url.as_str().to_owned(),
            old: head.version == Version::Http10,
            status: head.status,
            reason: head.reason.clone(),
            fields: head.headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect(),
        }
    }

    pub(super) fn read(self, py: Python<'_>) -> PyResult<(ResponseHead, Url)> {
        let raised = |error: Error| raise(py, &error);
        let mut headers = entreat::Headers::with_capacity(self.fields.len(), 512);
        for (name, value) in &self.fields {
            headers.append_lenient(name, value).map_err(raised)?;
        }
        let version = if self.old { Version::Http10 } else { Version::Http11 };
        let head = ResponseHead { version, status: self.status, reason: self.reason, headers };
        Ok((head, Url::parse(&self.url).map_err(raised)?))
    }
}
