// The driver in Node: a command is a line of JSON on standard input, what happens a line on standard output.

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";

import { Driver } from "./driver.mjs";

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
// The file has a name for browsers; Node would take it for CommonJS.
const script = await readFile(process.argv[2], "base64");
const client = await import(`data:text/javascript;base64,${script}`);
const driver = new Driver(client, (event) => say({ event }));

for await (const line of createInterface({ input: process.stdin })) {
  const { number, name, arguments: given } = JSON.parse(line);
  Promise.resolve(driver[name](given)).then((result) => say({ number, result: result ?? null }));
}
