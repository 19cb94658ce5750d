// Qdrant's own client, unchanged, against a running server: 'node qdrant-client.mjs MODULES URL'.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const [modules, url] = process.argv.slice(2);
const { QdrantClient } = createRequire(modules + '/')('@qdrant/js-client-rest');
const client = new QdrantClient({ url });
const name = 'things of \u00e4/b';
const size = 8;
const vector = (i) => Array.from({ length: size }, (_, j) => Math.sin(i * size + j));
const cosine = (a, b) => {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

await client.createCollection(name, { vectors: { size, distance: 'Cosine' } });
assert.deepEqual((await client.getCollections()).collections, [{ name }]);
assert.equal((await client.getCollection(name)).status, 'green');
assert.equal((await client.collectionExists(name)).exists, true);

const points = Array.from({ length: 100 }, (_, i) => ({
  id: i,
  vector: vector(i),
  payload: { color: i % 2 ? 'red' : 'blue', n: i, tags: [`t${i % 3}`, 'all'] },
}));
assert.equal((await client.upsert(name, { wait: true, points })).status, 'completed');
assert.equal((await client.count(name, { exact: true })).count, 100);

const nearest = (i, accepts) =>
  points
    .filter(({ payload }) => accepts(payload))
    .sort((a, b) => cosine(b.vector, vector(i)) - cosine(a.vector, vector(i)))
    .map(({ id }) => id);
const accepts = ({ color, n, tags }) => color === 'red' && n < 50 && tags.includes('t1');
const filter = {
  must: [
    { key: 'color', match: { value: 'red' } },
    { key: 'n', range: { lt: 50 } },
    { key: 'tags', match: { any: ['t1', 'never'] } },
  ],
};
for (let indexed = 0; indexed < 2; indexed++) {
  const hits = (await client.query(name, { query: vector(7), limit: 3, filter })).points;
  assert.deepEqual(hits.map(({ id }) => id), nearest(7, accepts).slice(0, 3));
  assert.ok(Math.abs(hits[0].score - cosine(vector(hits[0].id), vector(7))) < 1e-4);
  const found = await client.query(name, {
    query: vector(7), limit: 4, with_payload: true,
    filter: { must_not: [{ key: 'color', match: { value: 'red' } }] },
  });
  assert.deepEqual(
    found.points.map(({ id }) => id),
    nearest(7, ({ color }) => color === 'blue').slice(0, 4));
  assert.equal(found.points[0].payload.color, 'blue');
  assert.equal((await client.count(name, { filter })).count, points.filter((p) => accepts(p.payload)).length);
  await client.createPayloadIndex(name, { field_name: 'color', field_schema: 'keyword', wait: true });
  await client.createPayloadIndex(name, { field_name: 'n', field_schema: 'integer', wait: true });
}
const batch = await client.queryBatch(name, {
  searches: [1, 2].map((i) => ({ query: vector(i), limit: 1 })),
});
assert.deepEqual(batch.map(({ points: [hit] }) => hit.id), [1, 2]);

const { groups } = await client.queryGroups(name, {
  query: vector(7), group_by: 'color', group_size: 2, limit: 2,
});
assert.deepEqual(groups.map((group) => group.hits.length), [2, 2]);
assert.deepEqual(groups.map((group) => group.id).sort(), ['blue', 'red']);
const fused = await client.query(name, {
  prefetch: [{ query: vector(7), limit: 5 }, { query: vector(8), limit: 5 }],
  query: { fusion: 'rrf' }, limit: 2,
});
assert.equal(fused.points.length, 2);
const like = await client.query(name, { query: { recommend: { positive: [7], negative: [8] } }, limit: 3 });
assert.ok(like.points.every((point) => point.id !== 7 && point.id !== 8));
const facet = await client.facet(name, { key: 'color' });
assert.deepEqual(facet.hits.map((hit) => hit.count), [50, 50]);
assert.equal((await client.searchMatrixPairs(name, { sample: 10, limit: 2 })).pairs.length, 20);
assert.equal((await client.searchMatrixOffsets(name, { sample: 10, limit: 2 })).ids.length, 10);
const ordered = await client.scroll(name, { order_by: { key: 'n', direction: 'desc' }, limit: 2 });
assert.deepEqual(ordered.points.map((point) => point.id), [99, 98]);
await client.updateCollection(name, { optimizers_config: { indexing_threshold: 0 } });
await client.updateCollectionAliases({
  actions: [{ create_alias: { collection_name: name, alias_name: 'alias' } }],
});
assert.deepEqual((await client.getAliases()).aliases, [{ alias_name: 'alias', collection_name: name }]);
assert.equal((await client.getCollectionAliases(name)).aliases.length, 1);
assert.equal((await client.count('alias')).count, 100);
await client.updateCollectionAliases({ actions: [{ delete_alias: { alias_name: 'alias' } }] });
const updated = await client.batchUpdate(name, {
  operations: [
    { upsert: { points: [{ id: 500, vector: vector(1), payload: { n: 500 } }] } },
    { set_payload: { payload: { a: { b: 1 } }, points: [500] } },
    { delete_payload: { keys: ['n'], points: [500] } },
    { delete: { points: [500] } },
  ],
});
assert.deepEqual(updated.map(({ status }) => status), Array(4).fill('completed'));
await client.updateVectors(name, { points: [{ id: 5, vector: vector(5) }] });
await client.overwritePayload(name, { points: [6], payload: { ...points[6].payload } });
await assert.rejects(client.deleteVectors(name, { points: [5], vector: [''] }), { status: 400 });
await assert.rejects(client.listSnapshots(name), { status: 501 });
assert.match((await client.versionInfo()).version, /^1[.]/);
assert.equal((await client.collectionClusterInfo(name)).shard_count, 1);

const [one] = await client.retrieve(name, { ids: [5, 1000], with_vector: true });
assert.equal(one.id, 5);
assert.deepEqual(one.payload, points[5].payload);
assert.ok(Math.abs(cosine(one.vector, vector(5)) - 1) < 1e-6);

await client.setPayload(name, { points: [3], payload: { extra: true } });
assert.deepEqual((await client.retrieve(name, { ids: [3] }))[0].payload, { ...points[3].payload, extra: true });

await client.delete(name, { wait: true, points: [0, 1] });
await client.delete(name, { wait: true, filter: { must: [{ key: 'n', range: { gte: 90 } }] } });
assert.equal((await client.count(name, { exact: true })).count, 88);
const seen = [];
let offset = undefined;
do {
  const page = await client.scroll(name, { limit: 30, offset, with_payload: false });
  seen.push(...page.points.map(({ id }) => id));
  offset = page.next_page_offset;
} while (offset !== null && offset !== undefined);
assert.deepEqual(seen, Array.from({ length: 88 }, (_, i) => i + 2));

await assert.rejects(client.upsert(name, { points: [{ id: 1, vector: [1, 2] }] }), (error) => {
  assert.equal(error.status, 400);
  assert.match(error.data.status.error, /dimension mismatch: expected 8, got 2/);
  return true;
});
await assert.rejects(client.query('nowhere', { query: [1], limit: 1 }), { status: 404 });

const uuid = 'uuids';
await client.createCollection(uuid, { vectors: { size, distance: 'Euclid' } });
const id = '5c56c793-69f3-4fbf-87e6-c4bf54c28c26';
await client.upsert(uuid, { wait: true, points: [{ id, vector: vector(1) }, { id: 7, vector: vector(2) }] });
assert.deepEqual((await client.query(uuid, { query: vector(1), limit: 2 })).points.map((hit) => hit.id), [id, 7]);
await client.deleteCollection(uuid);
await client.deleteCollection(name);
assert.equal((await client.collectionExists(name)).exists, false);
console.log('all as expected');

// Framework integrations give the only vector the empty name.
const unnamed = 'unnamed';
await client.createCollection(unnamed, { vectors: { '': { size: 2, distance: 'Dot' } } });
await client.upsert(unnamed, { wait: true, points: [
  { id: 1, vector: { '': [1, 0] }, payload: { text: 'a' } },
  { id: 2, vector: { '': [0, 1] }, payload: { text: 'b' } },
] });
const found = await client.query(unnamed, { query: [0, 2], using: '', limit: 1, with_payload: true });
assert.deepEqual(found.points.map((point) => [point.id, point.score, point.payload]), [[2, 2, { text: 'b' }]]);
await assert.rejects(client.upsert(unnamed, { points: [{ id: 3, vector: { other: [1, 1] } }] }), /Bad Request/);

// Several vectors of a point, dense, sparse and multivectors.
const named = 'named';
await client.createCollection(named, {
  vectors: {
    title: { size: 2, distance: 'Dot' },
    tokens: { size: 2, distance: 'Dot', multivector_config: { comparator: 'max_sim' } },
  },
  sparse_vectors: { words: { modifier: 'idf' } },
});
await client.upsert(named, { wait: true, points: [
  { id: 1, vector: { title: [1, 0], tokens: [[1, 0], [0, 1]], words: { indices: [7, 9], values: [1, 2] } } },
  { id: 2, vector: { title: [0, 1], words: { indices: [9], values: [1] } } },
] });
assert.deepEqual(Object.keys((await client.getCollection(named)).config.params.vectors).sort(), ['title', 'tokens']);
const ranked = async (request) => (await client.query(named, request)).points.map((hit) => hit.id);
assert.deepEqual(await ranked({ query: [0, 1], using: 'title' }), [2, 1]);
assert.deepEqual(await ranked({ query: { indices: [9], values: [1] }, using: 'words' }), [1, 2]);
assert.deepEqual(await ranked({ query: [[1, 1]], using: 'tokens' }), [1]);
assert.deepEqual((await ranked({
  prefetch: [{ query: [0, 1], using: 'title' }, { query: { indices: [9], values: [1] }, using: 'words' }],
  query: { fusion: 'rrf' },
})).sort(), [1, 2]);
await client.createVectorName(named, 'late', { dense: { size: 2, distance: 'Dot' } });
await client.updateVectors(named, { points: [{ id: 2, vector: { late: [5, 5] } }] });
assert.deepEqual(await ranked({ query: [1, 1], using: 'late' }), [2]);
await client.deleteVectors(named, { points: [2], vector: ['late', 'words'] });
const [second] = await client.retrieve(named, { ids: [2], with_vector: true });
assert.deepEqual(second.vector, { title: [0, 1] });
await client.deleteVectorName(named, 'late');
assert.deepEqual((await client.count(named, { filter: { must: [{ has_vector: 'words' }] } })).count, 1);
