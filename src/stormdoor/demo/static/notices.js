// Short-lived notes about what was refused, and banners for announcements.

import { $, el } from "./element.js";
import { timeElement } from "./time.js";

const NOTE_MS = 9000;
const MOST_NOTES = 3;
const MOST_BANNERS = 3;

function closeButton(label, element) {
  return el("button", { type: "button", class: "quiet icon", "aria-label": label, click: () => element.remove() }, "×");
}

export function note(words) {
  const element = el("p", { class: "inline-note" }, el("span", {}, words));
  element.append(closeButton("Dismiss", element));
  $("notes").append(element);
  while ($("notes").childElementCount > MOST_NOTES) $("notes").firstElementChild.remove();
  setTimeout(() => element.remove(), NOTE_MS);
}

export function banner({ from, text, at }) {
  const element = el("div", { class: "banner" },
    el("p", {}, el("strong", {}, text), " ", el("span", { class: "muted" }, from, " · ", timeElement(at))));
  element.append(closeButton("Dismiss announcement", element));
  $("banners").prepend(element);
  while ($("banners").childElementCount > MOST_BANNERS) $("banners").lastElementChild.remove();
}
