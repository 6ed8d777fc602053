//! Additive attention between two batches of sequences.

use anaphora_kernels::additive::{self, Inputs, Pair};

use crate::Gradients;
use crate::error::{ShapeError, check_packed, expect};
use crate::graph::{Graph, Nodes, Operation, Tensor};
use crate::params::ParamId;
use crate::trace::{Attended, heads, rows_of};

struct Additive {
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    weight: ParamId,
    pairs: Vec<Pair>,
    weights: Tensor,
    y: Tensor,
}

impl Graph<'_> {
    /// For each query the mean of its memory's values, weighted by the soft-max of `Σ weight ⊙ tanh(query + key)` (Bahdanau,
    /// Cho, Bengio 2015): `queries[tokens, width]`, a packed batch, `keys[memory tokens, width]` and
    /// `values[memory tokens, value width]`, another, and `weight[width]`; sequence `i` of the queries reads sequence
    /// `sources[i]` of the memory. Returns `[tokens, value width]` and the attention weights, `[queries, keys]` for each
    /// sequence in turn, as one row.
    #[allow(clippy::too_many_arguments)]
    pub fn additive_attention(
        &mut self,
        queries: Tensor,
        batch_sizes: &[usize],
        keys: Tensor,
        values: Tensor,
        memory_sizes: &[usize],
        sources: &[usize],
        weight: ParamId,
    ) -> Result<(Tensor, Tensor), ShapeError> {
        const NAME: &str = "additive_attention";
        let [tokens, memory_tokens] = [batch_sizes, memory_sizes].map(|sizes| sizes.iter().sum::<usize>());
        let side = (self.params.name(weight), self.params.shape(weight));
        expect(side.1 == [queries.cols], NAME, ("queries", &queries.shape()), side, "widths must agree")?;
        for (tensor, name, tokens) in
            [(queries, "queries", tokens), (keys, "keys", memory_tokens), (values, "values", memory_tokens)]
        {
            let sides = ((name, &tensor.shape()[..]), ("batch_sizes (sum)", &[tokens][..]));
            expect(tensor.rows == tokens, NAME, sides.0, sides.1, "there must be a row a token")?;
        }
        let sides = (("queries", &queries.shape()[..]), ("keys", &keys.shape()[..]));
        expect(queries.cols == keys.cols, NAME, sides.0, sides.1, "widths must agree")?;
        check_packed(NAME, batch_sizes)?;
        check_packed(NAME, memory_sizes)?;
        let rows = [batch_sizes, memory_sizes].map(|sizes| sizes.first().copied().unwrap_or(0));
        let largest = sources.iter().max().map_or(0, |source| source + 1);
        let sides = (("sources", &[sources.len(), largest][..]), ("sequences", &rows[..]));
        let fits = sources.len() == rows[0] && largest <= rows[1];
        expect(fits, NAME, sides.0, sides.1, "each sequence of queries reads one of the memory's")?;
        let mut once = sources.to_vec();
        once.sort_unstable();
        once.dedup();
        let sides = (("sources", sources), ("different ones", &[once.len()][..]));
        let alone = !self.records() || once.len() == sources.len();
        expect(alone, NAME, sides.0, sides.1, "in training no two sequences may read the same one")?;

        self.check_present(NAME, &[queries, keys, values])?;
        let mut len = 0;
        let pairs: Vec<Pair> = sources
            .iter()
            .enumerate()
            .map(|(sequence, &source)| {
                let (queries, keys) = (rows_of(batch_sizes, sequence), rows_of(memory_sizes, source));
                let weights = len;
                len += queries.len() * keys.len();
                Pair { queries, keys, weights }
            })
            .collect();
        let mut weights = self.workspace.take(len);
        let mut value = self.workspace.take(tokens * values.cols);
        let inputs = inputs(&self.nodes, [queries, keys, values], self.params.value(weight));
        additive::forward(&self.device.pool, inputs, &pairs, &mut weights, &mut value);
        let weights = self.push(NAME, weights, 1, len, false);
        let y = self.push(NAME, value, tokens, values.cols, true);
        [queries, keys, values, weights].into_iter().for_each(|tensor| self.keep(tensor));
        if self.trace.as_ref().is_some_and(|trace| !trace.stepwise) {
            let part = |tensor: Tensor, rows: &[usize]| {
                heads((tensor.cols, self.value(tensor)), rows, 0, [1, tensor.cols, 1])
            };
            let attended = |pair: &Pair| Attended {
                shape: [1, pair.queries.len(), pair.keys.len()],
                queries: part(queries, &pair.queries),
                keys: part(keys, &pair.keys),
                values: part(values, &pair.keys),
                weights: self.value(weights)[pair.weights..][..pair.queries.len() * pair.keys.len()].to_vec(),
            };
            let attended = pairs.iter().map(attended).collect();
            self.note_attended(true, attended);
        }
        self.record(Additive { queries, keys, values, weight, pairs, weights, y });
        Ok((y, weights))
    }
}

fn inputs<'a>(nodes: &'a Nodes, [queries, keys, values]: [Tensor; 3], weight: &'a [f32]) -> Inputs<'a> {
    let [queries, keys] = [queries, keys].map(|tensor| nodes.value(tensor));
    Inputs { queries, keys, values: nodes.value(values), weight, value_width: values.cols }
}

impl Operation for Additive {
    fn backward(&self, graph: &mut Graph, gradients: &mut Gradients) {
        let dy = graph.take_grad(self.y);
        if dy.is_empty() {
            return;
        }
        // Scratch gradients, for an input that wants none has no buffer.
        let tensors = [self.queries, self.keys, self.values];
        let mut grads = tensors.map(|tensor| graph.workspace.take_zeroed(tensor.rows * tensor.cols));
        let [queries, keys, values] = &mut grads;
        let inputs = inputs(&graph.nodes, tensors, graph.params.value(self.weight));
        let weights = graph.nodes.value(self.weights);
        let weight = gradients.value_mut(self.weight);
        let d = additive::Gradients { queries, keys, values, weight };
        additive::backward(&graph.device.pool, inputs, &self.pairs, weights, &dy, d);
        for (tensor, grad) in tensors.into_iter().zip(grads) {
            graph.pass_grad(tensor, grad);
        }
        graph.workspace.give(dy);
    }
}
