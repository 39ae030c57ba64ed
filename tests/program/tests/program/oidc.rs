//! People who signed in at an OpenID Connect issuer: whose tokens are accepted, and what they allow.
//!
//! The issuer is a small server of this test with its own keys. Discovery, key sets and signatures are real.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use vestibule_program_tests::{Client, Folder, now};

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
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 4_096];
            let read = socket.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let body = if request.starts_with("GET /.well-known/openid-configuration ") {
                json!({"issuer": own, "jwks_uri": format!("{own}/keys")})
            } else {
                json!({"keys": *keys.lock().unwrap()})
            };
            let body = body.to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _gone = socket.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    address
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
