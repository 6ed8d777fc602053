//! Properties of the reader and writer: no text does harm, and what is written reads the same.

use anaphora_music::abc::{self, Element, Tune};
use anaphora_music::midi;
use proptest::prelude::*;

/// Tunes with something of everything, to be damaged.
const TUNES: [&str; 4] = [
    "X:1\nT:Reel\nR:reel\nM:C|\nL:1/8\nQ:1/2=90\nK:Ador\nA2|:\"Am\"eAAg a2ga|(3Bcd e>f {g}f2 [ce]d-|d2 z2 (ef) .g~a:|!\n\
     [1 B,C'^d_e|=f^^g__a2:|[2 A8|]\n",
    "X:2\nM:6/8\nK:D mix =c ^g\nV:1 name=\"Lead\" clef=treble\nV:2 octave=-1\nV:1\nP:A\nd2e [M:9/8] (2fg (5abc'd'e'|\n\
     V:2\n[DFA]3 Z|[V:1]\nP:B\n[K:Bb][L:1/16]B//c3/2d/<e|\nw: la la\nQ:\"Presto\"\n[V:2] x3|\n",
    "X:3\nT:Parts\nP:A(AB)2\nM:none\nL:1/4\nK:HP\nP:A\nCD||!trill!EF & GA|]\nP:B\n|::\"^text\"G-|G::|\\\nA|1,3z:|2 c|]\n",
    "X:4\nM:(2+2+3)/8\nL:1/8\nK:F# minor exp _b\n(3:2:4abcd [e-g]2 [eg]|1,3 a7:|2-4 `b7|]% comment\n%%MIDI program 1\n",
];

fn played(tune: &Tune) -> Vec<Vec<anaphora_music::Note>> {
    tune.score().parts.into_iter().map(|p| p.notes).collect()
}

/// The items of each voice but for line breaks, which the writer may set anew.
fn items(tune: &Tune) -> Vec<Vec<Element>> {
    let kept = |e: &Element| *e != Element::LineBreak;
    tune.voices.iter().map(|v| v.items.iter().map(|i| i.element.clone()).filter(kept).collect()).collect()
}

fn holds(text: &str) -> Result<(), TestCaseError> {
    let (tunes, problems) = abc::parse(text);
    let lines = text.lines().count().max(1) as u32;
    let found = tunes.iter().flat_map(|t| [t.bar_problems(), t.structure_problems()].concat());
    for problem in problems.into_iter().chain(found) {
        prop_assert!((1..=lines).contains(&problem.line), "{problem}");
        prop_assert!(problem.column >= 1);
    }
    let (tune, _) = abc::parse_tune(text);
    let written = abc::write(&tune);
    let (again, _) = abc::parse_tune(&written);
    prop_assert_eq!(items(&again), items(&tune), "{}", written);
    prop_assert_eq!(played(&again), played(&tune), "{}", written);
    prop_assert_eq!(abc::write(&again), written);
    let score = tune.score();
    prop_assert!(score.parts.iter().all(|p| p.notes.is_sorted_by_key(|n| n.start)));
    prop_assert_eq!(&midi::write(&score)[..4], b"MThd");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC*") {
        holds(&text)?;
    }

    #[test]
    fn any_signs(body in "[A-Ga-gzxZ|:\\[\\](){}<>^_=,'/0-9 \"!&~.\\-\n$yKLMPQVHT%\\\\]{0,80}") {
        holds(&format!("X:1\nM:4/4\nL:1/8\nK:G\n{body}"))?;
    }

    #[test]
    fn any_header(header in "([A-Za-z+]:[ -~]{0,20}\n){0,8}") {
        holds(&format!("X:1\n{header}K:C\nCDEF|\n"))?;
    }

    #[test]
    fn damaged_tunes(
        which in 0..TUNES.len(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..6, "[ -~\n]{0,3}"), 0..6),
    ) {
        let mut text: Vec<char> = TUNES[which].chars().collect();
        for (at, length, insert) in cuts {
            let at = at.index(text.len());
            let end = text.len().min(at + length);
            text.splice(at..end, insert.chars());
            if text.is_empty() {
                break;
            }
        }
        holds(&text.into_iter().collect::<String>())?;
    }
}

#[test]
fn the_tunes_that_are_damaged_are_sound() {
    for tune in TUNES {
        assert_eq!(abc::parse_tune(tune).1, [], "{tune}");
    }
}

#[test]
fn lines_may_end_in_three_ways() {
    let text = TUNES.join("\n");
    let read = abc::parse(&text);
    assert_eq!(read.0.len(), TUNES.len());
    for end in ["\r\n", "\r"] {
        let other = text.replace('\n', end);
        assert_eq!(abc::parse(&other), read, "{end:?}");
        assert_eq!(
            abc::parse(other.trim_end()),
            abc::parse(text.trim_end()),
            "no end of the last line, {end:?}"
        );
    }
}

#[test]
fn a_tempo_without_a_note_counts_unit_lengths() {
    for (header, quarters) in [
        ("M:6/8\nL:1/8\nQ:120", 60.0),
        ("Q:120\nM:6/8\nL:1/8", 60.0),
        ("M:6/8\nQ:C=120", 60.0),
        ("M:2/4\nQ:240", 60.0),
        ("M:6/8\nL:1/8\nQ:C3=40", 60.0),
        ("M:6/8\nL:1/4\nQ:120", 120.0),
        ("M:6/8\nL:1/8\nQ:3/8=40", 60.0),
    ] {
        let (tune, problems) = abc::parse_tune(&format!("X:1\n{header}\nK:C\nCDE FGA|\n"));
        assert_eq!(problems, []);
        assert_eq!(tune.score().tempos[0].1.quarters_per_minute(), quarters, "{header}");
        assert_eq!(abc::parse_tune(&abc::write(&tune)).0.score().tempos, tune.score().tempos);
    }
    let (tune, _) = abc::parse_tune("X:1\nL:1/8\nK:C\nCD[L:1/4][Q:90]EF|\n");
    assert_eq!(tune.score().tempos[0].1.quarters_per_minute(), 90.0);
    // A tempo that makes no sense is told where it stands, though it is understood only behind the header.
    let (_, problems) = abc::parse_tune("X:1\nQ:fast\nL:1/8\nK:C\nCD|\n");
    assert_eq!((problems[0].line, problems[0].column), (2, 3));
}
