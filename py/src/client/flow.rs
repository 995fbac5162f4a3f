//! `auth=` as the program's own code: a callable from `Request`, or an object whose method `auth_flow` is a generator.
//!
//! The engine asks them as it asks a `Flow`: before a request goes out, with all its fields, and after each answer. What they
//! change in the fields goes along, over what was there. A generator is given the head of each answer; its `yield` sends
//! the request once more. Other requests cannot be sent from in here, and fields cannot be taken out.

use crate::client::errors::carried;
use crate::client::request::Request;
use crate::client::response::Response;
use entreat::{Asked, Error, Flow, Headers, Kind, Reply, ResponseHead, Rounds};
use pyo3::exceptions::{PyStopIteration, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use std::sync::Arc;

/// The program's own, held by a client and by the requests that it signs: one reference for the garbage collector to see.
#[derive(Clone)]
pub(crate) struct Program {
    object: Arc<Py<PyAny>>,
    is_generator: bool,
}

impl Program {
    /// None where it is nothing of the kind.
    pub(super) fn read(value: &Bound<'_, PyAny>) -> PyResult<Option<Program>> {
        if value.is_instance_of::<PyString>() || value.is_instance_of::<PyTuple>() {
            return Ok(None);
        }
        let is_generator = value.hasattr("auth_flow")?;
        if !is_generator && !value.is_callable() {
            return Ok(None);
        }
        let wants_body = value.getattr_opt("requires_response_body")?;
        if is_generator && wants_body.is_some_and(|wants| wants.is_truthy().unwrap_or(false)) {
            return Err(PyTypeError::new_err(
                "auth_flow is given responses without their bodies: requires_response_body cannot be had",
            ));
        }
        Ok(Some(Program { object: Arc::new(value.clone().unbind()), is_generator }))
    }

    /// As the engine takes it.
    pub(super) fn scheme(&self) -> entreat::Auth {
        entreat::Auth::flow(self.clone())
    }

    pub(super) fn object(&self) -> &Py<PyAny> {
        &self.object
    }
}

impl Flow for Program {
    fn begin(&self) -> Box<dyn Rounds> {
        Box::new(Under { program: self.clone(), generator: None, before: Headers::new() })
    }
}

/// One request's.
struct Under {
    program: Program,
    /// As long as it wants to hear more.
    generator: Option<Py<PyAny>>,
    /// The fields of the request without ours.
    before: Headers,
}

impl Rounds for Under {
    fn answer(&mut self, asked: &Asked<'_>, question: Option<&ResponseHead>) -> entreat::Result<Reply> {
        Python::attach(|py| match question {
            None => self.sign(py, asked),
            Some(head) => self.hear(py, asked, head),
        })
        .map_err(carried)
    }
}

impl Under {
    /// Before the request is sent for the first time.
    fn sign(&mut self, py: Python<'_>, asked: &Asked<'_>) -> PyResult<Reply> {
        self.before.clone_from(asked.headers);
        let request = Bound::new(py, seen(asked))?;
        let program = self.program.object.bind(py);
        if !self.program.is_generator {
            let returned = program.call1((&request,))?;
            return self.fields(asked, returned.cast().unwrap_or(&request));
        }
        let generator = program.call_method1("auth_flow", (request,))?;
        self.generator = Some(generator.clone().unbind());
        let step = generator.call_method0("__next__");
        self.go_on(py, asked, step)
    }

    /// After an answer: nobody but a generator wants to hear of it.
    fn hear(&mut self, py: Python<'_>, asked: &Asked<'_>, head: &ResponseHead) -> PyResult<Reply> {
        let Some(generator) = self.generator.as_ref().map(|generator| generator.clone_ref(py)) else {
            return Ok(Reply::Pass);
        };
        let request = seen(asked).to_send(py);
        let Some(response) = Response::of_head(py, head, &request) else { return Ok(Reply::Pass) };
        let step = generator.bind(py).call_method1("send", (response,));
        self.go_on(py, asked, step)
    }

    fn go_on(
        &mut self,
        py: Python<'_>,
        asked: &Asked<'_>,
        step: PyResult<Bound<'_, PyAny>>,
    ) -> PyResult<Reply> {
        match step {
            Ok(request) => self.fields(asked, request.cast::<Request>()?),
            Err(stop) if stop.is_instance_of::<PyStopIteration>(py) => {
                self.generator = None;
                Ok(Reply::Pass)
            }
            Err(raised) => Err(raised),
        }
    }

    /// What a request has beyond what it had.
    fn fields(&self, asked: &Asked<'_>, request: &Bound<'_, Request>) -> PyResult<Reply> {
        let py = request.py();
        let request = request.get().to_send(py);
        if request.url().map(entreat::Url::as_str) != Some(asked.url.as_str())
            || request.method() != asked.method
        {
            let error = Error::new(Kind::InvalidConfig)
                .expected("auth to give back the request that it was given, with other headers")
                .seen(format!(
                    "{} {}",
                    request.method(),
                    super::without_credentials(request.url().map_or("", entreat::Url::as_str))
                ))
                .hint("send another request by another client");
            return Err(super::raise(py, &error));
        }
        let mut added = Headers::new();
        for (name, _) in request.headers().iter() {
            let values: Vec<&[u8]> = request.headers().get_all(name).collect();
            if added.contains(name) || self.before.get_all(name).eq(values.iter().copied()) {
                continue;
            }
            for value in values {
                added.append(name, value).map_err(|error| super::raise(py, &error))?;
            }
        }
        Ok(Reply::Send(added))
    }
}

fn seen(asked: &Asked<'_>) -> Request {
    Request::seen(asked.method, asked.url, asked.headers, asked.body)
}
