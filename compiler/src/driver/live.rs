//! Asks a live database what it is like, for `covenant check --live`. Changes nothing there.

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::error::RuntimeError;
use covenant_model::spec::{EntitySpec, OutboxSpec, SourceSpec, SystemSpec};
use covenant_postgres::catalogue::{facts, judge, published, schema};
use covenant_postgres::connect::Endpoint;
use covenant_postgres::row_filter;

use crate::Compiled;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::interop::import::Imported;
use crate::interop::postgres;
use crate::live::{Reader, diagnostic};
use crate::parse::scalars::is_name;
use crate::plan::{Plan, capture_role};

/// Findings about the database behind `url`. `system` is the one of the project that it is; `password` counts where the URL
/// has none.
///
/// # Errors
/// Why it cannot be asked, in words.
pub fn findings(
    compiled: &Compiled,
    plan: &Plan,
    system: Option<&str>,
    url: &str,
    password: Option<&str>,
) -> Result<Diagnostics, String> {
    let (system, publication) = self::system(plan, system)?;
    let shown = |error: RuntimeError| error.to_string();
    let endpoint = Endpoint::parse(system, url, password).map_err(shown)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let database = Database { plan, system, publication, endpoint: &endpoint };
    let found = runtime.block_on(database.found()).map_err(shown)?;
    let spans = &compiled.ast.spans;
    let shown = |(reader, judged): &(Option<Reader<'_>>, judge::Judged)| -> Diagnostic {
        diagnostic(spans, system, *reader, judged)
    };
    Ok(Diagnostics::new(found.iter().map(shown).collect()))
}

/// Name and publication of the PostgreSQL system that is meant.
fn system<'p>(plan: &'p Plan, wanted: Option<&str>) -> Result<(&'p str, &'p str), String> {
    let all: Vec<(&str, &str)> = plan
        .project
        .systems
        .iter()
        .filter_map(|(name, spec)| match spec {
            SystemSpec::Postgres { publication, .. } => Some((name.as_str(), publication.as_str())),
            SystemSpec::Stream { .. }
            | SystemSpec::Salesforce { .. }
            | SystemSpec::Snowflake { .. } => None,
        })
        .collect();
    let names = || all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    match (wanted, all.as_slice()) {
        (_, []) => Err("the project has no PostgreSQL system".to_owned()),
        (None, [one]) => Ok(*one),
        (None, _) => Err(format!("say which system the database is, with `--system`: {}", names())),
        (Some(wanted), _) => {
            let found = all.iter().find(|(name, _)| *name == wanted);
            found.copied().ok_or_else(|| {
                format!("`{wanted}` is no PostgreSQL system of the project; there is {}", names())
            })
        }
    }
}

struct Database<'a> {
    plan: &'a Plan,
    system: &'a str,
    publication: &'a str,
    endpoint: &'a Endpoint,
}

impl<'a> Database<'a> {
    async fn found(&self) -> Result<Vec<(Option<Reader<'a>>, judge::Judged)>, RuntimeError> {
        let client = self.endpoint.connect().await?;
        let asked = |error: tokio_postgres::Error| self.endpoint.sql_error(&error);
        let (place, publication) = (self.endpoint.place(), self.publication);
        let role = capture_role(publication);
        let of_role = facts::role(&client, &role).await.map_err(asked)?;
        // What a role that is not there may do cannot be asked.
        let as_role = of_role.as_ref().map(|_| role.as_str());
        let server = facts::server(&client, publication, as_role).await.map_err(asked)?;
        let mut found = Vec::new();
        let mut of_system = judge::role(place, &role, of_role.as_ref());
        of_system.extend(judge::server(place, &server, publication, &role));
        let via_root = server.publication.is_some_and(|[.., via_root]| via_root);
        let tables = self.tables();
        for ((schema, table), readers) in &tables {
            let found_table = facts::table(&client, publication, (schema, table), as_role);
            let facts = found_table.await.map_err(asked)?;
            let place = format!("{place}, table {schema}.{table}");
            let mut wanted = BTreeSet::new();
            for (reader, entity) in readers {
                let judged = judge::table(
                    &place,
                    publication,
                    reader.source,
                    entity,
                    facts.as_ref(),
                    via_root,
                );
                found.extend(judged.into_iter().map(|one| (Some(*reader), one)));
                wanted.extend(judge::wanted_columns(reader.source, entity));
            }
            if let Some(facts) = &facts {
                let all = readers.iter().map(|(reader, entity)| (*entity, reader.source));
                let agreed = row_filter::agreed(all);
                let rows = published::rows(&place, publication, facts, agreed.as_deref());
                let first = readers.first().map(|(reader, _)| *reader);
                found.extend(rows.into_iter().map(|one| (first, one)));
                let more = judge::beyond(&place, (publication, &role), facts, &wanted);
                let more = more.into_iter();
                // without the role its rights are those of whoever asked
                let known =
                    more.filter(|one| as_role.is_some() || one.subject != judge::Subject::Role);
                found.extend(known.map(|one| (readers.first().map(|(reader, _)| *reader), one)));
            }
        }
        let outboxes = self.outboxes();
        for (stream, outbox) in &outboxes {
            let OutboxSpec { schema, table, .. } = outbox;
            let asked_for = facts::table(&client, publication, (schema, table), as_role);
            let facts = asked_for.await.map_err(asked)?;
            let place = format!("{place}, table {schema}.{table}");
            of_system.extend(published::outbox(&place, publication, stream, facts.as_ref()));
        }
        let streamed = facts::streamed(&client, publication).await.map_err(asked)?;
        let unread = streamed.into_iter().filter(|name| {
            let read = tables.keys().map(|(schema, table)| format!("{schema}.{table}"));
            let told = outboxes.iter().map(|(_, of)| format!("{}.{}", of.schema, of.table));
            !read.chain(told).any(|known| known == *name)
        });
        of_system.extend(judge::unread(place, publication, &unread.collect::<Vec<_>>()));
        found.extend(of_system.into_iter().map(|one| (None, one)));
        Ok(found)
    }

