// Builds elements. Data only ever becomes text, so text of other users never becomes markup.

export const $ = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const HUES = 6;

// The same principal gets the same one of six colours on every page.
export function hueOf(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 169 + character.codePointAt(0)) % 9973;
  return `hue-${sum % HUES}`;
}

export function avatar(name) {
  const initial = ([...name][0] ?? "?").toUpperCase();
  return el("span", { class: `avatar ${hueOf(name)}`, "aria-hidden": "true", "data-initial": initial });
}
