//! GPT-2-shaped models in the folder format of Hugging Face's `transformers`: `config.json`, `model.safetensors`,
//! `tokenizer.json`.
//!
//! GPT-2 (Radford et al. 2019) has learned positions, LayerNorm in front of each part, biases everywhere but in the head,
//! and a head that is usually the embedding again. Its linear maps lie as `[inputs, outputs]`, ours as PyTorch's, the other
//! way round.

mod config;
mod tokenizer;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anaphora_data::Tokenizer;
use serde_json::{Value, json};

use self::config::Config;
use crate::error::{Error, Result};
use crate::model::LanguageModel;
use crate::recipe::{self, Recipe, Task};
use crate::run::atomic::write_atomic;
use crate::run::weights::{self, NamedTensor, arrange, read_wanted, write_weights};
use crate::run::{Run, RunInfo};
use crate::tasks::language::Trained;

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const TOKENIZER: &str = "tokenizer.json";
/// The files of a tokenizer before there was one.
const VOCABULARY: &str = "vocab.json";
const MERGES: &str = "merges.txt";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// Makes a run of a model in Hugging Face's folder format.
pub fn import(folder: &Path, run: &Path) -> Result<Run> {
    let path = folder.join(CONFIG);
    if !folder.is_dir() || !path.exists() {
        let reason = format!("the folder of a model is needed, with its {CONFIG}");
        return Err(Error::Malformed { path: folder.to_owned(), reason });
    }
    let config = Config::read(&path)?;
    let (weights, tensors) = read_weights(folder, &config)?;
    let (named, tokenizer) = read_tokenizer(folder, config.end_id)?;
    let (found, expected) = (config.vocab_size, tokenizer.vocab_size());
    if found != expected {
        let wanted = format!("{named} beside it has {expected} tokens");
        return Err(Error::Foreign { path, field: "vocab_size", found: found.to_string(), wanted });
    }
    let mut recipe = Recipe { task: Task::Text, model: config.recipe(), ..Recipe::default() };
    // The tokenizer is one that is already made, and windows fit into the context.
    recipe.data.tokenizer = recipe::Tokenizer::File(run.join(TOKENIZER));
    recipe.training.length = recipe.training.length.min(config.positions);
    recipe.validate_model().map_err(|source| Error::RecipeFile { path, source })?;
    let mut model = LanguageModel::zeros(&recipe.model, tokenizer.vocab_size());
    let tensors = arrange(tensors, &weights::expected(model.params()))
        .map_err(|source| Error::Weights { path: weights, source })?;
    weights::load(model.params_mut(), &tensors);

    let mut info = RunInfo::new(Task::Text, BTreeMap::new(), model.params().len() as u64);
    info.imported = Some(folder.canonicalize().map_err(Error::io("read", folder))?);
    info.ended = Some("imported".to_owned());
    let assets = [(TOKENIZER.to_owned(), tokenizer.to_json())];
    let run = Run::create(run, &recipe, &assets, info)?;
    run.write_model(&weights::tensors(model.params()))?;
    Ok(run)
}

/// Writes a run's model in Hugging Face's folder format into a new or empty folder.
pub fn export(run: &Path, folder: &Path) -> Result<()> {
    let Trained { run, recipe, tokenizer, model } = Trained::open(run)?;
    let config = Config::of(run.path(), &recipe.model, &tokenizer)?;
    let tokenizer_json = tokenizer::to_huggingface(run.path(), &tokenizer)?;
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    if let Some(entry) = fs::read_dir(folder).map_err(Error::io("read", folder))?.next() {
        let found = entry.map_err(Error::io("read", folder))?.file_name().to_string_lossy().into_owned();
        return Err(Error::FolderInUse { path: folder.to_owned(), found });
    }
    write_weights(folder.join(WEIGHTS), &to_gpt2(weights::tensors(model.params()), &config))?;
    write_json(folder.join(TOKENIZER), &tokenizer_json)?;
    let end = tokenizer.name(tokenizer.end_id());
    write_json(
        folder.join(TOKENIZER_CONFIG),
        &json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": end,
            "eos_token": end,
            "clean_up_tokenization_spaces": false,
            "model_max_length": config.positions,
        }),
    )?;
    // Last, so that a folder with a configuration has all the rest.
    write_json(folder.join(CONFIG), &config.to_json())
}

fn write_json(path: PathBuf, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).expect("plain data always serialises");
    write_atomic(path, |writer| writer.write_all(text.as_bytes()))
}

