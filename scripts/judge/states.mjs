// states.mjs TEMPLATE.json: every state machine of a CloudFormation template, judged by npm's asl-validator and by the closed
// list of integrations below: the validator accepts an integration that does not exist. Run where node_modules holds it.
import { createRequire } from 'node:module';
import fs from 'node:fs';

const require = createRequire(`${process.cwd()}/`);
const validator = require('asl-validator');

// The integrations that the compiler may emit, and the parameters each takes. Another one needs a line here.
const INTEGRATIONS = {
  'arn:aws:states:::ecs:runTask.sync': {
    required: ['Cluster', 'TaskDefinition'],
    allowed: ['LaunchType', 'NetworkConfiguration', 'Overrides'],
  },
};

const [, , path] = process.argv;
const template = JSON.parse(fs.readFileSync(path, 'utf8'));
let refused = 0;
let machines = 0;
let tasks = 0;
const refuse = (where, why) => {
  refused += 1;
  console.log(`${path}: ${where}: ${why}`);
};

function task(where, state) {
  tasks += 1;
  const known = INTEGRATIONS[state.Resource];
  if (!known) return refuse(where, `${state.Resource} is not in the list of integrations`);
  const given = Object.keys(state.Parameters ?? {}).map((name) => name.replace(/\.\$$/, ''));
  for (const name of known.required) if (!given.includes(name)) refuse(where, `${state.Resource} needs ${name}`);
  for (const name of given) {
    if (![...known.required, ...known.allowed].includes(name)) refuse(where, `${state.Resource} takes no ${name}`);
  }
}

function walk(where, machine) {
  for (const [name, state] of Object.entries(machine.States ?? {})) {
    const here = `${where}.${name}`;
    if (state.Type === 'Task') task(here, state);
    if (state.Type === 'Map') walk(here, state.ItemProcessor ?? state.Iterator ?? {});
    if (state.Type === 'Parallel') for (const branch of state.Branches ?? []) walk(here, branch);
  }
}

for (const [name, resource] of Object.entries(template.Resources)) {
  if (resource.Type !== 'AWS::StepFunctions::StateMachine') continue;
  machines += 1;
  const definition = resource.Properties.Definition;
  const verdict = validator(definition);
  for (const error of verdict.errors) refuse(name, `asl-validator: ${JSON.stringify(error)}`);
  walk(name, definition);
}
if (machines === 0) refuse('Resources', 'no state machine: nothing was judged');
console.log(`${machines} state machines with ${tasks} tasks judged by asl-validator and the list of integrations: ${refused} refused`);
process.exit(refused ? 1 : 0);
