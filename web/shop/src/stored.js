// Keeps small values in the browser; where storage is blocked or full they last as long as the page.

const memory = new Map();

/** The value kept under `name`, or `otherwise` where there is none or it is not readable. */
export function read(storage, name, otherwise) {
  try {
    const text = window[storage].getItem(name);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return memory.has(name) ? memory.get(name) : otherwise;
  }
}

export function write(storage, name, value) {
  memory.set(name, value);
  try {
    window[storage].setItem(name, JSON.stringify(value));
  } catch {
    // The copy in memory has it.
  }
}
