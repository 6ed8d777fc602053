//! One row for each sequence: what stands between a backbone and a head that sees whole sequences.

use anaphora_autograd::{Attention, Graph, ParamId, Pooling as Plain, ShapeError, Similarity, Tensor};

use crate::Builder;

/// How the steps of a sequence become one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The last step. What reads from the end has seen only that one there.
    Last,
    /// The mean over the steps.
    Mean,
    /// The largest value of each column over the steps.
    Max,
    /// The mean over the steps, weighted by how well each fits what is looked for, which is learned (Yang et al. 2016).
    Attention,
}

/// A pooling and what it has learned.
#[derive(Clone, Copy, Debug)]
pub enum Pooler {
    /// Nothing to learn.
    Plain(Plain),
    /// The query `[1, width]`.
    Attention(ParamId),
}

impl Pooler {
    /// Adds `NAME.query [1, width]` for [`Pooling::Attention`]. It begins as zeros, as the plain mean.
    pub fn new(builder: &mut Builder, name: &str, pooling: Pooling, width: usize) -> Self {
        match pooling {
            Pooling::Last => Self::Plain(Plain::Last),
            Pooling::Mean => Self::Plain(Plain::Mean),
            Pooling::Max => Self::Plain(Plain::Max),
            Pooling::Attention => Self::Attention(builder.add_zeros(format!("{name}.query"), &[1, width])),
        }
    }

    /// `x[tokens, width]`, a packed batch with `batch_sizes` rows a step, to `[sequences, width]`.
    pub fn forward(&self, graph: &mut Graph, x: Tensor, batch_sizes: &[usize]) -> Result<Tensor, ShapeError> {
        let query = match *self {
            Self::Plain(pooling) => return graph.pool(x, batch_sizes, pooling),
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
