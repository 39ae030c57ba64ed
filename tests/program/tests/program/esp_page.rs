//! A device's Enrollment Status Page: as JSON, and as a page for people.

use crate::esp::{PROFILES, Setup, app, everything, item, named, page_event, send, set_up, subtask};
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, WWW_AUTHENTICATE};
use serde_json::{Value, json};
use vestibule_program_tests::{Answer, Client};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn browse(client: &Client, path: &str) -> Answer {
    Answer::of(client.request(Method::GET, path).header(ACCEPT, BROWSER).send().await.unwrap()).await
}

fn text(answer: &Answer) -> String {
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    String::from_utf8(answer.body.clone()).unwrap()
}

fn phase(page: &Value, number: usize) -> (&str, &str) {
    let phase = &page["phases"][number];
    (phase["phase"].as_str().unwrap(), phase["state"].as_str().unwrap())
}

#[tokio::test]
async fn the_page_follows_the_reported_events() {
    let setup = set_up();
    let device = "5CG-FOLLOW";
    setup.hear(&[page_event("esp.started", device, 14, &json!({"deploymentMode": "selfDeploying"}))]).await;
    let page = setup.page(device).await;
    assert_eq!((&page["progress"], &page["stage"]), (&Value::Null, &json!("Device preparation")), "{page}");
    assert_eq!(
        [phase(&page, 0), phase(&page, 1)],
        [("devicePreparation", "inProgress"), ("deviceSetup", "notStarted")]
    );
    assert_eq!((&page["allowedActions"], &page["message"], &page["failure"]), (&json!([]), &Value::Null, &Value::Null));
    assert_eq!(page["elapsedSeconds"].as_u64().unwrap() / 60, 14);
    assert_eq!(subtask(&page, "devicePreparation", "secureHardware")["state"], "notStarted");

    let begins = |phase: &str, minutes_ago| {
        page_event("esp.phase", device, minutes_ago, &json!({"phase": phase, "state": "started"}))
    };
    let lists = |category: &str, ids: &[&str]| {
        let items: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
        page_event("esp.tracked", device, 11, &json!({"phase": "deviceSetup", "category": category, "items": items}))
    };
    setup.hear(&[begins("deviceSetup", 12)]).await;
    let page = setup.page(device).await;
    assert_eq!([phase(&page, 0).1, phase(&page, 1).1], ["completed", "inProgress"]);
    for category in ["securityPolicies", "certificates", "networkConnections", "apps"] {
        let subtask = subtask(&page, "deviceSetup", category);
        assert_eq!((&subtask["state"], &subtask["text"]), (&json!("identifying"), &json!("Identifying")), "{category}");
        assert_eq!(
            (&subtask["progress"], &subtask["done"], &subtask["total"]),
            (&Value::Null, &Value::Null, &Value::Null)
        );
    }
    setup
        .hear(&[
            lists("certificates", &["c1", "c2"]),
            lists("networkConnections", &[]),
            lists("apps", &["a1", "a2", "a3", "a4"]),
            item(device, 10, "certificates", &json!({"id": "c1", "state": 3})),
            item(device, 10, "securityPolicies", &json!({"id": "p1", "state": "completed"})),
        ])
        .await;
    let page = setup.page(device).await;
    let texts: Vec<_> = ["securityPolicies", "certificates", "networkConnections", "apps"]
        .map(|category| subtask(&page, "deviceSetup", category)["text"].as_str().unwrap().to_owned())
        .into();
    assert_eq!(texts, ["Completed (1 of 1)", "Working on it (1 of 2)", "Nothing to do", "Working on it (0 of 4)"]);
    assert_eq!((&page["stage"], &page["progress"].is_number()), (&json!("Applying policies"), &true));
    assert_eq!(subtask(&page, "deviceSetup", "certificates")["progress"], 0.5);
    let titles: Vec<_> = page["phases"][1]["subtasks"].as_array().unwrap().iter().map(|one| &one["title"]).collect();
    assert_eq!(titles[2], "Network connections (VPN and Wi-Fi)");
}

