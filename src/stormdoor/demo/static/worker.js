// Shows which worker the page is connected to, if the demo has several.

import { $, el } from "./element.js";

export function mountWorker(socket, consequence) {
  socket.addEventListener("message", ({ detail: message }) => {
    if (message.type !== "worker") return;
    $("worker").replaceChildren(
      el("strong", {}, `Worker ${message.number} of ${message.workers}`),
      ` ${message.node} · Channels are per worker: ${consequence}. Reload to get another one.`,
    );
    $("worker").hidden = false;
  });
}
