//! The reactor over real sockets.

use super::*;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

#[test]
fn whoever_is_dropped_while_waiting_is_not_woken() {
    let net = Nested::new().unwrap();
    let (mut stream, mut peer) = pair(&net);
    let (count, waker) = counting();
    assert!(poll_read(&net, &mut stream, &waker).is_pending());
    peer.write_all(b"late").unwrap();
    assert!(is_readable(&net, SOON));
    net.turn().unwrap();
    assert_eq!(count.taken(), 0);
    assert_eq!(poll_read(&net, &mut stream, &waker), Poll::Ready(4));
}

#[test]
fn a_read_that_filled_its_buffer_goes_on_and_waits_only_when_all_is_read() {
    let net = Nested::new().unwrap();
    let (mut stream, mut peer) = pair(&net);
    for _ in 0..3 {
        peer.write_all(&[b'x'; 200]).unwrap();
        let mut buffer = [0; 100];
        for _ in 0..2 {
            assert_eq!(block_on(&net, net.read(&mut stream, &mut buffer, Deadline::NEVER)).unwrap(), 100);
        }
        let (_, waker) = counting();
        assert!(poll_read(&net, &mut stream, &waker).is_pending());
    }
}

#[test]
fn the_end_of_the_peer_is_read_again_and_again() {
    let net = Nested::new().unwrap();
    let (mut stream, mut peer) = pair(&net);
    peer.write_all(b"last").unwrap();
    drop(peer);
    let mut buffer = [0; 100];
    for expected in [4, 0, 0] {
        assert_eq!(block_on(&net, net.read(&mut stream, &mut buffer, Deadline::NEVER)).unwrap(), expected);
    }
}

#[test]
fn a_full_stream_waits_until_the_peer_reads() {
    let net = Nested::new().unwrap();
    let (mut stream, mut peer) = pair(&net);
    let bytes = vec![b'x'; 8 << 20];
    let reader = thread::spawn(move || {
        let mut count = 0;
        let mut buffer = vec![0; 64 << 10];
        while count < 8 << 20 {
            count += peer.read(&mut buffer).unwrap();
        }
        peer
    });
    let mut left = &bytes[..];
    while !left.is_empty() {
        let written = block_on(&net, net.write(&mut stream, left, Deadline::NEVER)).unwrap();
        left = &left[written..];
    }
    reader.join().unwrap();
}

#[test]
fn a_fast_peer_lets_others_have_their_turn() {
    let net = Nested::new().unwrap();
    let (mut stream, mut peer) = pair(&net);
    peer.write_all(&[b'x'; 100 * 100]).unwrap();
    assert_eq!(block_on(&net, net.read(&mut stream, &mut [0; 100], Deadline::NEVER)).unwrap(), 100);
    let (count, waker) = counting();
    let ready = (0..100).take_while(|_| poll_read(&net, &mut stream, &waker).is_ready()).count();
    assert!(ready <= usize::from(STREAK), "{ready}");
    assert_eq!(count.taken(), 0);
    assert!(is_readable(&net, SOON), "it asks for the loop's next turn itself");
    net.turn().unwrap();
    assert_eq!(count.taken(), 1);
    assert_eq!(poll_read(&net, &mut stream, &waker), Poll::Ready(100));
}

#[test]
fn a_deadline_ends_a_read_and_no_timer_is_left_of_a_stream_that_is_gone() {
    let net = Nested::new().unwrap();
    let (mut stream, _peer) = pair(&net);
    let start = Instant::now();
    let deadline = Deadline::new(Some(start + Duration::from_millis(20)), Kind::ReadTimeout);
    let error = block_on(&net, net.read(&mut stream, &mut [0], deadline)).unwrap_err();
    assert_eq!(error.kind(), Kind::ReadTimeout);
    assert!(start.elapsed() >= Duration::from_millis(20));
    let later = Deadline::new(Some(start + Duration::from_secs(30)), deadline.kind);
    drop(block_on(&net, async { poll_once(net.read(&mut stream, &mut [0], later)).await }));
    assert_eq!(net.next_timer(), later.at);
    drop(stream);
    assert_eq!(net.next_timer(), None);
}

async fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

