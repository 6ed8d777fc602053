//! Chords of four voices by the rules of harmony.

use rand::RngExt;

use super::{Random, choice, seeded};
use crate::roll::Chord;

/// The degrees that may follow each of the seven, the usual ones several times.
const FOLLOWS: [&[usize]; 7] =
    [&[3, 4, 4, 5, 1, 3], &[4, 4, 6], &[5, 3], &[4, 1, 0, 4], &[0, 0, 0, 5], &[1, 3, 4], &[0]];

const MAJOR: [u8; 7] = [0, 2, 4, 5, 7, 9, 11];
const MINOR: [u8; 7] = [0, 2, 3, 5, 7, 8, 10];

/// The lowest and the highest pitch of bass, tenor, alto and soprano.
const RANGES: [(u8, u8); 4] = [(40, 60), (48, 67), (55, 74), (60, 79)];

/// The pitches of bass, tenor, alto and soprano.
type Voices = [u8; 4];

/// Pieces of four to six phrases in a major or minor key, a chord a frame or two. Each phrase goes from a chord to one that
/// may follow, and closes on the tonic after the dominant; voices keep to their ranges, do not cross and move as little as
/// they can, without parallel fifths and octaves where that is possible.
pub fn chorales(seed: u64, count: usize) -> Vec<Vec<Chord>> {
    let mut random = seeded(seed);
    (0..count).map(|_| piece(&mut random)).collect()
}

fn piece(random: &mut Random) -> Vec<Chord> {
    let tonic = random.random_range(0..12);
    let minor: bool = random.random();
    let mut frames = Vec::new();
    let mut voices = None;
    for _ in 0..random.random_range(4..=6) {
        let mut degree = 0;
        for place in 0..8 {
            degree = match place {
                0 => choice(random, &[0, 0, 5, 3]),
                6 => 4,
                7 => 0,
                _ => choice(random, FOLLOWS[degree]),
            };
            let next = voiced(&triad(tonic, minor, degree), voices, random);
            // The last chord of a phrase is held.
            for _ in 0..if place == 7 { 2 } else { 1 } {
                let mut chord = next.to_vec();
                chord.sort_unstable();
                chord.dedup();
                frames.push(chord);
            }
            voices = Some(next);
        }
    }
    frames
}

/// Root, third and fifth as classes of pitches; the dominant of a minor key has its leading note.
fn triad(tonic: u8, minor: bool, degree: usize) -> [u8; 3] {
    let scale = if minor { MINOR } else { MAJOR };
    [0, 2, 4].map(|third| {
        let step = (degree + third) % 7;
        let raised = u8::from(minor && step == 6 && matches!(degree, 4 | 6));
        (tonic + scale[step] + raised) % 12
    })
}

/// The voicing of a triad, its root in the bass, that is nearest to the voices before.
fn voiced(triad: &[u8; 3], before: Option<Voices>, random: &mut Random) -> Voices {
    let pitches = |voice: usize, classes: &[u8]| -> Vec<u8> {
        let (low, high) = RANGES[voice];
        (low..=high).filter(|pitch| classes.contains(&(pitch % 12))).collect()
    };
    let mut best = (i32::MAX, [0; 4]);
    for &bass in &pitches(0, &triad[..1]) {
        for &tenor in pitches(1, triad).iter().filter(|&&tenor| tenor >= bass) {
            for &alto in pitches(2, triad).iter().filter(|&&alto| alto >= tenor && alto - tenor <= 12) {
                for &soprano in pitches(3, triad).iter().filter(|&&high| high >= alto && high - alto <= 12) {
                    let voices = [bass, tenor, alto, soprano];
                    if triad.iter().any(|class| voices.iter().all(|pitch| pitch % 12 != *class)) {
                        continue;
                    }
                    let cost = 10 * cost(&voices, before) + random.random_range(0..15);
                    if cost < best.0 {
                        best = (cost, voices);
                    }
                }
            }
        }
    }
    best.1
}

/// How far the voices move, and how much of that is forbidden.
fn cost(voices: &Voices, before: Option<Voices>) -> i32 {
    let Some(before) = before else { return i32::from(voices[3].abs_diff(70)) };
    let mut cost: i32 = voices.iter().zip(&before).map(|(a, b)| i32::from(a.abs_diff(*b))).sum();
    for low in 0..4 {
        for high in low + 1..4 {
            let interval = |voices: &Voices| (voices[high] - voices[low]) % 12;
            let moves = voices[low] != before[low] && voices[high] != before[high];
            if moves && interval(voices) == interval(&before) && matches!(interval(voices), 0 | 7) {
                cost += 50;
            }
        }
    }
    cost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_is_a_triad_within_the_voices() {
        let pieces = chorales(3, 40);
        assert_eq!(pieces[..7], chorales(3, 7), "the first ones are those of a smaller count");
        assert_ne!(pieces[0], chorales(4, 1)[0]);
        for chord in pieces.iter().flatten() {
            assert!(chord.is_sorted() && (3..=4).contains(&chord.len()), "{chord:?}");
            let mut classes: Vec<u8> = chord.iter().map(|pitch| pitch % 12).collect();
            classes.sort_unstable();
            classes.dedup();
            assert_eq!(classes.len(), 3, "{chord:?}");
            let triads = [0, 1, 2].map(|at| {
                let from = classes[at];
                let mut steps = classes.iter().map(|class| (class + 12 - from) % 12).collect::<Vec<_>>();
                steps.sort_unstable();
                steps
            });
            let known = [[0, 4, 7], [0, 3, 7], [0, 3, 6]];
            assert!(triads.iter().any(|steps| known.iter().any(|triad| steps == triad)), "{chord:?}");
        }
    }

    #[test]
    fn voices_move_little() {
        let pieces = chorales(5, 20);
        let soprano =
            |piece: &Vec<Chord>| piece.iter().filter_map(|chord| chord.last().copied()).collect::<Vec<_>>();
        let leaps: Vec<u8> = pieces
            .iter()
            .map(soprano)
            .flat_map(|line| line.windows(2).map(|p| p[0].abs_diff(p[1])).collect::<Vec<_>>())
            .collect();
        let mean = leaps.iter().map(|&leap| f64::from(leap)).sum::<f64>() / leaps.len() as f64;
        assert!(mean < 3.5, "{mean}");
    }
}
