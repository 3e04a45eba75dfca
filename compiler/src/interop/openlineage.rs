//! OpenLineage 2.0.2: what lands, is delivered and is computed as `JobEvent`s: lineage by design, known before anything
//! runs.
//!
//! The standard names datasets by where they physically are; contracts do not know hosts and accounts. A namespace is
//! therefore the kind of the system, the project and the system's name: `postgres://acme-retail.store`.

use std::collections::BTreeSet;

use covenant_model::columns::{self, ColumnPart, StoredColumn};
use covenant_model::spec::{
    EntitySpec, ModelSpec, RowUse, RowsBy, SalesforceSink, SourceSpec, WarehouseSink,
};
use jiff::civil::Date;

use crate::emit::schemas::doc::Doc;
use crate::plan::{Plan, source_name};

const PRODUCER: &str = concat!("urn:covenant:compiler:", env!("CARGO_PKG_VERSION"));
const JOB_EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent";
const FACETS: &str = "https://openlineage.io/spec/facets";

/// A dataset by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    namespace: String,
    name: String,
}

/// A column of an output, and the columns that it is made of.
struct Column {
    name: String,
    ty: Option<String>,
    about: Option<String>,
    masked: bool,
    inputs: Vec<(Place, String)>,
}

/// One job: what it reads is what its columns are made of, and `reads`.
struct Job<'a> {
    name: String,
    purpose: &'a str,
    owner: &'a str,
    sql: Option<&'a str>,
    reads: BTreeSet<Place>,
    writes: Place,
    columns: Vec<Column>,
    /// Columns that decide which rows there are, and how: `FILTER`.
    rows_by: Vec<(Place, String, &'static str)>,
}

/// Name and event of every job, in the plan's order.
pub(super) fn events(plan: &Plan, day: Date) -> Vec<(String, Doc)> {
    let landed = plan.entities.iter().filter_map(|entity| land(plan, entity));
    let delivered = plan.entities.iter().filter_map(|entity| deliver(plan, entity));
    let computed = plan.models.iter().map(|model| compute(plan, model));
    landed
        .chain(delivered)
        .chain(computed)
        .map(|job| (job.name.clone(), event(plan, job, day)))
        .collect()
}

/// From the sources into the warehouse.
fn land<'a>(plan: &Plan, entity: &'a EntitySpec) -> Option<Job<'a>> {
    let sink = entity.warehouse.as_ref()?;
    let columns = stored(entity).map(|column| {
        let inputs = entity.sources.iter().filter_map(|(name, source)| {
            let theirs = source_name(entity, name, column.field)?;
            Some((of_source(plan, source), theirs.to_owned()))
        });
        let field = entity.fields.get(column.field);
        Column {
            inputs: inputs.collect(),
            name: column.name,
            ty: Some(column.ty.to_string()),
            about: field.and_then(|field| field.about.clone()),
            masked: column.part != ColumnPart::Plain,
        }
    });
    Some(Job {
        name: format!("land.{}", entity.name),
        purpose: &entity.purpose,
        owner: &entity.owner,
        sql: None,
        reads: entity.sources.values().map(|source| of_source(plan, source)).collect(),
        writes: of_warehouse(plan, sink),
        columns: columns.collect(),
        rows_by: Vec::new(),
    })
}

/// From the sources into Salesforce: the delivery does not read the warehouse.
fn deliver<'a>(plan: &Plan, entity: &'a EntitySpec) -> Option<Job<'a>> {
    let sink = entity.salesforce.as_ref()?;
    let columns = sink.fields.iter().map(|mapped| Column {
        name: mapped.target.clone(),
        ty: entity.fields.get(mapped.source).map(|field| field.ty.to_string()),
        about: entity.fields.get(mapped.source).and_then(|field| field.about.clone()),
        masked: false,
        inputs: entity
            .sources
            .iter()
            .filter_map(|(name, source)| {
                let theirs = source_name(entity, name, mapped.source)?;
                Some((of_source(plan, source), theirs.to_owned()))
            })
            .collect(),
    });
    Some(Job {
        name: format!("deliver.{}", entity.name),
        purpose: &entity.purpose,
        owner: &entity.owner,
        sql: None,
        reads: entity.sources.values().map(|source| of_source(plan, source)).collect(),
        writes: of_salesforce(plan, sink),
        columns: columns.collect(),
        rows_by: Vec::new(),
    })
}

/// A model's query.
fn compute<'a>(plan: &Plan, model: &'a ModelSpec) -> Job<'a> {
    let columns = model.fields.iter().map(|field| Column {
        name: field.name.clone(),
        ty: Some(field.ty.to_string()),
        about: field.about.clone(),
        masked: field.declassify.is_some(),
        inputs: field
            .lineage
            .iter()
            .flat_map(|(dataset, column)| of_column(plan, dataset, column))
            .collect(),
    });
    Job {
        name: format!("compute.{}", model.name),
        purpose: &model.purpose,
        owner: &model.owner,
        sql: Some(&model.query),
        reads: model.inputs.iter().filter_map(|name| of_dataset(plan, name)).collect(),
        writes: of_warehouse(plan, &model.warehouse),
        columns: columns.collect(),
        rows_by: model.rows_by.iter().flat_map(|by| decides(plan, by)).collect(),
    }
}

fn decides(plan: &Plan, by: &RowsBy) -> Vec<(Place, String, &'static str)> {
    let subtype = match by.how {
        RowUse::Filter => "FILTER",
        RowUse::Join => "JOIN",
        RowUse::Group => "GROUP_BY",
    };
    let found = of_column(plan, &by.dataset, &by.column).into_iter();
    found.map(|(place, column)| (place, column, subtype)).collect()
}

