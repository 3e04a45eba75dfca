//! A private PostgreSQL with Acme's tables and what the compiler generated for it; orders that keep the contract; and what a
//! part needs to read them as the product does.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use covenant_model::codec::EntityCodec;
use covenant_model::manifest::Manifest;
use covenant_model::spec::SystemSpec;
use covenant_runtime::capture::{CaptureLane, Limits, Registry};
use covenant_runtime::env::SystemClock;
use covenant_runtime::keys::local::LocalKeys;
use covenant_runtime::keys::protector::Protector;
use covenant_runtime::landing::objects::ObjectLanding;
use covenant_runtime::source::postgres::connect::Endpoint;
use covenant_runtime::source::postgres::stream::{Opened, StreamSettings, open};
use covenant_sandbox::demo::systems::Source;
use tokio_postgres::Client;

use crate::{Failure, part};

/// What the compiler generated.
pub(crate) const GENERATED: &str = "generated";
/// The system of the project that is a PostgreSQL database.
pub(crate) const SYSTEM: &str = "store";
/// The entity of the table that is written.
pub(crate) const ENTITY: &str = "sales.order";
/// Changes of a transaction.
const PER_TRANSACTION: u64 = 100;

/// One customer, and procedures that write orders: `fill` from `n` on, `pay` those that are there.
const PROCEDURES: &str = "
INSERT INTO public.customers VALUES ('C100000001', 'Ann Example', 'Ann', 'Example', 'ann@mail.example', NULL, NULL,
  'Main Street 1', 'Leipzig', '04109', 'DE', 'de', 'consumer', 1000.00, 0, true, NULL, now(), now());
CREATE PROCEDURE bench_fill(first bigint, many bigint, per bigint) LANGUAGE plpgsql AS $$
BEGIN FOR at IN 0 .. (many - 1) / per LOOP
  PERFORM bench_orders(first + at * per, LEAST(per, many - at * per));
  COMMIT;
