//! What the tables and views are for, which a file does not say itself. A test compares the list with a fresh file.

/// Tables and views that belong together.
pub struct Group {
    /// Its heading.
    pub name: &'static str,
    /// Whether it is views in words, for people.
    pub for_people: bool,
    /// Names and what they are for.
    pub members: &'static [(&'static str, &'static str)],
}

/// The heading for tables that are not in the list, for example those of a file made by a later version.
pub const OTHERS: &str = "Others";

fn find(name: &str) -> Option<(&'static Group, &'static str)> {
    GROUPS.iter().find_map(|group| {
        let (_, about) = group.members.iter().find(|(member, _)| *member == name)?;
        Some((group, *about))
    })
}

/// What a table or view is for.
pub fn about(name: &str) -> Option<&'static str> {
    find(name).map(|(_, about)| about)
}

/// The heading of its group.
pub fn group_of(name: &str) -> &'static str {
    find(name).map_or(OTHERS, |(group, _)| group.name)
}

/// Its position under that heading.
pub fn place(name: &str) -> usize {
    let among = |(group, _): (&Group, _)| group.members.iter().position(|(member, _)| *member == name);
    find(name).and_then(among).unwrap_or(usize::MAX)
}

/// Whether it is a view in words, or a table that replaces one.
pub fn is_for_people(name: &str) -> bool {
    find(name).is_some_and(|(group, _)| group.for_people)
}

