//! Attention on the tape: gradients of every option against finite differences, the cache, the weights, and shapes that do
//! not fit.

use anaphora_autograd::{
    Attention, Cache, Device, Gradients, Graph, ParamId, Precision, ShapeError, Similarity, Workspace,
};

use super::model::{BATCH_SIZES, CLASSES, Model, TOKENS, head};

const IDS: [u32; TOKENS] = [0, 1, 2, 3, 4, 5, 6, 7, 8];

/// The scales of the heads, where the attention has them.
fn add_scale(model: &mut Model, attention: &Attention) -> Option<ParamId> {
    let cosine = attention.similarity == Similarity::Cosine;
    cosine.then(|| model.params.add("scale", &[attention.heads], &[2.0, -1.5, 3.0, 1.0][..attention.heads]))
}

fn options() -> Vec<Attention> {
    let base = Attention {
        heads: 4,
        kv_heads: 4,
        head_size: 3,
        similarity: Similarity::ScaledDotProduct,
        causal: false,
        window: None,
        alibi: false,
        dropout: 0.0,
    };
    vec![
        base,
        Attention { causal: true, ..base },
        Attention { kv_heads: 2, ..base },
        Attention { kv_heads: 1, causal: true, ..base },
        Attention { similarity: Similarity::Cosine, ..base },
        Attention { window: Some(2), causal: true, ..base },
        Attention { window: Some(2), ..base },
        Attention { alibi: true, causal: true, ..base },
        Attention { alibi: true, ..base },
        Attention { dropout: 0.3, ..base },
        Attention {
            kv_heads: 2,
            similarity: Similarity::Cosine,
            causal: true,
            window: Some(3),
            alibi: true,
            dropout: 0.2,
            ..base
        },
    ]
}

fn qkv_width(attention: &Attention) -> usize {
    (attention.heads + 2 * attention.kv_heads) * attention.head_size
}

#[test]
fn self_attention() {
    for attention in options() {
        let mut model = Model::within(2.0);
        let table = model.add("table", &[TOKENS, qkv_width(&attention)]);
        let weight = model.add("weight", &[CLASSES, attention.heads * attention.head_size]);
        let scale = add_scale(&mut model, &attention);
        model.check(&format!("{attention:?}"), |graph| {
            let qkv = graph.embedding(table, &IDS)?;
            let y = graph.self_attention(&attention, scale, qkv, &BATCH_SIZES)?;
            head(graph, weight, y)
        });
    }
}

#[test]
fn cross_attention() {
    for attention in options() {
        let mut model = Model::within(2.0);
        let queries = model.add("queries", &[TOKENS, attention.heads * attention.head_size]);
        let memory = model.add("memory", &[8, 2 * attention.kv_heads * attention.head_size]);
        let weight = model.add("weight", &[CLASSES, attention.heads * attention.head_size]);
        let scale = add_scale(&mut model, &attention);
        model.check(&format!("{attention:?}"), |graph| {
            let q = graph.embedding(queries, &IDS)?;
            let kv = graph.embedding(memory, &IDS[..8])?;
            // Two read one source, one of the sources is read by none.
            let y = graph.cross_attention(
                &attention,
                scale,
                q,
                &BATCH_SIZES,
                kv,
                &[3, 2, 1, 1, 1],
                &[1, 0, 0],
            )?;
            head(graph, weight, y)
        });
    }
}

#[test]
fn a_gradient_that_is_not_wanted_does_not_disturb_the_others() {
    let attention = options()[0];
    let width = attention.heads * attention.head_size;
    let mut model = Model::within(2.0);
    let queries = model.add("queries", &[TOKENS, width]);
    let weight = model.add("weight", &[CLASSES, width]);
    let constant: Vec<f32> = (0..4 * 2 * width).map(|i| (i as f32).sin()).collect();
    model.check("constant memory", |graph| {
        let q = graph.embedding(queries, &IDS)?;
        let kv = graph.constant(&constant, 4, 2 * width)?;
        let y = graph.cross_attention(&attention, None, q, &BATCH_SIZES, kv, &[2, 2], &[1, 0, 1])?;
        head(graph, weight, y)
    });
}

