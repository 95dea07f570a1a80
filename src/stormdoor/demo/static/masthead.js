// The top of every page: where you are, who you are, your sessions, the way out.

import { $, avatar } from "./element.js";
import { logOut } from "./session.js";
import { mountSessions } from "./sessions.js";

export function mountMasthead(session) {
  const here = document.querySelector(`.masthead nav a[href="${location.pathname}"]`);
  here?.setAttribute("aria-current", "page");

  const roles = session.roles.join(", ") || "no role";
  document.querySelector(".who .avatar").replaceWith(avatar(session.principal));
  document.querySelector(".who-name").textContent = session.principal;
  document.querySelector(".account-name").textContent = session.principal;
  document.querySelector(".account-roles").textContent = roles;
  $("who").setAttribute("aria-label", `Account of ${session.principal} (${roles})`);

  $("log-out").addEventListener("click", async () => {
    await logOut();
    location.assign("/");
  });
  const note = $("sessions-note");
  const show = mountSessions({ list: $("session-list"), note, endOthers: $("end-others") });
  $("open-sessions").addEventListener("click", () => {
    $("account").hidePopover();
    note.textContent = "";
    $("sessions").showModal();
    show();
  });
  $("sessions").addEventListener("click", (event) => {
    if (event.target === event.currentTarget) event.currentTarget.close();
  });
}
