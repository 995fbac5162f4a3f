//! The command `entreat-bench-origin`: the fastest origin we know how to write, for measuring clients.
//!
//! Prints one line of JSON on standard output as soon as it listens; `entreat_testkit::bench` does the rest.

use std::process::ExitCode;

use entreat_testkit::bench::{self, Driver};
use entreat_testkit::ca::{Authority, LOOPBACK};

const USAGE: &str = "entreat-bench-origin [--port N] [--epoll] [--tls [--https-port N] --ca-file PATH] [--until-stdin-closes]

Answers /10k with 10 KB of JSON, /bytes/N with N bytes, everything else with 171 bytes of JSON. A thread for each
connection, or one for all with --epoll. Prints one line:
  {\"http\": \"http://127.0.0.1:PORT\", \"https\": \"https://localhost:PORT\" or null, \"ca_file\": PATH or null}";

#[derive(Default)]
struct Options {
    port: u16,
    https_port: u16,
    epoll: bool,
    tls: bool,
    ca_file: Option<String>,
    until_stdin_closes: bool,
}

fn main() -> ExitCode {
    match parse_arguments().and_then(|options| options.map_or(Ok(()), run)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("entreat-bench-origin: {why}");
            ExitCode::FAILURE
        }
    }
}

/// `None` when the arguments ask for help, which has been given.
fn parse_arguments() -> Result<Option<Options>, String> {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--port" => options.port = value()?.parse().map_err(|_| "--port needs a number")?,
            "--https-port" => {
                options.https_port = value()?.parse().map_err(|_| "--https-port needs a number")?
            }
            "--ca-file" => options.ca_file = Some(value()?),
            "--epoll" => options.epoll = true,
            "--tls" => options.tls = true,
            "--until-stdin-closes" => options.until_stdin_closes = true,
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(None);
            }
            _ => return Err(format!("unknown argument {argument}\n{USAGE}")),
        }
    }
    Ok(Some(options))
}

fn run(options: Options) -> Result<(), String> {
    let driver = if options.epoll { Driver::Epoll } else { Driver::Threads };
    let port = bench::start(options.port, driver).map_err(|error| error.to_string())?;
    let mut https = "null".to_owned();
    if options.tls {
        let authority = Authority::new();
        let path =
            options.ca_file.as_deref().ok_or("--tls needs --ca-file, else no client could trust it")?;
        std::fs::write(path, authority.pem()).map_err(|error| format!("{path}: {error}"))?;
        let driver = Driver::Tls(authority.leaf(LOOPBACK).server(&["http/1.1"]));
        let port = bench::start(options.https_port, driver).map_err(|error| error.to_string())?;
        https = format!("\"https://localhost:{port}\"");
    }
    let ca_file = options.ca_file.filter(|_| options.tls).map_or("null".into(), |path| format!("{path:?}"));
    println!("{{\"http\": \"http://127.0.0.1:{port}\", \"https\": {https}, \"ca_file\": {ca_file}}}");
    if options.until_stdin_closes {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).map_err(|error| error.to_string())?;
        return Ok(());
    }
    loop {
        std::thread::park();
    }
}
