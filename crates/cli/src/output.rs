//! Where words go: results to standard output, all else to standard error.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anaphora::run::Names;
use anaphora::run::atomic::write_atomic;
pub use anaphora_data::error::grouped;
use serde::Serialize;

use crate::error::{Failure, Result};

/// Files of this process's own making, and what a person knows them as.
static KNOWN: Mutex<Names> = Mutex::new(Names::new());

/// Lets a file be called by what stands in it, wherever words go.
pub fn call_by(path: &Path, name: &str) {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).add(path, name);
}

/// The text with all files called as a person knows them.
fn as_known(text: &str) -> String {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).say(text)
}

/// Prints a result, as it is and at once.
pub fn print(text: &str) -> Result<()> {
    let text = as_known(text);
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(refused)
}

/// Prints an object as one line of JSON.
pub fn print_json(object: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_string(object).map_err(Failure::failed)?;
    line.push('\n');
    print(&line)
}

/// Tells a person something that is no result.
pub fn tell(text: &str) {
    // Where nobody listens there is nobody to complain to.
    let _ = writeln!(io::stderr().lock(), "{}", as_known(text));
}

fn refused(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
        _ => Failure::failed(format!("cannot write to standard output: {error}")),
    }
}

/// Refuses a file that would be written over, unless that is asked for.
pub fn refuse_overwriting(path: &Path, force: bool) -> Result<()> {
    if force || !path.is_file() {
        return Ok(());
    }
    let way = "write over it with --force, or name another";
    Err(Failure::call(format!("{} is there already; {way}", path.display())))
}

/// The first of `NAME.svg`, `NAME-2.svg`, `NAME-3.svg` … that is free.
pub fn free_path(path: &Path) -> PathBuf {
    let (stem, extension) = (path.file_stem().unwrap_or_default(), path.extension().unwrap_or_default());
    let stem = FreeNames::default().find(&stem.to_string_lossy(), |stem| {
        path.with_file_name(stem).with_extension(extension).symlink_metadata().is_ok()
    });
    path.with_file_name(stem).with_extension(extension)
}

/// Finds names that are free: the first of `name`, `name-2`, `name-3` …, and each time the next.
#[derive(Default)]
pub struct FreeNames {
    /// The number to go on with, by name.
    next: HashMap<String, usize>,
}

impl FreeNames {
    /// A name that is not taken.
    pub fn find(&mut self, name: &str, taken: impl Fn(&str) -> bool) -> String {
        let number = self.next.entry(name.to_owned()).or_insert(1);
        loop {
            let found = if *number == 1 { name.to_owned() } else { format!("{name}-{number}") };
            *number += 1;
            if !taken(&found) {
                return found;
            }
        }
    }
}

/// Writes a picture that was asked for.
pub fn save_picture(path: &Path, picture: Option<String>) -> Result<()> {
    match picture {
        Some(svg) => Ok(write_atomic(path, |writer| writer.write_all(svg.as_bytes()))?),
        None => Err(Failure::call("--plot: there is no picture of what this model predicts")),
    }
}

/// A count with the word for what is counted: `1 tune`, `2 tunes`.
pub fn counted(number: usize, one: &str) -> String {
    let text = anaphora_data::error::counted(number, one);
    text.replacen(&number.to_string(), &grouped(number as u64), 1)
}

/// A span of time as a clock shows it: `0:07`, `12:30`, `1:02:03`.
pub fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A size in bytes with three digits or so: `812 B`, `23 kB`, `4.6 MB`.
pub fn size(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "B");
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, next);
    }
    let decimals = usize::from(unit != "B" && value < 9.95);
    format!("{value:.decimals$} {unit}")
}

/// A count of parameters and the like, shortened: `812`, `23 k`, `6.4 M`.
pub fn short(number: u64) -> String {
    size(number).replace("kB", "k").trim_end_matches('B').trim_end().to_owned()
}

/// Aligns columns, under a head: those with numbers to the right, the others and the columns `words` to the left.
pub fn table(rows: &[Vec<String>], words: &[usize]) -> String {
    let columns = 0..rows[0].len();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = columns.clone().map(width).collect();
    let is_number = |text: &String| text.starts_with(|c: char| c.is_ascii_digit() || c == '–');
    let is_right = |column| !words.contains(&column) && rows[1..].iter().any(|row| is_number(&row[column]));
    let right: Vec<bool> = columns.map(is_right).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = widths[column];
            if right[column] { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1000, 1_234_567].map(grouped).as_slice());
        assert_eq!(["0:00", "0:59", "1:00", "1:00:01"], [0.4, 59.0, 59.6, 3601.0].map(clock).as_slice());
        assert_eq!(
            ["0 B", "999 B", "1.0 kB", "23 kB", "1.0 MB"],
            [0, 999, 1000, 23_400, 999_999].map(size).as_slice()
        );
        assert_eq!(["812", "1.5 k", "23 k", "6.4 M"], [812, 1500, 23_400, 6_400_000].map(short).as_slice());
        assert_eq!(counted(1, "tune"), "1 tune");
        assert_eq!(counted(1200, "tune"), "1,200 tunes");
        assert_eq!(counted(2, "patch"), "2 patches");
    }
    #[test]
    fn free_names_are_looked_for_once() {
        let looked = std::cell::Cell::new(0);
        let mut names = FreeNames::default();
        let found: Vec<String> = (0..1000)
            .map(|_| {
                names.find("tune", |name| {
                    looked.set(looked.get() + 1);
                    name == "tune" || name == "tune-3"
                })
            })
            .collect();
        assert_eq!((&*found[0], &*found[1], &*found[999]), ("tune-2", "tune-4", "tune-1002"));
        assert_eq!(looked.get(), 1002);
        assert_eq!(names.find("other", |_| false), "other");
    }

    #[test]
    fn columns_line_up() {
        let rows =
            [["NAME", "STEPS"], ["a", "1,000"], ["longer", "5"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows, &[0]), "NAME    STEPS\na       1,000\nlonger      5\n");
    }
}
