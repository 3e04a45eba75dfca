//! The Salesforce simulator as a program of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use covenant_sandbox::salesforce::org::Org;
use covenant_sandbox::salesforce::{Assertions, ConnectedApp, SimConfig, Simulator};

/// A Salesforce org in memory, on loopback addresses only.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Port of the API; 0 picks a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Port of the admin API; 0 picks a free one.
    #[arg(long, default_value_t = 0)]
    admin_port: u16,
    /// Folder of Salesforce source (with main/default/objects) to add to the standard org; may be repeated.
    #[arg(long)]
    sfdx: Vec<PathBuf>,
    /// Org definition in JSON, instead of the standard one.
    #[arg(long)]
    org: Option<PathBuf>,
    /// Access token valid from the start; may be repeated.
    #[arg(long = "token")]
    tokens: Vec<String>,
    /// Consumer key of the connected application.
    #[arg(long, default_value = "key", env = "SALESFORCE_SIM_CONSUMER_KEY")]
    consumer_key: String,
    /// Its secret.
    #[arg(
        long,
        default_value = "secret",
        env = "SALESFORCE_SIM_CONSUMER_SECRET",
        hide_env_values = true
    )]
    consumer_secret: String,
    /// The user it acts as.
    #[arg(long, default_value = "sim@example.com")]
    username: String,
    /// PEM file of the public key that assertions must be signed with; without it any well-formed assertion passes.
    #[arg(long)]
    public_key: Option<PathBuf>,
    /// API calls allowed in 24 hours.
    #[arg(long, default_value_t = covenant_sandbox::salesforce::config::DEFAULT_DAILY_REQUESTS)]
    daily_requests: u64,
    /// SQLite file that keeps records across restarts.
    #[arg(long)]
    state: Option<PathBuf>,
}

fn config(args: Args) -> Result<SimConfig, String> {
    let mut org = match &args.org {
        None => Org::standard(),
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
            serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?
        }
    };
    for dir in &args.sfdx {
        org.merge_sfdx(dir).map_err(|e| e.to_string())?;
    }
    let assertions = match &args.public_key {
        None => Assertions::AnyWellFormed,
        Some(path) => {
            let pem =
                std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
            Assertions::SignedBy(pem)
        }
    };
    let app = ConnectedApp {
        key: args.consumer_key,
        secret: Some(args.consumer_secret),
        assertions,
        username: args.username,
    };
    Ok(SimConfig {
        org,
        api: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)),
        admin: SocketAddr::from((Ipv4Addr::LOCALHOST, args.admin_port)),
        apps: vec![app],
        tokens: args.tokens,
        daily_requests: args.daily_requests,
        state_file: args.state,
        ..SimConfig::default()
    })
}

async fn wait_for_stop() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be caught; stop with Ctrl-C");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let config = match config(Args::parse()) {
        Ok(config) => config,
        Err(why) => {
            eprintln!("salesforce-sim: {why}");
            return ExitCode::from(2);
        }
    };
    let running = match Simulator::start(config).await {
        Ok(running) => running,
        Err(error) => {
            eprintln!("salesforce-sim: {error}");
            return ExitCode::from(2);
        }
    };
    println!("api {}", running.base_url);
    println!("admin {}", running.admin_url);
    wait_for_stop().await;
    running.stop().await;
    ExitCode::SUCCESS
}
