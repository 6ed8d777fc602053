//! Inputs of models that read tokens.

use anaphora_autograd::{Graph, ParamId, Role, ShapeError, Tensor};

use crate::{Builder, init};

/// The input of a model of tokens.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// One-hot: a one at the token's place, zeros elsewhere.
    OneHot {
        /// Number of tokens.
        vocab_size: usize,
    },
    /// A learned row for each token.
    Embedding {
        /// `[vocab_size, embedding_size]`.
        table: ParamId,
        /// Values a row.
        embedding_size: usize,
    },
}

impl Input {
    /// An embedding `NAME.weight [vocab_size, embedding_size]`, normal with this deviation; one-hot where `embedding_size`
    /// is 0.
    pub fn new(
        builder: &mut Builder,
        name: &str,
        vocab_size: usize,
        embedding_size: usize,
        deviation: f32,
    ) -> Self {
        if embedding_size == 0 {
            return Self::OneHot { vocab_size };
        }
        let table = builder.add(format!("{name}.weight"), &[vocab_size, embedding_size], move |random, w| {
            init::normal(random, w, deviation);
        });
        builder.looked_up(table);
        builder.set_role(table, Role::Embedding);
        Self::Embedding { table, embedding_size }
    }

    /// Values for each token.
    pub fn size(&self) -> usize {
        match *self {
            Self::OneHot { vocab_size } => vocab_size,
            Self::Embedding { embedding_size, .. } => embedding_size,
        }
    }

    /// The table of an embedding.
    pub fn table(&self) -> Option<ParamId> {
        match *self {
            Self::OneHot { .. } => None,
            Self::Embedding { table, .. } => Some(table),
        }
    }

    /// `[ids.len(), size]`.
    pub fn forward(&self, graph: &mut Graph, ids: &[u32]) -> Result<Tensor, ShapeError> {
        match *self {
            Self::OneHot { vocab_size } => graph.one_hot(vocab_size, ids),
            Self::Embedding { table, .. } => graph.embedding(table, ids),
        }
    }
}
