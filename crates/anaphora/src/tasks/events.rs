//! MIDI files as events: a note begins, a note ends, time passes, the next notes are struck so hard. A language model whose
//! symbols are these.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anaphora_data::error::counted;
use anaphora_data::events::{Event as EventKind, EventOptions};
use anaphora_data::{Spill, StreamBuilder, TokenStream, composer};
use anaphora_music::midi::{each_file, read_file};
use anaphora_music::{abc, pitch_name};
use serde_json::json;

use super::language::{Evaluator, LanguageLearner, Stream, Symbols, longest, read_symbols};
use super::midi::{self, TICKS_PER_SECOND};
use super::shared::{Compose, Evaluate, PredictOptions, Split, Splits, hold_out, malformed_at};
use crate::decoding::sampling::{self, Sampler};
use crate::decoding::{ComposeOptions, Composed, GenerateEvent, Observer, Sequences};
use crate::inspect::{self, Inspection, Request, Sounding, Source, View};
use crate::metrics::{Evaluation, perplexity};
use crate::model::{Compute, LanguageModel};
use crate::recipe::{Data, Recipe, Task};
use crate::run::assets::{Half, read_json};
use crate::training::{DataSize, Description, Event, Learner, Opening, Shown};
use crate::{Error, Precision, Result, Run};

/// The name of the file of how finely events tell things apart.
const EVENTS: &str = "events.json";

/// Tunes that are played where there is no file, and their seed.
const BUILTIN: (u64, usize) = (1, 200);

/// Tokens that are scored at once.
const TOKENS: usize = 4_096;

/// A piece of music that can be read.
enum Piece {
    File(PathBuf),
    /// In ABC notation.
    Tune(String),
}

impl Piece {
    /// The piece in ABC notation, which is its music but for how it was played.
    fn show(&self) -> Result<Shown> {
        let text = match self {
            Piece::File(path) => abc::write(&abc::from_score(&read_file(path)?)),
            Piece::Tune(tune) => tune.clone(),
        };
        Ok(Shown { text, ..Shown::default() })
    }

    fn events(&self, options: &EventOptions) -> Result<Vec<u32>> {
        match self {
            Piece::File(path) => events_of_file(path, options),
            Piece::Tune(tune) => Ok(options.encode(&midi::in_seconds(&abc::parse_tune(tune).0.score()))?),
        }
    }
}

fn events_of_file(path: &Path, options: &EventOptions) -> Result<Vec<u32>> {
    let score = read_file(path)?;
    options.encode(&midi::in_seconds(&score)).map_err(|e| malformed_at(path, 0, e))
}

/// The pieces of a file, a folder or the built-in tunes.
fn find(
    path: Option<&Path>,
    data: &Data,
    options: &EventOptions,
    told: &mut dyn FnMut(&str),
) -> Result<Vec<Piece>> {
    let Some(path) = path else {
        let (seed, count) = BUILTIN;
        return Ok(composer::compose(seed, count).into_iter().map(Piece::Tune).collect());
    };
    let bad = data.skip_bad.then_some(told);
    let mut pieces = vec![];
    // Only their places are kept, for there may be many.
    each_file(path, bad, |path, score| {
        options.encode(&midi::in_seconds(&score)).map_err(|e| e.to_string())?;
        pieces.push(Piece::File(path.to_owned()));
        Ok(())
    })?;
    Ok(pieces)
}

/// Pieces to learn from, to validate on and to test on.
fn splits(data: &Data, options: &EventOptions, told: &mut dyn FnMut(&str)) -> Result<Splits<Piece>> {
    let pieces = find(data.train.as_deref(), data, options, told)?;
    let mut splits = Splits::of(pieces, &hold_out(data), |_| false)?;
    if let Some(path) = &data.validation {
        splits.validation = find(Some(path), data, options, told)?;
    }
    Ok(splits)
}

/// The pieces one behind the other, each closed by the token behind those of events.
fn stream(pieces: &[Piece], options: &EventOptions, spill: &Spill) -> Result<TokenStream> {
    let mut builder = StreamBuilder::new(symbols(options), spill);
    for piece in pieces {
        builder.push(&piece.events(options)?)?;
        builder.end(options.vocabulary())?;
    }
    Ok(builder.finish()?)
}

/// Events, and the end of a piece.
fn symbols(options: &EventOptions) -> usize {
    options.vocabulary() as usize + 1
}

