//! Attention of the tokens of packed batches to each other, to a cache, or to other sequences.

use anaphora_kernels::attention::{
    self, Attention, Batch, Cache, Dropout, KeyValues, Sequences, Settings, Similarity,
};

use crate::error::{ShapeError, check_packed, expect};
use crate::graph::{Graph, Operation, Tensor};
use crate::params::ParamId;
use crate::trace::{Attended, AttentionTrace, heads};
use crate::{Device, Gradients};

/// Other sequences' keys and values, and which of them each sequence of queries reads.
struct Others {
    keys_values: Tensor,
    sequences: Sequences,
    sources: Vec<usize>,
}

struct Attend {
    attention: Attention,
    scale: Option<ParamId>,
    queries: Tensor,
    sequences: Sequences,
    others: Option<Others>,
    dropout: Option<Dropout>,
    out: Tensor,
    /// The logarithm of what each softmax was divided by.
    log_sums: Tensor,
}

impl Graph<'_> {
    /// Attention within each sequence of a packed batch. A row of `qkv[tokens, (heads + 2 * kv_heads) * head_size]`
    /// holds a token's queries, keys and values side by side; the result is `[tokens, heads * head_size]`.
    /// `scale[heads]` is learned with [`Similarity::Cosine`] and absent otherwise.
    pub fn self_attention(
        &mut self,
        attention: &Attention,
        scale: Option<ParamId>,
        qkv: Tensor,
        batch_sizes: &[usize],
    ) -> Result<Tensor, ShapeError> {
        let sequences = self.check_self("self_attention", attention, scale, qkv, batch_sizes)?;
        Ok(self.attend(attention, scale, qkv, sequences, None))
    }

    /// Attention to other sequences: from the queries `q[tokens, heads * head_size]` to the keys and values that the
    /// rows of `kv[tokens, 2 * kv_heads * head_size]` hold side by side, each a packed batch of its own. The `i`-th
    /// sequence of queries reads sequence `sources[i]` of `kv`. Places, where `attention` looks at them, count from
    /// each sequence's beginning.
    #[allow(clippy::too_many_arguments)]
    pub fn cross_attention(
        &mut self,
        attention: &Attention,
        scale: Option<ParamId>,
        q: Tensor,
        q_batch_sizes: &[usize],
        kv: Tensor,
        kv_batch_sizes: &[usize],
        sources: &[usize],
    ) -> Result<Tensor, ShapeError> {
        let (sequences, others) = self.check_cross(
            "cross_attention",
            attention,
            scale,
            (q, q_batch_sizes),
            (kv, kv_batch_sizes),
            sources,
        )?;
        Ok(self.attend(attention, scale, q, sequences, Some(others)))
    }

    /// [`Graph::self_attention`] for sequences whose beginnings are in `cache`: adds the new tokens' keys and values to
    /// it and attends to all that it then holds. Row `r` of the batch goes on where row `r` of the cache has
    /// `lengths[r]` tokens. No gradient comes back from here, and no weight is dropped.
    pub fn cached_attention(
        &mut self,
        attention: &Attention,
        scale: Option<ParamId>,
        qkv: Tensor,
        batch_sizes: &[usize],
        cache: Cache,
    ) -> Result<Tensor, ShapeError> {
        const NAME: &str = "cached_attention";
        let sequences = self.check_self(NAME, attention, scale, qkv, batch_sizes)?;
        let rows = sequences.lengths().len();
        let sides = (("cache.lengths", &[cache.lengths.len()][..]), ("batch", &[rows][..]));
        expect(cache.lengths.len() == rows, NAME, sides.0, sides.1, "there must be one length a row")?;
        let shape = [rows, cache.capacity, attention.kv_width()];
        for (name, values) in [("cache.keys", &*cache.keys), ("cache.values", &*cache.values)] {
            let rule = "a cache has room for its capacity of tokens in each row";
            let fits = values.len() == shape.iter().product();
            expect(fits, NAME, (name, &[values.len()]), ("rows, capacity and key heads", &shape), rule)?;
        }
        let totals = cache.lengths.iter().zip(sequences.lengths()).map(|(old, new)| old + new);
        let longest = totals.max().unwrap_or(0);
        let sides = (("the longest row", &[longest][..]), ("cache.capacity", &[cache.capacity][..]));
        expect(longest <= cache.capacity, NAME, sides.0, sides.1, "the new tokens must fit the cache")?;

        let mut out = self.workspace.take(qkv.rows * attention.width());
        let settings = settings(self.device, attention, self.attention_scale(scale), None);
        attention::cached(&self.device.pool, settings, self.value(qkv), &sequences, cache, &mut out);
        Ok(self.push("cached_attention", out, qkv.rows, attention.width(), false))
    }

    /// The weights of [`Graph::self_attention`], to be looked at: `[heads, queries, keys]` for each sequence. They are
    /// computed anew, in f32 and without dropout.
    pub fn self_attention_weights(
        &self,
        attention: &Attention,
        scale: Option<ParamId>,
        qkv: Tensor,
        batch_sizes: &[usize],
    ) -> Result<Vec<Vec<f32>>, ShapeError> {
        let sequences = self.check_self("self_attention_weights", attention, scale, qkv, batch_sizes)?;
        Ok(self.attention_weights(attention, scale, qkv, &sequences, None))
    }

    /// The weights of [`Graph::cross_attention`], as [`Graph::self_attention_weights`] has them.
    #[allow(clippy::too_many_arguments)]
    pub fn cross_attention_weights(
        &self,
        attention: &Attention,
        scale: Option<ParamId>,
        q: Tensor,
        q_batch_sizes: &[usize],
        kv: Tensor,
        kv_batch_sizes: &[usize],
        sources: &[usize],
    ) -> Result<Vec<Vec<f32>>, ShapeError> {
        let (sequences, others) = self.check_cross(
            "cross_attention_weights",
            attention,
            scale,
            (q, q_batch_sizes),
            (kv, kv_batch_sizes),
            sources,
        )?;
        Ok(self.attention_weights(attention, scale, q, &sequences, Some(&others)))
    }

    fn attend(
        &mut self,
        attention: &Attention,
        scale: Option<ParamId>,
        queries: Tensor,
        sequences: Sequences,
        others: Option<Others>,
    ) -> Tensor {
        let dropout = if attention.dropout > 0.0 { self.mask_seed() } else { None }
            .and_then(|seed| Dropout::new(attention, seed));
        let tokens = queries.rows;
        let mut out = self.workspace.take(tokens * attention.width());
        let mut log_sums = self.workspace.take(tokens * attention.heads);
        attention::forward(
            &self.device.pool,
            settings(self.device, attention, self.attention_scale(scale), dropout),
            batch(self.value(queries), &sequences, others.as_ref(), |tensor| self.value(tensor)),
            &mut out,
            &mut log_sums,
        );
        let out = self.push("attention", out, tokens, attention.width(), true);
        let log_sums = self.push("attention", log_sums, tokens, attention.heads, false);
        let keys_values = others.as_ref().map(|others| others.keys_values);
        for read in [Some(queries), keys_values, Some(out)].into_iter().flatten() {
            self.keep(read);
        }
        let attention = *attention;
        self.note_attention(&attention, scale, queries, &sequences, others.as_ref());
        self.record(Attend { attention, scale, queries, sequences, others, dropout, out, log_sums });
        out
    }

    /// Notes the queries, keys, values and weights of each sequence, where somebody looks on and not at gradients alone.
    fn note_attention(
        &mut self,
        attention: &Attention,
        scale: Option<ParamId>,
        queries: Tensor,
        sequences: &Sequences,
        others: Option<&Others>,
    ) {
        if self.trace.as_ref().is_none_or(|trace| trace.stepwise) {
            return;
        }
        let all = self.attention_weights(attention, scale, queries, sequences, others);
        let (width, kv_width) = (attention.width(), attention.kv_width());
        let of = |(sequence, weights): (usize, Vec<f32>)| {
            let own = sequences.rows_of(sequence);
            let (tensor, read, column) = match others {
                None => (queries, own.clone(), width),
                Some(others) => (others.keys_values, others.sequences.rows_of(others.sources[sequence]), 0),
            };
            let shape = |group| [attention.heads, attention.head_size, group];
            let read =
                |column| heads((tensor.cols, self.value(tensor)), &read, column, shape(attention.group()));
            Attended {
                shape: [attention.heads, own.len(), weights.len() / (attention.heads * own.len()).max(1)],
                queries: heads((queries.cols, self.value(queries)), &own, 0, shape(1)),
                keys: read(column),
                values: read(column + kv_width),
                weights,
            }
        };
        let attended = all.into_iter().enumerate().map(of).collect();
        self.note_attended(others.is_some(), attended);
    }

    /// Notes an attention under the name of what runs now.
    pub(super) fn note_attended(&mut self, is_cross: bool, sequences: Vec<Attended>) {
        if let Some(trace) = &mut self.trace {
            let weight = trace.current.clone();
            trace.attentions.push(AttentionTrace { weight, is_cross, sequences });
        }
    }

    fn attention_weights(
        &self,
        attention: &Attention,
        scale: Option<ParamId>,
        queries: Tensor,
        sequences: &Sequences,
        others: Option<&Others>,
    ) -> Vec<Vec<f32>> {
        let settings = settings(self.device, attention, self.attention_scale(scale), None);
        let batch = batch(self.value(queries), sequences, others, |tensor| self.value(tensor));
        let of = |sequence| attention::weights(&self.device.pool, settings, batch, sequence);
        (0..sequences.lengths().len()).map(of).collect()
    }

    /// The learned scale, empty where there is none.
    fn attention_scale(&self, scale: Option<ParamId>) -> &[f32] {
        scale.map_or(&[], |scale| self.params.value(scale))
    }

    fn check_self(
        &self,
        name: &'static str,
        attention: &Attention,
        scale: Option<ParamId>,
        qkv: Tensor,
        batch_sizes: &[usize],
    ) -> Result<Sequences, ShapeError> {
        self.check_attention(name, attention, scale)?;
        let wanted = [qkv.rows, attention.width() + 2 * attention.kv_width()];
        self.check_present(name, &[qkv])?;
        let rule = "a row must hold the queries of all heads, the keys and the values of all key heads";
        expect(qkv.shape() == wanted, name, ("qkv", &qkv.shape()), ("heads", &wanted), rule)?;
        packed(name, ("qkv", "batch_sizes (sum)"), qkv, batch_sizes)
    }

    fn check_cross(
        &self,
        name: &'static str,
        attention: &Attention,
        scale: Option<ParamId>,
        (q, q_batch_sizes): (Tensor, &[usize]),
        (kv, kv_batch_sizes): (Tensor, &[usize]),
        sources: &[usize],
    ) -> Result<(Sequences, Others), ShapeError> {
        self.check_attention(name, attention, scale)?;
        self.check_present(name, &[q, kv])?;
        let wanted = [q.rows, attention.width()];
        let rule = "a row must hold the queries of all heads";
        expect(q.shape() == wanted, name, ("q", &q.shape()), ("heads", &wanted), rule)?;
        let wanted = [kv.rows, 2 * attention.kv_width()];
        let rule = "a row must hold the keys and the values of all key heads";
        expect(kv.shape() == wanted, name, ("kv", &kv.shape()), ("key heads", &wanted), rule)?;
        let queries = packed(name, ("q", "q_batch_sizes (sum)"), q, q_batch_sizes)?;
        let sequences = packed(name, ("kv", "kv_batch_sizes (sum)"), kv, kv_batch_sizes)?;
        let rows = queries.lengths().len();
        let sides = (("sources", &[sources.len()][..]), ("sequences of q", &[rows][..]));
        expect(sources.len() == rows, name, sides.0, sides.1, "each sequence of queries reads one other")?;
        let largest = sources.iter().copied().max().unwrap_or(0);
        let count = sequences.lengths().len();
        let sides = (("the largest source", &[largest][..]), ("sequences of kv", &[count][..]));
        let fits = rows == 0 || largest < count;
        expect(fits, name, sides.0, sides.1, "a source must be the number of a sequence of keys")?;
        Ok((queries, Others { keys_values: kv, sequences, sources: sources.to_vec() }))
    }

    fn check_attention(
        &self,
        name: &'static str,
        attention: &Attention,
        scale: Option<ParamId>,
    ) -> Result<(), ShapeError> {
        let Attention { heads, kv_heads, head_size, .. } = *attention;
        let fits = heads > 0 && kv_heads > 0 && heads % kv_heads == 0;
        let rule = "the heads must be a multiple of the key heads, which are positive";
        expect(fits, name, ("heads", &[heads]), ("kv_heads", &[kv_heads]), rule)?;
        let rule = "a head must have at least one value";
        expect(head_size > 0, name, ("head_size", &[head_size]), ("heads", &[heads]), rule)?;
        let window = attention.window.unwrap_or(1);
        let rule = "a query must see at least itself";
        expect(window > 0, name, ("window", &[window]), ("heads", &[heads]), rule)?;
        let cosine = attention.similarity == Similarity::Cosine;
        let (scale, shape) =
            scale.map_or(("scale", &[][..]), |id| (self.params.name(id), self.params.shape(id)));
        let wanted = if cosine { &[heads][..] } else { &[] };
        let rule = "the cosine has one scale a head and the scaled dot product has none";
        expect(shape == wanted, name, (scale, shape), ("learned scales", wanted), rule)
    }
}

