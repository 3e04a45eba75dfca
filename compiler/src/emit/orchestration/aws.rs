//! The CloudFormation template: one service for everything continuous, state machines with schedules for the rest.
//! Checked with cfn-lint; nothing here was deployed to a real account.

use covenant_model::manifest::{JobKind, JobSpec};
use serde_json::{Map, Value, json};

use super::states;
use crate::plan::Plan;

/// CPU units of a task: one vCPU.
const TASK_CPU: &str = "1024";
/// Memory of a task in MiB; Fargate takes no less than 2,048 with one vCPU.
const TASK_MEMORY_MIB: &str = "2048";
/// Days that logs are kept.
const LOG_DAYS: u32 = 30;
/// Seconds that a stopping task has to drain; Fargate's most.
const STOP_TIMEOUT_S: u32 = 120;
/// Seconds of an alarm's period.
const ALARM_PERIOD_S: u32 = 300;

/// The whole template.
pub(super) fn template(plan: &Plan) -> Value {
    let mut resources = foundation(plan);
    let transforms: Vec<&JobSpec> = of_kind(plan, JobKind::Transform);
    if let Some(every_s) = transforms.iter().map(|job| job.every_s).min() {
        let machine = states::in_dependency_order(&transforms, "Every model, in dependency order");
        add_machine(&mut resources, "Transform", machine, Some(every_s));
    }
    for job in of_kind(plan, JobKind::Reconcile) {
        let machine = states::in_dependency_order(&[job], "Source against target");
        add_machine(&mut resources, "Reconcile", machine, Some(job.every_s));
    }
    for job in of_kind(plan, JobKind::Backfill) {
        let name = format!("Backfill{}", camel(&job.system));
        add_machine(&mut resources, &name, states::backfill(job), None);
    }
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("{}: runtime, schedules and state machines", plan.project.name),
        "Metadata": {
            "Generated": format!(
                "by covenant from the contracts of {}; do not edit", plan.project.name
            ),
        },
        "Parameters": parameters(),
        "Resources": resources,
    })
}

fn of_kind(plan: &Plan, kind: JobKind) -> Vec<&JobSpec> {
    plan.jobs.iter().filter(|job| job.kind == kind).collect()
}

/// Letters and digits only: what a logical id may hold.
fn camel(name: &str) -> String {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|part| {
            let (first, rest) = part.split_at_checked(1)?;
            Some(format!("{}{rest}", first.to_ascii_uppercase()))
        })
        .collect()
}

fn parameters() -> Value {
    let parameter = |ty: &str, about: &str| json!({ "Type": ty, "Description": about });
    json!({
        "Cluster": parameter("String", "ARN of the ECS cluster"),
        "Image": parameter("String", "The runtime's image, by digest"),
        "LandingBucket": parameter("String", "Name of the bucket that holds landing"),
        "DataKey": parameter("String", "ARN of the KMS key that wraps data keys and encrypts landing"),
        "SettingsSecret": parameter("String", "ARN of the secret with addresses and credentials"),
        "SubnetA": parameter("AWS::EC2::Subnet::Id", "Private subnet"),
        "SubnetB": parameter("AWS::EC2::Subnet::Id", "Private subnet in another zone"),
        "SecurityGroup": parameter("AWS::EC2::SecurityGroup::Id", "Lets tasks out, nothing in"),
    })
}

fn foundation(plan: &Plan) -> Map<String, Value> {
    let mut resources = Map::new();
    let mut put = |name: &str, resource: Value| resources.insert(name.to_owned(), resource);
    put(
        "Logs",
        json!({
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": { "RetentionInDays": LOG_DAYS },
        }),
    );
    put(
        "ExecutionRole",
        role(
            "ecs-tasks.amazonaws.com",
            "start",
            json!([
                allow(&["logs:CreateLogStream", "logs:PutLogEvents"], attribute("Logs", "Arn")),
                allow(&["secretsmanager:GetSecretValue"], reference("SettingsSecret")),
                allow(&["ecr:GetAuthorizationToken"], json!("*")),
                allow(
                    &[
                        "ecr:BatchGetImage",
                        "ecr:GetDownloadUrlForLayer",
                        "ecr:BatchCheckLayerAvailability"
                    ],
                    json!({ "Fn::Sub": "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/*" }),
                ),
            ]),
        ),
    );
    put(
        "TaskRole",
        role(
            "ecs-tasks.amazonaws.com",
            "run",
            json!([
                allow(
                    &["s3:GetObject", "s3:PutObject"],
                    json!({ "Fn::Sub": "arn:${AWS::Partition}:s3:::${LandingBucket}/*" }),
                ),
                allow(
                    &["s3:ListBucket"],
                    json!({ "Fn::Sub": "arn:${AWS::Partition}:s3:::${LandingBucket}" }),
                ),
                allow(&["kms:Decrypt", "kms:GenerateDataKey"], reference("DataKey")),
            ]),
        ),
    );
    put("TaskDefinition", task_definition(&plan.project.name));
    put("Service", service());
    put("StatesRole", states_role());
    put(
        "SchedulerRole",
        role(
            "scheduler.amazonaws.com",
            "start",
            json!([allow(
                &["states:StartExecution"],
                json!({
                    "Fn::Sub": "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:*"
                })
            ),]),
        ),
    );
    resources
}

