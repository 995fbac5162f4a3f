//! The two ways to the network that an event loop may have: sockets that it watches itself, through one descriptor, or
//! tokio's, on one thread for the whole process.
//!
//! The first is cheaper at every number of requests at once (ARCHITECTURE.md has the figures). The second serves where a loop
//! cannot watch a descriptor, such as asyncio's Proactor, or where `ENTREAT_NET=tokio` asks for it.

use crate::aio::operation::{self, Maker, Operation};
use crate::aio::work::{Outcome, Received};
use crate::client::{self, InPython};
use crate::session::current_generation;
use entreat::engine::Engine;
use entreat::incoming::Incoming;
use entreat::net::Net;
use entreat::net::nested::Nested;
use entreat::net::tokio::Tokio;
use entreat::session::Session;
use entreat::{Config, Download, PoolStats, Result};
use pyo3::prelude::*;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Waker};
use std::thread;
use tokio::runtime::{Builder, Handle};

/// A way.
pub(super) enum Way {
    Nested(Nested),
    Tokio(Handle),
}

/// The connections of one client in one event loop.
#[derive(Clone)]
pub(super) enum Connections {
    Nested(Session<Nested>, Maker<Exchange<Nested>>),
    Tokio(Session<Tokio>, Maker<Exchange<Tokio>>, Handle),
}

/// One exchange. With its body, unless it is to be streamed.
pub(super) struct Exchange<N: Net> {
    session: Session<N>,
    request: entreat::Request,
    stream: bool,
}

/// What is left to close when a loop is gone.
pub(super) enum Left {
    Nested(Weak<Engine<Nested>>),
    Tokio(Weak<Engine<Tokio>>),
}

/// A body that comes in.
pub(super) enum Awaited {
    Nested(Box<Incoming<Nested>>),
    Tokio(Box<Incoming<Tokio>>),
}

impl Way {
    /// The thread's, started when it is first asked for, and anew in a forked child.
    ///
    /// # Errors
    /// The system's, where there can be no thread.
    pub(super) fn tokio() -> std::io::Result<Way> {
        static RUNTIME: Mutex<Option<(u64, Handle)>> = Mutex::new(None);
        let mut slot = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((generation, runtime)) = &*slot
            && *generation == current_generation()
        {
            return Ok(Way::Tokio(runtime.clone()));
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let run = move || {
            mask_signals();
            runtime.block_on(pending::<()>());
        };
        thread::Builder::new().name("entreat-aio".into()).spawn(run)?;
        // The parent's is left alone.
        std::mem::forget(slot.replace((current_generation(), handle.clone())));
        Ok(Way::Tokio(handle))
    }

    pub(super) fn open(
        &self,
        py: Python<'_>,
        config: &Config,
        transport: Option<&InPython>,
    ) -> PyResult<Connections> {
        match self {
            Way::Nested(net) => {
                let session = client::open(py, net.clone(), config, transport)?;
                let maker = operation::recycled(|asked| exchange(asked, Awaited::Nested));
                Ok(Connections::Nested(session, maker))
            }
            Way::Tokio(runtime) => {
                let session = client::open(py, Tokio, config, transport)?;
                let maker = operation::recycled(|asked| exchange(asked, Awaited::Tokio));
                Ok(Connections::Tokio(session, maker, runtime.clone()))
            }
        }
    }
}

/// Signals are for Python's main thread.
fn mask_signals() {
    // SAFETY: the set is initialised by `sigfillset` before it is read, and only this thread's mask changes.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, std::ptr::null_mut());
    }
}

impl Connections {
    /// One exchange, with its body unless it is to be streamed.
    pub(super) fn exchange(self, request: entreat::Request, stream: bool) -> Operation {
        match self {
            Connections::Nested(session, make) => make(Exchange { session, request, stream }),
            Connections::Tokio(session, make, _) => make(Exchange { session, request, stream }),
        }
    }

