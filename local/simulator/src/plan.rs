//! The plan of an enrollment: scripted for the first ones, so that every case occurs, and random for the rest.

use crate::event::Platform;
use crate::journey::screens::{self, Place, ROWS};
use crate::people::Way;
use crate::rhythm::{DAY, HOUR, MINUTE, SECOND};
use crate::rng::Rng;
use crate::troubles::{DEVICE_LIMIT, JOIN_REFUSED, NO_SERVICE, Trouble};

/// Everything that is decided before the first event.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub way: Way,
    /// The manufacturer left no serial number.
    pub placeholder: bool,
    /// The organisation knew the device before it began.
    pub registered: bool,
    pub begins: Begins,
    pub senders: Senders,
    /// How far the device's own clock is off.
    pub skew_ms: i64,
    /// Senders may leave out what can be inferred from the rest.
    pub terse: bool,
    pub attempts: Vec<Attempt>,
    pub afterwards: Afterwards,
    pub disturbance: Disturbance,
}

/// When the enrollment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    /// At any time in the sample.
    Anytime,
    /// At least this long before the sample ends (but at most half the sample).
    Before(i64),
    /// This long before the sample ends.
    Lately(i64),
}

/// Which senders report the enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Senders {
    /// Only the management service.
    Mdm,
    /// Only the agent on the device.
    Agent,
    /// Both: the agent reports screens, both report beginning and failure.
    Both,
    /// Apple's protocol, which introduces the device once and then sends only its UDID.
    Apple,
}

/// One attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    /// The pause since the previous attempt.
    pub pause_ms: i64,
    /// The person continues where the previous attempt stopped, without a new beginning.
    pub resumed: bool,
    pub ending: Ending,
    /// What happens on the Enrollment Status Page, if there is one.
    pub course: Course,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    Completed,
    Stopped(Place, &'static str),
    Waits(Place),
    PortalClosed,
    Restarted,
    Unenrolled,
    /// Failed, for this reason or for any.
    Failed(Option<&'static Trouble>),
    /// The person gave up, and the sender reports a failure.
    GaveUp,
    /// Not ended yet.
    Open,
}

/// What happens in an Enrollment Status Page session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    Smooth,
    /// The list of apps takes long to appear.
    Identifying,
    /// Past its time limit, but done in the end.
    TimedOutThenDone,
    /// An app failed, the person retried, and it succeeded.
    Retried,
    /// Past its time limit, and no further event.
    TimedOut,
    Failed,
}

/// What happens after the attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    Nothing,
    UnenrolledAfter(i64),
    /// Compliance is reported this much later, without `enrolled` before it.
    CompliantAfter(i64),
}

/// What happens to the events on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// The usual disturbances.
    Usual,
    None,
    /// The last two arrive this much later.
    LateEnd(i64),
    /// Each arrives twice.
    Doubled,
    /// They arrive in random order.
    Shuffled,
}

#[derive(Debug, Clone, Copy)]
enum Scene {
    /// A catalogue row.
    Row(Platform, u8),
    /// Any other ending.
    Ends(Way, Ending),
    /// Another course of the status page.
    Page(Way, Course),
    /// A first attempt, a pause, and a second attempt that succeeds.
    Returns(Way, Ending, i64),
    /// Began just now.
    Now(Way),
    /// Registered, but never begun.
    Pending(Way),
    /// Completed, with a twist.
    But(Way, Twist),
}

#[derive(Debug, Clone, Copy)]
enum Twist {
    Senders(Senders),
    Placeholder,
    Clock(i64),
    Arriving(Disturbance),
    Later(Afterwards),
    Anew,
}

const IOS: Platform = Platform::Ios;
const ANDROID: Platform = Platform::Android;

