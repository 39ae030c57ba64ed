//! Medians of steps come from sums on three scales: here they are compared with the times themselves, sorted.

use crate::common;

use common::{Rng, about, at, build, context, event, step, tenant};
use vestibule_domain::event::Step;
use vestibule_domain::{Action, Day, History, Kind, Millis, Place, Platform, TenantSettings, Timestamp};
use vestibule_report::{Change, Reader};

const STEP: &str = "PreEnrollmentWizard";
const DAYS: i32 = 25;

fn entered(action: &str) -> Step {
    Step { place: Some(Place::new(None, Action::read(action), None)), ..step(Kind::StepEntered) }
}

/// A device that comes to the step at `start` and goes on after `took`.
fn device(number: u64, platform: Platform, start: Timestamp, took: i64) -> Change {
    let mut history = History::default();
    let steps = [(0, entered(STEP)), (took, entered("TermsofUse"))];
    for (place, (after, step)) in steps.into_iter().enumerate() {
        history.add(event(format!("{number}-{place}"), start + Millis::new(after), 0, about(number, platform), step));
    }
    Change { item: format!("item-{number}"), version: 2, history, expires_at: None }
}

fn median(reader: &Reader<'_>, from: Day, to: Day, os: Option<Platform>) -> Option<f64> {
    let report = reader.incomplete(from, to, os, None).unwrap();
    report.funnel.iter().find(|step| step.action == STEP).unwrap().median_seconds
}

#[test]
fn a_median_is_that_of_the_times_in_whole_seconds() {
    let (tenant, settings, folder) = (tenant(), TenantSettings::default(), tempfile::tempdir().unwrap());
    let as_of = at("2026-03-20T12:00:00Z");
    let today = as_of.day(settings.time_zone);
    let mut rng = Rng(41);
    let (mut all, mut times) = (Vec::new(), Vec::new());
    for back in 1..=DAYS {
        // From none to some, of every size: many of them at the borders of parts, and many equal.
        for _ in 0..rng.below(9) {
            let power = 1_i64 << rng.below(11);
            let seconds = match rng.below(3) {
                0 => power,
                1 => power - 1,
                _ => i64::try_from(rng.below(1_700)).unwrap(),
            };
            let took = seconds * 1_000 + i64::try_from(rng.below(1_000)).unwrap();
            let platform = rng.pick(&[Platform::Ios, Platform::Android, Platform::MacOs]);
            let start = today.plus(-back).start(settings.time_zone) + Millis::from_minutes(60);
            all.push(device(all.len() as u64, platform, start, took));
            times.push((today.plus(-back), platform, seconds));
        }
    }
    let working = build(&folder.path().join("w"), &context(&tenant, &settings), &all, as_of);
    let reader = working.reader().unwrap();
    let mut answers = [0, 0];
    for first in 1..=DAYS {
        for length in [1, 2, 3, 7, DAYS] {
            let (from, to) = (today.plus(-first), today.plus(length - first));
            for os in [None, Some(Platform::Ios), Some(Platform::MacOs)] {
                let mut asked: Vec<i64> = times
                    .iter()
                    .filter(|(day, of, _)| {
                        (from..to).contains(day) && os.map_or(*of != Platform::MacOs, |os| os == *of)
                    })
                    .map(|(.., seconds)| *seconds)
                    .collect();
                asked.sort_unstable();
                let n = asked.len();
                let expected = (n > 0).then(|| (asked[(n - 1) / 2] + asked[n / 2]) as f64 / 2.0);
                assert_eq!(median(&reader, from, to, os), expected, "{from} to {to}, {os:?}: {asked:?}");
                answers[usize::from(n > 0)] += 1;
            }
        }
    }
    assert!(answers.iter().all(|count| *count > 20), "{answers:?}: none and some were asked for");
}
