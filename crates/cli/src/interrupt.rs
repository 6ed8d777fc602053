//! Ctrl-C: the first press asks for a clean end, the second ends at once.

use std::io::IsTerminal;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Failure, Result};
use crate::output::tell;

/// The exit code of a program that an interrupt ended: 128 and the signal's number.
const INTERRUPTED: i32 = 130;

static STOP: AtomicBool = AtomicBool::new(false);

/// From now on the first Ctrl-C sets the flag that is returned.
pub fn watch() -> Result<&'static AtomicBool> {
    ctrlc::set_handler(|| {
        let clear = if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
        if STOP.swap(true, Ordering::Relaxed) {
            tell(&format!("{clear}anaphora: ended at once"));
            process::exit(INTERRUPTED);
        }
        tell(&format!("{clear}Stopping after this step, to save. Ctrl-C again ends at once."));
    })
    .map_err(|error| Failure::failed(format!("cannot listen for Ctrl-C: {error}")))?;
    Ok(&STOP)
}
