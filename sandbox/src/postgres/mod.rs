//! A private PostgreSQL cluster for demo and tests: own data folder, own random port on the loopback, own random password,
//! `wal_level=logical`. It ends with us, however we end.

mod binaries;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::{Uid, User};
use sha2::{Digest, Sha256};

use crate::error::{At, Result, SandboxError};
use crate::process::{Guarded, RunAs};
use binaries::Binaries;

/// Name of the cluster's superuser.
pub const ADMIN: &str = "acme_admin";
/// Longest wait for a started server to answer.
const START_BOUND: Duration = Duration::from_secs(60);
/// How long a fast shutdown may take before the server is killed.
const STOP_GRACE: Duration = Duration::from_secs(15);
/// How often the server is asked whether it answers.
const POLL: Duration = Duration::from_millis(100);
/// Attempts to find a port that stays free until the server has bound it.
const PORT_TRIES: u32 = 5;
const PLACE: &str = "postgres cluster";

/// Settings beyond the defaults. `fsync` stays on: the demo proves durability, so the source must not cheat either.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("wal_level", "logical"),
    // Tests share a cluster, and each keeps its slot.
    ("max_replication_slots", "64"),
    ("max_wal_senders", "64"),
    ("max_connections", "60"),
    ("fsync", "on"),
    ("password_encryption", "scram-sha-256"),
    ("timezone", "UTC"),
    ("max_wal_size", "2GB"),
    ("log_min_messages", "warning"),
    // Statements hold personal data; they belong in no log.
    ("log_min_error_statement", "panic"),
];

/// A running cluster. Dropping it stops the server; the data stay in the folder.
#[derive(Debug)]
pub struct Cluster {
    server: Guarded,
    data: PathBuf,
    port: u16,
    password: String,
}

impl Cluster {
    /// Starts the cluster whose data lie under `dir`, and creates it first where there is none. As root, the server runs as
    /// `postgres` or `nobody`; where that user cannot reach `dir`, the data lie in the system's folder for temporary
    /// files instead ([`Cluster::data_dir`] tells).
    ///
    /// # Errors
    /// Where PostgreSQL is not installed, cannot be run, or does not answer within a minute.
    pub fn start(dir: &Path) -> Result<Self> {
        let binaries = Binaries::find()?;
        let run_as = unprivileged_user()?;
        fs::create_dir_all(dir).at(PLACE, format!("{} cannot be made", dir.display()), "")?;
        let home = home_of(dir, run_as)?;
        let data = home.join("data");
        let password = if data.join("PG_VERSION").exists() {
            read_password(&home)?
        } else {
            init(&binaries, &home, &data, run_as)?
        };
        let (server, port) = launch(&binaries, &home, &data, run_as)?;
        Ok(Self { server, data, port, password })
    }

    /// As [`Cluster::start`], with a new cluster: what was there is deleted.
    ///
    /// # Errors
    /// As [`Cluster::start`], and where the old data cannot be deleted.
    pub fn start_fresh(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).at(PLACE, format!("{} cannot be made", dir.display()), "")?;
        let data = home_of(dir, unprivileged_user()?)?.join("data");
        if data.exists() {
            let told = format!("{} cannot be deleted", data.display());
            fs::remove_dir_all(&data).at(PLACE, told, "Is a server still running on it?")?;
        }
        Self::start(dir)
    }

    /// File that holds the password, readable by the server's user only.
    pub fn password_file(&self) -> PathBuf {
        self.data.parent().map_or_else(|| self.data.clone(), password_file)
    }

    /// Connection URL of a role, with the cluster's password: hand it on through the environment, never in arguments or
    /// logs. Roles other than [`ADMIN`] can log in once [`Cluster::allow`] has given them the password.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// SQL that lets a role log in with the cluster's password.
    pub fn allow(&self, role: &str) -> String {
        format!("ALTER ROLE \"{role}\" LOGIN PASSWORD '{}';", self.password)
    }

    /// Port on the loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the data lie.
    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    /// Fast shutdown.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn stop(mut self) -> Result<()> {
        self.server.stop().map(|_| ())
    }

    /// Stops the server at once, as a crash would.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn crash(mut self) -> Result<()> {
        // SIGQUIT: immediate shutdown without a checkpoint. SIGKILL would leave backends behind.
        self.server.signal(Signal::SIGQUIT)?;
        self.server.stop().map(|_| ())
    }
}

/// Connects, and drives the connection in the background until the client is dropped.
///
/// # Errors
/// Where the server refuses.
pub async fn connect(url: &str) -> Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.at(
        "postgres",
        "no connection",
        "Is the cluster up?",
    )?;
    tokio::spawn(async move {
        // The client sees the same error on its next call.
        let _ = connection.await;
    });
    Ok(client)
}

/// Nobody in particular to run the server as, where we are root (PostgreSQL refuses root).
fn unprivileged_user() -> Result<Option<RunAs>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        let user = User::from_name(name).at(PLACE, "users cannot be looked up", "")?;
        if let Some(user) = user {
            return Ok(Some(RunAs { uid: user.uid.as_raw(), gid: user.gid.as_raw() }));
        }
    }
    Err(SandboxError::new(
        PLACE,
        "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody`",
        "Run as an ordinary user, or add one: useradd --system postgres",
    ))
}

/// The cluster's home: `dir`, or a folder for temporary files where the server's user cannot reach it.
fn home_of(dir: &Path, run_as: Option<RunAs>) -> Result<PathBuf> {
    let dir = dir.canonicalize().at(PLACE, format!("{} cannot be resolved", dir.display()), "")?;
    let Some(user) = run_as else { return Ok(dir) };
    let home = if reachable(&dir, user) {
        dir
    } else {
        let digest = Sha256::digest(dir.as_os_str().as_encoded_bytes());
        std::env::temp_dir().join(format!("covenant-pg-{}", &hex::encode(digest)[..16]))
    };
    make_private(&home, Some(user))?;
    Ok(home)
}

