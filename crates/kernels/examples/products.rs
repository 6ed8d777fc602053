//! How fast products are with weights packed once, for each precision and instruction set of the processor, in GF/s of one
//! thread and of two at once: `cargo run --release -p anaphora-kernels --example products`.

use std::sync::Barrier;
use std::time::Instant;

use anaphora_kernels::matmul::{Packed, Scratch, multiply};
use anaphora_kernels::{Isa, Matrix, Precision};

fn main() {
    println!(
        "GF/s alone, each of two, and with the left-hand side by columns; µs to pack the weights by rows and by columns"
    );
    for precision in [Precision::F32, Precision::Bf16] {
        for isa in Isa::ALL.into_iter().filter(|&isa| isa <= Isa::detected()) {
            for [m, n, k] in [
                [1, 2048, 1024],
                [8, 2048, 1024],
                [32, 4096, 1024],
                [32, 512, 4096],
                [64, 512, 256],
                [50, 256, 128],
                [384, 512, 128],
                [384, 128, 512],
                [3200, 2048, 256],
                [2048, 1152, 384],
            ] {
                let rates = [(1, false), (2, false), (1, true)]
                    .map(|(threads, columns)| together(threads, || rate(precision, isa, [m, n, k], columns)));
                let [rows, columns] = [false, true].map(|columns| packing(precision, isa, [n, k], columns));
                let (precision, isa) = (precision.name(), isa.name());
                let [alone, two, turned] = rates;
                println!(
                    "{precision:4} {isa:8} {m:5} x {k:4} x {n:4}: {alone:6.1} {two:6.1} {turned:6.1}   {rows:7.1} {columns:7.1}"
                );
            }
        }
    }
}

/// The mean of what `work` gives on as many threads at once.
fn together(threads: usize, work: impl Fn() -> f64 + Sync) -> f64 {
    let barrier = Barrier::new(threads);
    let begin = || {
        barrier.wait();
        work()
    };
    let results: Vec<f64> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(begin)).collect();
        handles.into_iter().map(|handle| handle.join().expect("the products end")).collect()
    });
    results.iter().sum::<f64>() / threads as f64
}

fn fill(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i % 251) as f32 / 251.0 - 0.5).collect()
}

/// GF/s of products with weights of their own.
fn rate(precision: Precision, isa: Isa, [m, n, k]: [usize; 3], columns: bool) -> f64 {
    let (a, b, mut c) = (fill(m * k), fill(n * k), vec![0.0; m * n]);
    let a = if columns { Matrix::new(&a, k, m).transposed() } else { Matrix::new(&a, m, k) };
    let (mut packed, mut scratch) = (Packed::new(precision), Scratch::default());
    packed.pack_for(isa, Matrix::new(&b, n, k).transposed());
    let seconds = median(|| multiply(a, &packed, &mut c, n, false, &mut scratch));
    (2 * m * n * k) as f64 / seconds * 1e-9
}

/// Microseconds to pack weights that lie by rows or by columns.
fn packing(precision: Precision, isa: Isa, [n, k]: [usize; 2], columns: bool) -> f64 {
    let b = fill(n * k);
    let b = if columns { Matrix::new(&b, n, k).transposed() } else { Matrix::new(&b, k, n) };
    let mut packed = Packed::new(precision);
    1e6 * median(|| packed.pack_for(isa, b))
}

/// Median seconds of a call, over a tenth of a second and at least five of them.
fn median(mut work: impl FnMut()) -> f64 {
    work();
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.len() < 5 || begin.elapsed().as_secs_f64() < 0.1 {
        let start = Instant::now();
        work();
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
