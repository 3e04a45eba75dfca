//! Names, articles and places that rows are made of.

pub(super) const FIRST_NAMES: &[&str] = &[
    "Anna", "Ben", "Chiara", "Daan", "Elif", "Finn", "Greta", "Hugo", "Ines", "Jakub", "Klara",
    "Léa", "Mats", "Nora", "Oskar", "Pia", "Quentin", "Rosa", "Søren", "Tomasz", "Ute", "Wim",
];
pub(super) const LAST_NAMES: &[&str] = &[
    "Albers",
    "Brandt",
    "Claes",
    "Dubois",
    "Engel",
    "Fischer",
    "García",
    "Hansen",
    "Iwanow",
    "Jansen",
    "Kowalski",
    "Lefèvre",
    "Müller",
    "Nowak",
    "O'Brien",
    "Peeters",
    "Richter",
    "Schmidt",
    "Thomas",
    "Verhoeven",
    "Weiß",
    "Zieliński",
];
pub(super) const STREETS: &[&str] = &[
    "Hauptstraße",
    "Lindenweg",
    "Rue de la Paix",
    "Kerkstraat",
    "ul. Długa",
    "High Street",
    "Am Markt",
    "Dorpsstraat",
];
/// City, postal code, country, language.
pub(super) const PLACES: &[(&str, &str, &str, &str)] = &[
    ("Hamburg", "20095", "DE", "de"),
    ("München", "80331", "DE", "de"),
    ("Wien", "1010", "AT", "de"),
    ("Paris", "75001", "FR", "fr"),
    ("Lyon", "69001", "FR", "fr"),
    ("Utrecht", "3511 AB", "NL", "nl"),
    ("Antwerpen", "2000", "BE", "nl"),
    ("Kraków", "31-008", "PL", "pl"),
    ("Dublin", "D01 F5P2", "IE", "en"),
];
pub(super) const CATEGORIES: &[&str] =
    &["Kitchen", "Garden", "Outdoor", "Office", "Toys", "Lighting", "Bath", "Storage"];
pub(super) const PRODUCTS: &[&str] = &[
    "Kettle",
    "Spade",
    "Tent",
    "Desk lamp",
    "Puzzle",
    "Lantern",
    "Towel set",
    "Crate",
    "Moka pot",
    "Hose",
    "Backpack",
    "Notebook",
    "Kite",
    "Bulb",
    "Mirror",
    "Shelf",
];
/// Warehouses and shops that hold stock.
pub(super) const LOCATIONS: &[&str] = &["HAM1", "UTR1", "LYO1", "KRK1", "SHOP-DE-07"];
pub(super) const CHANNELS: &[&str] = &["web", "app", "store", "phone"];
pub(super) const CARRIERS: &[&str] = &["DHL", "PostNL", "Colissimo", "InPost"];
/// Handles of account managers.
pub(super) const ACCOUNT_MANAGERS: &[&str] = &["a.weber", "m.rossi", "j.devries", "k.lis"];
pub(super) const TIERS: &[&str] = &["bronze", "silver", "gold", "platinum"];

/// The states of an order, by rank.
pub const STATUSES: &[&str] =
    &["placed", "paid", "picked", "shipped", "delivered", "cancelled", "refunded"];

/// Rank of a state; none for a text that is no state.
pub fn rank(status: &str) -> Option<usize> {
    STATUSES.iter().position(|known| *known == status)
}

/// Key of the n-th article.
pub(super) fn sku(number: u32) -> String {
    format!("SKU-{number:05}")
}

/// What the n-th article is called.
pub(super) fn product(number: u32) -> String {
    let at = number as usize;
    format!("{} {}", PRODUCTS[at % PRODUCTS.len()], at / PRODUCTS.len() + 1)
}

/// Category of the n-th article.
pub(super) fn category(number: u32) -> &'static str {
    CATEGORIES[number as usize % CATEGORIES.len()]
}

/// Price of the n-th article, in cents.
pub(super) fn price_cents(number: u32) -> i64 {
    499 + i64::from(number % 97) * 113
}
