// Writes ABI and creation bytecode of the deployable contracts where the Python package reads them.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { DEPLOYABLE } from "./deployable.mjs";

const contracts = dirname(dirname(fileURLToPath(import.meta.url)));
const target = process.argv[2] ?? join(contracts, "..", "verifier", "chain", "artifacts");

mkdirSync(target, { recursive: true });
for (const [name, file] of Object.entries(DEPLOYABLE)) {
  const built = JSON.parse(readFileSync(join(contracts, "out", file, `${name}.json`), "utf8"));
  const artifact = { abi: built.abi, bytecode: built.bytecode.object, contract: name };
  writeFileSync(join(target, `${name}.json`), JSON.stringify(artifact) + "\n");
}
process.stdout.write(`${Object.keys(DEPLOYABLE).length} artifacts written to ${target}\n`);
