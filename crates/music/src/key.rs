//! Keys: tonic, mode and the accidentals that they put on each step.

use std::fmt;

/// The letter names, by step from C.
pub(crate) const LETTERS: [char; 7] = ['C', 'D', 'E', 'F', 'G', 'A', 'B'];

/// Semitones above C of each step from C.
pub(crate) const SEMITONES: [i16; 7] = [0, 2, 4, 5, 7, 9, 11];

/// Steps in the order in which sharps are added: F C G D A E B; flats go the other way.
const SHARPS: [usize; 7] = [3, 0, 4, 1, 5, 2, 6];

/// Step from C of a letter A to G of either case.
pub(crate) fn step_of(letter: char) -> Option<u8> {
    LETTERS.iter().position(|&l| l == letter.to_ascii_uppercase()).map(|i| i as u8)
}

/// The note that a key is named after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tonic {
    /// Step from C: 0 for C to 6 for B.
    pub step: u8,
    /// −1 for a flat, 1 for a sharp, else 0.
    pub alteration: i8,
}

/// The seven modes, and `None` for music without a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Mode {
    #[default]
    Major,
    Minor,
    Mixolydian,
    Dorian,
    Phrygian,
    Lydian,
    Locrian,
}

impl Mode {
    const ALL: [(Mode, &'static str, i8); 7] = [
        (Mode::Major, "", 0),
        (Mode::Minor, "m", -3),
        (Mode::Mixolydian, "mix", -1),
        (Mode::Dorian, "dor", -2),
        (Mode::Phrygian, "phr", -4),
        (Mode::Lydian, "lyd", 1),
        (Mode::Locrian, "loc", -5),
    ];

    /// Reads a mode's name by its first three letters in either case; also `m` and the empty string.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if !name.bytes().all(|b| b.is_ascii_alphabetic()) {
            return None;
        }
        Some(match name.get(..3).unwrap_or(&name) {
            "" | "maj" | "ion" => Self::Major,
            "m" | "mi" | "min" | "aeo" => Self::Minor,
            "mix" => Self::Mixolydian,
            "dor" => Self::Dorian,
            "phr" => Self::Phrygian,
            "lyd" => Self::Lydian,
            "loc" => Self::Locrian,
            _ => return None,
        })
    }

    /// Suffix in a `K:` field, and the sharps that it adds to the major key's.
    fn suffix_and_sharps(self) -> (&'static str, i8) {
        let (_, suffix, sharps) = Self::ALL[Self::ALL.iter().position(|m| m.0 == self).unwrap_or(0)];
        (suffix, sharps)
    }
}

/// A key signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// The tonic; `None` where the music has no key.
    pub tonic: Option<Tonic>,
    /// The mode; of no meaning without a tonic.
    pub mode: Mode,
    /// Accidentals on top of tonic and mode, as (step, alteration).
    pub accidentals: Vec<(u8, i8)>,
    /// Whether `accidentals` are the whole signature and tonic and mode add none.
    pub explicit: bool,
}

impl Key {
    /// The key of a tonic such as `('F', 1)` and a mode.
    pub fn new(letter: char, alteration: i8, mode: Mode) -> Option<Self> {
        let tonic = Tonic { step: step_of(letter)?, alteration };
        let key = Self { tonic: Some(tonic), mode, ..Self::default() };
        (key.sharps().abs() <= 7).then_some(key)
    }

    /// The major or minor key with a number of sharps (flats below zero), −7 to 7.
    pub fn from_sharps(sharps: i8, minor: bool) -> Option<Self> {
        let mode = if minor { Mode::Minor } else { Mode::Major };
        (0..7)
            .flat_map(|step| [0, 1, -1].map(|alteration| (LETTERS[step], alteration)))
            .filter_map(|(letter, alteration)| Self::new(letter, alteration, mode))
            .find(|key| key.sharps() == sharps)
    }

    /// Sharps of tonic and mode, flats below zero.
    pub fn sharps(&self) -> i8 {
        let Some(tonic) = self.tonic else { return 0 };
        if self.explicit {
            return 0;
        }
        let natural = SHARPS.iter().position(|&s| s == usize::from(tonic.step)).unwrap_or(1) as i8 - 1;
        natural + 7 * tonic.alteration + self.mode.suffix_and_sharps().1
    }

    /// The alteration that the signature puts on each step from C.
    pub fn signature(&self) -> [i8; 7] {
        let mut steps = [0; 7];
        let sharps = self.sharps();
        for i in 0..usize::from(sharps.unsigned_abs()).min(7) {
            if sharps > 0 {
                steps[SHARPS[i]] = 1;
            } else {
                steps[SHARPS[6 - i]] = -1;
            }
        }
        for &(step, alteration) in &self.accidentals {
            steps[usize::from(step)] = alteration;
        }
        steps
    }
}

/// How an alteration is written before a note.
pub(crate) fn accidental_sign(alteration: i8) -> &'static str {
    match alteration {
        -2 => "__",
        -1 => "_",
        0 => "=",
        1 => "^",
        _ => "^^",
    }
}

impl fmt::Display for Key {
    /// As a `K:` field has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tonic {
            None => f.write_str("none")?,
            Some(tonic) => {
                let sign = match tonic.alteration {
                    0 => "",
                    1 => "#",
                    _ => "b",
                };
                write!(f, "{}{sign}{}", LETTERS[usize::from(tonic.step)], self.mode.suffix_and_sharps().0)?;
            }
        }
        if self.explicit {
            f.write_str(" exp")?;
        }
        for &(step, alteration) in &self.accidentals {
            let letter = LETTERS[usize::from(step)].to_ascii_lowercase();
            write!(f, " {}{letter}", accidental_sign(alteration))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_of_c_and_their_sharps() {
        let sharps = |letter, alteration, mode| Key::new(letter, alteration, mode).unwrap().sharps();
        for (letter, mode) in [
            ('C', Mode::Major),
            ('D', Mode::Dorian),
            ('E', Mode::Phrygian),
            ('F', Mode::Lydian),
            ('G', Mode::Mixolydian),
            ('A', Mode::Minor),
            ('B', Mode::Locrian),
        ] {
            assert_eq!(sharps(letter, 0, mode), 0, "{letter} {mode:?}");
        }
        assert_eq!(sharps('C', 1, Mode::Major), 7);
        assert_eq!(sharps('C', -1, Mode::Major), -7);
        assert_eq!(sharps('B', -1, Mode::Mixolydian), -3);
        assert!(Key::new('G', 1, Mode::Major).is_none(), "eight sharps");
    }

    #[test]
    fn signature_of_b_flat() {
        assert_eq!(Key::new('B', -1, Mode::Major).unwrap().signature(), [0, 0, -1, 0, 0, 0, -1]);
    }

    #[test]
    fn every_number_of_sharps_has_a_major_and_a_minor_key() {
        for sharps in -7..=7 {
            for minor in [false, true] {
                assert_eq!(Key::from_sharps(sharps, minor).unwrap().sharps(), sharps);
            }
        }
        assert_eq!(Key::from_sharps(8, false), None);
    }
}
