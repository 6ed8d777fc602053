//! What a Transformer promises: what it knows of order, that stretches do not matter, that threads do not change a bit, and
//! what a step allocates.

use anaphora_nn::optimizer::{AdamW, AdamWOptions, Optimizer};
use anaphora_nn::{
    Activation, Builder, Device, EncoderMemory, FeedForwardKind, Gradients, Graph, Norm, Params, Position,
    Precision, ROTARY_BASE, Similarity, State, Transformer, TransformerOptions, Workspace,
};

const POSITIONS: [Position; 5] =
    [Position::None, Position::Sinusoidal, Position::Learned, Position::Rotary, Position::Alibi];

const OPTIONS: TransformerOptions = TransformerOptions {
    input_size: 16,
    hidden_size: 16,
    layers: 2,
    heads: 4,
    kv_heads: 2,
    feed_forward_size: 24,
    feed_forward: FeedForwardKind::Plain(Activation::Gelu),
    context: 8,
    position: Position::None,
    norm: Norm::Layer,
    rotary_base: ROTARY_BASE,
    norm_epsilon: 1e-5,
    norm_first: true,
    similarity: Similarity::ScaledDotProduct,
    bias: true,
    causal: true,
    memory_size: None,
    dropout: 0.0,
    attention_dropout: 0.0,
};

/// A stack with weights large enough for attention to be sharp.
struct Model {
    params: Params,
    stack: Transformer,
    options: TransformerOptions,
    workspace: Workspace,
}

impl Model {
    fn new(options: TransformerOptions) -> Self {
        let mut params = Params::new();
        let stack = Transformer::new(&mut Builder::random(&mut params, 1), "t", options);
        for id in params.ids().collect::<Vec<_>>() {
            if params.shape(id).len() == 2 {
                params.value_mut(id).iter_mut().for_each(|value| *value *= 15.0);
            }
        }
        Self { params, stack, options, workspace: Workspace::new() }
    }

    /// One pass that goes on from `state`.
    fn read(&mut self, x: &[f32], batch_sizes: &[usize], state: &mut State) -> Vec<f32> {
        let device = Device::new(1, Precision::F32);
        let mut graph = Graph::infer(&device, &self.params, &mut self.workspace);
        let width = self.options.input_size;
        let x = graph.constant(x, x.len() / width, width).unwrap();
        let y = self.stack.forward(&mut graph, x, batch_sizes, None, state).unwrap();
        graph.value(y).to_vec()
    }

    /// One pass over fresh sequences.
    fn read_fresh(&mut self, x: &[f32], batch_sizes: &[usize]) -> Vec<f32> {
        let mut state = self.stack.initial_state(batch_sizes[0]);
        self.read(x, batch_sizes, &mut state)
    }
}

/// Evenly spread numbers between -1 and 1 (Weyl's sequence).
fn noise(len: usize) -> Vec<f32> {
    (1..=len).map(|i| ((i as f64 * 0.618_033_988_749_895).fract() * 2.0 - 1.0) as f32).collect()
}

