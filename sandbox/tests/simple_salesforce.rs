//! The PyPI client simple-salesforce, unchanged, against the simulator.
//!
//! The check script is not part of this repository; it is looked for below `COVENANT_SHARED`, else below `../shared`
//! beside the checkout. Without it the test says so and passes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use covenant_sandbox::salesforce::{SimConfig, Simulator};

const TOKEN: &str = "check-token";
/// Pinned, with what the script needs beside it.
const REQUIREMENTS: [&str; 3] = ["simple-salesforce==1.12.10", "PyJWT", "cryptography"];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn script() -> Option<PathBuf> {
    let shared = std::env::var_os("COVENANT_SHARED")
        .map_or_else(|| workspace().join("../shared"), PathBuf::from);
    let script = shared.join("salesforce/check_simple_salesforce.py");
    script.is_file().then_some(script)
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?} failed\n{}\n{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// A private Python with the client, made once in `.venv` of the workspace.
fn python() -> PathBuf {
    let venv = workspace().join(".venv");
    let python = venv.join("bin/python");
    if !python.is_file() {
        run(Command::new("python3").arg("-m").arg("venv").arg(&venv));
    }
    let probe = "import importlib.metadata as m, jwt, cryptography; assert m.version('simple-salesforce') == '1.12.10'";
    let ready = Command::new(&python).arg("-c").arg(probe).output().expect("python runs");
    if !ready.status.success() {
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(REQUIREMENTS));
    }
    python
}

/// A fresh RSA key for the JWT check: (private, public), both PEM.
fn key_pair(python: &Path) -> (String, String) {
    let make = "
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa
k = rsa.generate_private_key(65537, 2048)
print(k.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()).decode())
print(k.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo).decode())";
    let output = run(Command::new(python).arg("-c").arg(make));
    let text = String::from_utf8(output.stdout).expect("PEM");
    let (private, public) = text.split_once("-----BEGIN PUBLIC KEY-----").expect("two keys");
    (private.to_owned(), format!("-----BEGIN PUBLIC KEY-----{public}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_check_passes() {
    let Some(script) = script() else {
        println!(
            "SKIP simple-salesforce: no salesforce/check_simple_salesforce.py below COVENANT_SHARED or ../shared"
        );
        return;
    };
    let python = python();
    let (private, public) = key_pair(&python);
    let dir = tempfile::tempdir().expect("a folder");
    let key_file = dir.path().join("key.pem");
    std::fs::write(&key_file, private).expect("the key is written");
    let mut config = SimConfig { tokens: vec![TOKEN.to_owned()], ..SimConfig::default() };
    config.apps[0].assertions = covenant_sandbox::salesforce::Assertions::SignedBy(public);
    let running = Simulator::start(config).await.expect("the simulator starts");

    let base = running.base_url.clone();
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(python);
        command.arg(script).arg(base).arg(TOKEN).arg("--privatekey-file").arg(key_file);
        command.output().expect("the script runs")
    })
    .await
    .expect("joined");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{lines}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the script reports failures");
    assert!(!lines.lines().any(|line| line.starts_with("FAIL")));
    assert!(lines.lines().any(|line| line.starts_with("PASS S33")), "JWT bearer was checked");
    assert!(lines.lines().filter(|line| line.starts_with("PASS")).count() >= 36, "all checks ran");
    running.stop().await;
}
