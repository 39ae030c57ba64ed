//! Chooses the form in which a client gets a file: as it is, or compressed (RFC 9110, 12.5.3).

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// A form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As it is.
    Identity,
    /// `gzip`.
    Gzip,
    /// `br`.
    Brotli,
}

impl Encoding {
    /// The form that the client prefers among those that exist besides the file as it is; of equal ones the smallest.
    /// If it accepts none of them, it gets the file as it is.
    pub(crate) fn preferred(headers: &HeaderMap, has_gzip: bool, has_brotli: bool) -> Self {
        let accepted = Accepted::read(headers);
        // Whoever does not mention the file as it is accepts it, but likes whatever is mentioned better.
        let identity = accepted.weight("identity").map_or(1, |weight| weight * 2);
        let weight = |name: &str| accepted.weight(name).unwrap_or(0) * 2;
        let gzip = if has_gzip { weight("gzip").max(weight("x-gzip")) } else { 0 };
        let brotli = if has_brotli { weight("br") } else { 0 };
        let mut best = (Self::Identity, identity);
        for (encoding, weight) in [(Self::Gzip, gzip), (Self::Brotli, brotli)] {
            if weight > 0 && weight >= best.1 {
                best = (encoding, weight);
            }
        }
        best.0
    }

    /// Its name in `Content-Encoding`; `None` for a file as it is.
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }
}

/// The codings of a header with their weights in thousandths, as they were sent.
struct Accepted(Vec<(String, u16)>);

impl Accepted {
    fn read(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let codings = values.flat_map(|value| value.split(',')).filter_map(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            Some((name, weight.map_or(1_000, thousandths)))
        });
        Self(codings.collect())
    }

    /// The weight of a coding; `None` if it is not mentioned, nor is `*`.
    fn weight(&self, name: &str) -> Option<u16> {
        let of = |wanted: &str| self.0.iter().find(|(name, _)| name == wanted).map(|(_, weight)| *weight);
        // The other name of gzip is no coding of its own.
        of(name).or_else(|| of("*").filter(|_| name != "x-gzip"))
    }
}

/// A weight in thousandths. One that is malformed is none: whoever wrote it gets the file as it is.
fn thousandths(text: &str) -> u16 {
    match text.parse::<f32>() {
        Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1_000.0).round() as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn preferred(sent: &[&'static str]) -> Encoding {
        let mut headers = HeaderMap::new();
        for one in sent {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(one));
        }
        Encoding::preferred(&headers, true, true)
    }

    #[test]
    fn the_client_gets_what_it_prefers_and_never_what_it_refuses() {
        use Encoding::{Brotli, Gzip, Identity};
        for (sent, wanted) in [
            (&[][..], Identity),
            (&[""], Identity),
            (&["gzip, deflate, br, zstd"], Brotli),
            (&["gzip, deflate"], Gzip),
            (&["x-gzip"], Gzip),
            (&["GZIP;Q=0.5"], Gzip),
            (&["br;q=0.5, gzip;q=0.9"], Gzip),
            (&["br;q=0.9, gzip; q=0.5"], Brotli),
            (&["br;q=0, gzip"], Gzip),
            (&["br;q=0, gzip;q=0"], Identity),
            (&["*"], Brotli),
            (&["*;q=0"], Identity),
            (&["*;q=0, gzip"], Gzip),
            (&["br;q=0, *"], Gzip),
            (&["identity"], Identity),
            (&["identity, br;q=0.5"], Identity),
            (&["identity;q=0.2, br;q=0.5"], Brotli),
            (&["identity;q=0.5, br;q=0.5"], Brotli),
            (&["identity;q=0"], Identity),
            (&["deflate"], Identity),
            (&["br;q=high, gzip;q=7"], Identity),
            (&["br;q=0.001"], Brotli),
            // Several headers are one list.
            (&["gzip;q=0.2", "br"], Brotli),
        ] {
            assert_eq!(preferred(sent), wanted, "{sent:?}");
        }
    }

    #[test]
    fn nobody_gets_a_form_that_does_not_exist() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("br, gzip"));
        assert_eq!(Encoding::preferred(&headers, true, false), Encoding::Gzip);
        assert_eq!(Encoding::preferred(&headers, false, false), Encoding::Identity);
    }
}
