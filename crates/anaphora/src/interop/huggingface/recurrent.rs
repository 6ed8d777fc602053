//! Language models of PyTorch's recurrent layers: the `state_dict` of a module with an `nn.Embedding`, an `nn.LSTM`, `nn.GRU` or
//! `nn.RNN`, and an `nn.Linear` over the vocabulary, whatever the module calls them.

use std::path::Path;

use super::Read;
use super::fields::Fields;
use super::tokenizer::{self, Vocabulary};
use super::weights::{bare, read_all};
use crate::error::{Error, Result};
use crate::recipe::{Backbone, Model, Nonlinearity, Recipe};
use crate::run::weights::{NamedTensor, arrange};

/// The kinds by their `model_type`, each with its gates: rows of a weight for each unit.
const KINDS: [(&str, Backbone, usize); 3] =
    [("lstm", Backbone::Lstm, 4), ("gru", Backbone::Gru, 3), ("rnn", Backbone::Rnn, 1)];

/// The fields of a configuration.
const FIELDS: [&str; 9] = [
    "model_type",
    "end_token",
    "nonlinearity",
    "dropout",
    "tie_word_embeddings",
    "vocab_size",
    "embedding_size",
    "hidden_size",
    "num_layers",
];

/// What the names of embeddings have in them, which tells them from a linear layer without biases.
const EMBEDDINGS: [&str; 3] = ["emb", "encoder", "wte"];

/// How much less likely than the others' mean a token is that no text closes with, in nats.
const NEVER: f32 = 20.0;

/// Whether a configuration is that of such a model.
pub(super) fn is(fields: &Fields) -> bool {
    KINDS.iter().any(|(name, ..)| fields.at("model_type") == *name)
}

/// Their names, for a sentence.
pub(super) fn names() -> String {
    KINDS.map(|(name, ..)| name).join(", ")
}

/// Reads such a model.
pub(super) fn read(folder: &Path, fields: &Fields) -> Result<Read> {
    if let Some(name) = fields.names().find(|name| !FIELDS.contains(&name.as_str())) {
        let known = FIELDS.join(", ");
        let reason = format!("field {name} is not known of a recurrent model, which has {known}");
        return Err(Error::Malformed { path: fields.path().to_owned(), reason });
    }
    let kind = KINDS.iter().find(|(name, ..)| fields.at("model_type") == *name);
    let &(_, backbone, gates) = kind.expect("whoever calls has seen that it is one");
    let (weights, tensors) = read_all(folder, |_| true)?;
    let found = Found::among(&weights, &tensors, fields, gates)?;
    let expected = found.expected(gates);
    let expected: Vec<_> = expected.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
    let source = |source| Error::Weights { path: weights.clone(), source };
    let tensors = arrange(tensors, &expected).map_err(source)?;
    for (field, size) in [
        ("vocab_size", found.vocab_size),
        ("embedding_size", if found.is_one_hot() { 0 } else { found.input }),
        ("hidden_size", found.hidden),
        ("num_layers", found.layers),
    ] {
        if fields.has(field) && fields.at(field).as_u64() != Some(size as u64) {
            return Err(fields.refuse(field, format!("it is {size} by the weights")));
        }
    }
    if fields.has("nonlinearity") && backbone != Backbone::Rnn {
        return Err(fields.refuse("nonlinearity", "only model_type rnn has one"));
    }
    let nonlinearity = fields.if_there("nonlinearity", |field| match fields.at(field).as_str() {
        Some("tanh") => Ok(Nonlinearity::Tanh),
        Some("relu") => Ok(Nonlinearity::Relu),
        _ => Err(fields.refuse(field, "tanh or relu is needed")),
    })?;
    let end = fields.if_there("end_token", |field| {
        let token = fields.at(field).as_str().filter(|token| !token.is_empty());
        token.ok_or_else(|| fields.refuse(field, "the text of a token is needed"))
    })?;
    let Vocabulary { tokenizer, rows, notes } = tokenizer::of_module(folder, end, found.vocab_size)?;
    let model = Model {
        backbone,
        layers: found.layers,
        hidden_size: found.hidden,
        embedding_size: Some(if found.is_one_hot() { 0 } else { found.input }),
        nonlinearity: nonlinearity.unwrap_or_default(),
        tied_weights: found.tied,
        dropout: fields.dropped("dropout", 0.0)?,
        ..Recipe::for_backbone(backbone).model
    };
    let tensors = tensors.into_iter().map(|tensor| found.ours(tensor, &rows)).collect();
    Ok(Read { model, tokenizer, tensors, weights, notes })
}

