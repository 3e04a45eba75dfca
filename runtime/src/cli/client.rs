//! Asks the running runtime through its API. Never touches its files.

use serde::Serialize;
use serde_json::Value;

use crate::app::config::Config;
use crate::error::{ErrorKind, Result, RuntimeError};

/// Sends a command, prints the answer as indented JSON, and returns it.
///
/// # Errors
/// `Unavailable` where nothing listens, `Rejected` with what the runtime says.
pub(super) async fn ask(config: &Config, path: &str, body: &impl Serialize) -> Result<Value> {
    let value = post(config, path, body).await?;
    print(&value)?;
    Ok(value)
}

/// Sends a command, and returns the answer.
///
/// # Errors
/// As [`ask`].
pub(super) async fn post(config: &Config, path: &str, body: &impl Serialize) -> Result<Value> {
    let url = format!("http://{}{path}", config.http);
    answer(config, reqwest::Client::new().post(&url).json(body)).await
}

/// Asks for something.
///
/// # Errors
/// As [`ask`].
pub(super) async fn get(config: &Config, path: &str) -> Result<Value> {
    let url = format!("http://{}{path}", config.http);
    answer(config, reqwest::Client::new().get(&url)).await
}

/// Prints the status, as JSON or as a few lines.
///
/// # Errors
/// As [`ask`].
pub(super) async fn status(config: &Config, json: bool) -> Result<()> {
    let status = get(config, "/api/status").await?;
    if json {
        return print(&status);
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    println!(
        "{}: {}, landing commit {}, epoch {}",
        text(&status["project"]),
        if status["ready"] == Value::Bool(true) { "ready" } else { "NOT READY" },
        status["landing_commit"],
        status["epoch"]
    );
    for (name, lane) in members(&status["lanes"]) {
        println!("  lane      {name:<28} {:<9} {}", text(&lane["state"]), text(&lane["detail"]));
        if let Some(error) = lane["last_error"].as_str() {
            println!("            last error: {error}");
        }
    }
    for (name, target) in members(&status["freshness"]) {
        let latency = &target["latency"];
        if latency["samples"] == 0 {
            println!(
                "  freshness {name:<28} nothing since the start, promised {} s",
                target["slo_s"]
            );
            continue;
        }
        println!(
            "  freshness {name:<28} p50 {} ms, p99 {} ms, promised {} s",
            latency["p50_ms"], latency["p99_ms"], target["slo_s"]
        );
    }
    for (name, rows) in members(&status["quarantine_waiting"]) {
        println!("  refused   {name:<28} {rows} wait; see `covenant-runtime quarantine list`");
    }
    for adoption in status["adoptions"].as_array().into_iter().flatten() {
        if adoption["open"] == Value::Bool(false) || adoption["waits"] == Value::Bool(true) {
            let name = text(&adoption["entity"]);
            println!("  adoption  {name:<28} {}", text(&adoption["state"]));
            println!("            see `covenant-runtime adopt show {name}`");
        }
    }
    for (name, rows) in members(&status["held_by_breaker"]) {
        println!(
            "  held      {name:<28} {rows} removals or updates; see `covenant-runtime deliver release`"
        );
    }
    for step in members(&status["odd_steps"]).flat_map(|(_, steps)| steps.as_array()).flatten() {
        let name = format!("{}.{}", text(&step["entity"]), text(&step["field"]));
        let (before, after) = (text(&step["before"]), text(&step["after"]));
        println!(
            "  states    {name:<28} {before} -> {after} is {}: {} rows",
            text(&step["anomaly"]),
            step["rows"]
        );
    }
    for it in status["sequences"].as_array().into_iter().flatten().filter(|it| it["open"] != 0) {
        let name = format!("{} of {}", text(&it["entity"]), text(&it["source"]));
        println!(
            "  numbers   {name:<28} {} gaps are open, the oldest for {} s",
            it["open"], it["oldest_s"]
        );
    }
    for (name, rows) in members(&status["incomplete"]).filter(|(_, rows)| **rows != 0) {
        println!("  incomplete {name:<27} {rows} rows: their owner has not told them");
    }
    if let Some(owed) = status["reconcile_owed"].as_str() {
        println!("  owed      {owed}");
    }
    for (name, job) in members(&status["backfills"]) {
        println!(
            "  backfill  {name:<28} {} ({} of about {} rows)",
            text(&job["state"]),
            job["rows"],
            job["rows_estimated"]
        );
        if job["refused"] != 0 {
            println!(
                "            {} changes keep their old result, the contract of today refuses them; one of them: {}",
                job["refused"],
                text(&job["refusal"])
            );
        }
    }
    Ok(())
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

async fn answer(config: &Config, mut request: reqwest::RequestBuilder) -> Result<Value> {
    if let Some(token) = &config.http_token {
        request = request.bearer_auth(token.expose());
    }
    let place = format!("runtime at {}", config.http);
    let unavailable = |error: reqwest::Error| {
        RuntimeError::new(
            ErrorKind::Unavailable,
            place.clone(),
            error.without_url(),
            "Is it running, and does COVENANT_HTTP_ADDR name it?",
        )
    };
    let response = request.send().await.map_err(unavailable)?;
    let ok = response.status().is_success();
    let body = response.text().await.map_err(unavailable)?;
    if !ok {
        let advice = "Correct the command and try again.";
        return Err(RuntimeError::new(ErrorKind::Rejected, place, body.trim(), advice));
    }
    serde_json::from_str(&body).map_err(|error| {
        RuntimeError::new(ErrorKind::Bug, place, error, "Do both have the same version?")
    })
}

pub(super) fn print(value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| RuntimeError::new(ErrorKind::Bug, "answer", error, "Please report it."))?;
    println!("{text}");
    Ok(())
}