/// Reads the tokenizer, and says from which file.
fn read_tokenizer(folder: &Path, end_id: Option<u64>) -> Result<(&'static str, Tokenizer)> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(Error::io("read", path))
    };
    let (name, text) = if folder.join(TOKENIZER).exists() {
        (TOKENIZER, read(TOKENIZER)?)
    } else if folder.join(VOCABULARY).exists() && folder.join(MERGES).exists() {
        let path = folder.join(VOCABULARY);
        let joined = tokenizer::join(&read(VOCABULARY)?, &read(MERGES)?, end_id);
        (VOCABULARY, joined.map_err(|reason| Error::Malformed { path, reason })?)
    } else {
        let reason = format!(
            "there is no {TOKENIZER} in it, nor both {VOCABULARY} and {MERGES}; AutoTokenizer.from_pretrained(…).save_pretrained(folder) writes it"
        );
        return Err(Error::Malformed { path: folder.to_owned(), reason });
    };
    let tokenizer = tokenizer::from_huggingface(&text, end_id);
    Ok((name, tokenizer.map_err(|source| Error::Tokens { path: folder.join(name), source })?))
}

/// A tensor of GPT-2's and the one of ours that holds the same numbers.
struct Pair {
    ours: String,
    theirs: String,
    /// The shape in their file.
    shape: Vec<usize>,
    /// Whether ours lies the other way round.
    transposed: bool,
}

/// All tensors of a model, in the order of their file.
fn pairs(config: &Config) -> Vec<Pair> {
    let Config { width, inner, .. } = *config;
    let mut pairs = Vec::new();
    let mut add = |ours: String, theirs: String, shape: &[usize], transposed| {
        pairs.push(Pair { ours, theirs, shape: shape.to_vec(), transposed });
    };
    add("embedding.weight".into(), "wte.weight".into(), &[config.vocab_size, width], false);
    add("transformer.position.weight".into(), "wpe.weight".into(), &[config.positions, width], false);
    for layer in 0..config.layers {
        for (ours, theirs, inputs, outputs) in [
            ("norm1", "ln_1", None, width),
            ("attention.qkv", "attn.c_attn", Some(width), 3 * width),
            ("attention.out", "attn.c_proj", Some(width), width),
            ("norm2", "ln_2", None, width),
            ("feed_forward.up", "mlp.c_fc", Some(width), inner),
            ("feed_forward.down", "mlp.c_proj", Some(inner), width),
        ] {
            let (ours, theirs) =
                (format!("transformer.layers.{layer}.{ours}"), format!("h.{layer}.{theirs}"));
            let shape: Vec<usize> = inputs.into_iter().chain([outputs]).collect();
            add(format!("{ours}.weight"), format!("{theirs}.weight"), &shape, inputs.is_some());
            add(format!("{ours}.bias"), format!("{theirs}.bias"), &[outputs], false);
        }
    }
    for end in ["weight", "bias"] {
        add(format!("transformer.norm.{end}"), format!("ln_f.{end}"), &[width], false);
    }
    if !config.tied {
        add("head.weight".into(), HEAD.into(), &[config.vocab_size, width], false);
    }
    pairs
}

/// The only tensor whose name never begins with [`PREFIX`].
const HEAD: &str = "lm_head.weight";

/// What the names of tensors begin with where a model was saved with its head.
const PREFIX: &str = "transformer.";

/// What they begin with too where PyTorch had wrapped the model to train on several machines, or to compile it.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// A tensor's name without what wrappers put before it.
fn bare(mut name: &str) -> &str {
    while let Some(rest) = WRAPPERS.iter().chain([&PREFIX]).find_map(|prefix| name.strip_prefix(prefix)) {
        name = rest;
    }
    name
}

