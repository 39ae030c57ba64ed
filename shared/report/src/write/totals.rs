//! The sums over the facts: `daily_*` and `device_totals`, kept by adding what comes and subtracting
//! what goes, so that a refresh costs what changed and not what there is.

use crate::error::Result;
use crate::lists::dictionary::Coded as _;
use crate::write::app_sums::{AppSums, CountedSession};
use crate::write::load::{Pages, SumTable, load_sums};
use crate::write::slice_sums::{OfSteps, SliceSums};
use crate::write::step_times::StepTimes;
use crate::write::sums::Sums;
use rusqlite::Connection;
use std::path::Path;
use vestibule_domain::attempt::Outcome;
use vestibule_domain::catalogue::KnownAction;
use vestibule_domain::event::{Clock, Reports};

/// Cells gathered before they are written, so that memory stays bounded.
const GATHERED: usize = 65_536;
/// When there are so many, one table at least has more than this.
const LARGE: usize = GATHERED / 8;

/// What counts of one attempt, in the ids of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    pub day: i32,
    pub platform: i64,
    pub label: i64,
    pub outcome: i64,
    pub cause: i64,
    pub section: i64,
    pub action: i64,
    pub row: Option<i64>,
    /// Minutes of the limit that ran out.
    pub limit: Option<i64>,
    /// Whether it can be measured how often such attempts are given up: starts are reported.
    pub has_starts: bool,
    pub has_steps: bool,
    pub judged: bool,
    /// Whether it has a duration: its start was reported.
    pub start_reported: bool,
    /// From start to end; 0 also where the start was reported after the end.
    pub lasted: i64,
    /// The actions visited, and how many whole seconds each visit took that was left forward.
    pub visits: Vec<(i64, Option<i64>)>,
    /// The senders that took part.
    pub sources: Vec<Sender>,
    /// Texts that were reported of it; 0 where none was.
    pub model: i64,
    pub os_version: i64,
    pub enrollment_type: i64,
    /// The tags of its device: the key's slice, and the value.
    pub tags: Vec<(i64, i64)>,
}

/// A sender of an attempt, and what it reports: 0 or 1 for each column of [`Sender::REPORTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    pub source: i64,
    pub reports: [i64; 7],
}

impl Sender {
    /// The columns that say what a sender reports of an attempt, in the order of [`Reports::words`]. That a device is no
    /// longer under management is reported of the device: it stands in `device_sources`.
    pub(crate) const REPORTS: [&str; 7] = ["starts", "steps", "stops", "failures", "ends", "compliance", "device_time"];
    /// Places among them.
    const STARTS: usize = 0;
    const STOPS: usize = 2;
    const FAILURES: usize = 3;

    pub(crate) fn new(source: i64, reports: Reports) -> Self {
        let Reports { starts, steps, stops, failures, ends, compliance, clock, removals: _ } = reports;
        let said = [starts, steps, stops, failures, ends, compliance, clock == Clock::Device];
        Self { source, reports: said.map(i64::from) }
    }
}

/// What counts of one failure, in the ids of the file. What counts as given up is none: a person cancelled, or stopped
/// with an error reported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed {
    pub day: i32,
    pub platform: i64,
    /// What failed: an attempt, a session or a device.
    pub subject: i64,
    /// One spelling a code.
    pub code: i64,
    pub reason: i64,
    pub category: i64,
}

/// What counts of one device, in the ids of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Device {
    pub platform: i64,
    pub label: i64,
    pub state: i64,
    pub first_outcome: i64,
    pub first_judged: bool,
}

/// Changes of the sums, not yet written.
pub(crate) struct Totals {
    days: Sums<3, 12>,
    coverage: Sums<10, 3>,
    incomplete: Sums<8, 3>,
    slices: SliceSums,
    failures: Sums<6, 1>,
    step_times: StepTimes,
    devices: Sums<5, 1>,
    profiles: Sums<1, 1>,
    apps: AppSums,
}

/// The tables of a new file, in the order of [`Totals`]; `None` without a change.
pub(crate) type NewTables = [Option<SumTable>; 13];

/// Columns with their values.
macro_rules! cells {
    ($($name:ident: $value:expr),+ $(,)?) => {
        (&[$(stringify!($name)),+], [$($value),+])
    };
}

impl Totals {
    pub(crate) fn new() -> Self {
        Self {
            days: Sums::of("daily_totals"),
            coverage: Sums::of("coverage"),
            incomplete: Sums::of("daily_incomplete"),
            slices: SliceSums::new(),
            failures: Sums::of("daily_failures"),
            step_times: StepTimes::new(),
            devices: Sums::of("device_totals"),
            profiles: Sums::of("esp_profile_totals"),
            apps: AppSums::new(),
        }
    }

