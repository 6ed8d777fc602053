//! Pieces of several voices: notes, which no text shows.

use std::fs;
use std::ops::{ControlFlow, RangeFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anaphora::decoding::{ComposeOptions, Composed, GenerateEvent};
use anaphora::model::Compute;
use anaphora::recipe::Task;
use anaphora::tasks::{self, Opened};
use serde_json::json;

use super::{Args, any_seed};
use crate::error::{Failure, Result};
use crate::formats::{Format, Player, write_score};
use crate::interrupt;
use crate::output::{counted, print_json, tell};
use crate::progress::Progress;

/// Frames, and events, after which a piece is broken off where `--tokens` does not say it.
const FRAMES: u32 = 64;
const EVENTS: u32 = 1_000;

/// Writes pieces as MIDI, and as sound where that is asked for.
pub fn run(args: &Args, task: Task) -> Result<()> {
    refuse(args)?;
    let (unit, most) = if task == Task::Chorales { ("frame", FRAMES) } else { ("event", EVENTS) };
    let options = ComposeOptions {
        sampling: args.sampling.options(),
        prime: args.prime.clone(),
        count: args.count as usize,
        units: args.tokens.unwrap_or(most) as usize,
        seed: args.seed.unwrap_or_else(any_seed),
    };
    let player = Player::new(args.music.soundfont.as_deref())?;
    let interrupted = interrupt::watch("Stopping, to keep what is written.")?;
    let mut progress = Progress::new(args.json);
    let device = args.device.open(&args.run)?;
    let Opened::Composes(model) = tasks::open(&args.run, device.precision())? else {
        unreachable!("the task composes")
    };
    let mut compute = Compute::new(device);
    let pieces = model.compose(&mut compute, &options, &mut |event| {
        if let GenerateEvent::Step { tokens } = event {
            progress.update(|| format!("Writing: {}", counted(tokens, unit)));
        }
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    drop(progress);
    let folder = args.folder(true).unwrap_or_else(|| PathBuf::from("."));
    fs::create_dir_all(&folder).map_err(Failure::io("create", &folder))?;
    let mut numbers = 1..;
    for (index, piece) in pieces.iter().enumerate() {
        let files = keep(piece, &folder, args.music.wav, &player, &mut numbers)?;
        let notes: usize = piece.score.parts.iter().map(|part| part.notes.len()).sum();
        if args.json {
            print_json(&json!({
                "piece": index + 1,
                format!("{unit}s"): piece.units,
                "notes": notes,
                // Nothing is no continuation.
                "complete": piece.ended && piece.units > 0,
                "stopped": piece.stopped,
                "seed": options.seed,
                "files": files,
            }))?;
            continue;
        }
        let end = match piece {
            Composed { ended: true, .. } => "it came to its end",
            Composed { stopped: true, .. } => "it was stopped",
            _ => "it was broken off",
        };
        let (units, notes) = (counted(piece.units, unit), counted(notes, "note"));
        tell(&format!("Piece {}: {units} written, {notes} in all; {end}.", index + 1));
        files.iter().for_each(|file| tell(&format!("Written to {}", file.display())));
    }
    if !args.json && args.seed.is_none() {
        tell(&format!("The same again: --seed {}", options.seed));
    }
    if interrupted.load(Ordering::Relaxed) { Err(Failure::Interrupted) } else { Ok(()) }
}

/// Refuses what is for texts alone.
fn refuse(args: &Args) -> Result<()> {
    let given = [
        ("--prompt", !args.prompt.is_empty()),
        ("--prompts", args.prompts.is_some()),
        ("--stop", !args.stop.is_empty()),
        ("--retry", args.retry.is_some()),
        ("--logprobs", args.logprobs.is_some()),
        ("--beams", args.search.beams.is_some()),
        ("--key", args.music.key.is_some()),
        ("--meter", args.music.meter.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((flag, _)) => {
            let writes = format!("{} writes notes", args.run.display());
            Err(Failure::call(format!("{flag} is for text, and {writes}; leave it out")))
        }
        None => Ok(()),
    }
}

/// Writes a piece to files of a free name, with the next of `numbers`.
fn keep(
    piece: &Composed,
    folder: &Path,
    wav: bool,
    player: &Player,
    numbers: &mut RangeFrom<u64>,
) -> Result<Vec<PathBuf>> {
    let formats = [Format::Midi, Format::Wav];
    let formats = &formats[..if wav { 2 } else { 1 }];
    let path = |stem: &str, format: Format| folder.join(format!("{stem}.{}", format.extension()));
    let taken = |stem: &String| formats.iter().any(|&format| path(stem, format).symlink_metadata().is_ok());
    let mut stems = numbers.map(|number| format!("piece-{number}"));
    let stem = stems.find(|stem| !taken(stem)).expect("the numbers do not end");
    let mut files = Vec::new();
    for &format in formats {
        files.push(path(&stem, format));
        write_score(&piece.score, format, player, &files[files.len() - 1])?;
    }
    Ok(files)
}
