//! The private cluster, for real: it must have Acme's tables, refuse strangers, keep data over a crash, and end with us.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use covenant_sandbox::ACME_SCHEMA;
use covenant_sandbox::postgres::{ADMIN, Cluster, connect};

#[tokio::test]
async fn a_private_cluster_starts_keeps_its_data_and_stops() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(dir.path()).unwrap();
    let client = connect(&cluster.url(ADMIN, "postgres")).await.unwrap();
    client.batch_execute("CREATE DATABASE shop").await.unwrap();
    let shop = connect(&cluster.url(ADMIN, "shop")).await.unwrap();
    shop.batch_execute(ACME_SCHEMA).await.unwrap();
    let row = shop.query_one("SELECT current_setting('wal_level')", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "logical");

    let stranger = format!("postgres://{ADMIN}:wrong@127.0.0.1:{}/shop", cluster.port());
    let error = connect(&stranger).await.unwrap_err();
    assert!(error.to_string().contains("password authentication failed"), "{error}");

    shop.batch_execute(
        "INSERT INTO inventory_levels VALUES ('SKU-00001', 'HAM1', 'x', 'y', 1, 0, 0, 0, 1, NULL,
         'sellable', NULL, now())",
    )
    .await
    .unwrap();
    cluster.crash().unwrap();
    let again = Cluster::start(dir.path()).unwrap();
    let shop = connect(&again.url(ADMIN, "shop")).await.unwrap();
    let row = shop.query_one("SELECT count(*) FROM inventory_levels", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
    let port = again.port();
    again.stop().unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}