fn settings<'a>(
    device: &Device,
    attention: &'a Attention,
    scale: &'a [f32],
    dropout: Option<Dropout>,
) -> Settings<'a> {
    Settings { attention, scale, precision: attention::precision(device.precision()), dropout }
}

/// The sequences of a tensor that is a packed batch with so many rows a step.
fn packed(
    name: &'static str,
    sides: (&str, &str),
    tensor: Tensor,
    batch_sizes: &[usize],
) -> Result<Sequences, ShapeError> {
    let tokens: usize = batch_sizes.iter().sum();
    let (left, right) = ((sides.0, &tensor.shape()[..]), (sides.1, &[tokens][..]));
    expect(tokens == tensor.rows, name, left, right, "there must be a row a token")?;
    check_packed(name, batch_sizes)?;
    Ok(Sequences::packed(batch_sizes))
}

fn batch<'a>(
    queries: &'a [f32],
    sequences: &'a Sequences,
    others: Option<&'a Others>,
    value: impl Fn(Tensor) -> &'a [f32],
) -> Batch<'a> {
    let key_values = others.map(|Others { keys_values, sequences, sources }| KeyValues {
        rows: value(*keys_values),
        sequences,
        sources,
    });
    Batch { queries, sequences, key_values }
}

impl Operation for Attend {
    fn backward(&self, graph: &mut Graph, gradients: &mut Gradients) {
        let dout = graph.take_grad(self.out);
        if dout.is_empty() {
            return;
        }
        let keys_values = self.others.as_ref().map(|others| others.keys_values);
        let (mut dqueries, fresh) = graph.borrow_grad_unset(self.queries);
        let mut dkeys_values = keys_values.map(|tensor| graph.borrow_grad(tensor)).unwrap_or_default();
        // Where a gradient is not wanted it has a place all the same.
        let mut unwanted = Vec::new();
        for (tensor, grad) in [(Some(self.queries), &mut dqueries), (keys_values, &mut dkeys_values)] {
            if let Some(tensor) = tensor.filter(|_| grad.is_empty()) {
                *grad = graph.workspace.take_zeroed(tensor.rows * tensor.cols);
                unwanted.push(tensor);
            }
        }
        let terms = self.scale.map_or(0, |_| self.log_sums.rows * self.log_sums.cols);
        let mut scale_terms = graph.workspace.take(terms);

        let nodes = &graph.nodes;
        let value = |tensor| nodes.value(tensor);
        let batch = batch(value(self.queries), &self.sequences, self.others.as_ref(), value);
        let (scale, dscale): (&[f32], &mut [f32]) = match self.scale {
            Some(scale) => (graph.params.value(scale), gradients.value_mut(scale)),
            None => (&[], &mut []),
        };
        attention::backward(
            &graph.device.pool,
            settings(graph.device, &self.attention, scale, self.dropout),
            batch,
            (value(self.out), value(self.log_sums)),
            &dout,
            attention::Gradients {
                fresh,
                queries: &mut dqueries,
                keys_values: &mut dkeys_values,
                scale: dscale,
                scale_terms: &mut scale_terms,
            },
        );
        for (tensor, grad) in [(Some(self.queries), dqueries), (keys_values, dkeys_values)] {
            match tensor {
                Some(tensor) if !unwanted.contains(&tensor) => graph.return_grad(tensor, grad),
                _ => graph.workspace.give(grad),
            }
        }
        graph.workspace.give(scale_terms);
        graph.workspace.give(dout);
    }
}
