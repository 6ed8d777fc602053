//! `anaphora generate`: write new pieces with a model.

mod compose;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use anaphora::Run;
use anaphora::decoding::beam::BeamOptions;
use anaphora::decoding::sampling::SamplingOptions;
use anaphora::decoding::{GenerateEvent, GenerateOptions, Generated, Novelty, Token};
use anaphora::model::Compute;
use anaphora::recipe::Task;
use anaphora::tasks::language::Generator;
use anaphora_data::texts::DOCUMENT_SEPARATOR;
use anaphora_data::{Encoding, Tokenizer};
use serde_json::{Value, json};

use crate::device::DeviceArgs;
use crate::error::{Failure, Result};
use crate::input;
use crate::interrupt;
use crate::keep::Keeper;
use crate::novelty;
use crate::numbers::whole;
use crate::output::{counted, print, print_json, tell};
use crate::progress::Progress;

/// How often each of several tunes is written anew until it is complete, where `--retry` does not say it.
const RETRY_MUSIC: usize = 10;

/// Most pieces: all are open at once.
const MOST_PIECES: u32 = 10_000;

/// Tokens after which a piece is broken off, where `--tokens` does not say it.
const TOKENS: u32 = 2_000;

const EXAMPLES: &str = "\
Examples:
  anaphora generate runs/tunes                                one tune
  anaphora generate runs/tunes --count 3 --wav --midi         three, to be played
  anaphora generate runs/tunes --key \"D major\" --meter 6/8    one in that key and metre
  anaphora generate runs/tunes --prime half-a-tune.abc        carry an unfinished tune on to its end
  anaphora generate runs/chorales --wav                       a piece of several voices, as MIDI and sound
  anaphora generate runs/played --prime begun.mid             carry a MIDI file on
  anaphora generate runs/novel --prompt \"Once upon\" --tokens 500 --temperature 0.7
  anaphora generate runs/novel --prompts beginnings.txt --count 2 --json    two for each line of a file
  anaphora generate runs/novel --stop \"\\n\\n\" --json
  anaphora generate runs/novel --beams 8 --no-repeat-ngram 6 --tokens 300    the likeliest, not one that is drawn

A single piece is shown as it is made, unless --retry is given. A tune is complete when it comes to its end, can be \
read, its bars add up, and it has notes that it did not begin with; --retry writes those that are not anew. Tunes are written to files too, by \
default into the folder RUN/generated, of names that are free. The last line says how much \
was copied from the training data. Ctrl-C ends the writing, and what there is by then is shown and kept; the exit code is then 130.";

/// Write new pieces with a trained model
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run folder
    run: PathBuf,
    /// What each piece begins with; may be repeated, for pieces that begin otherwise, all written side by side
    #[arg(long, value_name = "TEXT")]
    prompt: Vec<String>,
    /// File with a prompt a line, - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    prompts: Option<PathBuf>,
    /// File with what each piece begins with, - for standard input; of a text only what is added is shown
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "prompts"])]
    prime: Option<PathBuf>,
    /// Pieces to write for each prompt, side by side
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_PIECES)))]
    count: u32,
    /// Tokens after which a piece is broken off; frames of a piece of chords, events of one that was learnt from MIDI
    /// [default: 2,000; 64 frames, 1,000 events]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    tokens: Option<u32>,
    /// End a piece before this text; may be repeated
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Where all randomness starts from [default: another one each time, which is shown]
    #[arg(long, value_name = "N", value_parser = whole::<u64>(0, u64::MAX))]
    seed: Option<u64>,
    /// How often a tune that is not complete is written anew [default: 0; 10 for several tunes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=1_000))]
    retry: Option<u32>,
    /// Folder to write files into [default: RUN/generated for music, none for text]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print a line of JSON a piece on standard output, and nothing else there
    #[arg(long)]
    json: bool,
    /// With each token of a piece its log-probability, and those of the K likeliest in its place: the model's own, before
    /// temperature, penalties and filters
    #[arg(long, value_name = "K", requires = "json", value_parser = clap::value_parser!(u32).range(..=20))]
    logprobs: Option<u32>,
    #[command(flatten)]
    sampling: SamplingArgs,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    music: MusicArgs,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Choice of tokens")]
