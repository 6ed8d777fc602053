//! The embedding: the plane of its largest variance.

use nalgebra::{DMatrix, SymmetricEigen};

use super::Inspection;

/// Adds `embedding [symbols, width]` and `embedding.plane [symbols, 2]`.
pub fn embedding(inspection: &mut Inspection, table: &[f32], width: usize) {
    embedding_of(inspection, "embedding", "symbols", table, width);
}

/// As [`embedding`], under a name and with an axis of its own.
pub fn embedding_of(inspection: &mut Inspection, name: &str, axis: &str, table: &[f32], width: usize) {
    let symbols = table.len() / width.max(1);
    inspection.add(name, &[axis, "width"], &[symbols, width], table.to_vec(), "row of each symbol");
    let what = "the same projected on the plane of its largest variance";
    inspection.add(format!("{name}.plane"), &[axis, "plane"], &[symbols, 2], plane(table, width), what);
}

/// The first two principal components of the rows of `table[_, width]` (Pearson 1901), `[_, 2]`. Each is turned so that its axis'
/// entry of the largest size is positive; zeros where there is no second one.
pub fn plane(table: &[f32], width: usize) -> Vec<f32> {
    let rows = table.len() / width.max(1);
    if rows == 0 {
        return Vec::new();
    }
    let all = DMatrix::from_row_iterator(rows, width, table.iter().map(|&value| f64::from(value)));
    let mean = all.row_mean();
    let centred = DMatrix::from_fn(rows, width, |row, column| all[(row, column)] - mean[column]);
    let covariance = centred.tr_mul(&centred);
    let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(covariance);
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|&a, &b| eigenvalues[b].total_cmp(&eigenvalues[a]));
    let mut plane = vec![0.0; 2 * rows];
    for (axis, &number) in order.iter().take(2).enumerate() {
        let mut direction = eigenvectors.column(number).clone_owned();
        if direction[direction.iamax()] < 0.0 {
            direction.neg_mut();
        }
        let projected = &centred * direction;
        (0..rows).for_each(|row| plane[2 * row + axis] = projected[row] as f32);
    }
    plane
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plane_is_that_of_scikit_learn() {
        // sklearn.decomposition.PCA(2).fit_transform(X) of X = [[2, 0, 1], [0, 1, 0], [1, 3, -1], [4, 1, 2], [0, 0, 5]],
        // up to the sign of each axis.
        let table = [2.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 3.0, -1.0, 4.0, 1.0, 2.0, 0.0, 0.0, 5.0];
        let known = [
            -0.006639117,
            0.6395731,
            -1.208686,
            -1.446864,
            -2.967404,
            -0.5948888,
            0.4090221,
            2.615772,
            3.773706,
            -1.213592,
        ];
        for (found, known) in plane(&table, 3).iter().zip(known) {
            assert!((found.abs() - f32::abs(known)).abs() < 1e-5, "{found} {known}");
        }
    }

    #[test]
    fn rows_of_one_value_lie_on_a_line() {
        assert_eq!(plane(&[1.0, 3.0], 1), [-1.0, 0.0, 1.0, 0.0]);
        assert_eq!(plane(&[], 3), [0.0; 0]);
        assert_eq!(plane(&[1.0, 2.0], 2), [0.0; 2]);
    }
}
