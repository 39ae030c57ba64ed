//! Writing HTML that its contents cannot break.
//!
//! Must stay true: only text of this program (`&'static str`) is written unescaped; everything else is escaped.

use std::fmt::{self, Display, Write};

/// A page being written.
#[derive(Debug, Default)]
pub(super) struct Html(String);

/// An attribute's name and value.
pub(super) type Attribute<'a> = (&'static str, &'a dyn Display);

impl Html {
    /// Markup of this program.
    pub(super) fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Any text, also for the value of an attribute in quotes.
    pub(super) fn text(&mut self, text: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(Escaped(&mut self.0), "{text}");
    }

    /// An element with its contents.
    pub(super) fn element(&mut self, tag: &'static str, content: impl FnOnce(&mut Self)) {
        self.with(tag, &[], content);
    }

    /// An element with attributes.
    pub(super) fn with(&mut self, tag: &'static str, attributes: &[Attribute<'_>], content: impl FnOnce(&mut Self)) {
        self.empty(tag, attributes);
        content(self);
        self.raw("</");
        self.raw(tag);
        self.raw(">");
    }

    /// An element that contains only a text.
    pub(super) fn line(&mut self, tag: &'static str, text: impl Display) {
        self.element(tag, |h| h.text(text));
    }

    /// Only the opening tag.
    pub(super) fn empty(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.raw("<");
        self.raw(tag);
        for (name, value) in attributes {
            self.raw(" ");
            self.raw(name);
            self.raw("=\"");
            self.text(value);
            self.raw("\"");
        }
        self.raw(">");
    }

    /// The finished page.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

struct Escaped<'s>(&'s mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // A character that HTML does not allow, or that reverses the direction of the text after it.
                c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                    self.0.push('\u{fffd}');
                }
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup() {
        let mut h = Html::default();
        h.with("p", &[("title", &"a\" onload='x'")], |h| h.text("<script>&\u{202e}\0</script>"));
        assert_eq!(
            h.finish(),
            "<p title=\"a&quot; onload=&#39;x&#39;\">&lt;script&gt;&amp;\u{fffd}\u{fffd}&lt;/script&gt;</p>"
        );
    }
}
