//! Makes a run from a seed. Rare combinations are made likely: each run has a theme that favours several writers of one
//! device, merges during sweeps, clocks that jump, changes of settings, retention, long histories, or faults of one
//! tenant.

use crate::plan::{Act, At, Device, Plan, Posted, Setting, Step, What};
use crate::rng::Rng;
use vestibule_model::ROWS;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Number of machines of a run.
pub const MACHINES: usize = 3;

const THEMES: &[(u64, &str)] = &[
    (5, "everything"),
    (5, "writers"),
    (5, "merges"),
    (4, "clocks"),
    (4, "settings"),
    (5, "retention"),
    (4, "long histories"),
    (4, "files"),
    (3, "corrupt"),
];

/// One run in this many has histories of megabytes; each takes seconds.
const HEAVY: u64 = 400;

/// Makes the run of a seed.
pub fn plan(seed: u64) -> Plan {
    let mut rng = Rng::of(&[seed, 1]);
    let theme = match rng.below(HEAVY) {
        0 => "heavy",
        _ => rng.weighted(THEMES),
    };
    let is = |name: &str| theme == name;
    let tenants = if is("corrupt") { 2 } else { rng.weighted(&[(6, 1), (3, 2)]) };
    let count = if is("writers") || is("heavy") { 1 } else { rng.weighted(&[(3, 1), (4, 2), (3, 3), (1, 5)]) };
    let count = count.max(usize::from(tenants));
    let devices: Vec<Device> = (0..count)
        .map(|number| Device {
            tenant: u8::try_from(number).unwrap_or(0) % tenants,
            platform: rng.weighted(&[(4, "ios"), (3, "android"), (5, "windows"), (1, "macos")]),
        })
        .collect();
    let skews: &[(u64, i64)] = match is("clocks") {
        true => &[(1, 0), (2, 3 * MINUTE), (2, -3 * MINUTE), (1, 40 * SECOND)],
        false => &[(6, 0), (1, 20), (1, 30 * SECOND), (1, -30 * SECOND), (1, 2 * MINUTE)],
    };
    let machines = (0..MACHINES).map(|number| (if number == 1 { 1 } else { 3 }, rng.weighted(skews))).collect();
    let lag_ms = rng.weighted(&[(3, 5), (3, 100), (3, 1_500), (1, 20_000)]);
    let permille = match is("heavy") {
        true => 5,
        false => rng.weighted(&[(2, 0), (3, 30), (3, 100), (2, 200)]),
    };
    // A run with the theme of files has them; of the others one in four, unless it is long anyway.
    let has_files =
        is("files") || is("corrupt") || (rng.permille(if is("retention") { 600 } else { 250 }) && !is("heavy"));
    let steps = if is("heavy") { 0 } else { 8 + rng.below(28) };
    let mut generator = Generator { rng, theme, tenants, has_files, devices: devices.clone(), posted: 0, ids: 0 };
    let mut all: Vec<Step> = match is("heavy") {
        true => generator.heavy(),
        false => (0..steps).map(|_| generator.step()).collect(),
    };
    if is("corrupt") {
        generator.corrupt(&mut all);
    }
    if is("retention") {
        generator.come_back(&mut all);
    }
    Plan { seed, theme, tenants, machines, lag_ms, permille, has_files, devices, steps: all }
}

struct Generator {
    rng: Rng,
    theme: &'static str,
    tenants: u8,
    has_files: bool,
    devices: Vec<Device>,
    posted: u64,
    ids: u64,
}

impl Generator {
    fn is(&self, theme: &str) -> bool {
        self.theme == theme
    }

    /// Whether histories outgrow a head.
    fn grows(&self) -> bool {
        self.is("long histories") || self.is("retention")
    }

    fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    fn machine(&mut self) -> usize {
        self.rng.index(MACHINES)
    }

    /// When a machine dies in a step: usually at one of its first calls, because most steps have few.
    fn death(&mut self, permille: u64) -> Option<u32> {
        let dies = self.rng.permille(permille);
        let most = self.rng.pick(&[3, 8, 40]);
        let after = u32::try_from(self.rng.below(most)).unwrap_or(0);
        dies.then_some(after)
    }

    fn tenant(&mut self) -> u8 {
        u8::try_from(self.rng.below(u64::from(self.tenants))).unwrap_or(0)
    }