/// The first enrollments of every scenario: each row of the catalogue, each outcome, each cause.
#[rustfmt::skip]
static SCRIPT: [Scene; 75] = [
    Scene::Row(IOS, 1), Scene::Row(ANDROID, 1), Scene::Row(IOS, 2), Scene::Row(ANDROID, 2),
    Scene::Row(IOS, 3), Scene::Row(ANDROID, 3), Scene::Row(IOS, 4), Scene::Row(ANDROID, 4),
    Scene::Row(IOS, 5), Scene::Row(ANDROID, 5), Scene::Row(IOS, 6), Scene::Row(IOS, 7),
    Scene::Row(IOS, 8), Scene::Row(IOS, 9), Scene::Row(ANDROID, 10), Scene::Row(ANDROID, 11),
    Scene::Row(ANDROID, 12), Scene::Row(ANDROID, 13), Scene::Row(IOS, 14), Scene::Row(ANDROID, 14),
    Scene::Row(IOS, 15), Scene::Row(ANDROID, 15), Scene::Row(IOS, 16), Scene::Row(ANDROID, 16),
    Scene::Row(IOS, 17), Scene::Row(ANDROID, 17), Scene::Row(IOS, 18), Scene::Row(ANDROID, 18),
    Scene::Row(IOS, 19), Scene::Row(ANDROID, 19),
    Scene::Ends(Way::IosPortal, Ending::Completed),
    Scene::Ends(Way::IosAutomated, Ending::Completed),
    Scene::Ends(Way::IosPrivate, Ending::Completed),
    Scene::Ends(Way::AndroidSamsung, Ending::Completed),
    Scene::Ends(Way::AndroidOther, Ending::Completed),
    Scene::Ends(Way::WindowsManual, Ending::Completed),
    Scene::Ends(Way::MacManual, Ending::Completed),
    Scene::Ends(Way::MacAutomated, Ending::Completed),
    Scene::Ends(Way::IosPortal, Ending::PortalClosed),
    Scene::Ends(Way::AndroidOther, Ending::PortalClosed),
    Scene::Ends(Way::IosPortal, Ending::Unenrolled),
    Scene::Ends(Way::AndroidOther, Ending::Failed(Some(&DEVICE_LIMIT))),
    Scene::Ends(Way::IosPortal, Ending::Failed(None)),
    Scene::Ends(Way::WindowsManual, Ending::Failed(Some(&JOIN_REFUSED))),
    Scene::Ends(Way::WindowsManual, Ending::Failed(Some(&NO_SERVICE))),
    Scene::Ends(Way::MacManual, Ending::Failed(None)),
    Scene::Ends(Way::IosPortal, Ending::GaveUp),
    Scene::Ends(Way::AndroidSamsung, Ending::GaveUp),
    Scene::Page(Way::AutopilotUser, Course::Smooth),
    Scene::Page(Way::AutopilotUser, Course::TimedOut),
    Scene::Page(Way::AutopilotUser, Course::TimedOutThenDone),
    Scene::Page(Way::AutopilotUser, Course::Retried),
    Scene::Page(Way::AutopilotUser, Course::Failed),
    Scene::Page(Way::AutopilotUser, Course::Identifying),
    Scene::Page(Way::AutopilotSelf, Course::Smooth),
    Scene::Page(Way::AutopilotPrepared, Course::Smooth),
    Scene::Returns(Way::IosPortal, Ending::Restarted, 6 * MINUTE),
    Scene::Returns(Way::AndroidOther, Ending::Restarted, 2 * MINUTE),
    Scene::Returns(Way::AndroidSamsung, Ending::PortalClosed, 3 * DAY),
    Scene::Now(Way::IosPortal),
    Scene::Now(Way::AndroidOther),
    Scene::Now(Way::WindowsManual),
    Scene::Now(Way::MacManual),
    Scene::Pending(Way::AutopilotUser),
    Scene::Pending(Way::MacAutomated),
    Scene::But(Way::AndroidOther, Twist::Senders(Senders::Both)),
    Scene::But(Way::IosPortal, Twist::Senders(Senders::Apple)),
    Scene::But(Way::WindowsManual, Twist::Placeholder),
    Scene::But(Way::AndroidOther, Twist::Clock(40 * MINUTE)),
    Scene::But(Way::WindowsManual, Twist::Clock(-14 * HOUR)),
    Scene::But(Way::IosPortal, Twist::Arriving(Disturbance::LateEnd(3 * HOUR))),
    Scene::But(Way::AndroidOther, Twist::Arriving(Disturbance::Doubled)),
    Scene::But(Way::IosPortal, Twist::Arriving(Disturbance::Shuffled)),
    Scene::But(Way::AndroidSamsung, Twist::Later(Afterwards::UnenrolledAfter(5 * HOUR))),
    Scene::But(Way::MacAutomated, Twist::Anew),
];

