//! Whether a request that is authenticated by a cookie comes from our own page: a browser sends the cookie whoever
//! made it ask.
//!
//! A change needs two things. It must have a header of our own: a page of another origin can't send that before the
//! browser has asked us by a preflight, and no preflight of ours allows it. And nothing may show another origin:
//! browsers write `Origin` and `Sec-Fetch-Site` themselves, which also give away a page of a neighbouring host, whose
//! requests are of the same site. Browsers without `Sec-Fetch-Site` (by plain http no browser sends it) send `Origin`
//! with every change.
//!
//! Reading needs less, since another page can't read the answer: the cookie counts unless another page asks, and also
//! then if a person opens the address.

use http::header::ORIGIN;
use http::{HeaderMap, StatusCode};
use vestibule_platform::{HttpRequest, Problem};

/// The header that our page sends with every change, with any value.
const OWN_HEADER: &str = "x-vestibule-page";

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"))
}

/// Whether a browser says that a page of another origin made it ask.
fn is_foreign(headers: &HeaderMap, own: &[String]) -> bool {
    // `none`: the person typed the address, or it is a bookmark.
    let by_site = text(headers, "sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    let by_origin =
        text(headers, ORIGIN.as_str()).is_some_and(|origin| !own.iter().any(|own| own.eq_ignore_ascii_case(origin)));
    by_site || by_origin
}

/// Whether the cookie of a request that changes nothing counts.
pub(crate) fn may_read(request: &HttpRequest, own: &[String]) -> bool {
    let headers = request.headers();
    let opens = text(headers, "sec-fetch-mode") == Some("navigate")
        && text(headers, "sec-fetch-dest") == Some("document")
        && !headers.contains_key(ORIGIN);
    opens || !is_foreign(headers, own)
}

/// Refuses a change that a page of another origin made the browser ask for.
pub(crate) fn check_origin(request: &HttpRequest, own: &[String]) -> Result<(), Problem> {
    if !is_foreign(request.headers(), own) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "The request comes from a page of another origin").detail(
        "A session is for this server's own page. If that sent the request, the server does not know the address at which \
         people reach it: see `--public-url`, and PUBLIC_URL of the deployment.",
    ))
}

/// Refuses a change by cookie that our own page did not send.
pub(crate) fn check_change(request: &HttpRequest, own: &[String]) -> Result<(), Problem> {
    check_origin(request, own)?;
    if request.headers().contains_key(OWN_HEADER) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "The request does not come from the page").detail(
        "Changes by the cookie of a session need the header X-Vestibule-Page. Programs send a token instead: \
         Authorization: Bearer.",
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn request(headers: &[(&str, &str)]) -> HttpRequest {
        let request = headers
            .iter()
            .fold(http::Request::post("/api/tenant"), |request, (name, value)| request.header(*name, *value));
        request.body(Bytes::new()).unwrap()
    }

    #[test]
    fn a_change_needs_our_header_and_no_sign_of_another_origin() {
        let own = ["https://vestibule.example".to_owned(), "http://127.0.0.1:8740".to_owned()];
        let page = ("x-vestibule-page", "1");
        let (origin, site) = (|text| ("origin", text), |text| ("sec-fetch-site", text));
        for good in [
            &[page][..],
            &[page, origin("https://vestibule.example"), site("same-origin")],
            &[page, origin("http://127.0.0.1:8740")],
        ] {
            assert!(check_change(&request(good), &own).is_ok(), "{good:?}");
        }
        for bad in [
            &[][..],
            &[origin("https://vestibule.example"), site("same-origin")],
            &[page, site("cross-site")],
            &[page, site("same-site")],
            &[page, site("something new")],
            &[page, origin("https://evil.example")],
            &[page, origin("https://evil.vestibule.example"), site("same-site")],
            &[page, origin("https://vestibule.example.evil.example")],
            &[page, origin("http://vestibule.example")],
            &[page, origin("null"), site("same-origin")],
        ] {
            let problem = check_change(&request(bad), &own).unwrap_err();
            assert_eq!(problem.status(), StatusCode::FORBIDDEN, "{bad:?}");
        }
    }

    #[test]
    fn an_address_that_a_person_opens_may_be_read_whoever_named_it() {
        let own = ["https://vestibule.example".to_owned()];
        let (mode, dest) = (("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"));
        let site = |text| ("sec-fetch-site", text);
        for good in [&[][..], &[site("same-origin")], &[site("none"), mode, dest], &[site("cross-site"), mode, dest]] {
            assert!(may_read(&request(good), &own), "{good:?}");
        }
        for bad in [
            &[site("cross-site")][..],
            &[site("same-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")],
            &[site("cross-site"), mode, ("sec-fetch-dest", "iframe")],
            &[("origin", "https://evil.example")],
            &[("origin", "null"), site("cross-site"), mode, dest],
        ] {
            assert!(!may_read(&request(bad), &own), "{bad:?}");
        }
    }
}
