// node score_rows.mjs RUNTIME HEAD WEIGHTS ROWS: the scores of rows of float32, one after the other, as JSON.
import { readFileSync } from 'node:fs';

const [runtime, ...files] = process.argv.slice(2);
const { modelOf } = await import(runtime);
const [head, weights, rows] = files.map((file) => readFileSync(file));
const buffer = ({ buffer, byteOffset, length }) => buffer.slice(byteOffset, byteOffset + length);

const model = modelOf(JSON.parse(head), buffer(weights));
const values = new Float32Array(buffer(rows));
// A file of one short row is what a mistaken page would give.
const columns = Math.min(model.head.contract.columns.length, values.length);
const scores = [];
for (let at = 0; at < values.length; at += columns) {
  const { probability, label, band, reasons } = model.score(values.subarray(at, at + columns));
  const listed = reasons.map(({ feature, value, contribution }) => [feature, value, contribution]);
  scores.push([probability, label, band, listed]);
}
process.stdout.write(JSON.stringify(scores));
