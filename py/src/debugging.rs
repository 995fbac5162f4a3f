//! Whether the program wants to read urllib3's debug messages: then a request takes the open lane, which has them.
//!
//! Asked once for each request, so it reads the loggers' levels itself (as `Logger.getEffectiveLevel` does) and calls
//! nothing. As long as `logging` has not been imported, nobody listens.

use crate::support::Support;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// The root logger, and all others by name.
struct Loggers {
    root: Py<PyAny>,
    by_name: Py<PyDict>,
}

static LOGGERS: PyOnceLock<Loggers> = PyOnceLock::new();

/// `logging.DEBUG`.
const DEBUG: i64 = 10;

/// True where `logging.getLogger("urllib3.connectionpool").isEnabledFor(DEBUG)`, but for `logging.disable`.
pub(crate) fn is_wanted(py: Python<'_>, support: &Support) -> PyResult<bool> {
    let loggers = match LOGGERS.get(py) {
        Some(loggers) => loggers,
        None => {
            let Some(logging) = support.modules.bind(py).get_item(intern!(py, "logging"))? else {
                return Ok(false);
            };
            // Absent while another thread is importing it.
            let Ok(root) = logging.getattr(intern!(py, "root")) else { return Ok(false) };
            let Ok(manager) = root.getattr(intern!(py, "manager")) else { return Ok(false) };
            let by_name = manager.getattr(intern!(py, "loggerDict"))?.cast_into::<PyDict>()?.unbind();
            LOGGERS.get_or_init(py, || Loggers { root: root.unbind(), by_name })
        }
    };
    let by_name = loggers.by_name.bind(py);
    for name in [intern!(py, "urllib3.connectionpool"), intern!(py, "urllib3")] {
        if let Some(logger) = by_name.get_item(name)?
            && let level @ 1.. = level(&logger)
        {
            return Ok(level <= DEBUG);
        }
    }
    Ok(level(loggers.root.bind(py)) <= DEBUG)
}

/// 0 where it is not set, or where the name only holds a place for loggers below it.
fn level(logger: &Bound<'_, PyAny>) -> i64 {
    logger.getattr(intern!(logger.py(), "level")).and_then(|level| level.extract()).unwrap_or(0)
}
