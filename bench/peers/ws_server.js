// ws on Node: the token at the upgrade, then JSON in and JSON out, without any further check.
const http = require("http");
const { WebSocketServer } = require("ws");
const jwt = require("jsonwebtoken");

const port = Number(process.argv[2]);
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const server = http.createServer();

server.on("upgrade", (request, socket, head) => {
  const token = (request.headers.authorization || "").replace("Bearer ", "");
  try {
    jwt.verify(token, process.env.BENCH_SECRET, {
      algorithms: ["HS256"],
      audience: "chat",
      issuer: "bench",
    });
  } catch {
    socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  sockets.handleUpgrade(request, socket, head, (opened) => {
    opened.on("error", () => {});
    opened.on("message", (data) => opened.send(JSON.stringify(JSON.parse(data))));
  });
});
setTimeout(() => process.exit(1), 900_000);
server.listen(port, "127.0.0.1", 4096);
