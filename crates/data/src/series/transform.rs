//! What is learnt in place of the numbers of a series.

use serde::{Deserialize, Serialize};

/// What is learnt in place of the numbers of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transform {
    /// Themselves.
    #[default]
    None,
    /// Their logarithms: growth and seasons are shares of what is there.
    Log,
    /// Their square roots, halfway between.
    Sqrt,
}

impl Transform {
    /// Whether a number can be transformed.
    pub fn takes(self, x: f32) -> bool {
        match self {
            Self::None => true,
            Self::Log => x > 0.0,
            Self::Sqrt => x >= 0.0,
        }
    }

    /// Which numbers can be, in words.
    pub fn needs(self) -> &'static str {
        match self {
            Self::None => "series.transform = \"none\" takes any number",
            Self::Log => "series.transform = \"log\" takes numbers above 0",
            Self::Sqrt => "series.transform = \"sqrt\" takes numbers from 0 on",
        }
    }

    /// A number, transformed.
    pub fn forth(self, x: f32) -> f32 {
        match self {
            Self::None => x,
            Self::Log => x.ln(),
            Self::Sqrt => x.sqrt(),
        }
    }

    /// The number that a transformed one comes from.
    pub fn back(self, x: f32) -> f32 {
        match self {
            Self::None => x,
            // Nobody means a number that has no digits.
            Self::Log => x.min(80.0).exp(),
            Self::Sqrt => x.max(0.0).powi(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transforms_are_undone() {
        for transform in [Transform::None, Transform::Log, Transform::Sqrt] {
            for x in [0.01, 1.0, 622.0] {
                assert!(transform.takes(x));
                assert!((transform.back(transform.forth(x)) / x - 1.0).abs() < 1e-6);
            }
        }
        assert_eq!([Transform::Log, Transform::Sqrt].map(|transform| transform.takes(0.0)), [false, true]);
    }
}