struct SamplingArgs {
    /// Below 1 the likely becomes likelier, above 1 less so; 0 always takes the likeliest
    #[arg(long, value_name = "X", default_value_t = 0.8)]
    temperature: f32,
    /// Choose among the N likeliest only, 0 for all
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<usize>(0, u64::MAX))]
    top_k: usize,
    /// Choose among the fewest likeliest whose probabilities add up to P only
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    top_p: f32,
    /// Choose among those at least P times as likely as the likeliest only
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    min_p: f32,
    /// Make less likely what came of late, by a factor; 1 for no penalty
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    repetition_penalty: f32,
    /// Never write the same N tokens twice in a piece, 0 for no such rule; for --beams too
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<usize>(0, u64::MAX))]
    no_repeat_ngram: usize,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Search for the likeliest")]
struct SearchArgs {
    /// Search for the likeliest pieces with N open ones side by side, instead of drawing tokens; --count takes the best
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1024),
        conflicts_with_all = ["temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed", "retry"],
    )]
    beams: Option<u32>,
    /// Compare log-probabilities divided by length to the power of X: 0 favours short pieces, above 1 long ones
    #[arg(long, value_name = "X", default_value_t = 1.0, requires = "beams")]
    length_penalty: f64,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Music")]
struct MusicArgs {
    /// Key of the tunes, such as "D major", Am or "E dorian"
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Metre of the tunes, such as 6/8
    #[arg(long, visible_alias = "metre", value_name = "METRE")]
    meter: Option<String>,
    /// Write a MIDI file of each tune too
    #[arg(long)]
    midi: bool,
    /// Write a WAV file of each tune too
    #[arg(long)]
    wav: bool,
    /// Play by the instruments of this SoundFont (.sf2) instead of the built-in ones
    #[arg(long, value_name = "FILE", requires = "wav")]
    soundfont: Option<PathBuf>,
}

