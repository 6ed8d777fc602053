//! Markup that holds no unescaped input.

use std::fmt::Write;

use serde::Serialize;

/// Markup: made by [`text`], [`tag`] and [`data`] alone, so that what a user wrote is always escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// The markup itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text as markup. Line ends and tabs stay; other control characters, which HTML cannot hold, become their names, such as U+001B.
pub fn text(text: &str) -> Html {
    Html(escaped(text))
}

/// An element. Names come from the source code; values of attributes are escaped.
pub fn tag(
    name: &'static str,
    attributes: &[(&'static str, &str)],
    children: impl IntoIterator<Item = Html>,
) -> Html {
    let mut html = opened(name, attributes);
    children.into_iter().for_each(|child| html.push_str(&child.0));
    write!(html, "</{name}>").expect("a string takes all");
    Html(html)
}

/// An element that has no children and no end, such as `meta`.
pub fn void(name: &'static str, attributes: &[(&'static str, &str)]) -> Html {
    Html(opened(name, attributes))
}

/// Data for the page's script: JSON in a `script` element of this id, with no `<` in it.
///
/// # Panics
/// Where the value's own serialisation fails, as a map with keys that are no texts.
pub fn data(id: &'static str, value: &impl Serialize) -> Html {
    json(id, &serde_json::to_string(value).expect("what a page shows can be written as JSON"))
}

/// The same of what is JSON already.
pub(crate) fn json(id: &'static str, json: &str) -> Html {
    // Within JSON a `<` stands in texts alone.
    let json = json.replace('<', "\\u003c");
    let mut html = opened("script", &[("type", "application/json"), ("id", id)]);
    html.push_str(&json);
    html.push_str("</script>");
    Html(html)
}

/// An element whose content is source code of this crate: a style sheet or a script.
pub(crate) fn source(name: &'static str, attributes: &[(&'static str, &str)], code: &str) -> Html {
    debug_assert!(!code.contains("</") || !code.to_lowercase().contains(&format!("</{name}")), "{name}");
    Html(format!("{}\n{code}</{name}>", opened(name, attributes)))
}

fn opened(name: &str, attributes: &[(&str, &str)]) -> String {
    let mut html = format!("<{name}");
    for (attribute, value) in attributes {
        write!(html, " {attribute}=\"{}\"", escaped(value)).expect("a string takes all");
    }
    html.push('>');
    html
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' | '\t' => html.push(character),
            _ if character.is_control() => {
                write!(html, "U+{:04X}", u32::from(character)).expect("a string takes all");
            }
            _ => html.push(character),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(
            text("<b>&\"'</script>\0\u{1b}\u{7f}\n").as_str(),
            "&lt;b&gt;&amp;&quot;&#39;&lt;/script&gt;U+0000U+001BU+007F\n"
        );
        let made = tag("p", &[("title", "\"><script>")], [text("<")]);
        assert_eq!(made.as_str(), "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;</p>");
    }

    #[test]
    fn data_end_no_script_and_read_back_as_they_were() {
        let hostile = "</script><!--<script>\u{2028}\0\u{202e}\"\\";
        let html = data("x", &[hostile]);
        let json =
            html.as_str().strip_prefix("<script type=\"application/json\" id=\"x\">").expect("a script");
        let json = json.strip_suffix("</script>").expect("its end");
        assert!(!json.contains('<'), "{json}");
        assert_eq!(serde_json::from_str::<Vec<String>>(json).expect("JSON"), [hostile]);
    }
}
