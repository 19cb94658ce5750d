// SPDX-License-Identifier: Apache-2.0
// Hybrid search with Qdrant's client, unchanged: finds the passages of a project's documents that
// answer a question. Arguments: a directory with Markdown files, and a question. ARBALEST_URL is the
// address of the server.
import { QdrantClient } from '@qdrant/js-client-rest';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const [documents, question] = process.argv.slice(2);
const DIMENSION = 512;

// Counts groups of three letters, instead of an embedding model: put yours here.
function embed(text) {
  const vector = new Array(DIMENSION).fill(0);
  const letters = ` ${text.toLowerCase().replace(/[^a-z0-9]+/g, ' ')} `;
  for (let i = 0; i + 3 <= letters.length; i++) {
    let hash = 0;
    for (const letter of letters.slice(i, i + 3)) {
      hash = (hash * 31 + letter.charCodeAt(0)) % 1_000_003;
    }
    vector[hash % DIMENSION]++;
  }
  return vector;
}

function* files(folder, depth = 0) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory() && depth < 3 && !['target', 'node_modules', '.git'].includes(entry.name)) {
      yield* files(join(folder, entry.name), depth + 1);
    } else if (entry.name.endsWith('.md')) {
      yield join(folder, entry.name);
    }
  }
}

const client = new QdrantClient({ url: process.env.ARBALEST_URL ?? 'http://localhost:9090' });
await client.createCollection('passages', { vectors: { size: DIMENSION, distance: 'Cosine' } });
await client.createPayloadIndex('passages', { field_name: 'text', field_schema: 'text' });

const points = [];
for (const file of files(documents)) {
  for (const paragraph of readFileSync(file, 'utf8').split(/\n\s*\n/)) {
    if (paragraph.length > 80) { // no headings
      const payload = { file: relative(documents, file), text: paragraph.trim() };
      points.push({ id: points.length, vector: embed(paragraph), payload });
    }
  }
}
for (let i = 0; i < points.length; i += 200) {
  await client.upsert('passages', { wait: true, points: points.slice(i, i + 200) });
}
console.log(`${points.length} passages embedded and stored`);

const found = await client.query('passages', {
  prefetch: [
    { query: embed(question), limit: 20 },
    { query: { text: question, model: 'qdrant/bm25' }, using: 'bm25', limit: 20 },
  ],
  query: { fusion: 'rrf' },
  limit: 3,
  with_payload: true,
});
console.log(`Answer this question from the passages below: ${question}`);
for (const { payload } of found.points) {
  console.log(`\n[${payload.file}]\n${payload.text}`);
}
