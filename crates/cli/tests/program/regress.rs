//! From texts with numbers to a model that says the number of a new one, through the binary.

use crate::common::{Workplace, tiny};

#[test]
fn what_a_list_costs_is_learnt_scored_and_predicted() {
    let place = Workplace::new();
    let said = place.train(&["--builtin=prices", "--hidden=64", "--batch=64", "--steps=800", "--seed=1"]);
    assert_eq!((said.code, &*said.stdout), (Some(0), ""), "{said:#?}");
    for part in ["task        regress, from the built-in prices", "tokens, one number", "MAE ", "R2 "] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
    let report = place.call(&["evaluate", "runs/prices", "--json"]).json().remove(0);
    assert!(report["r2"].as_f64().unwrap() > 0.9, "{report}");
    assert!(report["mean"]["r2"].as_f64().unwrap() < 0.01, "{report}");
    let table = place.call(&["evaluate", "runs/prices"]).ok();
    assert_eq!(table.matches("mae ").count(), 2, "once for the model, once for the mean: {table}");

    place.write("lists.txt", "one candle\nsix organic cakes and six large trouts\n");
    let objects = place.call(&["predict", "runs/prices", "lists.txt", "--json"]).json();
    let number = |index: usize| objects[index]["number"].as_f64().unwrap();
    assert!(number(0) < 15.0 && number(1) > 40.0, "{objects:?}");
    let line = place.call(&["predict", "runs/prices", "--text", "one candle"]).ok();
    assert!(line.ends_with("  one candle\n"), "{line}");
}

#[test]
fn the_column_of_numbers_is_found_or_asked_for() {
    let place = Workplace::new();
    let row = |i: usize| format!("{},review number {}\n", (i % 7) as f64 / 2.0, "so good ".repeat(i % 7));
    place.write("reviews.csv", (0..40).map(row).collect::<String>());
    place.call(&tiny(&["reviews.csv", "--task=regress", "--steps=20"])).ok();
    let report = place.call(&["evaluate", "runs/reviews", "--json"]).json().remove(0);
    assert_eq!(report["examples"], 4);
    place.call(&["evaluate", "runs/reviews", "--data=reviews.csv"]).ok();

    // Numbers that are large beside what they differ by stay apart.
    let row = |i: usize| format!("{},{}good\n", 1_000_000_000 + 10 * (i % 7), "so ".repeat(i % 7));
    place.write("large.csv", (0..70).map(row).collect::<String>());
    place.call(&tiny(&["large.csv", "--task=regress", "--steps=20", "--label=1", "--text=2"])).ok();
    let report = place.call(&["evaluate", "runs/large", "--data=large.csv", "--json"]).json().remove(0);
    let mean = report["mean"]["mae"].as_f64().unwrap();
    assert!((mean - 120.0 / 7.0).abs() < 2.0, "{report}");

    place.write("both.csv", "stars,price,text\n1,10,bad\n5,30,fine\n4,20,good\n2,5,poor\n3,9,so so\n");
    let call = ["both.csv", "--task=regress", "--steps=20", "--out=runs/stars", "--label=stars"];
    place.call(&tiny(&call)).ok();
    // What has a name is in a table with names, though no other word of its first row is known.
    place.write("houses.csv", "rooms,price\n3,70\n4,90\nmany,120\n");
    let call = ["houses.csv", "--task=regress", "--label=price", "--text=rooms"];
    place.call(&tiny(&[&call[..], &["--steps=2"]].concat())).ok();
    for (rows, call, said) in [
        (
            "sqft,rooms,age,price\n1,2,3,4\n5,6,7,8\n",
            &[][..],
            "which column is the number to be learnt has to be said",
        ),
        ("score\n1\n2\n3\n", &["--input=numbers"], "there is the column of the label alone"),
    ] {
        place.write("rows.csv", rows);
        let sentence = place.train(&[&["rows.csv", "--task=regress"], call].concat()).refused(1);
        assert!(sentence.starts_with("rows.csv: ") && sentence.contains(said), "{sentence}");
    }
    place.write("words.csv", "label,text\n1,bad\nmany,fine\n2,poor\n");
    let sentence = place.train(&["words.csv", "--task=regress"]).refused(1);
    let bad = "words.csv: line 3: many stands where a finite number is to be learnt";
    assert_eq!(sentence, bad);
    let rows = (0..30).map(|i| format!("{},so {}good\n", i % 5, "very ".repeat(i % 5)));
    place.write("words.csv", format!("label,text\n1,bad\nmany,fine\n{}", rows.collect::<String>()));
    let said = place.train(&["words.csv", "--task=regress", "--steps=20", "--skip-bad"]);
    assert!(said.code == Some(0) && said.stderr.contains(&format!("{bad} (skipped)")), "{said:#?}");
}
