//! How long sessions like one usually take: the API's answer is the model's.

use crate::model::{devices_at, instant};
use serde_json::Value;
use vestibule_domain::Timestamp;
use vestibule_model::{Delivered, Device, Median, usual};
use vestibule_program_tests::Client;

/// Sessions that are looked at.
const LOOKED_AT: usize = 12;

fn median(line: &Value) -> Median {
    (usize::try_from(line["n"].as_u64().unwrap()).unwrap(), line["medianMinutes"].as_f64())
}

/// Sessions of the newer half, which have more of their kind before them: whole and by item.
pub async fn usual_sessions_agree(api: &Client, sample: &[Delivered]) {
    let list = api.json("/api/reports/esp/sessions?limit=1000").await;
    let sessions = list["sessions"].as_array().unwrap();
    let (mut with, mut without) = (0, 0);
    let mut devices: Option<(Timestamp, Vec<Device>)> = None;
    let newer = sessions.len() / 2;
    for session in sessions.iter().take(newer).step_by(newer.div_ceil(LOOKED_AT)) {
        let path = format!("/api/reports/esp/sessions/{}", session["sessionId"].as_str().unwrap());
        let whole = api.json(&path).await;
        let answer = api.json(&format!("{path}/usual")).await;
        let as_of = instant(answer["asOf"].as_str().unwrap());
        if devices.as_ref().is_none_or(|(known, _)| *known != as_of) {
            devices = Some((as_of, devices_at(sample, as_of)));
        }
        let (_, devices) = devices.as_ref().unwrap();
        let device = devices.iter().find(|one| session["enrollmentKey"] == one.enrollment_key).unwrap();
        let started_ms = instant(session["startedAt"].as_str().unwrap()).millis();
        let this = device.sessions.iter().find(|one| one.started_at_ms == started_ms).unwrap();

        let key = |item: &Value| {
            let text = |name: &str| item[name].as_str().unwrap().to_owned();
            (text("phase"), text("category"), text("itemId"))
        };
        let items: Vec<_> = answer["items"].as_array().unwrap().iter().map(key).collect();
        assert_eq!(items, whole["items"].as_array().unwrap().iter().map(key).collect::<Vec<_>>());
        let model = usual(devices, this, &items);
        assert_eq!(
            (answer["sessions"].as_u64(), median(&answer)),
            (Some(model.sessions as u64), model.whole),
            "{path}"
        );
        for (line, (_, expected)) in answer["items"].as_array().unwrap().iter().zip(&model.items) {
            assert_eq!(median(line), *expected, "{path}: {line}");
            *(if expected.1.is_some() { &mut with } else { &mut without }) += 1;
        }
    }
    assert!(with > 0 && without > 0, "{with} items with a median, {without} without");
}
