// Form fields with a label, a hint and their own words for what is wrong.

import { h } from "../dom.js";

/**
 * A labelled field; `attributes` are those of the input, `wrong(value)` gives a sentence or nothing. `check` shows that
 * sentence, `isRight` shows nothing.
 */
export function field(name, label, attributes, wrong) {
  const error = h("span", { class: "error", id: `${name}-error` });
  const input = h("input", { id: name, name, type: "text", "aria-describedby": `${name}-error`, ...attributes });
  const element = h("div", { class: `field field-${name}` }, h("label", { for: name }, label), input, error);

  function check() {
    const sentence = wrong(input.value.trim()) ?? "";
    error.textContent = sentence;
    input.setAttribute("aria-invalid", String(Boolean(sentence)));
    return sentence;
  }

  const isRight = () => !wrong(input.value.trim());

  // What was left wrong is shown, until it is right.
  input.addEventListener("blur", () => input.value && check());
  input.addEventListener("input", () => error.textContent && check());
  return { name, label, input, element, check, isRight };
}

/** A group of radio buttons; `choices` are [value, label, note]. */
export function choice(name, label, choices, onChange) {
  const option = ([value, text, note], place) =>
    h("label", { class: "option" },
      h("input", { type: "radio", name, value, checked: place === 0, onchange: () => onChange(value) }),
      h("span", {}, text),
      note && h("span", { class: "muted" }, note));
  return h("fieldset", { class: "options" }, h("legend", {}, label), choices.map(option));
}

export function needed(sentence) {
  return (value) => (value ? null : sentence);
}

export function matching(pattern, sentence) {
  return (value) => (pattern.test(value) ? null : sentence);
}