    fn one(&mut self, what: What) -> Step {
        let machine = self.machine();
        let dies_after = self.death(60);
        Step { id: self.next_id(), acts: vec![Act { machine, dies_after, what }], calm: false }
    }

    fn step(&mut self) -> Step {
        let leaning = |theme: &str, more: u64| if self.theme == theme { more } else { 0 };
        let of_files = |usual: u64| if self.has_files { usual } else { 0 };
        let choices = [
            (40, 0),
            (12 + leaning("writers", 30) + leaning("merges", 15), 1),
            (9 + leaning("merges", 5), 2),
            (16 + leaning("retention", 8), 3),
            (8, 4),
            (of_files(4) + leaning("files", 8), 5),
            (of_files(3 + leaning("files", 8) + leaning("settings", 3)), 6),
            (3 + leaning("settings", 12) + leaning("retention", 4), 7),
            (2 + leaning("clocks", 10), 8),
            (2 + leaning("retention", 10), 9),
            (2, 10),
            (6, 11),
            (3, 12),
            (1, 13),
            (leaning("files", 3), 14),
        ];
        match self.rng.weighted(&choices) {
            0 => {
                let send = self.send(None);
                self.one(send)
            }
            1 => self.together(),
            2 => self.one(What::Sweep),
            3 => {
                let by = self.passing();
                self.one(What::Pass(by))
            }
            4 => {
                let (most, kept) = (1 + self.rng.index(12), !self.rng.permille(150));
                self.one(What::Publish(most, kept))
            }
            5 => {
                let tenant = self.tenant();
                let ago = self.rng.weighted(&[(3, 0), (2, 10 * MINUTE), (1, 7 * HOUR)]);
                let what = self.rng.below(4);
                self.one(match what {
                    0 => What::Tick,
                    1 | 2 => What::Export,
                    _ => What::ExportNow(tenant, ago),
                })
            }
            6 => {
                let tenant = self.tenant();
                self.one(What::Ask(tenant))
            }
            7 => {
                let set = self.set();
                self.one(set)
            }
            8 => {
                let by = self.rng.pick(&[0, 4 * MINUTE, -4 * MINUTE, 30 * SECOND, -30 * SECOND]);
                self.one(What::Skew(by))
            }
            9 => self.one(What::Expire),
            10 => self.one(What::Restart),
            11 => {
                let which = self.rng.index(1_000);
                self.one(What::Again(which))
            }
            12 => Step { calm: true, ..self.one(What::Check) },
            13 => {
                let tenant = self.tenants;
                self.tenants = (self.tenants + 1).min(4);
                self.one(What::AddTenant(tenant.min(3)))
            }
            _ => {
                let tenant = self.tenant();
                self.one(What::LoseFile(tenant))
            }
        }
    }

    /// Several acts at one time, usually writers of one device.
    fn together(&mut self) -> Step {
        let device = self.rng.index(self.devices.len());
        let tenant = self.devices[device].tenant;
        let count = self.rng.weighted(&[(3, 2), (2, MACHINES)]);
        let mut acts = Vec::new();
        let first = self.machine();
        for number in 0..count {
            let what = match self.rng.below(12) {
                0 | 1 => What::Sweep,
                2 => What::Again(self.rng.index(1_000)),
                3 => What::Publish(1 + self.rng.index(8), true),
                4 if self.is("settings") => self.set(),
                4 if self.is("files") => What::Export,
                5 if self.has_files && (self.is("files") || self.is("settings")) => What::Ask(tenant),
                _ => self.send(Some(device)),
            };
            let dies_after = self.death(100);
            acts.push(Act { machine: (first + number) % MACHINES, dies_after, what });
        }
        Step { id: self.next_id(), acts, calm: false }
    }

    fn passing(&mut self) -> u64 {
        let long: &[(u64, i64)] = &[
            (3, MINUTE),
            (4, 31 * MINUTE),
            (2, 5 * HOUR),
            (5, DAY),
            (5, 8 * DAY),
            (4, 31 * DAY),
            (3, 40 * DAY),
            (1, 100 * DAY),
            (1, 450 * DAY),
        ];
        let usual: &[(u64, i64)] = &[
            (2, 1),
            (3, SECOND),
            (5, MINUTE),
            (3, 4 * MINUTE),
            (3, 29 * MINUTE),
            (2, 30 * MINUTE),
            (4, 31 * MINUTE),
            (3, 3 * HOUR),
            (2, DAY),
            (1, 9 * DAY),
        ];
        let by = self.rng.weighted(if self.is("retention") { long } else { usual });
        u64::try_from(by).unwrap_or(0)
    }

