//! The SQL that makes tables, views and indexes, and the macros in it.

use crate::file::column_docs;
use crate::lists::dictionary::Coded as _;
use crate::lists::times::Scale;
use vestibule_domain::attempt::Cause;

/// The tables.
pub(crate) const TABLES: [&str; 2] = [include_str!("sql/dictionaries.sql"), include_str!("sql/facts.sql")];

/// The views, except those that also run over a range of days.
pub(crate) const VIEWS: [&str; 10] = [
    include_str!("sql/views_attempts.sql"),
    include_str!("sql/views_incomplete.sql"),
    include_str!("sql/views_slices.sql"),
    include_str!("sql/views_status.sql"),
    include_str!("sql/views_limbo.sql"),
    include_str!("sql/views_web.sql"),
    include_str!("sql/views_annotations.sql"),
    include_str!("sql/views_esp.sql"),
    include_str!("sql/views_esp_numbers.sql"),
    include_str!("sql/views_apps.sql"),
];

/// The indexes, created after the first load.
pub(crate) const INDEXES: &str = include_str!("sql/indexes.sql");

/// Views of numbers that cannot be added up from days: medians, and counts of distinct things. The file's views cover
/// the whole window; the same text also runs over a range of days.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ranged {
    Funnel,
    Profiles,
    Phases,
    Apps,
}

impl Ranged {
    pub(crate) const ALL: [Self; 4] = [Self::Funnel, Self::Profiles, Self::Phases, Self::Apps];

    const fn name_and_text(self) -> (&'static str, &'static str) {
        match self {
            Self::Funnel => ("funnel", include_str!("sql/funnel.sql")),
            Self::Profiles => ("esp_by_profile", include_str!("sql/esp_by_profile.sql")),
            Self::Phases => ("esp_by_phase_and_profile", include_str!("sql/esp_by_phase_and_profile.sql")),
            Self::Apps => ("esp_apps", include_str!("sql/esp_apps.sql")),
        }
    }

    /// The text, with its column documentation.
    fn text(self) -> String {
        // From the coarsest scale to the seconds, each within what the one before it found.
        let scales = [
            ("halves", Scale::Halves, "all"),
            ("sixteenths", Scale::Sixteenths, "halves"),
            ("seconds", Scale::Seconds, "sixteenths"),
        ];
        let scales = scales.map(|(name, scale, before)| {
            let text = include_str!("sql/funnel_scale.sql").trim_end().replace("$scale", name);
            text.replace("$before", before).replace("$number", &scale.number().to_string())
        });
        self.name_and_text().1.replace("$scales", &scales.join(",\n  "))
    }

    /// The statement that creates the file's view, with its column documentation.
    pub(crate) fn view(self) -> String {
        let (name, text) = (self.name_and_text().0, self.text());
        let text =
            text.replace("$its_steps($in_days)", "steps_by_day").replace("$its_days($in_days)", "attempts_by_day");
        let text = text.replace("$of_all", "");
        let days = match self {
            // The platforms that the report is about.
            Self::Funnel => "reported = 1",
            Self::Profiles | Self::Phases | Self::Apps => "1",
        };
        format!("CREATE VIEW {name} AS\n{}", text.replace("$days", days))
    }

    /// The query over the rows that meet the condition `days`: days in the funnel, sessions `x` in the others. The funnel's text
    /// still has names that questions replace.
    pub(crate) fn over(self, days: &str) -> String {
        column_docs::without(&self.text()).replace("$days", days)
    }
}

/// The heading under which an abandoned attempt is counted, for a row `d` of `daily_incomplete`. Causes are compared by
/// their numbers, since the report reads thousands of rows.
fn part(d: &str) -> String {
    let own = [Cause::PortalClosed, Cause::Restarted, Cause::Unenrolled];
    let own: String = own.map(|cause| format!("WHEN {} THEN '{}' ", cause.id(), cause.name())).concat();
    format!(
        "CAST(CASE WHEN {d}.abandoned = 0 THEN NULL WHEN {d}.catalogue_row > 0 THEN 'row'
    ELSE coalesce(CASE {d}.cause_id {own}END,
      CASE {d}.place_reported WHEN 0 THEN 'placeNotReported' ELSE 'other' END) END AS TEXT)"
    )
}

/// Expands `$iso(x)`, an instant as text, `$day(x)`, a day as a date, and `$part(x)`, under which heading an abandoned
/// attempt is counted. Integer arithmetic, since a float cannot hold every millisecond.
pub(crate) fn expand(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() * 2);
    let mut rest = sql;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let call = &rest[at + 1..];
        let name = call.split('(').next().unwrap_or_default();
        // Arguments contain no parentheses.
        let argument = call[name.len()..].trim_start_matches('(').split(')').next().unwrap_or_default();
        match name {
            "iso" => out.push_str(&format!(
                "CAST(strftime('%Y-%m-%dT%H:%M:%S', ({argument}) / 1000, 'unixepoch') || \
                 printf('.%03dZ', ({argument}) % 1000) AS TEXT)"
            )),
            "part" => out.push_str(&part(argument)),
            _ => out.push_str(&format!("CAST(strftime('%Y-%m-%d', ({argument}) * 86400, 'unixepoch') AS TEXT)")),
        }
        rest = &call[name.len() + argument.len() + 2..];
    }
    out.push_str(rest);
    out
}
