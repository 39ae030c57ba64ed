//! A run as data: who takes part, and the steps in order. A failing run is shrunk by leaving parts of it out.

use std::fmt;

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed it was made from, which also decides the faults of each step.
    pub seed: u64,
    /// What it is about.
    pub theme: &'static str,
    /// Number of tenants at the beginning.
    pub tenants: u8,
    /// The machines: how often each tries a call, and how far its clock is off, in milliseconds.
    pub machines: Vec<(u64, i64)>,
    /// How far the replica lags, in milliseconds.
    pub lag_ms: i64,
    /// Faults in a thousand tries.
    pub permille: u64,
    /// Whether it ends with files, which take longer than everything else.
    pub has_files: bool,
    /// The devices.
    pub devices: Vec<Device>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// A device, as its senders know it.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// The tenant it belongs to.
    pub tenant: u8,
    /// Its platform.
    pub platform: &'static str,
}

/// Everything that happens at one time.
#[derive(Clone, Debug)]
pub struct Step {
    /// Identifies the step, even if earlier ones are left out.
    pub id: u64,
    /// The acts that begin together, each on a machine.
    pub acts: Vec<Act>,
    /// Whether the step has no faults.
    pub calm: bool,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub struct Act {
    /// The machine it happens on.
    pub machine: usize,
    /// The machine dies after this many half calls; an odd number means between a call and its answer.
    pub dies_after: Option<u32>,
    /// The act itself.
    pub what: What,
}

/// An act.
#[derive(Clone, Debug)]
pub enum What {
    /// A sender posts events of one tenant.
    Send {
        /// The tenant.
        tenant: u8,
        /// Whether they fill in the past.
        backfill: bool,
        /// The events.
        events: Vec<Posted>,
    },
    /// A sender repeats an earlier request: the one with this number, modulo their count.
    Again(usize),
    /// The schedule calls the sweep.
    Sweep,
    /// The stream calls the publisher with at most this many records. `false`: that it finished is forgotten.
    Publish(usize, bool),
    /// The schedule calls the export.
    Tick,
    /// The bus delivers a request for a file to the export, and keeps it if the export fails.
    Export,
    /// Somebody wants a file as of now, or as of this many milliseconds ago.
    ExportNow(u8, i64),
    /// Somebody asks the API.
    Ask(u8),
    /// An administrator changes a setting.
    Set(u8, Setting),
    /// A tenant is added.
    AddTenant(u8),
    /// Time passes, in milliseconds.
    Pass(u64),
    /// Time-to-live removes what has expired.
    Expire,
    /// A machine's clock is set, this many milliseconds off.
    Skew(i64),
    /// A machine restarts with nothing in memory.
    Restart,
    /// An item of a device becomes unreadable.
    Corrupt(usize),
    /// A tenant's own item becomes unreadable.
    CorruptTenant(u8),
    /// The newest file of a tenant disappears from the bucket.
    LoseFile(u8),
    /// Everything comes to rest for a moment, and what is stored is compared with the plain model.
    Check,
}

/// A setting.
#[derive(Clone, Copy, Debug)]
pub enum Setting {
    /// `requireCompliance`
    RequireCompliance(bool),
    /// `windowsIdleLimitMinutes`
    WindowsIdle(u32),
    /// `retentionDays`
    Retention(u32),
    /// `timeZone`
    TimeZone(&'static str),
    /// `exportAt`
    ExportAt(&'static str),
}

/// An event that is posted.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The device.
    pub device: usize,
    /// The type.
    pub kind: &'static str,
    /// Which identifiers it carries: serial number 1, UDID 2, MDM's id 4, sender's id 8.
    pub names: u8,
    /// Its time.
    pub at: At,
    /// Its source and id.
    pub source: u8,
    /// See [`source`](Self::source).
    pub id: u64,
    /// Whether it names the platform.
    pub has_platform: bool,
    /// Section, action, screen: a row of the catalogue.
    pub row: Option<usize>,
    /// The person's choice or the reason of a failure, by number.
    pub choice: usize,
    /// Bytes of message in it, all the same.
    pub padding: usize,
}

/// When something happened.
#[derive(Clone, Copy, Debug)]
pub enum At {
    /// This many milliseconds before it is posted (after, if negative).
    Ago(i64),
    /// This many milliseconds after its device's latest event.
    AfterLast(i64),
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, theme, tenants, machines, lag_ms, permille, has_files: _, devices, steps } = self;
        writeln!(
            f,
            "seed {seed}, {theme}: {tenants} tenants, replica {lag_ms} ms behind, {permille} faults in 1000 tries"
        )?;
        for (number, (tries, skew)) in machines.iter().enumerate() {
            writeln!(f, "  machine {number}: tries {tries}, clock {skew:+} ms")?;
        }
        let used = |device: usize| {
            steps.iter().flat_map(|step| &step.acts).any(|act| match &act.what {
                What::Send { events, .. } => events.iter().any(|posted| posted.device == device),
                What::Corrupt(other) => *other == device,
                _ => false,
            })
        };
        for (number, Device { tenant, platform }) in devices.iter().enumerate().filter(|(number, _)| used(*number)) {
            writeln!(f, "  device {number}: {platform}, tenant {tenant}")?;
        }
        for step in steps {
            writeln!(f, "  step {}{}", step.id, if step.calm { " (calm)" } else { "" })?;
            for Act { machine, dies_after, what } in &step.acts {
                let dies = dies_after.map(|times| format!(" dies after {times} half calls")).unwrap_or_default();
                match what {
                    What::Send { tenant, backfill, events } => {
                        let backfill = if *backfill { " backfill" } else { "" };
                        writeln!(f, "    machine {machine}{dies}: send to tenant {tenant}{backfill}")?;
                        for posted in events {
                            let Posted { device, kind, names, at, source, id, has_platform, row, choice, padding } =
                                posted;
                            writeln!(
                                f,
                                "      device {device} {kind} names {names:04b} {at:?} source {source} id {id} \
                                 platform {has_platform} row {row:?} choice {choice} padding {padding}"
                            )?;
                        }
                    }
                    other => writeln!(f, "    machine {machine}{dies}: {other:?}")?,
                }
            }
        }
        Ok(())
    }
}
