//! Small statistics of what is seen.

/// The levels of the quantiles that are shown.
pub const QUANTILES: [f32; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];

/// The [`QUANTILES`] of some numbers, between neighbours by linear interpolation (Hyndman, Fan 1996, type 7); not numbers where
/// there is none.
pub fn quantiles(mut values: Vec<f32>) -> [f32; QUANTILES.len()] {
    values.sort_by(f32::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return [f32::NAN; QUANTILES.len()] };
    QUANTILES.map(|level| {
        let place = level * last as f32;
        let (below, above) = (values[place.floor() as usize], values[(place.ceil() as usize).min(last)]);
        below + (above - below) * place.fract()
    })
}

/// The rank of each value from 1, those that are equal at the mean of their places.
pub fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut ranks, mut first) = (vec![0.0; values.len()], 0);
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let middle = first as f64 + (tied.len() as f64 + 1.0) / 2.0;
        tied.iter().for_each(|&index| ranks[index] = middle);
        first += tied.len();
    }
    ranks
}

/// The area under the ROC curve of values with these [`ranks`] for a yes or no; none where all are the same. See
/// [`metrics::auroc`](crate::metrics::auroc), which it equals.
pub fn auroc(ranks: &[f64], is: &[bool]) -> Option<f64> {
    let positives = is.iter().filter(|is| **is).count() as f64;
    let negatives = is.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let sum: f64 = ranks.iter().zip(is).filter(|(_, is)| **is).map(|(rank, _)| rank).sum();
    Some((sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

/// The correlation of ranks (Spearman 1904); none where either are all the same.
pub fn rank_correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    // Both have the mean of 1 to n.
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product =
        |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum() };
    let sizes = product(a, a) * product(b, b);
    (sizes > 0.0).then(|| product(a, b) / sizes.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        // numpy.quantile([1, 2, 4, 8], [0.1, 0.25, 0.5, 0.75, 0.9])
        for (found, wanted) in quantiles(vec![8.0, 1.0, 4.0, 2.0]).iter().zip([1.3, 1.75, 3.0, 5.0, 6.8]) {
            assert!((found - wanted).abs() < 1e-5, "{found} {wanted}");
        }
        assert_eq!(quantiles(vec![3.0]), [3.0; 5]);
        assert!(quantiles(Vec::new()).iter().all(|value| value.is_nan()));
    }

    #[test]
    fn ranks_give_the_area_and_the_correlation() {
        let values = [0.3, -1.0, 0.3, 2.0, 0.0];
        let ranks = ranks(&values);
        assert_eq!(ranks, [3.5, 1.0, 3.5, 5.0, 2.0]);
        let is = [true, false, false, true, false];
        assert_eq!(auroc(&ranks, &is), crate::metrics::auroc(&is, &values).ok());
        assert_eq!(auroc(&ranks, &[true; 5]), None);
        // scipy.stats.spearmanr([0.3, -1, 0.3, 2, 0], [1, 2, 3, 4, 5])
        let correlation = rank_correlation(&ranks, &[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert!((correlation - 0.102_597_835_208_515_4).abs() < 1e-12, "{correlation}");
        assert_eq!(rank_correlation(&ranks, &[3.0; 5]), None);
    }
}
