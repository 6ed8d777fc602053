//! How numbers are written: with a point or a comma before their decimals, with or without marks between their thousands.

use serde::{Deserialize, Serialize};

use super::{Layout, Row};

/// The mark before the decimals of a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decimal {
    /// A point, as in `1,020.5`.
    #[default]
    Point,
    /// A comma, as in `1.020,5`.
    Comma,
}

/// How the numbers of a column are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Notation {
    pub decimal: Decimal,
    /// Whether one of them has a mark, before its decimals or between its thousands.
    pub marked: bool,
    /// A number that could be read otherwise, and its line.
    pub doubtful: Option<(String, usize)>,
}

const CURRENCIES: &[char] = &['$', '€', '£', '¥', '₹', '₩', '₽', '₺', '₿', '¢'];
/// Marks that stand between thousands in either notation.
const SPACES: &[char] = &[' ', '\u{a0}', '\u{2009}', '\u{202f}', '\'', '’'];

impl Decimal {
    fn mark(self) -> char {
        match self {
            Decimal::Point => '.',
            Decimal::Comma => ',',
        }
    }

    fn other(self) -> Decimal {
        match self {
            Decimal::Point => Decimal::Comma,
            Decimal::Comma => Decimal::Point,
        }
    }

    /// The number in a cell, which may be an amount of money, and its thousands may be apart, each three digits.
    pub fn parse(self, cell: &str) -> Option<f64> {
        let cell = cell.trim();
        let is_plain = self == Decimal::Point || !cell.contains(['.', ',']);
        if let (true, Ok(number)) = (is_plain, cell.parse()) {
            return Some(number);
        }
        let (negative, text) = bare(cell);
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, format!("e{exponent}")),
            None => (text, String::new()),
        };
        let (whole, decimals) = mantissa.split_once(self.mark()).unwrap_or((mantissa, ""));
        let mark = whole.chars().find(|c| !c.is_ascii_digit());
        let digits = match mark {
            Some(mark) if mark == self.other().mark() || SPACES.contains(&mark) => {
                grouped(whole, mark).then(|| whole.replace(mark, ""))?
            }
            Some(_) => return None,
            None => whole.to_owned(),
        };
        if !decimals.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number: f64 = format!("{digits}.{decimals}{exponent}").parse().ok()?;
        Some(if negative { -number } else { number })
    }
}

/// A number without its sign and the sign of a currency; whether it is negative.
fn bare(cell: &str) -> (bool, &str) {
    let unsigned = |text: &str| match text.strip_prefix(['-', '−']) {
        Some(rest) => Some((true, rest.len())),
        None => text.strip_prefix('+').map(|rest| (false, rest.len())),
    };
    let (mut negative, mut signed, mut text) = (false, false, cell);
    for _ in 0..2 {
        if let Some((minus, left)) = unsigned(text).filter(|_| !signed) {
            (negative, signed, text) = (minus, true, &text[text.len() - left..]);
        }
        text = text.strip_prefix(CURRENCIES).unwrap_or(text).trim_start();
    }
    (negative, text.strip_suffix(CURRENCIES).unwrap_or(text).trim_end())
}

/// Whether a mark parts the digits of a whole number by threes.
fn grouped(whole: &str, mark: char) -> bool {
    let mut groups = whole.split(mark);
    let is_digits = |group: &str| group.bytes().all(|b| b.is_ascii_digit());
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len())
        && is_digits(first)
        && groups.all(|group| group.len() == 3 && is_digits(group))
}

/// What a cell says of the mark before decimals.
#[derive(Clone, Copy, PartialEq)]
enum Evidence {
    /// It is this one.
    Certain(Decimal),
    /// It is this one, or the mark is one between thousands; the number if it is.
    Doubtful(Decimal, f64),
    /// There is no mark, but this number.
    Plain(f64),
}

