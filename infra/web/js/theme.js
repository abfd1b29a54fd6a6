// @ts-check
/** Light or dark: as the system says, until somebody chooses. */

import { one } from "./dom.js";

const KEY = "lockstep-theme";

/** Set the theme, and let the button change it. */
export function startTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = one("#theme");
  const set = () => {
    const theme = localStorage.getItem(KEY) ?? (dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    button.textContent = theme === "dark" ? "Light" : "Dark";
    dispatchEvent(new Event("themechange"));
  };
  dark.addEventListener("change", set);
  button.addEventListener("click", () => {
    localStorage.setItem(KEY, document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    set();
  });
  set();
}