#[test]
fn dropout_is_on_in_training_only() {
    let attention = Attention { dropout: 0.5, ..options()[0] };
    let device = Device::new(1, Precision::F32);
    let (mut model, mut workspace) = (Model::within(2.0), Workspace::new());
    let table = model.add("table", &[TOKENS, qkv_width(&attention)]);
    let mut gradients = Gradients::of(&model.params);
    let mut run = |seed: Option<u64>, dropout| {
        let attention = Attention { dropout, ..attention };
        let mut graph = match seed {
            Some(seed) => Graph::train(&device, &model.params, &mut gradients, &mut workspace, seed),
            None => Graph::infer(&device, &model.params, &mut workspace),
        };
        let qkv = graph.embedding(table, &IDS).unwrap();
        let y = graph.self_attention(&attention, None, qkv, &BATCH_SIZES).unwrap();
        graph.value(y).to_vec()
    };
    let without = run(None, 0.0);
    assert_eq!(run(None, 0.5), without);
    assert_ne!(run(Some(1), 0.5), without);
    assert_ne!(run(Some(1), 0.5), run(Some(2), 0.5));
    assert_eq!(run(Some(1), 0.5), run(Some(1), 0.5));
}

#[test]
fn the_weights_make_the_output() {
    let device = Device::new(1, Precision::F32);
    for attention in options().into_iter().filter(|attention| attention.dropout == 0.0) {
        let (mut model, mut workspace) = (Model::within(2.0), Workspace::new());
        let table = model.add("table", &[TOKENS, qkv_width(&attention)]);
        let scale = add_scale(&mut model, &attention);
        let mut graph = Graph::infer(&device, &model.params, &mut workspace);
        let qkv = graph.embedding(table, &IDS).unwrap();
        let y = graph.self_attention(&attention, scale, qkv, &BATCH_SIZES).unwrap();
        let weights = graph.self_attention_weights(&attention, scale, qkv, &BATCH_SIZES).unwrap();
        let lengths = [4, 3, 2];
        let (heads, size) = (attention.heads, attention.head_size);
        let offsets = [0, 3, 6, 8];
        assert_eq!(
            weights.iter().map(Vec::len).collect::<Vec<_>>(),
            lengths.map(|length| heads * length * length)
        );
        for (sequence, (weights, length)) in weights.iter().zip(lengths).enumerate() {
            for (row, weights) in weights.chunks(length).enumerate() {
                let (head, query) = (row / length, row % length);
                assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
                if attention.causal {
                    assert!(weights[query + 1..].iter().all(|weight| *weight == 0.0));
                }
                for i in 0..size {
                    let kv_head = head / (heads / attention.kv_heads);
                    let column = (heads + attention.kv_heads + kv_head) * size + i;
                    let value = |key: usize| graph.value(qkv)[(offsets[key] + sequence) * qkv.cols + column];
                    let expected: f32 = weights.iter().enumerate().map(|(key, w)| w * value(key)).sum();
                    let found = graph.value(y)[(offsets[query] + sequence) * y.cols + head * size + i];
                    assert!((expected - found).abs() < 1e-5, "{attention:?}: {found} instead of {expected}");
                }
            }
        }
    }
}

#[test]
fn cross_weights_sum_to_one_over_the_source() {
    let device = Device::new(1, Precision::F32);
    let attention = options()[2];
    let width = attention.heads * attention.head_size;
    let (mut model, mut workspace) = (Model::within(2.0), Workspace::new());
    let (queries, keys) = (model.add("queries", &[TOKENS, width]), model.add("memory", &[8, width]));
    let mut graph = Graph::infer(&device, &model.params, &mut workspace);
    let (q, kv) = (graph.embedding(queries, &IDS).unwrap(), graph.embedding(keys, &IDS[..8]).unwrap());
    let sizes = [3, 2, 1, 1, 1];
    let weights =
        graph.cross_attention_weights(&attention, None, q, &BATCH_SIZES, kv, &sizes, &[1, 0, 2]).unwrap();
    for (weights, [queries, keys]) in weights.iter().zip([[4, 2], [3, 5], [2, 1]]) {
        assert_eq!(weights.len(), attention.heads * queries * keys);
        assert!(weights.chunks(keys).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-6));
    }
}

