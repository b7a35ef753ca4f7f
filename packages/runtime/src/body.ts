export type Body = { ok: true; bytes: Uint8Array } | { ok: false; reason: "too_large" | "aborted" };

/**
 * Reads a request's or an answer's body up to `limit` bytes; one byte more and it is `too_large`, read no further.
 * A sender that goes away in the middle is `aborted`.
 */
export async function readBody(message: Request | Response, limit: number): Promise<Body> {
  const length = message.headers.get("content-length");
  const announced = length === null ? null : Number(length);
  if (announced !== null && announced > limit) {
    await message.body?.cancel().catch(() => {});
    return { ok: false, reason: "too_large" };
  }
  if (announced !== null && announced >= 0 && !message.headers.has("content-encoding")) {
    // framed by its length, so it cannot be longer: read at once. A stream's 64 KiB buffers cost Deno a third of its time
    // in garbage collection (measured with npm run bench -- capture)
    try {
      return { ok: true, bytes: new Uint8Array(await message.arrayBuffer()) };
    } catch {
      return { ok: false, reason: "aborted" };
    }
  }
  return await readStream(message, limit);
}

/** Of unknown length, or compressed: a small body may unpack to a large one. */
async function readStream(message: Request | Response, limit: number): Promise<Body> {
  if (!message.body) return { ok: true, bytes: new Uint8Array(0) };
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = message.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.byteLength;
      if (size > limit) {
        await reader.cancel().catch(() => {});
        return { ok: false, reason: "too_large" };
      }
      chunks.push(value);
    }
  } catch {
    return { ok: false, reason: "aborted" };
  }
  if (chunks.length === 1) return { ok: true, bytes: chunks[0]! };
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return { ok: true, bytes };
}