#[tokio::test]
async fn the_profile_decides_what_the_person_may_do() {
    let setup = set_up();
    let (retry, reset) = ("blockDeviceSetupRetryByUser", "allowDeviceResetOnInstallFailure");
    let (go_on, logs) = ("allowDeviceUseOnInstallFailure", "allowLogCollectionOnInstallFailure");
    for (number, (settings, under_way, stopped)) in [
        (json!({}), json!([]), json!(["retry"])),
        (json!({retry: true}), json!([]), json!([])),
        (json!({reset: true, logs: true}), json!([]), json!(["retry", "reset", "collectLogs"])),
        (json!({retry: true, go_on: true}), json!([]), json!(["continueAnyway"])),
        (
            json!({reset: true, go_on: true, logs: true}),
            json!([]),
            json!(["retry", "reset", "continueAnyway", "collectLogs"]),
        ),
        (json!({"blockDeviceUse": false}), json!(["continueAnyway"]), json!(["retry", "continueAnyway"])),
        (json!({"allowUserToSkipAccountSetup": true}), json!(["continueAnyway"]), json!(["retry", "continueAnyway"])),
    ]
    .into_iter()
    .enumerate()
    {
        let mut settings = named("Default ESP", &settings);
        settings["customErrorMessage"] = format!("Desk {number}").into();
        send(&setup.admin, Method::PUT, &format!("{PROFILES}/default"), &settings).await.ok(200);
        let device = format!("5CG-MAY-{number}");
        let account = json!({"phase": "accountSetup", "state": "started"});
        setup
            .hear(&[page_event("esp.started", &device, 5, &json!({})), page_event("esp.phase", &device, 4, &account)])
            .await;
        assert_eq!(setup.page(&device).await["allowedActions"], under_way, "{settings}");
        let failed = json!({"errorCode": "0x87d1041c", "message": "It went wrong."});
        setup.hear(&[page_event("esp.failed", &device, 3, &failed)]).await;
        let page = setup.page(&device).await;
        assert_eq!(
            (&page["allowedActions"], &page["message"]),
            (&stopped, &json!(format!("Desk {number}"))),
            "{settings}"
        );
        let failure = json!({"phase": "accountSetup", "errorCode": "0x87d1041c", "message": "It went wrong."});
        assert_eq!(page["failure"], failure);
        setup.hear(&[page_event("esp.completed", &device, 1, &json!({}))]).await;
        let page = setup.page(&device).await;
        assert_eq!((&page["allowedActions"], &page["message"]), (&json!([]), &Value::Null));
    }
}

#[tokio::test]
async fn stuck_identifying_is_shown() {
    let setup = set_up();
    let begins = |device: &str, minutes_ago| {
        page_event("esp.phase", device, minutes_ago, &json!({"phase": "deviceSetup", "state": "started"}))
    };
    setup.hear(&[page_event("esp.started", "5CG-STUCK", 20, &json!({})), begins("5CG-STUCK", 18)]).await;
    setup.hear(&[page_event("esp.started", "5CG-SLOW", 20, &json!({})), begins("5CG-SLOW", 14)]).await;
    assert_eq!(setup.page("5CG-SLOW").await["stuckIdentifying"], Value::Null);
    let page = setup.page("5CG-STUCK").await;
    let stuck = &page["stuckIdentifying"];
    assert_eq!(stuck["still"], true);
    assert!(stuck["means"].as_str().unwrap().contains("licence"), "{stuck}");
    assert_eq!(page["state"], "inProgress");
    let shown = browse(&setup.admin, "/api/devices/5CG-STUCK/esp").await;
    assert!(text(&shown).contains("Stuck identifying"));
    setup.hear(&[app("5CG-STUCK", 1, "a1", "inProgress")]).await;
    let page = setup.page("5CG-STUCK").await;
    assert_eq!(
        (&page["stuckIdentifying"]["still"], &page["stuckIdentifying"]["since"]),
        (&json!(false), &stuck["since"])
    );
    assert!(!text(&browse(&setup.admin, "/api/devices/5CG-STUCK/esp").await).contains("Stuck identifying"));
}