    /// Counts an attempt in (`sign` 1) or out (-1).
    pub(crate) fn attempt(&mut self, attempt: &Counted, sign: i32) {
        let Counted { platform, label, outcome, cause, section, action, .. } = *attempt;
        let day = i64::from(attempt.day);
        let is = |one: Outcome| i32::from(outcome == one.id());
        let [completed, abandoned, failed, open] =
            [Outcome::Completed, Outcome::Abandoned, Outcome::Failed, Outcome::InProgress].map(is);
        let [measured, with_steps, judged] = [attempt.has_starts, attempt.has_steps, attempt.judged].map(i32::from);
        let timed = completed * i32::from(attempt.start_reported);
        let of_all = cells! {
            initiated: 1,
            completed: completed.into(),
            abandoned: abandoned.into(),
            failed: failed.into(),
            open: open.into(),
            measured: measured.into(),
            abandoned_measured: (measured * abandoned).into(),
            with_steps: with_steps.into(),
            judged: judged.into(),
            completed_judged: (judged * completed).into(),
            timed: (timed * i32::from(attempt.lasted > 0)).into(),
            completed_ms: i64::from(timed) * attempt.lasted,
        };
        let many = i64::from(sign);
        self.days.add(cells! { day: day, platform_id: platform, platform_label_id: label }, of_all, many);
        for Sender { source, reports } in &attempt.sources {
            let [starts, steps, stops, failures, ends, compliance, device_time] = *reports;
            let sender = cells! {
                day: day,
                platform_id: platform,
                source_word: *source,
                starts: starts,
                steps: steps,
                stops: stops,
                failures: failures,
                ends: ends,
                compliance: compliance,
                device_time: device_time,
            };
            let sums = cells! { attempts: 1, measured: measured.into(), with_steps: with_steps.into() };
            self.coverage.add(sender, sums, many);
        }
        // What could be seen of it, whichever of its senders reports it.
        let could = |place: usize| attempt.sources.iter().any(|sender| sender.reports[place] != 0);
        let of_value = cells! {
            initiated: 1,
            completed: completed,
            abandoned: abandoned,
            failed: failed,
            open: open,
            measured: measured,
            abandoned_measured: measured * abandoned,
            with_steps: with_steps,
            with_stops: i32::from(could(Sender::STARTS) || could(Sender::STOPS)),
            with_failures: i32::from(could(Sender::FAILURES)),
            judged: judged,
            completed_judged: judged * completed,
            timed: timed * i32::from(attempt.lasted > 0),
        };
        self.slices.attempt(attempt, of_value, &of_steps(attempt, [abandoned, failed, open]), sign);
        if abandoned + failed > 0 {
            let place = cells! {
                platform_id: platform,
                day: day,
                section_id: section,
                action_id: action,
                cause_id: cause,
                catalogue_row: attempt.row.unwrap_or(0),
                limit_minutes: attempt.limit.unwrap_or(0),
                place_reported: i64::from(action != 0),
            };
            let sums = cells! {
                abandoned: abandoned.into(),
                failed: failed.into(),
                abandoned_measured: (measured * abandoned).into(),
            };
            self.incomplete.add(place, sums, many);
            self.slices.place(attempt, sums, many);
        }
        for (step, took) in &attempt.visits {
            // Other actions than those of the catalogue are no steps.
            if let (Some(seconds), true) = (took, KnownAction::LIST.iter().any(|known| known.id() == *step)) {
                self.step_times.add(platform, *step, *seconds, attempt.day, sign);
            }
        }
    }

    /// Counts a failure in or out, an attempt's apart from the attempt.
    pub(crate) fn failure(&mut self, failure: Failed, sign: i64) {
        let key = cells! {
            day: i64::from(failure.day),
            platform_id: failure.platform,
            subject_id: failure.subject,
            code_word: failure.code,
            reason_word: failure.reason,
            category_id: failure.category,
        };
        self.failures.add(key, cells! { failed: 1 }, sign);
    }

    /// Counts a device in or out.
    pub(crate) fn device(&mut self, device: Device, sign: i64) {
        let key = cells! {
            platform_id: device.platform,
            platform_label_id: device.label,
            state_id: device.state,
            first_outcome_id: device.first_outcome,
            first_judged: i64::from(device.first_judged),
        };
        self.devices.add(key, cells! { devices: 1 }, sign);
    }

