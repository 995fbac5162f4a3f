//! `auth=` as the program's own code: a callable from `Request`, or an object whose method `auth_flow` is a generator.
//! As with httpx, `sync_auth_flow` goes before that in a client that blocks, and in one that awaits `async_auth_flow`, which
//! is an asynchronous generator; there `auth_flow` may be one as well, and a callable may return what has to be awaited.
//!
//! The engine asks them as it asks a `Flow`: before a request goes out, with all its fields, and after each answer. What they
//! change in the fields goes along, over what was there. A generator is given the head of each answer; its `yield` sends
//! the request once more. Other requests cannot be sent from in here, and fields cannot be taken out.

use crate::aio::question::{self, Answer};
use crate::client::errors::carried;
use crate::client::request::Request;
use crate::client::response::Response;
use entreat::{Asked, Error, Flow, Headers, Kind, Reply, ResponseHead, Rounds};
use pyo3::exceptions::{PyStopAsyncIteration, PyStopIteration, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use std::sync::Arc;
use std::task::{Context, Poll};

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
        let is_generator = value.hasattr(FLOW)? || value.hasattr(SYNC_FLOW)? || value.hasattr(ASYNC_FLOW)?;
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

const FLOW: &str = "auth_flow";
const SYNC_FLOW: &str = "sync_auth_flow";
const ASYNC_FLOW: &str = "async_auth_flow";

impl Flow for Program {
    fn begin(&self) -> Box<dyn Rounds> {
        Box::new(Under {
            program: self.clone(),
            generator: None,
            asked: None,
            shown: None,
            before: Headers::new(),
        })
    }
}

/// One request's.
struct Under {
    program: Program,
    /// As long as it wants to hear more.
    generator: Option<Py<PyAny>>,
    /// What is being awaited.
    asked: Option<Arc<Answer>>,
    /// The request that a callable was given.
    shown: Option<Py<Request>>,
    /// The fields of the request without ours.
    before: Headers,
}

impl Rounds for Under {
    fn answer(&mut self, asked: &Asked<'_>, question: Option<&ResponseHead>) -> entreat::Result<Reply> {
        Python::attach(|py| {
            let step = self.step(py, asked, question, SYNC_FLOW)?;
            match step {
                Some(step) if is_awaitable(&step)? => {
                    step.call_method0("close")?;
                    Err(to_be_awaited())
                }
                step => self.go_on(py, asked, step),
            }
        })
        .map_err(carried)
    }

    fn poll_answer(
        &mut self,
        _context: &mut Context<'_>,
        asked: &Asked<'_>,
        question: Option<&ResponseHead>,
    ) -> Poll<entreat::Result<Reply>> {
        let polled = Python::attach(|py| {
            let Some(answer) = self.asked.take() else {
                let step = self.step(py, asked, question, ASYNC_FLOW)?;
                return match step {
                    Some(step) if is_awaitable(&step)? => {
                        self.asked = Some(question::ask(step.unbind()));
                        Ok(None)
                    }
                    step => self.go_on(py, asked, step).map(Some),
                };
            };
            let Some(outcome) = answer.take() else {
                self.asked = Some(answer);
                return Ok(None);
            };
            let step = self.ended(py, outcome.map(|step| step.into_bound(py)))?;
            self.go_on(py, asked, step).map(Some)
        });
        polled.map_err(carried).transpose().map_or(Poll::Pending, Poll::Ready)
    }
}

fn to_be_awaited() -> PyErr {
    PyTypeError::new_err("this auth has to be awaited: give it to entreat.aio.Client")
}

fn is_awaitable(step: &Bound<'_, PyAny>) -> PyResult<bool> {
    step.hasattr(pyo3::intern!(step.py(), "__await__"))
}

impl Under {
    /// The program's next word, or what has to be awaited for it; `None` where it says no more. `own` is the method that goes
    /// before `auth_flow`.
    fn step<'py>(
        &mut self,
        py: Python<'py>,
        asked: &Asked<'_>,
        question: Option<&ResponseHead>,
        own: &str,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match question {
            None => self.begin(py, asked, own),
            Some(head) => self.hear(py, asked, head),
        }
    }

    /// Before the request is sent for the first time.
    fn begin<'py>(
        &mut self,
        py: Python<'py>,
        asked: &Asked<'_>,
        own: &str,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.before.clone_from(asked.headers);
        let request = Bound::new(py, seen(asked))?;
        let program = self.program.object.bind(py);
        if !self.program.is_generator {
            self.shown = Some(request.clone().unbind());
            return program.call1((request,)).map(Some);
        }
        let method = [own, FLOW].into_iter().find(|name| program.hasattr(*name).unwrap_or(false));
        // Another client's is all that there is.
        let method = method.unwrap_or(if own == SYNC_FLOW { ASYNC_FLOW } else { SYNC_FLOW });
        let generator = program.call_method1(method, (request,))?;
        let is_asynchronous = generator.hasattr("asend")?;
        if is_asynchronous && own == SYNC_FLOW {
            return Err(to_be_awaited());
        }
        self.generator = Some(generator.clone().unbind());
        let next = if is_asynchronous { "__anext__" } else { "__next__" };
        let step = generator.call_method0(next);
        self.ended(py, step)
    }

    /// After an answer: nobody but a generator wants to hear of it.
    fn hear<'py>(
        &mut self,
        py: Python<'py>,
        asked: &Asked<'_>,
        head: &ResponseHead,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(generator) = self.generator.as_ref().map(|generator| generator.clone_ref(py)) else {
            return Ok(None);
        };
        let request = seen(asked).to_send(py);
        let Some(response) = Response::of_head(py, head, &request) else { return Ok(None) };
        let generator = generator.bind(py);
        let send = if generator.hasattr("asend")? { "asend" } else { "send" };
        let step = generator.call_method1(send, (response,));
        self.ended(py, step)
    }

    /// A step of the generator, which is over where that says so.
    fn ended<'py>(
        &mut self,
        py: Python<'py>,
        step: PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match step {
            Ok(step) => Ok(Some(step)),
            Err(stop)
                if stop.is_instance_of::<PyStopIteration>(py)
                    || stop.is_instance_of::<PyStopAsyncIteration>(py) =>
            {
                self.generator = None;
                Ok(None)
            }
            Err(raised) => Err(raised),
        }
    }

    fn go_on(
        &mut self,
        py: Python<'_>,
        asked: &Asked<'_>,
        step: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Reply> {
        match step {
            None => Ok(Reply::Pass),
            Some(request) => match (request.cast::<Request>(), &self.shown) {
                (Ok(request), _) => self.fields(asked, request),
                // A callable may change the one that it was shown, and return whatever it likes.
                (Err(_), Some(shown)) => self.fields(asked, shown.bind(py)),
                (Err(other), None) => Err(other.into()),
            },
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
