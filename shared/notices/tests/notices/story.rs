//! Single rules of docs/MESSAGES.md, each as a short story.

use chrono_tz::Tz;
use std::collections::BTreeSet;
use vestibule_domain::{Millis, Timestamp};
use vestibule_notices::{
    Bad, Change, Channel, Counts, Event, Facts, Policy, Rule, Seen, Stands, State, To, Verdict, Watch,
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn rule(watch: Watch) -> Rule {
    Rule { name: "one".to_owned(), watch, channels: BTreeSet::from(["mail".to_owned()]), muted_until: None }
}

fn stuck() -> Seen {
    let facts = Facts::Stuck { step: None, platform: "iOS".to_owned(), since: at("2026-01-05T08:00:00Z"), minutes: 10 };
    Seen { subject: "ab".to_owned(), verdict: Verdict::Holds, facts }
}

fn at_once() -> Policy {
    Policy { digest_minutes: 0, limit_an_hour: 1_000, ..Policy::default() }
}

/// What is told by now.
fn told(state: &mut State, rule: &Rule, now: Timestamp) -> Vec<Change> {
    heard(state, rule, &at_once(), now).into_iter().map(|(_, change)| change).collect()
}

/// What is told by now, and to which channel: `desk` makes tickets.
fn heard(state: &mut State, rule: &Rule, policy: &Policy, now: Timestamp) -> Vec<(String, Change)> {
    let to = To::Webhook { host: "desk.contoso.example".to_owned() };
    let desk = Channel { name: "desk".to_owned(), to, added_at: now, by_administrator: false };
    state.make(std::slice::from_ref(rule), &[desk], policy, Tz::UTC, now);
    let due = state.to_send(policy, Tz::UTC, now);
    due.iter().for_each(|message| state.delivered(message.number));
    let all = due.iter().flat_map(|message| message.lines.iter().map(|line| (message.channel.clone(), line.change)));
    all.collect()
}

#[test]
fn what_goes_on_is_said_once_a_day_until_it_is_over() {
    let (rule, mut state, begin) = (rule(Watch::Stuck { minutes: 10 }), State::default(), at("2026-01-05T08:10:00Z"));
    let mut all = Vec::new();
    for hour in 0..60 {
        let now = begin + Millis::from_minutes(60 * hour);
        let seen = if hour < 50 { vec![stuck()] } else { Vec::new() };
        state.observe(&rule, seen, Verdict::Fine, now);
        all.extend(told(&mut state, &rule, now).into_iter().map(|change| (hour, change)));
    }
    assert_eq!(all, [(0, Change::Begun), (24, Change::Still), (48, Change::Still), (50, Change::Over)]);
}

#[test]
fn a_muted_rule_says_nothing_and_then_what_is_still_so() {
    let (mut rule, mut state) = (rule(Watch::Stuck { minutes: 10 }), State::default());
    let begin = at("2026-01-05T08:10:00Z");
    rule.muted_until = Some(begin + Millis::from_minutes(120));
    state.observe(&rule, vec![stuck()], Verdict::Fine, begin);
    assert_eq!(told(&mut state, &rule, begin), []);
    let later = begin + Millis::from_minutes(120);
    state.observe(&rule, vec![stuck()], Verdict::Fine, later);
    assert_eq!(told(&mut state, &rule, later), [Change::Begun]);
    // What nobody was told of is not over for anybody.
    rule.muted_until = Some(later + Millis::from_minutes(10));
    let other = Seen { subject: "cd".to_owned(), ..stuck() };
    state.observe(&rule, vec![stuck(), other], Verdict::Fine, later);
    rule.muted_until = None;
    state.observe(&rule, vec![stuck()], Verdict::Fine, later);
    assert_eq!(told(&mut state, &rule, later), []);
}

/// A rule that tells people and makes tickets.
fn with_desk(watch: Watch) -> Rule {
    Rule { channels: BTreeSet::from(["desk".to_owned(), "mail".to_owned()]), ..rule(watch) }
}

fn both(change: Change) -> Vec<(String, Change)> {
    ["desk", "mail"].map(|channel| (channel.to_owned(), change)).to_vec()
}

fn desk(change: Change) -> Vec<(String, Change)> {
    vec![("desk".to_owned(), change)]
}

#[test]
fn a_muted_rule_closes_its_tickets_and_opens_none() {
    let (mut rule, mut state) = (with_desk(Watch::Stuck { minutes: 10 }), State::default());
    let minute = |minutes| at("2026-01-05T08:10:00Z") + Millis::from_minutes(minutes);
    state.observe(&rule, vec![stuck()], Verdict::Fine, minute(0));
    assert_eq!(heard(&mut state, &rule, &at_once(), minute(0)), both(Change::Begun));
    rule.muted_until = Some(minute(10_000));
    let other = Seen { subject: "cd".to_owned(), ..stuck() };
    state.observe(&rule, vec![stuck(), other], Verdict::Fine, minute(5));
    assert_eq!(heard(&mut state, &rule, &at_once(), minute(5)), []);
    // A day later it is still so, and then both are over.
    state.observe(&rule, vec![stuck()], Verdict::Fine, minute(1_500));
    assert_eq!(heard(&mut state, &rule, &at_once(), minute(1_500)), []);
    state.observe(&rule, Vec::new(), Verdict::Fine, minute(1_510));
    assert_eq!(heard(&mut state, &rule, &at_once(), minute(1_510)), desk(Change::Over));
    assert_eq!(heard(&mut state, &rule, &at_once(), minute(1_520)), []);

    // What was said already and waits is closed by what comes while the rule is muted, and for people it is not said.
    rule.muted_until = None;
    let digest = Policy { digest_minutes: 30, ..at_once() };
    state.observe(&rule, vec![stuck()], Verdict::Fine, minute(2_000));
    assert_eq!(heard(&mut state, &rule, &digest, minute(2_030)), both(Change::Begun));
    state.observe(&rule, Vec::new(), Verdict::Fine, minute(2_040));
    rule.muted_until = Some(minute(10_000));
    assert_eq!(heard(&mut state, &rule, &digest, minute(2_041)), []);
    assert_eq!(heard(&mut state, &rule, &digest, minute(2_070)), desk(Change::Over));
}

/// What waits while its rule is muted is dropped, so nobody was told of it, and no ticket of it is closed.
#[test]
fn what_waited_when_its_rule_was_muted_was_said_to_nobody() {
    let (mut rule, mut state) = (with_desk(Watch::Stuck { minutes: 10 }), State::default());
    let minute = |minutes| at("2026-01-05T08:10:00Z") + Millis::from_minutes(minutes);
    let digest = Policy { digest_minutes: 30, ..at_once() };
    let other = || Seen { subject: "cd".to_owned(), ..stuck() };
    state.observe(&rule, vec![stuck(), other()], Verdict::Fine, minute(0));
    assert_eq!(heard(&mut state, &rule, &digest, minute(1)), []);
    rule.muted_until = Some(minute(100));
    assert_eq!(heard(&mut state, &rule, &digest, minute(2)), []);
    state.observe(&rule, vec![other()], Verdict::Fine, minute(50));
    assert_eq!(heard(&mut state, &rule, &at_once(), minute(90)), [], "a ticket that was never opened is not closed");
    state.observe(&rule, vec![other()], Verdict::Fine, minute(100));
    assert_eq!(heard(&mut state, &rule, &at_once(), minute(100)), both(Change::Begun), "it is still so");
}

#[test]
fn a_muted_rule_closes_the_ticket_of_an_end_that_was_corrected() {
    let of = BTreeSet::from([Bad::Failed, Bad::TimedOut]);
    let mut rule = with_desk(Watch::Outcomes { of, profiles: BTreeSet::new(), groups: BTreeSet::new() });
    let (mut state, now) = (State::default(), at("2026-01-05T08:10:00Z"));
    let ended = |subject: &str, revision: u32, bad: Option<Bad>| Event {
        subject: subject.to_owned(),
        revision: revision.to_string(),
        stands: Stands { bad, outcome: "any".to_owned(), step: None, code: None },
        profile: None,
        group: None,
        at: now,
    };
    let take = |state: &mut State, rule: &Rule, subject, revision, bad| {
        state.take(std::slice::from_ref(rule), &ended(subject, revision, bad), now);
        heard(state, rule, &at_once(), now)
    };
    for subject in ["a", "b"] {
        assert_eq!(take(&mut state, &rule, subject, 1, Some(Bad::TimedOut)), both(Change::Happened));
    }
    rule.muted_until = Some(now + Millis::from_minutes(60));
    assert_eq!(take(&mut state, &rule, "a", 2, Some(Bad::Failed)), [], "its ticket stays open");
    assert_eq!(take(&mut state, &rule, "a", 3, None), desk(Change::Corrected));
    assert_eq!(take(&mut state, &rule, "b", 2, None), desk(Change::Corrected));
    assert_eq!(take(&mut state, &rule, "c", 1, Some(Bad::Failed)), []);
    assert_eq!(take(&mut state, &rule, "c", 2, None), [], "nobody was told that it failed");
}

#[test]
fn weeks_are_spoken_of_on_monday_morning_once() {
    let (rule, mut state, zone) = (rule(Watch::Weekly), State::default(), chrono_tz::Europe::Berlin);
    // The 5th is a Monday.
    state.begin_weeks(&rule, at("2026-01-05T12:00:00Z"));
    for (time, due) in [
        ("2026-01-05T13:00:00Z", None),
        ("2026-01-12T06:59:59Z", None),
        ("2026-01-12T07:00:00Z", Some("2026-01-12")),
        ("2026-01-14T07:00:00Z", Some("2026-01-12")),
    ] {
        assert_eq!(state.week_due(&rule, zone, at(time)).map(|day| day.to_string()).as_deref(), due, "{time}");
    }
    let facts = Facts::Week { from: "2026-01-05".to_owned(), now: Counts::default(), before: Counts::default() };
    state.week(&rule, facts, at("2026-01-14T07:00:00Z"));
    assert_eq!(state.week_due(&rule, zone, at("2026-01-18T22:00:00Z")), None);
    assert!(state.week_due(&rule, zone, at("2026-01-19T07:00:00Z")).is_some());
}

#[test]
fn a_file_is_spoken_of_once_and_profiles_and_groups_choose_sessions() {
    let (rule, mut state, now) = (rule(Watch::FileMade), State::default(), at("2026-01-05T08:00:00Z"));
    let all = std::slice::from_ref(&rule);
    state.published(all, "2026-01-05T01:00:00.000Z", now);
    state.published(all, "2026-01-05T01:00:00.000Z", now);
    assert_eq!(told(&mut state, &rule, now), [Change::Happened]);
    let (of, profiles) = (BTreeSet::from([Bad::SessionFailed]), BTreeSet::from(["kiosk".to_owned()]));
    let watch = Watch::Outcomes { of: of.clone(), profiles, groups: BTreeSet::new() };
    let chosen = Rule { watch, ..rule.clone() };
    let event = |subject: &str, profile: Option<&str>, group: Option<&str>| Event {
        subject: subject.to_owned(),
        revision: "1".to_owned(),
        stands: Stands { bad: Some(Bad::SessionFailed), outcome: "failed".to_owned(), step: None, code: None },
        profile: profile.map(str::to_owned),
        group: group.map(str::to_owned),
        at: now,
    };
    let mut state = State::default();
    for (subject, profile) in [("a", Some("kiosk")), ("b", Some("other")), ("c", None)] {
        state.take(std::slice::from_ref(&chosen), &event(subject, profile, None), now);
    }
    assert_eq!(told(&mut state, &chosen, now), [Change::Happened]);
    // And so do the groups through which a profile applies.
    let groups = BTreeSet::from(["Sales laptops".to_owned()]);
    let chosen = Rule { watch: Watch::Outcomes { of, profiles: BTreeSet::new(), groups }, ..rule };
    let mut state = State::default();
    for (subject, group) in [("a", None), ("b", Some("Sales laptops")), ("c", Some("Kiosks"))] {
        state.take(std::slice::from_ref(&chosen), &event(subject, Some("kiosk"), group), now);
    }
    assert_eq!(told(&mut state, &chosen, now), [Change::Happened]);
}

#[test]
fn rules_are_checked() {
    let good = rule(Watch::Stuck { minutes: 20 });
    assert_eq!(good.validate(), Ok(()));
    let of = BTreeSet::from([Bad::Failed]);
    let kiosk = || BTreeSet::from(["kiosk".to_owned()]);
    let wrong = [
        Rule { name: "No".to_owned(), ..good.clone() },
        Rule { channels: BTreeSet::new(), ..good.clone() },
        Rule { watch: Watch::Stuck { minutes: 0 }, ..good.clone() },
        Rule {
            watch: Watch::Outcomes { of: BTreeSet::new(), profiles: BTreeSet::new(), groups: BTreeSet::new() },
            ..good.clone()
        },
        Rule { watch: Watch::Outcomes { of: of.clone(), profiles: kiosk(), groups: BTreeSet::new() }, ..good.clone() },
        Rule { watch: Watch::Outcomes { of, profiles: BTreeSet::new(), groups: kiosk() }, ..good },
    ];
    for rule in wrong {
        assert!(rule.validate().is_err(), "{rule:?}");
    }
}
