//! Language models in the folder format of Hugging Face's `transformers`: `config.json`, `model.safetensors`, `tokenizer.json`. An
//! architecture of theirs is a file here; in such a folder there may be a module of PyTorch's recurrent layers, too.

mod family;
mod fields;
mod gpt2;
mod llama;
mod recurrent;
mod tokenizer;
mod weights;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anaphora_data::Tokenizer;
use serde_json::{Value, json};

use self::family::{Biases, Conflict, Described, Family, LARGEST, Shape};
use self::fields::Fields;
use self::tokenizer::TOKENIZER;
use self::weights::WEIGHTS;
use crate::error::{Error, Result};
use crate::model::LanguageModel;
use crate::recipe::{self, Backbone, Recipe, Task};
use crate::run::atomic::write_atomic;
use crate::run::weights::{NamedTensor, arrange, expected, load, tensors, write_weights};
use crate::run::{Run, RunInfo};
use crate::tasks::language::Trained;

const CONFIG: &str = "config.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// A model as a folder has it.
struct Read {
    model: recipe::Model,
    tokenizer: Tokenizer,
    /// Under our names, and in our layout.
    tensors: Vec<NamedTensor<'static>>,
    /// The file of the weights that messages name.
    weights: PathBuf,
    /// What a person should know of it.
    notes: Vec<String>,
}

/// Makes a run of a model in such a folder. `notes` is told what a person should know of it.
///
/// # Errors
/// [`Error::Foreign`] for a field that is not known here, [`Error::Weights`], [`Error::Tokens`] and [`Error::Malformed`] for what is
/// wrong in the other files; [`Run::create`]'s.
pub fn import(folder: &Path, run: &Path, notes: &mut dyn FnMut(&str)) -> Result<Run> {
    let path = folder.join(CONFIG);
    if !folder.is_dir() || !path.exists() {
        let reason = format!("the folder of a model is needed, with its {CONFIG}");
        return Err(Error::Malformed { path: folder.to_owned(), reason });
    }
    let fields = Fields::read(&path)?;
    let read = match family::named(&fields) {
        Some(family) => read(folder, &fields, family)?,
        None if recurrent::is(&fields) => recurrent::read(folder, &fields)?,
        None => {
            let (families, modules) = (family::names(), recurrent::names());
            let wanted = format!("{families}, and {modules} of PyTorch's layers are what can be imported");
            return Err(fields.refuse("model_type", wanted));
        }
    };
    let mut recipe = Recipe { task: Task::Text, model: read.model, ..Recipe::default() };
    // The tokenizer is one that is already made, and windows fit into the context.
    recipe.data.tokenizer = recipe::Tokenizer::File(run.join(TOKENIZER));
    if let Some(context) = recipe.model.context.filter(|_| recipe.model.backbone == Backbone::Transformer) {
        recipe.training.length = recipe.training.length.min(context);
    }
    recipe.validate_model().map_err(|source| Error::RecipeFile { path, source })?;
    let mut model = LanguageModel::zeros(&recipe.model, read.tokenizer.vocab_size());
    let weights = with_biases(read.tensors, &expected(model.params()));
    let weights = arrange(weights, &expected(model.params()))
        .map_err(|source| Error::Weights { path: read.weights, source })?;
    load(model.params_mut(), &weights);

    let mut info = RunInfo::new(Task::Text, BTreeMap::new(), model.params().len() as u64);
    info.imported = Some(folder.canonicalize().map_err(Error::io("read", folder))?);
    info.ended = Some("imported".to_owned());
    let assets = [(TOKENIZER.to_owned(), read.tokenizer.to_json())];
    let run = Run::create(run, &recipe, &assets, info)?;
    run.write_model(&tensors(model.params()))?;
    read.notes.iter().for_each(|note| notes(note));
    Ok(run)
}

