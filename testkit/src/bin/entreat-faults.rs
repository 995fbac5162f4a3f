//! The command `entreat-faults`: peers that are wrong, for judges in other languages.
//!
//! Prints one line of JSON with all cases, then answers each line of standard input with one line of its own;
//! `entreat_testkit::faults` does the rest.

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;

use entreat_testkit::ca::Authority;
use entreat_testkit::faults::{self, Case, Stage, json};

const USAGE: &str = "entreat-faults --ca-file PATH

Writes the authority of its certificates to PATH, and on standard output one line: a list of cases. Then, for each line
of standard input:
  play NAME   plays that case; answers with the URL for its first request, whose last segment is the number of the ask
  stop NAME   stops it; answers with what was seen: connections, and the heads of requests
Stops at the end of standard input.";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("entreat-faults: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [flag, ca_file] = &arguments[..] else { return Err(USAGE.into()) };
    if flag != "--ca-file" {
        return Err(USAGE.into());
    }
    let authority = Authority::new();
    std::fs::write(ca_file, authority.pem()).map_err(|error| format!("{ca_file}: {error}"))?;
    let cases = faults::all();
    answer(&json::cases(&cases))?;
    let mut stages = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        answer(&obey(&line, &cases, &authority, &mut stages)?)?;
    }
    Ok(())
}

fn obey(
    line: &str,
    cases: &[Case],
    authority: &Authority,
    stages: &mut HashMap<String, Stage>,
) -> Result<String, String> {
    let unknown = || format!("do not understand {line:?}\n{USAGE}");
    match line.split_once(' ').ok_or_else(unknown)? {
        ("play", name) => {
            let case = cases.iter().find(|case| case.name == name).ok_or_else(unknown)?;
            let stage = Stage::start(case, authority);
            let url = stage.url(0);
            stages.insert(name.to_owned(), stage);
            Ok(json::text(&url))
        }
        ("stop", name) => {
            let stage = stages.remove(name).ok_or_else(unknown)?;
            Ok(json::seen(&stage.seen()))
        }
        (_, _) => Err(unknown()),
    }
}

fn answer(line: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| error.to_string())
}
