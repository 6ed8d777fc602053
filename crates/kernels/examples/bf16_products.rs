//! Times products in bf16 on one thread, for each instruction set of the processor.
//!
//! `cargo run --release -p anaphora-kernels --example bf16_products`

use std::time::{Duration, Instant};

use anaphora_kernels::matmul::bf16::{PackedBf16, Scratch, multiply};
use anaphora_kernels::{Isa, Matrix};

fn main() {
    println!("isa          m     n     k        µs    GF/s  GB/s of weights   pack rows / columns, µs");
    for isa in Isa::ALL.into_iter().filter(|&isa| isa <= Isa::detected()) {
        for (n, k) in [(4096, 1024), (4096, 1280), (1024, 256), (2048, 3200)] {
            for m in [1, 2, 3, 8, 32, 64, 512] {
                if m <= 64 || k == 3200 {
                    time(isa, m, n, k);
                }
            }
        }
    }
}

fn time(isa: Isa, m: usize, n: usize, k: usize) {
    let fill = |len: usize| (0..len).map(|i| (i % 251) as f32 / 251.0 - 0.5).collect::<Vec<f32>>();
    let (a, b, mut c) = (fill(m * k), fill(k * n), vec![0.0; m * n]);
    let (a, rows, columns) =
        (Matrix::new(&a, m, k), Matrix::new(&b, k, n), Matrix::new(&b, n, k).transposed());
    let (mut packed, mut scratch) = (PackedBf16::default(), Scratch::default());
    let pack_columns = median(|| packed.pack_for(isa, columns));
    let pack_rows = median(|| packed.pack_for(isa, rows));
    let seconds = median(|| multiply(a, &packed, &mut c, n, false, &mut scratch));
    println!(
        "{:9} {m:4} {n:5} {k:5} {:9.1} {:7.1} {:16.1}   {:11.0} / {:.0}",
        isa.name(),
        seconds * 1e6,
        (2 * m * n * k) as f64 / seconds * 1e-9,
        (2 * n * k) as f64 / seconds * 1e-9,
        pack_rows * 1e6,
        pack_columns * 1e6,
    );
}

/// Median seconds of a call, over a third of a second and at least five calls.
fn median(mut work: impl FnMut()) -> f64 {
    work();
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.len() < 5 || begin.elapsed() < Duration::from_millis(300) {
        let start = Instant::now();
        work();
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
