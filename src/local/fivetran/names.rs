//! Names that Fivetran makes up: of connections, and of what lands in the destination.

use sha2::{Digest, Sha256};

const FIRST: [&str; 32] = [
    "speak", "loud", "fresh", "quiet", "brave", "mellow", "rapid", "solid", "tender", "vivid", "warm", "young",
    "amber", "bright", "calm", "deep", "eager", "fair", "gentle", "honest", "ideal", "jolly", "keen", "light",
    "modest", "noble", "open", "plain", "proud", "ripe", "sharp", "true",
];
const SECOND: [&str; 64] = [
    "inexpensive",
    "marble",
    "start",
    "harbour",
    "sickle",
    "burden",
    "canyon",
    "domain",
    "ember",
    "fabric",
    "garden",
    "horizon",
    "island",
    "jacket",
    "kernel",
    "ladder",
    "meadow",
    "needle",
    "orchard",
    "pebble",
    "quarry",
    "ribbon",
    "saddle",
    "timber",
    "umbrella",
    "valley",
    "window",
    "yonder",
    "zenith",
    "anchor",
    "basket",
    "candle",
    "dagger",
    "engine",
    "feather",
    "glacier",
    "hammer",
    "insect",
    "jungle",
    "kettle",
    "lantern",
    "mirror",
    "napkin",
    "oyster",
    "pillow",
    "quiver",
    "rocket",
    "shadow",
    "tunnel",
    "utensil",
    "velvet",
    "walnut",
    "yellow",
    "zipper",
    "acorn",
    "beacon",
    "cactus",
    "desert",
    "eclipse",
    "falcon",
    "goblet",
    "helmet",
    "icicle",
    "jigsaw",
];

/// An id such as `speak_inexpensive`, the same for the same name; `attempt` gives others if it is taken.
pub(super) fn connection_id(name: &str, attempt: u32) -> String {
    let digest = Sha256::digest(format!("{attempt}:{name}").as_bytes());
    let first = FIRST[digest[0] as usize % FIRST.len()];
    let second = SECOND[digest[1] as usize % SECOND.len()];
    // There are but 2,048 pairs of words.
    if attempt < 64 { format!("{first}_{second}") } else { format!("{first}_{second}_{attempt}") }
}

/// The name of a schema, table or column in the destination under Fivetran's own naming: accents gone, camel case and
/// foreign characters as underscores, lower case. `InvoiceNo` becomes `invoice_no`, `CustomerID` `customer_id`.
pub(super) fn in_destination(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut words = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| chars[i]);
        let after = chars.get(i + 1);
        let begins_word = c.is_uppercase()
            && before.is_some_and(|b| {
                b.is_lowercase() || b.is_numeric() || (b.is_uppercase() && after.is_some_and(|a| a.is_lowercase()))
            });
        if begins_word {
            words.push('_');
        }
        for c in c.to_lowercase() {
            words.push_str(&plain(c));
        }
    }
    let mut result = String::with_capacity(words.len());
    for c in words.chars() {
        if c != '_' || !result.ends_with('_') {
            result.push(c);
        }
    }
    if result.starts_with(|c: char| c.is_ascii_digit()) {
        result.insert(0, '_');
    }
    result
}

/// A lower-case character without its accent; anything that is not a letter or digit of ASCII then is an underscore.
fn plain(c: char) -> String {
    let text = match c {
        'a'..='z' | '0'..='9' => return c.to_string(),
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ę' | 'ě' => "e",
        'ì'..='ï' | 'ī' => "i",
        'ł' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => "o",
        'œ' => "oe",
        'ř' => "r",
        'ß' => "ss",
        'ś' | 'š' => "s",
        'ť' => "t",
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => "_",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_names() {
        assert_eq!(connection_id("shop", 0), connection_id("shop", 0));
        assert_ne!(connection_id("shop", 0), connection_id("shop", 1));
        assert_eq!(connection_id("shop", 0).split('_').count(), 2);
    }

    #[test]
    fn names_become_those_of_the_destination() {
        for (source, destination) in [
            ("InvoiceNo", "invoice_no"),
            ("CustomerID", "customer_id"),
            ("UnitPrice", "unit_price"),
            ("order_items", "order_items"),
            ("HTTPStatus2xx", "http_status2xx"),
            ("Straße & Ort", "strasse_ort"),
            ("2nd", "_2nd"),
            ("user.data", "user_data"),
        ] {
            assert_eq!(in_destination(source), destination);
        }
    }
}
