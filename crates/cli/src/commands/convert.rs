//! `anaphora convert`: tunes to ABC, MIDI or sound.

use std::fs;
use std::path::{Path, PathBuf};

use anaphora_data::{DataError, Encoding, Format as Reading, Texts, text_of};
use anaphora_music::{Problem, abc, midi};
use serde::Serialize;

use crate::error::{Failure, Result};
use crate::formats::{Format, Player, Tune, slug};
use crate::output::{counted, print, print_json, refuse_overwriting, tell};
use crate::progress::Progress;

const EXAMPLES: &str = "\
Examples:
  anaphora convert tunes.abc --to midi               every tune as a MIDI file, in the folder tunes/
  anaphora convert tunes.abc --to wav --out sounds   every tune as sound, in the folder sounds/
  anaphora convert jig.mid --to abc                  jig.abc
  anaphora convert tunes.abc --to abc                every tune by itself, in a normal form

A file that is there already is written over with --force only, and FILE itself never. What could not be read is reported as FILE:LINE:COLUMN on standard error, and the rest is converted. The exit code \
is 1 only where nothing could be converted.";

/// Convert tunes to ABC, MIDI or WAV; no model is needed
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// ABC file, or MIDI file
    file: PathBuf,
    /// What to convert to
    #[arg(long, value_name = "FORMAT")]
    to: Format,
    /// Folder to write into [default: for one tune the current folder, for several one named after FILE]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Play by the instruments of this SoundFont (.sf2) instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    soundfont: Option<PathBuf>,
    /// Write over files that are there already
    #[arg(long)]
    force: bool,
    /// Print a line of JSON a tune on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

/// A tune and where it stands.
struct Read {
    tune: Tune,
    /// Line of its beginning; 1 in a MIDI file.
    line: u32,
    problems: Vec<Problem>,
}

/// What `--json` says of a tune.
#[derive(Serialize)]
struct Converted<'a> {
    tune: usize,
    title: &'a str,
    line: u32,
    notes: usize,
    /// Where it was written; none where it has no notes.
    file: Option<&'a Path>,
    problems: Vec<Reported<'a>>,
}

#[derive(Serialize)]
struct Reported<'a> {
    line: u32,
    column: u32,
    message: &'a str,
}

/// Converts.
pub fn run(args: &Args) -> Result<()> {
    if args.soundfont.is_some() && args.to != Format::Wav {
        return Err(Failure::call("--soundfont is for sound: it goes with --to wav only"));
    }
    let player = Player::new(args.soundfont.as_deref())?;
    let tunes = read(&args.file)?;
    for problem in tunes.iter().flat_map(|read| &read.problems) {
        tell(&format!("{}:{}:{}: {}", args.file.display(), problem.line, problem.column, problem.message));
    }
    if tunes.iter().all(|read| read.tune.notes() == 0) {
        return Err(Failure::failed(format!("{}: there is no tune with notes in it", args.file.display())));
    }
    let paths = paths(args, &tunes);
    for (path, _) in paths.iter().zip(&tunes).filter(|(_, read)| read.tune.notes() > 0) {
        refuse_input(&args.file, path)?;
        refuse_overwriting(path, args.force)?;
    }
    if let Some(folder) = paths[0].parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(Failure::io("create", folder))?;
    }

    let mut progress = Progress::new(args.json);
    let mut written = 0;
    for (index, (read, path)) in tunes.iter().zip(&paths).enumerate() {
        progress.update(|| format!("{} of {}: {}", index + 1, tunes.len(), read.tune.title));
        let has_notes = read.tune.notes() > 0;
        if has_notes {
            read.tune.write(args.to, &player, path)?;
            written += 1;
        }
        if args.json {
            print_json(&Converted {
                tune: index + 1,
                title: &read.tune.title,
                line: read.line,
                notes: read.tune.notes(),
                file: has_notes.then_some(path),
                problems: read
                    .problems
                    .iter()
                    .map(|Problem { line, column, message }| Reported {
                        line: *line,
                        column: *column,
                        message,
                    })
                    .collect(),
            })?;
        }
    }
    drop(progress);
    if args.json { Ok(()) } else { summarise(&tunes, &paths, written) }
}

/// Says how many tunes went where.
fn summarise(tunes: &[Read], paths: &[PathBuf], written: usize) -> Result<()> {
    let place = match paths {
        [path] => path.display().to_string(),
        _ => format!("{}/", paths[0].parent().unwrap_or(Path::new(".")).display()),
    };
    let problems: usize = tunes.iter().map(|read| read.problems.len()).sum();
    let mut text = format!("{} written to {place}", counted(written, "tune"));
    if problems > 0 {
        text.push_str(&format!(", {} reported", counted(problems, "problem")));
    }
    print(&(text + "\n"))
}

/// All tunes of a file, with what could not be read in each.
fn read(path: &Path) -> Result<Vec<Read>> {
    let bytes = fs::read(path).map_err(Failure::io("read", path))?;
    if midi::is_midi(&bytes) {
        let tune = Tune::from_midi(&bytes)
            .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
        return Ok(vec![Read { tune, line: 1, problems: Vec::new() }]);
    }
    // The data reader says well what keeps a file from being text or from holding a tune.
    let texts = Texts::of(&bytes[..], path, Some(Reading::Abc)).map_err(Failure::failed)?;
    texts.replay(|_| Ok::<_, DataError>(())).map_err(Failure::failed)?;
    texts.notes().iter().for_each(|note| tell(&format!("Note: {note}.")));
    let text = text_of(&bytes, path, Encoding::AUTO).map_err(Failure::failed)?;
    let (tunes, mut problems) = abc::parse(&text);
    problems.sort();
    let mut read: Vec<Read> = tunes
        .iter()
        .map(|tune| Read { tune: Tune::from_abc(tune), line: tune.line, problems: Vec::new() })
        .collect();
    for problem in problems {
        // Those above the first tune are told with it.
        let after = read.partition_point(|read| read.line <= problem.line);
        read[after.saturating_sub(1)].problems.push(problem);
    }
    for read in read.iter_mut().filter(|read| read.tune.notes() == 0) {
        let message = "the tune has no notes and is left out".to_owned();
        read.problems.push(Problem { line: read.line, column: 1, message });
    }
    Ok(read)
}

/// Where each tune goes: `FILE.mid`, or `012-title.mid` for one of several.
fn paths(args: &Args, tunes: &[Read]) -> Vec<PathBuf> {
    let stem = args.file.file_stem().unwrap_or_default();
    let extension = args.to.extension();
    let several = tunes.len() > 1;
    let default = if several { PathBuf::from(stem) } else { PathBuf::new() };
    let folder = args.out.clone().unwrap_or(default);
    let digits = tunes.len().to_string().len();
    let name = |(index, read): (usize, &Read)| {
        let title = slug(&read.tune.title);
        let hyphen = if title.is_empty() { "" } else { "-" };
        format!("{:0digits$}{hyphen}{title}.{extension}", index + 1)
    };
    if several {
        tunes.iter().enumerate().map(|tune| folder.join(name(tune))).collect()
    } else {
        let mut name = stem.to_owned();
        name.push(format!(".{extension}"));
        vec![folder.join(name)]
    }
}

/// Keeps the file that is read from being written over.
fn refuse_input(input: &Path, output: &Path) -> Result<()> {
    let same = matches!((input.canonicalize(), output.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if same {
        let what = "would be written over; choose another folder with --out";
        return Err(Failure::call(format!("{} {what}", input.display())));
    }
    Ok(())
}
