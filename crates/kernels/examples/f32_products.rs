//! How fast products in f32 are with weights packed once, in GF/s of one thread and of two at once:
//! `cargo run --release -p anaphora-kernels --example f32_products`.

use std::sync::Barrier;
use std::time::Instant;

use anaphora_kernels::Matrix;
use anaphora_kernels::matmul::f32::{PackedF32, multiply};

fn main() {
    for [m, n, k] in [
        [1, 2048, 1024],
        [8, 2048, 1024],
        [32, 2048, 1024],
        [32, 512, 4096],
        [64, 512, 256],
        [50, 256, 128],
        [3200, 2048, 256],
    ] {
        let rates = [1, 2].map(|threads| rate(threads, m, n, k));
        println!("{m:5} x {k} x {n}: {:6.1} GF/s alone, {:6.1} GF/s each of two", rates[0], rates[1]);
    }
}

/// The median rate of a thread's products while as many do the same, each with weights of its own.
fn rate(threads: usize, m: usize, n: usize, k: usize) -> f64 {
    let barrier = Barrier::new(threads);
    let work = || {
        let (a, b) = (vec![0.5f32; m * k], vec![0.25f32; n * k]);
        let mut c = vec![0.0; m * n];
        let mut packed = PackedF32::default();
        packed.pack(Matrix::new(&b, n, k).transposed());
        let flops = 2.0 * (m * n * k) as f64;
        let products = ((3e8 / flops) as usize).max(1);
        let mut rates: Vec<f64> = (0..21)
            .map(|_| {
                barrier.wait();
                let start = Instant::now();
                (0..products).for_each(|_| multiply(Matrix::new(&a, m, k), &packed, &mut c, n, false));
                flops * products as f64 / start.elapsed().as_secs_f64() / 1e9
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    let rates: Vec<f64> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles.into_iter().map(|handle| handle.join().expect("the products end")).collect()
    });
    rates.iter().sum::<f64>() / threads as f64
}