#[track_caller]
fn agree(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = furthest(found, expected);
    assert!(worst < 2e-5, "{what}: {worst}");
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn without_positions_an_encoder_is_blind_to_order_and_with_them_it_is_not() {
    let (width, steps) = (OPTIONS.input_size, OPTIONS.context);
    let order = [3, 0, 7, 5, 1, 6, 2, 4];
    let permuted = |rows: &[f32]| -> Vec<f32> {
        order.iter().flat_map(|&row| &rows[row * width..(row + 1) * width]).copied().collect()
    };
    let x = noise(steps * width);
    for position in POSITIONS {
        for causal in [false, true] {
            let mut model = Model::new(TransformerOptions { position, causal, ..OPTIONS });
            let expected = permuted(&model.read_fresh(&x, &vec![1; steps]));
            let found = model.read_fresh(&permuted(&x), &vec![1; steps]);
            if position == Position::None && !causal {
                agree(&found, &expected, "permuted inputs permute the outputs");
            } else {
                let moved = furthest(&found, &expected);
                assert!(moved > 1e-2, "{position:?}, causal {causal}: moved by {moved}");
            }
        }
    }
}

#[test]
fn a_decoder_does_not_look_ahead_and_an_encoder_does() {
    let (width, steps) = (OPTIONS.input_size, OPTIONS.context);
    let x = noise(steps * width);
    let mut other = x.clone();
    other[(steps - 1) * width..].iter_mut().for_each(|value| *value += 0.5);
    for position in POSITIONS {
        for causal in [false, true] {
            let mut model = Model::new(TransformerOptions { position, causal, ..OPTIONS });
            let first = |y: Vec<f32>| y[..(steps - 1) * width].to_vec();
            let before = first(model.read_fresh(&x, &vec![1; steps]));
            let after = first(model.read_fresh(&other, &vec![1; steps]));
            assert_eq!(before == after, causal, "{position:?}, causal {causal}");
        }
    }
}

/// Reads `steps` steps of two sequences, cut into stretches of the given lengths, in turn.
fn in_stretches(model: &mut Model, x: &[f32], stretches: &[usize]) -> Vec<f32> {
    let row = 2 * model.options.input_size;
    let steps = x.len() / row;
    let (mut state, mut y, mut at) = (model.stack.initial_state(2), Vec::new(), 0);
    for length in stretches.iter().cycle() {
        let length = (*length).min(steps - at);
        y.extend(model.read(&x[at * row..(at + length) * row], &vec![2; length], &mut state));
        at += length;
        if at == steps {
            return y;
        }
    }
    unreachable!("stretches do not end")
}

#[test]
fn stretches_do_not_matter_within_the_context_and_beyond() {
    for position in POSITIONS {
        // The longer context is one for which room is made only when it is wanted.
        for (norm_first, context) in [(false, 8), (true, 8), (true, 50)] {
            let mut model = Model::new(TransformerOptions { position, norm_first, context, ..OPTIONS });
            for steps in [context, 3 * context + 1] {
                let x = noise(steps * 2 * OPTIONS.input_size);
                let expected = in_stretches(&mut model, &x, &[steps]);
                for stretches in [&[1][..], &[3], &[7, 1], &[context, 2]] {
                    let found = in_stretches(&mut model, &x, stretches);
                    agree(&found, &expected, &format!("{position:?}, {steps} steps in {stretches:?}"));
                }
            }
        }
    }
}

#[test]
fn within_the_context_going_on_is_what_training_reads() {
    let (width, batch_sizes) = (OPTIONS.input_size, [3, 3, 3, 2, 2, 1, 1, 1]);
    let x = noise(batch_sizes.iter().sum::<usize>() * width);
    for position in POSITIONS {
        let mut model = Model::new(TransformerOptions { position, ..OPTIONS });
        let found = model.read_fresh(&x, &batch_sizes);
        let device = Device::new(1, Precision::F32);
        let mut gradients = Gradients::of(&model.params);
        let mut graph = Graph::train(&device, &model.params, &mut gradients, &mut model.workspace, 0);
        let x = graph.constant(&x, x.len() / width, width).unwrap();
        let y = model.stack.forward(&mut graph, x, &batch_sizes, None, &mut State::default()).unwrap();
        agree(&found, graph.value(y), &format!("{position:?}"));
    }
}

/// What a sequence of a batch gives is what it gives alone, however long the others are: shorter ones end while the
/// context of the longest is full.
#[test]
fn sequences_of_unequal_length_do_not_meet() {
    let width = OPTIONS.input_size;
    let lengths = [29, 17, 9, 3];
    let batch_sizes: Vec<usize> =
        (0..lengths[0]).map(|t| lengths.iter().filter(|&&length| length > t).count()).collect();
    let tokens: usize = batch_sizes.iter().sum();
    let x = noise(tokens * width);
    let of_row = |values: &[f32], row: usize| -> Vec<f32> {
        let mut at = 0;
        let mut own = Vec::new();
        for &rows in &batch_sizes {
            if row < rows {
                own.extend_from_slice(&values[(at + row) * width..(at + row + 1) * width]);
            }
            at += rows;
        }
        own
    };
    for position in POSITIONS {
        let mut model = Model::new(TransformerOptions { position, ..OPTIONS });
        let together = model.read_fresh(&x, &batch_sizes);
        for (row, &length) in lengths.iter().enumerate() {
            let alone = model.read_fresh(&of_row(&x, row), &vec![1; length]);
            agree(&of_row(&together, row), &alone, &format!("{position:?}, row {row}"));
        }
    }
}

/// Beyond the context a token depends on the inputs that are still in sight alone. Through a block a token sees `context`
/// steps back, through two blocks twice as many.
#[test]
fn what_has_left_the_window_is_forgotten() {
    let (width, context) = (OPTIONS.input_size, OPTIONS.context);
    let steps = 3 * context;
    let x = noise(steps * width);
    let mut other = x.clone();
    other[..width].iter_mut().for_each(|value| *value += 0.5);
    for position in [Position::None, Position::Rotary, Position::Alibi] {
        let mut model = Model::new(TransformerOptions { position, ..OPTIONS });
        let before = model.read_fresh(&x, &vec![1; steps]);
        let after = model.read_fresh(&other, &vec![1; steps]);
        let reach = OPTIONS.layers * (context - 1) + 1;
        let at = |y: &[f32], step: usize| y[step * width..(step + 1) * width].to_vec();
        assert_ne!(at(&before, reach - 1), at(&after, reach - 1), "{position:?} reaches so far");
        assert_eq!(before[reach * width..], after[reach * width..], "{position:?} reaches no further");
    }
}

/// Absolute places: where the context is full, its latter half is read again from place 0.
#[test]
fn a_full_context_of_absolute_places_begins_anew_with_its_latter_half() {
    let (width, context) = (OPTIONS.input_size, OPTIONS.context);
    let x = noise((context + 3) * width);
    for position in [Position::Sinusoidal, Position::Learned] {
        let mut model = Model::new(TransformerOptions { position, ..OPTIONS });
        let found = model.read_fresh(&x, &vec![1; context + 3]);
        let again = model.read_fresh(&x[context / 2 * width..], &vec![1; context / 2 + 3]);
        agree(&found[context * width..], &again[context / 2 * width..], &format!("{position:?}"));
    }
}

#[test]
fn a_decoder_goes_on_reading_its_memory() {
    let (width, memory_sizes, sources) = (OPTIONS.input_size, [2, 2, 1], [1, 0]);
    let device = Device::new(1, Precision::F32);
    for position in POSITIONS {
        let mut model = Model::new(TransformerOptions { position, memory_size: Some(width), ..OPTIONS });
        let steps = 2 * OPTIONS.context + 3;
        let (x, values) = (noise(steps * 2 * width), noise(5 * width));
        let mut run = |stretch: usize| {
            let (mut state, mut y) = (model.stack.initial_state(2), Vec::new());
            for x in x.chunks(stretch * 2 * width) {
                let mut graph = Graph::infer(&device, &model.params, &mut model.workspace);
                let values = graph.constant(&values, 5, width).unwrap();
                let parts = model.stack.remember(&mut graph, values).unwrap();
                let memory = EncoderMemory { parts: &parts, batch_sizes: &memory_sizes, sources: &sources };
                let (rows, batch_sizes) = (x.len() / width, vec![2; x.len() / width / 2]);
                let x = graph.constant(x, rows, width).unwrap();
                let out = model.stack.forward(&mut graph, x, &batch_sizes, Some(memory), &mut state).unwrap();
                y.extend_from_slice(graph.value(out));
            }
            y
        };
        let expected = run(steps);
        agree(&run(1), &expected, &format!("{position:?}, step by step"));
        agree(&run(5), &expected, &format!("{position:?}, five steps at a time"));
    }
}

#[test]
fn alignments_are_where_a_block_looks() {
    let (width, sources) = (OPTIONS.input_size, [1, 0]);
    let (sizes, memory_sizes) = ([2, 2, 1], [2, 2, 1, 1]);
    let device = Device::new(1, Precision::F32);
    for layers in [1, 3] {
        let mut model = Model::new(TransformerOptions { layers, memory_size: Some(width), ..OPTIONS });
        let mut graph = Graph::infer(&device, &model.params, &mut model.workspace);
        let x = graph.constant(&noise(5 * width), 5, width).unwrap();
        let values = graph.constant(&noise(6 * width), 6, width).unwrap();
        let parts = model.stack.remember(&mut graph, values).unwrap();
        assert_eq!(parts.len(), layers);
        let memory = EncoderMemory { parts: &parts, batch_sizes: &memory_sizes, sources: &sources };
        let weights = model.stack.alignments(&mut graph, x, &sizes, memory).unwrap();
        // The first sequence has three tokens and reads the second of two steps; the other two and four.
        assert_eq!(weights.iter().map(Vec::len).collect::<Vec<_>>(), [3 * 2, 2 * 4]);
        for (weights, steps) in weights.iter().zip([2, 4]) {
            for row in weights.chunks(steps) {
                assert!(
                    (row.iter().sum::<f32>() - 1.0).abs() < 1e-5 && row.iter().all(|&weight| weight >= 0.0)
                );
            }
        }
        let even = weights.iter().flatten().all(|&weight| (weight - 0.25).abs() < 0.05);
        assert!(!even, "heads look somewhere");
    }
}

/// Two steps of training with dropout: outputs and all weights behind them, as bits.
fn train(
    options: TransformerOptions,
    precision: Precision,
    threads: usize,
    batch_sizes: &[usize],
) -> Vec<u32> {
    let device = Device::new(threads, precision);
    let Model { mut params, stack, mut workspace, .. } = Model::new(options);
    let tokens: usize = batch_sizes.iter().sum();
    let adamw = AdamWOptions { betas: [0.9, 0.99], epsilon: 1e-8, weight_decay: 0.1 };
    let mut optimizer = AdamW::new(&params, adamw);
    let (x, dy) = (noise(tokens * options.input_size), noise(tokens * options.hidden_size));
    let mut gradients = Gradients::of(&params);
    let mut bits = Vec::new();
    for step in 1..=2 {
        gradients.zero();
        let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, step);
        let x = graph.variable(&x, tokens, options.input_size).unwrap();
        let y = stack.forward(&mut graph, x, batch_sizes, None, &mut State::default()).unwrap();
        bits.extend(graph.value(y).iter().map(|value| value.to_bits()));
        graph.backward_from(&[(y, &dy)]).unwrap();
        bits.extend(graph.grad(x).iter().map(|value| value.to_bits()));
        drop(graph);
        optimizer.step(&device, &mut params, &gradients, 1e-2, 1.0);
    }
    bits.extend(params.values().iter().map(|value| value.to_bits()));
    bits
}

