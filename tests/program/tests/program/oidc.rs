//! People who signed in at an OpenID Connect issuer: whose tokens are accepted, and what they allow.
//!
//! The issuer is a small server of this test with its own keys. Discovery, key sets and signatures are real.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use vestibule_domain::Timestamp;
use vestibule_program_tests::{Answer, Client, Folder, now};

/// A change to valid claims.
type Change<'c> = &'c dyn Fn(&mut Value);

/// A key, with its name in tokens and key sets.
struct Key {
    id: String,
    signs: EncodingKey,
    public: Value,
}

fn key(id: &str) -> Key {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
    let point = pair.public_key().as_ref();
    let [x, y] = [&point[1..33], &point[33..65]].map(|half| URL_SAFE_NO_PAD.encode(half));
    let public = json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id, "x": x, "y": y});
    Key { id: id.to_owned(), signs: EncodingKey::from_ec_der(document.as_ref()), public }
}

impl Key {
    fn token(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::ES256) };
        encode(&header, claims, &self.signs).unwrap()
    }
}

/// Serves discovery and the keys in `keys`; returns the issuer's address.
async fn issuer(keys: Arc<Mutex<Vec<Value>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let own = address.clone();
    serve(listener, move |path| match path {
        "/.well-known/openid-configuration" => json!({"issuer": own, "jwks_uri": format!("{own}/keys")}),
        _ => json!({"keys": *keys.lock().unwrap()}),
    });
    address
}

/// Answers every request with JSON by its path.
fn serve(listener: TcpListener, answer: impl Fn(&str) -> Value + Send + 'static) {
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 4_096];
            let read = socket.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let body = answer(request.split(' ').nth(1).unwrap_or_default()).to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _gone = socket.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
}

#[tokio::test]
async fn only_tokens_of_the_issuer_are_accepted_with_the_role_that_they_name() {
    let (known, other) = (key("k1"), key("k1"));
    let keys = Arc::new(Mutex::new(vec![known.public.clone()]));
    let address = issuer(Arc::clone(&keys)).await;
    let folder = Folder::new();
    folder.add_tenant("contoso");
    folder.add_tenant("fabrikam");
    let environment = [("OIDC_ISSUER", address.as_str()), ("OIDC_CLIENT_ID", "vestibule-page")];
    let serve = folder.serve_with(&environment);
    let config = Client::new(&serve.url, "").json("/config.json").await;
    assert_eq!((&config["oidc"]["issuer"], &config["oidc"]["clientId"]), (&json!(address), &json!("vestibule-page")));

    let claims = |change: Change<'_>| {
        let mut claims = json!({"iss": address, "aud": "vestibule-page", "sub": "ada", "exp": now().seconds() + 600,
            "roles": ["Something.Else", "contoso:admin"]});
        change(&mut claims);
        claims
    };
    let asks = |token: String| Client::new(&serve.url, &token);
    let admin = asks(known.token(&claims(&|_| {})));
    let tenant = admin.json("/api/tenant").await;
    assert_eq!((&tenant["tenant"], &tenant["role"]), (&json!("contoso"), &json!("admin")));
    admin.patch("/api/tenant", &json!({"deviceLimit": 9})).await.ok(200);
    let reader = asks(known.token(&claims(&|claims| claims["roles"] = json!("fabrikam:reader"))));
    assert_eq!(reader.json("/api/tenant").await["tenant"], "fabrikam");
    reader.patch("/api/tenant", &json!({"deviceLimit": 9})).await.problem(403);

    let changes: [(&str, Change<'_>); 8] = [
        ("another issuer", &|claims| claims["iss"] = json!("https://issuer.example")),
        ("another audience", &|claims| claims["aud"] = json!("another-client")),
        ("expired", &|claims| claims["exp"] = json!(now().seconds() - 600)),
        ("without end", &|claims| drop(claims.as_object_mut().unwrap().remove("exp"))),
        ("not yet", &|claims| claims["nbf"] = json!(now().seconds() + 600)),
        ("no known role", &|claims| claims["roles"] = json!(["contoso", "contoso:owner", 7])),
        ("an unknown tenant", &|claims| claims["roles"] = json!(["nobody:admin"])),
        ("no subject", &|claims| drop(claims.as_object_mut().unwrap().remove("sub"))),
    ];
    for (what, change) in changes {
        let answer = asks(known.token(&claims(change))).get("/api/tenant").await;
        assert_eq!(answer.status, 401, "{what}");
    }
    // Another key under the known name, a shared secret, and no signature at all.
    asks(other.token(&claims(&|_| {}))).get("/api/tenant").await.problem(401);
    let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS256) };
    let point = URL_SAFE_NO_PAD.decode(known.public["x"].as_str().unwrap()).unwrap();
    let by_secret = encode(&header, &claims(&|_| {}), &EncodingKey::from_secret(&point)).unwrap();
    asks(by_secret).get("/api/tenant").await.problem(401);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(&json!({"alg": "none", "kid": "k1"})), part(&claims(&|_| {})));
    asks(unsigned).get("/api/tenant").await.problem(401);
}

