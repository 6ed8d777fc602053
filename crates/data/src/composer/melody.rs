//! The notes: chords' notes on the beats, ways between them, motifs that come back.

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::style::{Dance, Harmony, Length, Mode, tonic_pitch};
use super::weighted;

/// A note of the scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    /// Place on the staff: 0 is middle C, 7 the C above.
    pub pitch: i32,
    pub length: Length,
}

/// Notes that are beamed together.
pub(super) type Beat = Vec<Note>;
pub(super) type Bar = Vec<Beat>;

/// Half a tune, to be repeated.
pub(super) struct Part {
    /// Notes before the first bar; the last bar is shorter by them.
    pub pickup: Beat,
    pub bars: Vec<Bar>,
}

type Rhythm = &'static [Length];

/// How often a note moves by 0, 1, 2 … steps of the scale,
const STEPS: [u64; 5] = [2, 60, 10, 2, 1];
/// and how often if both notes belong to the chord.
const CHORD_STEPS: [u64; 5] = [2, 60, 45, 15, 6];
/// How many ways are drawn to take the one that turns back least.
const DRAWS: usize = 3;
/// Lowest and highest note: D above middle C to the b of the octave above, what a whistle plays and a voice sings. The
/// tonic C may lie below.
const RANGE: (i32, i32) = (1, 13);
/// The largest leap from beat to beat.
const LEAP: i32 = 5;

/// Composes one tune.
pub(super) struct Composer<'a> {
    dance: &'static Dance,
    mode: &'static Mode,
    tonic: i32,
    low: i32,
    high: i32,
    /// Rhythm of two bars, a cell for each beat, that the phrases of a part share.
    motif: Vec<Rhythm>,
    pickup: Rhythm,
    random: &'a mut Xoshiro256PlusPlus,
}

/// How the last of some bars ends.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    /// It runs on.
    Open,
    /// It rests on its chord.
    Half,
    /// It rests on the tonic, and leaves room for the pick-up of what follows.
    Full,
}

impl<'a> Composer<'a> {
    pub(super) fn new(
        dance: &'static Dance,
        mode: &'static Mode,
        letter: char,
        random: &'a mut Xoshiro256PlusPlus,
    ) -> Self {
        let tonic = tonic_pitch(letter);
        let pickup = weighted(random, dance.pickups.iter().copied());
        let (low, high) = (RANGE.0.min(tonic), RANGE.1);
        Composer { dance, mode, tonic, low, high, motif: vec![], pickup, random }
    }

    /// Both parts: the second lies higher and often ends as the first does.
    pub(super) fn parts(mut self) -> [Part; 2] {
        let low_centre = (self.tonic + 3).clamp(self.low + 3, self.high - 5);
        let first = self.part(low_centre, None);
        let ending = self.chance(60).then(|| first.bars[6..].to_vec());
        let second = self.part((low_centre + 4).min(self.high - 3), ending);
        [first, second]
    }

    /// Eight bars around a middle pitch; `ending` gives the last two, if they are already there.
    fn part(&mut self, centre: i32, ending: Option<Vec<Bar>>) -> Part {
        let cells = self.dance.running.iter().copied();
        self.motif = (0..2 * self.dance.beats).map(|_| weighted(self.random, cells.clone())).collect();
        let mode = self.mode;
        let opening = self.choose(mode.opening);
        let half = self.choose(mode.half);
        let bridge = self.choose(mode.bridge);
        let closing = self.choose(mode.closing);

        let a = self.bars(&opening, centre, None, Ending::Open);
        let mut bars = a.clone();
        match self.random.random_range(0..3) {
            // a a' b c: the motif again with another ending, then a sequence.
            0 => {
                bars.push(a[0].clone());
                bars.extend(self.bars(&half[2..], centre, last_pitch(&bars), Ending::Half));
                let motif = self.bars(&bridge[..2], centre + 2, last_pitch(&bars), Ending::Open);
                bars.extend(motif.iter().cloned());
                bars.push(self.sequence(&motif[0]));
            }
            // a b a c: the first phrase comes back whole.
            1 => {
                bars.extend(self.bars(&half, centre + 1, last_pitch(&bars), Ending::Half));
                bars.extend(a);
            }
            // a b a' c: it comes back with another second bar.
            _ => {
                bars.extend(self.bars(&half, centre + 1, last_pitch(&bars), Ending::Half));
                bars.push(a[0].clone());
                bars.extend(self.bars(&bridge[2..], centre + 1, last_pitch(&bars), Ending::Open));
            }
        }
        match ending {
            Some(ending) => bars.extend(ending),
            None => bars.extend(self.bars(&closing, self.tonic + 2, last_pitch(&bars), Ending::Full)),
        }
        let pickup = self.lead_in(bars[0][0][0].pitch);
        Part { pickup, bars }
    }

