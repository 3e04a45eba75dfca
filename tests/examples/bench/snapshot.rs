//! A table read by `COPY`, by our chunked reader, and by the lane of initial loads through capture into landing.

use std::sync::Arc;
use std::time::Duration;

use covenant_runtime::app::jobs;
use covenant_runtime::backfill::lane::{AlwaysOpen, BackfillLane, Job, LaneSettings, ReadyChunk};
use covenant_runtime::env::SystemClock;
use covenant_runtime::source::postgres::reader::PostgresReader;
use covenant_runtime::source::postgres::stream::PostgresStream;
use covenant_runtime::source::{ChangeStream, StreamItem, TableReader};

use crate::Failure;
use crate::capture::{check_landed, commit_is_due};
use crate::figure::Row;
use crate::part::{Best, Measured, Watch, block_on, peer, run};
use crate::shop::{ENTITY, Reader, SYSTEM, Shop};

const ORDERS: u64 = 500_000;
const ORDERS_QUICK: u64 = 50_000;
const TURNS: u32 = 3;
const TURNS_QUICK: u32 = 1;
const SLOT: &str = "bench_snapshot";
/// Rows of a read, as the lane reads them.
const CHUNK_ROWS: usize = covenant_runtime::backfill::lane::CHUNK_ROWS;
/// No budget: the limit of the machine is wanted.
const ROWS_PER_S: u64 = 100_000_000;
/// How long the stream is listened to while no chunk is ready.
const LISTEN: Duration = Duration::from_millis(10);

/// Takes the figure.
pub(crate) fn figure(quick: bool) -> Result<Vec<Row>, Failure> {
    let (orders, turns) = if quick { (ORDERS_QUICK, TURNS_QUICK) } else { (ORDERS, TURNS) };
    let folder = tempfile::tempdir()?;
    block_on(async {
        let shop = Shop::start(folder.path()).await?;
        eprintln!("snapshot: writing {orders} rows");
        shop.write(orders, false).await?;
        shop.sql.batch_execute("VACUUM ANALYZE public.orders").await?;
        let (mut text, mut binary) = (Best::default(), Best::default());
        let (mut reader, mut lane) = (Best::default(), Best::default());
        let url = shop.source.pipeline_url();
        let count = orders.to_string();
        for _ in 0..turns {
            text.add(copy(&shop, "text", orders)?);
            binary.add(copy(&shop, "binary", orders)?);
            reader.add(run(&["reader", &count], &url)?);
            shop.slot(SLOT, None).await?;
            lane.add(run(&["backfill", SLOT, &count], &url)?);
            shop.drop_slot(SLOT).await?;
        }
        rows(&text.get()?, &binary.get()?, &reader.get()?, &lane.get()?)
    })
}

fn rows(
    text: &Measured,
    binary: &Measured,
    reader: &Measured,
    lane: &Measured,
) -> Result<Vec<Row>, Failure> {
    const PEER: &str = "COPY text by psql to /dev/null";
    let rate = |name: &str, ours: &Measured| {
        Row::new(name, ours.rate(), "rows/s").beside(PEER, text.rate()).memory(ours.rss_mib)
    };
    Ok(vec![
        rate("snapshot: table read in chunks", reader),
        rate("snapshot: read, released by the stream, validated, protected, landed", lane),
        rate("COPY binary by psql to /dev/null", binary),
        Row::new("COPY text by psql, by itself", text.rate(), "rows/s").memory(text.rss_mib),
    ])
}

fn copy(shop: &Shop, format: &str, rows: u64) -> Result<Measured, Failure> {
    let mut command = shop.program("psql")?;
    let sql = format!("COPY public.orders TO STDOUT (FORMAT {format})");
    command.args(["-q", "-X", "-c", &sql]);
    peer(command, rows)
}

fn job(reader: &Reader) -> Result<Job, Failure> {
    let jobs = jobs::initial(&reader.manifest, SYSTEM);
    let job = jobs.into_iter().find(|job| job.entity == ENTITY);
    job.ok_or_else(|| format!("{ENTITY} is not read from {SYSTEM}").into())
}

/// Our reader by itself.
pub(crate) fn reader_part(rows: u64) -> Result<Measured, Failure> {
    block_on(async {
        let from = Reader::open()?;
        let request = job(&from)?.request;
        let mut reader = PostgresReader::new(from.endpoint.clone());
        let watch = Watch::start()?;
        let mut seen = 0;
        let mut after: Option<Vec<String>> = None;
        loop {
            let chunk = reader.read(&request, after.as_deref(), CHUNK_ROWS).await?;
            seen += chunk.rows.len() as u64;
            after = chunk.next;
            if after.is_none() {
                break;
            }
        }
        counted(seen, rows)?;
        watch.stop(seen)
    })
}

/// An initial load, from the table to durable landing commits.
pub(crate) fn lane_part(slot: &str, rows: u64) -> Result<Measured, Failure> {
    let folder = tempfile::tempdir()?;
    block_on(async {
        let from = Reader::open()?;
        let mut opened = from.stream(slot).await?;
        let mut capture = from.lane(folder.path()).await?;
        capture.adopt(SYSTEM, opened.position.clone())?;
        let settings = LaneSettings { rows_per_s: ROWS_PER_S, ..LaneSettings::default() };
        let mut lane = BackfillLane::new(Arc::new(SystemClock), Arc::new(AlwaysOpen), settings);
        lane.resume(job(&from)?, None)?;
        let mut reader = PostgresReader::new(from.endpoint.clone());
        let watch = Watch::start()?;
        let mut seen = 0;
        let mut done = false;
        while !done {
            let chunk = ready(&mut lane, &mut reader, &mut opened.stream).await?;
            seen += chunk.rows.len() as u64;
            done = chunk.done;
            capture.accept_chunk(SYSTEM, &chunk)?;
            if commit_is_due(&capture) {
                capture.commit().await?;
            }
        }
        capture.commit().await?;
        counted(seen, rows)?;
        let measured = watch.stop(seen)?;
        check_landed(&capture, rows)?;
        Ok(measured)
    })
}

async fn ready(
    lane: &mut BackfillLane,
    reader: &mut PostgresReader,
    stream: &mut PostgresStream,
) -> Result<ReadyChunk, Failure> {
    loop {
        if let Some(chunk) = lane.step(reader).await? {
            return Ok(chunk);
        }
        let Ok(item) = tokio::time::timeout(LISTEN, stream.next()).await else { continue };
        match item? {
            StreamItem::Transaction(transaction) => {
                lane.observe_transaction(transaction.xid, transaction.commit);
                lane.passed(transaction.end);
            }
            StreamItem::Part(_) => {}
            StreamItem::Passed(lsn) => lane.passed(lsn),
        }
    }
}

fn counted(seen: u64, expected: u64) -> Result<(), Failure> {
    if seen == expected {
        return Ok(());
    }
    Err(format!("{seen} rows were read, the table has {expected}").into())
}
