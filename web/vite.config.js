import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

// The files are embedded into a program and served as they are, so they are compressed once, here, and only the
// compressed form is kept: 2.2 MB instead of 7.3 MB. web.go knows the ending.
const compress = {
  name: 'compress-assets',
  apply: 'build',
  async closeBundle() {
    if (this.environment && this.environment.name !== 'client') return;
    const folder = path.resolve('dist/assets');
    for (const name of await readdir(folder)) {
      if (!/\.(js|css|svg|ttf)$/.test(name)) continue;
      const file = path.join(folder, name);
      await writeFile(`${file}.gz`, gzipSync(await readFile(file), { level: 9 }));
      await rm(file);
    }
  },
};

// The page is served by the Go program below /graphiql/ (see web.go), under a content security policy that allows
// scripts, workers and requests of the same origin only. Nothing is inlined as a data: URL, so that the policy can
// stay that narrow; workers are modules because Monaco splits them into chunks.
export default defineConfig({
  base: '/graphiql/',
  plugins: [compress],
  // The toolkit asks for these in code that never runs here (web sockets by a dynamic import).
  define: { 'process.env.USE_IMPORT': '"true"' },
  worker: { format: 'es' },
  build: {
    outDir: 'dist',
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 4096,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      onLog(level, log, handle) {
        // "use client" is for servers that render React; nothing is rendered on a server here.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log);
      },
    },
  },
  // `npx vite` while working on the page: the API is a server on the usual port.
  server: { proxy: { '/graphql': 'http://127.0.0.1:8080', '/dev': 'http://127.0.0.1:8080' } },
});
