// A copy button for each block of code; the keyboard reaches code that is wider than the page.

const scrollable = new ResizeObserver((changed) => changed.forEach(({ target }) => {
  if (target.scrollWidth > target.clientWidth) {
    target.tabIndex = 0;
    target.setAttribute("role", "group");
    target.setAttribute("aria-label", target.matches("pre") ? "Code" : "Table");
  } else {
    ["tabindex", "role", "aria-label"].forEach((name) => target.removeAttribute(name));
  }
}));

const copyButton = (code) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent.trimEnd() + "\n");
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  return button;
};

document.querySelectorAll("div.highlight > pre").forEach((code) => {
  code.after(copyButton(code));
  scrollable.observe(code);
});
document.querySelectorAll(".table-wrapper").forEach((table) => scrollable.observe(table));
