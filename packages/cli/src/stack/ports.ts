import { createServer } from "node:net";
import { CliProblem } from "../problem.ts";

/** The local stack's ports: the variable that moves one, where it is without, and what wants it. */
export const PORTS = {
  api: { setting: "TRAKIT_API_PORT", port: 54321, wants: "the API gateway" },
  database: { setting: "TRAKIT_DB_PORT", port: 54322, wants: "Postgres" },
  sandbox: { setting: "TRAKIT_SANDBOX_PORT", port: 54330, wants: "the vendor sandbox" },
  shop: { setting: "TRAKIT_SHOP_PORT", port: 54340, wants: "the demo shop" },
} as const;
export type PortName = keyof typeof PORTS;
export type Ports = Record<PortName, number>;
export const PORT_NAMES = Object.keys(PORTS) as PortName[];

/** The port a variable asks for; null when it is not set. Throws CliProblem when it is no port. */
export function portSetting(environment: Record<string, string | undefined>, name: PortName): number | null {
  const { setting } = PORTS[name];
  const text = environment[setting];
  if (!text) return null;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port >= 0 && port <= 65_535)) {
    throw new CliProblem(
      `The setting ${setting} is malformed: it must be a port number between 1 and 65535.`,
      `Set it to a free port, or unset it for ${PORTS[name].port}.`,
    );
  }
  return port;
}

/** Tries to listen on a port of 127.0.0.1 (0 = any). Gives the port that was free, or the system's error code. */
function tryPort(port: number): Promise<{ port: number } | { code: string }> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve({ code: error.code ?? "unknown" }));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve({ port: typeof address === "object" && address ? address.port : port }));
    });
  });
}

export async function portIsFree(port: number): Promise<boolean> {
  return "port" in await tryPort(port);
}

/**
 * Turns 0 into a free port and makes sure the others are free. Throws CliProblem, naming the port, what wants it and
 * the variable to change.
 */
export async function claimPorts(wanted: Partial<Ports>): Promise<Partial<Ports>> {
  const claimed: Partial<Ports> = {};
  for (const name of PORT_NAMES) {
    const port = wanted[name];
    if (port === undefined) continue;
    const { setting, wants } = PORTS[name];
    const twin = PORT_NAMES.find((other) => claimed[other] === port && port !== 0);
    if (twin) {
      throw new CliProblem(
        `Port ${port} is wanted twice: by ${PORTS[twin].wants} and by ${wants}.`,
        `Set ${PORTS[twin].setting} or ${setting} to another port.`,
      );
    }
    let found = await tryPort(port);
    // the system may hand out, for 0, a port that comes later in our own list
    while ("port" in found && port === 0 && Object.values({ ...wanted, ...claimed }).includes(found.port)) {
      found = await tryPort(0);
    }
    if ("code" in found) {
      const why = found.code === "EADDRINUSE" ? "is taken" : `cannot be used (${found.code})`;
      throw new CliProblem(
        `Port ${port}, which ${wants} wants, ${why}.`,
        `Stop what listens there, or set ${setting} to another port.`,
      );
    }
    claimed[name] = found.port;
  }
  return claimed;
}
