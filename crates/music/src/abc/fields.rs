//! The values of the fields that have a grammar of their own: `K:`, `L:`, `Q:`, `V:`.

use super::cursor::Cursor;
use crate::key::step_of;
use crate::{Key, Mode, TICKS_PER_QUARTER, TICKS_PER_WHOLE, Tempo, Ticks, Tonic};

/// Tempo words and the quarter notes a minute that they stand for, as in `abc2midi`.
const TEMPO_WORDS: [(&str, u16); 20] = [
    ("larghissimo", 40),
    ("adagissimo", 44),
    ("lentissimo", 48),
    ("largo", 56),
    ("adagio", 59),
    ("lento", 62),
    ("larghetto", 66),
    ("adagietto", 76),
    ("andante", 88),
    ("andantino", 96),
    ("moderato", 104),
    ("allegretto", 112),
    ("allegro", 120),
    ("vivace", 168),
    ("vivo", 180),
    ("presto", 192),
    ("allegrissimo", 208),
    ("vivacissimo", 220),
    ("prestissimo", 240),
    ("marcia moderato", 85),
];

/// What a `K:` or `V:` field says about the voice besides the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct VoiceSettings {
    pub name: Option<String>,
    pub transposition: Transposition,
}

/// From what is written in a voice to what sounds, in semitones, by the property that says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Transposition {
    /// The 8 at a clef, as in `treble-8`; 0 for one without.
    clef: Option<i16>,
    /// `octave=`.
    octave: Option<i16>,
    /// `transpose=`.
    transpose: Option<i16>,
}

impl Transposition {
    /// What holds where `later` is said after this: each property by itself.
    pub fn then(self, later: Self) -> Self {
        Self {
            clef: later.clef.or(self.clef),
            octave: later.octave.or(self.octave),
            transpose: later.transpose.or(self.transpose),
        }
    }

    /// All of it together.
    pub fn semitones(self) -> i16 {
        [self.clef, self.octave, self.transpose].into_iter().flatten().sum()
    }
}

/// Reads `L:1/8` and its like.
pub(super) fn unit_length(text: &str) -> Result<Ticks, String> {
    let mut c = Cursor::new(text.trim());
    let has_number = c.peek().is_some_and(|d| d.is_ascii_digit());
    let (n, d) = c.fraction();
    let fits = has_number && c.rest().is_empty() && n > 0 && d > 0 && n <= 8 * d && d <= 512 * n;
    if !fits {
        return Err(format!("\"{text}\" is not a unit note length such as 1/8"));
    }
    Ok(scale(TICKS_PER_WHOLE, n, d))
}

/// Unit note lengths as the `C3` of a tempo counts them; nothing is one.
fn unit_lengths(text: &str, unit: Ticks) -> Option<Ticks> {
    let mut c = Cursor::new(text);
    let (n, d) = c.fraction();
    if !c.rest().is_empty() || n == 0 || d == 0 {
        return None;
    }
    // Within the bounds of what is written out.
    let beat = scale(unit, n, d);
    (TICKS_PER_WHOLE / 512..=8 * TICKS_PER_WHOLE).contains(&beat).then_some(beat)
}

/// `ticks` times n/d, rounded to the nearest; d must not be 0.
pub(super) fn scale(ticks: Ticks, n: u64, d: u64) -> Ticks {
    (2 * ticks * n + d) / (2 * d)
}

/// Reads `Q:1/4=120`, `Q:"Allegro"`, `Q:"Slow" 3/8=40`, `Q:1/4 3/8 1/4 3/8=40`, and the forms of old that count unit note
/// lengths: `Q:120`, `Q:C=120`, `Q:C3=40`.
pub(super) fn tempo(text: &str, unit: Ticks) -> Result<Tempo, String> {
    let wrong = || format!("\"{text}\" is not a tempo such as 1/4=120");
    let mut words: Vec<&str> = Vec::new();
    let mut numbers = String::new();
    for (i, piece) in text.split('"').enumerate() {
        if i % 2 == 1 {
            words.push(piece.trim());
        } else {
            numbers.push_str(piece);
            numbers.push(' ');
        }
    }
    // A bracket would end the field where it stands within a line.
    let words = (!words.is_empty()).then(|| words.join(" ").trim().replace(']', ")"));
    let numbers = numbers.trim();
    if numbers.is_empty() {
        let named = words.as_deref().unwrap_or_default().to_lowercase();
        let quarters = TEMPO_WORDS.iter().find(|(word, _)| *word == named).map_or(120, |&(_, n)| n);
        if words.is_none() {
            return Err(wrong());
        }
        return Ok(Tempo { beat: TICKS_PER_QUARTER, per_minute: f64::from(quarters), text: words });
    }
    let (beat, rate) = match numbers.split_once('=') {
        None => (unit, numbers),
        Some((beats, rate)) => {
            let mut total = 0;
            for beat in beats.split_whitespace() {
                total += match beat.strip_prefix(['C', 'c']) {
                    Some(units) => unit_lengths(units, unit).ok_or_else(wrong)?,
                    None => unit_length(beat).map_err(|_| wrong())?,
                };
            }
            (total, rate.trim())
        }
    };
    let per_minute: f64 = rate.parse().map_err(|_| wrong())?;
    let tempo = Tempo { beat, per_minute, text: words };
    // Outside this range a quarter note fits no MIDI tempo, or the piece would last for hours.
    if !(beat > 0
        && beat <= 8 * TICKS_PER_WHOLE
        && per_minute.is_finite()
        && (5.0..=2000.0).contains(&tempo.quarters_per_minute()))
    {
        return Err(wrong());
    }
    Ok(tempo)
}

