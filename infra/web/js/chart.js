// @ts-check
/** Charts by Plotly, in the colours of the page. */

import { h } from "./dom.js";

/** @type {any} */
const plotly = () => /** @type {any} */ (window).Plotly;

/** @type {Promise<void> | null} */
let loading = null;

/** It is large: only pages with a chart wait for it. */
function load() {
  loading ??= new Promise((done, failed) => {
    const script = h("script", { src: "vendor/plotly.min.js" });
    script.addEventListener("load", () => done());
    script.addEventListener("error", () => {
      loading = null;
      failed(new Error("the charts' script can't be loaded"));
    });
    document.head.append(script);
  });
  return loading;
}

/** @param {string} name Of a colour in theme.css. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/**
 * A chart.
 * @param {string} label What it shows, for who can't see it.
 * @param {any[]} traces
 * @param {any} [more] Of the layout.
 * @returns {{element: HTMLElement, draw: (traces: any[], more?: any) => void, stop: () => void}}
 */
export function chart(label, traces, more = {}) {
  const element = h("div", { class: "chart", role: "img", "aria-label": label });
  let [now, layout] = [traces, more];
  const draw = async () => {
    if (!element.isConnected) return;
    if (!plotly()) await load();
    if (!element.isConnected) return;
    const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), automargin: true };
    const made = {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("text"), family: "inherit", size: 13 },
      margin: { l: 50, r: 15, t: 10, b: 40 },
      legend: { orientation: "h", y: -0.18 },
      hovermode: "x unified",
      hoverlabel: { bgcolor: colour("card"), font: { color: colour("text") } },
      ...layout,
      xaxis: { ...axis, ...(layout.xaxis ?? {}) },
      yaxis: { ...axis, ...(layout.yaxis ?? {}) },
    };
    plotly().react(element, now, made, { displaylogo: false, responsive: true, displayModeBar: false });
  };
  const observer = new ResizeObserver(draw);
  observer.observe(element);
  addEventListener("themechange", draw);
  return {
    element,
    draw(next, other) {
      now = next;
      layout = other ?? layout;
      draw();
    },
    stop() {
      observer.disconnect();
      removeEventListener("themechange", draw);
      if (plotly()) plotly().purge(element);
    },
  };
}
