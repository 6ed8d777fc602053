//! The backbone that a recipe describes.

use anaphora_nn::{
    Activation, Backbone, Builder, Cell, FeedForward, FeedForwardKind, Norm, Position, Recurrent,
    RecurrentOptions, Similarity, Transformer, TransformerOptions,
};

use crate::recipe;

/// Options of a backbone that the task, not the recipe, decides.
#[derive(Clone, Copy, Debug)]
pub struct BackboneOptions {
    /// Input size: values for each step.
    pub input_size: usize,
    /// Whether a step sees only itself and those before it.
    pub causal: bool,
    /// Values for each step of the encoder's memory that a Transformer's blocks attend to, if they do.
    pub memory_size: Option<usize>,
}

impl Default for BackboneOptions {
    fn default() -> Self {
        Self { input_size: 0, causal: true, memory_size: None }
    }
}

/// Makes a backbone; the names of its parameters begin with `prefix`.
pub fn backbone(
    builder: &mut Builder,
    prefix: &str,
    model: &recipe::Model,
    options: BackboneOptions,
) -> Backbone {
    use recipe::Backbone as Kind;
    let recurrent = |builder: &mut Builder, cell| {
        let options = RecurrentOptions {
            cell,
            input_size: options.input_size,
            hidden_size: model.hidden_size,
            layers: model.layers,
            bidirectional: model.bidirectional && !options.causal,
            dropout: model.dropout as f32,
            variational: model.variational_dropout,
            forget_bias: model.forget_bias as f32,
            chrono: model.chrono,
        };
        Backbone::Recurrent(Recurrent::new(builder, &format!("{prefix}rnn"), options))
    };
    match model.backbone {
        Kind::Window => {
            let sizes = [model.window, options.input_size, model.hidden_size, model.layers];
            let name = format!("{prefix}window");
            Backbone::FeedForward(FeedForward::new(builder, &name, sizes, model.dropout as f32))
        }
        Kind::Rnn if model.nonlinearity == recipe::Nonlinearity::Relu => recurrent(builder, Cell::Relu),
        Kind::Rnn => recurrent(builder, Cell::Tanh),
        Kind::Gru => recurrent(builder, Cell::Gru),
        Kind::Lstm => recurrent(builder, Cell::Lstm),
        Kind::Transformer => {
            let BackboneOptions { input_size, causal, memory_size } = options;
            let options = TransformerOptions { input_size, causal, memory_size, ..transformer(model) };
            Backbone::Transformer(Transformer::new(builder, &format!("{prefix}transformer"), options))
        }
    }
}

/// About how many numbers a training keeps of each token or frame for the backward pass, as measured; the output of the head
/// aside.
pub fn numbers_a_unit(model: &recipe::Model) -> f64 {
    use recipe::Backbone as Kind;
    let directions = if model.bidirectional && model.backbone != Kind::Transformer { 2 } else { 1 };
    let numbers = match model.backbone {
        Kind::Window | Kind::Rnn => 4,
        Kind::Gru => 12,
        Kind::Lstm => 16,
        Kind::Transformer => 20,
    };
    (numbers * directions * model.layers * model.hidden_size) as f64
}

/// The standard deviation of an embedding's initial values.
pub fn embedding_deviation(model: &recipe::Model) -> f32 {
    match model.backbone {
        recipe::Backbone::Transformer => 0.02,
        _ if model.tied_weights => 1.0 / (model.embedding_size() as f32).sqrt(),
        _ => 1.0,
    }
}

/// The Transformer that a recipe describes, fed with rows of its own width.
pub(crate) fn transformer(model: &recipe::Model) -> TransformerOptions {
    TransformerOptions {
        input_size: model.hidden_size,
        hidden_size: model.hidden_size,
        layers: model.layers,
        heads: model.heads(),
        kv_heads: model.kv_heads.unwrap_or_else(|| model.heads()),
        feed_forward_size: model.feed_forward_size(),
        feed_forward: match model.feed_forward {
            recipe::FeedForward::Relu => FeedForwardKind::Plain(Activation::Relu),
            recipe::FeedForward::Gelu => FeedForwardKind::Plain(Activation::Gelu),
            recipe::FeedForward::GeluTanh => FeedForwardKind::Plain(Activation::GeluTanh),
            recipe::FeedForward::Swiglu => FeedForwardKind::SwiGlu,
        },
        context: model.context.unwrap_or(recipe::CONTEXT),
        position: match model.position {
            recipe::Position::None => Position::None,
            recipe::Position::Sinusoidal => Position::Sinusoidal,
            recipe::Position::Learned => Position::Learned,
            recipe::Position::Rotary => Position::Rotary,
            recipe::Position::Alibi => Position::Alibi,
        },
        rotary_base: model.rotary_base() as f32,
        norm: match model.norm {
            recipe::Norm::Layer => Norm::Layer,
            recipe::Norm::Rms => Norm::Rms,
        },
        norm_epsilon: model.norm_epsilon() as f32,
        norm_first: model.norm_first,
        similarity: match model.similarity {
            recipe::Similarity::Dot => Similarity::ScaledDotProduct,
            recipe::Similarity::Cosine => Similarity::Cosine,
        },
        bias: model.bias,
        causal: true,
        memory_size: None,
        dropout: model.dropout as f32,
        attention_dropout: model.attention_dropout as f32,
    }
}
