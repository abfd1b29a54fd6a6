// TimescaleDB without Docker, for tests: PostgreSQL 17 in WebAssembly, in memory, one connection at a time.
// The packages are looked up from the folder given second, where the test helper installed them.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [port, folder] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);

const { PGlite } = await load("@electric-sql/pglite");
const { timescaledb } = await load("@electric-sql/pglite/timescaledb");
const { PGLiteSocketServer } = await load("@electric-sql/pglite-socket");

const db = await PGlite.create({ extensions: { timescaledb } });
await new PGLiteSocketServer({ db, host: "127.0.0.1", port: Number(port) }).start();
console.log("ready");