#[tokio::test]
async fn any_name_of_the_device_leads_to_it() {
    let setup = set_up();
    let names = json!({"serialNumber": "5CG/ä 1% ?#", "mdmDeviceId": "1f0c6f58-7a3b", "udid": "UDID-1"});
    setup.hear(&[page_event("esp.started", "", 5, &json!({"device": names, "enrollmentId": "enr:7+a"}))]).await;
    let known = setup.page("1f0c6f58-7a3b").await;
    assert_eq!(known["enrollmentKey"], "5cg/ä 1% ?#");
    for id in ["5CG%2F%C3%A4%201%25%20%3F%23", "5cg%2f%C3%84%201%25%20%3f%23", "UDID-1", "enr:7+a", "enr%3A7%2Ba"] {
        for rest in ["esp", "esp-profile"] {
            let seen = setup.admin.json(&format!("/api/devices/{id}/{rest}")).await;
            assert_eq!(seen["enrollmentKey"], known["enrollmentKey"], "{id}");
        }
    }
    let other = setup.folder.add_tenant("fabrikam");
    let theirs = Client::new(&setup.serve.url, &other.admin);
    let none = setup.admin.get("/api/devices/nobody/esp").await;
    none.problem(404);
    for id in ["5CG%2F%C3%A4%201%25%20%3F%23", "UDID-1", "enr:7+a", "1f0c6f58-7a3b"] {
        assert_eq!(theirs.get(&format!("/api/devices/{id}/esp")).await.body, none.body, "{id}");
        theirs.get(&format!("/api/devices/{id}/esp-profile")).await.problem(404);
    }
    for id in ["%FF", "%00", "0", "%20", "..", "unknown"] {
        assert_eq!(setup.admin.get(&format!("/api/devices/{id}/esp")).await.status, 404, "{id}");
    }
    // A device that was never on the page has no session, but a profile that would apply.
    let started = json!({"device": {"serialNumber": "5CG-NEVER"}, "platform": "windows"});
    let started =
        vestibule_program_tests::event("never", "enrollment.started", vestibule_program_tests::now(), &started);
    setup.sender.post(&started).await.ok(202);
    setup.admin.get("/api/devices/5CG-NEVER/esp").await.problem(404);
    let profile = setup.admin.json("/api/devices/5CG-NEVER/esp-profile").await;
    assert_eq!((&profile["session"], &profile["now"]["rule"]["kind"]), (&Value::Null, &json!("default")));
    let head = setup.admin.request(Method::HEAD, "/api/devices/UDID-1/esp").send().await.unwrap();
    assert_eq!(head.status(), 405);
}

async fn with_markup(setup: &Setup) {
    let more = json!({"customErrorMessage": "Ask <b>us</b> & 'them' \"now\"", "showErrorDetails": true});
    let id = setup.make(&named("<b>Profile</b>", &more)).await;
    setup.assign(&id, &[everything("allDevices")]).await;
    let device = json!({"serialNumber": "5CG-HTML", "name": "<b>PC</b>"});
    let user = json!({"principalName": "<script>alert(1)</script>@contoso.example"});
    let bad = json!({"id": "a1", "name": "<b>App</b>", "state": "error", "errorCode": "<b>5</b>"});
    let failed = json!({"message": "<b>Ada's PC</b>"});
    setup
        .hear(&[
            page_event("esp.started", "", 9, &json!({"device": device, "user": user})),
            item("5CG-HTML", 8, "apps", &bad),
            page_event("esp.failed", "5CG-HTML", 7, &failed),
        ])
        .await;
}

