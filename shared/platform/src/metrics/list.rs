//! The metrics: the only place where their names, labels and meanings stand.
//!
//! A metric's name ends with its unit, or with `_total` if it counts.

use super::{Counter, Description, Gauge, Histogram, Kind, Rare};

/// Upper limits for what a person waits for, in seconds.
const ANSWER: &[f64] = &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];
/// Upper limits for work in the background, in seconds.
const WORK: &[f64] = &[0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0];
/// Upper limits for how late something is noticed, in seconds.
const LATE: &[f64] = &[15.0, 30.0, 60.0, 90.0, 120.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0];

macro_rules! metrics {
    ($($static:ident: $kind:ident $(($limits:expr))? $(<$labels:literal>)?, $name:literal, [$($label:literal),*],
       $help:literal, $act:literal;)*) => {
        $(
            #[doc = $help]
            pub static $static: $kind$(<$labels>)? = $kind::new(&Description {
                name: $name,
                kind: Kind::$kind$(($limits))?,
                labels: &[$($label),*],
                help: $help,
                act: $act,
            });
        )*

        /// All metrics, in the order of their descriptions.
        pub static ALL: &[Description] = &[$(Description {
            name: $name,
            kind: Kind::$kind$(($limits))?,
            labels: &[$($label),*],
            help: $help,
            act: $act,
        }),*];

        /// Makes those without labels begin.
        pub(super) fn begin() {
            $($static.begin();)*
        }
    };
}

