// @ts-check
/** Simulation bursts: asked for, followed, given up. */

import { ask, named, tell } from "../api.js";
import { card, h } from "../dom.js";
import { clock, duration, number } from "../format.js";
import { soon } from "../soon.js";
import { table } from "../table.js";

const OVER = ["FINISHED", "FAILED", "CANCELLED"];

/** @param {HTMLElement} root */
export async function bursts(root) {
  const list = h("div");
  const told = h("p", { role: "status" });
  const regions = (await ask("/radio")).items;
  const starts = regions.map((/** @type {any} */ each) =>
    h("button", { type: "button", class: "main", onclick: () => act(() => tell("POST", "/bursts", { region: each.region }), `asked for a burst of ${each.region}`) }, `Look again at ${each.region}`));
  root.replaceChildren(h("h1", {}, "Simulation bursts"),
    card("Requests", "wide",
      h("div", { class: "tools" }, ...(starts.length ? starts : [h("span", { class: "faint" }, "No region declares a radio scene.")])), told, list));
  const show = async () => list.replaceChildren(burstTable((await ask("/bursts")).items, (one) => act(() => tell("DELETE", `/bursts/${named(one.request)}`), `giving up ${one.request}`)));
  /** @param {() => Promise<any>} what @param {string} word */
  async function act(what, word) {
    try {
      await what();
      told.textContent = word;
    } catch (error) {
      told.textContent = error instanceof Error ? error.message : String(error);
    }
    await show();
  }
  await show();
  const refresh = soon(show, 300);
  return { change: (/** @type {any} */ { kind }) => ["bursts", "progress"].includes(kind) && refresh(), stop: refresh.stop };
}

/**
 * A table of bursts.
 * @param {any[]} items @param {((one: any) => void) | null} cancel Null: they are only shown.
 */
export function burstTable(items, cancel) {
  return table("Bursts, newest first", [
    { title: "Asked", of: (row) => clock(row.time), by: (row) => row.time },
    { title: "Region", name: true, of: (row) => row.region, by: (row) => row.region },
    { title: "Why", of: (row) => row.reason },
    { title: "Status", of: (row) => row.status.toLowerCase().replaceAll("_", " "), by: (row) => row.status },
    { title: "Progress", of: (row) => h("span", {}, h("progress", { max: 100, value: row.percent, "aria-label": `${row.percent} percent` }), ` ${row.stage}`), by: (row) => row.percent },
    { title: "Took", number: true, of: (row) => (row.seconds ? duration(row.seconds) : "–"), by: (row) => row.seconds },
    { title: "Error before / after", number: true, of: (row) => `${number(row.before, "dB")} / ${number(row.after, "dB")}`, by: (row) => row.before ?? -1 },
    { title: "Verdict", of: (row) => [row.verdict, row.finding, row.detail].filter(Boolean).join(": ") },
    ...(cancel ? [{ title: "Cancel", of: (/** @type {any} */ row) => (OVER.includes(row.status) ? "" : h("button", { type: "button", onclick: () => cancel(row), "aria-label": `Cancel ${row.request}` }, "Cancel")) }] : []),
  ], items, 100);
}
