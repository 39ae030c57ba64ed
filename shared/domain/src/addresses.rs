//! The addresses in a text, such as `adele@contoso.com`.
//!
//! An erasure finds mentions of a person by this alone, and what must name nobody is refused by it (`annotation`). So what
//! the one refuses the other would have found.
//!
//! Must stay true: an address in a text is found however it is set off: in brackets, in quotes, after `user=`, before a full
//! stop. What is no address, such as a person's name, cannot be recognised (docs/ERASURE.md).

use std::collections::BTreeSet;

/// The most bytes before the `@` that are looked at: the longest name of an account in Entra has 113 characters.
const MOST_LOCAL: usize = 128;

/// Adds the addresses in a text, in the form in which names are compared. There may be some that are none: of
/// `user=adele@contoso.com` nobody knows where the name begins.
pub fn in_text(text: &str, found: &mut BTreeSet<String>) {
    for (at, _) in text.match_indices('@') {
        let (before, after) = (&text[..at], &text[at + 1..]);
        let end = after.find(|c: char| !is_of_domain(c)).unwrap_or(after.len());
        let domain = after[..end].trim_end_matches(['.', '-']);
        if domain.is_empty() {
            continue;
        }
        // Each place at which the name may begin, from the last one back.
        for (start, c) in before.char_indices().rev().take_while(|(start, _)| at - start <= MOST_LOCAL) {
            if !is_of_name(c) && !may_be_of_name(c) {
                break;
            }
            let previous = before[..start].chars().next_back();
            if !previous.is_some_and(is_of_name) {
                found.insert(format!("{}@{domain}", &before[start..]).to_lowercase());
            }
        }
    }
}

fn is_of_domain(c: char) -> bool {
    c.is_alphanumeric() || c == '.' || c == '-'
}

/// Whether a character is of the name before the `@` wherever it stands.
fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+')
}

/// Whether an address may have it, and texts also set addresses off by it.
fn may_be_of_name(c: char) -> bool {
    "!#$%&'*/=?^`{|}~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let mut found = BTreeSet::new();
        in_text(text, &mut found);
        found.into_iter().collect()
    }

    #[test]
    fn an_address_is_found_however_it_is_set_off() {
        for text in [
            "adele.vance@contoso.com",
            "No licence for Adele.Vance@Contoso.com.",
            "<adele.vance@contoso.com>, \"x\"",
            "mailto:adele.vance@contoso.com?subject=x",
            "user='adele.vance@contoso.com' failed",
            "upn=adele.vance@contoso.com;id=7",
            "first\nadele.vance@contoso.com\nlast",
            "https://x/users/adele.vance@contoso.com/devices",
        ] {
            assert!(of(text).contains(&"adele.vance@contoso.com".to_owned()), "{text}: {:?}", of(text));
        }
        assert!(of("o'neill@contoso.com").contains(&"o'neill@contoso.com".to_owned()));
        let guest = "adele_fabrikam.com#ext#@contoso.onmicrosoft.com";
        assert!(of(guest).contains(&guest.to_owned()));
    }

    #[test]
    fn another_address_is_not_taken_for_it() {
        assert_eq!(of("adele.vance@contoso.com"), ["adele.vance@contoso.com"]);
        assert_eq!(of("x-adele@contoso.com.evil"), ["x-adele@contoso.com.evil"]);
        assert_eq!(of("@ home@ @contoso.com Adele"), Vec::<String>::new());
        // Bounded, whatever is sent.
        assert!(of(&format!("{}@x", "=".repeat(100_000))).len() <= MOST_LOCAL);
    }
}
