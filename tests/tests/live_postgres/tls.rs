//! TLS with a verified certificate, on both kinds of session.

use std::sync::Arc;

use covenant_runtime::error::ErrorKind;
use covenant_runtime::source::postgres::connect::Endpoint;
use covenant_runtime::source::postgres::stream::open;
use covenant_sandbox::postgres::{ADMIN, Cluster};

use crate::support::{Database, show, transaction};

/// Made by the server's own user, where the server looks for it.
const CERTIFICATE: &str = "COPY (SELECT '') TO PROGRAM 'openssl req -x509 -newkey rsa:2048 -nodes -days 2 \
     -subj /CN=sandbox -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
     -keyout server.key -out server.crt 2>/dev/null && chmod 600 server.key'";

#[tokio::test(flavor = "multi_thread")]
async fn sessions_run_over_tls_and_refuse_what_they_cannot_verify() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Arc::new(Cluster::start(dir.path()).unwrap());
    let db = Database::within(cluster, "secure", "CREATE TABLE t (id int PRIMARY KEY)").await;
    // a name, since certificates name hosts
    let url = db.cluster.url(ADMIN, "secure").replace("@127.0.0.1:", "@localhost:");
    let url = |parameters: &str| format!("{url}?{parameters}");
    let endpoint = |parameters: &str| Endpoint::parse("store", &url(parameters), None).unwrap();
    let without = endpoint("sslmode=verify-full").connect().await.err().unwrap();
    assert_eq!(without.kind, ErrorKind::Config, "{without}");

    if let Err(error) = db.sql.batch_execute(CERTIFICATE).await {
        println!("skipped: openssl is not to be had ({error})");
        return;
    }
    db.run("ALTER SYSTEM SET ssl = on").await;
    db.run("SELECT pg_reload_conf(), pg_sleep(1)").await;
    let unknown = endpoint("sslmode=verify-full").connect().await.err().unwrap();
    assert_eq!(unknown.kind, ErrorKind::Config, "{unknown}");

    let root = db.cluster.data_dir().join("server.crt");
    let verified = endpoint(&format!("sslmode=verify-full&sslrootcert={}", root.display()));
    let client = verified.connect().await.unwrap();
    let over_tls = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert!(client.query_one(over_tls, &[]).await.unwrap().get::<_, bool>(0));
    let mut opened =
        open(&verified, &db.settings(), None, &crate::support::SystemClock).await.unwrap();
    db.run("INSERT INTO t VALUES (1)").await;
    assert_eq!(show(&transaction(&mut opened.stream).await), "1:t+(1)");
    let senders = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)";
    assert!(db.sql.query_one(senders, &[]).await.unwrap().get::<_, bool>(0));
}