END LOOP; END $$;
CREATE FUNCTION bench_orders(first bigint, many bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO public.orders SELECT ('b0000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'C100000001', n,
    'placed', 'web', 'EUR', 100.00 + n % 900, 19.00, 4.90, 0.00, 123.90 + n % 900, 2, 'order' || n || '@mail.example',
    'Main Street ' || n % 200, 'DE', 's-' || md5(n::text), NULL, current_date + 3, now(), now()
  FROM generate_series(first, first + many - 1) n $$;
CREATE PROCEDURE bench_pay(first bigint, many bigint, per bigint) LANGUAGE plpgsql AS $$
BEGIN FOR at IN 0 .. (many - 1) / per LOOP
  UPDATE public.orders SET status = 'paid', updated_at = now()
    WHERE order_id >= ('b0000000-0000-7000-8000-' || lpad(to_hex(first + at * per), 12, '0'))::uuid
      AND order_id < ('b0000000-0000-7000-8000-' || lpad(to_hex(first + LEAST(at * per + per, many)), 12, '0'))::uuid;
  COMMIT;
END LOOP; END $$";

/// Prefix of the ids of orders that `bench_orders` writes; the number stands behind it, hexadecimal.
pub(crate) const ORDER_ID: &str = "b0000000-0000-7000-8000-";

/// The database, and a connection for what prepares a figure.
pub(crate) struct Shop {
    /// The server.
    pub(crate) source: Source,
    /// As its superuser.
    pub(crate) sql: Client,
}

impl Shop {
    /// Starts a new one below `folder`.
    pub(crate) async fn start(folder: &Path) -> Result<Self, Failure> {
        let source = Source::start(folder, Path::new(GENERATED)).await?;
        let sql = source.connect().await?;
        sql.batch_execute(PROCEDURES).await?;
        Ok(Self { source, sql })
    }

    /// Writes orders, and where `pay` is set changes each of them once. Not waiting for the disk: this is no figure.
    pub(crate) async fn write(&self, orders: u64, pay: bool) -> Result<(), Failure> {
        self.sql.batch_execute("SET synchronous_commit = off").await?;
        self.sql.batch_execute(&format!("CALL bench_fill(1, {orders}, {PER_TRANSACTION})")).await?;
        if pay {
            let sql = format!("CALL bench_pay(1, {orders}, {PER_TRANSACTION})");
            self.sql.batch_execute(&sql).await?;
        }
        self.sql.batch_execute("SET synchronous_commit = on").await?;
        Ok(())
    }

    /// Makes a slot, a copy of `base` where one is named.
    pub(crate) async fn slot(&self, name: &str, base: Option<&str>) -> Result<(), Failure> {
        let sql = match base {
            None => format!("SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')"),
            Some(base) => format!("SELECT pg_copy_logical_replication_slot('{base}', '{name}')"),
        };
        Ok(self.sql.batch_execute(&sql).await?)
    }

    /// Drops a slot, once its reader is gone.
    pub(crate) async fn drop_slot(&self, name: &str) -> Result<(), Failure> {
        let held = format!("SELECT active FROM pg_replication_slots WHERE slot_name = '{name}'");
        while self.sql.query_one(held.as_str(), &[]).await?.get(0) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let sql = format!("SELECT pg_drop_replication_slot('{name}')");
        Ok(self.sql.batch_execute(&sql).await?)
    }

    /// Name of the database.
    pub(crate) fn database(&self) -> Result<String, Failure> {
        let config: tokio_postgres::Config = self.source.pipeline_url().parse()?;
        Ok(config.get_dbname().unwrap_or_default().to_owned())
    }

    /// A client program of PostgreSQL, with this database's address in its environment.
    pub(crate) fn program(&self, name: &str) -> Result<Command, Failure> {
        let config: tokio_postgres::Config = self.source.pipeline_url().parse()?;
        let password = config.get_password().unwrap_or_default();
        let mut command = Command::new(name);
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.source.cluster.port().to_string())
            .env("PGUSER", config.get_user().unwrap_or_default())
            .env("PGPASSWORD", String::from_utf8(password.to_vec())?)
            .env("PGDATABASE", self.database()?);
        Ok(command)
    }
}

/// What a part reads: the manifest, and the database that its parent handed over.
pub(crate) struct Reader {
    /// What the compiler generated.
    pub(crate) manifest: Manifest,
    /// The database.
    pub(crate) endpoint: Endpoint,
    publication: String,
}

impl Reader {
    /// From the environment.
    pub(crate) fn open() -> Result<Self, Failure> {
        let manifest = manifest()?;
        let publication = publication(&manifest)?;
        let endpoint = Endpoint::parse(SYSTEM, &part::url()?, None)?;
        Ok(Self { manifest, endpoint, publication })
    }

    /// Opens the stream of a slot that is there.
    pub(crate) async fn stream(&self, slot: &str) -> Result<Opened, Failure> {
        let settings = StreamSettings::new(slot, &self.publication);
        Ok(open(&self.endpoint, &settings, None, &SystemClock).await?)
    }

    /// A capture lane that lands below `folder`, with the generated validators.
    pub(crate) async fn lane(&self, folder: &Path) -> Result<CaptureLane, Failure> {
        let codecs: Vec<Arc<dyn EntityCodec>> =
            acme_pipeline::registry().into_iter().map(Arc::from).collect();
        let registry = Arc::new(Registry::new(self.manifest.entities.clone(), &codecs)?);
        let protector = Arc::new(Protector::new(Arc::new(LocalKeys::fixed([7; 32])))?);
        let landing = Arc::new(ObjectLanding::local(folder)?);
        let clock = Arc::new(SystemClock);
        Ok(CaptureLane::open(registry, protector, landing, clock, Limits::default()).await?)
    }
}

/// The manifest of this repository.
pub(crate) fn manifest() -> Result<Manifest, Failure> {
    let file = Path::new(GENERATED).join("manifest.json");
    let text = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(serde_json::from_slice(&text)?)
}

/// The publication of the project's database.
pub(crate) fn publication(manifest: &Manifest) -> Result<String, Failure> {
    match manifest.project.systems.get(SYSTEM) {
        Some(SystemSpec::Postgres { publication, .. }) => Ok(publication.clone()),
        _ => Err(format!("the project has no PostgreSQL system {SYSTEM}").into()),
    }
}
