//! Looking into models of tasks with whole examples.

use std::path::Path;

use anaphora_data::error::counted;
use anaphora_data::{Packed, Place, wanted};
use anaphora_nn::Start;
use anaphora_nn::trace::Place as PlaceSeen;
use serde_json::Value;

use super::examples::splits;
use super::{ExampleTask, Input, Prepares, Reading, Splits, name, note_encoding};
use crate::inspect::{self, Inspection, Original, Request, Says, Sounding, Source, View};
use crate::model::{Compute, Observe, SequenceModel, Targets};
use crate::recipe::{Backbone, Recipe, Task};
use crate::run::assets::Assets;
use crate::{Error, Result, Run};

/// Steps of an input that can be looked at, but for the pixels of a picture.
const LONGEST: usize = 2_048;
/// Held-out examples from whose ends gradients are followed back, at most.
const ENDS: usize = 64;
/// Steps of all of them together, at most.
const STEPS: usize = 1 << 15;

/// An input as a model reads it, with names for what is seen.
pub struct Looked {
    /// One sequence.
    pub batch: Packed,
    /// What each step is called; numbers where there are none.
    pub steps: Option<Vec<String>>,
    /// The text, where it is one.
    pub text: Option<String>,
    /// What is to be said of it.
    pub notes: Vec<String>,
}

/// What the columns of a model's output and the rows of its embedding are called.
pub struct Names {
    /// Classes, labels or numbers.
    pub outputs: Vec<String>,
    /// Symbols that are read; none where steps are no symbols.
    pub symbols: Option<Vec<String>>,
    /// How outputs become what they say.
    pub says: Says,
    /// What a step is called.
    pub unit: &'static str,
    /// Whether something is told of each step.
    pub is_each_step: bool,
}

/// A model to look into, and how to make one of its shape that has learnt nothing.
pub struct Subject<'a> {
    /// The run.
    pub run: &'a Run,
    /// Its recipe.
    pub recipe: &'a Recipe,
    /// The model.
    pub model: &'a SequenceModel,
    /// Makes the other.
    pub fresh: &'a dyn Fn() -> SequenceModel,
    /// What it reads and says.
    pub names: Names,
    /// The input in its own units, where it is no text.
    pub original: Option<Original>,
    /// The notes that are read, where it is music.
    pub sounding: Vec<Sounding>,
}

/// A task whose models can be looked into.
pub trait InspectTask: ExampleTask<Model = SequenceModel, Example: Clone> {
    /// The names of what the model reads and says.
    fn names(&self) -> Names;

    /// The name of the run's file of what the model reads and says.
    fn file(&self) -> &'static str;

    /// How what is read becomes the model's numbers.
    fn prepares(&self) -> Prepares {
        Prepares::Plain
    }

