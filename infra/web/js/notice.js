// @ts-check
/** What is said of the page as a whole, in one place, by whoever has something to say. */

import { Problem } from "./api.js";
import { one } from "./dom.js";

/** @typedef {"stream" | "page" | "head"} Source Live changes, what the page shows, its head. */
/** @type {Map<Source, string>} */
const said = new Map();

/**
 * Say something until the same source says otherwise; empty takes it back.
 * @param {Source} source @param {string} text
 */
export function say(source, text) {
  said.set(source, text);
  // Where the API is away the rest is what comes of it.
  const shown = said.get("stream") || [said.get("page"), said.get("head")].filter(Boolean).join(" · ");
  const place = one("#notice");
  if (place.textContent !== shown) place.textContent = shown;
  place.hidden = !shown;
}

/**
 * Say that something could not be read, and let whoever has no token give one.
 * @param {Source} source @param {string} what @param {unknown} error
 */
export function sayFailed(source, what, error) {
  if (error instanceof Problem && error.status === 401) one("#token").hidden = false;
  const why = error instanceof Error ? error.message : String(error);
  say(source, `${what}: ${why}; what is shown is from before. Trying again.`);
}
