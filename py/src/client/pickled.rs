//! What of a response goes into a pickle, as dictionaries of plain values.

use crate::client::errors::raise;
use crate::client::response::Passed;
use crate::client::times::{self, Seconds};
use entreat::{Headers, RequestHead, ResponseHead, Url, Version};
use pyo3::prelude::*;
use std::time::Duration;

/// A response for pickle.
#[derive(FromPyObject, IntoPyObject)]
pub(super) struct State {
    #[pyo3(item)]
    pub(super) head: Head,
    #[pyo3(item)]
    pub(super) passed: Vec<Head>,
    #[pyo3(item)]
    pub(super) attempts: u32,
    #[pyo3(item)]
    pub(super) encoding: Option<String>,
    #[pyo3(item)]
    pub(super) content: Option<Vec<u8>>,
}

/// An answer without its body, and what it answers, for pickle.
#[derive(FromPyObject, IntoPyObject)]
pub(super) struct Head {
    #[pyo3(item)]
    pub(super) url: String,
    #[pyo3(item)]
    pub(super) method: String,
    #[pyo3(item)]
    pub(super) sent: Vec<(String, Vec<u8>)>,
    #[pyo3(item)]
    pub(super) elapsed: f64,
    #[pyo3(item)]
    pub(super) timings: Seconds,
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
    pub(super) fn of(passed: &Passed) -> Head {
        let Passed { head, url, sent, elapsed, timings } = passed;
        Head {
            url: url.as_str().to_owned(),
            method: sent.method.clone().into_owned(),
            sent: pairs(&sent.headers),
            elapsed: elapsed.as_secs_f64(),
            timings: times::seconds(timings),
            old: head.version == Version::Http10,
            status: head.status,
            reason: head.reason.to_vec(),
            fields: pairs(&head.headers),
        }
    }

    pub(super) fn read(self, py: Python<'_>) -> PyResult<Passed> {
        let version = if self.old { Version::Http10 } else { Version::Http11 };
        let headers = headers(py, &self.fields)?;
        Ok(Passed {
            head: ResponseHead { version, status: self.status, reason: self.reason.into(), headers },
            url: Url::parse(&self.url).map_err(|error| raise(py, &error))?,
            sent: RequestHead { method: self.method.into(), headers: self::headers(py, &self.sent)? },
            elapsed: Duration::try_from_secs_f64(self.elapsed).unwrap_or_default(),
            timings: times::read(self.timings),
        })
    }
}

fn pairs(headers: &Headers) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

fn headers(py: Python<'_>, fields: &[(String, Vec<u8>)]) -> PyResult<Headers> {
    let mut headers = Headers::with_capacity(fields.len(), 512);
    for (name, value) in fields {
        headers.append_lenient(name, value).map_err(|error| raise(py, &error))?;
    }
    Ok(headers)
}