#[test]
fn token_by_token_with_a_cache_is_the_whole_sequence() {
    let device = Device::new(2, Precision::F32);
    for attention in options() {
        let attention = Attention { causal: true, dropout: 0.0, ..attention };
        let (mut model, mut workspace) = (Model::within(2.0), Workspace::new());
        let table = model.add("table", &[TOKENS, qkv_width(&attention)]);
        let scale = add_scale(&mut model, &attention);
        let mut graph = Graph::infer(&device, &model.params, &mut workspace);
        let qkv = graph.embedding(table, &IDS).unwrap();
        let y = graph.self_attention(&attention, scale, qkv, &BATCH_SIZES).unwrap();
        let expected = graph.value(y).to_vec();
        let (capacity, width) = (5, attention.kv_heads * attention.head_size);
        let (mut keys, mut values) = (vec![0.0; 3 * capacity * width], vec![0.0; 3 * capacity * width]);
        let mut token = 0;
        for (step, rows) in BATCH_SIZES.into_iter().enumerate() {
            let qkv = graph.embedding(table, &IDS[token..token + rows]).unwrap();
            let (keys, values) =
                (&mut keys[..rows * capacity * width], &mut values[..rows * capacity * width]);
            let cache = Cache { keys, values, capacity, lengths: &vec![step; rows] };
            let y = graph.cached_attention(&attention, scale, qkv, &[rows], cache).unwrap();
            for (found, expected) in graph.value(y).iter().zip(&expected[token * y.cols..]) {
                assert!((found - expected).abs() < 1e-5, "{attention:?}: {found} instead of {expected}");
            }
            token += rows;
        }
    }
}

