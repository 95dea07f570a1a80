// The line where one writes: length counter, Enter sends, the text stays until it is on its way.

import { $ } from "./element.js";

const LONGEST_TEXT = 500;
const NEARLY = 450;

// Calls send(text) with text the server could accept.
export function mountComposer(send) {
  const form = $("composer");
  const field = $("text");
  const count = $("count");
  const button = form.querySelector("button");
  let usable = false;

  // The server allows no control characters, so a pasted line break becomes a space.
  const text = () => field.value.replace(/\s+/g, " ").trim();

  const refresh = () => {
    const length = [...text()].length;
    count.textContent = `${length} / ${LONGEST_TEXT}`;
    count.dataset.level = length > LONGEST_TEXT ? "over" : length > NEARLY ? "near" : "";
    field.setAttribute("aria-invalid", String(length > LONGEST_TEXT));
    button.disabled = !usable || length === 0 || length > LONGEST_TEXT;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.disabled) return;
    const words = text();
    field.value = "";
    refresh();
    send(words);
  });
  field.addEventListener("input", refresh);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  refresh();

  return {
    focus: () => field.focus(),
    setUsable: (value, placeholder) => {
      usable = value;
      field.placeholder = placeholder;
      refresh();
    },
  };
}
