//! The page: complete, self-contained, without people, and with the report's numbers.

use crate::common;

use common::esp::{PROFILES, esp_event, started};
use common::{about, at, build, changes, context, event, step, tenant, world};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use vestibule_domain::catalogue::ROWS;
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{Category, EspDetail, ItemName, ItemState, Phase};
use vestibule_domain::event::Step;
use vestibule_domain::failure::Failure;
use vestibule_domain::{Action, Event, History, Kind, Millis, Place, Platform, TenantSettings};
use vestibule_report::{Change, Error, Reader, Working, report_html, summarise};

const AS_OF: &str = "2026-03-20T02:00:00Z";

fn make(folder: &Path, seed: u64, retention_days: u32) -> Working {
    let settings =
        TenantSettings { time_zone: chrono_tz::America::New_York, retention_days, ..TenantSettings::default() };
    let (tenant, as_of) = (tenant(), at(AS_OF));
    let from = as_of - Millis::from_days(i64::from(retention_days));
    let all = changes(&world(seed, 500, from, as_of), as_of);
    build(&folder.join("working"), &context(&tenant, &settings), &all, as_of)
}

/// A start tag: its name and attributes.
type Tag = (String, BTreeMap<String, String>);

/// The start tags of a page whose elements all close in their order, and its text.
fn read(page: &str) -> (Vec<Tag>, String) {
    let (mut tags, mut text, mut open) = (Vec::new(), String::new(), Vec::new());
    let mut rest = page.strip_prefix("<!doctype html>").unwrap();
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        text.push(' ');
        rest = &rest[at + 1..];
        let end = rest.find('>').unwrap();
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed before {}", &rest[..40.min(rest.len())]);
            continue;
        }
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut read = BTreeMap::new();
        while let Some((key, value)) = attributes.split_once("=\"") {
            let (value, next) = value.split_once('"').unwrap();
            read.insert(key.trim().to_owned(), value.to_owned());
            attributes = next;
        }
        assert_eq!(attributes.trim(), "", "{tag}");
        if name != "meta" {
            open.push(name.to_owned());
        }
        tags.push((name.to_owned(), read));
        if name == "style" {
            let end = rest.find("</style>").unwrap();
            rest = &rest[end..];
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    (tags, text)
}

#[test]
fn the_page_is_self_contained_and_well_formed() {
    let folder = tempfile::tempdir().unwrap();
    let working = make(folder.path(), 31, 30);
    let page = report_html(&working.reader().unwrap()).unwrap();
    let (tags, text) = read(&page);
    let names: BTreeSet<&str> = tags.iter().map(|(name, _)| name.as_str()).collect();
    for absent in ["script", "link", "img", "iframe", "object", "embed", "form", "a", "base", "image", "use"] {
        assert!(!names.contains(absent), "{absent}");
    }
    let mut ids = BTreeSet::new();
    for (name, attributes) in &tags {
        for (key, value) in attributes {
            assert!(!key.starts_with("on") && !["href", "src", "xlink:href"].contains(&key.as_str()), "{name} {key}");
            assert!(!value.contains("url("), "{name} {key}={value}");
            if key == "id" {
                assert!(ids.insert(value.clone()), "{value} twice");
            }
        }
    }
    let style = include_str!("../../src/tell/html/style.css");
    assert!(page.contains(style) && !style.contains("url(") && !style.contains("@import") && !style.contains('<'));
    let policy = tags.iter().find(|(_, attributes)| attributes.contains_key("http-equiv")).unwrap();
    assert_eq!(policy.1["content"], "default-src 'none'; style-src 'unsafe-inline'; img-src data:");
    let labels = tags.iter().filter_map(|(_, attributes)| attributes.get("aria-labelledby"));
    assert!(labels.flat_map(|ids| ids.split(' ')).all(|id| ids.contains(id)));

    // Headings skip no level; tables have captions, and each of their headings a scope.
    let levels: Vec<u8> = tags.iter().filter_map(|(name, _)| name.strip_prefix('h')?.parse().ok()).collect();
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    let count = |wanted: &str| tags.iter().filter(|(name, _)| name == wanted).count();
    assert!(count("table") >= 8);
    assert_eq!(count("table"), count("caption"));
    assert!(tags.iter().filter(|(name, _)| name == "th").all(|(_, attributes)| attributes.contains_key("scope")));
    // The chart has a name, a description, and lines of different dashes and marks.
    let lines: Vec<_> = tags.iter().filter(|(name, _)| name == "polyline").collect();
    assert!(lines.len() >= 4);
    let dashes: BTreeSet<&String> = lines.iter().map(|(_, attributes)| &attributes["stroke-dasharray"]).collect();
    assert_eq!(dashes.len(), lines.len());
    assert!(
        tags.iter().any(|(name, attributes)| name == "svg" && attributes.get("role").is_some_and(|role| role == "img"))
    );
    assert!(count("title") == 3 && count("desc") == 2);
    for words in ["20 Mar 2026, 02:00 UTC", "America/New_York", "column_docs"] {
        assert!(text.contains(words), "{words}");
    }
    assert!((20_000..90_000).contains(&page.len()), "{}", page.len());
}

