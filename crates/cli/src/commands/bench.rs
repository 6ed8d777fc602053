//! `anaphora bench`: how fast this machine trains and generates.

use std::time::Duration;

use anaphora::Device;
use anaphora::model::Compute;
use anaphora::recipe::{self, Builtin, Recipe};
use anaphora_bench::{Spread, Timing};
use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use crate::device::Numbers;
use crate::error::{Failure, Result};
use crate::numbers::whole;
use crate::output::{counted, print, print_json};

/// How fast this machine trains and generates
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    work: Work,
}

#[derive(Debug, Subcommand)]
enum Work {
    /// A whole training step: embedding, backbone, head, loss, backward, clipping, AdamW
    Train {
        #[command(flatten)]
        model: Model,
        #[command(flatten)]
        language: Language,
        #[command(flatten)]
        batch: Batch,
        #[command(flatten)]
        common: Common,
    },
    /// One stream, each token drawn from the softmax of the one before
    Generate {
        #[command(flatten)]
        model: Model,
        #[command(flatten)]
        language: Language,
        /// Symbols to read before the clock counts
        #[arg(long, default_value_t = 1, value_parser = whole::<usize>(1, MOST))]
        prompt: usize,
        /// How many tokens
        #[arg(long, default_value_t = 2000, value_parser = whole::<usize>(1, MOST))]
        tokens: usize,
        #[command(flatten)]
        common: Common,
    },
    /// Recurrent layers alone: forward, backward with the input's gradient, AdamW
    Layer {
        #[command(flatten)]
        model: Model,
        /// Values a step of the input
        #[arg(long, default_value_t = 128, value_parser = whole::<usize>(1, MOST))]
        input: usize,
        /// Read from both ends
        #[arg(long)]
        bidirectional: bool,
        /// Sequences of unequal lengths, spread evenly over these, instead of --length
        #[arg(long, value_name = "LOW..HIGH", value_parser = lengths)]
        lengths: Option<(usize, usize)>,
        #[command(flatten)]
        batch: Batch,
        #[command(flatten)]
        common: Common,
    },
    /// The matrix product that all of it rests on, large and at an LSTM's step
    Product {
        #[command(flatten)]
        common: Common,
        /// How long each product is repeated, in seconds
        #[arg(long, default_value_t = 1.0, value_parser = seconds)]
        seconds: f64,
    },
}

#[derive(Debug, clap::Args)]
struct Model {
    /// The kind of network; rnn is the one with tanh, transformer a GPT-2
    #[arg(long, value_enum, default_value = "lstm")]
    backbone: Backbone,
    /// Layers on top of each other
    #[arg(long, default_value_t = 1, value_parser = whole::<usize>(1, MOST))]
    layers: usize,
    /// Units of a layer
    #[arg(long, default_value_t = 256, value_parser = whole::<usize>(1, MOST))]
    hidden: usize,
    /// Heads of a transformer [default: one for 64 units]
    #[arg(long, value_parser = whole::<usize>(1, MOST))]
    heads: Option<usize>,
}

#[derive(Debug, clap::Args)]
struct Language {
    /// Values of a symbol's embedding [default: 128, a transformer's width]
    #[arg(long, value_parser = whole::<usize>(1, MOST))]
    embedding: Option<usize>,
    /// Symbols of the vocabulary
    #[arg(long, default_value_t = 65, value_parser = whole::<usize>(1, MOST))]
    vocab: usize,
}

#[derive(Debug, clap::Args)]
struct Batch {
    /// Sequences of a batch
    #[arg(long, default_value_t = 64, value_parser = whole::<usize>(1, MOST))]
    batch: usize,
    /// Steps of a sequence
    #[arg(long, default_value_t = 64, value_parser = whole::<usize>(1, MOST))]
    length: usize,
    /// How long to go on, in seconds
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Number format of products, int8 for generate and product only; without it the faster one of this processor
    #[arg(long, value_enum)]
    precision: Option<Numbers>,
    /// Threads; 0 for all cores
    #[arg(long, default_value_t = 0, value_parser = whole::<usize>(0, 1024))]
    threads: usize,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Backbone {
    Rnn,
    Gru,
    Lstm,
    Transformer,
}

impl Backbone {
    fn kind(self) -> recipe::Backbone {
        match self {
            Self::Rnn => recipe::Backbone::Rnn,
            Self::Gru => recipe::Backbone::Gru,
            Self::Lstm => recipe::Backbone::Lstm,
            Self::Transformer => recipe::Backbone::Transformer,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rnn => "rnn",
            Self::Gru => "gru",
            Self::Lstm => "lstm",
            Self::Transformer => "transformer",
        }
    }
}

impl Common {
    fn device(&self) -> Device {
        Device::new(self.threads, self.precision.unwrap_or(Numbers::Auto).precision())
    }

