import { Buffer } from "node:buffer";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * A TCP proxy before Postgres that counts network round trips: each time the client speaks after the server has spoken.
 * The first exchanges of a connection (authentication) are not counted.
 */
export async function startCountingProxy(target: { host: string; port: number }): Promise<{
  port: number;
  roundTrips: () => number;
  reset: () => void;
  close: () => Promise<void>;
}> {
  let count = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target.port, target.host);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    let clientTurn = true;
    let ready = false;
    client.on("data", (chunk: Buffer) => {
      if (clientTurn && ready) count++;
      clientTurn = false;
      upstream.write(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      clientTurn = true;
      // ReadyForQuery ends the start-up; from then on every exchange is a statement's
      if (!ready && chunk.length >= 6 && chunk[chunk.length - 6] === 0x5a) ready = true;
      client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    roundTrips: () => count,
    reset: () => {
      count = 0;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
