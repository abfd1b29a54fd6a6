// @ts-check
/** Tables that can be sorted by any column, by mouse and keyboard alike. */

import { h } from "./dom.js";

/**
 * @template T
 * @typedef {{title: string, of: (row: T) => Node | string | null, by?: (row: T) => string | number, number?: boolean, name?: boolean, words?: boolean}} Column
 */

/**
 * How a column is laid out: numbers stay whole, names and sentences break.
 * @param {Column<any>} column
 */
function kind(column) {
  return column.number ? "number" : column.name ? "name-of" : column.words ? "words" : false;
}

/**
 * A table.
 * @template T
 * @param {string} caption
 * @param {Column<T>[]} columns `of` makes a cell, `by` is what it is sorted by; without it it can't be.
 * @param {T[]} rows
 * @param {number} [most] Rows that are shown; how many more there are is said.
 * @returns {HTMLElement}
 */
export function table(caption, columns, rows, most = 200) {
  const body = h("tbody");
  const heads = columns.map((column, at) => {
    const of = column.by;
    const title = of ? h("button", { type: "button", onclick: () => sort(at) }, column.title) : column.title;
    return h("th", { scope: "col", class: column.number ? "number" : false }, title);
  });
  let sorted = -1;
  let up = true;
  const fill = () => {
    body.replaceChildren(
      ...rows.slice(0, most).map((row) =>
        h("tr", {}, ...columns.map((column) => h("td", { class: kind(column) }, column.of(row)))),
      ),
    );
  };
  /** @param {number} at */
  function sort(at) {
    const by = columns[at].by;
    if (!by) return;
    up = sorted === at ? !up : !columns[at].number;
    sorted = at;
    const sign = up ? 1 : -1;
    rows = [...rows].sort((a, b) => {
      const [x, y] = [by(a), by(b)];
      return x < y ? -sign : x > y ? sign : 0;
    });
    heads.forEach((head, number) => head.setAttribute("aria-sort", number === at ? (up ? "ascending" : "descending") : "none"));
    fill();
  }
  fill();
  const more = rows.length > most ? h("p", { class: "faint" }, `and ${rows.length - most} more`) : null;
  const nothing = rows.length ? null : h("p", { class: "faint" }, "Nothing here.");
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, h("span", {}, caption)), h("thead", {}, h("tr", {}, ...heads)), body), more ?? "", nothing ?? "");
}
