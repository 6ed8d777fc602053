//! Pooling: one row for each sequence, between a backbone and a head that sees whole sequences.

use anaphora_autograd::{Attention, Graph, ParamId, Reduction, ShapeError, Similarity, Tensor};

use crate::Builder;

/// How the steps of a sequence become one row.
#[derive(Clone, Copy, Debug)]
pub enum Pooler {
    /// The last step, or the mean or the largest values of all: nothing is learned. What reads from the end has seen only
    /// the last step there.
    Reduction(Reduction),
    /// The mean over the steps, weighted by how well each fits a learned query `[1, width]` (Yang et al. 2016).
    Attention(ParamId),
}

impl Pooler {
    /// Adds `NAME.query [1, width]`. It begins as zeros, which weigh all steps alike.
    pub fn attention(builder: &mut Builder, name: &str, width: usize) -> Self {
        Self::Attention(builder.add_zeros(format!("{name}.query"), &[1, width]))
    }

    /// `x[tokens, width]`, a packed batch with `batch_sizes` rows a step, to `[sequences, width]`.
    pub fn forward(&self, graph: &mut Graph, x: Tensor, batch_sizes: &[usize]) -> Result<Tensor, ShapeError> {
        let query = match *self {
            Self::Reduction(reduction) => return graph.pool(x, batch_sizes, reduction),
            Self::Attention(query) => query,
        };
        let sequences = batch_sizes.first().copied().unwrap_or(0);
        let attention = Attention {
            heads: 1,
            kv_heads: 1,
            head_size: x.cols,
            similarity: Similarity::ScaledDotProduct,
            causal: false,
            window: None,
            alibi: false,
            dropout: 0.0,
        };
        let queries = graph.embedding(query, &vec![0; sequences])?;
        // The same steps are keys and values.
        let kv = graph.concat(x, x)?;
        let sources: Vec<usize> = (0..sequences).collect();
        graph.cross_attention(&attention, None, queries, &[sequences], kv, batch_sizes, &sources)
    }
}
