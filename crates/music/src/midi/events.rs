//! The events of a track, read as players play them.
//!
//! `midly` ends a track in silence at the first event that is not as the standard has it. Older sequencers write such
//! events, and players play what comes behind them.

/// What happens in a track, as far as it concerns a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A note begins; its velocity is above 0.
    On { channel: u8, pitch: u8, velocity: u8 },
    /// A note ends.
    Off { channel: u8, pitch: u8 },
    /// The channel gets this instrument.
    Program { channel: u8, program: u8 },
    /// The name of the track.
    Name(&'a [u8]),
    /// Microseconds of a quarter note.
    Tempo(u32),
    /// Beats of a bar, and the power of two that is their unit.
    Metre { beats: u8, power: u8 },
    /// Sharps, flats below zero.
    Key { sharps: i8, minor: bool },
    /// Anything else, also what is too short to say something.
    Other,
}

/// An event that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Where it begins, in bytes from the beginning of the track.
    pub at: usize,
    /// What is wrong with it, as a clause.
    pub reason: String,
}

/// The events of a track, each with the ticks since the one before. Nothing comes after a broken one.
pub(super) struct Events<'a> {
    track: &'a [u8],
    at: usize,
    /// Status of the last message of a channel. By the standard it does not hold behind meta and system events; there are
    /// files that take it to, and players that play them.
    status: Option<u8>,
    /// Whether the end of the track has come, and no note since: what is there may be no event at all.
    ended: bool,
}

impl<'a> Events<'a> {
    pub fn new(track: &'a [u8]) -> Self {
        Self { track, at: 0, status: None, ended: false }
    }

    /// The next event; none where only a time is left.
    fn read(&mut self) -> Result<Option<(u32, Event<'a>)>, String> {
        let ticks = self.number()?;
        let Some(&first) = self.track.get(self.at) else { return Ok(None) };
        let status = if first >= 0x80 {
            self.at += 1;
            first
        } else {
            self.status.ok_or_else(|| format!("0x{first:02X} stands where an event is to begin"))?
        };
        let event = match status {
            ..=0xEF => self.message(status)?,
            0xFF => {
                let kind = self.byte()?;
                self.meta(kind)?
            }
            0xF0 | 0xF7 => {
                self.block()?;
                Event::Other
            }
            // What belongs on a cable and not into a file, with its data.
            0xF1..=0xF6 | 0xF8..=0xFE => {
                let data = match status {
                    0xF1 | 0xF3 => 1,
                    0xF2 => 2,
                    _ => 0,
                };
                let data = self.track[self.at..].iter().take(data).take_while(|&&byte| byte < 0x80).count();
                self.at += data;
                Event::Other
            }
        };
        Ok(Some((ticks, event)))
    }

