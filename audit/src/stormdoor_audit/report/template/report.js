"use strict";
{
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const findings = all(".finding");
  const doors = all(".doors tbody tr");
  const words = document.querySelector("#words");
  const open = document.querySelector("#open");
  const levels = all("input[name=level]");
  const standings = all("input[name=standing]");
  const count = document.querySelector("#count");

  const show = (element, shown) => element.classList.toggle("hidden", !shown);

  function filter() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const on = new Set(levels.filter((one) => one.checked).map((one) => one.value));
    const stand = new Set(standings.filter((one) => one.checked).map((one) => one.value));
    const says = (element) => {
      const text = element.dataset.text.toLowerCase();
      return wanted.every((word) => text.includes(word));
    };
    let shown = 0;
    for (const one of findings) {
      const standing = !standings.length || stand.has(one.dataset.standing);
      const visible = on.has(one.dataset.level) && standing && says(one);
      show(one, visible);
      shown += visible;
    }
    for (const group of all(".group")) show(group, group.querySelector(".finding:not(.hidden)"));
    let standing = 0;
    for (const one of doors) {
      const visible = says(one) && (!open.checked || one.dataset.open === "yes");
      show(one, visible);
      standing += visible;
    }
    count.value = `${standing} of ${doors.length} endpoints, ${shown} of ${findings.length} findings`;
    for (const one of all(".none-left")) show(one, false);
    if (!shown && findings.length) show(document.querySelector("#no-finding"), true);
    if (!standing && doors.length) show(document.querySelector("#no-door"), true);
  }

  for (const one of [words, open, ...levels, ...standings]) one.addEventListener("input", filter);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== words) {
      event.preventDefault();
      words.focus();
    }
  });
  document.querySelector("#theme").addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  filter();
}
