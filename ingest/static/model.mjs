// A model that `opecom models export --browser` wrote, run in the page: docs/private-mode.md has the format.
// The same numbers as scoring/browser/interpreter.py: float32 results, sums with double precision. No eval.

const FORMAT = 1;
const fail = (why) => { throw new Error(`op-ecom model: ${why}`); };

/** Head and weights from where they lie; `integrity`, the head's, is optional: the weights' stands in the head. */
export async function loadModel(url, { integrity = '' } = {}) {
  const answer = await get(url, integrity);
  const head = await answer.json();
  const weights = await get(new URL(head.weights.file, answer.url), head.weights.integrity);
  return modelOf(head, await weights.arrayBuffer());
}

async function get(url, integrity) {
  const answer = await fetch(url, { credentials: 'omit', integrity });
  return answer.ok ? answer : fail(`${url} answers ${answer.status}`);
}

/**
 * The model of a head and the bytes of its weights: `score(row, reasons = 3)`.
 *
 * A row has the values of `head.contract.columns` in their order; null or NaN is unknown. The answer is
 * `{ probability, label, band, reasons: [{ feature, value, contribution }] }`, the strongest reason first.
 */
export function modelOf(head, weights) {
  const { format, contract: { columns }, bands, threshold } = head;
  if (format !== FORMAT) fail(`format ${format}, not ${FORMAT}: load the runtime of the release that exported it`);
  const slots = [new Float32Array(columns.length), ...tensorsOf(weights)];
  const steps = head.program.map(([operator, inputs, length, attributes = {}]) => {
    const given = inputs.map((each) => slots[each] ?? fail('the weights are of another model'));
    const made = new Float32Array(length);
    slots.push(made);
    const run = OTHERS[operator] ?? elementwise(operator);
    return () => run(made, given, attributes);
  });
  const [row] = slots;
  const probabilities = slots[head.probability], moved = slots[head.reasons];

  const score = (values, most = 3) => {
    if (values.length !== row.length) fail(`a row has ${row.length} values, not ${values.length}`);
    row.set(Array.from(values, (value) => value ?? NaN));
    for (const step of steps) step();
    const probability = probabilities[0], rounded = Math.round(probability * 1e6) / 1e6;
    // In millionths, ties to the earlier feature: as scoring/reasons.py.
    const reasons = Array.from(moved, (each, place) => ({ place, strength: Math.round(Math.abs(each) * 1e6) }))
      .filter(({ strength }) => strength)
      .sort((one, other) => other.strength - one.strength)
      .slice(0, most)
      .map(({ place }) => ({
        feature: columns[place],
        value: values[place] ?? null,
        contribution: Math.round(moved[place] * 1e7) / 1e7,
      }));
    return {
      probability,
      label: rounded >= threshold ? 'YES' : 'NO',
      band: rounded >= bands[1] ? 'high' : rounded >= bands[0] ? 'building' : 'low',
      reasons,
    };
  };
  return { head, score };
}

function tensorsOf(buffer) {
  const view = new DataView(buffer), bytes = new Uint8Array(buffer);
  const isWhole = bytes.length > 11 && view.getUint32(0) === 0x4f454d57 && view.getUint16(4, true) === FORMAT
    && view.getUint32(8, true) === crc32(bytes.subarray(12));
  if (!isWhole) fail('the file of weights is torn or of another format: export the model again');
  const count = view.getUint16(6, true), tensors = [];
  let at = 12 + 12 * count;
  for (let number = 0; number < count; number++) {
    const [kind, rows, columns] = [0, 4, 8].map((place) => view.getUint32(12 + 12 * number + place, true));
    const tensor = new Float32Array(rows * columns), scales = at;
    if (kind === 2) at += 4 * rows;
    for (let place = 0; place < tensor.length; place++) {
      if (kind === 0) tensor[place] = view.getFloat32(at + 4 * place, true);
      else if (kind === 1) tensor[place] = float16(view.getUint16(at + 2 * place, true));
      else tensor[place] = view.getInt8(at + place) * view.getFloat32(scales + 4 * Math.floor(place / columns), true);
    }
    at += (tensor.length * (kind === 2 ? 1 : 4 / (kind + 1)) + 3) & ~3;
    tensors.push(tensor);
  }
  return tensors;
}

// Exponent and fraction at their places in float32, whose exponents begin 112 lower.
const word = new Uint32Array(1), number = new Float32Array(word.buffer);
function float16(bits) {
  word[0] = (bits & 0x7fff) << 13;
  return (bits >> 15 ? -number[0] : number[0]) * 2 ** 112;
}

function crc32(bytes) {
  const table = Int32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? byte >>> 1 ^ 0xedb88320 : byte >>> 1;
    return byte;
  });
  let state = -1;
  for (const byte of bytes) state = state >>> 8 ^ table[(state ^ byte) & 255];
  return ~state >>> 0;
}

