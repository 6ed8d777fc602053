//! Better defaults than those of a recurrent language model, for each backbone, task and kind of built-in data.

use super::Backbone::{self, Transformer};
use super::Task::{Auto, Caption, Music, Text, Trajectory, Translate};
use super::{
    Builtin, Channels, FeedForward, Norm, Normalize, Optimizer, Pooling, Position, ScheduleKind, Shortcut,
    Task, Tokenizer,
};
use super::{Recipe, Windows};

/// The recipe of a task, a backbone and built-in data where nothing else is said.
pub(super) fn defaults(task: Task, backbone: Backbone, builtin: Option<Builtin>) -> Recipe {
    let mut recipe = Recipe { task, ..Recipe::default() };
    (recipe.model.backbone, recipe.data.builtin) = (backbone, builtin);
    if backbone == Transformer {
        transformer(&mut recipe);
    }
    let of_task = match task {
        Task::Auto | Task::Music | Task::Text => |_: &mut Recipe| {},
        Task::Classify => classify,
        Task::Regress => regress,
        Task::Translate => translate,
        Task::Caption => caption,
        Task::Forecast => forecast,
        Task::Trajectory => trajectory,
        Task::Memory => memory,
        Task::Chorales => chorales,
        Task::Events => events,
        Task::Tag => tag,
    };
    of_task(&mut recipe);
    // Where a Transformer has learnt more by it than by AdamW in the same time; recurrent layers have not.
    if backbone == Transformer && matches!(task, Auto | Music | Text | Translate | Caption | Trajectory) {
        recipe.training.optimizer = Optimizer::Muon;
    }
    recipe
}

fn transformer(Recipe { data, model, training, .. }: &mut Recipe) {
    // What learns most from a text of a megabyte in some minutes: many small steps of a small model.
    data.windows = Windows::Random;
    (model.layers, model.hidden_size, model.heads, model.dropout) = (4, 128, Some(4), 0.0);
    (model.feed_forward, model.norm) = (FeedForward::Swiglu, Norm::Rms);
    (training.batch, training.length, training.learning_rate) = (12, 64, 3e-3);
    (training.betas, training.weight_decay) = ([0.9, 0.99], 0.1);
    // Its steps are short beside a validation.
    (training.validate_every, training.checkpoint_every) = (500, 500);
}

fn classify(Recipe { data, model, training, .. }: &mut Recipe) {
    data.lowercase = data.builtin.is_none();
    data.tokenizer = Tokenizer::Auto;
    data.patch = match data.builtin {
        Some(Builtin::Waves) => Some(10),
        Some(Builtin::Shapes) => Some(8),
        _ => None,
    };
    if data.builtin.is_some() {
        // They are there to see what a network learns.
        model.shortcut = Shortcut::None;
    }
    (model.hidden_size, model.bidirectional) = (128, true);
    if model.backbone == Transformer {
        (model.layers, model.dropout) = (2, 0.1);
        training.learning_rate = 1e-3;
    } else {
        (model.layers, model.dropout) = (1, 0.5);
        model.pooling = Some(Pooling::Max);
        training.learning_rate = 3e-3;
    }
    training.batch = 32;
    (training.validate_every, training.checkpoint_every, training.patience) = (100, 200, 10);
}

fn regress(Recipe { data, model, training, .. }: &mut Recipe) {
    data.lowercase = true;
    data.tokenizer = Tokenizer::Auto;
    (model.hidden_size, model.bidirectional, model.layers) = (128, true, 1);
    // What is counted together has to be kept apart from noise: hardly anything is dropped.
    (model.dropout, model.pooling) = (0.1, Some(Pooling::Mean));
    training.learning_rate = 3e-3;
    if model.backbone == Transformer {
        (model.layers, training.learning_rate) = (2, 1e-3);
    }
    (training.batch, training.validate_every, training.checkpoint_every) = (32, 100, 200);
    training.patience = 10;
}

fn tag(Recipe { data, model, training, .. }: &mut Recipe) {
    data.tokenizer = Tokenizer::WORDS;
    (model.hidden_size, model.bidirectional) = (128, true);
    if model.backbone == Transformer {
        (model.layers, model.dropout) = (2, 0.1);
        training.learning_rate = 1e-3;
    } else {
        (model.layers, model.dropout) = (1, 0.5);
        training.learning_rate = 3e-3;
    }
    training.batch = 16;
    (training.validate_every, training.checkpoint_every, training.patience) = (100, 200, 8);
}

