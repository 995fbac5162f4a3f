//! What Python and Werkzeug do under httpbin, done again: their JSON, percent-coding, header parameters and generator.

pub(super) mod json;
pub(super) mod parameters;
pub(super) mod percent;
pub(super) mod random;
