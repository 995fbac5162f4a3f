//! The main job from Rust: `cargo run --example main_job -- URL`, where URL is an origin with httpbin's routes.
//!
//! Sends a GET and a POST with a form, prints what came back, and fails unless both answers are as they should be.

use entreat::{Client, Request};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let origin = std::env::args().nth(1).ok_or("usage: main_job URL")?;
    let origin = origin.trim_end_matches('/');

    let response = entreat::get(format!("{origin}/get"))?.error_for_status()?;
    println!("GET  {} -> {}", response.url(), response.status());
    println!("{}", response.text()?);

    let client = Client::new();
    let request = Request::post(format!("{origin}/post")).form([("name", "John"), ("job", "developer")]);
    let response = client.send(request)?.error_for_status()?;
    println!("POST {} -> {}", response.url(), response.status());
    let answer: serde_json::Value = response.json()?;
    println!("{answer:#}");
    if answer["form"] != serde_json::json!({"name": "John", "job": "developer"}) {
        return Err(format!("the form did not arrive: {}", answer["form"]).into());
    }
    Ok(())
}