    pub(super) fn download(self, download: Download) -> Operation {
        match self {
            Connections::Nested(session, _) => {
                operation::once(async move { Outcome::Downloaded(download.run(&session).await) })
            }
            Connections::Tokio(session, ..) => {
                operation::once(async move { Outcome::Downloaded(download.run(&session).await) })
            }
        }
    }

    /// Refuses requests from now on, and closes the connections with a good-bye.
    pub(super) fn close(self) -> Operation {
        match self {
            Connections::Nested(session, _) => operation::once(async move {
                session.engine().close().await;
                Outcome::Closed
            }),
            Connections::Tokio(session, ..) => operation::once(async move {
                session.engine().close().await;
                Outcome::Closed
            }),
        }
    }

    /// The same from another loop or thread: what would have to be waited for is left out.
    pub(super) fn close_now(&self) {
        let mut context = Context::from_waker(Waker::noop());
        match self {
            Connections::Nested(session, _) => {
                // Its first step takes all out of the pool.
                let _ = pin!(session.engine().close()).poll(&mut context);
            }
            Connections::Tokio(session, _, runtime) => {
                let _entered = runtime.enter();
                let _ = pin!(session.engine().close()).poll(&mut context);
            }
        }
    }

    pub(super) fn stats(&self) -> PoolStats {
        match self {
            Connections::Nested(session, _) => session.engine().stats(),
            Connections::Tokio(session, ..) => session.engine().stats(),
        }
    }

    pub(super) fn left(&self) -> Left {
        match self {
            Connections::Nested(session, _) => Left::Nested(Arc::downgrade(session.engine())),
            Connections::Tokio(session, ..) => Left::Tokio(Arc::downgrade(session.engine())),
        }
    }
}

impl Left {
    pub(super) fn is_there(&self) -> bool {
        match self {
            Left::Nested(engine) => engine.strong_count() > 0,
            Left::Tokio(engine) => engine.strong_count() > 0,
        }
    }

    pub(super) fn close_idle(&self) {
        match self {
            Left::Nested(engine) => engine.upgrade().into_iter().for_each(|engine| engine.close_idle()),
            Left::Tokio(engine) => engine.upgrade().into_iter().for_each(|engine| engine.close_idle()),
        }
    }
}

impl Awaited {
    pub(super) async fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        match self {
            Awaited::Nested(incoming) => incoming.read(into).await,
            Awaited::Tokio(incoming) => incoming.read(into).await,
        }
    }

    pub(super) async fn read_to_end(&mut self) -> Result<Vec<u8>> {
        match self {
            Awaited::Nested(incoming) => incoming.read_to_end().await,
            Awaited::Tokio(incoming) => incoming.read_to_end().await,
        }
    }

    /// Tells the response that nothing more comes in.
    pub(super) fn note_end(&self, response: &client::Response) {
        match self {
            Awaited::Nested(incoming) => response.note_end(incoming),
            Awaited::Tokio(incoming) => response.note_end(incoming),
        }
    }
}

async fn exchange<N: Net>(asked: Exchange<N>, wrap: fn(Box<Incoming<N>>) -> Awaited) -> Outcome {
    let Exchange { session, request, stream } = asked;
    let outcome = session.deliver(request.clone()).await;
    let mut parts = match outcome {
        Ok(response) => response.into_parts(),
        Err(error) => return Outcome::Received(Err(error)),
    };
    let content = if stream { None } else { Some(parts.incoming.read_to_end().await) };
    let (response, incoming) = client::Response::split(request, parts);
    let body = match content {
        _ if incoming.is_switched() => Ok(Body::Switched(wrap(incoming))),
        None => Ok(Body::Arriving(wrap(incoming))),
        Some(content) => content.map(Body::Read),
    };
    Outcome::Received(Ok(Box::new(Received { response, body })))
}

/// The body of an answer.
pub(super) enum Body {
    Arriving(Awaited),
    Read(Vec<u8>),
    /// There is none: the connection speaks HTTP no more.
    Switched(Awaited),
}