    /// Counts a session in or out: by its profile, and by its apps.
    pub(crate) fn session(&mut self, session: &CountedSession, sign: i64) {
        if let Some(profile) = session.profile {
            self.profiles.add(cells! { profile_id_word: profile }, cells! { sessions: 1 }, sign);
        }
        self.apps.session(session, sign);
    }

    /// Whether it is time to write.
    pub(crate) fn is_full(&self) -> bool {
        let Self { days, coverage, incomplete, slices, failures, step_times, devices: _, profiles: _, apps } = self;
        let of_days = days.len() + coverage.len() + incomplete.len() + failures.len();
        of_days + slices.len() + step_times.len() + apps.len() > GATHERED
    }

    /// Moves the changes of large tables to files in `folder` until they are [written](Self::flush): most cells of a new
    /// file change again, and so each is written once.
    pub(crate) fn spill(&mut self, folder: &Path) -> Result<()> {
        self.days.spill(LARGE, folder)?;
        self.coverage.spill(LARGE, folder)?;
        self.incomplete.spill(LARGE, folder)?;
        self.slices.spill(LARGE, folder)?;
        self.failures.spill(LARGE, folder)?;
        self.step_times.spill(LARGE, folder)?;
        self.apps.spill(LARGE, folder)
    }

    /// Adds the changes to the file's sums; sums that reach zero leave no row.
    pub(crate) fn flush(&mut self, conn: &Connection) -> Result<()> {
        self.days.write(conn)?;
        self.coverage.write(conn)?;
        self.incomplete.write(conn)?;
        self.slices.write(conn)?;
        self.failures.write(conn)?;
        self.step_times.write(conn)?;
        self.devices.write(conn)?;
        self.profiles.write(conn)?;
        self.apps.write(conn)
    }

    /// The tables of a new file.
    pub(crate) fn new_tables(&self, conn: &Connection) -> Result<NewTables> {
        let [apps, codes] = self.apps.new_tables(conn)?;
        let [slices, slice_places, slice_steps, steps] = self.slices.new_tables(conn)?;
        Ok([
            self.days.new_table(conn)?,
            self.coverage.new_table(conn)?,
            self.incomplete.new_table(conn)?,
            slices,
            slice_places,
            slice_steps,
            steps,
            self.failures.new_table(conn)?,
            self.step_times.new_table(conn)?,
            self.devices.new_table(conn)?,
            self.profiles.new_table(conn)?,
            apps,
            codes,
        ])
    }

    /// Writes the changes as the rows of [new tables](Self::new_tables).
    pub(crate) fn load(&mut self, tables: NewTables, pages: &mut Pages) -> Result<()> {
        let [
            days,
            coverage,
            incomplete,
            slices,
            slice_places,
            slice_steps,
            steps,
            failures,
            step_times,
            devices,
            profiles,
            apps,
            codes,
        ] = tables;
        load_sums(pages, |rows| {
            self.days.load(days, rows)?;
            self.coverage.load(coverage, rows)?;
            self.incomplete.load(incomplete, rows)?;
            self.slices.load([slices, slice_places, slice_steps, steps], rows)?;
            self.failures.load(failures, rows)?;
            self.step_times.load(step_times, rows)?;
            self.devices.load(devices, rows)?;
            self.profiles.load(profiles, rows)?;
            self.apps.load([apps, codes], rows)
        })
    }
}

/// What became of an attempt at each step: whether it is given up, failed or open, and where it is now.
fn of_steps(attempt: &Counted, [abandoned, failed, open]: [i32; 3]) -> OfSteps {
    let mut steps = OfSteps::default();
    for step in KnownAction::LIST {
        let visits = attempt.visits.iter().filter(|(action, _)| *action == step.id());
        let (visited, left) = visits.fold((false, false), |(_, any), (_, took)| (true, any || took.is_some()));
        // Where it only stopped, nobody reported that it came there. It reached the step all the same, if its senders
        // report steps; of the others only those would be seen that ended there.
        let is_here = attempt.action == step.id() && (visited || attempt.has_steps);
        if visited || is_here {
            let [visited, left, here] = [visited, left, is_here].map(i32::from);
            // Together, each attempt counts once, so that what became of those who came adds up (docs/DOMAIN.md, V4).
            let sums = cells! {
                entered: visited,
                left_forward: left,
                abandoned: abandoned * here * visited,
                only_there: 1 - visited,
                came_back: left * here,
                only_abandoned: abandoned * here * (1 - visited),
                failed: failed * here,
                still_there: open * here,
            };
            steps.set(*step, sums);
        }
    }
    steps
}
