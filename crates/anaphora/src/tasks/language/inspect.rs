//! What happens inside a model of text or tunes.

use std::path::Path;
use std::sync::Arc;

use anaphora_data::error::counted;
use anaphora_data::{Batch, Packed, Section, Sequence, Texts};
use serde_json::json;

use super::{Trained, corpus};
use crate::inspect::features::Features;
use crate::inspect::{self, Inspection, Request, Source, Tracked, View};
use crate::model::{Compute, LanguageModel, Observe, softmax};
use crate::recipe::{Backbone, Recipe, Task};
use crate::{Error, Result};

/// Steps that are shown of a text, at most; a Transformer shows no more than it sees at once.
const LONGEST: usize = 2_048;
/// Characters of a text that are encoded, at most.
const CHARACTERS: usize = 1 << 16;
/// Ends of sequences from which gradients are followed back, at most.
const ENDS: usize = 64;
/// Steps over which gradients are followed back, at most.
const FOLLOWED: usize = 512;
/// Steps of held-out text in which units are looked for, at most.
const READ: usize = 8_192;
/// Numbers of logits that are laid out at once, at most.
const LOGITS: usize = 1 << 26;
/// Numbers of states likewise.
const STATES: usize = 1 << 24;
/// Steps at which the loss by visible context is measured, at most.
const PLACES: usize = 256;
/// Fewer where the context is long: so many steps are read again with the longest.
const READ_AGAIN: usize = 1 << 16;
/// But no fewer.
const LEAST_PLACES: usize = 32;

/// A text to look at, as the model reads it.
struct Text {
    text: String,
    /// The end of a piece in front, then the text's.
    tokens: Vec<u32>,
    /// What follows each token; none behind a text that goes on.
    targets: Vec<Option<u32>>,
}

/// Looks into the model while it reads a text.
///
/// # Errors
/// No text, one with symbols that the model does not know, and a view that was asked for by name and cannot be given.
pub fn inspect(trained: &Trained, compute: &mut Compute, request: &Request) -> Result<Inspection> {
    let mut inspection = Inspection::default();
    let Text { text, tokens, targets } = read(trained, request, &mut inspection)?;
    let Trained { tokenizer, model, recipe, run } = trained;
    let names = |ids: &[u32]| -> Vec<String> {
        ids.iter().map(|&id| tokenizer.name(id).unwrap_or_default()).collect()
    };
    inspection.about = inspect::about(run, recipe, recipe.data.tokenizer.unit(), model.params());
    if trained.task() == Task::Music {
        inspection.about.insert("abc".into(), text.as_str().into());
    }
    inspection.about.insert("text".into(), text.as_str().into());
    inspection.about.insert("pieces".into(), pieces(trained, &tokens).into());
    inspection.labels.insert("steps".into(), names(&tokens));
    let vocabulary: Vec<u32> = (0..tokenizer.vocab_size() as u32).collect();
    inspection.labels.insert("symbols".into(), names(&vocabulary));

    if trained.task() == Task::Music && request.wants(View::Tune) {
        let places = places(trained, &tokens).1;
        // The step that read a character is the first whose token ends behind it.
        inspect::notes(&mut inspection, &text, |place| {
            let step = places.partition_point(|&last| last < place);
            (step < places.len()).then_some(step + 1)
        });
    }
    if !inspection.about.contains_key("notes") {
        request.refuse(&mut inspection, View::Tune, "no tune was read")?;
    }
    let stream = Stream { tokens: &tokens, targets: &targets };
    read_symbols(&mut inspection, request, compute, model, recipe, stream)?;
    if request.wants(View::Units) {
        units(&mut inspection, trained, compute, request, &tokens)?;
    }
    Ok(inspection)
}

/// Symbols that a model reads, and what follows each; nothing behind what goes on.
#[derive(Clone, Copy)]
pub(in crate::tasks) struct Stream<'a> {
    /// The end of a piece, and the symbols behind it.
    pub tokens: &'a [u32],
    /// One for each.
    pub targets: &'a [Option<u32>],
}