/// The numbers of a table's rows, by the text of their first cells.
fn table(page: &str, caption: &str) -> Vec<Vec<String>> {
    let start = page.find(&format!("<caption>{caption}</caption>")).unwrap();
    let table = &page[start..start + page[start..].find("</table>").unwrap()];
    let cell = |cell: &str| {
        let cell = cell[cell.find('>').unwrap() + 1..].split("</t").next().unwrap().to_owned();
        cell.split("<span").next().unwrap().replace(',', "")
    };
    let rows = table.split("<tr").skip(2).filter(|row| !row.contains("rowgroup"));
    rows.map(|row| row.split("</tr>").next().unwrap().split("<t").skip(1).map(cell).collect()).collect()
}

#[test]
fn the_numbers_are_the_reports() {
    let folder = tempfile::tempdir().unwrap();
    let working = make(folder.path(), 32, 40);
    let reader = working.reader().unwrap();
    let page = report_html(&reader).unwrap();
    let (from, to) = reader.window().unwrap();
    let whole = reader.incomplete(from, to, None, None).unwrap();
    let recent = reader.incomplete(to.plus(-14), to, None, None).unwrap();

    let tiles: Vec<String> = ["Initiated", "Incomplete", "Open"].map(|name| format!("<dt>{name}</dt><dd>")).into();
    for (tile, count) in tiles.iter().zip([whole.initiated, whole.incomplete.unwrap(), whole.open]) {
        assert!(page.replace(',', "").contains(&format!("{tile}{count}</dd>")), "{tile} {count}");
    }
    let rate = format!("{:.1}%", whole.incomplete_rate.unwrap() * 100.0);
    assert!(page.contains(&format!("<dt>Incomplete rate</dt><dd>{rate}</dd>")));

    let places = table(&page, "Abandoned attempts by place");
    assert_eq!(places.len(), ROWS.len());
    for ((row, one), two) in places.iter().zip(&whole.actions).zip(&recent.actions) {
        assert!(row[0].starts_with(&format!("{}. ", one.catalogue_row)), "{row:?}");
        assert_eq!(row[3..], [two.abandoned.unwrap().to_string(), one.abandoned.unwrap().to_string()]);
    }
    let others = table(&page, "Abandoned in ways that have no place of their own");
    let sum = |at: usize, rows: &[Vec<String>]| rows.iter().map(|row| row[at].parse::<u64>().unwrap()).sum::<u64>();
    let (last, rest) = others.split_last().unwrap();
    assert_eq!(last[2..], [recent.abandoned.unwrap().to_string(), whole.abandoned.unwrap().to_string()]);
    assert_eq!(sum(3, rest) + sum(4, &places), whole.abandoned.unwrap());
    assert_eq!(sum(2, rest) + sum(3, &places), recent.abandoned.unwrap());

    let days = table(&page, "Abandoned attempts by the day they started and the section they stopped in");
    assert_eq!(days.len() as i32, to.get() - from.get() + 1);
    let (last, rest) = days.split_last().unwrap();
    let columns = last.len();
    assert_eq!(last[columns - 1], whole.abandoned.unwrap().to_string());
    for (at, total) in last.iter().enumerate().skip(1) {
        assert_eq!(sum(at, rest).to_string(), *total);
    }
    let steps = table(&page, "Attempts by step, all days");
    for (row, step) in steps.iter().zip(&whole.funnel) {
        assert_eq!(row[1..4], [step.entered, step.left, step.abandoned].map(|count| count.unwrap().to_string()));
    }
    let failures = table(&page, "Commonest failures, all days");
    let (last, rest) = failures.split_last().unwrap();
    let expected: u64 = reader.failure_reasons(from, to, None, 1_000).unwrap().iter().map(|reason| reason.count).sum();
    assert_eq!((sum(1, rest), last[1].clone()), (expected, expected.to_string()));
    let status = reader.status().unwrap();
    let platforms = table(&page, "Devices and attempts by platform");
    for (row, platform) in platforms.iter().zip(&status.by_platform) {
        assert_eq!(row[0], platform.platform.clone().unwrap());
        assert!(row[1].ends_with(&format!("of {}", platform.n)));
        assert_eq!(row[3..], [platform.total, platform.initiated, platform.last_7_days].map(|count| count.to_string()));
    }
    assert_eq!(platforms.len(), status.by_platform.len());
    let esp = reader.esp_overview(from, to, 8).unwrap();
    assert_eq!(
        sum(2, &table(&page, "Sessions by profile")),
        esp.by_profile.iter().map(|one| one.sessions).sum::<u64>()
    );
}

