//! `anaphora lecture`: each statement of a lecture on sequence models, tried on this machine.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anaphora::lecture::{self, Chapter, Event, Id, Lecture, RESULTS, Settings, Side};
use anaphora::run::atomic::write_atomic;
use clap::builder::PossibleValuesParser;

use crate::error::{Failure, Result};
use crate::interrupt;
use crate::output::{clock, counted, tell};
use crate::progress::Progress;

const EXAMPLES: &str = "\
Examples:
  anaphora lecture                               all chapters, three minutes on two idle cores; the page is lecture/index.html
  anaphora lecture tunes.abc --minutes 20        the language models learn from your own tunes or text
  anaphora lecture --only gates,music            some chapters; those that are done are kept
  anaphora lecture --minutes 2 --out quick       smaller experiments, another folder

Experiments are sized by --minutes, not by the clock: the same settings give the same figures. Ctrl-C keeps what is done, and the same \
call goes on from there. Whether a statement holds is computed from the figures in results.json.";

/// Try the statements of a lecture on sequence models on this machine, and show them on a page
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Tunes (ABC) or a text to learn from, where that fits; otherwise built-in tunes
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Folder to write
    #[arg(long, value_name = "DIR", default_value = "lecture")]
    out: PathBuf,
    /// About how long all chapters may take on two cores
    #[arg(long, value_name = "M", default_value_t = 10.0, value_parser = minutes)]
    minutes: f64,
    /// Chapters to try, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = chapters())]
    only: Vec<String>,
    /// Where all randomness starts from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,
    /// Threads to compute with, 0 for one a core
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,
}

fn chapters() -> PossibleValuesParser {
    PossibleValuesParser::new(Id::ALL.map(Id::name))
}

fn minutes(text: &str) -> std::result::Result<f64, String> {
    let minutes = text.parse::<f64>().ok().filter(|minutes| (0.05..=1440.0).contains(minutes));
    minutes.ok_or_else(|| "it takes a number from 0.05 to 1440".to_owned())
}

/// Gives the lecture.
pub fn run(args: &Args) -> Result<()> {
    let (threads, note) = anaphora::training::threads(args.threads.into());
    note.iter().for_each(|note| tell(&format!("Note: {note}.")));
    let settings = Settings {
        file: args.file.clone(),
        out: args.out.clone(),
        minutes: args.minutes,
        only: args.only.iter().filter_map(|name| Id::named(name)).collect(),
        seed: args.seed,
        threads,
    };
    let interrupted = interrupt::watch("Stopping after this step; the same call goes on from there.")?;
    let mut progress = Progress::new(false);
    let given = lecture::give(&settings, &mut |event| {
        match *event {
            Event::Progress { chapter, what, done, left } => progress.update(|| {
                let left =
                    left.map(|left| format!("  {} left", clock(left.as_secs_f64()))).unwrap_or_default();
                format!("{:>3.0} %{left}  {chapter}: {what}", 100.0 * done)
            }),
            Event::Finished { chapter, kept } => progress.tell(&outcome(chapter, kept)),
        }
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    drop(progress);
    let lecture = match given {
        Err(anaphora::Error::Stopped) => return Err(Failure::Interrupted),
        given => given?,
    };
    let page = args.out.join("index.html");
    write_page(args, &lecture, &page)?;
    let held = |held: Option<bool>| lecture.chapters.iter().filter(|chapter| chapter.held == held).count();
    let (yes, no, unclear) = (held(Some(true)), held(Some(false)), held(None));
    lecture.notes().iter().for_each(|note| tell(note));
    tell(&format!(
        "{} tried: {yes} held here, {no} did not, {unclear} undecided.\nOpen {} in a browser; the figures are in {}.",
        counted(lecture.chapters.len(), "statement"),
        page.display(),
        args.out.join(RESULTS).display()
    ));
    Ok(())
}

/// Writes the page, with the settings that it was made with.
fn write_page(args: &Args, lecture: &Lecture, path: &Path) -> Result<()> {
    let learnt = lecture.file.clone().unwrap_or_else(|| "built-in tunes".to_owned());
    let made_with = [
        ("chapters", lecture.chapters.len().to_string()),
        ("took", clock(lecture.seconds)),
        ("minutes asked for", args.minutes.to_string()),
        ("seed", args.seed.to_string()),
        ("learns from", learnt),
    ];
    let html = anaphora_pages::lecture(lecture, &made_with);
    Ok(write_atomic(path, |writer| writer.write_all(html.as_bytes()))?)
}

/// What came out of a chapter, in a line for each figure that decides it.
fn outcome(chapter: &Chapter, kept: bool) -> String {
    let verdict = match chapter.held {
        Some(true) => "holds",
        Some(false) => "does not hold",
        None => "not decided",
    };
    let time = if kept { "kept".to_owned() } else { clock(chapter.seconds) };
    let mut text = format!("{:<12} {verdict} ({time})  {}", chapter.id.name(), chapter.statement);
    text += &format!("\n{:<12} {}", "", chapter.data);
    if let Some(cut) = chapter.cut() {
        text += &format!("\n{:<12} {cut}", "");
    }
    for check in &chapter.checks {
        let side = if check.side == Side::AtLeast { "at least" } else { "at most" };
        let (value, threshold) = (number(check.value), number(check.threshold));
        let unclear = if check.held.is_none() {
            format!("; ± {} is unclear", number(check.unsure))
        } else {
            String::new()
        };
        text += &format!("\n{:<12} {}: {value}, {side} {threshold} is asked for{unclear}", "", check.what);
    }
    text
}

/// A number with three digits or so.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-3..1e5).contains(&size) => format!("{value:.1e}"),
        size if size < 10.0 => format!("{value:.3}"),
        _ => format!("{value:.1}"),
    }
}
