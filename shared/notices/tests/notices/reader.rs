//! Whatever happens, in whatever order it is heard of: who reads all messages knows in the end what is so, and each line
//! fits what they knew before. The reader is the plain model: it believes what it is told.

use chrono_tz::Tz;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::{Millis, Timestamp};
use vestibule_notices::{Bad, Change, Counts, Event, Facts, Line, Policy, Quiet, Rule, Seen, State, Verdict, Watch};

const START: i64 = 1_767_225_600_000;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_millis(START) + Millis::from_minutes(minute)
}

fn rule(name: &str, watch: Watch) -> Rule {
    Rule { name: name.to_owned(), watch, channels: BTreeSet::from(["mail".to_owned()]), muted_until: None }
}

fn rules() -> Vec<Rule> {
    let of = BTreeSet::from([Bad::Failed, Bad::TimedOut]);
    vec![
        rule("steps", Watch::StepRate { step: None }),
        rule("ends", Watch::Outcomes { of, profiles: BTreeSet::new(), groups: BTreeSet::new() }),
    ]
}

/// What happens to a subject, of four each.
#[derive(Clone, Debug)]
enum Act {
    Looks(u8, Verdict),
    /// The attempt, the revision, how it stands.
    Comes(u8, u8, u8),
}

const OUTCOMES: [(&str, Option<&str>); 5] = [
    ("failed", None),
    ("abandoned", Some("timedOut")),
    ("abandoned", Some("cancel")),
    ("completed", None),
    ("gone", None),
];

fn stands(index: u8) -> vestibule_notices::Stands {
    let (outcome, cause) = OUTCOMES[usize::from(index)];
    let bad = Bad::of(false, outcome, cause);
    vestibule_notices::Stands { bad, outcome: outcome.to_owned(), step: None, code: None }
}

fn acts() -> impl Strategy<Value = Vec<(i64, Act)>> {
    let verdict = prop_oneof![Just(Verdict::Holds), Just(Verdict::Unsure), Just(Verdict::Fine)];
    let act = prop_oneof![
        (0..4_u8, verdict).prop_map(|(subject, verdict)| Act::Looks(subject, verdict)),
        // A revision says one thing, however often it is heard.
        (0..4_u8, 0..12_u8).prop_map(|(subject, revision)| Act::Comes(subject, revision, (subject + revision * 7) % 5)),
    ];
    // Less than two days in all: for so long it is known which event was the newest, and the bus tries for one.
    prop::collection::vec((prop_oneof![0..4_i64, 0..45_i64], act), 1..60)
}

fn policies() -> impl Strategy<Value = Policy> {
    let quiet = prop::option::of((0..1_440_u16, 1..1_000_u16));
    (0..120_u16, 1..4_u16, quiet).prop_map(|(digest_minutes, limit_an_hour, quiet)| Policy {
        digest_minutes,
        limit_an_hour,
        quiet: quiet.map(|(from, length)| Quiet { from, to: (from + length) % 1_440 }),
        ..Policy::default()
    })
}

/// Who reads every message.
#[derive(Default)]
struct Reader {
    goes_on: BTreeMap<String, Timestamp>,
    ended: BTreeMap<String, vestibule_notices::Stands>,
}

impl Reader {
    fn reads(&mut self, line: &Line) {
        let known = self.goes_on.get(&line.subject).copied();
        match (&line.facts, line.change) {
            (Facts::Ended { is, was: None }, Change::Happened) => {
                let before = self.ended.insert(line.subject.clone(), is.clone());
                assert!(before.is_none(), "it happened a second time: {line:?}");
            }
            (Facts::Ended { is, was }, Change::Corrected) => {
                assert_eq!(self.ended.remove(&line.subject), *was, "{line:?}");
                assert_ne!(Some(is), was.as_ref(), "nothing is corrected: {line:?}");
                if matches!(is.bad, Some(Bad::Failed | Bad::TimedOut)) {
                    self.ended.insert(line.subject.clone(), is.clone());
                }
            }
            (Facts::Step { .. }, Change::Begun) => {
                assert_eq!(known, None, "it began a second time: {line:?}");
                self.goes_on.insert(line.subject.clone(), line.since);
            }
            (Facts::Step { .. }, Change::Still) => assert!(known.is_some(), "nobody knows that it began: {line:?}"),
            (Facts::Step { .. }, Change::Over) => {
                assert!(known.is_some(), "nobody knows that it began: {line:?}");
                self.goes_on.remove(&line.subject);
            }
            _ => panic!("{line:?}"),
        }
    }
}