#[test]
fn threads_do_not_change_a_bit() {
    let dropped = TransformerOptions { dropout: 0.1, attention_dropout: 0.1, ..OPTIONS };
    let rotary = TransformerOptions {
        position: Position::Rotary,
        norm: Norm::Rms,
        feed_forward: FeedForwardKind::SwiGlu,
        input_size: 5,
        ..dropped
    };
    let cosine = TransformerOptions {
        position: Position::Alibi,
        similarity: Similarity::Cosine,
        norm_first: false,
        causal: false,
        ..dropped
    };
    let learned = TransformerOptions { position: Position::Learned, ..dropped };
    for (options, precision) in [
        (rotary, Precision::F32),
        (cosine, Precision::F32),
        (learned, Precision::F32),
        (rotary, Precision::Bf16),
    ] {
        for batch_sizes in [&[5, 3, 1][..], &[1; 8]] {
            let expected = train(options, precision, 1, batch_sizes);
            for threads in [2, 3] {
                let found = train(options, precision, threads, batch_sizes);
                let differing = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
                assert_eq!(
                    differing, 0,
                    "{:?} in {precision:?}, {batch_sizes:?}: {threads} threads and one",
                    options.position
                );
            }
        }
    }
}

#[test]
fn a_steady_step_allocates_no_activations() {
    let (rows, steps) = (64, 32);
    for (position, precision) in [
        (Position::Rotary, Precision::F32),
        (Position::Learned, Precision::F32),
        (Position::Alibi, Precision::Bf16),
    ] {
        let options = TransformerOptions {
            position,
            context: steps,
            dropout: 0.1,
            hidden_size: 64,
            input_size: 64,
            ..OPTIONS
        };
        let activation = rows * steps * options.hidden_size * size_of::<f32>();
        // One thread: what is counted is what this thread allocates.
        let device = Device::new(1, precision);
        let Model { params, stack, mut workspace, .. } = Model::new(options);
        let mut gradients = Gradients::of(&params);
        let (x, dy) = (noise(rows * steps * 64), noise(rows * steps * 64));
        let batch_sizes = vec![rows; steps];
        let bytes = [1, 2, 3].map(|seed| {
            let pass = || {
                gradients.zero();
                let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, seed);
                let x = graph.variable(&x, rows * steps, 64).unwrap();
                let y = stack.forward(&mut graph, x, &batch_sizes, None, &mut State::default()).unwrap();
                graph.backward_from(&[(y, &dy)]).unwrap();
            };
            allocation_counter::measure(pass).bytes_total as usize
        });
        let what = format!("{position:?} in {precision:?}: {bytes:?} bytes, an activation has {activation}");
        assert!(bytes[0] > 10 * activation, "the first step lays out its workspace; {what}");
        assert!(bytes[2] < activation / 2, "{what}");
    }
}