// Operators of ONNX, for each number; a comparison gives 1 or 0. A loop for each: a function
// that all operators share is called for every number, which no compiler takes in.
const ELEMENTWISE = {
  Abs(r, a, i) { for (let at = 0; at < r.length; at++) r[at] = Math.abs(a[i * at]); },
  Exp(r, a, i) { for (let at = 0; at < r.length; at++) r[at] = Math.exp(a[i * at]); },
  IsNaN(r, a, i) { for (let at = 0; at < r.length; at++) r[at] = a[i * at] !== a[i * at]; },
  Log(r, a, i) { for (let at = 0; at < r.length; at++) r[at] = Math.log(a[i * at]); },
  Neg(r, a, i) { for (let at = 0; at < r.length; at++) r[at] = -a[i * at]; },
  Not(r, a, i) { for (let at = 0; at < r.length; at++) r[at] = !a[i * at]; },
  Relu(r, a, i) { for (let at = 0; at < r.length; at++) r[at] = a[i * at] > 0 ? a[i * at] : 0; },
  Sigmoid(r, a, i) { for (let at = 0; at < r.length; at++) r[at] = 1 / (1 + Math.exp(-a[i * at])); },
  Sqrt(r, a, i) { for (let at = 0; at < r.length; at++) r[at] = Math.sqrt(a[i * at]); },
  Tanh(r, a, i) { for (let at = 0; at < r.length; at++) r[at] = Math.tanh(a[i * at]); },
  Add(r, a, i, b, j) { for (let at = 0; at < r.length; at++) r[at] = a[i * at] + b[j * at]; },
  And(r, a, i, b, j) { for (let at = 0; at < r.length; at++) r[at] = a[i * at] && b[j * at]; },
  Div(r, a, i, b, j) { for (let at = 0; at < r.length; at++) r[at] = a[i * at] / b[j * at]; },
  Equal(r, a, i, b, j) { for (let at = 0; at < r.length; at++) r[at] = a[i * at] === b[j * at]; },
  Greater(r, a, i, b, j) { for (let at = 0; at < r.length; at++) r[at] = a[i * at] > b[j * at]; },
  GreaterOrEqual(r, a, i, b, j) { for (let at = 0; at < r.length; at++) r[at] = a[i * at] >= b[j * at]; },
  Less(r, a, i, b, j) { for (let at = 0; at < r.length; at++) r[at] = a[i * at] < b[j * at]; },
  LessOrEqual(r, a, i, b, j) { for (let at = 0; at < r.length; at++) r[at] = a[i * at] <= b[j * at]; },
  Max(r, a, i, b, j) { for (let at = 0; at < r.length; at++) r[at] = Math.max(a[i * at], b[j * at]); },
  Min(r, a, i, b, j) { for (let at = 0; at < r.length; at++) r[at] = Math.min(a[i * at], b[j * at]); },
  Mul(r, a, i, b, j) { for (let at = 0; at < r.length; at++) r[at] = a[i * at] * b[j * at]; },
  Or(r, a, i, b, j) { for (let at = 0; at < r.length; at++) r[at] = a[i * at] || b[j * at]; },
  Sub(r, a, i, b, j) { for (let at = 0; at < r.length; at++) r[at] = a[i * at] - b[j * at]; },
  Clip(r, a, i, b, j, c, k) {
    for (let at = 0; at < r.length; at++) r[at] = Math.min(Math.max(a[i * at], b[j * at]), c[k * at]);
  },
  Where(r, a, i, b, j, c, k) { for (let at = 0; at < r.length; at++) r[at] = a[i * at] ? b[j * at] : c[k * at]; },
};

function elementwise(operator) {
  const of = ELEMENTWISE[operator] ?? fail(`operator ${operator} is unknown: load the runtime of its release`);
  // What has one number stands for all.
  return (made, given) => of(made, ...given.flatMap((each) => [each, +(each.length > 1)]));
}

function times(row, matrix, sums) {
  // The rows of the matrix whose number is 0 add nothing.
  const values = [], starts = [];
  row.forEach((value, from) => {
    if (value !== 0) starts.push((values.push(value), from * sums.length));
  });
  while (values.length % 4) starts.push((values.push(0), 0));
  for (let each = 0; each < values.length; each += 4) {
    const [a, b, c, d] = values.slice(each, each + 4), [i, j, k, l] = starts.slice(each, each + 4);
    for (let to = 0; to < sums.length; to++) {
      sums[to] += a * matrix[i + to] + b * matrix[j + to] + c * matrix[k + to] + d * matrix[l + to];
    }
  }
}

function timesTransposed(row, matrix, sums) {
  for (let to = 0, at = 0; to < sums.length; to++) {
    let a = 0, b = 0, c = 0, d = 0, from = 0;
    for (; from + 3 < row.length; from += 4, at += 4) {
      a += row[from] * matrix[at];
      b += row[from + 1] * matrix[at + 1];
      c += row[from + 2] * matrix[at + 2];
      d += row[from + 3] * matrix[at + 3];
    }
    for (; from < row.length; from++) a += row[from] * matrix[at++];
    sums[to] = a + b + c + d;
  }
}

const OTHERS = {
  // Four products at a time take less than half the time that one after the other does.
  Gemm(made, [row, matrix, added], { transB, alpha = 1 }) {
    const sums = new Float64Array(made.length);
    (transB ? timesTransposed : times)(row, matrix, sums);
    for (let to = 0; to < made.length; to++) {
      made[to] = sums[to] * alpha + (added ? added[added.length > 1 ? to : 0] : 0);
    }
  },
  Mean(made, [row]) {
    made[0] = row.reduce((sum, each) => sum + each, 0) / row.length;
  },
  Take(made, [row], { places }) {
    places.forEach((place, at) => { made[at] = row[place]; });
  },
  Concat(made, given) {
    let at = 0;
    for (const each of given) {
      made.set(each, at);
      at += each.length;
    }
  },
};

// As a part of tracker.js.
export default () => ({ loadModel, modelOf });
