//! What the tests of products share: pseudo-random matrices and the check of a back end against sums in f64.

use anaphora_kernels::matmul::bf16::round;
use anaphora_kernels::matmul::{Packed, Scratch, multiply};
use anaphora_kernels::{Isa, Matrix, Precision};

/// Sizes around the blocks, panels and tiles of the back ends.
pub const SIZES: [usize; 7] = [1, 15, 16, 17, 31, 33, 100];

/// Values in -1..1, hardly any of them a bf16.
pub fn values(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// How the values of a matrix lie in memory.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// Row after row.
    Rows,
    /// Column after column.
    Columns,
    /// Row after row of a larger matrix.
    Part,
}

/// All orders.
pub const ORDERS: [Order; 3] = [Order::Rows, Order::Columns, Order::Part];

/// A matrix that owns its values.
pub struct Owned {
    values: Vec<f32>,
    rows: usize,
    cols: usize,
    order: Order,
}

impl Owned {
    /// A matrix of [`values`].
    pub fn random(rows: usize, cols: usize, order: Order, seed: u32) -> Self {
        let len = if let Order::Part = order { (rows + 3) * (cols + 5) } else { rows * cols };
        Self { values: values(len, seed), rows, cols, order }
    }

    /// The matrix.
    pub fn view(&self) -> Matrix<'_> {
        let (rows, cols) = (self.rows, self.cols);
        match self.order {
            Order::Rows => Matrix::new(&self.values, rows, cols),
            Order::Columns => Matrix::new(&self.values, cols, rows).transposed(),
            Order::Part => {
                Matrix::new(&self.values, rows + 3, cols + 5).row_range(2..2 + rows).col_range(1..1 + cols)
            }
        }
    }
}

/// `b` packed for a level, whether or not the processor has it.
pub fn packed(isa: Isa, precision: Precision, b: Matrix<'_>) -> Packed {
    let mut packed = Packed::new(precision);
    // SAFETY: callers pass levels that the processor has or that an emulator stands in for.
    unsafe { packed.pack_for_unchecked(isa, b) };
    packed
}

/// Checks `a · b` of the level `isa` against f64, plain and accumulated, in rows that are farther apart than they are
/// long; what lies between them must stay.
pub fn check(isa: Isa, precision: Precision, [m, n, k]: [usize; 3], orders: (Order, Order)) {
    let (a, b) = (Owned::random(m, k, orders.0, 1), Owned::random(k, n, orders.1, 2));
    let (a, b) = (a.view(), b.view());
    let packed = packed(isa, precision, b);
    let factor = |x| if precision == Precision::Bf16 { round(x) as f64 } else { x as f64 };
    let ldc = n + 3;
    let before = values(m * ldc, 3);
    for accumulate in [false, true] {
        let mut c = before.clone();
        multiply(a, &packed, &mut c, ldc, accumulate, &mut Scratch::default());
        for (at, (&found, &before)) in c.iter().zip(&before).enumerate() {
            let (i, j) = (at / ldc, at % ldc);
            if j >= n {
                assert_eq!(found, before, "between rows {i} and {} of a {m} x {n} product", i + 1);
                continue;
            }
            let begin = if accumulate { before as f64 } else { 0.0 };
            let (mut sum, mut size) = (begin, begin.abs());
            for l in 0..k {
                let product = factor(a.at(i, l)) * factor(b.at(l, j));
                (sum, size) = (sum + product, size + product.abs());
            }
            let tolerance = size * (k as f64 + 2.0).sqrt() * f32::EPSILON as f64;
            assert!(
                (found as f64 - sum).abs() <= tolerance,
                "{} {} {m} x {k} x {n} {orders:?} accumulate {accumulate}: ({i}, {j}) is {found}, not {sum}",
                isa.name(),
                precision.name()
            );
        }
    }
}

/// Checks a level on all sizes and orders, on long sums, and on inputs that are not finite.
pub fn check_all(isa: Isa, precision: Precision) {
    let check = |sizes, orders| check(isa, precision, sizes, orders);
    for m in SIZES {
        for n in SIZES {
            for (at, k) in SIZES.into_iter().enumerate() {
                // Each pair of orders comes with every m and n, though not with every k of them.
                let pair = at + m + n;
                check([m, n, k], (ORDERS[pair % 3], ORDERS[pair / 3 % 3]));
            }
        }
    }
    for orders in ORDERS {
        check([19, 35, 64], (orders, Order::Rows));
        check([19, 35, 64], (Order::Rows, orders));
    }
    for m in [1, 2, 3, 5, 8, 70] {
        for orders in [(Order::Rows, Order::Columns), (Order::Columns, Order::Rows)] {
            check([m, 83, 2600], orders);
        }
    }
    check_partition(isa, precision);
    check_not_finite(isa, precision);
}

/// A product computed in parts has the same bits as the whole.
fn check_partition(isa: Isa, precision: Precision) {
    let (m, n, k) = (37, 150, 1100);
    let (a, b) = (Owned::random(m, k, Order::Rows, 4), Owned::random(k, n, Order::Rows, 5));
    let (a, b) = (a.view(), b.view());
    let mut scratch = Scratch::default();
    let mut whole = vec![0.0; m * n];
    multiply(a, &packed(isa, precision, b), &mut whole, n, false, &mut scratch);
    for (rows, cols) in [(1, 150), (2, 128), (3, 40), (7, 16), (16, 100), (30, 1)] {
        let mut parts = vec![f32::NAN; m * n];
        for col in (0..n).step_by(cols) {
            let part = packed(isa, precision, b.col_range(col..n.min(col + cols)));
            for row in (0..m).step_by(rows) {
                let a = a.row_range(row..m.min(row + rows));
                multiply(a, &part, &mut parts[row * n + col..], n, false, &mut scratch);
            }
        }
        let same = whole.iter().zip(&parts).all(|(x, y)| x.to_bits() == y.to_bits());
        assert!(same, "{}: parts of {rows} rows and {cols} columns", isa.name());
    }
}

/// NaN and infinity reach the elements that depend on them, and no others.
fn check_not_finite(isa: Isa, precision: Precision) {
    let (m, n, k) = (21, 37, 45);
    let mut left = values(m * k, 6);
    let mut right = values(k * n, 7);
    left[2 * k + 7] = f32::NAN;
    left[20 * k + 44] = f32::INFINITY;
    right[10 * n + 36] = f32::NAN;
    right[44 * n + 5] = f32::NEG_INFINITY;
    let mut c = vec![0.0; m * n];
    let b = packed(isa, precision, Matrix::new(&right, k, n));
    multiply(Matrix::new(&left, m, k), &b, &mut c, n, false, &mut Scratch::default());
    for (at, x) in c.into_iter().enumerate() {
        match (at / n, at % n) {
            (2, _) | (_, 36) => assert!(x.is_nan(), "{} element {at}", isa.name()),
            (20, _) | (_, 5) => assert!(x.is_infinite(), "{} element {at}: {x}", isa.name()),
            _ => assert!(x.is_finite(), "{} element {at}: {x}", isa.name()),
        }
    }
}
