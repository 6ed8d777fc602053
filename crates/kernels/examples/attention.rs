//! How fast attention is, forward, backward, and for one more token of a cached sequence, on two threads:
//! `cargo run --release -p anaphora-kernels --example attention`.

use std::time::Instant;

use anaphora_kernels::attention::{
    Attention, Batch, Cache, Gradients, Sequences, Settings, Similarity, backward, cached, forward,
};
use anaphora_kernels::{Pool, Precision};

fn main() {
    let pool = Pool::new(2);
    for [batch, length, heads, head_size] in
        [[12, 64, 4, 32], [16, 256, 6, 64], [8, 512, 8, 64], [1, 4096, 6, 64], [4, 33, 3, 24]]
    {
        let attention = Attention {
            heads,
            kv_heads: heads,
            head_size,
            similarity: Similarity::ScaledDotProduct,
            causal: true,
            window: None,
            alibi: false,
            dropout: 0.0,
        };
        for precision in [Precision::F32, Precision::Bf16] {
            let settings = Settings { attention: &attention, scale: &[], precision, dropout: None };
            measure(&pool, settings, batch, length);
        }
    }
}

/// Prints medians. A pair is a query and a key that it sees; each costs two products forward and five backward.
fn measure(pool: &Pool, settings: Settings, batch: usize, length: usize) {
    let Attention { heads, head_size, .. } = *settings.attention;
    let sequences = Sequences::packed(&vec![batch; length]);
    let (tokens, width) = (batch * length, heads * head_size);
    let qkv: Vec<f32> = (0..tokens * 3 * width).map(|i| (i as f32 * 0.7).sin()).collect();
    let dout: Vec<f32> = (0..tokens * width).map(|i| (i as f32 * 0.3).cos()).collect();
    let (mut out, mut log_sums) = (vec![0.0; tokens * width], vec![0.0; tokens * heads]);
    let mut dqkv = vec![0.0; qkv.len()];
    let inputs = Batch { queries: &qkv, sequences: &sequences, key_values: None };

    let ahead = median(|| forward(pool, settings, inputs, &mut out, &mut log_sums));
    let back = median(|| {
        let (keys_values, scale, scale_terms) = (&mut [][..], &mut [][..], &mut [][..]);
        let gradients = Gradients { fresh: false, queries: &mut dqkv, keys_values, scale, scale_terms };
        backward(pool, settings, inputs, (&out, &log_sums), &dout, gradients);
    });
    let last = Sequences::packed(&[batch]);
    let (mut keys, mut values) = (vec![0.5; tokens * width], vec![0.5; tokens * width]);
    let (lengths, mut next) = (vec![length - 1; batch], vec![0.0; batch * width]);
    let one = median(|| {
        let cache = Cache { keys: &mut keys, values: &mut values, capacity: length, lengths: &lengths };
        cached(pool, settings, &qkv[..batch * 3 * width], &last, cache, &mut next);
    });

    let flops = (batch * heads * length * (length + 1) / 2 * head_size * 2) as f64;
    println!(
        "{} batch {batch:2} length {length:4} heads {heads} size {head_size}: forward {:7.3} ms ({:5.1} GF/s), \
         backward {:7.3} ms ({:5.1} GF/s), {:.3} us a token; one cached token {:6.1} us",
        settings.precision.name(),
        ahead * 1e3,
        2.0 * flops / ahead / 1e9,
        back * 1e3,
        5.0 * flops / back / 1e9,
        (ahead + back) * 1e6 / tokens as f64,
        one * 1e6,
    );
}

/// The median time of a call in seconds.
fn median(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    call();
    let calls = (0.5 / start.elapsed().as_secs_f64()).clamp(5.0, 501.0) as usize;
    let mut times: Vec<f64> = (0..calls)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