#[tokio::test]
async fn browsers_get_a_page_without_scripts() {
    let setup = set_up();
    with_markup(&setup).await;
    let path = "/api/devices/5CG-HTML/esp";
    let answer = browse(&setup.admin, path).await;
    let page = text(&answer);
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    for part in
        ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "style-src 'sha256-"]
    {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for (header, value) in
        [("cache-control", "no-store"), ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")]
    {
        assert_eq!(answer.headers[header], value);
    }
    for not in ["<script", "<b>", "<img", "<link", "http://", "https://", " style=", " onclick=", "Ada"] {
        assert!(!page.contains(not), "{not}: {page}");
    }
    for part in [
        "&lt;b&gt;PC&lt;/b&gt;",
        "&lt;b&gt;Profile&lt;/b&gt;",
        "&lt;b&gt;App&lt;/b&gt; could not be installed (&lt;b&gt;5&lt;/b&gt;)",
        "Ask &lt;b&gt;us&lt;/b&gt; &amp; &#39;them&#39; &quot;now&quot;",
        "&lt;script&gt;",
        "Failed (0 of 1)",
        "Try again",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let by_parameter = setup.admin.get(&format!("{path}?format=html")).await;
    assert!(text(&by_parameter).contains("&lt;b&gt;PC"));
    for (accept, at) in [("*/*", ""), ("application/json, text/html", ""), (BROWSER, "?format=json"), ("image/png", "")]
    {
        let request = setup.admin.request(Method::GET, &format!("{path}{at}")).header(ACCEPT, accept);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(
            (answer.ok(200)["state"].as_str(), &answer.headers["content-type"].to_str().unwrap()[..16]),
            (Some("failed"), "application/json")
        );
    }
    for wrong in ["?format=xml", "?format=html&format=html", "?format=html&colour=blue"] {
        setup.admin.get(&format!("{path}{wrong}")).await.problem(400);
    }
    // A finished session's page does not reload itself.
    assert!(page.contains("http-equiv=\"refresh\""));
    setup.hear(&[page_event("esp.completed", "5CG-HTML", 1, &json!({}))]).await;
    assert!(!text(&browse(&setup.admin, path).await).contains("http-equiv"));
}

#[tokio::test]
async fn a_browser_may_send_the_token_as_a_password_for_the_page_alone() {
    let setup = set_up();
    setup.hear(&[page_event("esp.started", "5CG-BASIC", 5, &json!({}))]).await;
    let nobody = Client::new(&setup.serve.url, "");
    let by = async |method: Method, path: &str, accept: &str, password: &str| {
        let request = nobody.request(method, path).header(ACCEPT, accept).basic_auth("whoever", Some(password));
        Answer::of(request.send().await.unwrap()).await
    };
    let path = "/api/devices/5CG-BASIC/esp";
    let reader = setup.token(&[]);
    for token in [&setup.contoso.admin, &reader] {
        text(&by(Method::GET, path, BROWSER, token).await);
        text(&by(Method::GET, &format!("{path}?format=html"), "*/*", token).await);
    }
    let scheme = |answer: &Answer| {
        assert_eq!(answer.problem(401)["status"], 401);
        answer.headers[WWW_AUTHENTICATE].to_str().unwrap().split(' ').next().unwrap().to_owned()
    };
    // Where a password is accepted, it is requested if the credential is missing or wrong.
    assert_eq!(scheme(&browse(&nobody, path).await), "Basic");
    assert_eq!(scheme(&browse(&nobody, "/api/devices/nobody/esp").await), "Basic", "whether the device exists or not");
    assert_eq!(scheme(&nobody.get(&format!("{path}?format=html")).await), "Basic");
    for wrong in ["", "x", "vst_contoso_x", "vst_nobody_x", setup.contoso.secret.as_str()] {
        assert_eq!(scheme(&by(Method::GET, path, BROWSER, wrong).await), "Basic", "{wrong}");
    }
    let garbled = nobody.request(Method::GET, path).header(ACCEPT, BROWSER).header(AUTHORIZATION, "Basic !!!");
    assert_eq!(scheme(&Answer::of(garbled.send().await.unwrap()).await), "Basic");
    // It is accepted nowhere else.
    assert_eq!(scheme(&nobody.get(path).await), "Bearer");
    for (method, path, accept) in [
        (Method::GET, path, "*/*"),
        (Method::GET, "/api/devices/5CG-BASIC/esp?format=json", BROWSER),
        (Method::GET, "/api/devices/5CG-BASIC/esp-profile", BROWSER),
        (Method::GET, "/api/devices/enrollment-status", BROWSER),
        (Method::GET, "/api/tenant", BROWSER),
        (Method::PATCH, "/api/tenant", BROWSER),
        (Method::GET, "/api/reports/esp", BROWSER),
        (Method::GET, "/api/reports/files/esp", BROWSER),
        (Method::GET, "/api/attempts/esp", BROWSER),
        (Method::GET, PROFILES, BROWSER),
        (Method::POST, PROFILES, BROWSER),
        (Method::GET, "/api/devices/esp-profiles/esp", BROWSER),
        (Method::PUT, "/api/devices/esp-profiles/esp", BROWSER),
        (Method::DELETE, "/api/devices/esp-profiles/esp", BROWSER),
    ] {
        let answer = by(method.clone(), path, accept, &setup.contoso.admin).await;
        assert_eq!(answer.status, 401, "{method} {path}");
        assert_eq!(scheme(&answer), "Bearer", "{method} {path}");
    }
}

#[tokio::test]
async fn a_tenant_that_wants_no_names_shows_none() {
    let setup = set_up();
    let device = json!({"serialNumber": "5CG-QUIET", "name": "ADAS-PC"});
    let user = json!({"principalName": "ada@contoso.example"});
    let failed = json!({"message": "Ada's app failed."});
    let started = json!({"device": device, "user": user});
    setup.hear(&[page_event("esp.started", "", 5, &started), page_event("esp.failed", "5CG-QUIET", 3, &failed)]).await;
    let path = "/api/devices/5CG-QUIET/esp";
    let page = setup.page("5CG-QUIET").await;
    assert_eq!(
        (&page["device"]["name"], &page["user"]["principalName"]),
        (&json!("ADAS-PC"), &json!("ada@contoso.example"))
    );
    assert!(text(&browse(&setup.admin, path).await).contains("ada@contoso.example"));
    setup.folder.json(&["tenant", "set", "contoso", "pseudonymise=true"]);
    let page = setup.page("5CG-QUIET").await;
    assert!(page["device"]["name"].is_string() && page["user"]["principalName"].is_string(), "{page}");
    assert_eq!(page["failure"]["message"], Value::Null);
    let shown = text(&browse(&setup.admin, path).await);
    let profile = setup.admin.json("/api/devices/5CG-QUIET/esp-profile").await;
    for part in [page.to_string(), shown, profile.to_string()] {
        assert!(!part.to_lowercase().contains("ada"), "{part}");
    }
}
