/** Dates of birth. */

const YEAR_FIRST = /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[t ]\d{2}:\d{2}.*)?$/;
const EIGHT_DIGITS = /^(\d{4})(\d{2})(\d{2})$/;
const YEAR_LAST = /^(\d{1,2})([-/.])(\d{1,2})\2(\d{4})$/;
/** Where people write the month first; an unknown country is read as Meta's own example (2/16/1997) is. */
const MONTH_FIRST: ReadonlySet<string> = new Set([
  "US",
  "PR",
  "GU",
  "VI",
  "AS",
  "MP",
  "PH",
  "FM",
  "MH",
  "PW",
]);
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** Meta refuses years before 1900 (reference: meta §4); this package has no clock, so the other end is a round one. */
const FIRST_YEAR = 1900;
const LAST_YEAR = 2099;

function compactDate(year: number, month: number, day: number): string | null {
  if (year < FIRST_YEAR || year > LAST_YEAR) return null;
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = (MONTH_DAYS[month - 1] ?? 0) + (leap ? 1 : 0);
  if (day < 1 || day > days) return null;
  return `${year}${String(month).padStart(2, "0")}${String(day).padStart(2, "0")}`;
}

/**
 * YYYYMMDD, or null where the text is no date between 1900 and 2099. Takes year first (1985-12-03, 19851203, with or
 * without a time) and year last: with dots day first; otherwise as the country writes it, the other way round where
 * that is no date. `value` in lower case, `country` ISO alpha-2 in upper case.
 */
export function birthDate(value: string, country: string | null): string | null {
  const compact = EIGHT_DIGITS.exec(value);
  if (compact !== null) return compactDate(Number(compact[1]), Number(compact[2]), Number(compact[3]));
  const first = YEAR_FIRST.exec(value);
  if (first !== null) return compactDate(Number(first[1]), Number(first[3]), Number(first[4]));
  const last = YEAR_LAST.exec(value);
  if (last === null) return null;
  const [one, two, year] = [Number(last[1]), Number(last[3]), Number(last[4])];
  const monthFirst = compactDate(year, one, two);
  const dayFirst = compactDate(year, two, one);
  if (last[2] === ".") return dayFirst;
  return country === null || MONTH_FIRST.has(country) ? monthFirst ?? dayFirst : dayFirst ?? monthFirst;
}