    fn set(&mut self) -> What {
        let tenant = self.tenant();
        let setting = match self.rng.below(if self.is("retention") { 3 } else { 8 }) {
            0..3 => Setting::Retention(self.rng.pick(&[30, 31, 45, 60, 90, 400])),
            3 | 4 => Setting::RequireCompliance(self.rng.permille(400)),
            5 => Setting::WindowsIdle(self.rng.pick(&[1, 30, 60, 1_440, 5_000])),
            6 => Setting::TimeZone(self.rng.pick(&["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"])),
            _ => Setting::ExportAt(self.rng.pick(&["02:00", "09:30", "23:59", "00:00"])),
        };
        What::Set(tenant, setting)
    }

    /// A request with events, of `device` or of any device.
    fn send(&mut self, device: Option<usize>) -> What {
        let device = device.unwrap_or_else(|| self.rng.index(self.devices.len()));
        let tenant = self.devices[device].tenant;
        // Long histories have segments, which retention must not lose.
        let long = if self.is("retention") { 150 } else { 500 };
        let count = match self.grows() && self.rng.permille(long) {
            true => 8 + self.rng.index(50),
            false => self.rng.weighted(&[(6, 1), (3, 2), (1, 4)]),
        };
        let backfill = self.rng.permille(120);
        let mut at = match (backfill, self.rng.below(10)) {
            (true, _) => At::Ago(self.rng.pick(&[HOUR, 13 * HOUR, 2 * DAY, 9 * DAY])),
            (_, 0..4) => At::Ago(self.rng.pick(&[0, 1, 250, 5 * SECOND])),
            (_, 4 | 5) => At::Ago(self.rng.pick(&[MINUTE, 29 * MINUTE, 31 * MINUTE, 2 * HOUR])),
            (_, 6) => At::Ago(self.rng.pick(&[-SECOND, -4 * MINUTE, -6 * MINUTE])),
            _ => At::AfterLast(self.gap()),
        };
        let mut events = Vec::with_capacity(count);
        let others: Vec<usize> =
            (0..self.devices.len()).filter(|other| self.devices[*other].tenant == tenant).collect();
        for _ in 0..count {
            let device = if self.rng.permille(850) { device } else { self.rng.pick(&others) };
            events.push(self.posted(device, at));
            at = At::AfterLast(self.gap());
        }
        What::Send { tenant, backfill, events }
    }

    fn gap(&mut self) -> i64 {
        self.rng.pick(&[
            0,
            1,
            SECOND,
            40 * SECOND,
            2 * MINUTE,
            2 * MINUTE + 1,
            10 * MINUTE,
            30 * MINUTE - 1,
            30 * MINUTE,
            30 * MINUTE + 1,
        ])
    }

    fn posted(&mut self, device: usize, at: At) -> Posted {
        self.posted += 1;
        let windows = self.devices[device].platform == "windows";
        let kind = self.rng.weighted(&[
            (8, "enrollment.started"),
            (8, "enrollment.step.entered"),
            (3, "enrollment.step.completed"),
            (4, "enrollment.stopped"),
            (2, "enrollment.portalClosed"),
            (4, "enrollment.failed"),
            (5, "enrollment.enrolled"),
            (4, "enrollment.compliant"),
            (2, "enrollment.unenrolled"),
            (2, "enrollment.registered"),
            (if windows { 4 } else { 0 }, "esp.started"),
            (if windows { 3 } else { 0 }, "esp.item"),
            (if windows { 2 } else { 0 }, "esp.phase"),
            (if windows { 2 } else { 0 }, "esp.completed"),
            (if windows { 1 } else { 0 }, "esp.failed"),
        ]);
        // In runs about merges, most events have only one name of the device.
        let names = match self.is("merges") {
            true => self.rng.weighted(&[(4, 1), (4, 2), (3, 4), (1, 8), (2, 3), (1, 6), (1, 5), (1, 7)]),
            false => self.rng.weighted(&[(8, 1), (3, 3), (1, 2), (1, 7), (1, 15)]),
        };
        let needs_place = kind.contains(".step.");
        let row = (needs_place || self.rng.permille(250)).then(|| self.rng.index(ROWS.len()));
        Posted {
            device,
            kind,
            names,
            at,
            source: self.rng.weighted(&[(6, 0), (2, 1)]),
            id: self.posted,
            has_platform: self.rng.permille(750),
            row,
            choice: self.rng.index(8),
            padding: if self.grows() { 20 + self.rng.index(200) } else { 0 },
        }
    }

