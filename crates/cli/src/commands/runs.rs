//! `anaphora runs`: what has been trained.

use std::path::{Path, PathBuf};

use anaphora::run::{Listed, Run, RunInfo, Score};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::error::Result;
use crate::output::{counted, grouped, print, print_json, short, size, table, tell};

const EXAMPLES: &str = "\
Examples:
  anaphora runs                the runs in the folder runs/
  anaphora runs ~/models       those in another folder
  anaphora runs --json | jq .  the same for programs";

/// List trained models: task, size, best score, when
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Folder that holds run folders
    #[arg(default_value = "runs")]
    folder: PathBuf,
    /// Print a line of JSON a run on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

/// What `--json` says of a run; of one that cannot be read, why.
#[derive(Serialize)]
struct Line<'a> {
    name: String,
    path: &'a Path,
    bytes: u64,
    saved: Option<Timestamp>,
    #[serde(flatten)]
    info: Option<&'a RunInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Lists.
pub fn run(args: &Args) -> Result<()> {
    let runs = Run::list(&args.folder)?;
    if args.json {
        for run in &runs {
            let Listed { path, info, bytes, modified } = run;
            let error = info.as_ref().err().map(ToString::to_string);
            let info = info.as_ref().ok();
            print_json(&Line { name: name(path), path, bytes: *bytes, saved: *modified, info, error })?;
        }
        return Ok(());
    }
    if runs.is_empty() {
        tell(&format!("no runs in {}; `anaphora train FILE` makes one", args.folder.display()));
        return Ok(());
    }
    let head = ["NAME", "TASK", "PARAMETERS", "DISK", "STEPS", "BEST", "SAVED", ""].map(str::to_owned);
    let now = Timestamp::now();
    let mut rows = vec![head.to_vec()];
    rows.extend(runs.iter().filter_map(|run| Some(row(run, run.info.as_ref().ok()?, now))));
    print(&table(&rows, &[0, 6]))?;
    for run in &runs {
        if let Err(error) = &run.info {
            tell(&error.to_string());
        }
    }
    Ok(())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn row(run: &Listed, info: &RunInfo, now: Timestamp) -> Vec<String> {
    let best = info.best.as_ref().map_or_else(|| "–".to_owned(), Score::text);
    let saved = run.modified.map_or_else(String::new, |saved| ago(saved, now));
    let state = if info.ended.is_some() { "" } else { "unfinished" };
    vec![
        name(&run.path),
        info.task.to_string(),
        short(info.parameters),
        size(run.bytes),
        grouped(info.steps),
        best,
        saved,
        state.to_owned(),
    ]
}

/// How long ago something was, as one would say it; a date where it is more than a month.
fn ago(then: Timestamp, now: Timestamp) -> String {
    let age = now.duration_since(then).max(SignedDuration::ZERO);
    let (minutes, hours) = (age.as_mins(), age.as_hours());
    let said = |number: i64, one: &str| counted(number as usize, one) + " ago";
    match (minutes, hours) {
        (0, _) => "just now".to_owned(),
        (1..60, _) => said(minutes, "minute"),
        (_, 1..24) => said(hours, "hour"),
        (_, 24..720) => said(hours / 24, "day"),
        _ => then.strftime("%Y-%m-%d").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_in_words() {
        let now: Timestamp = "2026-03-31T12:00:00Z".parse().unwrap();
        let said = |then: &str| ago(then.parse().unwrap(), now);
        assert_eq!(said("2026-03-31T11:59:30Z"), "just now");
        assert_eq!(said("2026-03-31T12:00:30Z"), "just now");
        assert_eq!(said("2026-03-31T11:58:59Z"), "1 minute ago");
        assert_eq!(said("2026-03-31T00:00:00Z"), "12 hours ago");
        assert_eq!(said("2026-03-29T00:00:00Z"), "2 days ago");
        assert_eq!(said("2026-01-29T00:00:00Z"), "2026-01-29");
    }
}
