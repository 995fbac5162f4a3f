//! Many at once on one client: `make crowd` sends 10,000 tasks over 100 connections, then opens 10,000 connections, and prints
//! what it took. The server is a process of its own, which says how many connections it had at once.
//!
//! Not a test, as it takes ten thousand descriptors; it ends with an error where a limit was not kept or memory grew.

use entreat::{Config, PoolRules, Timeout, aio};
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

const TASKS: usize = 10_000;
const FEW: usize = 100;
const BODY: &str = "hello";

fn main() {
    raise_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return runtime.block_on(serve());
    }
    println!("{:46} {:>8} {:>10} {:>12} {:>12}", "", "seconds", "requests/s", "most at once", "memory, MB");
    runtime.block_on(few_connections());
    runtime.block_on(many_connections());
}

/// All tasks share few connections, each waiting its turn.
async fn few_connections() {
    let mut server = Server::start();
    let client = client(FEW, FEW);
    let mut memory = Vec::new();
    for round in 1..=3 {
        let start = Instant::now();
        join((0..TASKS).map(|_| fetch(client.clone(), server.url.clone()))).await;
        let (_, most, requests) = server.counts();
        report(&format!("{TASKS} tasks over {FEW} connections, round {round}"), start, most);
        assert_eq!((requests, most <= FEW), (TASKS * round, true), "{most} connections at once");
        assert_eq!(client.pool_stats().opened as usize, most, "each connection is used to the end");
        memory.push(resident());
    }
    assert!(memory[2] < memory[0] + memory[0] / 10, "memory grows: {memory:?}");
}

/// Each task holds a connection, until all of them do.
async fn many_connections() {
    let mut server = Server::start();
    let client = client(TASKS, TASKS);
    let mut memory = Vec::new();
    for round in 1..=3 {
        let start = Instant::now();
        let held = join((0..TASKS).map(|_| {
            let (client, url) = (client.clone(), server.url.clone());
            async move { client.get(url).await.expect("an answer") }
        }));
        let held = held.await;
        let (open, most, _) = server.counts();
        assert_eq!((open, most, client.pool_stats().in_use), (TASKS, TASKS, TASKS));
        for response in held {
            assert_eq!(response.text().await.expect("a body"), BODY);
        }
        report(&format!("{TASKS} connections, round {round}"), start, most);
        assert_eq!((client.pool_stats().idle, client.pool_stats().opened as usize), (TASKS, TASKS));
        memory.push(resident());
    }
    client.close().await;
    assert!(memory[2] < memory[0] + memory[0] / 10, "memory grows: {memory:?}");
}

fn client(connections: usize, idle: usize) -> aio::Client {
    let pool = PoolRules {
        per_origin: Some(connections),
        idle_per_origin: idle,
        idle_total: idle,
        ..PoolRules::default()
    };
    aio::Client::with_config(Config::new().pool(pool).timeout(Timeout::NONE)).expect("valid settings")
}

async fn fetch(client: aio::Client, url: String) {
    assert_eq!(client.get(url).await.expect("an answer").text().await.expect("a body"), BODY);
}

async fn join<T: Send + 'static>(
    futures: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = futures.map(tokio::spawn).collect();
    let mut outputs = Vec::new();
    for task in tasks {
        outputs.push(task.await.expect("no task panics"));
    }
    outputs
}

fn report(name: &str, start: Instant, most: usize) {
    let seconds = start.elapsed().as_secs_f64();
    let rate = TASKS as f64 / seconds;
    println!("{name:46} {seconds:8.2} {rate:10.0} {most:12} {:12.1}", resident() as f64 / 1e6);
}

/// Bytes of memory that this process has now; 0 where the system does not tell.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0) * 1024
}

/// As many descriptors as may be.
fn raise_limit() {
    #[cfg(unix)]
    {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is one valid rlimit that outlives both calls.
        unsafe {
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

/// The server's process. It ends with its standard input.
struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    url: String,
}

impl Server {
    fn start() -> Server {
        let program = std::env::current_exe().expect("this program has a path");
        let pipes = Command::new(program).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = pipes.expect("this program can be started");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut server = Server { child, input, output, url: String::new() };
        server.url = format!("http://127.0.0.1:{}/", server.line());
        server
    }

    /// Connections that are open, the most that were at once, and all requests.
    fn counts(&mut self) -> (usize, usize, usize) {
        self.input.as_mut().expect("open until the end").write_all(b"\n").expect("a server that reads");
        let line = self.line();
        let mut numbers = line.split(' ').map(|number| number.parse().expect("a number"));
        let mut next = || numbers.next().expect("three numbers");
        (next(), next(), next())
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a server that writes");
        line.trim_end().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    most: AtomicUsize,
    requests: AtomicUsize,
}

async fn serve() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let listener = socket.listen(TASKS as u32).expect("loopback can be listened on");
    println!("{}", listener.local_addr().expect("bound").port());
    let counts = Arc::<Counts>::default();
    tokio::spawn(accept(listener, Arc::clone(&counts)));
    let told = tokio::task::spawn_blocking(move || {
        for _ in io::stdin().lock().lines().map_while(Result::ok) {
            let [open, most, requests] =
                [&counts.open, &counts.most, &counts.requests].map(|count| count.load(Ordering::SeqCst));
            println!("{open} {most} {requests}");
        }
    });
    told.await.expect("no panic");
    std::process::exit(0);
}

async fn accept(listener: TcpListener, counts: Arc<Counts>) {
    while let Ok((stream, _)) = listener.accept().await {
        let open = counts.open.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most.fetch_max(open, Ordering::SeqCst);
        let counts = Arc::clone(&counts);
        tokio::spawn(async move {
            let _ = answer(stream, &counts).await;
            counts.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// One request in each read, as this client sends them.
async fn answer(mut stream: TcpStream, counts: &Counts) -> io::Result<()> {
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{BODY}", BODY.len());
    let mut request = [0; 1024];
    while stream.read(&mut request).await? > 0 {
        counts.requests.fetch_add(1, Ordering::SeqCst);
        stream.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}
