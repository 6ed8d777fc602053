//! Models as ONNX files, of opset 18: graphs of operators that onnxruntime and others run.
//!
//! What a model reads and says has the same names in every file; a state goes in and comes out, so that a sequence may be read in
//! stretches. What a caller must know beside it is in the file's metadata.

mod graph;
mod input;
mod pairs;
mod protobuf;
mod recurrent;
mod sequence;
mod series;
mod transformer;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use self::graph::Graph;
use self::protobuf::{File, Message};
use self::sequence::Plan;
use crate::error::{Error, Result};
use crate::inspect::Says;
use crate::model::{Reads, Shape, transformer as options_of};
use crate::recipe::Backbone;
use crate::run::Run;
use crate::run::atomic::write_atomic;
use crate::tasks::{self, AnyModel, Portable, Prepares};

/// The version of the file's format, and that of its operators.
const IR: i64 = 8;
const OPSET: i64 = 18;

/// How long the sequences of a batch are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lengths {
    /// Each as `sequence_lens` says.
    #[default]
    Any,
    /// All alike: graphs have no `sequence_lens`, which some runtimes do not know of recurrent layers.
    Equal,
}

/// The parts that a model of pairs is written in.
const PARTS: [&str; 2] = ["encoder", "decoder"];

/// The files that [`export`] writes for a path that ends in `.onnx`: itself, or of a model that reads one sequence and writes
/// another one for each of the two.
///
/// # Errors
/// As [`Run::open`].
pub fn files(run: &Path, path: &Path) -> Result<Vec<PathBuf>> {
    let is_pair = Run::open(run)?.info().task.is_of_pairs();
    Ok(if is_pair {
        PARTS.iter().map(|part| path.with_extension(format!("{part}.onnx"))).collect()
    } else {
        vec![path.to_owned()]
    })
}

/// Writes a run's model; returns the files.
///
/// # Errors
/// As [`tasks::open`]; a model that is larger than a file of this format may be ([`Error::NotPortable`]).
pub fn export(run: &Path, path: &Path, lengths: Lengths) -> Result<Vec<PathBuf>> {
    let files = files(run, path)?;
    let portable = tasks::portable(run)?;
    let params = portable.model.params();
    let graphs = match &portable.model {
        AnyModel::Language(model) => {
            let vocab_size = model.vocab_size();
            let shape = Shape {
                reads: Reads::Tokens(vocab_size),
                outputs: vocab_size,
                each_step: true,
                causal: true,
            };
            let mut graph = Graph::new(params);
            Plan { model: model.recipe(), shape, prepares: &portable.prepares, says: None, lengths }
                .build(&mut graph)?;
            vec![graph]
        }
        AnyModel::Sequence(model) => {
            let plan = Plan {
                model: model.recipe(),
                shape: model.shape(),
                prepares: &portable.prepares,
                says: portable.says,
                lengths,
            };
            let mut graph = Graph::new(params);
            match &portable.prepares {
                Prepares::Series(interface) => series::build(&mut graph, &plan, interface),
                _ => plan.build(&mut graph)?,
            }
            vec![graph]
        }
        AnyModel::Pairs(model) => {
            let (mut encoder, mut decoder) = (Graph::new(params), Graph::new(params));
            let (recipe, reads) = (model.recipe(), model.reads());
            pairs::encoder(&mut encoder, recipe, reads, &portable.prepares, lengths)?;
            let counts = lengths == Lengths::Any && matches!(reads, Reads::Tokens(_));
            pairs::decoder(&mut decoder, recipe, counts);
            vec![encoder, decoder]
        }
    };
    let metadata = metadata(&portable)?;
    for (file, graph) in files.iter().zip(graphs) {
        write(file, graph, &metadata, &portable)?;
    }
    Ok(files)
}

/// Writes a graph as a model.
fn write(path: &Path, graph: Graph, metadata: &[(&str, String)], portable: &Portable) -> Result<()> {
    let opset = Message::default().bytes(1, "").int(2, OPSET);
    let mut model = Message::default()
        .int(1, IR)
        .bytes(2, "anaphora")
        .bytes(3, env!("CARGO_PKG_VERSION"))
        .message(8, opset);
    for (key, value) in metadata {
        model = model.message(14, Message::default().bytes(1, key).bytes(2, value));
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let file = File { model, graph: graph.message(&name), tensors: graph.tensors };
    if let Some(bytes) = file.excess() {
        let (run, gigabytes) = (portable.run.path().display(), bytes as f64 / 1e9);
        return Err(Error::NotPortable(format!(
            "{run}: the model takes {gigabytes:.2} GB, and an ONNX file holds 2.14 GB at most"
        )));
    }
    write_atomic(path, |writer| file.write(writer))
}

/// What a caller must know beside the names and shapes of the graph.
fn metadata(portable: &Portable) -> Result<Vec<(&'static str, String)>> {
    let Portable { run, recipe, model, says, outputs, end, files, .. } = portable;
    let own = match model {
        AnyModel::Language(model) => model.recipe(),
        AnyModel::Sequence(model) => model.recipe(),
        AnyModel::Pairs(model) => model.recipe(),
    };
    let mut all = vec![("task", run.info().task.to_string()), ("backbone", own.backbone.to_string())];
    let says = match (says, model) {
        (Some(Says::Classes), _) => "classes: a soft-max of logits",
        (Some(Says::Labels), _) => "labels: a sigmoid of each logit",
        (Some(Says::Numbers { .. }), _) => "numbers",
        (Some(Says::Window), _) | (None, AnyModel::Sequence(_)) => "forecast",
        (None, _) => "symbols: a soft-max of logits",
    };
    all.push(("says", says.to_owned()));
    all.extend(outputs.as_ref().map(|outputs| ("classes", json!(outputs).to_string())));
    all.extend(end.map(|end| ("end_token", end.to_string())));
    if own.backbone == Backbone::Transformer {
        let options = options_of(own);
        // Where places are counted from the beginning there are no more than these.
        let what = if options.position.is_absolute() { "most_steps" } else { "context" };
        all.push((what, options.context.to_string()));
    }
    if let Prepares::Series(interface) = &portable.prepares {
        all.push(("levels", json!(interface.levels).to_string()));
    }
    all.extend(files.iter().map(|(what, content)| (*what, compact(content))));
    all.push(("recipe", recipe.to_toml()?));
    Ok(all)
}

/// JSON without what is between its parts.
fn compact(content: &str) -> String {
    serde_json::from_str::<Value>(content).map_or_else(|_| content.to_owned(), |value| value.to_string())
}
