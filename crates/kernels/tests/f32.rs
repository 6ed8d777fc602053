//! Packed f32 products against the plain one.

use anaphora_kernels::matmul::f32::{PackedF32, multiply, portable};
use anaphora_kernels::matmul::linear::weight_gradient;
use anaphora_kernels::{Matrix, Pool, Precision};

const SIZES: [usize; 9] = [1, 2, 7, 15, 16, 17, 33, 100, 300];

fn numbers(len: usize) -> Vec<f32> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 16) as f32 / 32768.0 - 1.0).collect()
}

fn packed(b: Matrix) -> PackedF32 {
    let mut packed = PackedF32::default();
    packed.pack(b);
    packed
}

#[test]
fn packed_products_agree_with_the_plain_one() {
    for m in SIZES {
        for k in SIZES {
            for n in [1, 15, 16, 33, 100] {
                // Rows of a with a gap behind them, b row by row and column by column.
                let (wide, values) = (numbers(m * (k + 3)), numbers(k * n));
                let a = Matrix::new(&wide, m, k + 3).col_range(0..k);
                for b in [Matrix::new(&values, k, n), Matrix::new(&values, n, k).transposed()] {
                    for accumulate in [false, true] {
                        for ldc in [n, n + 2] {
                            let (mut expected, mut found) = (vec![0.5; m * ldc], vec![0.5; m * ldc]);
                            portable(a, b, &mut expected, ldc, accumulate);
                            multiply(a, &packed(b), &mut found, ldc, accumulate);
                            let bound = 1e-6 * (k as f32).sqrt() * 4.0;
                            for (expected, found) in expected.iter().zip(&found) {
                                assert!(
                                    (expected - found).abs() < bound,
                                    "{m} x {k} x {n}, rows {ldc} apart: {found} not {expected}"
                                );
                            }
                            let gaps = found.chunks(ldc).flat_map(|row| &row[n..]);
                            assert!(gaps.copied().all(|gap| gap == 0.5), "between rows {ldc} apart");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn cutting_a_product_does_not_change_a_bit() {
    let (m, k, n) = (37, 700, 50);
    let (a, b) = (numbers(m * k), numbers(k * n));
    let (a, b) = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
    let mut whole = vec![0.0; m * n];
    multiply(a, &packed(b), &mut whole, n, false);
    for cut in [1, 6, 20, 36] {
        let mut parts = vec![0.0; m * n];
        let (above, below) = parts.split_at_mut(cut * n);
        multiply(a.row_range(0..cut), &packed(b), above, n, false);
        multiply(a.row_range(cut..m), &packed(b), below, n, false);
        assert!(parts == whole, "cut before row {cut}");
    }
    for cut in [1, 16, 31] {
        let mut left = vec![0.0; m * cut];
        multiply(a, &packed(b.col_range(0..cut)), &mut left, cut, false);
        let same = left.chunks(cut).zip(whole.chunks(n)).all(|(left, whole)| left == &whole[..cut]);
        assert!(same, "cut before column {cut}");
    }
}

#[test]
fn sides_of_length_zero() {
    let mut c = vec![1.0; 6];
    multiply(Matrix::new(&[], 2, 0), &packed(Matrix::new(&[], 0, 3)), &mut c, 3, true);
    assert_eq!(c, [1.0; 6]);
    multiply(Matrix::new(&[], 2, 0), &packed(Matrix::new(&[], 0, 3)), &mut c, 3, false);
    assert_eq!(c, [0.0; 6]);
    multiply(Matrix::new(&[], 0, 2), &packed(Matrix::new(&[1.0; 6], 2, 3)), &mut [], 3, false);
    multiply(Matrix::new(&[1.0; 4], 2, 2), &packed(Matrix::new(&[], 2, 0)), &mut [], 0, false);
}

#[test]
fn weight_gradients_of_many_rows() {
    // More rows than are turned at once, and right-hand sides that all threads share and that each packs for itself.
    let m = 600;
    for (n, k) in [(33, 1), (33, 9), (1, 16), (17, 17), (40, 50)] {
        let (dy, x) = (numbers(m * n), numbers(m * k));
        let (dy, x) = (Matrix::new(&dy, m, n), Matrix::new(&x, m, k));
        let mut expected = vec![0.5; n * k];
        portable(dy.transposed(), x, &mut expected, k, true);
        let run = |threads| {
            let (mut dw, mut db) = (vec![0.5; n * k], vec![0.5; n]);
            weight_gradient(&Pool::new(threads), Precision::F32, dy, x, &mut dw, Some(&mut db));
            (dw, db)
        };
        let (dw, db) = run(1);
        assert!(
            dw.iter().zip(&expected).all(|(found, expected)| (found - expected).abs() < 1e-4),
            "{n} x {k}"
        );
        for (column, found) in db.iter().enumerate() {
            let expected = 0.5 + (0..m).map(|row| dy.at(row, column)).sum::<f32>();
            assert!((found - expected).abs() < 1e-4, "{n} x {k}: {found} not {expected}");
        }
        for threads in [2, 3] {
            assert!(run(threads) == (dw.clone(), db.clone()), "{n} x {k} with {threads} threads");
        }
    }
}
