//! `Loop`: one event loop, and what the engine does on it.
//!
//! The loop watches one descriptor, that of the engine's net, and knows one timer. When either says so, [`Driver::run`]
//! does what can be done, without the GIL, and the coroutines whose operations are finished go on, one after the other,
//! inside of the same call. A loop here is asyncio's, or any object with its methods `add_reader`, `call_later`,
//! `call_soon` and `is_closed`: `entreat/_trio.py` makes one for trio.
//!
//! The loop keeps this (its reader is a method of it), and this keeps the loop; clients know both by weak references. So
//! all goes when the loop is closed and forgotten.

use crate::aio::call::Call;
use crate::aio::connections::Way;
use crate::aio::task::{Driver, Task};
use crate::aio::waiter::Waiter;
use crate::client;
use crate::session::current_generation;
use entreat::net::nested::Nested;
use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};
use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// An event loop that has been seen.
#[pyclass(module = "entreat.aio", frozen, weakref)]
pub(crate) struct Loop {
    object: Py<PyAny>,
    /// How a coroutine waits there, where that is not by a future: `suspend(waiter)` is awaited.
    suspend: Option<Py<PyAny>>,
    /// A future of its own kind that is done, where it has such.
    done: Option<Py<PyAny>>,
    driver: Arc<Driver>,
    waiting: Mutex<Seats>,
    alarm: Mutex<Option<Alarm>>,
    /// The process, by forks, in which it was made.
    generation: u64,
}

/// The timer of the loop that is running for us.
struct Alarm {
    at: Instant,
    handle: Py<PyAny>,
}

/// Who waits, by numbers that are given again.
#[derive(Default)]
struct Seats {
    taken: Vec<Option<Py<Waiter>>>,
    free: Vec<usize>,
}

/// All that have been made and are there yet. Locked only with the GIL held.
static LOOPS: Mutex<Vec<Py<PyWeakrefReference>>> = Mutex::new(Vec::new());

thread_local! {
    /// The loop of the step that is under way, where its coroutine is driven by `step`.
    static STEPPING: RefCell<Option<Py<PyAny>>> = const { RefCell::new(None) };
}

/// Goes on with a coroutine of ours in a loop that cannot be asked for: that of `entreat.twisted`, a reactor's. What it
/// returns comes as a `StopIteration`.
#[pyfunction]
pub(super) fn step<'py>(call: &Bound<'py, Call>, object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let before = STEPPING.with(|stepping| stepping.replace(Some(object.clone().unbind())));
    let outcome = Call::resume(call);
    let here = STEPPING.with(|stepping| stepping.replace(before));
    drop(here);
    outcome
}

/// The loop that the caller runs in, as its own object.
pub(super) fn running(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static ASK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let stepping = STEPPING.with_borrow(|stepping| stepping.as_ref().map(|object| object.clone_ref(py)));
    if let Some(object) = stepping {
        return Ok(object.into_bound(py));
    }
    if modules(py)?.bind(py).contains(pyo3::intern!(py, "trio"))?
        && let Some(object) = running_trio(py)?
    {
        return Ok(object);
    }
    if let Some(ask) = ASK.get(py) {
        let running = ask.bind(py).call0()?;
        if !running.is_none() {
            return Ok(running);
        }
        return Err(nowhere());
    }
    // Whoever runs a loop of asyncio has imported it.
    if modules(py)?.bind(py).contains("asyncio")? {
        let ask = py.import("_asyncio")?.getattr("_get_running_loop")?;
        ASK.get_or_init(py, || ask.unbind());
        return running(py);
    }
    Err(nowhere())
}

/// What stands for the loop of trio, where the caller is one of its tasks; also where that is a guest of asyncio's.
fn running_trio(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    static ASK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let ask =
        ASK.get_or_try_init(py, || py.import("entreat._trio")?.getattr("running").map(Bound::unbind))?;
    let running = ask.bind(py).call0()?;
    Ok((!running.is_none()).then_some(running))
}

fn nowhere() -> PyErr {
    PyRuntimeError::new_err("no running event loop: entreat.aio must be awaited inside of asyncio or trio")
}

/// The other way, for who wants to compare: read for each loop.
fn tokio_is_wanted() -> bool {
    std::env::var_os("ENTREAT_NET").is_some_and(|name| name == "tokio")
}

/// `sys.modules`.
fn modules(py: Python<'_>) -> PyResult<&Py<PyDict>> {
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    MODULES.get_or_try_init(py, || Ok(py.import("sys")?.getattr("modules")?.cast_into()?.unbind()))
}

