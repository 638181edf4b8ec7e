//! What the shop sells: a range that grows by a product every twenty days.

use super::rng::{Kind, Rng};

/// Products on sale when the shop opens.
const AT_OPENING: u32 = 60;
/// Days between two new products.
const DAYS_PER_PRODUCT: u32 = 20;

/// Categories with their nouns, and the span of their prices in whole euros.
const RANGE: [(&str, [&str; 5], u32, u32); 6] = [
    ("apparel", ["Shirt", "Jumper", "Trousers", "Jacket", "Scarf"], 19, 120),
    ("home", ["Blanket", "Lamp", "Vase", "Cushion", "Basket"], 12, 90),
    ("beauty", ["Soap", "Balm", "Oil", "Shampoo", "Candle"], 6, 45),
    ("outdoor", ["Backpack", "Bottle", "Tent", "Mat", "Stove"], 15, 160),
    ("toys", ["Puzzle", "Kite", "Blocks", "Bear", "Game"], 9, 60),
    ("kitchen", ["Pan", "Bowl", "Knife", "Kettle", "Board"], 11, 110),
];
const ADJECTIVES: [&str; 10] =
    ["Linen", "Nordic", "Classic", "Alpine", "Soft", "Walnut", "Harbour", "Everyday", "Meadow", "Fine"];

/// A product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Product {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) category: &'static str,
    /// Cents.
    pub(super) price: u32,
}

/// How many products were on sale on a day, counted from the opening.
pub(super) fn on_sale(day: u32) -> u32 {
    AT_OPENING + day / DAYS_PER_PRODUCT
}

/// The first `count` products.
pub(super) fn products(seed: u64, count: u32) -> Vec<Product> {
    (0..count)
        .map(|i| {
            let mut rng = Rng::of(seed, Kind::Product, u64::from(i));
            let (category, nouns, low, high) = RANGE[i as usize % RANGE.len()];
            // Most prices are low: the smaller of two draws.
            let euros = rng.between(low, high).min(rng.between(low, high));
            let name = format!(
                "{} {} {}",
                ADJECTIVES[rng.below(ADJECTIVES.len() as u32) as usize],
                nouns[rng.below(nouns.len() as u32) as usize],
                i + 1
            );
            Product { id: i64::from(i) + 1, name, category, price: euros as u32 * 100 - 5 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_grows_and_what_was_there_stays_as_it_was() {
        assert_eq!((on_sale(0), on_sale(911)), (60, 105));
        let (few, many) = (products(7, 60), products(7, 105));
        assert_eq!(few[..], many[..60]);
        assert!(many.iter().all(|p| (595..=15_995).contains(&p.price)), "{many:?}");
    }
}
