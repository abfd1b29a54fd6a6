// @ts-check
/** Standing alarms, worst first; acknowledged by who may. */

import { all, tell } from "../api.js";
import { card, h, mark } from "../dom.js";
import { clock, pageOf, short } from "../format.js";
import { link } from "../route.js";
import { soon } from "../soon.js";
import { table } from "../table.js";

const ORDER = ["CRITICAL", "MAJOR", "MINOR", "WARNING", "INDETERMINATE"];

/** @param {HTMLElement} root @param {import("../main.js").Asked} asked */
export async function alarms(root, { at }) {
  const list = h("div");
  const told = h("p", { role: "status" });
  root.replaceChildren(h("h1", {}, "Alarms"), card("Standing", "wide", at ? h("p", {}, "These are the alarms of now; those of a past moment are on the pages of the objects.") : null, told, list));
  const show = async () => list.replaceChildren(alarmTable(await all("/alarms", {}, 1000), acknowledge));
  /** @param {any} alarm */
  async function acknowledge(alarm) {
    try {
      await tell("POST", `/alarms/${encodeURIComponent(alarm.id)}/acknowledge`, {});
      told.textContent = `acknowledged: ${alarm.probableCause} of ${short(alarm.objectInstance)}`;
    } catch (error) {
      told.textContent = error instanceof Error ? error.message : String(error);
    }
    await show();
  }
  await show();
  const refresh = soon(show, 500);
  return { change: (/** @type {any} */ { kind }) => kind === "updates" && refresh(), stop: refresh.stop };
}

/**
 * A table of alarms.
 * @param {any[]} items @param {((alarm: any) => void) | null} acknowledge Null: they are only shown.
 */
export function alarmTable(items, acknowledge) {
  return table("Standing alarms", [
    { title: "Severity", of: (row) => mark(row.perceivedSeverity), by: (row) => ORDER.indexOf(row.perceivedSeverity) },
    { title: "Object", name: true, of: (row) => h("a", { href: link(pageOf(row.objectInstance)), title: row.objectInstance }, short(row.objectInstance)), by: (row) => row.objectInstance },
    { title: "Probable cause", of: (row) => row.probableCause, by: (row) => row.probableCause },
    { title: "Problem", of: (row) => row.specificProblem ?? row.additionalText ?? "" },
    { title: "Raised", of: (row) => clock(row.alarmRaisedTime ?? row.eventTime), by: (row) => row.alarmRaisedTime ?? row.eventTime },
    { title: "Root cause", of: (row) => (row.rootCauseIndicator ? "yes" : row.correlatedNotifications?.length ? "of another" : "–") },
    { title: "Acknowledged", of: (row) => acknowledged(row, acknowledge), by: (row) => row.ackState ?? "" },
  ], items);
}

/** @param {any} row @param {((alarm: any) => void) | null} acknowledge */
function acknowledged(row, acknowledge) {
  if (row.ackState === "ACKNOWLEDGED") return row.ackUserId ? `by ${row.ackUserId}` : "yes";
  if (!acknowledge || !row.id) return "no";
  return h("button", { type: "button", onclick: () => acknowledge(row), "aria-label": `Acknowledge ${row.probableCause} of ${row.objectInstance}` }, "Acknowledge");
}