fn task_definition(project: &str) -> Value {
    json!({
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {
            "Family": project,
            "RequiresCompatibilities": ["FARGATE"],
            "NetworkMode": "awsvpc",
            "Cpu": TASK_CPU,
            "Memory": TASK_MEMORY_MIB,
            "ExecutionRoleArn": attribute("ExecutionRole", "Arn"),
            "TaskRoleArn": attribute("TaskRole", "Arn"),
            "ContainerDefinitions": [{
                "Name": "covenant",
                "Image": reference("Image"),
                "Essential": true,
                "Command": ["run"],
                "StopTimeout": STOP_TIMEOUT_S,
                "ReadonlyRootFilesystem": true,
                "User": "10001",
                "Environment": [{ "Name": "COVENANT_LANDING", "Value": {
                    "Fn::Sub": "s3://${LandingBucket}/landing"
                } }],
                "Secrets": [{ "Name": "COVENANT_SETTINGS", "ValueFrom": reference("SettingsSecret") }],
                "LogConfiguration": {
                    "LogDriver": "awslogs",
                    "Options": {
                        "awslogs-group": reference("Logs"),
                        "awslogs-region": reference("AWS::Region"),
                        "awslogs-stream-prefix": "covenant",
                    },
                },
            }],
        },
    })
}

/// Exactly one: two writers are told apart by the fence, but one of them would only burn money.
fn service() -> Value {
    json!({
        "Type": "AWS::ECS::Service",
        "Properties": {
            "Cluster": reference("Cluster"),
            "LaunchType": "FARGATE",
            "TaskDefinition": reference("TaskDefinition"),
            "DesiredCount": 1,
            "DeploymentConfiguration": { "MinimumHealthyPercent": 0, "MaximumPercent": 100 },
            "NetworkConfiguration": { "AwsvpcConfiguration": {
                "AssignPublicIp": "DISABLED",
                "Subnets": [reference("SubnetA"), reference("SubnetB")],
                "SecurityGroups": [reference("SecurityGroup")],
            } },
        },
    })
}

fn states_role() -> Value {
    let rule = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/StepFunctionsGetEventsForECSTaskRule";
    role(
        "states.amazonaws.com",
        "run",
        json!([
            allow(&["ecs:RunTask"], reference("TaskDefinition")),
            allow(&["ecs:StopTask", "ecs:DescribeTasks"], json!("*")),
            allow(
                &["iam:PassRole"],
                json!([attribute("TaskRole", "Arn"), attribute("ExecutionRole", "Arn")]),
            ),
            // how Step Functions hears of the end of a task that it runs with .sync
            allow(
                &["events:PutTargets", "events:PutRule", "events:DescribeRule"],
                json!({ "Fn::Sub": rule }),
            ),
        ]),
    )
}

fn add_machine(
    resources: &mut Map<String, Value>,
    name: &str,
    definition: Value,
    every_s: Option<u64>,
) {
    let machine = format!("{name}Machine");
    resources.insert(
        machine.clone(),
        json!({
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": attribute("StatesRole", "Arn"),
                "Definition": definition,
                "DefinitionSubstitutions": {
                    "Cluster": reference("Cluster"),
                    "TaskDefinition": reference("TaskDefinition"),
                    "SubnetA": reference("SubnetA"),
                    "SubnetB": reference("SubnetB"),
                    "SecurityGroup": reference("SecurityGroup"),
                },
            },
        }),
    );
    resources.insert(format!("{name}Failed"), failure_alarm(&machine));
    if let Some(every_s) = every_s {
        resources.insert(format!("{name}Schedule"), schedule(&machine, every_s));
    }
}

fn failure_alarm(machine: &str) -> Value {
    json!({
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": format!("{machine}: an execution failed after its retries"),
            "Namespace": "AWS/States",
            "MetricName": "ExecutionsFailed",
            "Dimensions": [{ "Name": "StateMachineArn", "Value": reference(machine) }],
            "Statistic": "Sum",
            "Period": ALARM_PERIOD_S,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        },
    })
}

fn schedule(machine: &str, every_s: u64) -> Value {
    json!({
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "ScheduleExpression": rate(every_s),
            "FlexibleTimeWindow": { "Mode": "OFF" },
            "Target": {
                "Arn": reference(machine),
                "RoleArn": attribute("SchedulerRole", "Arn"),
                // the next start is due anyway, so a missed one is not made up for
                "RetryPolicy": { "MaximumRetryAttempts": 0 },
            },
        },
    })
}

/// Whole minutes, at least one: the scheduler knows no seconds.
fn rate(every_s: u64) -> String {
    let plural = |number: u64, unit: &str| {
        if number == 1 { format!("rate(1 {unit})") } else { format!("rate({number} {unit}s)") }
    };
    let minutes = every_s.div_ceil(60).max(1);
    match (minutes % (24 * 60), minutes % 60) {
        (0, _) => plural(minutes / (24 * 60), "day"),
        (_, 0) => plural(minutes / 60, "hour"),
        (_, _) => plural(minutes, "minute"),
    }
}

fn role(service: &str, name: &str, statements: Value) -> Value {
    json!({
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": { "Service": service },
                    "Action": "sts:AssumeRole",
                }],
            },
            "Policies": [{
                "PolicyName": name,
                "PolicyDocument": { "Version": "2012-10-17", "Statement": statements },
            }],
        },
    })
}

fn allow(actions: &[&str], resource: Value) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": resource })
}

fn reference(name: &str) -> Value {
    json!({ "Ref": name })
}

fn attribute(resource: &str, name: &str) -> Value {
    json!({ "Fn::GetAtt": [resource, name] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_whole_and_readable() {
        assert_eq!(rate(300), "rate(5 minutes)");
        assert_eq!(rate(30), "rate(1 minute)");
        assert_eq!(rate(7200), "rate(2 hours)");
        assert_eq!(rate(86400), "rate(1 day)");
    }

    #[test]
    fn logical_ids_hold_letters_only() {
        assert_eq!(camel("order-events_2"), "OrderEvents2");
    }
}
