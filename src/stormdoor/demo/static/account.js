// The account page: a second factor, recovery codes, and one's own sessions.

import { $, el } from "./element.js";
import { call } from "./http.js";
import { mountMasthead } from "./masthead.js";
import { proved } from "./proof.js";
import { requireSession } from "./session.js";
import { mountSessions } from "./sessions.js";
import { agoText } from "./time.js";

const session = await requireSession();
mountMasthead(session);
const showSessions = mountSessions({
  list: $("own-sessions"), note: $("own-sessions-note"), endOthers: $("end-my-others"),
});

const KINDS = { totp: "Codes from an app", passkey: "Passkey" };
let enrolment = null;

const say = (words) => { $("factor-note").textContent = words; };

function factorItem(factor) {
  const used = factor.last_used_at ? `used ${agoText(factor.last_used_at)}` : "not used yet";
  return el("li", {},
    el("div", {},
      el("p", { class: "device" }, factor.name || KINDS[factor.kind]),
      el("p", { class: "muted" }, `added ${agoText(factor.created_at)} · ${used}`)),
    el("button", { type: "button", click: () => remove(factor.id) }, "Remove"));
}

async function showFactors() {
  const { ok, body } = await call("GET", "/auth/factors");
  if (!ok) return say("The server could not say which second factors you have. Try again shortly.");
  const any = body.factors.length > 0;
  $("factor-list").replaceChildren(...body.factors.map(factorItem));
  $("factor-list").hidden = !any;
  $("no-factor").hidden = any;
  $("recovery").hidden = !any;
  $("recovery-left").textContent = `${body.recovery_codes} recovery ${body.recovery_codes === 1 ? "code" : "codes"} left`;
  const possible = body.kinds.includes("totp");
  $("no-extra").hidden = possible;
  $("add-totp").hidden = !possible || enrolment !== null;
  return undefined;
}

const pictureOf = (svg) => `data:image/svg+xml,${encodeURIComponent(svg)}`;

function showEnrolment(begun) {
  enrolment = begun?.id ?? null;
  $("enrol").hidden = enrolment === null;
  if (begun) {
    $("qr").src = pictureOf(begun.qr);
    $("secret").textContent = begun.secret.match(/.{1,4}/g).join(" ");
    $("enrol").code.focus();
  } else {
    $("qr").removeAttribute("src");
    $("secret").textContent = "";
    $("enrol").reset();
  }
}

function showCodes(codes) {
  $("codes").hidden = !codes?.length;
  $("code-list").replaceChildren(...(codes ?? []).map((code) => el("li", {}, el("code", {}, code))));
}

async function begin() {
  const answer = await proved(() => call("POST", "/auth/factors/totp", {}));
  if (!answer.ok) return say("Nothing was changed.");
  say("");
  showCodes(null);
  showEnrolment(answer.body);
  return showFactors();
}

async function confirm(event) {
  event.preventDefault();
  const code = $("enrol").code.value.replace(/\s/g, "");
  const answer = await proved(() => call("POST", "/auth/factors/totp/confirm", { id: enrolment, code }));
  if (!answer.ok) {
    say(answer.status === 429 ? "Too many attempts. Wait a little." : "That code is not right. Try the next one.");
    $("enrol").code.select();
    return;
  }
  showEnrolment(null);
  showCodes(answer.body.recovery_codes);
  say("From now on a login takes your password and a code.");
  await showFactors();
}

async function remove(id) {
  const answer = await proved(() => call("DELETE", `/auth/factors/${encodeURIComponent(id)}`));
  if (answer.ok) showCodes(null);
  say(answer.ok ? "Removed." : "Nothing was changed.");
  await showFactors();
}

async function renewCodes() {
  const answer = await proved(() => call("POST", "/auth/factors/recovery-codes", {}));
  if (answer.ok) showCodes(answer.body.recovery_codes);
  say(answer.ok ? "The old recovery codes are void." : "Nothing was changed.");
  await showFactors();
}

$("add-totp").addEventListener("click", begin);
$("enrol").addEventListener("submit", confirm);
$("enrol-cancel").addEventListener("click", () => {
  showEnrolment(null);
  showFactors();
});
$("new-codes").addEventListener("click", renewCodes);
await Promise.all([showFactors(), showSessions()]);
document.body.dataset.ready = "";
