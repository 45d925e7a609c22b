// The stock npm client against a daemon: what a program does, and the errors it catches.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as chroma from "chromadb";
import { Agent } from "undici";

const { PANNIER_SOCKET: socketPath, CHROMA_HOST: host = "localhost", CHROMA_PORT: port = 8000 } = process.env;
const dispatcher = socketPath ? new Agent({ connect: { socketPath } }) : undefined;
const database = `js-${process.pid}-${Date.now()}`;
const address = { host, port: Number(port), fetchOptions: { dispatcher } };
const admin = new chroma.AdminClient(address);
const client = new chroma.ChromaClient({ ...address, database });
const make = (name, more = {}) => client.createCollection({ name, embeddingFunction: null, ...more });
const ids = (answer) => answer.ids;

before(() => admin.createDatabase({ name: database, tenant: "default_tenant" }));
after(() => dispatcher?.close());

test("the server says that it is there", async () => {
  assert.ok((await client.heartbeat()) > 1e18);
  assert.match(await client.version(), /^\d+\.\d+\.\d+/);
});

test("databases are listed, found and deleted", async () => {
  const name = `${database}-2`;
  await admin.createDatabase({ name, tenant: "default_tenant" });
  assert.equal((await admin.getDatabase({ name, tenant: "default_tenant" })).name, name);
  const all = await admin.listDatabases({ tenant: "default_tenant" });
  assert.ok(all.some((each) => each.name === name));
  await admin.deleteDatabase({ name, tenant: "default_tenant" });
  await assert.rejects(admin.getDatabase({ name, tenant: "default_tenant" }), chroma.ChromaNotFoundError);
});

test("collections are made, renamed, counted and deleted", async () => {
  const before = await client.countCollections();
  const made = await make("first", { metadata: { about: "tests", n: 1 } });
  assert.deepEqual(made.metadata, { about: "tests", n: 1 });
  assert.equal((await client.getCollection({ name: "first", embeddingFunction: null })).id, made.id);
  const again = await client.getOrCreateCollection({ name: "first", embeddingFunction: null });
  assert.equal(again.id, made.id);
  assert.equal(await client.countCollections(), before + 1);
  await made.modify({ name: "renamed", metadata: { x: "y" } });
  assert.deepEqual((await client.getCollection({ name: "renamed", embeddingFunction: null })).metadata, { x: "y" });
  assert.ok((await client.listCollections()).some((each) => each.name === "renamed"));
  await client.deleteCollection({ name: "renamed" });
  assert.equal(await client.countCollections(), before);
});

test("records are added, read, filtered and queried", async () => {
  const notes = await make("notes", { configuration: { hnsw: { space: "cosine" } } });
  await notes.add({
    ids: ["a", "b", "c"], embeddings: [[1, 0], [0, 1], [0.6, 0.8]],
    documents: ["red apple", "green pear", "red pear"],
    metadatas: [{ n: 1, kind: "x" }, { n: 2.5, ok: true }, { n: 3 }],
  });
  assert.equal(await notes.count(), 3);
  assert.deepEqual(ids(await notes.get()), ["a", "b", "c"]);
  assert.deepEqual(ids(await notes.get({ where: { n: { $gt: 2 } } })), ["b", "c"]);
  assert.deepEqual(ids(await notes.get({ whereDocument: { $contains: "red" } })), ["a", "c"]);
  assert.deepEqual(ids(await notes.get({ whereDocument: { $regex: "^green" } })), ["b"]);
  assert.deepEqual(ids(await notes.get({ limit: 1, offset: 1 })), ["b"]);
  assert.deepEqual(ids(await notes.peek({ limit: 2 })), ["a", "b"]);
  const got = await notes.get({ ids: ["b"], include: ["embeddings", "metadatas"] });
  assert.deepEqual(got.embeddings, [[0, 1]]);
  assert.deepEqual(got.metadatas, [{ n: 2.5, ok: true }]);
  const found = await notes.query({ queryEmbeddings: [[1, 0.1], [0, 1]], nResults: 2 });
  assert.deepEqual(ids(found), [["a", "c"], ["b", "c"]]);
  assert.ok(Math.abs(found.distances[1][0]) < 1e-6);
  assert.deepEqual(found.documents[0], ["red apple", "red pear"]);
});

test("records are updated, upserted and deleted", async () => {
  const notes = await make("changes");
  await notes.add({ ids: ["a"], embeddings: [[1, 2]], metadatas: [{ keep: 1, drop: "x" }] });
  await notes.update({ ids: ["a", "nobody"], metadatas: [{ keep: 2 }, { keep: 9 }] });
  await notes.upsert({ ids: ["a", "b"], embeddings: [[3, 4], [5, 6]], documents: ["A", "B"] });
  const all = await notes.get({ include: ["embeddings", "documents", "metadatas"] });
  assert.deepEqual(all.embeddings, [[3, 4], [5, 6]]);
  assert.deepEqual(all.documents, ["A", "B"]);
  assert.deepEqual(all.metadatas, [{ keep: 2, drop: "x" }, null]);
  await notes.delete({ where: { keep: 2 } });
  assert.deepEqual(ids(await notes.get()), ["b"]);
});

test("a batch as large as announced is taken", async () => {
  const notes = await make("large");
  const size = Math.min(5000, (await client.getPreflightChecks?.())?.max_batch_size ?? 5000);
  const names = Array.from({ length: size }, (_, n) => `id${n}`);
  await notes.add({ ids: names, embeddings: names.map((_, n) => [n, 1, 0.5]) });
  assert.equal(await notes.count(), size);
  assert.deepEqual((await notes.query({ queryEmbeddings: [[77, 1, 0.5]], nResults: 1 })).ids, [["id77"]]);
});

test("errors are of the classes that programs catch", async () => {
  await assert.rejects(client.getCollection({ name: "nothing" }), chroma.ChromaNotFoundError);
  const notes = await make("errors");
  await notes.add({ ids: ["a"], embeddings: [[1, 2]] });
  await assert.rejects(notes.add({ ids: ["b"], embeddings: [[1, 2, 3]] }), /dimension/);
  await assert.rejects(make("errors"), chroma.ChromaUniqueError);
  await assert.rejects(make("a..b"), chroma.ChromaClientError);
});
