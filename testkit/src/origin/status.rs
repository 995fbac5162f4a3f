//! Reason phrases (in capitals, as httpbin's server prints them) and the error pages of its framework.

use super::message::Response;

/// RFC 9110 section 15, with the registry's additions, spelled as Werkzeug spells them.
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        100 => "CONTINUE",
        101 => "SWITCHING PROTOCOLS",
        102 => "PROCESSING",
        103 => "EARLY HINTS",
        200 => "OK",
        201 => "CREATED",
        202 => "ACCEPTED",
        203 => "NON AUTHORITATIVE INFORMATION",
        204 => "NO CONTENT",
        205 => "RESET CONTENT",
        206 => "PARTIAL CONTENT",
        207 => "MULTI STATUS",
        208 => "ALREADY REPORTED",
        226 => "IM USED",
        300 => "MULTIPLE CHOICES",
        301 => "MOVED PERMANENTLY",
        302 => "FOUND",
        303 => "SEE OTHER",
        304 => "NOT MODIFIED",
        305 => "USE PROXY",
        306 => "SWITCH PROXY",
        307 => "TEMPORARY REDIRECT",
        308 => "PERMANENT REDIRECT",
        400..=499 => client_error(status),
        500 => "INTERNAL SERVER ERROR",
        501 => "NOT IMPLEMENTED",
        502 => "BAD GATEWAY",
        503 => "SERVICE UNAVAILABLE",
        504 => "GATEWAY TIMEOUT",
        505 => "HTTP VERSION NOT SUPPORTED",
        506 => "VARIANT ALSO NEGOTIATES",
        507 => "INSUFFICIENT STORAGE",
        508 => "LOOP DETECTED",
        510 => "NOT EXTENDED",
        511 => "NETWORK AUTHENTICATION FAILED",
        _ => "UNKNOWN",
    }
}

fn client_error(status: u16) -> &'static str {
    match status {
        400 => "BAD REQUEST",
        401 => "UNAUTHORIZED",
        402 => "PAYMENT REQUIRED",
        403 => "FORBIDDEN",
        404 => "NOT FOUND",
        405 => "METHOD NOT ALLOWED",
        406 => "NOT ACCEPTABLE",
        407 => "PROXY AUTHENTICATION REQUIRED",
        408 => "REQUEST TIMEOUT",
        409 => "CONFLICT",
        410 => "GONE",
        411 => "LENGTH REQUIRED",
        412 => "PRECONDITION FAILED",
        413 => "REQUEST ENTITY TOO LARGE",
        414 => "REQUEST URI TOO LONG",
        415 => "UNSUPPORTED MEDIA TYPE",
        416 => "REQUESTED RANGE NOT SATISFIABLE",
        417 => "EXPECTATION FAILED",
        418 => "I'M A TEAPOT",
        421 => "MISDIRECTED REQUEST",
        422 => "UNPROCESSABLE ENTITY",
        423 => "LOCKED",
        424 => "FAILED DEPENDENCY",
        425 => "TOO EARLY",
        426 => "UPGRADE REQUIRED",
        428 => "PRECONDITION REQUIRED",
        429 => "TOO MANY REQUESTS",
        431 => "REQUEST HEADER FIELDS TOO LARGE",
        449 => "RETRY WITH",
        451 => "UNAVAILABLE FOR LEGAL REASONS",
        _ => "UNKNOWN",
    }
}

/// RFC 9110 section 6.4.1: these never carry content, whatever their headers say.
pub(super) fn has_no_content(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 304)
}

pub(super) fn bad_request(why: &str) -> Response {
    page(400, "Bad Request", why)
}

pub(super) fn not_found() -> Response {
    let why = "The requested URL was not found on the server. If you entered the URL manually please check your \
               spelling and try again.";
    page(404, "Not Found", why)
}

pub(super) fn method_not_allowed(allowed: &str) -> Response {
    page(405, "Method Not Allowed", "The method is not allowed for the requested URL.")
        .header("Allow", allowed)
}

pub(super) fn internal_server_error() -> Response {
    let why = "The server encountered an internal error and was unable to complete your request. Either the server \
               is overloaded or there is an error in the application.";
    page(500, "Internal Server Error", why)
}

fn page(status: u16, name: &str, why: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=en>\n<title>{status} {name}</title>\n<h1>{name}</h1>\n<p>{why}</p>\n"
    );
    Response::html(html).with_status(status)
}