/// Reads what the recipe names.
pub fn learner(opening: &mut Opening) -> Result<Box<dyn Learner>> {
    let Opening { recipe, assets, observer, .. } = opening;
    let options = assets.json(EVENTS, || Ok(EventOptions::default()))?;
    let found = OnceCell::new();
    let [train, validation] =
        assets.streams(symbols(&options), recipe.data.tokens_in_memory, |half, spill| {
            if found.get().is_none() {
                let _ =
                    found.set(splits(&recipe.data, &options, &mut |note| _ = observer(&Event::Note(note)))?);
            }
            let Splits { train, validation, .. } = found.get().expect("they were set");
            stream(if half == Half::Train { train } else { validation }, &options, spill)
        })?;
    let size = |stream: &TokenStream| DataSize { examples: stream.piece_count(), units: stream.len() };
    let description = Description {
        example: "piece",
        unit: "event",
        train: size(&train),
        validation: size(&validation),
        maps: format!("{} kinds of event", options.vocabulary()),
        characters: None,
    };
    if let Some(found) = found.into_inner() {
        opening.show(&found.train, Piece::show)?;
    }
    let symbols = Symbols { task: Task::Events, train, validation, count: symbols(&options), description };
    Ok(Box::new(LanguageLearner::of(opening, symbols)?))
}

/// Looks into the model of a run while it reads a piece.
///
/// # Errors
/// As [`tasks::inspect`](super::inspect).
pub fn inspect(run: Run, compute: &mut Compute, request: &Request) -> Result<Inspection> {
    let recipe = run.recipe()?;
    let options: EventOptions = read_json(run.path(), EVENTS)?;
    let mut model = LanguageModel::zeros(&recipe.model, symbols(&options));
    run.load_weights(model.params_mut(), None)?;
    let mut inspection = Inspection::default();
    let told = &mut |note: &str| inspection.notes.push(note.to_owned());
    let pieces = match &request.source {
        Source::File(path, _) => find(Some(path), &recipe.data, &options, told)?,
        Source::HeldOut => splits(&run.data(&recipe.data)?, &options, told)?.validation,
        Source::Text(_) => {
            let reason = "it is no music; a MIDI file is needed";
            return Err(malformed_at(Path::new("the text given"), 0, reason));
        }
    };
    let Some(piece) = pieces.get(request.index) else {
        let (count, number) = (counted(pieces.len(), "piece"), request.index + 1);
        return Err(Error::Inspect(format!("there are {count}, and number {number} was asked for")));
    };
    let end = options.vocabulary();
    let mut tokens = vec![end];
    tokens.extend(piece.events(&options)?);
    let mut targets: Vec<Option<u32>> = tokens[1..].iter().copied().chain([end]).map(Some).collect();
    let most = longest(&recipe);
    if tokens.len() > most {
        inspection.notes.push(format!("the piece is longer than the {most} events that are shown"));
        tokens.truncate(most);
        targets.truncate(most);
    }
    let name = |id: u32| match options.event(id) {
        Some(EventKind::On(pitch)) => format!("{} on", pitch_name(pitch)),
        Some(EventKind::Off(pitch)) => format!("{} off", pitch_name(pitch)),
        Some(EventKind::Shift(steps)) => format!("{} ms", (f64::from(steps) * options.step * 1e3).round()),
        Some(EventKind::Velocity(range)) => format!("velocity {range}"),
        None => "<end>".to_owned(),
    };
    inspection.about = inspect::about(&run, &recipe, "event", model.params());
    inspection.labels.insert("steps".into(), tokens.iter().map(|&id| name(id)).collect());
    inspection.labels.insert("symbols".into(), (0..=end).map(name).collect());
    if request.wants(View::Tune) {
        inspect::sounding(&mut inspection, sounding(&tokens, &options));
    }
    if !inspection.about.contains_key("notes") {
        request.refuse(&mut inspection, View::Tune, "no note was read")?;
    }
    let stream = Stream { tokens: &tokens, targets: &targets };
    read_symbols(&mut inspection, request, compute, &model, &recipe, stream)?;
    let reason = "it is for text and tunes, whose symbols have properties by rule";
    request.refuse(&mut inspection, View::Units, reason)?;
    Ok(inspection)
}

/// The notes of events, each with the step at which it begins; one that has no end lasts as long as the music.
fn sounding(tokens: &[u32], options: &EventOptions) -> Vec<Sounding> {
    let (mut notes, mut now): (Vec<Sounding>, f64) = (Vec::new(), 0.0);
    let mut open = HashMap::new();
    let end =
        |notes: &mut Vec<Sounding>, place: usize, now: f64| notes[place].seconds = now - notes[place].start;
    for (step, event) in tokens.iter().enumerate().filter_map(|(step, &id)| Some((step, options.event(id)?)))
    {
        match event {
            EventKind::Shift(steps) => now += f64::from(steps) * options.step,
            EventKind::Velocity(_) => {}
            EventKind::On(pitch) => {
                notes.push(Sounding { start: now, seconds: 0.0, pitch, step });
                if let Some(before) = open.insert(pitch, notes.len() - 1) {
                    end(&mut notes, before, now);
                }
            }
            EventKind::Off(pitch) => {
                if let Some(place) = open.remove(&pitch) {
                    end(&mut notes, place, now);
                }
            }
        }
    }
    open.into_values().for_each(|place| end(&mut notes, place, now));
    notes
}

