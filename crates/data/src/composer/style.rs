//! What tells a reel from a waltz and a major tune from a dorian one.

/// Length of a note in thirds of an eighth note, so that triplets are whole numbers.
pub(super) type Length = usize;

/// An eighth of a triplet: three take the time of two eighths.
pub(super) const TRIPLET: Length = 2;
pub(super) const EIGHTH: Length = 3;
const T: Length = TRIPLET;
const E: Length = EIGHTH;
const Q: Length = 2 * E;

/// Lengths of the notes of a beat, with how often it is taken.
type Cell = (&'static [Length], u64);

/// A kind of dance: its metre and its rhythms.
pub(super) struct Dance {
    pub name: &'static str,
    pub metre: &'static str,
    pub weight: u64,
    /// Beats of a bar: what is beamed together and begins with a note of the chord.
    pub beats: usize,
    /// Length of a beat.
    pub beat: Length,
    /// Rhythms of a beat within a phrase.
    pub running: &'static [Cell],
    /// Rhythms of the beat that ends the first half of a part.
    pub resting: &'static [Cell],
    /// Lengths of the notes before the first bar of a part.
    pub pickups: &'static [Cell],
}

const REEL_BEATS: &[Cell] = &[(&[E, E, E, E], 9), (&[Q, E, E], 4), (&[E, E, Q], 1), (&[E + Q, E], 1)];
const HORNPIPE_BEATS: &[Cell] =
    &[(&[E, E, E, E], 7), (&[Q, E, E], 2), (&[T, T, T, E, E], 2), (&[E, E, T, T, T], 1), (&[E + Q, E], 1)];
const JIG_BEATS: &[Cell] = &[(&[E, E, E], 8), (&[Q, E], 4)];
const WALTZ_BEATS: &[Cell] =
    &[(&[Q, Q, Q], 4), (&[2 * Q, Q], 4), (&[E + Q, E, Q], 3), (&[Q, E, E, Q], 3), (&[Q, Q, E, E], 2)];

pub(super) const DANCES: &[Dance] = &[
    Dance {
        name: "reel",
        metre: "4/4",
        weight: 6,
        beats: 2,
        beat: 4 * E,
        running: REEL_BEATS,
        resting: &[(&[Q, E, E], 2), (&[Q, Q], 1), (&[E + Q, E], 1)],
        pickups: &[(&[], 3), (&[E, E], 2), (&[E], 1)],
    },
    Dance {
        name: "jig",
        metre: "6/8",
        weight: 6,
        beats: 2,
        beat: 3 * E,
        running: JIG_BEATS,
        resting: &[(&[Q, E], 2), (&[E + Q], 1)],
        pickups: &[(&[], 3), (&[E], 3)],
    },
    Dance {
        name: "hornpipe",
        metre: "4/4",
        weight: 3,
        beats: 2,
        beat: 4 * E,
        running: HORNPIPE_BEATS,
        resting: &[(&[Q, E, E], 1), (&[Q, Q], 2)],
        pickups: &[(&[], 1), (&[E, E], 4)],
    },
    Dance {
        name: "slip jig",
        metre: "9/8",
        weight: 2,
        beats: 3,
        beat: 3 * E,
        running: JIG_BEATS,
        resting: &[(&[Q, E], 2), (&[E + Q], 1)],
        pickups: &[(&[], 4), (&[E], 1)],
    },
    Dance {
        name: "polka",
        metre: "2/4",
        weight: 3,
        beats: 2,
        beat: 2 * E,
        running: &[(&[E, E], 4), (&[Q], 1)],
        resting: &[(&[Q], 1)],
        pickups: &[(&[], 3), (&[E], 1)],
    },
    Dance {
        name: "waltz",
        metre: "3/4",
        weight: 3,
        beats: 1,
        beat: 3 * Q,
        running: WALTZ_BEATS,
        resting: &[(&[2 * Q, Q], 2), (&[3 * Q], 1)],
        pickups: &[(&[], 3), (&[Q], 1), (&[E, E], 1)],
    },
];

/// Chords of a phrase of two bars, one each half bar, by the step of the scale that they are built on (the tonic is 0).
pub(super) type Harmony = [i32; 4];

/// A mode, the tonics it is played on, and the chords of its phrases.
pub(super) struct Mode {
    /// What follows the tonic in a `K:` line.
    pub suffix: &'static str,
    pub weight: u64,
    pub tonics: &'static [char],
    /// Begin a part.
    pub opening: &'static [Harmony],
    /// End its first half.
    pub half: &'static [Harmony],
    /// Begin its second half.
    pub bridge: &'static [Harmony],
    /// End it.
    pub closing: &'static [Harmony],
}

pub(super) const MODES: &[Mode] = &[
    Mode {
        suffix: "",
        weight: 6,
        tonics: &['D', 'G', 'A', 'C', 'F'],
        opening: &[[0, 0, 0, 0], [0, 0, 0, 4], [0, 0, 3, 0], [0, 0, 3, 4], [0, 0, 5, 5]],
        half: &[[0, 0, 4, 4], [3, 3, 4, 4], [0, 3, 4, 4], [1, 1, 4, 4]],
        bridge: &[[3, 3, 0, 0], [5, 5, 3, 3], [3, 3, 0, 4], [0, 0, 3, 3]],
        closing: &[[4, 4, 0, 0], [3, 4, 0, 0], [0, 4, 0, 0], [1, 4, 0, 0]],
    },
    Mode {
        suffix: "m",
        weight: 2,
        tonics: &['E', 'A', 'B', 'D'],
        opening: &[[0, 0, 0, 0], [0, 0, 6, 6], [0, 0, 6, 0], [0, 0, 5, 6]],
        half: &[[0, 0, 6, 6], [3, 3, 4, 4], [0, 0, 4, 4], [5, 5, 6, 6]],
        bridge: &[[2, 2, 6, 6], [5, 5, 0, 0], [6, 6, 0, 0], [3, 3, 0, 0]],
        closing: &[[6, 6, 0, 0], [0, 6, 0, 0], [3, 4, 0, 0], [4, 4, 0, 0]],
    },
    Mode {
        suffix: "dor",
        weight: 3,
        tonics: &['E', 'A', 'D', 'B'],
        opening: &[[0, 0, 0, 0], [0, 0, 6, 6], [0, 0, 6, 0], [0, 0, 3, 0]],
        half: &[[0, 0, 6, 6], [3, 3, 6, 6], [0, 0, 4, 4], [0, 6, 4, 4]],
        bridge: &[[2, 2, 6, 6], [3, 3, 0, 0], [6, 6, 0, 0], [0, 0, 6, 6]],
        closing: &[[6, 6, 0, 0], [0, 6, 0, 0], [4, 4, 0, 0], [3, 6, 0, 0]],
    },
    Mode {
        suffix: "mix",
        weight: 2,
        tonics: &['D', 'A', 'G'],
        opening: &[[0, 0, 0, 0], [0, 0, 6, 6], [0, 0, 6, 0], [0, 0, 3, 0]],
        half: &[[0, 0, 6, 6], [3, 3, 6, 6], [0, 0, 4, 4], [0, 3, 4, 4]],
        bridge: &[[6, 6, 0, 0], [3, 3, 0, 0], [6, 6, 3, 3], [0, 0, 6, 6]],
        closing: &[[6, 6, 0, 0], [0, 6, 0, 0], [3, 6, 0, 0], [4, 4, 0, 0]],
    },
];

/// The tonic's place on the staff: 0 for middle C, 1 for the D above.
pub(super) fn tonic_pitch(letter: char) -> i32 {
    "CDEFGAB".find(letter).expect("tonics are natural letters") as i32
}
