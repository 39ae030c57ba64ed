//! A device's page for people: shows to a helper what the user of the device sees.
//!
//! It has no script and loads nothing from elsewhere. It reloads itself while something can still change. Buttons are
//! shown as the user sees them, but do nothing here. Every text that a sender chose is escaped.

use super::seen::{STUCK_MEANS, Seen, category_title, subtask_text};
use http::StatusCode;
use std::fmt::Write as _;
use vestibule_domain::esp::page::StepState;
use vestibule_domain::esp::{Category, EspAction, EspSession, ItemState, SessionState};
use vestibule_platform::HttpResponse;
use vestibule_platform::problem::html;
use vestibule_words::Named as _;

const STYLE: &str = include_str!("page.css");
/// Allows nothing but the style above, which is named by its hash.
const POLICY: &str = "default-src 'none'; style-src 'sha256-GoZzbnZ1XAEvqEyz8mzki+wv7oRj4mlFzfJ6g+70I+Q='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Seconds until the page reloads.
const REFRESH: u32 = 10;

/// The page as an answer.
pub(super) fn answer(seen: &Seen<'_>) -> HttpResponse {
    html(StatusCode::OK, write(seen), POLICY)
}

fn write(seen: &Seen<'_>) -> String {
    let session = seen.session;
    let mut out = String::with_capacity(8_192);
    out.push_str("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    if !session.state.is_success() {
        let _written = write!(out, "<meta http-equiv=\"refresh\" content=\"{REFRESH}\">");
    }
    let device = escape(seen.device_name.as_deref().unwrap_or(seen.key));
    let _written =
        write!(out, "<title>{device} - Enrollment Status Page</title><style>{STYLE}</style></head><body><main>");
    let _written = write!(out, "<h1>Setting up for work or school</h1><p class=\"soft\">{device}");
    if let Some(user) = &seen.user {
        let _written = write!(out, " for {}", escape(user));
    }
    let _written = write!(out, "</p><p class=\"{}\">{}</p>", state_class(session.state), state_words(session.state));
    overall(session, &mut out);
    alerts(seen, &mut out);
    for view in session.page() {
        let (title, class) = (view.phase.words(), view.state.name());
        let _written = write!(
            out,
            "<section><div class=\"row\"><h2>{title}</h2><span class=\"{class}\">{}</span></div><ul>",
            phase_words(view.state)
        );
        for subtask in &view.subtasks {
            let (title, class) = (category_title(view.phase, subtask.category), subtask.state.name());
            let text = subtask_text(subtask);
            let _written =
                write!(out, "<li class=\"row\"><span>{title}</span><span class=\"{class}\">{text}</span></li>");
        }
        out.push_str("</ul></section>");
    }
    footer(seen, &mut out);
    out.push_str("</main></body></html>");
    out
}

fn overall(session: &EspSession, out: &mut String) {
    let minutes = session.elapsed().get().max(0) / 60_000;
    let stage = session.stage().name();
    let time = format!("{minutes} of {} minutes", session.limit_minutes);
    let _written = match session.progress() {
        Some(progress) => {
            let percent = (progress * 100.0).round();
            write!(
                out,
                "<progress max=\"100\" value=\"{percent}\">{percent} %</progress>\
                 <div class=\"row soft\"><span>{stage}: {percent} %</span><span>{time}</span></div>"
            )
        }
        // Without a value, since nothing is known yet.
        None => write!(
            out,
            "<progress></progress><div class=\"row soft\"><span>{stage}: identifying</span><span>{time}</span></div>"
        ),
    };
}

fn alerts(seen: &Seen<'_>, out: &mut String) {
    let session = seen.session;
    let actions = session.allowed_actions();
    if let Some(message) = &seen.message {
        let _written = write!(out, "<div class=\"alert\" role=\"alert\"><p>{}</p>", escape(message));
        if seen.shows_details {
            details(session, out);
        }
        buttons(&actions, out);
        out.push_str("</div>");
    } else if !actions.is_empty() {
        buttons(&actions, out);
    }
    if session.is_stuck {
        let _written =
            write!(out, "<div class=\"alert\"><p><strong>Stuck identifying.</strong> {STUCK_MEANS}</p></div>");
    }
}

/// The details of the failure, if the profile shows them.
fn details(session: &EspSession, out: &mut String) {
    if let Some(code) = &session.error_code {
        let _written = write!(out, "<p class=\"soft\">Error {}</p>", escape(code));
    }
    let failed = session.items.iter().filter(|item| item.tracking.is_counted() && item.state == Some(ItemState::Error));
    for item in failed.filter(|item| item.category == Category::Apps) {
        let name = escape(item.name.as_deref().unwrap_or(&item.id));
        let code = item.error_code.as_deref().map(|code| format!(" ({})", escape(code))).unwrap_or_default();
        let _written = write!(out, "<p class=\"soft\">{name} could not be installed{code}</p>");
    }
}

fn buttons(actions: &[EspAction], out: &mut String) {
    if actions.is_empty() {
        return;
    }
    out.push_str("<div class=\"buttons\">");
    for action in actions {
        let _written = write!(out, "<button type=\"button\" disabled>{}</button>", action.words());
    }
    out.push_str("</div>");
}

fn footer(seen: &Seen<'_>, out: &mut String) {
    out.push_str("<footer>");
    if let Some((profile, rule)) = seen.why() {
        let _written = write!(out, "<p>Profile {}: {}.</p>", escape(profile), escape(rule));
    }
    let now = seen.call.now;
    let _written = write!(out, "<p>As of {now}. Buttons are the user's; here they do nothing.</p></footer>");
}

const fn state_words(state: SessionState) -> &'static str {
    match state {
        SessionState::InProgress => "This may take a while. Leave the device switched on and connected.",
        SessionState::TimedOut => "Setup takes longer than it may.",
        SessionState::Failed => "Something went wrong.",
        SessionState::Success => "All set.",
        SessionState::SuccessWithTimeout => "All set, later than it should have been.",
        SessionState::SuccessOnRetry => "All set, after another try.",
        SessionState::Ended => "The device was removed from management.",
    }
}

const fn state_class(state: SessionState) -> &'static str {
    match state {
        SessionState::InProgress | SessionState::Ended => "soft",
        SessionState::TimedOut | SessionState::Failed => "failed",
        _ => "completed",
    }
}

const fn phase_words(state: StepState) -> &'static str {
    match state {
        StepState::NotStarted => "Waiting for the step before",
        StepState::Identifying => "Identifying",
        StepState::InProgress => "Working on it",
        StepState::Completed => "Completed",
        StepState::Failed => "Failed",
        StepState::NotRequired => "Nothing to do",
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};

    #[test]
    fn the_policy_names_the_style() {
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
        assert!(POLICY.contains(&format!("'sha256-{hash}'")), "sha256-{hash}");
    }

    #[test]
    fn a_reported_text_never_becomes_markup() {
        assert_eq!(escape("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
    }
}
