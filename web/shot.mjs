// Opens GraphiQL in a real browser, signs in as a persona, runs one of the ready-made tabs and writes a picture:
//
//   node shot.mjs --url http://127.0.0.1:8080/graphiql --persona dora@example.com --tab MyAllotments --out graphiql.png
//
//   --token TOKEN sign in with a token instead
//   --pane NAME   show another pane on the left (Questions, "GraphiQL Explorer", "Documentation Explorer")
//   --dark        the dark theme
//   --size WxH    the window, 1440x900 unless said
//
// It fails when the answer has errors or does not appear, when any request left the origin of the page, when the
// content security policy was violated, or when a script failed. The browser is /usr/bin/chromium or $CHROMIUM.
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const timeout = 20_000;

/** Runs the steps above and returns {answer, requests}; rejects with what was wrong. */
export async function shoot({ url, persona, token, tab, out, pane, dark = false, size = '1440x900' }) {
  const [width, height] = size.split('x').map(Number);
  const browser = await launch(new URL(url).hostname);
  try {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light' });
    const watch = await watchOver(context, new URL(url).origin);
    const page = await context.newPage();
    await page.goto(url);
    if (persona) await signedIn(page, () => choosePersona(page, persona));
    if (token) await signedIn(page, () => pasteToken(page, token));
    const answer = tab ? await run(page, tab) : null;
    if (pane) await showPane(page, pane);
    // Fonts and the last repaint of the editors.
    await page.evaluate(() => document.fonts.ready);
    await page.waitForTimeout(500);
    if (out) await page.screenshot({ path: out });
    if (watch.problems.length > 0) throw new Error(watch.problems.join('\n'));
    return { answer, requests: watch.requests };
  } finally {
    await browser.close();
  }
}

function launch(host) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      // No other name resolves, so a page that needs the network shows it.
      `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${host}`,
    ],
  });
}

/** Collects the requests of the page and its workers, and everything that must not happen. */
async function watchOver(context, origin) {
  const watch = { requests: [], problems: [] };
  await context.exposeBinding('reportViolation', (_source, text) => watch.problems.push(`content security policy: ${text}`));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      globalThis.reportViolation(`${event.effectiveDirective} blocked ${event.blockedURI}`);
    });
  });
  context.on('request', (request) => {
    const address = request.url();
    watch.requests.push(address);
    if (!/^(data|blob):/.test(address) && new URL(address).origin !== origin) {
      watch.problems.push(`a request left the origin: ${address}`);
    }
  });
  context.on('console', (message) => {
    const text = message.text();
    if (/content security policy/i.test(text)) watch.problems.push(`console: ${text}`);
  });
  context.on('weberror', (error) => watch.problems.push(`script: ${error.error().message}`));
  return watch;
}

/** Signs in by the step and waits for the schema, which the page asks for then. */
async function signedIn(page, step) {
  const introspected = answerTo(page, 'IntrospectionQuery');
  // Not awaited if the step fails; its own rejection would be nobody's then.
  introspected.catch(() => {});
  await step();
  const { errors } = await introspected;
  if (errors) throw new Error(`the schema was not answered: ${JSON.stringify(errors)}`);
}

/** Chooses the persona whose user name or label contains the text. */
async function choosePersona(page, persona) {
  const chooser = page.getByLabel('Sign in as a demo persona');
  await chooser.waitFor({ timeout });
  const value = await chooser.evaluate((select, wanted) => {
    const matches = (option) => option.value && `${option.value} ${option.text}`.toLowerCase().includes(wanted.toLowerCase());
    return [...select.options].find(matches)?.value ?? null;
  }, persona);
  if (value === null) throw new Error(`there is no persona ${persona}`);
  await chooser.selectOption(value);
}

async function pasteToken(page, token) {
  await page.getByLabel('Paste a token').fill(token);
  await page.getByRole('button', { name: 'Use', exact: true }).click({ timeout });
}

/** Opens the tab, runs it and returns the answer once it is on the screen. */
async function run(page, tab) {
  await page.locator(`[role=tab] button[title="${tab}"]`).click({ timeout });
  // The page reads the new document, and may look for values of its variables, before it can run it.
  await page.locator(`[data-operation="${tab}"][data-filling="false"]`).waitFor({ state: 'attached', timeout });
  const answered = answerTo(page, tab);
  await page.getByRole('button', { name: /^execute query/i }).click({ timeout });
  const answer = await answered;
  if (answer.errors || !answer.data) throw new Error(`${tab} answered ${JSON.stringify(answer.errors ?? answer)}`);
  await page.locator('.graphiql-response .view-line', { hasText: '"data"' }).first().waitFor({ timeout });
  return answer;
}

async function answerTo(page, operation) {
  const response = await page.waitForResponse(
    (candidate) => {
      const request = candidate.request();
      if (new URL(candidate.url()).pathname !== '/graphql' || request.method() !== 'POST') return false;
      return request.postDataJSON()?.operationName === operation;
    },
    { timeout },
  );
  return response.json();
}

async function showPane(page, pane) {
  const shown = await page.getByRole('button', { name: `Hide ${pane}` }).count();
  if (shown === 0) await page.getByRole('button', { name: `Show ${pane}` }).click({ timeout });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const text = { type: 'string' };
  const { values } = parseArgs({
    options: { url: text, persona: text, token: text, tab: text, out: text, pane: text, size: text, dark: { type: 'boolean' } },
  });
  if (!values.url) throw new Error('--url is needed');
  const { requests } = await shoot(values);
  console.log(`${values.out ?? 'no picture'}: ${requests.length} requests, all of one origin, no policy violation`);
}
