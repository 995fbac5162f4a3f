//! The smallest event loop that can host a nested net: for tests and measurements, and as a model of what a loop does.

use super::Nested;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};
use std::thread::{self, ThreadId};
use std::time::Instant;

/// Runs `future` to its end on this thread, and meanwhile all that happens on `net`.
///
/// # Panics
/// Where the net's descriptor cannot be watched.
pub fn block_on<F: Future>(net: &Nested, future: F) -> F::Output {
    let mut future = pin!(future);
    let task =
        Arc::new(Task { net: net.clone(), is_woken: AtomicBool::new(true), thread: thread::current().id() });
    let waker = Arc::clone(&task).into();
    let mut context = Context::from_waker(&waker);
    loop {
        if task.is_woken.swap(false, Ordering::SeqCst)
            && let Poll::Ready(output) = future.as_mut().poll(&mut context)
        {
            return output;
        }
        if !task.is_woken.load(Ordering::SeqCst) {
            wait(net).expect("a descriptor of our own can be watched");
        }
        net.turn().expect("a descriptor of our own can be asked");
    }
}

struct Task {
    net: Nested,
    is_woken: AtomicBool,
    thread: ThreadId,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let was_woken = self.is_woken.swap(true, Ordering::SeqCst);
        // The loop's own thread looks before it waits.
        if !was_woken && thread::current().id() != self.thread {
            self.net.notify();
        }
    }
}

/// Waits as a loop does: for the one descriptor, and no longer than until the next timer.
fn wait(net: &Nested) -> io::Result<()> {
    let left = |at: Instant| at.saturating_duration_since(Instant::now());
    // Rounded up, so that less than a millisecond does not become a busy loop.
    let milliseconds = net.next_timer().map_or(-1, |at| {
        libc::c_int::try_from(left(at).as_micros().div_ceil(1000)).unwrap_or(libc::c_int::MAX)
    });
    let mut poll = libc::pollfd { fd: net.descriptor(), events: libc::POLLIN, revents: 0 };
    // SAFETY: `poll` is one valid pollfd that lives across the call, and the descriptor is open as `net` is borrowed.
    match unsafe { libc::poll(&raw mut poll, 1, milliseconds) } {
        0.. => Ok(()),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            error => Err(error),
        },
    }
}
