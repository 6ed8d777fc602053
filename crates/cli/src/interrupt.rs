//! Ctrl-C: the first press asks for a clean end, the second ends at once.

use std::io::IsTerminal;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::{Failure, INTERRUPTED, Result};
use crate::output::tell;

static STOP: AtomicBool = AtomicBool::new(false);

/// What is told at the first press; none before Ctrl-C is listened for.
static FIRST: Mutex<Option<&str>> = Mutex::new(None);

/// From now on the first Ctrl-C tells what will be done, as a sentence, and sets the flag that is returned.
pub fn watch(first: &'static str) -> Result<&'static AtomicBool> {
    let mut told = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    if told.is_none() {
        ctrlc::set_handler(pressed)
            .map_err(|error| Failure::failed(format!("cannot listen for Ctrl-C: {error}")))?;
    }
    *told = Some(first);
    Ok(&STOP)
}

fn pressed() {
    let clear = if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
    if STOP.swap(true, Ordering::Relaxed) {
        tell(&format!("{clear}anaphora: ended at once"));
        process::exit(INTERRUPTED.into());
    }
    let first = FIRST.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_default();
    tell(&format!("{clear}{first} Ctrl-C again ends at once."));
}
