// A stand-in for the server, for the tests of the page only: it serves dist with the headers of web.go, two personas,
// and a GraphQL endpoint that answers every question with made-up data.
import { readdir, readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSchema, graphql } from 'graphql';
import { mock } from './mock.mjs';

const web = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const persona = (name, userName, roles, description) => {
  const claims = Buffer.from(JSON.stringify({ sub: userName, name, roles })).toString('base64url');
  return { name, userName, roles, description, token: `e30.${claims}.stub` };
};

export const personas = [
  persona('Ada Admin', 'ada@example.com', ['GLOBAL_ADMIN'], 'global admin'),
  persona('Dora Delegate', 'dora@example.com', [], 'delegate of EMEA'),
];

/** The schema of the API itself, out of the folder in which it is written. */
export const schema = buildSchema(await readSchema(path.join(path.dirname(web), 'graph/schema')));

async function readSchema(folder) {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.graphqls')).sort();
  const texts = await Promise.all(files.map((name) => readFile(path.join(folder, name), 'utf8')));
  return texts.join('\n');
}

/**
 * Starts the server on a free port of this machine; returns {url, close}. dev: false leaves the personas out, policy
 * replaces the content security policy, inject is put into the page (to see that what must not happen is noticed).
 */
export async function start({ dev = true, port = 0, policy, inject = '' } = {}) {
  const options = { dev, inject, policy: policy ?? (await contentSecurityPolicy()) };
  const server = http.createServer((request, response) => {
    route(request, response, options).catch((error) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}/graphiql`,
    close: () => new Promise((done) => { server.close(done); server.closeAllConnections(); }),
  };
}

/** The policy as web.go has it, so that the page is tested under the one it will be served with. */
async function contentSecurityPolicy() {
  const source = await readFile(path.join(web, 'web.go'), 'utf8');
  const [, expression] = source.match(/^const policy = ((?:.*\+\n)*.*)$/m);
  return [...expression.matchAll(/"([^"]*)"/g)].map((literal) => literal[1]).join('');
}

async function route(request, response, { dev, inject, policy }) {
  const { pathname } = new URL(request.url, 'http://stub');
  if (pathname === '/graphql' && request.method === 'POST') return answer(request, response);
  if (pathname === '/dev/personas' && dev) return json(response, 200, personas);
  if (pathname === '/graphiql' || pathname.startsWith('/graphiql/')) return file(response, pathname, policy, inject);
  return response.writeHead(404).end('not found');
}

async function answer(request, response) {
  const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  if (!personas.some((entry) => entry.token === token)) {
    return json(response, 401, { errors: [{ message: 'Sign in first.', extensions: { code: 'UNAUTHENTICATED' } }] });
  }
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { query, variables, operationName } = JSON.parse(Buffer.concat(chunks));
  const result = await graphql({ schema, source: query, variableValues: variables, operationName, fieldResolver: mock() });
  return json(response, 200, result);
}

function json(response, status, value) {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

const types = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.ttf': 'font/ttf', '.html': 'text/html' };

async function file(response, pathname, policy, inject) {
  const name = path.posix.normalize(pathname).slice('/graphiql/'.length) || 'index.html';
  const packed = name.startsWith('assets/');
  const body = await readFile(path.join(web, 'dist', packed ? `${name}.gz` : name)).catch(() => null);
  if (body === null) return response.writeHead(404).end('not found');
  const headers = { 'Content-Type': types[path.extname(name)], 'Content-Security-Policy': policy, 'X-Content-Type-Options': 'nosniff' };
  if (packed) return response.writeHead(200, { ...headers, 'Content-Encoding': 'gzip' }).end(body);
  return response.writeHead(200, headers).end(body.toString().replace('</body>', `${inject}</body>`));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await start({ port: Number(process.argv[2] ?? 8099) });
  console.log(url);
}
