//! Tags of devices: which are kept, whose they are, and what they tell apart.

use serde_json::{Value, json};
use vestibule_domain::Millis;
use vestibule_program_tests::{Client, Folder, event, eventually, now};

fn started(id: &str, serial: &str, user: &str, tags: &Value) -> Value {
    let data =
        json!({"device": {"serialNumber": serial}, "platform": "ios", "user": {"principalName": user}, "tags": tags});
    event(id, "enrollment.started", now() - Millis::from_minutes(9), &data)
}

fn tables(folder: &Folder, name: &str, text: &str) -> String {
    let path = folder.beside(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The values of a tag with how many attempts have them.
async fn values(api: &Client, by: &str) -> Vec<(Option<String>, u64)> {
    let answer = api.json(&format!("/api/reports/slices?by={by}")).await;
    let values = answer["values"].as_array().unwrap().iter();
    values.map(|one| (one["value"].as_str().map(str::to_owned), one["initiated"].as_u64().unwrap())).collect()
}

async fn attempts(api: &Client, filter: &str) -> Vec<Value> {
    let answer = api.json(&format!("/api/reports/incomplete-enrollments/attempts?{filter}")).await;
    answer["attempts"].as_array().unwrap().clone()
}

#[tokio::test]
async fn devices_are_tagged_by_events_and_by_a_table_and_attempts_are_told_apart_by_it() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let (sender, api) = (serve.sender(&contoso), Client::new(&serve.url, &contoso.admin));
    let sales = json!({"Department": "Sales", "colour": "red"});
    let tagged = json!({"device": {"serialNumber": "TAGGED0002"}, "model": "no fact", "tags": {"building": "North"}});
    let events = json!([
        started("1", "TAGGED0001", "ada@contoso.example", &sales),
        started("2", "TAGGED0002", "bo@contoso.example", &json!({})),
        // Nothing else is known of this device, so it counts nowhere.
        event("3", "enrollment.tagged", now(), &json!({"device": {"serialNumber": "TAGGED0003"}, "tags": sales})),
        event("4", "enrollment.tagged", now() - Millis::from_minutes(30), &tagged),
    ]);
    assert_eq!(sender.post(&events).await.ok(202)["accepted"], 4);
    let none = || (None, 1);
    assert_eq!(values(&api, "department").await, [(Some("Sales".to_owned()), 1), none()]);
    assert_eq!(api.json("/api/devices/enrollment-status").await["devices"], 2);
    let kinds = api.json("/api/reports/slices").await["kinds"].clone();
    let names: Vec<&str> = kinds.as_array().unwrap().iter().map(|kind| kind["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["model", "osVersion", "enrollmentType", "source", "department", "building"]);
    assert_eq!(api.get("/api/reports/slices?by=colour").await.problem(400)["errors"][0]["field"], "by");

    // A table tags what was there before, and again changes nothing.
    let table = "\u{feff}Department;SerialNumber;building\nFinance;tagged0002;\n;TAGGED0001;South\nLegal;TAGGED0004;\n";
    let table = tables(&folder, "tags.csv", table);
    let imported = folder.json(&["tags", "import", "contoso", &table]);
    assert_eq!(imported, json!({"tenant": "contoso", "rows": 3, "tagged": 3, "unchanged": 0, "notKnown": 1}));
    let again = folder.json(&["tags", "import", "contoso", &table]);
    assert_eq!((&again["tagged"], &again["unchanged"]), (&json!(0), &json!(3)));
    assert!(folder.words(&["tags", "import", "contoso", &table]).stdout.contains("3 had these tags already"));
    assert_eq!(values(&api, "department").await, [(Some("Finance".to_owned()), 1), (Some("Sales".to_owned()), 1)]);
    assert_eq!(values(&api, "building").await, [(Some("North".to_owned()), 1), (Some("South".to_owned()), 1)]);
    let found = attempts(&api, "tag=Department%3Dfinance").await;
    assert_eq!((found.len(), &found[0]["enrollmentKey"]), (1, &json!("tagged0002")));
    let of_one = api.json(&format!("/api/attempts/{}", found[0]["attemptId"].as_str().unwrap())).await;
    let both = json!([{"tag": "building", "value": "North"}, {"tag": "department", "value": "Finance"}]);
    assert_eq!((&of_one["tags"], &of_one["model"], &of_one["eventCount"]), (&both, &Value::Null, &json!(1)));
    assert_eq!(attempts(&api, "without=building").await.len(), 0);
    assert_eq!(attempts(&api, "without=groupTag").await.len(), 2);

    // The keys are the tenant's to choose: what was kept under others is not shown.
    let wrong = ["tenant", "set", "contoso", r#"tagKeys=["model"]"#];
    assert!(folder.fails(&wrong).contains("tagKeys"));
    folder.json(&["tenant", "set", "contoso", r#"tagKeys=["department", "colour"]"#]);
    let sent = json!({"colour": "blue", "building": "East"});
    eventually("the keys are known", async || {
        sender.post(&started(&now().to_string(), "TAGGED0001", "ada@contoso.example", &sent)).await.ok(202);
        let red = attempts(&api, "tag=colour%3Dblue").await;
        (!red.is_empty()).then_some(())
    })
    .await;
    assert!(api.get("/api/reports/slices?by=building").await.status == 400);

    // Tags are pseudonyms where names are, and go with the person.
    folder.json(&["tenant", "set", "contoso", "pseudonymise=true"]);
    let shown = eventually("pseudonyms", async || {
        let shown = values(&api, "department").await;
        shown.iter().all(|(value, _)| value.as_ref().is_none_or(|value| value.starts_with("p:"))).then_some(shown)
    })
    .await;
    assert!(shown.len() > 1, "{shown:?}");
    folder.json(&["tenant", "set", "contoso", "pseudonymise=false"]);
    folder.json(&["erase", "contoso", "--user", "ada@contoso.example"]);
    let exported = folder.json(&["export", "contoso"]);
    let file = rusqlite::Connection::open(exported["path"].as_str().unwrap()).unwrap();
    let mut left = file.prepare("SELECT enrollment_key || ' ' || tag || ' ' || value FROM device_tags").unwrap();
    let left: Vec<String> = left.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(left, ["tagged0002 department Finance"]);
}

#[tokio::test]
async fn a_table_with_anything_wrong_in_it_changes_nothing_and_says_where() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let long = "x".repeat(65);
    for (text, problems) in [
        ("", &["it is empty"][..]),
        (
            "serialNumber,department,colour\nA000001,Sales,red\n",
            &["line 1", "\"colour\"", "department, building", "tagKeys"],
        ),
        ("department\nSales\n", &["line 1", "no column serialNumber"]),
        ("serialNumber\nA000001\n", &["line 1", "no column of a tag"]),
        ("serialNumber,department,Department\nA000001,a,b\n", &["line 1", "twice"]),
        ("serialNumber,department\nA000001,Sales\n,Finance\n", &["line 3 has no serialNumber"]),
        ("serialNumber,department\nA000001,Sales\na000001,Finance\n", &["line 3 is about the device of line 2"]),
        ("serialNumber,department\nA000001,Sales,more\n", &["line 2 has more cells than columns"]),
        ("serialNumber,department\nDefault string,Sales\n", &["line 2", "serialNumber"]),
        (&format!("serialNumber,department\nA000001,{long}\n"), &["line 2", "department", "64 characters"]),
    ] {
        let table = tables(&folder, "wrong.csv", text);
        let said = folder.fails(&["tags", "import", "contoso", &table]);
        for problem in problems {
            assert!(said.contains(problem), "{problem} in {said}");
        }
        assert!(!said.contains(&long), "{said}");
    }
    let table = tables(&folder, "tags.csv", "serialNumber,department\nA000001,Sales\n");
    assert!(folder.fails(&["tags", "import", "nobody", &table]).contains("no tenant nobody"));
    // Of nothing above anything was stored.
    assert_eq!(folder.json(&["tags", "import", "contoso", &table])["tagged"], 1);
    let again = folder.words(&["tags", "import", "contoso", &table]).stdout;
    assert!(again.starts_with("1 row: 0 devices tagged, 1 had these tags already."), "{again}");
}

/// What products post; the test gives each a time of its own day.
const COMPUTER: &str = include_str!("../../../../shared/webhook/src/sources/samples/jamf-computer-added.json");
const SET_UP: &str = include_str!("../../../../shared/webhook/src/sources/samples/setup-manager-finished.json");
const GROUPED: &str =
    include_str!("../../../../shared/webhook/src/sources/samples/workspace-one-mdm-enrollment-complete.json");
const AUTOPILOT: &str =
    include_str!("../../../../shared/webhook/src/sources/samples/graph-autopilot-devices-list.json");

#[tokio::test]
async fn products_report_tags_and_those_that_the_tenant_named_are_kept() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    folder.json(&["tenant", "set", "contoso", r#"tagKeys=["department", "Room", "groupTag", "organizationGroup"]"#]);
    let secret =
        |source: &str| folder.json(&["source", "add", "contoso", source])["secret"].as_str().unwrap().to_owned();
    let secrets = ["jamf", "setup-manager", "workspace-one", "graph-autopilot-devices"].map(secret);
    let serve = folder.serve();
    let api = Client::new(&serve.url, &contoso.admin);
    let text = |minutes: i64| json!((now() - Millis::from_minutes(minutes)).to_string());
    let [mut computer, mut set_up, mut grouped, autopilot] =
        [COMPUTER, SET_UP, GROUPED, AUTOPILOT].map(|body| serde_json::from_str::<Value>(body).unwrap());
    computer["webhook"]["eventTimestamp"] = json!(now().millis());
    (set_up["started"], set_up["duration"]) = (text(21), json!(1_200));
    (set_up["finished"], set_up["timestamp"]) = (text(1), text(1));
    grouped["EventTime"] = text(2);
    let post = async |source: &str, secret: &str, body: &Value| {
        let hook = format!("{}/hooks/contoso/{source}", serve.url);
        let request = match source {
            "jamf" | "workspace-one" => reqwest::Client::new().post(hook).basic_auth("vestibule", Some(secret)),
            _ => reqwest::Client::new().post(format!("{hook}/{secret}")),
        };
        let answered = request.body(body.to_string()).send().await.unwrap();
        assert!(answered.status().is_success(), "{source}: {}", answered.status());
    };
    // Of a device that has only a tag there is no attempt, and one of before has the tag of later.
    let data = json!({"device": {"serialNumber": "PF3FGHIJ"}, "platform": "windows"});
    let begun = event("w", "enrollment.started", now() - Millis::from_minutes(9), &data);
    serve.sender(&contoso).post(&begun).await.ok(202);
    for ((source, secret), body) in ["jamf", "setup-manager", "workspace-one", "graph-autopilot-devices"]
        .iter()
        .zip(&secrets)
        .zip([&computer, &set_up, &grouped, &autopilot])
    {
        post(source, secret, body).await;
    }
    let kept = async |key: &str| -> Vec<String> {
        let mut all: Vec<_> =
            values(&api, &format!("{key}&os=all")).await.into_iter().filter_map(|(it, _)| it).collect();
        all.sort();
        all
    };
    assert_eq!(kept("department").await, ["Information Technology", "Sales"]);
    assert_eq!(kept("Room").await, ["2.17"]);
    assert_eq!(kept("organizationGroup").await, ["Contoso"]);
    assert_eq!(kept("groupTag").await, ["FINANCE"]);
    for dropped in ["building", "assetTag"] {
        assert_eq!(api.get(&format!("/api/reports/slices?by={dropped}")).await.status, 400, "{dropped}");
    }
}
