// Asks for a proof that it is still you, where the server wants a fresh or a second one.

import { $ } from "./element.js";
import { call } from "./http.js";

const FAILED = {
  401: "That is not right. Try again.",
  429: "Too many attempts. Wait a little before you try again.",
};

const WORDS = {
  password: ["Your password", "password", "current-password"],
  code: ["Code of your app, or a recovery code", "text", "one-time-code"],
};

// Codes of the app are digits; everything else that is typed there is a recovery code.
export function factorOf(typed) {
  const digits = typed.replace(/\s/g, "");
  return /^\d{6}$/.test(digits) ? { totp: digits } : { recovery_code: typed.trim() };
}

async function hasFactor() {
  const answer = await call("GET", "/auth/factors");
  return Boolean(answer.body?.factors?.length);
}

// Resolves to true once the session is fresh, to false if the user cancels.
export async function proveAgain(methods = null) {
  const coded = methods ? !methods.includes("password") : await hasFactor();
  const dialog = $("proof");
  const form = $("proof-form");
  const [label, type, complete] = WORDS[coded ? "code" : "password"];
  $("proof-label").textContent = label;
  form.secret.type = type;
  form.secret.autocomplete = complete;
  form.secret.value = "";
  $("proof-error").textContent = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const present = async (event) => {
      event.preventDefault();
      const { value } = form.secret;
      form.secret.value = "";
      const answer = await call("POST", "/auth/step-up", coded ? factorOf(value) : { password: value });
      if (answer.ok) return done(true);
      $("proof-error").textContent = FAILED[answer.status] ?? "The server cannot check it at the moment.";
      return form.secret.focus();
    };
    const cancel = () => done(false);
    const done = (proved) => {
      form.removeEventListener("submit", present);
      dialog.removeEventListener("close", cancel);
      dialog.close();
      resolve(proved);
    };
    form.addEventListener("submit", present);
    dialog.addEventListener("close", cancel);
    $("proof-cancel").onclick = cancel;
  });
}

// Makes a call; if the server wants a fresher proof first, asks for it and makes the call once more.
export async function proved(request) {
  const answer = await request();
  if (answer.status !== 403 || answer.body?.error !== "step-up") return answer;
  return (await proveAgain(answer.body.methods)) ? request() : answer;
}