fn translate(Recipe { data, model, training, .. }: &mut Recipe) {
    data.tokenizer = Tokenizer::Bpe { size: 8_000 };
    (model.layers, model.hidden_size, model.embedding_size, model.dropout) = (1, 384, Some(256), 0.4);
    model.bidirectional = true;
    (training.batch_units, training.length) = (Some(2_000), 100);
    (training.learning_rate, training.label_smoothing) = (1e-3, 0.1);
    (training.validate_every, training.checkpoint_every, training.patience) = (250, 500, 8);
    if model.backbone == Transformer {
        (model.layers, model.hidden_size, model.heads, model.embedding_size) = (4, 128, Some(4), None);
        (model.dropout, model.bias, model.tied_weights) = (0.2, true, true);
        (training.batch_units, training.learning_rate, training.warmup_steps) = (Some(2_500), 3e-3, 500);
        training.betas = [0.9, 0.98];
    }
    if data.builtin.is_some() {
        data.tokenizer = Tokenizer::Word { size: 1_000 };
        (model.hidden_size, model.dropout) = (64, 0.1);
        if model.backbone != Transformer {
            model.embedding_size = Some(16);
        }
        (training.batch_units, training.batch, training.label_smoothing) = (None, 12, 0.0);
    }
}

fn caption(Recipe { data, model, training, .. }: &mut Recipe) {
    data.tokenizer = Tokenizer::Word { size: 10_000 };
    (model.layers, model.hidden_size, model.embedding_size, model.dropout) = (1, 128, Some(64), 0.2);
    model.bidirectional = true;
    (training.batch, training.length, training.learning_rate) = (32, 60, 1e-3);
    (training.validate_every, training.checkpoint_every, training.patience) = (100, 200, 8);
    if model.backbone == Transformer {
        (model.layers, model.embedding_size, model.bias) = (2, None, true);
    }
}

fn forecast(Recipe { model, training, .. }: &mut Recipe) {
    (model.layers, model.hidden_size, model.dropout) = (1, 64, 0.2);
    if model.backbone == Transformer {
        model.layers = 2;
    }
    (training.batch, training.learning_rate) = (64, 1e-3);
    (training.validate_every, training.checkpoint_every, training.patience) = (50, 200, 10);
}

fn trajectory(recipe: &mut Recipe) {
    forecast(recipe);
    let Recipe { data, series, model, training, .. } = recipe;
    data.test_every = 10;
    (series.lookback, series.horizon) = (Some(10), 50);
    // Where walls are does not move with the ball.
    (series.normalize, series.channels) = (Normalize::None, Channels::Joint);
    (model.hidden_size, model.dropout) = (128, 0.0);
    (training.validate_every, training.learning_rate) = (100, 2e-3);
}

fn memory(Recipe { data, model, training, .. }: &mut Recipe) {
    (model.layers, model.hidden_size, model.dropout) = (1, 64, 0.0);
    // Gates that are to open for one mark in hundreds of steps have a long way to go.
    (training.batch, training.learning_rate, training.weight_decay) = (32, 1e-2, 0.0);
    training.schedule = ScheduleKind::Constant;
    (training.validate_every, training.checkpoint_every, training.patience) = (50, 100, 0);
    training.steps = Some(2_000);
    if model.backbone == Transformer {
        (model.layers, model.heads, model.position) = (2, Some(4), Position::Learned);
        training.learning_rate = 3e-3;
    }
    if data.builtin == Some(Builtin::Copy) {
        // Ten symbols among a thousand blanks are found first where there are few blanks.
        training.curriculum = 0.875;
    }
}

fn chorales(Recipe { model, training, .. }: &mut Recipe) {
    (model.layers, model.hidden_size, model.dropout) = (1, 256, 0.3);
    if model.backbone == Transformer {
        (model.layers, model.hidden_size, model.heads, model.dropout) = (3, 128, Some(4), 0.2);
    }
    (training.batch, training.learning_rate) = (16, 2e-3);
    (training.validate_every, training.checkpoint_every) = (50, 100);
    (training.patience, training.plateau_patience) = (8, 3);
}

fn events(Recipe { model, training, .. }: &mut Recipe) {
    (model.hidden_size, model.dropout) = (512, 0.3);
    (training.batch, training.length, training.learning_rate) = (16, 128, 2e-3);
}
