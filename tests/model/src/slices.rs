//! What became of attempts by model, version, enrollment type or tag (docs/DOMAIN.md, K).

use crate::Device;
use crate::Settings;
use crate::attempts::Attempt;
use crate::report::day_of;
use chrono::NaiveDate;

/// One value, and what became of its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SliceLine {
    /// The value; `None` for attempts of which none was reported.
    pub value: Option<String>,
    /// Attempts with it.
    pub initiated: u64,
    /// Of these, abandoned ones.
    pub abandoned: u64,
    /// Failed ones.
    pub failed: u64,
    /// Completed ones.
    pub completed: u64,
    /// Those in progress.
    pub open: u64,
    /// Those that have starts.
    pub measured: u64,
    /// Abandoned ones that have starts.
    pub abandoned_measured: u64,
    /// Actions at which abandoned ones stopped, with how many.
    pub places: Vec<(String, u64)>,
}

/// The values of the attempts started on the days `from` (inclusive) to `to` (exclusive), the commonest first. `os` is a
/// platform or `all`; `by` is `model`, `osVersion`, `enrollmentType` or the key of a tag. An invalid date gives none.
#[must_use]
pub fn slices(
    devices: &[Device],
    from: &str,
    to: &str,
    os: Option<&str>,
    by: &str,
    settings: &Settings,
) -> Vec<SliceLine> {
    let mut lines: Vec<SliceLine> = Vec::new();
    let (Ok(from), Ok(to)) = (from.parse::<NaiveDate>(), to.parse::<NaiveDate>()) else {
        return lines;
    };
    let all = devices.iter().flat_map(|device| device.attempts.iter().map(move |attempt| (device, attempt)));
    for (device, attempt) in all {
        let platform = attempt.platform.as_deref().unwrap_or("");
        let asked = match os {
            None => platform == "ios" || platform == "android",
            Some(os) => os == "all" || os == platform,
        };
        let day = day_of(attempt.started_at_ms, settings);
        if !asked || day.is_none_or(|day| day < from || day >= to) {
            continue;
        }
        let value = value(device, attempt, by);
        let index = lines.iter().position(|line| line.value == value).unwrap_or_else(|| {
            lines.push(SliceLine { value, ..SliceLine::default() });
            lines.len() - 1
        });
        count(&mut lines[index], attempt);
    }
    lines.sort_by(|a, b| {
        let key = |line: &SliceLine| (line.value.is_none(), line.value.clone());
        b.initiated.cmp(&a.initiated).then_with(|| key(a).cmp(&key(b)))
    });
    lines
}

/// The devices with those of their attempts that have the value; without a value those of which none was reported. `by` is
/// as for [`slices`], or `source`: then the ones in which that sender took part.
#[must_use]
pub fn only(devices: &[Device], by: &str, wanted: Option<&str>) -> Vec<Device> {
    let has = |device: &Device, attempt: &Attempt| match by {
        "source" => attempt.events.iter().any(|(source, _)| Some(source.as_str()) == wanted),
        _ => match (value(device, attempt, by), wanted) {
            (Some(value), Some(wanted)) => value.eq_ignore_ascii_case(wanted),
            (value, wanted) => value.is_none() && wanted.is_none(),
        },
    };
    let mut left = devices.to_vec();
    for (device, of) in left.iter_mut().zip(devices) {
        device.attempts.retain(|attempt| has(of, attempt));
    }
    left
}

fn value(device: &Device, attempt: &Attempt, by: &str) -> Option<String> {
    match by {
        "model" => attempt.model.clone(),
        "osVersion" => attempt.os_version.clone(),
        "enrollmentType" => attempt.enrollment_type.clone(),
        tag => device.tags.get(tag).cloned(),
    }
}

fn count(line: &mut SliceLine, attempt: &Attempt) {
    line.initiated += 1;
    if attempt.has_starts {
        line.measured += 1;
    }
    match attempt.outcome.as_str() {
        "completed" => line.completed += 1,
        "inProgress" => line.open += 1,
        "failed" => line.failed += 1,
        "abandoned" => {
            line.abandoned += 1;
            if attempt.has_starts {
                line.abandoned_measured += 1;
            }
            let Some(action) = &attempt.action else { return };
            match line.places.iter_mut().find(|(known, _)| known == action) {
                Some((_, count)) => *count += 1,
                None => line.places.push((action.clone(), 1)),
            }
        }
        _ => {}
    }
}