/// What is what among the tensors of a file.
struct Found {
    /// What the names of recurrent weights begin with.
    rnn: String,
    /// Whether recurrent layers have biases.
    biased: bool,
    /// None where symbols are read one-hot, or by the head's own weights.
    embedding: Option<String>,
    head: String,
    head_bias: Option<String>,
    /// Whether the embedding is the head's table.
    tied: bool,
    vocab_size: usize,
    /// Values a symbol.
    input: usize,
    hidden: usize,
    layers: usize,
}

/// The name and number of a recurrent weight, behind what its module is called: `weight_ih_l` and 0.
fn of_layer(name: &str) -> Option<(&str, usize)> {
    let at =
        ["weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l"].iter().find_map(|part| name.rfind(part))?;
    let number = name[at..].rfind('l')? + at + 1;
    Some((&name[..at], name[number..].parse().ok()?))
}

impl Found {
    fn among(path: &Path, tensors: &[NamedTensor], fields: &Fields, gates: usize) -> Result<Self> {
        let malformed = |reason: String| Error::Malformed { path: path.to_owned(), reason };
        let unknown = |name: &str, what: &str| Err(malformed(format!("tensor {name} {what}")));
        for tensor in tensors {
            let name = &*tensor.name;
            if name.ends_with("_reverse") {
                return unknown(
                    name,
                    "is of layers that read from the end, and a language model reads forwards",
                );
            }
            if name.contains("weight_hr_l") {
                return unknown(
                    name,
                    "projects states (proj_size), and states as wide as hidden_size are known here",
                );
            }
        }
        let (layers, others): (Vec<&NamedTensor>, Vec<&NamedTensor>) =
            tensors.iter().partition(|tensor| of_layer(&tensor.name).is_some());
        let Some((rnn, _)) = layers.first().and_then(|tensor| of_layer(&tensor.name)) else {
            let reason =
                "no tensor has a name that ends in weight_ih_l0, as those of nn.LSTM, nn.GRU and nn.RNN have";
            return Err(malformed(reason.to_owned()));
        };
        let other = layers.iter().find(|tensor| of_layer(&tensor.name).is_some_and(|(own, _)| own != rnn));
        if let Some(other) = other {
            return unknown(
                &other.name,
                &format!("is of other recurrent layers than {rnn}weight_ih_l0, and one stack is known here"),
            );
        }
        let (input, [rows, hidden]) = (
            matrix(&layers, &format!("{rnn}weight_ih_l0"), path)?[1],
            matrix(&layers, &format!("{rnn}weight_hh_l0"), path)?,
        );
        if hidden == 0 || rows != gates * hidden {
            let kind = KINDS.iter().find(|(.., gates)| hidden > 0 && rows == gates * hidden);
            let of = kind.map_or(String::new(), |(name, ..)| format!(", as {name} has"));
            let wanted = format!("{rnn}weight_hh_l0 has shape [{rows}, {hidden}]{of}");
            return Err(fields.refuse("model_type", wanted));
        }
        let numbers = layers.iter().filter_map(|tensor| of_layer(&tensor.name));
        let count = numbers.map(|(_, number)| number).max().unwrap_or(0).min(tensors.len()) + 1;

        let of_rank = |rank: usize| others.iter().filter(move |tensor| tensor.shape.len() == rank).copied();
        let (tables, vectors): (Vec<_>, Vec<_>) = (of_rank(2).collect(), of_rank(1).collect());
        let extra = others.iter().find(|tensor| !(1..=2).contains(&tensor.shape.len()));
        let extra = extra.copied().or(vectors.get(1).copied()).or(tables.get(2).copied());
        if let Some(extra) = extra {
            return unknown(
                &extra.name,
                "is neither of an embedding, nor of recurrent layers, nor of a linear layer over the vocabulary",
            );
        }
        let head_bias = vectors.first().map(|bias| bias.name.to_string());
        let is_head = |table: &&NamedTensor| match &head_bias {
            Some(bias) => stem(&table.name) == stem(bias),
            None => {
                let name = bare(&table.name, "").to_lowercase();
                !EMBEDDINGS.iter().any(|part| name.contains(part))
            }
        };
        let asked = fields
            .if_there("tie_word_embeddings", |field| fields.flag(field, false).map(|flag| (field, flag)))?;
        let (embedding, head, tied) = match tables[..] {
            [a, b] if is_head(&a) != is_head(&b) => {
                let (head, embedding) = if is_head(&a) { (a, b) } else { (b, a) };
                if let Some((field, true)) = asked
                    && (&head.shape, &head.data) != (&embedding.shape, &embedding.data)
                {
                    let wanted = format!("{} and {} differ", embedding.name, head.name);
                    return Err(fields.refuse(field, wanted));
                }
                (Some(embedding.name.to_string()), head, false)
            }
            [a, b] => {
                let reason = format!(
                    "which of {} and {} is the embedding is not to be told; have the name of the embedding begin with embedding",
                    a.name, b.name
                );
                return Err(malformed(reason));
            }
            // One table: the head's, which the embedding is tied to where symbols are as wide as states.
            [only] => {
                let tied = asked.map_or(input != only.shape[0], |(_, tied)| tied);
                (None, only, tied)
            }
            _ => {
                let reason = "an embedding and a linear layer over the vocabulary are needed beside the recurrent layers";
                return Err(malformed(reason.to_owned()));
            }
        };
        Ok(Self {
            rnn: rnn.to_owned(),
            biased: layers.iter().any(|tensor| tensor.name.contains("bias_")),
            embedding,
            head: head.name.to_string(),
            head_bias,
            tied,
            vocab_size: head.shape[0],
            input,
            hidden,
            layers: count,
        })
    }

