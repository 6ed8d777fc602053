//! The page around its contents: head, style, script, sections.

use serde::Serialize;
use serde_json::Value;

use crate::chart::Chart;
use crate::html::{Html, data, json, source, tag, text, void};
use crate::script;

pub(crate) const STYLE: &str = concat!(
    include_str!("style/page.css"),
    "\n",
    include_str!("style/charts.css"),
    "\n",
    include_str!("style/lecture.css")
);

/// The page loads nothing and sends nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      img-src data: blob:; media-src data: blob:";

/// A page that needs nothing but itself: style, script, data and text in one file of HTML.
///
/// ```
/// use anaphora_pages::Page;
/// use anaphora_pages::chart::{Axis, Chart, Line, Lines};
///
/// let mut page = Page::new("Two nets");
/// page.paragraph("What they learnt.");
/// page.section("loss", "The loss falls");
/// let line = Line { name: "lstm".into(), x: vec![0.0, 100.0], y: vec![3.1, 1.4], ..Line::default() };
/// page.figure(
///     &Chart::Lines(Lines { x: Axis::new("step"), y: Axis::new("nats"), series: vec![line], ..Lines::default() }),
///     "Lower is better.",
/// );
/// assert!(page.write().starts_with("<!DOCTYPE html>"));
/// ```
#[derive(Clone, Debug)]
pub struct Page {
    title: String,
    opening: Vec<Html>,
    sections: Vec<Section>,
    /// Whether links to all sections stand in front of them.
    contents: bool,
    charts: Vec<Value>,
    /// JSON.
    inspections: String,
}

#[derive(Clone, Debug)]
struct Section {
    id: String,
    heading: String,
    body: Vec<Html>,
}

impl Page {
    /// A page with a title and nothing else.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            opening: Vec::new(),
            sections: Vec::new(),
            contents: true,
            charts: Vec::new(),
            inspections: "[]".into(),
        }
    }

    /// Leaves out the links to all sections: the opening has its own.
    pub(crate) fn without_contents(&mut self) {
        self.contents = false;
    }

    /// Begins a section. The id is its address in the page: letters, digits and `-`, each id once.
    pub fn section(&mut self, id: impl Into<String>, heading: impl Into<String>) {
        self.sections.push(Section { id: id.into(), heading: heading.into(), body: Vec::new() });
    }

    /// Adds markup to the section that was begun last, or to the opening.
    pub fn push(&mut self, html: Html) {
        self.sections.last_mut().map_or(&mut self.opening, |section| &mut section.body).push(html);
    }

    /// A paragraph of plain text.
    pub fn paragraph(&mut self, words: &str) {
        self.push(tag("p", &[("dir", "auto")], [text(words)]));
    }

    /// What is to be kept in mind, a sentence each; nothing where there is none.
    pub fn notes(&mut self, sentences: &[String]) {
        if !sentences.is_empty() {
            let items = sentences.iter().map(|sentence| tag("li", &[("dir", "auto")], [text(sentence)]));
            self.push(tag("ul", &[("class", "notes")], items.collect::<Vec<_>>()));
        }
    }

    /// Names with their values, side by side.
    pub fn facts(&mut self, facts: &[(&str, String)]) {
        let pairs = facts.iter().map(|(name, value)| {
            let value = tag("dd", &[], [tag("bdi", &[], [text(value)])]);
            tag("div", &[], [tag("dt", &[], [text(name)]), value])
        });
        self.push(tag("dl", &[("class", "facts")], pairs.collect::<Vec<_>>()));
    }

    /// A chart with the sentences that say how to read it.
    pub fn figure(&mut self, chart: &Chart, caption: &str) {
        let class = if chart.is_wide() { "wide" } else { "column" };
        self.framed(class, std::slice::from_ref(chart), caption);
    }

    /// Charts side by side, as far as there is room, with the sentences that say how to read them.
    pub fn figures(&mut self, charts: &[Chart], caption: &str) {
        self.framed("wide several", charts, caption);
    }

    /// Charts in one figure of a class of the style sheet.
    pub(crate) fn framed(&mut self, class: &str, charts: &[Chart], caption: &str) {
        let mut parts = Vec::new();
        for chart in charts {
            let number = self.charts.len().to_string();
            self.charts.push(serde_json::to_value(chart).expect("charts are plain data"));
            parts.push(tag("div", &[("data-chart", &number)], []));
        }
        parts.push(tag("figcaption", &[("dir", "auto")], [text(caption)]));
        self.push(tag("figure", &[("class", class)], parts));
    }

    /// What the views of an inspection read.
    pub(crate) fn inspections(&mut self, inspections: &impl Serialize) {
        self.inspections = serde_json::to_string(inspections).expect("inspections are plain data");
    }

    /// The page as HTML.
    pub fn write(self) -> String {
        let mut main = vec![tag("h1", &[], [tag("bdi", &[], [text(&self.title)])])];
        main.extend(self.opening);
        if self.contents && self.sections.len() > 2 {
            let links = self
                .sections
                .iter()
                .map(|section| tag("a", &[("href", &format!("#{}", section.id))], [text(&section.heading)]));
            main.push(tag("nav", &[("class", "contents"), ("aria-label", "Contents")], links));
        }
        main.push(tag(
            "noscript",
            &[],
            [text("The pictures of this page are drawn by its script, which is off.")],
        ));
        for section in self.sections {
            let id = format!("{}-heading", section.id);
            let heading = tag("h2", &[("id", &id)], [text(&section.heading)]);
            main.push(tag(
                "section",
                &[("id", &section.id), ("aria-labelledby", &id)],
                [heading].into_iter().chain(section.body),
            ));
        }
        let body = [
            tag("a", &[("class", "skip"), ("href", "#main")], [text("To the contents")]),
            tag("main", &[("id", "main")], main),
            data("charts", &self.charts),
            json("inspections", &self.inspections),
            source("script", &[("type", "module")], &script::page()),
        ];
        document(&self.title, POLICY, STYLE, body)
    }
}

/// A file of HTML: its title, what it may load, its style and what is in it.
pub(crate) fn document(
    title: &str,
    policy: &str,
    style: &str,
    body: impl IntoIterator<Item = Html>,
) -> String {
    let head = [
        void("meta", &[("charset", "utf-8")]),
        void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]),
        void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", policy)]),
        void("meta", &[("name", "referrer"), ("content", "no-referrer")]),
        void("link", &[("rel", "icon"), ("href", "data:,")]),
        tag("title", &[], [text(title)]),
        source("style", &[], style),
    ];
    let html = tag("html", &[("lang", "en")], [tag("head", &[], head), tag("body", &[], body)]);
    format!("<!DOCTYPE html>\n{}\n", html.as_str())
}
