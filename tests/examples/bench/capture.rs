//! A backlog of changes, drained by `pg_recvlogical`, by our stream with its decoder, and by the whole capture lane. Each
//! drains a slot of its own, copied from one, so that all see the same log; each runs in turn, and the best of the turns counts.

use std::time::Duration;

use covenant_runtime::capture::CaptureLane;
use covenant_runtime::source::{ChangeStream, StreamItem};

use crate::Failure;
use crate::figure::Row;
use crate::part::{Best, Measured, Watch, block_on, peer, run};
use crate::shop::{Reader, SYSTEM, Shop, manifest, publication};

/// Orders, each inserted and then updated.
const ORDERS: u64 = 150_000;
const ORDERS_QUICK: u64 = 20_000;
const TURNS: u32 = 3;
const TURNS_QUICK: u32 = 1;
/// Slot that the others are copied from.
const BASE: &str = "bench_base";

/// Takes the figure.
pub(crate) fn figure(quick: bool) -> Result<Vec<Row>, Failure> {
    let (orders, turns) = if quick { (ORDERS_QUICK, TURNS_QUICK) } else { (ORDERS, TURNS) };
    let folder = tempfile::tempdir()?;
    block_on(async {
        let shop = Shop::start(folder.path()).await?;
        shop.slot(BASE, None).await?;
        eprintln!("capture: writing {} changes", orders * 2);
        shop.write(orders, true).await?;
        let end: String =
            shop.sql.query_one("SELECT pg_current_wal_insert_lsn()::text", &[]).await?.get(0);
        // A change beyond the end, for readers that stop at the first message behind it.
        shop.sql.batch_execute("UPDATE public.customers SET updated_at = now()").await?;
        let drains = Drains { shop, end, changes: orders * 2 };
        let (mut theirs, mut stream, mut lane) =
            (Best::default(), Best::default(), Best::default());
        for _ in 0..turns {
            theirs.add(drains.recvlogical().await?);
            stream.add(drains.ours("stream").await?);
            lane.add(drains.ours("lane").await?);
        }
        rows(&theirs.get()?, &stream.get()?, &lane.get()?)
    })
}

fn rows(theirs: &Measured, stream: &Measured, lane: &Measured) -> Result<Vec<Row>, Failure> {
    const PEER: &str = "pg_recvlogical to /dev/null";
    let rate = |name: &str, ours: &Measured| {
        Row::new(name, ours.rate(), "changes/s").beside(PEER, theirs.rate()).memory(ours.rss_mib)
    };
    let cpu = |name: &str, ours: &Measured| {
        Row::new(name, ours.cpu_us(), "µs CPU a change").beside(PEER, theirs.cpu_us())
    };
    Ok(vec![
        rate("capture: slot drained, decoded to tuples", stream),
        cpu("the same, CPU of the reader", stream),
        rate("capture: slot drained, validated, protected, landed as Parquet", lane),
        cpu("the same, CPU of the lane", lane),
        Row::new("pg_recvlogical by itself", theirs.rate(), "changes/s").memory(theirs.rss_mib),
    ])
}

struct Drains {
    shop: Shop,
    end: String,
    changes: u64,
}

impl Drains {
    async fn recvlogical(&self) -> Result<Measured, Failure> {
        let slot = "bench_theirs";
        self.shop.slot(slot, Some(BASE)).await?;
        let mut command = self.shop.program("pg_recvlogical")?;
        let publication = format!("publication_names={}", publication(&manifest()?)?);
        command.args([
            "-d",
            &self.shop.database()?,
            "--start",
            "-S",
            slot,
            "-f",
            "/dev/null",
            "-F",
            "0",
        ]);
        command.args(["-E", &self.end, "-o", "proto_version=1", "-o", &publication]);
        let measured = peer(command, self.changes)?;
        self.shop.drop_slot(slot).await?;
        Ok(measured)
    }

    async fn ours(&self, what: &str) -> Result<Measured, Failure> {
        let slot = format!("bench_{what}");
        self.shop.slot(&slot, Some(BASE)).await?;
        let url = self.shop.source.pipeline_url();
        let measured = run(&[what, &slot, &self.changes.to_string()], &url)?;
        self.shop.drop_slot(&slot).await?;
        Ok(measured)
    }
}

/// Our stream and its decoder: whole transactions of tuples, thrown away.
pub(crate) fn stream_part(slot: &str, changes: u64) -> Result<Measured, Failure> {
    block_on(async {
        let mut opened = Reader::open()?.stream(slot).await?;
        let watch = Watch::start()?;
        let mut seen = 0;
        while seen < changes {
            if let StreamItem::Transaction(transaction) = opened.stream.next().await? {
                seen += transaction.changes.len() as u64;
            }
        }
        watch.stop(seen)
    })
}

/// The whole lane: what the runtime does between the slot and a durable landing commit, with the generated validators.
pub(crate) fn lane_part(slot: &str, changes: u64) -> Result<Measured, Failure> {
    let folder = tempfile::tempdir()?;
    block_on(async {
        let reader = Reader::open()?;
        let mut opened = reader.stream(slot).await?;
        let mut lane = reader.lane(folder.path()).await?;
        lane.adopt(SYSTEM, opened.position.clone())?;
        let watch = Watch::start()?;
        let mut seen = 0;
        while seen < changes {
            match opened.stream.next().await? {
                StreamItem::Transaction(transaction) => {
                    lane.accept_transaction(SYSTEM, &transaction)?;
                    seen += transaction.changes.len() as u64;
                }
                StreamItem::Part(part) => {
                    lane.accept_part(SYSTEM, &part)?;
                    seen += part.changes.len() as u64;
                }
                StreamItem::Passed(to) => lane.accept_passed(SYSTEM, to)?,
            }
            if commit_is_due(&lane) {
                lane.commit().await?;
                opened.stream.acknowledge(lane.acknowledge(SYSTEM)?).await?;
            }
        }
        lane.commit().await?;
        let measured = watch.stop(seen)?;
        check_landed(&lane, seen)?;
        Ok(measured)
    })
}

/// As the runtime decides it.
pub(crate) fn commit_is_due(lane: &CaptureLane) -> bool {
    !lane.may_accept() || lane.commit_due_in() == Some(Duration::ZERO)
}

/// Everything that came in must have been valid and have landed.
pub(crate) fn check_landed(lane: &CaptureLane, expected: u64) -> Result<(), Failure> {
    let landed: u64 = lane.stats().changes.values().sum();
    let quarantined: u64 = lane.stats().quarantined.values().sum();
    if landed < expected || quarantined > 0 {
        let rules = &lane.stats().broken_rules;
        let what = format!("{landed} of {expected} landed, {quarantined} quarantined: {rules:?}");
        return Err(what.into());
    }
    Ok(())
}