    /// What else of a vocabulary another program has to know: what each is, and it as JSON.
    fn vocabularies(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The symbol that ends what is read, where one does.
    fn end(&self) -> Option<u32> {
        None
    }

    /// Inputs without their truth.
    fn look_at_input(&self, input: &Input, recipe: &Recipe) -> Result<Vec<Looked>>;

    /// What an example's steps are called, and its text; `batch` is how the model reads it.
    fn look_at(&self, example: &Self::Example, batch: &Packed) -> (Option<Vec<String>>, Option<String>);

    /// What is to be said of an example as the model reads it.
    fn notes_of(&self, _example: &Self::Example) -> Vec<String> {
        Vec::new()
    }

    /// What the model reads in its own units, where it is no text; `batch` holds one example.
    fn original(&self, _batch: &Packed) -> Option<Original> {
        None
    }

    /// The notes that are read, where it is music; `batch` holds one example.
    fn sounding(&self, _batch: &Packed) -> Vec<Sounding> {
        Vec::new()
    }

    /// Examples as the model reads them, nothing of them changed by chance.
    fn batch_of(&self, examples: &Self::Encoded, batch: &[usize]) -> (Packed, Targets) {
        self.batch(examples, batch, Place::default())
    }
}

/// Looks into a run of such a task.
///
/// # Errors
/// As [`tasks::inspect`](crate::tasks::inspect).
pub fn inspect<T: InspectTask>(run: Run, compute: &mut Compute, request: &Request) -> Result<Inspection> {
    let recipe = run.recipe()?;
    let task = T::open(&recipe, &mut Assets::of(run.path()), &Splits::default())?;
    let mut model = task.model(&recipe, Start::zeros(), None);
    run.load_weights(model.params_mut(), None)?;
    let mut inspection = Inspection::default();
    let (looked, truth) = find(&task, &run, &recipe, request, &mut inspection)?;
    let others = if request.wants(View::Gradients) {
        request.need(&mut inspection, View::Gradients, others(&task, &run, &recipe))?.flatten()
    } else {
        None
    };
    let fresh = &|| task.model(&recipe, u64::from(recipe.training.seed).into(), None);
    let original = task.original(&looked.batch);
    let (names, sounding) = (task.names(), task.sounding(&looked.batch));
    let subject = Subject { run: &run, recipe: &recipe, model: &model, fresh, names, original, sounding };
    look(&mut inspection, subject, compute, request, (looked, truth), others)?;
    Ok(inspection)
}

/// The example that is asked for, and what is true of it.
fn find<T: InspectTask>(
    task: &T,
    run: &Run,
    recipe: &Recipe,
    request: &Request,
    inspection: &mut Inspection,
) -> Result<(Looked, Option<Targets>)> {
    let notes = &mut |note: &str| inspection.notes.push(note.to_owned());
    let known = Some(task);
    let (mut examples, path) = match &request.source {
        Source::Text(text) if text.trim().is_empty() => {
            return Err(Error::Inspect("the text is empty; it must have a symbol or more".into()));
        }
        Source::Text(text) => {
            let input = Input::Text(text.clone());
            return Ok((nth(task.look_at_input(&input, recipe)?, request.index, input.path())?, None));
        }
        Source::File(path, target) => {
            note_encoding(path, &recipe.data, notes)?;
            let target = target.as_deref();
            match T::read(&mut Reading { path, target, recipe, known, notes: &mut *notes }) {
                Ok(examples) => (examples, path.clone()),
                // What has no truths in it may be something to predict from.
                Err(error) => match task.look_at_input(&Input::File(path.clone()), recipe) {
                    Ok(all) => return Ok((nth(all, request.index, path)?, None)),
                    Err(other) => return Err(if is_one_input(path) { other } else { error }),
                },
            }
        }
        Source::HeldOut => {
            let recipe = Recipe { data: run.data(&recipe.data)?, ..recipe.clone() };
            (splits(&recipe, known, &mut |_| {})?.validation, name(&recipe.data))
        }
    };
    if request.index >= examples.len() {
        return Err(beyond(examples.len(), request.index, &path));
    }
    let example = examples.swap_remove(request.index);
    let mut from = Reading { path: &path, target: None, recipe, known, notes };
    let encoded = task.encode(vec![example.clone()], &mut from)?;
    let (batch, targets) = task.batch_of(&encoded, &[0]);
    let (steps, text) = task.look_at(&example, &batch);
    Ok((Looked { batch, steps, text, notes: task.notes_of(&example) }, Some(targets)))
}

/// Whether a file is to be an input by itself, as a sound or a picture, and no table of examples.
pub(super) fn is_one_input(path: &Path) -> bool {
    let is_table = path.extension().is_some_and(|extension| {
        ["csv", "tsv", "txt", "json", "jsonl"].iter().any(|table| extension.eq_ignore_ascii_case(table))
    });
    path.is_file() && !is_table
}

/// Some held-out examples, longest first, and what is true of them; none of a model without data.
fn others<T: InspectTask>(task: &T, run: &Run, recipe: &Recipe) -> Result<Option<(Packed, Targets)>> {
    if run.info().imported.is_some() {
        return Ok(None);
    }
    let recipe = Recipe { data: run.data(&recipe.data)?, ..recipe.clone() };
    let mut held_out = splits(&recipe, Some(task), &mut |_| {})?.validation;
    held_out.truncate(ENDS);
    let path = name(&recipe.data);
    let mut from =
        Reading { path: &path, target: None, recipe: &recipe, known: Some(task), notes: &mut |_| {} };
    let encoded = task.encode(held_out, &mut from)?;
    let lengths = task.lengths(&encoded);
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&example| std::cmp::Reverse(lengths[example]));
    // The longest may be too many steps together.
    while order.len() > 1 && order.len() * lengths[order[0]] > STEPS {
        order.remove(0);
    }
    Ok((!order.is_empty()).then(|| task.batch_of(&encoded, &order)))
}