#[test]
fn the_same_file_gives_the_same_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut working = make(folder.path(), 33, 30);
    let out = folder.path().join("report.sqlite");
    let page = report_html(&working.reader().unwrap()).unwrap();
    working.publish(&out, None).unwrap();
    assert_eq!(report_html(&Reader::open(&out).unwrap()).unwrap(), page);
    assert!(page.contains("There is no earlier report to compare with."));
    let next = folder.path().join("next.sqlite");
    working.publish(&next, Some(&out)).unwrap();
    let page = report_html(&Reader::open(&next).unwrap()).unwrap();
    assert!(page.contains("<b>0</b> attempts that the report of 20 Mar 2026, 02:00 UTC"));
    // A summary has too little for a page.
    let summary = folder.path().join("summary.sqlite");
    summarise(&out, &summary).unwrap();
    assert!(matches!(report_html(&Reader::open_summary(&summary).unwrap()), Err(Error::NotInSummary)));
}

#[test]
fn an_empty_file_has_a_page() {
    let (tenant, settings, folder) = (tenant(), TenantSettings::default(), tempfile::tempdir().unwrap());
    let working = build(&folder.path().join("w"), &context(&tenant, &settings), &[], at(AS_OF));
    let page = report_html(&working.reader().unwrap()).unwrap();
    read(&page);
    assert!(page.contains("<dt>Incomplete rate</dt><dd>—</dd>") && !page.contains("NaN"));
}

#[test]
fn the_longest_window_has_a_page_of_reasonable_size() {
    let folder = tempfile::tempdir().unwrap();
    let page = report_html(&make(folder.path(), 34, 400).reader().unwrap()).unwrap();
    read(&page);
    assert!(page.len() < 200_000, "{}", page.len());
}

fn change(item: &str, events: impl IntoIterator<Item = Event>) -> Change {
    let mut history = History::default();
    for event in events {
        history.add(event);
    }
    Change { item: item.to_owned(), version: history.len() as u64, history, expires_at: None }
}