impl Loop {
    /// That of a loop object, made when it is first asked for.
    pub(super) fn of<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Loop>> {
        let py = object.py();
        let known = {
            let mut loops = LOOPS.lock().unwrap_or_else(PoisonError::into_inner);
            loops.retain(|known| known.bind(py).upgrade().is_some());
            let mut loops =
                loops.iter().filter_map(|known| known.bind(py).upgrade_as::<Loop>().ok().flatten());
            loops.find(|known| known.get().is_for(object))
        };
        match known {
            Some(known) => Ok(known),
            None => Loop::make(object),
        }
    }

    fn make<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Loop>> {
        let py = object.py();
        let net = Nested::new().map_err(|error| client::raise(py, &error))?;
        let descriptor = net.descriptor();
        let bell = net.clone();
        let way = if tokio_is_wanted() { Way::tokio()? } else { Way::Nested(net) };
        let made = Bound::new(py, Loop::new(object, way, Box::new(move || bell.notify()))?)?;
        let watched = object.call_method1("add_reader", (descriptor, made.getattr("_ready")?));
        let made = match watched {
            Ok(_) => made,
            Err(error) if error.is_instance_of::<PyNotImplementedError>(py) => Loop::unwatched(object)?,
            Err(error) => return Err(error),
        };
        let known = PyWeakrefReference::new(made.as_any())?.unbind();
        LOOPS.lock().unwrap_or_else(PoisonError::into_inner).push(known);
        Ok(made)
    }

    /// False where the loop was closed.
    pub(super) fn is_open(&self, py: Python<'_>) -> bool {
        let closed = self.object.bind(py).call_method0("is_closed").and_then(|closed| closed.is_truthy());
        self.generation == current_generation() && !closed.unwrap_or(true)
    }

    fn new(object: &Bound<'_, PyAny>, way: Way, ring: Box<dyn Fn() + Send + Sync>) -> PyResult<Loop> {
        let suspend = object.getattr_opt("suspend")?.map(Bound::unbind);
        let done = match object.getattr_opt("create_future")? {
            Some(create) if suspend.is_none() => {
                let done = create.call0()?;
                done.call_method1("set_result", (object.py().None(),))?;
                Some(done.unbind())
            }
            Some(_) | None => None,
        };
        Ok(Loop {
            object: object.clone().unbind(),
            suspend,
            done,
            driver: Driver::new(way, ring),
            waiting: Mutex::default(),
            alarm: Mutex::default(),
            generation: current_generation(),
        })
    }

