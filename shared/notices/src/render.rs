//! A message in words, and in the forms of its channels (docs/MESSAGES.md, N7).
//!
//! Must stay true: what others wrote (names of apps, devices and people) can end no line, and is no markup in any form.

use crate::line::{Change, Line};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use vestibule_words::form::count;

/// Lines that a message shows; of the others it says how many there are.
const MOST_LINES: usize = 30;
/// So many lines of the same words are shown one by one.
const MOST_ALIKE: usize = 3;
/// Slack takes no longer title.
const SLACK_TITLE: usize = 150;
/// Slack takes no longer block of text.
const SLACK_TEXT: usize = 2_900;

/// A message that leaves.
#[derive(Clone, Debug)]
pub struct Message<'m> {
    /// The tenant's name.
    pub tenant: &'m str,
    /// What it says.
    pub lines: &'m [Line],
    /// Further lines that are only counted.
    pub more: u64,
    /// Whether somebody only tries the channel.
    pub is_test: bool,
    /// The names of devices and people, by attempt or session; empty unless the tenant wants them.
    pub names: BTreeMap<String, String>,
    /// For each rule the link that mutes it.
    pub mute: BTreeMap<String, String>,
}

/// The lines of one rule.
struct Part<'m> {
    rule: &'m str,
    texts: Vec<String>,
}

/// Text that can't begin a line of its own or act upon whatever shows it.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Message<'_> {
    /// The title.
    pub fn title(&self) -> String {
        let what = match self.lines {
            _ if self.is_test => "test message".to_owned(),
            [line] if self.more == 0 => self.text_of(line),
            lines => format!("{} messages", count(lines.len() as u64 + self.more)),
        };
        format!("Vestibule, {}: {what}", self.tenant)
    }

    fn text_of(&self, line: &Line) -> String {
        let who = line.attempt().and_then(|id| self.names.get(id));
        plain(&line.words(who.map(String::as_str)))
    }

    /// The parts, and how many lines are in none.
    fn parts(&self) -> (Vec<Part<'_>>, u64) {
        let mut alike: BTreeMap<(&str, String), usize> = BTreeMap::new();
        for line in self.lines.iter().filter(|line| line.change == Change::Happened) {
            *alike.entry((&line.rule, plain(&line.facts.words()))).or_default() += 1;
        }
        let (mut parts, mut shown, mut left) = (Vec::<Part<'_>>::new(), 0_usize, self.more);
        let mut counted = std::collections::BTreeSet::new();
        for line in self.lines {
            let words = (line.rule.as_str(), plain(&line.facts.words()));
            let of = alike.get(&words).copied().filter(|_| line.change == Change::Happened).unwrap_or(0);
            let text = if of <= MOST_ALIKE {
                self.text_of(line)
            } else if counted.insert(words.clone()) {
                format!("{}: {} times", words.1, count(of as u64))
            } else {
                continue;
            };
            if shown == MOST_LINES {
                left += 1;
                continue;
            }
            shown += 1;
            match parts.iter_mut().find(|part| part.rule == line.rule) {
                Some(part) => part.texts.push(text),
                None => parts.push(Part { rule: &line.rule, texts: vec![text] }),
            }
        }
        (parts, left)
    }

    fn intro(&self) -> Option<&'static str> {
        self.is_test.then_some("This is a test: somebody tries this channel. Nothing happened.")
    }

    /// As text, for e-mail and the history.
    pub fn text(&self) -> String {
        let (parts, left) = self.parts();
        let mut out = String::new();
        out.extend(self.intro().map(|intro| format!("{intro}\n\n")));
        for Part { rule, texts } in &parts {
            out.push_str(&format!("Rule {rule}\n"));
            texts.iter().for_each(|text| out.push_str(&format!("- {text}\n")));
            out.extend(self.mute.get(*rule).map(|link| format!("  Mute this rule for a week: {link}\n")));
            out.push('\n');
        }
        if left > 0 {
            out.push_str(&format!("{} more\n", count(left)));
        }
        out.trim_end().to_owned() + "\n"
    }

    /// As an Adaptive Card, as workflows of Microsoft Teams take it.
    pub fn teams(&self) -> Value {
        let (parts, left) = self.parts();
        let block = |text: &str| json!({"type": "TextBlock", "text": markdown(text), "wrap": true});
        let mut body = vec![
            json!({"type": "TextBlock", "text": markdown(&self.title()), "wrap": true, "weight": "Bolder", "size": "Medium"}),
        ];
        body.extend(self.intro().map(block));
        for Part { rule, texts } in &parts {
            body.push(json!({"type": "TextBlock", "text": markdown(&format!("Rule {rule}")), "wrap": true, "isSubtle": true, "spacing": "Medium"}));
            body.extend(texts.iter().map(|text| block(text)));
        }
        if left > 0 {
            body.push(block(&format!("{} more", count(left))));
        }
        let link = |(rule, url): (&String, &String)| json!({"type": "Action.OpenUrl", "title": format!("Mute {rule} for a week"), "url": url});
        let card = json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": body,
            "actions": self.mute.iter().map(link).collect::<Vec<_>>(),
        });
        json!({"type": "message", "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card},
        ]})
    }

    /// In Slack's blocks.
    pub fn slack(&self) -> Value {
        let (parts, left) = self.parts();
        let section =
            |text: String| json!({"type": "section", "text": {"type": "mrkdwn", "text": cut(&text, SLACK_TEXT)}});
        let title = self.title();
        let mut blocks =
            vec![json!({"type": "header", "text": {"type": "plain_text", "text": cut(&title, SLACK_TITLE)}})];
        blocks.extend(self.intro().map(|intro| section(intro.to_owned())));
        for Part { rule, texts } in &parts {
            let lines: String = texts.iter().map(|text| format!("\n• {}", mrkdwn(text))).collect();
            blocks.push(section(format!("*Rule {rule}*{lines}")));
        }
        if left > 0 {
            blocks.push(section(format!("{} more", count(left))));
        }
        let links: Vec<String> =
            self.mute.iter().map(|(rule, url)| format!("<{url}|Mute {rule} for a week>")).collect();
        if !links.is_empty() {
            blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": cut(&links.join(" · "), SLACK_TEXT)}]}));
        }
        json!({"text": mrkdwn(&title), "blocks": blocks})
    }

    /// For programs: the lines with their numbers, and their words.
    pub fn webhook(&self, at: vestibule_domain::Timestamp) -> Value {
        let line = |line: &Line| {
            let mut value = serde_json::to_value(line).unwrap_or_default();
            value["words"] = json!(self.text_of(line));
            if let Some(name) = line.attempt().and_then(|id| self.names.get(id)) {
                value["who"] = json!(name);
            }
            value
        };
        json!({
            "type": "vestibule.notice",
            "timestamp": at.to_string(),
            "data": {
                "tenant": self.tenant,
                "test": self.is_test,
                "lines": self.lines.iter().map(line).collect::<Vec<_>>(),
                "more": self.more,
                "mute": self.mute,
            },
        })
    }
}

/// Text that is no markdown in an Adaptive Card.
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '*' | '_' | '[' | ']' | '(' | ')' | '`' | '#' | '<' | '>' | '~' | '|') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Text that is no markup in Slack, which wants these three replaced and takes others only as pairs around words.
fn mrkdwn(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // An invisible joiner after each keeps a pair of them from being markup.
    text.chars().flat_map(|c| [Some(c), matches!(c, '*' | '_' | '~' | '`').then_some('\u{2060}')]).flatten().collect()
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
