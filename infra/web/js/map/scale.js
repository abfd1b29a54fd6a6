// @ts-check
/** What colours the map: one quantity, a few steps, so that cells of one colour are drawn together. */

import { colour } from "../chart.js";

/** From little to much, dark to light: told apart by lightness alone. */
const STOPS = [[54, 38, 104], [44, 95, 141], [32, 144, 140], [107, 195, 95], [253, 229, 63]];
export const STEPS = 24;

/** @param {number} part From 0 to 1. */
function mixed(part) {
  const at = Math.min(Math.max(part, 0), 1) * (STOPS.length - 1);
  const left = Math.min(Math.floor(at), STOPS.length - 2);
  const rgb = STOPS[left].map((from, channel) => Math.round(from + (STOPS[left + 1][channel] - from) * (at - left)));
  return `rgb(${rgb.join(" ")})`;
}

export const LEVELS = ["CRITICAL", "MAJOR", "MINOR", "WARNING"];
export const CONDITIONS = ["up", "asleep", "failed", "silent", "unknown"];

/** @typedef {{fills: string[], bucket: Uint8Array, legend: [string, string][], low: number, high: number}} Painted */

/** Cells of the bucket MISSING are outlined only. */
export const MISSING = 255;

/**
 * Colours of a number for each cell.
 * @param {(number | null)[]} values @param {[number, number] | null} bounds Null: from the least to the greatest.
 * @returns {Painted}
 */
export function byNumber(values, bounds) {
  const known = /** @type {number[]} */ (values.filter((value) => value !== null));
  let [low, high] = bounds ?? [Infinity, -Infinity];
  if (!bounds) for (const value of known) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (!(high > low)) [low, high] = known.length ? [low - 0.5, low + 0.5] : [0, 1];
  const bucket = Uint8Array.from(values, (value) =>
    value === null ? MISSING : Math.min(STEPS - 1, Math.max(0, Math.floor(((value - low) / (high - low)) * STEPS))),
  );
  return { fills: Array.from({ length: STEPS }, (_, step) => mixed((step + 0.5) / STEPS)), bucket, legend: [], low, high };
}

/**
 * Colours of the worst alarm of each cell.
 * @param {(string | null)[]} severities
 * @returns {Painted}
 */
export function bySeverity(severities) {
  const names = [...LEVELS, "none"];
  const fills = [...LEVELS.map((level) => colour(level.toLowerCase())), colour("line")];
  const bucket = Uint8Array.from(severities, (each) => (each && LEVELS.includes(each) ? LEVELS.indexOf(each) : LEVELS.length));
  return { fills, bucket, legend: names.map((name, at) => [name.toLowerCase(), fills[at]]), low: 0, high: 0 };
}

/**
 * Colours of what each cell does. Who sleeps is not ill: hollow, never red.
 * @param {string[]} conditions
 * @returns {Painted}
 */
export function byCondition(conditions) {
  const fills = ["fine", "asleep", "critical", "minor", "line"].map(colour);
  const bucket = Uint8Array.from(conditions, (each) => Math.max(0, CONDITIONS.indexOf(each)));
  return { fills, bucket, legend: CONDITIONS.map((name, at) => [name, fills[at]]), low: 0, high: 0 };
}

/**
 * Draw the scale of a number.
 * @param {HTMLCanvasElement} canvas
 */
export function drawScale(canvas) {
  canvas.width = STEPS;
  canvas.height = 1;
  const context = canvas.getContext("2d");
  for (let step = 0; context && step < STEPS; step += 1) {
    context.fillStyle = mixed((step + 0.5) / STEPS);
    context.fillRect(step, 0, 1, 1);
  }
}