/// What a cell says; nothing where it is no number.
fn evidence(cell: &str) -> Option<Evidence> {
    let (_, text) = bare(cell.trim());
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',')) {
        return None;
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let marks = |mark: char| mantissa.matches(mark).count();
    let decimal = match (marks('.'), marks(',')) {
        (0, 0) => return Decimal::Point.parse(cell).filter(|x| x.is_finite()).map(Evidence::Plain),
        (0, 1) => Decimal::Comma,
        (1, 0) => Decimal::Point,
        // Several marks of a kind are between thousands, and of two kinds the last is before the decimals.
        (0, _) => return Decimal::Point.parse(cell).map(|_| Evidence::Certain(Decimal::Point)),
        (_, 0) => return Decimal::Comma.parse(cell).map(|_| Evidence::Certain(Decimal::Comma)),
        _ if mantissa.rfind('.') > mantissa.rfind(',') => Decimal::Point,
        _ => Decimal::Comma,
    };
    let number = decimal.parse(cell)?;
    let as_thousands = decimal.other().parse(cell).filter(|_| !mantissa.starts_with('0'));
    Some(match as_thousands {
        Some(_) => Evidence::Doubtful(decimal, number),
        None => Evidence::Certain(decimal),
    })
}

/// What the cells of a column say.
#[derive(Default)]
struct Tally {
    numbers: usize,
    others: usize,
    /// Numbers by their certain mark: point, comma.
    certain: [usize; 2],
    /// Numbers of which it is not certain, by the mark that they have, and the first of them with its line.
    doubtful: [usize; 2],
    first: Option<(String, usize)>,
}

/// How the numbers of each of `columns` columns are written: as their own cells say it, else as those of other columns.
pub(super) fn notations(rows: &[Row], columns: usize, layout: Layout) -> Vec<Notation> {
    let tallies: Vec<Tally> = (0..columns).map(|column| tally(rows, column)).collect();
    let sure = |tally: &&Tally| tally.numbers > tally.others;
    let votes = |kind: usize| tallies.iter().filter(sure).filter(|tally| tally.certain[kind] > 0).count();
    let of_others = match (votes(0), votes(1)) {
        (1.., 0) => Some(Decimal::Point),
        (0, 1..) => Some(Decimal::Comma),
        _ => None,
    };
    let notation = |(column, tally): (usize, Tally)| {
        let marked = sure(&&tally) && (tally.certain != [0, 0] || tally.doubtful != [0, 0]);
        Notation { marked, ..tally.decide(rows, column, of_others, layout) }
    };
    tallies.into_iter().enumerate().map(notation).collect()
}

fn tally(rows: &[Row], column: usize) -> Tally {
    let mut tally = Tally::default();
    for row in rows {
        let cell = &row.cells[column];
        if cell.is_empty() {
            continue;
        }
        let Some(evidence) = evidence(cell) else {
            tally.others += 1;
            continue;
        };
        tally.numbers += 1;
        match evidence {
            Evidence::Certain(decimal) => tally.certain[decimal as usize] += 1,
            Evidence::Plain(_) => {}
            Evidence::Doubtful(decimal, _) => {
                tally.first.get_or_insert_with(|| (cell.to_owned(), row.line));
                tally.doubtful[decimal as usize] += 1;
            }
        }
    }
    tally
}

