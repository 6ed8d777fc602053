//! The page of a lecture.

use anaphora::lecture::picture::{Drawing, Picture};
use anaphora::lecture::{Chapter, Id, Lecture};
use anaphora::recipe::{Backbone, Builtin};
use anaphora_pages::lecture;

use crate::fixtures::trained;
use anaphora_browser::{Browser, NARROW, WIDE};

const TUNE: &str = "X:1\nT:A\nM:4/4\nL:1/8\nK:D\nD2FA dAFD|GABc d2cB|A2FA dAFD|GFED D4|\n";

#[test]
fn gates_and_expectations_follow_a_tune_that_plays() {
    let folder = tempfile::tempdir().expect("a folder");
    let inspection = trained(folder.path(), Builtin::Tunes, Backbone::Lstm, Some(TUNE));
    let mut chapter = Chapter::new(Id::Music, "Music", "It writes.");
    chapter.pictures.push(Picture::new("Inside", "Press play.", Drawing::Inspected { inspection }));
    let lecture = Lecture { file: None, share_of_steps: 1.0, chapters: vec![chapter], seconds: 1.0 };
    let Some(browser) = Browser::open(&self::lecture(&lecture, &[]), WIDE) else { return };
    for look in [NARROW, WIDE] {
        browser.look(look);
        browser.reload();
        assert_eq!(browser.blank(), serde_json::json!([]));
        assert_eq!(browser.overflow(), serde_json::json!([]));
    }
    let step = "return Number(document.querySelector('.shaded .now')?.dataset.step ?? -1)";
    browser.keys("[data-view=tune] audio", " ");
    // The first note of the tune is its character 26.
    browser.until(step, |step| step.as_i64() >= Some(26));
    let expected = browser.run("return document.querySelector('.expected .chart-title').textContent");
    assert!(expected.as_str().is_some_and(|title| title.starts_with("Expected at step ")), "{expected}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
