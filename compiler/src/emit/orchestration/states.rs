//! Step Functions state machines (ASL, JSONPath dialect): jobs in dependency order, each one a Fargate task.

use covenant_model::manifest::{JobKind, JobSpec};
use serde_json::{Map, Value, json};

/// Seconds before the first retry of a task.
const RETRY_FIRST_S: u32 = 10;
/// Each retry waits this much longer than the one before.
const RETRY_BACKOFF: u32 = 2;
/// Longest wait between retries, in seconds.
const RETRY_LONGEST_S: u32 = 300;
/// Retries where a job says "for ever": the schedule starts the next execution anyway.
const RETRIES_UNLIMITED: u32 = 5;
/// Longest run of one task, in seconds. A task that hangs must not block the schedule for good.
const TASK_TIMEOUT_S: u32 = 3600;
/// Chunks that are read at the same time, so that a backfill leaves the source room for live traffic.
const BACKFILL_TASKS_MAX: u32 = 4;

/// Runs jobs level by level; jobs of one level run beside each other.
pub(super) fn in_dependency_order(jobs: &[&JobSpec], purpose: &str) -> Value {
    let levels = levels(jobs);
    let mut states = Map::new();
    for (at, level) in levels.iter().enumerate() {
        let next = (at + 1 < levels.len()).then(|| level_name(at + 1));
        let mut state = match level.as_slice() {
            [job] => task(job, run_once(job)),
            several => json!({
                "Type": "Parallel",
                "Branches": several.iter().map(|job| single(job)).collect::<Vec<_>>(),
            }),
        };
        put(&mut state, next);
        states.insert(level_name(at), state);
    }
    json!({ "Comment": purpose, "StartAt": level_name(0), "States": states })
}

/// Reads chunks of a table, several at a time. Input: `{"entity": "sales.order", "chunks": ["1/8", "2/8", ...]}`.
pub(super) fn backfill(job: &JobSpec) -> Value {
    let command = json!({
        "Command.$": "States.Array('backfill', $.entity, '--chunk', $.chunk)"
    });
    let mut one = task(job, command);
    put(&mut one, None);
    json!({
        "Comment": format!("{}: chunks of a table, resumable, beside live traffic", job.name),
        "StartAt": "Chunks",
        "States": {
            "Chunks": {
                "Type": "Map",
                "ItemsPath": "$.chunks",
                "ItemSelector": { "entity.$": "$.entity", "chunk.$": "$$.Map.Item.Value" },
                "MaxConcurrency": BACKFILL_TASKS_MAX,
                "ItemProcessor": {
                    "ProcessorConfig": { "Mode": "INLINE" },
                    "StartAt": "Chunk",
                    "States": { "Chunk": one },
                },
                "End": true,
            },
        },
    })
}

/// Jobs by the longest way to them, among these jobs only.
fn levels<'a>(jobs: &[&'a JobSpec]) -> Vec<Vec<&'a JobSpec>> {
    let mut levels: Vec<Vec<&JobSpec>> = Vec::new();
    for job in jobs {
        let after = levels
            .iter()
            .rposition(|level| level.iter().any(|earlier| job.needs.contains(&earlier.name)))
            .map_or(0, |at| at + 1);
        if levels.len() <= after {
            levels.resize_with(after + 1, Vec::new);
        }
        if let Some(level) = levels.get_mut(after) {
            level.push(job);
        }
    }
    levels
}

fn level_name(at: usize) -> String {
    format!("Level{}", at + 1)
}

fn single(job: &JobSpec) -> Value {
    let mut state = task(job, run_once(job));
    put(&mut state, None);
    json!({ "StartAt": job.name, "States": { job.name.as_str(): state } })
}

fn put(state: &mut Value, next: Option<String>) {
    if let Value::Object(members) = state {
        match next {
            Some(next) => members.insert("Next".to_owned(), Value::String(next)),
            None => members.insert("End".to_owned(), Value::Bool(true)),
        };
    }
}

/// The command that runs a job to its end.
fn run_once(job: &JobSpec) -> Value {
    match job.kind {
        JobKind::Reconcile => json!({ "Command": ["reconcile"] }),
        JobKind::Capture
        | JobKind::Apply
        | JobKind::Transform
        | JobKind::Deliver
        | JobKind::Backfill => json!({ "Command": ["run", "--once", "--job", job.name] }),
    }
}

fn task(job: &JobSpec, command: Value) -> Value {
    let retries = match job.attempts_max {
        0 => RETRIES_UNLIMITED,
        attempts => attempts.saturating_sub(1),
    };
    let mut container = command;
    if let Value::Object(members) = &mut container {
        members.insert("Name".to_owned(), Value::from("covenant"));
    }
    json!({
        "Type": "Task",
        "Comment": job.datasets.join(", "),
        "Resource": "arn:aws:states:::ecs:runTask.sync",
        "TimeoutSeconds": TASK_TIMEOUT_S,
        "Parameters": {
            "Cluster": "${Cluster}",
            "TaskDefinition": "${TaskDefinition}",
            "LaunchType": "FARGATE",
            "NetworkConfiguration": {
                "AwsvpcConfiguration": {
                    "Subnets": ["${SubnetA}", "${SubnetB}"],
                    "SecurityGroups": ["${SecurityGroup}"],
                    "AssignPublicIp": "DISABLED",
                },
            },
            "Overrides": { "ContainerOverrides": [container] },
        },
        "Retry": [{
            "ErrorEquals": ["States.ALL"],
            "IntervalSeconds": RETRY_FIRST_S,
            "BackoffRate": RETRY_BACKOFF,
            "MaxDelaySeconds": RETRY_LONGEST_S,
            "MaxAttempts": retries,
            "JitterStrategy": "FULL",
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, needs: &[&str]) -> JobSpec {
        JobSpec {
            name: name.to_owned(),
            kind: JobKind::Transform,
            system: "snowflake".to_owned(),
            datasets: Vec::new(),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            every_s: 300,
            freshness_slo_s: None,
            attempts_max: 3,
        }
    }

    #[test]
    fn jobs_run_after_what_they_need_and_beside_what_they_do_not() {
        let all = [job("a", &["x"]), job("b", &["x"]), job("c", &["a"])];
        let refs: Vec<&JobSpec> = all.iter().collect();
        let names: Vec<Vec<&str>> = levels(&refs)
            .iter()
            .map(|level| level.iter().map(|job| job.name.as_str()).collect())
            .collect();
        assert_eq!(names, [vec!["a", "b"], vec!["c"]]);
        let machine = in_dependency_order(&refs, "");
        assert_eq!(machine["States"]["Level1"]["Type"], "Parallel");
        assert_eq!(machine["States"]["Level1"]["Next"], "Level2");
        assert_eq!(machine["States"]["Level2"]["End"], true);
    }
}