#[test]
fn no_person_and_no_foreign_markup_is_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let page = report_html(&make(folder.path(), 35, 30).reader().unwrap()).unwrap();
    for secret in ["contoso.example", "DEVICE-", "fault at person", "sn0000", "SN0000", "Maker", "item-1", "session-"] {
        assert!(!page.contains(secret), "{secret}");
    }

    let start = at("2026-03-18T10:00:00Z");
    let markup = "<script>alert('x')</script>\" onload=\"y";
    let fail = |number: u64, code: Option<&str>, reason: Option<&str>| {
        let failure = Failure {
            code: code.map(str::to_owned),
            reason: reason.map(str::to_owned),
            message: Some("Grace Hopper called".to_owned()),
            category: None,
        };
        let failed = Step { failure: Some(failure), ..step(Kind::Failed) };
        let time = start + Millis::from_minutes(i64::try_from(number).unwrap());
        change(&number.to_string(), [event(format!("e{number}"), time, 0, about(number, Platform::Ios), failed)])
    };
    let stopped =
        Step { place: Some(Place::new(None, Action::read("Katherine's step"), None)), ..step(Kind::PortalClosed) };
    let entered = Step { place: stopped.place.clone(), ..step(Kind::StepEntered) };
    let closed = [(7, entered), (8, stopped)].map(|(minute, step)| {
        event(format!("c{minute}"), start + Millis::from_minutes(minute), 0, about(9, Platform::Android), step)
    });
    let mut profile = PROFILES.fallback().clone();
    profile.settings.display_name = format!("Profile {markup}");
    profile.id = "other".to_owned();
    let app = ItemName { id: "app".to_owned(), name: Some(format!("App {markup}")) };
    let session = [
        EspDetail::Started(Box::new(started(&profile, Rule::Default))),
        EspDetail::Tracked(Phase::DeviceSetup, Category::Apps, vec![app.clone()]),
        EspDetail::Item(Phase::DeviceSetup, Category::Apps, app.clone(), ItemState::InProgress, None),
        EspDetail::Item(Phase::DeviceSetup, Category::Apps, app.clone(), ItemState::Error, None),
        EspDetail::Item(Phase::DeviceSetup, Category::Apps, app, ItemState::Completed, None),
    ];
    let session = (0_i64..).zip(session).map(|(minute, detail)| {
        esp_event(20, format!("s{minute}"), start + Millis::from_minutes(minute), None, detail)
    });
    let changes = [
        fail(1, Some("0x801C0003"), Some("Ada Lovelace has too many")),
        fail(2, Some("DESKTOP-ADA 1"), Some("network timeout")),
        fail(3, Some(markup), Some(markup)),
        change("closed", closed),
        change("session", session),
    ];
    let (tenant, settings) = (tenant(), TenantSettings::default());
    let working = build(&folder.path().join("w"), &context(&tenant, &settings), &changes, at(AS_OF));
    let page = report_html(&working.reader().unwrap()).unwrap();
    let (tags, _) = read(&page);
    assert!(tags.iter().all(|(name, _)| name != "script"));
    for secret in ["Ada", "Lovelace", "Grace", "DESKTOP", "Katherine", "alert('x')"] {
        assert!(!page.contains(secret), "{secret}");
    }
    let escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot; onload=&quot;y";
    assert!(page.contains(&format!("Profile {escaped}")) && page.contains(&format!("App {escaped}")));
    // The page shows the catalogue's words and its advice.
    assert!(page.contains("network timeout") && page.contains("0x801c0003") && page.contains("<h3>What to do</h3>"));
}

/// Relative luminance and contrast as WCAG 2 defines them.
fn contrast(one: [u8; 3], two: [u8; 3]) -> f64 {
    let luminance = |colour: [u8; 3]| {
        let part = colour.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2]
    };
    let (one, two) = (luminance(one), luminance(two));
    (one.max(two) + 0.05) / (one.min(two) + 0.05)
}

#[test]
fn all_text_has_enough_contrast_in_both_schemes() {
    let style = include_str!("../../src/tell/html/style.css");
    for scheme in style.split(":root {").skip(1) {
        let mut colours = BTreeMap::new();
        for set in scheme.split('}').next().unwrap().split(';').filter(|set| set.contains(':')) {
            let (name, value) = set.trim().split_once(':').unwrap();
            let digits = value.trim().trim_start_matches('#');
            let long: String = if digits.len() == 3 {
                digits.chars().flat_map(|digit| [digit, digit]).collect()
            } else {
                digits.to_owned()
            };
            let part = |at: usize| u8::from_str_radix(&long[at..at + 2], 16).unwrap();
            colours.insert(name.trim_start_matches("--"), [part(0), part(2), part(4)]);
        }
        for text in ["front", "soft", "a", "b", "c", "d", "e"] {
            for ground in ["back", "panel"] {
                let contrast = contrast(colours[text], colours[ground]);
                assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
            }
        }
    }
    assert_eq!(style.matches(":root {").count(), 2);
}
