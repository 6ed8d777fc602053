//! Metres: how long a bar is and where its accents lie.

use crate::score::{TICKS_PER_WHOLE, Ticks};
use std::fmt;

/// A time signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Metre {
    /// No metre: bars may have any length.
    #[default]
    Free,
    /// 4/4, written `C`.
    Common,
    /// 2/2, written `C|`.
    Cut,
    /// A fraction such as 6/8, or (2+3+2)/8 with its groups.
    Fraction {
        /// Groups of beats; one entry for a plain numerator.
        groups: Vec<u16>,
        /// The denominator: a power of two up to 256.
        unit: u16,
    },
}

impl Metre {
    /// A plain fraction such as 3/4.
    pub fn new(beats: u16, unit: u16) -> Self {
        Self::Fraction { groups: vec![beats], unit }
    }

    /// Reads `4/4`, `C`, `C|`, `none`, `2+3/8`, `(2+3+2)/8`.
    ///
    /// The error says in words what was found and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is not a metre such as 4/4, 6/8, C, C| or none");
        match text.trim() {
            "C" | "c" => return Ok(Self::Common),
            "C|" | "c|" => return Ok(Self::Cut),
            t if t.eq_ignore_ascii_case("none") || t.is_empty() => return Ok(Self::Free),
            _ => {}
        }
        let (top, bottom) = text.split_once('/').ok_or_else(wrong)?;
        let top = top.trim().trim_start_matches('(').trim_end_matches(')');
        let groups: Vec<u16> =
            top.split('+').map(|n| n.trim().parse().ok()).collect::<Option<_>>().ok_or_else(wrong)?;
        let unit: u16 = bottom.trim().parse().map_err(|_| wrong())?;
        let sum: u32 = groups.iter().map(|&n| u32::from(n)).sum();
        if groups.contains(&0) || sum > 128 || !unit.is_power_of_two() || unit > 256 {
            return Err(wrong());
        }
        Ok(Self::Fraction { groups, unit })
    }

    /// Numerator and denominator; `None` where there is no metre.
    pub fn fraction(&self) -> Option<(u16, u16)> {
        match self {
            Self::Free => None,
            Self::Common => Some((4, 4)),
            Self::Cut => Some((2, 2)),
            Self::Fraction { groups, unit } => Some((groups.iter().sum(), *unit)),
        }
    }

    /// Length of a full bar; `None` where there is no metre.
    pub fn bar(&self) -> Option<Ticks> {
        self.fraction().map(|(beats, unit)| Ticks::from(beats) * TICKS_PER_WHOLE / Ticks::from(unit))
    }

    /// The unit note length where none is given: a sixteenth for metres below 3/4, else an eighth.
    pub fn default_unit(&self) -> Ticks {
        match self.bar() {
            Some(bar) if 4 * bar < 3 * TICKS_PER_WHOLE => TICKS_PER_WHOLE / 16,
            _ => TICKS_PER_WHOLE / 8,
        }
    }

    /// Whether the beat falls into three: 6/8, 9/8, 12/8 and their like.
    pub fn is_compound(&self) -> bool {
        matches!(self.fraction(), Some((beats, _)) if beats > 3 && beats % 3 == 0)
    }

    /// Weight of a position in the bar: 2 for its beginning, 1 for another strong beat, else 0.
    pub fn accent(&self, position: Ticks) -> u8 {
        if position == 0 {
            return 2;
        }
        let Some((beats, unit)) = self.fraction() else { return 0 };
        let unit = TICKS_PER_WHOLE / Ticks::from(unit);
        if let Self::Fraction { groups, .. } = self
            && groups.len() > 1
        {
            let mut edge = 0;
            return u8::from(groups.iter().any(|&g| {
                edge += Ticks::from(g) * unit;
                edge == position
            }));
        }
        let strong = match beats {
            _ if self.is_compound() => 3 * unit,
            b if b % 2 == 0 => Ticks::from(b / 2) * unit,
            _ => unit,
        };
        u8::from(position.is_multiple_of(strong))
    }
}

impl fmt::Display for Metre {
    /// As an `M:` field has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Free => f.write_str("none"),
            Self::Common => f.write_str("C"),
            Self::Cut => f.write_str("C|"),
            Self::Fraction { groups, unit } => {
                let sum: Vec<String> = groups.iter().map(u16::to_string).collect();
                match sum.as_slice() {
                    [one] => write!(f, "{one}/{unit}"),
                    many => write!(f, "({})/{unit}", many.join("+")),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written() {
        for text in ["C", "C|", "none", "4/4", "6/8", "(2+3+2)/8"] {
            assert_eq!(Metre::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Metre::parse("2+3/8").unwrap().to_string(), "(2+3)/8");
        for text in ["4", "0/4", "4/0", "4/3", "x/4", "999999/4", "4/512"] {
            assert!(Metre::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn units_and_accents() {
        assert_eq!(Metre::parse("2/4").unwrap().default_unit(), TICKS_PER_WHOLE / 16);
        assert_eq!(Metre::parse("6/8").unwrap().default_unit(), TICKS_PER_WHOLE / 8);
        let accents = |m: &str, unit: u64| -> Vec<u8> {
            let m = Metre::parse(m).unwrap();
            (0..m.bar().unwrap() * unit / TICKS_PER_WHOLE)
                .map(|i| m.accent(i * TICKS_PER_WHOLE / unit))
                .collect()
        };
        assert_eq!(accents("4/4", 4), [2, 0, 1, 0]);
        assert_eq!(accents("6/8", 8), [2, 0, 0, 1, 0, 0]);
        assert_eq!(accents("3/4", 4), [2, 1, 1]);
        assert_eq!(accents("(2+3)/8", 8), [2, 0, 1, 0, 0]);
    }
}
