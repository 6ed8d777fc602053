//! Looking into models that read one sequence and write another.

use anaphora_data::error::counted;
use anaphora_data::{Sequence, Tokenizer};
use anaphora_nn::Start;
use anaphora_nn::trace::{Place, Trace, Watched, rows_of};
use serde_json::Value;

use super::{Pairs, search, without_end};
use crate::decoding::search::Search;
use crate::inspect::{self, Inspection, Original, Request, Source, View};
use crate::model::{Compute, EncoderDecoder, PairBatch, Teaching, softmax};
use crate::recipe::Recipe;
use crate::run::assets::Assets;
use crate::tasks::shared::examples::{PredictTask, Reading, Using, name, note_encoding, splits};
use crate::tasks::shared::inspecting::is_one_input;
use crate::tasks::shared::{Input, PredictOptions, Splits};
use crate::{Error, Result, Run};

/// Steps of a source or a target that can be looked at, but for the pixels of a picture.
const LONGEST: usize = 512;
/// Held-out pairs from whose ends gradients are followed back, at most.
const ENDS: usize = 64;
/// Tokens that are followed back to each step of their source, at most.
const FOLLOWED: usize = 128;
/// Steps of the source times tokens, likewise.
const PRODUCTS: usize = 1 << 13;
/// Numbers of logits that are laid out at once, at most.
const LOGITS: usize = 1 << 26;

/// Why a model of pairs does not attend.
const WITHOUT: &str = "the model was trained without attention; one with model.attention luong or bahdanau, or model.backbone transformer, attends";

/// A task of pairs whose models can be looked into.
pub trait InspectPairs: PredictTask<Model = EncoderDecoder, Encoded = Pairs, Example: Clone> {
    /// What the tokens that are written stand for.
    fn target(&self) -> &Tokenizer;

    /// What the tokens that are read stand for; none where no tokens are read.
    fn source(&self) -> Option<&Tokenizer>;

    /// A source in its own units, where it is a picture.
    fn original(&self, _source: &Sequence) -> Option<Original> {
        None
    }

    /// What is to be said of an example as the model reads it.
    ///
    /// # Errors
    /// A source that cannot be read.
    fn notes_of(&self, example: &Self::Example) -> Result<Vec<String>>;

    /// An input without its truth, and what is to be said of it.
    fn look_at_input(&self, input: &Input) -> Result<(Sequence, Vec<String>)>;
}

