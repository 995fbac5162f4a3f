//! Where the time of a request went: the engine's durations as `entreat.client.Timings`, in seconds.

use entreat::Timings;
use pyo3::prelude::*;
use std::time::{Duration, Instant};

/// When a call began, and when the head of its answer was there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) started: Instant,
    pub(super) answered: Instant,
    /// The process, by forks, to which the answer came.
    pub(super) generation: u64,
}

/// The parts, in the order of the named tuple.
pub(super) type Seconds = (f64, Option<f64>, Option<f64>, Option<f64>, f64, f64);

pub(super) fn to_python<'py>(py: Python<'py>, timings: &Timings) -> PyResult<Bound<'py, PyAny>> {
    py.import("entreat.client")?.getattr("Timings")?.call1(seconds(timings))
}

pub(super) fn seconds(timings: &Timings) -> Seconds {
    let Timings { queue, resolve, connect, tls, first_byte, total } = timings;
    let each = |part: &Option<Duration>| part.map(|part| part.as_secs_f64());
    (
        queue.as_secs_f64(),
        each(resolve),
        each(connect),
        each(tls),
        first_byte.as_secs_f64(),
        total.as_secs_f64(),
    )
}

/// As they were before a pickle.
pub(super) fn read((queue, resolve, connect, tls, first_byte, total): Seconds) -> Timings {
    let span = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
    Timings {
        queue: span(queue),
        resolve: resolve.map(span),
        connect: connect.map(span),
        tls: tls.map(span),
        first_byte: span(first_byte),
        total: span(total),
    }
}
