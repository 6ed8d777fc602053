//! Attention against the plain one in f64: outputs directly, gradients by finite differences.

use anaphora_kernels::attention::{
    Attention, Batch, Cache, Dropout, Gradients, KeyValues, Sequences, Settings, Similarity, backward,
    cached, forward, reference,
};
use anaphora_kernels::{Isa, Pool, Precision};

/// Numbers in -1..1 from a linear congruential sequence.
fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..len).map(next).collect()
}

/// Rows a step of sequences with these lengths, longest first.
fn steps(lengths: &[usize]) -> Vec<usize> {
    (0..lengths[0]).map(|step| lengths.iter().filter(|&&length| length > step).count()).collect()
}

fn plain(heads: usize, kv_heads: usize, head_size: usize) -> Attention {
    Attention {
        heads,
        kv_heads,
        head_size,
        similarity: Similarity::ScaledDotProduct,
        causal: false,
        window: None,
        alibi: false,
        dropout: 0.0,
    }
}

struct Case {
    attention: Attention,
    scale: Vec<f32>,
    own: Sequences,
    queries: Vec<f32>,
    /// Values, lengths and sources of other sequences.
    others: Option<(Vec<f32>, Sequences, Vec<usize>)>,
    dout: Vec<f32>,
}

#[derive(Debug, PartialEq)]
struct Results {
    out: Vec<f32>,
    log_sums: Vec<f32>,
    dqueries: Vec<f32>,
    dothers: Vec<f32>,
    dscale: Vec<f32>,
}

impl Case {
    fn new(attention: Attention, lengths: &[usize], others: Option<(&[usize], &[usize])>) -> Self {
        let own = Sequences::packed(&steps(lengths));
        let cosine = attention.similarity == Similarity::Cosine;
        let kv = 2 * attention.kv_width();
        let width = attention.width() + if others.is_some() { 0 } else { kv };
        let others = others.map(|(lengths, sources)| {
            let others = Sequences::packed(&steps(lengths));
            (numbers(3, others.rows() * kv), others, sources.to_vec())
        });
        Self {
            attention,
            scale: numbers(5, if cosine { attention.heads } else { 0 }).iter().map(|x| 3.0 + x).collect(),
            queries: numbers(1, own.rows() * width).iter().map(|x| 2.0 * x).collect(),
            dout: numbers(2, own.rows() * attention.width()),
            own,
            others,
        }
    }

    fn dropout(&self) -> Option<Dropout> {
        Dropout::new(&self.attention, 9)
    }

    fn batch<'a, T>(&'a self, queries: &'a [T], rows: &'a [T]) -> Batch<'a, T> {
        let others = self.others.as_ref();
        let key_values = others.map(|(_, sequences, sources)| KeyValues { rows, sequences, sources });
        Batch { queries, sequences: &self.own, key_values }
    }

    fn others_rows(&self) -> &[f32] {
        self.others.as_ref().map_or(&[], |(values, ..)| values)
    }

    fn settings(&self, precision: Precision) -> Settings<'_> {
        let (attention, scale, dropout) = (&self.attention, &self.scale[..], self.dropout());
        Settings { attention, scale, precision, dropout }
    }

    fn run(&self, threads: usize, precision: Precision) -> Results {
        let pool = Pool::new(threads);
        let (tokens, heads) = (self.own.rows(), self.attention.heads);
        let terms = if self.scale.is_empty() { 0 } else { tokens * heads };
        let mut results = Results {
            out: vec![f32::NAN; self.dout.len()],
            log_sums: vec![f32::NAN; tokens * heads],
            dqueries: vec![0.5; self.queries.len()],
            dothers: vec![0.5; self.others_rows().len()],
            dscale: vec![0.5; self.scale.len()],
        };
        let batch = self.batch(&self.queries, self.others_rows());
        let Results { out, log_sums, dqueries, dothers, dscale } = &mut results;
        let settings = self.settings(precision);
        forward(&pool, settings, batch, out, log_sums);
        let saved = (&out[..], &log_sums[..]);
        let mut terms = vec![f32::NAN; terms];
        let gradients = Gradients {
            fresh: false,
            queries: dqueries,
            keys_values: dothers,
            scale: dscale,
            scale_terms: &mut terms,
        };
        backward(&pool, settings, batch, saved, &self.dout, gradients);
        // Gradients were added to what was there.
        for grads in [&mut *dqueries, dothers, dscale] {
            grads.iter_mut().for_each(|grad| *grad -= 0.5);
        }
        let mut written = vec![f32::NAN; dqueries.len()];
        let gradients = Gradients {
            fresh: true,
            queries: &mut written,
            keys_values: &mut vec![0.0; dothers.len()],
            scale: &mut vec![0.0; dscale.len()],
            scale_terms: &mut terms,
        };
        backward(&pool, settings, batch, saved, &self.dout, gradients);
        for (written, added) in written.iter().zip(dqueries) {
            assert!(
                (written - *added).abs() < 1e-6 * (1.0 + written.abs()),
                "{written}, {added} where added"
            );
        }
        results
    }

    /// Output by the plain attention for the given queries, others and scale.
    fn expected(&self, [queries, others, scale]: [&[f64]; 3]) -> Vec<f64> {
        reference::forward(&self.attention, scale, self.dropout(), &self.batch(queries, others))
    }

    fn parameters(&self) -> [Vec<f64>; 3] {
        [&self.queries[..], self.others_rows(), &self.scale].map(exact)
    }

    fn check_forward(&self, results: &Results, tolerance: f64) {
        let parameters = self.parameters();
        let expected = self.expected(parameters.each_ref().map(|values| &values[..]));
        assert_close(&format!("{:?}", self.attention), &results.out, &expected, tolerance);
    }

    /// Checks some forty places of each gradient of `Σ dout · out`.
    fn check_backward(&self, results: &Results, tolerance: f64) {
        let parameters = self.parameters();
        let found = [&results.dqueries, &results.dothers, &results.dscale];
        for (which, (name, found)) in ["queries", "others", "scale"].iter().zip(found).enumerate() {
            for index in (0..found.len()).step_by(found.len() / 41 + 1) {
                let at = |offset: f64| -> f64 {
                    let mut moved = parameters.clone();
                    moved[which][index] += offset;
                    let out = self.expected(moved.each_ref().map(|values| &values[..]));
                    out.iter().zip(&self.dout).map(|(out, d)| out * f64::from(*d)).sum()
                };
                let step = 1e-4;
                let difference = (at(step) - at(-step)) / (2.0 * step);
                let what = format!("{:?}: {name} {index}", self.attention);
                assert_close(&what, &found[index..index + 1], &[difference], tolerance);
            }
        }
    }
}

