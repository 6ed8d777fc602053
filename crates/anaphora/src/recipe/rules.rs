//! Which fields go together. Each rule is arithmetic on the recipe alone, and says in a sentence what is wrong.

use super::field::Field;
use super::{Attention, Backbone, Builtin, Input, Position, Recipe, ScheduleKind, Task};

/// Most layers of a recurrent model: gradients hardly come through more.
const RECURRENT_LAYERS: usize = 8;

/// What is missing before anything can be learnt.
pub(super) fn missing(Recipe { task, data, .. }: &Recipe) -> Option<String> {
    if data.builtin.is_some() {
        return None;
    }
    if *task == Task::Memory {
        return Some("the task memory makes its own examples; set data.builtin to adding or copy".into());
    }
    if data.train.is_some() {
        return None;
    }
    let what = "there is nothing to learn from: name a file or folder (data.train)";
    Some(format!(
        "{what}, with its translation in data.target where one is to be learnt, or data made by rule (data.builtin, as tunes)"
    ))
}

/// The first thing in which the data's fields do not go together.
pub(super) fn data(recipe: &Recipe) -> Option<String> {
    let Recipe { task, data, training, .. } = recipe;
    let holds_out = Field::find("data.validation_fraction").is_ok_and(|field| recipe.reads(field));
    if holds_out && data.validation_fraction == 0.0 {
        let needed = "it takes a share above 0, or data.validation names a file to validate on";
        return Some(format!("data.validation_fraction is 0, which leaves nothing to validate on; {needed}"));
    }
    if data.builtin == Some(Builtin::Adding) && training.length < 2 {
        let length = training.length;
        return Some(format!(
            "training.length is {length}, and data.builtin = \"adding\" marks two numbers; it takes 2 or more"
        ));
    }
    let pictures = [Input::Auto, Input::Rows, Input::Patches, Input::Picture];
    if *task == Task::Caption && !pictures.contains(&data.input) {
        let input = super::field::word(data.input);
        return Some(format!(
            "data.input is {input}, and the task caption reads a picture; it takes rows, patches or picture"
        ));
    }
    let builtin = match (&data.train, data.builtin) {
        (Some(train), Some(_)) => {
            let train = train.display();
            return Some(format!("data.train is {train} while data.builtin is set; leave one of them out"));
        }
        (_, builtin) => builtin?,
    };
    let needed = builtin.task();
    (*task != Task::Auto && *task != needed)
        .then(|| format!("task is {task}, but data.builtin is {builtin}, which is for {needed}"))
}

/// The first thing in which the model's fields do not go together.
pub(super) fn model(Recipe { task, model, .. }: &Recipe) -> Option<String> {
    if model.tied_weights && model.embedding_size() != model.hidden_size {
        let (embedding, hidden) = (model.embedding_size(), model.hidden_size);
        let needs = "model.tied_weights needs model.embedding_size and model.hidden_size to be equal";
        return Some(format!("{needs}, but they are {embedding} and {hidden}"));
    }
    let transformer = model.backbone == Backbone::Transformer;
    if transformer {
        let (hidden, heads) = (model.hidden_size, model.heads());
        let set = "set model.heads, model.kv_heads or model.hidden_size";
        if heads == 0 || !hidden.is_multiple_of(heads) {
            return Some(format!("{heads} heads do not divide a width of {hidden}; {set}"));
        }
        let kv_heads = model.kv_heads.unwrap_or(heads);
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Some(format!(
                "{kv_heads} heads of keys and values do not divide {heads} heads of queries; {set}"
            ));
        }
        let head_size = hidden / heads;
        if model.position == Position::Rotary && !head_size.is_multiple_of(2) {
            return Some(format!("rotary positions turn pairs of values, and a head has {head_size}; {set}"));
        }
    }
    if model.backbone == Backbone::Window && matches!(task, Task::Translate | Task::Caption) {
        return Some("model.backbone = \"window\" cannot write a sequence of another; choose a recurrent one or transformer".into());
    }
    if model.input_feeding && (transformer || model.attention == Attention::None) {
        let backbone = if transformer { "backbone = \"transformer\"" } else { "attention = \"none\"" };
        return Some(format!(
            "model.input_feeding goes with a recurrent decoder that has attention, and model.{backbone}"
        ));
    }
    if model.input_feeding && model.variational_dropout {
        return Some("model.variational_dropout keeps a mask for all steps, and with model.input_feeding the decoder goes a step at a time; leave one of them out".into());
    }
    let levels = &model.levels;
    if !levels.is_sorted_by(|a, b| a < b) || !levels.contains(&0.5) {
        return Some(format!("model.levels is {levels:?}; it takes ascending levels, 0.5 among them"));
    }
    let recurrent = matches!(model.backbone, Backbone::Rnn | Backbone::Gru | Backbone::Lstm);
    if recurrent && model.layers > RECURRENT_LAYERS {
        let layers = model.layers;
        return Some(format!("model.layers is {layers}; a recurrent model has {RECURRENT_LAYERS} at most"));
    }
    None
}

/// The first thing in which the training's fields do not go together, or with the model's.
pub(super) fn training(Recipe { task, model, training, .. }: &Recipe) -> Option<String> {
    let windows = model.backbone == Backbone::Transformer && task.continues();
    let context = model.context.filter(|_| windows);
    if let Some(context) = context.filter(|&context| context < training.length) {
        let length = training.length;
        return Some(format!(
            "training.length is {length}, but model.context only {context}; a window has to fit into the context"
        ));
    }
    let known_end = training.steps.is_some() || training.epochs.is_some() || training.minutes.is_some();
    if training.schedule == ScheduleKind::Cosine && !known_end {
        let needs =
            "training.schedule = \"cosine\" needs training.steps, training.epochs or training.minutes";
        return Some(format!("{needs}, for it must know where it ends"));
    }
    if !known_end && training.patience == 0 {
        let set = "set training.steps, training.epochs, training.minutes or training.patience";
        return Some(format!("nothing would end this training; {set}"));
    }
    None
}