    /// Two histories of megabytes that turn out to belong to one device, and another tenant beside them.
    fn heavy(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        // Together they are more than a reader accepts of one segment, but less than an enrollment may have.
        let requests = 10;
        for names in [1, 2] {
            for _ in 0..requests {
                let mut events = Vec::new();
                for _ in 0..450 {
                    let posted = self.posted(0, At::AfterLast(40 * SECOND));
                    let kind = self.rng.pick(&["enrollment.failed", "enrollment.started"]);
                    events.push(Posted { names, kind, padding: 1_900, row: None, ..posted });
                }
                let tenant = self.devices[0].tenant;
                steps.push(self.one(What::Send { tenant, backfill: true, events }));
                steps.push(self.one(What::Pass(6 * 3_600_000)));
            }
        }
        let posted = self.posted(0, At::Ago(0));
        let joined = Posted { names: 3, ..posted };
        let tenant = self.devices[0].tenant;
        steps.push(self.one(What::Send { tenant, backfill: false, events: vec![joined] }));
        steps.push(self.one(What::Publish(10, true)));
        for step in &mut steps {
            step.acts.iter_mut().for_each(|act| act.dies_after = None);
        }
        steps
    }

    /// A known device, also in a file, is silent for long, perhaps until nothing is stored of it, and then returns.
    fn come_back(&mut self, steps: &mut Vec<Step>) {
        let device = self.rng.index(self.devices.len());
        let tenant = self.devices[device].tenant;
        let mut story = Vec::new();
        let count = 1 + self.rng.index(3);
        let kinds = ["enrollment.started", "enrollment.stopped", "enrollment.step.entered", "enrollment.failed"];
        let visit = |generator: &mut Self, story: &mut Vec<Step>| {
            for number in 0..count {
                let posted = generator.posted(device, At::Ago(0));
                let kind = generator.rng.pick(&kinds);
                let row = generator.rng.index(ROWS.len());
                let posted = Posted { kind, names: 1, row: Some(row), has_platform: true, ..posted };
                story.push(generator.one(What::Send { tenant, backfill: false, events: vec![posted] }));
                if number == 0 {
                    story.push(generator.one(What::Pass(60_000)));
                }
            }
            story.push(generator.one(What::Pass(31 * 60_000)));
        };
        visit(self, &mut story);
        // An enrolled device stays, with what is known of it, even if no further event arrives.
        let stays = self.rng.permille(400);
        if stays {
            let posted = self.posted(device, At::Ago(0));
            let posted = Posted { kind: "enrollment.enrolled", names: 1, row: None, ..posted };
            story.push(self.one(What::Send { tenant, backfill: false, events: vec![posted] }));
        }
        if self.has_files {
            story.push(self.one(What::ExportNow(tenant, 0)));
        }
        if self.rng.permille(600) {
            let days = self.rng.pick(&[60, 90, 400]);
            story.push(self.one(What::Set(tenant, Setting::Retention(days))));
        }
        let silent = self.rng.weighted(&[(3, 40 * DAY), (2, 80 * DAY), (4, 450 * DAY)]);
        story.push(self.one(What::Pass(silent.unsigned_abs())));
        if self.rng.permille(750) {
            story.push(self.one(What::Expire));
        }
        if !stays && self.rng.permille(700) {
            visit(self, &mut story);
        }
        for step in &mut story {
            step.acts.iter_mut().for_each(|act| act.dies_after = None);
        }
        let at = if stays { steps.len() } else { self.rng.index(steps.len() + 1) };
        steps.splice(at..at, story);
    }

    /// About half way, an item of the first tenant becomes unreadable.
    fn corrupt(&mut self, steps: &mut Vec<Step>) {
        let what = match self.rng.below(4) {
            0 => What::CorruptTenant(0),
            1 => What::LoseFile(0),
            _ => What::Corrupt(0),
        };
        let half = steps.len() / 2;
        let step = self.one(what);
        steps.insert(half, step);
    }
}