/// Looks into a run of such a task.
///
/// # Errors
/// As [`tasks::inspect`](crate::tasks::inspect).
pub fn inspect<T: InspectPairs>(run: Run, compute: &mut Compute, request: &Request) -> Result<Inspection> {
    let recipe = run.recipe()?;
    let task = T::open(&recipe, &mut Assets::of(run.path()), &Splits::default())?;
    let mut model = task.model(&recipe, Start::zeros(), None);
    run.load_weights(model.params_mut(), None)?;
    let mut inspection = Inspection::default();
    let found = find(&task, &run, &recipe, &model, compute, request, &mut inspection)?;
    let (source, target) = (&found.sources[0], &found.targets[0]);
    let end = task.target().end_id();
    let longest = source.len().max(target.len());
    let original = task.original(source);
    if longest > LONGEST && original.is_none() {
        let found = counted(longest, "step");
        return Err(Error::Inspect(format!(
            "the pair has {found}, and {LONGEST} at most can be looked at; name a shorter one"
        )));
    }
    let batch = PairBatch::new(&[(source, target)], end);
    let names = |tokenizer: &Tokenizer, ids: &mut dyn Iterator<Item = u32>| -> Vec<String> {
        ids.map(|id| tokenizer.name(id).unwrap_or_default()).collect()
    };
    let all = |tokenizer: &Tokenizer| names(tokenizer, &mut (0..tokenizer.vocab_size() as u32));
    let mut about = inspect::about(&run, &recipe, "token", model.params());
    about.insert("text".into(), task.target().decode(target).into());
    if let (Sequence::Tokens(ids), Some(tokenizer)) = (source, task.source()) {
        about.insert("source".into(), Value::from(tokenizer.decode(ids)));
        inspection.labels.insert("source".into(), names(tokenizer, &mut ids.iter().copied()));
        inspection.labels.insert("source_symbols".into(), all(tokenizer));
        let numbers = ids.iter().map(|&id| id as f32).collect();
        inspection.add("encoder.tokens", &["source"], &[ids.len()], numbers, "number of the symbol read");
    }
    inspection.about = about;
    match original {
        // Views of what is read are drawn over it.
        Some(original) if request.wants_any(&[View::Input, View::Attention, View::Saliency]) => {
            inspection.add_original(original);
        }
        Some(_) => {}
        None => request.refuse(
            &mut inspection,
            View::Input,
            "the model reads symbols, which the other views show",
        )?,
    }
    let read: Vec<u32> = std::iter::once(end).chain(target.iter().copied()).collect();
    let follows: Vec<u32> = target.iter().copied().chain([end]).collect();
    inspection.labels.insert("steps".into(), names(task.target(), &mut read.iter().copied()));
    inspection.labels.insert("symbols".into(), all(task.target()));
    let numbers = |ids: &[u32]| ids.iter().map(|&id| id as f32).collect::<Vec<f32>>();
    inspection.add("tokens", &["steps"], &[read.len()], numbers(&read), "number of the symbol read");
    inspection.add(
        "targets",
        &["steps"],
        &[read.len()],
        numbers(&follows),
        "number of the symbol that follows",
    );

    let observed = model.observe(compute, &batch, None)?;
    let steps = of_encoder(&observed.trace).map_or(source.len(), |input| input.values.len() / input.cols);
    inspection.about.insert("encoder_steps".into(), steps.into());
    if let Sequence::Frames(frames) = source {
        // A stem makes other steps of a picture than were read.
        let is_whole = steps == frames.len();
        let axis = if is_whole { "source" } else { "pixels" };
        let (shape, what) = ([frames.len(), frames.width], "what the model reads at each step");
        inspection.add("encoder.frames", &[axis, "values"], &shape, frames.values.clone(), what);
    }
    if request.wants(View::Next) {
        let (shape, what) = ([read.len(), observed.width], "score of each symbol as the next");
        inspection.add("logits", &["steps", "symbols"], &shape, observed.outputs, what);
    }
    inspect::pass(&mut inspection, &observed.trace, |view| request.wants(view));
    inspect::refuse_by_backbone(&mut inspection, recipe.model.backbone, request, WITHOUT)?;
    if request.wants(View::Embedding) {
        let params = model.params();
        for (name, weight, axis) in [
            ("embedding", "decoder.embedding.weight", "symbols"),
            ("encoder.embedding", "encoder.embedding.weight", "source_symbols"),
        ] {
            if let Some(id) = params.find(weight) {
                let (table, width) = (params.value(id), params.shape(id)[1]);
                inspect::embedding_of(&mut inspection, name, axis, table, width);
            }
        }
    }
    if request.wants(View::Saliency) {
        saliency(&mut inspection, compute, &model, &batch, &follows)?;
    }
    if request.wants(View::Gradients) {
        if run.info().imported.is_some() {
            let reason = "there are no held-out pairs from whose ends gradients could be followed";
            request.refuse(&mut inspection, View::Gradients, reason)?;
        } else if let Some(others) =
            request.need(&mut inspection, View::Gradients, others(&task, &run, &recipe))?
        {
            let fresh = task.model(&recipe, u64::from(recipe.training.seed).into(), None);
            for (prefix, model) in [("", &model), ("untrained.", &fresh)] {
                gradients(&mut inspection, prefix, compute, model, &others, end)?;
            }
        }
    }
    if request.wants(View::Bottleneck) {
        bottleneck(&mut inspection, &task, (&run, &recipe, &model), compute, request)?;
    }
    if request.wants(View::Speed) {
        match source {
            Sequence::Tokens(ids) => {
                let most = recipe.model.context.unwrap_or(recipe.training.length);
                let teaching = Teaching { label_smoothing: 0.0, scheduled_sampling: 0.0 };
                inspect::speed(&mut inspection, model.params(), most, |backward, [rows, length]| {
                    let source = Sequence::Tokens(ids.iter().cycle().take(length).copied().collect());
                    // Behind an end symbol it has the same length.
                    let target = vec![end; length - 1];
                    model.learn(backward, PairBatch::new(&vec![(&source, &target[..]); rows], end), teaching)
                })?;
            }
            Sequence::Frames(_) => {
                let reason = "what this model reads has no length that could be chosen at will";
                request.refuse(&mut inspection, View::Speed, reason)?;
            }
        }
    }
    request.refuse_all(
        &mut inspection,
        &[
            (View::Units, "it is for models that continue a text or a tune"),
            (View::Context, "it is for models that continue a text or a tune"),
            (View::Forecast, "it is for models that forecast series or paths"),
            (View::Tune, "it is for models of tunes"),
        ],
    )?;
    Ok(inspection)
}

