//! The command `entreat-origin`: httpbin's routes on loopback until stopped.
//!
//! Prints one line of JSON on standard output as soon as it listens; `entreat_testkit::origin` does the rest.

use std::io::Write as _;
use std::process::ExitCode;

use entreat_testkit::origin::{self, Options};

const USAGE: &str = "entreat-origin [--port N] [--https-port N] [--ca-file PATH] [--until-stdin-closes] [--quiet]

Serves httpbin's routes and /testkit/... on 127.0.0.1 and ::1. Port 0, the default, is any free port. Prints one line:
  {\"http\": \"http://127.0.0.1:PORT\", \"https\": \"https://localhost:PORT\", \"ca_file\": PATH or null}
Stops by SIGTERM or SIGINT and, with --until-stdin-closes, at the end of standard input.";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("entreat-origin: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let mut options = Options { log: true, ..Options::default() };
    let mut ca_file = None;
    let mut until_stdin_closes = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--port" => options.http_port = value()?.parse().map_err(|_| "--port needs a number")?,
            "--https-port" => {
                options.https_port = value()?.parse().map_err(|_| "--https-port needs a number")?
            }
            "--ca-file" => ca_file = Some(value()?),
            "--until-stdin-closes" => until_stdin_closes = true,
            "--quiet" => options.log = false,
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(());
            }
            _ => return Err(format!("unknown argument {argument}\n{USAGE}")),
        }
    }
    let origin = origin::start(&options).map_err(|error| error.to_string())?;
    if let Some(path) = &ca_file {
        std::fs::write(path, &origin.ca_pem).map_err(|error| format!("{path}: {error}"))?;
    }
    let ca_file = ca_file.map_or("null".into(), |path| format!("{path:?}"));
    let (http, https) = (origin.http_url(""), origin.https_url(""));
    println!("{{\"http\": \"{http}\", \"https\": \"{https}\", \"ca_file\": {ca_file}}}");
    std::io::stdout().flush().map_err(|error| error.to_string())?;
    if until_stdin_closes {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).map_err(|error| error.to_string())?;
        return Ok(());
    }
    loop {
        std::thread::park();
    }
}