    /// For a loop that cannot watch a descriptor: whoever has done something for it calls it.
    fn unwatched<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Loop>> {
        let py = object.py();
        let home: Arc<OnceLock<Py<PyWeakrefReference>>> = Arc::default();
        let bell = Arc::clone(&home);
        let ring = move || {
            // A loop that was closed in between is not called any more.
            let call = |py: Python<'_>| -> PyResult<()> {
                let Some(home) = bell.get().and_then(|home| home.bind(py).upgrade()) else { return Ok(()) };
                let ready = home.getattr("_ready")?;
                let object = home.cast_into::<Loop>()?.get().object(py);
                object.bind(py).call_method1("call_soon_threadsafe", (ready,)).map(drop)
            };
            Python::try_attach(|py| call(py).unwrap_or_default());
        };
        let made = Bound::new(py, Loop::new(object, Way::tokio()?, Box::new(ring))?)?;
        let _ = home.set(PyWeakrefReference::new(made.as_any())?.unbind());
        // It has no reader that keeps it: its object does.
        object.setattr("_entreat", &made)?;
        Ok(made)
    }

    /// Where the loop's object is.
    pub(super) fn address(&self) -> usize {
        self.object.as_ptr() as usize
    }

    /// True where this is the loop of that object, in this process.
    pub(super) fn is_for(&self, object: &Bound<'_, PyAny>) -> bool {
        self.object.is(object) && self.generation == current_generation()
    }

    pub(super) fn driver(&self) -> &Arc<Driver> {
        &self.driver
    }

    pub(super) fn object(&self, py: Python<'_>) -> Py<PyAny> {
        self.object.clone_ref(py)
    }

    /// What a callback is given for a waiter that has fired. A task of asyncio looks into a future of asyncio's own directly,
    /// and calls a method of any other.
    pub(super) fn done(&self) -> Option<&Py<PyAny>> {
        self.done.as_ref()
    }

    /// A waiter for a task that is not done, and the loop's promise to look after it.
    pub(super) fn wait_for<'py>(slf: &Bound<'py, Self>, task: Arc<Task>) -> PyResult<Bound<'py, Waiter>> {
        let waiter = Bound::new(slf.py(), Waiter::new(slf, task))?;
        let seat = slf.get().seats().take(waiter.clone().unbind());
        waiter.get().task().take_seat(seat);
        slf.get().arm(slf)?;
        Ok(waiter)
    }

    /// The coroutine by which a waiter is awaited in this loop; `None` where it is handed to the loop itself.
    pub(super) fn suspension<'py>(&self, waiter: &Bound<'py, Waiter>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let is_stepped = STEPPING.with_borrow(Option::is_some);
        match &self.suspend {
            Some(suspend) if !is_stepped => suspend.bind(waiter.py()).call1((waiter,)).map(Some),
            Some(_) | None => Ok(None),
        }
    }

    /// What awaits an awaitable of the program's, in the running task, until its method `interrupt` is called; `None` where
    /// this loop knows no such thing.
    pub(super) fn interruptible<'py>(
        &self,
        awaitable: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = awaitable.py();
        if STEPPING.with_borrow(Option::is_some) {
            return Ok(None);
        }
        if self.suspend.is_some() {
            return self.object.bind(py).call_method1("interruptible", (awaitable,)).map(Some);
        }
        let import =
            || Ok::<_, PyErr>(py.import("entreat._interruptible")?.getattr("Interruptible")?.unbind());
        CLASS.get_or_try_init(py, import)?.bind(py).call1((awaitable,)).map(Some)
    }

    /// Nobody waits there any more.
    pub(super) fn unseat(&self, waiter: &Waiter) {
        let left = self.seats().leave(waiter.task());
        drop(left);
    }

    pub(super) fn call_soon(
        &self,
        py: Python<'_>,
        function: &Py<PyAny>,
        argument: &Bound<'_, Waiter>,
        context: Option<&Py<PyAny>>,
    ) -> PyResult<()> {
        let keywords = PyDict::new(py);
        if let Some(context) = context {
            keywords.set_item("context", context)?;
        }
        self.object.bind(py).call_method("call_soon", (function, argument), Some(&keywords)).map(drop)
    }

    /// Tells those whose tasks are done.
    fn tell(&self, py: Python<'_>) -> PyResult<()> {
        while let Some(task) = self.driver.next_finished() {
            let Some(waiter) = self.seats().leave(&task) else { continue };
            if let Err(error) = Waiter::fire(waiter.bind(py)) {
                // What is to end the loop. Should it go on, so do the others.
                self.driver.ring();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Sees to it that `_ring` is called when the net's next timer ends.
    fn arm(&self, slf: &Bound<'_, Self>) -> PyResult<()> {
        let Some(at) = self.driver.next_timer() else { return Ok(()) };
        let py = slf.py();
        if self.alarm().as_ref().is_some_and(|alarm| alarm.at <= at) {
            return Ok(());
        }
        let delay = at.saturating_duration_since(Instant::now());
        let ring = slf.getattr(pyo3::intern!(py, "_ring"))?;
        let handle = self.object.bind(py).call_method1("call_later", (delay.as_secs_f64(), ring))?;
        let before = self.alarm().replace(Alarm { at, handle: handle.unbind() });
        if let Some(before) = before {
            before.handle.bind(py).call_method0("cancel")?;
        }
        Ok(())
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        // Locked with the GIL held, and never across a call into Python.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alarm(&self) -> MutexGuard<'_, Option<Alarm>> {
        // As above.
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Loop {
    /// Something happened.
    fn _ready(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let turned = py.detach(|| this.driver.run());
        this.tell(py)?;
        turned.map_err(|error| client::raise(py, &error))?;
        this.arm(slf)
    }

    /// The time has come.
    fn _ring(slf: &Bound<'_, Self>) -> PyResult<()> {
        let rung = slf.get().alarm().take();
        drop(rung);
        Loop::_ready(slf)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.object)?;
        self.suspend.as_ref().map_or(Ok(()), |suspend| visit.call(suspend))?;
        self.done.as_ref().map_or(Ok(()), |done| visit.call(done))?;
        if let Ok(alarm) = self.alarm.try_lock() {
            alarm.as_ref().map_or(Ok(()), |alarm| visit.call(&alarm.handle))?;
        }
        match self.waiting.try_lock() {
            Ok(seats) => seats.taken.iter().flatten().try_for_each(|waiter| visit.call(waiter)),
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        let left = (std::mem::take(&mut *self.seats()), self.alarm().take());
        drop(left);
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // A child leaves its parent's connections alone.
        if self.generation == current_generation() {
            self.driver.close();
        }
    }
}

impl Seats {
    fn take(&mut self, waiter: Py<Waiter>) -> usize {
        match self.free.pop() {
            Some(seat) => {
                self.taken[seat] = Some(waiter);
                seat
            }
            None => {
                self.taken.push(Some(waiter));
                self.taken.len() - 1
            }
        }
    }

    /// Whoever waits for this very task: its number may have been given again.
    fn leave(&mut self, task: &Arc<Task>) -> Option<Py<Waiter>> {
        let seat = task.seat();
        let slot = self.taken.get_mut(seat)?;
        let waiter = slot.take_if(|waiter| Arc::ptr_eq(waiter.get().task(), task))?;
        self.free.push(seat);
        Some(waiter)
    }
}