#[test]
fn a_spot_is_woken_from_another_thread_however_the_two_meet() {
    let net = Nested::new().unwrap();
    for _ in 0..500 {
        let spot = Arc::<Spot>::default();
        let other = Arc::clone(&spot);
        let waking = thread::spawn(move || other.wake());
        let deadline = Deadline::new(Some(Instant::now() + SOON), Kind::PoolTimeout);
        block_on(&net, net.park(&spot, deadline)).unwrap();
        waking.join().unwrap();
    }
    assert_eq!((net.0.taken(), net.next_timer()), (0, None));
}

/// Unparks a thread.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn no_wake_up_is_lost_where_another_thread_turns() {
    let net = Nested::new().unwrap();
    let (mut stream, mut peer) = pair(&net);
    let echo = thread::spawn(move || {
        let mut byte = [0];
        while peer.read(&mut byte).unwrap() == 1 {
            peer.write_all(&byte).unwrap();
        }
    });
    let (turning, stop) = (net.clone(), Arc::new(AtomicBool::new(false)));
    let until = Arc::clone(&stop);
    let turns = thread::spawn(move || {
        while !until.load(Ordering::Relaxed) {
            is_readable(&turning, Duration::from_millis(10));
            turning.turn().unwrap();
        }
    });
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    for number in 0..2000_u32 {
        let byte = [number as u8];
        let mut exchange = pin!(async {
            let mut answer = [0];
            net.write(&mut stream, &byte, Deadline::NEVER).await.unwrap();
            net.read(&mut stream, &mut answer, Deadline::NEVER).await.unwrap();
            assert_eq!(answer, byte);
        });
        while exchange.as_mut().poll(&mut context).is_pending() {
            thread::park_timeout(SOON);
        }
    }
    stop.store(true, Ordering::Relaxed);
    turns.join().unwrap();
    drop(stream);
    echo.join().unwrap();
}

/// Drops what it holds when it is woken, and when it is dropped itself: both may happen anywhere.
struct Holding(Mutex<Vec<Stream>>);

impl Wake for Holding {
    fn wake(self: Arc<Self>) {
        self.0.lock().unwrap().clear();
    }
}

#[test]
fn streams_may_go_during_a_turn_and_with_a_waker() {
    let net = Nested::new().unwrap();
    for is_woken in [true, false] {
        let (mut stream, mut peer) = pair(&net);
        let (others, mut peers): (Vec<_>, Vec<_>) = (0..10).map(|_| pair(&net)).unzip();
        let waker = Arc::new(Holding(Mutex::new(others))).into();
        let mut buffer = [0; 10];
        let mut read = Box::pin(net.read(&mut stream, &mut buffer, Deadline::NEVER));
        assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        if is_woken {
            // All have events in this one turn.
            peers.iter_mut().chain([&mut peer]).for_each(|peer| peer.write_all(b"x").unwrap());
            assert!(is_readable(&net, SOON));
            net.turn().unwrap();
        }
        drop(read);
        assert_eq!(net.0.taken(), 1);
    }
}

#[test]
fn ten_thousand_sockets_are_told_apart_and_turns_stay_short() {
    let count = descriptors(20_200).saturating_sub(200) / 2;
    let net = Nested::new().unwrap();
    let (wakes, waker) = counting();
    let mut pairs: Vec<_> = (0..count)
        .map(|_| {
            let (ours, theirs) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let socket = socket2::Socket::from(std::os::fd::OwnedFd::from(ours));
            (Stream::register(&net.0, socket.into()).unwrap(), theirs)
        })
        .collect();
    // That they can be written to is an event as well.
    while is_readable(&net, Duration::ZERO) {
        net.turn().unwrap();
    }
    let mut buffers = vec![[0; 8]; count];
    let (mut reads, mut peers) = (Vec::new(), Vec::new());
    for ((stream, peer), buffer) in pairs.iter_mut().zip(&mut buffers) {
        let mut read = Box::pin(net.read(stream, buffer, Deadline::NEVER));
        assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        reads.push(read);
        peers.push(peer);
    }
    for peer in peers.iter_mut().step_by(3) {
        peer.write_all(b"x").unwrap();
    }
    let mut woken = 0;
    while is_readable(&net, Duration::ZERO) {
        net.turn().unwrap();
        let these = wakes.taken();
        assert!(these <= 1024, "{these} in one turn");
        woken += these;
    }
    assert_eq!(woken, count.div_ceil(3));
    for (index, mut read) in reads.into_iter().enumerate() {
        let polled = read.as_mut().poll(&mut Context::from_waker(&waker)).map(Result::unwrap);
        assert_eq!(polled, if index % 3 == 0 { Poll::Ready(1) } else { Poll::Pending });
    }
    drop(pairs);
    assert_eq!(net.0.taken(), 0);
}