/// Number of scripted enrollments.
pub(crate) const SCRIPTED: usize = SCRIPT.len();

impl Plan {
    /// The plan of the enrollment with this index.
    pub(crate) fn new(index: usize, rng: &mut Rng) -> Self {
        match SCRIPT.get(index) {
            Some(scene) => Self::scripted(*scene, rng),
            None => Self::drawn(rng),
        }
    }

    /// Phones at a screen at which people stop.
    pub(crate) fn waiting() -> [Self; 3] {
        [(Way::IosPortal, 9), (Way::AndroidOther, 15), (Way::IosPortal, 5)].map(|(way, row)| Self {
            registered: false,
            senders: Senders::Agent,
            ..Self::plain(way, row_ending(row))
        })
    }

    /// The same plan, beginning this long before the sample ends.
    pub(crate) fn beginning(mut self, before_end_ms: i64) -> Self {
        self.begins = Begins::Lately(before_end_ms);
        self
    }

    fn plain(way: Way, ending: Ending) -> Self {
        Self {
            way,
            placeholder: false,
            registered: way.is_registered(),
            begins: Begins::Before(12 * HOUR),
            senders: Senders::Mdm,
            skew_ms: 0,
            terse: false,
            attempts: vec![Attempt::first(ending, Course::Smooth)],
            afterwards: Afterwards::Nothing,
            disturbance: Disturbance::None,
        }
    }

    fn scripted(scene: Scene, rng: &mut Rng) -> Self {
        let sender = rng.pick(&[Senders::Mdm, Senders::Agent]);
        match scene {
            Scene::Row(platform, number) => {
                Self { senders: sender, ..Self::plain(row_way(platform, number, rng), row_ending(number)) }
            }
            Scene::Ends(way, ending) => Self { senders: sender, ..Self::plain(way, ending) },
            Scene::Page(way, course) => Self {
                begins: Begins::Before(3 * DAY),
                attempts: vec![Attempt::first(Ending::Completed, course)],
                ..Self::plain(way, Ending::Completed)
            },
            Scene::Returns(way, ending, pause_ms) => {
                let mut plan = Self::plain(way, ending);
                plan.begins = Begins::Before(pause_ms + 12 * HOUR);
                plan.attempts.push(Attempt { pause_ms, ..Attempt::first(Ending::Completed, Course::Smooth) });
                plan
            }
            Scene::Now(way) => {
                Self { begins: Begins::Lately(rng.range(2 * MINUTE, 18 * MINUTE)), ..Self::plain(way, Ending::Open) }
            }
            Scene::Pending(way) => Self { attempts: Vec::new(), ..Self::plain(way, Ending::Open) },
            Scene::But(way, twist) => {
                let mut plan = Self::plain(way, Ending::Completed);
                match twist {
                    Twist::Senders(senders) => plan.senders = senders,
                    Twist::Placeholder => plan.placeholder = true,
                    Twist::Clock(skew_ms) => {
                        plan.senders = Senders::Agent;
                        plan.skew_ms = skew_ms;
                    }
                    Twist::Arriving(disturbance) => plan.disturbance = disturbance,
                    Twist::Later(afterwards) => plan.afterwards = afterwards,
                    Twist::Anew => plan
                        .attempts
                        .push(Attempt { pause_ms: 4 * HOUR, ..Attempt::first(Ending::Completed, Course::Smooth) }),
                }
                plan
            }
        }
    }