/// Generates.
pub fn run(args: &Args) -> Result<()> {
    let sampling = args.sampling.options();
    sampling.validate().map_err(anaphora::Error::from)?;
    let beams = args.search.options(args.count)?;
    let task = Run::open(&args.run)?.info().task;
    if task.composes() {
        return compose::run(args, task);
    }
    let mut compute = Compute::new(args.device.open(&args.run)?);
    let generator = Generator::open(&args.run, compute.device.precision())?;
    let music = generator.trained().task() == Task::Music;
    if !music {
        args.refuse_for_text()?;
    }
    let MusicArgs { midi, wav, soundfont, .. } = &args.music;
    let mut keeper = Keeper::new(args.folder(music), music, *midi, *wav, soundfont.as_deref())?;
    let prompts = args.prompts(music)?;
    let asked = prompts.len() * args.count as usize;
    if asked > MOST_PIECES as usize {
        let [asked, most] = [asked, MOST_PIECES as usize].map(|pieces| counted(pieces, "piece"));
        let of = counted(prompts.len(), "prompt");
        return Err(Failure::call(format!(
            "{asked} of {of} are asked for; at most {most} are written side by side"
        )));
    }
    let options = GenerateOptions {
        sampling,
        beams,
        fields: args.music.fields(&generator, &prompts)?,
        prompts,
        count: args.count as usize,
        tokens: args.tokens.unwrap_or(TOKENS) as usize,
        stop: args.stop.iter().map(|stop| unescaped(stop)).collect(),
        seed: args.seed.unwrap_or_else(any_seed),
        retry: args.retry(music),
        log_probabilities: args.logprobs.map(|k| k as usize),
    };
    for (number, prompt) in options.prompts.iter().enumerate() {
        let what = match (&args.prompts, &args.prime) {
            (Some(path), _) => format!("line {} of {}", number + 1, path.display()),
            (_, Some(_)) => "--prime".to_owned(),
            _ => "--prompt".to_owned(),
        };
        encodable(&generator, &what, prompt)?;
    }

    let streams = args.single() && options.retry == 0 && beams.is_none() && !args.json;
    // Of a file that a text goes on from nothing is shown: it may be a whole book.
    let hidden = args.prime.as_ref().filter(|_| !music).map_or(0, |_| options.prompts[0].len());
    let show = if streams { Show::Text { hidden } } else { Show::Progress { quiet: args.json } };
    let (pieces, stopped) = write(&generator, &mut compute, &options, show)?;
    if !streams && !args.json {
        for (index, piece) in pieces.iter().enumerate() {
            let text = piece.text.get(hidden..).unwrap_or_default();
            print(&closed(text, index + 1 < pieces.len(), music))?;
        }
    }
    let files = pieces.iter().map(|piece| keeper.keep(&piece.text)).collect::<Result<Vec<_>>>()?;
    // Read only now: the first word is not to wait for it, and nobody who stops the writing is to wait for it either.
    let written: Vec<&str> = pieces
        .iter()
        .map(|piece| piece.text.get(options.prompts[piece.prompt].len()..).unwrap_or_default())
        .collect();
    let novelty = (!stopped).then(|| {
        let corpus = generator.trained().corpus();
        corpus.and_then(|corpus| generator.novelty(&written, &corpus.train))
    });
    let ended = if stopped { Err(Failure::Interrupted) } else { Ok(()) };
    if args.json {
        let seed = beams.is_none().then_some(options.seed);
        let novelty = novelty.as_ref().and_then(|novelty| novelty.as_deref().ok());
        print_pieces(&pieces, &files, novelty, seed, &generator.trained().tokenizer)?;
        return ended;
    }
    for (index, piece) in pieces.iter().enumerate() {
        let what = if pieces.len() > 1 { format!("Piece {}", index + 1) } else { "The piece".to_owned() };
        if let Some(nats) = piece.nats {
            tell(&format!("{what} has {nats:.3} nats a token."));
        }
        if let Some(reason) = &piece.incomplete {
            let hint = if options.retry == 0 && music && beams.is_none() && !piece.stopped {
                " To write on until one is: --retry 10."
            } else {
                ""
            };
            tell(&format!("{what} is not complete: {reason}.{hint}"));
        }
    }
    files.iter().flatten().for_each(|file| tell(&format!("Written to {}", file.display())));
    match &novelty {
        Some(Ok(novelty)) => tell(&novelty::line(novelty)),
        Some(Err(error)) => {
            tell(&format!("Novelty: unknown, for the training data cannot be read ({error})."));
        }
        None => {}
    }
    if args.seed.is_none() && beams.is_none() {
        tell(&format!("The same again: --seed {}", options.seed));
    }
    ended
}

/// A line of JSON a piece.
fn print_pieces(
    pieces: &[Generated],
    files: &[Vec<PathBuf>],
    novelty: Option<&[Novelty]>,
    seed: Option<u64>,
    tokenizer: &Tokenizer,
) -> Result<()> {
    for (index, piece) in pieces.iter().enumerate() {
        let novelty = novelty.map(|novelty| &novelty[index]).map(|novelty| {
            json!({
                "longest": novelty.longest,
                "passage": novelty.passage,
                "window": novelty.window,
                "share": novelty.share,
            })
        });
        let mut object = json!({
            "piece": index + 1,
            "prompt": piece.prompt + 1,
            "text": piece.text,
            "complete": piece.incomplete.is_none(),
            "incomplete": piece.incomplete,
            "ended": piece.ended,
            "stopped": piece.stopped,
            "attempts": piece.attempts,
            "tokens": piece.tokens,
            "nats_per_token": piece.nats,
            "seed": seed,
            "files": files[index],
            "novelty": novelty,
        });
        if !piece.choices.is_empty() {
            let choices = piece.choices.iter().map(|token| log_probabilities(token, tokenizer));
            object["logprobs"] = choices.collect();
        }
        print_json(&object)?;
    }
    Ok(())
}

