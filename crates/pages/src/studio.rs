//! The studio: a page that asks the server it came from, and shows what it answers.

use crate::frame::{STYLE, document};
use crate::html::{source, tag, text};
use crate::script;

const OWN: &str = include_str!("style/studio.css");

/// What the page may load: nothing from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                          img-src data: blob:; media-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'";

/// The page of the studio, one file of HTML.
pub fn studio() -> String {
    let header = [
        tag("a", &[("class", "home"), ("href", "#/")], [text("Anaphora")]),
        tag("a", &[("href", "#/")], [text("Runs")]),
    ];
    let body = [
        tag("a", &[("class", "skip"), ("href", "#main")], [text("To the contents")]),
        tag("header", &[("class", "top")], [tag("nav", &[("aria-label", "Studio")], header)]),
        tag(
            "main",
            &[("id", "main"), ("class", "studio"), ("tabindex", "-1")],
            [tag("noscript", &[], [text("The studio is drawn by its script, which is off.")])],
        ),
        source("script", &[("type", "module")], &script::studio()),
    ];
    document("Anaphora", POLICY, &format!("{STYLE}\n{OWN}"), body)
}
