// The hostile page: served from another origin, it attacks the demo that embeds it, or its unguarded twin.
// It takes its target from the embedder, tries what a real one could, and reports each step.

const OPEN_WITHIN_MS = 5000;
const outcome = document.getElementById("outcome");
document.getElementById("origin").textContent = location.origin;

// The browser's own policy for this page must not be what stops it: that would prove nothing.
let muzzled = false;
document.addEventListener("securitypolicyviolation", () => { muzzled = true; });

function open(url, protocols) {
  return new Promise((resolve) => {
    let socket;
    try {
      socket = new WebSocket(url, protocols);
    } catch {
      muzzled = true;
      return resolve(false);
    }
    const timer = setTimeout(() => socket.close(), OPEN_WITHIN_MS);
    const settle = (opened) => {
      clearTimeout(timer);
      resolve(opened);
    };
    socket.onopen = () => {
      settle(true);
      socket.close();
    };
    socket.onclose = () => settle(false);
    return undefined;
  });
}

async function readSession(target) {
  try {
    const answer = await fetch(`${target}/auth/session`, { credentials: "include" });
    return answer.ok;
  } catch {
    return false;
  }
}

async function attack(target, ticket, report) {
  const chat = `${target.replace(/^http/, "ws")}/ws/chat`;
  const openings = [];

  report("sent", "read your session with your cookie");
  const read = await readSession(target);
  report("got", read ? "readable" : "not readable");

  report("sent", "open the chat with your cookie");
  openings.push(await open(chat, ["stormdoor.v1"]));
  report("got", openings.at(-1) ? "open" : "handshake refused, no socket");

  if (ticket) {
    report("sent", "open the chat with a stolen, unused ticket");
    openings.push(await open(chat, ["stormdoor.v1", `stormdoor.ticket.${ticket}`]));
    report("got", openings.at(-1) ? "open" : "handshake refused, no socket");
  }
  return read || openings.includes(true);
}

addEventListener("message", async ({ source, origin, data }) => {
  if (source !== parent || data?.kind !== "attack") return;
  const report = (kind, words) => source.postMessage({ kind, words }, origin);
  outcome.textContent = `attacking ${data.target}`;
  const opened = await attack(data.target, data.ticket, report);
  outcome.textContent = opened ? "got in" : "could not get in";
  source.postMessage({ kind: "done", opened, muzzled }, origin);
});
