//! Searches a message, without regard to case, punctuation, white space and how words are joined.

use vestibule_domain::failure::FailureCategory;

/// Only this much of a longer message is searched; senders' messages have at most 2 000 characters.
const MAX_CHARS: usize = 8_000;

/// A text prepared for looking up phrases.
#[derive(Debug, Default)]
pub struct Text {
    /// Letters and digits alone, in lower case.
    compact: String,
    /// Where words begin or end in `compact`, in order.
    edges: Vec<usize>,
}

impl Text {
    /// Words end at every character that is neither letter nor digit, and where a capital follows a small letter. So
    /// names of errors such as `DeviceCapReached` are found by their words.
    pub fn new(text: &str) -> Self {
        let mut this = Self::default();
        let mut previous = None;
        for c in text.chars().take(MAX_CHARS) {
            if is_apostrophe(c) {
                // “hasn't” is one word, however it is written.
                continue;
            }
            let starts = c.is_uppercase() && previous.is_some_and(char::is_lowercase);
            if !c.is_alphanumeric() || starts {
                this.mark();
            }
            if c.is_alphanumeric() {
                if this.edges.is_empty() {
                    this.mark();
                }
                this.compact.extend(c.to_lowercase());
            }
            previous = Some(c);
        }
        this.mark();
        this
    }

    fn mark(&mut self) {
        if self.edges.last() != Some(&self.compact.len()) {
            self.edges.push(self.compact.len());
        }
    }

    /// How much of the text the phrases cover together, in bytes; 0 where none occurs.
    pub fn covered_by(&self, phrases: &[String]) -> usize {
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for phrase in phrases.iter().filter(|phrase| !phrase.is_empty()) {
            for &start in &self.edges {
                let end = start + phrase.len();
                let is_here = self.compact.get(start..).is_some_and(|rest| rest.starts_with(phrase.as_str()));
                if is_here && self.edges.binary_search(&end).is_ok() {
                    spans.push((start, end));
                }
            }
        }
        spans.sort_unstable();
        let (mut covered, mut until) = (0, 0);
        for (start, end) in spans {
            covered += end.saturating_sub(start.max(until));
            until = until.max(end);
        }
        covered
    }
}

/// A phrase in the form that [`Text::covered_by`] expects.
pub fn compact(phrase: &str) -> String {
    phrase.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

const fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | '`' | '´' | 'ʼ')
}

/// The category that the whole text names, however its words are joined.
pub fn names_category(text: &str) -> Option<FailureCategory> {
    let text = compact(text);
    FailureCategory::ALL.iter().copied().find(|category| compact(category.name()) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: &str, phrase: &str) -> bool {
        Text::new(text).covered_by(&[compact(phrase)]) > 0
    }

    #[test]
    fn phrases_are_found_however_they_are_written() {
        for text in [
            "device cap reached",
            "DEVICE-CAP-REACHED!",
            "com.example.DeviceCapReachedException",
            "error: device_cap_reached.",
            "DeviceCapReached",
            "devicecapreached",
        ] {
            assert!(finds(text, "DeviceCapReached"), "{text}");
            assert!(finds(text, "Device cap reached"), "{text}");
        }
        assert!(finds("Your IT admin hasn’t set an MDM authority", "hasn't set an mdm authority"));
        assert!(finds("iOS version not supported", "OS version not supported"));
        assert!(!finds("device capability", "device cap"));
        assert!(!finds("undevice cap", "device cap"));
        assert!(!finds("", "device cap") && !finds("…", "device cap"));
        assert!(finds("ÄRGER MIT DEM GERÄT", "ärger mit dem gerät"));
    }

    #[test]
    fn coverage_counts_no_letter_twice() {
        let text = Text::new("profile installation failed");
        let all = "profileinstallationfailed".len();
        let phrases = ["profile installation failed", "installation failed"].map(compact);
        assert_eq!(text.covered_by(&phrases), all);
        assert_eq!(Text::new("failed. Failed").covered_by(&["failed".to_owned()]), 12);
    }

    #[test]
    fn categories_are_named_by_whole_texts() {
        for text in ["clientDisconnected", "Client Disconnected", "CLIENT_DISCONNECTED"] {
            assert_eq!(names_category(text), Some(FailureCategory::ClientDisconnected), "{text}");
        }
        assert_eq!(names_category("the client disconnected"), None);
        assert_eq!(names_category(""), None);
    }
}