/// Reads a folder of `transformers`.
fn read(folder: &Path, fields: &Fields, family: &'static Family) -> Result<Read> {
    let Described { mut model, biases, mut notes } = (family.read)(fields)?;
    model.tied_weights = fields.flag("tie_word_embeddings", family.tied)?;
    let vocab_size = fields.whole("vocab_size", LARGEST)?;
    let end_id = fields.token("eos_token_id")?;
    let (weights, tensors) = weights::read(folder, family, &Shape { model: &model, biases, vocab_size })?;
    let (named, tokenizer) = tokenizer::read(folder, end_id)?;
    let found = tokenizer.vocab_size();
    if found != vocab_size {
        return Err(fields.refuse("vocab_size", format!("{named} beside it has {found} tokens")));
    }
    let (begin, end) = (fields.token("bos_token_id")?, u64::from(tokenizer.end_id()));
    if let Some(begin) = begin.filter(|&begin| begin != end) {
        let name = tokenizer.name(tokenizer.end_id()).unwrap_or_default();
        notes.push(format!(
            "bos_token_id is {begin} in config.json, and a text begins here behind the token that closes it, {end} ({name})"
        ));
    }
    Ok(Read { model, tokenizer, tensors, weights, notes })
}

/// With zeros for biases that are in no file.
fn with_biases<'a>(mut tensors: Vec<NamedTensor<'a>>, expected: &[(&str, &[usize])]) -> Vec<NamedTensor<'a>> {
    for &(name, shape) in expected {
        let is_bias = name.rsplit('.').next().is_some_and(|end| end.starts_with("bias"));
        if is_bias && tensors.iter().all(|tensor| tensor.name != name) {
            let zeros = vec![0.0; shape.iter().product()];
            tensors.push(NamedTensor::new(name.to_owned(), shape.to_vec(), zeros));
        }
    }
    tensors
}

/// Writes a run's model in Hugging Face's folder format into a new or empty folder.
///
/// # Errors
/// [`Error::NotHeld`] for a model that the format does not hold, [`Error::FolderInUse`] for a folder that is not empty.
pub fn export(run: &Path, folder: &Path) -> Result<()> {
    let Trained { run, recipe, tokenizer, model } = Trained::open(run)?;
    let own = &recipe.model;
    let refuse = |format: &'static str, (field, found, wanted): Conflict| {
        let found = found.as_str().map_or(found.to_string(), str::to_owned);
        Error::NotHeld { path: run.path().to_owned(), field, found, format, wanted }
    };
    let family = family::of(own).map_err(|conflict| refuse("Hugging Face's format", conflict))?;
    let too_wide = (own.embedding_size() != own.hidden_size).then(|| {
        let wanted = "an embedding as wide as model.hidden_size";
        ("model.embedding_size", json!(own.embedding_size()), wanted)
    });
    if let Some(conflict) = (family.conflict)(own).or(too_wide) {
        return Err(refuse(family.format, conflict));
    }
    let tokenizer_json = tokenizer::to_huggingface(run.path(), &tokenizer)?;
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    if let Some(entry) = fs::read_dir(folder).map_err(Error::io("read", folder))?.next() {
        let found = entry.map_err(Error::io("read", folder))?.file_name().to_string_lossy().into_owned();
        return Err(Error::FolderInUse { path: folder.to_owned(), found });
    }
    // Only Llama's may be left out, and all are where ours are.
    let shape = Shape { model: own, biases: Biases::all(own.bias), vocab_size: tokenizer.vocab_size() };
    write_weights(folder.join(WEIGHTS), &weights::write(&tensors(model.params()), family, &shape))?;
    write_json(folder.join(TOKENIZER), &tokenizer_json)?;
    let end = tokenizer.name(tokenizer.end_id());
    write_json(
        folder.join(TOKENIZER_CONFIG),
        &json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": end,
            "eos_token": end,
            "clean_up_tokenization_spaces": false,
            "model_max_length": crate::model::transformer(own).context,
        }),
    )?;
    // Last, so that a folder with a configuration has all the rest.
    write_json(folder.join(CONFIG), &config(family, own, &tokenizer))
}

/// The configuration of a model of our own.
fn config(family: &Family, model: &recipe::Model, tokenizer: &Tokenizer) -> Value {
    let mut config = (family.write)(model);
    let end = tokenizer.end_id();
    for (field, value) in [
        ("model_type", json!(family.name)),
        ("architectures", json!([family.class])),
        ("vocab_size", json!(tokenizer.vocab_size())),
        ("tie_word_embeddings", json!(model.tied_weights)),
        ("bos_token_id", json!(end)),
        ("eos_token_id", json!(end)),
        ("dtype", json!("float32")),
    ] {
        config[field] = value;
    }
    config
}

fn write_json(path: PathBuf, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).expect("plain data always serialises");
    write_atomic(path, |writer| writer.write_all(text.as_bytes()))
}
