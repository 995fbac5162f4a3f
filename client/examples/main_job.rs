//! The main job from Rust: `cargo run --example main_job -- GET_URL [POST_URL]`.
//!
//! Sends a GET, then a POST with a form, prints what came back, and fails unless both answers are as they should be.
//! POST_URL answers as httpbin's /post does: with the form that it received, as JSON.

use entreat::{Client, Request};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut urls = std::env::args().skip(1);
    let get_url = urls.next().ok_or("usage: main_job GET_URL [POST_URL]")?;

    let response = entreat::get(get_url)?.error_for_status()?;
    println!("GET {}\n{}", response.url(), response.status());
    println!("{}", response.text()?);
    let Some(post_url) = urls.next() else { return Ok(()) };

    let client = Client::new();
    let request = Request::post(post_url).form([("name", "John"), ("job", "developer")]);
    let response = client.send(request)?.error_for_status()?;
    println!("POST {}\n{}", response.url(), response.status());
    let answer: serde_json::Value = response.json()?;
    println!("{answer:#}");
    if answer["form"] != serde_json::json!({"name": "John", "job": "developer"}) {
        return Err(format!("the form did not arrive: {}", answer["form"]).into());
    }
    Ok(())
}
