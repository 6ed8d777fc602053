//! The normal distribution.

/// The quantile of the standard normal distribution, to 1e-8: bisection on its distribution function, by the series of
/// Marsaglia (2004).
pub fn normal_quantile(level: f64) -> f64 {
    let distribution = |x: f64| {
        let (mut sum, mut term, mut i) = (x, x, 1.0);
        while term.abs() > 1e-17 * sum.abs() && i < 500.0 {
            i += 2.0;
            term *= x * x / i;
            sum += term;
        }
        0.5 + sum * (-0.5 * x * x - 0.918_938_533_204_672_7).exp()
    };
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if distribution(middle) < level { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_normal_distribution() {
        for (level, expected) in
            [(0.5, 0.0), (0.9, 1.281_551_566), (0.025, -1.959_963_985), (0.999, 3.090_232_306)]
        {
            assert!((normal_quantile(level) - expected).abs() < 1e-8, "{level}");
        }
    }
}