/// Fills an inspection with what the model does while it reads symbols, whatever they stand for.
///
/// # Errors
/// A view that was asked for by name and cannot be given.
pub(in crate::tasks) fn read_symbols(
    inspection: &mut Inspection,
    request: &Request,
    compute: &mut Compute,
    model: &LanguageModel,
    recipe: &Recipe,
    Stream { tokens, targets }: Stream,
) -> Result<()> {
    let numbers: Vec<f32> = tokens.iter().map(|&id| id as f32).collect();
    inspection.add("tokens", &["steps"], &[tokens.len()], numbers, "number of the symbol read");
    let numbers = targets.iter().map(|target| target.map_or(-1.0, |id| id as f32)).collect();
    let what = "number of the symbol that follows, -1 where none does";
    inspection.add("targets", &["steps"], &[tokens.len()], numbers, what);

    let batch = Packed::new(&[Sequence::Tokens(tokens.to_vec())]);
    let observed = model.observe(compute, &batch, None)?;
    if request.wants(View::Next) {
        let (shape, what) = ([tokens.len(), observed.width], "score of each symbol as the next");
        inspection.add("logits", &["steps", "symbols"], &shape, observed.outputs, what);
    }
    inspect::pass(inspection, &observed.trace, |view| request.wants(view));
    applies(inspection, recipe.model.backbone, request)?;
    if request.wants_any(&[View::Embedding, View::Search]) {
        match model.params().find("embedding.weight") {
            Some(id) => {
                let width = model.params().shape(id)[1];
                inspect::embedding(inspection, model.params().value(id), width);
            }
            None => {
                let reason =
                    "symbols are read one-hot; with model.embedding_size above 0 a row is learnt for each";
                request.refuse(inspection, View::Embedding, reason)?;
            }
        }
    }
    let known: Vec<u32> = targets.iter().map_while(|target| *target).collect();
    if request.wants(View::Gradients) && !known.is_empty() {
        gradients(inspection, "", compute, (model, recipe), [tokens, &known])?;
        let fresh = LanguageModel::new(&recipe.model, model.vocab_size(), u64::from(recipe.training.seed));
        gradients(inspection, "untrained.", compute, (&fresh, recipe), [tokens, &known])?;
    }
    if request.wants(View::Speed) {
        let context =
            if recipe.model.backbone == Backbone::Transformer { recipe.model.context } else { None };
        let vocab_size = model.vocab_size() as u32;
        inspect::speed(
            inspection,
            model.params(),
            context.unwrap_or(usize::MAX),
            |backward, [rows, length]| {
                let ids: Vec<u32> = (0..(rows * length) as u32).map(|id| id % vocab_size).collect();
                let batch = Batch {
                    targets: ids.clone(),
                    ids,
                    batch_sizes: vec![rows; length],
                    indices: vec![0; rows],
                    reset: vec![true; rows],
                };
                model.learn(backward, &batch, &mut model.initial_state(rows))
            },
        )?;
    }
    if request.wants(View::Context) {
        match known.len() / 2 {
            0 => {
                let reason = "the text is too short to hide a part of it; a longer one is needed";
                request.refuse(inspection, View::Context, reason)?;
            }
            longest => {
                let places = (READ_AGAIN / longest).clamp(LEAST_PLACES, PLACES);
                inspect::context(inspection, compute, model, [tokens, &known], longest, places)?;
            }
        }
    }
    Ok(())
}

/// The text that is asked for.
fn read(trained: &Trained, request: &Request, inspection: &mut Inspection) -> Result<Text> {
    let (text, is_whole, path) = match &request.source {
        Source::Text(_) if request.index > 0 => {
            let number = request.index + 1;
            return Err(Error::Inspect(format!(
                "the text given is one piece, and number {number} was asked for"
            )));
        }
        Source::Text(text) => (text.clone(), false, Path::new("the text given").to_owned()),
        Source::File(path, _) => {
            let options = corpus::text_options(&trained.recipe.data, Some(trained.format()));
            let texts = Texts::open(path, options)?;
            inspection.notes.extend(texts.notes());
            (piece(&Section::whole(Arc::new(texts)), request.index, path)?, true, path.clone())
        }
        Source::HeldOut => {
            let path = corpus::name(&trained.recipe.data);
            (piece(&trained.corpus()?.validation, request.index, &path)?, true, path)
        }
    };
    if text.is_empty() {
        return Err(Error::Inspect(format!("{} is empty; it must have a symbol or more", path.display())));
    }
    let end = text.char_indices().nth(CHARACTERS).map_or(text.len(), |(at, _)| at);
    let is_cut = end < text.len();
    let (text, is_whole) = (&text[..end], is_whole && !is_cut);
    let tokenizer = &trained.tokenizer;
    let mut tokens = vec![tokenizer.end_id()];
    tokenizer.encode_into(text, &mut tokens).map_err(|source| Error::Tokens { path, source })?;
    inspection.notes.extend(tokenizer.note_unknown(text));
    let mut targets: Vec<Option<u32>> = tokens[1..].iter().copied().map(Some).collect();
    targets.push(is_whole.then(|| tokenizer.end_id()));
    let most = longest(&trained.recipe);
    if is_cut || tokens.len() > most {
        inspection.notes.push(format!("the text is longer than the {most} steps that are shown"));
        tokens.truncate(most);
        targets.truncate(most);
    }
    Ok(Text { text: tokenizer.decode(&tokens), tokens, targets })
}

