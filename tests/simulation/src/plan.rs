//! A run as data: who is there, and the steps, one after the other. What fails is shrunk by leaving parts of it out.

use std::fmt;

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed it was made from; it also decides what goes wrong in each step.
    pub seed: u64,
    /// What it is about.
    pub theme: &'static str,
    /// Tenants that are there from the beginning.
    pub tenants: u8,
    /// The machines: how often each tries a call, and how far its clock is off, in milliseconds.
    pub machines: Vec<(u64, i64)>,
    /// How long the replica lags behind, in milliseconds.
    pub lag_ms: i64,
    /// Faults in a thousand tries.
    pub permille: u64,
    /// Whether it ends with files: they take longer than all the rest.
    pub has_files: bool,
    /// The devices.
    pub devices: Vec<Device>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// A device, as its senders know it.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// Whose it is.
    pub tenant: u8,
    /// Its platform.
    pub platform: &'static str,
}

/// What happens at one time.
#[derive(Clone, Debug)]
pub struct Step {
    /// Names it, whatever is left out before it.
    pub id: u64,
    /// Begun together; each on a machine.
    pub acts: Vec<Act>,
    /// Nothing goes wrong in it.
    pub calm: bool,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub struct Act {
    /// The machine it happens on.
    pub machine: usize,
    /// The machine dies after so many halves of calls: between a call and its answer where the number is odd.
    pub dies_after: Option<u32>,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum What {
    /// A sender posts events of one tenant.
    Send {
        /// Whose.
        tenant: u8,
        /// Whether they fill in the past.
        backfill: bool,
        /// The events.
        events: Vec<Told>,
    },
    /// A sender posts again what it posted before: the request of that number, counted round.
    Again(usize),
    /// The schedule calls the sweep.
    Sweep,
    /// The stream calls the publisher with so many records at most. `false`: that it was done is forgotten.
    Publish(usize, bool),
    /// The schedule calls the export.
    Tick,
    /// The bus hands the export a request for a file; it keeps the request where the export fails.
    Export,
    /// Somebody wants a file as of now, or of so many milliseconds ago.
    ExportNow(u8, i64),
    /// Somebody asks the API.
    Ask(u8),
    /// An administrator changes a setting.
    Set(u8, Setting),
    /// A tenant is added.
    AddTenant(u8),
    /// Time passes, in milliseconds.
    Pass(u64),
    /// Time-to-live takes what it may.
    Expire,
    /// A machine's clock is set so far off.
    Skew(i64),
    /// A machine begins anew, with nothing in memory.
    Restart,
    /// An item of a device is made unreadable.
    Corrupt(usize),
    /// A tenant's own item is made unreadable.
    CorruptTenant(u8),
    /// The newest file of a tenant is lost from the bucket.
    LoseFile(u8),
    /// Everything comes to rest for a moment, and what is stored is held against the plain model.
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
pub struct Told {
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
    /// Whether it tells the platform.
    pub tells_platform: bool,
    /// Section, action, screen: a row of the catalogue.
    pub row: Option<usize>,
    /// What the person chose, or why it failed, by number.
    pub choice: usize,
    /// Bytes of message beside it, all alike.
    pub padding: usize,
}

/// When something happened.
#[derive(Clone, Copy, Debug)]
pub enum At {
    /// So many milliseconds before it is posted (after, if negative).
    Ago(i64),
    /// So many milliseconds after what its device told last.
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
                What::Send { events, .. } => events.iter().any(|told| told.device == device),
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
                        for told in events {
                            let Told { device, kind, names, at, source, id, tells_platform, row, choice, padding } =
                                told;
                            writeln!(
                                f,
                                "      device {device} {kind} names {names:04b} {at:?} source {source} id {id} \
                                 platform {tells_platform} row {row:?} choice {choice} padding {padding}"
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
