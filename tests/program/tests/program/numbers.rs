//! The numbers that the demonstration prints, those of the API, of the file's views and of the plain model agree.

use crate::figures::{Asked, Figures, rounded};
use crate::model::{delivered, devices_at, instant, received, sample};
use crate::one_value::values_agree;
use crate::overview::overviews_agree;
use crate::usual::usual_sessions_agree;
use rusqlite::Connection;
use serde_json::Value;
use vestibule_domain::Timestamp;
use vestibule_domain::time::Tz;
use vestibule_model::{AppLine, Delivered, Device, PlatformLine, ROWS, Settings, SliceLine, apps, slices, status};
use vestibule_program_tests::{Client, Folder};
use vestibule_words::form::{count, rate};

const ENROLLMENTS: &str = "400";

#[tokio::test]
async fn demo_file_api_and_model_agree() {
    let folder = Folder::new();
    let printed = folder.json(&["demo", "--listen", "127.0.0.1:0", "--exit", "--enrollments", ENROLLMENTS]);
    let conn = Connection::open(printed["path"].as_str().unwrap()).unwrap();
    let file_as_of: String = conn.query_row("SELECT value FROM meta WHERE key = 'asOf'", [], |row| row.get(0)).unwrap();
    let file_as_of = instant(&file_as_of);
    let sample = delivered(&sample(&folder.data()), &received(&conn), file_as_of);
    let devices = devices_at(&sample, file_as_of);

    attempts_agree(&conn, &devices);
    assert_eq!(printed["flagged"], 3, "the sweep finds those who waited at a screen");
    products_report_less(&printed["products"]);
    let window_from: String =
        conn.query_row("SELECT value FROM meta WHERE key = 'windowFrom'", [], |row| row.get(0)).unwrap();
    let asked = ranges(&printed, window_from);
    for one in &asked {
        let model = Figures::of_model(&devices, one);
        assert_eq!(Figures::of_attempts(&conn, one), model, "attempts of the file: {one:?}");
        assert_eq!(Figures::of_views(&conn, one), model, "views of the file: {one:?}");
        assert!(model.initiated > 10 && model.abandoned > 0, "the sample is too small for a comparison: {one:?}");
    }
    assert_eq!(Figures::of_window(&conn), Figures::of_model(&devices, &asked[2]), "views of the whole window");
    platforms_agree(&of_file(&conn), &devices, file_as_of);

    for (name, one) in [("incompleteEnrollments", &asked[0]), ("wholeWindow", &asked[1])] {
        answer_agrees(&printed[name], one, &sample);
    }
    status_agrees(&printed["enrollmentStatus"], &sample);
    reasons_agree(&conn, &devices, file_as_of);

    let serve = folder.serve();
    let api = Client::new(&serve.url, printed["token"].as_str().unwrap());
    for one in &asked {
        answer_agrees(&api.json(&one.path()).await, one, &sample);
    }
    let usual = api.json("/api/reports/incomplete-enrollments").await;
    answer_agrees(&usual, &usual_range(&usual), &sample);
    status_agrees(&api.json("/api/devices/enrollment-status").await, &sample);
    limbo_agrees(&api, &sample).await;
    drill_down_agrees(&api, &asked).await;
    slices_agree(&api, &asked[0], &sample).await;
    slices_agree(&api, &asked[6], &sample).await;
    values_agree(&api, &[&asked[1], &asked[6], &asked[8]], &asked[2].from, &sample).await;
    for one in [&asked[0], &asked[2]] {
        apps_agree(&api, one, &sample).await;
    }
    usual_sessions_agree(&api, &sample).await;
    overviews_agree(&api, &asked, &asked[2].from, &sample).await;
    let now = &api.json("/api/reports/overview").await["periods"][0];
    let of = |member: &str| count(now[member].as_u64().unwrap());
    let said =
        format!("{} give up ({} of {})", rate(now["abandonedRate"].as_f64()), of("abandonedMeasured"), of("measured"));
    assert!(printed["headline"].as_str().unwrap().contains(&said), "{said}: {}", printed["headline"]);

    // Posting the same sample again changes no number and no attempt.
    drop(serve);
    let again = folder.json(&["demo", "--listen", "127.0.0.1:0", "--exit", "--enrollments", ENROLLMENTS]);
    answer_agrees(&again["wholeWindow"], &asked[1], &sample);
    let conn = Connection::open(again["path"].as_str().unwrap()).unwrap();
    attempts_agree(&conn, &devices_at(&sample, instant(again["wholeWindow"]["asOf"].as_str().unwrap())));
}

