use super::*;

/// Bars of a part, as lengths in sixths of an eighth note: read anew from the text, knowing nothing of the composer.
fn bar_lengths(part: &str) -> Vec<usize> {
    let bar_length = |bar: &str| {
        let mut characters = bar.chars().peekable();
        let (mut total, mut in_triplet) = (0, 0);
        while let Some(c) = characters.next() {
            match c {
                '(' => {
                    assert_eq!(characters.next(), Some('3'));
                    in_triplet = 3;
                }
                'A'..='G' | 'a'..='g' => {
                    while characters.next_if(|c| matches!(c, ',' | '\'')).is_some() {}
                    let units =
                        characters.next_if(char::is_ascii_digit).map_or(1, |d| d as usize - '0' as usize);
                    total += if in_triplet > 0 { 4 * units } else { 6 * units };
                    in_triplet -= usize::from(in_triplet > 0);
                }
                ' ' => {}
                other => panic!("{other:?} in the bar {bar:?}"),
            }
        }
        assert_eq!(in_triplet, 0);
        total
    };
    part.split('|').map(bar_length).collect()
}

/// Headers by letter, and the repeated parts without their signs.
fn read(abc: &str) -> (std::collections::HashMap<char, &str>, Vec<String>) {
    let (headers, music): (Vec<_>, Vec<_>) =
        abc.lines().partition(|line| line.chars().nth(1) == Some(':') && !line.starts_with('|'));
    let headers = headers.into_iter().map(|line| (line.chars().next().unwrap(), &line[2..])).collect();
    let music: String = music.concat();
    let parts = music.split_terminator(":|").map(|part| part.strip_prefix("|:").unwrap().to_owned());
    (headers, parts.collect())
}

fn notes(music: &str) -> Vec<char> {
    music.chars().filter(char::is_ascii_alphabetic).collect()
}

#[test]
fn bars_add_up_and_pick_ups_are_made_up_for() {
    for abc in compose(1, 500) {
        let (headers, parts) = read(&abc);
        let (beats, unit) = headers[&'M'].split_once('/').unwrap();
        let whole = beats.parse::<usize>().unwrap() * 48 / unit.parse::<usize>().unwrap();
        assert_eq!(parts.len(), 2, "{abc}");
        for part in parts {
            let lengths = bar_lengths(&part);
            let (pickup, bars) =
                if lengths[0] < whole { (lengths[0], &lengths[1..]) } else { (0, &lengths[..]) };
            assert_eq!(bars.len(), 8, "{abc}");
            assert!(bars[..7].iter().all(|&bar| bar == whole), "{abc}");
            assert_eq!(bars[7] + pickup, whole, "{abc}");
        }
    }
}

#[test]
fn parts_end_on_the_tonic_within_a_singable_range() {
    for abc in compose(2, 500) {
        let (headers, parts) = read(&abc);
        let tonic = headers[&'K'].chars().next().unwrap();
        for part in parts {
            let last = notes(&part).pop().unwrap();
            assert_eq!(last.to_ascii_uppercase(), tonic, "{abc}");
            assert!(!part.contains([',', '\'']), "from C to b, within two octaves:\n{abc}");
        }
    }
}

#[test]
fn melodies_move_mostly_by_step_and_come_back() {
    let (mut steps, mut moves, mut repeated, mut bars) = (0, 0, 0, 0);
    for abc in compose(3, 300) {
        let (_, parts) = read(&abc);
        for part in parts {
            let pitch = |c: &char| "CDEFGABcdefgab".find(*c).unwrap();
            let pitches: Vec<usize> = notes(&part).iter().map(pitch).collect();
            moves += pitches.len() - 1;
            steps += pitches.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) == 1).count();
            let of_part: Vec<&str> = part.split('|').collect();
            let different: std::collections::HashSet<&&str> = of_part.iter().collect();
            bars += of_part.len();
            repeated += of_part.len() - different.len();
        }
    }
    assert!(steps * 10 > moves * 5, "{steps} steps of {moves} moves");
    assert!(repeated * 100 > bars * 10, "{repeated} repeated of {bars} bars");
}

#[test]
fn a_seed_is_a_collection() {
    assert_eq!(compose(7, 20), compose(7, 40)[..20]);
    assert_ne!(compose(7, 5), compose(8, 5));
    let tunes = compose(0, 400);
    let of = |letter| {
        tunes
            .iter()
            .map(move |abc| read(abc).0[&letter].to_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(of('M').len(), 5);
    assert_eq!(of('R').len(), style::DANCES.len());
    assert_eq!(of('K').len(), 16);
    assert_eq!(of('T').len(), 400, "titles differ");
    let file = crate::Texts::of(collection(0, 400), std::path::Path::new("built-in"), None).unwrap();
    assert_eq!(file.format(), crate::Format::Abc);
    let read: Vec<_> = file.pieces().unwrap().into_iter().map(|piece| piece.text).collect();
    assert_eq!(read, tunes);
}