/// Whether a tensor belongs to the model: causal masks were saved beside the weights once, and a head that is the embedding
/// again sometimes is.
fn counts(name: &str, tied: bool) -> bool {
    !(name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") || tied && bare(name) == HEAD)
}

/// Their weights under our names and in our layout.
fn read_weights(folder: &Path, config: &Config) -> Result<(PathBuf, Vec<NamedTensor<'static>>)> {
    let (path, files) = weight_files(folder)?;
    let mut tensors = Vec::new();
    for file in &files {
        tensors.extend(read_wanted(file, |name| counts(name, config.tied))?);
    }
    for tensor in &mut tensors {
        let name = bare(&tensor.name).to_owned();
        // Messages say the names as the file has them, but for wrappers.
        let prefix = if tensor.name.contains(PREFIX) { PREFIX } else { "" };
        tensor.name = format!("{prefix}{name}").into();
    }
    let prefix = if tensors.iter().any(|tensor| tensor.name.starts_with(PREFIX)) { PREFIX } else { "" };
    let mut pairs = pairs(config);
    for pair in pairs.iter_mut().filter(|pair| pair.theirs != HEAD) {
        pair.theirs.insert_str(0, prefix);
    }
    let expected: Vec<_> = pairs.iter().map(|pair| (pair.theirs.as_str(), pair.shape.as_slice())).collect();
    let tensors =
        arrange(tensors, &expected).map_err(|source| Error::Weights { path: path.clone(), source })?;
    let ours = |(pair, tensor): (&Pair, NamedTensor<'static>)| match *pair.shape {
        [rows, cols] if pair.transposed => {
            NamedTensor::new(pair.ours.clone(), vec![cols, rows], transpose(&tensor.data, rows))
        }
        _ => NamedTensor { name: pair.ours.clone().into(), ..tensor },
    };
    Ok((path, pairs.iter().zip(tensors).map(ours).collect()))
}

/// The files that a folder's weights are in, and the one that messages name: a single one, or the parts that an index lists.
fn weight_files(folder: &Path) -> Result<(PathBuf, Vec<PathBuf>)> {
    let (whole, index) = (folder.join(WEIGHTS), folder.join(INDEX));
    if whole.exists() {
        return Ok((whole.clone(), vec![whole]));
    }
    let malformed = |path: &Path, reason: String| Error::Malformed { path: path.to_owned(), reason };
    if !index.exists() {
        let others = fs::read_dir(folder)
            .map_err(Error::io("read", folder))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let other = others
            .filter(|name| {
                [".bin", ".pt", ".pth", ".h5", ".msgpack", ".ckpt"].iter().any(|end| name.ends_with(end))
            })
            .min();
        let instead = other.map_or(String::new(), |name| {
            format!(
                "; {name} is not read, and save_pretrained(folder, safe_serialization=True) writes what is"
            )
        });
        return Err(malformed(
            folder,
            format!("there is no {WEIGHTS} in it, and no {INDEX} that lists its parts{instead}"),
        ));
    }
    let text = fs::read_to_string(&index).map_err(Error::io("read", &index))?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| malformed(&index, format!("not JSON: {error}")))?;
    let map = value["weight_map"].as_object().filter(|map| !map.is_empty());
    let map = map.ok_or_else(|| {
        malformed(&index, "field weight_map is missing, which says the file of each tensor".to_owned())
    })?;
    let mut names = Vec::new();
    for (tensor, file) in map {
        // A part lies beside its index.
        let name = file.as_str().filter(|name| Path::new(name).file_name() == Some(name.as_ref()));
        let name = name.ok_or_else(|| {
            malformed(
                &index,
                format!("the file of {tensor} is {file}, and the name of one in the same folder is needed"),
            )
        })?;
        if !folder.join(name).exists() {
            return Err(malformed(
                &index,
                format!("{name}, which holds {tensor}, is not in the folder; copy all parts into it"),
            ));
        }
        names.push(folder.join(name));
    }
    names.sort();
    names.dedup();
    Ok((index, names))
}

/// Our weights under their names and in their layout. Where ours has no biases theirs are zeros.
fn to_gpt2<'a>(tensors: Vec<NamedTensor<'a>>, config: &Config) -> Vec<NamedTensor<'a>> {
    let theirs = |pair: Pair| {
        let prefix = if pair.theirs == HEAD { "" } else { PREFIX };
        let data = match tensors.iter().find(|tensor| tensor.name == pair.ours) {
            Some(tensor) if pair.transposed => transpose(&tensor.data, pair.shape[1]).into(),
            Some(tensor) => tensor.data.clone(),
            None => Cow::Owned(vec![0.0; pair.shape.iter().product()]),
        };
        NamedTensor::new(format!("{prefix}{}", pair.theirs), pair.shape, data)
    };
    pairs(config).into_iter().map(theirs).collect()
}

/// The transpose of a matrix with so many rows.
fn transpose(values: &[f32], rows: usize) -> Vec<f32> {
    let cols = values.len().checked_div(rows).unwrap_or(0);
    (0..values.len()).map(|at| (at / rows, at % rows)).map(|(col, row)| values[row * cols + col]).collect()
}
