//! The reactor over real sockets.

use super::*;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn taken(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

fn counting() -> (Arc<Count>, Waker) {
    let count = Arc::<Count>::default();
    (Arc::clone(&count), count.into())
}

/// True once the descriptor is readable, within `limit`.
fn is_readable(net: &Nested, limit: Duration) -> bool {
    let mut poll = libc::pollfd { fd: net.descriptor(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid pollfd that lives across the call, of a descriptor that is open.
    unsafe { libc::poll(&raw mut poll, 1, limit.as_millis() as libc::c_int) == 1 }
}

const SOON: Duration = Duration::from_secs(10);

/// A stream of `net`, and its peer.
fn pair(net: &Nested) -> (Stream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let stream = block_on(net, net.connect(&[address], &Network::default(), Deadline::NEVER)).unwrap();
    (stream, listener.accept().unwrap().0)
}

fn poll_read(net: &Nested, stream: &mut Stream, waker: &Waker) -> Poll<usize> {
    let mut buffer = [0; 100];
    let read = pin!(net.read(stream, &mut buffer, Deadline::NEVER));
    read.poll(&mut Context::from_waker(waker)).map(Result::unwrap)
}

#[test]
fn a_notice_from_another_thread_makes_the_descriptor_readable_until_the_turn() {
    let net = Nested::new().unwrap();
    assert!(!is_readable(&net, Duration::ZERO));
    let other = net.clone();
    thread::spawn(move || (0..3).for_each(|_| other.notify())).join().unwrap();
    assert!(is_readable(&net, SOON));
    net.turn().unwrap();
    assert!(!is_readable(&net, Duration::ZERO));
    net.notify();
    assert!(is_readable(&net, SOON));
}

#[test]
fn a_read_that_waits_is_woken_by_bytes_and_reads_them_once() {
    let net = Nested::new().unwrap();
    let (mut stream, mut peer) = pair(&net);
    let (count, waker) = counting();
    let mut buffer = [0; 100];
    let mut read = Box::pin(net.read(&mut stream, &mut buffer, Deadline::NEVER));
    assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    peer.write_all(b"bytes").unwrap();
    assert!(is_readable(&net, SOON));
    net.turn().unwrap();
    assert_eq!(count.taken(), 1);
    assert!(matches!(read.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok(5))));
    drop(read);
    assert!(!is_readable(&net, Duration::ZERO));
    assert!(poll_read(&net, &mut stream, &waker).is_pending());
}

#[test]
fn a_spurious_poll_changes_nothing() {
    let net = Nested::new().unwrap();
    let (mut stream, mut peer) = pair(&net);
    let (count, waker) = counting();
    let mut buffer = [0; 100];
    let mut read = Box::pin(net.read(&mut stream, &mut buffer, Deadline::NEVER));
    for _ in 0..5 {
        assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        net.turn().unwrap();
    }
    // The last waker counts, as the contract of futures has it.
    let (last, waker) = counting();
    assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    peer.write_all(b"x").unwrap();
    assert!(is_readable(&net, SOON));
    net.turn().unwrap();
    assert_eq!((count.taken(), last.taken()), (0, 1));
}

#[test]
fn a_stream_that_has_gone_leaves_no_slot_and_no_waker() {
    let net = Nested::new().unwrap();
    let (count, waker) = counting();
    for _ in 0..1000 {
        let (mut stream, _peer) = pair(&net);
        assert!(poll_read(&net, &mut stream, &waker).is_pending());
    }
    net.turn().unwrap();
    assert_eq!((net.0.taken(), count.taken()), (0, 0));
    drop(waker);
    assert_eq!(Arc::strong_count(&count), 1);
}