/// Raises the limit of open files to that, or as near as the system allows; returns what it is then.
fn descriptors(wanted: usize) -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls read or write one valid rlimit that lives across them.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_cur.max(limit.rlim_max.min(wanted as libc::rlim_t));
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
    wanted.min(limit.rlim_cur as usize)
}

/// Answers when it is told to.
#[derive(Debug)]
struct Slow(Mutex<mpsc::Receiver<()>>);

impl Resolve for Slow {
    fn resolve(&self, _: &str, _: Deadline) -> Result<Vec<SocketAddr>> {
        self.0.lock().unwrap().recv().unwrap();
        Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))])
    }
}

#[test]
fn a_name_look_up_does_not_hold_up_the_loop_and_may_outlive_it() {
    let (tell, told) = mpsc::channel();
    let resolver: Arc<dyn Resolve> = Arc::new(Slow(Mutex::new(told)));
    let net = Nested::new().unwrap();
    let deadline = Deadline::new(Some(Instant::now() + SOON), Kind::ConnectTimeout);
    block_on(&net, async {
        let mut look_up = Box::pin(net.resolve("a.test", Some(&resolver), deadline));
        assert!(poll_once(look_up.as_mut()).await.is_pending());
        net.sleep_until(Instant::now() + Duration::from_millis(5), Deadline::NEVER).await.unwrap();
        assert!(poll_once(look_up.as_mut()).await.is_pending());
        tell.send(()).unwrap();
        assert_eq!(look_up.await.unwrap().len(), 1);
        // The next one is left behind, and so is the net.
        assert!(poll_once(net.resolve("b.test", Some(&resolver), deadline)).await.is_pending());
    });
    assert_eq!(net.0.taken(), 0);
    drop(net);
    tell.send(()).unwrap();
    while Arc::strong_count(&resolver) > 1 {
        thread::yield_now();
    }
}

#[test]
fn connections_leave_nothing_with_the_kernel() {
    let net = Nested::new().unwrap();
    let (_, waker) = counting();
    for _ in 0..2000 {
        let (mut stream, peer) = pair(&net);
        assert!(poll_read(&net, &mut stream, &waker).is_pending());
        // A child that inherits the socket would keep what closing it is to undo.
        let inherited = stream.socket.try_clone().unwrap();
        drop((stream, peer));
        drop(inherited);
    }
    net.turn().unwrap();
    assert_eq!((net.0.taken(), net.next_timer()), (0, None));
    if let Ok(info) = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", net.descriptor())) {
        assert_eq!(info.lines().filter(|line| line.starts_with("tfd:")).count(), 1, "its own notifier");
    }
}

#[test]
fn a_child_takes_nothing_from_its_parent() {
    let net = Nested::new().unwrap();
    let (stream, mut peer) = pair(&net);
    let mut stream = Some(stream);
    let somebody = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let addresses = [somebody.local_addr().unwrap()];
    let network = Network::default();
    // SAFETY: the child does nothing but what is being tested, on the one thread that it has, and ends.
    match unsafe { libc::fork() } {
        0 => {
            drop(stream.take());
            net.notify();
            let connect = pin!(net.connect(&addresses, &network, Deadline::NEVER));
            let connected = connect.poll(&mut Context::from_waker(Waker::noop()));
            let is_right = matches!(connected, Poll::Ready(Err(_))) && net.turn().is_ok();
            // SAFETY: ends this process, without running what the parent has registered.
            unsafe { libc::_exit(if is_right { 0 } else { 1 }) };
        }
        child => {
            let mut status = -1;
            // SAFETY: waits for the child above; `status` lives across the call.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert_eq!(status, 0);
        }
    }
    assert!(!is_readable(&net, Duration::ZERO), "the child's notice is none of ours");
    peer.write_all(b"still here").unwrap();
    let stream = stream.as_mut().unwrap();
    assert_eq!(block_on(&net, net.read(stream, &mut [0; 100], Deadline::NEVER)).unwrap(), 10);
}
