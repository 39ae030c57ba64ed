//! Sessions of browsers through a served front: what opens one, what it opens, and who can't use it: other tenants,
//! other pages, and whoever makes a cookie up.

use crate::operations::code;
use reqwest::Method;
use serde_json::{Value, json};
use vestibule_program_tests::{Answer, Client, Folder, Serve, now};

const SESSIONS: &str = "/api/browser-sessions";
const PAGE: (&str, &str) = ("x-vestibule-page", "1");

async fn send(client: &Client, method: Method, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
    let request =
        headers.iter().fold(client.request(method, path), |request, (name, value)| request.header(*name, *value));
    let request = if let Some(body) = body { request.json(body) } else { request };
    Answer::of(request.send().await.unwrap()).await
}

/// What a browser keeps of an answer: `name=secret`.
fn cookie(answer: &Answer) -> String {
    let set = answer.headers["set-cookie"].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

/// Begins a session by a token; its cookie.
async fn begin(url: &str, token: &str) -> String {
    let begun = send(&Client::new(url, token), Method::POST, SESSIONS, &[PAGE], None).await;
    begun.ok(201);
    cookie(&begun)
}

/// A browser with a session.
struct Browser {
    client: Client,
    cookie: String,
}

impl Browser {
    async fn sign_in(serve: &Serve, token: &str) -> Self {
        Self::with(serve, begin(&serve.url, token).await)
    }

    fn with(serve: &Serve, cookie: impl Into<String>) -> Self {
        Self { client: Client::new(&serve.url, ""), cookie: cookie.into() }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        let headers = [&[("cookie", self.cookie.as_str())], headers].concat();
        send(&self.client, method, path, &headers, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    /// A change as our page sends it.
    async fn change(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send(method, path, &[PAGE], Some(body)).await
    }

    async fn is_signed_in(&self) -> bool {
        let status = self.get("/api/tenant").await.status;
        assert_eq!(self.get("/api/session").await.ok(200)["session"].is_object(), status == 200);
        status == 200
    }
}

fn token(folder: &Folder, options: &[&str]) -> (String, String) {
    let made = folder.json(&[&["token", "add", "contoso"], options].concat());
    let text = |member: &str| made[member].as_str().unwrap().to_owned();
    (text("token"), text("id"))
}

#[tokio::test]
async fn a_session_allows_what_its_token_allows_and_ends_with_it() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let begun = send(&Client::new(&serve.url, &contoso.admin), Method::POST, SESSIONS, &[], None).await;
    let session = begun.ok(201)["session"].clone();
    assert_eq!((&session["isCurrent"], &session["browser"]), (&json!(true), &Value::Null));
    let set = begun.headers["set-cookie"].to_str().unwrap();
    let (secret, rest) = set.split_once(';').unwrap();
    assert!(
        secret.starts_with("vestibule=vss_contoso_") && secret.len() > "vestibule=vss_contoso_".len() + 42,
        "{set}"
    );
    assert_eq!(rest, " Path=/; Max-Age=43200; HttpOnly; SameSite=Lax");
    assert_eq!(begun.headers["cache-control"], "no-store");

    let admin = Browser::with(&serve, cookie(&begun));
    let tenant = admin.get("/api/tenant").await;
    assert_eq!((&tenant.ok(200)["tenant"], &tenant.json()["role"]), (&json!("contoso"), &json!("admin")));
    assert!(!tenant.headers.contains_key("set-cookie"));
    admin.change(Method::PATCH, "/api/tenant", &json!({"deviceLimit": 7})).await.ok(200);
    // A session begins none: it would prolong itself.
    admin.change(Method::POST, SESSIONS, &json!({})).await.problem(401);

    let (text, id) = token(&folder, &["--scope-tag", "emea"]);
    let reader = Browser::sign_in(&serve, &text).await;
    let seen = reader.get("/api/tenant").await.ok(200);
    assert_eq!((&seen["role"], &seen["scopeTags"]), (&json!("reader"), &json!(["emea"])));
    reader.change(Method::PATCH, "/api/tenant", &json!({"deviceLimit": 8})).await.problem(403);
    reader.get("/api/reports/files/latest").await.problem(403);
    folder.json(&["token", "revoke", "contoso", &id]);
    assert!(!reader.is_signed_in().await, "at once");
    assert!(admin.is_signed_in().await, "another token's");

    // Nothing of a secret is stored or logged, and a session outlives the process.
    let secret = admin.cookie.split_once('=').unwrap().1.to_owned();
    let log = serve.log();
    drop(serve);
    for file in ["table.sqlite", "table.sqlite-wal"] {
        let bytes = std::fs::read(folder.data().join(file)).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{file}");
    }
    assert!(!log.contains(&secret));
    let serve = folder.serve();
    assert!(Browser::with(&serve, admin.cookie.clone()).is_signed_in().await);
}

#[tokio::test]
async fn a_link_signs_a_browser_in_and_signing_out_uses_it_up() {
    let folder = Folder::new();
    let serve = folder.serve();
    folder.add_tenant("contoso");
    let nobody = Client::new(&serve.url, "");
    let body = json!({"code": code(&folder, "contoso")});
    let signed_in = send(&nobody, Method::POST, "/api/session", &[], Some(&body)).await.ok(200);
    let token = signed_in["token"].as_str().unwrap();
    let begun = send(&Client::new(&serve.url, token), Method::POST, SESSIONS, &[PAGE], None).await;
    // Not longer than the token that came for the code.
    assert!(begun.ok(201)["session"]["endsAt"].as_str().unwrap() <= signed_in["expiresAt"].as_str().unwrap());
    let browser = Browser::with(&serve, cookie(&begun));
    assert!(browser.is_signed_in().await);
    let left = browser.change(Method::DELETE, "/api/session", &json!({})).await;
    assert_eq!((left.status, cookie(&left)), (204, "vestibule=".to_owned()));
    assert!(left.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert!(!browser.is_signed_in().await);
    Client::new(&serve.url, token).get("/api/tenant").await.problem(401);
}

#[tokio::test]
async fn a_made_up_cookie_opens_nothing_and_tenants_never_meet() {
    let folder = Folder::new();
    let serve = folder.serve();
    let (contoso, fabrikam) = (folder.add_tenant("contoso"), folder.add_tenant("fabrikam"));
    let ours = Browser::sign_in(&serve, &contoso.admin).await;
    let theirs = Browser::sign_in(&serve, &fabrikam.admin).await;
    let (_, secret) = ours.cookie.rsplit_once('_').unwrap();
    let id = ours.get("/api/session").await.ok(200)["session"]["id"].as_str().unwrap().to_owned();
    let other_end = if secret.ends_with('A') { "B" } else { "A" };
    for forged in [
        "vestibule=".to_owned(),
        format!("vestibule=vss_contoso_{}", "A".repeat(43)),
        format!("vestibule=vss_contoso_{}{other_end}", &secret[..secret.len() - 1]),
        format!("vestibule=vss_contoso_{secret}A"),
        format!("vestibule=vss_contoso_{id}"),
        // Our secret under the other tenant's name, and under that of nobody.
        format!("vestibule=vss_fabrikam_{secret}"),
        format!("vestibule=vss_nobody_{secret}"),
        format!("vestibule=vss_con/toso_{secret}"),
        format!("vestibule={}", contoso.admin),
        format!("vestibule={secret}"),
        // The name for https does not count by http.
        ours.cookie.replace("vestibule=", "__Host-vestibule="),
    ] {
        let browser = Browser::with(&serve, forged.clone());
        let answer = browser.get("/api/tenant").await;
        assert!(!answer.problem(401).to_string().contains(secret), "{forged}");
        assert_eq!(browser.get("/api/session").await.ok(200), json!({"session": null}), "{forged}");
        browser.change(Method::PATCH, "/api/tenant", &json!({"deviceLimit": 1})).await.problem(401);
    }
    // The secret is no token either.
    Client::new(&serve.url, ours.cookie.split_once('=').unwrap().1).get("/api/tenant").await.problem(401);

    // On each other's paths: nothing is there by that name.
    let named = json!({"displayName": "Theirs", "showInstallationProgress": true});
    let made = theirs.change(Method::POST, "/api/devices/esp-profiles", &named).await.ok(201);
    let path = format!("/api/devices/esp-profiles/{}", made["id"].as_str().unwrap());
    ours.get(&path).await.problem(404);
    ours.change(Method::DELETE, &path, &json!({})).await.problem(404);
    let of_them = theirs.get("/api/session").await.ok(200)["session"]["id"].as_str().unwrap().to_owned();
    ours.change(Method::DELETE, &format!("{SESSIONS}/{of_them}"), &json!({})).await.problem(404);
    assert_eq!(ours.change(Method::DELETE, "/api/session?everywhere=true", &json!({})).await.status, 204);
    assert!(!ours.is_signed_in().await && theirs.is_signed_in().await);
    theirs.get(&path).await.ok(200);
}

#[tokio::test]
async fn no_other_page_changes_anything() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let browser = Browser::sign_in(&serve, &contoso.admin).await;
    let limit = async || browser.get("/api/tenant").await.ok(200)["settings"]["deviceLimit"].clone();
    let before = limit().await;
    let (origin, site) = (|text| ("origin", text), |text| ("sec-fetch-site", text));
    let patch = json!({"deviceLimit": 1});
    for (what, headers) in [
        ("a form of another site", &[origin("https://evil.example"), ("content-type", "text/plain")][..]),
        ("a form of a neighbouring host", &[origin("https://evil.contoso.example"), site("same-site")][..]),
        ("a page in a sandbox", &[origin("null"), site("cross-site")][..]),
        ("a page that found out the header", &[PAGE, origin("https://evil.example"), site("cross-site")][..]),
        ("the same without an origin", &[PAGE, site("cross-site")][..]),
        ("no page at all", &[][..]),
    ] {
        for (method, path) in [
            (Method::PATCH, "/api/tenant"),
            (Method::POST, "/api/devices/esp-profiles"),
            (Method::POST, "/api/reports/files"),
            (Method::DELETE, "/api/session"),
            (Method::DELETE, "/api/session?everywhere=true"),
        ] {
            browser.send(method, path, headers, Some(&patch)).await.problem(403);
        }
        assert!(browser.is_signed_in().await, "{what}");
    }
    assert_eq!(limit().await, before);
    // Our own page, as browsers name it by http and by https.
    for headers in [&[PAGE][..], &[PAGE, origin(&serve.url)], &[PAGE, origin(&serve.url), site("same-origin")]] {
        browser.send(Method::PATCH, "/api/tenant", headers, Some(&patch)).await.ok(200);
    }
    assert_eq!(limit().await, 1);

    // Another page reads nothing, but an address that a person opens is read, whoever named it.
    let (mode, dest) = (|text| ("sec-fetch-mode", text), |text| ("sec-fetch-dest", text));
    for (headers, status) in [
        (&[site("cross-site"), mode("no-cors"), dest("script")][..], 401),
        (&[site("same-site"), mode("cors"), dest("empty"), origin("https://evil.contoso.example")][..], 401),
        (&[site("cross-site"), mode("navigate"), dest("iframe")][..], 401),
        (&[site("cross-site"), mode("navigate"), dest("document")][..], 200),
        (&[site("none"), mode("navigate"), dest("document")][..], 200),
        (&[site("same-origin"), mode("cors"), dest("empty")][..], 200),
    ] {
        assert_eq!(browser.send(Method::GET, "/api/tenant", headers, None).await.status, status, "{headers:?}");
    }
    // Nor does it sign the browser in as somebody else, even with a token.
    let client = Client::new(&serve.url, &contoso.admin);
    let planted = send(&client, Method::POST, SESSIONS, &[PAGE, origin("https://evil.example")], None).await;
    planted.problem(403);
    assert!(!planted.headers.contains_key("set-cookie"));
    // A preflight allows neither the header nor cookies.
    let asks = [("access-control-request-method", "PATCH"), ("access-control-request-headers", "x-vestibule-page")];
    let asked = [&[origin("https://evil.example")][..], &asks].concat();
    let answer = send(&client, Method::OPTIONS, "/api/tenant", &asked, None).await;
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{:?}", answer.headers);
}

#[tokio::test]
async fn a_token_counts_before_a_cookie() {
    let folder = Folder::new();
    let serve = folder.serve();
    let (contoso, fabrikam) = (folder.add_tenant("contoso"), folder.add_tenant("fabrikam"));
    let browser = Browser::sign_in(&serve, &contoso.admin).await;
    let bearer = |token: &str| format!("Bearer {token}");
    let asks = async |authorization: &str| {
        browser.send(Method::GET, "/api/tenant", &[("authorization", authorization)], None).await
    };
    assert_eq!(asks(&bearer(&fabrikam.admin)).await.ok(200)["tenant"], "fabrikam");
    asks(&bearer("vst_contoso_wrong")).await.problem(401);
    // Passwords are for the page of a device; elsewhere a browser may send one that it remembers.
    assert_eq!(asks("Basic dG9rZW46eA==").await.ok(200)["tenant"], "contoso");
    // A program needs no header of the page, whatever else it sends.
    let by_token = [("authorization", bearer(&contoso.admin)), ("origin", "https://desk.example".to_owned())];
    let by_token: Vec<(&str, &str)> = by_token.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.send(Method::PATCH, "/api/tenant", &by_token, Some(&json!({"deviceLimit": 4}))).await.ok(200);
    // By a token the browser's session is not the current one.
    let listed = browser.send(Method::GET, SESSIONS, &by_token[..1], None).await.ok(200);
    assert_eq!(listed["sessions"][0]["isCurrent"], false);
}

#[tokio::test]
async fn behind_tls_the_cookie_is_for_tls_alone() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let https = ("x-forwarded-proto", "https");
    let begins = async |serve: &Serve, headers: &[(&str, &str)]| {
        let begun = send(&Client::new(&serve.url, &contoso.admin), Method::POST, SESSIONS, headers, None).await;
        begun.ok(201);
        begun.headers["set-cookie"].to_str().unwrap().to_owned()
    };
    let is_secure = |set: &str| {
        let (named, marked) = (set.starts_with("__Host-vestibule=vss_"), set.ends_with("; Secure"));
        assert!(named == marked && set.contains("; Path=/;") && !set.contains("Domain"), "{set}");
        named
    };
    {
        let serve = folder.serve();
        assert!(!is_secure(&begins(&serve, &[https]).await), "anybody can write that");
    }
    {
        let serve = folder.serve_by(&["--trusted-proxy", "127.0.0.1"]);
        assert!(!is_secure(&begins(&serve, &[]).await));
        let set = begins(&serve, &[https]).await;
        assert!(is_secure(&set));
        let browser = Browser::with(&serve, set.split(';').next().unwrap());
        browser.send(Method::GET, "/api/tenant", &[https], None).await.ok(200);
        browser.get("/api/tenant").await.problem(401);
    }
    let serve = folder.serve_by(&["--public-url", "https://vestibule.example"]);
    let set = begins(&serve, &[]).await;
    assert!(is_secure(&set));
    // The proxy passes on another name of the host: the configured address is ours all the same.
    let browser = Browser::with(&serve, set.split(';').next().unwrap());
    let patch = json!({"deviceLimit": 6});
    let from = |origin| [PAGE, ("origin", origin), ("sec-fetch-site", "same-origin")];
    browser.send(Method::PATCH, "/api/tenant", &from("https://vestibule.example"), Some(&patch)).await.ok(200);
    for other in ["http://vestibule.example", "https://other.example"] {
        let refused = browser.send(Method::PATCH, "/api/tenant", &from(other), Some(&patch)).await;
        assert!(refused.problem(403)["detail"].as_str().unwrap().contains("--public-url"), "{other}");
    }
    let left = browser.change(Method::DELETE, "/api/session", &json!({})).await;
    assert!(left.headers["set-cookie"].to_str().unwrap().starts_with("__Host-vestibule=; Path=/; Max-Age=0;"));
}

#[tokio::test]
async fn ones_own_sessions_are_listed_and_ended_here_and_by_the_operator() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let agent = "Mozilla/5.0 (Windows NT 10.0; rv:145.0) Gecko/20100101 Firefox/145.0 <b>";
    let (text, id) = token(&folder, &["--label", "desk"]);
    let client = Client::new(&serve.url, &text);
    let begun = send(&client, Method::POST, SESSIONS, &[("user-agent", agent)], None).await;
    let (one, other) = (Browser::with(&serve, cookie(&begun)), Browser::sign_in(&serve, &text).await);
    let admin = Browser::sign_in(&serve, &contoso.admin).await;
    let sessions =
        async |browser: &Browser| browser.get(SESSIONS).await.ok(200)["sessions"].as_array().unwrap().clone();
    let listed = sessions(&one).await;
    assert_eq!(listed.len(), 2, "those of the same token: {listed:?}");
    let current: Vec<&Value> = listed.iter().filter(|one| one["isCurrent"] == true).collect();
    assert_eq!((current.len(), &current[0]["browser"]), (1, &json!("Firefox on Windows")));
    assert!(current[0]["createdAt"].as_str().unwrap() <= now().to_string().as_str());
    assert_eq!(sessions(&admin).await.len(), 1);

    // Of another credential, or of nobody.
    let id_of = async |browser: &Browser| {
        browser.get("/api/session").await.ok(200)["session"]["id"].as_str().unwrap().to_owned()
    };
    for foreign in [id_of(&admin).await, "0".repeat(16), "hush".to_owned()] {
        one.change(Method::DELETE, &format!("{SESSIONS}/{foreign}"), &json!({})).await.problem(404);
    }
    let path = format!("{SESSIONS}/{}", id_of(&other).await);
    assert_eq!(one.change(Method::DELETE, &path, &json!({})).await.status, 204);
    assert!(!other.is_signed_in().await && one.is_signed_in().await && admin.is_signed_in().await);
    one.change(Method::DELETE, &path, &json!({})).await.problem(404);

    // A browser that signs in again has one session.
    let again = send(&client, Method::POST, SESSIONS, &[PAGE, ("cookie", &one.cookie)], None).await;
    again.ok(201);
    assert!(!one.is_signed_in().await);
    let one = Browser::with(&serve, cookie(&again));
    assert_eq!(sessions(&one).await.len(), 1);

    let shown = folder.json(&["token", "sessions", "contoso"]);
    let by: Vec<&str> = shown["sessions"].as_array().unwrap().iter().map(|one| one["by"].as_str().unwrap()).collect();
    assert_eq!(by.len(), 2, "{shown}");
    assert!(by.contains(&format!("token {id} desk").as_str()), "{shown}");
    let words = folder.words(&["token", "sessions", "contoso"]);
    assert!(
        words.success && words.stdout.lines().count() == 2 && words.stdout.contains("last used"),
        "{}",
        words.stdout
    );
    assert!(folder.fails(&["token", "end-sessions", "contoso"]).contains("--all"));
    assert!(folder.fails(&["token", "end-sessions", "contoso", "hush"]).contains("no session hush"));
    assert!(one.is_signed_in().await && admin.is_signed_in().await);
    let own = id_of(&one).await;
    assert_eq!(folder.json(&["token", "end-sessions", "contoso", &own])["ended"], 1);
    assert!(!one.is_signed_in().await && admin.is_signed_in().await);
    assert_eq!(folder.json(&["token", "end-sessions", "contoso", "--all"])["ended"], 1);
    assert!(!admin.is_signed_in().await);
    assert_eq!(folder.words(&["token", "sessions", "contoso"]).stdout.trim(), "No browser is signed in.");

    // Everywhere, by a program with the token.
    let (one, other) = (Browser::sign_in(&serve, &text).await, Browser::sign_in(&serve, &text).await);
    assert_eq!(send(&client, Method::DELETE, "/api/session?everywhere=true", &[], None).await.status, 204);
    assert!(!one.is_signed_in().await && !other.is_signed_in().await);
    client.json("/api/tenant").await;
    one.change(Method::DELETE, "/api/session?everywhere=maybe", &json!({})).await.problem(401);
    let refused = send(&client, Method::DELETE, "/api/session?everywhere=maybe", &[], None).await;
    assert_eq!(refused.problem(400)["errors"][0]["field"], "everywhere");
}

#[tokio::test]
async fn a_credential_has_so_many_sessions_at_most() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let first = Browser::sign_in(&serve, &contoso.admin).await;
    for _ in 1..50 {
        begin(&serve.url, &contoso.admin).await;
    }
    let count = async |browser: &Browser| browser.get(SESSIONS).await.ok(200)["sessions"].as_array().unwrap().len();
    assert_eq!(count(&first).await, 50);
    let last = Browser::sign_in(&serve, &contoso.admin).await;
    assert_eq!(count(&last).await, 50);
    assert!(!first.is_signed_in().await, "the one that was used longest ago");
}