/// Reads a `K:` field: the key, and what else it says of the voice. The key is `None` where the
/// field only changes the clef or the transposition.
pub(super) fn key(text: &str) -> Result<(Option<Key>, VoiceSettings), String> {
    let mut rest = text.trim();
    let mut key = Key::default();
    let mut names_key = true;
    if let Some(after) = strip_word(rest, "none") {
        rest = after;
    } else if let Some(after) = strip_word(rest, "HP").or_else(|| strip_word(rest, "Hp")) {
        key.accidentals = vec![(3, 1), (0, 1)];
        rest = after;
    } else if let Some(letter) = rest.chars().next().filter(|l| ('A'..='G').contains(l)) {
        let mut c = Cursor::after_ascii(rest, 1);
        let alteration = match c.peek() {
            Some('#' | '♯') => 1,
            Some('b' | '♭') => -1,
            _ => 0,
        };
        if alteration != 0 {
            c.next();
        }
        // The mode may follow at once or after a space; a word that is no mode is left for below.
        let before = c;
        c.skip_spaces();
        let word = c.take_while(|l| l.is_ascii_alphabetic());
        let glued = before.peek().is_some_and(|l| l.is_ascii_alphabetic());
        let assigned = c.peek() == Some('=');
        match Mode::parse(word) {
            Some(mode) if !assigned => {
                key.mode = mode;
                rest = c.rest();
            }
            _ if glued => {
                return Err(format!("\"{word}\" in \"{text}\" is not a mode such as m, dor or mix"));
            }
            _ => rest = before.rest(),
        }
        key.tonic = step_of(letter).map(|step| Tonic { step, alteration });
        if key.sharps().abs() > 7 {
            return Err(format!(
                "\"{text}\" would have {} accidentals; at most 7 are possible",
                key.sharps().abs()
            ));
        }
    } else {
        names_key = rest.is_empty();
    }
    let mut settings = VoiceSettings::default();
    for (name, value) in words(rest) {
        match (name, value) {
            ("exp", None) => key.explicit = true,
            (name, None) if name.starts_with(['^', '_', '=']) => {
                accidentals(name, &mut key.accidentals).ok_or_else(|| {
                    format!("\"{name}\" in \"{text}\" is not an accidental such as ^f or _b")
                })?;
                names_key = true;
            }
            _ => voice_setting(name, value, &mut settings).map_err(|()| {
                format!("\"{name}\" in \"{text}\" is not a key such as G, Am, D mix, none or HP")
            })?,
        }
    }
    Ok((names_key.then_some(key), settings))
}

/// Reads what follows the voice's name in a `V:` field.
pub(super) fn voice(text: &str) -> Result<VoiceSettings, String> {
    let mut settings = VoiceSettings::default();
    for (name, value) in words(text) {
        voice_setting(name, value, &mut settings)
            .map_err(|()| format!("\"{name}\" is not a property of a voice such as name= or clef="))?;
    }
    Ok(settings)
}

fn voice_setting(name: &str, value: Option<&str>, settings: &mut VoiceSettings) -> Result<(), ()> {
    let number = || value.and_then(|v| v.parse::<i16>().ok()).filter(|n| n.abs() <= 60);
    let transposition = &mut settings.transposition;
    match (name, value) {
        ("octave", _) => {
            let octaves = number().filter(|n| n.abs() <= 5).ok_or(())?;
            transposition.octave = Some(12 * octaves);
        }
        ("transpose", _) => transposition.transpose = Some(number().ok_or(())?),
        ("clef", Some(clef)) => transposition.clef = Some(octaves_of_clef(clef)),
        ("name" | "nm", Some(value)) => settings.name = Some(value.replace('"', "")),
        (_, Some(_)) => {} // middle=, stem=, sname= and others bear on print only
        (clef, None) => {
            let name =
                clef.trim_end_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-').to_lowercase();
            let known =
                ["", "treble", "bass", "alto", "tenor", "baritone", "soprano", "mezzosoprano", "mezzo"];
            if known.contains(&name.as_str()) {
                transposition.clef = Some(octaves_of_clef(clef));
            } else if !["perc", "merge", "up", "down"].contains(&name.as_str()) {
                return Err(());
            }
        }
    }
    Ok(())
}

/// The semitones by which music in a clef sounds otherwise than it is written: `treble-8` an octave lower.
fn octaves_of_clef(clef: &str) -> i16 {
    let octaves = [("-8", -1), ("+8", 1), ("-15", -2), ("+15", 2)];
    octaves.iter().find(|(ending, _)| clef.ends_with(ending)).map_or(0, |(_, octaves)| 12 * octaves)
}

