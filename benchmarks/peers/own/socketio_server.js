// A chat as the documentation of Socket.IO shows it: a room for each user, connection state recovery in memory.
// Run: node socketio_server.js PORT, with NODE_PATH naming the folder that holds socket.io.
const { createServer } = require("http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  connectionStateRecovery: { maxDisconnectionDuration: 10 * 60 * 1000, skipMiddlewares: true },
});
io.on("connection", (socket) => {
  if (!socket.recovered) {
    socket.join(socket.handshake.auth.name);
    socket.emit("welcome"); // a session without the offset of any event cannot be recovered
  }
  socket.on("post", (to, body, acknowledge) => {
    io.to(to).emit("message", body);
    acknowledge();
  });
});
http.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
