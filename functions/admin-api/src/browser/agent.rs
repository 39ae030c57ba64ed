//! Says in words which browser a session belongs to, for a person who looks for one of their own.
//!
//! Must stay true: the words are ours. Nothing of what a browser sends is kept or shown. Only the kind matters here, so two
//! short lists do; libraries for this bring thousands of patterns.

/// What a browser's text has, the more telling first: Edge also says Chrome, and Chrome also says Safari.
const BROWSERS: [(&[&str], &str); 6] = [
    (&["Edg/", "EdgA/", "EdgiOS/"], "Edge"),
    (&["OPR/"], "Opera"),
    (&["SamsungBrowser/"], "Samsung Internet"),
    (&["Firefox/", "FxiOS/"], "Firefox"),
    (&["Chrome/", "CriOS/"], "Chrome"),
    (&["Safari/"], "Safari"),
];
/// Android also says Linux, and an iPhone also says Mac OS X.
const SYSTEMS: [(&[&str], &str); 6] = [
    (&["Windows NT"], "Windows"),
    (&["iPhone", "iPad"], "iOS"),
    (&["Android"], "Android"),
    (&["CrOS"], "ChromeOS"),
    (&["Macintosh"], "macOS"),
    (&["Linux"], "Linux"),
];

/// The words for a browser; `None` if we know neither it nor its system.
pub(crate) fn in_words(agent: &str) -> Option<String> {
    let find = |list: &[(&[&str], &'static str)]| {
        list.iter().find(|(marks, _)| marks.iter().any(|mark| agent.contains(mark))).map(|(_, words)| *words)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => Some(format!("{browser} on {system}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_browsers_have_words_and_nothing_else_is_shown() {
        let chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
        for (agent, words) in [
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Windows"),
            (&format!("Mozilla/5.0 (X11; Linux x86_64) {chrome}"), "Chrome on Linux"),
            (&format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {chrome} Edg/142.0.0.0"), "Edge on Windows"),
            (&format!("Mozilla/5.0 (Linux; Android 10; K) {chrome}"), "Chrome on Android"),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 \
                 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 CriOS/142.0.0.0 Mobile/15E148 Safari/604.1",
                "Chrome on iOS",
            ),
            ("<script>alert(1)</script> Firefox/1\u{1b}[2J", "Firefox"),
            ("Something (Windows NT 11.0)", "Windows"),
        ] {
            assert_eq!(in_words(agent).as_deref(), Some(words), "{agent}");
        }
        for unknown in ["", "curl/8.5.0", "<b>", "Mozilla/5.0"] {
            assert_eq!(in_words(unknown), None, "{unknown}");
        }
    }
}
