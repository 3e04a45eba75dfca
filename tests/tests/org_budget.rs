//! What is estimated of an org follows from what the runtime does: its constants are the runtime's, and the figures can be
//! followed by hand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::Path;

use covenant_compiler::capacity::{
    Estimate, GATHER_SECONDS, POLL_SECONDS, RECORDS_PER_CALL, figure,
};
use covenant_compiler::{compile, driver};
use covenant_model::spec::OnDelete;
use covenant_runtime::crm::MAX_ROWS_PER_CALL;
use covenant_runtime::deliver::budget::LINGER_MAX;
use covenant_runtime::source::poll::POLL_EVERY;

#[test]
fn the_estimate_counts_with_the_runtimes_own_constants() {
    assert_eq!(RECORDS_PER_CALL, MAX_ROWS_PER_CALL as u64);
    assert_eq!(GATHER_SECONDS, LINGER_MAX.as_secs());
    assert_eq!(POLL_SECONDS, POLL_EVERY.as_secs());
}

#[test]
fn acmes_figures_are_those_of_a_pencil() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    let mut plan = compile(driver::read_contracts(&folder).unwrap()).plan.unwrap();
    let estimate = |plan: &covenant_compiler::plan::Plan| {
        let all = Estimate::of(&plan.project, &plan.entities);
        assert_eq!(all.len(), 1);
        all.into_iter().next().unwrap()
    };
    let one = estimate(&plan);
    // customers: 40,000 / 200 + 86,400 / 30; orders: 220,000 / 200 + 2,880; a read of Account every 10 s
    assert_eq!(one.calls(), (200 + 2_880) + (1_100 + 2_880) + 8_640);
    assert_eq!(one.share(), 25_000);
    // 145 million records of 2 KB, rounded up to whole MB
    assert_eq!(one.mb(), (145_000_000_u64 * 2).div_ceil(1_024));
    assert!(one.unknown().is_empty());
    // where records are deleted as they grow too old, only young ones count
    let order = plan.entities.iter_mut().find(|entity| entity.name == "sales.order").unwrap();
    let sink = order.salesforce.as_mut().unwrap();
    sink.on_leave = OnDelete::Delete;
    let days = u64::from(sink.filter.as_ref().unwrap().keep_days);
    assert_eq!(estimate(&plan).mb(), ((25_000_000 + 110_000 * days) * 2).div_ceil(1_024));
    // a few changes have a call each, and what keeps its records costs none for those that leave
    let order = plan.entities.iter_mut().find(|entity| entity.name == "sales.order").unwrap();
    order.expect.rows_per_day = Some(1_000);
    order.salesforce.as_mut().unwrap().on_leave = OnDelete::Keep;
    assert_eq!(estimate(&plan).calls(), 3_080 + 1_000 + 8_640);
    // what declares no volume is said to be missing
    let order = plan.entities.iter_mut().find(|entity| entity.name == "sales.order").unwrap();
    order.expect.rows_per_day = None;
    assert_eq!(estimate(&plan).unknown(), ["sales.order"]);
    assert_eq!(
        (figure(0), figure(999), figure(1_234_567)),
        ("0".into(), "999".into(), "1,234,567".into())
    );
}