    /// A message of a channel.
    fn message(&mut self, status: u8) -> Result<Event<'a>, String> {
        self.status = Some(status);
        let (kind, channel) = (status >> 4, status & 15);
        let first = self.byte()?;
        let second = if matches!(kind, 0xC | 0xD) { 0 } else { self.byte()? };
        if matches!(kind, 0x8 | 0x9) && (first > 127 || (second > 127 && kind == 0x9)) {
            return Err(format!("a note has pitch {first} and velocity {second}; both are 127 at most"));
        }
        Ok(match kind {
            0x9 if second > 0 => Event::On { channel, pitch: first, velocity: second },
            0x8 | 0x9 => Event::Off { channel, pitch: first },
            0xC => Event::Program { channel, program: first & 127 },
            _ => Event::Other,
        })
    }

    fn meta(&mut self, kind: u8) -> Result<Event<'a>, String> {
        Ok(match (kind, self.block()?) {
            (0x03, name) => Event::Name(name),
            (0x2F, _) => {
                (self.ended, self.status) = (true, None);
                Event::Other
            }
            (0x51, &[high, middle, low, ..]) => Event::Tempo(u32::from_be_bytes([0, high, middle, low])),
            (0x58, &[beats, power, ..]) => Event::Metre { beats, power },
            (0x59, &[sharps, minor, ..]) => Event::Key { sharps: sharps as i8, minor: minor != 0 },
            _ => Event::Other,
        })
    }

    fn byte(&mut self) -> Result<u8, String> {
        let byte = self.track.get(self.at).copied().ok_or("the track ends within an event")?;
        self.at += 1;
        Ok(byte)
    }

    /// A number of 7 bits a byte, the last byte below 0x80.
    fn number(&mut self) -> Result<u32, String> {
        let mut number = 0;
        for _ in 0..4 {
            let byte = self.byte()?;
            number = number << 7 | u32::from(byte & 0x7F);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number has more than 4 bytes".to_owned())
    }

    /// Bytes, behind their number.
    fn block(&mut self) -> Result<&'a [u8], String> {
        let length = self.number()? as usize;
        let rest = &self.track[self.at..];
        let block = rest.get(..length).ok_or_else(|| {
            format!("an event is to have {length} bytes, and {} are left in the track", rest.len())
        })?;
        self.at += length;
        Ok(block)
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<(u32, Event<'a>), Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        if at >= self.track.len() {
            return None;
        }
        let read = self.read();
        if let Ok(Some((_, Event::On { .. }))) = read {
            self.ended = false;
        }
        read.or_else(|reason| {
            self.at = self.track.len();
            if self.ended { Ok(None) } else { Err(Broken { at, reason }) }
        })
        .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(track: &[u8]) -> Result<Vec<(u32, Event<'_>)>, Broken> {
        Events::new(track).filter(|event| !matches!(event, Ok((_, Event::Other)))).collect()
    }

    fn on(pitch: u8) -> Event<'static> {
        Event::On { channel: 0, pitch, velocity: 80 }
    }

    #[test]
    fn events_that_are_not_as_they_should_be_are_passed_over() {
        for (between, what) in [
            (&b"\xff\x59\0"[..], "a key of no bytes"),
            (b"\xff\x51\x02\x07\xa1", "a tempo of two bytes"),
            (b"\xff\x54\x04\x60\0\0\0", "a time of four bytes"),
            (b"\xff\0\0", "a number of the sequence of no bytes"),
            (b"\xff\x21\x02\0\0", "a port of two bytes"),
            (b"\xff\x2f\0", "an end of the track"),
            (b"\xf0\x03\x7e\x7f\x09", "system data without an end"),
            (b"\xf1\0", "a quarter frame"),
            (b"\xf2\0\0", "a position in a song"),
            (b"\xf6", "a tuning request"),
            (b"\xfe", "active sensing"),
            (b"\xe0\x80\x40", "a bend beyond its range"),
        ] {
            let track = [b"\0\x90\x3c\x50\x05", between, b"\x07\x90\x3e\x50"].concat();
            assert_eq!(read(&track).unwrap(), [(0, on(60)), (7, on(62))], "{what}");
        }
        assert_eq!(read(b"\0\xff\x59\x02\x09\0").unwrap(), [(0, Event::Key { sharps: 9, minor: false })]);
        let later = read(b"\0\x90\x3c\x50\0\xff\x01\x02hi\x83\x60\x3e\x50\0\xf0\x01\xf7\0\x40\x50").unwrap();
        assert_eq!(later, [(0, on(60)), (480, on(62)), (0, on(64))], "the status holds behind other events");
    }

    #[test]
    fn what_would_lose_notes_is_broken() {
        for (track, at, reason) in [
            (&b"\0\x3c\x50"[..], 0, "0x3C stands where an event is to begin"),
            (
                b"\0\x90\x3c\x50\0\x90\x3c\xc8",
                4,
                "a note has pitch 60 and velocity 200; both are 127 at most",
            ),
            (b"\0\x90\xbc\x50", 0, "a note has pitch 188 and velocity 80; both are 127 at most"),
            (b"\0\x90\x3c\x50\0\x90\x3e", 4, "the track ends within an event"),
            (b"\0\xff\x01\x09hi", 0, "an event is to have 9 bytes, and 2 are left in the track"),
            (b"\xff\xff\xff\xff\x7f\x90\x3c\x50", 0, "a number has more than 4 bytes"),
        ] {
            assert_eq!(read(track), Err(Broken { at, reason: reason.to_owned() }));
        }
    }

    #[test]
    fn behind_the_end_there_may_be_anything() {
        for behind in [&b"\0\0\0\0"[..], b"\x0d\x0a", b"\0\xff\x01\x7f", b"\0"] {
            let track = [b"\0\x90\x3c\x50\0\xff\x2f\0", behind].concat();
            assert_eq!(read(&track).unwrap(), [(0, on(60))]);
        }
    }
}