/// The pair that is asked for; of a source alone the target is what the model writes.
fn find<T: InspectPairs>(
    task: &T,
    run: &Run,
    recipe: &Recipe,
    model: &EncoderDecoder,
    compute: &mut Compute,
    request: &Request,
    inspection: &mut Inspection,
) -> Result<Pairs> {
    let notes = &mut |note: &str| inspection.notes.push(note.to_owned());
    let (known, path) = (Some(task), name(&recipe.data));
    let examples = match &request.source {
        Source::Text(text) if text.trim().is_empty() => {
            return Err(Error::Inspect("the text is empty; it must have a symbol or more".into()));
        }
        Source::Text(text) => Err(Input::Text(text.clone())),
        Source::File(path, target) => {
            let input = Input::File(path.clone());
            // A picture by itself, and not a table that names some.
            let alone = (task.source().is_none() && path.is_file()).then(|| task.look_at_input(&input));
            match alone {
                Some(Ok(_)) => Err(input),
                Some(Err(error)) if is_one_input(path) => return Err(error),
                _ => {
                    note_encoding(path, &recipe.data, notes)?;
                    let target = target.as_deref();
                    Ok(T::read(&mut Reading { path, target, recipe, known, notes: &mut *notes })?)
                }
            }
        }
        Source::HeldOut => {
            let recipe = Recipe { data: run.data(&recipe.data)?, ..recipe.clone() };
            Ok(splits(&recipe, known, &mut |_| {})?.validation)
        }
    };
    let from = Reading { path: &path, target: None, recipe, known, notes };
    match examples {
        Ok(mut examples) => {
            if request.index >= examples.len() {
                let (count, number) = (counted(examples.len(), "pair"), request.index + 1);
                return Err(Error::Inspect(format!("there are {count}, and number {number} was asked for")));
            }
            let example = examples.swap_remove(request.index);
            let mut from = from;
            task.notes_of(&example)?.iter().for_each(|note| (from.notes)(note));
            let pairs = task.encode(vec![example], &mut from)?;
            if pairs.targets.is_empty() {
                return Err(Error::Inspect("the pair has nothing that is written".into()));
            }
            Ok(pairs)
        }
        Err(input) => {
            let (source, said) = task.look_at_input(&input)?;
            if source.len() > LONGEST && task.original(&source).is_none() {
                let found = counted(source.len(), "step");
                let most = format!("{LONGEST} at most can be looked at; name a shorter one");
                return Err(Error::Inspect(format!("the text has {found}, and {most}")));
            }
            said.iter().for_each(|note| (from.notes)(note));
            (from.notes)("what is written is the model's own, not a truth");
            let options = &PredictOptions::default();
            let mut using = Using { model, compute, from, options };
            let end = task.target().end_id();
            let found = search(&mut using, std::slice::from_ref(&source), end, Search::default())?;
            let best = found.first().and_then(|best| best.first());
            let target = best.map(|best| without_end(best, task.target()).to_vec()).unwrap_or_default();
            Ok(Pairs { sources: vec![source], targets: vec![target], source_of: vec![0] })
        }
    }
}

/// Some held-out pairs.
fn others<T: InspectPairs>(task: &T, run: &Run, recipe: &Recipe) -> Result<Pairs> {
    let recipe = Recipe { data: run.data(&recipe.data)?, ..recipe.clone() };
    let mut held_out = splits(&recipe, Some(task), &mut |_| {})?.validation;
    held_out.truncate(ENDS);
    let path = name(&recipe.data);
    let known = Some(task);
    task.encode(
        held_out,
        &mut Reading { path: &path, target: None, recipe: &recipe, known, notes: &mut |_| {} },
    )
}

/// Adds `saliency.source [steps, source]`: gradient × input of the logit of each token that follows, by the step of the source.
fn saliency(
    inspection: &mut Inspection,
    compute: &mut Compute,
    model: &EncoderDecoder,
    batch: &PairBatch,
    follows: &[u32],
) -> Result<()> {
    if follows.len() > FOLLOWED || follows.len() * batch.read().len() > PRODUCTS {
        return Ok(());
    }
    let (mut all, mut read) = (Vec::new(), 0);
    for (row, &token) in follows.iter().enumerate() {
        let pull = &mut |logits: &[f32]| {
            let mut gradient = vec![0.0; logits.len()];
            gradient[row * logits.len() / follows.len() + token as usize] = 1.0;
            gradient
        };
        let observed = model.observe(compute, batch, Some(pull))?;
        let Some(products) = of_source(&observed.trace) else { return Ok(()) };
        read = products.len();
        all.extend(products);
    }
    let what = "gradient × input of each token that follows, by the step of the source";
    inspection.add("saliency.source", &["steps", "source"], &[follows.len(), read], all, what);
    Ok(())
}

