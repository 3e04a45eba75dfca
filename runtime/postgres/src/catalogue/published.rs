//! What the publication says beside columns: which rows of a table, and the tables that producers write events to.

use covenant_model::spec::OutboxSpec;

use super::facts::TableFacts;
use super::judge::{Judged, Report, Subject};
use crate::row_filter;

/// The row filter of the publication against the one that all contracts of the table have in common; see
/// [`row_filter::agreed`].
pub fn rows(
    place: &str,
    publication: &str,
    facts: &TableFacts,
    agreed: Option<&str>,
) -> Vec<Judged> {
    let mut report = Report::new(place);
    report.on(Subject::Table);
    match (&facts.row_filter, agreed) {
        (None, None) => {}
        (Some(shown), Some(ours)) if row_filter::same(shown, ours) => {}
        (None, Some(ours)) => report.warning(
            format!("the publication {publication} has all of its rows, contracts take those with {ours}"),
            "Capture leaves the others out, after they were sent",
            "Deploy the generated SQL, which filters them at the source",
        ),
        (Some(shown), ours) => report.error(
            format!(
                "the publication {publication} has its rows with {shown}, contracts take {}",
                ours.map_or_else(|| "all of them".to_owned(), |ours| format!("those with {ours}"))
            ),
            "Changes of rows outside the filter would be missed",
            "Deploy the generated SQL; rows are filtered by `where` of the source, over key fields alone",
        ),
    }
    report.done()
}

/// Types that an event can be read from.
const EVENT_TYPES: [&str; 4] = ["json", "jsonb", "text", "varchar"];
/// Types that the name of a stream can be read from.
const NAME_TYPES: [&str; 2] = ["text", "varchar"];

/// The table that producers of `stream` write its events to.
pub fn outbox(
    place: &str,
    publication: &str,
    stream: &str,
    facts: Option<&TableFacts>,
) -> Vec<Judged> {
    let mut report = Report::new(place);
    report.on(Subject::Outbox(stream.to_owned()));
    let Some(facts) = facts else {
        report.error(
            "there is no such table, or our role may not see it",
            &format!("Events of {stream} are written to it"),
            "Deploy the generated SQL, which makes it",
        );
        return report.done();
    };
    for (name, types) in
        [(OutboxSpec::STREAM, NAME_TYPES.as_slice()), (OutboxSpec::EVENT, EVENT_TYPES.as_slice())]
    {
        match facts.columns.iter().find(|column| column.name == name) {
            None => report.error(
                format!("there is no column {name}"),
                "An event could not be read",
                "Deploy the generated SQL, or add the column",
            ),
            Some(column) if !types.contains(&column.base.as_str()) => report.error(
                format!("the column {name} is {}", column.shown),
                "An event could not be read",
                format!("Make it one of {}", types.join(", ")),
            ),
            Some(_) => {}
        }
        if facts.published.as_ref().is_some_and(|published| !published.contains(name)) {
            report.error(
                format!("the publication {publication} leaves out the column {name}"),
                "An event could not be read",
                "Deploy the generated SQL, which lists the columns",
            );
        }
    }
    if facts.published.is_none() || facts.row_filter.is_some() {
        report.error(
            format!("the publication {publication} does not have all of its rows"),
            "Events would be written and never read",
            "Deploy the generated SQL, which publishes it",
        );
    }
    if facts.kind == 'r' && facts.identity_columns.is_empty() && facts.identity != 'f' {
        report.error(
            "it has no replica identity",
            "Deleting old events fails as soon as it is published",
            "Give it a primary key",
        );
    }
    report.done()
}