    /// A bar for each two chords, in the rhythm of the motif's last bars with small changes.
    fn bars(&mut self, harmony: &[i32], centre: i32, before: Option<i32>, ending: Ending) -> Vec<Bar> {
        let beats = self.dance.beats;
        let count = harmony.len() / 2 * beats;
        let chord_of = |beat: usize| harmony[beat / beats * 2 + beat % beats * 2 / beats];
        let rhythms: Vec<Rhythm> = (0..count).map(|beat| self.rhythm(beat, count, ending)).collect();
        // A note of the chord for each beat, and one where the last beat may lead to.
        let mut on_beats: Vec<i32> = vec![];
        for beat in 0..=count {
            let previous = on_beats.last().copied().or(before);
            let pitch = match ending {
                Ending::Full if beat + 1 >= count => self.tonic_near(previous.unwrap_or(centre)),
                _ => self.chord_note(chord_of(beat.min(count - 1)), previous, centre),
            };
            on_beats.push(pitch);
        }
        let mut bars = vec![vec![]; count / beats];
        for (beat, lengths) in rhythms.into_iter().enumerate() {
            let last_full = ending == Ending::Full && beat + 1 == count;
            let notes = if last_full {
                let pickup: Length = self.pickup.iter().sum();
                vec![Note { pitch: on_beats[beat], length: self.dance.beat - pickup }]
            } else {
                let between = self.way(on_beats[beat], on_beats[beat + 1], lengths.len() - 1, chord_of(beat));
                let pitches = std::iter::once(on_beats[beat]).chain(between);
                pitches.zip(lengths).map(|(pitch, &length)| Note { pitch, length }).collect()
            };
            bars[beat / beats].push(notes);
        }
        bars
    }

    fn rhythm(&mut self, beat: usize, count: usize, ending: Ending) -> Rhythm {
        if ending == Ending::Half && beat + 1 == count {
            weighted(self.random, self.dance.resting.iter().copied())
        } else if self.chance(15) {
            weighted(self.random, self.dance.running.iter().copied())
        } else {
            self.motif[self.motif.len() - count + beat]
        }
    }

    /// A note of a chord, near the one before and the middle of the range asked for.
    fn chord_note(&mut self, chord: i32, previous: Option<i32>, centre: i32) -> i32 {
        let previous_or_centre = previous.unwrap_or(centre);
        let weight = |pitch: i32| {
            let (leap, away) = ((pitch - previous_or_centre).abs(), (pitch - centre).unsigned_abs() as u64);
            if !in_chord(pitch - self.tonic, chord) || leap > LEAP {
                return 0;
            }
            let repeated = if previous == Some(pitch) { 4 } else { 1 };
            1_000_000 / ((1 + leap as u64) * (4 + away * away) * repeated)
        };
        // A chord's notes are at most three steps apart, so that one is always within the leap.
        let choices: Vec<_> = (self.low..=self.high).map(|pitch| (pitch, weight(pitch))).collect();
        weighted(self.random, choices.into_iter())
    }

