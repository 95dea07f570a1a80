// Shows the state of a GuardedSocket: a pill with words, and a panel when the end is final.

import { $, el } from "./element.js";
import { goToLogin, logOut } from "./session.js";

const COUNTDOWN_MS = 1000;

async function signInAsOther() {
  await logOut();
  goToLogin();
}

export function mountStatus(socket) {
  const pill = $("state");
  const text = pill.querySelector(".state-text");
  const left = pill.querySelector(".state-left");
  const retry = $("retry");
  let countdown = null;

  const say = (kind, words, title = "") => {
    pill.dataset.state = kind;
    pill.title = title;
    text.textContent = words;
    left.textContent = "";
  };

  const showEnding = ({ why, code, event }) => {
    const next = {
      login: () => el("button", { type: "button", class: "primary", click: goToLogin }, "Sign in"),
      again: () => el("button", { type: "button", class: "primary", click: () => socket.start() }, "Connect again"),
      other: () => el("button", { type: "button", click: signInAsOther }, "Sign in as another user"),
    }[why.next]();
    $("ending").replaceChildren(
      el("h2", {}, why.title),
      el("p", {}, why.text),
      ...(code ? [el("p", { class: "muted" }, `Close code ${code}.`)] : []),
      ...(event ? [el("p", { class: "muted" }, `Trail event ${event.seq}: ${event.event}, ${event.cause}.`)] : []),
      next,
    );
    $("ending").hidden = false;
  };

  retry.addEventListener("click", () => socket.retryNow());
  socket.addEventListener("state", ({ detail: state }) => {
    clearInterval(countdown);
    retry.hidden = state.name !== "waiting";
    if (state.name !== "ended") $("ending").hidden = true;
    if (state.name === "connecting") say("connecting", "Connecting…");
    if (state.name === "open") say("open", "Connected");
    if (state.name === "ended") {
      say("ended", "Disconnected");
      showEnding(state);
    }
    if (state.name === "waiting") {
      say("waiting", "Reconnecting", state.why);
      const tick = () => {
        left.textContent = `in ${Math.max(1, Math.ceil((state.until - Date.now()) / 1000))} s`;
      };
      tick();
      countdown = setInterval(tick, COUNTDOWN_MS);
    }
  });
}
