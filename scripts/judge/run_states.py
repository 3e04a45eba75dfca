"""run_states.py TEMPLATE.json MANIFEST.json: every state machine and schedule of the template, run by two interpreters of ASL.

moto and ministack, which know nothing of this project, are started on loopback. ECS is stubbed: a task sends the command that
its container would get to a queue, and the queue says which ran, and in which order. A machine must end well and run every
job that the manifest has for it once, behind the jobs that it needs; where a task always fails it must end badly, and
run nothing that needs it. Exits with 1 where one does not.
"""

import copy
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

import boto3

# Seconds: an emulator that is not up by then will not be; the longest that an execution of a few tasks takes.
START_S = 30
EXECUTION_S = 60
CHUNKS = ["1/3", "2/3", "3/3"]
ENTITY = "sales.order"
ROLE = "arn:aws:iam::123456789012:role/states"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Emulator:
    """A server of its own on loopback, and clients of it."""

    def __init__(self, name, command, environment, config=None):
        self.name, self.port = name, free_port()
        self.log = tempfile.TemporaryFile()
        words = [word.format(port=self.port) for word in command]
        settings = {key: value.format(port=self.port) for key, value in environment.items()}
        self.process = subprocess.Popen(words, env={**os.environ, **settings}, stdout=self.log, stderr=self.log)
        self.wait()
        if config:
            import urllib.request

            path, body = config
            request = urllib.request.Request(self.address + path, json.dumps(body).encode(), method="POST")
            urllib.request.urlopen(request, timeout=START_S).read()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def wait(self):
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        self.log.seek(0)
        sys.exit(f"{self.name} did not start: {self.log.read().decode()[-2000:]}")

    def client(self, service):
        # Words that every emulator takes; nothing is sent anywhere else.
        return boto3.client(service, endpoint_url=self.address, region_name="eu-central-1",
                            aws_access_key_id="none", aws_secret_access_key="none")

    def stop(self):
        self.process.kill()
        self.process.wait()


def tasks(machine):
    for name, state in machine["States"].items():
        if state["Type"] == "Task":
            yield name, state
        elif state["Type"] == "Map":
            yield from tasks(state["ItemProcessor"])
        elif state["Type"] == "Parallel":
            for branch in state["Branches"]:
                yield from tasks(branch)


def stubbed(machine, queue):
    """The machine with a queue in the place of ECS; everything else stays as it was generated."""
    machine = copy.deepcopy(machine)
    for number, (_, state) in enumerate(tasks(machine)):
        (override,) = state["Parameters"]["Overrides"]["ContainerOverrides"]
        body = ({"MessageBody.$": f"States.JsonToString({override['Command.$']})"} if "Command.$" in override
                else {"MessageBody": json.dumps(override["Command"])})
        state["Resource"] = "arn:aws:states:::sqs:sendMessage"
        once = {"MessageDeduplicationId.$": "States.UUID()"} if "Command.$" in override else {"MessageDeduplicationId": str(number)}
        state["Parameters"] = {"QueueUrl": queue, "MessageGroupId": "all", **body, **once}
        for retry in state.get("Retry", []):
            # The emulators wait for real.
            retry["IntervalSeconds"], retry["MaxAttempts"], retry["BackoffRate"] = 1, min(retry["MaxAttempts"], 2), 1
            retry.pop("MaxDelaySeconds", None), retry.pop("JitterStrategy", None)
    return machine


def expected(name, manifest):
    """What has to run, by the manifest: command -> commands that stand before it."""
    if name.startswith("Backfill"):
        return {json.dumps(["backfill", ENTITY, "--chunk", chunk]): set() for chunk in CHUNKS}
    if name.startswith("Reconcile"):
        return {json.dumps(["reconcile"]): set()}
    command = {job["name"]: json.dumps(["run", "--once", "--job", job["name"]])
               for job in manifest["jobs"] if job["kind"] == "transform"}
    return {command[job["name"]]: {command[need] for need in job["needs"] if need in command}
            for job in manifest["jobs"] if job["name"] in command}


def received(sqs, queue):
    found = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return [json.dumps(json.loads(body)) for body in found]


