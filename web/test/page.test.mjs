// The page in a real browser, under its content security policy, against the stand-in server. Run `make web` first.
import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, validate } from 'graphql';
import { shoot } from '../shot.mjs';
import { personas, schema, start } from './stub.mjs';

const tabs = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'src/tabs');
let server;
before(async () => { server = await start(); });
after(() => server.close());

async function documents(folder) {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.graphql'));
  return Promise.all(names.map(async (name) => [name, parse(await readFile(path.join(folder, name), 'utf8'))]));
}

test('every question fits the schema', async () => {
  const all = [...(await documents(tabs)), ...(await documents(path.join(tabs, 'fill')))];
  assert.ok(all.length > 12);
  for (const [name, document] of all) assert.deepEqual(validate(schema, document).map(String), [], name);
});

test('a delegate sees their allotments', async () => {
  const out = path.join(os.tmpdir(), `ringfence-page-${process.pid}.png`);
  const { answer, requests } = await shoot({ url: server.url, persona: 'dora@example.com', tab: 'MyAllotments', out });
  assert.equal(answer.data.viewer.allotments.nodes.length, 3);
  assert.ok(requests.some((address) => address.includes('/assets/graphql.worker')), 'the language worker runs');
  assert.ok((await stat(out)).size > 20_000, 'the picture shows something');
});

test('the dry run fills its variables and answers', async () => {
  const { answer } = await shoot({ url: server.url, persona: 'Ada Admin', tab: 'DryRun', dark: true });
  assert.equal(answer.data.assignSeats.results.length, 3);
});

test('the explorer and the documentation open', async () => {
  for (const pane of ['GraphiQL Explorer', 'Documentation Explorer', 'History']) {
    await shoot({ url: server.url, persona: 'Ada Admin', tab: 'WhoAmI', pane });
  }
});

test('what must not happen is noticed', async (t) => {
  const foreign = '<img src="http://elsewhere.invalid/pixel.png">';
  const cases = [
    ['a violation of the policy', { inject: foreign }, /img-src blocked http:\/\/elsewhere\.invalid/],
    ['a request to elsewhere', { inject: foreign, policy: "img-src *" }, /left the origin: http:\/\/elsewhere\.invalid/],
    ['a script that fails', { inject: '<script>throw new Error("broken")</script>', policy: "img-src *" }, /script: broken/],
  ];
  for (const [name, options, problem] of cases) {
    await t.test(name, async () => {
      const bad = await start(options);
      try {
        await assert.rejects(shoot({ url: bad.url, persona: 'Ada Admin' }), problem);
      } finally {
        await bad.close();
      }
    });
  }
});

test('without personas the page asks for a token and takes one', async () => {
  const plain = await start({ dev: false });
  try {
    const { answer } = await shoot({ url: plain.url, token: personas[1].token, tab: 'WhoAmI' });
    assert.ok(answer.data.viewer.userName);
    await assert.rejects(shoot({ url: plain.url, token: 'made-up' }), /UNAUTHENTICATED/);
  } finally {
    await plain.close();
  }
});

test('an unknown persona is an error', async () => {
  await assert.rejects(shoot({ url: server.url, persona: 'nobody' }), /there is no persona nobody/);
});

test('a question without signing in is refused', async () => {
  await assert.rejects(shoot({ url: server.url, tab: 'WhoAmI' }), /UNAUTHENTICATED/);
});