fn exact(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

fn assert_close(what: &str, got: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(*got) - expected).abs() / expected.abs().max(1.0);
        assert!(error < tolerance, "{what}[{i}]: {got} instead of {expected}");
    }
}

/// Every option by itself and some together, for heads as in `base`.
fn options(base: Attention) -> Vec<Attention> {
    let causal = Attention { causal: true, ..base };
    let cosine = Attention { similarity: Similarity::Cosine, ..base };
    vec![
        base,
        causal,
        cosine,
        Attention { window: Some(5), ..causal },
        Attention { window: Some(1), ..causal },
        Attention { window: Some(20), ..base },
        Attention { alibi: true, ..causal },
        Attention { alibi: true, ..base },
        Attention { dropout: 0.3, ..causal },
        Attention { dropout: 0.2, alibi: true, causal: true, window: Some(70), ..cosine },
    ]
}

#[test]
fn forward_agrees_with_the_plain_attention() {
    for (heads, kv_heads, head_size) in [(1, 1, 1), (3, 3, 15), (3, 1, 17), (4, 2, 33), (2, 2, 64)] {
        for lengths in [&[1][..], &[15], &[17, 16, 1], &[33, 33, 2], &[130, 64, 63]] {
            for attention in options(plain(heads, kv_heads, head_size)) {
                let case = Case::new(attention, lengths, None);
                case.check_forward(&case.run(2, Precision::F32), 3e-6);
            }
        }
    }
}

