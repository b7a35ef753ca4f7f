export type Body = { ok: true; bytes: Uint8Array } | { ok: false; reason: "too_large" | "aborted" };

/**
 * Reads a request's or an answer's body up to `limit` bytes; one byte more and it is `too_large`, read no further.
 * A sender that goes away in the middle is `aborted`.
 */
export async function readBody(message: Request | Response, limit: number): Promise<Body> {
  const announced = Number(message.headers.get("content-length") ?? 0);
  if (announced > limit) {
    await message.body?.cancel().catch(() => {});
    return { ok: false, reason: "too_large" };
  }
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
