// @ts-check
/** The API: one way to ask it, and what it says when it can't. */

const ROOT = "/api/v1";
const TOKEN = "lockstep-token";

/** What the API answered instead of what was asked for: RFC 9457. */
export class Problem extends Error {
  /** @param {number} status 0: it could not be reached. @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** @returns {Record<string, string>} */
export function headers() {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** @param {string} token Kept until the browser's tab is closed. */
export function useToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

/**
 * A path with a query; what is null or empty is left out, lists are repeated.
 * @param {string} path @param {Record<string, any>} query
 */
export function address(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== null && each !== undefined && each !== "") parameters.append(key, String(each));
    }
  }
  const text = parameters.toString();
  return `${ROOT}${path}${text ? `?${text}` : ""}`;
}

/** @param {string} dn As a part of a path. */
export function named(dn) {
  return dn.split("/").map(encodeURIComponent).join("/");
}

/**
 * Ask, and read JSON.
 * @param {string} path @param {Record<string, any>} [query] @param {RequestInit} [how]
 * @returns {Promise<any>}
 */
export async function ask(path, query = {}, how = {}) {
  const answer = await reach(address(path, query), how);
  return answer.json();
}

/**
 * Tell it to do something.
 * @param {"POST" | "PATCH" | "DELETE"} method @param {string} path @param {any} [body]
 */
export async function tell(method, path, body) {
  const how = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  return ask(path, {}, how);
}

/** @param {string} url @param {RequestInit} how @returns {Promise<Response>} */
export async function reach(url, how = {}) {
  const own = { ...headers(), ...(how.body ? { "Content-Type": "application/json" } : {}) };
  let answer;
  try {
    answer = await fetch(url, { ...how, headers: own });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "the API can't be reached");
  }
  if (answer.ok) return answer;
  let detail = answer.statusText;
  try {
    detail = (await answer.json()).detail ?? detail;
  } catch {
    // No JSON: something before the API has answered.
  }
  throw new Problem(answer.status, detail);
}

/**
 * All pages of a list, up to a number of items.
 * @param {string} path @param {Record<string, any>} query @param {number} most
 * @returns {Promise<any[]>}
 */
export async function all(path, query, most) {
  const items = [];
  let cursor = "";
  do {
    const page = await ask(path, { limit: Math.min(most - items.length, 1000), ...query, cursor });
    items.push(...page.items);
    cursor = page.next ?? "";
  } while (cursor && items.length < most);
  return items;
}
