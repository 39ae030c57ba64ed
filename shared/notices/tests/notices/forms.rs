//! A message in each form: what it says, and that nobody's text is markup.

use serde_json::json;
use std::collections::BTreeMap;
use vestibule_domain::Timestamp;
use vestibule_notices::render::Message;
use vestibule_notices::{Bad, Change, Counts, Facts, Line, Stands};

fn at() -> Timestamp {
    Timestamp::parse("2026-01-05T08:00:00Z").unwrap()
}

fn line(subject: &str, change: Change, facts: Facts) -> Line {
    Line { rule: "one".to_owned(), subject: subject.to_owned(), change, at: at(), since: at(), facts }
}

fn app(name: &str) -> Facts {
    let before = Counts { hit: 80, of: 400 };
    Facts::App { app: name.to_owned(), now: Counts { hit: 40, of: 100 }, before }
}

fn failed(was: Option<Stands>) -> Facts {
    let is = Stands {
        bad: Some(Bad::Failed),
        outcome: "failed".to_owned(),
        step: Some("TermsofUse".to_owned()),
        code: Some("0x80180014".to_owned()),
    };
    match was {
        None => Facts::Ended { is, was: None },
        Some(now) => Facts::Ended { is: now, was: Some(is) },
    }
}

fn message(lines: &[Line]) -> Message<'_> {
    let mute = BTreeMap::from([("one".to_owned(), "https://v.example/notices/mute/t".to_owned())]);
    Message { tenant: "contoso", lines, more: 0, is_test: false, names: BTreeMap::new(), mute }
}

#[test]
fn a_message_says_what_changed_and_what_it_stands_on() {
    let completed = Stands { bad: None, outcome: "completed".to_owned(), step: None, code: None };
    let lines = [
        line("app", Change::Begun, app("Company Portal")),
        line("a1", Change::Happened, failed(None)),
        line("a2", Change::Corrected, failed(Some(completed))),
    ];
    assert_eq!(message(&lines).title(), "Vestibule, contoso: 3 messages");
    assert_eq!(
        message(&lines).text(),
        "Rule one\n\
         - App Company Portal fails: 40.0% (40 of 100) in the last 7 days, 20.0% (80 of 400) in the four weeks before\n\
         - Enrollment failed at Terms of use (0x80180014)\n\
         - Corrected: it was \"enrollment failed at Terms of use (0x80180014)\", and is now \"completed\"\n  \
           Mute this rule for a week: https://v.example/notices/mute/t\n"
    );
    let alone = [line("a1", Change::Happened, failed(None))];
    assert_eq!(message(&alone).title(), "Vestibule, contoso: Enrollment failed at Terms of use (0x80180014)");
    let named =
        Message { names: BTreeMap::from([("a1".to_owned(), "LT-1, ada@contoso.com".to_owned())]), ..message(&alone) };
    assert!(named.text().contains("(0x80180014) [LT-1, ada@contoso.com]"), "{}", named.text());
}

#[test]
fn many_alike_are_one_line_and_of_too_many_the_number_is_said() {
    let alike: Vec<Line> = (0..1_200).map(|n| line(&n.to_string(), Change::Happened, failed(None))).collect();
    let text = Message { more: 5, mute: BTreeMap::new(), ..message(&alike) }.text();
    assert_eq!(text, "Rule one\n- Enrollment failed at Terms of use (0x80180014): 1,200 times\n\n5 more\n");
    let apps: Vec<Line> = (0..40).map(|n| line(&n.to_string(), Change::Begun, app(&format!("App {n}")))).collect();
    let text = message(&apps).text();
    assert!(text.contains("App 29 fails") && !text.contains("App 30 fails") && text.ends_with("\n10 more\n"), "{text}");
}

#[test]
fn nobodys_text_is_markup_or_a_line_of_its_own() {
    let lines = [line("app", Change::Begun, app("<!channel> [x](http://evil)\n- *forged*"))];
    let message = message(&lines);
    assert!(!message.text().contains("\n- *forged*"), "{}", message.text());
    assert!(!message.title().contains('\n'));
    let slack = message.slack();
    // A header is plain text; Slack reads markup in sections and in the text of a notification.
    let slack = format!("{} {}", slack["blocks"][1], slack["text"]);
    assert!(!slack.contains("<!channel>") && slack.contains("&lt;!channel&gt;"), "{slack}");
    assert!(slack.contains("*\u{2060}forged*\u{2060}"), "{slack}");
    let teams = message.teams();
    let shown = teams["attachments"][0]["content"]["body"][2]["text"].as_str().unwrap().to_owned();
    assert!(shown.contains(r"\[x\]\(http://evil\)") && shown.contains(r"\*forged\*"), "{shown}");
}

#[test]
fn each_form_is_as_its_product_takes_it() {
    let lines = [line("app", Change::Begun, app("Teams"))];
    let tested = Message { is_test: true, ..message(&lines) };
    let teams = tested.teams();
    let card = &teams["attachments"][0];
    assert_eq!(teams["type"], "message");
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!((&card["content"]["type"], &card["content"]["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
    assert_eq!(card["content"]["actions"][0]["url"], "https://v.example/notices/mute/t");
    let slack = tested.slack();
    let kinds: Vec<&str> =
        slack["blocks"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["header", "section", "section", "context"]);
    assert_eq!(slack["text"], "Vestibule, contoso: test message");
    let hook = tested.webhook(at());
    assert_eq!((&hook["type"], &hook["data"]["test"]), (&json!("vestibule.notice"), &json!(true)));
    assert_eq!(hook["data"]["lines"][0]["facts"]["now"], json!({"hit": 40, "of": 100}));
    assert!(hook["data"]["lines"][0]["words"].as_str().unwrap().starts_with("App Teams fails: 40.0%"));
    // Slack refuses longer ones.
    let long = [line("app", Change::Begun, app(&"x".repeat(5_000)))];
    for block in message(&long).slack()["blocks"].as_array().unwrap() {
        let text = block["text"]["text"].as_str().unwrap_or_default();
        assert!(text.chars().count() <= 3_000);
    }
}
