//! Shopping lists and what they cost: a number from a text.

use rand::RngExt;

use super::{Random, choice, seeded};

/// Goods and the price of one, in cents.
const GOODS: &[(&str, f64)] = &[
    ("apple", 40.0),
    ("pear", 55.0),
    ("lemon", 65.0),
    ("melon", 280.0),
    ("loaf", 310.0),
    ("cheese", 520.0),
    ("egg", 35.0),
    ("onion", 25.0),
    ("cabbage", 190.0),
    ("trout", 640.0),
    ("cake", 870.0),
    ("candle", 150.0),
];

/// Words that change a price, and by what factor.
const QUALITIES: &[(&str, f64)] =
    &[("", 1.0), ("", 1.0), ("small", 0.7), ("large", 1.5), ("old", 0.5), ("fresh", 1.2), ("organic", 1.8)];

/// Counts in words.
const COUNTS: &[&str] = &["no", "one", "two", "three", "four", "five", "six"];

/// Lists such as `two fresh apples and one cake`, each with its price in whole units of money: what its one to four entries
/// cost together.
pub fn prices(seed: u64, count: usize) -> Vec<(String, f64)> {
    let mut random = seeded(seed);
    (0..count).map(|_| list(&mut random)).collect()
}

fn list(random: &mut Random) -> (String, f64) {
    let entries = random.random_range(1..=4);
    let (mut text, mut cents) = (String::new(), 0.0);
    for index in 0..entries {
        let number = random.random_range(1..COUNTS.len());
        let ((quality, factor), (good, price)) = (choice(random, QUALITIES), choice(random, GOODS));
        cents += number as f64 * factor * price;
        text += match index {
            0 => "",
            _ if index + 1 == entries => " and ",
            _ => ", ",
        };
        let space = if quality.is_empty() { "" } else { " " };
        let plural = if number == 1 { "" } else { "s" };
        text += &format!("{} {quality}{space}{good}{plural}", COUNTS[number]);
    }
    (text, (cents.round()) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_costs_what_its_entries_cost() {
        let lists = prices(1, 2_000);
        assert_eq!(lists[..10], prices(1, 10)[..]);
        let price_of = |text: &str| lists.iter().find(|(list, _)| list == text).map(|(_, price)| *price);
        let singles: Vec<_> = [("one cake", 8.7), ("two small pears", 0.77), ("one organic loaf", 5.58)]
            .into_iter()
            .filter_map(|(text, price)| Some((price_of(text)?, price)))
            .collect();
        assert!(!singles.is_empty());
        singles.iter().for_each(|(found, price)| assert!((found - price).abs() < 0.006, "{found} {price}"));
        assert!(lists.iter().all(|(text, price)| *price > 0.0 && !text.contains("  ")));
    }
}