fn stored(entity: &EntitySpec) -> impl Iterator<Item = StoredColumn> + '_ {
    entity.fields.iter().enumerate().flat_map(|(ix, field)| columns::of_field(field, ix))
}

/// What holds a field of an entity or model: nothing where it is dropped at capture, several columns where its token is
/// kept beside it.
fn of_column(plan: &Plan, dataset: &str, field: &str) -> Vec<(Place, String)> {
    let Some(place) = of_dataset(plan, dataset) else { return Vec::new() };
    let Some(entity) = plan.entity(dataset) else { return vec![(place, field.to_owned())] };
    let at = entity.fields.iter().position(|one| one.name == field);
    let parts = stored(entity).filter(|column| Some(column.field) == at);
    parts.map(|column| (place.clone(), column.name)).collect()
}

fn of_dataset(plan: &Plan, name: &str) -> Option<Place> {
    let entity = plan.entity(name).and_then(|entity| entity.warehouse.as_ref());
    let model = || plan.models.iter().find(|model| model.name == name).map(|one| &one.warehouse);
    entity.or_else(model).map(|sink| of_warehouse(plan, sink))
}

fn of_warehouse(plan: &Plan, sink: &WarehouseSink) -> Place {
    let name = format!("{}.{}.{}", sink.database, sink.schema, sink.table);
    place(plan, "snowflake", &sink.system, name)
}

fn of_salesforce(plan: &Plan, sink: &SalesforceSink) -> Place {
    place(plan, "salesforce", &sink.system, sink.object.clone())
}

fn of_source(plan: &Plan, source: &SourceSpec) -> Place {
    match source {
        SourceSpec::Postgres { system, schema, table, .. } => {
            place(plan, "postgres", system, format!("{schema}.{table}"))
        }
        SourceSpec::Stream { system, stream, .. } => place(plan, "stream", system, stream.clone()),
        SourceSpec::Salesforce { system, object, .. } => {
            place(plan, "salesforce", system, object.clone())
        }
    }
}

fn place(plan: &Plan, kind: &str, system: &str, name: String) -> Place {
    Place { namespace: format!("{kind}://{}.{system}", plan.project.name), name }
}

fn event(plan: &Plan, job: Job<'_>, day: Date) -> Doc {
    let sql = job.sql.map(|query| facet("1-1-0", "SQLJobFacet").with("query", query.trim()));
    let about = facet("1-1-0", "DocumentationJobFacet").with("description", job.purpose.trim());
    let facets = Doc::map().with("documentation", about).with_some("sql", sql);
    let named = Doc::map()
        .with("namespace", &plan.project.name)
        .with("name", &job.name)
        .with("facets", facets);
    let read = job.columns.iter().flat_map(|column| column.inputs.iter().map(|(at, _)| at.clone()));
    let inputs: BTreeSet<Place> = job.reads.iter().cloned().chain(read).collect();
    Doc::map()
        .with("eventTime", format!("{day}T00:00:00Z"))
        .with("producer", PRODUCER)
        .with("schemaURL", JOB_EVENT)
        .with("job", named)
        .with("inputs", Doc::list(inputs.iter().map(dataset)))
        .with("outputs", Doc::list([dataset(&job.writes).with("facets", output(&job))]))
}

fn dataset(place: &Place) -> Doc {
    Doc::map().with("namespace", &place.namespace).with("name", &place.name)
}

/// Schema, column lineage, owner and purpose of what a job writes.
fn output(job: &Job<'_>) -> Doc {
    let fields = job.columns.iter().map(|column| {
        Doc::map()
            .with("name", &column.name)
            .with_some("type", column.ty.as_ref())
            .with_some("description", column.about.as_deref().map(str::trim))
    });
    let lineage = job.columns.iter().fold(Doc::map(), |all, column| {
        let inputs = column.inputs.iter().map(|(at, field)| {
            dataset(at).with("field", field).with("transformations", Doc::list([how(job, column)]))
        });
        all.with(&column.name, Doc::map().with("inputFields", Doc::list(inputs)))
    });
    let rows_by = job.rows_by.iter().map(|(at, field, subtype)| {
        let how = Doc::map().with("type", "INDIRECT").with("subtype", *subtype);
        dataset(at).with("field", field).with("transformations", Doc::list([how]))
    });
    let lineage = facet("1-2-0", "ColumnLineageDatasetFacet")
        .with("fields", lineage)
        .with_some("dataset", Doc::list(rows_by).filled());
    let owner = Doc::map().with("name", job.owner).with("type", "OWNER");
    let about = facet("1-1-0", "DocumentationDatasetFacet").with("description", job.purpose.trim());
    Doc::map()
        .with("schema", facet("1-2-0", "SchemaDatasetFacet").with("fields", Doc::list(fields)))
        .with("columnLineage", lineage)
        .with("ownership", facet("1-0-1", "OwnershipDatasetFacet").with("owners", vec![owner]))
        .with("documentation", about)
}

/// A query may compute; landing and delivery only carry and protect.
fn how(job: &Job<'_>, column: &Column) -> Doc {
    let computed = job.sql.is_some() || column.masked;
    let subtype = if computed { "TRANSFORMATION" } else { "IDENTITY" };
    Doc::map().with("type", "DIRECT").with("subtype", subtype).with("masking", column.masked)
}

fn facet(version: &str, name: &str) -> Doc {
    let schema = format!("{FACETS}/{version}/{name}.json#/$defs/{name}");
    Doc::map().with("_producer", PRODUCER).with("_schemaURL", schema)
}