/// What the encoder's backbone reads.
fn of_encoder(trace: &Trace) -> Option<&Watched> {
    let is_input =
        |watched: &&Watched| watched.place == Place::Input && watched.weight.starts_with("encoder.");
    trace.watched.iter().find(is_input)
}

/// Gradient × input of each step that the encoder reads.
fn of_source(trace: &Trace) -> Option<Vec<f32>> {
    let input = of_encoder(trace)?;
    let rows = input.values.chunks_exact(input.cols).zip(input.gradient.chunks_exact(input.cols));
    Some(rows.map(|(x, dx)| x.iter().zip(dx).map(|(x, dx)| x * dx).sum()).collect())
}

/// Follows the gradients of the losses at the ends of pairs back: in the decoder by the steps before them, in the encoder by
/// those before the end of the source.
fn gradients(
    inspection: &mut Inspection,
    prefix: &str,
    compute: &mut Compute,
    model: &EncoderDecoder,
    pairs: &Pairs,
    end: u32,
) -> Result<()> {
    let mut chosen: Vec<usize> = (0..pairs.targets.len()).collect();
    let numbers = |chosen: &[usize]| {
        let tokens: usize = chosen.iter().map(|&pair| pairs.targets[pair].len() + 1).sum();
        tokens * model.vocab_size()
    };
    while chosen.len() > 1 && numbers(&chosen) > LOGITS {
        chosen.pop();
    }
    if chosen.is_empty() {
        return Ok(());
    }
    let batch = pairs.batch(&chosen, end);
    let (written, targets) = batch.written();
    let pull = &mut |logits: &[f32]| {
        let width = logits.len() / targets.len();
        let mut gradient = vec![0.0; logits.len()];
        for sequence in 0..written[0] {
            let Some(&row) = rows_of(written, sequence).last() else { continue };
            let own = row * width..(row + 1) * width;
            gradient[own.clone()].copy_from_slice(&logits[own.clone()]);
            softmax(&mut gradient[own.clone()]);
            gradient[own.start + targets[row] as usize] -= 1.0;
        }
        gradient
    };
    let observed = model.observe(compute, &batch, Some(pull))?;
    inspect::gradients(inspection, prefix, &observed.trace, "", written);
    inspect::gradients(inspection, prefix, &observed.trace, "encoder.", batch.read());
    Ok(())
}

/// Adds `bottleneck.score [lengths]`: BLEU by the number of words of the source.
fn bottleneck<T: InspectPairs>(
    inspection: &mut Inspection,
    task: &T,
    (run, recipe, model): (&Run, &Recipe, &EncoderDecoder),
    compute: &mut Compute,
    request: &Request,
) -> Result<()> {
    const REASON: &str = "it is for models that translate, whose sources have a length";
    if task.source().is_none() {
        return request.refuse(inspection, View::Bottleneck, REASON);
    }
    let known = Some(task);
    let (examples, path) = match &request.source {
        Source::File(path, target) => {
            let target = target.as_deref();
            (T::read(&mut Reading { path, target, recipe, known, notes: &mut |_| {} })?, path.clone())
        }
        _ => {
            let recipe = Recipe { data: run.data(&recipe.data)?, ..recipe.clone() };
            (splits(&recipe, known, &mut |_| {})?.validation, name(&recipe.data))
        }
    };
    let from = Reading { path: &path, target: None, recipe, known, notes: &mut |_| {} };
    let options = &PredictOptions::default();
    let evaluation = task.evaluate(&mut Using { model, compute, from, options }, examples)?;
    let Some(rows) = evaluation.details.get("by_length").and_then(Value::as_array) else {
        return request.refuse(inspection, View::Bottleneck, REASON);
    };
    let length = |row: &Value| match (row["words"][0].as_u64(), row["words"][1].as_u64()) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (least, _) => format!("{} or more", least.unwrap_or_default()),
    };
    let number = |row: &Value, key: &str| row[key].as_f64().unwrap_or(f64::NAN) as f32;
    let (scores, counts): (Vec<f32>, Vec<f32>) =
        rows.iter().map(|row| (number(row, "bleu"), number(row, "pairs"))).unzip();
    inspection.labels.insert("lengths".into(), rows.iter().map(length).collect());
    inspection.add(
        "bottleneck.score",
        &["lengths"],
        &[rows.len()],
        scores,
        "BLEU by the words of the source",
    );
    inspection.add("bottleneck.pairs", &["lengths"], &[rows.len()], counts, "pairs of such a length");
    Ok(())
}
