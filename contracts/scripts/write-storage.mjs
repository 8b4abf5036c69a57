// Writes where the state of a claim lies in the storage of `Claims`, for whoever checks proofs of it.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const solc = createRequire(import.meta.url)("solc");
const contracts = dirname(dirname(fileURLToPath(import.meta.url)));
const target =
  process.argv[2] ?? join(contracts, "..", "verifier", "systems", "optimistic", "claims_storage.json");
const FILE = "src/optimistic/Claims.sol";

const sources = {};
function collect(name) {
  if (sources[name]) return;
  const folder = name.startsWith("@") ? join(contracts, "node_modules") : contracts;
  const content = readFileSync(join(folder, name), "utf8");
  sources[name] = { content };
  for (const [, found] of content.matchAll(/^import[^"']*["']([^"']+)["']/gm)) {
    collect(found.startsWith(".") ? normalize(join(dirname(name), found)) : found);
  }
}
collect(FILE);

// Only the layout is asked for, so that no code is generated: it follows from the sources alone.
const settings = { outputSelection: { [FILE]: { Claims: ["storageLayout"] } } };
const made = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
const errors = (made.errors ?? []).filter((one) => one.severity === "error");
if (errors.length) throw new Error(errors[0].formattedMessage);

const { storage, types } = made.contracts[FILE].Claims.storageLayout;
const claims = storage.find((one) => one.label === "_claims");
const { members } = types[types[claims.type].value];
// A claim's first word: the first bit of a field, and how many.
const fields = {};
for (const name of ["windowEnd", "open", "state"]) {
  const field = members.find((one) => one.label === name);
  if (field.slot !== "0") throw new Error(`${name} is not in a claim's first word`);
  fields[name] = [8 * field.offset, 8 * Number(types[field.type].numberOfBytes)];
}
writeFileSync(target, JSON.stringify({ fields, slot: Number(claims.slot) }) + "\n");