def execute(states, name, machine):
    arn = states.create_state_machine(name=name, definition=json.dumps(machine), roleArn=ROLE)["stateMachineArn"]
    given = json.dumps({"entity": ENTITY, "chunks": CHUNKS})
    run = states.start_execution(stateMachineArn=arn, input=given)["executionArn"]
    end = time.monotonic() + EXECUTION_S
    while time.monotonic() < end:
        said = states.describe_execution(executionArn=run)
        if said["status"] != "RUNNING":
            history = states.get_execution_history(executionArn=run, maxResults=1000)["events"]
            return said["status"], history
        time.sleep(0.2)
    return "RUNNING", []


def judge(emulator, name, machine, jobs, broken):
    states, sqs = emulator.client("stepfunctions"), emulator.client("sqs")
    queue = sqs.create_queue(QueueName=f"{name}-{broken}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    stub = stubbed(machine, queue)
    if broken:
        _, first = next(tasks(stub))
        first["Parameters"]["QueueUrl"] = queue.replace(name, "nobody")
    status, history = execute(states, f"{name}-{broken}", stub)
    ran = received(sqs, queue)
    where = f"{emulator.name}: {name}"
    if status != ("FAILED" if broken else "SUCCEEDED"):
        last = json.dumps(history[-1], default=str)[:500] if history else ""
        yield f"{where}: {'a task always fails, and it' if broken else 'it'} ended {status}: {last}"
    if broken:
        missing = set(jobs) - set(ran)
        for command in ran:
            if jobs.get(command, set()) & missing:
                yield f"{where}: {command} ran, and a job that it needs had failed"
        if not missing:
            yield f"{where}: the task that always fails has run"
        return
    if sorted(ran) != sorted(jobs):
        yield f"{where}: {sorted(jobs)} are to run once each, and {ran} ran"
    for at, command in enumerate(ran):
        if early := jobs.get(command, set()) - set(ran[:at]):
            yield f"{where}: {command} ran before {sorted(early)}"


def schedules(emulator, template):
    scheduler = emulator.client("scheduler")
    for name, resource in template["Resources"].items():
        if resource["Type"] != "AWS::Scheduler::Schedule":
            continue
        given = resource["Properties"]
        if not re.fullmatch(r"rate\([1-9]\d* (minute|hour|day)s?\)", given["ScheduleExpression"]):
            yield f"{emulator.name}: {name}: {given['ScheduleExpression']} is no rate"
        target = {**given["Target"], "Arn": f"arn:aws:states:eu-central-1:123456789012:stateMachine:{name}", "RoleArn": ROLE}
        scheduler.create_schedule(Name=name, ScheduleExpression=given["ScheduleExpression"], Target=target,
                                  FlexibleTimeWindow=given["FlexibleTimeWindow"])
        made = scheduler.get_schedule(Name=name)
        if made["ScheduleExpression"] != given["ScheduleExpression"] or made["State"] != "ENABLED":
            yield f"{emulator.name}: {name}: stored as {made['ScheduleExpression']}, {made['State']}"


def main(path, manifest):
    template, manifest = json.loads(path.read_text()), json.loads(manifest.read_text())
    machines = {name: resource["Properties"]["Definition"] for name, resource in template["Resources"].items()
                if resource["Type"] == "AWS::StepFunctions::StateMachine"}
    found, programs = [], pathlib.Path(sys.executable).parent
    emulators = [
        ("moto", [str(programs / "moto_server"), "-H", "127.0.0.1", "-p", "{port}"], {},
         ("/moto-api/config", {"stepfunctions": {"execute_state_machine": True}})),
        ("ministack", [str(programs / "ministack")], {"GATEWAY_PORT": "{port}", "BIND_HOST": "127.0.0.1"}, None),
    ]
    for name, command, environment, config in emulators:
        emulator = Emulator(name, command, environment, config)
        try:
            for machine, definition in machines.items():
                for broken in (False, True):
                    found.extend(judge(emulator, machine, definition, expected(machine, manifest), broken))
            found.extend(schedules(emulator, template))
        finally:
            emulator.stop()
    for problem in found:
        print(problem)
    ran = len(machines) * 2 * len(emulators)
    print(f"{len(machines)} state machines, {ran} executions by moto and ministack: {len(found)} refused")
    return 1 if found or not machines else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