/// Of the 120 enrollments of products, seven in ten completed. Giving up is visible only if a product reports starts.
fn products_report_less(shown: &Value) {
    let report = &shown["wholeWindow"];
    let number = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(
        (number("initiated"), number("measured"), number("completed")),
        (42 + 24 + 26, 24, 42 + 17 + 26),
        "{report}"
    );
    assert_eq!((number("abandoned"), number("abandonedMeasured")), (7, 7));
    let sources = shown["coverage"]["sources"].as_array().unwrap();
    assert!(sources.len() == 3 && sources.iter().all(|source| source["sentence"].is_string()), "{sources:?}");
}

/// The default range of an answer: the last fourteen days, today included.
fn usual_range(answer: &Value) -> Asked {
    let to = instant(answer["asOf"].as_str().unwrap()).day(Tz::UTC).plus(1);
    Asked { from: to.plus(-14).to_string(), to: to.to_string(), os: None, section: None }
}

/// The default range, the sample's days, all that is kept, each filter alone, and all filters together.
/// The file has more than the range that is called whole: everything since `window_from`.
fn ranges(printed: &Value, window_from: String) -> Vec<Asked> {
    let usual = usual_range(&printed["incompleteEnrollments"]);
    let day = |member: &str| printed["wholeWindow"][member].as_str().unwrap().to_owned();
    let whole = Asked { from: day("from"), to: day("to"), ..usual.clone() };
    let kept = Asked { from: window_from, ..whole.clone() };
    vec![
        usual.clone(),
        whole.clone(),
        kept,
        Asked { os: Some("ios"), ..whole.clone() },
        Asked { os: Some("android"), ..usual.clone() },
        Asked { os: Some("windows"), ..whole.clone() },
        Asked { os: Some("all"), ..whole.clone() },
        Asked { section: Some("platformScreens"), ..whole },
        Asked { os: Some("android"), section: Some("setupChecklist"), ..usual },
    ]
}

/// One attempt, with the members that the model has.
type Row = Vec<Option<String>>;

const COLUMNS: &str = "enrollment_key, started_at, ended_at, outcome, cause, section, action, screen, \
    CAST(catalogue_row AS TEXT), platform, user_principal_name, user_id, device_name, manufacturer, model, os_version, \
    enrollment_type, failure_code, failure_reason, failure_category, CAST(event_count AS TEXT)";

fn attempts_agree(conn: &Connection, devices: &[Device]) {
    let mut rows = conn.prepare(&format!("SELECT {COLUMNS} FROM enrollment_attempts")).unwrap();
    let columns = rows.column_count();
    let rows = rows.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).unwrap();
    let mut file: Vec<Row> = rows.collect::<Result<_, _>>().unwrap();

    let time = |millis: i64| Timestamp::from_millis(millis).to_string();
    let attempts = devices.iter().flat_map(|device| &device.attempts).cloned();
    let mut model: Vec<Row> = attempts
        .map(|one| {
            vec![
                Some(one.enrollment_key),
                Some(time(one.started_at_ms)),
                one.ended_at_ms.map(time),
                Some(one.outcome),
                one.cause,
                one.section,
                one.action,
                one.screen,
                one.catalogue_row.map(|row| row.to_string()),
                one.platform,
                one.user_principal_name,
                one.user_id,
                one.device_name,
                one.manufacturer,
                one.model,
                one.os_version,
                one.enrollment_type,
                one.failure_code,
                one.failure_reason,
                one.failure_category,
                Some(one.events.len().to_string()),
            ]
        })
        .collect();
    file.sort();
    model.sort();
    let only = |these: &[Row], those: &[Row]| -> Vec<Row> {
        these.iter().filter(|row| those.binary_search(row).is_err()).take(5).cloned().collect()
    };
    let (in_file, in_model) = (only(&file, &model), only(&model, &file));
    assert!(
        in_file.is_empty() && in_model.is_empty(),
        "only in the file: {in_file:#?}\nonly in the model: {in_model:#?}"
    );
    assert_eq!(file.len(), model.len());
}

