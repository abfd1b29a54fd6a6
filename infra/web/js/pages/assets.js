// @ts-check
/** Equipment: health, remaining life where wear shows, and what the twin takes for the coming fault. */

import { all, ask } from "../api.js";
import { card, h } from "../dom.js";
import { clock, duration, number, pageOf, share, short } from "../format.js";
import { refresher } from "../refresh.js";
import { link } from "../route.js";
import { table } from "../table.js";

/** @param {HTMLElement} root @param {import("../main.js").Asked} asked */
export async function assets(root, { at }) {
  const list = h("div");
  root.replaceChildren(h("h1", {}, at ? `Assets at ${clock(at)}` : "Assets"), card("Health and expected failures", "wide", list));
  const show = async () => list.replaceChildren(assetTable(at ? await saidBy(at) : await all("/predictions/failure", {}, 2000)));
  await show();
  const refresh = refresher(show, 1000);
  return { change: (/** @type {any} */ { kind }) => kind === "failure" && refresh(), stop: refresh.stop };
}

/**
 * What had been said of each object by a moment, likeliest first.
 * @param {string} at
 */
async function saidBy(at) {
  const said = (await ask("/events", { kind: "failure", until: at, limit: 1000 })).items.map((/** @type {any} */ each) => each.body);
  /** @type {Map<string, any>} */
  const newest = new Map();
  // Newest first: what comes later was said before.
  for (const each of said) if (!newest.has(`${each.target} ${each.object}`)) newest.set(`${each.target} ${each.object}`, each);
  return [...newest.values()].sort((a, b) => b.probability - a.probability);
}

/** @param {any[]} items */
function assetTable(items) {
  return table("Objects by how likely they fail", [
    { title: "Object", name: true, of: (row) => h("a", { href: link(pageOf(row.object)), title: row.object }, short(row.object)), by: (row) => row.object },
    { title: "Health", number: true, of: (row) => number(row.health), by: (row) => row.health },
    { title: "Fails", number: true, of: (row) => `${share(row.probability)} in ${duration(row.horizon_s)}`, by: (row) => row.probability },
    { title: "Usual", number: true, of: (row) => share(row.base_rate), by: (row) => row.base_rate },
    { title: "Remaining life", number: true, of: life, by: (row) => row.remaining_life_s ?? Infinity },
    { title: "Expected fault", words: true, of: (row) => (row.fault === null ? "–" : `${row.fault}: ${row.fault_name}`), by: (row) => row.fault ?? 999 },
    { title: "Because of", words: true, of: (row) => row.drivers.slice(0, 3).join(", ") },
    { title: "Said", of: (row) => clock(row.time), by: (row) => row.time },
  ], items);
}

/** What is told of a late end that is open. */
const YEAR_S = 365 * 86400;

/** @param {any} row */
function life(row) {
  if (row.remaining_life_s === null) return "no wear seen";
  const late = row.remaining_life_high_s < YEAR_S ? `to ${duration(row.remaining_life_high_s)}` : "or later, open";
  return `${duration(row.remaining_life_s)} (${duration(row.remaining_life_low_s)} ${late})`;
}
