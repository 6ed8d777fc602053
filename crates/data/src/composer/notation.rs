//! Writing a tune as ABC.

use super::melody::{Bar, Note, Part};
use super::style::{Dance, EIGHTH, Mode, TRIPLET};

const BARS_A_LINE: usize = 4;

/// The whole tune with its headers.
pub(super) fn tune(
    number: usize,
    title: &str,
    dance: &Dance,
    mode: &Mode,
    tonic: char,
    parts: &[Part],
) -> String {
    let (name, metre, suffix) = (dance.name, dance.metre, mode.suffix);
    let mut abc = format!("X:{number}\nT:{title}\nR:{name}\nM:{metre}\nL:1/8\nK:{tonic}{suffix}\n");
    for part in parts {
        abc.push_str("|:");
        if !part.pickup.is_empty() {
            write_beat(&part.pickup, &mut abc);
            abc.push('|');
        }
        for (line, bars) in part.bars.chunks(BARS_A_LINE).enumerate() {
            for (index, bar) in bars.iter().enumerate() {
                write_bar(bar, &mut abc);
                let last = line * BARS_A_LINE + index + 1 == part.bars.len();
                abc.push_str(if last { ":|" } else { "|" });
            }
            abc.push('\n');
        }
    }
    abc
}

fn write_bar(bar: &Bar, abc: &mut String) {
    for (index, beat) in bar.iter().enumerate() {
        if index > 0 {
            abc.push(' ');
        }
        write_beat(beat, abc);
    }
}

fn write_beat(notes: &[Note], abc: &mut String) {
    let mut of_triplet = 0;
    for note in notes {
        if note.length == TRIPLET {
            if of_triplet % 3 == 0 {
                abc.push_str("(3");
            }
            of_triplet += 1;
        }
        let letter = char::from(b"CDEFGAB"[note.pitch.rem_euclid(7) as usize]);
        match note.pitch.div_euclid(7) {
            ..0 => abc.extend([letter, ',']),
            0 => abc.push(letter),
            1 => abc.push(letter.to_ascii_lowercase()),
            2.. => abc.extend([letter.to_ascii_lowercase(), '\'']),
        }
        if note.length > EIGHTH {
            abc.push_str(&(note.length / EIGHTH).to_string());
        }
    }
}
