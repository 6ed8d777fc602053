//! Music as events: a note begins, a note ends, time passes, the next notes are struck so hard (Oore, Simon, Dieleman,
//! Eck and Simonyan, "This Time with Feeling", 2018).

use serde::{Deserialize, Serialize};

use crate::roll::{Note, PITCHES, RollError, check, steps};

const NOTES: u32 = PITCHES as u32;

/// The resolution of time and velocity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventOptions {
    /// The shortest time, in the unit of the notes' times; starts and ends move to the nearest multiple.
    pub step: f64,
    /// How many steps one event lets pass at most, 1 or more; longer times take several events.
    pub longest: u32,
    /// Number of distinct velocities, 1 to 127; a note is decoded with the middle one of its range.
    pub velocities: u32,
}

impl Default for EventOptions {
    /// That of the paper for times in seconds: steps of 10 ms up to one second, 32 velocities.
    fn default() -> Self {
        EventOptions { step: 0.01, longest: 100, velocities: 32 }
    }
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A note of this pitch begins.
    On(u8),
    /// The note of this pitch ends.
    Off(u8),
    /// So many steps pass.
    Shift(u32),
    /// The notes that follow have a velocity of this range, counted from 0.
    Velocity(u32),
}

/// Notes of events, and how much there was that makes no sense.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The notes, ordered by start and pitch.
    pub notes: Vec<Note>,
    /// Events left out: numbers beyond the vocabulary, ends of notes that do not sound or have just begun.
    pub stray: usize,
}

impl EventOptions {
    /// The number of different events: 388 by default.
    pub fn vocabulary(&self) -> u32 {
        self.first_velocity().saturating_add(self.velocities)
    }

    fn first_velocity(&self) -> u32 {
        self.longest.saturating_add(2 * NOTES)
    }

    /// The number of an event: beginnings, ends, times, velocities. None where it is beyond what these options have.
    pub fn id(&self, event: Event) -> Option<u32> {
        match event {
            Event::On(pitch) if pitch < PITCHES => Some(pitch.into()),
            Event::Off(pitch) if pitch < PITCHES => Some(NOTES + u32::from(pitch)),
            Event::Shift(steps) if (1..=self.longest).contains(&steps) => Some(2 * NOTES + steps - 1),
            Event::Velocity(range) if range < self.velocities => self.first_velocity().checked_add(range),
            _ => None,
        }
    }

    /// The event of a number.
    pub fn event(&self, id: u32) -> Option<Event> {
        let (times, velocities) = (2 * NOTES, self.first_velocity());
        match id {
            id if id < NOTES => Some(Event::On(id as u8)),
            id if id < times => Some(Event::Off((id - NOTES) as u8)),
            id if id < velocities => Some(Event::Shift(id - times + 1)),
            id if id < self.vocabulary() => Some(Event::Velocity(id - velocities)),
            _ => None,
        }
    }

    /// The range of a velocity from 1 to 127.
    fn range(&self, velocity: u8) -> u32 {
        (u32::from(velocity) - 1) * self.velocities / 127
    }

    /// The middle velocity of a range.
    fn middle(&self, range: u32) -> u8 {
        let first = |range: u32| (127 * range).div_ceil(self.velocities.max(1)) + 1;
        ((first(range) + first(range + 1) - 1) / 2) as u8
    }

    /// What comes back of notes that are made events: each time on the nearest step, one step long at least, each
    /// velocity the middle of its range. Of notes of one pitch that begin together the longest is kept, and a note that
    /// still sounds ends where the next of its pitch begins. Ordered by start and pitch.
    ///
    /// # Errors
    /// Those of [`EventOptions::encode`].
    pub fn quantise(&self, notes: &[Note]) -> Result<Vec<Note>, RollError> {
        let notes = self.placed(notes)?.into_iter().map(|(start, end, pitch, range)| Note {
            start: start as f64 * self.step,
            end: end as f64 * self.step,
            pitch,
            velocity: self.middle(range),
        });
        Ok(notes.collect())
    }

