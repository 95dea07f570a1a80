// One room on the page: who is in it, what was said, and its own message log.

import { avatar, el, hueOf } from "./element.js";
import { dateOf, timeElement } from "./time.js";

const GROUP_WITHIN_MS = 5 * 60_000;
const LONGEST_LOG = 500;
const NEAR_END_PX = 80;

export class Room {
  joined = false;
  unread = 0;
  members = new Set();
  #me;
  #view;
  #list = el("ol");
  #empty;
  #more;
  #last = null;
  #newest = 0;
  #following = true;

  constructor(name, me) {
    this.name = name;
    this.#me = me;
    this.#empty = el("p", { class: "empty muted" }, "No messages yet.");
    this.#view = el("div", { class: "view", role: "log", "aria-label": `Messages in ${name}`, tabindex: "0" }, this.#list);
    this.#more = el("button", { type: "button", class: "more", click: () => this.#toEnd() }, "New messages");
    this.#more.hidden = true;
    this.#view.addEventListener("scroll", () => {
      this.#following = this.#nearEnd();
      if (this.#following) this.#more.hidden = true;
    });
    // Shown again, or smaller because of a banner or a keyboard: the newest message stays in sight.
    new ResizeObserver(() => { if (this.#following) this.#toEnd(); }).observe(this.#view);
    this.element = el("div", { class: "log" }, this.#empty, this.#view, this.#more);
    this.element.hidden = true;
  }

  show(visible) {
    this.element.hidden = !visible;
    if (visible) this.unread = 0;
  }

  // A message of any member. Own messages are drawn at once and settled when the server answers.
  say(from, text, at) {
    const own = from === this.#me;
    const grouped = this.#last?.from === from && dateOf(at) - dateOf(this.#last.at) < GROUP_WITHIN_MS;
    this.#last = { from, at };
    const bubble = el("div", { class: "bubble" }, el("p", { class: "text", dir: "auto" }, text));
    const item = el("li", { class: own ? "own" : "other", "data-from": from },
      own ? null : avatar(from),
      el("div", { class: "said" },
        el("p", { class: grouped ? "unseen" : "by" },
          el("span", { class: `author ${hueOf(from)}` }, own ? "You" : from), " ", timeElement(at)),
        bubble));
    if (grouped) item.classList.add("grouped");
    this.#append(item, own);
    return {
      pending: () => item.classList.add("pending"),
      sent: (time) => {
        item.classList.remove("pending");
        this.#newest = Math.max(this.#newest, time);
      },
      failed: (why) => {
        item.classList.remove("pending");
        item.classList.add("failed");
        bubble.after(el("p", { class: "why", role: "alert" }, `Not sent. ${why}`));
        if (this.#following) this.#toEnd();
      },
    };
  }

  // A message that the server delivers now, with the time of the server.
  hear({ from, text, at }) {
    this.#newest = Math.max(this.#newest, at);
    this.say(from, text, at);
  }

  // The latest messages of the room, at each join: after a reload of the page all of them are missing here,
  // after a new connection only those that came meanwhile.
  recall(messages) {
    for (const message of messages) {
      if (message.at > this.#newest) this.hear(message);
    }
  }

  // Something that happened, rather than something said.
  tell(words) {
    this.#last = null;
    this.#append(el("li", { class: "event" }, words, " ", timeElement(Date.now() / 1000)));
  }

  #append(item, always = false) {
    this.#empty.hidden = true;
    const follow = always || this.#following;
    this.#list.append(item);
    while (this.#list.childElementCount > LONGEST_LOG) this.#list.firstElementChild.remove();
    if (follow) this.#toEnd();
    else this.#more.hidden = false;
  }

  #nearEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#view;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  #toEnd() {
    this.#following = true;
    this.#view.scrollTop = this.#view.scrollHeight;
    this.#more.hidden = true;
  }
}