impl Tally {
    /// How the numbers of the column that was tallied are written.
    fn decide(self, rows: &[Row], column: usize, of_others: Option<Decimal>, layout: Layout) -> Notation {
        let sure = |decimal| Notation { decimal, ..Notation::default() };
        if self.numbers <= self.others {
            return Notation::default();
        }
        match self.certain {
            [0, 0] => {}
            [point, comma] => return sure(if point >= comma { Decimal::Point } else { Decimal::Comma }),
        }
        let marked = match (self.doubtful[0], self.doubtful[1]) {
            (1.., 0) => Decimal::Point,
            (0, 1..) => Decimal::Comma,
            _ => return sure(of_others.unwrap_or_default()),
        };
        if let Some(decimal) = of_others {
            return sure(decimal);
        }
        let doubtful = self.first;
        // Beside whole numbers, the reading is right that leaves all of one size.
        let middle = |of: fn(Evidence) -> Option<f64>| {
            let all = rows.iter().filter_map(|row| evidence(&row.cells[column]));
            median(all.filter_map(of).map(f64::abs).collect())
        };
        let plain = middle(|found| if let Evidence::Plain(number) = found { Some(number) } else { None });
        let read =
            middle(|found| if let Evidence::Doubtful(_, number) = found { Some(number) } else { None });
        if let (Some(plain), Some(read)) = (plain, read) {
            let decimal = if plain < read * 1000_f64.sqrt() { marked } else { marked.other() };
            return Notation { decimal, doubtful, marked: true };
        }
        match (marked, layout) {
            // Points are usual, and commas where semicolons make room for them.
            (Decimal::Point, Layout::Semicolon) | (Decimal::Comma, Layout::Semicolon) => {
                Notation { decimal: marked, doubtful, marked: true }
            }
            (Decimal::Point, _) => sure(Decimal::Point),
            (Decimal::Comma, _) => Notation { decimal: Decimal::Point, doubtful, marked: true },
        }
    }
}

/// The middle one of some numbers that are not 0.
fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.retain(|&number| number > 0.0);
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (cell, number) in [
            ("1,020", 1020.0),
            ("$1,020.50", 1020.5),
            ("-$5", -5.0),
            ("$-5", -5.0),
            ("−5", -5.0),
            ("5 €", 5.0),
            ("1 020", 1020.0),
            ("1'234'567.8", 1_234_567.8),
            ("1.5e3", 1500.0),
            (".5", 0.5),
        ] {
            assert_eq!(Decimal::Point.parse(cell), Some(number), "{cell}");
        }
        assert_eq!(Decimal::Comma.parse("1.020,50"), Some(1020.5));
        assert_eq!(Decimal::Comma.parse("90,5"), Some(90.5));
        for cell in ["", "$", "1,02", "12,34,567", "1.2.3", "05.11.2019", "5 6", "5%", "--5", "abc"] {
            assert_eq!(Decimal::Point.parse(cell), None, "{cell}");
        }
        assert_eq!(Decimal::Comma.parse("1.02"), None);
    }

    #[test]
    fn the_mark_before_decimals_is_found() {
        let read = |layout, cells: &[&str]| {
            let row = |(line, cell): (usize, &&str)| Row { line, cells: [*cell].into_iter().collect() };
            let rows: Vec<Row> = (1..).zip(cells).map(row).collect();
            notations(&rows, 1, layout).remove(0)
        };
        let german = read(Layout::Semicolon, &["950", "980", "1.020"]);
        assert_eq!((german.decimal, german.doubtful), (Decimal::Comma, Some(("1.020".to_owned(), 3))));
        assert_eq!(read(Layout::Comma, &["950", "980", "1,020"]).decimal, Decimal::Point);
        assert_eq!(read(Layout::Semicolon, &["950", "980", "1,020"]).decimal, Decimal::Point);
        assert_eq!(read(Layout::Comma, &["2", "3", "1.234"]).decimal, Decimal::Point);
        let points = read(Layout::Comma, &["1.234", "2.345"]);
        assert_eq!((points.decimal, points.doubtful, points.marked), (Decimal::Point, None, true));
        assert_eq!(read(Layout::Comma, &["1", "2"]), Notation::default());
        assert_eq!(read(Layout::Semicolon, &["90,5", "1.020"]).decimal, Decimal::Comma);
        assert_eq!(read(Layout::Tab, &["1,234", "2,345"]).decimal, Decimal::Point);
        assert_eq!(read(Layout::Semicolon, &["1,234", "2,345"]).decimal, Decimal::Comma);
    }
}