/// All tables and views. Those for people come first.
pub const GROUPS: [Group; 10] = [
    Group {
        name: "Attempts, in words",
        for_people: true,
        members: &[
            ("enrollment_attempts", "One row an attempt: who, on what, when, how it ended and where it stopped."),
            ("attempt_timeline", "The events of each attempt in their order."),
            ("attempt_senders", "The senders that took part in each attempt, and what each can report."),
            ("attempt_corrections", "Closed attempts that stand otherwise than in the file before: old and new."),
        ],
    },
    Group {
        name: "Incomplete enrollments (iOS, iPadOS and Android)",
        for_people: true,
        members: &[
            ("incomplete_rollup", "The whole window in one row: initiated, incomplete, rate."),
            ("incomplete_by_day", "The same by day and platform."),
            ("incomplete_by_section_and_day", "Abandoned attempts by day and section; every day, zero included."),
            ("incomplete_by_action", "The places where people stop, with how many did."),
            ("incomplete_without_row", "Abandoned attempts that are at none of the catalogue's places."),
            ("incomplete_detail", "Incomplete attempts by everything that the report distinguishes."),
            ("incomplete_of_all_platforms", "The same of every platform; Windows and macOS have no rows."),
            ("attempts_by_day", "Attempts of every platform by day: how many were measured, judged, timed."),
            (
                "slices_by_day",
                "What became of attempts by day and by model, OS version, enrollment type, sender and tag.",
            ),
            ("slice_places_by_day", "Where and how the incomplete ones of them stopped."),
            ("slice_steps_by_day", "How far they came: what became of those who reached each step."),
            ("device_tags", "The tags of each device, such as its department."),
            ("coverage_by_source", "What the numbers stand on: the senders that took part, and what each can report."),
            ("coverage_by_day", "The same by day and platform."),
            ("funnel", "The steps in order: who came, who went on, who gave up, median time."),
            ("funnel_by_day", "The same by day and platform, without times."),
            ("steps_by_day", "The same of every platform."),
            ("annotation_list", "What the organisation did, by date, in an administrator's words."),
            ("step_times", "How long the visits of a step took that were left forward: by day and whole second."),
        ],
    },
    Group {
        name: "Status page",
        for_people: true,
        members: &[
            ("status_summary", "Devices by their eight states, which add up, in one row."),
            ("status_by_platform", "Devices, success rate and mean time by platform."),
            ("first_time_right", "How many devices made it at their first attempt, in one row."),
            ("active_enrollments", "What is in progress: stage and how far it is."),
            ("recent_failures", "One row a failure, with device, code, reason and age."),
            ("device_failures", "Those of devices outside any attempt, and whether they are resolved."),
            ("failure_reasons", "Failures by code and reason: of attempts, sessions and devices."),
            ("failures_by_day", "The same by day and platform."),
            (
                "devices_in_limbo",
                "Devices that left one MDM and are enrolled nowhere, and registered ones never begun.",
            ),
            ("devices_left", "Devices that left one MDM and are enrolled nowhere: since when, from where."),
            ("devices_left_by_day", "How many of these left which sender on which day."),
            ("devices_not_begun", "Devices that were registered and that nobody has begun: for how many days."),
            ("removals_by_source", "Who reported of devices, and whether it reports removals."),
            ("platform_steps", "The steps that exist on each platform, of which progress is counted."),
        ],
    },
    Group {
        name: "Web-based enrollment (beta)",
        for_people: true,
        members: &[
            (
                "web_enrollment_by_step",
                "People by day and step, as the organisation's sign-ins show it; no devices, no attempts.",
            ),
            ("web_enrollment_by_day", "The same by day: who met the wall, who went on, who reached which sign-in."),
        ],
    },
    Group {
        name: "Advice",
        for_people: true,
        members: &[
            ("advice_for_failures", "What each failure can mean and what to do, likeliest first."),
            ("advice_for_reasons", "The same by code, reason and category."),
            ("advice_by_code", "The whole catalogue by error code."),
        ],
    },
    Group {
        name: "Enrollment Status Page (Windows)",
        for_people: true,
        members: &[
            ("esp_session_list", "One row a session: device, profile, state, phase, limit."),
            ("esp_phase_list", "The phases of each session with their times."),
            ("esp_item_list", "What each session waited for: apps, policies, certificates, networks."),
            ("esp_profile_list", "The profiles in order of priority, with their sessions."),
            ("esp_profile_names", "The name each profile that has sessions goes by."),
            ("esp_by_day", "Sessions by day, profile and deployment mode."),
            ("esp_daily", "The same with numbers in place of names."),
            ("esp_by_profile", "Sessions by profile, with median and 90th percentile of their time."),
            ("esp_by_phase_and_profile", "The same by phase."),
            ("esp_apps", "Apps: how many sessions had them, failures, times."),
            ("apps_by_day", "What became of apps by day and the model of the device."),
            ("app_codes_by_day", "The error codes with which apps are failed, by day."),
            ("esp_stuck_by_day", "Sessions stuck identifying apps, by day; every day, zero included."),
            ("esp_stuck_identifying", "The sessions that were."),
            ("esp_timeouts_recovered", "Sessions that passed their limit and came to their good end."),
        ],
    },
    Group {
        name: "About the file",
        for_people: false,
        members: &[
            ("meta", "Whose file, as of when, by which settings; definitions; rows of each table."),
            ("column_docs", "Every column: type, unit, meaning."),
            ("questions", "What page and API ask of the file: each question's statement, and what it takes."),
            ("refresh_state", "What the next refresh goes on from; of no use to readers."),
            ("unreadable_enrollments", "Stored enrollments that could not be read; nothing of them is in the file."),
        ],
    },
    Group {
        name: "What happened, in numbers",
        for_people: false,
        members: &[
            ("enrollments", "One row a device, as it stands."),
            ("device_sources", "Who reported of each device, and what it said last of its management."),
            ("enrollment_tags", "The tags of each device."),
            ("attempts", "One row an attempt."),
            ("attempt_events", "The events of each attempt in their order."),
            ("attempt_steps", "Each visit of a step of an attempt."),
            ("attempt_sources", "The senders that took part in each attempt, and what each can report."),
            ("failures", "One row a failure of an attempt, a session without an attempt or a device."),
            ("failure_advice", "Which advice each failure has, by rank."),
            ("failure_reason_advice", "Which advice each code, reason and category has, by rank."),
            ("esp_profiles", "The Enrollment Status Page profiles as they are now."),
            ("esp_sessions", "One row a session of the Enrollment Status Page."),
            ("esp_session_phases", "The phases of each session."),
            ("esp_items", "What each session waited for."),
            ("app_names", "What Intune calls the apps, for those that senders report by their id alone."),
            ("annotations", "What the organisation did, by date."),
            ("corrections", "Closed attempts that stand otherwise than in the file before."),
        ],
    },
    Group {
        name: "Sums, in numbers",
        for_people: false,
        members: &[
            ("daily_totals", "Attempts by day and platform."),
            ("coverage", "Senders that took part in attempts, by day, platform and what they report."),
            ("daily_incomplete", "Incomplete attempts by day, place and cause."),
            ("daily_places", "A summary's form of it: how many ended at a place each day."),
            ("incomplete_places", "The places that daily_places counts."),
            ("daily_slices", "Attempts by day and by model, OS version, enrollment type, sender and tag."),
            ("daily_slice_places", "Where and how the incomplete ones of them stopped."),
            ("daily_slice_steps", "How far they came."),
            ("daily_apps", "What became of apps in sessions, by day and the model of the device."),
            ("daily_app_codes", "The error codes of those in which an app is failed."),
            ("daily_failures", "Failures by day, what failed, code and reason."),
            ("daily_steps", "Attempts that came to, left or gave up at a step, by day."),
            ("daily_step_times", "Visits of a step that were left forward, by how long they took and day."),
            ("device_totals", "Devices by how they stand."),
            ("esp_profile_totals", "Sessions of the Enrollment Status Page by profile."),
            ("web_enrollment_sets", "People by day, platform and the steps of web-based enrollment that they came to."),
            ("web_enrollment_days", "The days of which sign-ins came in."),
        ],
    },
    Group {
        name: "Dictionaries: what the numbers stand for",
        for_people: false,
        members: &[
            ("words", "Texts that senders choose, each once."),
            ("days", "The days of the window."),
            ("catalogue_rows", "The places where people stop."),
            ("sections", "The sections of the enrollment."),
            ("actions", "The actions, which are the steps, and what senders have besides."),
            ("screens", "The screens."),
            ("user_actions", "What a person can choose."),
            ("outcomes", "How an attempt can stand."),
            ("slices", "By what attempts are told apart."),
            ("causes", "Why an attempt can be abandoned."),
            ("waits", "What an attempt can wait for."),
            ("device_states", "How a device can stand."),
            ("failure_subjects", "What can fail."),
            ("web_steps", "Steps of web-based enrollment."),
            ("step_time_parts", "The parts of the coarser scales that times of steps are counted by."),
            ("kinds", "Types of events."),
            ("platforms", "The platforms."),
            ("platform_labels", "The platforms that the status page distinguishes."),
            ("failure_categories", "Categories of failures."),
            ("clock_skews", "Which way a clock can be wrong."),
            ("advice", "What failures can mean and what to do."),
            ("advice_codes", "The error codes of each advice."),
            ("esp_phases", "The phases of the Enrollment Status Page."),
            ("esp_phase_states", "How a phase can stand."),
            ("esp_categories", "The subtasks of a phase."),
            ("esp_item_states", "How an item can stand."),
            ("esp_session_states", "How a session can stand."),
            ("esp_trackings", "What an item can mean to a session."),
            ("esp_stages", "Where a session can be, in words."),
            ("esp_rules", "What can make a profile apply."),
            ("deployment_modes", "How a device can be deployed."),
        ],
    },
];
