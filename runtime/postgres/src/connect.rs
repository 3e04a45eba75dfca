//! Addresses, TLS, session settings, and what errors of the server mean.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use pgwire_replication::tls::rustls::maybe_upgrade_to_tls;
use pgwire_replication::{PgWireError, ReplicationConfig, TlsConfig};
use tokio::net::TcpStream;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, NoTls};

use covenant_model::error::{ErrorKind, Result, RuntimeError};

/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of every session, of reads and of replication alike: both must give the same text for the same value, whatever
/// the server's or the role's defaults are.
pub const SESSION_OPTIONS: &str = "-c DateStyle=ISO,YMD -c TimeZone=UTC -c IntervalStyle=postgres \
     -c extra_float_digits=3 -c bytea_output=hex -c lc_monetary=C -c xmlbinary=base64 \
     -c search_path=pg_catalog -c standard_conforming_strings=on -c synchronous_commit=local \
     -c statement_timeout=0";

/// Shown in `pg_stat_activity`.
const APPLICATION: &str = "covenant-runtime";

/// Where a database is, and how to log in. `Debug` shows no password.
#[derive(Clone)]
pub struct Endpoint {
    /// `postgres store`: how errors name it.
    place: String,
    host: String,
    port: u16,
    user: String,
    password: String,
    database: String,
    tls: TlsConfig,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, user, database, .. } = self;
        write!(f, "Endpoint({user}@{host}:{port}/{database}, password hidden)")
    }
}

impl Endpoint {
    /// Reads `postgres://user:password@host:port/database`, with the parameters `sslmode` and `sslrootcert` (a PEM file).
    /// `system` is the contract's name of the database; `password` is used where the URL holds none.
    ///
    /// TLS with a verified certificate and host name is used unless the host is this machine.
    ///
    /// # Errors
    /// `Config`. The text never holds the URL, since that may hold the password.
    pub fn parse(system: &str, url: &str, password: Option<&str>) -> Result<Self> {
        let place = format!("postgres {system}");
        let config =
            |what: &str, advice: &str| RuntimeError::new(ErrorKind::Config, &place, what, advice);
        let (url, tls) = split_tls(url);
        let parsed: tokio_postgres::Config = url.parse().map_err(|_| {
            config(
                "its address cannot be read",
                "Give it as postgres://user@host:port/database, with the password percent-encoded",
            )
        })?;
        let host = match parsed.get_hosts() {
            [Host::Tcp(host)] => host.clone(),
            _ => {
                return Err(config(
                    "its address names no host, several, or a socket file",
                    "Name exactly one host",
                ));
            }
        };
        let user = parsed.get_user().ok_or_else(|| {
            config("its address names no user", "Name the replication role in it")
        })?;
        let database = parsed.get_dbname().ok_or_else(|| {
            config("its address names no database", "Name the database behind the last slash")
        })?;
        let in_url = parsed.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let tls = tls.decide(is_loopback(&host)).map_err(|what| {
            config(
                &what,
                "Use sslmode=verify-full, with sslrootcert=FILE where the authority is not a public one",
            )
        })?;
        Ok(Self {
            port: parsed.get_ports().first().copied().unwrap_or(5432),
            user: user.to_owned(),
            password: in_url.or_else(|| password.map(str::to_owned)).unwrap_or_default(),
            database: database.to_owned(),
            place,
            host,
            tls,
        })
    }

    /// `postgres store`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Name of the role.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Name of the database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// A session for SQL. Its connection is driven in the background until the client is dropped.
    ///
    /// # Errors
    /// `Unavailable`, `Credentials`, `Config`.
    pub async fn connect(&self) -> Result<Client> {
        match tokio::time::timeout(CONNECT_TIMEOUT, self.connect_unbounded()).await {
            Ok(client) => client,
            Err(_) => Err(RuntimeError::new(
                ErrorKind::Unavailable,
                &self.place,
                format!("{}:{} does not answer within 10 s", self.host, self.port),
                "Check that the server runs and that the network lets us through",
            )),
        }
    }

