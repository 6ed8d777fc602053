//! How much of what was generated is copied from the training data, in a line.

use anaphora::decoding::Novelty;

use crate::output::counted;

/// The line on some pieces: the longest passage of all, and the mean share.
pub fn line(pieces: &[Novelty]) -> String {
    let several = pieces.len() > 1;
    let shares: Vec<f64> = pieces.iter().filter_map(|novelty| novelty.share).collect();
    let Some((index, most)) = pieces.iter().enumerate().max_by_key(|(_, novelty)| novelty.longest) else {
        return "Novelty: nothing was written.".to_owned();
    };
    if most.longest == 0 {
        return "Novelty: nothing is shared with the training data.".to_owned();
    }
    let place = if several { format!(", in piece {}", index + 1) } else { String::new() };
    let passage: String = most.passage.chars().take(60).collect();
    let dots = if most.passage.chars().count() > 60 { " …" } else { "" };
    let share = match shares.len() {
        0 => String::new(),
        count => {
            let percent = 100.0 * shares.iter().sum::<f64>() / count as f64;
            format!("; {percent:.0} % of all passages of {} are shared", most.window)
        }
    };
    let longest = counted(most.longest, "character");
    format!(
        "Novelty: the longest passage shared with the training data has {longest}{place} ({passage:?}{dots}){share}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_passage_of_all_is_told() {
        let novelty = |longest, passage: &str, share| {
            let passage = passage.to_owned();
            Novelty { longest, passage, share, window: 16, copied: Vec::new() }
        };
        let said = line(&[novelty(2, "ab", Some(0.1)), novelty(3, "a\nb", Some(0.2))]);
        let right = "has 3 characters, in piece 2 (\"a\\nb\"); 15 % of all passages of 16 are shared.";
        assert!(said.ends_with(right), "{said}");
        assert!(line(&[novelty(0, "", None)]).contains("nothing is shared"));
        assert!(line(&[novelty(1, "a", None)]).ends_with("has 1 character (\"a\")."));
    }
}
