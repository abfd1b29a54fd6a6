// @ts-check
/** Numbers, times and names for people. */

/**
 * A number with as many digits as say something.
 * @param {number | null | undefined} value
 * @param {string} [unit]
 */
export function number(value, unit = "") {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  // Delays come in tenths of a millisecond, and what is counted has the unit 1.
  if (unit.startsWith("0.1 ")) return number(value / 10, unit.slice(4));
  const size = Math.abs(value);
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3;
  const text = value.toLocaleString("en", { maximumFractionDigits: digits });
  return unit && unit !== "1" ? `${text} ${unit}` : text;
}

/** @param {number | null | undefined} value From 0 to 1. */
export function share(value) {
  return value === null || value === undefined ? "–" : `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;
}

/** @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const size = Math.abs(seconds);
  if (size < 1) return `${Math.round(seconds * 1000)} ms`;
  if (size < 120) return `${Math.round(seconds)} s`;
  if (size < 7200) return `${Math.round(seconds / 60)} min`;
  if (size < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** @param {string | null | undefined} time RFC 3339. */
export function clock(time) {
  if (!time) return "–";
  const made = new Date(time);
  const text = made.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  return `${text} UTC`.replaceAll(" ", "\u00a0");
}

/**
 * The end of a distinguished name: what tells an object from its neighbours.
 * @param {string} dn
 */
export function short(dn) {
  const parts = dn.split(",").map((part) => part.slice(part.indexOf("=") + 1));
  return parts.slice(-3).join(" · ");
}

/** @param {string} dn Where an object's page is. */
export function pageOf(dn) {
  return `#/object/${encodeURIComponent(dn)}`;
}

/**
 * How far ahead a target looks, out of its name, such as RRU.PrbTotDl>70@1h [s].
 * @param {string} target
 */
export function horizon(target) {
  const found = /@(\d+)(s|min|m|h|d)$/.exec(target);
  return found ? Number(found[1]) * { s: 1, min: 60, m: 60, h: 3600, d: 86400 }[/** @type {"s"} */ (found[2])] : NaN;
}
