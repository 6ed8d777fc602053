//! Attention of a recurrent decoder to the steps of an encoder.

use anaphora_autograd::{Activation, Attention, Graph, ParamId, ShapeError, Similarity, Tensor};

use crate::transformer::EncoderMemory;
use crate::{Builder, Linear, init};

/// The score between a decoder's state and an encoder's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// By the product of a linear map of the one with the other (Luong, Pham, Manning 2015, `general`).
    Luong,
    /// By a small network on both (Bahdanau, Cho, Bengio 2015).
    Bahdanau,
}

/// From a decoder's state to one that knows the encoder's: `tanh(W [context; state])` with the mean of the encoder's
/// states, weighted by how well they fit (Luong, Pham, Manning 2015, equation 5).
#[derive(Clone, Copy, Debug)]
pub struct EncoderAttention {
    query: Linear,
    /// A linear map of the encoder's states and what scores weigh its features with.
    additive: Option<(Linear, ParamId)>,
    combine: Linear,
}

impl EncoderAttention {
    /// Adds `NAME.query.weight`, for [`Alignment::Bahdanau`] `NAME.key.weight` and `NAME.score [hidden_size]`, and
    /// `NAME.combine.weight [hidden_size, memory_size + hidden_size]`.
    pub fn new(
        builder: &mut Builder,
        name: &str,
        alignment: Alignment,
        [hidden_size, memory_size]: [usize; 2],
    ) -> Self {
        let linear = |builder: &mut Builder, part: &str, [inputs, outputs]: [usize; 2]| {
            Linear::with_init(
                builder,
                &format!("{name}.{part}"),
                [inputs, outputs],
                false,
                move |random, w| {
                    init::xavier(random, w, inputs, outputs);
                },
            )
        };
        let (query, additive) = match alignment {
            Alignment::Luong => (linear(builder, "query", [hidden_size, memory_size]), None),
            Alignment::Bahdanau => {
                let query = linear(builder, "query", [hidden_size, hidden_size]);
                let key = linear(builder, "key", [memory_size, hidden_size]);
                let score = builder.add(format!("{name}.score"), &[hidden_size], move |random, w| {
                    init::xavier(random, w, hidden_size, 1);
                });
                (query, Some((key, score)))
            }
        };
        let combine = linear(builder, "combine", [memory_size + hidden_size, hidden_size]);
        Self { query, additive, combine }
    }

    /// What is looked at of an encoder's `steps[memory tokens, memory_size]`: keys and values, side by side for the fused
    /// attention of [`Alignment::Luong`], for which they are the same.
    pub fn remember(&self, graph: &mut Graph, steps: Tensor) -> Result<Vec<Tensor>, ShapeError> {
        match &self.additive {
            Some((key, _)) => Ok(vec![key.forward(graph, steps)?, steps]),
            None => Ok(vec![graph.concat(steps, steps)?]),
        }
    }

    /// `states[tokens, hidden_size]`, a packed batch with `batch_sizes` rows a step, to as many rows.
    pub fn forward(
        &self,
        graph: &mut Graph,
        states: Tensor,
        batch_sizes: &[usize],
        memory: EncoderMemory,
    ) -> Result<Tensor, ShapeError> {
        let EncoderMemory { parts, batch_sizes: memory_sizes, sources } = memory;
        graph.under(self.query.weight());
        let query = self.query.forward(graph, states)?;
        let context = match (&self.additive, parts) {
            (Some((_, score)), &[keys, values]) => {
                let (context, _) = graph.additive_attention(
                    query,
                    batch_sizes,
                    keys,
                    values,
                    memory_sizes,
                    sources,
                    *score,
                )?;
                context
            }
            // The score's scale is one that the query's map learns.
            (_, parts) => {
                let attention = dot_product(query.cols);
                graph.cross_attention(
                    &attention,
                    None,
                    query,
                    batch_sizes,
                    parts[0],
                    memory_sizes,
                    sources,
                )?
            }
        };
        let both = graph.concat(context, states)?;
        let sums = self.combine.forward(graph, both)?;
        Ok(graph.activate(Activation::Tanh, sums))
    }

    /// The attention weights, `[queries, steps]` for each sequence in turn.
    pub fn weights(
        &self,
        graph: &mut Graph,
        states: Tensor,
        batch_sizes: &[usize],
        memory: EncoderMemory,
    ) -> Result<Vec<Vec<f32>>, ShapeError> {
        let EncoderMemory { parts, batch_sizes: memory_sizes, sources } = memory;
        let query = self.query.forward(graph, states)?;
        let (Some((_, score)), &[keys, values]) = (&self.additive, parts) else {
            return graph.cross_attention_weights(
                &dot_product(query.cols),
                None,
                query,
                batch_sizes,
                parts[0],
                memory_sizes,
                sources,
            );
        };
        let (_, weights) =
            graph.additive_attention(query, batch_sizes, keys, values, memory_sizes, sources, *score)?;
        let length =
            |sizes: &[usize], sequence: usize| sizes.iter().take_while(|&&rows| rows > sequence).count();
        let mut rest = graph.value(weights);
        let each = |(sequence, &source): (usize, &usize)| {
            let (own, others) = rest.split_at(length(batch_sizes, sequence) * length(memory_sizes, source));
            rest = others;
            own.to_vec()
        };
        Ok(sources.iter().enumerate().map(each).collect())
    }
}

/// One head over all values.
fn dot_product(head_size: usize) -> Attention {
    Attention {
        heads: 1,
        kv_heads: 1,
        head_size,
        similarity: Similarity::ScaledDotProduct,
        causal: false,
        window: None,
        alibi: false,
        dropout: 0.0,
    }
}