#[test]
fn cross_attention_agrees_with_the_plain_one() {
    for (heads, kv_heads) in [(1, 1), (3, 3), (3, 1)] {
        for attention in options(plain(heads, kv_heads, 17)) {
            // Several read one source, one of the sources is read by none.
            let case = Case::new(attention, &[70, 15, 9, 1], Some((&[90, 33, 17], &[1, 0, 1, 1])));
            let results = case.run(2, Precision::F32);
            case.check_forward(&results, 3e-6);
            case.check_backward(&results, 2e-5);
        }
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    for (heads, kv_heads, head_size) in [(1, 1, 1), (3, 1, 17), (2, 2, 33)] {
        for lengths in [&[1][..], &[17, 16, 1], &[70, 3]] {
            for attention in options(plain(heads, kv_heads, head_size)) {
                let case = Case::new(attention, lengths, None);
                case.check_backward(&case.run(2, Precision::F32), 2e-5);
            }
        }
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    for precision in [Precision::F32, Precision::Bf16] {
        for attention in options(plain(4, 2, 20)) {
            // Few sequences of many blocks are cut between the workers.
            let own = Case::new(attention, &[400, 70, 3], None);
            let cross = Case::new(attention, &[200, 60], Some((&[300, 1], &[0, 0])));
            // The last queries may see no key.
            let beyond = Case::new(attention, &[500], Some((&[200], &[0])));
            for case in [own, cross, beyond] {
                let one = case.run(1, precision);
                for threads in [2, 3, 7] {
                    let same = case.run(threads, precision) == one;
                    assert!(same, "{attention:?} in {precision:?} with {threads} threads");
                }
            }
        }
    }
}

#[test]
fn bf16_stays_near_f32() {
    for attention in options(plain(3, 1, 32)) {
        let case = Case::new(attention, &[100, 65, 7], None);
        let (exact, rounded) = (case.run(2, Precision::F32), case.run(2, Precision::Bf16));
        for (exact, rounded) in [(exact.out, rounded.out), (exact.dqueries, rounded.dqueries)] {
            let distance: f32 = exact.iter().zip(&rounded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let size: f32 = exact.iter().map(|a| a.abs()).fold(0.0, f32::max);
            assert!(distance > 0.0 && distance < 0.04 * size, "{attention:?}: {distance} of {size}");
        }
    }
}

#[test]
fn a_query_that_sees_no_key_gets_nothing() {
    let attention = Attention { window: Some(3), ..plain(2, 1, 8) };
    let case = Case::new(attention, &[12], Some((&[5], &[0])));
    let results = case.run(1, Precision::F32);
    let (seeing, blind) = results.out.split_at(7 * attention.width());
    assert!(seeing.iter().all(|value| *value != 0.0) && blind.iter().all(|value| *value == 0.0));
    let blind = &results.dqueries[7 * attention.width()..];
    assert!(blind.iter().all(|value| *value == 0.0));
}

#[test]
fn the_cosine_of_a_vector_without_length_is_zero() {
    let attention = Attention { similarity: Similarity::Cosine, ..plain(1, 1, 4) };
    let mut case = Case::new(attention, &[3], None);
    case.queries[..8].fill(0.0);
    let results = case.run(1, Precision::F32);
    case.check_forward(&results, 1e-6);
    assert!(results.dqueries.iter().all(|grad| grad.is_finite()));
}

/// The tokens of `sequence` in a batch with so many rows a step.
fn tokens_of(batch_sizes: &[usize], sequence: usize) -> Vec<usize> {
    let mut start = 0;
    let mut tokens = Vec::new();
    for &rows in batch_sizes {
        if sequence < rows {
            tokens.push(start + sequence);
        }
        start += rows;
    }
    tokens
}

#[test]
fn a_cache_filled_in_pieces_gives_what_the_whole_sequence_gives() {
    let lengths = [150, 90, 80];
    for attention in options(plain(4, 2, 19)) {
        let attention = Attention { causal: true, dropout: 0.0, ..attention };
        let case = Case::new(attention, &lengths, None);
        let expected = case.run(1, Precision::F32).out;
        let whole = steps(&lengths);
        let qkv_width = attention.width() + 2 * attention.kv_width();
        for (threads, pieces) in [(1, &[1][..]), (2, &[3]), (3, &[77, 1, 1, 5, 4])] {
            let pool = Pool::new(threads);
            let capacity = 151;
            let room = lengths.len() * capacity * attention.kv_width();
            let (mut keys, mut values) = (vec![f32::NAN; room], vec![f32::NAN; room]);
            let mut held = [0; 3];
            let mut pieces = pieces.iter().cycle();
            while held != lengths {
                // Each sequence goes on by what is left of it, the piece at most. Rows of a batch are those of the
                // cache: all sequences that go on stand before those that have ended.
                let piece = *pieces.next().unwrap();
                let news: Vec<usize> = (0..3).map(|i| piece.min(lengths[i] - held[i])).collect();
                let going = news.iter().filter(|&&new| new > 0).count();
                let news = &news[..going];
                let sizes = steps(news);
                let sequences = Sequences::packed(&sizes);
                let mut qkv = vec![0.0; sequences.rows() * qkv_width];
                let mut places = Vec::new();
                for (sequence, &held) in held.iter().enumerate().take(going) {
                    let from = &tokens_of(&whole, sequence)[held..];
                    for (&to, &from) in tokens_of(&sizes, sequence).iter().zip(from) {
                        qkv[to * qkv_width..][..qkv_width]
                            .copy_from_slice(&case.queries[from * qkv_width..][..qkv_width]);
                        places.push((from, to));
                    }
                }
                let rows = going * capacity * attention.kv_width();
                let cache = Cache {
                    keys: &mut keys[..rows],
                    values: &mut values[..rows],
                    capacity,
                    lengths: &held[..going],
                };
                let mut out = vec![f32::NAN; sequences.rows() * attention.width()];
                cached(&pool, case.settings(Precision::F32), &qkv, &sequences, cache, &mut out);
                let width = attention.width();
                for (from, to) in places {
                    let expected = exact(&expected[from * width..(from + 1) * width]);
                    let what = format!("{attention:?} token {from}");
                    assert_close(&what, &out[to * width..(to + 1) * width], &expected, 3e-6);
                }
                held.iter_mut().zip(news).for_each(|(held, new)| *held += new);
            }
        }
    }
}

#[test]
fn lower_instruction_sets_pass_the_same_tests() {
    if std::env::var_os(anaphora_kernels::isa::ISA_VARIABLE).is_some() {
        return;
    }
    for isa in Isa::ALL.into_iter().filter(|&isa| isa < Isa::detected()) {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .env(anaphora_kernels::isa::ISA_VARIABLE, isa.name())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("test result: ok"), "{}: {text}", isa.name());
    }
}