metrics! {
    EVENTS: Counter<2>, "vestibule_events_total", ["source", "result"],
        "Events that senders posted, or that were read from Graph, by what became of them.",
        "Look at `invalid`, `unknownType`, `tooOld` and `deviceFull` in `source list`, which names tenant and reason. \
         `unavailable` is ours: look for errors in the log.";
    PUBLICATIONS: Counter<1>, "vestibule_publications_total", ["event"],
        "Events about attempts and sessions that were put on the bus, repeats too.",
        "If none come while events are accepted, see `vestibule_stream_lag_seconds`.";
    HOOK_REQUESTS_LIMITED: Rare, "vestibule_hook_requests_limited_total", [],
        "Requests of proven senders that were refused because their tenant sent too many a minute.",
        "Find the sender that posts endlessly, or raise `HOOK_REQUESTS_A_MINUTE`.";
    FLAG_LAG_SECONDS: Histogram(LATE)<0>, "vestibule_flag_lag_seconds", [],
        "Time from the deadline of an attempt or a session to the sweep that flagged it.",
        "Above two minutes the sweep is late: see `vestibule_sweep_seconds`. After a stop, everything that became due \
         meanwhile is flagged at once.";
    SWEEP_SECONDS: Histogram(WORK)<1>, "vestibule_sweep_seconds", ["result"],
        "Runs of the sweep: how long each took, and whether it was `done` or `failed`.",
        "There is a run every minute. If none is `done`, look for errors in the log. On AWS the alarm `SweepMissed` says the \
         same.";
    SWEEP_ENROLLMENTS: Counter<1>, "vestibule_sweep_enrollments_total", ["result"],
        "Enrollments that the sweep found due, by what became of them.",
        "`unreadable` ones need an operator: the log has their keys. `left` ones are due in the next run; if there are \
         always some, the table is too slow.";
    SWEEP_TENANTS_UNREADABLE: Rare, "vestibule_sweep_tenants_unreadable_total", [],
        "Runs of the sweep in which a tenant could not be read, so that its due enrollments wait.",
        "The log names tenant and error.";
    SETTINGS_NOT_APPLIED: Rare, "vestibule_settings_not_applied_total", [],
        "Runs of the sweep in which changed settings of a tenant could not be applied to its enrollments.",
        "The log names tenant and error; the next run goes on.";
    ERASURES_NOT_ENDED: Rare, "vestibule_erasures_not_ended_total", [],
        "Steps of an erasure that failed: the table or an older file may still name somebody who was erased.",
        "The log names tenant and error. The next sweep and the next export try again.";
    ERASURE_OPEN_SECONDS: Gauge<0>, "vestibule_erasure_open_seconds", [],
        "Age of the oldest erasure that has not ended, as of the last tick of the exports; 0 if there is none.",
        "Above a day, `doctor` says what it waits for: as a rule for an export that fails. In a large tenant the search \
         for a person takes some of it.";
    STREAM_LAG_SECONDS: Gauge<0>, "vestibule_stream_lag_seconds", [],
        "Age of the oldest change of the table that was not handed on when last looked.",
        "Above a minute, publications are late: look for errors in the log. On AWS the alarm `EventPublisherBehind` says \
         the same.";
    UNREADABLE_STREAM_RECORDS: Rare, "vestibule_unreadable_stream_records_total", [],
        "Changes of the table that were set aside: they can't be read, the bus refuses them, or it was down for a day.",
        "`tenant list` and the log have the key and the reason. On AWS the alarm `StreamHasDeadLetters` says the same.";
    EXPORT_SECONDS: Histogram(WORK)<0>, "vestibule_export_seconds", [],
        "How long it took to build, check and store each published report file.",
        "If it grows, look at `vestibule_refresh_enrollments_total` and the disk.";
    EXPORT_BYTES: Counter<0>, "vestibule_export_bytes_total", [],
        "Bytes of the report files that were published, without summaries and pages.",
        "Says how fast the bucket grows.";
    EXPORT_ROWS: Counter<0>, "vestibule_export_rows_total", [],
        "Rows of the report files that were published.",
        "Together with `vestibule_export_seconds` it says how fast files are built.";
    EXPORTS_FAILED: Rare, "vestibule_exports_failed_total", [],
        "Exports that failed. They are tried again, later each time.",
        "The log names tenant and error; `verify` finds lost files.";
    EXPORT_OVERDUE_SECONDS: Gauge<0>, "vestibule_export_overdue_seconds", [],
        "For how long the nightly file that is due for longest has been missing, as of the last tick; 0 if none is.",
        "Above an hour exports fail or are not run: see `vestibule_exports_failed_total`. On AWS the alarm `ExportMissed` \
         says the same.";
    EXPORT_TICK_TENANTS_UNREADABLE: Rare, "vestibule_export_tick_tenants_unreadable_total", [],
        "Ticks in which it could not be seen whether a tenant's file is due.",
        "The log names tenant and error; the next tick looks again.";
    FILES_LOST: Rare, "vestibule_files_lost_total", [],
        "Published files that were found lost or damaged. The next file is built from the table.",
        "Run `verify`, then `rebuild NAME`; look at the disk.";
    ENROLLMENTS_LEFT_TO_PRUNE: Rare, "vestibule_enrollments_left_to_prune_total", [],
        "Enrollments with events past their retention that an export did not come to erase.",
        "The next exports go on. If it grows night after night, look for errors in the log.";
    REFRESH_SECONDS: Histogram(WORK)<1>, "vestibule_refresh_seconds", ["kind"],
        "How long it took to bring a file up to date for a question or an export: `changes` alone, or `anew` from the \
         table.",
        "`anew` is expected after an upgrade or a change of settings, and for a first question; else a file was lost.";
    REFRESH_ENROLLMENTS: Counter<0>, "vestibule_refresh_enrollments_total", [],
        "Enrollments that refreshes of changes alone looked at.",
        "Says how much work questions and exports make.";
    UNREADABLE_ENROLLMENTS: Rare, "vestibule_unreadable_enrollments_total", [],
        "Enrollments that can't be read and were left out of a file.",
        "The log has their keys. They are tried again at each refresh.";
    GRAPH_RECORDS_NEW: Rare, "vestibule_graph_records_new_total", [],
        "Records that were read from Microsoft Graph and were new.",
        "`graph list NAME` shows each list.";
    GRAPH_PULLS_FAILED: Rare, "vestibule_graph_pulls_failed_total", [],
        "Runs that could not read a list of Microsoft Graph.",
        "`graph list NAME` shows what went wrong; an expired client secret is the usual reason.";
    ANSWERS: Counter<2>, "vestibule_answers_total", ["operation", "status"],
        "Answers to requests that were not refused at the door.",
        "Statuses from 500 are ours: look for errors in the log.";
    ANSWER_SECONDS: Histogram(ANSWER)<1>, "vestibule_answer_seconds", ["operation"],
        "Time from the head of a request to the last byte of its answer.",
        "Questions of the file take longer after many changes: see `vestibule_refresh_seconds`.";
    REFUSALS: Counter<1>, "vestibule_refusals_total", ["reason"],
        "Requests and connections that were refused before anybody was known to send them. Only on one machine; API \
         Gateway refuses before a function is called.",
        "Many mean a flood or a sender with a wrong secret; the log has the sum of each minute.";
    TENANTS: Gauge<0>, "vestibule_tenants", [],
        "Tenants, as of the start or the last tick of the exports.",
        "Nothing.";
}

/// What the labels of metrics are, and whether each is a dimension in CloudWatch. Every combination of values of
/// dimensions costs as a metric of its own there, so the others are only members of the log's lines.
pub static LABELS: &[(&str, bool, &str)] = &[
    ("source", false, "the sender's name, as `source list` shows it"),
    ("result", true, "what became of it, as answers of the webhooks name it; for runs `done` or `failed`"),
    ("event", false, "the event's name, as [EVENTS.md](EVENTS.md) has it"),
    ("kind", true, "`changes` or `anew`"),
    (
        "operation",
        false,
        "the operation's name in `openapi.yaml` (`operationId`), or `page`, `file`, `healthz`, `readyz`, `preflight`, \
         `none`",
    ),
    ("status", true, "the HTTP status"),
    ("reason", false, "why it was refused"),
];

/// Whether a label is a dimension in CloudWatch.
pub(super) fn is_dimension(label: &str) -> bool {
    LABELS.iter().any(|(name, is_dimension, _)| *name == label && *is_dimension)
}
