/** Whether a text holds what reaches a person: an email address or a phone number. */

/** An address ends in letters: "2@9.99" is a price. */
const EMAIL = /[^\s@]@[^\s@]+\.\p{L}{2}/u;
/** As `EMAIL`, escaped as in an address of a page. */
const ESCAPED_AT = /%40/gi;
/** Digits with what people put between them, seven and more. */
const NUMBERS = /\+?\(?\d(?:[ ().\-/\u00a0]{0,3}\d){6,}/g;
/** Days, which are no numbers of anybody. */
const DAYS =
  /(?<!\d)(?:\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d{2}|(?:19|20)\d{2}[./-]\d{1,2}[./-]\d{1,2})(?![./-]?\d)/g;
/** "(555) 123-4567", "1-555-123-4567", "5551234567": the North American plan (area and exchange begin with 2 to 9). */
const NORTH_AMERICAN = /^(?:1[ .-]?)?\(?[2-9]\d{2}\)?[ .-]{0,2}[2-9]\d{2}[ .-]?\d{4}$/;
/** "612 345 678", "612 34 56 78": plans without a trunk zero. */
const WITHOUT_TRUNK = /^[6-9]\d{2}(?:[ .-]\d{3}){2}$|^[6-9]\d{2}(?:[ .-]\d{2}){3}$/;
/** "49 170 1234567", "347 1234567": a short group, and the subscriber's number. */
const WITH_SUBSCRIBER = /^\d{1,3}[ /-]\(?(?:\d{2,5}\)?[ /-])?\d{6,8}$/;
/** Longer than this, digits are nobody's number (E.164). */
const MOST_DIGITS = 15;
const LETTER_OR_DIGIT = /[\p{L}\p{N}_]/u;

/** Whether digits are an article's number (GTIN-8, UPC, EAN, GTIN-14), by its check digit. */
function isArticle(digits: string): boolean {
  if (![8, 12, 13, 14].includes(digits.length)) return false;
  let sum = 0;
  for (let at = 0; at < digits.length; at++) {
    sum += Number(digits[at]) * ((digits.length - at) % 2 === 0 ? 3 : 1);
  }
  return sum % 10 === 0;
}

function isPhone(written: string, typed: boolean): boolean {
  const digits = written.replace(/\D/g, "");
  if (digits.length > MOST_DIGITS) return false;
  if (written.startsWith("+")) return digits.length >= 7;
  const bare = digits === written;
  if (bare && isArticle(digits)) return false;
  if (NORTH_AMERICAN.test(written) || WITHOUT_TRUNK.test(written) || WITH_SUBSCRIBER.test(written)) {
    return true;
  }
  if (/^\(?0\d/.test(written)) {
    return digits.length >= 9 && (digits.length <= 12 || digits.startsWith("00"));
  }
  return typed && bare && digits.length >= 9;
}

/**
 * Full-width "＠" and digits are read as what they look like. Without accents: putting a long run of them in order takes time
 * that grows with its square.
 */
function plainOf(text: string): string {
  return /[^\x20-\x7e]/.test(text) ? text.replace(/\p{M}+/gu, "").normalize("NFKC") : text;
}

/** Whether a text has an email address in it. Linear in the text. */
export function holdsEmail(text: string): boolean {
  const plain = plainOf(text);
  return plain.includes("@")
    ? EMAIL.test(plain)
    : plain.includes("%40") && EMAIL.test(plain.replace(ESCAPED_AT, "@"));
}

/**
 * Whether a text has an email address or a phone number in it, which is nobody's to keep or pass on. A phone number has its
 * country ("+49 …", "0049 …"), its trunk zero ("0170 …"), or the grouping of a plan ("(555) 123-4567"); a model, a year, a
 * size, a price, a date, the number of an order ("#…") or of an article (by its check digit) has not. Linear in the text.
 *
 * @param typed a person typed it: then any number of nine digits and more counts, unless it is an article's
 */
export function holdsContact(text: string, typed = false): boolean {
  if (holdsEmail(text)) return true;
  if (!/\p{N}/u.test(text)) return false;
  const plain = plainOf(text);
  const dateless = plain.replace(DAYS, " | ");
  for (const { 0: written, index } of dateless.matchAll(NUMBERS)) {
    const before = dateless[index - 1] ?? "";
    const after = dateless[index + written.length] ?? "";
    const code = LETTER_OR_DIGIT.test(after) || before === "#" ||
      (!written.startsWith("+") && LETTER_OR_DIGIT.test(before)) ||
      // "SKU-00123456789"
      (before === "-" && /^\d+$/.test(written) && LETTER_OR_DIGIT.test(dateless[index - 2] ?? ""));
    if (!code && isPhone(written, typed)) return true;
  }
  return false;
}