/// Steps of a text that are read at most.
pub(in crate::tasks) fn longest(recipe: &Recipe) -> usize {
    let model = &recipe.model;
    let seen = if model.backbone == Backbone::Transformer { model.context } else { None };
    seen.unwrap_or(LONGEST).min(LONGEST)
}

/// A piece of a section, by its number from 0.
fn piece(section: &Section, index: usize, path: &Path) -> Result<String> {
    let (mut found, mut count) = (None, 0);
    section.each_piece(|piece| {
        if count == index {
            found = Some(piece.to_owned());
        }
        count += 1;
        Ok::<_, Error>(())
    })?;
    found.ok_or_else(|| {
        let path = path.display();
        Error::Inspect(format!(
            "{path} has {}, and number {} was asked for",
            counted(count, "piece"),
            index + 1
        ))
    })
}

/// Says of which of the views there is nothing to see in such a model.
fn applies(inspection: &mut Inspection, backbone: Backbone, request: &Request) -> Result<()> {
    inspect::refuse_by_backbone(inspection, backbone, request, inspect::NO_ATTENTION)?;
    let saliency = "it is for models that tell something of a whole text; a model that continues texts shows in the view next what it expects";
    request.refuse_all(
        inspection,
        &[
            (View::Input, "the model reads symbols, which the other views show"),
            (View::Forecast, "it is for models that forecast series or paths"),
            (View::Saliency, saliency),
            (View::Bottleneck, "it is for models that translate; this one continues texts"),
        ],
    )
}

/// Which unit tracks what of held-out pieces, and in an untrained model of the same shape.
fn units(
    inspection: &mut Inspection,
    trained: &Trained,
    compute: &mut Compute,
    request: &Request,
    tokens: &[u32],
) -> Result<()> {
    let Trained { tokenizer, model, recipe, run } = trained;
    let (section, measured) = match &request.source {
        Source::File(path, _) => {
            let options = corpus::text_options(&recipe.data, Some(trained.format()));
            (Section::whole(Arc::new(Texts::open(path, options)?)), path.display().to_string())
        }
        _ if run.info().imported.is_some() => {
            let reason = "an imported model has no held-out text to find its units' parts in; a file with a text is needed";
            return request.refuse(inspection, View::Units, reason);
        }
        _ => match request.need(inspection, View::Units, trained.corpus())? {
            Some(corpus) => {
                let of_file = recipe.data.validation.as_ref().map(|path| path.display().to_string());
                let of_split = || format!("what was held out of {}", corpus::name(&recipe.data).display());
                (corpus.validation, of_file.unwrap_or_else(of_split))
            }
            None => return Ok(()),
        },
    };
    let fresh = LanguageModel::new(&recipe.model, tokenizer.vocab_size(), u64::from(recipe.training.seed));
    let [mut own, mut untrained] = [Tracked::default(), Tracked::default()];
    let mut all = Features::default();
    let most = longest(&trained.recipe);
    let (mut left, mut pieces) = (READ, 0);
    section.each_piece(|piece| {
        if left == 0 {
            return Ok(());
        }
        let end = piece.char_indices().nth(CHARACTERS).map_or(piece.len(), |(at, _)| at);
        let mut tokens = vec![tokenizer.end_id()];
        let path = corpus::name(&recipe.data);
        tokenizer.encode_into(&piece[..end], &mut tokens).map_err(|source| Error::Tokens { path, source })?;
        tokens.truncate(most.min(left + 1));
        left -= tokens.len() - 1;
        pieces += 1;
        all.extend(&properties(trained, &tokens));
        let steps: Vec<usize> = (1..tokens.len()).collect();
        let batch = Packed::new(&[Sequence::Tokens(tokens)]);
        for (model, to) in [(model, &mut own), (&fresh, &mut untrained)] {
            to.read(&model.observe(compute, &batch, None)?.trace, &steps);
        }
        Ok::<_, Error>(())
    })?;
    if own.is_empty() {
        let reason = "a model with backbone window has no unit that carries something from step to step";
        return request.refuse(inspection, View::Units, reason);
    }
    inspection
        .about
        .insert("units".into(), json!({ "text": measured, "pieces": pieces, "steps": READ - left }));
    inspect::units(inspection, "", &own, &all);
    inspect::units(inspection, "untrained.", &untrained, &all);
    inspect::features(inspection, &properties(trained, tokens), 1);
    Ok(())
}

