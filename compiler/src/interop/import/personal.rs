//! Guesses by name: which columns hold personal data. Only ever a guess, and marked as one.

use covenant_model::value::LogicalType;

/// A class that a name speaks for: how it is protected, and what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::interop) struct Guess {
    pub(in crate::interop) class: &'static str,
    pub(in crate::interop) protect: &'static str,
    pub(in crate::interop) about: &'static str,
}

const CONTACT: Guess =
    Guess { class: "contact", protect: "encrypt", about: "E-mail and telephone." };
const IDENTITY: Guess =
    Guess { class: "identity", protect: "encrypt", about: "Names and numbers of people." };
const ADDRESS: Guess = Guess { class: "address", protect: "mask", about: "Postal addresses." };
const BIRTH: Guess = Guess { class: "birth", protect: "mask", about: "Dates of birth." };
const DEVICE: Guess =
    Guess { class: "device", protect: "tokenize", about: "Identifiers of devices and sessions." };
const FREETEXT: Guess = Guess {
    class: "freetext",
    protect: "encrypt",
    about: "Typed by people, so it may hold anything.",
};

/// Words of a name in snake case, all of which it has.
const NAMES: [(&[&str], Guess); 29] = [
    (&["email"], CONTACT),
    (&["mail"], CONTACT),
    (&["phone"], CONTACT),
    (&["mobile"], CONTACT),
    (&["fax"], CONTACT),
    (&["first", "name"], IDENTITY),
    (&["last", "name"], IDENTITY),
    (&["full", "name"], IDENTITY),
    (&["middle", "name"], IDENTITY),
    (&["display", "name"], IDENTITY),
    (&["surname"], IDENTITY),
    (&["ssn"], IDENTITY),
    (&["passport"], IDENTITY),
    (&["iban"], IDENTITY),
    (&["street"], ADDRESS),
    (&["address"], ADDRESS),
    (&["postal"], ADDRESS),
    (&["postcode"], ADDRESS),
    (&["zip"], ADDRESS),
    (&["session"], DEVICE),
    (&["device"], DEVICE),
    (&["ip"], DEVICE),
    (&["note"], FREETEXT),
    (&["notes"], FREETEXT),
    (&["comment"], FREETEXT),
    (&["comments"], FREETEXT),
    (&["remark"], FREETEXT),
    (&["message"], FREETEXT),
    (&["username"], IDENTITY),
];
const BIRTHS: [&str; 4] = ["birth", "birthday", "birthdate", "dob"];

/// The class that a column's name and type speak for.
pub(in crate::interop) fn guessed(name: &str, ty: &LogicalType) -> Option<Guess> {
    let words: Vec<&str> = name.split('_').collect();
    let is_text = matches!(ty, LogicalType::String { .. });
    let has = |all: &[&str]| all.iter().all(|word| words.contains(word));
    if matches!(ty, LogicalType::Date) || is_text {
        let birth = BIRTHS.iter().any(|word| words.contains(word));
        if birth {
            return Some(BIRTH);
        }
    }
    NAMES.iter().find(|(all, _)| is_text && has(all)).map(|(_, guess)| *guess)
}