/// A request by a session's cookie.
async fn by_cookie(url: &str, cookie: &str) -> Answer {
    let request = Client::new(url, "").request(Method::GET, "/api/tenant").header("cookie", cookie);
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_persons_session_ends_with_their_token_and_with_what_it_was_believed_by() {
    let known = key("k1");
    let keys = Arc::new(Mutex::new(vec![known.public.clone()]));
    let address = issuer(Arc::clone(&keys)).await;
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let environment = [("OIDC_ISSUER", address.as_str()), ("OIDC_CLIENT_ID", "vestibule-page")];
    let serve = folder.serve_with(&environment);
    let ends = now().seconds() + 600;
    let claims = json!({"iss": address, "aud": "vestibule-page", "sub": "ada", "exp": ends, "roles": "contoso:admin"});
    let token = known.token(&claims);
    let begun = Client::new(&serve.url, &token).request(Method::POST, "/api/browser-sessions").send().await.unwrap();
    let cookie = begun.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let session = Answer::of(begun).await.ok(201)["session"].clone();
    assert_eq!(session["endsAt"], Timestamp::from_millis(1_000 * ends).to_string());
    let tenant = by_cookie(&serve.url, &cookie).await.ok(200);
    assert_eq!((&tenant["tenant"], &tenant["role"]), (&json!("contoso"), &json!("admin")));
    let shown = folder.json(&["token", "sessions", "contoso"]);
    assert_eq!((&shown["sessions"][0]["by"], &shown["sessions"][0]["role"]), (&json!("person ada"), &json!("admin")));
    assert!(!shown.to_string().contains(&token));

    // The same after a new start, but not where other tokens are believed, or none, or where the key is gone.
    drop(serve);
    let serve = folder.serve_with(&environment);
    by_cookie(&serve.url, &cookie).await.ok(200);
    drop(serve);
    let serve = folder.serve_with(&[environment[0], environment[1], ("OIDC_AUDIENCE", "another")]);
    by_cookie(&serve.url, &cookie).await.problem(401);
    drop(serve);
    let serve = folder.serve();
    by_cookie(&serve.url, &cookie).await.problem(401);
    drop(serve);
    *keys.lock().unwrap() = vec![key("k2").public];
    let serve = folder.serve_with(&environment);
    by_cookie(&serve.url, &cookie).await.problem(401);
    *keys.lock().unwrap() = vec![known.public.clone()];
    drop(serve);
    let serve = folder.serve_with(&environment);
    by_cookie(&serve.url, &cookie).await.ok(200);
}

#[tokio::test]
async fn without_an_issuer_only_our_own_tokens_are_accepted() {
    let known = key("k1");
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let serve = folder.serve();
    assert_eq!(Client::new(&serve.url, "").json("/config.json").await["oidc"], Value::Null);
    let claims = json!({"iss": "https://issuer.example", "aud": "x", "sub": "ada", "exp": now().seconds() + 600,
        "roles": ["contoso:admin"]});
    Client::new(&serve.url, &known.token(&claims)).get("/api/tenant").await.problem(401);
}

/// The metadata of issuers whose keys and token endpoint are elsewhere, as their documentation shows it: Google's
/// <https://accounts.google.com/.well-known/openid-configuration> and, of Entra's v1 tokens,
/// <https://sts.windows.net/TENANT/.well-known/openid-configuration>. The origins become servers of this test; all other
/// members stay. Google's keys name their algorithm, Entra's do not, and have certificates and an issuer of their own.
const DOCUMENTED: [(&str, &str, &str); 2] = [
    (
        "google",
        r#"{"issuer": "ISSUER", "authorization_endpoint": "ISSUER/o/oauth2/v2/auth",
            "device_authorization_endpoint": "TOKENS/device/code", "token_endpoint": "TOKENS/token",
            "userinfo_endpoint": "https://openidconnect.googleapis.com/v1/userinfo",
            "revocation_endpoint": "TOKENS/revoke", "jwks_uri": "KEYS/oauth2/v3/certs",
            "response_types_supported": ["code", "token", "id_token"], "response_modes_supported": ["query", "fragment"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "email", "profile"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "code_challenge_methods_supported": ["plain", "S256"]}"#,
        r#"{"use": "sig"}"#,
    ),
    (
        "entra",
        r#"{"token_endpoint": "TOKENS/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/oauth2/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": "KEYS/common/discovery/keys", "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"], "id_token_signing_alg_values_supported": ["RS256"],
            "issuer": "ISSUER/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/", "microsoft_multi_refresh_token": true,
            "authorization_endpoint": "TOKENS/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/oauth2/authorize",
            "check_session_iframe": "TOKENS/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/oauth2/checksession",
            "tenant_region_scope": "WW", "cloud_instance_name": "microsoftonline.com"}"#,
        r#"{"use": "sig", "x5t": "nOo3ZDrODXEK1jKWhXslHR_KXEg", "x5c": ["MIIDBTCCAe2gAwIBAgIQ"], "alg": null,
            "issuer": "https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0"}"#,
    ),
];

