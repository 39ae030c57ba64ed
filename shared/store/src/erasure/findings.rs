//! What a search has found of a person so far. Names are keyed hashes, as in tombstones; enrollments are named by their
//! keys.
//!
//! It is kept with the search's own item, and what does not fit there is in pages beside it, which the item names. A page
//! that it does not name is of a runner that was late, or died, and does not count.

use crate::erasure::Segments;
use crate::erasure::pages::merge;
use crate::erasure::tombstones::Hash;
use crate::erasure::web::WebSets;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Bytes of a hash as JSON, with its marks.
const HASH: usize = 25;

/// A hash as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Hashed(pub Hash);

impl From<Hashed> for String {
    fn from(hash: Hashed) -> Self {
        URL_SAFE_NO_PAD.encode(hash.0)
    }
}

impl TryFrom<String> for Hashed {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        bytes.try_into().map(Self).map_err(|_| "not a hash")
    }
}

/// What a search has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Findings {
    /// The walk that found `shared`; what another one found does not count.
    pub walk: u32,
    /// The other names that were reported with the person's.
    pub also: BTreeSet<Hashed>,
    /// Those of them that were reported with somebody else's, too.
    pub shared: BTreeSet<Hashed>,
    /// The enrollments that may have something of the person's.
    pub keys: BTreeSet<String>,
    /// The items concerned, with the segments that they have; also what lay at the keys that lead to them now: older
    /// files name an enrollment by the key that it had before it was merged, and its segments stay for some days.
    pub items: Segments,
    /// The identifiers of the devices of which nothing will be left.
    pub devices: BTreeSet<Hashed>,
    /// The names whose sets of web-based enrollment are in `web`.
    pub people: BTreeSet<Hashed>,
    pub web: Vec<WebSets>,
}

/// Those of the findings that are hashes.
#[derive(Clone, Copy)]
enum Part {
    Also,
    Shared,
    Devices,
    People,
}

impl Findings {
    const fn hashes(&mut self, of: Part) -> &mut BTreeSet<Hashed> {
        match of {
            Part::Also => &mut self.also,
            Part::Shared => &mut self.shared,
            Part::Devices => &mut self.devices,
            Part::People => &mut self.people,
        }
    }

    /// Adds what a page has.
    pub(super) fn add(&mut self, page: Self) {
        if page.walk == self.walk {
            self.shared.extend(page.shared);
        }
        self.also.extend(page.also);
        self.keys.extend(page.keys);
        merge(&mut self.items, page.items);
        self.devices.extend(page.devices);
        self.people.extend(page.people);
        self.web.extend(page.web);
    }

    /// Puts them into pages of at most so many bytes, or of one finding. There is at least one page.
    pub(super) fn pages(self, most: usize) -> Vec<Self> {
        let Self { walk, also, shared, keys, items, devices, people, web } = self;
        let empty = || Self { walk, ..Self::default() };
        let (mut pages, mut page, mut bytes) = (Vec::new(), empty(), 0);
        let mut put = |more: usize, add: &mut dyn FnMut(&mut Self)| {
            if bytes > 0 && bytes + more > most {
                pages.push(std::mem::replace(&mut page, empty()));
                bytes = 0;
            }
            bytes += more;
            add(&mut page);
        };
        for (hashes, of) in
            [(also, Part::Also), (shared, Part::Shared), (devices, Part::Devices), (people, Part::People)]
        {
            for hash in hashes {
                put(HASH, &mut |page| page.hashes(of).extend([hash]));
            }
        }
        for key in keys {
            put(key.len() + 3, &mut |page| page.keys.extend([key.clone()]));
        }
        for (name, segments) in items {
            let more = name.len() + 6 + 11 * segments.len();
            put(more, &mut |page| page.items.extend([(name.clone(), segments.clone())]));
        }
        for sets in web {
            put(sets.bytes(), &mut |page| page.web.push(sets.clone()));
        }
        pages.push(page);
        pages
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn findings_of_any_number_fit_into_pages() {
        let hash = |number: u32| {
            let mut hash = [0; 16];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            Hashed(hash)
        };
        let hashes = |from| (from..from + 300).map(hash).collect::<BTreeSet<_>>();
        let all = Findings {
            walk: 2,
            also: hashes(0),
            shared: hashes(100),
            devices: hashes(1_000),
            people: hashes(2_000),
            keys: (0..300).map(|number| format!("1{number:022}")).collect(),
            items: (0..300).map(|number| (format!("1{number:022}"), vec![7, 8, u32::MAX])).collect(),
            web: vec![WebSets::default(); 3],
        };
        let pages = all.clone().pages(2_000);
        let sizes: Vec<usize> = pages.iter().map(|page| serde_json::to_string(page).unwrap().len()).collect();
        // The names of the members come on top.
        assert!(sizes.len() > 20 && sizes.iter().all(|size| *size <= 2_200), "{sizes:?}");
        let mut again = Findings { walk: 2, ..Findings::default() };
        for page in pages {
            again.add(serde_json::from_str(&serde_json::to_string(&page).unwrap()).unwrap());
        }
        assert!(again == all);
        again.add(Findings { walk: 1, shared: hashes(5_000), ..Findings::default() });
        assert!(again == all, "what an earlier walk took for shared");
    }
}
