// @ts-check
/** Where we are: page, its object, the time that is shown and how the map is coloured, all of it in the address. */

/** @typedef {{page: string, name: string, at: string, query: URLSearchParams}} Place */

/** @returns {Place} */
export function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [page, ...rest] = path.split("/");
  const parameters = new URLSearchParams(query ?? "");
  return { page: page || "overview", name: decodeURIComponent(rest.join("/")), at: parameters.get("at") ?? "", query: parameters };
}

/**
 * Change something of the address and stay on the page.
 * @param {Record<string, string>} changes Empty takes one away.
 */
export function put(changes) {
  const here = place();
  for (const [key, value] of Object.entries(changes)) {
    if (value) here.query.set(key, value);
    else here.query.delete(key);
  }
  const text = here.query.toString();
  const path = location.hash.replace(/^#/, "").split("?")[0] || "/";
  history.replaceState(null, "", `#${path}${text ? `?${text}` : ""}`);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/**
 * Keep the time that is shown when another page is opened.
 * @param {string} hash Such as `#/alarms`.
 */
export function link(hash) {
  const { at } = place();
  return at ? `${hash}?at=${encodeURIComponent(at)}` : hash;
}
