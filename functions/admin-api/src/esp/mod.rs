//! The Enrollment Status Page: its profiles, the choice of the one that applies, and what a device's page shows.

mod device;
mod json;
mod page;
mod profiles;
mod resolve;
mod seen;

use crate::operation::{By, Found, Operation, Served};
use http::header::ACCEPT;
use vestibule_platform::HttpRequest;

/// Whether a request is for a page for people: it asks for a device's own page, and does not come from a program.
pub(crate) fn is_page(found: &Found, request: &HttpRequest) -> bool {
    let of_device = matches!(found, Found::Operation(Served { by: By::Operation(Operation::GetDeviceEsp, _), .. }, _));
    of_device && wants_page(request)
}

/// Whether HTML is requested, by a browser or with `?format=html`.
fn wants_page(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    match query.split('&').find_map(|pair| pair.strip_prefix("format=")) {
        Some(format) => format == "html",
        None => {
            let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
            // Browsers name HTML first. A client that names JSON before it, or neither, is a program.
            let at = |kind| accept.find(kind);
            at("text/html").is_some_and(|html| at("application/json").is_none_or(|json| html < json))
        }
    }
}