    /// `count` notes between two.
    fn way(&mut self, from: i32, to: i32, count: usize, chord: i32) -> Vec<i32> {
        let turns = |way: &Vec<i32>| {
            let before = std::iter::once(from).chain(way.iter().copied());
            before.zip(way.iter().copied().skip(1).chain([to])).filter(|(a, b)| a == b).count()
        };
        let ways = [(); DRAWS].map(|()| self.draw_way(from, to, count, chord));
        ways.into_iter().min_by_key(turns).unwrap_or_default()
    }

    /// A random walk that is bound to arrive, drawn from all that do by the product of their steps' weights.
    fn draw_way(&mut self, from: i32, to: i32, count: usize, chord: i32) -> Vec<i32> {
        let (low, high, tonic) = (self.low, self.high, self.tonic);
        let step = |from: i32, to: i32| {
            let within = in_chord(from - tonic, chord) && in_chord(to - tonic, chord);
            let weights = if within { CHORD_STEPS } else { STEPS };
            weights.get(from.abs_diff(to) as usize).copied().unwrap_or(0)
        };
        // `arriving[k][p - low]`: weight of all ways of k notes from pitch p to the end.
        let mut arriving: Vec<Vec<u64>> = vec![(low..=high).map(|pitch| step(pitch, to)).collect()];
        for k in 1..count {
            let after = &arriving[k - 1];
            let ways =
                |pitch| (low..=high).map(|next| step(pitch, next) * after[(next - low) as usize]).sum();
            let weights = (low..=high).map(ways).collect();
            arriving.push(weights);
        }
        let mut at = from;
        let mut pitches = vec![];
        for after in arriving[..count].iter().rev() {
            let choices = (low..=high).map(|next| (next, step(at, next) * after[(next - low) as usize]));
            at = weighted(self.random, choices);
            pitches.push(at);
        }
        pitches
    }

    /// The bar on another step of the scale.
    fn sequence(&mut self, bar: &Bar) -> Bar {
        let pitches = || bar.iter().flatten().map(|note| note.pitch);
        let (lowest, highest) = (pitches().min().unwrap_or(0), pitches().max().unwrap_or(0));
        let fits = |by: i32| lowest + by >= self.low && highest + by <= self.high;
        let steps = [(-1, 8), (-2, 4), (1, 4), (0, 1)].into_iter().filter(|&(by, _)| fits(by));
        let by = weighted(self.random, steps);
        let moved = |note: &Note| Note { pitch: note.pitch + by, ..*note };
        bar.iter().map(|beat| beat.iter().map(moved).collect()).collect()
    }

    /// The pick-up: steps that lead to the first note, from below where there is room.
    fn lead_in(&mut self, first: i32) -> Beat {
        let count = self.pickup.len() as i32;
        let room_below = first - count >= self.low;
        let room_above = first + count <= self.high;
        let rising = room_below && (!room_above || self.chance(60));
        let toward = if rising { -1 } else { 1 };
        let lengths = self.pickup.iter().enumerate();
        lengths.map(|(i, &length)| Note { pitch: first + toward * (count - i as i32), length }).collect()
    }

    fn tonic_near(&self, pitch: i32) -> i32 {
        let tonics = (self.low..=self.high).filter(|p| (p - self.tonic).rem_euclid(7) == 0);
        tonics.min_by_key(|p| (p - pitch).abs()).unwrap_or(self.tonic)
    }

    fn choose(&mut self, from: &[Harmony]) -> Harmony {
        from[self.random.random_range(0..from.len())]
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }
}

/// Whether a step of the scale belongs to the triad on another.
fn in_chord(step: i32, chord: i32) -> bool {
    matches!((step - chord).rem_euclid(7), 0 | 2 | 4)
}

fn last_pitch(bars: &[Bar]) -> Option<i32> {
    bars.last()?.last()?.last().map(|note| note.pitch)
}
