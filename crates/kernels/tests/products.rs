//! Products in both precisions, by every instruction set that the processor has.

mod common;

use anaphora_kernels::matmul::bf16::{from_bf16, round, to_bf16};
use anaphora_kernels::matmul::linear::{PackedColumns, product_rows, weight_gradient};
use anaphora_kernels::matmul::{Packed, Scratch, multiply, reference};
use anaphora_kernels::{Isa, Matrix, Pool, Precision};

const PRECISIONS: [Precision; 2] = [Precision::F32, Precision::Bf16];

fn levels() -> impl Iterator<Item = (Isa, Precision)> {
    let levels = Isa::ALL.into_iter().filter(|&isa| isa <= Isa::detected());
    levels.flat_map(|isa| PRECISIONS.map(|precision| (isa, precision)))
}

#[test]
fn every_level_agrees_with_f64() {
    levels().for_each(|(isa, precision)| common::check_all(isa, precision));
}

#[test]
fn vectors_of_any_length_give_the_same_bits_in_f32() {
    let (m, k, n) = (37, 700, 50);
    let (a, b) = (common::values(m * k, 1), common::values(k * n, 2));
    let product = |isa| {
        let b = common::packed(isa, Precision::F32, Matrix::new(&b, k, n));
        let mut c = vec![0.0; m * n];
        multiply(Matrix::new(&a, m, k), &b, &mut c, n, false, &mut Scratch::default());
        c
    };
    let vectors = Isa::ALL.into_iter().filter(|&isa| isa > Isa::Portable && isa <= Isa::detected());
    let products: Vec<_> = vectors.map(product).collect();
    assert!(products.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn rounds_to_nearest_even() {
    for (x, bits) in [
        (1.0, 0x3f80),
        (f32::from_bits(0x3f80_8000), 0x3f80),
        (f32::from_bits(0x3f81_8000), 0x3f82),
        (f32::from_bits(0x3f80_8001), 0x3f81),
        (f32::MAX, 0x7f80),
        (f32::INFINITY, 0x7f80),
        (f32::NEG_INFINITY, 0xff80),
        (-0.0, 0x8000),
        (f32::from_bits(1), 0),
        (f32::from_bits(0x7f80_0001), 0x7fc0),
        (f32::from_bits(0xffff_ffff), 0xffff),
    ] {
        assert_eq!(to_bf16(x), bits, "{x:?} {:#x}", x.to_bits());
    }
    for bits in 0..=u16::MAX {
        let x = from_bf16(bits);
        if !x.is_nan() {
            assert_eq!(to_bf16(x), bits);
            assert_eq!(round(x).to_bits(), x.to_bits());
        }
    }
}

#[test]
fn empty_sides() {
    let mut scratch = Scratch::default();
    for (isa, precision) in levels() {
        let mut b = Packed::new(precision);
        multiply(Matrix::new(&[], 3, 0), &b, &mut [], 0, false, &mut scratch);
        b.pack_for(isa, Matrix::new(&[], 0, 2));
        assert_eq!((b.k(), b.n()), (0, 2));
        let mut c = [1.0; 5];
        multiply(Matrix::new(&[], 2, 0), &b, &mut c, 3, true, &mut scratch);
        assert_eq!(c, [1.0; 5]);
        multiply(Matrix::new(&[], 2, 0), &b, &mut c, 3, false, &mut scratch);
        assert_eq!(c, [0.0, 0.0, 1.0, 0.0, 0.0]);
        b.pack_for(isa, Matrix::new(&[1.0, 2.0], 1, 2));
        multiply(Matrix::new(&[], 0, 1), &b, &mut [], 2, false, &mut scratch);
    }
}

#[test]
fn packing_again_forgets_the_former_matrix() {
    let (large, small) = (common::values(70 * 50, 1), common::values(3 * 5, 2));
    let a = common::values(2 * 3, 3);
    let mut scratch = Scratch::default();
    for (isa, precision) in levels() {
        let fresh = common::packed(isa, precision, Matrix::new(&small, 3, 5));
        let mut again = common::packed(isa, precision, Matrix::new(&large, 70, 50));
        again.pack_for(isa, Matrix::new(&small, 3, 5));
        let mut products = [[0.0; 10]; 2];
        multiply(Matrix::new(&a, 2, 3), &fresh, &mut products[0], 5, false, &mut scratch);
        multiply(Matrix::new(&a, 2, 3), &again, &mut products[1], 5, false, &mut scratch);
        assert_eq!(products[0], products[1]);
    }
}

#[test]
fn gradients_of_many_rows() {
    // More rows than are multiplied at once, and right-hand sides that all threads share and that each packs for itself.
    let m = 1200;
    for (n, k) in [(33, 1), (33, 9), (1, 16), (17, 17), (40, 50)] {
        let (dy, x) = (common::values(m * n, 1), common::values(m * k, 2));
        let (dy, x) = (Matrix::new(&dy, m, n), Matrix::new(&x, m, k));
        let weights = common::values(n * k, 3);
        let weights = Matrix::new(&weights, n, k);
        for (precision, tolerance) in PRECISIONS.into_iter().zip([1e-4, 0.2]) {
            let close = |found: &[f32], expected: &[f32]| {
                found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < tolerance)
            };
            let run = |threads| {
                let pool = Pool::new(threads);
                let (mut dw, mut db, mut dx) = (vec![0.5; n * k], vec![0.5; n], vec![0.5; m * k]);
                weight_gradient(&pool, precision, dy, x, &mut dw, Some(&mut db));
                product_rows(&pool, precision, dy, weights, &mut dx, true);
                (dw, db, dx)
            };
            let (dw, db, dx) = run(1);
            let (mut expected, mut expected_dx) = (vec![0.5; n * k], vec![0.5; m * k]);
            reference(dy.transposed(), x, &mut expected, k, true);
            reference(dy, weights, &mut expected_dx, k, true);
            assert!(close(&dw, &expected) && close(&dx, &expected_dx), "{n} x {k} {}", precision.name());
            for (column, found) in db.iter().enumerate() {
                let expected = 0.5 + (0..m).map(|row| dy.at(row, column)).sum::<f32>();
                assert!((found - expected).abs() < 1e-4, "{n} x {k}: {found} not {expected}");
            }
            for threads in [2, 3] {
                let same = run(threads) == (dw.clone(), db.clone(), dx.clone());
                assert!(same, "{n} x {k} {} with {threads} threads", precision.name());
            }
        }
    }
}

#[test]
fn linear_maps_are_cut_by_rows_or_by_columns() {
    // Few rows are cut by columns, many by rows; the last size has no column for some of the threads.
    for (m, k, n) in [(5, 40, 50), (40, 700, 100), (300, 70, 130), (300, 33, 7)] {
        let (x, weights, bias) = (common::values(m * k, 1), common::values(n * k, 2), common::values(n, 3));
        let (x, weights) = (Matrix::new(&x, m, k), Matrix::new(&weights, n, k).transposed());
        let mut expected: Vec<f32> = bias.iter().copied().cycle().take(m * n).collect();
        reference(x, weights, &mut expected, n, true);
        for (precision, tolerance) in PRECISIONS.into_iter().zip([1e-4, 0.2]) {
            let run = |threads| {
                let pool = Pool::new(threads);
                let mut packed = PackedColumns::new();
                packed.pack(&Pool::new(3), precision, weights, 1);
                let mut y = vec![f32::NAN; m * n];
                packed.product(&pool, x, Some(&bias), &mut y, None);
                y
            };
            let y = run(1);
            let close = y.iter().zip(&expected).all(|(y, expected)| (y - expected).abs() < tolerance);
            assert!(close, "{m} x {k} x {n} {}", precision.name());
            for threads in [2, 3] {
                assert!(run(threads) == y, "{m} x {k} x {n} {} with {threads} threads", precision.name());
            }
        }
    }
}

#[test]
fn columns_packed_as_they_come_are_those_packed_at_once() {
    let pool = Pool::new(2);
    for (k, groups, width) in [(1, 1, 1), (40, 1, 33), (7, 4, 20), (33, 3, 16), (64, 4, 5), (0, 2, 3)] {
        let n = groups * width;
        let weights = common::values(n * k, 2);
        let x = common::values(5 * k, 1);
        for precision in PRECISIONS {
            let (mut at_once, mut came) = (PackedColumns::new(), PackedColumns::new());
            at_once.pack(&pool, precision, Matrix::new(&weights, n, k).transposed(), groups);
            let mut rest = &weights[..];
            let next = |values: &mut [f32]| {
                let (first, others) = rest.split_at(values.len());
                values.copy_from_slice(first);
                rest = others;
                Ok::<_, &str>(())
            };
            came.fill(precision, [k, n], groups, next).unwrap();
            assert!(rest.is_empty());
            assert_eq!(at_once.bytes(), came.bytes());
            if precision == Precision::F32 {
                for (column, values) in weights.chunks_exact(k.max(1)).enumerate() {
                    let mut copy = vec![f32::NAN; k];
                    came.copy_column(column, &mut copy);
                    assert_eq!(copy, values, "{k} x {groups} x {width}");
                }
            }
            if groups == 1 {
                let product = |packed: &PackedColumns| {
                    let mut y = vec![f32::NAN; 5 * n];
                    packed.product(&pool, Matrix::new(&x, 5, k), None, &mut y, None);
                    y
                };
                assert_eq!(product(&at_once), product(&came), "{k} x {width} {}", precision.name());
            }
        }
    }
    let stopped = PackedColumns::new().fill(Precision::F32, [2, 3], 1, |_| Err("no more"));
    assert_eq!(stopped, Err("no more"));
}

/// Whole numbers of 8 bits give the same bits everywhere, and are as near as their scales say.
#[test]
fn eight_bits_are_near_and_the_same_on_every_processor() {
    let largest =
        |values: &mut dyn Iterator<Item = f32>| f64::from(values.fold(0.0_f32, |max, x| max.max(x.abs())));
    for (m, k, n) in [(1, 1, 1), (1, 130, 300), (2, 64, 70), (5, 37, 33), (9, 257, 100), (40, 1_023, 17)] {
        for transposed in [false, true] {
            let (a, b) = (common::values(m * k, 5), common::values(k * n, 6));
            let a = if transposed { Matrix::new(&a, k, m).transposed() } else { Matrix::new(&a, m, k) };
            let b = Matrix::new(&b, k, n);
            let ldc = n + 3;
            let product = |isa, accumulate| {
                let packed = common::packed(isa, Precision::Int8, b);
                let mut c = common::values(m * ldc, 7);
                multiply(a, &packed, &mut c, ldc, accumulate, &mut Scratch::default());
                c
            };
            let before = common::values(m * ldc, 7);
            for accumulate in [false, true] {
                let plain = product(Isa::Portable, accumulate);
                for isa in Isa::ALL.into_iter().filter(|&isa| isa <= Isa::detected()) {
                    assert!(product(isa, accumulate) == plain, "{m} {k} {n} {isa:?}");
                }
                for i in 0..m {
                    let row = largest(&mut (0..k).map(|p| a.at(i, p)));
                    for j in 0..n {
                        let column = largest(&mut (0..k).map(|p| b.at(p, j)));
                        let exact: f64 = (0..k).map(|p| f64::from(a.at(i, p)) * f64::from(b.at(p, j))).sum();
                        let begin = if accumulate { f64::from(before[i * ldc + j]) } else { 0.0 };
                        // Half a step on either side of each product.
                        let most = k as f64 * row * column / 127.0 * 1.01;
                        let found = f64::from(plain[i * ldc + j]) - begin;
                        assert!((found - exact).abs() <= most, "{m} {k} {n}: {found}, not {exact}");
                    }
                    assert_eq!(plain[i * ldc + n..(i + 1) * ldc], before[i * ldc + n..(i + 1) * ldc]);
                }
            }
        }
    }
    // What is on the grid of 127 steps is exact.
    let (a, b) = ([127.0, -3.0, 64.0, 0.0], [0.5, 1.0, -2.0, 63.5]);
    let packed = common::packed(Isa::Portable, Precision::Int8, Matrix::new(&b, 4, 1));
    let mut c = [0.0];
    multiply(Matrix::new(&a, 1, 4), &packed, &mut c, 1, false, &mut Scratch::default());
    assert_eq!(c, [63.5 - 3.0 - 128.0]);
}

/// Every other product reads the weights backwards, in stretches: to the same bits, also where the last stretch is cut off.
#[test]
fn weights_read_backwards_give_the_same_bits() {
    let (m, k, n) = (5, 70, 330);
    let (a, b) = (common::values(m * k, 1), common::values(k * n, 2));
    for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
        for threads in [1, 2] {
            let (pool, mut packed) = (Pool::new(threads), PackedColumns::new());
            packed.pack(&pool, precision, Matrix::new(&b, k, n), 1);
            let product = || {
                let mut c = vec![0.0; m * n];
                packed.product(&pool, Matrix::new(&a, m, k), None, &mut c, None);
                c
            };
            let all = [product(), product(), product()];
            assert!(all[0].iter().any(|&value| value != 0.0));
            assert!(all[1] == all[0] && all[2] == all[0], "{precision:?}, {threads} threads");
        }
    }
}