    fn drawn(rng: &mut Rng) -> Self {
        let way = rng.weighted(&[
            (Way::IosPortal, 245),
            (Way::IosAutomated, 90),
            (Way::IosPrivate, 15),
            (Way::AndroidSamsung, 160),
            (Way::AndroidOther, 140),
            (Way::WindowsManual, 125),
            (Way::AutopilotUser, 90),
            (Way::AutopilotSelf, 15),
            (Way::AutopilotPrepared, 20),
            (Way::MacManual, 40),
            (Way::MacAutomated, 60),
        ]);
        let mut plan = Self {
            registered: way.is_registered() && rng.chance(0.9),
            begins: Begins::Anytime,
            senders: senders(way, rng),
            terse: rng.chance(0.3),
            attempts: Vec::new(),
            disturbance: Disturbance::Usual,
            ..Self::plain(way, Ending::Open)
        };
        if plan.registered && rng.chance(0.07) {
            return plan;
        }
        if rng.chance(0.003) {
            plan.begins = Begins::Lately(rng.range(2 * MINUTE, 25 * MINUTE));
            plan.attempts.push(Attempt::first(Ending::Open, Course::Smooth));
            return plan;
        }
        if plan.senders == Senders::Agent && rng.chance(0.04) {
            plan.skew_ms =
                if rng.chance(0.5) { rng.range(MINUTE, 90 * MINUTE) } else { -rng.range(2 * MINUTE, 20 * HOUR) };
        }
        plan.draw_attempts(rng);
        plan
    }

    fn draw_attempts(&mut self, rng: &mut Rng) {
        let mut pause_ms = 0;
        let mut resumed = false;
        for number in 0..5 {
            let attempt = self.draw_attempt(number, pause_ms, resumed, rng);
            self.attempts.push(attempt);
            let waits = matches!(attempt.ending, Ending::Waits(_));
            let again = match attempt.ending {
                Ending::Completed => match attempt.course {
                    Course::Failed => 0.75,
                    Course::TimedOut => 0.6,
                    _ => 0.0,
                },
                Ending::Restarted => 1.0,
                Ending::Unenrolled => 0.4,
                Ending::Open => 0.0,
                _ => 0.58,
            };
            if !rng.chance(again) {
                break;
            }
            resumed = waits && rng.chance(0.35);
            pause_ms = match attempt.ending {
                Ending::Restarted => rng.range(20 * SECOND, 20 * MINUTE),
                _ => pause(rng),
            };
            if waits {
                pause_ms += 31 * MINUTE;
            }
        }
        let Some(last) = self.attempts.last() else {
            return;
        };
        self.afterwards = match last.ending {
            Ending::Completed if rng.chance(0.03) => Afterwards::UnenrolledAfter(rng.range(2 * HOUR, 12 * DAY)),
            Ending::Stopped(place, _) | Ending::Waits(place) if place.is_managed() && rng.chance(0.4) => {
                Afterwards::CompliantAfter(rng.range(40 * MINUTE, 2 * DAY))
            }
            _ => Afterwards::Nothing,
        };
        if matches!(last.ending, Ending::Completed) && rng.chance(0.015) {
            let mut anew = Attempt::first(Ending::Completed, Course::Smooth);
            anew.pause_ms = rng.range(HOUR, 10 * DAY);
            self.attempts.push(anew);
        }
    }