#[test]
fn every_shape_error_names_both_sides() {
    let device = Device::new(1, Precision::F32);
    let (mut model, mut workspace) = (Model::within(2.0), Workspace::new());
    let (right, wrong) = (model.add("right.scale", &[4]), model.add("wrong.scale", &[3]));
    let graph = &mut Graph::infer(&device, &model.params, &mut workspace);
    let base = options()[0];
    let grouped = Attention { kv_heads: 2, ..base };
    let cosine = Attention { similarity: Similarity::Cosine, ..base };
    let qkv = graph.constant(&[0.0; 4 * 36], 4, 36).unwrap();
    let q = graph.constant(&[0.0; 4 * 12], 4, 12).unwrap();
    let kv = graph.constant(&[0.0; 4 * 24], 4, 24).unwrap();
    let steps = [2, 2];

    let mut cases: Vec<(Result<(), ShapeError>, &str)> = Vec::new();
    let mut own = |attention, scale, qkv, steps: &[usize], message| {
        cases.push((graph.self_attention(&attention, scale, qkv, steps).map(drop), message));
    };
    own(
        Attention { kv_heads: 3, ..base },
        None,
        qkv,
        &steps,
        "self_attention: heads is [4] and kv_heads is [3]",
    );
    own(
        Attention { kv_heads: 0, ..base },
        None,
        qkv,
        &steps,
        "self_attention: heads is [4] and kv_heads is [0]",
    );
    own(
        Attention { head_size: 0, ..base },
        None,
        qkv,
        &steps,
        "self_attention: head_size is [0] and heads is [4]",
    );
    own(
        Attention { window: Some(0), ..base },
        None,
        qkv,
        &steps,
        "self_attention: window is [0] and heads is [4]",
    );
    own(cosine, None, qkv, &steps, "self_attention: scale is [] and learned scales is [4]");
    own(cosine, Some(wrong), qkv, &steps, "self_attention: wrong.scale is [3] and learned scales is [4]");
    own(base, Some(right), qkv, &steps, "self_attention: right.scale is [4] and learned scales is []");
    own(grouped, None, qkv, &steps, "self_attention: qkv is [4, 36] and heads is [4, 24]");
    own(base, None, qkv, &[2, 1], "self_attention: qkv is [4, 36] and batch_sizes (sum) is [3]");
    own(base, None, qkv, &[1, 3], "self_attention: batch_sizes is [1, 3] and steps is [2]");
    let mut cross = |q, q_steps: &[usize], kv, kv_steps: &[usize], sources: &[usize], message| {
        let result = graph.cross_attention(&base, None, q, q_steps, kv, kv_steps, sources);
        cases.push((result.map(drop), message));
    };
    cross(kv, &steps, kv, &steps, &[0, 1], "cross_attention: q is [4, 24] and heads is [4, 12]");
    cross(q, &steps, q, &steps, &[0, 1], "cross_attention: kv is [4, 12] and key heads is [4, 24]");
    cross(q, &[4, 1], kv, &steps, &[0], "cross_attention: q is [4, 12] and q_batch_sizes (sum) is [5]");
    cross(q, &steps, kv, &[3], &[0, 1], "cross_attention: kv is [4, 24] and kv_batch_sizes (sum) is [3]");
    cross(q, &steps, kv, &steps, &[0], "cross_attention: sources is [1] and sequences of q is [2]");
    cross(
        q,
        &steps,
        kv,
        &steps,
        &[0, 2],
        "cross_attention: the largest source is [2] and sequences of kv is [2]",
    );
    let mut cached = |len: usize, capacity, lengths: &[usize], message| {
        let (keys, values) = (&mut vec![0.0; len][..], &mut vec![0.0; 2 * 5 * 12][..]);
        let cache = Cache { keys, values, capacity, lengths };
        cases.push((graph.cached_attention(&base, None, qkv, &steps, cache).map(drop), message));
    };
    cached(120, 5, &[1], "cached_attention: cache.lengths is [1] and batch is [2]");
    cached(
        119,
        5,
        &[1, 1],
        "cached_attention: cache.keys is [119] and rows, capacity and key heads is [2, 5, 12]",
    );
    cached(120, 5, &[3, 4], "cached_attention: the longest row is [6] and cache.capacity is [5]");

    for (result, expected) in cases {
        let message = result.expect_err(expected).to_string();
        let rule =
            message.strip_prefix(expected).unwrap_or_else(|| panic!("{message:?} is not {expected:?}"));
        assert!(rule.starts_with(", but ") && rule.len() > 20, "{message:?} says what would be right");
    }
}

#[test]
fn a_steady_step_allocates_no_activations() {
    // One thread: what is counted is what this thread allocates.
    let device = Device::new(1, Precision::F32);
    let attention = Attention {
        similarity: Similarity::Cosine,
        causal: true,
        head_size: 16,
        dropout: 0.1,
        ..options()[2]
    };
    let (width, batch_sizes) = (qkv_width(&attention), [8; 100]);
    let tokens = 800;
    let (mut model, mut workspace) = (Model::within(2.0), Workspace::new());
    let table = model.add("table", &[TOKENS, width]);
    let scale = add_scale(&mut model, &attention);
    let ids: Vec<u32> = (0..tokens).map(|i| (i * i % TOKENS) as u32).collect();
    let targets = vec![3; tokens];
    let mut gradients = Gradients::of(&model.params);
    let bytes = [1, 2, 3].map(|seed| {
        let pass = || {
            let mut graph = Graph::train(&device, &model.params, &mut gradients, &mut workspace, seed);
            let qkv = graph.embedding(table, &ids).unwrap();
            let y = graph.self_attention(&attention, scale, qkv, &batch_sizes).unwrap();
            let loss = graph.cross_entropy(y, &targets).unwrap().1;
            graph.backward(loss, 1.0).unwrap();
        };
        allocation_counter::measure(pass).bytes_total as usize
    });
    let activation = tokens * attention.heads * attention.head_size * size_of::<f32>();
    let what = format!("{bytes:?} bytes in three steps, the output has {activation}");
    assert!(bytes[0] > 5 * activation, "the first step lays out its workspace; {what}");
    assert!(bytes[2] < activation / 8, "{what}");
}