#[tokio::test]
async fn an_issuer_may_have_its_keys_and_its_token_endpoint_elsewhere() {
    for (name, metadata, members) in DOCUMENTED {
        let known = key("k1");
        let mut public = known.public.clone();
        for (member, value) in serde_json::from_str::<Value>(members).unwrap().as_object().unwrap() {
            public[member] = value.clone();
        }
        public.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        // A key of a kind that nobody here knows must not spoil the others.
        let keys = json!({"keys": [{"kty": "AKP", "kid": "post-quantum", "alg": "ML-DSA-65", "pub": "AA"}, public]});
        let [issuer, keys_at, tokens] =
            [bound().await, bound().await, bound().await].map(|(listener, address)| (Some(listener), address));
        let metadata = metadata.replace("ISSUER", &issuer.1).replace("KEYS", &keys_at.1).replace("TOKENS", &tokens.1);
        let metadata: Value = serde_json::from_str(&metadata).unwrap();
        let address = metadata["issuer"].as_str().unwrap().to_owned();
        serve(issuer.0.unwrap(), move |path| {
            if path.ends_with("/.well-known/openid-configuration") { metadata.clone() } else { json!({}) }
        });
        serve(keys_at.0.unwrap(), move |_| keys.clone());

        let folder = Folder::new();
        folder.add_tenant("contoso");
        let serving = folder.serve_with(&[("OIDC_ISSUER", &address), ("OIDC_CLIENT_ID", "vestibule-page")]);
        let claims = json!({"iss": address, "aud": "vestibule-page", "sub": "ada", "exp": now().seconds() + 600,
            "roles": ["contoso:reader"]});
        let tenant = Client::new(&serving.url, &known.token(&claims)).json("/api/tenant").await;
        assert_eq!(tenant["tenant"], "contoso", "{name}");
        // The page may post its code there.
        let page = reqwest::get(&serving.url).await.unwrap();
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        let connect = policy.split("; ").find(|part| part.starts_with("connect-src ")).unwrap();
        for origin in [&issuer.1, &tokens.1] {
            assert!(connect.split(' ').any(|part| part == origin), "{name}: {connect} without {origin}");
        }
    }
}

async fn bound() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    (listener, address)
}