    /// The tables of the system that producers write events to, with their streams.
    fn outboxes(&self) -> Vec<(&'a str, &'a OutboxSpec)> {
        let systems = self.plan.project.systems.iter();
        let outboxes = systems.filter_map(|(name, spec)| match spec {
            SystemSpec::Stream { outbox: Some(outbox), .. } if outbox.system == self.system => {
                Some((name.as_str(), outbox))
            }
            SystemSpec::Stream { .. }
            | SystemSpec::Postgres { .. }
            | SystemSpec::Salesforce { .. }
            | SystemSpec::Snowflake { .. } => None,
        });
        outboxes.collect()
    }

    /// Every table of the system that a contract reads, with who reads it.
    fn tables(&self) -> BTreeMap<(&'a str, &'a str), Readers<'a>> {
        let mut tables: BTreeMap<_, Readers<'a>> = BTreeMap::new();
        for entity in &self.plan.entities {
            for (source, spec) in &entity.sources {
                let SourceSpec::Postgres { system, schema, table, .. } = spec else { continue };
                if system == self.system {
                    let reader = Reader { entity: &entity.name, source };
                    let of_table = tables.entry((schema.as_str(), table.as_str())).or_default();
                    of_table.push((reader, entity));
                }
            }
        }
        tables
    }
}

type Readers<'a> = Vec<(Reader<'a>, &'a EntitySpec)>;

/// Which tables are imported.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    /// Their schemas.
    pub schemas: &'a [String],
    /// Only these: `orders` or `public.orders`; none: all.
    pub only: &'a [String],
}

/// Contracts of the tables of the database behind `url`, which the project calls `system`.
///
/// # Errors
/// Why it cannot be asked, or what of it cannot be imported, in words.
pub fn import(
    system: &str,
    url: &str,
    password: Option<&str>,
    asked: &Tables<'_>,
) -> Result<Imported, String> {
    if !is_name(system) {
        return Err(format!(
            "`{system}` is no name of a system: lower-case letters, digits and `_`"
        ));
    }
    let shown = |error: RuntimeError| error.to_string();
    let endpoint = Endpoint::parse(system, url, password).map_err(shown)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let tables = runtime.block_on(async {
        let client = endpoint.connect().await?;
        let tables = schema::tables(&client, asked.schemas).await;
        tables.map_err(|error| endpoint.sql_error(&error))
    });
    let mut tables = tables.map_err(shown)?;
    let named = |table: &schema::TableSchema, name: &String| {
        table.name == *name || format!("{}.{}", table.schema, table.name) == *name
    };
    if let Some(missing) =
        asked.only.iter().find(|name| !tables.iter().any(|table| named(table, name)))
    {
        return Err(format!(
            "{}: there is no table {missing} in the schemas {}",
            endpoint.place(),
            asked.schemas.join(", ")
        ));
    }
    if !asked.only.is_empty() {
        tables.retain(|table| asked.only.iter().any(|name| named(table, name)));
    }
    postgres::import(endpoint.place(), system, &tables).map_err(|error| error.to_string())
}