    async fn connect_unbounded(&self) -> Result<Client> {
        let unreachable = |error: std::io::Error| self.wire_error(&PgWireError::from(error));
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        let stream = maybe_upgrade_to_tls(tcp, &self.tls, &self.host)
            .await
            .map_err(|error| self.wire_error(&error))?;
        let mut config = tokio_postgres::Config::new();
        config
            .user(&self.user)
            .password(&self.password)
            .dbname(&self.database)
            .application_name(APPLICATION)
            .options(SESSION_OPTIONS)
            // TLS is already there, or not wanted
            .ssl_mode(tokio_postgres::config::SslMode::Disable);
        let (client, connection) =
            config.connect_raw(stream, NoTls).await.map_err(|error| self.sql_error(&error))?;
        let place = self.place.clone();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%place, %error, "the connection has ended");
            }
        });
        Ok(client)
    }

    /// Configuration of a replication session.
    pub fn replication(
        &self,
        slot: &str,
        publication: &str,
        sender_timeout: Duration,
    ) -> ReplicationConfig {
        let timeout_ms = sender_timeout.as_millis();
        ReplicationConfig::new(
            &self.host,
            &self.user,
            &self.password,
            &self.database,
            slot,
            publication,
        )
        .with_port(self.port)
        .with_tls(self.tls.clone())
        .with_options(format!("{SESSION_OPTIONS} -c wal_sender_timeout={timeout_ms}ms"))
        .with_application_name(APPLICATION)
    }

    /// What an error of an SQL session means.
    pub fn sql_error(&self, error: &tokio_postgres::Error) -> RuntimeError {
        match error.as_db_error() {
            Some(server) => self.server_error(server.code().code(), server.message()),
            None if error.is_closed() => self.lost("the connection was closed"),
            None => {
                let cause = std::error::Error::source(error).map(ToString::to_string);
                self.lost(&cause.unwrap_or_else(|| error.to_string()))
            }
        }
    }

    /// What an error of a replication session means.
    pub fn wire_error(&self, error: &PgWireError) -> RuntimeError {
        let Self { place, host, port, user, .. } = self;
        match error {
            PgWireError::Io(io) => self.lost(&format!("{host}:{port}: {io}")),
            PgWireError::Server(text) => match text.rsplit_once(" (SQLSTATE ") {
                Some((message, code)) => self.server_error(code.trim_end_matches(')'), message),
                None => self.server_error("", text),
            },
            PgWireError::Auth(text) => RuntimeError::new(
                ErrorKind::Credentials,
                place,
                format!("role {user} cannot log in: {text}"),
                "Set the password of the role, with password_encryption = scram-sha-256",
            ),
            PgWireError::Tls(text) => RuntimeError::new(
                ErrorKind::Config,
                place,
                format!("{host}:{port} is not reached over TLS: {text}"),
                "Enable TLS on the server, and name its authority by sslrootcert=FILE in the address",
            ),
            PgWireError::MessageTooLarge { payload_bytes, limit_bytes } => RuntimeError::new(
                ErrorKind::Rejected,
                place,
                format!("one row change has {payload_bytes} bytes; {limit_bytes} may be held"),
                "Raise the transaction bound of this source if the machine has the memory",
            ),
            // the enum may grow
            PgWireError::Protocol(_) | PgWireError::Task(_) | PgWireError::Internal(_) | _ => {
                self.lost(&error.to_string())
            }
        }
    }

    fn lost(&self, why: &str) -> RuntimeError {
        RuntimeError::new(
            ErrorKind::Unavailable,
            &self.place,
            format!("connection lost or not made: {why}"),
            "It is tried again; check the server and the network if this goes on",
        )
    }

    fn server_error(&self, code: &str, message: &str) -> RuntimeError {
        let (kind, advice) = classify(code, message);
        // classes 22 and 23 quote the data
        let message = if code.starts_with("22") || code.starts_with("23") { "" } else { message };
        RuntimeError::new(
            kind,
            &self.place,
            format!("the server says {code} {message}").trim_end(),
            advice,
        )
    }
}

/// Kind and advice by SQLSTATE. (Source: PostgreSQL documentation, appendix A.)
fn classify(code: &str, message: &str) -> (ErrorKind, &'static str) {
    use ErrorKind::{Bug, Config, Corrupt, Credentials, Fenced, Gap, SchemaMismatch, Unavailable};
    match code {
        "28P01" | "28000" => {
            (Credentials, "Check the role, its password and the server's pg_hba.conf")
        }
        "42501" => {
            (Credentials, "Grant the role what the generated SQL grants it: deploy it again")
        }
        "3D000" => (Config, "Check the database's name in the address"),
        "55006" => (Fenced, "Another reader holds the slot: stop it, or let it be the one"),
        "42704" if message.contains("publication") => {
            (SchemaMismatch, "Deploy the generated SQL, which makes the publication")
        }
        "42704" if message.contains("slot") => (Gap, ADVICE_GAP),
        "58P01" => (Gap, ADVICE_GAP),
        "55000" if message.contains("wal_level") => {
            (Config, "Set wal_level = logical and restart the server")
        }
        "55000" if message.contains("recovery") => (Config, "Name the primary in the address"),
        "55000" => (Gap, ADVICE_GAP),
        "42P01" | "42703" | "42804" | "42883" | "42704" => {
            (SchemaMismatch, "Compare the table with its contract: doctor names both sides")
        }
        "42601" => (Bug, "Report this"),
        "XX001" | "XX002" => (Corrupt, "The server has found damaged data: check it first"),
        _ => (Unavailable, "It is tried again; look into the server's log if this goes on"),
    }
}