/// The text that each token completes, that of the end of a piece in front being none.
fn pieces(trained: &Trained, tokens: &[u32]) -> Vec<String> {
    let mut decoder = trained.tokenizer.decoder();
    let mut pieces = vec![String::new()];
    pieces.extend(tokens[1..].iter().map(|&id| decoder.push(id).to_owned()));
    if let Some(last) = pieces.last_mut() {
        last.push_str(decoder.finish());
    }
    pieces
}

/// The text of all tokens but the first, which is the end of a piece, and the place of the last character of each.
fn places(trained: &Trained, tokens: &[u32]) -> (String, Vec<usize>) {
    let pieces = pieces(trained, tokens);
    let mut count = 0_usize;
    let of_piece = |piece: &String| {
        count += piece.chars().count();
        count.saturating_sub(1)
    };
    let places = pieces[1..].iter().map(of_piece).collect();
    (pieces.concat(), places)
}

/// The properties of the text behind each token but the first.
fn properties(trained: &Trained, tokens: &[u32]) -> Features {
    let (text, places) = places(trained, tokens);
    let whole =
        if trained.task() == Task::Music { Features::of_tune(&text) } else { Features::of_text(&text) };
    // Of a text that is nothing but a part of a character there is none.
    if text.is_empty() { Features::default() } else { whole.at(&places) }
}

/// The gradients of the losses at some steps of a text.
fn gradients(
    inspection: &mut Inspection,
    prefix: &str,
    compute: &mut Compute,
    (model, recipe): (&LanguageModel, &Recipe),
    [tokens, targets]: [&[u32]; 2],
) -> Result<()> {
    let longest = targets.len().min(FOLLOWED);
    let width = recipe.model.hidden_size * recipe.model.layers;
    let fits = (LOGITS / (longest * model.vocab_size())).min(STATES / (longest * width));
    let ends = fits.clamp(1, ENDS);
    // Sequences that begin with the text and end at steps spread over it, longest first.
    let count = ends.min(longest);
    let lengths: Vec<usize> = (1..=count).rev().map(|number| longest * number / count).collect();
    let sequences: Vec<Sequence> =
        lengths.iter().map(|&length| Sequence::Tokens(tokens[..length].to_vec())).collect();
    let sizes = Packed::new(&sequences).batch_sizes;
    let vocab_size = model.vocab_size();
    let pull = &mut |logits: &[f32]| {
        let mut gradient = vec![0.0; logits.len()];
        for (sequence, &length) in lengths.iter().enumerate() {
            let row = sizes[..length - 1].iter().sum::<usize>() + sequence;
            let range = row * vocab_size..(row + 1) * vocab_size;
            gradient[range.clone()].copy_from_slice(&logits[range.clone()]);
            softmax(&mut gradient[range.clone()]);
            gradient[range.start + targets[length - 1] as usize] -= 1.0;
        }
        gradient
    };
    let names: Vec<String> = lengths.iter().map(|length| (length - 1).to_string()).collect();
    inspection.labels.insert("ends".into(), names);
    let observed = model.observe(compute, &Packed::new(&sequences), Some(pull))?;
    inspect::gradients(inspection, prefix, &observed.trace, "", &sizes);
    Ok(())
}