fn seen(subject: u8, verdict: Verdict) -> Seen {
    let counts = Counts { hit: 40, of: 100 };
    let facts = Facts::Step { step: format!("s{subject}"), now: counts, before: counts };
    Seen { subject: format!("s{subject}"), verdict, facts }
}

/// Sends what is due; each message as made.
fn send(state: &mut State, policy: &Policy, now: Timestamp, zone: Tz, sent: &mut Vec<(Timestamp, Vec<Line>)>) {
    state.make(&rules(), &[], policy, zone, now);
    for message in state.to_send(policy, zone, now) {
        state.delivered(message.number);
        sent.push((now, message.lines));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_reader_knows_what_is_so_and_is_told_nothing_twice(acts in acts(), policy in policies()) {
        let (rules, zone) = (rules(), chrono_tz::Asia::Kolkata);
        let (mut state, mut sent, mut minute) = (State::default(), Vec::new(), 0);
        let (mut holds, mut newest) = (BTreeSet::new(), BTreeMap::new());
        for (after, act) in acts {
            minute += after;
            let now = at(minute);
            match act {
                Act::Looks(subject, verdict) => {
                    match verdict {
                        Verdict::Holds => drop(holds.insert(format!("s{subject}"))),
                        Verdict::Fine => drop(holds.remove(&format!("s{subject}"))),
                        Verdict::Unsure => {}
                    }
                    state.observe(&rules[0], vec![seen(subject, verdict)], Verdict::Unsure, now);
                }
                Act::Comes(subject, revision, how) => {
                    let event = Event {
                        subject: format!("a{subject}"),
                        revision: format!("{revision:04}"),
                        stands: stands(how),
                        profile: None,
                        group: None,
                        at: now,
                    };
                    // Twice, as the bus may.
                    state.take(&rules, &event, now);
                    let after = state.clone();
                    state.take(&rules, &event, now);
                    prop_assert_eq!(&state, &after);
                    let known = newest.entry(event.subject).or_insert((revision, how));
                    if known.0 < revision {
                        *known = (revision, how);
                    }
                }
            }
            send(&mut state, &policy, now, zone, &mut sent);
        }
        // Two days in which nothing happens: quiet hours and limits end. It is not looked at again, so nothing is "still so".
        for _ in 0..2 * 24 * 12 {
            minute += 5;
            send(&mut state, &policy, at(minute), zone, &mut sent);
        }
        prop_assert!(!state.has_work());
        let mut reader = Reader::default();
        for (now, lines) in &sent {
            prop_assert!(!policy.is_quiet(*now, zone));
            prop_assert!(!lines.is_empty());
            lines.iter().for_each(|line| reader.reads(line));
        }
        for (now, _) in &sent {
            let hour = sent.iter().filter(|(at, _)| *at <= *now && *at + Millis::from_minutes(60) > *now).count();
            prop_assert!(hour <= usize::from(policy.limit_an_hour), "{} messages in an hour", hour);
        }
        prop_assert_eq!(reader.goes_on.keys().cloned().collect::<BTreeSet<_>>(), holds);
        // What two days forget can't be compared; revisions are kept as long, so only what is bad counts.
        let ended: BTreeMap<String, _> = newest
            .into_iter()
            .filter(|(_, (_, how))| *how < 2)
            .map(|(subject, (_, how))| (subject, stands(how)))
            .collect();
        prop_assert_eq!(reader.ended, ended);
    }

    #[test]
    fn what_no_channel_takes_is_tried_for_a_day_and_given_up(refusals in 0..40_u32) {
        let (rules, policy, zone) = (rules(), Policy { digest_minutes: 0, ..Policy::default() }, Tz::UTC);
        let mut state = State::default();
        state.observe(&rules[0], vec![seen(0, Verdict::Holds)], Verdict::Unsure, at(0));
        state.make(&rules, &[], &policy, zone, at(0));
        let (mut tries, mut given_up, mut delivered) = (Vec::new(), false, false);
        for minute in 0..2 * 24 * 60 {
            for message in state.to_send(&policy, zone, at(minute)) {
                prop_assert_eq!(message.number, 1);
                if u32::try_from(tries.len()).unwrap() == refusals {
                    state.delivered(1);
                    delivered = true;
                } else {
                    given_up |= state.failed(1, false, at(minute)) != vestibule_notices::Failed::Again;
                }
                tries.push(minute);
            }
        }
        prop_assert!(delivered != given_up, "{tries:?}");
        let waits: Vec<i64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let expected = [5, 10, 20, 40].into_iter().chain(std::iter::repeat(60));
        prop_assert!(waits.iter().zip(expected).all(|(wait, expected)| *wait == expected), "{waits:?}");
        prop_assert!(!given_up || *tries.last().unwrap() >= 24 * 60);
    }
}