    /// Whether symbols are read without an embedding.
    fn is_one_hot(&self) -> bool {
        self.embedding.is_none() && !self.tied
    }

    /// Names and shapes of all tensors that there have to be.
    fn expected(&self, gates: usize) -> Vec<(String, Vec<usize>)> {
        let &Self { vocab_size, input, hidden, .. } = self;
        let mut all = Vec::new();
        all.extend(self.embedding.clone().map(|name| (name, vec![vocab_size, input])));
        for layer in 0..self.layers {
            let inputs = match layer {
                0 if self.is_one_hot() => vocab_size,
                0 if self.tied => hidden,
                0 => input,
                _ => hidden,
            };
            let rows = gates * hidden;
            let mut add = |part: &str, shape| all.push((format!("{}{part}_l{layer}", self.rnn), shape));
            add("weight_ih", vec![rows, inputs]);
            add("weight_hh", vec![rows, hidden]);
            if self.biased {
                add("bias_ih", vec![rows]);
                add("bias_hh", vec![rows]);
            }
        }
        all.push((self.head.clone(), vec![vocab_size, hidden]));
        all.extend(self.head_bias.clone().map(|name| (name, vec![vocab_size])));
        all
    }

    /// A tensor under our name, its symbols in the order of our tokenizer: `rows` are the places of ours in theirs, none where
    /// theirs have no such symbol.
    fn ours(&self, tensor: NamedTensor<'static>, rows: &[Option<usize>]) -> NamedTensor<'static> {
        let name = tensor.name.to_string();
        let is = |of: &Option<String>| of.as_deref() == Some(&*name);
        if name == self.head || is(&self.embedding) {
            // A table that is both stands under the embedding's name.
            let ours = if is(&self.embedding) || self.tied { "embedding.weight" } else { "head.weight" };
            let width = tensor.shape[1];
            return NamedTensor::new(
                ours,
                vec![rows.len(), width],
                reordered(&tensor.data, width, rows, 0.0),
            );
        }
        if is(&self.head_bias) {
            return NamedTensor::new("head.bias", vec![rows.len()], reordered(&tensor.data, 1, rows, NEVER));
        }
        let ours = format!("rnn.{}", &name[self.rnn.len()..]);
        if self.is_one_hot() && ours == "rnn.weight_ih_l0" {
            let units = tensor.shape[0];
            let columns = super::weights::transpose(&tensor.data, units);
            let columns = reordered(&columns, units, rows, 0.0);
            let data = super::weights::transpose(&columns, rows.len());
            return NamedTensor::new(ours, vec![units, rows.len()], data);
        }
        NamedTensor { name: ours.into(), ..tensor }
    }
}

/// The shape of a tensor that has to be a matrix.
fn matrix(tensors: &[&NamedTensor], name: &str, path: &Path) -> Result<[usize; 2]> {
    use crate::run::weights::WeightsError;
    let tensor = tensors.iter().find(|tensor| tensor.name == name);
    let source = |source| Error::Weights { path: path.to_owned(), source };
    let tensor = tensor.ok_or_else(|| source(WeightsError::Missing(name.to_owned())))?;
    <[usize; 2]>::try_from(&*tensor.shape).map_err(|_| Error::Malformed {
        path: path.to_owned(),
        reason: format!("tensor {name} has shape {:?}, and rows and columns are needed", tensor.shape),
    })
}

/// What a tensor's name has in common with those of the same layer.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(stem, _)| stem)
}

/// Rows in another order; one that is not there is the mean of all, less what is `taken` of it.
fn reordered(values: &[f32], width: usize, rows: &[Option<usize>], taken: f32) -> Vec<f32> {
    let count = values.len() / width.max(1);
    let mean = |column: usize| {
        let sum: f64 = values.iter().skip(column).step_by(width).map(|&value| f64::from(value)).sum();
        (sum / count as f64) as f32 - taken
    };
    rows.iter()
        .flat_map(|row| match row {
            Some(row) => values[row * width..][..width].to_vec(),
            None => (0..width).map(mean).collect(),
        })
        .collect()
}
