//! The command `entreat`: an HTTP request typed by hand.
//!
//! One exchange reads top to bottom here: `arguments` says what was typed, `compose` makes a request of it, the crate
//! `entreat` sends it, `output` prints what came back, and `failure` says what went wrong, with which exit status.

mod arguments;
mod compose;
mod content;
mod failure;
mod items;
mod json_body;
mod json_view;
mod media_type;
mod network;
mod output;
mod security;
mod style;

use arguments::{Arguments, Line};
use failure::Failure;
use output::Printer;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match arguments::read() {
        Line::Request(arguments) => run(&arguments),
        Line::Information(text) => output::print(&text).map(|()| 0),
        Line::Mistake(why) => Err(Failure::Usage(why)),
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(failure) => ExitCode::from(failure.report()),
    }
}

/// Sends the request, prints the answer and returns the exit status.
fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let composed = compose::compose(arguments)?;
    let client = entreat::Client::with_config(composed.config.clone())?;
    let mut printer = Printer::new(arguments);
    printer.request(&composed)?;
    let response = client.send(composed.request)?;
    let status = response.status();
    printer.response(response)?;
    Ok(match status {
        400..500 if arguments.check_status => 4,
        500.. if arguments.check_status => 5,
        _ => 0,
    })
}