/// Checks that the API's report equals the model's at the same instant.
fn answer_agrees(answer: &Value, asked: &Asked, sample: &[Delivered]) {
    let devices = devices_at(sample, instant(answer["asOf"].as_str().unwrap()));
    assert_eq!(Figures::of_answer(answer), Figures::of_model(&devices, asked), "{asked:?}");
    assert_eq!(answer["timeZone"], "UTC");
    assert_eq!((answer["from"].as_str(), answer["to"].as_str()), (Some(&*asked.from), Some(&*asked.to)));
    // All days and sections are listed, even with zero, and all rows of the catalogue.
    let days = (0..).take_while(|days| first_day(asked).plus(*days).to_string() < asked.to).count();
    let daily = answer["daily"].as_array().unwrap();
    let catalogued = |day: &&Value| !day["section"].is_null() && day["section"] != "enrollmentStatusPage";
    let inside = daily.iter().filter(catalogued).count();
    assert_eq!(inside, days * if asked.section.is_some() { 1 } else { 4 });
    let rows = if asked.os == Some("windows") { 0 } else { ROWS.len() };
    assert_eq!(answer["actions"].as_array().unwrap().len(), rows);
}

fn first_day(asked: &Asked) -> vestibule_domain::Day {
    vestibule_domain::Day::parse(&asked.from).unwrap()
}

/// What both definitions of a platform's line have in common.
#[derive(Debug, PartialEq)]
struct Line {
    platform: String,
    completed: u64,
    failed: u64,
    abandoned: u64,
    success_rate: Option<f64>,
    average_minutes: Option<f64>,
}

fn of_model(line: PlatformLine) -> Line {
    let PlatformLine { platform, completed, failed, abandoned, success_rate, average_minutes, .. } = line;
    let (success_rate, average_minutes) = (success_rate.map(rounded), average_minutes.map(rounded));
    Line { platform, completed, failed, abandoned, success_rate, average_minutes }
}