    /// Start, end, pitch and range of velocity of the notes, as [`EventOptions::quantise`] has them.
    fn placed(&self, notes: &[Note]) -> Result<Vec<(usize, usize, u8, u32)>, RollError> {
        check(notes, self.step)?;
        let place = |note: &Note| {
            let (start, end) = steps(note, self.step);
            (note.pitch, start, end, self.range(note.velocity))
        };
        let mut placed: Vec<_> = notes.iter().map(place).collect();
        // By pitch and start, the longest first.
        placed.sort_by_key(|&(pitch, start, end, range)| (pitch, start, std::cmp::Reverse((end, range))));
        placed.dedup_by_key(|&mut (pitch, start, ..)| (pitch, start));
        for index in 1..placed.len() {
            let (next_pitch, next_start, ..) = placed[index];
            let (pitch, _, end, _) = &mut placed[index - 1];
            if *pitch == next_pitch {
                *end = (*end).min(next_start);
            }
        }
        let mut placed: Vec<_> =
            placed.into_iter().map(|(p, start, end, range)| (start, end, p, range)).collect();
        placed.sort_unstable_by_key(|&(start, _, pitch, _)| (start, pitch));
        Ok(placed)
    }

    /// The events of notes, as numbers. At one time the ends come first, then the beginnings by pitch, each behind a
    /// velocity where that has changed.
    ///
    /// # Errors
    /// A note that cannot be; a step not above 0, or far too short for the music; options out of their range.
    pub fn encode(&self, notes: &[Note]) -> Result<Vec<u32>, RollError> {
        if self.longest == 0 || !(1..=127).contains(&self.velocities) {
            return Err(RollError::Events { longest: self.longest, velocities: self.velocities });
        }
        let mut changes = vec![];
        for (start, end, pitch, range) in self.placed(notes)? {
            changes.push((start, Some(range), pitch));
            // None, an end, is less than any beginning.
            changes.push((end, None, pitch));
        }
        changes.sort_unstable_by_key(|&(time, range, pitch)| (time, range.is_some(), pitch));
        let mut ids = vec![];
        let mut push = |event| ids.push(self.id(event).expect("made within the options' limits"));
        let (mut now, mut loudness) = (0, None);
        for (time, range, pitch) in changes {
            while now < time {
                let steps = (time - now).min(self.longest as usize);
                push(Event::Shift(steps as u32));
                now += steps;
            }
            match range {
                None => push(Event::Off(pitch)),
                Some(range) => {
                    if loudness != Some(range) {
                        push(Event::Velocity(range));
                        loudness = Some(range);
                    }
                    push(Event::On(pitch));
                }
            }
        }
        Ok(ids)
    }

    /// The notes of events. A note that begins anew ends the one before, one without an end lasts to the end of the
    /// music, and without a velocity it is that of 64.
    pub fn decode(&self, ids: impl IntoIterator<Item = u32>) -> Decoded {
        let mut sounding: [Option<(u64, u8)>; PITCHES as usize] = [None; PITCHES as usize];
        let mut notes = vec![];
        let (mut now, mut velocity, mut stray) = (0u64, self.middle(self.range(64)), 0);
        let time = |steps: u64| steps as f64 * self.step;
        let note = |pitch: u8, now: u64, (start, velocity): (u64, u8)| {
            (start < now).then(|| Note { start: time(start), end: time(now), pitch, velocity })
        };
        for id in ids {
            match self.event(id) {
                Some(Event::Shift(steps)) => now += u64::from(steps),
                Some(Event::Velocity(range)) => velocity = self.middle(range),
                Some(Event::On(pitch)) => {
                    if let Some(before) = sounding[usize::from(pitch)].replace((now, velocity)) {
                        let ended = note(pitch, now, before);
                        stray += usize::from(ended.is_none());
                        notes.extend(ended);
                    }
                }
                Some(Event::Off(pitch)) => {
                    let ended =
                        sounding[usize::from(pitch)].take().and_then(|before| note(pitch, now, before));
                    stray += usize::from(ended.is_none());
                    notes.extend(ended);
                }
                None => stray += 1,
            }
        }
        for (pitch, last) in sounding.into_iter().enumerate() {
            // One that begins with the last event lasts a step.
            notes.extend(last.and_then(|last| note(pitch as u8, now.max(last.0 + 1), last)));
        }
        notes.sort_by(|a, b| a.start.total_cmp(&b.start).then(a.pitch.cmp(&b.pitch)));
        Decoded { notes, stray }
    }
}
