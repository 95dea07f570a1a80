// The login form. Without this file it still works as a plain form post.

import { $ } from "./element.js";
import { factorOf } from "./proof.js";
import { currentSession, logIn, lostCookie, pageAfterLogin, presentFactor } from "./session.js";

const form = $("login");
const button = form.querySelector("button");
const error = $("login-error");
let countdown = null;

function blockFor(seconds) {
  clearInterval(countdown);
  const until = Date.now() + seconds * 1000;
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    button.disabled = left > 0;
    error.textContent = left > 0 ? `Too many attempts. Wait ${left} s before you try again.` : "";
    if (left <= 0) clearInterval(countdown);
  };
  tick();
  countdown = setInterval(tick, 1000);
}

const LOST =
  "This browser did not keep the cookie of the sign-in: browsers such as Safari keep no secure cookie over " +
  "http://. Use Chrome, Edge or Firefox for the demo.";

async function goOn(place) {
  if (await lostCookie()) place.textContent = LOST;
  else location.assign(pageAfterLogin());
}

function explain(answer) {
  if (answer.status === 401) return "Wrong name or password.";
  if (answer.status === 503) return "The server cannot check passwords at the moment. Try again shortly.";
  if (answer.status === 0) return "The server did not answer. Is it still running?";
  return `The server refused this login (${answer.status}).`;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (button.disabled) return;
  error.textContent = "";
  button.disabled = true;
  const answer = await logIn(form.username.value.trim(), form.password.value);
  button.disabled = false;
  if (answer.status === 202) {
    askForCode();
  } else if (answer.ok) {
    await goOn(error);
  } else if (answer.status === 429) {
    blockFor(answer.retryAfter ?? 5);
  } else {
    error.textContent = explain(answer);
    form.password.select();
  }
});

// The password was right, and there is a second factor: no session before it is shown, too.
const codeForm = $("code");
const codeError = $("code-error");

function askForCode() {
  form.hidden = true;
  form.password.value = "";
  codeForm.hidden = false;
  $("or-recovery").hidden = false;
  codeForm.totp.focus();
}

codeForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await presentFactor(factorOf(codeForm.totp.value));
  codeForm.totp.value = "";
  if (answer.ok) {
    await goOn(codeError);
  } else {
    codeError.textContent = answer.status === 429
      ? `Too many attempts. Wait ${answer.retryAfter ?? 5} s before you try again.`
      : "That is not right, or it took too long. Try the next code, or reload the page to begin again.";
    codeForm.totp.focus();
  }
});

if (!codeForm.hidden) askForCode();
if (await currentSession()) location.replace(pageAfterLogin());
else if (codeForm.hidden) form.username.focus();
