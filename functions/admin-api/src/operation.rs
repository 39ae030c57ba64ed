//! Finds the operation that a request asks for, by the paths, methods, parameters and roles of `openapi.yaml`, which
//! the build writes as a table.
//!
//! Must stay true: only operations of the description are served, and permission is checked here, before a handler
//! runs.

use crate::query::{Parameters, invalid};
use http::Method;
use vestibule_platform::Problem;

include!(concat!(env!("OUT_DIR"), "/operations.rs"));

/// A path and the operations that are served there.
struct Route {
    /// Its segments. One in braces matches any segment of a request.
    segments: &'static [&'static str],
    /// Its methods, as the `Allow` header lists them.
    allow: &'static str,
    served: &'static [Served],
}

/// What is served for a method.
#[derive(Debug)]
pub(crate) struct Served {
    /// Its `operationId`.
    pub id: &'static str,
    method: Method,
    /// What answers the request.
    pub by: By,
    /// The parameters that the query may have.
    query: &'static [Parameter],
}

/// What answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// A question of the tenant's report file, for all of the tenant's credentials. It checks its parameters itself.
    Question(&'static str),
    /// A handler, for callers with permission.
    Operation(Operation, Who),
    /// A handler that needs no credential.
    Openly(Open),
}

/// Who of a tenant may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// All credentials.
    Readers,
    /// Credentials without scope tags.
    UnlimitedReaders,
    /// Administrators, also of some profiles only.
    Admins,
    /// Administrators whose credential has no scope tags.
    UnlimitedAdmins,
}

/// A parameter of the query.
#[derive(Debug)]
pub(crate) struct Parameter {
    name: &'static str,
    kind: Kind,
}

/// What a parameter's value must be.
#[derive(Debug)]
enum Kind {
    OneOf(&'static [&'static str]),
    Any,
}

/// The result of looking for a request's path and method.
#[derive(Debug)]
pub(crate) enum Found {
    /// An operation, and the segment of the path for its braces, as it was sent.
    Operation(&'static Served, Option<String>),
    /// The path has other methods, listed as in the `Allow` header.
    OtherMethods(&'static str),
    Nothing,
}

impl Found {
    /// Looks for a path by its segments. `HEAD` is served like `GET`. If two paths match, the one with fewer braces
    /// wins: `/api/devices/esp-profiles/resolve` before `/api/devices/esp-profiles/{id}`.
    pub(crate) fn of(method: &Method, segments: &[&str]) -> Self {
        let fitting = ROUTES.iter().filter(|route| route.fits(segments));
        let Some(route) = fitting.min_by_key(|route| route.braces()) else { return Self::Nothing };
        let served = |method: &Method| route.served.iter().find(|served| served.method == method);
        let found = served(method).or_else(|| served(&Method::GET).filter(|_| method == Method::HEAD));
        match found {
            Some(found) => Self::Operation(found, route.filled(segments)),
            None => Self::OtherMethods(route.allow),
        }
    }

    /// The problem of a request that is not served: its method or its path is unknown.
    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::OtherMethods(methods) => Problem::method_not_allowed().allow(methods),
            Self::Operation(..) | Self::Nothing => Problem::not_found(),
        }
    }
}

impl Route {
    fn fits(&self, segments: &[&str]) -> bool {
        let fits = |(own, sent): (&&str, &&str)| own == sent || (is_filled(own) && !sent.is_empty());
        self.segments.len() == segments.len() && self.segments.iter().zip(segments).all(fits)
    }

    /// The positions of its braces. Of two paths, the one with a name at the first difference comes first.
    fn braces(&self) -> Vec<bool> {
        self.segments.iter().map(|own| is_filled(own)).collect()
    }

    fn filled(&self, segments: &[&str]) -> Option<String> {
        let at = self.segments.iter().position(|own| is_filled(own))?;
        segments.get(at).map(|sent| (*sent).to_owned())
    }
}

fn is_filled(segment: &str) -> bool {
    segment.starts_with('{')
}

impl Served {
    /// Refuses a query that has unknown parameters or invalid values.
    pub(crate) fn check_query(&self, query: &Parameters) -> Result<(), Problem> {
        let known = |name: &str| self.query.iter().find(|parameter| parameter.name == name);
        if query.keys().any(|name| known(name).is_none()) {
            let names: Vec<&str> = self.query.iter().map(|parameter| parameter.name).collect();
            return Err(crate::query::unknown(&names));
        }
        for (name, value) in query {
            if let Some(Parameter { kind: Kind::OneOf(values), .. }) = known(name)
                && !values.contains(&value.as_str())
            {
                return Err(invalid(name, &format!("must be one of {}", values.join(", "))));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &Method, path: &str) -> Option<(By, Option<String>)> {
        match Found::of(method, &path.split('/').skip(1).collect::<Vec<_>>()) {
            Found::Operation(served, filled) => Some((served.by, filled)),
            _ => None,
        }
    }

    #[test]
    fn a_named_path_comes_before_one_with_braces() {
        let of = |name: &str| Some(name.to_owned());
        let own = By::Operation;
        for (method, path, by, filled) in [
            (Method::POST, "/api/devices/esp-profiles/resolve", own(Operation::ResolveEspProfile, Who::Readers), None),
            (
                Method::PUT,
                "/api/devices/esp-profiles/spare",
                own(Operation::ReplaceEspProfile, Who::Admins),
                of("spare"),
            ),
            (Method::GET, "/api/devices/esp-profiles/esp", own(Operation::GetEspProfile, Who::Readers), of("esp")),
            (Method::GET, "/api/devices/5CG1/esp", own(Operation::GetDeviceEsp, Who::Readers), of("5CG1")),
            (Method::HEAD, "/api/reports/files/latest", own(Operation::HeadFile, Who::UnlimitedReaders), of("latest")),
            (Method::HEAD, "/api/tenant", own(Operation::GetTenant, Who::Readers), None),
            (Method::GET, "/api/attempts/0a", By::Question("attempt"), of("0a")),
            (Method::POST, "/api/session", By::Openly(Open::SignIn), None),
        ] {
            assert_eq!(found(&method, path), Some((by, filled)), "{method} {path}");
        }
        for path in ["/api", "/api/devices//esp", "/api/tenant/contoso", "/hooks/contoso/esp-status"] {
            assert!(matches!(Found::of(&Method::GET, &path.split('/').skip(1).collect::<Vec<_>>()), Found::Nothing));
        }
        let post = Found::of(&Method::PUT, &["api", "reports", "files"]);
        assert!(matches!(post, Found::OtherMethods("GET, POST")));
    }
}