/// What to do about a gap.
pub const ADVICE_GAP: &str = "Changes may be missing. Find out why the slot was lost (`covenant-runtime gap show`), then \
     `covenant-runtime gap accept --reason ...`: the incarnation is raised and the tables are read again";

/// TLS parameters as written in the address.
#[derive(Debug, Default, PartialEq)]
struct TlsWish {
    mode: Option<String>,
    root: Option<String>,
}

impl TlsWish {
    fn decide(self, loopback: bool) -> std::result::Result<TlsConfig, String> {
        let root = self.root.map(PathBuf::from);
        match self.mode.as_deref() {
            Some("verify-full") => Ok(TlsConfig::verify_full(root)),
            Some("verify-ca") => Ok(TlsConfig::verify_ca(root)),
            None | Some("disable" | "allow" | "prefer") if loopback => Ok(TlsConfig::disabled()),
            None => Ok(TlsConfig::verify_full(root)),
            Some("require") if loopback => Ok(TlsConfig::require()),
            Some(mode) => Err(format!("sslmode={mode} would trust any server that answers")),
        }
    }
}

/// Takes the TLS parameters out of the address: the driver's parser knows fewer of them.
fn split_tls(url: &str) -> (String, TlsWish) {
    let mut wish = TlsWish::default();
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), wish) };
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => wish.mode = Some(mode.to_owned()),
            Some(("sslrootcert", root)) => wish.root = Some(root.to_owned()),
            _ => rest.push(pair),
        }
    }
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    (url, wish)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use pgwire_replication::SslMode;

    use super::*;

    #[test]
    fn tls_unless_it_is_this_machine() {
        let mode =
            |url: &str| Endpoint::parse("store", url, None).map(|endpoint| endpoint.tls.mode);
        assert_eq!(mode("postgres://u@127.0.0.1/d").unwrap(), SslMode::Disable);
        assert_eq!(mode("postgres://u@localhost:1/d").unwrap(), SslMode::Disable);
        assert_eq!(mode("postgres://u@db.example/d").unwrap(), SslMode::VerifyFull);
        assert_eq!(mode("postgres://u@db.example/d?sslmode=verify-ca").unwrap(), SslMode::VerifyCa);
        for weak in ["disable", "prefer", "require"] {
            let error = mode(&format!("postgres://u@db.example/d?sslmode={weak}")).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Config);
        }
    }

    #[test]
    fn nothing_shows_the_password() {
        let url = "postgres://u:s%40cret@127.0.0.1:6000/d";
        let endpoint = Endpoint::parse("store", url, Some("other")).unwrap();
        assert_eq!(endpoint.password, "s@cret");
        assert!(!format!("{endpoint:?}").contains("cret"));
        for bad in [
            "postgres://u:s3cret@/d",
            "postgres://u:s3cret@h:99999/d",
            "s3cret",
            "postgres://u:s3cret@h",
        ] {
            let error = Endpoint::parse("store", bad, Some("s3cret")).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn the_password_may_come_from_elsewhere() {
        let endpoint = Endpoint::parse("store", "postgres://u@127.0.0.1/d", Some("x")).unwrap();
        assert_eq!(endpoint.password, "x");
    }

    #[test]
    fn errors_that_quote_data_are_shortened() {
        let endpoint = Endpoint::parse("store", "postgres://u@127.0.0.1/d", None).unwrap();
        let error = endpoint.server_error("22P02", "invalid input syntax for type uuid: \"ann\"");
        assert!(!error.to_string().contains("ann"));
        assert_eq!(endpoint.server_error("28P01", "no").kind, ErrorKind::Credentials);
        assert_eq!(endpoint.server_error("55006", "slot is active").kind, ErrorKind::Fenced);
        let server = PgWireError::Server("slot \"x\" does not exist (SQLSTATE 42704)".into());
        assert_eq!(endpoint.wire_error(&server).kind, ErrorKind::Gap);
    }
}