/// Whether every folder above lets the user pass.
fn reachable(dir: &Path, user: RunAs) -> bool {
    dir.ancestors().skip(1).all(|folder| {
        fs::metadata(folder).is_ok_and(|meta| {
            let bit = if meta.uid() == user.uid {
                0o100
            } else if meta.gid() == user.gid {
                0o010
            } else {
                0o001
            };
            meta.permissions().mode() & bit != 0
        })
    })
}

/// A folder that only the server's user (and root) can read.
fn make_private(dir: &Path, run_as: Option<RunAs>) -> Result<()> {
    let told = || format!("{} cannot be prepared", dir.display());
    if !dir.exists() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).at(PLACE, told(), "")?;
    }
    if let Some(user) = run_as {
        chown(dir, Some(user.uid), Some(user.gid)).at(PLACE, told(), "")?;
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).at(PLACE, told(), "")
}

fn password_file(home: &Path) -> PathBuf {
    home.join("password")
}

fn read_password(home: &Path) -> Result<String> {
    let advice = "Delete the folder to start with a new cluster.";
    fs::read_to_string(password_file(home)).at(
        PLACE,
        format!("the password of the cluster in {} is gone", home.display()),
        advice,
    )
}

/// Creates the cluster and returns its password.
fn init(binaries: &Binaries, home: &Path, data: &Path, run_as: Option<RunAs>) -> Result<String> {
    let password = hex::encode(rand::random::<[u8; 16]>());
    let file = password_file(home);
    let told = "the password file cannot be written";
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut written = options.open(&file).at(PLACE, told, "")?;
    std::io::Write::write_all(&mut written, password.as_bytes()).at(PLACE, told, "")?;
    if let Some(user) = run_as {
        chown(&file, Some(user.uid), Some(user.gid)).at(PLACE, told, "")?;
    }
    let mut command = Command::new(binaries.initdb());
    command
        .args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--username", ADMIN])
        .arg("--pwfile")
        .arg(&file)
        .arg("--pgdata")
        .arg(data)
        .current_dir(home)
        .stdin(Stdio::null());
    if let Some(user) = run_as {
        std::os::unix::process::CommandExt::uid(&mut command, user.uid);
        std::os::unix::process::CommandExt::gid(&mut command, user.gid);
    }
    let output = command.output().at(PLACE, "initdb could not be started", "")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(SandboxError::new(
            PLACE,
            format!("initdb failed: {}", said.trim()),
            "See above; is the disk full?",
        ));
    }
    Ok(password)
}

/// Starts the server on a free port and waits until it answers.
fn launch(
    binaries: &Binaries,
    home: &Path,
    data: &Path,
    run_as: Option<RunAs>,
) -> Result<(Guarded, u16)> {
    let log = home.join("server.log");
    let mut tries = 0;
    loop {
        tries += 1;
        let port = free_port()?;
        let mut server = spawn_server(binaries, home, data, &log, port, run_as)?;
        match wait_ready(binaries, &mut server, port)? {
            Readiness::Ready => return Ok((server, port)),
            Readiness::Ended if tries < PORT_TRIES && lost_port(&log) => {}
            Readiness::Ended => return Err(not_started("ended at once", &log)),
            Readiness::Silent => return Err(not_started("does not answer", &log)),
        }
    }
}

fn spawn_server(
    binaries: &Binaries,
    home: &Path,
    data: &Path,
    log: &Path,
    port: u16,
    run_as: Option<RunAs>,
) -> Result<Guarded> {
    let told = "the server's log cannot be written";
    let file = fs::File::create(log).at(PLACE, told, "")?;
    let errors = file.try_clone().at(PLACE, told, "")?;
    let mut command = Command::new(binaries.postgres());
    command.arg("-D").arg(data).args(["-p", &port.to_string()]);
    for (name, value) in SETTINGS {
        command.args(["-c", &format!("{name}={value}")]);
    }
    command.current_dir(home).stdout(file).stderr(errors);
    Guarded::spawn(PLACE, command, run_as, Signal::SIGINT, STOP_GRACE)
}

enum Readiness {
    Ready,
    Ended,
    Silent,
}

fn wait_ready(binaries: &Binaries, server: &mut Guarded, port: u16) -> Result<Readiness> {
    let deadline = Instant::now() + START_BOUND;
    while Instant::now() < deadline {
        if server.ended()?.is_some() {
            return Ok(Readiness::Ended);
        }
        let ready = Command::new(binaries.pg_isready())
            .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .status()
            .at(PLACE, "pg_isready could not be started", "")?;
        if ready.success() {
            return Ok(Readiness::Ready);
        }
        std::thread::sleep(POLL);
    }
    Ok(Readiness::Silent)
}

/// A port that nobody listens on now. Somebody may take it before the server does: the caller tries again.
/// # Errors
/// Where there is none.
pub fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .at(PLACE, "there is no free port on the loopback", "")
}

fn lost_port(log: &Path) -> bool {
    fs::read_to_string(log).is_ok_and(|text| text.contains("could not bind"))
}

fn not_started(how: &str, log: &Path) -> SandboxError {
    let text = fs::read_to_string(log).unwrap_or_default();
    let tail: Vec<&str> = text.lines().rev().take(5).collect();
    let tail = tail.into_iter().rev().collect::<Vec<_>>().join(" | ");
    SandboxError::new(
        PLACE,
        format!("the server {how}: {tail}"),
        format!("Its log: {}", log.display()),
    )
}