    /// [`Common::device`] for work with a backward pass.
    fn training_device(&self) -> Result<Device> {
        match self.precision {
            Some(Numbers::Int8) => Err(Failure::call(
                "--precision int8 is for models that have been trained: bench generate and bench product; train and layer take f32 or bf16",
            )),
            _ => Ok(self.device()),
        }
    }
}

/// What is printed of a work's times.
#[derive(Serialize)]
struct Report {
    work: &'static str,
    backbone: &'static str,
    precision: &'static str,
    threads: usize,
    tokens_per_second: f64,
    step_ms: Spread,
    peak_rss_mb: Option<f64>,
    tokens_per_step: usize,
    steps: usize,
    program: &'static str,
}

/// What is printed of a product.
#[derive(Serialize)]
struct ProductReport {
    work: &'static str,
    precision: &'static str,
    threads: usize,
    /// Rows, inner size and columns.
    shape: [usize; 3],
    gflops: f64,
}

/// Rows, inner size and columns of the products measured: a large one, and the hidden state's in an LSTM of 1,024 units with a
/// batch of 32.
const PRODUCTS: [[usize; 3]; 2] = [[2048, 1024, 1024], [32, 1024, 4096]];

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    match &args.work {
        Work::Train { model, language, batch, common } => {
            let mut compute = Compute::new(common.training_device()?);
            let sizes = [batch.batch, batch.length];
            let timing = anaphora_bench::train(
                &recipe(model, language, batch.length)?,
                language.vocab,
                sizes,
                &mut compute,
                batch.time(),
            )?;
            report("train", model, common, &compute.device, &timing)
        }
        Work::Generate { model, language, prompt, tokens, common } => {
            let mut compute = Compute::new(common.device());
            let recipe = recipe(model, language, prompt + tokens)?;
            let timing = anaphora_bench::generate(&recipe, language.vocab, &mut compute, [*prompt, *tokens])?;
            report("generate", model, common, &compute.device, &timing)
        }
        Work::Layer { model, input, bidirectional, lengths, batch, common } => {
            let device = common.training_device()?;
            let batch_sizes = match *lengths {
                Some((low, high)) => anaphora_bench::spread_lengths(batch.batch, low, high),
                None => vec![batch.batch; batch.length],
            };
            if matches!(model.backbone, Backbone::Transformer) {
                let other = "for a transformer take bench train";
                return Err(Failure::call(format!("bench layer times recurrent layers; {other}")));
            }
            let recipe = recipe::Model {
                backbone: model.backbone.kind(),
                layers: model.layers,
                hidden_size: model.hidden,
                bidirectional: *bidirectional,
                ..recipe::Model::default()
            };
            let timing = anaphora_bench::layer(&recipe, *input, &batch_sizes, &device, batch.time())?;
            report("layer", model, common, &device, &timing)
        }
        Work::Product { common, seconds } => {
            let device = common.device();
            for shape in PRODUCTS {
                let gflops =
                    anaphora_bench::product(shape, &device, Duration::from_secs_f64(*seconds))?.gflops;
                let (precision, threads) = (device.precision().name(), device.threads());
                let report = ProductReport { work: "product", precision, threads, shape, gflops };
                let [m, k, n] = shape;
                let text = format!("[{m}, {k}] x [{k}, {n}] in {precision}: {gflops:.0} GF/s");
                show(common.json, &report, &text)?;
            }
            Ok(())
        }
    }
}

impl Batch {
    fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

/// The model that is timed, a Transformer for sequences up to `length`.
fn recipe(model: &Model, language: &Language, length: usize) -> Result<recipe::Model> {
    let backbone = model.backbone.kind();
    let mut recipe = Recipe::for_backbone(backbone);
    recipe.data.builtin = Some(Builtin::Tunes);
    (recipe.training.length, recipe.model.context) = (length, Some(length));
    recipe.model = recipe::Model {
        layers: model.layers,
        hidden_size: model.hidden,
        embedding_size: language.embedding,
        heads: model.heads,
        // The peers have none either.
        dropout: 0.0,
        // As GPT-2 has them, and nanoGPT, the peer.
        position: recipe::Position::Learned,
        feed_forward: recipe::FeedForward::Gelu,
        norm: recipe::Norm::Layer,
        tied_weights: backbone == recipe::Backbone::Transformer,
        ..recipe.model
    };
    recipe.validate().map_err(anaphora::Error::from)?;
    Ok(recipe.model)
}

fn report(
    work: &'static str,
    model: &Model,
    common: &Common,
    device: &Device,
    timing: &Timing,
) -> Result<()> {
    let report = Report {
        work,
        backbone: model.backbone.name(),
        precision: device.precision().name(),
        threads: device.threads(),
        tokens_per_second: timing.tokens_per_second(),
        step_ms: timing.spread(),
        peak_rss_mb: anaphora::machine::peak_memory_mib(),
        tokens_per_step: timing.tokens,
        steps: timing.steps(),
        program: concat!("Anaphora ", env!("CARGO_PKG_VERSION")),
    };
    let Spread { median, min, max } = report.step_ms;
    let text = format!(
        "{work} {} in {} on {}: {:.0} tokens/s, a step in {median:.3} ms ({min:.3} to {max:.3})",
        report.backbone,
        report.precision,
        counted(report.threads, "thread"),
        report.tokens_per_second
    );
    show(common.json, &report, &text)
}

fn show(json: bool, report: &impl Serialize, text: &str) -> Result<()> {
    if json { print_json(report) } else { print(&format!("{text}\n")) }
}

/// The largest size or count.
const MOST: u64 = 1_000_000;

fn seconds(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|s| (0.0..=1e6).contains(s)).ok_or("a number of seconds is wanted".to_owned())
}

fn lengths(text: &str) -> Result<(usize, usize), String> {
    let bound = |text| whole::<usize>(1, MOST)(text).ok();
    let bounds = text.split_once("..").and_then(|(low, high)| Some((bound(low)?, bound(high)?)));
    bounds
        .filter(|(low, high)| low <= high)
        .ok_or("two lengths such as 5..40 are wanted, the shorter first".to_owned())
}
