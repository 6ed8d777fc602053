//! Where one tune ends and the next begins.

use super::cursor::lines_with_ends;

/// The text of one tune in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// What comes before the first tune in the file; its fields hold for every tune.
    pub preamble: &'a str,
    /// From `X:` up to the next `X:` or the end of the file.
    pub text: &'a str,
    /// Line of `X:` in the file, from 1.
    pub line: u32,
}

/// Splits a file into its tunes, at each line that begins with `X:`.
pub fn split(text: &str) -> Vec<Piece<'_>> {
    let mut starts = Vec::new();
    let mut offset = 0;
    for (number, line) in lines_with_ends(text).enumerate() {
        if line.strip_prefix('\u{feff}').unwrap_or(line).starts_with("X:") {
            starts.push((offset, number as u32 + 1));
        }
        offset += line.len();
    }
    let preamble = &text[..starts.first().map_or(text.len(), |s| s.0)];
    let ends = starts.iter().skip(1).map(|s| s.0).chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&(start, line), end)| Piece { preamble, text: &text[start..end], line })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_file_after_its_preamble() {
        let text = "% a file\nM:6/8\n\nX:1\nK:G\nGAB|\n\nX:2\nK:D\nabc|";
        let pieces = split(text);
        assert_eq!(pieces.len(), 2);
        assert_eq!((pieces[0].line, pieces[1].line), (4, 8));
        assert_eq!(pieces[1].text, "X:2\nK:D\nabc|");
        let whole: String = pieces[0].preamble.to_owned() + pieces[0].text + pieces[1].text;
        assert_eq!(whole, text);
        assert!(split("no tune").is_empty());
    }
}