/// One of several inputs, by its number from 0.
fn nth(mut all: Vec<Looked>, index: usize, path: &Path) -> Result<Looked> {
    if index < all.len() { Ok(all.swap_remove(index)) } else { Err(beyond(all.len(), index, path)) }
}

fn beyond(count: usize, index: usize, path: &Path) -> Error {
    let (path, count) = (path.display(), counted(count, "example"));
    Error::Inspect(format!("{path} has {count}, and number {} was asked for", index + 1))
}

/// Fills an inspection with what the model does on one input; `others` are examples from whose ends gradients are followed back.
///
/// # Errors
/// A view that was asked for by name and cannot be given.
pub fn look(
    inspection: &mut Inspection,
    subject: Subject,
    compute: &mut Compute,
    request: &Request,
    (looked, truth): (Looked, Option<Targets>),
    others: Option<(Packed, Targets)>,
) -> Result<()> {
    let Subject { run, recipe, model, fresh, names, original, sounding } = subject;
    let Looked { batch, steps, text, notes } = looked;
    inspection.notes.extend(notes);
    let count = batch.batch_sizes.len();
    if count > LONGEST && !matches!(original, Some(Original::Picture(_))) {
        let found = counted(count, "step");
        return Err(Error::Inspect(format!(
            "the input has {found}, and {LONGEST} at most can be looked at; name a shorter one"
        )));
    }
    let params = Observe::params(model);
    let mut about = inspect::about(run, recipe, names.unit, params);
    about.extend(text.map(|text| ("text".to_owned(), Value::from(text))));
    let says = match names.says {
        Says::Classes => "classes",
        Says::Labels => "labels",
        Says::Numbers { .. } | Says::Window => "numbers",
    };
    about.insert("says".into(), says.into());
    inspection.about = about;
    if request.wants(View::Tune) {
        inspect::sounding(inspection, sounding);
    }
    if !inspection.about.contains_key("notes") {
        request.refuse(inspection, View::Tune, "no music was read")?;
    }
    match original {
        // Views of what is read are drawn over it.
        Some(original)
            if request.wants_any(&[View::Input, View::Forecast, View::Attention, View::Saliency]) =>
        {
            inspection.add_original(original);
        }
        Some(_) => {}
        None => {
            request.refuse(inspection, View::Input, "the model reads symbols, which the other views show")?
        }
    }
    inspection.labels.extend(steps.map(|steps| ("steps".to_owned(), steps)));
    inspection.labels.insert("classes".into(), names.outputs.clone());
    if let Some(symbols) = &names.symbols {
        inspection.labels.insert("symbols".into(), symbols.clone());
    }

    wanted::check()?;
    let observed = model.observe(compute, &batch, None)?;
    if batch.ids.is_empty() {
        let width = batch.values.len() / count.max(1);
        // A stem makes other steps of a picture than were read.
        let mut inputs = observed.trace.watched.iter().filter(|watched| watched.place == PlaceSeen::Input);
        let is_whole = inputs.any(|input| input.values.len() == count * input.cols);
        let axis = if is_whole { "steps" } else { "pixels" };
        let what = "what the model reads at each step";
        inspection.add("frames", &[axis, "values"], &[count, width], batch.values.clone(), what);
    } else {
        let ids = batch.ids.iter().map(|&id| id as f32).collect();
        inspection.add("tokens", &["steps"], &[count], ids, "number of the symbol read");
    }
    let width = observed.width;
    let rows = observed.outputs.len() / width.max(1);
    let (axes, shape): (&[&str], &[usize]) =
        if names.is_each_step { (&["steps", "classes"], &[rows, width]) } else { (&["classes"], &[width]) };
    let mut said = observed.outputs.clone();
    inspection.add("logits", axes, shape, observed.outputs, "output of the head");
    if !batch.offsets.is_empty() {
        let what = "what of the logits is the linear map's";
        inspection.add("linear", axes, shape, batch.offsets.clone(), what);
        let note = "what the model says is the sum of a linear map of words and characters and of the network; gradients, states and saliency are of the network alone, and what is said after each step counts the map of the whole text";
        inspection.notes.push(note.to_owned());
    }
    if names.says != Says::Window {
        said.chunks_exact_mut(width.max(1)).for_each(|row| names.says.apply(row));
        let what = "what the model says: probabilities, or numbers in their own unit";
        inspection.add("said", axes, shape, said, what);
    }
    if let Some(targets) = truth.filter(|_| names.says != Says::Window) {
        let values = match targets {
            Targets::Classes(classes) => classes.iter().map(|&class| class as f32).collect(),
            Targets::Values(mut values) => {
                if matches!(names.says, Says::Numbers { .. }) {
                    names.says.apply(&mut values);
                }
                values
            }
        };
        inspection.add("targets", &["truths"], &[values.len()], values, "what is true");
    }
    inspect::pass(inspection, &observed.trace, |view| request.wants(view));
    applies(inspection, recipe, request)?;
    if request.wants(View::Embedding) {
        match (params.find("embedding.weight"), &names.symbols) {
            (Some(id), Some(_)) => inspect::embedding(inspection, params.value(id), params.shape(id)[1]),
            _ => request.refuse(
                inspection,
                View::Embedding,
                "the model reads no symbols that it has rows for",
            )?,
        }
    }
    // What a stem reads as a whole has no beginning that could be read alone, and no other length.
    let is_whole = inspection.get("frames").is_some_and(|frames| frames.axes[0] == "pixels");
    if request.wants(View::Saliency) {
        if !inspect::saliency(inspection, compute, model, &batch, names.is_each_step)? {
            let reason = "the sequence is too long to follow what is told of each of its steps back to each";
            request.refuse(inspection, View::Saliency, reason)?;
        }
        if !names.is_each_step && !is_whole && names.says != Says::Window {
            inspect::running(inspection, compute, model, &batch, names.says)?;
        }
    }
    if request.wants(View::Speed) {
        if batch.spelling.is_some() || is_whole {
            let reason = "what this model reads has no length that could be chosen at will";
            request.refuse(inspection, View::Speed, reason)?;
        } else {
            let most = if recipe.model.backbone == Backbone::Transformer { count } else { usize::MAX };
            inspect::speed(inspection, params, most, |backward, [rows, length]| {
                let told = if names.is_each_step { rows * length } else { rows };
                let targets = match names.says {
                    Says::Classes => Targets::Classes(vec![0; told]),
                    Says::Labels | Says::Numbers { .. } | Says::Window => {
                        Targets::Values(vec![0.0; told * names.outputs.len()])
                    }
                };
                model.learn(backward, &inspect::repeated(&batch, rows, length), &targets)
            })?;
        }
    }
    if request.wants(View::Gradients) {
        match others {
            // What is told of each step hangs on steps behind it too.
            _ if names.is_each_step && !is_causal(recipe) => {
                let reason = "something is told of each step from all of them, before and behind; the view saliency shows from which";
                request.refuse(inspection, View::Gradients, reason)?;
            }
            None if inspection.not_shown.contains_key("gradients") => {}
            None => {
                let reason = "there are no held-out examples from whose ends gradients could be followed";
                request.refuse(inspection, View::Gradients, reason)?;
            }
            Some((batch, targets)) => {
                let untrained = fresh();
                for (prefix, model) in [("", model), ("untrained.", &untrained)] {
                    wanted::check()?;
                    let observed = model.observe_loss(compute, &batch, &targets)?;
                    inspect::gradients(inspection, prefix, &observed.trace, "", &batch.batch_sizes);
                }
            }
        }
    }
    Ok(())
}

/// Whether a step sees only itself and those before it.
fn is_causal(recipe: &Recipe) -> bool {
    matches!(recipe.task, Task::Chorales | Task::Memory)
}

/// Says of which of the views there is nothing to see in such a model.
fn applies(inspection: &mut Inspection, recipe: &Recipe, request: &Request) -> Result<()> {
    inspect::refuse_by_backbone(inspection, recipe.model.backbone, request, inspect::NO_ATTENTION)?;
    if !matches!(recipe.task, Task::Forecast | Task::Trajectory) {
        request.refuse(inspection, View::Forecast, "it is for models that forecast series or paths")?;
    }
    let next = "it is for models that continue a text";
    let units = "it is for models that continue a text or a tune, whose symbols have properties by rule";
    request.refuse_all(
        inspection,
        &[
            (View::Next, next),
            (View::Context, "it is for models that continue a text, a tune or events"),
            (View::Units, units),
            (View::Bottleneck, "it is for models that translate"),
        ],
    )
}
