// Times as people read them. The server sends Unix seconds; ISO 8601 text is read too.

export function dateOf(value) {
  return new Date(typeof value === "number" ? value * 1000 : value);
}

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const exactClock = new Intl.DateTimeFormat([], {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
});
const full = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "medium" });

export function timeElement(value, { seconds = false } = {}) {
  const date = dateOf(value);
  const element = document.createElement("time");
  if (Number.isNaN(date.getTime())) return element;
  element.dateTime = date.toISOString();
  element.title = full.format(date);
  element.textContent = (seconds ? exactClock : clock).format(date);
  return element;
}

export function agoText(value, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - dateOf(value).getTime()) / 1000));
  if (Number.isNaN(seconds)) return "";
  if (seconds < 10) return "just now";
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}