/// A token, how likely it was, and the likeliest in its place.
fn log_probabilities(token: &Token, tokenizer: &Tokenizer) -> Value {
    let of = |id: u32, log_probability: f64| json!({ "id": id, "token": tokenizer.name(id), "logprob": log_probability });
    let mut object = of(token.choice.token, token.choice.log_probability);
    object["top"] = token.choice.best.iter().map(|&(id, log_probability)| of(id, log_probability)).collect();
    object
}

impl Args {
    /// What pieces begin with; a tune begins with its number, which is left to the model.
    fn prompts(&self, music: bool) -> Result<Vec<String>> {
        let read = |path: &PathBuf| {
            let mut bytes = Vec::new();
            input::copy(path, &mut bytes)?;
            anaphora_data::text_of(&bytes, path, Encoding::AUTO).map_err(Failure::failed)
        };
        if let Some(path) = &self.prompts {
            let prompts: Vec<String> = read(path)?.lines().map(unescaped).collect();
            if prompts.is_empty() {
                let found = format!("{} has no line", path.display());
                return Err(Failure::call(format!("--prompts: {found}; it takes a prompt a line")));
            }
            return Ok(prompts);
        }
        if let Some(path) = &self.prime {
            let text = read(path)?;
            // The line end that editors put behind the last line is not meant to be one; an empty line would end a tune.
            let begun =
                if music { text.trim_end_matches('\n') } else { text.strip_suffix('\n').unwrap_or(&text) };
            return Ok(vec![begun.to_owned()]);
        }
        let default = if music { "X:" } else { "" };
        Ok(if self.prompt.is_empty() { vec![default.to_owned()] } else { self.prompt.clone() })
    }

    /// Whether one piece is asked for.
    fn single(&self) -> bool {
        self.count == 1 && self.prompt.len() <= 1 && self.prompts.is_none()
    }

    /// What is shown as it is made cannot be taken back: one piece is written once.
    fn retry(&self, music: bool) -> usize {
        let shown_at_once = self.single() && !self.json;
        let default = if music && !shown_at_once { RETRY_MUSIC } else { 0 };
        self.retry.map_or(default, |retry| retry as usize)
    }

    fn refuse_for_text(&self) -> Result<()> {
        let given = [
            ("--key", self.music.key.is_some()),
            ("--meter", self.music.meter.is_some()),
            ("--midi", self.music.midi),
            ("--wav", self.music.wav),
            ("--retry", self.retry.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) => {
                let learnt = format!("{} has learnt text", self.run.display());
                Err(Failure::call(format!("{flag} is for tunes, and {learnt}; leave it out")))
            }
            None => Ok(()),
        }
    }

    /// Where files go.
    fn folder(&self, music: bool) -> Option<PathBuf> {
        self.out.clone().or_else(|| music.then(|| self.run.join("generated")))
    }
}

impl SamplingArgs {
    fn options(&self) -> SamplingOptions {
        let Self { temperature, top_k, top_p, min_p, repetition_penalty, no_repeat_ngram } = *self;
        SamplingOptions { temperature, top_k, top_p, min_p, repetition_penalty, no_repeat_ngram }
    }
}

impl SearchArgs {
    fn options(&self, count: u32) -> Result<Option<BeamOptions>> {
        let Some(beams) = self.beams else { return Ok(None) };
        let options = BeamOptions { beams: beams as usize, length_penalty: self.length_penalty };
        options.validate().map_err(anaphora::Error::from)?;
        if count > beams {
            let right = format!("a search finds at most one a beam; ask for --beams {count} or more");
            return Err(Failure::call(format!("--count is {count} and --beams {beams}, but {right}")));
        }
        Ok(Some(options))
    }
}

