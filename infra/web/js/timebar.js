// @ts-check
/** The time that is shown: now, or a moment of the past that the whole page moves to. */

import { h, one } from "./dom.js";
import { clock } from "./format.js";
import { place, put } from "./route.js";

const SPANS = /** @type {[string, string][]} */ ([["6", "6 h"], ["24", "a day"], ["168", "a week"], ["720", "30 days"]]);
const STEPS = 288;
const REST_MS = 300;

/** @type {{end: number, hours: number}} */
const range = { end: Date.now(), hours: 24 };

/**
 * Make the bar.
 * @param {() => string | null} newest The newest event time that is known, RFC 3339: a replayed recording has its own now.
 */
export function timebar(newest) {
  const slider = /** @type {HTMLInputElement} */ (
    h("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": "Time that is shown", id: "slider" })
  );
  const told = h("output", { for: "slider" });
  const live = /** @type {HTMLButtonElement} */ (h("button", { type: "button", id: "live", onclick: now }, "Live"));
  const span = /** @type {HTMLSelectElement} */ (
    h("select", { "aria-label": "How far the slider reaches back" }, ...SPANS.map(([key, text]) => h("option", { value: key }, text)))
  );
  span.value = String(range.hours);
  span.addEventListener("change", () => {
    range.hours = Number(span.value);
    draw();
  });
  // While it is moved only the time is told; the page moves when it rests: each moment is rebuilt, and by keyboard every
  // step on the way would be one.
  let resting = 0;
  let moved = false;
  slider.addEventListener("input", () => {
    moved = true;
    const at = timeOf(Number(slider.value));
    told.textContent = at ? clock(at) : "now";
    slider.setAttribute("aria-valuetext", told.textContent);
  });
  slider.addEventListener("change", () => {
    clearTimeout(resting);
    resting = window.setTimeout(() => {
      moved = false;
      put({ at: timeOf(Number(slider.value)) });
    }, REST_MS);
  });
  // Who drags it and puts it back where it was changes nothing.
  for (const end of ["pointerup", "blur"]) slider.addEventListener(end, () => window.setTimeout(() => (moved = false), 2 * REST_MS));
  one("#time").replaceChildren(live, slider, told, span);

  function now() {
    clearTimeout(resting);
    moved = false;
    put({ at: "" });
  }

  function draw() {
    if (moved) return;
    const { at } = place();
    if (!at) range.end = newest() ? Date.parse(/** @type {string} */ (newest())) : Date.now();
    const back = at ? (range.end - Date.parse(at)) / 3600000 : 0;
    slider.value = String(Math.max(0, Math.round(STEPS * (1 - back / range.hours))));
    told.textContent = at ? `as it was at ${clock(at)}` : "live";
    slider.setAttribute("aria-valuetext", told.textContent);
    live.disabled = !at;
    one("#time").toggleAttribute("data-past", Boolean(at));
  }
  return draw;
}

/** @param {number} step */
function timeOf(step) {
  if (step >= STEPS) return "";
  const time = range.end - (1 - step / STEPS) * range.hours * 3600000;
  // Whole minutes: who moves back and forth asks for the same moments again, and they are kept.
  return new Date(Math.floor(time / 60000) * 60000).toISOString();
}
