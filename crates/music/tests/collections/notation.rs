//! What each sign of the notation is played as, in a table; `abc2midi` is asked too where it is there.

use crate::common::{abc2midi_is_there, ours, same, theirs};
use anaphora_music::TICKS_PER_WHOLE;

/// A tune and its notes: each a pitch in the letters of ABC and a length in 48ths of a quarter note,
/// `z` for silence. Several parts are parted by `;`.
struct Case {
    header: &'static str,
    body: &'static str,
    notes: &'static str,
    /// Whether `abc2midi` plays the same; where not, the comment says who is right.
    agrees: bool,
}

const fn case(header: &'static str, body: &'static str, notes: &'static str) -> Case {
    Case { header, body, notes, agrees: true }
}

const fn differs(header: &'static str, body: &'static str, notes: &'static str) -> Case {
    Case { header, body, notes, agrees: false }
}

const C4: &str = "M:4/4\nL:1/4\nK:C";

const CASES: &[Case] = &[
    // Octaves and lengths.
    case(C4, "C,,C,Cc|c'c''z2|", "C,,48 C,48 C48 c48 c'48 c''48"),
    case(C4, "C2D3/2E/F//G3//|A/4B0.25|", "C96 D72 E24 F12 G36 A12 B48"),
    case("M:4/4\nL:1/8\nK:C", "CD2|[L:1/16]CD2|", "C24 D48 C12 D24"),
    case("M:2/4\nK:C", "CD|", "C12 D12"),
    case("M:3/4\nK:C", "CD|", "C24 D24"),
    case("M:none\nK:C", "CD|", "C24 D24"),
    // Rests.
    case(C4, "Cz/Dx2|ZE|Z2F|", "C48 z24 D48 z96 z192 E48 z384 F48"),
    // Accidentals: for every octave, until the bar line; ties carry them over it.
    case(C4, "^CcC,D|C=cC_D|", "^C48 ^c48 ^C,48 D48 C48 c48 C48 ^C48"),
    case(C4, "^^C__D_EE|E|", "D48 C48 ^D48 ^D48 E48"),
    case(C4, "^C-|CC|C|", "^C96 C48 C48"),
    // Grace notes count too; with -NGRA abc2midi passes over them.
    differs(C4, "{^c}cc|c|", "^c48 ^c48 c48"),
    case("M:4/4\nL:1/4\nK:D", "F[K:C]F=c[K:D]c|", "^F48 F48 c48 ^c48"),
    // Keys.
    case("M:4/4\nL:1/8\nK:Eb", "CDEFGABc|", "C24 D24 ^D24 F24 G24 ^G24 ^A24 c24"),
    case("M:4/4\nL:1/8\nK:D Mixolydian", "CDEFGABc|", "C24 D24 E24 ^F24 G24 A24 B24 c24"),
    case("M:4/4\nL:1/8\nK:Ador", "CDEFGABc|", "C24 D24 E24 ^F24 G24 A24 B24 c24"),
    case("M:4/4\nL:1/8\nK:C locrian", "CDEFGABc|", "C24 ^C24 ^D24 F24 ^F24 ^G24 ^A24 c24"),
    case("M:4/4\nL:1/8\nK:F#m", "CDEFGABc|", "^C24 D24 E24 ^F24 ^G24 A24 B24 ^c24"),
    case("M:4/4\nL:1/8\nK:HP", "CFG|", "^C24 ^F24 G24"),
    case("M:4/4\nL:1/8\nK:none", "CFG|", "C24 F24 G24"),
    case("M:4/4\nL:1/8\nK:D =c", "CFB|", "C24 ^F24 B24"),
    case("M:4/4\nL:1/8\nK:D exp _b ^c", "CFB|", "^C24 F24 ^A24"),
    // Broken rhythm.
    case("M:4/4\nL:1/8\nK:C", "C>DE<F|G>>A B<<c|C > D|z>C|", "C36 D12 E12 F36 G42 A6 B6 c42 C36 D12 z36 C12"),
    case("M:4/4\nL:1/8\nK:C", "[CE]>[DF] (3A>BC|C>{d}D|", "C36 E36 D12 F12 A24 B8 C16 C36 D12"),
    // Two signs in a chain: each works on the notes beside it; abc2midi refuses the second.
    differs("M:4/4\nL:1/8\nK:C", "A>B>c|", "A36 B18 c12"),
    // Tuplets.
    case(
        "M:4/4\nL:1/8\nK:C",
        "(3CDE (2FG (4CDEF (5CDEFG (6CDEFGA|",
        "C16 D16 E16 F36 G36 C18 D18 E18 F18 \
        C9.6 D9.6 E9.6 F9.6 G9.6 C8 D8 E8 F8 G8 A8",
    ),
    case(
        "M:6/8\nL:1/8\nK:C",
        "(5CDEFG (7CDEFGAB|",
        "C14.4 D14.4 E14.4 F14.4 G14.4 \
        C10.286 D10.286 E10.286 F10.286 G10.286 A10.286 B10.286",
    ),
    case("M:4/4\nL:1/8\nK:C", "(3:2:2C2D (3::4CDEF (3z/C/D/|", "C32 D16 C16 D16 E16 F16 z8 C8 D8"),
    // Ties, slurs, chords.
    case(C4, "A-A2A-|A2|(AB)c-|c|", "A144 A144 A48 B48 c96"),
    case(C4, "[CEG]2[CE][CE-][CE]|C-[CE]C-D|", "C96 E96 G96 C48 E48 C48 E96 C48 C96 E48 C48 D48"),
    // The first note's length is multiplied by the chord's (standard 2.1, 4.17); abc2midi forgets it.
    differs(C4, "[C2E2]/|", "C48 E48"),
    case(C4, "\"Am\"C\"^words\"D !fermata!E.F|", "C48 D48 E48 F24"),
    // Ornaments are the player's; abc2midi writes out trills and rolls.
    differs(C4, "!trill!C~D|", "C48 D48"),
    case(C4, "{gab}C{/d}D|", "C48 D48"),
    // Overlay.
    case(C4, "C2D2&EFG2|A|", "C96 E48 F48 D96 G96 A48"),
    // Repeats and endings; more of them beside the code.
    case(C4, "|:C|D:|E|F:|", "C48 D48 C48 D48 E48 F48 E48 F48"),
    case(C4, "|:C4|1D4:|2E4|]", "C192 D192 C192 E192"),
    case(C4, "C4|[1 D4 :| [2 E4 || F4|", "C192 D192 C192 E192 F192"),
    case(C4, "|:C4|1,3D4:|2E4:|4F4|]", "C192 D192 C192 E192 C192 D192 C192 F192"),
    case(C4, "|:C4::D4:|E4|", "C192 C192 D192 D192 E192"),
    // The standard's ::| plays three times; abc2midi plays twice.
    differs(C4, "|::C4::|D4|", "C192 C192 C192 D192"),
    // The standard goes back to the double bar line; abc2midi to the beginning.
    differs(C4, "C4||D4:|", "C192 D192 D192"),
    // Parts.
    case("M:4/4\nP:A(AB)2\nL:1/4\nK:C", "P:A\nC4|\nP:B\nD4|", "C192 C192 D192 C192 D192"),
    // Voices.
    case(
        "M:4/4\nL:1/4\nV:1\nV:2 octave=-1\nK:C",
        "V:1\nCD|\nV:2\nEF|\n[V:1]GA|\n[V:2] Bc|",
        "C48 D48 G48 A48; E,48 F,48 B,48 C48",
    ),
    case("M:4/4\nL:1/4\nK:C transpose=-2", "CD|", "^A,48 C48"),
    // The 8 at a clef (standard 2.1, 4.6); octave= and transpose= each hold by themselves, and for the voice that says them.
    case("M:4/4\nL:1/4\nK:C clef=treble-8", "cd|", "C48 D48"),
    case("M:4/4\nL:1/4\nK:C treble+8", "CD|", "c48 d48"),
    case(
        "M:4/4\nL:1/4\nK:C",
        "V:1 clef=treble\nc|\nV:2 clef=treble-8\nc|\nV:3 treble+8\nc|",
        "c48; C48; c'48",
    ),
    // What a voice does not say itself it has from the header's key; abc2midi forgets that where the voice says anything.
    differs(
        "M:4/4\nL:1/4\nK:C clef=bass-8",
        "V:1 clef=treble\nc|\nV:2 octave=1 transpose=-2\nc|\nV:3\nc|",
        "c48; ^A48; C48",
    ),
    case("M:4/4\nL:1/4\nK:C", "c[K:clef=treble-8]d|", "c48 D48"),
    // abc2midi passes over octave= and transpose= in a K: within the tune.
    differs(
        "M:4/4\nL:1/4\nK:C",
        "c[K:clef=treble-8]d|[K:G octave=1]f|[K:clef=treble]g|",
        "c48 D48 ^f48 g'48",
    ),
    case("M:4/4\nL:1/4\nK:C", "[V:1]cd|[V:1 transpose=-12]e|", "c48 d48 E48"),
    differs("M:4/4\nL:1/4\nK:C", "|:c[K:transpose=-12]d:|", "c48 D48 c48 D48"),
    // Changes on the way.
    case("M:4/4\nL:1/4\nK:C", "CD|\nK:D\nL:1/8\nFC|[M:3/4][Q:1/4=60]F|", "C48 D48 ^F24 ^C24 ^F24"),
    // Line ends, comments, continuations, the line break of old.
    case(C4, "CD|!\nEF|\\\nGA| % AB|\n\\\n%%MIDI nothing\nBc!\n", "C48 D48 E48 F48 G48 A48 B48 c48"),
];

