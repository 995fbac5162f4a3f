//! A million requests, every fiftieth of them met by a fault: does any get a wrong answer, does anything grow?
//!
//!     cargo run --release --example soak -- [COUNT] [THREADS]
//!
//! The server runs in a process of its own (this program again), so that memory and file descriptors are the client's.
//! Each request carries a number, and the honest answer is that number; a fault may be answered by an error, or by the
//! number, but by nothing else. Printed are the figures at a tenth of the way and at its end; the exit code is 1 where
//! an answer was wrong, where a request failed that met no fault, or where memory or descriptors grew.

use entreat::{Client, Config, Kind, Request, Timeout};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One of so many requests meets a fault.
const EVERY: u64 = 50;

/// Memory at the end may exceed that at a tenth of the way by so much: what allocators keep.
const SLACK: u64 = 4 << 20;

/// As many descriptors may more be open: connections that are just being made.
const DESCRIPTORS: u64 = 8;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "serve") {
        serve();
        return ExitCode::SUCCESS;
    }
    let number = |index: usize, default| arguments.get(index).map_or(Ok(default), |text| text.parse());
    let (Ok(count), Ok(threads)) = (number(0, 1_000_000), number(1, 4)) else {
        eprintln!("usage: soak [COUNT] [THREADS]");
        return ExitCode::FAILURE;
    };
    match soak(count.max(1000), threads.max(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What was counted.
#[derive(Default)]
struct Tally {
    done: AtomicU64,
    /// Answers with another body than the request's number.
    wrong: AtomicU64,
    /// Errors of requests that met a fault.
    refused: AtomicU64,
    /// Uploads whose connection was being closed, after another's fault, just when they came: not sent twice.
    raced: AtomicU64,
    /// Errors of requests that met none.
    failed: AtomicU64,
}

fn soak(count: u64, threads: u64) -> io::Result<bool> {
    let program = std::env::current_exe()?;
    let mut server =
        Command::new(program).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut address = String::new();
    BufReader::new(server.stdout.take().expect("it is piped")).read_line(&mut address)?;
    let base = format!("http://{}", address.trim());
    let (tally, next, early) = (Tally::default(), AtomicU64::new(0), AtomicU64::new(0));
    let timeout = Timeout { read: Some(Duration::from_secs(5)), ..Timeout::default() };
    let client = Client::with_config(Config::new().timeout(timeout)).map_err(io::Error::other)?;
    let start = Instant::now();
    let mut figures = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&client, &base, count, &next, &tally));
        }
        // Looks from time to time; what is compared is a tenth of the way and the end.
        while tally.done.load(Ordering::Relaxed) < count {
            std::thread::sleep(Duration::from_millis(20));
            if early.load(Ordering::Relaxed) == 0 && tally.done.load(Ordering::Relaxed) >= count / 10 {
                early.store(1, Ordering::Relaxed);
                figures.push((memory(), descriptors()));
            }
        }
        figures.push((memory(), descriptors()));
    });
    let took = start.elapsed();
    drop(server.stdin.take());
    server.wait()?;
    Ok(report(count, took, &tally, &figures))
}

fn work(client: &Client, base: &str, count: u64, next: &AtomicU64, tally: &Tally) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return;
        }
        let faulty = number % EVERY == EVERY - 1;
        // Some upload; those are not sent twice.
        let url = format!("{base}/{number}");
        let uploads = number.is_multiple_of(7);
        let request = if uploads { Request::post(url).body("upload") } else { Request::get(url) };
        let outcome = client.send(request).and_then(|response| response.text());
        let counter = match outcome {
            Ok(text) if text == number.to_string() => None,
            Ok(text) => {
                eprintln!("request {number} was answered by {text:?}");
                Some(&tally.wrong)
            }
            Err(_) if faulty => Some(&tally.refused),
            Err(error) if uploads && matches!(error.kind(), Kind::Io | Kind::ClosedWithoutResponse) => {
                Some(&tally.raced)
            }
            Err(error) => {
                eprintln!("request {number}, which met no fault: {error}");
                Some(&tally.failed)
            }
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        tally.done.fetch_add(1, Ordering::Relaxed);
    }
}

fn report(count: u64, took: Duration, tally: &Tally, figures: &[(u64, u64)]) -> bool {
    let [wrong, refused, raced, failed] = [&tally.wrong, &tally.refused, &tally.raced, &tally.failed]
        .map(|counter| counter.load(Ordering::Relaxed));
    let rate = count as f64 / took.as_secs_f64();
    println!(
        "{count} requests in {:.1} s, {rate:.0} a second; {} met a fault",
        took.as_secs_f64(),
        count / EVERY
    );
    println!(
        "wrong answers: {wrong}; errors by a fault: {refused}; uploads that met a close: {raced}; others: {failed}"
    );
    let (Some(&(memory, open)), Some(&(memory_last, open_last))) = (figures.first(), figures.last()) else {
        return false;
    };
    let kilobytes = |bytes: u64| bytes / 1024;
    println!("memory: {} KiB at a tenth, {} KiB at the end", kilobytes(memory), kilobytes(memory_last));
    println!("descriptors: {open} at a tenth, {open_last} at the end");
    wrong == 0 && failed == 0 && memory_last <= memory + SLACK && open_last <= open + DESCRIPTORS
}

/// Bytes in use, as Linux tells; 0 elsewhere.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024
}

fn descriptors() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64)
}

/// The server: prints its address, and ends with its standard input.
fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    println!("{}", listener.local_addr().expect("a bound socket has an address"));
    let _ = io::stdout().flush();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || drop(answer_all(stream)));
        }
    });
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
}

fn answer_all(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let Some(number) = receive(&mut reader)? else { return Ok(()) };
        let honest =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{number}", number.to_string().len());
        if number % EVERY != EVERY - 1 {
            stream.write_all(honest.as_bytes())?;
        } else if !misbehave(&mut stream, &honest, number / EVERY)? {
            return Ok(());
        }
    }
}

/// Reads one request with its body; its number, or `None` at the end.
fn receive(reader: &mut BufReader<TcpStream>) -> io::Result<Option<u64>> {
    let (mut number, mut length, mut line) = (0, 0, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().unwrap_or(0);
        } else if let Some((_, rest)) = line.split_once(" /") {
            number = rest.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
        }
    }
    io::copy(&mut reader.take(length), &mut io::sink())?;
    Ok(Some(number))
}

/// One of a dozen faults; false where the connection is to be closed.
fn misbehave(stream: &mut TcpStream, honest: &str, which: u64) -> io::Result<bool> {
    const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    let (bytes, open): (String, bool) = match which % 14 {
        0 => (String::new(), false),
        1 => ("HTTP/1.1 200 O".into(), false),
        2 => ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort".into(), false),
        3 => (format!("{honest}{POISON}"), true),
        4 => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab".into(), false),
        5 => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n".into(), true),
        6 => ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n".into(), true),
        7 => ("garbage\r\n\r\n".into(), true),
        8 => ("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(500), true),
        9 => (format!("HTTP/1.1 200 OK\r\nX-Large: {}\r\n", "x".repeat(300_000)), true),
        10 => ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain".into(), true),
        // Honest, and then closed without a word.
        11 => (honest.into(), false),
        12 => (format!("{honest}HTTP/1.1 200 OK\r\nContent-Le"), true),
        _ => {
            ("HTTP/1.1 302 Found\r\nLocation: javascript:alert(1)\r\nContent-Length: 0\r\n\r\n".into(), true)
        }
    };
    stream.write_all(bytes.as_bytes())?;
    Ok(open)
}