/// A trained model of events.
pub struct EventModel {
    run: Run,
    recipe: Recipe,
    options: EventOptions,
    model: LanguageModel,
}

impl EventModel {
    /// Opens a run to predict in a precision.
    pub fn open(run: Run, precision: Precision) -> Result<Self> {
        let recipe = run.recipe()?;
        let options: EventOptions = read_json(run.path(), EVENTS)?;
        let mut model = LanguageModel::zeros(&recipe.model, symbols(&options));
        run.load_weights(model.params_mut(), Some(precision))?;
        Ok(Self { run, recipe, options, model })
    }
}

impl Compose for EventModel {
    /// Composes pieces, of `options.units` events at most beside those that they go on from.
    fn compose(
        &self,
        compute: &mut Compute,
        options: &ComposeOptions,
        observer: &mut Observer,
    ) -> Result<Vec<Composed>> {
        let Self { options: events, model, .. } = self;
        let end = events.vocabulary();
        let mut prime = vec![end];
        if let Some(path) = &options.prime {
            prime.extend(events_of_file(path, events)?);
        }
        let primed = prime.len();
        let sampler = |index| Sampler::new(options.sampling, options.seed, sampling::stream(index, 0));
        let mut samplers = (0..options.count).map(sampler).collect::<Result<Vec<_>, _>>()?;
        let mut sequences = Sequences::read(model, compute, std::slice::from_ref(&prime))?;
        sequences.select(&vec![0; options.count]);
        let mut pieces = vec![prime; options.count];
        let mut open: Vec<usize> = (0..options.count).collect();
        let mut going = ControlFlow::Continue(());
        for step in 1..=options.units {
            if open.is_empty() || going.is_break() {
                break;
            }
            for (&piece, logits) in open.iter().zip(sequences.logits()) {
                // The first token is the end of the piece before, which is none of this one's.
                let id = samplers[piece].sample(logits, &pieces[piece][1..])?;
                pieces[piece].push(id);
            }
            going = observer(GenerateEvent::Step { tokens: step });
            if step < options.units && going.is_continue() {
                let last = |&piece: &usize| pieces[piece].last().copied().filter(|&id| id != end);
                let next: Vec<_> = open.iter().map(last).collect();
                sequences.advance_open(&mut open, &next)?;
            }
        }
        let composed = |mut ids: Vec<u32>| {
            let ended = ids.len() > primed && ids.pop_if(|id| *id == end).is_some();
            let units = ids.len() - primed;
            let decoded = events.decode(ids[1..].iter().copied());
            let score = midi::to_score("", &decoded.notes, TICKS_PER_SECOND);
            let stopped = going.is_break() && !ended && units < options.units;
            Composed { score, units, ended, stopped }
        };
        Ok(pieces.into_iter().map(composed).collect())
    }
}

impl Evaluate for EventModel {
    fn evaluate(&self, compute: &mut Compute, split: &Split, _: &PredictOptions) -> Result<Evaluation> {
        let told = &mut |_: &str| {};
        let pieces = match split {
            Split::Data(path, _) => find(Some(path), &self.recipe.data, &self.options, told)?,
            Split::Validation => splits(&self.run.data(&self.recipe.data)?, &self.options, told)?.validation,
            Split::Test => splits(&self.run.data(&self.recipe.data)?, &self.options, told)?.test,
        };
        if pieces.is_empty() {
            return Err(Error::NoExamples(self.run.path().to_owned()));
        }
        let stream = stream(&pieces, &self.options, &Spill::to_scratch())?;
        let events = stream.len();
        let nats = Evaluator::new(Arc::new(stream), TOKENS)?.loss(&self.model, compute)?;
        let mut evaluation = Evaluation::new(pieces.len(), "piece");
        evaluation.add("nats_an_event", nats);
        evaluation.add("perplexity", perplexity(nats));
        evaluation.details.insert("events".into(), json!(events));
        Ok(evaluation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midi_to_events_and_back_loses_nothing_but_the_stated_quantisation() {
        let options = EventOptions::default();
        for tune in composer::compose(9, 20) {
            let played =
                anaphora_music::midi::read(&anaphora_music::midi::write(&abc::parse_tune(&tune).0.score()))
                    .unwrap();
            let notes = midi::in_seconds(&played);
            let ids = options.encode(&notes).unwrap();
            let decoded = options.decode(ids.iter().copied());
            assert_eq!((&decoded.notes, decoded.stray), (&options.quantise(&notes).unwrap(), 0));
            for (note, heard) in notes.iter().zip(&decoded.notes) {
                assert!((note.start - heard.start).abs() <= options.step / 2.0 + 1e-9, "{note:?} {heard:?}");
            }
            let written = anaphora_music::midi::write(&midi::to_score("", &decoded.notes, TICKS_PER_SECOND));
            let again = midi::in_seconds(&anaphora_music::midi::read(&written).unwrap());
            assert_eq!(options.encode(&again).unwrap(), ids, "a second round loses nothing at all");
        }
    }
}
