// @ts-check
/** Elements without markup: whatever comes from the network becomes text, never HTML. */

/**
 * Make an element.
 * @param {string} name Its tag.
 * @param {Record<string, any>} [attributes] `on...` are listeners, `class` and the rest attributes; false leaves one out.
 * @param {...(Node | string | number | null)} children Text where they are no nodes; null is left out.
 * @returns {HTMLElement}
 */
export function h(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null).map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

/**
 * Find an element that must be there.
 * @param {string} selector
 * @returns {HTMLElement}
 */
export function one(selector) {
  const found = document.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`there is no ${selector}`);
  return found;
}

/**
 * A card with a heading.
 * @param {string} title
 * @param {string} size "", "third", "two-thirds" or "wide".
 * @param {...(Node | string | null)} children
 */
export function card(title, size, ...children) {
  return h("section", { class: `card ${size}`, "aria-label": title }, h("h2", {}, title), ...children);
}

/**
 * A select with a label.
 * @param {string} label
 * @param {[string, string][]} options Value and text.
 * @param {string} value
 * @param {(value: string) => void} on
 */
export function choice(label, options, value, on) {
  const select = /** @type {HTMLSelectElement} */ (
    h("select", { onchange: () => on(select.value) }, ...options.map(([key, text]) => h("option", { value: key }, text)))
  );
  select.value = value;
  return h("label", {}, `${label} `, select);
}

/**
 * A word that is coloured by what it says.
 * @param {string | null} level A severity or a condition.
 */
export function mark(level) {
  return level ? h("span", { class: "mark", "data-level": level }, level.toLowerCase()) : h("span", { class: "faint" }, "–");
}
