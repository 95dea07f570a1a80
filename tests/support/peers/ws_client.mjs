// `ws` of Node says what it is told to, and prints what it hears: see `__init__.py`.
import WebSocket from "ws";

const [url, compressed] = process.argv.slice(2);
const messages = JSON.parse(process.env.MESSAGES);
const heard = [];
const socket = new WebSocket(url, {
  headers: { Authorization: "Bearer alice" },
  perMessageDeflate: compressed === "compressed",
});
socket.on("open", () => {
  for (const [kind, text] of messages) {
    socket.send(kind === "text" ? text : Buffer.from(text, "base64"));
  }
  socket.send("in ", { fin: false });
  socket.send("three ", { fin: false });
  socket.ping("there?");
  socket.send("parts", { fin: true });
});
socket.on("pong", (data) => heard.push(["pong", data.toString()]));
socket.on("message", (data, binary) => {
  heard.push(binary ? ["binary", data.toString("base64")] : ["text", data.toString()]);
  if (heard.length === messages.length + 2) socket.close(4000, "enough");
});
socket.on("close", (code) => {
  const extensions = socket.extensions;
  process.stdout.write(JSON.stringify({ heard, code, extensions }), () => process.exit(0));
});
socket.on("error", (error) => {
  process.stderr.write(String(error));
  process.exit(1);
});
