// A small live line chart: SVG, two minutes wide, scaled by itself, with the value under the pointer.

import { el } from "./element.js";

const SVG = "http://www.w3.org/2000/svg";
const WINDOW_MS = 120_000;
const WIDTH = 600;
const HEIGHT = 100;

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// The smallest of 1, 2, 5 × 10ⁿ at or above `value`, so the axis reads in round numbers.
export function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((round) => round >= value);
}

// Lowest and highest value of the axis. Counts start at zero; a temperature need not.
export function axis(values, { fromZero, atLeast }) {
  const high = Math.max(...values);
  const low = Math.min(...values);
  if (fromZero) return [0, roundUp(Math.max(high, atLeast))];
  const step = roundUp(Math.max(high - low, atLeast) / 2);
  const floor = Math.floor(low / step) * step;
  return [floor, Math.max(floor + step, Math.ceil(high / step) * step)];
}

const shown = (value) => String(Number(value.toPrecision(4)));

export class Chart {
  #points = [];
  #options;
  #line = svg("path", { class: "line" });
  #area = svg("path", { class: "area" });
  #value = el("p", { class: "value" }, "–");
  #top = el("span", { class: "top" });
  #bottom = el("span", { class: "bottom" });
  #cursor = el("span", { class: "cursor", hidden: true });
  #hover = null;

  constructor(title, { unit = "", fromZero = true, atLeast = 1 } = {}) {
    this.#options = { unit, fromZero, atLeast };
    const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("path", { class: "grid", d: `M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}` }),
      this.#area, this.#line);
    const plot = el("div", {
      class: "plot",
      pointermove: (event) => this.#point(event.offsetX / plot.clientWidth),
      pointerleave: () => this.#point(null),
    }, drawing, this.#top, this.#bottom, this.#cursor);
    this.element = el("figure", { class: "chart" },
      el("figcaption", {}, el("span", {}, title), this.#value),
      plot,
      el("p", { class: "ends", "aria-hidden": "true" }, el("span", {}, "2 min ago"), el("span", {}, "now")));
  }

  add(value, atMs) {
    this.#points.push({ value, at: atMs });
    const oldest = atMs - WINDOW_MS;
    // One point older than the window stays, so the line enters from the edge.
    while (this.#points.length > 1 && this.#points[1].at < oldest) this.#points.shift();
    this.draw(atMs);
  }

  draw(nowMs) {
    const points = this.#points;
    if (points.length === 0) return;
    const [low, high] = axis(points.map((point) => point.value), this.#options);
    const x = (at) => (WIDTH * (1 - (nowMs - at) / WINDOW_MS)).toFixed(1);
    const y = (value) => (HEIGHT * (1 - (value - low) / (high - low))).toFixed(1);
    const path = points.map((point, i) => `${i ? "L" : "M"}${x(point.at)} ${y(point.value)}`).join("");
    this.#line.setAttribute("d", path);
    this.#area.setAttribute("d", `${path}L${x(points.at(-1).at)} ${HEIGHT}L${x(points[0].at)} ${HEIGHT}Z`);
    this.#top.textContent = shown(high);
    this.#bottom.textContent = shown(low);
    this.#label(nowMs);
  }

  #point(fraction) {
    this.#hover = fraction;
    this.#cursor.hidden = fraction === null;
    if (fraction !== null) this.#cursor.style.left = `${fraction * 100}%`;
    if (this.#points.length) this.#label(this.#points.at(-1).at);
  }

  #label(nowMs) {
    let point = this.#points.at(-1);
    let when = "";
    if (this.#hover !== null) {
      const at = nowMs - WINDOW_MS * (1 - this.#hover);
      const distance = (candidate) => Math.abs(candidate.at - at);
      point = this.#points.reduce((best, next) => (distance(next) < distance(best) ? next : best));
      when = ` · ${Math.round((nowMs - point.at) / 1000)} s ago`;
    }
    this.#value.textContent = `${shown(point.value)}${this.#options.unit && ` ${this.#options.unit}`}${when}`;
  }
}