    fn draw_attempt(&self, number: usize, pause_ms: i64, resumed: bool, rng: &mut Rng) -> Attempt {
        let completes = if number == 0 { 0.70 } else { 0.76 };
        let ending = if rng.chance(completes) { Ending::Completed } else { self.draw_mishap(rng) };
        let mut attempt = Attempt { pause_ms, resumed, ..Attempt::first(ending, Course::Smooth) };
        if self.way.is_autopilot() {
            attempt.course = match ending {
                Ending::Completed => rng.weighted(&[
                    (Course::Smooth, 80),
                    (Course::Identifying, 6),
                    (Course::TimedOutThenDone, 7),
                    (Course::Retried, 7),
                ]),
                // Most problems occur on the page.
                Ending::Waits(_) => Course::TimedOut,
                Ending::Failed(None) if rng.chance(0.7) => Course::Failed,
                _ => Course::Smooth,
            };
            if matches!(attempt.course, Course::TimedOut | Course::Failed) {
                attempt.ending = Ending::Completed;
            }
        }
        attempt
    }

    fn draw_mishap(&self, rng: &mut Rng) -> Ending {
        if self.senders == Senders::Apple {
            // The protocol reports no screens.
            return rng.weighted(&[
                (Ending::Waits(screens::INSTALL_PROFILE), 5),
                (Ending::Failed(None), 4),
                (Ending::Restarted, 2),
            ]);
        }
        match self.way.platform() {
            Platform::Ios | Platform::Android => {
                let steps = screens::of(self.way);
                let rows: Vec<(u8, u32)> = ROWS
                    .iter()
                    .filter(|row| steps.iter().any(|step| row.place.is_at(step)))
                    .map(|row| (row.number, row.weight))
                    .collect();
                let row = row_ending(rng.weighted(&rows));
                rng.weighted(&[
                    (row, 62),
                    (Ending::PortalClosed, 11),
                    (Ending::Failed(None), 17),
                    (Ending::Restarted, 7),
                    (Ending::Unenrolled, 1),
                    (Ending::GaveUp, 2),
                ])
            }
            Platform::Windows | Platform::Macos => rng.weighted(&[
                (Ending::Stopped(Place::Anywhere, "cancel"), 14),
                (Ending::Stopped(Place::Anywhere, "postpone"), 6),
                (Ending::Waits(Place::Anywhere), 26),
                (Ending::PortalClosed, 6),
                (Ending::Failed(None), 38),
                (Ending::Restarted, 7),
                (Ending::Unenrolled, 1),
                (Ending::GaveUp, 2),
            ]),
        }
    }
}

impl Attempt {
    const fn first(ending: Ending, course: Course) -> Self {
        Self { pause_ms: 0, resumed: false, ending, course }
    }
}

/// How long people wait before they try again.
fn pause(rng: &mut Rng) -> i64 {
    match rng.range(0, 100) {
        0..35 => rng.range(3 * MINUTE, 45 * MINUTE),
        35..60 => rng.range(45 * MINUTE, 5 * HOUR),
        60..85 => DAY + rng.range(-4 * HOUR, 4 * HOUR),
        _ => rng.range(2, 9) * DAY + rng.range(-3 * HOUR, 3 * HOUR),
    }
}

fn senders(way: Way, rng: &mut Rng) -> Senders {
    let apple = matches!(way, Way::IosPortal | Way::IosAutomated | Way::MacManual | Way::MacAutomated);
    rng.weighted(&[
        (Senders::Mdm, 50),
        (Senders::Agent, 32),
        (Senders::Both, 10),
        (Senders::Apple, if apple { 8 } else { 0 }),
    ])
}

fn row_way(platform: Platform, number: u8, rng: &mut Rng) -> Way {
    match (platform, number) {
        (Platform::Android, 12 | 13) => Way::AndroidSamsung,
        (Platform::Android, _) => rng.pick(&[Way::AndroidSamsung, Way::AndroidOther]),
        _ => Way::IosPortal,
    }
}

fn row_ending(number: u8) -> Ending {
    let found = ROWS.iter().find(|row| row.number == number);
    match found.map(|row| (row.place, row.choice)) {
        Some((place, Some(choice))) => Ending::Stopped(place, choice),
        Some((place, None)) => Ending::Waits(place),
        None => Ending::Waits(Place::Anywhere),
    }
}
