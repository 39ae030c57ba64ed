//! The Enrollment Status Page: its profiles, which of them applies to whom, and what a device's page shows.

mod device;
mod json;
mod page;
mod profiles;
mod resolve;
mod seen;

use http::header::ACCEPT;
use vestibule_platform::HttpRequest;

/// Whether a request wants a page for people: a device's own, asked for by a browser or by `?format=html`.
pub(crate) fn is_page(request: &HttpRequest) -> bool {
    let path = request.uri().path().trim_end_matches('/').strip_prefix("/api/devices/");
    let device = path.and_then(|path| path.strip_suffix("/esp"));
    if device.is_none_or(|device| device.contains('/') || device == "esp-profiles") {
        return false;
    }
    let query = request.uri().query().unwrap_or_default();
    match query.split('&').find_map(|pair| pair.strip_prefix("format=")) {
        Some(format) => format == "html",
        None => {
            let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
            // Browsers name HTML first; what names JSON before it, or neither, is a program.
            let at = |kind| accept.find(kind);
            at("text/html").is_some_and(|html| at("application/json").is_none_or(|json| html < json))
        }
    }
}