impl MusicArgs {
    /// The header fields that are asked for, as the training data spell them.
    fn fields(&self, generator: &Generator, prompts: &[String]) -> Result<Vec<(char, String)>> {
        let mut fields = Vec::new();
        for (flag, field, value) in [("--meter", 'M', &self.meter), ("--key", 'K', &self.key)] {
            let Some(asked) = value else { continue };
            let (spelt, note) = generator.trained().header(flag, field, asked, prompts)?;
            note.iter().for_each(|note| tell(&format!("Note: {note}.")));
            say_unknown(generator, flag, &spelt);
            fields.push((field, spelt));
        }
        Ok(fields)
    }
}

/// Refuses what the model has no symbols for.
fn encodable(generator: &Generator, flag: &str, text: &str) -> Result<()> {
    let tokenizer = &generator.trained().tokenizer;
    tokenizer.encode(text).map_err(|error| Failure::call(format!("{flag}: {error}")))?;
    say_unknown(generator, flag, text);
    Ok(())
}

/// Says which words the model reads as unknown.
fn say_unknown(generator: &Generator, flag: &str, text: &str) {
    if let Some(note) = generator.trained().tokenizer.note_unknown(text) {
        tell(&format!("Note: {flag}: {note}."));
    }
}

/// What is shown while pieces are written.
#[derive(Clone, Copy)]
enum Show {
    /// The text of the only piece, but for so many bytes at its beginning.
    Text { hidden: usize },
    /// How far they are; nothing where a program reads.
    Progress { quiet: bool },
}

/// Writes the pieces; with them, whether Ctrl-C stopped it.
fn write(
    generator: &Generator,
    compute: &mut Compute,
    options: &GenerateOptions,
    show: Show,
) -> Result<(Vec<Generated>, bool)> {
    let interrupted = interrupt::watch("Stopping after this token, to show and keep what is written.")?;
    let mut progress = Progress::new(!matches!(show, Show::Progress { quiet: false }));
    let (mut characters, mut rejected) = (0, 0);
    let mut told = 0;
    let mut broken = None;
    let pieces = generator.generate(compute, options, &mut |event| {
        match event {
            GenerateEvent::Text { text, .. } => match show {
                Show::Text { hidden } => {
                    let new = text.get(hidden.saturating_sub(told)..).unwrap_or_default();
                    told += text.len();
                    broken = print(new).err();
                }
                Show::Progress { .. } => characters += text.chars().count(),
            },
            GenerateEvent::Step { tokens } => progress.update(|| match options.beams {
                Some(_) => format!("Searching: {}", counted(tokens, "token")),
                None if rejected > 0 => {
                    format!("Writing: {}, {rejected} begun anew", counted(characters, "character"))
                }
                None => format!("Writing: {}", counted(characters, "character")),
            }),
            GenerateEvent::Rejected { .. } => rejected += 1,
        }
        let stop = broken.is_some() || interrupted.load(Ordering::Relaxed);
        if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if let Some(failure) = broken {
        return Err(failure);
    }
    if let Show::Text { hidden } = show {
        for piece in &pieces {
            // The end of a piece that was broken off might still have become a stop text.
            print(piece.text.get(told.max(hidden)..).unwrap_or_default())?;
            if !piece.text.ends_with('\n') {
                print("\n")?;
            }
        }
    }
    Ok((pieces, interrupted.load(Ordering::Relaxed)))
}

/// A piece for standard output: it ends its line, and is kept apart from what follows.
fn closed(text: &str, follows: bool, music: bool) -> String {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let border = match (follows, music) {
        (false, _) => String::new(),
        (true, true) => "\n".to_owned(),
        (true, false) => format!("{DOCUMENT_SEPARATOR}\n"),
    };
    format!("{text}{end}{border}")
}

/// `\n` and `\t` as the characters that they stand for, since a shell does not easily make them.
fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\t", "\t")
}

/// A seed that differs from call to call, short enough to be typed.
fn any_seed() -> u64 {
    RandomState::new().build_hasher().finish() % 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_kept_apart() {
        assert_eq!(closed("X:1\nK:C\nC|\n", true, true), "X:1\nK:C\nC|\n\n");
        assert_eq!(closed("one", true, false), "one\n<|endoftext|>\n");
        assert_eq!(closed("one", false, false), "one\n");
    }
}