fn text(case: &Case) -> String {
    format!("X:1\nT:Case\n{}\n{}\n", case.header, case.body)
}

/// The notes that a case expects, as onset, duration and pitch in the 480ths of `common`.
fn expected(notes: &str) -> Vec<crate::common::Event> {
    let mut events = Vec::new();
    for part in notes.split(';') {
        let mut onset = 0.0f64;
        for note in part.split_whitespace() {
            let split = note.find(|c: char| c.is_ascii_digit()).unwrap();
            let (name, length) = (&note[..split], note[split..].parse::<f64>().unwrap() * 10.0);
            if name != "z" {
                let sharp = name.starts_with('^');
                let letter = name.trim_start_matches('^').chars().next().unwrap();
                let semitones = [9, 11, 0, 2, 4, 5, 7][usize::from(letter.to_ascii_uppercase() as u8 - b'A')];
                let up = name.matches('\'').count() as i32 + i32::from(letter.is_lowercase());
                let octave = up - name.matches(',').count() as i32;
                let pitch = 60 + 12 * octave + semitones + i32::from(sharp);
                events.push((onset.round() as i64, length.round() as i64, pitch as u8));
            }
            onset += length;
        }
    }
    events
}

#[test]
fn each_sign_is_played_as_it_should_be() {
    assert_eq!(TICKS_PER_WHOLE % 192, 0);
    for case in CASES {
        let mut played = ours(&text(case));
        let mut expected = expected(case.notes);
        // Notes that sound at once follow one another in the table; only their pitches and lengths count.
        if case.body.contains(['[', '&', '-']) {
            let strip = |events: &mut Vec<crate::common::Event>| events.iter_mut().for_each(|e| e.0 = 0);
            strip(&mut played);
            strip(&mut expected);
        }
        played.sort_unstable();
        expected.sort_unstable();
        assert!(same(&played, &expected), "{}\n  played {played:?}\nexpected {expected:?}", text(case));
    }
}

#[test]
fn abc2midi_plays_the_same() {
    if !abc2midi_is_there() {
        return;
    }
    let mut surprises = Vec::new();
    for case in CASES {
        let text = text(case);
        let (ours, theirs) = (ours(&text), theirs(&text).unwrap_or_default());
        if same(&ours, &theirs) != case.agrees {
            surprises.push(format!("{text}  ours {ours:?}\ntheirs {theirs:?}\n"));
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}
