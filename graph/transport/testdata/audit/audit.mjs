// Runs every server audit of graphql-http against an endpoint and prints one line for each:
//
//   node audit.mjs http://127.0.0.1:8080/graphql TOKEN
//
// Exits 1 when any audit is not "ok" (a "warn" or "notice" counts as well), 2 when it could not run.
import { serverAudits } from "graphql-http";

const [url, token] = process.argv.slice(2);
if (!url) {
  console.error("usage: node audit.mjs URL [TOKEN]");
  process.exit(2);
}

/** fetch with the token, and otherwise exactly what the audit asks for. */
function fetchFn(input, init = {}) {
  const headers = new Headers(init.headers);
  if (token) headers.set("authorization", `Bearer ${token}`);
  return fetch(input, { ...init, headers });
}

let failed = 0;
const audits = serverAudits({ url, fetchFn });
for (const audit of audits) {
  const result = await audit.fn();
  const ok = result.status === "ok";
  if (!ok) failed++;
  console.log(`${result.status.padEnd(6)} ${audit.id} ${audit.name}${ok ? "" : `: ${result.reason}`}`);
}
console.log(`${audits.length - failed} of ${audits.length} audits are ok`);
process.exit(failed === 0 && audits.length > 0 ? 0 : 1);
