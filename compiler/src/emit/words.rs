//! What contracts say of lifecycle, readers and persons, in the words that stand in comments and catalogues.

use covenant_model::terms::{Declassify, FieldTerms, Status};

/// A hundredth in millionths.
const PPM_OF_A_PERCENT: f64 = 10_000.0;

/// `deprecated, to be read until 2027-06-30`; nothing of what stays.
pub(crate) fn going(status: Status, sunset: Option<&str>) -> Option<String> {
    if status == Status::Active {
        return None;
    }
    let until = sunset.map(|day| format!(", to be read until {day}")).unwrap_or_default();
    Some(format!("{}{until}", status.word()))
}

/// The same of a field.
pub(crate) fn field_going(terms: &FieldTerms) -> Option<String> {
    going(terms.status, terms.sunset.as_deref())
}

/// `99.9`, of parts of a million.
pub(crate) fn percent(ppm: u32) -> f64 {
    f64::from(ppm) / PPM_OF_A_PERCENT
}

/// What the contract's `types` says, by platform.
pub(crate) fn types(terms: &FieldTerms) -> Vec<(&'static str, &str)> {
    let all = [
        ("snowflake", &terms.types.snowflake),
        ("duckdb", &terms.types.duckdb),
        ("salesforce", &terms.types.salesforce),
    ];
    all.into_iter().filter_map(|(platform, ty)| Some((platform, ty.as_deref()?))).collect()
}

/// Sentences about a field, behind what it is about.
pub(crate) fn sentences(
    terms: &FieldTerms,
    subject: Option<&str>,
    declassify: Option<Declassify>,
) -> Vec<String> {
    let mut said = Vec::new();
    if terms.critical {
        said.push("Critical: decisions rest on it.".to_owned());
    }
    if let Some(going) = field_going(terms) {
        said.push(format!("Is {going}."));
    }
    if let Some(subject) = subject {
        said.push(format!("Data of {subject}."));
    }
    if let Some(Declassify { by, min_group }) = declassify {
        let least = min_group.map(|least| format!(" of at least {least}")).unwrap_or_default();
        said.push(format!("Declassified: {}{least}.", by.word()));
    }
    for (platform, ty) in types(terms) {
        said.push(format!("{ty} in {platform}."));
    }
    if !terms.examples.is_empty() {
        said.push(format!("For example {}.", terms.examples.join(", ")));
    }
    said
}
