// Which bucket and arm a visitor or a session has: the same function as in Python (stream/experiments/assignment.py).
// FNV-1a with 32 bits, then the finalizer of 32-bit MurmurHash3; all numbers are unsigned 32-bit integers.

/** The bucket of a unit, 0 to 9,999. */
export function bucket(salt, unit) {
  let state = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(salt + '\n' + unit)) state = Math.imul(state ^ byte, 0x01000193);
  state = Math.imul(state ^ state >>> 16, 0x85ebca6b);
  state = Math.imul(state ^ state >>> 13, 0xc2b2ae35);
  state = (state ^ state >>> 16) >>> 0;
  // At most 2^46, which a number holds exactly.
  return Math.floor(state * 10000 / 2 ** 32);
}

/** The name of a unit's arm, null where it has none; `arms` and `salt` as `GET /experiments/{name}` answers them. */
export function armOf({ salt, arms }, unit) {
  const place = bucket(salt, unit);
  const arm = arms.find(({ ranges }) => ranges.some(([first, end]) => first <= place && place < end));
  return arm ? arm.name : null;
}

// As a part of tracker.js.
export default () => ({ bucket, armOf });
