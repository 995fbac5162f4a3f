//! The redirecting routes; each answers with a `Location` and, most of them, flask's page about it.

use crate::origin::message::{Answer, Call, Raised, Request, Response};
use crate::origin::python::percent;

pub(in crate::origin) fn times(call: &Call<'_>) -> Answer {
    let absolute = call.argument("absolute").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if absolute {
        return absolute_times(call);
    }
    Ok(match remaining(call)? {
        0 => to("/get"),
        left => to(&format!("/relative-redirect/{left}")),
    })
}

pub(in crate::origin) fn relative_times(call: &Call<'_>) -> Answer {
    let location = match remaining(call)? {
        0 => "/get".into(),
        left => format!("/relative-redirect/{left}"),
    };
    Ok(Response::empty(302).header("Location", location))
}

pub(in crate::origin) fn absolute_times(call: &Call<'_>) -> Answer {
    Ok(match remaining(call)? {
        0 => to(&external(call.request, "/get")),
        left => to(&external(call.request, &format!("/absolute-redirect/{left}"))),
    })
}

/// To `?url=`, by `?status_code=` if that is one of 3xx.
pub(in crate::origin) fn to_argument(call: &Call<'_>) -> Answer {
    let status = call.number("status_code", 302_i64)?;
    let status = u16::try_from(status).ok().filter(|status| (300..400).contains(status)).unwrap_or(302);
    // Python's `str(None)`: without a URL, httpbin sends exactly this.
    let location = call.argument_in_any_case("url").unwrap_or("None");
    if location.contains(['\r', '\n']) {
        return Err(Raised);
    }
    Ok(Response::empty(status).header("Location", in_ascii(location)))
}

pub(in crate::origin) fn first_link(call: &Call<'_>) -> Answer {
    Ok(to(&format!("/links/{}/0", call.parameter(0).trim_start_matches('0'))))
}

/// flask's `redirect`: 302 with a page.
pub(in crate::origin) fn to(location: &str) -> Response {
    let shown = location.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let html = format!(
        "<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n<h1>Redirecting...</h1>\n<p>You should be \
         redirected automatically to the target URL: <a href=\"{shown}\">{shown}</a>. If not, click the link.\n"
    );
    Response::html(html).with_status(302).header("Location", location)
}

/// How many redirects are left after this one.
fn remaining(call: &Call<'_>) -> Result<u64, Raised> {
    call.integer(0).checked_sub(1).ok_or(Raised)
}

/// The URL of a path of this origin, by the name that the client used.
pub(in crate::origin) fn external(request: &Request, path: &str) -> String {
    format!("{}://{}{path}", request.scheme(), request.host())
}

/// A URL with spaces or characters outside ASCII percent-coded; any other as it is.
fn in_ascii(location: &str) -> String {
    if location.is_ascii() && !location.contains(char::is_whitespace) {
        return location.to_owned();
    }
    percent::encode(location.as_bytes(), b"%!#$&'()*+,/:;=?@[]")
}
