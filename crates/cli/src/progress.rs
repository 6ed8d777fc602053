//! How far long work has come: one line that changes on a terminal, a line now and then in a log.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the line on a terminal changes at most.
const ON_TERMINAL: Duration = Duration::from_millis(100);
/// How often a line is added to a log at most.
const IN_LOG: Duration = Duration::from_secs(10);

/// The progress of one piece of work, on standard error. Nothing is left on a terminal's line when it is dropped.
pub struct Progress {
    terminal: bool,
    quiet: bool,
    /// When the line was last written.
    written: Option<Instant>,
    started: Instant,
}

impl Progress {
    /// Begins; `quiet` shows no progress, only lines that stay.
    pub fn new(quiet: bool) -> Self {
        Self { terminal: io::stderr().is_terminal(), quiet, written: None, started: Instant::now() }
    }

    /// Shows where the work stands, if it is time to.
    pub fn update(&mut self, text: impl FnOnce() -> String) {
        let (pause, since) = if self.terminal {
            (ON_TERMINAL, self.written)
        } else {
            (IN_LOG, Some(self.written.unwrap_or(self.started)))
        };
        if self.quiet || since.is_some_and(|since| since.elapsed() < pause) {
            return;
        }
        self.written = Some(Instant::now());
        let text = text();
        if self.terminal {
            // Without wrapping, a line that is too long is cut at the edge and not written over and over.
            write(&format!("\r\x1b[?7l{text}\x1b[K\x1b[?7h"));
        } else {
            write(&format!("{text}\n"));
        }
    }

    /// Writes a line that stays.
    pub fn tell(&mut self, text: &str) {
        self.clear();
        write(&format!("{text}\n"));
        if !self.terminal {
            self.written = Some(Instant::now());
        }
    }

    fn clear(&mut self) {
        if self.terminal && self.written.take().is_some() {
            write("\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    // Where nobody listens there is nobody to complain to.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
