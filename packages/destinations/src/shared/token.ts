/**
 * What is wrong with a token as entered, in a sentence for the merchant, or null. Vendors publish no format, so this
 * catches what happens when copying: nothing, blanks or line breaks, a "Bearer " in front, dots for hidden characters.
 * `what` names it: "conversion token".
 */
export function pastedTokenProblem(token: string, what: string): string | null {
  if (token.trim() === "") return `Enter the ${what}.`;
  if (/^bearer\s/i.test(token.trim())) return `Enter the ${what} alone, without "Bearer".`;
  if (/\s/.test(token)) return `The ${what} must not contain blanks or line breaks.`;
  if (/[^\x21-\x7e]/.test(token)) {
    return `The ${what} contains characters no token has; copy it again with the copy button.`;
  }
  if (token.length < 8) return `The ${what} is too short; copy all of it.`;
  if (token.length > 4096) return `The ${what} is too long; copy only the token.`;
  return null;
}