/// `^c_b` and the like into steps and alterations; `None` where something else is among them.
fn accidentals(text: &str, into: &mut Vec<(u8, i8)>) -> Option<()> {
    let mut c = Cursor::new(text);
    while c.peek().is_some() {
        let alteration = alteration(&mut c)?;
        let step = step_of(c.next()?)?;
        into.retain(|&(s, _)| s != step);
        into.push((step, alteration));
    }
    Some(())
}

/// An accidental sign; `None`, and nothing taken, where there is none.
pub(super) fn alteration(c: &mut Cursor) -> Option<i8> {
    let sign = c.peek().filter(|s| "^_=".contains(*s))?;
    c.next();
    Some(match sign {
        '=' => 0,
        '^' => 1 + i8::from(c.eat('^')),
        _ => -1 - i8::from(c.eat('_')),
    })
}

/// Takes a whole word off the front.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.strip_prefix(word).filter(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
}

/// Splits `a b=c d="e f"` into names and values.
fn words(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = text.trim_start();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        // "=c" is an accidental, not a setting without a name.
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let equals = rest[..end].find('=').filter(|&i| i > 0 && !rest.starts_with(['^', '_']));
        let Some(equals) = equals else {
            let name = &rest[..end];
            rest = rest[end..].trim_start();
            return Some((name, None));
        };
        let name = &rest[..equals];
        let value = &rest[equals + 1..];
        let (value, after) = match value.strip_prefix('"').and_then(|v| v.split_once('"')) {
            Some(quoted) => quoted,
            None => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        rest = after.trim_start();
        Some((name, Some(value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let sharps = |text: &str| key(text).unwrap().0.unwrap().sharps();
        for (text, expected) in [
            ("C", 0),
            ("D", 2),
            ("Bb", -2),
            ("F#m", 3),
            ("F# minor", 3),
            ("Ador", 1),
            ("A Dorian", 1),
            ("D Mixolydian", 1),
            ("DMIX", 1),
            ("Ephr", 0),
            ("F lydian", 0),
            ("B locrian", 0),
            ("Cb", -7),
            ("G clef=bass", 1),
            ("G treble", 1),
            ("none", 0),
            ("", 0),
        ] {
            assert_eq!(sharps(text), expected, "{text:?}");
        }
        for text in ["H", "G#", "Dfoo", "D foo", "D ^x", "D octave=x"] {
            assert!(key(text).is_err(), "{text:?}");
        }
        assert_eq!(key("clef=bass").unwrap().0, None, "no key is named");
        let sounds = |text: &str| key(text).unwrap().1.transposition.semitones();
        assert_eq!(sounds("G octave=-1 transpose=2"), -10);
        assert_eq!(
            ["C treble-8", "C treble+8", "clef=bass-8", "C clef=treble"].map(sounds),
            [-12, 12, -12, 0]
        );
    }

    #[test]
    fn explicit_accidentals() {
        let signature = |text: &str| key(text).unwrap().0.unwrap().signature();
        assert_eq!(signature("HP"), [1, 0, 0, 1, 0, 0, 0]);
        assert_eq!(signature("D =c"), [0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(signature("D exp _b ^c"), [1, 0, 0, 0, 0, 0, -1]);
        assert_eq!(signature("G ^c_b"), [1, 0, 0, 1, 0, 0, -1]);
        assert_eq!(signature("^f"), [0, 0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn tempos() {
        let quarters = |text: &str| tempo(text, TICKS_PER_WHOLE / 8).unwrap().quarters_per_minute();
        for (text, expected) in [
            ("1/4=120", 120.0),
            ("120", 60.0),
            ("3/8=60", 90.0),
            ("C=120", 60.0),
            ("C3=40", 60.0),
            ("C3/2=40", 30.0),
            ("\"Jig\" 120", 60.0),
            ("\"Adagio\"", 59.0),
            ("\"Adagio\" 1/4=40", 40.0),
            ("1/8 1/4=40", 60.0),
        ] {
            assert_eq!(quarters(text), expected, "{text:?}");
        }
        for text in [
            "",
            "x",
            "1/4=",
            "1/4=0",
            "=120",
            "1/4=-5",
            "1/4=nan",
            "0/4=100",
            "Cx=90",
            "C0=90",
            "C/512=99999",
            "C99=90",
        ] {
            assert!(tempo(text, TICKS_PER_WHOLE / 8).is_err(), "{text:?}");
        }
    }

    #[test]
    fn unit_lengths() {
        assert_eq!(unit_length("1/8"), Ok(TICKS_PER_WHOLE / 8));
        assert_eq!(unit_length("1"), Ok(TICKS_PER_WHOLE));
        for text in ["", "/", "0", "1/0", "x", "1/8 x", "1/99999999", "100"] {
            assert!(unit_length(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn voices() {
        let settings = voice("clef=treble-8 name=\"Alto sax\" octave=-1").unwrap();
        assert_eq!(settings.name.as_deref(), Some("Alto sax"));
        assert_eq!(settings.transposition.semitones(), -24);
    }
}