fn of_file(conn: &Connection) -> Vec<Line> {
    let sql = "SELECT platform, completed, failed, abandoned, success_rate, average_minutes FROM status_by_platform
               WHERE platform IS NOT NULL";
    let mut rows = conn.prepare(sql).unwrap();
    let rows = rows.query_map([], |row| {
        Ok(Line {
            platform: row.get(0)?,
            completed: row.get(1)?,
            failed: row.get(2)?,
            abandoned: row.get(3)?,
            success_rate: row.get::<_, Option<f64>>(4)?.map(rounded),
            average_minutes: row.get::<_, Option<f64>>(5)?.map(rounded),
        })
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

fn of_answer(line: &Value) -> Line {
    let number = |name: &str| line[name].as_u64().unwrap();
    Line {
        platform: line["platform"].as_str().unwrap().to_owned(),
        completed: number("completed"),
        failed: number("failed"),
        abandoned: number("abandoned"),
        success_rate: line["successRate"].as_f64().map(rounded),
        average_minutes: line["averageMinutes"].as_f64().map(rounded),
    }
}

fn platforms_agree(file: &[Line], devices: &[Device], as_of: Timestamp) {
    let model: Vec<Line> = status(devices, as_of.millis()).by_platform.into_iter().map(of_model).collect();
    assert_eq!(file.len(), model.len());
    for line in &model {
        assert!(file.contains(line), "the model says {line:?}, the file {file:#?}");
    }
}

fn status_agrees(answer: &Value, sample: &[Delivered]) {
    let as_of = instant(answer["asOf"].as_str().unwrap());
    let devices = devices_at(sample, as_of);
    let lines = answer["byPlatform"].as_array().unwrap().iter().filter(|line| !line["platform"].is_null());
    let lines: Vec<Line> = lines.map(of_answer).collect();
    platforms_agree(&lines, &devices, as_of);
    let model = status(&devices, as_of.millis());
    let number = |name: &str| answer[name].as_u64().unwrap();
    for (state, count) in &model.states {
        assert_eq!(number(state), *count, "{state}");
    }
    assert_eq!(model.states.iter().map(|(_, count)| count).sum::<u64>(), number("devices"));
    let first = &answer["firstTimeRight"];
    assert_eq!(first["n"], model.first_time_of);
    assert_eq!(first["rate"].as_f64().map(rounded), model.first_time_right_rate.map(rounded));
}

/// Devices that left and did not come back, and those never begun: counts, days, and the list page by page.
async fn limbo_agrees(api: &Client, sample: &[Delivered]) {
    const AFTER_DAYS: i64 = 5;
    let first = format!("/api/devices/limbo?afterDays={AFTER_DAYS}&limit=3");
    let answer = api.json(&first).await;
    let as_of = instant(answer["asOf"].as_str().unwrap());
    let devices = devices_at(sample, as_of);
    let left = devices.iter().filter_map(|device| Some((&device.enrollment_key, device.left.as_ref()?)));
    let mut model: Vec<[String; 4]> = left
        .map(|(key, (source, at))| {
            let since = Timestamp::from_millis(*at).to_string();
            ["left".to_owned(), key.clone(), since, source.clone()]
        })
        .collect();
    assert_eq!(answer["leftDevices"], model.len());
    assert!(!model.is_empty(), "the sample has no such device");
    let by_day = answer["byDay"].as_array().unwrap().iter().map(|day| day["devices"].as_u64().unwrap()).sum::<u64>();
    assert!(by_day as usize <= model.len() && by_day > 0);
    let registered = devices.iter().filter(|device| device.registered).count();
    assert_eq!(answer["registered"], registered);
    let begun_by = (as_of - vestibule_domain::Millis::from_days(AFTER_DAYS)).millis();
    let pending = devices.iter().filter(|device| device.state == "pending");
    let pending = pending.filter_map(|device| Some((device, device.registered_at_ms?)));
    let never: Vec<_> = pending.filter(|(_, at)| *at <= begun_by).collect();
    assert_eq!(answer["notBegun"], never.len());
    model.extend(never.into_iter().filter(|(device, _)| device.left.is_none()).map(|(device, at)| {
        let since = Timestamp::from_millis(at).to_string();
        ["notBegun".to_owned(), device.enrollment_key.clone(), since, String::new()]
    }));
    let (mut listed, mut page) = (Vec::new(), answer);
    loop {
        let text = |one: &Value, member: &str| one[member].as_str().unwrap_or_default().to_owned();
        let devices = page["devices"].as_array().unwrap();
        listed.extend(
            devices.iter().map(|one| ["why", "enrollmentKey", "since", "source"].map(|member| text(one, member))),
        );
        match page["next"].as_str() {
            Some(next) => page = api.json(&format!("{first}&cursor={next}")).await,
            None => break,
        }
    }
    assert!(listed.windows(2).all(|two| two[0][2] >= two[1][2]), "newest first: {listed:?}");
    listed.sort();
    model.sort();
    assert_eq!(listed, model);
}

/// Each app on each model: its numbers are the model's, and lead to as many sessions.
async fn apps_agree(api: &Client, asked: &Asked, sample: &[Delivered]) {
    let Asked { from, to, .. } = asked;
    let answer = api.json(&format!("/api/reports/apps?from={from}&to={to}&limit=1000&models=1000")).await;
    let devices = devices_at(sample, instant(answer["asOf"].as_str().unwrap()));
    let (mut model, without) = apps(&devices, from, to, &Settings::default());
    let number = |line: &Value, name: &str| line[name].as_u64();
    let mut lines: Vec<AppLine> = answer["cells"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| {
            // How it went is null where nobody tried it.
            let went = ["installed", "failed", "failing"].map(|name| number(cell, name));
            assert_eq!(went.map(|count| count.is_none()), [number(cell, "tried") == Some(0); 3], "{cell}");
            let [installed, failed, failing] = went.map(Option::unwrap_or_default);
            let rest =
                ["sessions", "tried", "notNeeded", "open", "notReported"].map(|name| number(cell, name).unwrap());
            let [sessions, tried, not_needed, open, not_reported] = rest;
            let (app, model) = (cell["app"].as_str().unwrap().to_owned(), cell["model"].as_str().map(str::to_owned));
            AppLine { app, model, sessions, tried, failed, failing, installed, not_needed, open, not_reported }
        })
        .collect();
    let order = |line: &AppLine| (line.app.clone(), line.model.clone());
    lines.sort_by_key(order);
    model.sort_by_key(order);
    assert!(lines.len() > 10, "the sample has few apps: {answer}");
    assert_eq!(lines, model);
    assert_eq!(answer["withoutApps"], without);
    let worst = &answer["apps"][0];
    let app = worst["app"].as_str().unwrap().replace(' ', "%20");
    let path = format!("/api/reports/esp/sessions?from={from}&to={to}&app={app}&appFailed=true&limit=1000");
    assert_eq!(worst["failed"], api.json(&path).await["sessions"].as_array().unwrap().len(), "{path}");
}

/// Each value of each slice: its numbers are the model's, and its attempts are as many as it says.
async fn slices_agree(api: &Client, asked: &Asked, sample: &[Delivered]) {
    let Asked { from, to, os, .. } = asked;
    let range = format!("from={from}&to={to}{}", os.map(|os| format!("&os={os}")).unwrap_or_default());
    for by in ["model", "osVersion", "enrollmentType", "source", "department", "building"] {
        let answer = api.json(&format!("/api/reports/slices?{range}&by={by}&limit=3")).await;
        let values = answer["values"].as_array().unwrap();
        assert!(values.len() > 1, "the sample has one {by}: {answer}");
        for value in values {
            let one = match value["value"].as_str() {
                Some(text) if by == "department" || by == "building" => {
                    format!("tag={by}%3D{}", text.replace(' ', "%20"))
                }
                Some(text) => format!("{by}={}", text.replace(' ', "%20").replace(',', "%2C")),
                None => format!("without={by}"),
            };
            let path = format!("/api/reports/incomplete-enrollments/attempts?{range}&{one}&limit=1000");
            let attempts = api.json(&path).await["attempts"].as_array().unwrap().len();
            assert_eq!(value["initiated"], attempts, "{path}");
        }
        if by == "source" {
            continue;
        }
        let devices = devices_at(sample, instant(answer["asOf"].as_str().unwrap()));
        let model = slices(&devices, from, to, *os, by, &Settings::default());
        assert_eq!(answer["initiated"], model.iter().map(|line| line.initiated).sum::<u64>());
        for (value, line) in values.iter().zip(&model) {
            slice_agrees(value, line);
        }
        let rest = |count: fn(&SliceLine) -> u64| model.iter().skip(3).map(count).sum::<u64>();
        assert_eq!(answer["rest"]["values"], model.len().saturating_sub(3));
        assert_eq!(answer["rest"]["initiated"], rest(|line| line.initiated));
        assert_eq!(answer["rest"]["completed"], rest(|line| line.completed));
        assert_eq!(answer["rest"]["abandoned"].as_u64().unwrap_or(0), rest(|line| line.abandoned));
    }
}

fn slice_agrees(value: &Value, line: &SliceLine) {
    let counts = ["initiated", "completed", "open", "measured", "abandonedMeasured"].map(|name| &value[name]);
    let model = [line.initiated, line.completed, line.open, line.measured, line.abandoned_measured];
    assert_eq!((value["value"].as_str(), counts.map(|count| count.as_u64().unwrap())), (line.value.as_deref(), model));
    // What nobody could have reported is null.
    assert_eq!(value["abandoned"].as_u64().unwrap_or(0), line.abandoned, "{value}");
    assert!(!value["abandoned"].is_null() || line.measured == 0, "{value}");
    assert_eq!(value["failed"].as_u64().unwrap_or(0), line.failed, "{value}");
    let most = line.places.iter().map(|(_, count)| *count).max();
    assert_eq!(value["stoppedThere"].as_u64(), most, "{value}");
    let action = value["action"].as_str();
    assert!(
        line.places.iter().any(|(name, count)| Some(name.as_str()) == action && Some(*count) == most) || most.is_none()
    );
}

fn reasons_agree(conn: &Connection, devices: &[Device], as_of: Timestamp) {
    let sql =
        "SELECT reason, sum(failed) FROM failures_by_day WHERE subject = 'attempt' GROUP BY reason ORDER BY 2 DESC, 1";
    let mut rows = conn.prepare(sql).unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let file: Vec<(Option<String>, u64)> = rows.collect::<Result<_, _>>().unwrap();
    let model = status(devices, as_of.millis()).failure_reasons;
    assert_eq!(file, model.into_iter().map(|one| (one.reason, one.failed)).collect::<Vec<_>>());
}

/// Goes from a number to its attempts, page by page, which must be as many as the number says, and from one to its
/// events.
async fn drill_down_agrees(api: &Client, asked: &[Asked]) {
    for one in asked {
        let report = Figures::of_answer(&api.json(&one.path()).await);
        let mut found = Vec::new();
        let first = one
            .path()
            .replace("incomplete-enrollments?", "incomplete-enrollments/attempts?outcome=abandoned&limit=37&");
        let mut path = first.clone();
        loop {
            let page = api.json(&path).await;
            found.extend(page["attempts"].as_array().unwrap().iter().map(|one| one["attemptId"].to_string()));
            match page["next"].as_str() {
                Some(next) => path = format!("{first}&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found.len() as u64, report.abandoned, "{one:?}");
        found.sort();
        found.dedup();
        assert_eq!(found.len() as u64, report.abandoned, "no attempt is on two pages");
    }
    let page = api.json("/api/reports/incomplete-enrollments/attempts?outcome=completed&limit=1").await;
    let listed = &page["attempts"][0];
    let detail = api.json(&format!("/api/attempts/{}", listed["attemptId"].as_str().unwrap())).await;
    assert_eq!(detail["events"].as_array().unwrap().len() as u64, listed["eventCount"].as_u64().unwrap());
    assert_eq!(detail["events"][0]["time"], listed["startedAt"]);
}
